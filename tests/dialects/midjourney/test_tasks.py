"""Midjourney's dialect: the task object, lists, errors, and what a hook is told."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from telecine.dialects.midjourney import MIDJOURNEY
from telecine.dialects.midjourney.render import cancelled
from telecine.nouns.errors import GatewayError, TaskError
from telecine.nouns.ids import UUID, tsk_id
from telecine.nouns.parameters import ImageParameters
from telecine.nouns.request import GenerationRequest, Native, Reference
from telecine.nouns.task import Facts, Output, State
from telecine.tasks.view import View
from telecine.webhooks.delivery import Tidings
from telecine.wires.midjourney import Said
from telecine.wires.midjourney.buttons import Button, grid_buttons
from tests.dialects.house import NOW, House

CAT = GenerationRequest(
    operation="text_to_image",
    model="midjourney",
    prompt="a cat",
    count=4,
    aspect_ratio="16:9",
    parameters=ImageParameters(grid=True, speed="fast"),
    callback_url="https://me.test/h",
    metadata={"state": "mine"},
    native=Native("midjourney", {}, {}, {"prompt": ("prompt", "a cat --ar 16:9")}),
)


@pytest.fixture
def house() -> House:
    return House(MIDJOURNEY)


def drawn(house: House, request: GenerationRequest = CAT, *, grid: bool = True, said: Said | None = None) -> View:
    """A task that is done: its four pictures, and the one that shows them all."""
    view = house.tasks.add(request, state="succeeded", started_at=NOW + 2, ended_at=NOW + 60, outputs=4)
    outputs = tuple(msgspec.structs.replace(one, kind="image", width=512, height=288) for one in view.outputs)
    if grid:
        both = Output(task_id=view.task.id, index=4, part="grid", kind="image", state="stored", width=1024, height=576)
        outputs += (both,)
    task = msgspec.structs.replace(view.task, facts=None if said is None else Facts.of("midjourney", said))
    house.tasks.views[task.id] = View(task, outputs)
    return house.tasks.views[task.id]


def link_of(view: View) -> str:
    """Where its picture is: it opens to whoever has it."""
    path = f"/mj/image/{view.task.id}"
    return f"https://telecine.test{path}?ticket=for-{path}"


async def fetched(house: House, view: View) -> dict[str, Any]:
    answer = await house.call("GET", f"/mj/task/{view.task.id}/fetch")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_task_fetch_shows_the_whole_task(house: House) -> None:
    view = drawn(house)
    task = await fetched(house, view)
    links = [{"url": f"https://media.test/{n}/file.mp4", "thumbnail": f"https://media.test/{n}/poster.mp4"}
             for n in range(4)]  # fmt: skip
    assert task == {
        "id": str(view.task.id), "action": "IMAGINE", "status": "SUCCESS", "prompt": "a cat --ar 16:9",
        "promptEn": "a cat --ar 16:9", "description": "/imagine a cat --ar 16:9", "state": "mine",
        "submitTime": 1763700000250, "startTime": 1763700002250, "finishTime": 1763700060250, "progress": "100%",
        "imageUrl": link_of(view), "failReason": None,
        "properties": {
            "finalPrompt": "a cat --ar 16:9", "notifyHook": "https://me.test/h", "botType": "MID_JOURNEY",
            "messageHash": UUID.write(view.task.id),
        },
        "buttons": msgspec.to_builtins(grid_buttons(UUID.write(view.task.id), 4)),
        "botType": "MID_JOURNEY", "mode": "FAST", "imageWidth": 1024, "imageHeight": 576,
        "imageUrls": links, "thumbnailUrl": "https://media.test/4/poster.mp4", "videoUrl": None, "videoUrls": None,
        "parentId": None, "seed": None, "jobId": None, "customId": None,
    }  # fmt: skip


async def test_what_a_midjourney_upstream_said_is_shown(house: House) -> None:
    said = Said(
        prompt_en="a cat in English", buttons=[Button("MJ::JOB::reroll::0::abc::SOLO", "🔄")], seed="77",
        properties={"finalPrompt": "a cat --v 7", "messageHash": "abc"}, job_id="j", image_width=2048,
    )  # fmt: skip
    view = drawn(house, grid=False, said=said)
    task = await fetched(house, view)
    assert (task["promptEn"], task["seed"], task["jobId"], task["imageWidth"]) == ("a cat in English", "77", "j", 2048)
    assert task["buttons"] == [
        {"customId": "MJ::JOB::reroll::0::abc::SOLO", "emoji": "🔄", "label": "", "type": 2, "style": 2}
    ]
    assert (task["properties"]["finalPrompt"], task["properties"]["messageHash"]) == ("a cat --v 7", "abc")
    assert task["imageUrl"] == link_of(view)


@pytest.mark.parametrize(
    ("state", "started_at", "status", "reason"),
    [
        ("draft", None, "MODAL", None),
        ("queued", None, "SUBMITTED", None),
        ("submitting", None, "SUBMITTED", None),
        ("running", NOW + 1, "IN_PROGRESS", None),
        ("failed", NOW + 1, "FAILURE", "--ar: No."),
        ("cancelled", None, "FAILURE", "The task was cancelled."),
    ],
)
async def test_statuses_are_the_protocols_words(
    house: House, state: State, started_at: float | None, status: str, reason: str | None
) -> None:
    error = TaskError("invalid_request", "No.", "aspect_ratio") if state == "failed" else None
    ended = NOW + 3 if state in ("failed", "cancelled") else None
    view = house.tasks.add(CAT, state=state, started_at=started_at, ended_at=ended, progress=42, error=error)
    task = await fetched(house, view)
    assert (task["status"], task["failReason"]) == (status, reason)
    assert task["progress"] == ("" if reason else "42%")
    assert (task["startTime"] > 0, task["finishTime"] > 0) == (started_at is not None, ended is not None)
    assert task["imageUrl"] is None


@pytest.mark.parametrize(
    ("operation", "action"),
    [("describe", "DESCRIBE"), ("upscale", "UPSCALE"), ("midjourney:retexture", "RETEXTURE"), ("remix", "IMAGINE")],
)
async def test_actions_are_the_protocols_words(house: House, operation: str, action: str) -> None:
    request = GenerationRequest(operation=operation, model="midjourney", source=Reference(task=7))
    task = await fetched(house, house.tasks.add(request))
    assert (task["action"], task["parentId"]) == (action, "7")


async def test_a_description_is_its_final_prompt(house: House) -> None:
    view = house.tasks.done(GenerationRequest(operation="describe", model="midjourney"))
    text = Output(task_id=view.task.id, index=0, kind="text", state="stored", text="1️⃣ a cat")
    house.tasks.views[view.task.id] = View(view.task, (text,))
    task = await fetched(house, view)
    assert (task["prompt"], task["properties"]["finalPrompt"]) == ("1️⃣ a cat", "1️⃣ a cat")
    assert (task["imageUrl"], task["imageUrls"], task["thumbnailUrl"]) == (None, None, None)


@pytest.mark.parametrize("path", ["list-by-condition", "list-by-ids"])
async def test_lists_show_ones_own_tasks_in_their_order(house: House, path: str) -> None:
    one, two = drawn(house).task.id, house.tasks.add(CAT).task.id
    other = house.tasks.add(CAT, account_id=2).task.id
    answer = await house.call("POST", f"/mj/task/{path}", json={"ids": [str(two), tsk_id(one), str(other), "x", 5]})
    assert [task["id"] for task in answer.json()] == [str(two), str(one)]
    assert (await house.call("POST", f"/mj/task/{path}", json={})).json() == []
    refused = await house.call("POST", f"/mj/task/{path}", json={"ids": [str(n) for n in range(101)]})
    assert (refused.status_code, refused.json()["code"]) == (400, 4)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (GatewayError("invalid_request", "No.", param="prompt"), 400, 4),
        (GatewayError("authentication", "Who?"), 401, 4),
        (GatewayError("insufficient_balance", "No money."), 402, 4),
        (GatewayError("not_found", "No such.", param="source"), 404, 3),
        (GatewayError("rate_limited", "Slower."), 429, 30),
        (GatewayError("capacity", "Full."), 200, 23),
        (GatewayError("content_policy", "Not that."), 200, 24),
        (GatewayError("upstream_failed", "Broken."), 502, 9),
    ],
)
async def test_errors_come_in_its_envelope(house: House, error: GatewayError, status: int, code: int) -> None:
    house.tasks.refusal = error
    answer = await house.call("POST", "/mj/submit/imagine", json={"prompt": "a cat"})
    told = answer.json()
    assert (answer.status_code, told["code"]) == (status, code)
    assert error.message in told["description"]
    assert (told["result"], told["properties"], told["type"]) == (None, {}, error.code)
    assert (told["error"]["message"], told["error"]["code"]) == (told["description"], str(code))


async def test_a_task_of_another_account_or_of_another_kind_is_not_there(house: House) -> None:
    other = house.tasks.add(CAT, account_id=2)
    song = house.tasks.add(GenerationRequest(operation="music", model="chirp-v4"))
    for view in (other, song):
        answer = await house.call("GET", f"/mj/task/{view.task.id}/fetch")
        assert (answer.status_code, answer.json()["code"]) == (404, 3)


@pytest.mark.parametrize("news", ["task.progress", "task.succeeded"])
async def test_a_hook_is_told_of_each_change_what_a_fetch_shows(house: House, news: str) -> None:
    view = drawn(house)
    assert MIDJOURNEY.announce is not None
    message = MIDJOURNEY.announce(view, Tidings(news, NOW), house.edge)
    assert message is not None
    assert msgspec.json.decode(message.body) == await fetched(house, view)


@pytest.mark.parametrize(
    ("by", "status", "served"),
    [("key", 200, ["file"]), ("ticket", 200, ["file"]), ("forged", 403, []), ("empty", 403, []), ("other", 404, [])],
)
async def test_image_by_id_needs_a_key_or_a_ticket(house: House, by: str, status: int, served: list[str]) -> None:
    view = drawn(house)
    path = f"/mj/image/{view.task.id}"
    query = {"ticket": f"?ticket=for-{path}", "forged": "?ticket=for-/mj/image/7", "empty": "?ticket="}.get(by, "")
    headers = {"x-account": "1" if by == "key" else "2"}
    answer = await house.call("GET", path + query, headers=headers)
    assert (answer.status_code, house.media.served) == (status, served)


@pytest.mark.parametrize("shown", ["preview", "upstream", "nothing"])
async def test_a_picture_that_is_not_ours_yet_is_shown_where_it_is(house: House, shown: str) -> None:
    view = house.tasks.add(CAT, state="running", started_at=NOW + 1)
    there = "https://cdn.test/preview.png" if shown == "preview" else None
    view = View(msgspec.structs.replace(view.task, preview_url=there))
    if shown == "upstream":
        view = drawn(house, grid=False)
        lost = msgspec.structs.replace(view.outputs[0], state="pending", object_key=None)
        view = View(view.task, (lost,))
        there = None  # the house of fakes links to what is stored alone
    house.tasks.views[view.task.id] = view
    answer = await house.call("GET", f"/mj/image/{view.task.id}")
    assert (answer.status_code, answer.headers.get("location")) == (302 if there else 404, there)
    link = (await fetched(house, view))["imageUrl"]
    assert link == (f"{link_of(view)}&rand={int(NOW * 1000)}" if there else None)


async def test_task_list_and_queue_show_what_this_protocol_makes(house: House) -> None:
    done, waits = drawn(house).task.id, house.tasks.add(CAT).task.id
    house.tasks.add(GenerationRequest(operation="music", model="chirp-v4"))
    listed = (await house.call("GET", "/mj/task/list")).json()
    assert [task["id"] for task in listed] == [str(waits), str(done)]
    assert [task["id"] for task in (await house.call("GET", "/mj/task/list?limit=1")).json()] == [str(waits)]
    queued = (await house.call("GET", "/mj/task/queue")).json()
    assert [(task["id"], task["status"]) for task in queued] == [(str(waits), "SUBMITTED")]


async def test_cancel(house: House) -> None:
    name = str(house.tasks.add(CAT).task.id)
    told = (await house.call("POST", f"/mj/task/{name}/cancel")).json()
    assert told == {"code": 1, "description": "成功", "result": name, "properties": {}}
    assert (await house.call("GET", f"/mj/task/{name}/fetch")).json()["status"] == "FAILURE"


@pytest.mark.parametrize(("cancellation", "code"), [(None, 9), ("marked", 9), ("requested_upstream", 1)])
def test_what_a_cancel_came_to_is_told(house: House, cancellation: Any, code: int) -> None:
    assert cancelled(View(house.tasks.add(CAT).task, cancellation=cancellation)).code == code


@pytest.mark.parametrize(("asked", "said", "expected"), [(7, None, "7"), (7, "88", "88"), (None, None, None)])
async def test_image_seed(house: House, asked: int | None, said: str | None, expected: str | None) -> None:
    view = drawn(house, msgspec.structs.replace(CAT, seed=asked), said=Said(seed=said))
    told = (await house.call("GET", f"/mj/task/{view.task.id}/image-seed")).json()
    assert (told["code"], told["result"]) == (1 if expected else 9, expected)


async def test_a_video_has_its_links(house: House) -> None:
    view = house.tasks.add(GenerationRequest("image_to_video", "midjourney", count=2), state="succeeded", outputs=2)
    task = await fetched(house, view)
    assert task["videoUrl"] == "https://media.test/0/file.mp4"
    assert [one["thumbnail"] for one in task["videoUrls"]] == [f"https://media.test/{n}/poster.mp4" for n in range(2)]
    assert (task["action"], task["imageUrl"]) == ("VIDEO", None)
