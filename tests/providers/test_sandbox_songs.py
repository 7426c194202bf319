"""The sandbox's songs and words: two real MP3s of the right length, with their covers and what is sung."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import av
import pytest
from msgspec.structs import replace
from PIL import Image

from telecine.nouns.errors import GatewayError
from telecine.nouns.parameters import MusicParameters
from telecine.nouns.request import GenerationRequest, Reference
from telecine.nouns.task import MAIN, Usage
from telecine.providers.base import Channel, Job, Source, Submission
from telecine.providers.outcomes import Accepted, Failed, Refused, Running, Succeeded
from telecine.providers.sandbox.provider import SandboxProvider
from telecine.wires.suno import Clip, Lyrics
from telecine.workers import Workers
from tests.clock import HandClock
from tests.providers.stand_ins import Shelf

SONG = GenerationRequest("music", "some-music", "a paper boat that finds the sea", duration=3.0)
WORDS = GenerationRequest("lyrics", "some-words", "a paper boat")
CHANNEL = Channel("sandbox", "")


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[SandboxProvider]:
    workers = Workers(1)
    provider = SandboxProvider(tmp_path / "sandbox", HandClock(), workers)
    yield provider
    await provider.close()
    await workers.close()


async def made(sandbox: SandboxProvider, request: GenerationRequest) -> Succeeded | Failed:
    submission = Submission(request, request.model, "7", None)
    assert await sandbox.submit(CHANNEL, submission, Shelf()) == Accepted("7")
    job = Job(request.operation, request.model, "7", "7", 0.0)
    for _ in range(1000):
        outcome = await sandbox.poll(CHANNEL, job)
        if isinstance(outcome, Succeeded | Failed):
            return outcome
        assert isinstance(outcome, Running)
        await asyncio.sleep(0.02)
    raise AssertionError("it never ended")


async def content(sandbox: SandboxProvider, outcome: Succeeded, index: int) -> bytes:
    return b"".join([part async for part in sandbox.collect(CHANNEL, outcome.outputs[index])])


async def test_a_song_comes_twice_with_its_cover_and_words(sandbox: SandboxProvider) -> None:
    outcome = await made(sandbox, SONG)
    assert isinstance(outcome, Succeeded)
    told = [(one.item, one.part, one.kind) for one in outcome.outputs]
    parts = [(MAIN, "audio"), ("cover", "image"), ("lyrics", "text")]
    assert told == [(item, *part) for item in (0, 1) for part in parts]
    songs = [await content(sandbox, outcome, index) for index in (0, 3)]
    assert songs[0] != songs[1]
    for song in songs:
        with av.open(io.BytesIO(song), "r") as sound:
            (stream,) = sound.streams.audio
            assert (sound.format.name, stream.codec_context.name) == ("mp3", "mp3float")
            assert (sound.duration or 0) / av.time_base == pytest.approx(3.0, abs=0.06)
            samples = b"".join(bytes(frame.planes[0]) for frame in sound.decode(stream))
            assert len(set(samples)) > 100, "it can be heard"
    for index in (1, 4):
        with Image.open(io.BytesIO(await content(sandbox, outcome, index))) as cover:
            assert (cover.format, cover.size) == ("PNG", (512, 512))
    assert "paper boat" in (outcome.outputs[2].text or "")
    assert (outcome.usage.seconds, outcome.usage.images) == (6.0, None)
    facts = outcome.outputs[0].facts
    clip = facts.read("suno", Clip) if facts is not None else None
    assert clip is not None
    assert clip.title == "A Paper Boat That Finds The"
    assert clip.metadata.tags


async def test_what_is_said_of_a_song_is_kept(sandbox: SandboxProvider) -> None:
    said = MusicParameters(lyrics="la la la", title="Boat", style="folk", continue_at=12.0)
    outcome = await made(
        sandbox, replace(SONG, prompt="", count=2, parameters=said, source=Reference(task=1, output=1))
    )
    assert isinstance(outcome, Succeeded)
    assert [one.text for one in outcome.outputs if one.part == "lyrics"] == ["la la la", "la la la"]
    with av.open(io.BytesIO(await content(sandbox, outcome, 0)), "r") as sound:
        assert (sound.metadata["title"], sound.metadata["genre"]) == ("Boat", "folk")


async def test_nobody_sings_where_it_is_to_be_instrumental(sandbox: SandboxProvider) -> None:
    outcome = await made(sandbox, replace(SONG, parameters=MusicParameters(instrumental=True)))
    assert isinstance(outcome, Succeeded)
    assert [one.part for one in outcome.outputs] == [MAIN, "cover"] * 2


async def test_words_alone(sandbox: SandboxProvider) -> None:
    outcome = await made(sandbox, WORDS)
    assert isinstance(outcome, Succeeded)
    (words,) = outcome.outputs
    assert (words.kind, words.part, words.url) == ("text", MAIN, "")
    assert "[Chorus]" in (words.text or "")
    facts = words.facts.read("suno", Lyrics) if words.facts is not None else None
    assert facts is not None
    assert facts.title == "A Paper Boat"
    assert outcome.usage == Usage(compute_seconds=0.0)


@pytest.mark.parametrize("sung", [True, False])
async def test_songs_obey_directives_too(sandbox: SandboxProvider, sung: bool) -> None:
    order = "la [[fail:content_policy]] la"
    changes = {"prompt": "", "parameters": MusicParameters(lyrics=order)} if sung else {"prompt": order}
    outcome = await made(sandbox, replace(SONG, **changes))
    assert isinstance(outcome, Failed)
    assert outcome.error.code == "content_policy"
    changes = {"prompt": "", "parameters": MusicParameters(lyrics="[[refuse:capacity]]")}
    refused = await sandbox.submit(CHANNEL, Submission(replace(SONG, **changes), "m", "8", None), Shelf())
    assert isinstance(refused, Refused)
    assert refused.capacity


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (replace(SONG, duration=481.0), "duration"),
        (replace(SONG, count=17), "count"),
        (replace(SONG, size="1x1"), "size"),
        (replace(WORDS, count=2), "count"),
        (replace(WORDS, duration=4.0), "duration"),
    ],
)
def test_what_makes_no_song_is_refused(sandbox: SandboxProvider, request_: GenerationRequest, param: str) -> None:
    with pytest.raises(GatewayError) as caught:
        sandbox.check(request_, request_.model)
    assert caught.value.param == param


def test_a_song_is_as_long_as_its_model_makes_them(sandbox: SandboxProvider) -> None:
    assert sandbox.check(replace(SONG, model="chirp-v4", duration=None), "chirp-v4").duration == 120.0
    assert sandbox.check(SONG, "some-music").duration == 3.0
    assert sandbox.check(WORDS, "some-words").duration is None


async def test_a_song_that_went_on_is_put_together(sandbox: SandboxProvider) -> None:
    """As long as both parts, with the words and the title of what went on; what goes on from nothing cannot be."""

    async def asked(request: GenerationRequest, handle: str, source: str | None = None) -> Refused | Succeeded | Failed:
        known = Source(source) if source is not None else None
        outcome = await sandbox.submit(CHANNEL, Submission(request, "m", handle, None, source=known), Shelf())
        if isinstance(outcome, Refused):
            return outcome
        for _ in range(1000):
            found = await sandbox.poll(CHANNEL, Job(request.operation, "m", handle, handle, 0.0))
            if isinstance(found, Succeeded | Failed):
                return found
            await asyncio.sleep(0.02)
        raise AssertionError("it never ended")

    more = replace(SONG, parameters=MusicParameters(title="Boat", continue_at=2.0), source=Reference(task=1, output=0))
    whole = GenerationRequest("suno:concat", "some-music", source=Reference(task=2, output=0))
    assert sandbox.check(whole, "m").count == 1
    await asked(SONG, "1")
    await asked(more, "2", "1")
    made = await asked(whole, "3", "2")
    assert isinstance(made, Succeeded)
    assert [one.item for one in made.outputs if one.part == MAIN] == [0]
    assert made.usage.seconds == 5.0
    with av.open(io.BytesIO(await content(sandbox, made, 0)), "r") as sound:
        assert (sound.duration or 0) / av.time_base == pytest.approx(5.0, abs=0.06)
        assert sound.metadata["title"] == "Boat"
    for source in ("1", "nobody"):
        refused = await asked(whole, f"after {source}", source)
        assert isinstance(refused, Refused)
        assert refused.error.param == "source"
