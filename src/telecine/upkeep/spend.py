"""A channel's spend: what its upstream says that the account has used, against what our own jobs took there.

Every hour each upstream that can tell is asked, and its answer is kept for 30 days. Two answers are compared, the
newest and the oldest since which the same packs count on: where a pack comes, expires or starts anew, the count begins
again, so that none of these looks like spend. Ours are the units of every job that the upstream may have counted in
between: begun before the newest answer, and ended no earlier than the oldest less the delay that the vendor admits to.

Not guaranteed: what was used between two answers of which the packs differ is in no comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec
import structlog
from sqlalchemy import Connection, and_, func, insert, or_, select

from telecine.clock import Clock
from telecine.loops import Loop
from telecine.nouns.money import MICROS, units_of
from telecine.providers.base import Telling
from telecine.providers.outcomes import Reported, ReportOutcome, Unreadable
from telecine.routing.router import Router
from telecine.store import tables
from telecine.store.database import Database
from telecine.upkeep.retention import REPORTS_KEPT, first_id

_log = structlog.get_logger(__name__)

_ROUND_SECONDS: Final = 3600.0
_FIRST_SECONDS: Final = 60.0
_APART: Final = 1.0
"""Between two questions: channels may share an account, and Kling may be asked once a second."""
SHORTEST: Final = 86400.0
"""Seconds between two answers that are compared, at least: the figures are late and come in lumps."""
SHARE: Final = 0.05
UNITS: Final = 5
"""An upstream may be ahead of us by this share, or by so many units: a job or two that it counted early."""
_FRESH: Final = 600.0
"""How long a comparison is good for: it looks through a month of attempts."""


class Spend(msgspec.Struct, frozen=True, kw_only=True):
    """One channel. Amounts in millionths of its upstream's unit."""

    channel: str
    tells: bool
    """Its upstream can say what the account has used."""
    age: float | None = None
    """How old the newest answer is, in seconds; None where there is none."""
    since: float = 0.0
    """When the oldest answer that is compared was given, in seconds since the Unix epoch."""
    span: float = 0.0
    """Seconds from that answer to the newest."""
    upstream: int = 0
    ours: int = 0
    untold: int = 0
    """Jobs of ours that succeeded there without saying how many units they took."""
    others: tuple[str, ...] = ()
    """Channels on the same account; their jobs are in `ours`."""

    @property
    def comparable(self) -> bool:
        """Whether the answers lie far enough apart."""
        return self.age is not None and self.span >= SHORTEST

    @property
    def excess(self) -> bool:
        """Whether the upstream has deducted clearly more than we know of."""
        more = self.upstream - self.ours
        return self.comparable and more > SHARE * self.ours and more > UNITS * MICROS


class _Answer(msgspec.Struct, frozen=True):
    at: float
    used: dict[str, int]


class Reports:
    """Asks the upstreams, keeps what they say, and compares. One per process."""

    def __init__(self, database: Database, router: Router, clock: Clock) -> None:
        self._database = database
        self._router = router
        self._clock = clock
        self._made: tuple[float, tuple[str, ...], tuple[Spend, ...]] | None = None
        self.loop = Loop("reports", self.ask, clock, every=_ROUND_SECONDS, first=_FIRST_SECONDS)

    async def ask(self) -> None:
        """Ask each upstream that can tell, and keep what can be read."""
        for name, telling in self._channels():
            if telling is None:
                continue
            outcome = await self._asked(name)
            if isinstance(outcome, Reported):
                await self._keep(name, outcome)
            else:
                _log.warning("report_unreadable", channel=name, reason=outcome.reason)
            await self._clock.sleep(_APART)

    async def compared(self) -> tuple[Spend, ...]:
        """Every configured channel, as it was at most ten minutes ago."""
        now, channels = self._clock.now(), self._channels()
        names = tuple(name for name, _ in channels)
        if self._made is None or self._made[1] != names or not 0 <= now - self._made[0] < _FRESH:
            found = await self._database.snapshot(
                lambda connection: tuple([_compared(connection, name, telling, now) for name, telling in channels])
            )
            self._made = (now, names, found)
        return self._made[2]

    def _channels(self) -> list[tuple[str, Telling | None]]:
        found = ((one.name, self._router.channel(one.name)) for one in self._router.configs)
        return [(name, there[1].telling) for name, there in found if there is not None]

    async def _asked(self, name: str) -> ReportOutcome:
        found = self._router.channel(name)
        if found is None:  # removed meanwhile
            return Unreadable("the channel is gone")
        try:
            return await found[1].report(found[0])
        except Exception:
            _log.exception("adapter_failed", provider=found[1].name)
            return Unreadable("the answer could not be understood")

    async def _keep(self, name: str, report: Reported) -> None:
        at = self._clock.now()
        rows = [
            {"channel": name, "at": at, "pack": pack, "used": int(used * MICROS)}
            for pack, used in sorted(report.used.items())
        ]
        if not rows:
            return
        await self._database.change(lambda connection: connection.execute(insert(tables.channel_reports), rows))
        self._made = None


def _compared(connection: Connection, name: str, telling: Telling | None, now: float) -> Spend:
    if telling is None:
        return Spend(channel=name, tells=False)
    answers = _answers(connection, name, now - REPORTS_KEPT)
    if not answers:
        return Spend(channel=name, tells=True)
    newest, oldest = answers[-1], _oldest(answers)
    channels = _sharing(connection, name, newest.used)
    ours, untold = _ours(connection, channels, oldest.at - telling.lag, newest.at, telling.retention)
    return Spend(
        channel=name,
        tells=True,
        age=max(0.0, now - newest.at),
        since=oldest.at,
        span=newest.at - oldest.at,
        upstream=sum(newest.used.values()) - sum(oldest.used.values()),
        ours=ours,
        untold=untold,
        others=tuple(one for one in channels if one != name),
    )


def _answers(connection: Connection, name: str, since: float) -> list[_Answer]:
    table = tables.channel_reports.c
    found = connection.execute(
        select(table.at, table.pack, table.used).where(table.channel == name, table.at >= since).order_by(table.at)
    )
    answers: dict[float, dict[str, int]] = {}
    for at, pack, used in found.all():
        answers.setdefault(at, {})[pack] = used
    return [_Answer(at, used) for at, used in answers.items()]


def _oldest(answers: Sequence[_Answer]) -> _Answer:
    """The answer since which the packs of the newest count on."""
    oldest = answers[-1]
    for before in reversed(answers[:-1]):
        if not _counts_on(before.used, oldest.used):
            break
        oldest = before
    return oldest


def _counts_on(before: dict[str, int], after: dict[str, int]) -> bool:
    """The same packs, none of them started anew. A smaller fall is the price of a failed job that was given back."""
    return before.keys() == after.keys() and all(after[pack] >= used / 2 for pack, used in before.items())


def _sharing(connection: Connection, name: str, packs: dict[str, int]) -> list[str]:
    """The channels, also former ones, at the same address whose account has one of these packs: it is one account."""
    report, channel = tables.channel_reports.c, tables.channels.c
    address = select(channel.base_url).where(channel.name == name).scalar_subquery()
    found = connection.execute(
        select(report.channel)
        .distinct()
        .join(tables.channels, channel.name == report.channel)
        .where(report.pack.in_(sorted(packs)), channel.base_url == address)
    )
    return sorted({name, *found.scalars()})


def _ours(
    connection: Connection, channels: Sequence[str], since: float, until: float, retention: float
) -> tuple[int, int]:
    """The units of the attempts begun by `until` that ended at `since` or later, and how many succeeded without.

    An upstream forgets jobs after `retention`, so none that was begun longer before `since` still ended then: ids rise
    with time, and the primary key finds the rest.
    """
    table = tables.attempts.c
    succeeded = and_(table.state == "ended", table.error_code.is_(None))
    found = connection.execute(
        select(table.units, func.count().label("number"))
        .where(
            table.id >= first_id(since - retention),
            table.created_at <= until,
            table.ended_at >= since,
            table.channel.in_(channels),
            or_(table.units.is_not(None), succeeded),
        )
        .group_by(table.units)
    )
    ours, untold = Decimal(0), 0
    for text, number in found.all():
        units = units_of(text)
        if units is None:
            untold += number
        else:
            ours += units * number
    return int(ours * MICROS), untold
