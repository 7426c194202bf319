"""A URL of others goes out byte for byte, and what is dialled is what was checked."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from telecine.net.client import Client, FetchError, checked
from telecine.net.guard import AddressPolicy
from telecine.net.urls import joined, origin_of, sent_as
from tests.upstreams.files import Answer
from tests.upstreams.signed import SignedServer

LOCAL = AddressPolicy(["127.0.0.1/32"])
TARGETS = [
    "/a.mp4",
    "/a%27b%40c.mp4?Signature=a%2Bb%2Fc%3D",
    "/a'b@c.mp4?x=a+b/c=",
    "/%e4%bd%a0%E5%A5%BD.mp4",
    "/%7Euser/~user/%2E%2e/a",
    "/a//b/../c/./d",
    "/a;b=c,d:e!f$g(h)*i",
    "/a%20b+c?q=%20+%20",
    "/?",
    "/a?",
    "/a?b?c=/d",
    "/a?b=%3F%23%26&&c",
    "/100%",
    "/%zz%1",
    '/"<>[]{}|\\^`',
    "?x=1",
    "",
]


@pytest.fixture
async def server() -> AsyncIterator[SignedServer]:
    async with SignedServer() as running:
        yield running


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    made = Client(LOCAL)
    yield made
    await made.close()


async def content(client: Client, url: str) -> bytes:
    async with client.stream(url, max_bytes=1000) as answer:
        assert answer.status == 200
        return b"".join([chunk async for chunk in answer.chunks])


@pytest.mark.parametrize("target", TARGETS)
async def test_it_is_sent_as_it_is_written(client: Client, server: SignedServer, target: str) -> None:
    wire = target if target.startswith("/") else f"/{target}"
    server.answers[wire] = Answer(b"here")
    assert await content(client, server.url(target)) == b"here"
    assert (await client.request("POST", server.url(target) + "#part?of/it", body=b"{}")).body == b"here"
    assert [asked.path for asked in server.asked] == [wire, wire]
    assert {asked.headers["host"] for asked in server.asked} == {f"127.0.0.1:{server.port}"}


@pytest.mark.parametrize("target", [one for one in TARGETS if one.startswith("/")])
async def test_signed_links_work_also_behind_redirects(client: Client, server: SignedServer, target: str) -> None:
    link = server.link(target)
    assert await content(client, link) == server.content
    path = link.removeprefix(server.url(""))
    for number, location in enumerate((link, path, f"//127.0.0.1:{server.port}{path}", f" {link}\t")):
        server.answers[f"/from/{number}"] = Answer(status=302, headers={"location": location})
        assert await content(client, server.url(f"/from/{number}")) == server.content
    assert server.refused == []


@pytest.mark.parametrize(
    ("target", "wire"),
    [
        ("/a b.mp4?c=d e", "/a%20b.mp4?c=d%20e"),
        ("/你好.mp4?q=é", "/%E4%BD%A0%E5%A5%BD.mp4?q=%C3%A9"),
        ("/a%20b c", "/a%20b%20c"),
        ("/\u00a0\u2028", "/%C2%A0%E2%80%A8"),
    ],
)
async def test_what_no_request_line_can_hold_is_encoded(
    client: Client, server: SignedServer, target: str, wire: str
) -> None:
    server.answers[wire] = Answer(b"here")
    assert await content(client, server.url(target)) == b"here"
    server.answers["/from"] = Answer(status=307, headers={"location": target})
    assert await content(client, server.url("/from")) == b"here"


@pytest.mark.parametrize("bad", ["\r\nx: y", "\n", "\r", "\t", "\0", "\x7f", "\x1b", "\ud800"])
@pytest.mark.parametrize("where", ["http://127.0.0.1:{port}/a{bad}b", "http://127.0.0.1:{port}/?{bad}b"])
async def test_nothing_can_be_smuggled_into_a_request(
    client: Client, server: SignedServer, bad: str, where: str
) -> None:
    url = where.format(port=server.port, bad=bad)
    with pytest.raises(FetchError) as caught:
        await client.request("GET", url)
    assert (caught.value.sent, caught.value.refused) == (False, True)
    with pytest.raises(FetchError):
        checked(f"http://127.0.0.1{bad}:{server.port}/", LOCAL)
    assert server.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1\\@example.com/",
        "http://example.com@127.0.0.1/",
        "http://[::1]example.com/",
        "http://",
        "http:///a",
        "http:/example.com/a",
        "http:example.com",
        "//example.com/a",
        "http://?x",
        "http://example.com:99999/",
        "http://a b.example/",
        "http://exa%0d%0ample.com/",
    ],
)
def test_what_could_be_read_in_two_ways_is_refused_or_stays_one_host(url: str) -> None:
    try:
        target = checked(url, LOCAL)
    except FetchError:
        return
    assert str(target.raw_host) in str(target)
    assert "127.0.0.1" not in (target.raw_host or "")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://Bücher.Example/ü", "xn--bcher-kva.example"),
        ("http://EXAMPLE.com/A", "example.com"),
        ("http://１２７.0.0.1/", "127.0.0.1"),
        ("http://[0:0:0:0:0:0:0:1]:80/", "::1"),
    ],
)
def test_a_host_is_brought_into_the_form_that_is_checked(url: str, host: str) -> None:
    target = sent_as(url)
    assert target.raw_host == host
    assert not AddressPolicy().permits(host)


@pytest.mark.parametrize(
    ("location", "there"),
    [
        ("https://other.example/%2e%2E/a?b=%2B", "https://other.example/%2e%2E/a?b=%2B"),
        ("//other.example/%61", "http://other.example/%61"),
        ("/%61/../b", "http://h.example:8/%61/../b"),
        ("c%2Fd?e", "http://h.example:8/a/c%2Fd?e"),
        ("../c", "http://h.example:8/c"),
        ("../../../c", "http://h.example:8/c"),
        ("./", "http://h.example:8/a/"),
        ("..", "http://h.example:8/"),
        ("c/./d/../e?x=../y", "http://h.example:8/a/c/e?x=../y"),
        ("?z=%20", "http://h.example:8/a/b?z=%20"),
        ("#f", "http://h.example:8/a/b?q=%41"),
        ("", "http://h.example:8/a/b?q=%41"),
        ("c?u=http://x", "http://h.example:8/a/c?u=http://x"),
    ],
)
def test_where_a_redirect_leads(location: str, there: str) -> None:
    assert joined("http://h.example:8/a/b?q=%41#old", location) == there


ALIKE = [
    "http://example.com/a",
    "HTTP://EXAMPLE.com/b?c",
    "http://example.com:80/",
    "http://example.com:/",
    "http://example.com.:80",
    "http://example.com#1",
    "http://example.com?x#2",
    "http://user:word@example.com/",
    " http://ｅxample.com/ ",
]


def test_one_origin_has_one_form() -> None:
    assert {origin_of(url) for url in ALIKE} == {"http://example.com:80"}
    assert origin_of("https://Bücher.example#1") == origin_of("https://xn--bcher-kva.example:443/x")
    assert (
        len({origin_of(f"http://{host}/") for host in ("8.8.8.8", "0x8.8.8.8", "0x08080808", "8.8.2056", "010.8.8.8")})
        == 1
    )
    assert origin_of("http://[::ffff:1]/") == origin_of("http://[0:0:0:0:0:0:ffff:1]:80/")
    others = ["https://example.com/", "http://example.com:81/", "http://www.example.com/", "http://example.org/"]
    assert len({origin_of(url) for url in [*others, ALIKE[0]]}) == 5


def test_what_is_no_url_is_its_own_origin() -> None:
    assert origin_of("no url") == "no url"
