"""The Midjourney provider against fakes of the original proxy, of Plus and trueai's, and of new-api's front."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from telecine.net.client import Client
from telecine.nouns.billed import Billed
from telecine.nouns.errors import GatewayError
from telecine.nouns.parameters import ChangeParameters, ImageParameters, VideoParameters
from telecine.nouns.request import GenerationRequest, MediaInput, Native, Novel, Reference
from telecine.providers.base import Channel, Job, Source, Submission
from telecine.providers.http import HttpProvider
from telecine.providers.midjourney import MIDJOURNEY
from telecine.providers.midjourney.prompts import unpriced
from telecine.providers.midjourney.table import MidjourneyOptions
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
from telecine.wires.midjourney import Said
from tests.clock import HandClock
from tests.providers.stand_ins import NOW, Shelf
from tests.upstreams.faults import Act
from tests.upstreams.files import Answer, FileServer
from tests.upstreams.midjourney import API_KEY, FOREVER, FakeMidjourney, Fault, Flavour
from tests.upstreams.midjourney_jobs import png
from tests.upstreams.refusals import SHAPES

MODEL = "midjourney"
PICTURE = MediaInput("image", object_key="a", content_type="image/png")
FACE = MediaInput("person", object_key="a", content_type="image/jpeg")
MASK = MediaInput("mask", object_key="a", content_type="image/png")
REFERENCE = MediaInput("reference", object_key="a", content_type="image/webp")
LINKED = MediaInput("reference", url="https://a.test/cat.png")
FIRST = MediaInput("first_frame", object_key="a", content_type="image/png")
LAST = MediaInput("last_frame", object_key="a", content_type="image/png")
SHELF = Shelf(a=png(8), **{"": png(8)})


@pytest.fixture(params=["original", "plus", "new-api"])
async def fake(request: pytest.FixtureRequest) -> AsyncIterator[FakeMidjourney]:
    async with FakeMidjourney(request.param) as running:
        yield running


@pytest.fixture
async def plus() -> AsyncIterator[FakeMidjourney]:
    async with FakeMidjourney() as running:
        yield running


@pytest.fixture
async def provider() -> AsyncIterator[HttpProvider]:
    client = Client()
    yield HttpProvider(MIDJOURNEY, client, HandClock(NOW))
    await client.close()


def at(fake: FakeMidjourney, root: str = "") -> Channel:
    return Channel("mj", fake.base_url + root, api_key=API_KEY, allow_private=True)


def asked(operation: str = "text_to_image", prompt: str = "a paper boat", **fields: Any) -> GenerationRequest:
    return GenerationRequest(operation=operation, model="public", prompt=prompt, **fields)


def following(operation: str, prompt: str = "", **fields: Any) -> GenerationRequest:
    return asked(operation, prompt, source=Reference(task=1), **fields)


def change(**fields: Any) -> ChangeParameters:
    return ChangeParameters(**fields)


def submission(request: GenerationRequest | None = None, **fields: Any) -> Submission:
    told: dict[str, Any] = {"request": request or asked(), "model": MODEL, "handle": "42", "callback_url": None}
    return Submission(**told | fields)


def job(name: str | None, operation: str = "text_to_image", handle: str = "42") -> Job:
    return Job(operation, MODEL, handle, name, NOW)


async def made(provider: HttpProvider, channel: Channel, request: GenerationRequest | None = None, **more: Any) -> str:
    sent = submission(request, **more)
    prepared = await provider.prepare(channel, sent, SHELF)
    assert prepared is None or isinstance(prepared, bytes)
    outcome = await provider.submit(channel, msgspec.structs.replace(sent, prepared=prepared), SHELF)
    assert isinstance(outcome, Accepted), outcome
    return outcome.upstream_id


async def drawn(
    provider: HttpProvider, fake: FakeMidjourney, request: GenerationRequest | None = None, **more: Any
) -> Source:
    """A task that is done, as what follows it up is told of it."""
    request = request or asked()
    name = await made(provider, at(fake), request, **more)
    fake.finish(name)
    outcome = await provider.poll(at(fake), job(name, request.operation))
    assert isinstance(outcome, Succeeded), outcome
    return Source(name, request, None, MODEL, facts=outcome.facts)


OWN = Native("midjourney", {}, own={"prompt": ("prompt", "https://a.test/cat.png a cat --ar 3:2 --sref 7 --v 7")})
CLIP = Native(
    "midjourney",
    {},
    {"resolution": Novel("vid_2_4k", "no such type")},
    own={"prompt": ("prompt", "https://a.test/cat.png sails --motion low --bs 1")},
)
NOVEL = Native("midjourney", {"remix": msgspec.Raw(b"true"), "accountFilter": msgspec.Raw(b'{"modes":["TURBO"]}')})
DATA = "data:image/png;base64,"
WEBP = "data:image/webp;base64,"


@pytest.mark.parametrize(
    ("request_", "path", "body"),
    [
        (asked(), "submit/imagine", {"prompt": "a paper boat"}),
        (asked(count=4, parameters=ImageParameters(grid=True)), "submit/imagine", {"prompt": "a paper boat"}),
        (
            asked(aspect_ratio="16:9", negative_prompt="oars", seed=7),
            "submit/imagine",
            {"prompt": "a paper boat --ar 16:9 --no oars --seed 7"},
        ),
        (
            asked("image_to_image", native=OWN, aspect_ratio="3:2", inputs=(LINKED, REFERENCE)),
            "submit/imagine",
            {"prompt": "https://a.test/cat.png a cat --ar 3:2 --sref 7 --v 7", "base64Array": [WEBP]},
        ),
        (
            asked("image_to_image", inputs=(LINKED,)),
            "submit/imagine",
            {"prompt": "a paper boat", "base64Array": [DATA]},
        ),
        (asked(size="1456x816"), "submit/imagine", {"prompt": "a paper boat --ar 16:9"}),
        (asked(native=NOVEL), "submit/imagine", {"prompt": "a paper boat", "remix": True}),
        (asked(parameters=ImageParameters(bot="niji")), "submit/imagine", {"botType": "NIJI_JOURNEY"}),
        (
            asked("image_to_image", inputs=(PICTURE, MASK)),
            "submit/edits",
            {"prompt": "a paper boat", "image": DATA, "maskBase64": DATA},
        ),
        (asked("inpaint", inputs=(PICTURE, MASK)), "submit/edits", {"image": DATA, "maskBase64": DATA}),
        (asked("midjourney:retexture", inputs=(PICTURE,)), "submit/retexture", {"image": DATA}),
        (
            asked("blend", "", inputs=(PICTURE, PICTURE), aspect_ratio="2:3"),
            "submit/blend",
            {"base64Array": [DATA, DATA], "dimensions": "PORTRAIT"},
        ),
        (asked("describe", "", inputs=(PICTURE,)), "submit/describe", {"base64": DATA}),
        (asked("shorten"), "submit/shorten", {"prompt": "a paper boat"}),
        (
            asked("swap_face", "", inputs=(FACE, PICTURE)),
            "insight-face/swap",
            {"sourceBase64": "data:image/jpeg;base64,", "targetBase64": DATA},
        ),
        (
            asked(
                "image_to_video",
                count=2,
                resolution="720p",
                duration=5.0,
                inputs=(FIRST, LAST),
                parameters=VideoParameters(motion="high", loop=True),
            ),
            "submit/video",
            {"image": DATA, "endImage": DATA, "motion": "high", "loop": True, "batchSize": 2}
            | {"videoType": "vid_1.1_i2v_720", "prompt": "a paper boat"},
        ),
        (
            asked("image_to_video", native=CLIP, inputs=(FIRST,)),
            "submit/video",
            {"image": DATA, "batchSize": 1, "videoType": "vid_2_4k", "prompt": "sails --motion low --bs 1"},
        ),
        (
            asked(
                "image_to_video",
                inputs=(FIRST,),
                native=Native("midjourney", {}, {"resolution": Novel("vid_2_i2v_1080", "No.")}),
            ),
            "submit/video",
            {"image": DATA, "videoType": "vid_2_i2v_1080"},
        ),
    ],
)
async def test_a_request_becomes(
    provider: HttpProvider, request_: GenerationRequest, path: str, body: dict[str, Any]
) -> None:
    """Whatever is a picture goes as a data URL, of the type that it is of."""
    async with FileServer() as server:
        sent = submission(request_, callback_url="https://gate.example/c")
        await provider.submit(Channel("s", server.url("/mj/"), api_key="k"), sent, SHELF)
        (got,) = server.asked
    said = json.loads(got.body)
    assert got.path == f"/mj/{path}"
    assert got.headers["mj-api-secret"] == "k"
    assert (said.pop("state"), said.pop("notifyHook")) == ("42", "https://gate.example/c")
    short = json.loads(json.dumps(said), object_hook=lambda one: {name: _short(value) for name, value in one.items()})
    assert {name: short.get(name) for name in body} == body
    assert "mode" not in said
    assert "accountFilter" not in said


def _short(value: Any) -> Any:
    if isinstance(value, list):
        return [_short(one) for one in value]
    return value.partition(",")[0] + "," if isinstance(value, str) and value.startswith("data:") else value


@pytest.mark.parametrize(
    ("options", "path"), [(MidjourneyOptions(), "/mj-turbo/mj/"), (MidjourneyOptions(prefixes=False), "/mj/")]
)
async def test_a_speed_is_a_path_and_a_filter(provider: HttpProvider, options: MidjourneyOptions, path: str) -> None:
    request = asked(parameters=ImageParameters(speed="turbo"), native=NOVEL)
    async with FileServer() as server:
        channel = Channel("s", server.url(""), api_key="k", options=options)
        await provider.submit(channel, submission(request), SHELF)
        (got,) = server.asked
    assert got.path == f"{path}submit/imagine"
    assert json.loads(got.body)["accountFilter"] == {"modes": ["TURBO"]}
    assert provider.check(request, MODEL) == Billed(count=4, speed="turbo")


@pytest.mark.parametrize(
    ("request_", "code", "param"),
    [
        (asked(prompt=" "), "invalid_request", "prompt"),
        (asked(prompt="a boat --turbo"), "unsupported_parameter", "prompt"),
        (asked(prompt="a boat --repeat 9"), "invalid_request", "prompt"),
        (asked(prompt="a boat —r 9"), "invalid_request", "prompt"),
        (asked(prompt="a boat--Turbo"), "unsupported_parameter", "prompt"),
        (asked(prompt="a boat.--repeat 9"), "invalid_request", "prompt"),
        (asked(prompt="a {red, green} boat"), "invalid_request", "prompt"),
        (asked("image_to_video", "sail --bs 4", inputs=(FIRST,)), "invalid_request", "prompt"),
        (asked("image_to_video", "sail --bs 1 --bs 4", inputs=(FIRST,)), "invalid_request", "prompt"),
        (asked("image_to_video", "sail --motion high", inputs=(FIRST,)), "invalid_request", "prompt"),
        (following("zoom", "a boat --zoom 2", parameters=change(factor=1.5)), "invalid_request", "prompt"),
        (asked(count=5), "invalid_request", "count"),
        (asked(size="1536x1024"), "unsupported_parameter", "size"),
        (asked(size="1024x1024", aspect_ratio="16:9"), "invalid_request", "size"),
        (asked(parameters=ImageParameters(quality="high")), "unsupported_parameter", "parameters.quality"),
        (asked(parameters=ImageParameters(speed="warp")), "unsupported_parameter", "parameters.speed"),
        (asked("image_to_image", inputs=(PICTURE, PICTURE)), "invalid_request", "inputs.image"),
        (asked("image_to_image", inputs=(PICTURE, REFERENCE)), "unsupported_parameter", "inputs.reference"),
        (asked("blend", "", inputs=(PICTURE, PICTURE), aspect_ratio="16:9"), "unsupported_parameter", "aspect_ratio"),
        (asked("blend", inputs=(PICTURE, PICTURE)), "unsupported_parameter", "prompt"),
        (asked("upscale", "", inputs=(PICTURE,)), "invalid_request", "source"),
        (following("upscale", "at night"), "unsupported_parameter", "prompt"),
        (following("reroll", inputs=(MASK,)), "unsupported_parameter", "inputs.mask"),
        (following("inpaint"), "invalid_request", "inputs.mask"),
        (asked("image_to_video"), "invalid_request", "inputs.first_frame"),
        (asked("image_to_video", inputs=(FIRST,), duration=6.0), "unsupported_parameter", "duration"),
        (asked("image_to_video", inputs=(FIRST,), count=3), "invalid_request", "count"),
        (asked("image_to_video", inputs=(FIRST,), resolution="1080p"), "unsupported_parameter", "resolution"),
        (asked("extend", inputs=(MediaInput("video", url="https://a.test/a.mp4"),)), "invalid_request", "inputs.video"),
        (
            following("image_to_video", "fast", parameters=VideoParameters(custom_id="MJ")),
            "unsupported_parameter",
            "prompt",
        ),
        (asked("text_to_video"), "unsupported_parameter", "operation"),
        *(
            (following(operation, parameters=change(**more)), "invalid_request", "parameters.custom_id")
            for operation, more in (
                ("reroll", {"custom_id": "MJ::JOB::upsample_v6_2x_creative::1::x::SOLO"}),
                ("upscale", {"custom_id": "MJ::JOB::upsample_v6_2x_creative::1::x::SOLO", "style": "subtle"}),
                ("midjourney:action", {"custom_id": "MJ::JOB::upsample::1::x"}),
                ("midjourney:action", {"custom_id": "MJ::Job::PicReader::all"}),
            )
        ),
        (
            following(
                "image_to_video", count=4, parameters=VideoParameters(custom_id="MJ::JOB::animate_high::1::x::SOLO")
            ),
            "invalid_request",
            "parameters.custom_id",
        ),
        (asked(native=Native("kling", {"x": msgspec.Raw(b"1")})), "unsupported_parameter", "x"),
        (asked(native=Native("midjourney", {"Mode": msgspec.Raw(b'"x"')})), "unsupported_parameter", "Mode"),
    ],
)
def test_what_midjourney_cannot_express_is_refused_by_name(
    provider: HttpProvider, request_: GenerationRequest, code: str, param: str
) -> None:
    with pytest.raises(GatewayError) as caught:
        provider.check(request_, MODEL)
    assert (caught.value.code, caught.value.param) == (code, param), str(caught.value)


def test_what_a_picture_was_made_with_is_told_again_without_its_price() -> None:
    assert unpriced("a boat --ar 16:9 --turbo --zoom 2 --v 7") == "a boat --ar 16:9 --v 7"
    assert unpriced("https://a.test/a.png a boat") == "https://a.test/a.png a boat"


@pytest.mark.parametrize(
    ("request_", "billed"),
    [
        (asked(), Billed(count=4)),
        (following("vary", parameters=change(index=1, speed="relax")), Billed(count=4, speed="relax")),
        (
            following("upscale", parameters=change(style="creative", factor=2.0)),
            Billed(count=1, style="creative", factor=2.0),
        ),
        (asked("describe", "", inputs=(PICTURE,)), Billed()),
        (following("midjourney:action", parameters=change(custom_id="MJ::Job::PicReader::2")), Billed(count=4)),
        (following("midjourney:action", parameters=change(custom_id="MJ::Outpaint::100::1::x::SOLO")), Billed(count=4)),
        (
            asked("image_to_video", inputs=(FIRST,), parameters=VideoParameters(motion="high")),
            Billed(duration=5.0, resolution="480p", motion="high"),
        ),
        (
            asked("image_to_video", native=CLIP, inputs=(FIRST,)),
            Billed(duration=5.0, motion="low", unjudged=("resolution",)),
        ),
    ],
)
def test_what_is_billed(provider: HttpProvider, request_: GenerationRequest, billed: Billed) -> None:
    assert provider.check(request_, MODEL) == billed


async def test_a_grid_from_its_queue_to_its_files(provider: HttpProvider, fake: FakeMidjourney) -> None:
    channel, waits = at(fake, "/mj"), Running(0, started=False)
    fake.queueing = True
    name = await made(provider, channel)
    assert await provider.poll(channel, job(name)) == waits
    fake.begin()
    running = await provider.poll(channel, job(name))
    assert isinstance(running, Running)
    assert (running.progress, running.started) == (30, True)
    assert running.preview is not None
    assert running.preview.url.startswith(fake.base_url)
    fake.finish()
    outcome = await provider.poll(channel, job(name))
    assert isinstance(outcome, Succeeded)
    parts = [(one.item, one.part) for one in outcome.outputs]
    one_by_one = [(item, "main") for item in range(4)]
    assert outcome.usage.images == 4
    assert parts == ([*one_by_one, (0, "grid")] if fake.flavour == "plus" else [(None, "main")])
    content = [b"".join([chunk async for chunk in provider.collect(channel, one)]) for one in outcome.outputs]
    assert [one[:4] for one in content] == [b"\x89PNG"] * len(parts)
    assert content[-1] == png(64)
    said = outcome.facts.read("midjourney", Said) if outcome.facts is not None else None
    assert said is not None
    assert [one.custom_id for one in said.buttons] == ([] if fake.flavour == "original" else fake.jobs[name].buttons())
    assert (said.prompt_en, said.properties["finalPrompt"]) == ("a paper boat", "a paper boat")
    assert said.seed == ("1234567890" if fake.flavour == "plus" else None)
    raw = bytes(outcome.facts.raw if outcome.facts else b"")
    assert fake.base_url.encode() not in raw, "an upstream's links, and our own, are nobody's business"
    assert b"1118138338562560102" not in raw


@pytest.mark.parametrize("flavour", ["original", "new-api"])
async def test_the_originals_actions(provider: HttpProvider, flavour: Flavour) -> None:
    """A task without buttons, or none that a client has named."""
    async with FakeMidjourney(flavour) as fake:
        channel, parent = at(fake), msgspec.structs.replace(await drawn(provider, fake), facts=None)
        for request, body in (
            (following("upscale", parameters=change(index=2)), {"action": "UPSCALE", "index": 2}),
            (following("vary", parameters=change(index=3)), {"action": "VARIATION", "index": 3}),
            (following("reroll"), {"action": "REROLL", "index": 1}),
        ):
            await made(provider, channel, request, source=parent)
            path, sent = fake.creates[-1]
            assert path == "/mj/submit/change"
            assert sent == body | {"taskId": parent.upstream_id, "state": "42"}
        for request, param in (
            (following("upscale"), "parameters.index"),
            (following("upscale", parameters=change(index=1, style="subtle")), "parameters.style"),
            (following("zoom", parameters=change(factor=2.0)), "operation"),
            (following("midjourney:action", parameters=change(custom_id="MJ::JOB::x")), "parameters.custom_id"),
        ):
            with pytest.raises(GatewayError) as caught:
                await provider.submit(channel, submission(request, source=parent), SHELF)
            assert caught.value.param == param


async def test_the_same_upscale_is_the_one_that_is_there(provider: HttpProvider) -> None:
    async with FakeMidjourney("original") as fake:
        parent = await drawn(provider, fake)
        request = following("upscale", parameters=change(index=2))
        first = await made(provider, at(fake), request, source=parent)
        assert await made(provider, at(fake), request, source=parent) == first
        assert fake.count("accepted") == 2


GRID_BUTTONS = [
    (following("upscale", parameters=change(index=3)), "MJ::JOB::upsample::3::"),
    (following("vary", parameters=change(index=4)), "MJ::JOB::variation::4::"),
    (following("reroll"), "MJ::JOB::reroll::0::"),
]
PICTURE_BUTTONS = [
    (following("upscale", parameters=change(style="creative", factor=2.0)), "MJ::JOB::upsample_v6_2x_creative::1::"),
    (following("vary", parameters=change(strength="subtle")), "MJ::JOB::low_variation::1::"),
    (following("vary", parameters=change(strength="strong")), "MJ::JOB::high_variation::1::"),
    (following("zoom", parameters=change(factor=2.0)), "MJ::Outpaint::50::1::"),
    (following("zoom", parameters=change(factor=1.5)), "MJ::Outpaint::75::1::"),
    (following("pan", parameters=change(direction="left")), "MJ::JOB::pan_left::1::"),
]


async def test_buttons_are_found_by_what_is_asked_for(provider: HttpProvider, plus: FakeMidjourney) -> None:
    grid = await drawn(provider, plus)
    one = await drawn(provider, plus, following("upscale", parameters=change(index=1)), source=grid)
    for parent, requests in ((grid, GRID_BUTTONS), (one, PICTURE_BUTTONS)):
        for request, beginning in requests:
            name = await made(provider, at(plus), request, source=parent)
            path, body = plus.creates[-1]
            assert path == "/mj/submit/action"
            assert body["customId"].startswith(beginning)
            assert (body["taskId"], body["enableRemix"]) == (parent.upstream_id, False)
            assert plus.jobs[name].parent == parent.upstream_id
    await made(provider, at(plus), following("upscale"), source=msgspec.structs.replace(grid, item=1))
    assert plus.creates[-1][1]["customId"].startswith("MJ::JOB::upsample::2::"), "an output of it was named"
    for wrong, param in (
        (following("upscale"), "parameters.index"),
        (following("pan", parameters=change(direction="left")), "source"),
        (following("vary", parameters=change(index=1, strength="strong")), "source"),
        (
            following("midjourney:action", parameters=change(custom_id="MJ::JOB::upsample::1::other")),
            "parameters.custom_id",
        ),
    ):
        with pytest.raises(GatewayError) as caught:
            await provider.submit(at(plus), submission(wrong, source=grid), SHELF)
        assert caught.value.param == param


async def test_a_button_that_nobody_here_knows(provider: HttpProvider, plus: FakeMidjourney) -> None:
    one = await drawn(provider, plus)
    one = await drawn(provider, plus, following("upscale", parameters=change(index=1)), source=one)
    name = next(one for one in plus.jobs[one.upstream_id or ""].buttons() if "BOOKMARK" in one)
    await made(provider, at(plus), following("midjourney:action", parameters=change(custom_id=name)), source=one)
    assert plus.creates[-1][1]["customId"] == name


async def test_windows_are_opened_and_completed(provider: HttpProvider, plus: FakeMidjourney) -> None:
    grid = await drawn(provider, plus)
    one = await drawn(provider, plus, following("upscale", parameters=change(index=1)), source=grid)
    for request, button, prompt in (
        (
            following("zoom", "at sea", aspect_ratio="2:1", parameters=change(factor=1.8)),
            "CustomZoom",
            "at sea --ar 2:1 --zoom 1.8",
        ),
        (following("inpaint", "a red sail", inputs=(MASK,)), "Inpaint", "a red sail"),
        (following("zoom", parameters=change(factor=1.2, speed="fast")), "CustomZoom", "a paper boat --zoom 1.2"),
    ):
        before, fast = plus.count("accepted"), getattr(request.parameters, "speed", None) == "fast"
        name = await made(provider, at(plus), request, source=one)
        (opened, first), (path, second) = plus.creates[-2:]
        assert (opened.rpartition("/")[2], path.rpartition("/")[2]) == ("action", "modal")
        assert opened.startswith("/mj-fast/") == path.startswith("/mj-fast/") == fast
        assert button in first["customId"]
        assert (first["state"], second["taskId"], second["prompt"]) == ("42", name, prompt)
        assert second.get("maskBase64", "")[:22] == (DATA if button == "Inpaint" else "")
        assert plus.count("accepted") == before + 1
        plus.finish(name)
        assert isinstance(await provider.poll(at(plus), job(name, request.operation)), Succeeded)
    assert provider.traits_of("inpaint", MODEL).prepares
    assert not provider.traits_of("upscale", MODEL).prepares


async def test_a_window_that_is_not_opened(provider: HttpProvider, plus: FakeMidjourney) -> None:
    grid = await drawn(provider, plus)
    one = await drawn(provider, plus, following("upscale", parameters=change(index=1)), source=grid)
    request = submission(following("inpaint", "a sail", inputs=(MASK,)), source=one)
    plus.faults.append(Fault("create", "drop"))
    assert isinstance(await provider.prepare(at(plus), request, SHELF), NeverSent)
    plus.faults.append(Fault("create", "refuse", code=24, message="可能包含敏感词"))
    refused = await provider.prepare(at(plus), request, SHELF)
    assert isinstance(refused, Refused)
    assert refused.error.code == "content_policy"
    plus.faults.append(Fault("create", "html", status=500))
    assert isinstance(await provider.prepare(at(plus), request, SHELF), NeverSent)


async def test_a_modal_whose_answer_was_lost_is_found_and_one_that_never_came_is_not(
    provider: HttpProvider, plus: FakeMidjourney
) -> None:
    grid = await drawn(provider, plus)
    one = await drawn(provider, plus, following("upscale", parameters=change(index=1)), source=grid)
    sent = submission(following("zoom", "a sea", parameters=change(factor=1.8)), source=one, handle="77")
    prepared = await provider.prepare(at(plus), sent, SHELF)
    assert isinstance(prepared, bytes)
    asked_for = job(None, "zoom", "77")
    assert await provider.look_up(at(plus), asked_for) == NotFound()
    plus.faults.append(Fault("create", "drop", created=True))
    outcome = await provider.submit(at(plus), msgspec.structs.replace(sent, prepared=prepared), SHELF)
    assert isinstance(outcome, Unknown)
    found = await provider.look_up(at(plus), asked_for)
    assert isinstance(found, Found)
    assert found.upstream_id == prepared.decode()


@pytest.fixture(params=["plus", "new-api"])
async def flavoured(request: pytest.FixtureRequest) -> AsyncIterator[FakeMidjourney]:
    async with FakeMidjourney(request.param) as running:
        yield running


@pytest.mark.parametrize("flavour", ["plus", "new-api"])
async def test_a_window_that_a_mode_of_the_account_opens_is_for_nobody(
    provider: HttpProvider, flavour: Flavour
) -> None:
    async with FakeMidjourney(flavour, remix=True) as fake:
        grid = await drawn(provider, fake)
        request = following("vary", parameters=change(index=1))
        outcome = await provider.submit(at(fake), submission(request, source=grid), SHELF)
        assert isinstance(outcome, Refused)
        assert (outcome.error.code, outcome.elsewhere) == ("upstream_refused", False)
        assert "window" in outcome.error.message


async def test_other_words_are_what_a_window_of_the_remix_mode_is_told(
    provider: HttpProvider, flavoured: FakeMidjourney
) -> None:
    fake = flavoured
    grid = await drawn(provider, fake)
    name = await made(provider, at(fake), following("vary", "at night", parameters=change(index=2)), source=grid)
    (_, first), (_, second) = fake.creates[-2:]
    assert (first["enableRemix"], first["customId"][:24]) == (True, "MJ::JOB::variation::2::" + first["customId"][23])
    assert (second["taskId"], second["prompt"]) == (name, "at night")
    assert fake.count("accepted") == 2


async def test_texts(provider: HttpProvider, fake: FakeMidjourney) -> None:
    for request in (asked("describe", "", inputs=(PICTURE,)), asked("shorten")):
        if fake.flavour == "original" and request.operation == "shorten":
            continue
        name = await made(provider, at(fake), request)
        fake.finish(name)
        outcome = await provider.poll(at(fake), job(name, request.operation))
        assert isinstance(outcome, Succeeded)
        (text,) = outcome.outputs
        assert (text.kind, text.part, text.text) == ("text", "main", fake.jobs[name].text().strip())


async def test_videos(provider: HttpProvider, plus: FakeMidjourney) -> None:
    first = await drawn(provider, plus, asked("image_to_video", count=2, inputs=(FIRST,)))
    outcome = await provider.poll(at(plus), job(first.upstream_id, "image_to_video"))
    assert isinstance(outcome, Succeeded)
    assert [(one.kind, one.item) for one in outcome.outputs] == [("video", 0), ("video", 1)]
    content = b"".join([chunk async for chunk in provider.collect(at(plus), outcome.outputs[1])])
    assert content[4:8] == b"ftyp"
    second = msgspec.structs.replace(first, item=1)
    await made(provider, at(plus), following("extend", "further"), source=second)
    told = {"action": "extend", "index": 1, "taskId": first.upstream_id, "motion": "low", "prompt": "further"}
    assert plus.creates[-1][1].items() >= told.items()
    grid = await drawn(provider, plus)
    await made(provider, at(plus), following("image_to_video", parameters=VideoParameters(index=3)), source=grid)
    assert plus.creates[-1][1].items() >= {"index": 2, "taskId": grid.upstream_id}.items()
    one = await drawn(provider, plus, following("upscale", parameters=change(index=1)), source=grid)
    name = next(one for one in plus.jobs[one.upstream_id or ""].buttons() if "animate_high" in one)
    request = following("image_to_video", count=4, parameters=VideoParameters(custom_id=name, motion="high"))
    clips = await drawn(provider, plus, request, source=one)
    assert plus.creates[-1][0] == "/mj/submit/action"
    assert clips.upstream_id is not None


async def test_all_jobs_are_one_question(provider: HttpProvider, fake: FakeMidjourney) -> None:
    channel = at(fake)
    names = [await made(provider, channel) for _ in range(4)]
    fake.begin(names[1])
    fake.finish(names[2])
    fake.fail(names[3], "Banned prompt detected")
    jobs = [job(name, handle=str(number)) for number, name in enumerate(names)]
    found = dict(await provider.poll_many(channel, jobs))
    assert [type(found[str(number)]) for number in range(4)] == [Running, Running, Succeeded, Failed]
    assert found == {one.handle: await provider.poll(channel, one) for one in jobs}
    assert isinstance(found["3"], Failed)
    assert (found["3"].error.code, found["3"].error.message) == ("content_policy", "Banned prompt detected")
    assert fake.fetched == [sorted(names)]
    fake.hidden.add(names[0])
    assert "0" not in await provider.poll_many(channel, jobs), "what is left out has no verdict"


async def test_an_unknown_submit_is_looked_for_in_the_list(provider: HttpProvider, fake: FakeMidjourney) -> None:
    fake.faults.append(Fault("create", "drop", created=True))
    assert isinstance(await provider.submit(at(fake), submission(handle="4711"), SHELF), Unknown)
    (name,) = fake.jobs
    found = await provider.look_up(at(fake), job(None, handle="4711"))
    if fake.flavour == "new-api":
        assert found == NotFound(), "it has a page in the place of a list"
    else:
        assert found == Found(name, Running(0, started=False))
        assert await provider.look_up(at(fake), job(None, handle="4712")) == NotFound()
        acts: tuple[Act, ...] = ("drop", "html")
        for act in acts:
            fake.faults.append(Fault("list", act, times=FOREVER))
            assert isinstance(await provider.look_up(at(fake), job(None, handle="4711")), Unreadable)
            fake.faults.clear()
    assert provider.traits_of("text_to_image", MODEL).look_up
    assert not provider.traits_of("text_to_image", MODEL).unique_handle


async def test_faults_and_refusals(provider: HttpProvider, fake: FakeMidjourney) -> None:
    channel = at(fake)
    absent = await provider.poll(channel, job("1712204995849323"))
    assert isinstance(absent, NotFound if fake.flavour == "new-api" else Unreadable)
    name = await made(provider, channel)
    acts: tuple[Act, ...] = ("html", "broken", "drop", "word")
    for act in acts:
        fake.faults.append(Fault("query", act, times=FOREVER, message="DREAMT"))
        assert isinstance(await provider.poll(channel, job(name)), Unreadable)
        fake.faults.clear()
    for act in acts[:3]:
        fake.faults.append(Fault("create", act, created=True))
        assert isinstance(await provider.submit(channel, submission(), SHELF), Unknown)
    for code, expected, elsewhere in (
        (3, "upstream_refused", True),
        (4, "invalid_request", False),
        (9, "upstream_refused", True),
        (24, "content_policy", False),
    ):
        fake.faults.append(Fault("create", "refuse", code=code, message="没有"))
        outcome = await provider.submit(channel, submission(), SHELF)
        assert isinstance(outcome, Refused)
        assert (outcome.error.code, outcome.elsewhere) == (expected, elsewhere)
    fake.max_parallel = 0
    outcome = await provider.submit(channel, submission(), SHELF)
    assert isinstance(outcome, Refused)
    assert (outcome.capacity, outcome.retry_after) == (True, 1.0)


async def test_a_refusal_in_any_shape_is_one(provider: HttpProvider, plus: FakeMidjourney) -> None:
    """As with all vendors (`test_refusal.py`): the status first, whatever the body is."""
    for shape in SHAPES:
        for status, refused in ((400, True), (404, True), (429, True), (408, False), (500, False), (503, False)):
            plus.faults.append(Fault("create", "shape", code=shape, status=status))
            outcome = await provider.submit(at(plus), submission(), SHELF)
            assert isinstance(outcome, Refused if refused else Unknown), (shape, status, outcome)
            assert not refused or outcome.capacity == (status == 429)  # type: ignore[union-attr]
    said = f"no: {plus.base_url}/mj/submit/imagine with {API_KEY} on port {plus.port}"
    plus.faults.append(Fault("create", "refuse", code=4, message=said))
    outcome = await provider.submit(at(plus), submission(), SHELF)
    assert isinstance(outcome, Refused)
    assert outcome.error.message.startswith("no: ")
    assert not any(one in outcome.error.message for one in (API_KEY, str(plus.port), "127.0.0.1"))


@pytest.mark.parametrize(
    ("code", "said", "expected"),
    [
        (5, "do_request_failed", None),
        (4, "insert_midjourney_task_failed", None),
        (4, "quota_not_enough", ("upstream_refused", True)),
        (4, "task_not_found", ("invalid_request", False)),
    ],
)
async def test_new_api_says_it_in_its_description(
    provider: HttpProvider, code: int, said: str, expected: tuple[str, bool] | None
) -> None:
    async with FakeMidjourney("new-api") as fake:
        fake.faults.append(Fault("create", "refuse", code=code, message=said))
        outcome = await provider.submit(at(fake), submission(), SHELF)
    if expected is None:
        assert isinstance(outcome, Unknown), "its own upstream may have made the job"
    else:
        assert isinstance(outcome, Refused)
        assert (outcome.error.code, outcome.elsewhere) == expected


async def test_a_parent_that_is_not_known_any_more(provider: HttpProvider, plus: FakeMidjourney) -> None:
    grid = await drawn(provider, plus)
    plus.jobs.clear()
    outcome = await provider.submit(at(plus), submission(following("reroll"), source=grid), SHELF)
    assert isinstance(outcome, Refused)
    assert (outcome.error.code, outcome.elsewhere) == ("invalid_request", False)


@pytest.mark.parametrize(
    "told",
    [
        {"id": "t", "status": "UNKNOWN"},
        {"id": "t", "status": None},
        {"id": "t", "status": "SUCCESS"},
        {"id": "t", "status": "SUCCESS", "imageUrl": "ftp://a.test/a.png", "imageUrls": [7]},
        {"id": "u", "status": "SUCCESS", "imageUrl": "https://a.test/a.png"},
        {"code": 4, "description": "task_no_found"},
        [],
        None,
    ],
)
async def test_what_gives_no_verdict_is_unreadable(provider: HttpProvider, told: Any) -> None:
    async with FileServer() as server:
        body = msgspec.json.encode(told)
        server.answers["/mj/task/t/fetch"] = Answer(body, headers={"content-type": "application/json"})
        assert isinstance(await provider.poll(Channel("s", server.url("")), job("t")), Unreadable)


async def test_a_cancel_a_ping_and_a_callback(provider: HttpProvider, fake: FakeMidjourney) -> None:
    name = await made(provider, at(fake))
    stopped = await provider.cancel(at(fake), job(name))
    assert isinstance(stopped, NotCancellable if fake.flavour == "original" else Unreadable)
    if fake.flavour == "plus":
        assert isinstance(await provider.poll(at(fake), job(name)), Failed)
    assert provider.read_callback(at(fake), {}, b"{}"), "its address is a secret, and it only wakes"
    assert await provider.ping(at(fake)) == "HTTP 200"
    with pytest.raises(GatewayError) as caught:
        await provider.ping(msgspec.structs.replace(at(fake), api_key="wrong"))
    assert caught.value.code == "authentication"
