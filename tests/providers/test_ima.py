"""IMA: what each request becomes in either style, what is refused by name, what is believed, and what comes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from telecine.net.client import Client, Reply
from telecine.nouns.billed import Billed
from telecine.nouns.errors import GatewayError
from telecine.nouns.parameters import ChangeParameters, ImageParameters, VideoParameters
from telecine.nouns.request import GenerationRequest, MediaInput, Native, Novel, Reference, Role
from telecine.nouns.task import Facts, Tokens
from telecine.providers.base import Channel, Job, Provider, Source, Submission
from telecine.providers.http import provider_of
from telecine.providers.http.answers import polled, submitted
from telecine.providers.http.body import translate
from telecine.providers.ima import IMA
from telecine.providers.ima.options import ImaOptions
from telecine.providers.outcomes import (
    Accepted,
    Failed,
    Finished,
    Found,
    NotCancellable,
    NotFound,
    Refused,
    Running,
    SubmitOutcome,
    Succeeded,
    Unknown,
    Unreadable,
)
from telecine.wires.midjourney import Said
from telecine.wires.midjourney.buttons import Button
from tests.clock import HandClock
from tests.providers.stand_ins import NOW, Shelf
from tests.upstreams.faults import Act
from tests.upstreams.ima import API_KEY, FOREVER, FakeIma, Fault

PRO, FLASH, VIDEO = "gemini-3-pro-image-preview", "gemini-3.1-flash-image-preview", "ima-pro"
DRAWN, KLING = "midjourney", "kling-v2-5-turbo"
URL = "https://example.com/"
OTHERS = msgspec.Raw(b'{"deep": ["Asset:\\/\\/asset-2025-abcde"]}')
"""Names a file at IMA, which may be that of another account."""
STYLES = ["videos", "content"]
OPTIONS = {"videos": ImaOptions(), "content": ImaOptions(style="content")}


def given(role: Role, name: str) -> MediaInput:
    return MediaInput(role, url=URL + name)


FIRST, LAST, SEEN = given("first_frame", "a.png"), given("last_frame", "b.png"), given("reference", "c.png")
CLIP, SOUND, PICTURE = given("video", "d.mp4"), given("audio", "e.mp3"), given("image", "f.png")


def image(*inputs: MediaInput, model: str = PRO, **fields: Any) -> GenerationRequest:
    told = {"operation": "image_to_image" if inputs else "text_to_image", "model": model, "prompt": "a boat"}
    return GenerationRequest(**told | {"inputs": inputs} | fields)


def video(*inputs: MediaInput, **fields: Any) -> GenerationRequest:
    told = {"operation": "image_to_video" if inputs else "text_to_video", "model": VIDEO, "prompt": "a boat"}
    return GenerationRequest(**told | {"inputs": inputs} | fields)


SOURCE = Source("grid-1", image(), item=2)


def body_of(request: GenerationRequest, style: str = "videos") -> dict[str, Any]:
    """What is sent, without model and prompt."""
    vendor = IMA.forms[style]
    draft = translate(vendor.generation(request.model), request, request.model, SOURCE)
    for holder, name, item in draft.media:
        holder[name] = item.url
    found: dict[str, Any] = msgspec.json.decode(draft.encoded())
    if request.model == DRAWN:
        return found
    assert found.pop("model") == request.model
    if "content" in found:
        said = [one["text"] for one in found["content"] if one["type"] == "text"]
        assert said == ([request.prompt] if request.prompt else [])
    else:
        assert found.pop("prompt", "") == request.prompt
    return found


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        (image(), {}),
        (image(aspect_ratio="21:9", resolution="4K"), {"aspect_ratio": "21:9", "size": "4K"}),
        (image(size="1024x1024"), {"aspect_ratio": "1:1", "size": "1K"}),
        (image(model=FLASH, aspect_ratio="8:1", resolution="512p"), {"aspect_ratio": "8:1", "size": "512px"}),
        (image(PICTURE), {"image": URL + "f.png"}),
        (image(PICTURE, SEEN), {"images": [URL + "f.png", URL + "c.png"]}),
        (image(seed=7), {}),
        (image(native=Native("ima", {"thinking": msgspec.Raw(b"true")})), {"thinking": True}),
        (
            image(resolution="8k", native=Native("ima", {}, {"resolution": Novel("8K", "no")})),
            {"size": "8K"},
        ),
    ],
)
def test_a_picture_becomes(request_: GenerationRequest, body: dict[str, Any]) -> None:
    assert [body_of(request_, style) for style in STYLES] == [body, body]


def at(kind: str, name: str, role: str) -> dict[str, Any]:
    return {"type": kind, kind: {"url": URL + name}, "role": role}


TEXT = {"type": "text", "text": "a boat"}


@pytest.mark.parametrize(
    ("request_", "plain", "content"),
    [
        (video(), {}, {"content": [TEXT]}),
        (
            video(duration=5.0, aspect_ratio="9:16", resolution="720p", audio=False),
            {"duration": 5, "metadata": {"aspect_ratio": "9:16", "resolution": "720p", "audio": False}},
            {"content": [TEXT], "duration": 5, "ratio": "9:16", "resolution": "720p", "generate_audio": False},
        ),
        (
            video(size="1280x720"),
            {"metadata": {"aspect_ratio": "16:9", "resolution": "720p"}},
            {"content": [TEXT], "ratio": "16:9", "resolution": "720p"},
        ),
        (
            video(FIRST),
            {"images": [URL + "a.png"], "metadata": {"role_mode": "frame"}},
            {"content": [TEXT, at("image_url", "a.png", "first_frame")]},
        ),
        (
            video(PICTURE, LAST, prompt=""),
            {"images": [URL + "f.png", URL + "b.png"], "metadata": {"role_mode": "frame"}},
            {"content": [at("image_url", "f.png", "first_frame"), at("image_url", "b.png", "last_frame")]},
        ),
        (
            video(SEEN, CLIP, operation="reference_to_video"),
            {
                "images": [URL + "c.png"],
                "metadata": {"role_mode": "reference", "reference_video_urls": [URL + "d.mp4"]},
            },
            {
                "content": [
                    TEXT,
                    at("image_url", "c.png", "reference_image"),
                    at("video_url", "d.mp4", "reference_video"),
                ]
            },
        ),
        (
            video(SOUND, operation="reference_to_video"),
            {"metadata": {"role_mode": "reference", "reference_audio_urls": [URL + "e.mp3"]}},
            {"content": [TEXT, at("audio_url", "e.mp3", "reference_audio")]},
        ),
        (
            video(seed=7, parameters=VideoParameters(watermark=False)),
            {"metadata": {"seed": 7, "watermark": False}},
            {"content": [TEXT], "seed": 7, "watermark": False},
        ),
        (
            video(native=Native("ima", {"metadata.mcp_list": msgspec.Raw(b'[{"name":"x"}]')})),
            {"metadata": {"mcp_list": [{"name": "x"}]}},
            {"content": [TEXT], "metadata": {"mcp_list": [{"name": "x"}]}},
        ),
    ],
)
def test_a_video_becomes(request_: GenerationRequest, plain: dict[str, Any], content: dict[str, Any]) -> None:
    assert body_of(request_) == plain
    assert body_of(request_, "content") == content


def change(operation: str, *inputs: MediaInput, prompt: str = "", **said: Any) -> GenerationRequest:
    return GenerationRequest(
        operation=operation,
        model=DRAWN,
        prompt=prompt,
        inputs=inputs,
        source=Reference(task=1),
        parameters=ChangeParameters(**said),
    )


MASK = given("mask", "m.png")
MARK = "c0ffee00-0000-4000-8000-000000000000"
PAN, ZOOM = f"MJ::JOB::pan_left::1::{MARK}::SOLO", f"MJ::CustomZoom::{MARK}"
MAKE_SQUARE = f"MJ::Outpaint::100::1::{MARK}::SOLO"  # which nobody here knows
TOLD = Facts.of("midjourney", Said(buttons=[Button(PAN, "", "Left"), Button(ZOOM, "", "Zoom"), Button(MAKE_SQUARE)]))
"""What a task says that has buttons."""


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        (image(model=DRAWN, aspect_ratio="16:9", count=4), {"prompt": "a boat --ar 16:9"}),
        (image(model=DRAWN, parameters=ImageParameters(speed="turbo")), {"prompt": "a boat --turbo"}),
        (
            image(PICTURE, PICTURE, model=DRAWN, operation="blend", prompt=""),
            {"base64Array": [URL + "f.png", URL + "f.png"]},
        ),
        (change("upscale"), {"taskId": "grid-1", "action": "UPSCALE", "index": 3}),
        (change("vary", index=1), {"taskId": "grid-1", "action": "VARIATION", "index": 1}),
        (
            change("vary", prompt="at night"),
            {"taskId": "grid-1", "action": "REMIX", "index": 3, "prompt": "at night"},
        ),
        (change("reroll"), {"taskId": "grid-1", "action": "REROLL", "index": 3}),
        (
            change("inpaint", MASK, prompt="a moon"),
            {"taskId": "grid-1", "action": "INPAINT", "index": 3, "maskBase64": URL + "m.png", "prompt": "a moon"},
        ),
        (change("vary", strength="subtle"), {"taskId": "grid-1", "action": "LOW_VARIATION", "index": 3}),
        (change("zoom"), {"taskId": "grid-1", "action": "ZOOM", "index": 3}),
    ],
)
def test_what_midjourney_is_asked_for_becomes(request_: GenerationRequest, body: dict[str, Any]) -> None:
    assert body_of(request_) == body


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        (change("pan", direction="left"), {"customId": PAN}),
        (change("midjourney:action", custom_id=MAKE_SQUARE), {"customId": MAKE_SQUARE}),
        (change("pan", custom_id=PAN, direction="left"), {"customId": PAN}),
        (change("zoom", factor=1.7), {"customId": ZOOM, "prompt": "a boat --zoom 1.7"}),
        (change("zoom", prompt="a ship", factor=1.7), {"customId": ZOOM, "prompt": "a ship --zoom 1.7"}),
    ],
)
def test_what_has_buttons_is_asked_for_by_them(request_: GenerationRequest, body: dict[str, Any]) -> None:
    draft = translate(IMA.later[0], request_, DRAWN, replace(SOURCE, item=0, facts=TOLD))
    assert draft.body == {"taskId": "grid-1"} | body


@pytest.mark.parametrize(
    ("request_", "source", "param"),
    [
        (change("zoom", factor=1.7), SOURCE, "parameters.factor"),
        (change("pan", direction="left"), SOURCE, "parameters.direction"),
        (change("upscale", style="subtle"), SOURCE, "parameters.style"),
        (change("upscale", prompt="more"), SOURCE, "prompt"),
        (change("upscale"), Source("grid-1", image()), "parameters.index"),
        (change("inpaint", MASK), Source("grid-1", image()), "parameters.index"),
        (change("midjourney:action"), SOURCE, "operation"),
        (change("midjourney:action", custom_id=PAN), SOURCE, "parameters.custom_id"),
        (change("midjourney:action", custom_id=PAN), replace(SOURCE, facts=TOLD), "parameters.custom_id"),
        (change("reroll", custom_id=PAN), replace(SOURCE, facts=TOLD), "parameters.custom_id"),
        (change("midjourney:action", custom_id="MJ::x"), replace(SOURCE, facts=TOLD), "parameters.custom_id"),
        (change("upscale"), replace(SOURCE, facts=TOLD), "source"),
    ],
)
def test_what_a_picture_has_no_action_or_button_for(request_: GenerationRequest, source: Source, param: str) -> None:
    with pytest.raises(GatewayError) as caught:
        translate(IMA.later[0], request_, DRAWN, source)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        (video(model=KLING, duration=5.0, size="1280x720"), {"duration": 5, "aspect_ratio": "16:9", "mode": "std"}),
        (video(FIRST, LAST, model=KLING), {"image": URL + "a.png", "image_tail": URL + "b.png"}),
        (video(model=KLING, native=Native("kling", {"lens": msgspec.Raw(b"35")})), {"lens": 35}),
    ],
)
def test_a_video_of_klings_becomes(request_: GenerationRequest, body: dict[str, Any]) -> None:
    assert [body_of(request_, style) for style in STYLES] == [body, body]


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize(
    ("request_", "code", "param"),
    [
        (image(prompt=" "), "invalid_request", "prompt"),
        (image(count=2), "unsupported_parameter", "count"),
        (image(aspect_ratio="8:1"), "unsupported_parameter", "aspect_ratio"),
        (image(resolution="512p"), "unsupported_parameter", "resolution"),
        (image(size="1024x1024", aspect_ratio="16:9"), "invalid_request", "size"),
        (image(given("mask", "m.png"), PICTURE), "unsupported_parameter", "inputs.mask"),
        (image(native=Native("kling", {"x": msgspec.Raw(b"1")})), "unsupported_parameter", "x"),
        (image(native=Native("ima", {"n": msgspec.Raw(b"4")})), "unsupported_parameter", "n"),
        (image(native=Native("ima", {"later": OTHERS})), "unsupported_parameter", "later"),
        (video(model=KLING, native=Native("kling", {"later": OTHERS})), "unsupported_parameter", "later"),
        (image(model=DRAWN, native=Native("midjourney", {"later": OTHERS})), "unsupported_parameter", "later"),
        (video(native=Native("ima", {"metadata.n": msgspec.Raw(b"4")})), "unsupported_parameter", "metadata.n"),
        (video(*[SEEN] * 15), "invalid_request", "inputs"),
        (video(*[SOUND] * 2, operation="reference_to_video"), "invalid_request", "inputs"),
        (video(prompt=""), "invalid_request", "prompt"),
        (video(duration=2.5), "invalid_request", "duration"),
        (video(resolution="8k"), "unsupported_parameter", "resolution"),
        (video(negative_prompt="rain"), "unsupported_parameter", "negative_prompt"),
        (video(FIRST, SEEN), "invalid_request", "inputs"),
        (video(FIRST, PICTURE), "invalid_request", "inputs"),
        (video(FIRST, CLIP), "invalid_request", "inputs"),
        (video(LAST), "invalid_request", "inputs"),
        (video(operation="image_to_video"), "invalid_request", "inputs"),
        (video(operation="lip_sync"), "unsupported_parameter", "operation"),
        (video(model=KLING, duration=2.5), "invalid_request", "duration"),
        (
            video(model=KLING, audio=True, parameters=VideoParameters(style="x")),
            "unsupported_parameter",
            "parameters.style",
        ),
        (video(SEEN, model=KLING, operation="reference_to_video"), "unsupported_parameter", "operation"),
        (image(model=DRAWN, prompt=""), "invalid_request", "prompt"),
        (image(model=DRAWN, count=5), "invalid_request", "count"),
        (image(model=DRAWN, prompt="a boat --turbo"), "unsupported_parameter", "prompt"),
        (change("inpaint"), "invalid_request", "inputs.mask"),
    ],
)
def test_what_ima_cannot_express_is_refused_by_name(
    request_: GenerationRequest, code: str, param: str, style: str
) -> None:
    with pytest.raises(GatewayError) as caught:
        translate(IMA.forms[style].generation(request_.model), request_, request_.model)
    assert (caught.value.code, caught.value.param) == (code, param)


SQUARE = Billed(size="1024x1024", resolution="1k", aspect_ratio="1:1")
WIDE = Billed(size="1280x720", resolution="720p", aspect_ratio="16:9", duration=5.0, audio=True)


@pytest.mark.parametrize(
    ("request_", "billed"),
    [
        (image(), SQUARE),
        (image(resolution="2k"), Billed(size="1440x1440", resolution="2k", aspect_ratio="1:1")),
        (image(PICTURE), Billed(resolution="1k")),
        (video(), WIDE),
        (image(model=DRAWN, parameters=ImageParameters(speed="turbo")), Billed(count=4, speed="turbo")),
        (change("vary", speed="turbo"), Billed(count=4)),
        (change("upscale"), Billed(count=1)),
        (video(audio=False, duration=7.0), replace(WIDE, audio=False, duration=7.0)),
        (video(FIRST, resolution="1080p"), Billed(resolution="1080p", duration=5.0, audio=True)),
    ],
)
def test_what_it_is_billed_by(request_: GenerationRequest, billed: Billed) -> None:
    for style in STYLES:
        draft = translate(IMA.forms[style].generation(request_.model), request_, request_.model)
        assert draft.op.billed(draft) == billed


# Over a socket.


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    client = Client()
    yield provider_of(IMA, client, HandClock(NOW))
    await client.close()


@pytest.fixture
async def fake() -> AsyncIterator[FakeIma]:
    async with FakeIma() as running:
        yield running


def channel(fake: FakeIma, style: str = "videos", root: str = "/v1/") -> Channel:
    return Channel("ima-main", fake.base_url + root, api_key=API_KEY, allow_private=True, options=OPTIONS[style])


def job(name: str | None, request: GenerationRequest) -> Job:
    return Job(request.operation, request.model, "42", name, NOW)


async def sent(provider: Provider, where: Channel, request: GenerationRequest) -> SubmitOutcome:
    return await provider.submit(where, Submission(request, request.model, "42", None), Shelf())


async def made(provider: Provider, where: Channel, request: GenerationRequest) -> str:
    outcome = await sent(provider, where, request)
    assert isinstance(outcome, Accepted), outcome
    return outcome.upstream_id


KEPT = MediaInput("first_frame", object_key="p", content_type="image/png")


@pytest.mark.parametrize(
    ("request_", "style", "wrapped"),
    [
        (image(), "videos", False),
        (image(PICTURE), "content", False),
        (video(duration=3.0), "videos", False),
        (video(duration=3.0), "videos", True),
        (video(duration=3.0, model=KLING), "videos", False),
        (video(KEPT), "content", False),
    ],
)
async def test_a_job_from_its_queue_to_its_file(
    provider: Provider, fake: FakeIma, request_: GenerationRequest, style: str, wrapped: bool
) -> None:
    fake.wrapped = wrapped
    kind = request_.operation.rpartition("_")[2]
    where = channel(fake, style)
    name = await made(provider, where, request_)
    plain = style == "videos" and kind == "video"
    assert await provider.poll(where, job(name, request_)) == Running(0 if plain else None, started=False)
    fake.begin()
    assert await provider.poll(where, job(name, request_)) == Running(30 if plain else None)
    fake.finish()
    outcome = await provider.poll(where, job(name, request_))
    assert isinstance(outcome, Succeeded)
    (output,) = outcome.outputs
    assert (output.kind, output.upstream_id, (output.expires_at or 0) > NOW) == (kind, name, True)
    assert outcome.usage.tokens is not None
    assert (outcome.usage.seconds, outcome.usage.images) == (3.0 if plain else None, 1 if kind == "image" else None)
    assert fake.base_url not in str(outcome.facts), "an upstream's links are nobody's business"
    content = b"".join([chunk async for chunk in provider.collect(where, output)])
    assert content[:4] == b"\x89PNG" if kind == "image" else content[4:8] == b"ftyp"
    fake.fail(await made(provider, where, request_), "the model gave up")
    outcome = await provider.poll(where, job(list(fake.jobs)[1], request_))
    assert isinstance(outcome, Failed)
    assert (outcome.error.code, outcome.error.message) == ("upstream_failed", "the model gave up")


async def test_a_stored_picture_goes_as_a_url(provider: Provider, fake: FakeIma) -> None:
    await made(provider, channel(fake), image(replace(KEPT, role="image")))
    assert fake.creates[0]["image"] == "https://media.test/p"
    assert provider.traits_of("image_to_image", PRO).by_url("image")


async def test_four_pictures_and_one_of_them(provider: Provider, fake: FakeIma) -> None:
    where, asked = channel(fake), image(model=DRAWN)
    name = await made(provider, where, asked)
    fake.begin()
    assert await provider.poll(where, job(name, asked)) == Running(30)
    fake.finish()
    outcome = await provider.poll(where, job(name, asked))
    assert isinstance(outcome, Succeeded)
    told = [(one.item, one.part, "number" in one.url) for one in outcome.outputs]
    assert told == [*((item, "main", True) for item in range(4)), (0, "grid", False)]
    larger, source = change("upscale", index=2), Source(name, asked)
    answer = await provider.submit(where, Submission(larger, DRAWN, "43", None, source=source), Shelf())
    assert isinstance(answer, Accepted)
    fake.finish()
    outcome = await provider.poll(where, job(answer.upstream_id, larger))
    assert isinstance(outcome, Succeeded)
    assert [one.part for one in outcome.outputs] == ["main"]
    assert fake.creates[1] == {"taskId": name, "action": "UPSCALE", "index": 2}
    fake.fail(await made(provider, where, asked), "the moderators said no")
    outcome = await provider.poll(where, job(list(fake.jobs)[2], asked))
    assert isinstance(outcome, Failed)
    assert (await provider.poll(where, job("never-made", asked))) == NotFound()


@pytest.mark.parametrize(
    ("action", "listed", "count"), [("IMAGINE", 1, 4), ("LOW_VARIATION", 0, 4), ("REMIX", 1, 4), ("UPSCALE", 1, 1)]
)
def test_four_pictures_in_one_are_four(action: str, listed: int, count: int) -> None:
    said = {"mj_id": "7", "status": "SUCCESS", "action": action, "imageUrl": URL, "urls": [URL] * listed}
    reply, vendor = Reply(200, {}, msgspec.json.encode(said)), IMA.generation(DRAWN)
    found = polled(vendor, reply, Channel("a", URL), name="7", handle="h", now=NOW)
    assert isinstance(found, Found)
    outcome = found.outcome
    assert isinstance(outcome, Succeeded)
    assert (outcome.usage.images, len(outcome.outputs)) == (count, 1)


async def test_words_that_midjourney_bans_and_a_queue_that_is_full(provider: Provider, fake: FakeIma) -> None:
    for code, meant in ((24, "content_policy"), (23, "capacity"), (4, "invalid_request")):
        reply = Reply(200, {}, msgspec.json.encode({"code": code, "description": "no", "result": ""}))
        vendor = IMA.forms["videos"].generation(DRAWN)
        outcome = submitted(vendor, vendor.ops["text_to_image"], reply, channel(fake), NOW)
        assert isinstance(outcome, Refused), outcome
        assert outcome.error.code == meant


@pytest.mark.parametrize("how", ["base64", "url"])
async def test_a_picture_may_be_in_the_answer_to_its_create(provider: Provider, fake: FakeIma, how: str) -> None:
    fake.at_once = how
    outcome = await sent(provider, channel(fake), image())
    assert isinstance(outcome, Finished)
    (output,) = outcome.result.outputs
    assert (output.kind, bool(output.url), bool(output.content)) == ("image", how == "url", how == "base64")
    assert outcome.result.usage.tokens == Tokens(input=12, output=1290)
    assert outcome.result.usage.images == 1


@pytest.mark.parametrize(
    "told",
    [
        {"code": "success", "data": {"task_id": "t", "status": "dreaming of it"}},
        {"code": "success", "data": {"task_id": "t", "status": "succeeded", "url": ""}},
        {"code": "success", "data": {"task_id": "t"}},
        {"code": "success", "data": None},
        {"code": "500", "message": "status_code=500, task_id is empty", "data": None},
        {"error": {"message": "no"}},
        {"id": "t", "status": "completed", "results": [{"url": "https://a.test/1.mp4"}, {"url": ""}]},
    ],
)
def test_what_gives_no_verdict_is_unreadable(told: Any) -> None:
    for style, operation in zip(STYLES, ("text_to_image", "text_to_video"), strict=True):
        vendor = IMA.forms[style]
        reply = Reply(200, {}, msgspec.json.encode(told))
        vendor = vendor.making(vendor.ops[operation])
        assert isinstance(
            polled(vendor, reply, Channel("i", "https://a.test"), name="t", handle="h", now=NOW), Unreadable
        )


def test_several_results_are_several_videos() -> None:
    results = [{"url": f"https://a.test/{one}.mp4", "duration": 4} for one in (1, 2)]
    body = msgspec.json.encode({"id": "t", "status": "completed", "results": results})
    outcome: Any = polled(IMA, Reply(200, {}, body), Channel("i", "https://a.test"), name="t", handle="h", now=NOW)
    assert [one.url for one in outcome.outcome.outputs] == [one["url"] for one in results]
    assert outcome.outcome.usage.seconds == 8.0


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (
            400,
            {"code": "invalid_request", "message": "text_to_video requires one text content item"},
            "invalid_request",
        ),
        (200, {"code": "400", "message": "pixel count must be less than or equal to 927408"}, "invalid_request"),
        (403, {"code": "insufficient_user_quota", "message": "no"}, "upstream_refused"),
        (401, {"error": {"message": "Invalid token"}}, "upstream_refused"),
        (429, {"code": "429", "message": "busy", "data": None}, "capacity"),
        (400, {"code": "400", "message": "暂不支持人像"}, "content_policy"),
        (400, {"error": "the prompt breaks our content policy"}, "content_policy"),
        (500, {"code": "500", "message": "status_code=500, task_id is empty", "data": None}, None),
        (200, {"code": "500", "message": "status_code=500, task_id is empty", "data": None}, None),
        (200, {"code": "success", "data": None}, None),
        (200, {"code": "500", "message": "no", "data": {"task_id": "t"}}, None),
    ],
)
def test_what_an_answer_to_a_create_means(status: int, body: Any, code: str | None) -> None:
    reply = Reply(status, {}, msgspec.json.encode(body))
    outcome = submitted(IMA, IMA.ops["text_to_video"], reply, Channel("i", "https://a.test"), NOW)
    if code is None:
        assert isinstance(outcome, Unknown), outcome
    else:
        assert isinstance(outcome, Refused), outcome
        assert outcome.error.code == code


async def test_absence_faults_and_portraits(provider: Provider, fake: FakeIma) -> None:
    where, asked = channel(fake), video()
    assert await provider.poll(where, job("never-made", asked)) == NotFound()
    name = await made(provider, where, asked)
    acts: tuple[Act, ...] = ("html", "broken", "drop", "word")
    for act in acts:
        fake.faults.append(Fault("query", act, times=FOREVER, message="DREAMT"))
        assert isinstance(await provider.poll(where, job(name, asked)), Unreadable)
        fake.faults.clear()
    for act in acts[:3]:
        fake.faults.append(Fault("create", act, created=True))
        assert isinstance(await sent(provider, where, asked), Unknown)
    fake.fail(name, "暂不支持人像")
    outcome = await provider.poll(where, job(name, asked))
    assert isinstance(outcome, Failed)
    assert outcome.error.code == "content_policy"


async def test_what_it_cannot_do_and_a_ping(provider: Provider, fake: FakeIma) -> None:
    where = channel(fake, root="")
    assert isinstance(await provider.look_up(where, job("t", video())), Unreadable)
    assert await provider.cancel(where, job("t", video())) == NotCancellable()
    assert isinstance(await provider.report(where), Unreadable)
    assert not provider.read_callback(where, {}, b"{}"), "it documents none"
    assert (await provider.ping(where)).endswith("no such task")
    with pytest.raises(GatewayError) as caught:
        await provider.ping(replace(where, api_key="wrong"))
    assert caught.value.code == "authentication"
