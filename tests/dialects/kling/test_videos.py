"""The operations that make videos: what each field becomes, and every documented rule of each."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from telecine.dialects.bodies import parse_object
from telecine.dialects.kling import KLING
from telecine.dialects.kling.create import parse
from telecine.dialects.kling.operation import Operation
from telecine.dialects.kling.routes import OPERATIONS
from telecine.nouns import catalogue
from telecine.nouns.errors import GatewayError
from telecine.nouns.ids import output_id
from telecine.nouns.operations import check
from telecine.nouns.parameters import EffectsParameters, LipSyncParameters, VideoParameters
from telecine.nouns.request import GenerationRequest, MediaInput, Reference
from telecine.webhooks.delivery import Tidings
from tests.dialects.house import NOW, REQUEST_ID, House, base64_of, picture

A, B, C = (f"https://pictures.test/{name}.png" for name in "abc")
CLIP, SOUND = "https://pictures.test/a.mp4", "https://pictures.test/a.mp3"
BY_TITLE = {op.title: op for op in OPERATIONS}
LONG = "x" * 2501
MULTI: dict[str, Any] = {"prompt": "a", "image_list": [{"image": A}, {"image": B}]}
OMNI: dict[str, Any] = {"prompt": "a", "aspect_ratio": "1:1"}
FRAME = {"image_url": A, "type": "first_frame"}
BASE = {"video_url": CLIP}
EXTEND: dict[str, Any] = {"video_id": "v1"}
EFFECT: dict[str, Any] = {"effect_scene": "fuzzyfuzzy", "input": {"image": A}}
TEXT: dict[str, Any] = {"mode": "text2video", "video_url": CLIP, "text": "hello", "voice_id": "v"}
VOICE: dict[str, Any] = {"mode": "audio2video", "video_id": "v1", "audio_type": "url", "audio_url": SOUND}
AVATAR: dict[str, Any] = {"image": A, "sound_file": SOUND}
MOTION: dict[str, Any] = {"image_url": A, "video_url": CLIP, "character_orientation": "image", "mode": "pro"}


def parsed(title: str, body: dict[str, Any]) -> GenerationRequest:
    request, sources = parse(BY_TITLE[title], parse_object(json.dumps(body).encode()), catalogue.load())
    return replace(request, inputs=tuple(MediaInput(one.role, url=one.url or one.data) for one in sources))


def inputs(**roles: str) -> tuple[MediaInput, ...]:
    return tuple(MediaInput(role, url=url) for role, url in roles.items())  # type: ignore[arg-type]


GOOD: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("multi-image2video", MULTI, {"operation": "reference_to_video", "model": "kling-v1-6", "prompt": "a",
     "inputs": (MediaInput("reference", url=A), MediaInput("reference", url=B))}),
    ("multi-image2video", {**MULTI, "negative_prompt": "b", "mode": "pro", "duration": 10, "aspect_ratio": "9:16"},
     {"negative_prompt": "b", "parameters": VideoParameters(mode="pro"), "duration": 10.0, "aspect_ratio": "9:16"}),
    ("omni-video", OMNI, {"operation": "text_to_video", "model": "kling-video-o1", "aspect_ratio": "1:1"}),
    ("omni-video", {**OMNI, "element_list": [{"element_id": "7"}]},
     {"operation": "text_to_video", "parameters": VideoParameters(elements=(7,))}),
    ("omni-video", {**OMNI, "image_list": [{"image_url": A}]},
     {"operation": "reference_to_video", "inputs": inputs(reference=A)}),
    ("omni-video", {"prompt": "a", "image_list": [{"image_url": B, "type": "end_frame"}, FRAME]},
     {"operation": "image_to_video", "inputs": inputs(last_frame=B, first_frame=A), "aspect_ratio": None}),
    ("omni-video", {**OMNI, "video_list": [{**BASE, "refer_type": "feature", "keep_original_sound": "no"}]},
     {"operation": "reference_to_video", "inputs": inputs(video=CLIP),
      "parameters": VideoParameters(keep_sound=False)}),
    ("omni-video", {"prompt": "a", "image_list": [FRAME], "video_list": [{**BASE, "refer_type": "feature"}]},
     {"operation": "reference_to_video", "inputs": inputs(first_frame=A, video=CLIP)}),
    ("omni-video", {**OMNI, "duration": "5", "image_list": [{"image_url": A}],
                    "video_list": [{**BASE, "keep_original_sound": "yes"}]},
     {"operation": "edit_video", "inputs": inputs(reference=A, video=CLIP), "duration": None, "aspect_ratio": None,
      "parameters": VideoParameters(keep_sound=True)}),
    ("omni-video", {**OMNI, "model_name": "kling-v3-omni", "prompt": "", "sound": "on", "duration": "7",
                    "multi_shot": True, "shot_type": "intelligence"},
     {"model": "kling-v3-omni", "audio": True, "duration": 7.0,
      "parameters": VideoParameters(multi_shot=True, shot_type="intelligence")}),
    ("video-extend", EXTEND, {"operation": "extend", "source": Reference(upstream_id="v1", kind="clip")}),
    ("video-extend", {"video_id": output_id(7, 1), "prompt": "on", "negative_prompt": "b", "cfg_scale": 1},
     {"source": Reference(7, 1, output_id(7, 1), "clip"), "prompt": "on", "negative_prompt": "b",
      "parameters": VideoParameters(cfg_scale=1.0)}),
    ("video-extend", {"video_id": output_id(7, 1), "task_id": "7"},
     {"source": Reference(7, 1, output_id(7, 1), "clip")}),
    ("effects", EFFECT, {"operation": "kling:effects", "model": "kling-effects", "inputs": inputs(image=A),
                         "parameters": EffectsParameters("fuzzyfuzzy")}),
    ("effects", {"effect_scene": "hug", "watermark_info": {"enabled": True},
                 "input": {"images": [A, B], "model_name": "kling-v1-6", "mode": "pro", "duration": "10"}},
     {"model": "kling-v1-6", "duration": 10.0, "parameters": EffectsParameters("hug", "pro", watermark=True),
      "inputs": (MediaInput("image", url=A), MediaInput("image", url=B))}),
    ("lip-sync", {"input": {**TEXT, "voice_language": "zh", "voice_speed": 1.5}},
     {"operation": "lip_sync", "model": "kling-lip-sync", "prompt": "hello", "inputs": inputs(video=CLIP),
      "parameters": LipSyncParameters(voice="v", voice_language="zh", voice_speed=1.5)}),
    ("lip-sync", {"input": VOICE},
     {"source": Reference(upstream_id="v1", kind="clip"), "inputs": inputs(audio=SOUND), "parameters": None}),
    ("lip-sync", {"input": {**VOICE, "audio_type": "file", "audio_url": "", "audio_file": "AAAA"}},
     {"inputs": inputs(audio="AAAA")}),
    ("avatar/image2video", {**AVATAR, "prompt": "a", "mode": "pro"},
     {"operation": "avatar", "model": "kling-avatar", "inputs": inputs(image=A, audio=SOUND), "prompt": "a",
      "parameters": VideoParameters(mode="pro")}),
    ("avatar/image2video", {"image": A, "audio_id": "s1", "external_task_id": "mine"},
     {"source": Reference(upstream_id="s1", kind="clip"), "inputs": inputs(image=A), "external_id": "mine"}),
    ("motion-control", {**MOTION, "keep_original_sound": "no", "element_list": [{"element_id": 1}]},
     {"operation": "motion_control", "model": "kling-v2-6", "inputs": inputs(image=A, video=CLIP),
      "parameters": VideoParameters(mode="pro", orientation="image", keep_sound=False, elements=(1,))}),
]  # fmt: skip


@pytest.mark.parametrize(("title", "body", "expected"), GOOD, ids=[f"{one[0]}-{i}" for i, one in enumerate(GOOD)])
def test_every_field_lands_in_its_place(title: str, body: dict[str, Any], expected: dict[str, Any]) -> None:
    found = parsed(title, body)
    check(found)
    assert {name: getattr(found, name) for name in expected} == expected
    assert found.native is None


BAD: dict[str, list[tuple[dict[str, Any], str]]] = {
    "multi-image2video": [
        ({**MULTI, "image_list": []}, "image_list"),
        ({**MULTI, "image_list": [{"image": A}] * 5}, "image_list"),
        ({**MULTI, "image_list": [{"image": ""}]}, "image_list[0].image"),
        ({**MULTI, "image_list": [A]}, "image_list[0]"),
        ({**MULTI, "image_list": [{"image": "data:image/png;base64,AAAA"}]}, "image_list[0].image"),
        ({**MULTI, "prompt": ""}, "prompt"),
        ({**MULTI, "prompt": LONG}, "prompt"),
        ({**MULTI, "negative_prompt": LONG}, "negative_prompt"),
        ({**MULTI, "duration": "x"}, "duration"),
    ],
    "omni-video": [
        ({**OMNI, "prompt": ""}, "prompt"),
        ({**OMNI, "prompt": LONG}, "prompt"),
        ({"prompt": "a"}, "aspect_ratio"),
        ({"prompt": "a", "image_list": [{"image_url": A}]}, "aspect_ratio"),
        ({**OMNI, "image_list": [{"image_url": A}] * 8}, "image_list"),
        ({**OMNI, "image_list": [{"image_url": A}] * 6, "element_list": [{"element_id": 1}] * 2}, "image_list"),
        ({**OMNI, "image_list": [{"image_url": A}] * 5, "video_list": [BASE]}, "image_list"),
        ({**OMNI, "image_list": [FRAME], "video_list": [BASE]}, "image_list"),
        ({**OMNI, "image_list": [{"image_url": A, "type": "end_frame"}]}, "image_list"),
        ({**OMNI, "image_list": [FRAME, {"image_url": A, "type": "end_frame"}, {"image_url": B}]}, "image_list"),
        ({**OMNI, "image_list": [FRAME, FRAME]}, "image_list"),
        ({**OMNI, "image_list": [{"image_url": A, "type": "middle"}]}, "image_list[0].type"),
        ({**OMNI, "video_list": [BASE, BASE]}, "video_list"),
        ({**OMNI, "video_list": [{**BASE, "refer_type": "style"}]}, "video_list[0].refer_type"),
        ({**OMNI, "video_list": [{**BASE, "keep_original_sound": True}]}, "video_list[0].keep_original_sound"),
        ({**OMNI, "element_list": [{"element_id": "seven"}]}, "element_list[0].element_id"),
        ({**OMNI, "shot_type": "customize"}, "shot_type"),
    ],
    "video-extend": [
        ({}, "video_id"),
        ({**EXTEND, "prompt": LONG}, "prompt"),
        ({**EXTEND, "negative_prompt": LONG}, "negative_prompt"),
        ({**EXTEND, "cfg_scale": 1.5}, "cfg_scale"),
        ({"video_id": output_id(7, 1), "task_id": "8"}, "task_id"),
    ],
    "effects": [
        ({"input": {"image": A}}, "effect_scene"),
        ({"effect_scene": "hug"}, "input"),
        ({"effect_scene": "x", "input": {}}, "input.image"),
        ({"effect_scene": "x", "input": {"image": A, "images": [A, B]}}, "input.images"),
        ({"effect_scene": "x", "input": {"images": [A]}}, "input.images"),
        ({"effect_scene": "x", "input": {"images": [A, B, C]}}, "input.images"),
        ({"effect_scene": "hug_pro", "input": {"image": A}}, "input.images"),
        ({"effect_scene": "x", "input": {"image": A, "duration": "long"}}, "input.duration"),
        ({"effect_scene": "x", "input": {"image": A, "speed": 1}}, "input.speed"),
        ({"effect_scene": "x", "model_name": "a", "input": {"image": A, "model_name": "b"}}, "model_name"),
        ({"effect_scene": "x" * 65, "input": {"image": A}}, "effect_scene"),
    ],
    "lip-sync": [
        ({}, "input"),
        ({"input": {**TEXT, "mode": ""}}, "input.mode"),
        ({"input": {**TEXT, "mode": "sing"}}, "input.mode"),
        ({"input": {**TEXT, "video_url": ""}}, "input.video_id"),
        ({"input": {**TEXT, "video_id": "v"}}, "input.video_url"),
        ({"input": {**TEXT, "text": ""}}, "input.text"),
        ({"input": {**TEXT, "text": "x" * 121}}, "input.text"),
        ({"input": {**TEXT, "voice_id": None}}, "input.voice_id"),
        ({"input": {**TEXT, "voice_speed": 0.5}}, "input.voice_speed"),
        ({"input": {**TEXT, "voice_speed": 2.5}}, "input.voice_speed"),
        ({"input": {**TEXT, "audio_url": SOUND}}, "input.audio_url"),
        ({"input": {**VOICE, "audio_type": ""}}, "input.audio_type"),
        ({"input": {**VOICE, "audio_type": "stream"}}, "input.audio_type"),
        ({"input": {**VOICE, "audio_type": "file"}}, "input.audio_file"),
        ({"input": {**VOICE, "text": "hello"}}, "input.text"),
        ({"input": {**VOICE, "audio_file": "AAAA"}}, "input.audio_url"),
    ],
    "avatar/image2video": [
        ({"sound_file": SOUND}, "image"),
        ({"image": A}, "audio_id"),
        ({**AVATAR, "audio_id": "s"}, "sound_file"),
        ({**AVATAR, "prompt": LONG}, "prompt"),
        ({**AVATAR, "sound_file": "data:audio/mpeg;base64,AAAA"}, "sound_file"),
    ],
    "motion-control": [
        ({**MOTION, "image_url": ""}, "image_url"),
        ({**MOTION, "video_url": ""}, "video_url"),
        ({**MOTION, "character_orientation": ""}, "character_orientation"),
        ({**MOTION, "mode": ""}, "mode"),
        ({**MOTION, "prompt": LONG}, "prompt"),
        ({**MOTION, "keep_original_sound": "maybe"}, "keep_original_sound"),
        ({**MOTION, "element_list": [{"element_id": 1}] * 2}, "element_list"),
    ],
}
COMMON: list[tuple[dict[str, Any], str]] = [
    ({"watermark_info": {"enabled": 1}}, "watermark_info.enabled"),
    ({"callback_url": 5}, "callback_url"),
    ({"external_task_id": 5}, "external_task_id"),
    ({"model_name": 1}, "model_name"),
    ({"External_Task_Id": "a"}, "External_Task_Id"),
]
"""What is wrong in any body."""


@pytest.mark.parametrize("title", BAD)
def test_every_documented_rule_is_kept_and_names_its_field(title: str) -> None:
    whole = BY_TITLE[title].example
    for body, field in [*BAD[title], *(({**whole, **more}, name) for more, name in COMMON)]:
        with pytest.raises(GatewayError) as caught:
            parsed(title, body)
        assert caught.value.code == "invalid_request", (body, caught.value)
        assert field in caught.value.message, (body, caught.value.message)
        assert caught.value.param == field


@pytest.mark.parametrize(
    ("title", "body", "neutral", "value"),
    [
        ("multi-image2video", {**MULTI, "mode": "4k"}, "parameters.mode", "4k"),
        ("multi-image2video", {**MULTI, "aspect_ratio": "21:9"}, "aspect_ratio", "21:9"),
        ("omni-video", {**OMNI, "sound": "music"}, "audio", "music"),
        ("effects", {**EFFECT, "input": {"image": A, "mode": "max"}}, "parameters.mode", "max"),
        ("lip-sync", {"input": {**TEXT, "voice_language": "fr"}}, "parameters.voice_language", "fr"),
        ("avatar/image2video", {**AVATAR, "mode": "max"}, "parameters.mode", "max"),
        ("motion-control", {**MOTION, "character_orientation": "both"}, "parameters.orientation", "both"),
    ],
)
def test_a_word_that_is_not_documented_is_for_kling_alone_to_judge(
    title: str, body: dict[str, Any], neutral: str, value: str
) -> None:
    native = parsed(title, body).native
    assert native is not None
    assert native.novel[neutral].value == value


@pytest.mark.parametrize("op", OPERATIONS, ids=lambda op: op.title)
async def test_each_operation_is_created_queried_listed_and_refused(op: Operation) -> None:
    """Its example, over its path; what another path made is none of its."""
    house, path = House(KLING), f"/kling{op.path.path}"
    example = op.example
    if op.source in example:
        made = house.tasks.done(GenerationRequest("text_to_video", "kling-v1", "a cat"))
        example = {**example, op.source: output_id(made.task.id, 0)}
    body = {**example, "external_task_id": "mine"}
    answer = await house.call("POST", path, json=body)
    assert answer.status_code == 200, answer.text
    view = list(house.tasks.views.values())[-1]
    data = answer.json()["data"]
    assert (data["task_id"], data["task_status"]) == (str(view.task.id), "submitted")
    assert data["task_info"]["external_task_id"] == "mine"
    assert view.task.form == op.path.form

    done = house.tasks.done(view.task.request, dialect="kling", form=op.path.form)
    found = (await house.call("GET", f"{path}/{done.task.id}")).json()["data"]
    assert found["task_status"] == "succeed"
    (files,) = (one for one in found["task_result"].values() if isinstance(one, list))
    assert len(files) == 1
    assert KLING.announce is not None
    message = KLING.announce(done, Tidings("task.succeeded", NOW + 9), house.edge)
    assert message is not None
    assert json.loads(message.body) == found
    listed = (await house.call("GET", f"{path}?pageSize=5")).json()["data"]
    assert [one["task_id"] for one in listed] == [str(done.task.id), str(view.task.id)]
    by_name = await house.call("GET", f"{path}/mine")
    assert by_name.status_code == (200 if op.path.named else 404)
    other = next(one for one in OPERATIONS if one is not op)
    assert (await house.call("GET", f"/kling{other.path.path}/{done.task.id}")).json()["code"] == 1203

    refused = await house.call("POST", path, json={**example, "callback_url": "ftp://me.test"})
    assert (refused.status_code, refused.json()["code"]) == (400, 1201)
    assert set(refused.json()) == {"code", "message", "request_id"}
    assert refused.json()["request_id"] == REQUEST_ID
    assert "callback_url" in refused.json()["message"]
    assert (await house.call("DELETE", path)).json()["code"] == 1202


async def test_pictures_within_lists_and_objects_are_stored_and_looked_at() -> None:
    house, small = House(KLING), base64_of(picture(299, 400))
    whole = base64_of(picture())
    body = {**MULTI, "image_list": [{"image": whole}, {"image": small}]}
    answer = await house.call("POST", "/v1/videos/multi-image2video", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, 1201)
    assert "image_list[1].image" in answer.json()["message"]
    assert house.untouched
    answer = await house.call("POST", "/v1/videos/effects", json={**EFFECT, "input": {"image": whole}})
    assert answer.status_code == 200, answer.text
    assert house.media.stored == [("input.image", picture())]


async def test_what_goes_on_has_the_model_and_the_mode_that_it_was_made_with() -> None:
    house = House(KLING)
    given = VideoParameters(mode="pro")
    made = house.tasks.done(GenerationRequest("text_to_video", "kling-v1-6", "a cat", parameters=given))
    name = output_id(made.task.id, 0)
    answer = await house.call("POST", "/v1/videos/video-extend", json={"video_id": name})
    assert answer.status_code == 200, answer.text
    assert (house.request.model, house.request.parameters) == ("kling-v1-6", given)
    assert answer.json()["data"]["task_info"] == {"parent_video": {"id": name}}
    other = await house.call("POST", "/v1/videos/video-extend", json={"video_id": name, "model_name": "kling-v1-5"})
    assert (other.status_code, other.json()["code"]) == (400, 1201)
    assert "model_name" in other.json()["message"]
