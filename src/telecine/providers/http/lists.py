"""One question about many jobs. What it leaves out has no verdict, and an upstream that answers no list is left alone
with that for a while."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from telecine.clock import Clock
from telecine.net.client import FetchError, Reply
from telecine.providers.base import Channel, Job, PollOutcome, Unreadable
from telecine.providers.http.answers import decoded, judged, named
from telecine.providers.http.facts import Many, Told, Vendor

Ask = Callable[[Channel, str, Any], Awaitable[Reply]]
"""Sends a question (method and path, and a body where it has one). Raises FetchError."""
_MOST_PAGES: Final = 3
_ROOM: Final = 4
"""A page has so many lines for each job that is asked about: others lie between them."""
_LEAST: Final = 30
_REST: Final = 60.0
_LONGEST_REST: Final = 3600.0
"""Seconds for which lists are let be that told of fewer than half of what was asked: at first, and at most."""


class Lists:
    """The lists of one vendor's channels."""

    def __init__(self, vendor: Vendor, ask: Ask, clock: Clock) -> None:
        self._vendor = vendor
        self._ask = ask
        self._clock = clock
        self._rests: dict[tuple[str, str, str], tuple[float, float]] = {}
        """By channel, address and question: for how long it rests, and until when."""

    async def outcomes(self, channel: Channel, many: Many, jobs: Sequence[Job]) -> Mapping[str, PollOutcome]:
        """By handle, what the lists tell of `jobs`, which all have an id."""
        place = (channel.name, channel.address, many.ask)
        rest, until = self._rests.get(place, (0.0, 0.0))
        if self._clock.elapsed() < until:
            return {}
        wanted = {job.upstream_id: job.handle for job in jobs if job.upstream_id is not None}
        try:
            if many.body is not None:
                items = await self._batches(channel, many, many.body, set(wanted))
            else:
                items = await self._pages(channel, many, set(wanted))
        except (FetchError, _NoListError):
            items = {}
        now, root = self._clock.now(), self._vendor.root(channel)
        found: dict[str, PollOutcome] = {}
        for name, item in items.items():
            outcome = judged(self._vendor, Told(item, name, channel, root, now))
            if not isinstance(outcome, Unreadable):
                found[wanted[name]] = outcome
        if 2 * len(found) >= len(wanted):
            self._rests.pop(place, None)
        else:
            rest = min(max(_REST, 2 * rest), _LONGEST_REST)
            self._rests[place] = rest, self._clock.elapsed() + rest
        return found

    async def _batches(
        self, channel: Channel, many: Many, asking: Callable[[list[str]], Any], wanted: set[str]
    ) -> dict[str, Any]:
        """By id, what is told of the jobs that are asked for by their ids."""
        found: dict[str, Any] = {}
        names = sorted(wanted)
        for start in range(0, len(names), many.most):
            body = asking(names[start : start + many.most])
            found |= self._items(await self._ask(channel, many.ask, body), many, wanted)[0]
        return found

    async def _pages(self, channel: Channel, many: Many, wanted: set[str]) -> dict[str, Any]:
        """The same from the newest pages of a list."""
        size = min(many.most, max(_LEAST, _ROOM * len(wanted)))
        found: dict[str, Any] = {}
        page = ""
        for number in range(1, _MOST_PAGES + 1):
            path = many.ask.format(size=size, page=page)
            items, said = self._items(await self._ask(channel, path, None), many, wanted)
            found |= items
            page = many.turn(said, number, size)
            if not page or len(found) == len(wanted):
                break
        return found

    def _items(self, reply: Reply, many: Many, wanted: set[str]) -> tuple[dict[str, Any], Any]:
        said = decoded(reply.body) if 200 <= reply.status < 300 else None
        if said is None or not self._vendor.fine(said):
            raise _NoListError
        items = {named(many.id(item)): item for item in many.items(said)}
        return {name: item for name, item in items.items() if name in wanted and name is not None}, said


class _NoListError(Exception):
    """The answer is no list."""
