"""What a request becomes on Kling's wire, and what is refused before anything is sent."""

from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest

from telecine.nouns.errors import GatewayError
from telecine.nouns.parameters import CameraMove, ImageParameters, Point, Shot, VideoParameters
from telecine.nouns.request import GenerationRequest, MediaInput, Native, Reference
from telecine.providers.base import Channel, Provider
from telecine.providers.outcomes import Accepted
from telecine.wires.kling import BILLED
from tests.providers.kling.requests import ENCODED, FRAME, JPEG, MODEL, URL, picture, sent, sent_bytes, submission, text
from tests.providers.stand_ins import Shelf
from tests.upstreams.kling import FakeKling


async def test_the_documented_example_is_sent_exactly(provider: Provider, fake: FakeKling, channel: Channel) -> None:
    request = picture(
        MediaInput("first_frame", object_key="o/1"),
        prompt="宇航员站起身走了",
        negative_prompt="",
        aspect_ratio="1:1",
        duration=5.0,
    )
    outcome = await provider.submit(
        channel,
        submission(request, callback_url="https://gate.example/c/1"),
        Shelf(**{"o/1": JPEG}),
    )
    assert isinstance(outcome, Accepted)
    kept = fake.jobs[outcome.upstream_id]
    assert kept.operation == "image2video"
    assert kept.body == {
        "model_name": "kling-v2-5-turbo",
        "prompt": "宇航员站起身走了",
        "image": ENCODED,
        "duration": "5",
        "external_task_id": "42",
        "callback_url": "https://gate.example/c/1",
    }


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({}, {}),
        ({"negative_prompt": "rain"}, {"negative_prompt": "rain"}),
        ({"duration": 10.0}, {"duration": "10"}),
        ({"audio": True}, {"sound": "on"}),
        ({"audio": False}, {"sound": "off"}),
        ({"aspect_ratio": "9:16"}, {"aspect_ratio": "9:16"}),
        ({"resolution": "1080p"}, {"mode": "pro"}),
        ({"size": "1280x720"}, {"aspect_ratio": "16:9", "mode": "std"}),
        ({"size": "1080x1920"}, {"aspect_ratio": "9:16", "mode": "pro"}),
        ({"size": "720x720", "aspect_ratio": "1:1", "resolution": "720P"}, {"aspect_ratio": "1:1", "mode": "std"}),
        ({"seed": 7}, {}),
        ({"parameters": VideoParameters(mode="pro", cfg_scale=0.3)}, {"mode": "pro", "cfg_scale": 0.3}),
        ({"parameters": VideoParameters(watermark=False)}, {"watermark_info": {"enabled": False}}),
        ({"parameters": VideoParameters(voices=("v1",))}, {"voice_list": [{"voice_id": "v1"}]}),
        (
            {"parameters": VideoParameters(camera=CameraMove("simple", zoom=-5.5, pan=0))},
            {"camera_control": {"type": "simple", "config": {"pan": 0, "zoom": -5.5}}},
        ),
        (
            {"parameters": VideoParameters(camera=CameraMove("forward_up"))},
            {"camera_control": {"type": "forward_up"}},
        ),
        (
            {
                "parameters": VideoParameters(
                    multi_shot=True, shot_type="customize", shots=(Shot(1, "a", 2), Shot(2, "b", 3))
                )
            },
            {
                "multi_shot": True,
                "shot_type": "customize",
                "multi_prompt": [
                    {"index": 1, "prompt": "a", "duration": "2"},
                    {"index": 2, "prompt": "b", "duration": "3"},
                ],
            },
        ),
    ],
)
async def test_text_to_video_becomes(provider: Provider, fields: dict[str, Any], body: dict[str, Any]) -> None:
    common = {"model_name": MODEL, "prompt": "a fox", "external_task_id": "42"}
    assert await sent(provider, text(**fields)) == common | body


MASK = MediaInput("mask", object_key="m")
MOVING = MediaInput("mask", url=URL, trajectory=(Point(1, 2), Point(3, 4)))
LAST = MediaInput("last_frame", url="https://example.com/z.png")


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        (picture(), {"image": URL}),
        (picture(size="720x1280"), {"image": URL, "mode": "std"}),
        (picture(prompt=""), {"image": URL, "prompt": None}),
        (picture(LAST), {"image_tail": LAST.url}),
        (picture(FRAME, LAST), {"image": ENCODED, "image_tail": LAST.url}),
        (
            picture(FRAME, MASK, MOVING),
            {
                "image": ENCODED,
                "static_mask": base64.b64encode(b"mask").decode(),
                "dynamic_masks": [{"mask": URL, "trajectories": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]}],
            },
        ),
        (
            picture(FRAME, parameters=VideoParameters(elements=(7, 8))),
            {"image": ENCODED, "element_list": [{"element_id": 7}, {"element_id": 8}]},
        ),
    ],
)
async def test_image_to_video_becomes(provider: Provider, request_: GenerationRequest, body: dict[str, Any]) -> None:
    shelf = Shelf(m=b"mask", p=JPEG)
    common = {"model_name": MODEL, "prompt": "a fox", "external_task_id": "42"} | body
    expected = {name: value for name, value in common.items() if value is not None}
    assert await sent(provider, request_, shelf) == expected
    assert set(shelf.limits) <= {10 * 1024 * 1024}


@pytest.mark.parametrize(
    ("request_", "code", "param"),
    [
        (text(operation="remix", source=Reference(task=1)), "unsupported_parameter", "operation"),
        (text(operation="music"), "unsupported_parameter", "operation"),
        (text(prompt=""), "invalid_request", "prompt"),
        (text(count=2), "unsupported_parameter", "count"),
        (text(inputs=(FRAME,)), "unsupported_parameter", "inputs.image"),
        (text(size="1024x1792"), "unsupported_parameter", "size"),
        (text(size="1024x1024"), "unsupported_parameter", "size"),
        (text(size="854x480"), "unsupported_parameter", "size"),
        (text(size="large"), "invalid_request", "size"),
        (text(size="1280x720", aspect_ratio="9:16"), "invalid_request", "size"),
        (text(size="1280x720", resolution="1080p"), "invalid_request", "size"),
        (text(size="1280x720", parameters=VideoParameters(mode="pro")), "invalid_request", "size"),
        (text(resolution="720p", parameters=VideoParameters(mode="pro")), "invalid_request", "resolution"),
        (text(aspect_ratio="4:3"), "unsupported_parameter", "aspect_ratio"),
        (text(resolution="4k"), "unsupported_parameter", "resolution"),
        (text(duration=5.5), "invalid_request", "duration"),
        (text(duration=0), "invalid_request", "duration"),
        (text(duration=float("inf")), "invalid_request", "duration"),
        (text(parameters=VideoParameters(elements=(1,))), "unsupported_parameter", "parameters.elements"),
        (text(parameters=VideoParameters(shots=(Shot(1, "a", 1.5),))), "invalid_request", "parameters.shots"),
        (text(parameters=VideoParameters(camera=CameraMove("simple"))), "invalid_request", "parameters.camera"),
        (
            text(parameters=VideoParameters(camera=CameraMove("simple", pan=1, tilt=1))),
            "invalid_request",
            "parameters.camera",
        ),
        (text(parameters=VideoParameters(camera=CameraMove("simple", pan=11))), "invalid_request", "parameters.camera"),
        (
            text(parameters=VideoParameters(camera=CameraMove("down_back", pan=1))),
            "invalid_request",
            "parameters.camera",
        ),
        (picture(MASK), "invalid_request", "inputs"),
        (picture(FRAME, FRAME), "invalid_request", "inputs"),
        (picture(FRAME, LAST, LAST), "invalid_request", "inputs"),
        (picture(FRAME, MASK, MASK), "invalid_request", "inputs"),
        (picture(FRAME, LAST, MOVING), "invalid_request", "inputs"),
        (picture(FRAME, LAST, parameters=VideoParameters(camera=CameraMove("down_back"))), "invalid_request", "inputs"),
        (picture(FRAME, MASK, parameters=VideoParameters(camera=CameraMove("down_back"))), "invalid_request", "inputs"),
        (picture(FRAME, MediaInput("video", url=URL)), "unsupported_parameter", "inputs.video"),
        (picture(FRAME, size="1792x1024"), "unsupported_parameter", "size"),
    ],
)
async def test_what_kling_cannot_express_is_refused_by_name(
    *, provider: Provider, fake: FakeKling, channel: Channel, request_: GenerationRequest, code: str, param: str
) -> None:
    with pytest.raises(GatewayError) as caught:
        provider.check(request_, MODEL)
    assert (caught.value.code, caught.value.param) == (code, param)
    with pytest.raises(GatewayError):
        await provider.submit(channel, submission(request_), Shelf())
    assert fake.journal == []


def test_what_it_can_express_passes_the_check(provider: Provider) -> None:
    provider.check(text(seed=1, external_id="x", metadata={"a": "b"}, callback_url=URL), MODEL)
    provider.check(text(parameters=ImageParameters(watermark=True)), MODEL)


def native(**fields: bytes) -> Native:
    return Native("kling", {name: msgspec.Raw(raw) for name, raw in fields.items()})


async def test_unknown_fields_of_a_kling_client_pass_byte_for_byte(provider: Provider) -> None:
    odd = b'{ "b":1.50,\n"a" : "\\u5b87\xe5\xae\x87",  "a":1e2}'
    request = text(native=native(brand_new=odd, another=b"[ ]"))
    body = await sent_bytes(provider, submission(request))
    ours = b'{"model_name":"kling-v2-5-turbo","prompt":"a fox","external_task_id":"42"'
    assert body == ours + b',"brand_new":' + odd + b',"another":[ ]}'


async def test_what_passes_through_never_replaces_what_we_write(provider: Provider) -> None:
    request = text(
        native=native(
            model=b'"kling-v3"',
            model_name=b'"kling-v3"',
            Prompt=b'"other"',
            callback_url=b'"https://evil.example"',
            external_task_id=b'"1"',
            fresh=b"1",
        )
    )
    assert await sent(provider, request) == {
        "model_name": MODEL,
        "prompt": "a fox",
        "external_task_id": "42",
        "fresh": 1,
    }


@pytest.mark.parametrize("name", ["n", "resolution", "Resolution"])
def test_a_billed_field_is_not_passed_on(provider: Provider, name: str) -> None:
    with pytest.raises(GatewayError) as caught:
        provider.check(text(native=native(**{name: b"9"})), MODEL)
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", name)


async def test_a_billed_field_that_we_write_is_never_taken_from_the_client(provider: Provider) -> None:
    request = text(duration=5.0, native=native(mode=b'"pro"', sound=b'"on"', duration=b'"10"'))
    body = await sent(provider, request)
    assert body["duration"] == "5"
    assert {"mode", "sound"}.isdisjoint(body)
    assert set(body) <= BILLED | {"prompt", "external_task_id"}


def test_fields_of_another_dialect_are_refused_by_name(provider: Provider) -> None:
    foreign = Native("openai", {"brand_new": msgspec.Raw(b"1")})
    with pytest.raises(GatewayError, match="brand_new") as caught:
        provider.check(text(native=foreign), "kling-v1")
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", "brand_new")
