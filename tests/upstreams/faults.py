"""What fake upstreams do wrong on demand, and the journal that tests count from."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from aiohttp import web

from tests.upstreams.refusals import MESSAGE, SHAPES
from tests.upstreams.server import ThreadedServer

FOREVER: Final = 1 << 60
JSON: Final = {"content-type": "application/json; charset=utf-8"}
_PAGE: Final = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"

Place = Literal["create", "query", "list", "file", "costs", "upload", "cancel"]
Act = Literal[
    "refuse", "shape", "drop", "html", "broken", "delay", "twice", "word", "status", "cut", "drip", "redirect"
]
Kind = Literal["accepted", "refused", "dropped", "query", "list", "download", "callback", "deleted", "uploaded"]


@dataclass
class Fault:
    """One thing that goes wrong, `times` times, after `skip` requests at its place have gone well.

    | act | at | what happens |
    |---|---|---|
    | refuse | all but file | an error: `code`, its own status (or `status`), `message`, `retry_after` |
    | shape | create | `status` (400) with `message` in one of the `refusals.SHAPES` of others' errors, `code` |
    | drop | all | the connection breaks before an answer |
    | html | all | `status` (502) with a page |
    | broken | all but file | 200 with half a body |
    | delay | all | `seconds`, then all is well |
    | twice | create | one request makes two jobs |
    | word | query | the status is `message` (a word for "at work", for ever, is the job that never ends) |
    | status | file | `status` (403) without a body |
    | cut, drip | file | half of what Content-Length says; a piece every `seconds` |
    | redirect | file | to `message` |

    At a create, `created` says whether the job is made before drop, html and broken. `code` is a number at Kling and
    a word at OpenAI and Suno.
    """

    at: Place
    act: Act
    times: int = 1
    skip: int = 0
    created: bool = False
    code: int | str = 1200
    status: int | None = None
    message: str | None = None
    retry_after: int | None = None
    seconds: float = 0.0


class Entry(NamedTuple):
    """One line of the journal. `handle` is the name that the caller gave the job.

    `dropped`: a create to which no readable answer left; a job was made where `task_id` is set, and `detail` is `left`
    where the caller had hung up by then. `code` is Kling's for
    its creates and queries (-1 where a fault stood in the way), else the HTTP status (0 where a callback had no
    answer); `detail` is the fault's act, or a callback's status word.
    """

    kind: Kind
    task_id: str | None = None
    handle: str | None = None
    code: int = 0
    detail: str = ""
    at: float = 0.0


class FaultyServer(ThreadedServer):
    """A fake upstream with faults, holds and a journal. Its methods for tests may be called from any thread."""

    def __init__(self) -> None:
        super().__init__()
        self.journal: list[Entry] = []
        self.faults: list[Fault] = []
        self.fired: Counter[str] = Counter()
        """How often each kind of fault has happened, such as `create drop`."""

    def hold(self, kind: str) -> None:
        """Make requests wait: `create` (before a job is made), `accepted` (after it, unanswered), `query`, `file`."""
        self.gates.close(kind)

    def release(self, kind: str, *, drop: bool = False) -> None:
        """Let held requests go on, or hang up on them; later ones are not held."""
        self.gates.open(kind, drop=drop)

    def wait_held(self, kind: str, timeout: float = 10.0, count: int = 1) -> None:
        """Block until `count` requests are held. Raises TimeoutError. Where a loop runs, await `held`."""
        self.gates.wait_held(kind, timeout, count)

    async def held(self, kind: str, timeout: float = 10.0, count: int = 1) -> None:
        """`wait_held` without blocking the caller's loop."""
        await asyncio.to_thread(self.wait_held, kind, timeout, count)

    def entries(self, kind: str) -> list[Entry]:
        """The journal's lines of one kind."""
        return [entry for entry in self.journal[:] if entry.kind == kind]

    def count(self, kind: str) -> int:
        return len(self.entries(kind))

    def wait_noted(self, kind: str, timeout: float = 10.0, count: int = 1) -> None:
        """Block until the journal has `count` lines of one kind, or raise TimeoutError. Where a loop runs: `noted`."""
        deadline = time.monotonic() + timeout
        while self.count(kind) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no {count} lines of '{kind}' within {timeout} s")
            time.sleep(0.005)

    async def noted(self, kind: str, timeout: float = 10.0, count: int = 1) -> None:
        """`wait_noted` without blocking the caller's loop."""
        await asyncio.to_thread(self.wait_noted, kind, timeout, count)

    async def due_fault(self, place: Place) -> Fault | None:
        """The first fault that is due here; a delay is over when this returns."""
        for fault in self.faults[:]:
            if fault.at != place or fault not in self.faults:  # another request used it up during a delay
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.times -= 1
            self.fired[f"{place} {fault.act}"] += 1
            if fault.times <= 0:
                self.faults.remove(fault)
            if fault.act != "delay":
                return fault
            await asyncio.sleep(fault.seconds)
        return None


def page(fault: Fault) -> web.StreamResponse:
    """The error page of some proxy."""
    headers = {} if fault.retry_after is None else {"retry-after": str(fault.retry_after)}
    return web.Response(status=fault.status or 502, body=_PAGE, headers=headers | {"content-type": "text/html"})


def shaped(fault: Fault) -> web.StreamResponse:
    """An error in the shape that `fault.code` names."""
    headers = {} if fault.retry_after is None else {"retry-after": str(fault.retry_after)}
    kind, body = SHAPES[str(fault.code)](fault.message or MESSAGE)
    return web.Response(status=fault.status or 400, body=body, headers=headers | {"content-type": kind})


def left(request: web.BaseRequest) -> bool:
    """Whether whoever sent the request has hung up, so that no answer can reach it."""
    return request.transport is None or request.transport.is_closing()


def hung_up(request: web.BaseRequest) -> web.StreamResponse:
    """Break the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def slowly(request: web.BaseRequest, content: bytes, fault: Fault, kind: str = "video/mp4") -> web.StreamResponse:
    """The file in ten pieces; half of them, and then the end, where it is cut."""
    response = web.StreamResponse(headers={"content-type": kind, "content-length": str(len(content))})
    await response.prepare(request)
    size = len(content) // 10 + 1
    with contextlib.suppress(ConnectionError):  # whoever downloads may be killed meanwhile
        for start in range(0, len(content) // 2 if fault.act == "cut" else len(content), size):
            await response.write(content[start : start + size])
            await asyncio.sleep(fault.seconds)
    if fault.act == "cut" and request.transport is not None:
        request.transport.close()
    return response


def spoiled(
    request: web.BaseRequest, fault: Fault, refused: Callable[[Fault], web.StreamResponse], broken: bytes
) -> web.StreamResponse:
    """The answer of a fault that several places share. `refused` is the vendor's own way to say no, `broken` the
    beginning of one of its answers."""
    match fault.act:
        case "refuse":
            return refused(fault)
        case "shape":
            return shaped(fault)
        case "html":
            return page(fault)
        case "broken":
            return web.Response(body=broken, headers=JSON)
        case "drop":
            return hung_up(request)
    raise AssertionError(f"'{fault.act}' cannot happen at '{fault.at}'")
