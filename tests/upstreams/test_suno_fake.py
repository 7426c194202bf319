"""The fake Suno answers as new-api and Suno-API do, and goes wrong where it is told to."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import av
import msgspec
import pytest
from aiohttp import web
from PIL import Image

from telecine.wires.suno import SUCCESS, Lyrics, Task
from tests.upstreams.suno import API_KEY, FakeSuno, Fault

KEY = {"authorization": f"Bearer {API_KEY}"}
SONG = {"prompt": "[Verse] a boat", "title": "Boat", "tags": "folk", "mv": "chirp-v4"}


@pytest.fixture(params=[True, False], ids=["new-api", "Suno-API"])
async def fake(request: pytest.FixtureRequest) -> AsyncIterator[FakeSuno]:
    async with FakeSuno(relay=request.param) as one:
        yield one


async def call(fake: FakeSuno, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession(headers=headers or KEY) as session,
        session.request(method, fake.base_url + path, json=body) as answer,
    ):
        return answer.status, await answer.json()


async def submitted(fake: FakeSuno, body: dict[str, Any], action: str = "music") -> str:
    status, told = await call(fake, "POST", f"/suno/submit/{action}", body)
    assert (status, told["code"], told["message"]) == (200, SUCCESS, "")
    return str(told["data"])


async def fetched(fake: FakeSuno, *names: str) -> list[dict[str, Any]]:
    status, told = await call(fake, "POST", "/suno/fetch", {"ids": names})
    assert status == 200
    return list(told["data"])


async def test_a_song_comes_twice_with_its_tone_and_cover(fake: FakeSuno) -> None:
    name = await submitted(fake, SONG)
    (waiting,) = await fetched(fake, name)
    assert (waiting["action"], waiting["status"], waiting["finish_time"]) == ("MUSIC", "SUBMITTED", 0)
    fake.begin(name)
    (streaming,) = await fetched(fake, name)
    assert [clip["status"] for clip in streaming["data"]] == ["streaming", "streaming"]
    assert all("/live/" in clip["audio_url"] for clip in streaming["data"])
    fake.finish(name)
    _, told = await call(fake, "GET", f"/suno/fetch/{name}")
    task = msgspec.convert(told["data"], Task)
    assert task.status == "SUCCESS"
    clips = task.data
    assert isinstance(clips, list)
    assert [(one.title, one.status, one.metadata.duration) for one in clips] == [("Boat", "complete", 1.0)] * 2
    async with aiohttp.ClientSession() as session:
        async with session.get(clips[0].audio_url or "") as answer:
            with av.open(io.BytesIO(await answer.read()), "r") as sound:
                assert sound.duration is not None
                assert (answer.content_type, sound.format.name) == ("audio/mpeg", "mp3")
                assert abs(sound.duration / av.time_base - 1.0) < 0.1
        async with session.get(clips[1].image_url or "") as answer:
            assert Image.open(io.BytesIO(await answer.read())).format == "PNG"


async def test_lyrics(fake: FakeSuno) -> None:
    name = await submitted(fake, {"prompt": "a boat"}, "lyrics")
    fake.finish(name)
    (task,) = await fetched(fake, name)
    assert (task["action"], task["status"]) == ("LYRICS", "SUCCESS")
    assert "paper boat" in (msgspec.convert(task["data"], Lyrics).text or "")


async def test_many_are_fetched_at_once_and_what_is_unknown_is_left_out(fake: FakeSuno) -> None:
    one, two = await submitted(fake, SONG), await submitted(fake, SONG)
    assert [task["task_id"] for task in await fetched(fake, one, "nobody", two)] == [one, two]
    fake.hidden.add(one)
    assert [task["task_id"] for task in await fetched(fake, one, two)] == [two]
    status, told = await call(fake, "GET", "/suno/fetch/nobody")
    assert (status, told["code"]) == (400, "task_not_exist" if fake.relay else "invalid_request")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"prompt": "a", "mv": "v3"},
        {"prompt": "a", "continue_clip_id": "c", "continue_at": 3},
        {"prompt": "a", "continue_clip_id": "c", "continue_at": 3, "task_id": "t"},
    ],
)
async def test_what_it_refuses(fake: FakeSuno, body: dict[str, Any]) -> None:
    status, told = await call(fake, "POST", "/suno/submit/music", body)
    assert (status, told["code"], told["data"]) == (400, "invalid_request", None)
    assert fake.count("refused") == 1


async def test_a_song_goes_on_from_another(fake: FakeSuno) -> None:
    name = await submitted(fake, SONG)
    fake.finish()
    clip = fake.jobs[name].clips[1]
    more = await submitted(fake, {**SONG, "continue_clip_id": clip, "continue_at": 30.5, "task_id": name})
    fake.finish()
    (task,) = await fetched(fake, more)
    assert task["data"][0]["metadata"]["history"] == [{"id": clip, "continue_at": 30.5}]


async def test_a_wrong_key(fake: FakeSuno) -> None:
    status, told = await call(fake, "GET", "/suno/fetch/x", authorization="Bearer wrong")
    assert status == 401
    assert told["error"]["type"] == "new_api_error" if fake.relay else told["code"] == "invalid_request"


async def test_faults(fake: FakeSuno) -> None:
    fake.faults += [
        Fault("create", "refuse", code="quota_not_enough"),
        Fault("create", "html"),
        Fault("create", "drop", created=True),
        Fault("query", "word", message="UNKNOWN"),
        Fault("query", "html"),
        Fault("file", "status", status=502),
    ]
    status, told = await call(fake, "POST", "/suno/submit/music", SONG)
    assert (status, told["code"]) == (403, "quota_not_enough")
    with pytest.raises(aiohttp.ContentTypeError):
        await call(fake, "POST", "/suno/submit/music", SONG)
    with pytest.raises(aiohttp.ClientError):
        await call(fake, "POST", "/suno/submit/music", SONG)
    (name,) = fake.jobs
    fake.finish()
    assert [task["status"] for task in await fetched(fake, name)] == ["UNKNOWN"]
    with pytest.raises(aiohttp.ContentTypeError):
        await call(fake, "GET", f"/suno/fetch/{name}")
    (task,) = await fetched(fake, name)
    async with aiohttp.ClientSession() as session, session.get(task["data"][0]["audio_url"]) as answer:
        assert answer.status == 502
    assert [entry.kind for entry in fake.journal][:3] == ["refused", "dropped", "accepted"]


async def test_it_tells_of_the_end_where_it_was_asked_to(fake: FakeSuno) -> None:
    heard: asyncio.Queue[Any] = asyncio.Queue()

    async def hear(request: web.Request) -> web.Response:
        heard.put_nowait(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", hear)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        name = await submitted(fake, {**SONG, "notify_hook": url})
        fake.fail(name, "no more room")
        told = await asyncio.wait_for(heard.get(), 10)
        assert (told["task_id"], told["status"], told["fail_reason"]) == (name, "FAILURE", "no more room")
        await fake.noted("callback")
    finally:
        await runner.cleanup()
