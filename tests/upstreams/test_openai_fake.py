"""The fake speaks the wire that it is there to stand for; checked with OpenAI's own client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import openai
import pytest
from openai import AsyncOpenAI

from tests.upstreams.openai_videos import API_KEY, FakeOpenAI, Fault

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API is scheduled:DeprecationWarning")
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
async def fake() -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI() as running:
        yield running


@pytest.fixture
async def client(fake: FakeOpenAI) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{fake.base_url}/v1", api_key=API_KEY, max_retries=0) as made:
        yield made


async def test_the_life_of_a_video(fake: FakeOpenAI, client: AsyncOpenAI) -> None:
    made = await client.videos.create(
        prompt="a fox",
        model="sora-2",
        seconds="8",
        size="1280x720",
        input_reference=("a.png", PNG, "image/png"),
        extra_headers={"idempotency-key": "mine"},
        extra_body={"nested": {"a": "1"}},
    )
    assert (made.status, made.progress, made.seconds, made.size) == ("queued", 0, "8", "1280x720")
    job = fake.jobs[made.id]
    assert job.fields == {"prompt": "a fox", "model": "sora-2", "seconds": "8", "size": "1280x720", "nested[a]": "1"}
    ((name, part),) = job.files
    assert (name, part.filename, part.content_type, part.content) == ("input_reference", "a.png", "image/png", PNG)
    fake.begin(progress=40)
    found = await client.videos.retrieve(made.id)
    assert (found.status, found.progress) == ("in_progress", 40)
    fake.finish()
    fake.fail()
    found = await client.videos.retrieve(made.id)
    assert (found.status, found.progress, found.error) == ("completed", 100, None)
    assert await (await client.videos.download_content(made.id)).aread() == fake.file
    remix = await client.videos.remix(made.id, prompt="a cat")
    assert remix.remixed_from_video_id == made.id
    assert [video.id async for video in client.videos.list(limit=1)] == [remix.id, made.id]
    assert (await client.videos.delete(made.id)).deleted
    with pytest.raises(openai.NotFoundError):
        await client.videos.retrieve(made.id)
    assert [model.id async for model in client.models.list()] == ["sora-2"]
    assert [entry.handle for entry in fake.entries("accepted")] == ["mine", None]


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"prompt": ""}, "missing_required_parameter", "prompt"),
        ({"seconds": "5"}, "invalid_value", "seconds"),
        ({"size": "1x1"}, "invalid_value", "size"),
        ({"model": "kling"}, "model_not_found", "model"),
        ({"input_reference": ("a.gif", b"GIF8", "image/gif")}, "invalid_value", "input_reference"),
    ],
)
async def test_documented_rules_are_kept(
    fake: FakeOpenAI, client: AsyncOpenAI, fields: dict[str, str], code: str, param: str
) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        await client.videos.create(**{"prompt": "a fox"} | fields)  # type: ignore[arg-type]
    assert (caught.value.code, caught.value.param) == (code, param)
    assert (fake.jobs, fake.count("refused")) == ({}, 1)


async def test_it_refuses_strangers_and_more_than_it_can_do(fake: FakeOpenAI, client: AsyncOpenAI) -> None:
    with pytest.raises(openai.AuthenticationError):
        await client.with_options(api_key="other").videos.create(prompt="a fox")
    fake.max_parallel = 1
    made = await client.videos.create(prompt="a fox")
    with pytest.raises(openai.RateLimitError) as caught:
        await client.videos.create(prompt="a fox")
    assert caught.value.response.headers["retry-after"] == "1"
    with pytest.raises(openai.NotFoundError):
        await client.videos.remix(made.id, prompt="of what is not done")
    with pytest.raises(openai.NotFoundError):
        await client.videos.download_content(made.id)


async def test_a_video_may_finish_by_itself(fake: FakeOpenAI, client: AsyncOpenAI) -> None:
    fake.autofinish(0.05)
    done = await client.videos.create_and_poll(prompt="a fox", poll_interval_ms=10)
    assert done.status == "completed"


async def test_one_request_may_make_two_videos_or_one_that_nobody_hears_of(
    fake: FakeOpenAI, client: AsyncOpenAI
) -> None:
    fake.faults += [Fault("create", "twice"), Fault("create", "drop", created=True)]
    await client.videos.create(prompt="a fox", extra_headers={"idempotency-key": "a"})
    with pytest.raises(openai.APIConnectionError):
        await client.videos.create(prompt="a fox", extra_headers={"idempotency-key": "b"})
    assert [entry.handle for entry in fake.entries("accepted")] == ["a", "a", "b"]
    assert [(entry.handle, entry.detail) for entry in fake.entries("dropped")] == [("b", "drop")]


@pytest.mark.parametrize(("kind", "made"), [("create", 0), ("accepted", 1)])
async def test_a_request_is_held_before_or_after_its_video_is_made(
    fake: FakeOpenAI, client: AsyncOpenAI, kind: str, made: int
) -> None:
    fake.hold(kind)
    create = asyncio.create_task(client.videos.create(prompt="a fox"))
    await fake.held(kind)
    assert (len(fake.jobs), create.done()) == (made, False)
    fake.release(kind)
    assert (await create).id in fake.jobs


async def test_an_honest_fake_tells_the_length_of_its_file() -> None:
    async with (
        FakeOpenAI(honest=True) as fake,
        AsyncOpenAI(base_url=f"{fake.base_url}/v1", api_key=API_KEY, max_retries=0) as client,
    ):
        made = await client.videos.create(prompt="a fox", model="sora-2", seconds="8")
        assert made.seconds == "8"
        fake.finish()
        assert (await client.videos.retrieve(made.id)).seconds == "1"
        assert fake.jobs[made.id].told_at is not None
        assert [fields["seconds"] for fields in fake.creates] == ["8"]
