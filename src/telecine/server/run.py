"""A process that serves: it binds the socket, opens the gateway, answers until it is told to stop, and closes it."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final, Self, cast

import msgspec
import structlog
import uvicorn

from telecine.clock import Clock
from telecine.config import Settings
from telecine.loops import end
from telecine.server.connections import raise_file_limit
from telecine.server.gateway import Gateway
from telecine.server.lock import hold
from telecine.server.protocol import Protocol
from telecine.server.setup import FirstRun
from telecine.upkeep.metering import is_exposed

_REQUEST_SECONDS: Final = 10
"""How long requests under way may go on after a stop signal; steps have `[limits] shutdown`."""
_MARGIN: Final = 10.0
_LEFT_SECONDS: Final = 1.0
_BACKLOG: Final = 2048
_PATIENCE: Final = 5.0
"""Seconds to wait for a command that is using the data."""
_WILDCARDS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  names, not a binding

_log = structlog.get_logger(__name__)


class ListenError(Exception):
    """The address cannot be listened at; the message says why and what to do."""


class BrokenError(Exception):
    """Something without which a process is of no use has ended; the message says what, and what to do."""


class Ready(msgspec.Struct, frozen=True):
    """What is known once requests are answered."""

    address: str
    models: list[str]
    first_run: FirstRun
    stranded: dict[str, int] = {}
    """Tasks that run at channels, by name, that this process cannot ask."""


def serve(settings: Settings, host: str, port: int, ready: Callable[[Ready], None], clock: Clock | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is under way; a second signal ends the process at once.

    SIGHUP reads the configuration file again.
    Raises ConfigError, LockedError and ListenError.
    """
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    raise_file_limit()
    with hold(settings.data, "serve", _PATIENCE) as lock, bind(host, port) as listener:
        gateway = Gateway(settings, clock)

        def started(now: Ready) -> None:
            lock.note(now.address)
            ready(now)

        with _Overdue() as overdue, asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_until_signal(gateway, listener, started, overdue, reloads=settings.file is not None))


async def answer(
    gateway: Gateway, listener: socket.socket, stop: asyncio.Event, ready: Callable[[Ready], None]
) -> None:
    """Open `gateway` and answer requests at `listener` until `stop` is set. `ready` is called once it does."""
    gateway.address, gateway.exposed = address_of(listener), is_exposed(listener)
    async with gateway.opened() as first_run:
        config = uvicorn.Config(
            gateway.app,
            http=cast("type[Protocol]", partial(Protocol, gateway.connections, gateway.patience)),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=_BACKLOG,
            timeout_keep_alive=math.ceil(gateway.patience.idle),
            timeout_graceful_shutdown=_REQUEST_SECONDS,
        )
        server = _Server(config, lambda: ready(_ready(gateway, first_run)))
        stopper = asyncio.create_task(_stop(server, gateway, stop), name="stop")
        try:
            await server.serve(sockets=[listener])
        finally:
            stopper.cancel()
    if ended := gateway.loops.broken.is_set() and gateway.loops.ended:
        raise BrokenError(f"A loop of the server has ended ({', '.join(ended)}): the log says why. Start it again.")


def _ready(gateway: Gateway, first_run: FirstRun) -> Ready:
    return Ready(gateway.address, gateway.context.router.names(), first_run, gateway.stranded)


@contextmanager
def bind(host: str, port: int) -> Iterator[socket.socket]:
    """A socket bound to `host` and `port` (0: a free one) that does not listen yet. Raises ListenError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ListenError(f"'{host}' is no address of this machine: {error.strerror}.") from None
    with listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
        except OSError as error:
            raise ListenError(
                f"Cannot listen at {host} port {port}: {error.strerror}. Choose another port with --port."
            ) from None
        yield listener


def address_of(listener: socket.socket) -> str:
    """The URL under which this machine reaches `listener`."""
    host, port = listener.getsockname()[:2]
    host = _WILDCARDS.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    """uvicorn without its signal handling: it would end the process by the signal before the gateway has closed."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._on_started()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _stop(server: _Server, gateway: Gateway, stop: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in (stop, gateway.loops.broken)]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waiting:
            one.cancel()
    gateway.end_streams()
    server.should_exit = True


class _Overdue:
    """Ends the process where a stop does not: when the event loop itself stands still, or a thread does not end."""

    def __init__(self) -> None:
        self._timer: threading.Timer | None = None

    def begin(self, seconds: float) -> None:
        """The stop of the loop that runs here has begun, and may take `seconds`."""
        self._loop = asyncio.get_running_loop()
        self._timer = threading.Timer(seconds, self._end, (seconds,))
        self._timer.daemon = True
        self._timer.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _end(self, seconds: float) -> None:
        names: list[str] = []
        with suppress(RuntimeError):  # raised where tasks come and go all the time
            names = sorted(task.get_name() for task in asyncio.all_tasks(self._loop))
        threads = sorted(one.name for one in threading.enumerate() if not one.daemon)
        _log.critical("stop_overdue", seconds=seconds, tasks=names, threads=threads)
        os._exit(1)


async def _leave(gateway: Gateway) -> None:
    """Everything is closed. What has not stopped was named in the log, and would keep the process for ever: end it."""
    left = await end(asyncio.all_tasks() - {asyncio.current_task()}, _LEFT_SECONDS)
    if left or gateway.left:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1 if gateway.loops.ended else 0)


async def _until_signal(
    gateway: Gateway, listener: socket.socket, ready: Callable[[Ready], None], overdue: _Overdue, *, reloads: bool
) -> None:
    """`reloads`: SIGHUP reads the configuration file again; without a file it ends the process, as it always did."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def received(number: int) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()
        overdue.begin(gateway.stop_seconds + _REQUEST_SECONDS + _MARGIN)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, received, number)
    if not reloads:
        try:
            await answer(gateway, listener, stop, ready)
        finally:
            await _leave(gateway)
        return
    asked, answering = asyncio.Event(), asyncio.Event()
    loop.add_signal_handler(signal.SIGHUP, asked.set)

    def answers(now: Ready) -> None:
        answering.set()
        ready(now)

    reloading = asyncio.create_task(_reload(gateway, asked, answering), name="reload")
    try:
        await answer(gateway, listener, stop, answers)
    finally:
        reloading.cancel()
        await _leave(gateway)


async def _reload(gateway: Gateway, asked: asyncio.Event, answering: asyncio.Event) -> None:
    """Read the configuration again at each SIGHUP. One that comes during the start is heeded after it."""
    await answering.wait()
    while True:
        await asked.wait()
        asked.clear()
        await gateway.upkeep.reload("SIGHUP")


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # not made for this platform
        return None
    return uvloop.new_event_loop
