"""Midjourney's dialect: what each submit becomes, and what is refused by name."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import Request

from telecine.accounts.principal import Principal
from telecine.dialects.bodies import Body
from telecine.dialects.call import Call
from telecine.dialects.midjourney import MIDJOURNEY
from telecine.dialects.midjourney.presses import Confirm, Press
from telecine.dialects.rows import Create
from telecine.nouns.errors import GatewayError
from telecine.nouns.parameters import ChangeParameters, ImageParameters, VideoParameters
from telecine.nouns.request import GenerationRequest, Reference
from telecine.providers.take import Take
from telecine.tasks.view import Place
from telecine.wires.midjourney import bodies
from telecine.wires.midjourney.prompt import Prompt, read
from tests.dialects.house import House, base64_of, picture

IMAGINE, BLEND, EDITS, RETEXTURE = "/submit/imagine", "/submit/blend", "/submit/edits", "/submit/retexture"
DESCRIBE, SHORTEN, VIDEO, SWAP = "/submit/describe", "/submit/shorten", "/submit/video", "/insight-face/swap"
UPLOAD = "/submit/upload-discord-images"
URL = "https://example.com/boat.png"
ROWS = {row.path: row for row in MIDJOURNEY.rows if isinstance(row, Create) and not isinstance(row, Press | Confirm)}
PARSING = House(MIDJOURNEY)


def asked(path: str, body: dict[str, Any], ahead: str | None = None) -> tuple[GenerationRequest, list[tuple[str, str]]]:
    """What a body comes to: the request, and (role, field) of its media. Raises GatewayError."""
    call = Call(
        Request({"type": "http", "path": f"/mj{path}", "ahead": ahead}),
        "midjourney",
        PARSING.edge,
        Principal(1, None, "k"),
    )
    parsed = ROWS[path].parse(call, Body(body, None))
    assert isinstance(parsed, tuple)
    return parsed[0], [(one.role, one.param) for one in parsed[1]]


def grid(**more: Any) -> ImageParameters:
    return ImageParameters(grid=True, **more)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"prompt": "a cat"}, {"operation": "text_to_image", "model": "midjourney", "prompt": "a cat", "native": None}),
        (
            {"prompt": "a cat, 猫 --ar 16:9 --no dogs, birds --seed 7 --v 7 --s 250", "botType": "MID_JOURNEY"},
            {"prompt": "a cat, 猫", "aspect_ratio": "16:9", "negative_prompt": "dogs, birds", "seed": 7},
        ),
        (
            {
                "prompt": "a cat —AR 3:4 --aspect 2:3",
                "base64Array": [],
                "notifyHook": "https://me.test/h",
                "state": "s1",
            },
            {
                "prompt": "a cat",
                "aspect_ratio": "2:3",
                "callback_url": "https://me.test/h",
                "metadata": {"state": "s1"},
            },
        ),
        ({"prompt": "a well--known cat - - 1"}, {"prompt": "a well--known cat - - 1", "native": None}),
        ({"prompt": "a cat", "botType": "NIJI_JOURNEY"}, {"model": "niji", "parameters": grid()}),
        ({"prompt": "a cat --niji 6"}, {"model": "niji", "prompt": "a cat"}),
        (
            {"prompt": "a cat --niji 6", "model": "gpt-image-1"},
            {"model": "gpt-image-1", "parameters": grid(bot="niji")},
        ),
        ({"prompt": "a cat", "mode": "RELAX"}, {"parameters": grid(speed="relax")}),
        ({"prompt": "a cat --turbo", "mode": "turbo"}, {"parameters": grid(speed="turbo"), "prompt": "a cat"}),
        ({"prompt": "a cat", "accountFilter": {"modes": ["FAST"]}}, {"parameters": grid(speed="fast")}),
        ({"prompt": "a cat", "accountFilter": {"modes": ["FAST", "RELAX"], "remix": True}}, {"parameters": grid()}),
        ({"prompt": "a cat", "base64Array": [URL]}, {"operation": "image_to_image"}),
        ({"prompt": f"{URL} a cat --ar 1:1"}, {"operation": "image_to_image", "prompt": "a cat"}),
    ],
)
def test_imagine(body: dict[str, Any], expected: dict[str, Any]) -> None:
    request, _ = asked(IMAGINE, body)
    assert {name: getattr(request, name) for name in expected} == expected
    assert request.count == 4


def test_imagine_takes_pictures_that_go_before_its_prompt() -> None:
    data = "data:image/png;base64,aGk="
    _, sources = asked(IMAGINE, {"prompt": f"{URL} a", "base64Array": [data, "", "aGk="], "base64": data})
    assert sources == [
        ("reference", "prompt"),
        ("reference", "base64Array[0]"),
        ("reference", "base64Array[2]"),
        ("reference", "base64"),
    ]


@pytest.mark.parametrize("speed", ["fast", "relax", "turbo"])
def test_a_prefix_says_how_soon(speed: str) -> None:
    request, _ = asked(IMAGINE, {"prompt": f"a cat --{speed}"}, speed)
    assert request.parameters == grid(speed=speed)


def test_a_prompt_stays_as_it_is_for_a_midjourney_upstream() -> None:
    text = f"{URL}  a cat  --ar 16:9   --tile --sref {URL}"
    request, _ = asked(IMAGINE, {"prompt": text, "remix": True, "botType": "NEW"})
    native = request.native
    assert native is not None
    assert (native.dialect, native.own) == ("midjourney", {"prompt": ("prompt", text)})
    assert {name: bytes(raw) for name, raw in native.fields.items()} == {"remix": b"true"}
    assert {name: one.value for name, one in native.novel.items()} == {"prompt": "--sref", "parameters.bot": "NEW"}
    assert "--sref" in native.novel["prompt"].objection


@pytest.mark.parametrize(
    ("text", "refused"), [("a cat --ar 1:1 --v 7 --s 50 --raw --fast", None), ("a cat --tile", "prompt")]
)
def test_another_provider_is_told_what_it_can_be_told(text: str, refused: str | None) -> None:
    request, _ = asked(IMAGINE, {"prompt": text})
    take = Take(request)
    assert take.field("prompt") == "a cat"
    take.field("aspect_ratio")
    take.all_of(frozenset({"count", "parameters.grid", "parameters.speed"}))
    if refused is None:
        take.refuse_rest("other")
        return
    with pytest.raises(GatewayError, match="--tile") as raised:
        take.refuse_rest("other")
    assert raised.value.param == refused


def test_blend() -> None:
    request, sources = asked(BLEND, {"base64Array": [URL, URL], "dimensions": "PORTRAIT", "botType": "MID_JOURNEY"})
    assert (request.operation, request.count, request.aspect_ratio) == ("blend", 4, "2:3")
    assert [role for role, _ in sources] == ["image", "image"]
    assert asked(BLEND, {"base64Array": [URL] * 5})[0].aspect_ratio is None


@pytest.mark.parametrize("path", [EDITS, "/submit/edit"])
def test_edits(path: str) -> None:
    request, sources = asked(path, {"prompt": "a hat --ar 1:1", "image": URL, "maskBase64": "aGk="})
    assert (request.operation, request.prompt, request.aspect_ratio) == ("image_to_image", "a hat", "1:1")
    assert sources == [("image", "image"), ("mask", "maskBase64")]
    relay = {"action": "EDITS", "prompt": "a hat", "base64Array": [URL, URL], "remix": True}
    request, sources = asked(path, relay)
    assert [role for role, _ in sources] == ["image", "image"]
    assert request.native is not None
    assert list(request.native.fields) == ["remix"]


def test_retexture() -> None:
    request, sources = asked(RETEXTURE, {"prompt": "of marble", "image": URL})
    assert (request.operation, request.count, sources) == ("midjourney:retexture", 4, [("image", "image")])


def test_describe() -> None:
    request, sources = asked(DESCRIBE, {"base64": "aGk=", "botType": "MID_JOURNEY", "language": "en"})
    assert (request.operation, request.count, request.parameters) == ("describe", 1, None)
    assert sources == [("image", "base64")]
    assert request.native is not None
    assert list(request.native.fields) == ["language"]
    assert asked(DESCRIBE, {"link": URL, "mode": "FAST"}) == (
        GenerationRequest("describe", "midjourney", parameters=ChangeParameters(speed="fast")),
        [("image", "link")],
    )


def test_shorten() -> None:
    request, _ = asked(SHORTEN, {"prompt": "a very, very old cat --ar 1:1", "botType": "NIJI_JOURNEY"})
    assert request == GenerationRequest("shorten", "niji", "a very, very old cat --ar 1:1")


@pytest.mark.parametrize(
    ("body", "expected", "roles"),
    [
        (
            {"prompt": "it sails", "motion": "low", "image": URL},
            {"operation": "image_to_video", "count": 4, "parameters": VideoParameters(motion="low")},
            ["first_frame"],
        ),
        (
            {
                "prompt": "it sails --bs 2",
                "motion": "HIGH",
                "image": URL,
                "endImage": URL,
                "loop": False,
                "videoType": "vid_1.1_i2v_720",
            },
            {"count": 2, "resolution": "720p", "parameters": VideoParameters(motion="high", loop=False)},
            ["first_frame", "last_frame"],
        ),
        (
            {"prompt": f"{URL} it sails --motion low --loop --fast", "batchSize": 1},
            {"prompt": "it sails", "count": 1, "parameters": VideoParameters(motion="low", loop=True, speed="fast")},
            ["first_frame"],
        ),
        (
            {"prompt": "", "taskId": "249845374340976818", "index": 2, "motion": "low"},
            {
                "operation": "image_to_video",
                "source": Reference(task=249845374340976818, upstream_id="249845374340976818"),
                "parameters": VideoParameters(motion="low", index=3),
            },
            [],
        ),
        (
            {"action": "extend", "taskId": "tsk_06xx11d95wm5j", "batchSize": 4},
            {"operation": "extend", "parameters": VideoParameters(index=1)},
            [],
        ),
    ],
)
def test_video(body: dict[str, Any], expected: dict[str, Any], roles: list[str]) -> None:
    request, sources = asked(VIDEO, body)
    assert {name: getattr(request, name) for name in expected} == expected
    assert [role for role, _ in sources] == roles


def test_a_video_type_that_is_new_is_for_midjourney_alone() -> None:
    request, _ = asked(VIDEO, {"image": URL, "videoType": "vid_2_i2v_1080", "prompt": "a --end loop"})
    assert request.native is not None
    assert {name: one.value for name, one in request.native.novel.items()} == {
        "resolution": "vid_2_i2v_1080",
        "prompt": "--end",
    }


def test_insight_face_swap() -> None:
    request, sources = asked(SWAP, {"sourceBase64": "aGk=", "targetUrl": URL, "accountFilter": {"remark": "x"}})
    assert (request.operation, request.count) == ("swap_face", 1)
    assert sources == [("person", "sourceBase64"), ("image", "targetUrl")]


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        (DESCRIBE, {}, "base64"),
        (DESCRIBE, {"base64": "aGk=", "link": URL}, "base64"),
        (SHORTEN, {}, "prompt"),
        (VIDEO, {"prompt": "a"}, "image"),
        (VIDEO, {"image": URL, "taskId": "5"}, "image"),
        (VIDEO, {"image": URL, "prompt": URL}, "image"),
        (VIDEO, {"image": URL, "motion": "wild"}, "motion"),
        (VIDEO, {"image": URL, "motion": "low", "prompt": "a --motion high"}, "motion"),
        (VIDEO, {"image": URL, "batchSize": 3}, "batchSize"),
        (VIDEO, {"image": URL, "index": 1}, "index"),
        (VIDEO, {"taskId": "5", "index": 4}, "index"),
        (VIDEO, {"image": URL, "action": "extend"}, "taskId"),
        (VIDEO, {"taskId": "5", "action": "shrink"}, "action"),
        (VIDEO, {"taskId": "5", "action": "extend", "endImage": URL}, "endImage"),
        (SWAP, {"sourceBase64": "aGk="}, "targetBase64"),
        (SWAP, {"targetBase64": "aGk="}, "sourceBase64"),
        (SWAP, {"targetBase64": "aGk=", "targetUrl": URL, "sourceUrl": URL}, "targetBase64"),
        (IMAGINE, {}, "prompt"),
        (IMAGINE, {"prompt": ""}, "prompt"),
        (IMAGINE, {"prompt": 5}, "prompt"),
        (IMAGINE, {"prompt": "--ar 1:1"}, "prompt"),
        (IMAGINE, {"prompt": "a --ar wide"}, "prompt"),
        (IMAGINE, {"prompt": "a --seed x"}, "prompt"),
        (IMAGINE, {"prompt": "a --repeat 4"}, "prompt"),
        (IMAGINE, {"prompt": "a http://127.0.0.1/x"}, "prompt"),
        (IMAGINE, {"prompt": "a --sref http://127.0.0.1/x"}, "prompt"),
        (IMAGINE, {"prompt": "a --sref asset://asset_x"}, "prompt"),
        (SHORTEN, {"prompt": "a asset://asset_x"}, "prompt"),
        (IMAGINE, {"prompt": "a --fast", "mode": "RELAX"}, "mode"),
        (IMAGINE, {"prompt": "a --fast --turbo"}, "prompt"),
        (IMAGINE, {"prompt": "a", "mode": "LUDICROUS"}, "mode"),
        (IMAGINE, {"prompt": "a", "base64Array": "aGk="}, "base64Array"),
        (IMAGINE, {"prompt": "a", "base64Array": ["data:image/png,x"]}, "base64Array[0]"),
        (IMAGINE, {"prompt": "a", "base64array": []}, "base64array"),
        (IMAGINE, {"prompt": "a", "state": "x" * 513}, "state"),
        (IMAGINE, {"prompt": "a", "webhook": "https://me.test"}, "webhook"),
        (BLEND, {}, "base64Array"),
        (BLEND, {"base64Array": [URL]}, "base64Array"),
        (BLEND, {"base64Array": [URL] * 6}, "base64Array"),
        (BLEND, {"base64Array": [URL] * 2, "dimensions": "ROUND"}, "dimensions"),
        (EDITS, {"prompt": "a"}, "image"),
        (EDITS, {"image": URL}, "prompt"),
        (RETEXTURE, {"prompt": "a"}, "image"),
        (RETEXTURE, {"prompt": "a", "image": URL, "maskBase64": "aGk="}, "maskBase64"),
    ],
)
def test_what_is_wrong_is_refused_by_name(path: str, body: dict[str, Any], param: str) -> None:
    with pytest.raises(GatewayError) as raised:
        asked(path, body)
    assert raised.value.code in ("invalid_request", "unsupported_parameter")
    assert raised.value.param == param
    assert param.partition("[")[0] in raised.value.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Prompt("")),
        ("--v 7", Prompt("", (), (("v", "7"),))),
        ("a\n--STYLIZE 50 --tile", Prompt("a", (), (("s", "50"), ("tile", "")))),
        (f"{URL} {URL}\tb", Prompt("b", (URL, URL))),
        (f"a {URL}", Prompt(f"a {URL}")),
        (f"{URL} --v 7", Prompt("", (URL,), (("v", "7"),))),
    ],
)
def test_a_prompt_is_taken_apart(text: str, expected: Prompt) -> None:
    assert read(text) == expected


def test_a_prompt_without_end_is_read_in_no_time_and_refused() -> None:
    text = "asset://a " * 100_000
    assert len(read(text + "b").pictures) == 100_000
    with pytest.raises(GatewayError, match="at most") as raised:
        asked(IMAGINE, {"prompt": text})
    assert raised.value.param == "prompt"


async def test_a_submit_is_answered_with_the_id_of_its_task() -> None:
    house = House(MIDJOURNEY)
    image = f"data:image/jpeg;base64,{base64_of(picture())}"
    answer = await house.call("POST", f"/mj-fast/mj{IMAGINE}", json={"prompt": "a cat", "base64Array": [image]})
    (task_id,) = house.tasks.views
    told = {"code": 1, "description": "提交成功", "result": str(task_id), "properties": {}}
    assert (answer.status_code, answer.json()) == (200, told)
    assert (house.request.operation, [one.role for one in house.request.inputs]) == ("image_to_image", ["reference"])
    assert house.request.parameters == grid(speed="fast")


async def test_a_task_that_stands_in_line_says_how_many_are_before_it() -> None:
    house = House(MIDJOURNEY)
    task_id = house.tasks.add(GenerationRequest(operation="text_to_image", model="midjourney", prompt="a")).task.id
    house.tasks.line = {task_id + 1: Place(3, 9)}
    answer = await house.call("POST", f"/mj{IMAGINE}", json={"prompt": "a cat"})
    told = answer.json()
    assert (answer.status_code, told["code"], told["properties"]) == (200, 22, {"numberOfQueues": 2})
    assert told["result"] == str(task_id + 1)


async def test_upload_discord_images_answers_with_links_of_our_own() -> None:
    house = House(MIDJOURNEY)
    data = f"data:image/png;base64,{base64_of(picture(form='PNG'))}"
    told = (
        await house.call("POST", f"/mj{UPLOAD}", json={"base64Array": [data, data], "filter": {"remark": 1}})
    ).json()
    links = ["https://media.test/in/1", "https://media.test/in/2"]
    assert told == {"code": 1, "description": "提交成功", "result": links, "properties": {}}
    assert not house.tasks.created


async def test_a_link_that_was_uploaded_is_a_picture_that_is_here() -> None:
    house = House(MIDJOURNEY)
    data = f"data:image/png;base64,{base64_of(picture(form='PNG'))}"
    told = (await house.call("POST", f"/mj{UPLOAD}", json={"base64Array": [data]})).json()
    (link,) = told["result"]
    body = {"prompt": f"{link} in gold --ar 1:1", "base64Array": [link]}
    assert (await house.call("POST", f"/mj{IMAGINE}", json=body)).status_code == 200
    request = house.request
    assert [(one.url, one.object_key) for one in request.inputs] == [(None, "in/2"), (None, "in/3")]
    assert request.native is not None
    assert request.native.own == {"prompt": ("prompt", "in gold --ar 1:1")}
    assert {content for _, content in house.media.stored} == {picture(form="PNG")}


async def test_links_are_given_as_often_as_is_said() -> None:
    house = House(MIDJOURNEY)
    for _ in range(60):
        await house.call("POST", f"/mj{UPLOAD}", json={})
    answer = await house.call("POST", f"/mj{UPLOAD}", json={})
    assert (answer.status_code, answer.json()["code"]) == (429, 30)
    house.now += 3700
    assert (await house.call("POST", f"/mj{UPLOAD}", json={})).status_code == 400


@pytest.mark.parametrize(
    "given", [None, [], [URL], ["data:image/png;base64,aGk="], ["aGk=", "?"], ["data:image/png,x"], ["aGk="] * 11]
)
async def test_what_is_no_picture_gets_no_link(given: Any) -> None:
    house = House(MIDJOURNEY)
    answer = await house.call("POST", f"/mj{UPLOAD}", json={"base64Array": given})
    assert (answer.status_code, answer.json()["code"], house.media.stored) == (400, 4, [])
    assert "base64Array" in answer.json()["description"]


async def test_insight_face_video_swap_is_refused() -> None:
    answer = await House(MIDJOURNEY).call("POST", "/mj/insight-face/video-swap", files={"TargetFile": b"x"})
    assert (answer.status_code, answer.json()["code"]) == (400, 4)


FILLED: dict[type[Any], dict[str, Any]] = {
    bodies.Describe: {"base64": "aGk=", "link": URL},
    bodies.Shorten: {"prompt": "another"},
    bodies.Swap: {"sourceBase64": "aGk=", "targetBase64": "aGk=", "sourceUrl": URL, "targetUrl": URL},
    bodies.Video: {
        "prompt": "another",
        "motion": "high",
        "image": URL,
        "endImage": URL,
        "loop": True,
        "action": "extend",
        "index": 2,
        "taskId": "5",
        "videoType": "vid_1.1_i2v_480",
        "batchSize": 1,
    },
    bodies.Imagine: {"prompt": "another", "base64Array": [URL], "base64": URL},
    bodies.Blend: {"base64Array": [URL, URL, URL], "dimensions": "SQUARE"},
    bodies.Edit: {
        "prompt": "another",
        "image": URL + "2",
        "base64Array": [URL],
        "maskBase64": "aGk=",
        "action": "EDITS",
    },
}
COMMON = {
    "state": "s", "notifyHook": "https://me.test/h", "botType": "NIJI_JOURNEY", "mode": "FAST",
    "accountFilter": {"modes": ["FAST"]}, "model": "dall-e-2",
}  # fmt: skip
LEAST: dict[str, tuple[type[Any], dict[str, Any]]] = {
    SHORTEN: (bodies.Shorten, {"prompt": "a"}),
    VIDEO: (bodies.Video, {"prompt": "a", "taskId": "7"}),
    IMAGINE: (bodies.Imagine, {"prompt": "a"}),
    BLEND: (bodies.Blend, {"base64Array": [URL, URL]}),
    EDITS: (bodies.Edit, {"prompt": "a", "image": URL}),
}


@pytest.mark.parametrize("path", LEAST)
def test_no_field_is_dropped_in_silence(path: str) -> None:
    kind, least = LEAST[path]
    filled = FILLED[kind] | COMMON
    assert set(filled) == set(kind.__struct_encode_fields__)
    before = asked(path, least)
    filled = {name: value for name, value in filled.items() if name not in ("image", "endImage") or path != VIDEO}
    same = {name for name, value in filled.items() if asked(path, {**least, name: value}) == before}
    assert same == ({"action", "image"} if path == EDITS else set())  # one word, and another picture in its place


def test_every_submit_is_in_this_walk() -> None:
    """Those with nothing but pictures, each of which is needed, are walked by their bad input."""
    assert set(ROWS) == {*LEAST, "/submit/edit", RETEXTURE, DESCRIBE, SWAP}
    assert {kind for kind, _ in LEAST.values()} | {bodies.Describe, bodies.Swap} == set(FILLED)
