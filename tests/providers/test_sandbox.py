"""The sandbox: what it renders is real, what it is told in the prompt happens, and a restart loses nothing."""

from __future__ import annotations

import asyncio
import io
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import msgspec
import pytest
from av.video.stream import VideoStream
from msgspec.structs import replace
from PIL import Image, ImageChops, ImageStat

from telecine.net.client import FetchError
from telecine.nouns.errors import GatewayError
from telecine.nouns.parameters import CameraMove, ImageParameters, Shot, VideoParameters
from telecine.nouns.request import GenerationRequest, MediaInput, Native, Reference
from telecine.nouns.task import Tokens, Usage
from telecine.providers.base import Channel, Job, Provider, Submission
from telecine.providers.outcomes import (
    Accepted,
    Cancelled,
    Failed,
    Found,
    Lost,
    NeverSent,
    NotCancellable,
    NotFound,
    PollOutcome,
    Refused,
    Running,
    Succeeded,
    Unreadable,
    UpstreamOutput,
)
from telecine.providers.sandbox import directives, lettering, render, storyboard
from telecine.providers.sandbox.clip import TimeCode
from telecine.providers.sandbox.jobs import SandboxJob
from telecine.providers.sandbox.provider import SandboxProvider
from telecine.workers import Workers
from tests.clock import HandClock
from tests.providers import stand_ins
from tests.ticks import ROUNDS, Ticks

GONE = Lost("its file is gone", unbilled=True)
CHANNEL = Channel("sandbox", "")
CHINESE = "黄昏的码头，一位老船长望着远方的灯塔。"
VIDEO = GenerationRequest("text_to_video", "some-video", CHINESE, size="320x180", duration=1)
IMAGE = GenerationRequest("text_to_image", "some-image", CHINESE, size="320x180")
PICTURE = MediaInput("first_frame", object_key="a1/in/1.png")


class Shelf(stand_ins.Shelf):
    """Always has the same file."""

    def __init__(self, content: bytes = b"") -> None:
        super().__init__()
        self.content = content

    async def read(self, item: MediaInput, limit: int) -> bytes:
        if len(self.content) > limit:
            raise GatewayError("too_large", "too large", param="inputs")
        return self.content


@pytest.fixture
async def workers() -> AsyncIterator[Workers]:
    pool = Workers(1)
    yield pool
    await pool.close()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def sandbox(tmp_path: Path, clock: HandClock, workers: Workers) -> AsyncIterator[SandboxProvider]:
    provider = SandboxProvider(tmp_path / "sandbox", clock, workers)
    yield provider
    await provider.close()


def job_of(handle: str) -> Job:
    return Job("text_to_video", "some-model", handle, handle, 0.0)


async def submit(sandbox: SandboxProvider, request: GenerationRequest, handle: str = "7", content: bytes = b"") -> str:
    submission = Submission(request, request.model, handle, None)
    assert await sandbox.prepare(CHANNEL, submission, Shelf(content)) is None
    assert await sandbox.submit(CHANNEL, submission, Shelf(content)) == Accepted(handle)
    return handle


async def poll(sandbox: SandboxProvider, handle: str) -> PollOutcome:
    return await sandbox.poll(CHANNEL, job_of(handle))


async def finished(sandbox: SandboxProvider, handle: str) -> PollOutcome:
    """The first outcome that is not Running."""
    for _ in range(1000):
        outcome = await poll(sandbox, handle)
        if not isinstance(outcome, Running):
            return outcome
        await asyncio.sleep(0.02)
    raise AssertionError("it never ended")


async def files(sandbox: SandboxProvider, handle: str) -> list[bytes]:
    outcome = await finished(sandbox, handle)
    assert isinstance(outcome, Succeeded)
    return [b"".join([part async for part in sandbox.collect(CHANNEL, output)]) for output in outcome.outputs]


async def rendered(sandbox: SandboxProvider, request: GenerationRequest, content: bytes = b"") -> list[bytes]:
    return await files(sandbox, await submit(sandbox, request, content=content))


def frames_of(content: bytes) -> list[Image.Image]:
    with av.open(io.BytesIO(content), "r") as container:
        return [frame.to_image() for frame in container.decode(video=0)]  # type: ignore[no-untyped-call]


def picture(colour: str, size: tuple[int, int] = (400, 300)) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", size, colour).save(content, "PNG")
    return content.getvalue()


def assert_is_video(content: bytes, width: int, height: int, frames: int, rate: int) -> None:
    """As browsers want it: H.264, 4:2:0, `avc1`, and its index before its frames."""
    with av.open(io.BytesIO(content), "r") as container:
        stream = container.streams[0]
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        assert (context.name, context.pix_fmt, context.codec_tag) == ("h264", "yuv420p", "avc1")
        assert (context.width, context.height) == (width, height)
        assert stream.average_rate == Fraction(rate)
        assert stream.duration is not None
        assert stream.time_base is not None
        assert stream.duration * stream.time_base * rate == frames
        assert (context.colorspace, context.color_range) == (1, 1)
        assert len(list(container.decode(stream))) == frames
    assert content[4:8] == b"ftyp"
    assert content.index(b"moov") < content.index(b"mdat")


async def test_a_video_is_what_was_asked_for(sandbox: SandboxProvider) -> None:
    provider: Provider = sandbox
    provider.check(VIDEO, "some-video")
    handle = await submit(sandbox, replace(VIDEO, size="640x360", duration=2))
    outcome = await finished(sandbox, handle)
    assert isinstance(outcome, Succeeded)
    assert replace(outcome.usage, compute_seconds=None) == Usage(seconds=2)
    assert outcome.usage.compute_seconds is not None
    assert 0 < outcome.usage.compute_seconds < 30
    assert [(output.url, output.kind) for output in outcome.outputs] == [("sandbox:7/0", "video")]
    (content,) = await files(sandbox, handle)
    assert_is_video(content, 640, 360, 48, 24)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (replace(VIDEO, size="321x181", duration=0.5), (320, 180, 12, 24)),
        (replace(VIDEO, size="50x16", duration=0.02), (50, 16, 1, 24)),
        (replace(VIDEO, model="sora-2", size="180x320"), (180, 320, 30, 30)),
        (replace(VIDEO, duration=1.7), (320, 180, 41, 24)),
        (replace(VIDEO, size=None, aspect_ratio="9:16", resolution="480p"), (480, 854, 24, 24)),
        (replace(VIDEO, operation="remix", source=Reference(task=4)), (320, 180, 24, 24)),
    ],
)
async def test_odd_requests_come_out_exactly(
    sandbox: SandboxProvider, request_: GenerationRequest, expected: tuple[int, int, int, int]
) -> None:
    (content,) = await rendered(sandbox, request_)
    assert_is_video(content, *expected)


async def test_a_video_moves_from_frame_to_frame(sandbox: SandboxProvider) -> None:
    (content,) = await rendered(sandbox, replace(VIDEO, size="640x360"))
    shown = [frame.crop((0, 0, 640, 300)) for frame in frames_of(content)]  # above the time code
    assert len(shown) == 24
    for before, after in pairwise(shown[2:-2]):  # the camera starts and stops gently
        assert ImageStat.Stat(ImageChops.difference(before, after)).mean != [0, 0, 0]
    first_to_last = ImageStat.Stat(ImageChops.difference(shown[0], shown[-1])).sum[0]
    assert first_to_last > 100_000


async def test_the_time_code_runs(sandbox: SandboxProvider) -> None:
    (content,) = await rendered(sandbox, replace(VIDEO, size="640x360", duration=1.5))
    code = TimeCode(640, 360, 24)
    assert [code.text(number) for number in (0, 23, 24, 24 * 3661)] == [
        "00:00:00:00",
        "00:00:00:23",
        "00:00:01:00",
        "01:01:01:00",
    ]
    for number, frame in enumerate(frames_of(content)):
        expected = av.VideoFrame(640, 360, "yuv420p")
        code.burn(expected, number)
        box = (280, 318, 360, 336)
        wanted = expected.to_image().convert("L").crop(box)  # type: ignore[no-untyped-call]
        difference = ImageChops.difference(frame.convert("L").crop(box), wanted)
        assert ImageStat.Stat(difference).mean[0] < 12, number


async def test_a_video_shows_the_picture_that_it_was_given(sandbox: SandboxProvider) -> None:
    request = replace(VIDEO, operation="image_to_video", size=None, resolution="480p", inputs=(PICTURE,))
    (content,) = await rendered(sandbox, request, picture("orange"))
    assert_is_video(content, 640, 480, 24, 24)
    for frame in frames_of(content)[::8]:
        found = frame.getpixel((320, 100))
        assert isinstance(found, tuple)
        assert all(abs(one - other) < 8 for one, other in zip(found, (255, 165, 0), strict=True))


@pytest.mark.parametrize("content", [b"", b"<html>", picture("red")[:60]])
async def test_what_is_no_picture_is_refused(sandbox: SandboxProvider, content: bytes) -> None:
    request = replace(VIDEO, operation="image_to_video", inputs=(PICTURE,))
    outcome = await sandbox.submit(CHANNEL, Submission(request, "m", "7", None), Shelf(content))
    assert isinstance(outcome, Refused)
    assert (outcome.error.code, outcome.error.param) == ("invalid_request", "inputs")
    assert await poll(sandbox, "7") == GONE


async def test_images_are_pngs_of_the_size_asked_for(sandbox: SandboxProvider) -> None:
    handle = await submit(sandbox, replace(IMAGE, count=3, size="321x181"))
    outcome = await finished(sandbox, handle)
    assert isinstance(outcome, Succeeded)
    assert replace(outcome.usage, compute_seconds=None) == Usage(images=3)
    contents = await files(sandbox, handle)
    for content in contents:
        with Image.open(io.BytesIO(content)) as image:
            assert (image.format, image.size) == ("PNG", (321, 181))
    assert len(set(contents)) == 3


async def test_rendering_never_holds_up_the_event_loop(sandbox: SandboxProvider) -> None:
    gaps = []
    for number in range(ROUNDS):
        # Of its own prompt: what was drawn before would not be drawn again.
        request = replace(VIDEO, prompt=f"{CHINESE} {number}", size="1280x720", duration=2)
        handle = await submit(sandbox, request, str(number))
        ticks = Ticks()
        ticker = asyncio.create_task(ticks.run())
        assert isinstance(await finished(sandbox, handle), Succeeded)
        ticks.going = False
        await ticker
        gaps.append(ticks.longest)
        if ticks.longest < 0.1:
            return
    pytest.fail(f"the loop was away for {gaps} s")


async def test_a_job_waits_for_its_delay_and_tells_its_progress(sandbox: SandboxProvider, clock: HandClock) -> None:
    handle = await submit(sandbox, replace(IMAGE, prompt="a fox [[delay:100]]"))
    seen: list[int] = []
    for _ in range(3):
        outcome = await poll(sandbox, handle)
        assert isinstance(outcome, Running)
        seen.append(outcome.progress or 0)
        clock.advance(33)
    assert seen[0] == 0
    assert seen[0] < seen[1] < seen[2] < 100
    assert isinstance(await poll(sandbox, handle), Running)
    clock.advance(1)
    assert isinstance(await finished(sandbox, handle), Succeeded)


async def test_a_job_fails_as_told_and_not_before_its_time(sandbox: SandboxProvider, clock: HandClock) -> None:
    await submit(sandbox, replace(VIDEO, prompt="[[fail:content_policy]] a fox [[delay:2.5]]"))
    assert isinstance(await poll(sandbox, "7"), Running)
    clock.advance(2.5)
    outcome = await poll(sandbox, "7")
    assert isinstance(outcome, Failed)
    assert outcome.error.code == "content_policy"


@pytest.mark.parametrize(("code", "waits"), [("rate_limited", True), ("capacity", True), ("content_policy", False)])
async def test_a_job_is_refused_as_told(sandbox: SandboxProvider, code: str, waits: bool) -> None:
    submission = Submission(replace(VIDEO, prompt=f"a fox [[refuse:{code}]]"), "m", "7", None)
    outcome = await sandbox.submit(CHANNEL, submission, Shelf())
    assert isinstance(outcome, Refused)
    assert (outcome.error.code, outcome.capacity, outcome.retry_after) == (code, waits, 1.0 if waits else None)
    assert await poll(sandbox, "7") == GONE


async def test_a_job_reports_the_tokens_that_it_was_told_to(
    sandbox: SandboxProvider, tmp_path: Path, clock: HandClock, workers: Workers
) -> None:
    orders, text = directives.read("a fox [[tokens: input=1200, cached=100,output=4000 ]]")
    assert (orders.tokens, text) == (Tokens(input=1200, cached=100, output=4000), "a fox")
    await submit(sandbox, replace(IMAGE, prompt="[[tokens:audio=7,cache_write=0]]"))
    first = await finished(sandbox, "7")
    again = SandboxProvider(tmp_path / "sandbox", clock, workers)
    assert await finished(again, "7") == first  # also after a restart, to the millisecond
    assert isinstance(first, Succeeded)
    assert first.usage.tokens == Tokens(audio=7)
    assert first.usage.compute_seconds is not None
    await again.close()


async def test_unreadable_polls_are_counted_across_a_restart(
    sandbox: SandboxProvider, tmp_path: Path, clock: HandClock, workers: Workers
) -> None:
    await submit(sandbox, replace(IMAGE, prompt="[[unreadable:2]]"))
    assert isinstance(await poll(sandbox, "7"), Unreadable)
    again = SandboxProvider(tmp_path / "sandbox", clock, workers)
    assert isinstance(await poll(again, "7"), Unreadable)
    assert isinstance(await finished(again, "7"), Succeeded)
    await again.close()


def test_directives_are_cut_out_of_what_is_drawn() -> None:
    orders, text = directives.read("a [[delay:3]] red fox [[ unreadable : 2 ]]")
    assert text == "a red fox"
    assert orders == directives.Directives(delay=3, unreadable=2)
    assert directives.read("plain\n\nprompt [[no directive]]")[1] == "plain\n\nprompt [[no directive]]"


@pytest.mark.parametrize(
    "prompt",
    [
        "[[explode:1]]",
        "[[delay:soon]]",
        "[[delay:-1]]",
        "[[delay:nan]]",
        "[[fail:]]",
        "[[fail:teapot]]",
        "[[delay:1]] [[delay:2]]",
        "[[tokens:]]",
        "[[tokens:5]]",
        "[[tokens:words=5]]",
        "[[tokens:input=5,input=5]]",
        "[[tokens:input=-1]]",
        "[[tokens:output=1e10]]",
    ],
)
def test_wrong_directives_are_explained(sandbox: SandboxProvider, prompt: str) -> None:
    with pytest.raises(GatewayError) as caught:
        sandbox.check(replace(VIDEO, prompt=prompt), "m")
    assert (caught.value.code, caught.value.param) == ("invalid_request", "prompt")
    if "explode" in prompt:
        assert all(f"[[{known}:" in caught.value.message for known in ("delay", "fail", "refuse", "unreadable"))


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (replace(VIDEO, size="8000x8000"), "size"),
        (replace(VIDEO, size="4x4"), "size"),
        (replace(VIDEO, duration=1e6), "duration"),
        (replace(IMAGE, count=1000), "count"),
        (replace(VIDEO, size=None, resolution="huge"), "resolution"),
    ],
)
def test_what_is_too_large_to_draw_is_refused_at_once(
    sandbox: SandboxProvider, request_: GenerationRequest, param: str
) -> None:
    with pytest.raises(GatewayError) as caught:
        sandbox.check(request_, "m")
    assert caught.value.param == param


def test_every_field_is_taken(sandbox: SandboxProvider) -> None:
    parameters = VideoParameters(mode="pro", cfg_scale=0.5, shots=(Shot(1, "a harbour", 2), Shot(2, "a storm", 3)))
    request = replace(
        VIDEO, prompt="", negative_prompt="rain", seed=1, audio=True, parameters=parameters, inputs=(PICTURE,)
    )
    sandbox.check(request, "m")


async def test_the_same_handle_is_the_same_job(sandbox: SandboxProvider, clock: HandClock) -> None:
    await submit(sandbox, replace(IMAGE, prompt="[[delay:5]]"))
    clock.advance(4)
    await submit(sandbox, replace(IMAGE, prompt="[[delay:50]] another"))
    clock.advance(1)
    assert isinstance(await finished(sandbox, "7"), Succeeded)


async def test_a_job_is_found_by_its_handle(sandbox: SandboxProvider) -> None:
    job = replace(job_of("7"), upstream_id=None)
    assert await sandbox.look_up(CHANNEL, job) == NotFound()
    await submit(sandbox, replace(IMAGE, prompt="[[delay:5]]"))
    found = await sandbox.look_up(CHANNEL, job)
    assert isinstance(found, Found)
    assert found.upstream_id == "7"
    assert isinstance(found.outcome, Running)


async def test_a_restart_in_the_middle_finishes_the_job(
    sandbox: SandboxProvider, tmp_path: Path, clock: HandClock
) -> None:
    request = replace(VIDEO, operation="image_to_video", inputs=(PICTURE,), size="1280x720", duration=5)
    await submit(sandbox, request, content=picture("teal"))
    assert isinstance(await poll(sandbox, "7"), Running)
    await asyncio.sleep(0.1)  # in the midst of the rendering
    await sandbox.close()
    assert isinstance(await poll(sandbox, "7"), Running)
    assert not list((tmp_path / "sandbox").glob("*.mp4"))

    workers = Workers(1)
    again = SandboxProvider(tmp_path / "sandbox", clock, workers)
    (content,) = await files(again, "7")
    assert_is_video(content, 1280, 720, 120, 24)
    await again.close()
    await workers.close()


async def test_a_rendering_that_keeps_crashing_fails_the_job(sandbox: SandboxProvider, tmp_path: Path) -> None:
    await submit(sandbox, replace(IMAGE, count=2))
    (tmp_path / "sandbox" / "7.0.png" / "x").mkdir(parents=True)  # no file can take its place
    outcome = await finished(sandbox, "7")
    assert isinstance(outcome, Failed)
    assert outcome.error.code == "upstream_failed"
    assert str(tmp_path) not in outcome.error.message


async def test_cancelling(sandbox: SandboxProvider, clock: HandClock) -> None:
    assert isinstance(await sandbox.cancel(CHANNEL, job_of("7")), Unreadable)
    await submit(sandbox, replace(VIDEO, size="1280x720", duration=10))
    assert isinstance(await poll(sandbox, "7"), Running)
    await asyncio.sleep(0.05)
    assert await sandbox.cancel(CHANNEL, job_of("7")) == Cancelled()
    outcome = await poll(sandbox, "7")
    assert isinstance(outcome, Failed)
    assert outcome.error.code == "cancelled"

    await submit(sandbox, IMAGE, "8")
    assert isinstance(await finished(sandbox, "8"), Succeeded)
    assert await sandbox.cancel(CHANNEL, job_of("8")) == NotCancellable()
    assert isinstance(await poll(sandbox, "8"), Succeeded)


LAST = MediaInput("last_frame", object_key="a1/in/2.png")
KLINGS = VideoParameters(
    mode="pro",
    cfg_scale=0.5,
    camera=CameraMove("simple", pan=1),
    multi_shot=True,
    shot_type="customize",
    shots=(Shot(1, "a", 1),),
    voices=("v",),
    elements=(1,),
    watermark=True,
)


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (replace(IMAGE, duration=5), "duration"),
        (replace(IMAGE, audio=True), "audio"),
        (replace(IMAGE, inputs=(PICTURE,)), "inputs.first_frame"),
        (replace(IMAGE, parameters=VideoParameters(mode="pro")), "parameters.mode"),
        (replace(VIDEO, inputs=(MediaInput("video", url="https://a"),)), "inputs.video"),
        (replace(VIDEO, inputs=(MediaInput("garment", url="https://a"),)), "inputs.garment"),
        (replace(VIDEO, native=Native("kling", {"brand_new": msgspec.Raw(b"1")})), "brand_new"),
        (replace(VIDEO, native=Native("openai", {"style": msgspec.Raw(b'"comic"')})), "style"),
    ],
)
def test_what_has_no_meaning_for_it_is_refused_by_name(
    sandbox: SandboxProvider, request_: GenerationRequest, param: str
) -> None:
    with pytest.raises(GatewayError) as caught:
        sandbox.check(request_, request_.model)
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", param)


@pytest.mark.parametrize(
    "request_",
    [
        replace(IMAGE, size=None, aspect_ratio="1:1", resolution="720p", count=4, negative_prompt="fog", seed=1),
        replace(IMAGE, parameters=ImageParameters(watermark=True)),
        replace(VIDEO, audio=True, negative_prompt="fog", seed=1, parameters=KLINGS),
        replace(VIDEO, operation="image_to_video", inputs=(PICTURE, LAST, MediaInput("mask", url="https://a"))),
        replace(VIDEO, operation="remix", source=Reference(task=7)),
        replace(VIDEO, native=Native("kling", {"brand_new": msgspec.Raw(b"null"), "other": msgspec.Raw(b'""')})),
    ],
)
def test_a_rehearsal_of_another_vendors_request_is_taken(sandbox: SandboxProvider, request_: GenerationRequest) -> None:
    sandbox.check(request_, request_.model)


async def test_a_handle_is_never_a_path(sandbox: SandboxProvider, tmp_path: Path) -> None:
    handle = "../../etc/pass*wd.1"
    await submit(sandbox, IMAGE, handle)
    (content,) = await files(sandbox, handle)
    assert content.startswith(b"\x89PNG")
    assert [path.name for path in await asyncio.to_thread(lambda: list(tmp_path.iterdir()))] == ["sandbox"]


@pytest.mark.parametrize("url", ["sandbox:7/0", "sandbox:7/x", "sandbox:", "sandbox:../../x/0"])
async def test_a_file_that_is_gone_is_said_to_be(sandbox: SandboxProvider, url: str) -> None:
    with pytest.raises(FetchError):
        _ = [part async for part in sandbox.collect(CHANNEL, UpstreamOutput(url))]


async def test_a_broken_file_or_folder_is_no_verdict(
    sandbox: SandboxProvider, tmp_path: Path, clock: HandClock, workers: Workers
) -> None:
    await submit(sandbox, IMAGE)
    with closing(sqlite3.connect(tmp_path / "sandbox" / "jobs.db")) as jobs:
        jobs.execute("UPDATE jobs SET job = '{'")
        jobs.commit()
    assert isinstance(await poll(sandbox, "7"), Unreadable)
    assert isinstance(await sandbox.look_up(CHANNEL, job_of("7")), Unreadable)
    assert isinstance(await sandbox.cancel(CHANNEL, job_of("7")), Unreadable)
    (tmp_path / "file").touch()
    blocked = SandboxProvider(tmp_path / "file", clock, workers)
    assert isinstance(await blocked.submit(CHANNEL, Submission(IMAGE, "m", "9", None), Shelf()), NeverSent)


async def test_ping_tries_the_folder(
    sandbox: SandboxProvider, tmp_path: Path, clock: HandClock, workers: Workers
) -> None:
    assert await sandbox.ping(CHANNEL) == "The sandbox is ready."
    (tmp_path / "file").touch()
    with pytest.raises(FetchError):
        await SandboxProvider(tmp_path / "file", clock, workers).ping(CHANNEL)


async def test_old_jobs_are_swept(sandbox: SandboxProvider, tmp_path: Path, clock: HandClock) -> None:
    await submit(sandbox, IMAGE, "old")
    await files(sandbox, "old")
    clock.advance(29 * 86400)
    await submit(sandbox, IMAGE, "young")
    assert isinstance(await poll(sandbox, "old"), Succeeded)
    clock.advance(2 * 86400)
    await submit(sandbox, IMAGE, "new")
    assert await poll(sandbox, "old") == GONE
    assert {path.name.partition(".")[0] for path in (tmp_path / "sandbox").iterdir()} == {"jobs"}
    assert await poll(sandbox, "young") != GONE != await poll(sandbox, "new")


@pytest.mark.parametrize("character", "黄昏的码头，灯塔。“”…？ー한あA:×·")
def test_glyphs_are_in_the_font(character: str) -> None:
    for family in (lettering.SANS, lettering.MONO):
        font = lettering.font(family, 40)
        assert font.getname()[0] == family
        missing = font.getmask("\U0010fffd")
        assert bytes(font.getmask(character)) != bytes(missing)


def test_long_text_shrinks_and_then_ends_in_an_ellipsis() -> None:
    short = lettering.fit("狐狸", 400, 200, 60, 10)
    longer = lettering.fit(CHINESE * 4, 400, 200, 60, 10)
    endless = lettering.fit(CHINESE * 400, 400, 200, 60, 10)
    assert short.font.size == 60 > longer.font.size > endless.font.size == 10
    assert "".join(longer.lines) == CHINESE * 4
    assert endless.lines[-1].endswith("…")
    for setting in (short, longer, endless):
        assert len(setting.lines) * setting.leading <= 200
        assert all(setting.font.getlength(line) <= 400 for line in setting.lines)
        assert not any(line[0] in "，。" for line in setting.lines)


def test_latin_words_stay_whole_and_emoji_are_left_out() -> None:
    setting = lettering.fit("The quick 🦊 brown fox jumps over the lazy dog", 200, 300, 30, 30)
    assert " ".join(setting.lines) == "The quick brown fox jumps over the lazy dog"
    broken = lettering.fit("https://example.com/" + "a" * 60, 200, 600, 30, 30)
    assert "".join(broken.lines) == "https://example.com/" + "a" * 60
    assert all(broken.font.getlength(line) <= 200 for line in broken.lines)


def test_the_prompt_is_in_the_middle_of_the_frame() -> None:
    job = SandboxJob("7", "image", "m", CHINESE, 640, 360, 1, 0, 24, False, 0.0)
    drawn = storyboard.frame(job, 0, 640, 360)
    empty = storyboard.frame(replace(job, text=""), 0, 640, 360)
    light = drawn.convert("L").point([0] * 200 + [255] * 56).crop((60, 60, 580, 300)).getbbox()
    assert light is not None
    assert abs((light[0] + light[2]) / 2 - 260) < 20
    assert abs((light[1] + light[3]) / 2 - 120) < 20
    assert ImageChops.difference(drawn, empty).getbbox() is not None


def test_time_limits_grow_with_the_work() -> None:
    small = SandboxJob("7", "video", "m", "", 640, 360, 1, 5, 24, False, 0.0)
    assert 30 < render.seconds_for(small) < render.seconds_for(replace(small, width=3840, height=2160, duration=60))
