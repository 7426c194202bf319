"""Files behind `/content` and behind links, which may or may not come whole."""

from __future__ import annotations

import msgspec
import pytest

from telecine.net.client import Client, FetchError
from telecine.net.guard import AddressPolicy
from telecine.providers.base import Channel, Provider
from telecine.providers.http import HttpProvider
from telecine.providers.openai import OPENAI
from telecine.providers.outcomes import Succeeded, UpstreamOutput
from tests.clock import HandClock
from tests.providers.openai.requests import job
from tests.upstreams.files import Answer, FileServer
from tests.upstreams.openai_videos import API_KEY, FOREVER, Content, FakeOpenAI, Fault

JSON = {"content-type": "application/json"}


async def done(provider: Provider, fake: FakeOpenAI, channel: Channel, running: str) -> UpstreamOutput:
    fake.finish()
    outcome = await provider.poll(channel, job(running))
    assert isinstance(outcome, Succeeded)
    return outcome.outputs[0]


async def fetch(provider: Provider, channel: Channel, output: UpstreamOutput) -> bytes:
    return b"".join([chunk async for chunk in provider.collect(channel, output)])


@pytest.mark.parametrize("links", [False, True])
@pytest.mark.parametrize("content", ["bytes", "redirect", "json"])
async def test_the_file_comes_however_it_is_handed_out(
    *, provider: Provider, fake: FakeOpenAI, channel: Channel, running: str, content: Content, links: bool
) -> None:
    fake.content, fake.links = content, links
    output = await done(provider, fake, channel, running)
    assert output.url.startswith("http" if links else "content:")
    assert await fetch(provider, channel, output) == fake.file


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault("file", "status", status=403), 403),
        (Fault("file", "status", status=500), 500),
        (Fault("file", "html", status=502), 502),
        (Fault("file", "html", status=200), 200),
        (Fault("file", "refuse", status=200, code="server_error"), 200),
        (Fault("file", "refuse", code="not_found"), 404),
        (Fault("file", "cut"), None),
        (Fault("file", "drop"), None),
    ],
    ids=lambda value: value.act if isinstance(value, Fault) else str(value),
)
async def test_what_is_no_whole_file_is_an_error_that_may_pass(
    *, provider: Provider, fake: FakeOpenAI, channel: Channel, running: str, fault: Fault, status: int | None
) -> None:
    output = await done(provider, fake, channel, running)
    fake.faults.append(Fault(**vars(fault) | {"times": FOREVER}))
    with pytest.raises(FetchError) as caught:
        await fetch(provider, channel, output)
    fake.faults.clear()
    assert (caught.value.status, caught.value.refused) == (status, False)
    assert await fetch(provider, channel, output) == fake.file


async def test_a_slow_file_comes_whole(*, provider: Provider, fake: FakeOpenAI, channel: Channel, running: str) -> None:
    output = await done(provider, fake, channel, running)
    fake.faults.append(Fault("file", "drip", seconds=0.01))
    assert await fetch(provider, channel, output) == fake.file


async def test_an_expired_link_says_so_and_a_query_brings_a_new_one(
    provider: Provider, fake: FakeOpenAI, channel: Channel, running: str
) -> None:
    fake.links, fake.link_uses = True, 1
    for _ in range(2):
        output = await done(provider, fake, channel, running)
        assert await fetch(provider, channel, output) == fake.file
        with pytest.raises(FetchError) as caught:
            await fetch(provider, channel, output)
        assert caught.value.status == 403


async def test_the_key_goes_to_the_upstream_alone(provider: Provider) -> None:
    async with FileServer() as server, FileServer() as elsewhere:
        channel = Channel("o", server.url("/v1"), api_key=API_KEY, allow_private=True)
        elsewhere.answers["/a.mp4"] = Answer(b"film")
        there = elsewhere.url("/a.mp4")
        server.answers["/v1/videos/v1/content"] = Answer(status=302, headers={"location": there})
        server.answers["/v1/videos/v2/content"] = Answer(b'{"video_url": "%s"}' % there.encode(), headers=JSON)
        for url in ("content:v1", "content:v2", there):
            assert await fetch(provider, channel, UpstreamOutput(url)) == b"film"
        assert [asked.headers.get("authorization") for asked in server.asked] == [f"Bearer {API_KEY}"] * 2
        assert [asked.headers.get("authorization") for asked in elsewhere.asked] == [None] * 3


@pytest.mark.parametrize("body", [b"{}", b'{"url": "file:///etc/passwd"}', b"{" * 2_000_000, b'{"url": "%s"}'])
async def test_json_leads_nowhere_but_to_one_link(provider: Provider, body: bytes) -> None:
    async with FileServer() as server:
        here = server.url("/v1/videos/v1/content").encode()
        server.answers["/v1/videos/v1/content"] = Answer(body.replace(b"%s", here), headers=JSON)
        with pytest.raises(FetchError):
            await fetch(provider, Channel("o", server.url("")), UpstreamOutput("content:v1"))
        assert len(server.asked) == (2 if b"%s" in body else 1)


async def test_only_the_upstream_itself_may_be_private(
    fake: FakeOpenAI, channel: Channel, clock: HandClock, running: str, provider: Provider
) -> None:
    output = await done(provider, fake, channel, running)
    assert not channel.allow_private
    assert await fetch(provider, channel, output) == fake.file
    async with FileServer() as other:
        other.answers["/a.mp4"] = Answer(b"film")
        fake.faults.append(Fault("file", "redirect", message=other.url("/a.mp4"), times=2))
        with pytest.raises(FetchError) as caught:
            await fetch(provider, channel, output)
        assert caught.value.refused
        assert other.asked == []
        with pytest.raises(FetchError) as caught:
            await fetch(provider, channel, UpstreamOutput(other.url("/a.mp4")))
        assert caught.value.refused
        open_channel = msgspec.structs.replace(channel, allow_private=True)
        assert await fetch(provider, open_channel, output) == b"film"
    fake.faults.append(Fault("file", "redirect", message="http://169.254.169.254/latest/meta-data"))
    local = Client(AddressPolicy(["127.0.0.1/32"]))
    with pytest.raises(FetchError) as caught:
        await fetch(HttpProvider(OPENAI, local, clock), channel, output)
    assert caught.value.refused
    await local.close()
