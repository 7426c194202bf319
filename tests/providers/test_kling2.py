"""Kling's new generation: what a request becomes, what is refused, a job from its queue to its file, and all that is no
verdict."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from telecine.net.client import Client, Reply
from telecine.nouns.billed import Billed
from telecine.nouns.errors import GatewayError
from telecine.nouns.parameters import VideoParameters
from telecine.nouns.request import GenerationRequest, MediaInput, Native, Novel
from telecine.providers.base import Channel, Job, Submission
from telecine.providers.http import HttpProvider
from telecine.providers.http.answers import polled
from telecine.providers.http.body import translate
from telecine.providers.kling.kling2 import KLING2
from telecine.providers.known import VENDORS
from telecine.providers.outcomes import (
    Accepted,
    Failed,
    Found,
    NeverSent,
    NotCancellable,
    NotFound,
    Refused,
    Running,
    Succeeded,
    Unknown,
    Unreadable,
)
from tests.clock import HandClock
from tests.providers.stand_ins import NOW, Shelf
from tests.upstreams.faults import FOREVER, Fault
from tests.upstreams.kling import API_KEY
from tests.upstreams.kling2 import FakeKling2

KLING = next(one for one in VENDORS if one.name == "kling")
MODEL = "kling-3.0"
URL = "https://example.com/a.png"
FIRST, LAST = MediaInput("first_frame", url=URL), MediaInput("last_frame", object_key="p")
PERSON, DANCE = MediaInput("image", url=URL), MediaInput("video", url="https://example.com/dance.mp4")
MOVED = VideoParameters(orientation="video")


def text(**fields: Any) -> GenerationRequest:
    return GenerationRequest(**{"operation": "text_to_video", "model": "public-name", "prompt": "a fox"} | fields)


def picture(*inputs: MediaInput, **fields: Any) -> GenerationRequest:
    return text(operation="image_to_video", inputs=inputs or (FIRST,), **fields)


def motion(*inputs: MediaInput, **fields: Any) -> GenerationRequest:
    told = {"operation": "motion_control", "inputs": inputs or (PERSON, DANCE), "parameters": MOVED}
    return text(**told | fields)


def body_of(request: GenerationRequest, model: str = MODEL) -> dict[str, Any]:
    """What is sent, but for media that are not URLs."""
    draft = translate(KLING2, request, model)
    for holder, name, item in draft.media:
        holder[name] = item.url or "cGljdHVyZQ=="
    found: dict[str, Any] = msgspec.json.decode(draft.encoded())
    return found


def contents(*more: dict[str, Any], frame: str = "first_frame") -> list[dict[str, Any]]:
    return [{"type": "prompt", "text": "a fox"}, {"type": frame, "url": URL}, *more]


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        (text(), {"prompt": "a fox"}),
        (text(duration=7.0), {"prompt": "a fox", "settings": {"duration": 7}}),
        (text(audio=True), {"prompt": "a fox", "settings": {"audio": "native"}}),
        (text(audio=False), {"prompt": "a fox", "settings": {"audio": "off"}}),
        (text(resolution="4K"), {"prompt": "a fox", "settings": {"resolution": "4k"}}),
        (text(size="1080x1920"), {"prompt": "a fox", "settings": {"aspect_ratio": "9:16", "resolution": "1080p"}}),
        (
            text(parameters=VideoParameters(mode="pro", multi_shot=True, shot_type="intelligence")),
            {"prompt": "a fox", "settings": {"resolution": "1080p", "multi_shot": True}},
        ),
        (
            text(parameters=VideoParameters(watermark=True), seed=7),
            {"prompt": "a fox", "options": {"watermark_info": {"enabled": True}}},
        ),
        (picture(aspect_ratio="1:1"), {"contents": contents()}),
        (picture(MediaInput("image", url=URL)), {"contents": contents()}),
        (picture(LAST, prompt=""), {"contents": [{"type": "last_frame", "url": "cGljdHVyZQ=="}]}),
        (
            picture(parameters=VideoParameters(elements=(12, 13))),
            {"contents": contents(*({"type": "element", "element_id": one} for one in (12, 13)))},
        ),
        (
            motion(parameters=VideoParameters(orientation="image", keep_sound=False), resolution="1080p"),
            {
                "contents": contents({"type": "video", "url": DANCE.url}, frame="image"),
                "settings": {"character_orientation": "image", "audio": "off", "resolution": "1080p"},
            },
        ),
    ],
)
def test_what_a_request_becomes(request_: GenerationRequest, body: dict[str, Any]) -> None:
    assert body_of(request_) == body


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (text(prompt=" "), None),
        (text(prompt=""), "prompt"),
        (text(negative_prompt="rain"), "negative_prompt"),
        (text(duration=2.5), "duration"),
        (text(resolution="8k"), "resolution"),
        (text(aspect_ratio="21:9"), "aspect_ratio"),
        (text(size="1280x720", resolution="1080p"), "size"),
        (text(parameters=VideoParameters(mode="4k")), "parameters.mode"),
        (text(parameters=VideoParameters(shot_type="customize")), "parameters.shot_type"),
        (text(parameters=VideoParameters(voices=("v",))), "parameters.voices"),
        (picture(MediaInput("reference", url=URL)), "inputs"),
        (picture(FIRST, PERSON), "inputs"),
        (picture(FIRST, MediaInput("mask", url=URL)), "inputs.mask"),
        (motion(parameters=None), "parameters.orientation"),
        (motion(resolution="4k"), "resolution"),
        (motion(duration=5.0), "duration"),
        (text(operation="extend"), "operation"),
    ],
)
def test_what_cannot_be_said_is_refused_by_name(request_: GenerationRequest, param: str | None) -> None:
    if param is None:
        assert body_of(request_) == {"prompt": " "}, "blank, and Kling's own to judge"
        return
    with pytest.raises(GatewayError) as caught:
        translate(KLING2, request_, MODEL)
    assert caught.value.param == param


def test_what_only_kling_knows_passes_where_it_stood() -> None:
    fields = {"settings.fps": msgspec.Raw(b"60"), "contents[]": msgspec.Raw(b'[{"type":"depth","url":"https://a/d"}]')}
    novel = {"resolution": Novel("8k", "no"), "duration": Novel("16", "no"), "audio": Novel("ambient", "no")}
    own = {"parameters.elements": ("contents", '[{"type":"element","element_id":12,"id":"boy"}]')}
    native = Native("kling2", fields, novel, own)
    wanted = picture(
        resolution="8k", duration=16.0, audio=True, parameters=VideoParameters(elements=(12,)), native=native
    )
    elements = {"type": "element", "element_id": 12, "id": "boy"}
    assert body_of(wanted) == {
        "contents": contents(elements, {"type": "depth", "url": "https://a/d"}),
        "settings": {"resolution": "8k", "duration": 16, "audio": "ambient", "fps": 60},
    }
    for fields in ({"settings.sound": msgspec.Raw(b"1")}, {"settings.MODE": msgspec.Raw(b"1")}):
        with pytest.raises(GatewayError, match="changes the price"):
            translate(KLING2, text(native=Native("kling2", fields)), MODEL)
    with pytest.raises(GatewayError, match="speaks another wire format"):
        translate(KLING2, text(native=Native("kling", {"fps": msgspec.Raw(b"60")})), MODEL)


@pytest.mark.parametrize(
    ("request_", "billed"),
    [
        (text(), Billed.sized(1280, 720, mode="std", duration=5.0)),
        (text(size="1080x1920", duration=3.0), Billed.sized(1080, 1920, mode="pro", duration=3.0)),
        (picture(resolution="4k", audio=True), Billed(mode="4k", resolution="4k", duration=5.0, audio=True)),
        (motion(), Billed(mode="std", resolution="720p")),
        (motion(parameters=VideoParameters(orientation="image", mode="pro")), Billed(mode="pro", resolution="1080p")),
    ],
)
def test_what_it_comes_to(request_: GenerationRequest, billed: Billed) -> None:
    draft = translate(KLING2, request_, MODEL)
    assert draft.op.billed(draft) == billed


def test_models_with_a_point_are_of_the_new_generation() -> None:
    for model in ("kling-3.0", "kling-3.0-turbo", "kling-2.6", "kling-10.12-x"):
        assert KLING.generation(model) is KLING2
    for model in ("kling-v3", "kling-v2-6", "kling-3", "kling-3.0-", "my-kling-3.0", "KLING-3.0"):
        assert KLING.generation(model) is KLING


@pytest.fixture
async def fake() -> AsyncIterator[FakeKling2]:
    async with FakeKling2() as running:
        yield running


@pytest.fixture
async def provider() -> AsyncIterator[HttpProvider]:
    client = Client()
    yield HttpProvider(KLING, client, HandClock(NOW))
    await client.close()


@pytest.fixture
def channel(fake: FakeKling2) -> Channel:
    return Channel("kling-main", fake.base_url, api_key=API_KEY, allow_private=True)


def submission(request: GenerationRequest | None = None, handle: str = "42", **fields: Any) -> Submission:
    return Submission(request or text(), MODEL, handle, fields.pop("callback_url", None), **fields)


def job(upstream_id: str | None = None, handle: str = "42", operation: str = "text_to_video") -> Job:
    return Job(operation, MODEL, handle, upstream_id, NOW)


async def accepted(provider: HttpProvider, channel: Channel, **fields: Any) -> str:
    outcome = await provider.submit(channel, submission(**fields), Shelf(p=b"picture"))
    assert isinstance(outcome, Accepted)
    return outcome.upstream_id


async def test_a_job_from_its_queue_to_its_file(provider: HttpProvider, fake: FakeKling2, channel: Channel) -> None:
    name = await accepted(provider, channel, request=picture(FIRST, LAST), callback_url="https://gate.example/c/1")
    kept = fake.jobs[name]
    assert kept.operation == "image-to-video"
    assert kept.body == {
        "contents": contents({"type": "last_frame", "url": "cGljdHVyZQ=="}),
        "options": {"external_task_id": "42", "callback_url": "https://gate.example/c/1"},
    }
    asked = job(name, operation="image_to_video")
    assert await provider.poll(channel, asked) == Running(started=False)
    fake.begin()
    assert await provider.poll(channel, asked) == Running()
    fake.finish()
    outcome = await provider.poll(channel, asked)
    assert isinstance(outcome, Succeeded)
    (output,) = outcome.outputs
    assert (output.kind, output.upstream_id, output.expires_at) == ("video", f"v{name}", NOW + 30 * 86400)
    assert (outcome.usage.units, outcome.usage.seconds) == ("2.5", 5.0)
    assert await provider.look_up(channel, job()) == Found(name, outcome)
    assert await provider.look_up(channel, job(handle="43")) == NotFound()
    assert await provider.poll(channel, job("123")) == NotFound()
    assert b"".join([chunk async for chunk in provider.collect(channel, output)]) == fake.file
    assert await provider.cancel(channel, asked) == NotCancellable()
    again = await provider.submit(channel, submission(), Shelf())
    assert again == Unknown("a job with this handle already exists")


async def test_both_generations_share_a_channel(provider: HttpProvider, fake: FakeKling2, channel: Channel) -> None:
    """Each is asked about in its own words, a question for each generation."""
    new = [Job("text_to_video", MODEL, one, await accepted(provider, channel, handle=one), NOW) for one in "12"]
    before = replace(submission(handle="3"), model="kling-v2-6")
    outcome = await provider.submit(channel, before, Shelf())
    assert isinstance(outcome, Accepted)
    old = Job("text_to_video", "kling-v2-6", "3", outcome.upstream_id, NOW)
    fake.begin(new[1].upstream_id)
    found = await provider.poll_many(channel, [*new, old])
    assert found == {"1": Running(started=False), "2": Running(), "3": Running(started=False)}
    assert (fake.count("list"), fake.count("query")) == (2, 0)
    assert await provider.look_up(channel, old) == Found(outcome.upstream_id, Running(started=False))
    assert provider.traits_of("text_to_video", "kling-v2-6").unique_handle
    assert not provider.traits_of("text_to_video", MODEL).unique_handle


UNKNOWN = [
    Fault("create", "refuse", code=5000),
    Fault("create", "html"),
    Fault("create", "html", created=True),
    Fault("create", "broken", created=True),
    Fault("create", "drop"),
    Fault("create", "drop", created=True),
]
UNREADABLE = [
    Fault("query", "html"),
    Fault("query", "html", status=404),
    Fault("query", "broken"),
    Fault("query", "drop"),
    Fault("query", "word", message="succeed"),
    Fault("query", "refuse", code=1002),
    Fault("query", "refuse", code=5000),
]


async def test_whatever_cannot_be_read_is_unknown_or_no_verdict(
    provider: HttpProvider, fake: FakeKling2, channel: Channel
) -> None:
    for number, fault in enumerate(UNKNOWN):
        fake.faults.append(fault)
        outcome = await provider.submit(channel, submission(handle=f"u{number}"), Shelf())
        assert isinstance(outcome, Unknown), fault
        assert "127.0.0.1" not in outcome.reason
        found = await provider.look_up(channel, job(handle=f"u{number}"))
        assert isinstance(found, Found if fault.created else NotFound), fault
    name = await accepted(provider, channel)
    for fault in UNREADABLE:
        for ask in (provider.poll, provider.look_up):
            fake.faults = [Fault(**vars(fault) | {"times": FOREVER})]
            answer = await ask(channel, job(name))
            fake.faults.clear()
            assert isinstance(answer, Unreadable), fault
    fake.faults = [Fault("create", "refuse", code=1303, message="full", retry_after=7)]
    outcome = await provider.submit(channel, submission(handle="full"), Shelf())
    assert isinstance(outcome, Refused)
    assert (outcome.capacity, outcome.retry_after) == (True, 7.0)
    fake.faults = [Fault("query", "word", times=FOREVER, message="processing")]
    assert await provider.poll(channel, job(name)) == Running()
    fake.faults.clear()
    fake.fail(name, "Failure to pass the risk control system")
    failed = await provider.poll(channel, job(name))
    assert isinstance(failed, Failed)
    assert failed.error.code == "content_policy"
    nowhere = replace(channel, base_url="http://127.0.0.1:9")
    assert isinstance(await provider.submit(nowhere, submission(), Shelf()), NeverSent)


def judged(**told: Any) -> Any:
    """What an answer about the job `1` comes to, which differs from a good one in `told`."""
    video = {"type": "video", "id": "v", "url": "https://a/1.mp4", "duration": "5"}
    task = {"id": "1", "status": "succeeded", "message": "", "external_id": "42", "outputs": [video], "billing": []}
    body = msgspec.json.encode({"code": 0, "message": "SUCCEED", "data": told.pop("data", [task | told])})
    reply = Reply(200, {}, body)
    return polled(KLING2, reply, Channel("k", "https://kling.test"), name="1", handle="42", now=NOW)


@pytest.mark.parametrize(
    "told",
    [
        {"id": "2", "external_id": "43"},
        {"id": None},
        {"status": None},
        {"status": "SUCCEEDED"},
        {"outputs": []},
        {"outputs": [{"type": "element", "id": "1"}]},
        {"outputs": [{"type": "video", "id": "v"}]},
        {"outputs": None},
        {"data": None},
        {"data": {"id": "1", "status": "failed"}},
    ],
)
def test_odd_answers_are_no_verdict(told: dict[str, Any]) -> None:
    assert isinstance(judged(**told), Unreadable)


@pytest.mark.parametrize("external_id", ["", None, "43", 42])
def test_a_job_that_does_not_say_our_handle_is_not_ours(external_id: Any) -> None:
    """A question by external ids is a list: whoever passes over what it asks for tells of any job."""
    task = {"id": "1", "status": "submitted", "external_id": external_id}
    reply = Reply(200, {}, msgspec.json.encode({"code": 0, "data": [task]}))
    found = polled(KLING2, reply, Channel("k", "https://kling.test"), name="42", handle="42", now=NOW)
    assert isinstance(found, Unreadable)


def test_pictures_sounds_and_bills() -> None:
    outputs = [
        {"type": "image", "url": "https://a/1.png", "group_id": "g"},
        {"type": "audio", "id": "a", "mp3_url": "https://a/1.mp3", "mp3_duration": "4.5"},
        {"type": "voice", "id": "x"},
    ]
    money = {"charge_type": "cash", "amount": "1.5", "currency": "USD"}
    units = [{"charge_type": "unit", "amount": amount} for amount in ("0.5", "2.25")]
    found = judged(outputs=outputs, billing=[money, *units])
    assert isinstance(found, Found)
    assert isinstance(found.outcome, Succeeded)
    assert [(one.kind, one.url) for one in found.outcome.outputs] == [
        ("image", "https://a/1.png"),
        ("audio", "https://a/1.mp3"),
    ]
    assert (found.outcome.usage.units, found.outcome.usage.seconds) == ("2.75", 4.5)
    assert judged(billing=[money]).outcome.usage.units is None
    assert judged(data=[]) == NotFound()
