"""Every field of every dialect, at every provider: carried, refused by name, or on the one advisory list."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import msgspec
import pytest
from starlette.requests import Request

from telecine.accounts.principal import Principal
from telecine.dialects.bizyair import BIZYAIR as BIZYAIR_DIALECT
from telecine.dialects.bizyair import create as bizyair
from telecine.dialects.bizyair import render as bizyair_render
from telecine.dialects.bodies import Body, parse_object
from telecine.dialects.call import Call
from telecine.dialects.fields import Fields
from telecine.dialects.ima import images as ima_images
from telecine.dialects.ima import videos as ima_videos
from telecine.dialects.ima.render import FIELDS as IMA_FIELDS
from telecine.dialects.inline import Source
from telecine.dialects.kling import render as kling_render
from telecine.dialects.kling.create import parse as parse_kling
from telecine.dialects.kling.images import IMAGES as KLING_IMAGES
from telecine.dialects.kling.routes import OPERATIONS as KLINGS
from telecine.dialects.kling.sounds import SOUNDS as KLING_SOUNDS
from telecine.dialects.kling2 import create as kling2
from telecine.dialects.kling2 import render as kling2_render
from telecine.dialects.openai import create as openai
from telecine.dialects.openai import image_render, images, newapi
from telecine.dialects.openai import render as openai_render
from telecine.dialects.suno import create as suno
from telecine.dialects.suno import render as suno_render
from telecine.dialects.tasks import create as tasks
from telecine.dialects.tasks import render as tasks_render
from telecine.nouns import catalogue
from telecine.nouns.errors import GatewayError
from telecine.nouns.parameters import ImageParameters, VideoParameters
from telecine.nouns.request import GenerationRequest
from telecine.providers.base import Source as Followed
from telecine.providers.bizyair import BIZYAIR as BIZYAIR_VENDOR
from telecine.providers.http.body import translate
from telecine.providers.ima import IMA as IMA_VENDOR
from telecine.providers.kling import KLING as KLING_VENDOR
from telecine.providers.kling.kling2 import KLING2 as KLING2_VENDOR
from telecine.providers.openai import OPENAI as OPENAI_VENDOR
from telecine.providers.sandbox.plan import plan
from telecine.providers.sandbox.taking import opening
from telecine.providers.suno import SUNO as SUNO_VENDOR
from telecine.providers.take import ADVISORY
from telecine.wires.bizyair import CreateTask as CreateApp
from telecine.wires.ima.images import ImaImageGenerationRequest
from telecine.wires.ima.videos import ImaProVideoCreateRequest, ImaVideoMetadata
from telecine.wires.kling.videos import IMAGE_ONLY, Image2Video
from telecine.wires.openai import CreateVideo
from telecine.wires.openai_images import CreateImage
from telecine.wires.suno import SubmitMusic
from tests.dialects.house import House

URL, OTHER = "https://pictures.test/a.png", "https://pictures.test/b.png"
POINTS = [{"x": 1, "y": 2}, {"x": 3, "y": 4}]
SHOTS = [{"index": 1, "prompt": "a", "duration": 5}]

OPENAI: dict[str, Any] = {
    "prompt": "another", "model": "sora-2-pro", "model_name": "sora-2-pro", "seconds": 8, "duration": 8,
    "size": "1280x720",
    "input_reference": URL, "images": [URL, OTHER], "image": {"url": URL}, "watermark": True, "aspectRatio": "16:9",
    "aspect_ratio": "16:9", "resolution": "1080p", "negative_prompt": "fog", "seed": 7, "n": 2,
    "webhook_url": "https://me.test/h", "callback_url": "https://me.test/h", "metadata": {"a": "b"},
    "notify_hook": "https://me.test/h", "private": True, "style": "comic", "style_id": "retro", "storyboard": ["a"],
    "character_url": OTHER, "character_timestamps": "1,3", "orientation": "landscape", "tier": "1080p",
    "reference_images": [OTHER], "a_field_of_nobody": {"a": 1},
}  # fmt: skip
NEW_API: dict[str, Any] = {
    "prompt": "another", "model": "sora-2-pro", "image": OTHER, "duration": 8, "seed": 7, "n": 2, "fps": 24,
    "response_format": "url", "user": "me", "metadata": {"camera": "slow"}, "metadata:cfg": {"cfg": 1},
    "metadata:resolution": {"resolution": "1080p"}, "metadata:ratio": {"ratio": "16:9"},
    "metadata:negative_prompt": {"negative_prompt": "fog"},
}  # fmt: skip
KLING: dict[str, Any] = {
    "model_name": "kling-v2-6", "model": "kling-v2-6", "prompt": "another", "negative_prompt": "fog", "cfg_scale": 0.3,
    "mode": "pro", "sound": "on", "camera_control": {"type": "down_back"}, "aspect_ratio": "1:1", "duration": "10",
    "multi_shot": True, "shot_type": "customize", "multi_prompt": SHOTS, "voice_list": [{"voice_id": "v"}],
    "watermark_info": {"enabled": True}, "callback_url": "https://me.test/h", "external_task_id": "mine",
    "image": OTHER, "image_tail": OTHER, "static_mask": OTHER,
    "dynamic_masks": [{"mask": OTHER, "trajectories": POINTS}], "element_list": [{"element_id": 1}],
    "a_field_of_nobody": {"a": 1},
}  # fmt: skip
KLING2_OPTIONS: dict[str, Any] = {
    "options:callback_url": {"callback_url": "https://me.test/h"},
    "options:external_task_id": {"external_task_id": "mine"},
    "options:watermark_info": {"watermark_info": {"enabled": True}},
    "options:a_field_of_nobody": {"a_field_of_nobody": 1},
    "settings:a_field_of_nobody": {"a_field_of_nobody": 1},
    "a_field_of_nobody": {"a": 1},
}
PROMPT = {"type": "prompt", "text": "a"}
KLING2: dict[str, Any] = {
    "prompt": "another", "contents": [PROMPT, {"type": "first_frame", "url": OTHER}],
    **{f"settings:{name}": {name: value} for name, value in {
        "multi_shot": True, "audio": "native", "resolution": "1080p", "aspect_ratio": "1:1", "duration": 10}.items()},
    **KLING2_OPTIONS,
}  # fmt: skip
FRAME = {"type": "first_frame", "url": URL}
CONTENTS = {
    "contents:text": [{"type": "prompt", "text": "another"}, FRAME],
    "contents:last_frame": [PROMPT, FRAME, {"type": "last_frame", "url": OTHER}],
    "contents:element_id": [PROMPT, FRAME, {"type": "element", "element_id": 7}],
    "contents:id": [PROMPT, FRAME, {"type": "element", "element_id": 7, "id": "boy"}],
    "contents:of nobody": [PROMPT, FRAME, {"type": "depth", "url": OTHER}],
}
MOTION: dict[str, Any] = {
    "contents": [{"type": "image", "url": OTHER}, {"type": "video", "url": URL}],
    **{f"settings:{name}": {"character_orientation": "image", name: value} for name, value in {
        "character_orientation": "video", "audio": "off", "resolution": "1080p"}.items()},
    **KLING2_OPTIONS, "settings:a_field_of_nobody": {"character_orientation": "image", "a_field_of_nobody": 1},
}  # fmt: skip
OWN: dict[str, Any] = {
    "model": "kling-v2-6", "operation": "text_to_image", "prompt": "another", "negative_prompt": "fog",
    "inputs": [{"role": "last_frame", "url": OTHER}], "count": 2, "size": "720x720", "aspect_ratio": "1:1",
    "resolution": "1080p", "duration": 10, "seed": 7, "audio": True, "parameters": {"watermark": True},
    "webhook_url": "https://me.test/h", "external_id": "mine", "metadata": {"a": "b"}, "source": {"task": "7"},
    **{f"inputs:{role}": [{"role": role, "url": OTHER}] for role in
       ("image", "first_frame", "last_frame", "reference", "scene", "style", "mask", "video", "audio", "person",
        "garment")},
    **{f"parameters:{name}": {name: value} for name, value in {
        "mode": "pro", "cfg_scale": 0.3, "camera": {"type": "down_back"}, "multi_shot": True,
        "shot_type": "customize", "shots": SHOTS, "voices": ["v"], "elements": [1], "watermark": True,
        "orientation": "video", "keep_sound": False,
        "private": True, "style": "comic", "style_id": "retro", "storyboard": ["a"], "character_url": OTHER,
        "character_timestamps": "1,3", "motion": "high", "loop": True, "speed": "turbo", "index": 2,
        "custom_id": "a"}.items()},
}  # fmt: skip
KLING_MORE: dict[str, Any] = {
    "model_name": "kling-v9", "model": "kling-v9", "prompt": "another", "negative_prompt": "fog", "image": OTHER,
    "image_reference": "face", "image_fidelity": 0.3, "human_fidelity": 0.3, "element_list": [{"element_id": 1}],
    "resolution": "2k", "n": 3, "aspect_ratio": "3:4", "image_list": [{"image": OTHER}], "result_type": "series",
    "series_amount": 5, "subject_image_list": [{"subject_image": OTHER}], "scene_image": OTHER, "style_image": OTHER,
    **{f"{way}_expansion_ratio": 0.2 for way in ("up", "down", "left", "right")}, "human_image": OTHER,
    "cloth_image": URL, "duration": 7, "watermark_info": {"enabled": True}, "callback_url": "https://me.test/h",
    "external_task_id": "mine", "a_field_of_nobody": {"a": 1},
}  # fmt: skip
"""Of Kling's paths for pictures and sounds."""
KLING_FILMS: dict[str, dict[str, Any]] = {
    "multi-image2video": {"image_list": [{"image": OTHER}], "aspect_ratio": "9:16"},
    "omni-video": {"image_list": [{"image_url": OTHER}], "video_list": [{"video_url": OTHER}], "aspect_ratio": "1:1"},
    "video-extend": {"video_id": "v2", "task_id": "7"},
    "effects": {"effect_scene": "another", "input": {"images": [OTHER, OTHER], "mode": "pro"}},
    "avatar/image2video": {"audio_id": "a2", "sound_file": OTHER},
    "motion-control": {"image_url": OTHER, "video_url": OTHER, "character_orientation": "image",
                       "keep_original_sound": "no", "model_name": "kling-v3", "model": "kling-v3"},
    "lip-sync": {"input": {"mode": "text2video", "video_url": OTHER, "text": "hello", "voice_id": "v"}},
}  # fmt: skip
"""Of its paths for videos, what is theirs alone."""
IMAGES: dict[str, Any] = {
    **{f"inputs:{role}": [{"role": "image", "url": URL}, {"role": role, "url": OTHER}] for role in
       ("image", "reference", "scene", "style", "mask")},
    **{f"parameters:{name}": {name: value} for name, value in {
        "watermark": True, "image_reference": "face", "image_fidelity": 0.4, "human_fidelity": 0.6, "elements": [1],
        "series": True, "fewer": True, "quality": "high", "background": "transparent", "output_format": "webp",
        "output_compression": 50, "moderation": "low", "style": "vivid", "input_fidelity": "high", "partial_images": 2,
        "user": "u1", "safety_identifier": "s1", "grid": True, "speed": "fast", "bot": "niji"}.items()},
}  # fmt: skip
"""Of our own form, what pictures alone have."""
SUNO: dict[str, Any] = {
    "prompt": "[Verse] on", "mv": "chirp-v3-5", "title": "A boat", "tags": "folk", "style": "folk",
    "gpt_description_prompt": "a shanty", "make_instrumental": True, "instrumental": True, "custom_mode": False,
    "negative_tags": "metal", "vocal_gender": "f", "style_weight": 0.1, "weirdness_constraint": 0.2,
    "audio_weight": 0.3, "continue_clip_id": "0d3bcf4c-8a0b-4d2e-9c0e-000000000001", "continue_at": 5, "task_id": "t",
    "task": "extend", "cover_clip_id": "0d3bcf4c-8a0b-4d2e-9c0e-000000000001", "persona_id": "p",
    "artist_clip_id": "0d3bcf4c-8a0b-4d2e-9c0e-000000000001",
    "notify_hook": "https://me.test/h", "a_field_of_nobody": {"a": 1},
}  # fmt: skip
BIZYAIR: dict[str, Any] = {
    "web_app_id": 41082, "suppress_preview_output": True, "input_values": {"6:CLIPTextEncode.text": "another"},
    "a_field_of_nobody": {"a": 1},
}  # fmt: skip
PICTURES: dict[str, Any] = {
    "prompt": "another", "model": "dall-e-3", "image": URL, "mask": OTHER, "n": 2, "size": "1536x1024",
    "quality": "high", "style": "vivid", "background": "transparent", "output_format": "webp",
    "output_compression": 50, "moderation": "low", "input_fidelity": "high", "response_format": "url",
    "stream": True, "partial_images": 2, "user": "u1", "safety_identifier": "s1", "images": [URL, OTHER],
    "async": True, "aspect_ratio": "3:2", "resolution": "2k", "negative_prompt": "fog", "seed": 7, "watermark": True,
    "webhook_url": "https://me.test/h", "callback_url": "https://me.test/h", "notify_hook": "https://me.test/h",
    "metadata": {"a": "b"}, "a_field_of_nobody": {"a": 1},
}  # fmt: skip
IMA_IMAGES: dict[str, Any] = {
    "model": "gemini-3.1-flash-image-preview", "prompt": "another", "aspect_ratio": "3:4", "size": "2K",
    "image": OTHER, "images": [OTHER, URL], "async": False, "response_format": "b64_json",
    "callback_url": "https://me.test/h", "metadata": {"style": 1}, "metadata:aspect_ratio": {"aspect_ratio": "1:1"},
    "metadata:resolution": {"resolution": "4K"}, "a_field_of_nobody": {"a": 1},
}  # fmt: skip
IMA_CONTENT: dict[str, Any] = {
    "model": "ima-pro-fast", "resolution": "1080p", "ratio": "1:1", "generate_audio": True, "watermark": True,
    "seed": 7, "duration": 8, "seconds": "8", "size": "720x1280", "callback_url": "https://me.test/h",
    **{f"content:{name}": [{"type": "text", "text": "a"}, {"type": kind, kind: {"url": OTHER}, "role": role}]
       for name, kind, role in (("image_url", "image_url", "first_frame"), ("video_url", "video_url", None),
                                ("audio_url", "audio_url", None), ("role", "image_url", "reference_image"))},
    "content:text": [{"type": "text", "text": "another"}], "a_field_of_nobody": {"a": 1},
}  # fmt: skip
IMA_VIDEOS: dict[str, Any] = {
    "model": "ima-pro-fast", "prompt": "another", "image": OTHER, "images": [OTHER, URL], "input_reference": OTHER,
    "duration": 8, "seconds": "8", "size": "720x1280", "aspect_ratio": "9:16", "callback_url": "https://me.test/h",
    "metadata": {"mcp_list": [1]}, "a_field_of_nobody": {"a": 1},
    **{f"metadata:{name}": {name: value} for name, value in {
        "aspect_ratio": "9:16", "resolution": "1080p", "audio": True, "reference_video_urls": [URL],
        "reference_audio_urls": [URL], "watermark": True, "seed": 7}.items()},
}  # fmt: skip
MANNERS = {"response_format", "stream", "async"}
"""What says how to answer, and nothing of what is made."""
HINTS = {"seed", "cfg_scale", "user", "safety_identifier", "partial_images", "speed", "grid"}
HINTS |= {f"parameters:{name}" for name in HINTS}
GOES_ON = {"continue_at", "task_id", "task"}
"""Suno takes these with a clip only."""
OURS = {"notify_hook", "webhook_url", "callback_url", "external_id", "external_task_id", "metadata"}
"""Kept with the task, which shows them or calls them."""
MULTI = {"multi_shot": True, "shot_type": "customize", "multi_prompt": SHOTS}
"""Kling takes these together only."""
ALIKE = {
    "openai": [
        {"model", "model_name"},
        {"seconds", "duration"},
        {"aspect_ratio", "aspectRatio", "orientation"},
        {"resolution", "tier"},
        {"character_url", "character_timestamps"},
        {"input_reference", "images", "image", "reference_images"},
    ],
    "kling": [
        set(MULTI),
        {"model", "model_name"},
        {"static_mask", "dynamic_masks"},
        {"audio_id", "sound_file"},
        {"image_list", "video_list"},
    ],
    "kling2": [],
    "suno": [
        {"tags", "style"},
        {"make_instrumental", "instrumental"},
        {"prompt", "gpt_description_prompt", "custom_mode"},
    ],
    "bizyair": [],
    "ima": [
        {"duration", "seconds"},
        {"size", "resolution", "aspect_ratio", "ratio"},
        {"audio", "generate_audio"},
        {"operation", "image", "images", "input_reference", "content", "metadata"},  # they say what it is
    ],
    "tasks": [{"inputs", "operation"}],  # of an operation that nobody has named
}
"""Names for one thing, any of which a refusal may name."""
IGNORED = {
    ("kling/image2video", "aspect_ratio"),
    ("kling2/image", "settings:aspect_ratio"),
    ("kling/omni-image", "series_amount"),
    *(("kling/video-extend", name) for name in ("task_id", "video_id", "model_name", "model")),
    ("suno", "task_id"),
    ("bizyair", "suppress_preview_output"),
    ("openai/new-api", "response_format"),
}
"""What the client's own vendor documents as ignored; what only says again which clip goes on; and what asks for what
happens in any case. What goes on is known by its own channel alone, and keeps its model."""
IMA_FILMED = Fields(ima_videos.NAMES, media="images")
Parsed = tuple[GenerationRequest, list[Source]]


CALL = Call(
    Request({"type": "http", "headers": [], "query_string": b""}),
    "bizyair",
    House(BIZYAIR_DIALECT).edge,
    Principal(1, None, "me"),
)


MODELS = catalogue.load()


def by_kling(title: str) -> Callable[[Body], Parsed]:
    (op,) = (one for one in KLINGS if one.title == title)
    return lambda body: parse_kling(op, body, MODELS)


def to_own(body: Body) -> Parsed:
    return tasks.parse_create(body, MODELS)


DIALECTS: dict[str, tuple[Callable[[Body], Parsed], dict[str, Any], dict[str, Any], Fields]] = {
    "openai": (partial(openai.parse_create, models=MODELS), {"prompt": "a"}, OPENAI, openai_render.FIELDS),
    "openai/new-api": (partial(newapi.parse_generation, models=MODELS), {"prompt": "a"}, NEW_API, openai_render.FIELDS),
    "openai/images": (partial(images.parse_image, "generation", models=MODELS), {"prompt": "a", "model": "gpt-image-2"},
                      PICTURES, image_render.FIELDS),
    "openai/edits": (partial(images.parse_image, "edit", models=MODELS),
                     {"prompt": "a", "model": "gpt-image-2", "image": OTHER},
                     {name: value for name, value in PICTURES.items() if name != "images"}, image_render.FIELDS),
    "kling/text2video": (by_kling("text2video"), {"prompt": "a", "model_name": "kling-v1"},
                         {name: value for name, value in KLING.items() if name not in IMAGE_ONLY},
                         kling_render.FIELDS),
    "kling/image2video": (by_kling("image2video"), {"image": URL, "prompt": "a"}, KLING,
                          kling_render.FIELDS),
    "kling2/text": (lambda body: kling2.OPERATIONS[0].parse("kling-3.0", body, MODELS), {"prompt": "a"},
                    {name: value for name, value in KLING2.items() if name != "contents"}, kling2_render.FIELDS),
    "kling2/image": (lambda body: kling2.OPERATIONS[1].parse("kling-3.0", body, MODELS),
                     {"contents": [PROMPT, FRAME]},
                     {name: value for name, value in (KLING2 | CONTENTS).items() if name != "prompt"},
                     kling2_render.FIELDS),
    "kling2/motion": (lambda body: kling2.OPERATIONS[2].parse("kling-2.6", body, MODELS),
                      {"contents": [{"type": "image", "url": URL}, {"type": "video", "url": URL}],
                       "settings": {"character_orientation": "image"}}, MOTION, kling2_render.FIELDS),
    **{f"kling/{op.title}": (by_kling(op.title), op.example,
                             {name: KLING_MORE[name] for name in
                              (*op.path.body.__struct_encode_fields__, "a_field_of_nobody")}, kling_render.FIELDS)
       for op in (*KLING_IMAGES, *KLING_SOUNDS)},
    **{f"kling/{op.title}": (by_kling(op.title), op.example,
                             {name: (KLING | KLING_FILMS[op.title])[name] for name in
                              (*op.path.body.__struct_encode_fields__, "a_field_of_nobody")}, Fields(op.names))
       for op in KLINGS if op.title in KLING_FILMS},
    "suno": (suno.parse_music, {"prompt": "la", "mv": "chirp-v4"}, SUNO, suno_render.FIELDS),
    "bizyair": (lambda body: bizyair.parse_app(CALL, body),
                {"web_app_id": 37429, "input_values": {"6:CLIPTextEncode.text": "a"}}, BIZYAIR, bizyair_render.FIELDS),
    "ima/images": (partial(ima_images.parse_image, models=MODELS),
                   {"model": "gemini-3-pro-image-preview", "prompt": "a"}, IMA_IMAGES, IMA_FIELDS),
    "ima/videos": (partial(ima_videos.parse_video, models=MODELS), {"model": "ima-pro", "prompt": "a"}, IMA_VIDEOS,
                   IMA_FILMED),
    "ima/content": (partial(ima_videos.parse_video, models=MODELS),
                    {"model": "ima-pro", "content": [{"type": "text", "text": "a"}]}, IMA_CONTENT, IMA_FILMED),
    "tasks": (to_own, {"model": "kling-v1", "prompt": "a"}, OWN, tasks_render.FIELDS),
    "tasks/images": (to_own, {"model": "kling-v2-1", "operation": "image_to_image", "prompt": "a",
                              "inputs": [{"role": "image", "url": URL}]}, IMAGES, tasks_render.FIELDS),
}  # fmt: skip


def of_kling(request: GenerationRequest) -> Any:
    """A video or a sound of the upstream's, as it is told once it is known where that is."""
    source = request.source
    made = Followed(upstream_id="job", output_id=source.upstream_id) if source is not None else None
    draft = translate(KLING_VENDOR, request, request.model, made)
    return draft.op.create, draft.encoded(), [(name, item) for _, name, item in draft.media]


def of_kling2(request: GenerationRequest) -> Any:
    """The model stands in the path."""
    draft = translate(KLING2_VENDOR, request, request.model)
    return request.model, draft.encoded(), [(name, item) for _, name, item in draft.media]


def of_openai(request: GenerationRequest) -> Any:
    draft = translate(OPENAI_VENDOR, request, request.model)
    return draft.op.create, draft.encoded(), [(name, item) for _, name, item in draft.media]


def of_suno(request: GenerationRequest) -> Any:
    """A clip of the upstream's, as it is told once it is known where that is."""
    source = request.source
    clip = Followed(upstream_id="job", output_id=source.upstream_id) if source is not None else None
    return translate(SUNO_VENDOR, request, request.model, clip).encoded()


def of_sandbox(request: GenerationRequest) -> Any:
    job = plan(request, "1", (320, 320) if request.inputs else None, 0.0, MODELS)
    return msgspec.json.encode(job), opening(request)


def of_bizyair(request: GenerationRequest) -> Any:
    return translate(BIZYAIR_VENDOR, request, request.model).encoded()


def of_ima(request: GenerationRequest) -> Any:
    draft = translate(IMA_VENDOR, request, request.model)
    return draft.op.create, draft.encoded(), [(name, item) for _, name, item in draft.media]


PROVIDERS = {
    "ima": of_ima,
    "kling": of_kling,
    "kling2": of_kling2,
    "openai": of_openai,
    "suno": of_suno,
    "bizyair": of_bizyair,
    "sandbox": of_sandbox,
}


def request_of(dialect: str, body: dict[str, Any]) -> GenerationRequest:
    request, sources = DIALECTS[dialect][0](parse_object(json.dumps(body).encode()))
    return msgspec.structs.replace(request, inputs=tuple(one.placeholder() for one in sources))


def cases() -> Iterator[tuple[str, str, str]]:
    for dialect, (_, _, fields, _) in DIALECTS.items():
        for provider in PROVIDERS:
            if can(dialect, provider) and (provider != "ima" or dialect.startswith("ima/")):  # others ask it for more
                for name in fields:
                    yield dialect, provider, name


def can(dialect: str, provider: str) -> bool:
    """Whether the provider does at all what the dialect is for."""
    try:
        PROVIDERS[provider](request_of(dialect, DIALECTS[dialect][1]))
    except GatewayError as error:
        return error.param != "operation"
    return True


@pytest.mark.parametrize(("dialect", "provider", "name"), list(cases()))
def test_a_field_is_carried_or_refused_by_name(dialect: str, provider: str, name: str) -> None:
    _, base, fields, names = DIALECTS[dialect]
    field, _, part = name.partition(":")
    plain = {name: value for name, value in base.items() if (name, field) != ("model_name", "model")}
    more = MULTI if dialect.startswith("kling") and field in MULTI else {}
    if (dialect, field) == ("openai", "character_timestamps"):
        plain["character_url"] = OTHER
    if dialect == "suno" and field in GOES_ON:
        plain["continue_clip_id"] = SUNO["continue_clip_id"]
    if (dialect, field) == ("suno", "artist_clip_id"):
        plain["persona_id"] = SUNO["persona_id"]
    refusal = None
    try:
        request = request_of(dialect, {**plain, **more, field: fields[name]})
        sent = PROVIDERS[provider](request)
    except GatewayError as error:
        refusal = error
    if refusal is not None:
        assert refusal.code in ("invalid_request", "unsupported_parameter")
        own = {field, part} | {one for group in ALIKE[dialect.partition("/")[0]] if field in group for one in group}
        shown = names.name(refusal.param) or ""
        told = {shown.partition("[")[0].partition(".")[0], shown.rpartition(".")[2]}
        assert own & told, f"{name} is refused as {shown}: {refusal.message}"
        return
    before = request_of(dialect, plain)
    if dialect == "ima/images" and field in MANNERS:
        return  # test_images.py has them
    if dialect in {"openai/images", "openai/edits"} and field in MANNERS:
        assert images.manner_of(
            "edit", CALL, parse_object(json.dumps({field: fields[name]}).encode())
        ) != images.Manner("b64_json")
        return
    assert request != before or (dialect, name) in IGNORED, "not even read"
    carried = sent != PROVIDERS[provider](before)
    ours = not {name, part}.isdisjoint(OURS | HINTS)
    assert carried or ours or (dialect, name) in IGNORED, "dropped in silence"


def test_no_field_is_left_out_of_this_walk() -> None:
    nobodys = "a_field_of_nobody"
    told = {*newapi.Generation.__struct_encode_fields__} - {"width", "height"}  # which go together
    assert {name.partition(":")[0] for name in NEW_API} == told
    for one, fields in zip(kling2.OPERATIONS, (KLING2, KLING2 | CONTENTS, MOTION), strict=True):
        for name in one.inner:
            walked = {part for field, _, part in (said.partition(":") for said in fields) if field == name}
            assert one.inner[name].names | {nobodys} == walked
    assert {*CreateVideo.__struct_encode_fields__, nobodys} == set(OPENAI)
    assert {*CreateImage.__struct_encode_fields__, nobodys} == set(PICTURES)
    assert {*Image2Video.__struct_encode_fields__, nobodys} == set(KLING)
    assert {*SubmitMusic.__struct_encode_fields__, nobodys} == set(SUNO)
    assert {*ImaImageGenerationRequest.__struct_encode_fields__, nobodys} == {
        name.partition(":")[0] for name in IMA_IMAGES
    }
    assert {*ImaProVideoCreateRequest.__struct_encode_fields__, nobodys} == {
        name.partition(":")[0] for name in IMA_VIDEOS | IMA_CONTENT
    }
    assert {*ImaVideoMetadata.__struct_encode_fields__, "role_mode"} == {
        *(name.removeprefix("metadata:") for name in IMA_VIDEOS if name.startswith("metadata:")), "role_mode",
    }  # fmt: skip
    assert {*CreateApp.__struct_encode_fields__, nobodys} == set(BIZYAIR)
    own = {name for name in OWN if ":" not in name}
    assert set(tasks.CreateTask.__struct_encode_fields__) - {"draft"} == own  # it is not of what is made
    assert {f"parameters:{name}" for name in VideoParameters.__struct_fields__} == {
        name for name in OWN if name.startswith("parameters:")
    }
    assert {f"parameters:{name}" for name in ImageParameters.__struct_fields__} == {
        name for name in IMAGES if name.startswith("parameters:")
    }


def test_the_advisory_list_is_short() -> None:
    who = {"parameters.user", "parameters.safety_identifier"}
    assert set(ADVISORY) == {"seed", "parameters.cfg_scale", "parameters.partial_images", "parameters.speed"} | who
