"""Clients that are silent, slow, or too many; against the protocol alone, with little patience."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
import uvloop
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from telecine.server.address import Proxies
from telecine.server.connections import Connections, Patience
from telecine.server.metrics import Metrics
from telecine.server.protocol import MOST_HEADERS, MOST_HELD, Joined, Protocol

PATIENCE = Patience(head=0.2, idle=0.3, unread=0.25)
GET = b"GET /%s HTTP/1.1\r\nhost: a\r\n\r\n"
ECHOED = re.compile(rb"\[.*\]")
BLOCK = bytes(64 * 1024)
BLOCKS = 200


GONE: list[str] = []
"""The paths of requests that were told that their caller is gone."""


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """`/slow` takes its time, `/stream` says little for long, `/large` and `/lump` say much; `/echo` repeats what was
    sent, `/ends` speaks until its caller leaves. The others do not look at bodies."""
    if scope["path"] == "/ends":
        await ends(scope, receive, send)
        return
    if scope["path"] == "/echo":
        await echo(scope, receive, send)
        return
    large, stream = scope["path"] == "/large", scope["path"] == "/stream"
    if scope["path"] == "/slow":
        await asyncio.sleep(0.6)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(BLOCKS if large else 8 if stream else 0):
        if stream:
            await asyncio.sleep(0.1)
        await send({"type": "http.response.body", "body": BLOCK if large else b": still here\n\n", "more_body": True})
    await send({"type": "http.response.body", "body": BLOCK * BLOCKS if scope["path"] == "/lump" else b"done"})


async def ends(scope: Scope, receive: Receive, send: Send) -> None:
    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    listening = asyncio.create_task(gone())
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while not listening.done():
        await send({"type": "http.response.body", "body": b": still here\n\n", "more_body": True})
        await asyncio.sleep(0.01)
    GONE.append(scope["path"])


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message["body"]
        if not message["more_body"]:
            break
    said = (
        json.dumps([scope["method"], [name.decode() for name, _ in scope["headers"]], body.decode()]).encode() + b"\n"
    )
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(said))]})
    await send({"type": "http.response.body", "body": said})


class Server:
    """What the protocol of each connection shares, and a port."""

    def __init__(self, connections: Connections, metrics: Metrics, port: int, state: ServerState) -> None:
        self.connections = connections
        self.state = state
        self.metrics = metrics
        self.port = port

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, limit=4096)

    def figure(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(f"telecine_{name}", labels) or 0.0


@asynccontextmanager
async def serving(
    most: int = 100, per_site: int = 100, proxies: tuple[str, ...] = (), patience: Patience = PATIENCE
) -> AsyncIterator[Server]:
    metrics = Metrics()
    connections = Connections(most, lambda: per_site, Proxies(proxies), metrics)
    state = ServerState()
    config = uvicorn.Config(app, ws="none", lifespan="off", log_config=None, timeout_keep_alive=60)
    config.load()

    def protocol() -> Protocol:
        return Protocol(connections, patience, config=config, server_state=state, app_state={})

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    try:
        yield Server(connections, metrics, server.sockets[0].getsockname()[1], state)
    finally:
        server.close()
        for one in list(state.connections):
            one.transport.abort()
        await asyncio.gather(*state.tasks, return_exceptions=True)
        await asyncio.sleep(0.01)
    assert metrics.registry.get_sample_value("telecine_connections") == 0


async def rest(reader: asyncio.StreamReader) -> bytes:
    """All that still comes until the server ends the connection."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while chunk := await asyncio.wait_for(reader.read(65536), 20):
            found += chunk
    return found


async def drip(writer: asyncio.StreamWriter, text: bytes) -> None:
    with contextlib.suppress(ConnectionError):
        while True:
            for byte in text:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0.02)


async def lasted(server: Server, begins: bytes, drips: bytes = b"") -> tuple[float, bytes]:
    """How many seconds a connection lasts on which `begins` is sent, then `drips` over and over; and the answer."""
    began = time.monotonic()
    reader, writer = await server.connect()
    writer.write(begins)
    dripping = asyncio.create_task(drip(writer, drips)) if drips else None
    answer = await rest(reader)
    if dripping is not None:
        dripping.cancel()
    writer.close()
    return time.monotonic() - began, answer


async def test_a_silent_connection_is_closed() -> None:
    async with serving() as server:
        seconds, answer = await lasted(server, b"")
        assert 0.15 < seconds < 2
        assert answer == b""


@pytest.mark.parametrize(
    ("begins", "drips"),
    [
        (b"G", b""),
        (b"GET / HTTP/1.1\r\nhost: a\r\nx: ", b""),
        (b"GET / HTTP/1.1\r\n", b"x: y\r\n"),
        (b"", b"GET /aaaa"),
    ],
    ids=["a byte", "half", "dripping headers", "dripping line"],
)
async def test_a_head_that_does_not_come_is_answered_408(begins: bytes, drips: bytes) -> None:
    async with serving() as server:
        seconds, answer = await lasted(server, begins, drips)
        assert seconds < 2
        assert answer.startswith(b"HTTP/1.1 408 ")


async def test_line_breaks_before_a_request_do_not_hold_a_connection() -> None:
    async with serving() as server:
        assert (await lasted(server, b"", b"\r\n"))[0] < 2
        seconds, answer = await lasted(server, GET % b"", b"\r\n")
        assert seconds < 2
        assert answer.count(b"HTTP/1.1 200") == 1


async def test_a_kept_connection_is_closed_when_it_is_idle_or_its_next_request_is_slow() -> None:
    async with serving() as server:
        seconds, answer = await lasted(server, GET % b"")
        assert 0.25 < seconds < 2
        assert (answer.count(b" 200 "), answer.count(b" 408 ")) == (1, 0)
        seconds, answer = await lasted(server, GET % b"", b"GET /" + b"a" * 100)
        assert seconds < 2
        assert (answer.count(b" 200 "), answer.count(b" 408 ")) == (1, 1)


async def test_a_body_that_nobody_reads_does_not_hold_a_connection() -> None:
    async with serving() as server:
        head = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n"
        seconds, answer = await lasted(server, head, b"x")
        assert seconds < 2
        assert (answer.count(b" 200 "), answer.count(b" 408 ")) == (1, 0)


async def test_slow_answers_and_long_streams_are_left_alone() -> None:
    async with serving() as server:
        for path in (b"slow", b"stream"):
            seconds, answer = await lasted(server, GET % path)
            assert seconds > 0.8
            assert b"done" in answer
            assert (answer.count(b" 200 "), answer.count(b" 408 ")) == (1, 0)
        _, answer = await lasted(server, GET % b"slow" + GET % b"" + b"GET /")
        assert (answer.count(b" 200 "), answer.count(b" 408 ")) == (2, 1)


@pytest.mark.parametrize("path", [b"large", b"lump"])
@pytest.mark.parametrize("more", [b"", b"connection: close\r\n"])
async def test_a_reader_that_reads_nothing_is_dropped(path: bytes, more: bytes) -> None:
    """In the midst of an answer, after its end, and while the connection waits to be closed."""
    async with serving() as server:
        reader, writer = await server.connect()
        assert not reader.at_eof()  # it stops reading by itself once `limit` is there
        writer.write(b"GET /" + path + b" HTTP/1.1\r\nhost: a\r\n" + more + b"\r\n")
        await until(lambda: server.figure("connections") == 0)
        writer.close()


def test_so_it_is_with_uvloop() -> None:
    uvloop.run(test_a_silent_connection_is_closed())
    uvloop.run(test_a_head_that_does_not_come_is_answered_408(b"GET / HTTP/1.1\r\n", b"x: y\r\n"))
    for path in (b"large", b"lump"):
        uvloop.run(test_a_reader_that_reads_nothing_is_dropped(path, b"connection: close\r\n"))
    uvloop.run(test_a_slow_reader_gets_everything())


async def test_a_slow_reader_gets_everything() -> None:
    async with serving(patience=Patience(head=0.2, idle=0.2, unread=0.2)) as server:
        reader, writer = await server.connect()
        writer.write(GET % b"large")
        found, began = 0, time.monotonic()
        while (chunk := await reader.read(1 << 20)) and time.monotonic() - began < 0.9:
            found += len(chunk)
            await asyncio.sleep(0.002)
        found += len(chunk) + len(await rest(reader))
        assert found > BLOCKS * len(BLOCK)
        writer.close()


async def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(("most", "per_site", "limit"), [(4, 100, "site"), (100, 2, "site")])
async def test_connections_beyond_a_limit_are_answered_503_and_counted(most: int, per_site: int, limit: str) -> None:
    async with serving(most, per_site) as server:
        kept = [await server.connect() for _ in range(2)]
        await until(lambda: server.figure("connections") == 2)
        for number in range(1, 4):
            _, answer = await lasted(server, b"")
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert server.figure("connections_refused_total", limit=limit) == number
        kept[0][1].close()
        await until(lambda: server.figure("connections") == 1)
        assert b" 200 " in (await lasted(server, GET % b""))[1]
        kept[1][1].close()


async def test_a_trusted_proxy_is_limited_by_the_total_only() -> None:
    async with serving(6, 1, ("127.0.0.0/8",)) as server:
        kept = [await server.connect() for _ in range(6)]
        await until(lambda: server.figure("connections") == 6)
        assert (await lasted(server, b""))[1].startswith(b"HTTP/1.1 503 ")
        assert server.figure("connections_refused_total", limit="total") == 1
        for _, writer in kept:
            writer.close()


def waiting(server: Server) -> tuple[int, int]:
    """How many requests, and how many bytes of others, the server holds that are not being answered."""
    protocols: list[Any] = list(server.state.connections)
    return sum(len(one.pipeline) for one in protocols), sum(len(one._rest) for one in protocols)


async def test_requests_behind_a_slow_one_are_not_read_and_all_are_answered_in_their_order() -> None:
    """However many there are."""
    number = 5000
    paths = [b"slow", *(b"%d" % one for one in range(number))]
    message = b"".join(GET % path for path in paths)
    async with serving(patience=Patience(head=5, idle=5, unread=5)) as server:
        reader, writer = await server.connect()
        writer.write(message * 20)
        await until(lambda: waiting(server)[0] > 0)
        for _ in range(20):
            requests, held = waiting(server)
            assert requests <= 64
            assert held <= 512 * 1024
            await asyncio.sleep(0.01)
        writer.close()
        await until(lambda: server.figure("connections") == 0)

        reader, writer = await server.connect()
        writer.write(message)
        writer.write(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        answer = await rest(reader)
        assert answer.count(b"HTTP/1.1 200 ") == len(paths) + 1
        writer.close()


async def test_bodies_among_pipelined_requests_come_whole() -> None:
    bodies = [b"a", b"b" * 3000, b"", b"c" * 200_000, b"d" * 1023]
    message = b"".join(
        b"POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body) for body in bodies
    )
    chunks = b"".join(b"%x;why=not\r\n%s\r\n" % (size, b"e" * size) for size in (1, 1000, 1, 5000))
    message += b"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    message += b"GET /echo HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
    async with serving() as server:
        for size in (len(message), 700):
            reader, writer = await server.connect()
            for start in range(0, len(message), size):
                writer.write(message[start : start + size])
                await writer.drain()
            found = [json.loads(one)[2] for one in ECHOED.findall(await rest(reader))]
            assert [len(one) for one in found] == [*map(len, bodies), 6002, 0]
            writer.close()


async def test_whoever_is_answered_hears_that_its_caller_left_also_with_requests_behind_it() -> None:
    GONE.clear()
    async with serving() as server:
        _, writer = await server.connect()
        writer.write(GET % b"ends" + GET % b"1" * 3)
        await until(lambda: waiting(server)[0] == 3)
        writer.close()
        await until(lambda: GONE == ["/ends"])


ENDLESS = {
    "header": b"x" * 100,
    "headers": b"x-%d: y\r\n",
    "extension": b"x" * 100,
    "extensions": b";a=b",
    "trailer": b"x" * 100,
    "trailers": b"a: b\r\n",
}
CHUNKED = b"POST /%s HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
BEGINNINGS = {
    "header": b"GET / HTTP/1.1\r\nhost: a\r\nx: ",
    "headers": b"GET / HTTP/1.1\r\nhost: a\r\n",
    "extension": CHUNKED % b"echo" + b"1;",
    "extensions": CHUNKED % b"echo" + b"1",
    "trailer": CHUNKED % b"echo" + b"0\r\na: ",
    "trailers": CHUNKED % b"echo" + b"0\r\n",
}


@pytest.mark.parametrize("what", ENDLESS)
async def test_what_never_ends_is_ended(what: str) -> None:
    async with serving(patience=Patience(head=20, idle=20)) as server:
        reader, writer = await server.connect()
        writer.write(BEGINNINGS[what])
        sent = 0
        with contextlib.suppress(ConnectionError):
            while not reader.at_eof() and sent < 8 * MOST_HELD:
                block = b"".join(ENDLESS[what].replace(b"%d", b"%d" % one) for one in range(200))
                writer.write(block)
                await writer.drain()
                sent += len(block)
                await asyncio.sleep(0)
        await until(lambda: server.figure("connections") == 0)
        writer.close()


async def test_more_headers_than_anybody_sends_are_answered_431() -> None:
    async with serving() as server:
        for number, status in ((MOST_HEADERS - 2, 200), (MOST_HEADERS, 431)):
            more = b"".join(b"x%d: y\r\n" % one for one in range(number))
            message = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n" + more + b"\r\n"
            _, answer = await lasted(server, message)
            assert answer.startswith(b"HTTP/1.1 %d " % status)


async def test_trailers_are_no_headers() -> None:
    async with serving() as server:
        message = CHUNKED % b"echo" + b"1\r\na\r\n0\r\nauthorization: Bearer x\r\nhost: b\r\n\r\n"
        _, answer = await lasted(server, message + b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        assert b'["POST", ["host", "transfer-encoding"], "a"]' in answer
        assert answer.count(b" 200 ") == 2


OFFERS = [
    b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAA\r\n",
    b"Connection: upgrade\r\nUpgrade: websocket\r\n",
    b"connection: keep-alive\r\nconnection: UPGRADE\r\nupgrade: TLS/1.3, foo/2\r\n",
]


@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
async def test_an_offer_of_another_protocol_is_ignored_and_the_request_served(offer: bytes, size: int) -> None:
    body = b'{"a": "%s"}' % (b"b" * 300)
    post = b"POST /echo HTTP/1.1\r\nhost: a\r\n" + offer
    message = (
        post
        + b"content-length: %d\r\n\r\n%s" % (len(body), body)
        + post
        + b"transfer-encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        + post
        + b"content-length: 0\r\n\r\n"
        + b"GET /echo HTTP/1.1\r\nhost: a\r\n"
        + offer
        + b"\r\n"
        + b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
    )
    async with serving(patience=Patience(head=5, idle=5)) as server:
        reader, writer = await server.connect()
        for start in range(0, len(message), size):
            writer.write(message[start : start + size])
            if size < 100:
                await asyncio.sleep(0)
        answer = await rest(reader)
        writer.close()
    said = [json.loads(one) for one in ECHOED.findall(answer)]
    assert [(method, content.encode()) for method, _, content in said] == [
        ("POST", body),
        ("POST", body),
        ("POST", b""),
        ("GET", b""),
    ]
    assert not any({"upgrade", "http2-settings"} & set(names) for _, names, _ in said)
    assert answer.count(b"HTTP/1.1 200 ") == 5
    assert b"done" in answer


@pytest.mark.parametrize(
    "message", [b"CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n"]
)
async def test_what_is_no_request_is_answered_400(message: bytes) -> None:
    async with serving() as server:
        _, answer = await lasted(server, message)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert (await lasted(server, GET % b"slow" + message))[1].count(b" 400 ") == 0


HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
WRITES = [
    ([HEAD, b"abcd", HEAD], [HEAD + b"abcd", HEAD]),  # a body may look like a head
    ([CONTINUE, HEAD, b"ab", b"cd"], [CONTINUE, HEAD + b"ab", b"cd"]),
    ([b"HTTP/1.1 200 OK\r\n\r\n", HEAD, b"a"], [b"HTTP/1.1 200 OK\r\n\r\n", HEAD, b"a"]),  # a stream begins at once
]


@pytest.mark.parametrize(("written", "sent"), WRITES)
def test_a_head_of_known_length_goes_out_with_its_body(written: list[bytes], sent: list[bytes]) -> None:
    class Transport(asyncio.Transport):
        def write(self, data: Any) -> None:
            calls.append(data)

        def writelines(self, parts: Any) -> None:
            calls.append(b"".join(parts))

    calls: list[bytes] = []
    joined = Joined(Transport(), bodiless=False)
    for one in written:
        joined.write(one)
    assert calls == sent
    calls.clear()
    Joined(Transport(), bodiless=True).write(HEAD)
    assert calls == [HEAD]
