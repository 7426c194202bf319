"""Questions to a ComfyUI about one job: one to `/api/jobs` where there is such a thing, else to history and queue."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

import msgspec

from telecine.clock import Clock
from telecine.net.client import Client, FetchError, Reply
from telecine.net.forms import Form
from telecine.providers.base import Channel
from telecine.providers.comfyui.jobs import Seen, State, of_history, of_job, of_queue, ours_in, states_of
from telecine.providers.complaint import complaint_of
from telecine.providers.http.answers import decoded
from telecine.providers.http.body import JSON
from telecine.providers.http.credentials import bearer
from telecine.providers.http.facts import strip
from telecine.providers.outcomes import NotFound, Unreadable
from telecine.providers.refusal import asked

_AGAIN: Final = 3600.0
"""Seconds for which a server is known to have no `/api/jobs`: it may become a newer one."""
_MOST_KNOWN: Final = 256
_LATELY: Final = 2.0
"""Seconds for which a queue that was read says of other jobs too that they wait or run, of each of them once: it comes
with every job's whole graph."""
_NEWEST: Final = 64
"""Lines of a history that are looked at for a job whose id the server chose."""
_root: Final = strip("/api")
"""Every path is there a second time under `/api`."""


class Asking:
    """Asks the servers of all channels."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._signed = bearer(clock)
        self._without_jobs: dict[str, float] = {}
        """By address, until when."""
        self._queues: dict[str, tuple[float, dict[str, State]]] = {}
        """By address, until when what was in its queue counts, and what of that nobody has been told, by a job's id."""

    def url(self, channel: Channel, path: str) -> str:
        """Where `path` is."""
        return _root(channel) + path

    def headers(self, channel: Channel) -> dict[str, str]:
        """Those that sign in at a proxy in front; ComfyUI itself asks for nothing."""
        return self._signed(channel)

    async def ask(self, channel: Channel, method: str, path: str, body: Any = None) -> Reply:
        """One question that may be repeated. Raises FetchError."""
        headers = self.headers(channel) | ({} if body is None else {"content-type": JSON})
        content = None if body is None else msgspec.json.encode(body)
        return await self._client.request(
            method, self.url(channel, path), headers=headers, body=content, allow_private=True
        )

    async def send(self, channel: Channel, path: str, form: Form, seconds: float) -> Reply:
        """The same for a form, which may take so long."""
        url, headers = self.url(channel, path), self.headers(channel)
        return await self._client.request("POST", url, headers=headers, body=form, timeout=seconds, allow_private=True)

    async def about(
        self, channel: Channel, name: str, handle: str = "", *, lately: bool = False
    ) -> Seen | NotFound | Unreadable:
        """The job with this id there; with `handle`, also one whose sender called it so, whatever its id there is.
        `lately`: that it has not ended may be told by a queue that was read a moment ago.

        NotFound only where it surely is in neither queue nor history.
        """
        try:
            return await self._about(channel, name, handle, lately=lately)
        except FetchError as error:
            return Unreadable(error.reason)

    async def _about(self, channel: Channel, name: str, handle: str, *, lately: bool) -> Seen | NotFound | Unreadable:
        if self._clock.elapsed() >= self._without_jobs.get(channel.address, float("-inf")):
            reply = await self.ask(channel, "GET", f"/api/jobs/{quote(name, safe='')}")
            told = decoded(reply.body)
            if reply.status == 404 and told == {"error": "Job not found"}:
                return NotFound()
            if told is not None or reply.status not in (404, 405):
                seen = of_job(told) if reply.status == 200 and told is not None else None
                return seen if seen is not None and seen.name == name else _unread(reply)
            self._note_without_jobs(channel)
        return await self._in_lists(channel, name, handle, lately=lately)

    def _note_without_jobs(self, channel: Channel) -> None:
        if len(self._without_jobs) >= _MOST_KNOWN:
            self._without_jobs.clear()
        self._without_jobs[channel.address] = self._clock.elapsed() + _AGAIN

    async def _in_lists(
        self, channel: Channel, name: str, handle: str, *, lately: bool
    ) -> Seen | NotFound | Unreadable:
        """A job goes from the queue to the history in one step: one that ended while the queue was read is in the
        history when that is read again."""
        first = await self._in_history(channel, name)
        if not isinstance(first, NotFound):
            return first
        until, known = self._queues.get(channel.address, (0.0, {}))
        if (state := known.pop(name, None)) is not None and lately and self._clock.elapsed() < until:
            return Seen(state, name)
        reply = await self.ask(channel, "GET", "/queue")
        said = decoded(reply.body) if reply.status == 200 else None
        if said is None or not all(isinstance(said.get(one), list) for one in ("queue_running", "queue_pending")):
            return _unread(reply)
        if len(self._queues) >= _MOST_KNOWN:
            self._queues.clear()
        known, queued = states_of(said), of_queue(said, name, handle)
        self._queues[channel.address] = (self._clock.elapsed() + _LATELY, known)
        if queued is not None:
            del known[queued.name]
            return queued
        second = await self._in_history(channel, name)
        if not isinstance(second, NotFound) or not handle:
            return second
        reply = await self.ask(channel, "GET", f"/history?max_items={_NEWEST}")
        said = decoded(reply.body) if reply.status == 200 else None
        return _unread(reply) if said is None else ours_in(said, handle) or second

    async def _in_history(self, channel: Channel, name: str) -> Seen | NotFound | Unreadable:
        reply = await self.ask(channel, "GET", f"/history/{quote(name, safe='')}")
        said = decoded(reply.body) if reply.status == 200 else None
        if said == {}:
            return NotFound()
        seen = of_history(name, said[name]) if said is not None and name in said else None
        return seen if seen is not None else _unread(reply)


def _unread(reply: Reply) -> Unreadable:
    unread = "" if complaint_of(reply.body) else " with a body that says nothing clear"
    return Unreadable(f"HTTP {reply.status}{unread}", asked(reply))
