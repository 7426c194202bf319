"""How much channels may still be sent: their rates and daily caps, counted in the transaction that begins an attempt.

A row a channel, so it holds for all processes together and survives a restart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from sqlalchemy import Connection, select

from telecine.nouns.rate import UNLIMITED, Quota, quota_line
from telecine.nouns.task import Task
from telecine.store import tables
from telecine.store.inserts import upsert
from telecine.tasks.use import Use
from telecine.tasks.writes.lines import Line, call

_MOST: Final = 1000
"""As many of a line are looked at in one batch; each batch calls the next."""


class Quotas:
    """The use of the limited channels of one batch of starts, and who stands first in their lines."""

    def __init__(self, quotas: Mapping[str, Quota], now: float) -> None:
        self._quotas = {name: quotas[name] for name in sorted(quotas) if quotas[name] != UNLIMITED}
        self._now = now
        self._uses: dict[str, Use] = {}
        self._lines: dict[str, Line] = {}
        self._changed: set[str] = set()

    @classmethod
    def read(cls, connection: Connection, quotas: Mapping[str, Quota], now: float) -> Quotas:
        """Those of the channels that have one of `quotas`; their rows are locked by now."""
        known = cls(quotas, now)
        if known._quotas:
            known._uses = read_uses(connection, known._quotas)
        for name, quota in known._quotas.items():
            use = known._uses.setdefault(name, Use())
            room = sum(number for at, number in use.openings(quota, now) if at <= now)
            known._lines[name] = Line.read(connection, quota_line(name), min(room, _MOST))
        return known

    def fits(self, channel: str, task: Task) -> bool:
        """Whether one more submit fits that is not the turn of somebody before `task`."""
        line = self._lines.get(channel)
        return line is None or line.fits(task)

    def wait(self, channel: str) -> float:
        """Seconds until there is room for the first in the channel's line."""
        return self._uses[channel].turn(self._quotas[channel], self._now) - self._now

    def take(self, channel: str, task: Task) -> None:
        """Count one submit, which fits."""
        if channel in self._lines:
            self._lines[channel].take(task)
            self._uses[channel].take(self._quotas[channel], self._now)
            self._changed.add(channel)

    def save(self, connection: Connection) -> None:
        """Write what was taken."""
        rows = [
            {"channel": name, "day": use.day, "today": use.today, "marks": msgspec.json.encode(use.marks)}
            for name, use in sorted(self._uses.items())
            if name in self._changed
        ]
        upsert(connection, _USE, rows)

    def call(self, connection: Connection) -> None:
        """Have as many of each line come as there is room for, and the next when there is room again.

        Called once the tasks of the batch have their places; the starts of those who come call the next.
        """
        for name, line in self._lines.items():
            if line.room > 0 and not line.heads:
                continue  # whoever fits has been taken, so nobody waits
            number = 0
            for at, more in self._uses[name].openings(self._quotas[name], self._now):
                number = min(number + more, _MOST)
                call(connection, quota_line(name), number, at)
                if at > self._now:
                    break


def read_uses(connection: Connection, channels: Iterable[str]) -> dict[str, Use]:
    """What `channels` have been sent lately; those that never were are left out."""
    rows = connection.execute(select(_USE).where(_USE.c.channel.in_(list(channels))))
    return {
        row.channel: Use(row.day, row.today, msgspec.json.decode(row.marks, type=list[tuple[float, int]]))
        for row in rows.all()
    }


_USE = tables.channel_use
