"""What a request of any dialect becomes at Kling, operation by operation, and what is refused by name."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from telecine.nouns.errors import GatewayError
from telecine.nouns.parameters import EffectsParameters, LipSyncParameters, VideoParameters
from telecine.nouns.request import GenerationRequest, MediaInput, Reference, Role
from telecine.providers.base import Provider, Source, Submission
from telecine.providers.http.body import filled, translate
from telecine.providers.kling import KLING
from tests.providers.stand_ins import Shelf

A, B, CLIP, SOUND = "https://a.test/a.png", "https://a.test/b.png", "https://a.test/a.mp4", "https://a.test/a.mp3"
OURS = Reference(task=1, output=0, kind="clip")
THEIRS = Source("job", None, "v7")
MOVE = VideoParameters(mode="pro", orientation="video", keep_sound=True)


def inputs(*given: tuple[Role, str]) -> tuple[MediaInput, ...]:
    return tuple(MediaInput(role, url=url) for role, url in given)


def request(operation: str, model: str, *given: tuple[Role, str], **fields: Any) -> GenerationRequest:
    return GenerationRequest(**{"operation": operation, "model": model, "inputs": inputs(*given)} | fields)


async def body_of(asked: GenerationRequest, shelf: Shelf | None = None) -> tuple[str, Any, Any]:
    draft = translate(KLING, asked, asked.model, THEIRS if asked.source is not None else None)
    content = await filled(draft, shelf or Shelf())
    assert isinstance(content, bytes)
    return draft.op.create.removeprefix("POST /v1/videos/"), msgspec.json.decode(content), draft.op.billed(draft)


REF: tuple[Role, str] = ("reference", A)
IMAGE: tuple[Role, str] = ("image", A)
FRAMES: list[tuple[Role, str]] = [("first_frame", A), ("last_frame", B)]
SENT: list[tuple[GenerationRequest, str, dict[str, Any]]] = [
    (request("reference_to_video", "kling-v1-6", ("reference", A), ("reference", B), prompt="a", size="1080x1920"),
     "multi-image2video", {"model_name": "kling-v1-6", "prompt": "a", "mode": "pro", "aspect_ratio": "9:16",
                           "image_list": [{"image": A}, {"image": B}]}),
    (request("reference_to_video", "kling-video-o1", ("reference", A), ("video", CLIP), prompt="a"),
     "omni-video", {"model_name": "kling-video-o1", "prompt": "a", "aspect_ratio": "16:9",
                    "image_list": [{"image_url": A}],
                    "video_list": [{"video_url": CLIP, "refer_type": "feature"}]}),
    (request("reference_to_video", "kling-video-o1", ("first_frame", A), ("video", CLIP), prompt="a"),
     "omni-video", {"model_name": "kling-video-o1", "prompt": "a",
                    "image_list": [{"image_url": A, "type": "first_frame"}],
                    "video_list": [{"video_url": CLIP, "refer_type": "feature"}]}),
    (request("text_to_video", "kling-v3-omni", prompt="a", duration=7.0, audio=True, resolution="720p"),
     "omni-video", {"model_name": "kling-v3-omni", "prompt": "a", "duration": "7", "sound": "on", "mode": "std",
                    "aspect_ratio": "16:9"}),
    (request("image_to_video", "kling-video-o1", *FRAMES, prompt="a", size="1280x720"),
     "omni-video", {"model_name": "kling-video-o1", "prompt": "a", "mode": "std",
                    "image_list": [{"image_url": A, "type": "first_frame"}, {"image_url": B, "type": "end_frame"}]}),
    (request("edit_video", "kling-video-o1", ("video", CLIP), ("reference", A), prompt="a",
             parameters=VideoParameters(keep_sound=False, elements=(7,))),
     "omni-video", {"model_name": "kling-video-o1", "prompt": "a", "element_list": [{"element_id": 7}],
                    "image_list": [{"image_url": A}],
                    "video_list": [{"video_url": CLIP, "refer_type": "base", "keep_original_sound": "no"}]}),
    (request("extend", "kling-v1-6", prompt="on", source=OURS, parameters=VideoParameters(mode="pro", cfg_scale=0.3)),
     "video-extend", {"prompt": "on", "cfg_scale": 0.3, "video_id": "v7"}),
    (request("kling:effects", "kling-effects", ("image", A), parameters=EffectsParameters("fuzzyfuzzy")),
     "effects", {"effect_scene": "fuzzyfuzzy", "input": {"image": A}}),
    (request("kling:effects", "kling-v1-6", ("image", A), ("image", B), duration=10.0,
             parameters=EffectsParameters("hug", "pro")),
     "effects", {"effect_scene": "hug", "input": {"model_name": "kling-v1-6", "mode": "pro", "duration": "10",
                                                  "images": [A, B]}}),
    (request("lip_sync", "kling-lip-sync", ("video", CLIP), prompt="hello",
             parameters=LipSyncParameters(voice="v", voice_language="zh", voice_speed=1.5)),
     "lip-sync", {"input": {"mode": "text2video", "text": "hello", "voice_id": "v", "voice_language": "zh",
                            "voice_speed": 1.5, "video_url": CLIP}}),
    (request("lip_sync", "kling-lip-sync", ("audio", SOUND), source=OURS),
     "lip-sync", {"input": {"mode": "audio2video", "audio_type": "url", "video_id": "v7", "audio_url": SOUND}}),
    (request("avatar", "kling-avatar", ("image", A), ("audio", SOUND), prompt="a", resolution="1080p"),
     "avatar/image2video", {"prompt": "a", "mode": "pro", "image": A, "sound_file": SOUND}),
    (request("avatar", "kling-avatar", ("image", A), source=OURS),
     "avatar/image2video", {"image": A, "audio_id": "v7"}),
    (request("motion_control", "kling-v2-6", ("image", A), ("video", CLIP), parameters=MOVE),
     "motion-control", {"model_name": "kling-v2-6", "mode": "pro", "character_orientation": "video",
                        "keep_original_sound": "yes", "image_url": A, "video_url": CLIP}),
    (request("motion_control", "kling-v2-6", ("image", A), ("video", CLIP)),
     "motion-control", {"model_name": "kling-v2-6", "mode": "std", "character_orientation": "image", "image_url": A,
                        "video_url": CLIP}),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "path", "body"), SENT, ids=[f"{one[1]}-{i}" for i, one in enumerate(SENT)])
async def test_a_request_of_any_dialect_becomes(asked: GenerationRequest, path: str, body: dict[str, Any]) -> None:
    assert (await body_of(asked))[:2] == (path, body)


REFUSED: list[tuple[GenerationRequest, str]] = [
    (request("reference_to_video", "kling-v1-6", *[REF] * 5, prompt="a"), "inputs"),
    (request("reference_to_video", "kling-v1-6", ("reference", A)), "prompt"),
    (request("reference_to_video", "kling-v1-6", ("reference", A), ("video", CLIP), prompt="a"), "inputs.video"),
    (request("reference_to_video", "kling-video-o1", *[REF] * 8, prompt="a"), "inputs"),
    (request("edit_video", "kling-video-o1", ("reference", A), prompt="a"), "inputs"),
    (request("edit_video", "kling-video-o1", ("video", CLIP), ("video", CLIP), prompt="a"), "inputs"),
    (request("edit_video", "kling-video-o1", ("video", CLIP), prompt="a", duration=5.0), "duration"),
    (request("edit_video", "kling-video-o1", ("video", CLIP), prompt="a", negative_prompt="b"), "negative_prompt"),
    (request("text_to_video", "kling-video-o1", prompt="a", parameters=VideoParameters(keep_sound=True)),
     "parameters.keep_sound"),
    (request("extend", "kling-v1", ("video", CLIP)), "inputs.video"),
    (request("extend", "kling-v1"), "source"),
    (request("extend", "kling-v1", source=OURS, duration=5.0), "duration"),
    (request("kling:effects", "kling-effects", ("image", A)), "parameters.scene"),
    (request("kling:effects", "kling-effects", *[IMAGE] * 3, parameters=EffectsParameters("x")), "inputs"),
    (request("lip_sync", "kling-lip-sync", ("video", CLIP)), "prompt"),
    (request("lip_sync", "kling-lip-sync", ("video", CLIP), prompt="hello"), "parameters.voice"),
    (request("lip_sync", "kling-lip-sync", ("audio", SOUND)), "source"),
    (request("lip_sync", "kling-lip-sync", ("video", CLIP), ("audio", SOUND),
             parameters=LipSyncParameters(voice="v")), "parameters.voice"),
    (request("avatar", "kling-avatar", ("image", A)), "inputs"),
    (request("avatar", "kling-avatar", ("image", A), ("audio", SOUND), audio=True), "audio"),
    (request("motion_control", "kling-v2-6", ("image", A), ("video", CLIP), duration=5.0), "duration"),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "param"), REFUSED, ids=[f"{one[0].operation}-{one[1]}" for one in REFUSED])
def test_what_kling_cannot_do_is_refused_by_name(provider: Provider, asked: GenerationRequest, param: str) -> None:
    with pytest.raises(GatewayError) as caught:
        provider.check(asked, asked.model)
    assert caught.value.param == param
    assert caught.value.code in ("invalid_request", "unsupported_parameter")


async def test_what_is_stored_is_sent_as_kling_takes_it() -> None:
    """A picture and a sound as base64, a video as a link of ours: of those Kling takes nothing else."""
    shelf = Shelf(p=b"picture", s=b"sound")
    stored = (MediaInput("image", object_key="p"), MediaInput("video", object_key="v"))
    asked = GenerationRequest("motion_control", "kling-v2-6", inputs=stored)
    _, body, _ = await body_of(asked, shelf)
    assert (body["image_url"], body["video_url"]) == ("cGljdHVyZQ==", "https://media.test/v")
    said = (MediaInput("video", url=CLIP), MediaInput("audio", object_key="s"))
    _, body, _ = await body_of(GenerationRequest("lip_sync", "kling-lip-sync", inputs=said), shelf)
    assert (body["input"]["audio_type"], body["input"]["audio_file"]) == ("file", "c291bmQ=")
    assert KLING.traits.by_url("video")
    assert not KLING.traits.by_url("image")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (request("reference_to_video", "kling-v1-6", ("reference", A), prompt="a"), ("std", 5.0, "1280x720")),
        (request("text_to_video", "kling-video-o1", prompt="a"), ("pro", 5.0, "1920x1080")),
        (request("image_to_video", "kling-video-o1", ("first_frame", A), prompt="a"), ("pro", 5.0, None)),
        (request("edit_video", "kling-video-o1", ("video", CLIP), prompt="a"), ("pro", None, None)),
        (request("extend", "kling-v1", source=OURS, parameters=VideoParameters(mode="pro")), ("pro", 5.0, None)),
        (request("kling:effects", "kling-effects", ("image", A), parameters=EffectsParameters("x")),
         (None, None, None)),
        (request("lip_sync", "kling-lip-sync", ("audio", SOUND), source=OURS), (None, None, None)),
        (request("avatar", "kling-avatar", ("image", A), ("audio", SOUND)), ("std", None, None)),
        (request("motion_control", "kling-v2-6", ("image", A), ("video", CLIP)), ("std", None, None)),
    ],
    ids=lambda value: value.operation if isinstance(value, GenerationRequest) else "",
)  # fmt: skip
async def test_what_is_billed(asked: GenerationRequest, expected: tuple[Any, ...]) -> None:
    billed = (await body_of(asked))[2]
    assert (billed.mode, billed.duration, billed.size) == expected


@pytest.mark.parametrize(
    ("made", "mode", "fits"),
    [
        ({}, None, True),
        ({}, "std", True),
        ({}, "pro", False),
        ({"parameters": VideoParameters(mode="pro")}, "pro", True),
        ({"parameters": VideoParameters(mode="pro")}, None, False),
        ({"resolution": "1080P"}, "pro", True),
        ({"size": "1920x1080"}, None, False),
    ],
)
def test_what_goes_on_is_priced_as_it_was_made(made: dict[str, Any], mode: str | None, fits: bool) -> None:
    given = VideoParameters(mode=mode) if mode else None
    asked = request("extend", "kling-v1", source=OURS, parameters=given)
    source = Source("job", request("text_to_video", "kling-v1", **made), "v7")
    if fits:
        assert translate(KLING, asked, "kling-v1", source).body["video_id"] == "v7"
        return
    with pytest.raises(GatewayError) as caught:
        translate(KLING, asked, "kling-v1", source)
    assert caught.value.param == "parameters.mode"


def test_what_goes_on_is_priced_as_the_model_that_made_it() -> None:
    source = Source("job", request("text_to_video", "kling-v1-6"), "v7", "kling-v1-6")
    with pytest.raises(GatewayError) as caught:
        translate(KLING, request("extend", "kling-v1", source=OURS), "kling-v1", source)
    assert caught.value.param == "model"
    asked = request("extend", "kling-v1-6", source=OURS)
    assert translate(KLING, asked, "kling-v1-6", source).body["video_id"] == "v7"


async def test_nothing_is_sent_without_what_goes_on(provider: Provider) -> None:
    """Its upstream knows it no more, or never named what was made."""
    asked = request("extend", "kling-v1", source=OURS)
    for source in (None, Source("job")):
        with pytest.raises(GatewayError) as caught:
            await provider.submit(
                channel=None,  # type: ignore[arg-type]  # nothing is reached
                submission=Submission(asked, "kling-v1", "42", None, source=source),
                media=Shelf(),
            )
        assert caught.value.param == "source"
