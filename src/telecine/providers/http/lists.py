"""One question about many jobs. What it leaves out has no verdict, and an upstream that answers no list is left alone
with that for a while."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from telecine.clock import Clock
from telecine.net.client import FetchError, Reply
from telecine.providers.base import Channel, Job
from telecine.providers.http.answers import judged, listing, named
from telecine.providers.http.facts import Many, Told, Vendor
from telecine.providers.outcomes import Found, LookUpOutcome, NotFound, PollOutcome, Unreadable

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

    def __init__(self, ask: Ask, clock: Clock) -> None:
        self._ask = ask
        self._clock = clock
        self._rests: dict[tuple[str, str, str], tuple[float, float]] = {}
        """By channel, address and question: for how long it rests, and until when."""

    async def outcomes(
        self, vendor: Vendor, channel: Channel, many: Many, jobs: Sequence[Job]
    ) -> Mapping[str, PollOutcome]:
        """By handle, what the lists tell of `jobs`, which all have an id and are of one generation of the vendor's."""
        place = (channel.name, channel.address, many.ask)
        rest, until = self._rests.get(place, (0.0, 0.0))
        if self._clock.elapsed() < until:
            return {}
        wanted = {job.upstream_id: job.handle for job in jobs if job.upstream_id is not None}
        try:
            ask = self._batches if many.body is not None or "{ids}" in many.ask else self._pages
            items = await ask(vendor, channel, many, set(wanted))
        except (FetchError, _NoListError):
            items = {}
        now, root = self._clock.now(), vendor.root(channel)
        found: dict[str, PollOutcome] = {}
        for name, item in items.items():
            outcome = judged(vendor, Told(item, name, channel, root, now))
            if not isinstance(outcome, Unreadable):
                found[wanted[name]] = outcome
        if 2 * len(found) >= len(wanted):
            self._rests.pop(place, None)
        else:
            rest = min(max(_REST, 2 * rest), _LONGEST_REST)
            self._rests[place] = rest, self._clock.elapsed() + rest
        return found

    async def with_handle(self, vendor: Vendor, channel: Channel, many: Many, handle: str) -> LookUpOutcome:
        """The job that has our handle, as the list tells it. An upstream without the list has no job by it either:
        nobody could tell."""
        try:
            reply = await self._ask(channel, many.ask, None)
        except FetchError as error:
            return Unreadable(error.reason)
        good = 200 <= reply.status < 300
        if not good and reply.status not in (404, 405):
            return Unreadable(f"HTTP {reply.status} in the place of a list")
        said = listing(reply.body) if good else None
        for item in many.items(said) if said is not None else ():
            name = named(many.id(item))
            if name is not None and vendor.handled is not None and vendor.handled(item) == handle:
                told = Told(item, name, channel, vendor.root(channel), self._clock.now())
                outcome = judged(vendor, told)
                return outcome if isinstance(outcome, Unreadable) else Found(name, outcome)
        return NotFound()

    async def _batches(self, vendor: Vendor, channel: Channel, many: Many, wanted: set[str]) -> dict[str, Any]:
        """By id, what is told of the jobs that are asked for by their ids."""
        found: dict[str, Any] = {}
        names = sorted(wanted)
        for start in range(0, len(names), many.most):
            some = names[start : start + many.most]
            path = many.ask.replace("{ids}", ",".join(quote(name, safe=":") for name in some))
            body = None if many.body is None else many.body(some)
            found |= _items(vendor, await self._ask(channel, path, body), many, wanted)[0]
        return found

    async def _pages(self, vendor: Vendor, channel: Channel, many: Many, wanted: set[str]) -> dict[str, Any]:
        """The same from the newest pages of a list."""
        size = min(many.most, max(_LEAST, _ROOM * len(wanted)))
        found: dict[str, Any] = {}
        page = ""
        for number in range(1, _MOST_PAGES + 1):
            path = many.ask.format(size=size, page=page)
            items, said = _items(vendor, await self._ask(channel, path, None), many, wanted)
            found |= items
            page = many.turn(said, number, size)
            if not page or len(found) == len(wanted):
                break
        return found


def _items(vendor: Vendor, reply: Reply, many: Many, wanted: set[str]) -> tuple[dict[str, Any], Any]:
    said = listing(reply.body) if 200 <= reply.status < 300 else None
    if said is None or not vendor.fine(said):
        raise _NoListError
    items = {named(many.id(item)): item for item in many.items(said)}
    return {name: item for name, item in items.items() if name in wanted and name is not None}, said


class _NoListError(Exception):
    """The answer is no list."""
