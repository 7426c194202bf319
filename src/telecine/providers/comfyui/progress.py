"""How far jobs are, as a ComfyUI tells it over its websocket while they run.

Nothing depends on it: without a socket (a proxy that has none, a network in trouble) polls say all the same how a job
ends, and only its progress is not known. A socket is dialled when a job is sent or asked about, and at most so often;
it is closed when no job of its channel has been asked about for a while.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Final

import msgspec
import structlog

from telecine.clock import Clock
from telecine.loops import LEAVING, end
from telecine.net.client import FetchError
from telecine.net.guard import AddressPolicy
from telecine.providers.base import Channel

_IDLE: Final = 180.0
_FIRST_REST: Final = 2.0
_LONGEST_REST: Final = 300.0
"""Seconds after which a channel's socket is closed that nobody needs; for which one is let be that failed."""
_MOST_JOBS: Final = 4096
_log = structlog.get_logger(__name__)


class _Node(msgspec.Struct):
    value: float = 0.0
    max: float = 1.0
    state: str = ""


class _Data(msgspec.Struct):
    prompt_id: str | None = None
    node: str | None = None
    value: float | None = None
    max: float | None = None
    nodes: dict[str, _Node] | list[str] | None = None


class _Event(msgspec.Struct):
    type: str
    data: _Data


_decode: Final = msgspec.json.Decoder(_Event).decode


class _Job:
    """The parts of one job that are done, by node."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.parts: dict[str, float] = {}
        self.node = ""
        """The one that is at work."""

    def heard(self, event: str, data: _Data) -> None:
        """Whichever way ComfyUI tells it: `progress_state` has all nodes, the older events one at a time."""
        if event == "progress_state" and isinstance(data.nodes, dict):
            self.parts = {
                node: 1.0 if one.state == "finished" else _part(one.value, one.max) for node, one in data.nodes.items()
            }
        elif event == "execution_cached" and isinstance(data.nodes, list):
            self.parts |= dict.fromkeys(data.nodes, 1.0)
        elif event == "executing" and data.node is not None and data.node != self.node:
            self.parts |= {self.node: 1.0} if self.node else {}
            self.node = data.node
        elif event == "progress" and data.node is not None and data.value is not None and data.max is not None:
            self.node = data.node
            self.parts[data.node] = _part(data.value, data.max)

    @property
    def percent(self) -> int | None:
        return min(99, round(100 * sum(self.parts.values()) / self.total)) if self.parts and self.total else None


def _part(value: float, most: float) -> float:
    return max(0.0, min(1.0, value / most)) if most > 0 else 0.0


class _Line:
    """The socket of one channel."""

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None
        self.wanted = 0.0
        self.failures = 0
        self.rests_until = float("-inf")


class Progress:
    """The sockets of this process. What is told of jobs that it has not sent is not listened to."""

    def __init__(self, policy: AddressPolicy, clock: Clock) -> None:
        """`policy`: where sockets may lead."""
        self.name = secrets.token_hex(16)
        """Our `client_id`: ComfyUI tells of a job whoever sent it."""
        self._policy = policy
        self._clock = clock
        self._lines: dict[tuple[str, str], _Line] = {}
        self._jobs: dict[str, _Job] = {}

    def expect(self, job: str, nodes: int) -> None:
        """A job with so many nodes is about to be sent, or has been."""
        while len(self._jobs) >= _MOST_JOBS:
            del self._jobs[next(iter(self._jobs))]
        self._jobs.setdefault(job, _Job(nodes))

    def of(self, job: str) -> int | None:
        """Per cent, as far as it was told."""
        found = self._jobs.get(job)
        return found.percent if found is not None else None

    def forget(self, job: str) -> None:
        """It has ended."""
        self._jobs.pop(job, None)

    def listen(self, channel: Channel, url: str, headers: Mapping[str, str]) -> None:
        """Somebody asks about a job of this channel: have a socket to `url`, unless that has just failed."""
        now = self._clock.elapsed()
        self._close_idle(now)
        line = self._lines.setdefault((channel.name, channel.address), _Line())
        line.wanted = now
        if line.task is None and now >= line.rests_until:
            line.task = asyncio.create_task(self._hear(line, url, headers), name=f"progress {channel.name}")

    async def close(self) -> None:
        """Close every socket."""
        await end([one.task for one in self._lines.values() if one.task is not None], LEAVING)

    def _close_idle(self, now: float) -> None:
        for place, line in list(self._lines.items()):
            if now - line.wanted > _IDLE:
                del self._lines[place]
                if line.task is not None:
                    line.task.cancel()

    async def _hear(self, line: _Line, url: str, headers: Mapping[str, str]) -> None:
        try:
            messages = await asyncio.to_thread(_loaded)
            async for text in messages(self._policy, f"{url}?clientId={self.name}", headers=headers):
                line.failures = 0
                self._heard(text)
        except FetchError as error:
            _log.debug("no_progress", reason=error.reason)
        except Exception:
            _log.exception("progress_failed")
        finally:
            line.task = None
            line.failures += 1
            rest = _FIRST_REST * 2.0 ** min(line.failures - 1, 16)
            line.rests_until = self._clock.elapsed() + min(rest, _LONGEST_REST)

    def _heard(self, text: str) -> None:
        try:
            event = _decode(text)
        except (msgspec.MsgspecError, RecursionError):  # other messages, and those of other nodes' authors
            return
        job = self._jobs.get(event.data.prompt_id or "")
        if job is not None:
            job.heard(event.type, event.data)


def _loaded() -> Callable[..., AsyncIterator[str]]:
    """What listens to a socket. It takes a fifth of a second to load, and only those who have a ComfyUI need it."""
    from telecine.net.sockets import messages

    return messages
