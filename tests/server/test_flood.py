"""Callers without a key that send all they can: what it costs a real server, and its other callers."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.server.process import ServerProcess
from tests.ticks import ROUNDS

MIB = 1024 * 1024
GET = b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n"
CHUNKED = b"POST /healthz HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
BYTES = b"1\r\na\r\n" * 20_000
FLOODS = {
    "pipelined": (b"", GET * 10_000),
    "pipelined, the first one slow": (b"POST /v1/tasks HTTP/1.1\r\nhost: a\r\n\r\n", GET * 10_000),
    "chunks": (CHUNKED, BYTES),
    "extensions": (CHUNKED, (b"1" + b";a=b" * 50 + b"\r\na\r\n") * 2000),
    "trailers": (CHUNKED + b"0\r\n", b"a: b\r\n" * 20_000),
    "headers": (b"GET /healthz HTTP/1.1\r\n", b"a: b\r\n" * 20_000),
    "header": (b"GET /healthz HTTP/1.1\r\nx: ", b"x" * 100_000),
}
CALLERS, SECONDS = 6, 0.9
MOST_MEMORY = 48 * MIB
MOST_WAIT = 2.0
"""Seconds; some ms on a machine that does nothing else, see `make bench ARGS=flood`."""


class Flood:
    """Callers in threads that send `block` behind `head` over and over, and read what comes back or do not."""

    def __init__(self, address: str, head: bytes, block: bytes, *, reads: bool) -> None:
        where = urlsplit(address)
        self._where = where.hostname or "", where.port or 0
        self._head, self._block, self._reads = head, block, reads
        self._over = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._run) for _ in range(CALLERS)]
        for one in threads:
            one.start()
        try:
            yield
        finally:
            self._over.set()
            for one in threads:
                one.join()

    def _run(self) -> None:
        while not self._over.is_set():
            with suppress(OSError), closing(socket.create_connection(self._where)) as caller:
                caller.setblocking(False)
                caller.send(self._head)
                self._send(caller)

    def _send(self, caller: socket.socket) -> None:
        """Until the server ends the connection."""
        left = memoryview(self._block)
        while not self._over.is_set():
            try:
                left = left[caller.send(left) :] or memoryview(self._block)
            except BlockingIOError:
                time.sleep(0.002)
            if self._reads:
                with suppress(BlockingIOError):
                    if not caller.recv(MIB):
                        return


def resident(pid: int) -> int:
    """Bytes of memory that the process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("flood"), "http://127.0.0.1:1", "none") as one:
        one.call("GET", "/healthz")
        yield one


@pytest.mark.parametrize("reads", [True, False], ids=["reads", "reads nothing"])
@pytest.mark.parametrize("what", FLOODS)
def test_a_flood_takes_no_memory_and_nobody_waits_for_it(process: ServerProcess, what: str, reads: bool) -> None:
    before = resident(process.pid)
    waits = []
    for _ in range(ROUNDS):
        most, longest, answers = 0, 0.0, 0
        with Flood(process.address, *FLOODS[what], reads=reads).running():
            until = time.monotonic() + SECONDS
            while time.monotonic() < until:
                began = time.monotonic()
                assert process.call("GET", "/healthz")[0] == 200
                longest = max(longest, time.monotonic() - began)
                answers += 1
                most = max(most, resident(process.pid))
        assert answers
        assert most - before < MOST_MEMORY
        waits.append(longest)
        if longest < MOST_WAIT:
            return
    pytest.fail(f"somebody waited for {waits} s")
