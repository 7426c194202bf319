"""Worker processes: where decoders and renderers run, so that a hostile or heavy file harms nothing but itself.

Guarantees: a call never blocks the event loop; it ends by its time limit, and a cancelled call ends at once, because
the process that runs it is killed; no call waits for those of another kind, and each kind's workers are shared fairly
among accounts; a worker has limits on CPU, memory and file size, a low priority, and none of our environment (which
holds the upstream keys). Its answer comes back as MessagePack of the function's return type, never
as a pickle: a decoder that a file has taken over must not choose what this process runs. Not guaranteed: a worker is
no jail; it has the rights of our user.

anyio's process pool has neither `close` nor those limits, loads the parent's main module into each worker, and ends
with the first `run_until_complete` that used it; hence this one. Workers start with the first call that needs one.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import pickle
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final, Literal, TypeVar, TypeVarTuple, get_args, get_type_hints

import msgspec

from telecine.shares import Shares

MEMORY_BYTES: Final = 4 << 30
"""Of address space, most of which a decoder never touches."""
FILE_BYTES: Final = 2 << 30
Lane = Literal["keep", "look", "draw"]
"""What a call is for: keeping a file that has been paid for; looking at what a client sent; drawing."""
NICENESS: Final[dict[Lane, int]] = {"keep": 5, "look": 5, "draw": 10}
"""Whoever looks at something has a caller who waits; so it goes before drawing, which takes a core for long."""
_ANSWER_BYTES: Final = 16 << 20
_LENGTH: Final = struct.Struct(">I")
_DONE, _DECLINED, _FAILED = b"d", b"n", b"f"
_ENVIRONMENT: Final = ("PATH", "LANG", "TMPDIR", "LD_LIBRARY_PATH")
_SERVE: Final = "import sys; from telecine.workers import serve; serve(*map(int, sys.argv[1:]))"

Result = TypeVar("Result")
Args = TypeVarTuple("Args")


class DeclinedError(ValueError):
    """Raised by a function in a worker: its input is at fault. The message may reach a client, so it names no path."""


class WorkerError(Exception):
    """A call that brought no result. The message may reach a client.

    `declined`: the function itself said no (DeclinedError), so the same call would end the same way.
    """

    def __init__(self, message: str, *, declined: bool = False) -> None:
        super().__init__(message)
        self.declined = declined


class Workers:
    """Runs module-level functions, each in a process that can be killed.

    In each lane one account has at most `size` at a time, and half as many more are for others; see
    telecine.shares.Shares.
    """

    def __init__(self, size: int = 2) -> None:
        self._shares: dict[Lane, Shares[int]] = {lane: Shares(size, max(1, size // 2)) for lane in get_args(Lane)}
        threads = sum(shares.free for shares in self._shares.values())
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="telecine-worker")
        self._idle: dict[Lane, list[_Process]] = {lane: [] for lane in get_args(Lane)}
        self._calls: set[_Call] = set()
        self._closed = False

    async def run(
        self,
        function: Callable[[*Args], Result],
        *args: *Args,
        seconds: float = 60.0,
        lane: Lane = "draw",
        account_id: int = 0,
    ) -> Result:
        """`function(*args)` for an account; `seconds` counts from when a worker is free. Raises WorkerError.

        The function is named by its module, its arguments can be pickled, and its annotations can be resolved.
        """
        async with self._shares[lane].place(account_id):
            return await self._run(function, *args, seconds=seconds, lane=lane)

    async def _run(self, function: Callable[[*Args], Result], *args: *Args, seconds: float, lane: Lane) -> Result:
        if self._closed:
            raise WorkerError("the workers have been stopped")
        order = pickle.dumps((function.__module__, function.__qualname__, seconds, args))
        call = _Call(self._idle[lane], order, seconds, NICENESS[lane])
        self._calls.add(call)
        try:
            answer = await asyncio.get_running_loop().run_in_executor(self._threads, call.run)
        except asyncio.CancelledError:
            call.abandon()
            raise
        finally:
            self._calls.discard(call)
        result: Result = _read_answer(answer, get_type_hints(function)["return"])
        return result

    async def close(self) -> None:
        """End every worker; calls under way fail. May be called again."""
        self._closed = True
        for call in self._calls:
            call.abandon()
        await asyncio.to_thread(self._threads.shutdown)
        for idle in self._idle.values():
            while idle:
                idle.pop().kill()


class _Call:
    """One call, from the thread that waits for it."""

    def __init__(self, idle: list[_Process], order: bytes, seconds: float, niceness: int) -> None:
        self._idle = idle
        self._order = order
        self._seconds = seconds
        self._niceness = niceness
        self._lock = threading.Lock()
        self._process: _Process | None = None
        self._abandoned = threading.Event()

    def run(self) -> bytes:
        """The worker's answer. Raises WorkerError."""
        if self._abandoned.is_set():
            raise WorkerError("the call was cancelled")
        process = self._take()
        try:
            with self._lock:
                self._process = process
                if self._abandoned.is_set():
                    process.end()
            answer = process.ask(self._order, time.monotonic() + self._seconds)
        except OSError as error:
            with self._lock:
                self._process = None
            process.kill()
            late = isinstance(error, TimeoutError)
            message = f"no result within {self._seconds:g} seconds" if late else "the worker process ended"
            raise WorkerError(message) from None
        with self._lock:
            self._process = None
        self._idle.append(process)
        return answer

    def _take(self) -> _Process:
        """A worker that waits for work, or a new one."""
        with suppress(IndexError):
            while True:
                process = self._idle.pop()
                if process.alive:
                    return process
                process.kill()
        try:
            return _Process(self._niceness)
        except OSError:
            raise WorkerError("no worker process could be started") from None

    def abandon(self) -> None:
        """Kill what runs this call. The lock keeps a worker that has gone on to another call alive."""
        with self._lock:
            self._abandoned.set()
            if self._process is not None:
                self._process.end()


class _Process:
    """A worker as its parent sees it: one order out, one answer back."""

    def __init__(self, niceness: int) -> None:
        self._socket, theirs = socket.socketpair()
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        with theirs:
            self._child = subprocess.Popen(  # noqa: S603 - nothing in it comes from outside
                [sys.executable, "-P", "-c", _SERVE, str(theirs.fileno()), str(niceness)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**environment, "PYTHONPATH": os.pathsep.join(sys.path)},
                start_new_session=True,  # Ctrl-C is for the server, which lets what is under way finish
            )

    @property
    def alive(self) -> bool:
        return self._child.poll() is None

    def ask(self, order: bytes, deadline: float) -> bytes:
        """The answer to `order`. Raises OSError where the worker ends first, TimeoutError past the deadline."""
        self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
        _send(self._socket, order)
        return _receive(self._socket, deadline)

    def end(self) -> None:
        """Kill it; whoever waits for its answer finds the connection closed."""
        self._child.kill()

    def kill(self) -> None:
        """Kill it and free what it held."""
        self._child.kill()
        self._child.wait()
        self._socket.close()


def _read_answer(answer: bytes, result: Any) -> Any:
    """The result of type `result` in a worker's answer. Raises WorkerError."""
    status, body = answer[:1], answer[1:]
    if status == _DONE:
        try:
            return msgspec.msgpack.decode(body, type=result)
        except msgspec.MsgspecError:
            raise WorkerError("the worker answered nonsense") from None
    raise WorkerError(body.decode("utf-8", "replace"), declined=status == _DECLINED)


def _send(connection: socket.socket, message: bytes) -> None:
    connection.sendall(_LENGTH.pack(len(message)) + message)


def _receive(connection: socket.socket, deadline: float | None = None) -> bytes:
    """The next message. Raises ConnectionError at the end, TimeoutError past `deadline` (monotonic seconds)."""
    (length,) = _LENGTH.unpack(_receive_exactly(connection, _LENGTH.size, deadline))
    if length > _ANSWER_BYTES:
        raise ConnectionError("a message too large")
    return _receive_exactly(connection, length, deadline)


def _receive_exactly(connection: socket.socket, length: int, deadline: float | None) -> bytes:
    received = bytearray()
    while len(received) < length:
        if deadline is not None:
            connection.settimeout(max(deadline - time.monotonic(), 0.001))
        chunk = connection.recv(length - len(received))
        if not chunk:
            raise ConnectionError("closed")
        received += chunk
    return bytes(received)


# What follows runs in the worker.


def serve(descriptor: int, niceness: int) -> None:
    """Answer orders until the parent closes its end, also where it was killed."""
    _limit(niceness)
    with socket.socket(fileno=descriptor) as connection:
        while True:
            try:
                order = _receive(connection)
            except ConnectionError:
                return
            _send(connection, _obey(order))


def _obey(order: bytes) -> bytes:
    try:
        module, name, seconds, args = pickle.loads(order)  # noqa: S301 - our own parent wrote it
        _limit_cpu(seconds)
        return _DONE + msgspec.msgpack.encode(getattr(importlib.import_module(module), name)(*args))
    except DeclinedError as error:
        return _DECLINED + str(error).encode()
    except Exception as error:  # decoders raise anything; the text may hold a path, the type does not
        return _FAILED + f"the file could not be processed ({type(error).__name__})".encode()


def _limit(niceness: int) -> None:
    import resource

    os.nice(niceness)  # before any decoder starts its threads
    for kind, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError, OSError):  # macOS has no limit on address space
            resource.setrlimit(kind, (most, most))


def _limit_cpu(seconds: float) -> None:
    """Let this call use `seconds` of CPU per core at most: a parent that was killed cannot time it out."""
    import resource

    usage = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(usage.ru_utime + usage.ru_stime + seconds * (os.cpu_count() or 1)) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))
