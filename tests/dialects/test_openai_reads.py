from __future__ import annotations

from typing import Any

import msgspec
import pytest

from telecine.dialects.kling import KLING
from telecine.dialects.openai import OPENAI
from telecine.nouns.errors import TaskError
from telecine.nouns.ids import tsk_id, video_id
from telecine.nouns.request import GenerationRequest
from telecine.nouns.task import State, Tokens, Usage
from telecine.webhooks.delivery import Tidings
from tests.dialects.house import NOW, House

TEXT = GenerationRequest(operation="text_to_video", model="sora-2", prompt="a cat")
IMAGE = GenerationRequest(operation="text_to_image", model="storyboard-1", prompt="a cat")


@pytest.fixture
def house() -> House:
    return House(OPENAI)


async def test_a_created_video_is_the_official_object(house: House) -> None:
    answer = await house.call("POST", "/v1/videos", json={"prompt": "a cat", "seconds": "8", "size": "1280x720"})
    (task_id,) = house.tasks.views
    assert answer.json() == {
        "id": video_id(task_id),
        "object": "video",
        "model": "sora-2",
        "status": "queued",
        "progress": 0,
        "created_at": 1763700000,
        "completed_at": None,
        "expires_at": None,
        "seconds": "8",
        "size": "1280x720",
        "prompt": "a cat",
        "remixed_from_video_id": None,
        "error": None,
        "task_id": video_id(task_id),
    }
    assert answer.headers["openai-poll-after-ms"] == "2500"
    assert answer.headers["content-type"] == "application/json"


async def test_tokens_are_told_as_relays_tell_them(house: House) -> None:
    view = house.tasks.done(TEXT, usage=Usage(tokens=Tokens(input=10, cached=5, cache_write=1, output=40, audio=4)))
    answer = await house.call("GET", f"/v1/videos/{video_id(view.task.id)}")
    assert answer.json()["usage"] == {"prompt_tokens": 16, "completion_tokens": 44, "total_tokens": 60}


async def test_a_completed_video_has_its_link_beside_it(house: House) -> None:
    view = house.tasks.done(TEXT)
    answer = await house.call("GET", f"/v1/videos/{video_id(view.task.id)}")
    assert answer.json() == {
        "id": video_id(view.task.id),
        "object": "video",
        "model": "sora-2",
        "status": "completed",
        "progress": 100,
        "created_at": 1763700000,
        "completed_at": 1763700009,
        "expires_at": 1763703601,
        "seconds": "5.041",
        "size": "1280x720",
        "prompt": "a cat",
        "remixed_from_video_id": None,
        "error": None,
        "task_id": video_id(view.task.id),
        "url": "https://media.test/0/file.mp4",
        "video_url": "https://media.test/0/file.mp4",
    }
    assert "openai-poll-after-ms" not in answer.headers


@pytest.mark.parametrize(
    ("state", "started", "status"),
    [
        ("queued", False, "queued"),
        ("submitting", False, "queued"),
        ("running", False, "queued"),
        ("running", True, "in_progress"),
        ("reconciling", True, "in_progress"),
        ("collecting", True, "in_progress"),
        ("succeeded", True, "completed"),
        ("failed", True, "failed"),
        ("cancelled", False, "failed"),
    ],
)
async def test_only_official_status_words_are_sent(house: House, state: State, started: bool, status: str) -> None:
    view = house.tasks.add(TEXT, state=state, progress=42, started_at=NOW if started else None, poll_after=None)
    answer = await house.call("GET", f"/v1/videos/{view.task.id}")
    found = answer.json()
    assert (found["status"], found["progress"]) == (status, 100 if status == "completed" else 42)
    assert answer.headers.get("openai-poll-after-ms") == ("1000" if status in ("queued", "in_progress") else None)
    assert "url" not in found


@pytest.mark.parametrize(
    ("state", "error", "shown"),
    [
        ("failed", TaskError("content_policy", "No."), {"code": "content_policy", "message": "No."}),
        ("failed", None, {"code": "internal", "message": "The task failed."}),
        ("cancelled", TaskError("cancelled", "Stopped."), {"code": "cancelled", "message": "Stopped."}),
        ("cancelled", None, {"code": "cancelled", "message": "The task was cancelled."}),
        ("running", None, None),
    ],
)
async def test_a_failed_video_says_why(house: House, state: State, error: TaskError | None, shown: Any) -> None:
    view = house.tasks.add(TEXT, state=state, error=error, ended_at=NOW)
    found = (await house.call("GET", f"/v1/videos/{view.task.id}")).json()
    assert (found["error"], found["completed_at"]) == (shown, None)


async def test_what_the_client_did_not_say_comes_from_the_catalogue(house: House) -> None:
    known = house.tasks.add(TEXT)
    found = (await house.call("GET", f"/v1/videos/{known.task.id}")).json()
    assert (found["seconds"], found["size"]) == ("4", "720x1280")
    stranger = house.tasks.add(GenerationRequest(operation="text_to_video", model="new-model"))
    found = (await house.call("GET", f"/v1/videos/{stranger.task.id}")).json()
    assert (found["seconds"], found["size"], found["prompt"]) == (None, None, None)


@pytest.mark.parametrize("form", ["{id}", "video_{b}", "tsk_{b}", "task_{b}", "sora-2:task_{b}"])
async def test_ids_of_any_dialect_are_read(house: House, form: str) -> None:
    task_id = house.tasks.add(TEXT, dialect="kling").task.id
    path = form.format(id=task_id, b=tsk_id(task_id).removeprefix("tsk_"))
    assert (await house.call("GET", f"/v1/videos/{path}")).json()["id"] == video_id(task_id)


@pytest.mark.parametrize(
    ("method", "tail"),
    [("GET", ""), ("DELETE", ""), ("GET", "/content"), ("POST", "/remix")],
)
async def test_what_is_not_ones_own_video_does_not_exist(house: House, method: str, tail: str) -> None:
    other = house.tasks.done(TEXT, account_id=2).task.id
    image = house.tasks.done(IMAGE).task.id
    for name in (str(other), str(image), "video_zzz", "123", "nonsense", "9" * 30):
        answer = await house.call(method, f"/v1/videos/{name}{tail}")
        assert answer.status_code == 404, name
        assert answer.json()["error"]["code"] == "not_found"


async def test_a_deleted_video_is_gone(house: House) -> None:
    name = video_id(house.tasks.done(TEXT).task.id)
    answer = await house.call("DELETE", f"/v1/videos/{name}", headers={"content-type": "application/json"})
    assert answer.json() == {"id": name, "object": "video.deleted", "deleted": True}
    assert (await house.call("GET", f"/v1/videos/{name}")).status_code == 404


async def test_deleting_a_running_video_says_what_becomes_of_its_job(house: House) -> None:
    name = video_id(house.tasks.add(TEXT).task.id)
    answer = await house.call("DELETE", f"/v1/videos/{name}")
    assert answer.json() == {"id": name, "object": "video.deleted", "deleted": True, "cancellation": "marked"}


async def test_lists_go_page_by_page(house: House) -> None:
    names = [video_id(house.tasks.add(TEXT).task.id) for _ in range(5)]
    house.tasks.add(IMAGE)
    house.tasks.add(TEXT, account_id=2)
    first = (await house.call("GET", "/v1/videos?limit=2")).json()
    assert [one["id"] for one in first["data"]] == [names[4], names[3]]
    assert first["object"] == "list"
    assert (first["first_id"], first["last_id"], first["has_more"]) == (names[4], names[3], True)
    last = (await house.call("GET", f"/v1/videos?limit=3&after={names[3]}")).json()
    assert [one["id"] for one in last["data"]] == names[2::-1]
    assert last["has_more"] is False
    rising = (await house.call("GET", f"/v1/videos?order=asc&after={names[0]}&limit=1")).json()
    assert [one["id"] for one in rising["data"]] == [names[1]]
    assert house.tasks.lists[0]["limit"] == 2


async def test_an_empty_list_has_no_ids(house: House) -> None:
    assert (await house.call("GET", "/v1/videos")).json() == {
        "data": [],
        "has_more": False,
        "first_id": None,
        "last_id": None,
        "object": "list",
    }
    assert house.tasks.lists == [{"limit": 20, "after": None, "offset": 0, "ascending": False}]


@pytest.mark.parametrize(
    ("query", "param"),
    [("limit=0", "limit"), ("limit=101", "limit"), ("limit=x", "limit"), ("order=up", "order"), ("after=x", "after")],
)
async def test_a_bad_query_is_refused(house: House, query: str, param: str) -> None:
    answer = await house.call("GET", f"/v1/videos?{query}")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize(
    ("query", "variant"),
    [
        ("", "file"),
        ("?variant=video", "file"),
        ("?variant=thumbnail", "poster"),
        ("?variant=spritesheet", "spritesheet"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_content_is_served_in_three_variants(house: House, method: str, query: str, variant: str) -> None:
    view = house.tasks.done(TEXT)
    answer = await house.call(method, f"/v1/videos/{view.task.id}/content{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "video/mp4")
    assert house.media.served == [variant]


async def test_content_of_an_unfinished_video_is_refused_in_json(house: House) -> None:
    view = house.tasks.add(TEXT)
    headers = {"accept": "application/binary"}
    answer = await house.call("GET", f"/v1/videos/{view.task.id}/content", headers=headers)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["type"]) == ("video_not_ready", "invalid_request_error")
    assert "queued" in error["message"]


async def test_the_file_that_is_shown_is_the_first_that_can_be_had(house: House) -> None:
    view = house.tasks.add(TEXT, state="succeeded", started_at=NOW + 1, ended_at=NOW + 9, outputs=2)
    lost = msgspec.structs.replace(view.outputs[0], state="lost", object_key=None, duration=None)
    kept = msgspec.structs.replace(view.outputs[1], duration=3.0)
    house.tasks.views[view.task.id] = msgspec.structs.replace(view, outputs=(lost, kept))
    found = (await house.call("GET", f"/v1/videos/{view.task.id}")).json()
    assert (found["status"], found["seconds"]) == ("completed", "3")
    assert found["url"] == house.media.link(kept)
    assert (await house.call("GET", f"/v1/videos/{view.task.id}/content")).status_code == 200


async def test_an_unknown_variant_is_refused(house: House) -> None:
    view = house.tasks.done(TEXT)
    answer = await house.call("GET", f"/v1/videos/{view.task.id}/content?variant=gif")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "variant")


@pytest.mark.parametrize("path", ["edits", "extensions", "characters", "characters/char_1"])
async def test_reserved_words_are_no_ids(house: House, path: str) -> None:
    answer = await house.call("GET", f"/v1/videos/{path}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert house.untouched


async def test_a_callback_carries_the_video(house: House) -> None:
    view = house.tasks.done(TEXT)
    assert OPENAI.announce is not None
    message = OPENAI.announce(view, Tidings("task.succeeded", NOW + 9), house.edge)
    assert message is not None
    assert msgspec.json.decode(message.body) == (await house.call("GET", f"/v1/videos/{view.task.id}")).json()
    assert OPENAI.announce(view, Tidings("task.progress", NOW), house.edge) is None


async def test_models_are_those_that_the_caller_can_use(house: House) -> None:
    house.usable = ["house-model", "sora-2"]
    assert (await house.call("GET", "/v1/models")).json() == {
        "object": "list",
        "data": [
            {"id": "house-model", "created": 1763700000, "owned_by": "telecine", "object": "model"},
            {"id": "sora-2", "created": 1759708800, "owned_by": "openai", "object": "model"},
        ],
    }
    assert (await house.call("GET", "/v1/models/sora-2")).json()["id"] == "sora-2"
    assert (await house.call("GET", "/v1/models/sora-2-2025-12-08")).json()["owned_by"] == "openai"
    answer = await house.call("GET", "/v1/models/kling-v1")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
    assert "house-model, sora-2" in answer.json()["error"]["message"]
    assert (await house.call("GET", "/v1/models/org/name")).status_code == 404


async def test_klings_bare_paths_win_where_they_are_mounted_first() -> None:
    house = House(KLING, OPENAI)
    assert (await house.call("GET", "/v1/videos/text2video")).json()["code"] == 0
    view = house.tasks.add(TEXT)
    assert (await house.call("GET", f"/v1/videos/text2video/{view.task.id}")).json()["code"] == 0
    assert (await house.call("GET", f"/v1/videos/{view.task.id}")).json()["object"] == "video"


async def test_companions_are_no_videos(house: House) -> None:
    view = house.tasks.done(TEXT, companions=("cover",))
    outputs = (msgspec.structs.replace(view.outputs[1], index=0), msgspec.structs.replace(view.outputs[0], index=1))
    house.tasks.views[view.task.id] = msgspec.structs.replace(view, outputs=outputs)
    found = (await house.call("GET", f"/v1/videos/{video_id(view.task.id)}")).json()
    assert (found["url"], found["size"]) == ("https://media.test/1/file.mp4", "1280x720")
