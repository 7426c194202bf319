"""What the one HTTP client does with peers that misbehave."""

from __future__ import annotations

import datetime as dt
import gzip
import ipaddress
import socket
import ssl
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from telecine.net.client import Client, FetchError, Reply
from telecine.net.guard import AddressPolicy
from tests.upstreams.files import Answer, FileServer

SECRET = "sk-very-secret-key"
PATH = "/secret-path.mp4"
LOCAL = AddressPolicy(["127.0.0.1/32"])


@pytest.fixture
async def server() -> AsyncIterator[FileServer]:
    async with FileServer() as running:
        yield running


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    made = Client(LOCAL, stall=0.2)
    yield made
    await made.close()


async def drain(client: Client, url: str, max_bytes: int = 10_000_000, **more: object) -> bytes:
    async with client.stream(url, max_bytes=max_bytes, **more) as answer:  # type: ignore[arg-type]
        return b"".join([chunk async for chunk in answer.chunks])


async def refusal(client: Client, url: str, **more: object) -> FetchError:
    """The error of a request, which must give nothing away."""
    with pytest.raises(FetchError) as caught:
        await client.request("POST", url, headers={"authorization": f"Bearer {SECRET}"}, body=b"{}", **more)  # type: ignore[arg-type]
    return discreet(caught.value, url)


def discreet(error: FetchError, url: str) -> FetchError:
    for private in (SECRET, PATH, "127.0.0.1", "example", url):
        assert private not in str(error)
        assert private not in error.reason
    assert error.__suppress_context__ or error.__context__ is None
    return error


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Names(AbstractResolver):
    """A resolver of our own: each name has a list of answers, the last of which stays."""

    def __init__(self, **answers: list[str]) -> None:
        self.answers = answers
        self.calls = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.calls += 1
        name = host.partition(".")[0]
        if name not in self.answers:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        known = self.answers[name]
        address = known.pop(0) if len(known) > 1 else known[0]
        return [{"hostname": host, "host": address, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        pass


# -- the ordinary --------------------------------------------------------------------------------------------------


async def test_request_and_reply(server: FileServer, client: Client) -> None:
    server.answers["/a"] = Answer(
        b'{"a":1}', status=422, headers={"Content-Type": "application/json", "Retry-After": "7"}
    )
    reply = await client.request("POST", server.url("/a"), headers={"X-Key": "k"}, body=b"{}")
    assert (reply.status, reply.body, reply.retry_after) == (422, b'{"a":1}', 7.0)
    assert reply.headers["content-type"] == "application/json"
    asked = server.asked[0]
    assert (asked.method, asked.body, asked.headers["x-key"]) == ("POST", b"{}", "k")
    assert asked.headers["user-agent"] == "telecine"


@pytest.mark.parametrize(
    ("value", "seconds"), [("3", 3.0), ("0.5", 0.5), ("-1", 0.0), ("soon", None), ("inf", None), ("nan", None)]
)
def test_retry_after(value: str, seconds: float | None) -> None:
    assert Reply(429, {"retry-after": value}, b"").retry_after == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"date": "Sat, 21 Nov 2026 12:00:00 GMT"}, 90.0),
        ({"date": "Sat, 21 Nov 2026 12:02:00 GMT"}, 0.0),
        ({"date": "lately"}, None),
        ({}, None),
    ],
)
def test_retry_after_as_a_date(headers: dict[str, str], seconds: float | None) -> None:
    then = {"retry-after": "Sat, 21 Nov 2026 12:01:30 GMT"}
    assert Reply(429, headers | then, b"").retry_after == seconds


async def test_fresh_requests_share_no_connection(server: FileServer, client: Client) -> None:
    server.answers["/a"] = Answer(b"x")
    for _ in range(2):
        await client.request("POST", server.url("/a"), body=b"", fresh=True)
    assert server.connections == 2
    for _ in range(2):
        await client.request("GET", server.url("/a"))
    assert server.connections == 3


async def test_a_slow_answer_is_waited_for_as_long_as_the_caller_says(server: FileServer, client: Client) -> None:
    """The limit on silence is for bodies that stream: an upstream may well think longer than that."""
    server.answers["/a"] = Answer(b"x", delay=0.3)
    assert (await client.request("GET", server.url("/a"), timeout=20)).body == b"x"
    with pytest.raises(FetchError, match="no answer in time"):
        await drain(client, server.url("/a"))


# -- never sent, or sent -------------------------------------------------------------------------------------------


async def test_connection_refused_is_never_sent(client: Client) -> None:
    error = await refusal(client, f"http://127.0.0.1:{free_port()}{PATH}")
    assert (error.sent, error.refused) == (False, False)


async def test_an_unknown_name_is_never_sent() -> None:
    client = Client(LOCAL, resolver=Names())
    error = await refusal(client, f"http://nowhere.example{PATH}")
    assert (error.sent, error.refused) == (False, False)
    await client.close()


async def test_a_name_too_long_to_ask_for_is_never_sent(client: Client) -> None:
    error = await refusal(client, f"http://{'a' * 70}.example{PATH}")
    assert not error.sent


async def test_a_peer_that_never_accepts_is_never_sent(server: FileServer) -> None:
    """The listen queue is full, so connecting hangs; the total time is shorter than the usual limit on connecting."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        address = deaf.getsockname()
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        client = Client(LOCAL)
        error = await refusal(client, f"http://127.0.0.1:{address[1]}{PATH}", timeout=0.3)
        assert not error.sent
        await client.close()
        for filler in fillers:
            filler.close()


async def test_tls_to_a_plain_port_is_never_sent(server: FileServer, client: Client) -> None:
    error = await refusal(client, f"https://127.0.0.1:{server.port}{PATH}")
    assert not error.sent
    assert not server.asked


async def test_an_untrusted_certificate_is_never_sent(tmp_path: Path, client: Client) -> None:
    async with FileServer(tls=self_signed(tmp_path)) as server:
        error = await refusal(client, server.url(PATH))
        assert (error.sent, error.reason) == (False, "no trusted TLS connection")
        assert not server.asked


async def test_a_line_break_in_a_header_is_never_sent(server: FileServer, client: Client) -> None:
    with pytest.raises(FetchError) as caught:
        await client.request("GET", server.url(PATH), headers={"authorization": f"Bearer {SECRET}\r\nx: y"})
    assert not discreet(caught.value, server.url(PATH)).sent
    assert not server.asked


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(fault="drop"), id="dropped-before-the-answer"),
        pytest.param(Answer(b"x" * 1000, fault="cut"), id="content-length-cut-short"),
        pytest.param(Answer(b"x" * 1000, fault="cut", chunked=True), id="chunks-cut-short"),
        pytest.param(Answer(b"x" * 1000, fault="reset"), id="reset-in-the-body"),
        pytest.param(Answer(fault="silent"), id="silent"),
        pytest.param(Answer(b"x" * 1000, fault="stall"), id="stalled-in-the-body"),
        pytest.param(Answer(b"not gzip", headers={"content-encoding": "gzip"}), id="not-what-it-says"),
        pytest.param(Answer(headers={"x-long": "x" * 20_000}), id="endless-header"),
    ],
)
async def test_what_was_sent_counts_as_sent(server: FileServer, client: Client, answer: Answer) -> None:
    server.answers[PATH] = answer
    error = await refusal(client, server.url(PATH), timeout=0.8)
    assert (error.sent, error.refused) == (True, False)
    assert len(server.asked) == 1, "a POST is never sent twice"


# -- sizes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunked", [False, True])
async def test_an_answer_too_large(server: FileServer, client: Client, chunked: bool) -> None:
    server.answers[PATH] = Answer(b"x" * 1001, chunked=chunked)
    error = await refusal(client, server.url(PATH), max_bytes=1000)
    assert error.refused
    assert len((await client.request("GET", server.url(PATH), max_bytes=1001)).body) == 1001


async def test_a_gzip_bomb_is_not_unpacked(server: FileServer, client: Client) -> None:
    bomb = gzip.compress(bytes(64 * 1024 * 1024), compresslevel=9)
    server.answers[PATH] = Answer(bomb, headers={"content-encoding": "gzip"})
    tracemalloc.start()
    try:
        error = await refusal(client, server.url(PATH), max_bytes=1024 * 1024)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert error.refused
    assert peak < 16 * 1024 * 1024


async def test_zipped_answers_are_read(server: FileServer, client: Client) -> None:
    server.answers["/a"] = Answer(gzip.compress(b"plain"), headers={"content-encoding": "gzip"})
    assert (await client.request("GET", server.url("/a"))).body == b"plain"


# -- streams -------------------------------------------------------------------------------------------------------


async def test_a_stream_comes_in_bounded_chunks(server: FileServer, client: Client) -> None:
    body = bytes(range(256)) * 4096 * 3
    server.answers["/a"] = Answer(body)
    async with client.stream(server.url("/a"), max_bytes=len(body)) as answer:
        chunks = [chunk async for chunk in answer.chunks]
    assert b"".join(chunks) == body
    assert max(map(len, chunks)) <= 256 * 1024
    assert server.asked[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "answer",
    [Answer(b"x" * 1000, fault="cut"), Answer(b"x" * 1000, fault="reset"), Answer(b"x" * 1000, fault="stall")],
    ids=lambda answer: answer.fault,
)
async def test_a_stream_that_breaks_raises(server: FileServer, client: Client, answer: Answer) -> None:
    server.answers[PATH] = answer
    with pytest.raises(FetchError) as caught:
        await drain(client, server.url(PATH))
    assert not discreet(caught.value, server.url(PATH)).refused


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_stream_too_large(server: FileServer, client: Client, chunked: bool) -> None:
    server.answers[PATH] = Answer(b"x" * 1001, chunked=chunked)
    with pytest.raises(FetchError) as caught:
        await drain(client, server.url(PATH), max_bytes=1000)
    assert discreet(caught.value, server.url(PATH)).refused


async def test_the_callers_own_errors_stay_what_they_are(server: FileServer, client: Client) -> None:
    """A full disk while streaming is not the peer's fault."""
    server.answers["/a"] = Answer(b"x")
    with pytest.raises(OSError, match="No space left"):
        async with client.stream(server.url("/a"), max_bytes=10):
            raise OSError(28, "No space left on device")


# -- addresses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0x7f000001", "[::ffff:127.0.0.1]"])
async def test_private_addresses_are_refused(server: FileServer, host: str) -> None:
    client = Client()
    error = await refusal(client, server.url(PATH, host))
    assert (error.sent, error.refused) == (False, True)
    assert server.connections == 0
    await client.close()


@pytest.mark.parametrize("host", ["169.254.169.254", "[fd00:ec2::254]", "[fe80::1]", "metadata.example"])
async def test_a_channel_that_allows_private_addresses_does_not_open_metadata(host: str) -> None:
    client = Client(resolver=Names(metadata=["169.254.169.254"]))
    for call in (
        client.request("GET", f"http://{host}/", allow_private=True),
        drain(client, f"http://{host}/", allow_private=True),
    ):
        with pytest.raises(FetchError) as caught:
            await call
        assert (caught.value.refused, caught.value.sent) == (True, False)
    await client.close()


async def test_a_channel_may_allow_private_addresses(server: FileServer) -> None:
    client = Client()
    server.answers["/a"] = Answer(b"x")
    assert (await client.request("GET", server.url("/a"), allow_private=True)).body == b"x"
    assert (await refusal(client, server.url("/a"))).refused, "the open session is not used for others"
    await client.close()


async def test_a_name_that_changes_its_answer_does_not_slip_through() -> None:
    names = Names(changing=["127.0.0.1", "127.0.0.2"])
    client = Client(LOCAL, resolver=names)
    async with FileServer() as allowed, FileServer("127.0.0.2", allowed.port) as forbidden:
        allowed.answers["/a"] = Answer(b"allowed")
        url = allowed.url("/a", "changing.example")
        assert (await client.request("GET", url)).body == b"allowed"
        assert (await refusal(client, url, fresh=True)).refused
        assert names.calls == 2
        assert forbidden.connections == 0
    await client.close()


# -- redirects -----------------------------------------------------------------------------------------------------


async def test_redirects_are_followed_and_counted(server: FileServer, client: Client) -> None:
    server.answers["/a"] = Answer(status=302, headers={"location": "b"})
    server.answers["/b"] = Answer(status=307, headers={"location": server.url("/c")})
    server.answers["/c"] = Answer(b"there")
    assert await drain(client, server.url("/a"), redirects=2) == b"there"
    with pytest.raises(FetchError, match="too many redirects"):
        await drain(client, server.url("/a"), redirects=1)
    assert (await client.request("GET", server.url("/a"))).status == 302, "only streams follow"


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.2:1/x",
        "http://169.254.169.254/latest/",
        "http://[::1]/",
        "file:///etc/passwd",
        "http://user:pass@127.0.0.1/",
        "http://inside.example/",
        "http://[::1/",
        "http://127.0.0.1:99999/",
    ],
)
async def test_redirects_to_where_we_do_not_go(server: FileServer, location: str) -> None:
    client = Client(LOCAL, resolver=Names(inside=["10.0.0.1"]))
    server.answers[PATH] = Answer(status=302, headers={"location": location})
    with pytest.raises(FetchError) as caught:
        await drain(client, server.url(PATH))
    assert discreet(caught.value, location).refused
    await client.close()


async def test_credentials_do_not_follow_to_another_origin(server: FileServer, client: Client) -> None:
    headers = {"Authorization": f"Bearer {SECRET}", "X-Api-Key": SECRET, "Cookie": SECRET, "Range": "bytes=0-"}
    async with FileServer() as other:
        server.answers["/a"] = Answer(status=302, headers={"location": "/b"})
        server.answers["/b"] = Answer(status=302, headers={"location": other.url("/c")})
        other.answers["/c"] = Answer(status=302, headers={"location": server.url("/d")})
        server.answers["/d"] = Answer(b"there")
        assert await drain(client, server.url("/a"), headers=headers) == b"there"
        same_origin, elsewhere, back = server.asked[1], other.asked[0], server.asked[2]
    assert same_origin.headers["authorization"] == f"Bearer {SECRET}"
    for asked in (elsewhere, back):
        assert SECRET not in asked.headers.values()
        assert "authorization" not in asked.headers
        assert asked.headers["range"] == "bytes=0-"


def self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "both.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context
