"""Suno at new-api and at Suno-API: what is sent, what is believed, and what comes of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from telecine.net.client import Client
from telecine.nouns.billed import Billed
from telecine.nouns.errors import GatewayError
from telecine.nouns.parameters import MusicParameters
from telecine.nouns.request import GenerationRequest, MediaInput, Native, Reference
from telecine.providers.base import Channel, Job, Source, Submission
from telecine.providers.http import HttpProvider
from telecine.providers.outcomes import (
    Accepted,
    Failed,
    NotCancellable,
    NotFound,
    Refused,
    Running,
    Succeeded,
    Unknown,
    Unreadable,
)
from telecine.providers.suno import SUNO
from telecine.wires.suno import Clip, Lyrics
from tests.clock import HandClock
from tests.providers.stand_ins import NOW, Shelf
from tests.upstreams.faults import Act
from tests.upstreams.files import Answer, FileServer
from tests.upstreams.suno import API_KEY, FOREVER, FakeSuno, Fault

MODEL = "chirp-v4"


@pytest.fixture(params=[True, False], ids=["new-api", "Suno-API"])
async def fake(request: pytest.FixtureRequest) -> AsyncIterator[FakeSuno]:
    async with FakeSuno(relay=request.param, videos=True) as running:
        yield running


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOW)


@pytest.fixture
async def provider(clock: HandClock) -> AsyncIterator[HttpProvider]:
    client = Client()
    yield HttpProvider(SUNO, client, clock)
    await client.close()


@pytest.fixture(params=["", "/suno"])
def channel(request: pytest.FixtureRequest, fake: FakeSuno) -> Channel:
    return Channel("suno-main", fake.base_url + request.param, api_key=API_KEY, allow_private=True)


def song(prompt: str = "a paper boat", **fields: Any) -> GenerationRequest:
    return GenerationRequest(operation="music", model="public", prompt=prompt, count=2, **fields)


def joined(**fields: Any) -> GenerationRequest:
    """A clip with all that came before it."""
    told: dict[str, Any] = {"source": Reference(task=1, output=0), **fields}
    return GenerationRequest(operation="suno:concat", model="public", **told)


def submission(request: GenerationRequest | None = None, **fields: Any) -> Submission:
    told: dict[str, Any] = {"request": request or song(), "model": MODEL, "handle": "42", "callback_url": None}
    return Submission(**told | fields)


def job(name: str | None, operation: str = "music", handle: str = "42") -> Job:
    return Job(operation, MODEL, handle, name, NOW)


async def made(provider: HttpProvider, channel: Channel, request: GenerationRequest | None = None, **more: Any) -> str:
    outcome = await provider.submit(channel, submission(request, **more), Shelf())
    assert isinstance(outcome, Accepted)
    return outcome.upstream_id


WORDS = MusicParameters(lyrics="[Verse] a boat", title="Boat", style="folk", negative_style="metal", voice="f")
WEIGHTS = MusicParameters(lyrics="la", style_weight=0.5, weirdness=0.1, audio_weight=0.2, continue_at=0.0)
NATIVE = Native("suno", {"generation_type": msgspec.Raw(b'"TEXT"'), "mv": msgspec.Raw(b'"chirp-fenix"')})


@pytest.mark.parametrize(
    ("request_", "source", "body"),
    [
        (song(), None, {"gpt_description_prompt": "a paper boat"}),
        (song("", parameters=MusicParameters(instrumental=True)), None, {"make_instrumental": True}),
        (
            song("", parameters=WORDS),
            None,
            {
                "prompt": "[Verse] a boat",
                "title": "Boat",
                "tags": "folk",
                "negative_tags": "metal",
                "vocal_gender": "f",
            },
        ),
        (
            song("", parameters=WEIGHTS),
            None,
            {"prompt": "la", "style_weight": 0.5, "weirdness_constraint": 0.1, "audio_weight": 0.2, "continue_at": 0.0},
        ),
        (
            song("", parameters=MusicParameters(lyrics="la", continue_at=30.5), source=Reference(task=1, output=0)),
            Source("task-1", None, "clip-1"),
            {"prompt": "la", "continue_at": 30.5, "continue_clip_id": "clip-1", "task_id": "task-1"},
        ),
        (
            song("", parameters=MusicParameters(use="cover", style="metal"), source=Reference(task=1, output=0)),
            Source("task-1", None, "clip-1"),
            {"task": "cover", "tags": "metal", "cover_clip_id": "clip-1", "task_id": "task-1"},
        ),
        (
            song("", parameters=MusicParameters(lyrics="la", persona="p"), source=Reference(task=1, output=0)),
            Source("task-1", None, "clip-1"),
            {
                "prompt": "la",
                "persona_id": "p",
                "task": "artist_consistency",
                "artist_clip_id": "clip-1",
                "task_id": "task-1",
            },
        ),
        (song(native=NATIVE), None, {"gpt_description_prompt": "a paper boat", "generation_type": "TEXT"}),
        (song(seed=7), None, {"gpt_description_prompt": "a paper boat"}),
    ],
)
async def test_a_song_becomes(
    provider: HttpProvider, request_: GenerationRequest, source: Source | None, body: dict[str, Any]
) -> None:
    async with FileServer() as server:
        sent = submission(request_, source=source, callback_url="https://gate.example/c")
        await provider.submit(Channel("s", server.url("/suno/"), api_key="k"), sent, Shelf())
        (asked,) = server.asked
    assert asked.path == "/suno/submit/music"
    assert json.loads(asked.body) == {"mv": MODEL, "notify_hook": "https://gate.example/c"} | body


@pytest.mark.parametrize(
    ("request_", "code", "param"),
    [
        (song(""), "invalid_request", "prompt"),
        (song(parameters=MusicParameters(lyrics="la")), "invalid_request", "prompt"),
        (song(source=Reference(task=1, output=0)), "invalid_request", "prompt"),
        (song("", parameters=WORDS, source=Reference(task=1)), "invalid_request", "source"),
        (song("", parameters=MusicParameters(use="cover")), "invalid_request", "parameters.use"),
        (song("", parameters=MusicParameters(lyrics="la", infill=True)), "unsupported_parameter", "parameters.infill"),
        (
            song("", parameters=MusicParameters(lyrics="la", use="artist_consistency")),
            "invalid_request",
            "parameters.persona",
        ),
        (joined(count=2), "invalid_request", "count"),
        (joined(source=Reference(task=1)), "invalid_request", "source"),
        (joined(parameters=MusicParameters(title="x")), "unsupported_parameter", "parameters.title"),
        (msgspec.structs.replace(song(), count=3), "invalid_request", "count"),
        (song(duration=30.0), "unsupported_parameter", "duration"),
        (song(inputs=(MediaInput("audio", url="https://a.test/a.mp3"),)), "unsupported_parameter", "inputs.audio"),
        (song(native=Native("kling", {"x": msgspec.Raw(b"1")})), "unsupported_parameter", "x"),
        (song(native=Native("suno", {"MV": msgspec.Raw(b"1")})), "unsupported_parameter", "MV"),
        (GenerationRequest(operation="text_to_video", model="m", prompt="p"), "unsupported_parameter", "operation"),
        (GenerationRequest(operation="lyrics", model="m", prompt=" "), "invalid_request", "prompt"),
    ],
)
def test_what_suno_cannot_express_is_refused_by_name(
    provider: HttpProvider, request_: GenerationRequest, code: str, param: str
) -> None:
    with pytest.raises(GatewayError) as caught:
        provider.check(request_, MODEL)
    assert (caught.value.code, caught.value.param) == (code, param)


def test_a_song_is_billed_as_two_however_many_are_asked_for(provider: HttpProvider) -> None:
    one = provider.check(msgspec.structs.replace(song(), count=1), MODEL)
    assert one == provider.check(song(), MODEL) == Billed(count=2)


async def test_two_songs_with_all_that_goes_with_them(provider: HttpProvider, fake: FakeSuno, channel: Channel) -> None:
    name = await made(provider, channel)
    assert await provider.poll(channel, job(name)) == Running(0 if fake.relay else None, started=False)
    fake.begin()
    assert await provider.poll(channel, job(name)) == Running(30 if fake.relay else None)
    fake.finish()
    outcome = await provider.poll(channel, job(name))
    assert isinstance(outcome, Succeeded)
    parts = ["main", "cover", "video", "lyrics"]
    assert [(one.item, one.part) for one in outcome.outputs] == [(item, part) for item in (0, 1) for part in parts]
    assert [one.kind for one in outcome.outputs[:4]] == ["audio", "image", "video", "text"]
    assert [one.upstream_id for one in outcome.outputs if one.part == "main"] == list(fake.jobs[name].clips)
    assert outcome.outputs[3].text == "[Verse]\nA paper boat goes down the stair\n[Chorus]\nAnd nobody is there"
    assert outcome.usage.seconds == 2.0
    assert outcome.outputs[0].expires_at is not None
    facts = outcome.outputs[0].facts
    clip = facts.read("suno", Clip) if facts is not None else None
    assert clip is not None
    assert clip.metadata is not None
    assert (clip.title, clip.metadata.tags, clip.metadata.duration) == ("Paper Boat", "folk, slow", 1.0)
    assert fake.base_url.encode() not in bytes(facts.raw if facts else b""), "an upstream's links are nobody's business"
    files = [one for one in outcome.outputs if one.url]
    content = [b"".join([chunk async for chunk in provider.collect(channel, one)]) for one in files]
    assert [one[:4] for one in content[1:3]] == [b"\x89PNG", content[2][:4]]
    assert content[0][:1] in (b"\xff", b"I")


async def test_a_clip_of_ones_own_goes_on(provider: HttpProvider, fake: FakeSuno, channel: Channel) -> None:
    first = await made(provider, channel)
    fake.finish()
    clip = fake.jobs[first].clips[1]
    request = song("", parameters=MusicParameters(lyrics="la", continue_at=0.5), source=Reference(task=1, output=1))
    second = await made(provider, channel, request, source=Source(first, None, clip))
    assert fake.jobs[second].body["continue_clip_id"] == clip
    unknown = await provider.submit(channel, submission(request, source=Source(first, None, "other")), Shelf())
    assert isinstance(unknown, Refused)
    assert unknown.error.code == "invalid_request"


@pytest.mark.parametrize("infill", [None, True])
async def test_a_song_is_put_together(
    provider: HttpProvider, fake: FakeSuno, channel: Channel, infill: bool | None
) -> None:
    first = await made(provider, channel)
    fake.finish()
    clip = fake.jobs[first].clips[0]
    request = joined(parameters=MusicParameters(infill=infill))
    assert provider.check(request, MODEL) == Billed(count=1)
    second = await made(provider, channel, request, source=Source(first, None, clip))
    assert fake.jobs[second].body == {"clip_id": clip, "is_infill": infill is True}
    fake.finish()
    outcome = await provider.poll(channel, job(second, "suno:concat"))
    assert isinstance(outcome, Succeeded)
    assert [one.item for one in outcome.outputs if one.part == "main"] == [0]


@pytest.mark.parametrize("source", [None, Source("task-1"), Source("task-1", None, None)])
async def test_what_is_no_clip_there_does_not_become_a_song_of_its_own(
    provider: HttpProvider, fake: FakeSuno, channel: Channel, source: Source | None
) -> None:
    """A cover, or what was made elsewhere: sent without it, the upstream would make and bill another song."""
    request = song("", parameters=MusicParameters(lyrics="la"), source=Reference(task=1, output=1))
    with pytest.raises(GatewayError) as caught:
        await provider.submit(channel, submission(request, source=source), Shelf())
    assert (caught.value.code, caught.value.param, fake.jobs) == ("invalid_request", "source", {})


async def test_lyrics(provider: HttpProvider, fake: FakeSuno, channel: Channel) -> None:
    asked = GenerationRequest(operation="lyrics", model="suno_lyrics", prompt="a boat")
    name = await made(provider, channel, asked)
    fake.finish()
    outcome = await provider.poll(channel, job(name, "lyrics"))
    assert isinstance(outcome, Succeeded)
    (made_,) = outcome.outputs
    assert (made_.kind, made_.part, (made_.text or "")[:7]) == ("text", "main", "[Verse]")
    told = made_.facts.read("suno", Lyrics) if made_.facts is not None else None
    assert told is not None
    assert told.title == "Paper Boat"
    assert provider.traits_of("lyrics", "m").submit_timeout == 120.0
    assert provider.traits_of("music", "m").submit_timeout == 60.0


async def test_all_jobs_are_one_question(provider: HttpProvider, fake: FakeSuno, channel: Channel) -> None:
    names = [await made(provider, channel) for _ in range(4)]
    fake.begin(names[1])
    fake.finish(names[2])
    fake.fail(names[3], "the words are against our content policy")
    jobs = [job(name, handle=str(number)) for number, name in enumerate(names)]
    found = dict(await provider.poll_many(channel, jobs))
    assert [type(found[str(number)]) for number in range(4)] == [Running, Running, Succeeded, Failed]
    assert found == {one.handle: await provider.poll(channel, one) for one in jobs}
    assert isinstance(found["3"], Failed)
    assert found["3"].error.code == "content_policy"
    assert len(fake.fetched) == 1
    fake.hidden.add(names[0])
    assert "0" not in await provider.poll_many(channel, jobs), "what is left out has no verdict"


@pytest.mark.parametrize("clips", [[("error", "no luck")] * 2, [("error", None), ("complete", None)]])
async def test_a_song_that_failed_is_none(provider: HttpProvider, clips: list[tuple[str, str | None]]) -> None:
    data = [
        {"id": f"c{n}", "status": status, "audio_url": "https://a.test/a.mp3", "metadata": {"error_message": reason}}
        for n, (status, reason) in enumerate(clips)
    ]
    outcome = await answered(provider, {"task_id": "t", "action": "MUSIC", "status": "SUCCESS", "data": data})
    if clips[1][0] == "complete":
        assert isinstance(outcome, Succeeded)
        assert [one.upstream_id for one in outcome.outputs] == ["c1"]
    else:
        assert isinstance(outcome, Failed)
        assert outcome.error.message == "no luck"


@pytest.mark.parametrize(
    "told",
    [
        {"task_id": "t", "action": "MUSIC", "status": "UNKNOWN"},
        {"task_id": "t", "action": "MUSIC", "status": "SUCCESS", "data": [{"status": "complete"}]},
        {"task_id": "t", "action": "MUSIC", "status": "SUCCESS", "data": []},
        {"task_id": "t", "action": "LYRICS", "status": "SUCCESS", "data": {"text": ""}},
        {"task_id": "t", "action": "MUSIC"},
        "t",
        None,
    ],
)
async def test_what_gives_no_verdict_is_unreadable(provider: HttpProvider, told: Any) -> None:
    assert isinstance(await answered(provider, told), Unreadable)


async def answered(provider: HttpProvider, told: Any) -> Any:
    async with FileServer() as server:
        body = msgspec.json.encode({"code": "success", "message": "", "data": told})
        server.answers["/suno/fetch/t"] = Answer(body, headers={"content-type": "application/json"})
        return await provider.poll(Channel("s", server.url("")), job("t"))


async def test_what_was_made_may_come_alone(provider: HttpProvider) -> None:
    async with FakeSuno(relay=False, bare=True) as fake:
        channel = Channel("s", fake.base_url, api_key=API_KEY)
        name = await made(provider, channel)
        fake.begin()
        assert isinstance(await provider.poll(channel, job(name)), Running)
        fake.finish()
        outcome = await provider.poll(channel, job(name))
        assert isinstance(outcome, Succeeded)
        assert [one.item for one in outcome.outputs if one.part == "main"] == [0, 1]


async def test_absence_faults_and_refusals(provider: HttpProvider, fake: FakeSuno, channel: Channel) -> None:
    assert await provider.poll(channel, job("never-made")) == NotFound()
    name = await made(provider, channel)
    acts: tuple[Act, ...] = ("html", "broken", "drop", "word")
    for act in acts:
        fake.faults.append(Fault("query", act, times=FOREVER, message="DREAMT"))
        assert isinstance(await provider.poll(channel, job(name)), Unreadable)
        fake.faults.clear()
    for act in acts[:3]:
        fake.faults.append(Fault("create", act, created=True))
        assert isinstance(await provider.submit(channel, submission(), Shelf()), Unknown)
    fake.faults.append(Fault("create", "refuse", code="quota_not_enough"))
    outcome = await provider.submit(channel, submission(), Shelf())
    assert isinstance(outcome, Refused)
    assert (outcome.error.code, outcome.elsewhere) == ("upstream_refused", True)
    fake.max_parallel = 0
    outcome = await provider.submit(channel, submission(), Shelf())
    assert isinstance(outcome, Refused)
    assert (outcome.capacity, outcome.retry_after) == (True, 1.0)


async def test_what_it_cannot_do_and_a_ping(provider: HttpProvider, fake: FakeSuno, channel: Channel) -> None:
    assert isinstance(await provider.look_up(channel, job("t")), Unreadable)
    assert await provider.cancel(channel, job("t")) == NotCancellable()
    assert isinstance(await provider.report(channel), Unreadable)
    assert provider.read_callback(channel, {}, b"{}"), "its address is a secret, and it only wakes"
    assert (await provider.ping(channel)).endswith("no such task")
    with pytest.raises(GatewayError) as caught:
        await provider.ping(msgspec.structs.replace(channel, api_key="wrong"))
    assert caught.value.code == "authentication"
