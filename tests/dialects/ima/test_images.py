"""IMA's pictures: both forms of a request, the task that answers it, and the pictures where they are wanted at once."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from telecine.dialects.bodies import parse_object
from telecine.dialects.ima import IMA
from telecine.dialects.ima.images import parse_image
from telecine.nouns import catalogue
from telecine.nouns.errors import GatewayError, TaskError
from telecine.nouns.ids import TASK, tsk_id
from telecine.nouns.request import GenerationRequest, MediaInput
from telecine.nouns.task import State, Tokens, Usage
from telecine.tasks.view import View
from telecine.webhooks.delivery import PROGRESS, Tidings
from telecine.wires.ima.errors import TaskErrorResponse
from telecine.wires.ima.images import FLASH, PRO, ImaImageCreateTaskResponse, ImaImageTaskFetchResponse
from tests.dialects.house import NOW, House, base64_of, picture

IMAGES = "/ima/v1/images/generations"
URL, OTHER = "https://pictures.test/a.png", "https://pictures.test/b.png"
IN_IT = {"response_format": "b64_json"}
TEXT = GenerationRequest(operation="text_to_image", model=PRO, prompt="a boat")


@pytest.fixture
def house() -> House:
    return House(IMA)


def parsed(body: dict[str, Any]) -> GenerationRequest:
    """What a body comes to, its media as they are written."""
    request, media = parse_image(parse_object(msgspec.json.encode(body)), catalogue.load())
    return msgspec.structs.replace(request, inputs=tuple(one.placeholder() for one in media))


def wanted(**fields: Any) -> GenerationRequest:
    return msgspec.structs.replace(TEXT, **fields)


def edited(*urls: str, **fields: Any) -> GenerationRequest:
    return wanted(operation="image_to_image", inputs=tuple(MediaInput("image", url=url) for url in urls), **fields)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, wanted()),
        ({"aspect_ratio": "21:9", "size": "2K"}, wanted(aspect_ratio="21:9", resolution="2k")),
        ({"size": "1024x1024"}, wanted(size="1024x1024")),
        ({"metadata": {"aspect_ratio": "4:5", "resolution": "4K"}}, wanted(aspect_ratio="4:5", resolution="4k")),
        ({"aspect_ratio": "4:5", "metadata": {"aspectRatio": "4:5"}}, wanted(aspect_ratio="4:5")),
        ({"model": FLASH, "size": "512px", "aspect_ratio": "1:8"},
         wanted(model=FLASH, resolution="512p", aspect_ratio="1:8")),
        ({"image": URL}, edited(URL)),
        ({"images": [URL, OTHER]}, edited(URL, OTHER)),
        ({"images": [], "image": "", "size": None}, wanted()),
        ({"Prompt": "a boat", "AspectRatio": "1:1"}, wanted(aspect_ratio="1:1")),
        ({"callback_url": "https://me.test/h"}, wanted(callback_url="https://me.test/h")),
    ],
)  # fmt: skip
def test_every_field_lands_in_its_place(body: dict[str, Any], expected: GenerationRequest) -> None:
    start = {"model": PRO} if "Prompt" in body else {"model": PRO, "prompt": "a boat"}
    request = parsed({**start, **body})
    assert request.native is None or not request.native.fields
    assert msgspec.structs.replace(request, native=None) == expected


def test_what_nobody_knows_is_kept_for_an_upstream_of_this_kind() -> None:
    request = parsed(
        {"model": PRO, "prompt": "a", "style": {"Name": 1}, "size": "8Kplus", "metadata": {"mcp_list": [1]}}
    )
    assert request.native is not None
    assert request.native.dialect == "ima"
    assert {name: msgspec.json.decode(raw) for name, raw in request.native.fields.items()} == {
        "style": {"Name": 1},
        "metadata.mcp_list": [1],
    }
    assert request.native.novel["resolution"].value == "8Kplus"


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"model": None}, "invalid_request", "model"),
        ({"prompt": "  "}, "invalid_request", "prompt"),
        ({"image": URL, "images": [OTHER]}, "invalid_request", "image"),
        ({"image": "a.png"}, "invalid_request", "image"),
        ({"images": URL}, "invalid_request", "images"),
        ({"images": [7]}, "invalid_request", "images[0]"),
        ({"Prompt": "another boat"}, "invalid_request", "prompt"),
        ({"size": "2K", "metadata": {"resolution": "4K"}}, "invalid_request", "size"),
        ({"metadata": {"resolution": 2}}, "invalid_request", "metadata.resolution"),
        ({"metadata": "x"}, "invalid_request", "metadata"),
        ({"size": "1024x1024", "aspect_ratio": "16:9"}, "invalid_request", "aspect_ratio"),
        ({"metadata": {"notify": {"url": URL}}}, "unsupported_parameter", "notify"),
        ({"webhook": URL}, "unsupported_parameter", "webhook"),
    ],
)
def test_bad_input_is_refused_by_name(body: dict[str, Any], code: str, param: str) -> None:
    with pytest.raises(GatewayError) as refused:
        parsed({"model": PRO, "prompt": "a boat", **body})
    assert (refused.value.code, refused.value.param) == (code, param)


async def test_bad_input_gets_imas_envelope_and_leaves_nothing_behind(house: House) -> None:
    answer = await house.call("POST", IMAGES, json={"model": PRO, "prompt": "a", "size": "3K"})
    told = msgspec.json.decode(answer.content, type=TaskErrorResponse)
    assert (answer.status_code, told.code, told.data, answer.json().keys()) == (
        400, "invalid_request", None, {"code", "message", "data"},
    )  # fmt: skip
    assert "no size 3k" in told.message
    for body in ({"async": "maybe"}, {"async": False, "response_format": "gif"}, {"response_format": "b64_json"}):
        answer = await house.call("POST", IMAGES, json={"model": PRO, "prompt": "a", **body})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert house.untouched


async def test_image_create(house: House) -> None:
    """生成图片, `POST /v1/images/generations`, asynchronously."""
    data = f"data:image/jpeg;base64,{base64_of(picture())}"
    body = {"model": PRO, "prompt": "a boat", "image": data, "aspect_ratio": "16:9", "size": "2K"}
    answer = await house.call("POST", IMAGES, json=body)
    assert answer.status_code == 200, answer.text
    told = msgspec.json.decode(answer.content, type=ImaImageCreateTaskResponse)
    (task_id,) = house.tasks.views
    assert answer.json() == {
        "id": TASK.write(task_id), "task_id": told.id, "object": "image", "model": PRO, "status": "queued",
        "progress": 0, "amount_usd": 0.0, "created_at": int(NOW),
    }  # fmt: skip
    (item,) = house.request.inputs
    assert (item.role, item.object_key, house.request.operation) == ("image", "in/1", "image_to_image")


async def test_image_create_at_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """生成图片, synchronously: `ImaImageGenerationResponse`."""
    made = house.tasks.done(TEXT, usage=Usage(tokens=Tokens(input=5, output=7)))

    async def ended(*_: Any) -> View:
        return made

    monkeypatch.setattr(house.tasks, "wait", ended)
    for form, shown in (({}, {"url": "https://media.test/0/file.mp4"}), (IN_IT, {"b64_json": "cGljdHVyZXMh"})):
        body = {"model": PRO, "prompt": "a boat", "async": False, **form}
        answer = (await house.call("POST", IMAGES, json=body)).json()
        assert answer["data"] == [shown]
        assert (answer["created"], answer["usage"]["total_tokens"]) == (int(NOW + 9), 12)


@pytest.mark.parametrize(
    ("state", "status"),
    [("queued", "queued"), ("running", "processing"), ("succeeded", "succeeded"), ("cancelled", "failed"),
     ("failed", "failed")],
)  # fmt: skip
async def test_image_task_status_and_result(house: House, state: State, status: str) -> None:
    """查询图片任务状态与结果, `GET /v1/images/generations/{task_id}`: the whole of `ImaImageTaskFetchResponse`."""
    done = state == "succeeded"
    view = house.tasks.add(
        TEXT,
        state=state,
        started_at=NOW if state != "queued" else None,
        outputs=2 if done else 0,
        usage=Usage(tokens=Tokens(input=5, output=7)) if done else None,
        error=TaskError("content_policy", "No inputs like that.", "inputs.image") if state == "failed" else None,
    )
    answer = await house.call("GET", f"{IMAGES}/{TASK.write(view.task.id)}")
    msgspec.json.decode(answer.content, type=ImaImageTaskFetchResponse)
    links = [f"https://media.test/{number}/file.mp4" for number in range(2)]
    error = {
        "failed": {"error": {"code": "content_policy", "message": "No inputs like that."}},
        "cancelled": {"error": {"code": "cancelled", "message": "The task was cancelled."}},
    }
    tokens = (5, 7, 12) if done else (0, 0, 0)
    assert answer.json() == {
        "code": "success",
        "data": {
            "task_id": TASK.write(view.task.id), "status": status, "format": "mp4" if done else "",
            "url": links[0] if done else "", "metadata": {},
            "usage": dict(zip(("input_tokens", "output_tokens", "total_tokens"), tokens, strict=True)),
            **error.get(state, {}), **({"urls": links} if done else {}),
        },
    }  # fmt: skip


async def test_a_task_is_read_under_any_id_and_by_its_owner_alone(house: House) -> None:
    task_id = house.tasks.done(TEXT).task.id
    video = house.tasks.add(GenerationRequest(operation="text_to_video", model="sora-2", prompt="a")).task.id
    for name in (TASK.write(task_id), str(task_id), tsk_id(task_id)):
        assert (await house.call("GET", f"{IMAGES}/{name}")).json()["data"]["task_id"] == TASK.write(task_id)
    for name, account in ((str(task_id), "2"), (str(video), "1"), ("nonsense", "1")):
        answer = await house.call("GET", f"{IMAGES}/{name}", headers={"x-account": account})
        assert (answer.status_code, answer.json()["code"]) == (400, "task_not_exist")


async def test_its_own_url_is_told_each_status(house: House) -> None:
    assert IMA.announce is not None
    view = house.tasks.done(TEXT)
    assert IMA.announce(view, Tidings(PROGRESS, NOW), house.edge) is None
    message = IMA.announce(view, Tidings("task.succeeded", NOW), house.edge)
    assert message is not None
    assert msgspec.json.decode(message.body, type=ImaImageTaskFetchResponse).data.status == "succeeded"
