"""What requests for pictures and sounds become on Kling's wire, what is refused of them, and how such jobs go."""

from __future__ import annotations

import json
from typing import Any

import pytest

from telecine.nouns.errors import GatewayError
from telecine.nouns.parameters import ExpandParameters, ImageParameters
from telecine.nouns.request import GenerationRequest, MediaInput, Role
from telecine.providers.base import Channel, Job, Provider
from telecine.providers.http.body import Draft, translate
from telecine.providers.kling import KLING
from telecine.providers.outcomes import Accepted, Failed, Found, Running, Succeeded, Unknown
from tests.providers.kling.requests import JPEG, submission
from tests.providers.stand_ins import NOW, Shelf
from tests.upstreams.kling import FakeKling, Fault

URL, OTHER = "https://example.com/a.png", "https://example.com/b.png"
IMAGE: tuple[Role, str] = ("image", URL)
REFERENCE: tuple[Role, str] = ("reference", URL)
GARMENT: tuple[Role, str] = ("garment", OTHER)
GENERATIONS, OMNI, MULTI = "/v1/images/generations", "/v1/images/omni-image", "/v1/images/multi-image2image"
EXPAND, TRY_ON, SOUND = "/v1/images/editing/expand", "/v1/images/kolors-virtual-try-on", "/v1/audio/text-to-audio"


def image(*given: tuple[Role, str], **fields: Any) -> GenerationRequest:
    told: dict[str, Any] = {
        "operation": "image_to_image" if given else "text_to_image",
        "model": "kling-v3",
        "prompt": "a fox",
        "inputs": tuple(MediaInput(role, url=url) for role, url in given),
    }
    return GenerationRequest(**told | fields)


def omni(*given: tuple[Role, str], **fields: Any) -> GenerationRequest:
    return image(*given, **{"model": "kling-image-o1", **fields})


def expand(count: int = 1, **grows: Any) -> GenerationRequest:
    return image(("image", URL), operation="expand", model="kling-expand", prompt="", count=count,
                 parameters=ExpandParameters(**grows))  # fmt: skip


def sound(**fields: Any) -> GenerationRequest:
    return GenerationRequest(**{"operation": "sound", "model": "kling-text-to-audio", "prompt": "rain", **fields})


WORN = image(("person", URL), ("garment", OTHER), operation="try_on", model="kolors-virtual-try-on-v1-5", prompt="")


def drafted(request: GenerationRequest) -> tuple[str, dict[str, Any]]:
    """The path, and the body with its pictures' URLs in their places."""
    draft: Draft = translate(KLING, request, request.model)
    for holder, name, item in draft.media:
        holder[name] = item.url
    return draft.op.create.partition(" ")[2], json.loads(draft.encoded())


SENT: list[tuple[GenerationRequest, str, dict[str, Any]]] = [
    (image(), GENERATIONS, {"prompt": "a fox"}),
    (image(count=4, negative_prompt="fog"), GENERATIONS, {"prompt": "a fox", "n": 4, "negative_prompt": "fog"}),
    (image(aspect_ratio="21:9", resolution="2K"), GENERATIONS,
     {"prompt": "a fox", "aspect_ratio": "21:9", "resolution": "2k"}),
    (image(size="1024x1024"), GENERATIONS, {"prompt": "a fox", "aspect_ratio": "1:1", "resolution": "1k"}),
    (image(size="1536x1024"), GENERATIONS, {"prompt": "a fox", "aspect_ratio": "3:2", "resolution": "1k"}),
    (image(size="2048x2048"), GENERATIONS, {"prompt": "a fox", "aspect_ratio": "1:1", "resolution": "2k"}),
    (image(seed=7), GENERATIONS, {"prompt": "a fox"}),
    (image(parameters=ImageParameters(elements=(160,), watermark=True)), GENERATIONS,
     {"prompt": "a fox", "element_list": [{"element_id": 160}], "watermark_info": {"enabled": True}}),
    (image(("image", URL)), GENERATIONS, {"prompt": "a fox", "image": URL}),
    (image(("image", URL), model="kling-v2-1",
           parameters=ImageParameters(image_reference="face", image_fidelity=0.5, human_fidelity=1.0)), GENERATIONS,
     {"prompt": "a fox", "image": URL, "image_reference": "face", "image_fidelity": 0.5, "human_fidelity": 1.0}),
    (image(("reference", URL), model="kling-v2-1"), MULTI,
     {"prompt": "a fox", "subject_image_list": [{"subject_image": URL}]}),
    (image(("image", URL), ("image", OTHER), count=2), MULTI,
     {"prompt": "a fox", "n": 2, "subject_image_list": [{"subject_image": URL}, {"subject_image": OTHER}]}),
    (image(("image", URL), ("scene", OTHER), ("style", URL), aspect_ratio="9:16"), MULTI,
     {"prompt": "a fox", "aspect_ratio": "9:16", "subject_image_list": [{"subject_image": URL}],
      "scene_image": OTHER, "style_image": URL}),
    (omni(count=3), OMNI, {"prompt": "a fox", "n": 3}),
    (omni(("image", URL), ("reference", OTHER), model="kling-v3-omni", resolution="4k"), OMNI,
     {"prompt": "a fox", "resolution": "4k", "image_list": [{"image": URL}, {"image": OTHER}]}),
    (omni(model="kling-v4-omni"), OMNI, {"prompt": "a fox"}),
    (omni(count=5, parameters=ImageParameters(series=True)), OMNI,
     {"prompt": "a fox", "result_type": "series", "series_amount": 5}),
    (omni(count=9, parameters=ImageParameters(series=True, fewer=True)), OMNI,
     {"prompt": "a fox", "result_type": "series", "series_amount": "auto"}),
    (omni(count=2, parameters=ImageParameters(series=False)), OMNI,
     {"prompt": "a fox", "result_type": "single", "n": 2}),
    (expand(up=0.5, left=0.25), EXPAND,
     {"image": URL, "up_expansion_ratio": 0.5, "down_expansion_ratio": 0.0, "left_expansion_ratio": 0.25,
      "right_expansion_ratio": 0.0}),
    (expand(2, up=1.0, down=1.0), EXPAND,
     {"image": URL, "n": 2, "up_expansion_ratio": 1.0, "down_expansion_ratio": 1.0, "left_expansion_ratio": 0.0,
      "right_expansion_ratio": 0.0}),
    (WORN, TRY_ON, {"human_image": URL, "cloth_image": OTHER}),
    (sound(duration=3.1), SOUND, {"prompt": "rain", "duration": 3.1}),
    (sound(), SOUND, {"prompt": "rain", "duration": 5.0}),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "path", "body"), SENT, ids=lambda one: one if isinstance(one, str) else "")
def test_what_is_sent(request_: GenerationRequest, path: str, body: dict[str, Any]) -> None:
    named = {} if path in (EXPAND, SOUND) else {"model_name": request_.model}
    assert drafted(request_) == (path, {**named, **body})


REFUSED: list[tuple[GenerationRequest, str]] = [
    (image(prompt=""), "prompt"),
    (image(count=10), "count"),
    (image(size="1792x1024"), "size"),
    (image(size="512x512"), "size"),
    (image(resolution="4k"), "resolution"),
    (image(aspect_ratio="5:4"), "aspect_ratio"),
    (image(parameters=ImageParameters(series=True)), "parameters.series"),
    (image(parameters=ImageParameters(quality="high")), "parameters.quality"),
    (image(("image", URL), negative_prompt="fog"), "negative_prompt"),
    (image(("image", URL), ("mask", OTHER)), "inputs.mask"),
    (image(*[IMAGE] * 5), "inputs"),
    (image(("scene", URL)), "inputs"),
    (image(("image", URL), ("scene", URL), ("scene", OTHER)), "inputs"),
    (image(("reference", URL), resolution="2k"), "resolution"),
    (image(("reference", URL), parameters=ImageParameters(image_fidelity=0.5)), "parameters.image_fidelity"),
    (omni(*[REFERENCE] * 10, parameters=ImageParameters(elements=(1,))), "inputs"),
    (omni(parameters=ImageParameters(series=True)), "count"),
    (omni(count=3, parameters=ImageParameters(fewer=True)), "parameters.fewer"),
    (omni(("image", URL), ("scene", OTHER)), "inputs.scene"),
    (expand(up=2.1), "parameters.up"),
    (expand(up=2.0, left=0.1), "parameters.up"),
    (expand(10, up=0.1), "count"),
    (image(("person", URL), *[GARMENT] * 2, operation="try_on", prompt=""), "inputs"),
    (image(("person", URL), ("garment", OTHER), operation="try_on", prompt="", count=2), "count"),
    (image(("person", URL), ("garment", OTHER), operation="try_on"), "prompt"),
    (sound(prompt=""), "prompt"),
    (sound(duration=2.0), "duration"),
    (sound(duration=30.0), "duration"),
]


@pytest.mark.parametrize(("request_", "param"), REFUSED, ids=lambda one: one if isinstance(one, str) else "")
def test_what_kling_cannot_express_is_refused_by_name(request_: GenerationRequest, param: str) -> None:
    with pytest.raises(GatewayError) as caught:
        drafted(request_)
    assert caught.value.code in ("invalid_request", "unsupported_parameter")
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (image(), {"resolution": "1k", "aspect_ratio": "16:9"}),
        (image(resolution="2k", aspect_ratio="1:1"), {"resolution": "2k", "aspect_ratio": "1:1"}),
        (omni(), {"resolution": "1k", "aspect_ratio": None}),
        (omni(resolution="4k", aspect_ratio="3:2"), {"resolution": "4k", "aspect_ratio": "3:2"}),
        (expand(up=0.1), {"resolution": None, "aspect_ratio": None}),
        (WORN, {"resolution": None, "count": None}),
        (sound(), {"duration": 5.0}),
    ],
)
def test_what_it_comes_to(provider: Provider, request_: GenerationRequest, told: dict[str, Any]) -> None:
    billed = provider.check(request_, request_.model)
    assert {name: getattr(billed, name) for name in told} == told


MADE = [
    (image(count=2), ["image", "image"]),
    (image(("image", URL)), ["image"]),
    (image(("reference", URL), ("style", OTHER), model="kling-v2-1"), ["image"]),
    (omni(("reference", URL)), ["image"]),
    (omni(count=4, parameters=ImageParameters(series=True)), ["image"] * 4),
    (omni(count=9, parameters=ImageParameters(series=True, fewer=True)), ["image"] * 3),
    (expand(up=0.5), ["image"]),
    (WORN, ["image"]),
    (sound(duration=3.1), ["audio"]),
]


@pytest.mark.parametrize(("request_", "kinds"), MADE, ids=lambda one: getattr(one, "operation", ""))
async def test_a_job_of_each(
    provider: Provider, fake: FakeKling, channel: Channel, request_: GenerationRequest, kinds: list[str]
) -> None:
    outcome = await provider.submit(channel, submission(request_, model=request_.model, handle="42"), Shelf())
    assert isinstance(outcome, Accepted), outcome
    job = Job(request_.operation, request_.model, "42", outcome.upstream_id, NOW)
    assert await provider.poll(channel, job) == Running(started=False)
    assert (await provider.poll_many(channel, [job]))["42"] == Running(started=False)
    fake.finish()
    ended = await provider.poll(channel, job)
    assert isinstance(ended, Succeeded)
    mains = [one for one in ended.outputs if one.part == "main"]
    assert [one.kind for one in mains] == kinds
    assert ended.usage.units is not None
    assert ended.usage.seconds == (3.1 if request_.operation == "sound" else None)
    assert b"".join([chunk async for chunk in provider.collect(channel, mains[0])])
    several = request_.operation == "image_to_image" and request_.model != "kling-image-o1"  # nobody knows which path
    named = request_.operation != "try_on" and not several
    assert provider.traits_of(request_.operation, request_.model).look_up is named
    if named:
        assert await provider.look_up(channel, job) == Found(outcome.upstream_id, ended)


async def test_a_stored_picture_is_sent_as_base64(provider: Provider, fake: FakeKling, channel: Channel) -> None:
    stored = image(operation="image_to_image", inputs=(MediaInput("image", object_key="p"),))
    assert isinstance(await provider.submit(channel, submission(stored), Shelf(p=JPEG)), Accepted)
    (job,) = fake.jobs.values()
    assert not job.body["image"].startswith(("http", "data:"))


async def test_what_becomes_of_a_create_that_goes_wrong(provider: Provider, fake: FakeKling, channel: Channel) -> None:
    fake.faults.append(Fault("create", "drop", created=True))
    assert isinstance(await provider.submit(channel, submission(image(), model="kling-v3"), Shelf()), Unknown)
    job = Job("text_to_image", "kling-v3", "42", None, NOW)
    found = await provider.look_up(channel, job)
    assert isinstance(found, Found)
    fake.fail(message="risk control")
    failed = await provider.poll(channel, Job("text_to_image", "kling-v3", "42", found.upstream_id, NOW))
    assert isinstance(failed, Failed)
    assert failed.error.code == "content_policy"
