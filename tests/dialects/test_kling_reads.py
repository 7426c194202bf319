from __future__ import annotations

import msgspec
import pytest

from telecine.dialects.kling import KLING
from telecine.nouns.errors import TaskError
from telecine.nouns.ids import output_id, tsk_id, video_id
from telecine.nouns.parameters import VideoParameters
from telecine.nouns.request import GenerationRequest
from telecine.nouns.task import State, Usage
from telecine.webhooks.delivery import Tidings
from tests.dialects.house import NOW, REQUEST_ID, House

T2V, I2V = "/kling/v1/videos/text2video", "/kling/v1/videos/image2video"
TEXT = GenerationRequest(operation="text_to_video", model="kling-v1", prompt="a cat")
IMAGE = GenerationRequest(operation="image_to_video", model="kling-v1")


@pytest.fixture
def house() -> House:
    return House(KLING)


async def test_a_finished_task_is_answered_field_for_field(house: House) -> None:
    request = msgspec.structs.replace(TEXT, external_id="mine", parameters=VideoParameters(watermark=True))
    view = house.tasks.done(request, usage=Usage(seconds=5.0, units="3.5"))
    expected = {
        "task_id": str(view.task.id),
        "task_status": "succeed",
        "task_status_msg": "",
        "task_info": {"external_task_id": "mine"},
        "created_at": 1763700000250,
        "updated_at": 1763700009250,
        "final_unit_deduction": "3.5",
        "watermark_info": {"enabled": True},
        "task_result": {
            "videos": [{"id": output_id(view.task.id, 0), "url": "https://media.test/0/file.mp4", "duration": "5.041"}]
        },
    }
    answer = await house.call("GET", f"{T2V}/{view.task.id}")
    assert answer.json() == {"code": 0, "message": "SUCCEED", "request_id": REQUEST_ID, "data": expected}
    assert KLING.announce is not None
    message = KLING.announce(view, Tidings("task.succeeded", NOW + 9), house.edge)
    assert message is not None
    assert msgspec.json.decode(message.body) == expected
    assert KLING.announce(view, Tidings("task.progress", NOW), house.edge) is None


@pytest.mark.parametrize(
    ("state", "started", "status"),
    [
        ("queued", False, "submitted"),
        ("submitting", False, "submitted"),
        ("running", True, "processing"),
        ("reconciling", True, "processing"),
        ("collecting", True, "processing"),
        ("succeeded", True, "succeed"),
        ("failed", True, "failed"),
        ("cancelled", True, "failed"),
    ],
)
async def test_only_documented_status_words_are_sent(house: House, state: State, started: bool, status: str) -> None:
    view = house.tasks.add(TEXT, state=state, started_at=NOW + 2 if started else None)
    data = (await house.call("GET", f"{T2V}/{view.task.id}")).json()["data"]
    assert data["task_status"] == status
    assert data["updated_at"] == 1763700002250 if started else data["created_at"]
    assert ("task_result" in data) == (status == "succeed")


async def test_a_failed_task_says_why(house: House) -> None:
    view = house.tasks.add(TEXT, state="failed", error=TaskError("content_policy", "Not this."), ended_at=NOW)
    data = (await house.call("GET", f"{T2V}/{view.task.id}")).json()["data"]
    assert data["task_status_msg"] == "Not this."
    assert data["task_info"] == {}


@pytest.mark.parametrize("prefix", ["/kling", ""])
async def test_tasks_are_found_by_any_id_and_by_external_id(house: House, prefix: str) -> None:
    view = house.tasks.add(msgspec.structs.replace(TEXT, external_id="mine 1"), dialect="openai")
    number = house.tasks.add(msgspec.structs.replace(TEXT, external_id="77"))
    for name in (str(view.task.id), video_id(view.task.id), tsk_id(view.task.id), "mine%201"):
        answer = await house.call("GET", f"{prefix}/v1/videos/text2video/{name}")
        assert answer.json()["data"]["task_id"] == str(view.task.id)
    assert (await house.call("GET", f"{T2V}/77")).json()["data"]["task_id"] == str(number.task.id)


async def test_what_is_not_ones_own_video_of_this_path_is_404_1203(house: House) -> None:
    image = house.tasks.done(IMAGE)
    other = house.tasks.done(msgspec.structs.replace(TEXT, external_id="theirs"), account_id=2)
    still = house.tasks.done(GenerationRequest(operation="text_to_image", model="storyboard-1"))
    names = (str(image.task.id), str(other.task.id), str(still.task.id), "theirs", "123", "nonsense", "9" * 40)
    for name in names:
        answer = await house.call("GET", f"{T2V}/{name}")
        assert (answer.status_code, answer.json()["code"]) == (404, 1203), name
        assert set(answer.json()) == {"code", "message", "request_id"}
    assert (await house.call("GET", f"{I2V}/{image.task.id}")).status_code == 200


async def test_lists_go_page_by_page(house: House) -> None:
    names = [str(house.tasks.add(TEXT).task.id) for _ in range(5)]
    house.tasks.add(IMAGE)
    house.tasks.add(TEXT, account_id=2)
    body = (await house.call("GET", f"{T2V}?pageNum=2&pageSize=2")).json()
    assert (body["code"], body["message"]) == (0, "SUCCEED")
    assert [one["task_id"] for one in body["data"]] == [names[2], names[1]]
    assert len((await house.call("GET", f"{I2V}?pageSize=500")).json()["data"]) == 1
    assert (await house.call("GET", f"{I2V}?pageNum=9")).json()["data"] == []
    assert [(one["limit"], one["offset"]) for one in house.tasks.lists] == [(2, 2), (500, 0), (30, 240)]


async def test_what_another_path_of_kling_made_is_not_of_this_one(house: House) -> None:
    own, older = house.tasks.add(TEXT, form="kling:text2video"), house.tasks.add(TEXT)
    other = house.tasks.add(TEXT, dialect="kling", form="kling:omni-video")
    shown = (await house.call("GET", T2V)).json()["data"]
    assert [one["task_id"] for one in shown] == [str(older.task.id), str(own.task.id)]
    assert (await house.call("GET", f"{T2V}/{other.task.id}")).json()["code"] == 1203
    assert (await house.call("POST", T2V, json={"prompt": "a cat"})).status_code == 200
    assert max(house.tasks.views.items())[1].task.form == "kling:text2video"


@pytest.mark.parametrize(
    ("query", "field"),
    [("pageNum=0", "pageNum"), ("pageNum=1001", "pageNum"), ("pageSize=501", "pageSize"), ("pageSize=x", "pageSize")],
)
async def test_a_bad_query_is_400_1201(house: House, query: str, field: str) -> None:
    answer = await house.call("GET", f"{T2V}?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, 1201)
    assert field in answer.json()["message"]


@pytest.mark.parametrize(("method", "tail"), [("PUT", ""), ("DELETE", ""), ("POST", "/123"), ("DELETE", "/123")])
async def test_a_wrong_method_is_404_1202(house: House, method: str, tail: str) -> None:
    answer = await house.call(method, f"{T2V}{tail}")
    assert (answer.status_code, answer.json()["code"]) == (404, 1202)


async def test_strict_clients_can_read_a_task(house: House) -> None:
    """What the Vercel SDK's schema demands: numbers for times, a string for the duration."""
    view = house.tasks.done(TEXT)
    body = (await house.call("GET", f"{T2V}/{view.task.id}")).json()
    assert isinstance(body["code"], int)
    assert isinstance(body["message"], str)
    data = body["data"]
    assert isinstance(data["created_at"], int)
    assert isinstance(data["updated_at"], int)
    assert isinstance(data["task_result"]["videos"][0]["duration"], str)


async def test_only_main_parts_of_its_kind_are_videos(house: House) -> None:
    view = house.tasks.done(TEXT, companions=("cover", "last_frame"))
    found = (await house.call("GET", f"{T2V}/{view.task.id}")).json()["data"]["task_result"]["videos"]
    assert [one["id"] for one in found] == [output_id(view.task.id, 0)]
