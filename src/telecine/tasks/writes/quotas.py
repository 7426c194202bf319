"""How much a channel may still be sent: its rate and its daily cap, counted in the transaction that begins an attempt.

The rate is counted in periods, the one before weighing as much as it still overlaps with the last `seconds`; so it
costs one row, holds for all processes together, and survives a restart.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from telecine.nouns.rate import UNLIMITED, Quota, Rate
from telecine.store import tables

_DAY: Final = 86400


class _Use(msgspec.Struct):
    """A row of `channel_use`."""

    day: int = 0
    today: int = 0
    span: int = 0
    now: int = 0
    before: int = 0


class Quotas:
    """The use of the limited channels of one batch of starts, locked."""

    def __init__(self) -> None:
        self._uses: dict[str, _Use] = {}
        self._there: set[str] = set()
        self._changed: set[str] = set()

    @classmethod
    async def lock(cls, connection: AsyncConnection, channels: Iterable[str]) -> Quotas:
        """Lock the rows of `channels`, in the order of their names."""
        quotas = cls()
        names = sorted(channels)
        if names:
            rows = await connection.execute(
                select(_USE).where(_USE.c.channel.in_(names)).order_by(_USE.c.channel).with_for_update()
            )
            for name, *figures in rows.all():
                quotas._uses[name] = _Use(*figures)
            quotas._there = set(quotas._uses)
        return quotas

    def wait(self, channel: str, quota: Quota, now: float) -> float:
        """Seconds until one more submit may be worth a try; 0 where it fits now."""
        use = self._uses.setdefault(channel, _Use())
        wait = 0.0
        if quota.daily_cap is not None:
            day = int(now // _DAY)
            if use.day != day:
                use.day, use.today = day, 0
            if use.today >= quota.daily_cap:
                wait = (day + 1) * _DAY - now
        return max(wait, _rate_wait(use, quota.rate, now)) if quota.rate is not None else wait

    def take(self, channel: str, quota: Quota) -> None:
        """Count one submit on a channel that `wait` has just found to have room."""
        if quota == UNLIMITED:
            return
        use = self._uses[channel]
        use.today += 1
        use.now += 1
        self._changed.add(channel)

    async def save(self, connection: AsyncConnection) -> None:
        """Write what was taken."""
        new = sorted(self._changed - self._there)
        old = sorted(self._changed & self._there)
        if new:
            await connection.execute(
                insert(_USE), [{"channel": name, **msgspec.structs.asdict(self._uses[name])} for name in new]
            )
        if old:
            await connection.execute(
                _UPDATE,
                [
                    {"b_channel": name}
                    | {f"b_{field}": value for field, value in msgspec.structs.asdict(self._uses[name]).items()}
                    for name in old
                ],
            )


def _rate_wait(use: _Use, rate: Rate, now: float) -> float:
    span, passed = divmod(now, rate.seconds)
    if use.span != int(span):
        use.before = use.now if use.span == int(span) - 1 else 0
        use.span, use.now = int(span), 0
    left = rate.seconds - passed
    if use.now >= rate.amount:
        return left
    room = rate.amount - use.now - 1  # for what is left of the period before, once this submit has its place
    return max(0.0, left - rate.seconds * room / use.before) if use.before else 0.0


_USE = tables.channel_use
_UPDATE = (
    update(_USE)
    .where(_USE.c.channel == bindparam("b_channel"))
    .values({name: bindparam(f"b_{name}") for name in _Use.__struct_fields__})
)
