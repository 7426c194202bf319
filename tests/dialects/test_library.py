"""A file of the client's library, named as `asset://…` wherever a dialect takes a media URL."""

from __future__ import annotations

import json
from typing import Any

import pytest
from starlette.requests import Request

from telecine.accounts.principal import Principal
from telecine.dialects.bodies import parse_object
from telecine.dialects.call import Call
from telecine.dialects.dialect import Dialect
from telecine.dialects.ima import IMA
from telecine.dialects.inline import keep_media
from telecine.dialects.kling.routes import OPERATIONS as KLINGS
from telecine.dialects.midjourney import MIDJOURNEY
from telecine.dialects.openai.chat import parse_chat
from telecine.dialects.served import DIALECTS
from telecine.nouns.errors import GatewayError
from telecine.nouns.ids import DECIMAL, UUID, asset_id, parse_asset_id
from telecine.nouns.request import GenerationRequest
from tests.dialects.house import House, base64_of, picture

ME = Principal(1, None, "test")
CAT, CLIP, SONG = 7_000_001, 7_000_002, 7_000_003
URLS = {number: f"asset://{asset_id(number)}" for number in (CAT, CLIP, SONG)}
PROMPT = {"type": "prompt", "text": "a cat"}
JSON: list[tuple[str, dict[str, Any], list[tuple[str, int]]]] = [
    (
        "/v1/tasks",
        {"model": "sora-2", "prompt": "a", "inputs": [{"role": "first_frame", "url": URLS[CAT]}]},
        [("first_frame", CAT)],
    ),
    (
        "/v1/tasks",
        {"model": "sora-2", "operation": "extend", "prompt": "a", "inputs": [{"role": "video", "asset": str(CLIP)}]},
        [("video", CLIP)],
    ),
    (
        "/v1/tasks",
        {"model": "sora-2", "prompt": "a", "inputs": [{"role": "image", "asset": URLS[CAT]}]},
        [("image", CAT)],
    ),
    (
        "/v1/tasks",
        {
            "model": "kling-lip-sync",
            "inputs": [{"role": "video", "url": URLS[CLIP]}, {"role": "audio", "asset": asset_id(SONG)}],
        },
        [("video", CLIP), ("audio", SONG)],
    ),
    ("/v1/videos", {"model": "sora-2", "prompt": "a", "input_reference": URLS[CAT]}, [("first_frame", CAT)]),
    (
        "/v1/videos",
        {
            "model": "sora-2",
            "prompt": "a",
            "input_reference": {"image_url": URLS[CAT].upper().replace("ASSET_", "asset_")},
        },
        [("first_frame", CAT)],
    ),
    (
        "/v1/videos",
        {"model": "sora-2", "prompt": "a", "images": [URLS[CAT]] * 2},
        [("first_frame", CAT), ("last_frame", CAT)],
    ),
    ("/v1/videos/extensions", {"model": "sora-2", "prompt": "a", "seconds": 4, "video": URLS[CLIP]}, [("video", CLIP)]),
    ("/v1/videos/characters", {"name": "Mara", "video": {"url": URLS[CLIP]}}, [("video", CLIP)]),
    ("/v1/video/generations", {"model": "sora-2", "prompt": "a", "image": URLS[CAT]}, [("first_frame", CAT)]),
    (
        "/v1/images/edits",
        {"model": "gpt-image-1", "prompt": "a", "image": [URLS[CAT]], "mask": URLS[CAT]},
        [("image", CAT), ("mask", CAT)],
    ),
    (
        "/kling/v1/videos/image2video",
        {"model_name": "kling-v2-1", "mode": "pro", "image": URLS[CAT], "image_tail": URLS[CAT]},
        [("first_frame", CAT), ("last_frame", CAT)],
    ),
    (
        "/kling/image-to-video/kling-3.0",
        {"contents": [PROMPT, {"type": "first_frame", "url": URLS[CAT]}]},
        [("first_frame", CAT)],
    ),
    (
        "/bizyair/w/v1/webapp/task/openapi/create",
        {"web_app_id": 37429, "input_values": {"18:LoadImage.image": URLS[CAT], "19:LoadAny.file": URLS[CLIP]}},
        [("image", CAT), ("video", CLIP)],
    ),
]


TOLD_APART: list[tuple[Dialect, str, dict[str, Any], list[tuple[str, int]]]] = [
    (MIDJOURNEY, "/mj/submit/blend", {"base64Array": [URLS[CAT]] * 2}, [("image", CAT)] * 2),
    (MIDJOURNEY, "/mj/submit/describe", {"base64": URLS[CAT]}, [("image", CAT)]),
    (MIDJOURNEY, "/mj/submit/imagine", {"prompt": "a", "base64Array": [URLS[CAT]]}, [("reference", CAT)]),
    (MIDJOURNEY, "/mj/submit/imagine", {"prompt": f"{URLS[CAT]} a --ar 1:1"}, [("reference", CAT)]),
    (MIDJOURNEY, "/mj/submit/video", {"prompt": f"{URLS[CAT]} a"}, [("first_frame", CAT)]),
    (
        IMA,
        "/ima/v1/images/generations",
        {"model": "gemini-3-pro-image-preview", "prompt": "a", "images": [URLS[CAT]] * 2},
        [("image", CAT)] * 2,
    ),
    (
        IMA,
        "/ima/v1/video/generations",
        {
            "model": "ima-pro",
            "content": [
                {"type": "text", "text": "a"},
                {"type": "image_url", "image_url": {"url": URLS[CAT]}, "role": "first_frame"},
            ],
        },
        [("first_frame", CAT)],
    ),
]


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    """All dialects before channels that can do anything, and three files of the caller's."""
    found = House(*(one for one in DIALECTS if one is not IMA))  # some of whose paths are those of others
    monkeypatch.setattr(found.tasks, "check", lambda *_: None)
    found.assets.add(CAT)
    found.assets.add(CLIP, "video")
    found.assets.add(SONG, "audio")
    return found


def inputs_of(request: GenerationRequest) -> list[tuple[str, int | None]]:
    assert all(one.url is None and one.object_key == f"a1/{one.asset_id}" for one in request.inputs)
    return [(one.role, one.asset_id) for one in request.inputs]


@pytest.mark.parametrize(("path", "body", "meant"), JSON, ids=lambda one: one if isinstance(one, str) else "")
async def test_it_is_an_input_in_every_dialect(
    house: House, path: str, body: dict[str, Any], meant: list[tuple[str, int]]
) -> None:
    answer = await house.call("POST", path, json=body)
    assert house.tasks.created, answer.text  # some answer only when it has ended
    assert inputs_of(house.request) == meant
    assert house.media.stored == []
    assert house.request.own_keys == (), "the library's file does not go with the task"


@pytest.mark.parametrize(("dialect", "path", "body", "meant"), TOLD_APART)
async def test_it_is_an_input_where_paths_are_told_apart_by_more(
    house: House, dialect: Dialect, path: str, body: dict[str, Any], meant: list[tuple[str, int]]
) -> None:
    other = House(dialect)
    other.assets.kept = house.assets.kept
    answer = await other.call("POST", path, json=body)
    assert other.tasks.created, answer.text
    assert inputs_of(other.request) == meant


async def test_a_chat_shows_it(house: House) -> None:
    shown = [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": URLS[CAT]}}]
    body = parse_object(json.dumps({"model": "sora-2", "messages": [{"role": "user", "content": shown}]}).encode())
    request, sources = await parse_chat(Call(Request({"type": "http"}), "openai", house.edge, ME), body)
    request = await keep_media(house.edge, ME, request, sources, max_bytes=9)
    assert inputs_of(request) == [("first_frame", CAT)]


@pytest.mark.parametrize(
    ("path", "name", "role"),
    [("/v1/videos", "input_reference", "first_frame"), ("/v1/images/edits", "image", "image")],
)
async def test_a_form_names_it_beside_files(house: House, path: str, name: str, role: str) -> None:
    model = "gpt-image-1" if "images" in path else "sora-2"
    form = {"model": (None, model), "prompt": (None, "a"), name: (None, URLS[CAT])}
    answer = await house.call("POST", path, files=form)
    assert house.tasks.created, answer.text  # some answer only when it has ended
    assert inputs_of(house.request) == [(role, CAT)]


def test_every_kling_field_for_media_takes_one() -> None:
    """They all go one way: what that way takes, each of them takes."""
    assert sum(len(one.media) for one in KLINGS) >= 20


async def test_files_of_both_kinds_keep_their_order(house: House) -> None:
    body = {
        "model": "sora-2",
        "prompt": "a",
        "images": [f"data:image/jpeg;base64,{base64_of(picture())}", URLS[CAT], "https://pictures.test/a.png"],
    }
    answer = await house.call("POST", "/v1/videos", json=body)
    assert house.tasks.created, answer.text  # some answer only when it has ended
    assert [(one.asset_id, one.object_key, one.url) for one in house.request.inputs] == [
        (None, "in/1", None), (CAT, f"a1/{CAT}", None), (None, None, "https://pictures.test/a.png"),
    ]  # fmt: skip


@pytest.mark.parametrize("text", [asset_id(CAT), DECIMAL.write(CAT), UUID.write(CAT), f"tsk_{asset_id(CAT)[6:]}"])
def test_any_form_of_its_id_parses_back(text: str) -> None:
    assert parse_asset_id(text) == CAT


@pytest.mark.parametrize("text", ["", "asset_", "asset_7", "asset-20250101-abcde", "cat.png", "9" * 30])
def test_what_is_no_id_of_one(text: str) -> None:
    assert parse_asset_id(text) is None


GONE, OTHERS, COMING = 7_000_004, 7_000_005, 7_000_006


@pytest.mark.parametrize(
    ("url", "status", "message"),
    [
        (f"asset://{asset_id(GONE)}", 404, f"there is no asset '{asset_id(GONE)}', or it is not yours"),
        (f"asset://{asset_id(OTHERS)}", 404, "or it is not yours"),
        ("asset://cat.png", 404, "there is no asset 'cat.png', or it is not yours"),
        ("asset://" + "x" * 900, 404, "or it is not yours"),
        ("asset://", 404, "there is no asset"),
        (f"asset://{asset_id(COMING)}", 409, "It is still being fetched"),
        (URLS[CLIP], 400, "'inputs[1].url' needs an image, not a video"),
        (URLS[SONG], 400, "'inputs[1].url' needs an image, not a sound"),
    ],
)
async def test_one_that_cannot_be_used_is_refused_by_name(house: House, url: str, status: int, message: str) -> None:
    house.assets.add(OTHERS, account=2)
    house.assets.kept[COMING] = 1, GatewayError("conflict", "It is still being fetched.", may_retry=False)
    inline = {"role": "image", "data": base64_of(picture())}
    body = {"model": "sora-2", "prompt": "a", "inputs": [inline, {"role": "last_frame", "url": url}]}
    answer = await house.call("POST", "/v1/tasks", json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (status, "inputs[1].url"), error
    assert message in error["message"]
    assert house.untouched


async def test_what_the_vendor_would_refuse_of_a_picture_it_refuses_of_this_one_too(house: House) -> None:
    house.assets.add(CAT, width=200, height=900)
    answer = await house.call("POST", "/kling/v1/videos/image2video", json={"image": URLS[CAT], "prompt": "a"})
    assert answer.status_code == 400
    assert "image: 200x900 pixels" in answer.text
    assert house.untouched


async def test_exactly_one_of_three(house: House) -> None:
    one = {"role": "image", "asset": asset_id(CAT), "url": URLS[CAT]}
    answer = await house.call("POST", "/v1/tasks", json={"model": "sora-2", "prompt": "a", "inputs": [one]})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "inputs[0]")
