"""The official client over the same house: what it sends is understood, what it gets back is enough for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import openai
import pytest

from telecine.dialects.openai import OPENAI
from telecine.nouns.request import GenerationRequest, MediaInput
from tests.dialects.house import House, picture

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API is scheduled:DeprecationWarning")


@pytest.fixture
def house() -> House:
    return House(OPENAI)


@pytest.fixture
async def videos(house: House) -> AsyncIterator[Any]:
    http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=house.app))
    client = openai.AsyncOpenAI(api_key="k", base_url="http://telecine.test/v1", http_client=http, max_retries=0)
    yield client.videos
    await client.close()


async def test_create_with_a_file_and_extras(house: House, videos: Any) -> None:
    content = picture()
    video = await videos.create(
        prompt="a cat",
        seconds="4",
        input_reference=("a.jpg", content, "image/jpeg"),
        extra_body={"watermark": True, "metadata": {"note": "x"}, "nested": {"b": [1, 2]}},
    )
    assert (video.status, video.seconds) == ("queued", "4")
    assert house.media.stored == [("input_reference", content)]
    found = house.request
    assert found.metadata == {"note": "x"}
    assert found.native is not None
    assert bytes(found.native.fields["nested"]) == b'{"b":["1","2"]}'


async def test_create_with_a_url(house: House, videos: Any) -> None:
    await videos.create(prompt="a", extra_body={"input_reference": {"image_url": "https://p.test/a.png"}})
    assert house.request.inputs == (MediaInput("first_frame", url="https://p.test/a.png"),)


async def test_retrieve_list_content_remix_and_delete(house: House, videos: Any) -> None:
    done = house.tasks.done(GenerationRequest(operation="text_to_video", model="sora-2", prompt="a"))
    found = await videos.retrieve(str(done.task.id))
    assert (found.status, found.model_extra["url"]) == ("completed", "https://media.test/0/file.mp4")
    assert (await videos.download_content(found.id, variant="thumbnail")).content == b"bytes"
    remix = await videos.remix(found.id, prompt="b")
    assert remix.remixed_from_video_id == found.id
    assert [video.id async for video in videos.list(limit=1)] == [remix.id, found.id]
    assert (await videos.delete(found.id)).deleted is True


async def test_errors_are_the_clients_own(videos: Any) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        await videos.retrieve("video_0000000000000")
    assert missing.value.code == "not_found"
    with pytest.raises(openai.BadRequestError) as bad:
        await videos.create(prompt="a", seconds="7")
    assert (bad.value.param, bad.value.type) == ("seconds", "invalid_request_error")
