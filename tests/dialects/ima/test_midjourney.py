"""IMA's Midjourney: a test for each of its operations."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from telecine.dialects.ima import IMA, IMA_MJ
from telecine.nouns.errors import TaskError
from telecine.nouns.ids import UUID
from telecine.nouns.parameters import ChangeParameters, ImageParameters
from telecine.nouns.request import GenerationRequest, Reference
from telecine.nouns.task import State
from telecine.tasks.view import View
from telecine.webhooks.delivery import Tidings
from telecine.wires.ima.midjourney import MjSubmitResponse, MjTaskFetchResponse
from tests.dialects.house import NOW, House, base64_of, picture

URL, OTHER = "https://pictures.test/a.png", "https://pictures.test/b.png"
IMAGINE, BLEND, CHANGE = "/ima/mj/submit/imagine", "/ima/mj/submit/blend", "/ima/mj/submit/change"
GRID = GenerationRequest(
    operation="text_to_image", model="niji", prompt="a boat", count=4, parameters=ImageParameters(grid=True)
)
MASK = f"data:image/png;base64,{base64_of(picture(form='PNG'))}"


@pytest.fixture
def house() -> House:
    return House(IMA_MJ, IMA)


def done(house: House, request: GenerationRequest = GRID, **more: Any) -> View:
    """A grid that is done."""
    view = house.tasks.add(
        request, dialect="ima", form="midjourney:text_to_image", state="succeeded", started_at=NOW, ended_at=NOW + 9,
        outputs=4, **more,
    )  # fmt: skip
    found = View(view.task, tuple(replace(one, kind="image") for one in view.outputs))
    house.tasks.views[view.task.id] = found
    return found


async def submitted(house: House, path: str, body: Any, **more: Any) -> str:
    """The id of the task that was taken."""
    answer = await house.call("POST", path, json=body, **more)
    assert answer.status_code == 200, answer.text
    told = msgspec.json.decode(answer.content, type=MjSubmitResponse)
    assert answer.json() == {"code": 1, "description": "提交成功", "result": told.result}
    return told.result


async def test_mj_imagine(house: House) -> None:
    """MJ 提交绘图任务, `POST /mj/submit/imagine`, as the SDKs write prompts."""
    name = await submitted(house, IMAGINE, {"prompt": f"{URL} a boat --niji 7 --ar 9:16", "notifyHook": URL})
    request = house.request
    assert (name, request.operation, request.model) == (str([*house.tasks.views][-1]), "image_to_image", "niji")
    assert (request.prompt, request.aspect_ratio, request.count, request.callback_url) == ("a boat", "9:16", 4, URL)
    assert [(one.role, one.url) for one in request.inputs] == [("reference", URL)]
    assert request.native is not None
    assert request.native.own == {"prompt": ("prompt", f"{URL} a boat --niji 7 --ar 9:16")}
    view = house.tasks.views[int(name)]
    assert IMA.announce is not None
    message = IMA.announce(view, Tidings("task.queued", NOW), house.edge)
    assert message is not None
    assert msgspec.json.decode(message.body, type=MjTaskFetchResponse).status == "SUBMITTED"


async def test_mj_blend(house: House) -> None:
    """MJ 融图(Blend), `POST /mj/submit/blend`."""
    await submitted(house, BLEND, {"base64Array": [URL, OTHER], "prompt": "in fog", "dimensions": "PORTRAIT"})
    request = house.request
    assert (request.operation, request.prompt, request.aspect_ratio) == ("blend", "in fog", "2:3")
    assert [one.url for one in request.inputs] == [URL, OTHER]


@pytest.mark.parametrize(
    ("body", "operation", "more", "prompt"),
    [
        ({"action": "UPSCALE", "index": 2}, "upscale", {"index": 2}, "a boat"),
        ({"action": "VARIATION", "index": 3}, "vary", {"index": 3}, "a boat"),
        ({"action": "HIGH_VARIATION", "index": 1}, "vary", {"index": 1, "strength": "strong"}, "a boat"),
        ({"action": "LOW_VARIATION", "index": 1}, "vary", {"index": 1, "strength": "subtle"}, "a boat"),
        ({"action": "REMIX", "index": 1, "prompt": "a ship"}, "vary", {"index": 1, "strength": "strong"}, "a ship"),
        ({"action": "REROLL"}, "reroll", {}, "a boat"),
        ({"action": "REROLL", "prompt": "a ship"}, "reroll", {}, "a ship"),
        ({"action": "ZOOM", "index": 1}, "zoom", {"index": 1, "factor": 2.0}, "a boat"),
        ({"action": "CUSTOM_ZOOM", "index": 1, "prompt": "a ship --zoom 1.5"},
         "zoom", {"index": 1, "factor": 1.5}, "a ship"),
        ({"customId": "MJ::JOB::variation::4::{}"}, "vary", {"index": 4}, "a boat"),
        ({"action": "PAN", "index": 1, "customId": "MJ::JOB::pan_left::1::{}::SOLO"},
         "pan", {"index": 1, "direction": "left"}, "a boat"),
        ({"action": "INPAINT", "index": 1, "customId": "MJ::Inpaint::1::{}::SOLO", "prompt": "a ship",
          "maskBase64": MASK}, "inpaint", {"index": 1}, "a ship"),
    ],
)  # fmt: skip
async def test_mj_change(house: House, body: dict[str, Any], operation: str, more: dict[str, Any], prompt: str) -> None:
    """MJ 变换操作(放大/变体/扩图/延展/重绘/重塑等), `POST /mj/submit/change`."""
    source = done(house)
    if "customId" in body:
        body = {**body, "customId": body["customId"].format(UUID.write(source.task.id))}
    name = await submitted(house, CHANGE, {"taskId": str(source.task.id), **body})
    request = house.request
    given = ChangeParameters(**more, grid=None if operation == "upscale" else True)
    assert (request.operation, request.parameters, request.prompt) == (operation, given, prompt)
    assert request.source == Reference(task=source.task.id)
    assert [one.role for one in request.inputs] == (["mask"] if "maskBase64" in body else [])
    told = (await house.call("GET", f"/ima/mj/task/{name}/fetch")).json()
    assert told["action"] == {"vary": "VARIATION"}.get(operation, operation.upper())


@pytest.mark.parametrize(
    ("path", "body", "status", "param"),
    [
        (IMAGINE, {}, 400, "prompt"),
        (BLEND, {"base64Array": [URL]}, 400, "base64Array"),
        (BLEND, {"base64Array": [URL, URL], "prompt": "a --sref http://127.0.0.1/x"}, 400, "prompt"),
        (CHANGE, {"action": "UPSCALE", "index": 1, "taskId": "1"}, 404, "taskId"),
        (CHANGE, {"index": 1}, 400, "action"),
        (CHANGE, {"action": "MELT", "index": 1}, 400, "action"),
        (CHANGE, {"action": "UPSCALE"}, 400, "index"),
        (CHANGE, {"action": "UPSCALE", "index": 5}, 400, "index"),
        (CHANGE, {"action": "UPSCALE", "index": 1, "prompt": "a ship"}, 400, "prompt"),
        (CHANGE, {"action": "REMIX", "index": 1}, 400, "prompt"),
        (CHANGE, {"action": "PAN", "index": 1}, 400, "customId"),
        (CHANGE, {"action": "INPAINT", "index": 1}, 400, "maskBase64"),
        (CHANGE, {"action": "REROLL", "maskBase64": MASK}, 400, "maskBase64"),
        (CHANGE, {"action": "CUSTOM_ZOOM", "index": 1, "prompt": "a ship"}, 400, "prompt"),
        (CHANGE, {"action": "UPSCALE", "customId": "MJ::JOB::variation::4::{}"}, 400, "customId"),
        (CHANGE, {"customId": "MJ::JOB::variation::4::of-another-task"}, 400, "customId"),
    ],
)
async def test_bad_input_is_refused_by_name(
    house: House, path: str, body: dict[str, Any], status: int, param: str
) -> None:
    source = done(house)
    if path == CHANGE:
        body = {"taskId": str(source.task.id), **body}
    if "customId" in body:
        body = {**body, "customId": body["customId"].format(UUID.write(source.task.id))}
    answer = await house.call("POST", path, json=body)
    told = answer.json()
    assert (answer.status_code, told["error"]["param"], told["code"]) == (status, param, 3 if status == 404 else 4)
    assert house.untouched


async def test_what_is_not_done_or_not_mine_cannot_be_changed(house: House) -> None:
    task = house.tasks.add(GRID, state="running", started_at=NOW).task
    body = {"taskId": str(task.id), "action": "UPSCALE", "index": 1}
    assert (await house.call("POST", CHANGE, json=body)).status_code == 409
    body["taskId"] = str(done(house).task.id)
    assert (await house.call("POST", CHANGE, json=body, headers={"x-account": "2"})).status_code == 404
    answer = await house.call("POST", IMAGINE, json={"prompt": "a"}, headers={"x-youchuan-setting": "{}"})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "x-youchuan-setting")
    assert house.untouched


@pytest.mark.parametrize(
    ("state", "status", "progress"),
    [("queued", "SUBMITTED", "0%"), ("running", "IN_PROGRESS", "0%"), ("succeeded", "SUCCESS", "100%"),
     ("failed", "FAILURE", ""), ("cancelled", "FAILURE", "")],
)  # fmt: skip
async def test_mj_task_fetch(house: House, state: State, status: str, progress: str) -> None:
    """查询 MJ 任务状态, `GET /mj/task/{id}/fetch`: `MjTaskFetchResponse`."""
    if state == "succeeded":
        view = done(house)
    else:
        error = TaskError("content_policy", "No.") if state == "failed" else None
        started = NOW if state != "queued" else None
        view = house.tasks.add(GRID, state=state, started_at=started, error=error)
    answer = await house.call("GET", f"/ima/mj/task/{view.task.id}/fetch")
    told = msgspec.json.decode(answer.content, type=MjTaskFetchResponse)
    assert (told.mj_id, told.status, told.progress, told.action) == (str(view.task.id), status, progress, "IMAGINE")
    links = [f"https://media.test/{number}/file.mp4" for number in range(4)]
    assert told.urls == (links if state == "succeeded" else [])
    assert ("imageUrl" in answer.json(), bool(told.buttons)) == (state == "succeeded",) * 2
    reason = {"failed": "No.", "cancelled": "The task was cancelled."}.get(state)
    assert answer.json().get("failReason") == reason


async def test_mj_first_image(house: House) -> None:
    """MJ 图片代理(首图), `GET /mj/image/{id}`: for its owner."""
    view = done(house)
    answer = await house.call("GET", f"/ima/mj/image/{view.task.id}")
    assert (answer.status_code, house.media.served) == (200, ["file"])
    other = await house.call("GET", f"/ima/mj/image/{view.task.id}", headers={"x-account": "2"})
    assert other.status_code == 404
