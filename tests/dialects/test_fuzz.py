"""Whatever arrives, a parser ends in a request or in a GatewayError, and either can be written down as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from telecine.accounts.principal import Principal
from telecine.dialects.bizyair import BIZYAIR
from telecine.dialects.bizyair import create as bizyair
from telecine.dialects.bodies import Body, parse_object
from telecine.dialects.call import Call
from telecine.dialects.forms import nest
from telecine.dialects.ima import IMA
from telecine.dialects.ima import videos as ima_videos
from telecine.dialects.ima.images import parse_image
from telecine.dialects.inline import Source
from telecine.dialects.kling import KLING
from telecine.dialects.kling.create import parse as parse_kling
from telecine.dialects.kling.videos import VIDEOS
from telecine.dialects.kling2 import KLING2
from telecine.dialects.kling2.create import OPERATIONS as KLINGS2
from telecine.dialects.midjourney import MIDJOURNEY
from telecine.dialects.midjourney import create as midjourney
from telecine.dialects.midjourney.videos import parse_video
from telecine.dialects.openai import OPENAI, follow
from telecine.dialects.openai import create as openai
from telecine.dialects.openai.pictures import REPEATABLE
from telecine.dialects.suno import SUNO
from telecine.dialects.suno import create as suno
from telecine.dialects.tasks import TASKS
from telecine.dialects.tasks import create as tasks
from telecine.nouns import catalogue
from telecine.nouns.errors import GatewayError
from telecine.nouns.request import GenerationRequest
from tests.dialects.house import House

Parse = Callable[[Body], tuple[GenerationRequest, list[Source]]]
SOURCE = GenerationRequest(operation="text_to_video", model="sora-2")


def remix(body: Body) -> tuple[GenerationRequest, list[Source]]:
    return follow.parse_remix(body, SOURCE, 7, catalogue.load()), []


CALL = Call(
    Request({"type": "http", "headers": [], "query_string": b"", "path_params": {"id": "ace-step/text-to-audio"}}),
    "bizyair",
    House(BIZYAIR).edge,
    Principal(1, None, "test"),
)
PARSERS: dict[str, tuple[Parse, Any, dict[str, Any]]] = {
    "text2video": (
        lambda body: parse_kling(VIDEOS[0], body, catalogue.load()),
        KLING,
        {
            "model_name": "kling-v3",
            "prompt": "a",
            "cfg_scale": 0.5,
            "mode": "pro",
            "sound": "on",
            "duration": "5",
            "camera_control": {"type": "simple", "config": {"pan": 1}},
            "multi_shot": True,
            "shot_type": "customize",
            "multi_prompt": [{"index": 1, "prompt": "a", "duration": "5"}],
            "voice_list": [{"voice_id": "v"}],
            "watermark_info": {"enabled": True},
            "callback_url": "https://a",
            "external_task_id": "x",
            "new": [1],
        },
    ),
    "image2video": (
        lambda body: parse_kling(VIDEOS[1], body, catalogue.load()),
        KLING,
        {
            "image": "https://a",
            "aspect_ratio": "1:1",
            "static_mask": "AAAA",
            "dynamic_masks": [{"mask": "AAAA", "trajectories": [{"x": 1, "y": 1}, {"x": 2, "y": 2}]}],
            "element_list": [{"element_id": 5}],
        },
    ),
    "kling2": (
        lambda body: KLINGS2[1].parse("kling-3.0", body, catalogue.load()),
        KLING2,
        {
            "contents": [
                {"type": "prompt", "text": "a"},
                {"type": "first_frame", "url": "https://a"},
                {"type": "element", "element_id": 5, "id": "x"},
                {"type": "new", "url": "https://b"},
            ],
            "settings": {"duration": 5, "resolution": "720p", "multi_shot": True, "audio": "native", "new": [1]},
            "options": {"watermark_info": {"enabled": True}, "callback_url": "https://a", "external_task_id": "x"},
        },
    ),
    "openai": (
        lambda body: openai.parse_create(body, catalogue.load()),
        OPENAI,
        {
            "prompt": "a",
            "seconds": "4",
            "size": "1280x720",
            "input_reference": [{"image_url": "https://a"}, "data:image/png;base64,AAAA"],
            "metadata": {"a": "b", "seed": 1},
            "watermark": "true",
            "seed": 5,
            "n": 1,
            "style": "comic",
        },
    ),
    "remix": (remix, OPENAI, {"prompt": "a", "size": "16x9"}),
    "suno": (
        suno.parse_music,
        SUNO,
        {
            "prompt": "[Verse] la",
            "mv": "chirp-v4",
            "tags": "folk",
            "make_instrumental": "false",
            "continue_clip_id": "06xx11d95wm5j00",
            "continue_at": 5.5,
            "task_id": "t",
            "vocal_gender": "x",
            "style_weight": 0.5,
            "new": [1],
        },
    ),
    "lyrics": (suno.parse_lyrics, SUNO, {"prompt": "a", "new": {"a": None}}),
    "bizyair": (
        lambda body: bizyair.parse_app(CALL, body),
        BIZYAIR,
        {
            "web_app_id": 37429,
            "suppress_preview_output": False,
            "input_values": {"1:A.text": "a", "2:LoadImage.image": "https://a", "3:B.list": [{"a": 1}]},
            "new": [1],
        },
    ),
    "bizyair-model": (
        lambda body: bizyair.parse_model(CALL, body),
        BIZYAIR,
        {"prompt": "a", "image_urls": ["https://a"]},
    ),
    "midjourney": (
        lambda body: midjourney.parse_imagine(CALL, body),
        MIDJOURNEY,
        {
            "prompt": "https://a a cat --ar 16:9 --seed 5 --no b --tile",
            "base64Array": ["data:image/png;base64,AAAA", "https://a"],
            "mode": "FAST",
            "accountFilter": {"modes": ["FAST"]},
            "state": "s",
            "new": [1],
        },
    ),
    "midjourney-video": (
        lambda body: parse_video(CALL, body),
        MIDJOURNEY,
        {"prompt": "a --bs 2", "taskId": "5", "index": 1.0, "endImage": "AAAA", "loop": True, "motion": "low"},
    ),
    "ima": (
        lambda body: parse_image(body, catalogue.load()),
        IMA,
        {
            "model": "m",
            "Prompt": "a",
            "size": "512px",
            "images": ["https://a", "data:image/png;base64,AAAA"],
            "metadata": {"AspectRatio": "16:9", "resolution": "2K", "new": [1]},
            "new": {"a": None},
        },
    ),
    "ima-video": (
        lambda body: ima_videos.parse_video(body, catalogue.load()),
        IMA,
        {
            "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "https://a"}}],
            "duration": 5.0,
            "seed": -1,
            "generate_audio": "true",
            "metadata": {"role_mode": "frame", "reference_video_urls": ["https://a"], "new": [1]},
        },
    ),
    "tasks": (
        lambda body: tasks.parse_create(body, catalogue.load()),
        TASKS,
        {
            "model": "kling-v1",
            "prompt": "a",
            "inputs": [{"role": "image", "data": "AAAA", "trajectory": [{"x": 1, "y": 2}]}],
            "size": "16x9",
            "duration": 5,
            "seed": 1,
            "parameters": {"mode": "std", "shots": [{"index": 1, "prompt": "a", "duration": 5}], "elements": [1]},
            "metadata": {"a": "b"},
        },
    ),
}

# Halves of surrogate pairs and NUL too: JSON can carry them, storage cannot.
texts = st.text(st.characters(), max_size=12)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63, -(2**63) - 1, 10**40, 1e308, 0.1, "", "5", "on", "data:", "https://", "1x1", "٣"])
    | st.floats()
    | texts
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4), max_leaves=8
)


def survive(name: str, content: bytes) -> None:
    parse, dialect, _ = PARSERS[name]
    try:
        request, sources = parse(parse_object(content))
    except GatewayError as error:
        answer = dialect.render_error(error, "r")
        assert 400 <= answer.status_code < 500
        assert msgspec.json.decode(answer.body)
    else:
        assert msgspec.json.decode(msgspec.json.encode(request), type=GenerationRequest) == request
        assert all(source.url is None or source.data is None for source in sources)


def dumped(value: object) -> bytes:
    """As Python's json writes it: NaN, Infinity and lone surrogates included."""
    return json.dumps(value).encode()


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_mutated_body_ends_in_a_request_or_a_gateway_error(name: str, data: st.DataObject) -> None:
    fields = msgspec.json.decode(msgspec.json.encode(PARSERS[name][2]))
    for _ in range(data.draw(st.integers(0, 3))):
        holder: Any = fields
        while True:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not keys:
                break
            key = data.draw(st.sampled_from(keys))
            if isinstance(holder[key], dict | list) and data.draw(st.booleans()):
                holder = holder[key]
                continue
            if isinstance(holder, dict) and data.draw(st.booleans()):
                holder[data.draw(texts | st.sampled_from([key.upper(), f"{key}_"]))] = holder.pop(key)
            else:
                holder[key] = data.draw(values)
            break
    survive(name, dumped(fields))


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=50, deadline=None)
@given(value=values)
def test_any_json_ends_in_a_request_or_a_gateway_error(name: str, value: object) -> None:
    survive(name, dumped(value))


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_damaged_bytes_end_in_a_request_or_a_gateway_error(name: str, data: st.DataObject) -> None:
    content = bytearray(msgspec.json.encode(PARSERS[name][2]))
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(len(content), start + 20)))
    content[start:end] = data.draw(st.binary(max_size=8) | st.sampled_from([b"[" * 5000, b"\\ud800", b'"', b"\xff"]))
    survive(name, bytes(content))


@settings(max_examples=200, deadline=None)
@given(
    pairs=st.lists(
        st.tuples(
            st.text("ab[]0129", max_size=8) | st.sampled_from(["prompt", "images[]", "metadata[a]"]),
            texts.filter(lambda text: text.isprintable()),
        ),
        max_size=6,
    )
)
def test_any_form_ends_in_a_request_or_a_gateway_error(pairs: list[tuple[str, str]]) -> None:
    with suppress(GatewayError):
        request, _ = openai.parse_create(Body(nest([("prompt", "a"), *pairs], REPEATABLE)), catalogue.load())
        assert msgspec.json.encode(request)
