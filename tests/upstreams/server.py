"""What every fake upstream is made of: a real HTTP server in a thread of its own, and gates that hold its requests.

The thread makes a fake usable alike from an asyncio test (`async with`), from a test without a loop (`in_thread`), and
while the gateway runs as another process. Methods for tests may be called from any thread.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

from aiohttp import web

_READY_SECONDS = 10.0


class ThreadedServer:
    """Serves `handle` on 127.0.0.1; `stop` and `start` again keep the port, as a restarted upstream does."""

    def __init__(self) -> None:
        self.port = 0
        self.gates = Gates()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, on the server's own loop."""
        raise NotImplementedError

    async def closing(self) -> None:
        """Give back what belongs to the server's loop, just before it ends."""

    def start(self) -> Self:
        """Return once requests are answered."""
        ready = threading.Event()
        failures: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, args=(ready, failures), name=type(self).__name__, daemon=True)
        self._thread.start()
        assert ready.wait(_READY_SECONDS), "the fake did not start"
        if failures:
            raise failures[0]
        return self

    def stop(self) -> None:
        """Close every connection and wait for the thread; harmless where nothing runs."""
        self.gates.open_all()
        if self._loop is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._ended.set)
            self._thread.join(_READY_SECONDS)
            assert not self._thread.is_alive(), "the fake did not stop"
        self._loop = self._thread = None

    @contextmanager
    def in_thread(self) -> Iterator[Self]:
        """For tests without an event loop."""
        try:
            yield self.start()
        finally:
            self.stop()

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.start)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.stop)

    def soon(self, function: Callable[[], object]) -> None:
        """Run `function` on the server's loop; nothing happens where it is stopped."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(function)

    def _run(self, ready: threading.Event, failures: list[BaseException]) -> None:
        try:
            asyncio.run(self._serve(ready))
        except BaseException as error:  # told to the test that waits in `start`, or to pytest's thread hook
            if ready.is_set():
                raise
            failures.append(error)
            ready.set()

    async def _serve(self, ready: threading.Event) -> None:
        server = web.Server(self.handle, access_log=None)
        runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        self.port = runner.addresses[0][1]
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        ready.set()
        try:
            await self._ended.wait()
        finally:
            self._loop = None  # nothing more comes from other threads
            await runner.cleanup()
            await self.closing()
            for _ in range(5):  # what was closed lets go of its sockets in the loop's next rounds
                await asyncio.sleep(0.001)
            while server.connections:  # accepted while all others were closed
                await server.shutdown(0)
                await asyncio.sleep(0.05)


class Gates:
    """Named gates that are open until a test closes them. A request that meets a closed one waits."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._closed: set[str] = set()
        self._waiting: dict[str, list[asyncio.Future[bool]]] = {}

    @property
    def any_closed(self) -> bool:
        """For hot handlers: whether it is worth asking."""
        return bool(self._closed)

    def close(self, kind: str) -> None:
        with self._changed:
            self._closed.add(kind)

    def open(self, kind: str, *, drop: bool = False) -> None:
        """Let those that wait go on, or hang up on them; later ones pass."""
        with self._changed:
            self._closed.discard(kind)
            waiting = self._waiting.pop(kind, [])
        for one in waiting:
            one.get_loop().call_soon_threadsafe(_settle, one, not drop)

    def open_all(self) -> None:
        for kind in list(self._closed):
            self.open(kind)

    def wait_held(self, kind: str, timeout: float, count: int) -> None:
        """Block until `count` requests wait at the gate. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._waiting.get(kind, ())) >= count, timeout):
                raise TimeoutError(f"no {count} requests were held at '{kind}' within {timeout} s")

    async def passed(self, kind: str) -> bool:
        """Wait at the gate; False where the test wants the connection dropped."""
        if not self._closed:
            return True
        with self._changed:
            if kind not in self._closed:
                return True
            mine: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
            self._waiting.setdefault(kind, []).append(mine)
            self._changed.notify_all()
        return await mine


def _settle(one: asyncio.Future[bool], goes_on: bool) -> None:
    if not one.done():
        one.set_result(goes_on)
