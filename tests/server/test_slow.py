"""Bodies that come slowly: what a key has to do with it, and how slowly is too slowly."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from telecine.server.connections import Patience
from tests.server.live import KEY, LiveServer, eventually


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("slow")) as found:
        found.gateway.patience = Patience(body=0.2, rate=1000.0)
        yield found


def dripped(server: LiveServer, path: str, size: int, each: bytes, *, key: str | None = KEY) -> tuple[float, bytes]:
    """Seconds to an answer to a request whose body comes in pieces, 20 a second, and how it begins. It is answered
    long before the body is whole, or fails."""
    host, port = server.address.removeprefix("http://").split(":")
    head = f"POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {size}\r\n"
    if key is not None:
        head += f"authorization: Bearer {key}\r\n"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"{head}\r\n".encode())
        connection.settimeout(0.05)
        began = time.monotonic()
        while True:
            try:
                return time.monotonic() - began, connection.recv(65536)
            except TimeoutError:
                assert time.monotonic() - began < 20
                connection.sendall(each[:size])
                size -= len(each[:size])


@pytest.mark.parametrize("path", ["/v1/videos", "/v1/tasks", "/kling/v1/videos/text2video", "/v1/webhooks"])
def test_a_body_that_drips_is_answered_408(server: LiveServer, path: str) -> None:
    _, answer = dripped(server, path, 10_000, b" ")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer.lower()
    assert b"did not arrive in time" in answer


def test_a_large_body_on_a_slow_line_is_waited_for(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.gateway, "patience", Patience(body=0.4, rate=100.0))
    seconds, answer = dripped(server, "/v1/videos", 1000, b" " * 100)
    assert seconds > 0.4, "longer than a body may take that does not come on"
    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("path", "status"), [("/v1/videos", 401), ("/callbacks/" + "x" * 32, 404), ("/callbacks/x", 404), ("/metrics", 405)]
)
def test_nobody_without_a_key_is_waited_for(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch, path: str, status: int
) -> None:
    monkeypatch.setattr(server.gateway, "patience", Patience(body=60.0, rate=1000.0))  # longer than `dripped` has
    _, answer = dripped(server, path, 10_000, b" ", key=None)
    assert answer.startswith(b"HTTP/1.1 %d " % status)


def test_connections_beyond_the_limit_of_a_site(folder: Path) -> None:
    with LiveServer(folder, "[limits]\nconnections_per_site = 3") as server:
        host, port = server.address.removeprefix("http://").split(":")
        kept = [socket.create_connection((host, int(port))) for _ in range(3)]
        try:
            kept[0].sendall(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
            assert b" 200 " in kept[0].recv(4096)
            with socket.create_connection((host, int(port)), timeout=20) as more:
                assert more.recv(4096).startswith(b"HTTP/1.1 503 ")
        finally:
            for one in kept:
                one.close()
        eventually(lambda: server.call("GET", "/healthz").status == 200, "room again")
        figures = server.call("GET", "/metrics").content.decode()
        assert re.search('telecine_connections_refused_total{limit="site"} [1-9]', figures)
