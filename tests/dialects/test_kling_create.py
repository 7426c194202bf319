from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from telecine.dialects.kling import KLING
from telecine.nouns.errors import GatewayError
from telecine.nouns.parameters import CameraMove, Point, Shot, VideoParameters
from telecine.nouns.request import GenerationRequest, MediaInput
from tests.dialects.house import REQUEST_ID, House, base64_of, bounded, picture

URL = "https://pictures.test/a.jpg"
T2V, I2V = "/kling/v1/videos/text2video", "/kling/v1/videos/image2video"
PICTURE = base64_of(picture())
SMALL = base64_of(picture(299, 400))
WIDE = base64_of(picture(800, 310))
GIF = base64_of(picture(form="GIF"))
POINTS = [{"x": 1, "y": 2}, {"x": 3, "y": 4}]
FIRST = MediaInput("first_frame", url=URL)
LAST = MediaInput("last_frame", url=URL)


def text(**fields: Any) -> GenerationRequest:
    """What text2video's `{"prompt": "a cat"}` becomes, with `fields` changed."""
    return GenerationRequest(**{"operation": "text_to_video", "model": "kling-v1", "prompt": "a cat", **fields})


def image(**fields: Any) -> GenerationRequest:
    """What image2video's `{"image": URL}` becomes, with `fields` changed."""
    return GenerationRequest(**{"operation": "image_to_video", "model": "kling-v1", "inputs": (FIRST,), **fields})


@pytest.fixture
def house() -> House:
    return House(KLING)


async def test_the_documented_example_is_answered_in_the_documented_shape(house: House) -> None:
    body = {
        "model_name": "kling-v2-5-turbo",
        "prompt": "宇航员站起身走了",
        "negative_prompt": "",
        "image_tail": "",
        "aspect_ratio": "1:1",
        "duration": "5",
        "image": PICTURE,
    }
    answer = await house.call("POST", I2V, json=body)
    (task_id,) = house.tasks.views
    assert answer.status_code == 200
    assert answer.json() == {
        "code": 0,
        "message": "SUCCEED",
        "request_id": REQUEST_ID,
        "data": {
            "task_id": str(task_id),
            "task_status": "submitted",
            "task_info": {},
            "created_at": 1763700000250,
            "updated_at": 1763700000250,
        },
    }
    assert list(answer.json()["data"]) == ["task_id", "task_status", "task_info", "created_at", "updated_at"]
    stored = MediaInput(
        "first_frame", object_key="in/1", content_type="image/jpeg", bytes=len(picture()), width=320, height=320
    )
    assert house.request == image(model="kling-v2-5-turbo", prompt="宇航员站起身走了", duration=5.0, inputs=(stored,))


async def test_the_example_as_printed_is_klings_400(house: House) -> None:
    printed = f'{{\n  "model_name":"kling-v2-5-turbo",\n // "image": "https://x/y.jpg",\n  "image": "{PICTURE}"\n'
    answer = await house.call("POST", I2V, content=printed.encode())
    assert answer.status_code == 400
    assert (answer.json()["code"], answer.json()["request_id"]) == (1200, REQUEST_ID)
    assert house.untouched


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, text()),
        ({"model_name": "kling-v2-6"}, text(model="kling-v2-6")),
        ({"model": "kling-v2-6"}, text(model="kling-v2-6")),
        ({"model": "kling-v2-6", "model_name": "kling-v2-6"}, text(model="kling-v2-6")),
        ({"duration": 5.0}, text(duration=5.0)),
        ({"duration": "5.0"}, text(duration=5.0)),
        ({"negative_prompt": "dogs"}, text(negative_prompt="dogs")),
        ({"cfg_scale": 0}, text(parameters=VideoParameters(cfg_scale=0.0))),
        ({"cfg_scale": 0.5}, text(parameters=VideoParameters(cfg_scale=0.5))),
        ({"mode": "pro"}, text(parameters=VideoParameters(mode="pro"))),
        ({"sound": "on"}, text(audio=True)),
        ({"sound": "off"}, text(audio=False)),
        ({"aspect_ratio": "9:16"}, text(aspect_ratio="9:16")),
        ({"duration": "10"}, text(duration=10.0)),
        ({"duration": 10}, text(duration=10.0)),
        ({"camera_control": {"type": "simple", "config": {"pan": -10, "zoom": 0}}},
         text(parameters=VideoParameters(camera=CameraMove("simple", pan=-10.0, zoom=0.0)))),
        ({"camera_control": {"type": "down_back"}}, text(parameters=VideoParameters(camera=CameraMove("down_back")))),
        ({"camera_control": {"type": "forward_up", "config": {}}},
         text(parameters=VideoParameters(camera=CameraMove("forward_up")))),
        ({"multi_shot": False}, text(parameters=VideoParameters(multi_shot=False))),
        ({"prompt": "", "multi_shot": True, "shot_type": "customize", "duration": "5",
          "multi_prompt": [{"index": 1.0, "prompt": "a", "duration": "2"}, {"index": 2, "prompt": "b", "duration": 3}]},
         text(prompt="", duration=5.0, parameters=VideoParameters(
             multi_shot=True, shot_type="customize", shots=(Shot(1, "a", 2.0), Shot(2, "b", 3.0))))),
        ({"multi_shot": True, "shot_type": "customize", "multi_prompt": [{"index": 1, "prompt": "a", "duration": "5"}]},
         text(parameters=VideoParameters(multi_shot=True, shot_type="customize", shots=(Shot(1, "a", 5.0),)))),
        ({"multi_shot": True, "shot_type": "intelligence"},
         text(parameters=VideoParameters(multi_shot=True, shot_type="intelligence"))),
        ({"voice_list": [{"voice_id": "v1"}, {"voice_id": "v2"}]},
         text(parameters=VideoParameters(voices=("v1", "v2")))),
        ({"watermark_info": {"enabled": True}}, text(parameters=VideoParameters(watermark=True))),
        ({"watermark_info": {"enabled": False}}, text(parameters=VideoParameters(watermark=False))),
        ({"callback_url": "https://me.test/h"}, text(callback_url="https://me.test/h")),
        ({"external_task_id": "mine-1"}, text(external_id="mine-1")),
        ({"model_name": "", "negative_prompt": "", "cfg_scale": "", "mode": "", "sound": "", "camera_control": "",
          "aspect_ratio": "", "duration": "", "multi_shot": "", "shot_type": "", "multi_prompt": "", "voice_list": "",
          "watermark_info": None, "callback_url": "", "external_task_id": "", "image": "",
          "image_tail": "", "static_mask": "", "dynamic_masks": [], "element_list": []}, text()),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else "",
)  # fmt: skip
async def test_every_field_of_text2video_lands_in_its_place(
    house: House, body: dict[str, Any], expected: GenerationRequest
) -> None:
    answer = await house.call("POST", T2V, json={"prompt": "a cat", **body})
    assert answer.status_code == 200, answer.text
    assert house.request == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, image()),
        ({"prompt": "a cat", "model_name": "kling-v1-5"}, image(prompt="a cat", model="kling-v1-5")),
        ({"aspect_ratio": "1:1"}, image()),
        ({"image_tail": URL}, image(inputs=(FIRST, LAST))),
        ({"image": "", "image_tail": URL}, image(inputs=(LAST,))),
        ({"static_mask": URL}, image(inputs=(FIRST, MediaInput("mask", url=URL)))),
        ({"static_mask": URL, "dynamic_masks": [{"mask": URL, "trajectories": POINTS}]},
         image(inputs=(FIRST, MediaInput("mask", url=URL),
                       MediaInput("mask", url=URL, trajectory=(Point(1, 2), Point(3, 4)))))),
        ({"element_list": [{"element_id": 160.0}, {"element_id": "9007199254740993"}]},
         image(parameters=VideoParameters(elements=(160, 9007199254740993)))),
        ({"camera_control": {"type": "down_back"}}, image(parameters=VideoParameters(camera=CameraMove("down_back")))),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else "",
)  # fmt: skip
async def test_every_field_of_image2video_lands_in_its_place(
    house: House, body: dict[str, Any], expected: GenerationRequest
) -> None:
    answer = await house.call("POST", I2V, json={"image": URL, **body})
    assert answer.status_code == 200, answer.text
    assert house.request == expected


@pytest.mark.parametrize("field", ["image", "image_tail", "static_mask"])
async def test_base64_is_stored(house: House, field: str) -> None:
    answer = await house.call("POST", I2V, json={"image": URL, field: PICTURE})
    assert answer.status_code == 200, answer.text
    assert house.media.stored == [(field, picture())]
    assert [found.object_key for found in house.request.inputs if found.url is None] == ["in/1"]


async def test_base64_of_a_mask_keeps_its_trajectory(house: House) -> None:
    masks = [{"mask": URL, "trajectories": POINTS}, {"mask": PICTURE, "trajectories": POINTS}]
    answer = await house.call("POST", I2V, json={"image": PICTURE, "dynamic_masks": masks})
    assert answer.status_code == 200, answer.text
    assert [param for param, _ in house.media.stored] == ["image", "dynamic_masks[1].mask"]
    assert house.request.inputs[2].trajectory == (Point(1, 2), Point(3, 4))


async def test_wrapped_and_unpadded_base64_is_read(house: House) -> None:
    wrapped = "\r\n".join(PICTURE[start : start + 76] for start in range(0, len(PICTURE), 76)).rstrip("=")
    answer = await house.call("POST", I2V, json={"image": wrapped})
    assert answer.status_code == 200, answer.text
    assert house.media.stored == [("image", picture())]


async def test_unknown_fields_are_kept_byte_for_byte(house: House) -> None:
    await house.call("POST", T2V, content=b'{"prompt":"a","new_field" : {"b": 1.0 },"other":""}')
    native = house.request.native
    assert native is not None
    assert native.dialect == "kling"
    assert {name: bytes(value) for name, value in native.fields.items()} == {
        "new_field": b'{"b": 1.0 }',
        "other": b'""',
    }


SHOT = {"index": 1, "prompt": "a", "duration": "5"}
CUSTOM = {"multi_shot": True, "shot_type": "customize"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": ["a"]}, "prompt"),
        ({"prompt": "x" * 2501}, "prompt"),
        ({"negative_prompt": "x" * 2501}, "negative_prompt"),
        ({"model_name": 1}, "model_name"),
        ({"model": "kling-v1", "model_name": "kling-v2-6"}, "model_name"),
        ({"cfg_scale": 1.1}, "cfg_scale"),
        ({"cfg_scale": -0.1}, "cfg_scale"),
        ({"cfg_scale": "high"}, "cfg_scale"),
        ({"mode": "fast"}, "mode"),
        ({"sound": True}, "sound"),
        ({"aspect_ratio": "wide"}, "aspect_ratio"),
        ({"aspect_ratio": "4:3"}, "aspect_ratio"),
        ({"duration": "five"}, "duration"),
        ({"duration": "7"}, "duration"),
        ({"duration": 0}, "duration"),
        ({"duration": [5]}, "duration"),
        ({"camera_control": "simple"}, "camera_control"),
        ({"camera_control": {}}, "camera_control.type"),
        ({"camera_control": {"type": "spin"}}, "camera_control.type"),
        ({"camera_control": {"type": "simple"}}, "camera_control.config"),
        ({"camera_control": {"type": "simple", "config": {"pan": 0}}}, "camera_control.config"),
        ({"camera_control": {"type": "simple", "config": {"pan": 1, "tilt": 1}}}, "camera_control.config"),
        ({"camera_control": {"type": "simple", "config": {"pan": 11}}}, "camera_control.config.pan"),
        ({"camera_control": {"type": "simple", "config": {"Pan": 1}}}, "camera_control.config.Pan"),
        ({"camera_control": {"type": "simple", "config": {"pan": "1"}}}, "camera_control.config.pan"),
        ({"camera_control": {"type": "down_back", "config": {"pan": 1}}}, "camera_control.config"),
        ({"multi_shot": "yes"}, "multi_shot"),
        ({"multi_shot": True}, "shot_type"),
        ({"shot_type": "customize"}, "shot_type"),
        ({"multi_prompt": [SHOT]}, "multi_prompt"),
        ({**CUSTOM}, "multi_prompt"),
        ({**CUSTOM, "multi_prompt": [SHOT] * 7}, "multi_prompt"),
        ({**CUSTOM, "multi_prompt": [SHOT], "duration": "10"}, "multi_prompt"),
        ({**CUSTOM, "multi_prompt": [{**SHOT, "prompt": "x" * 513}]}, "multi_prompt[0].prompt"),
        ({**CUSTOM, "multi_prompt": [{**SHOT, "duration": "x"}]}, "multi_prompt[0].duration"),
        ({**CUSTOM, "multi_prompt": [SHOT, {"index": 2}]}, "multi_prompt[1].prompt"),
        ({**CUSTOM, "multi_prompt": [{**SHOT, "index": 2**63}]}, "multi_prompt[0].index"),
        ({"voice_list": [{"voice_id": "a"}] * 3}, "voice_list"),
        ({"voice_list": ["a"]}, "voice_list[0]"),
        ({"watermark_info": True}, "watermark_info"),
        ({"watermark_info": {"enabled": "yes"}}, "watermark_info.enabled"),
        ({"watermark_info": {"enabled": True, "text": "x"}}, "watermark_info.text"),
        ({"callback_url": "ftp://me.test"}, "callback_url"),
        ({"callback_url": 5}, "callback_url"),
        ({"external_task_id": 5}, "external_task_id"),
        ({"image": URL}, "image"),
        ({"image_tail": URL}, "image_tail"),
        ({"static_mask": URL}, "static_mask"),
        ({"dynamic_masks": [{"mask": URL, "trajectories": POINTS}]}, "dynamic_masks"),
        ({"element_list": [{"element_id": 1}]}, "element_list"),
        ({"Model_Name": "kling-v1"}, "Model_Name"),
        ({"DURATION": "10"}, "DURATION"),
    ],
    ids=lambda value: json.dumps(value)[:60],
)
async def test_bad_text2video_is_400_1201_naming_the_field(house: House, body: dict[str, Any], field: str) -> None:
    answer = await house.call("POST", T2V, json={"prompt": "a cat", **body})
    refused(house, answer, (400, 1201), field)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"image": ""}, "image"),
        ({"image": 5}, "image"),
        ({"image": f"data:image/jpeg;base64,{PICTURE}"}, "image"),
        ({"image": "not base64!"}, "image"),
        ({"image": "AAAA"}, "image"),
        ({"image": SMALL}, "image"),
        ({"image": WIDE}, "image"),
        ({"image": GIF}, "image"),
        ({"image": "http://127.0.0.1/a.png"}, "image"),
        ({"image": PICTURE, "duration": "7"}, "duration"),
        ({"image": PICTURE, "image_tail": "AAA*"}, "image_tail"),
        ({"image_tail": "ftp://x/y.png"}, "image_tail"),
        ({"static_mask": "AAAA"}, "static_mask"),
        ({"image_tail": URL, "static_mask": URL}, "static_mask"),
        ({"image_tail": URL, "camera_control": {"type": "down_back"}}, "camera_control"),
        ({"dynamic_masks": [{"mask": URL, "trajectories": POINTS}], "camera_control": {"type": "down_back"}},
         "camera_control"),
        ({"dynamic_masks": [{"mask": URL, "trajectories": POINTS}] * 7}, "dynamic_masks"),
        ({"dynamic_masks": [{"mask": URL, "trajectories": POINTS[:1]}]}, "dynamic_masks[0].trajectories"),
        ({"dynamic_masks": [{"mask": URL, "trajectories": POINTS * 39}]}, "dynamic_masks[0].trajectories"),
        ({"dynamic_masks": [{"mask": URL}]}, "dynamic_masks[0].trajectories"),
        ({"dynamic_masks": [{"mask": "", "trajectories": POINTS}]}, "dynamic_masks[0].mask"),
        ({"dynamic_masks": [{"mask": URL, "trajectories": [{"x": 1.5, "y": 2}, *POINTS]}]},
         "dynamic_masks[0].trajectories[0].x"),
        ({"dynamic_masks": [{"mask": "AAAA", "trajectories": POINTS}]}, "dynamic_masks[0].mask"),
        ({"element_list": [{"element_id": 1}] * 4}, "element_list"),
        ({"element_list": [{"element_id": 1}], "voice_list": [{"voice_id": "v"}]}, "element_list"),
        ({"element_list": [{"element_id": "x"}]}, "element_list[0].element_id"),
        ({"element_list": [{"element_id": -1}]}, "element_list[0].element_id"),
        ({"element_list": [{"element_id": 10**30}]}, "element_list[0].element_id"),
    ],
    ids=lambda value: json.dumps(value)[:60],
)  # fmt: skip
async def test_bad_image2video_is_400_1201_naming_the_field(house: House, body: dict[str, Any], field: str) -> None:
    answer = await house.call("POST", I2V, json={"image": URL, **body})
    picture_only = field in ("image", "static_mask", "dynamic_masks[0].mask")
    refused(house, answer, (400, 1201), field, stored=picture_only)


def refused(
    house: House, answer: httpx2.Response, expected: tuple[int, int], field: str, *, stored: bool = False
) -> None:
    """Kling's envelope, the field in the message, no task, and (unless only the picture is at fault) nothing stored."""
    body = answer.json()
    assert set(body) == {"code", "message", "request_id"}
    assert (answer.status_code, body["code"], body["request_id"]) == (*expected, REQUEST_ID)
    assert field in body["message"]
    assert not house.tasks.created
    assert stored or not house.media.stored


@pytest.mark.parametrize(("side", "accepted"), [((300, 300), True), ((750, 300), True), ((300, 751), False)])
async def test_the_limits_of_a_picture_are_exact(house: House, side: tuple[int, int], accepted: bool) -> None:
    answer = await house.call("POST", I2V, json={"image": base64_of(picture(*side, form="PNG"))})
    assert answer.status_code == (200 if accepted else 400), answer.text


async def test_a_picture_over_the_limit_is_413() -> None:
    house = House(bounded(KLING, 1000))
    answer = await house.call("POST", I2V, json={"image": "A" * 1400})
    refused(house, answer, (413, 1201), "image")


@pytest.mark.parametrize(
    "content", [b"", b"null", b"[]", b"{", b'{"prompt":"a",}', b'{"prompt":NaN}', b'{"prompt":"\xff"}']
)
async def test_a_body_that_is_no_json_object_is_1200(house: House, content: bytes) -> None:
    answer = await house.call("POST", T2V, content=content)
    assert (answer.status_code, answer.json()["code"]) == (400, 1200)
    assert house.untouched


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b'{"prompt":"a","prompt":"b"}', "prompt"),
        (b'{"prompt":"a","mode":"std","mo\\u0064e":"pro"}', "mode"),
        (b'{"prompt":"a","camera_control":{"type":"down_back","type":"simple"}}', "type"),
        (b'{"prompt":"a","new":{"x":1,"x":2}}', "x"),
    ],
)
async def test_duplicate_keys_are_refused(house: House, content: bytes, field: str) -> None:
    answer = await house.call("POST", T2V, content=content)
    refused(house, answer, (400, 1201), field)


@pytest.mark.parametrize("body", [{"prompt": "a"}, {"image": PICTURE}])
async def test_an_unknown_model_is_404_1203_with_the_names_that_exist(house: House, body: dict[str, Any]) -> None:
    answer = await house.call("POST", I2V if "image" in body else T2V, json={"model_name": "kling-v99", **body})
    refused(house, answer, (404, 1203), "kling-v2-5-turbo")


async def test_an_external_id_can_be_used_once(house: House) -> None:
    body = {"prompt": "a", "external_task_id": "mine"}
    answer = await house.call("POST", T2V, json=body)
    assert answer.json()["data"]["task_info"] == {"external_task_id": "mine"}
    again = await house.call("POST", T2V, json=body)
    assert (again.status_code, again.json()["code"]) == (400, 1201)
    assert "external_task_id" in again.json()["message"]


@pytest.mark.parametrize(
    ("error", "http", "code"),
    [
        (GatewayError("invalid_request", "m", param="size"), 400, 1201),
        (GatewayError("invalid_request", "m"), 400, 1200),
        (GatewayError("unsupported_parameter", "m", param="seed"), 400, 1201),
        (GatewayError("authentication", "m"), 401, 1002),
        (GatewayError("authentication", "m", param="Authorization"), 401, 1001),
        (GatewayError("permission", "m"), 403, 1103),
        (GatewayError("insufficient_balance", "m"), 429, 1101),
        (GatewayError("not_found", "m"), 404, 1203),
        (GatewayError("conflict", "m"), 400, 1201),
        (GatewayError("too_large", "m"), 413, 1201),
        (GatewayError("rate_limited", "m"), 429, 1302),
        (GatewayError("capacity", "m"), 429, 1303),
        (GatewayError("content_policy", "m"), 400, 1301),
        (GatewayError("upstream_refused", "m"), 400, 1201),
        (GatewayError("upstream_failed", "m"), 500, 5000),
        (GatewayError("submission_unknown", "m"), 500, 5000),
        (GatewayError("expired", "m"), 504, 5002),
        (GatewayError("cancelled", "m"), 400, 1201),
        (GatewayError("internal", "m"), 500, 5000),
    ],
    ids=lambda value: value.code if isinstance(value, GatewayError) else "",
)
async def test_every_error_has_klings_code_and_status(house: House, error: GatewayError, http: int, code: int) -> None:
    house.tasks.refusal = error
    answer = await house.call("POST", T2V, json={"prompt": "a"})
    assert answer.status_code == http
    name = error.param if error.param in ("size", "seed") else None
    assert answer.json() == {"code": code, "message": f"{name}: m" if name else "m", "request_id": REQUEST_ID}


@pytest.mark.parametrize(
    ("param", "shown"),
    [
        ("duration", "duration"),
        ("model", "model_name"),
        ("inputs", "image"),
        ("inputs.last_frame", "image_tail"),
        ("inputs.mask", "dynamic_masks"),
        ("inputs.reference", "image"),
        ("audio", "sound"),
        ("parameters.mode", "mode"),
        ("parameters.camera", "camera_control"),
        ("parameters.shots", "multi_prompt"),
        ("parameters.voices", "voice_list"),
        ("parameters.elements", "element_list"),
        ("parameters.watermark", "watermark_info"),
        ("external_id", "external_task_id"),
    ],
)
async def test_neutral_names_become_klings(house: House, param: str, shown: str) -> None:
    house.tasks.refusal = GatewayError("unsupported_parameter", "No.", param=param)
    answer = await house.call("POST", T2V, json={"prompt": "a"})
    assert answer.json()["message"] == f"{shown}: No."


async def test_create_says_submitted_even_where_the_first_step_has_run(house: House) -> None:
    house.tasks.at_once = True
    data = (await house.call("POST", T2V, json={"prompt": "a"})).json()["data"]
    assert (data["task_status"], data["updated_at"]) == ("submitted", data["created_at"])
