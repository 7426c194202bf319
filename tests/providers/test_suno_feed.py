"""Suno in its other form, generate and feed, against a fake of a relay that passes it on and of SunoAI-API."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from telecine.net.client import Client
from telecine.nouns.billed import Billed
from telecine.nouns.errors import GatewayError
from telecine.nouns.parameters import MusicParameters
from telecine.nouns.request import GenerationRequest, Reference
from telecine.providers.base import Channel, Job, Source, Submission
from telecine.providers.http import FormedProvider
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
from telecine.providers.suno import SUNO, SunoOptions
from tests.clock import HandClock
from tests.providers.stand_ins import NOW, Shelf
from tests.upstreams.faults import Act
from tests.upstreams.files import Answer, FileServer
from tests.upstreams.suno import API_KEY, FOREVER, FakeSuno, Fault

MODEL = "chirp-v4"
FORM = SunoOptions(form="generate")
TWO = "c1,c2"


@pytest.fixture(params=[True, False], ids=["relay", "SunoAI-API"])
async def fake(request: pytest.FixtureRequest) -> AsyncIterator[FakeSuno]:
    async with FakeSuno(relay=request.param, videos=True) as running:
        yield running


@pytest.fixture
async def provider() -> AsyncIterator[FormedProvider]:
    client = Client()
    yield FormedProvider(SUNO, client, HandClock(NOW))
    await client.close()


@pytest.fixture
def channel(fake: FakeSuno) -> Channel:
    return Channel("suno-main", f"{fake.base_url}/suno", api_key=API_KEY, allow_private=True, options=FORM)


def song(prompt: str = "a paper boat", **fields: Any) -> GenerationRequest:
    return GenerationRequest(operation="music", model="public", prompt=prompt, count=2, **fields)


def submission(request: GenerationRequest | None = None, **fields: Any) -> Submission:
    told: dict[str, Any] = {"request": request or song(), "model": MODEL, "handle": "42", "callback_url": None}
    return Submission(**told | fields)


def job(name: str | None, operation: str = "music") -> Job:
    return Job(operation, MODEL, "42", name, NOW)


async def made(provider: FormedProvider, channel: Channel, request: GenerationRequest | None = None, **m: Any) -> str:
    outcome = await provider.submit(channel, submission(request, **m), Shelf())
    assert isinstance(outcome, Accepted), outcome
    return outcome.upstream_id


LA = MusicParameters(lyrics="la")


@pytest.mark.parametrize(
    ("request_", "source", "path", "body"),
    [
        (song(), None, "/suno/generate/description-mode", {"gpt_description_prompt": "a paper boat", "prompt": ""}),
        (song("", parameters=LA), None, "/suno/generate", {"prompt": "la", "title": "", "tags": ""}),
        (
            song("", parameters=MusicParameters(lyrics="la", title="T", style="folk", continue_at=30.0),
                 source=Reference(task=1, output=0)),
            Source("c0,c1", None, "c1"),
            "/suno/generate",
            {"prompt": "la", "title": "T", "tags": "folk", "continue_at": 30.0, "continue_clip_id": "c1"},
        ),
        (
            song("", parameters=MusicParameters(use="cover"), source=Reference(task=1, output=0)),
            Source("c0,c1", None, "c1"),
            "/suno/generate",
            {"prompt": "", "title": "", "tags": "", "task": "cover", "cover_clip_id": "c1"},
        ),
    ],
)  # fmt: skip
async def test_a_song_becomes(
    provider: FormedProvider, request_: GenerationRequest, source: Source | None, path: str, body: dict[str, Any]
) -> None:
    async with FileServer() as server:
        sent = submission(request_, source=source, callback_url="https://gate.example/c")
        await provider.submit(Channel("s", server.url(""), api_key="k", options=FORM), sent, Shelf())
        (asked,) = server.asked
    assert (asked.path, json.loads(asked.body)) == (path, {"mv": MODEL} | body)


async def test_two_songs_with_all_that_goes_with_them(
    provider: FormedProvider, fake: FakeSuno, channel: Channel
) -> None:
    name = await made(provider, channel)
    (there,) = fake.jobs.values()
    assert name == ",".join(sorted(there.clips))
    assert await provider.poll(channel, job(name)) == Running(None, started=False)
    fake.begin()
    assert await provider.poll(channel, job(name)) == Running(None)
    fake.finish()
    outcome = await provider.poll(channel, job(name))
    assert isinstance(outcome, Succeeded)
    parts = ["main", "cover", "video", "lyrics"]
    assert [(one.item, one.part) for one in outcome.outputs] == [(item, part) for item in (0, 1) for part in parts]
    assert {one.upstream_id for one in outcome.outputs if one.part == "main"} == set(there.clips)
    assert outcome.usage.seconds == 2.0
    assert provider.check(song(), MODEL, channel) == Billed(count=2)


async def test_a_clip_goes_on_and_is_put_together(provider: FormedProvider, fake: FakeSuno, channel: Channel) -> None:
    first = await made(provider, channel)
    fake.finish()
    clip = first.partition(",")[0]
    more = song("", parameters=MusicParameters(lyrics="la", continue_at=0.5), source=Reference(task=1, output=1))
    second = await made(provider, channel, more, source=Source(first, None, clip))
    fake.finish()
    whole = GenerationRequest(operation="suno:concat", model="m", source=Reference(task=2, output=0))
    third = await made(provider, channel, whole, source=Source(second, None, second.partition(",")[0]))
    fake.finish()
    outcome = await provider.poll(channel, job(third, "suno:concat"))
    assert isinstance(outcome, Succeeded)
    assert [one.upstream_id for one in outcome.outputs if one.part == "main"] == [third]
    with pytest.raises(GatewayError) as caught:
        await provider.submit(channel, submission(whole, source=Source(second, None, None)), Shelf())
    assert caught.value.param == "source"


async def test_lyrics(provider: FormedProvider, fake: FakeSuno, channel: Channel) -> None:
    name = await made(provider, channel, GenerationRequest(operation="lyrics", model="suno_lyrics", prompt="a boat"))
    if fake.relay:
        assert isinstance(await provider.poll(channel, job(name, "lyrics")), Running)
    fake.finish()
    outcome = await provider.poll(channel, job(name, "lyrics"))
    assert isinstance(outcome, Succeeded)
    assert [(one.kind, (one.text or "")[:7]) for one in outcome.outputs] == [("text", "[Verse]")]
    assert await provider.poll(channel, job("nobody", "lyrics")) == (
        NotFound() if fake.relay else Unreadable("HTTP 500")
    )


CLIPS = [{"id": name, "status": "complete", "audio_url": "https://a.test/a.mp3"} for name in ("c2", "c1")]


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        (CLIPS, Succeeded),
        ([CLIPS[0], CLIPS[1] | {"status": "error", "metadata": {"error_message": "no"}}], Succeeded),
        ([one | {"status": "error", "metadata": {"error_message": "no luck"}} for one in CLIPS], Failed),
        ([CLIPS[0], CLIPS[1] | {"status": "streaming"}], Running),
        ([], NotFound),
        (CLIPS[:1], Unreadable),
        ([CLIPS[0], CLIPS[1] | {"status": "dreamt"}], Unreadable),
        ([CLIPS[0], CLIPS[1] | {"status": None}], Unreadable),
        ([CLIPS[0], CLIPS[1] | {"audio_url": ""}], Unreadable),
        ([*CLIPS, {"id": 7}], Unreadable),
        ({"detail": "x"}, Unreadable),
        ("c1", Unreadable),
        (None, Unreadable),
    ],
)
async def test_what_a_feed_says(provider: FormedProvider, told: Any, verdict: type) -> None:
    async with FileServer() as server:
        content = json.dumps(told).encode()
        server.answers[f"/suno/feed/{TWO}"] = Answer(content, headers={"content-type": "application/json"})
        outcome = await provider.poll(Channel("s", server.url(""), options=FORM), job(TWO))
    assert isinstance(outcome, verdict), outcome
    if isinstance(outcome, Failed):
        assert outcome.error.message == "no luck"


async def test_absence_faults_and_refusals(provider: FormedProvider, fake: FakeSuno, channel: Channel) -> None:
    name = await made(provider, channel)
    assert await provider.poll(channel, job("never,made")) == NotFound()
    acts: tuple[Act, ...] = ("html", "broken", "drop", "word")
    for act in acts:
        fake.faults.append(Fault("query", act, times=FOREVER, message="DREAMT"))
        assert isinstance(await provider.poll(channel, job(name)), Unreadable)
        fake.faults.clear()
    for act in acts[:3]:
        fake.faults.append(Fault("create", act, created=True))
        assert isinstance(await provider.submit(channel, submission(), Shelf()), Unknown)
    fake.max_parallel = 0
    outcome = await provider.submit(channel, submission(), Shelf())
    if not fake.relay:  # HTTP 500, whatever is wrong
        assert isinstance(outcome, Unknown)
        return
    assert isinstance(outcome, Refused)
    assert (outcome.capacity, outcome.retry_after) == (True, 1.0)
    fake.max_parallel = None
    fake.faults.append(Fault("create", "refuse", code="quota_not_enough"))
    outcome = await provider.submit(channel, submission(), Shelf())
    assert isinstance(outcome, Refused)
    assert outcome.elsewhere


async def test_what_it_cannot_do_and_a_ping(provider: FormedProvider, fake: FakeSuno, channel: Channel) -> None:
    assert isinstance(await provider.look_up(channel, job("t")), Unreadable)
    assert await provider.cancel(channel, job("t")) == NotCancellable()
    assert await provider.poll_many(channel, [job(TWO)]) == {}
    assert not provider.read_callback(channel, {}, b"{}")
    assert (await provider.ping(channel)) == "HTTP 200"
    assert provider.traits_of("music", "m", channel).listed is False
    assert provider.traits_of("music", "m", Channel("s", "http://s.test")).listed is True, "the usual form has lists"
