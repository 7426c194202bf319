"""A paid result behind a signed link is had, whatever is in the link."""

from __future__ import annotations

import pytest

from telecine.net.client import Client
from telecine.providers.base import Channel
from telecine.providers.http import HttpProvider, Vendor
from telecine.providers.kling import KLING
from telecine.providers.openai import OPENAI
from telecine.providers.outcomes import UpstreamOutput
from tests.clock import HandClock
from tests.providers.stand_ins import NOW
from tests.upstreams.files import Answer
from tests.upstreams.signed import SignedServer


@pytest.mark.parametrize("kind", [KLING, OPENAI])
@pytest.mark.parametrize("target", ["/a%27b%40c.mp4?x=a%2Bb%2Fc%3D", "/a'b@c//d.mp4?", "/%E4%BD%A0/%7e.mp4?a=~&b=%20"])
async def test_a_signed_link_is_fetched_as_it_is_written(kind: Vendor, target: str) -> None:
    client = Client()
    async with SignedServer() as server:
        server.answers["/v1/videos/v/content"] = Answer(
            b'{"url": "%s"}' % server.link(target).encode(), headers={"content-type": "application/json"}
        )
        channel = Channel("c", server.url(""), api_key="k", allow_private=True)
        provider = HttpProvider(kind, client, HandClock(NOW))
        links = [server.link(target), *(["content:v"] if kind is OPENAI else [])]
        for link in links:
            output = UpstreamOutput(link)
            assert b"".join([chunk async for chunk in provider.collect(channel, output)]) == server.content
        assert server.refused == []
    await client.close()
