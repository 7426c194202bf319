"""The relays' query of a video, and their unified form, over the house of fakes."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from telecine.accounts.principal import Principal
from telecine.dialects.openai import OPENAI, RELAY
from telecine.nouns.errors import GatewayError, TaskError
from telecine.nouns.ids import RELAY as WITH_MODEL
from telecine.nouns.ids import to_base32, video_id
from telecine.nouns.parameters import VideoParameters
from telecine.nouns.request import GenerationRequest, MediaInput
from telecine.nouns.task import State
from telecine.webhooks.delivery import Tidings
from tests.dialects.house import NOW, House, picture

PICTURES = tuple(f"https://pictures.test/{name}.png" for name in "ab")
TEXT = GenerationRequest(operation="text_to_video", model="sora-2", prompt="make animate")
TWO = GenerationRequest(
    operation="image_to_video",
    model="sora-2",
    prompt="make animate",
    duration=15.0,
    aspect_ratio="9:16",
    inputs=(MediaInput("first_frame", url=PICTURES[0]), MediaInput("first_frame", url=PICTURES[1])),
)
# The one answer that a relay documents, of a job that is at work.
DOCUMENTED: dict[str, Any] = json.loads("""
{
    "id": "sora-2:task_01k6x15vhrff09dkkqjrzwhm60",
    "detail": {
        "id": "task_01k6x15vhrff09dkkqjrzwhm60",
        "input": {
            "size": "small", "model": "sy_ore", "images": ["a", "b"], "prompt": "make animate",
            "orientation": "portrait"
        },
        "status": "pending",
        "pending_info": {
            "id": "task_01k6x15vhrff09dkkqjrzwhm60", "seed": null, "type": "video_gen",
            "user": "user-a1sGDUIOXV32hNITe59LEkHa", "model": "sy_8", "title": "New Video", "width": 352,
            "height": 640, "prompt": "make animate", "sdedit": null, "status": "processing", "actions": null,
            "guidance": null, "n_frames": 450, "priority": 2, "operation": "simple_compose", "preset_id": null,
            "created_at": "2025-10-06T15:10:26.875729Z", "n_variants": 1, "project_id": null, "request_id": null,
            "generations": [], "tracking_id": null, "progress_pct": 0.9302178175176704, "remix_config": null,
            "inpaint_items": [
                {
                    "type": "image", "preset_id": null, "crop_bounds": null, "frame_index": 0,
                    "cameo_file_id": null, "generation_id": null,
                    "upload_media_id": "media_01k6x15tnzezbst05sth2qgd8r", "source_end_frame": 0,
                    "uploaded_file_id": null, "source_start_frame": 0
                },
                {
                    "type": "image", "preset_id": null, "crop_bounds": null, "frame_index": 0,
                    "cameo_file_id": null, "generation_id": null,
                    "upload_media_id": "media_01k6x15tzafwztz74t018v3enw", "source_end_frame": 0,
                    "uploaded_file_id": null, "source_start_frame": 0
                }
            ],
            "interpolation": null, "is_storyboard": null, "failure_reason": null, "organization_id": null,
            "moderation_result": {
                "code": null, "type": "passed", "task_id": "task_01k6x15vhrff09dkkqjrzwhm60",
                "is_output_rejection": false, "results_by_frame_index": {}
            },
            "needs_user_review": false, "queue_status_message": null, "progress_pos_in_queue": null,
            "num_unsafe_generations": 0, "estimated_queue_wait_time": null
        }
    },
    "status": "pending",
    "status_update_time": 1759763621142
}
""")
OURS = {"id", "task_id", "images", "model", "user", "width", "height", "priority", "created_at", "progress_pct"} | {
    "upload_media_id",
    "status_update_time",
}
"""Whose values are a job's own; all others are compared too."""


def same(told: Any, documented: Any, path: str = "") -> None:
    """Fails unless both have the same keys in the same order, the same types, and the values that are not a job's."""
    if isinstance(documented, dict):
        assert list(told) == list(documented), path
        for name, one in documented.items():
            if name in OURS and not isinstance(one, dict | list):
                assert type(told[name]) is type(one), f"{path}.{name}"
            else:
                same(told[name], one, f"{path}.{name}")
    elif isinstance(documented, list):
        assert len(told) == len(documented), path
        for number, one in enumerate(documented):
            if path.endswith(".images"):
                assert isinstance(told[number], str)
            else:
                same(told[number], one, path)
    else:
        assert told == documented, path


@pytest.fixture
def house() -> House:
    return House(RELAY, OPENAI)


def relay_id(task_id: int) -> str:
    return WITH_MODEL.write(task_id, "sora-2")


async def test_the_documented_query_key_by_key(house: House) -> None:
    view = house.tasks.add(TWO, state="running", started_at=NOW + 1, progress=93)
    name = relay_id(view.task.id)
    for written in (name, name.replace(":", "%3A"), name.replace(":", "%3a")):
        found = (await house.call("GET", f"/v1/videos/{written}")).json()
        same(found, DOCUMENTED)
        assert found["id"] == name
        assert found["detail"]["id"] == f"task_{to_base32(view.task.id)}"
        assert found["detail"]["input"]["images"] == list(PICTURES)
        assert found["detail"]["pending_info"]["progress_pct"] == 0.93
        assert found["detail"]["pending_info"]["created_at"] == "2025-11-21T04:40:00.250000Z"
        assert found["status_update_time"] == int((NOW + 1) * 1000)


@pytest.mark.parametrize(
    ("state", "error", "status", "within"),
    [
        ("queued", None, "pending", "queued"),
        ("running", None, "pending", "processing"),
        ("failed", TaskError("content_policy", "No."), "failed", "failed"),
        ("failed", TaskError("upstream_failed", "Broke."), "failed", "failed"),
        ("cancelled", None, "failed", "failed"),
    ],
)
async def test_status_words(house: House, state: State, error: TaskError | None, status: str, within: str) -> None:
    started = NOW + 1 if state in ("running", "failed") else None
    ended = NOW + 9 if state in ("failed", "cancelled") else None
    view = house.tasks.add(TEXT, state=state, started_at=started, ended_at=ended, error=error)
    answer = await house.call("GET", f"/v1/videos/{relay_id(view.task.id)}")
    found = answer.json()
    pending = found["detail"]["pending_info"]
    assert (found["status"], found["detail"]["status"], pending["status"]) == (status, status, within)
    if ended is None:
        assert "video_url" not in found
        assert answer.headers["openai-poll-after-ms"] == "2500"
        return
    why = error.message if error is not None else "The task was cancelled."
    assert (found["video_url"], found["error"]["message"], pending["failure_reason"]) == (None, why, why)
    minded = error is not None and error.code == "content_policy"
    assert pending["moderation_result"]["type"] == ("rejected" if minded else "passed")


async def test_a_completed_video_has_its_link_and_its_size(house: House) -> None:
    wanted = msgspec.structs.replace(TEXT, parameters=VideoParameters(storyboard=[{"prompt": "a"}]), seed=7)
    view = house.tasks.done(wanted)
    found = (await house.call("GET", f"/v1/videos/{relay_id(view.task.id)}")).json()
    assert (found["status"], found["video_url"]) == ("completed", "https://media.test/0/file.mp4")
    assert (found["enhanced_prompt"], found["status_update_time"]) == ("make animate", int((NOW + 9) * 1000))
    pending = found["detail"]["pending_info"]
    assert (pending["width"], pending["height"], pending["seed"]) == (1280, 720, 7)
    assert (pending["is_storyboard"], pending["n_frames"], pending["progress_pct"]) == (True, 151, 1.0)
    assert found["detail"]["input"] == {
        "size": "small", "model": "sora-2", "images": [], "prompt": "make animate", "orientation": "landscape",
    }  # fmt: skip


async def test_the_id_chooses_the_form() -> None:
    """As the server's gate does it: by the id in the path."""
    (ids,) = [claim for claim in RELAY.claimed if claim.prefix == "/v1/videos/"]
    (keyed,) = [claim for claim in RELAY.claimed if claim.video_format is not None]
    for path, relays in [
        ("/v1/videos/sora-2:task_06xx11d95wm5j", True),
        ("/v1/videos/sora-2:task_06xx11d95wm5j/content", True),
        ("/v1/videos/org/name:task_06xx11d95wm5j/remix", True),
        ("/v1/videos/video_06xx11d95wm5j", False),
        ("/v1/videos/task_06xx11d95wm5j", False),
        ("/v1/videos", False),
    ]:
        assert ids.holds({"path": path, "headers": []}) is relays, path
        assert not keyed.holds({"path": path, "headers": [], "principal": Principal(1, None, "me")})
    asked = Principal(1, None, "me", video_format="relay")
    for path, relays in [
        ("/v1/videos", True),
        ("/v1/videos/edits", True),
        ("/v1/videos/task_06xx11d95wm5j", True),
        ("/v1/videos/video_06xx11d95wm5j", False),
        ("/v1/videos/video_06xx11d95wm5j/content", False),
        ("/v1/videos/video_06xx11d95wm5j/remix", True),
        ("/v1/videosx", False),
    ]:
        assert keyed.holds({"path": path, "headers": [], "principal": asked}) is relays, path


@pytest.mark.parametrize("path", ["/v1/videos/{}", "/relay/v1/videos/{}", "/v1/video/query?id={}"])
async def test_an_id_with_another_model_or_of_another_account_is_not_there(house: House, path: str) -> None:
    mine, other = house.tasks.done(TEXT).task.id, house.tasks.done(TEXT, account_id=2).task.id
    image = house.tasks.done(GenerationRequest(operation="text_to_image", model="sora-2", prompt="a")).task.id
    for name in (
        WITH_MODEL.write(mine, "sora-2-pro"), relay_id(other), relay_id(image), "sora-2:task_zzz", "sora-2:task_",
        "sora-2:task_01k81e7r1mf0qtvp3ett3mr4jm",
    ):  # fmt: skip
        answer = await house.call("GET", path.format(name))
        assert answer.status_code == 404, name
        error = answer.json()["error"]
        assert (error["code"], error["param"], error["type"]) == ("not_found", "id", "invalid_request_error")
    alias = await house.call("GET", path.format(WITH_MODEL.write(mine, "sora-2-2025-12-08")))
    assert alias.json()["id"] == relay_id(mine)


async def test_relays_rows_hand_out_relays_ids(house: House) -> None:
    made = (await house.call("POST", "/relay/v1/videos", json={"prompt": "a cat", "size": "small"})).json()
    (task_id,) = house.tasks.views
    assert (made["id"], made["status"]) == (relay_id(task_id), "pending")
    done = relay_id(house.tasks.done(TEXT).task.id)
    content = await house.call("GET", f"/relay/v1/videos/{done}/content")
    assert (content.status_code, content.content) == (200, b"bytes")
    remix = (await house.call("POST", f"/relay/v1/videos/{done}/remix", json={"prompt": "b"})).json()
    assert remix["id"] == relay_id(max(house.tasks.views))
    page = (await house.call("GET", "/relay/v1/videos?limit=2")).json()
    assert [one["id"] for one in page["data"]] == [remix["id"], done]
    assert (page["has_more"], page["last_id"]) == (True, done)
    after = (await house.call("GET", f"/relay/v1/videos?after={done}")).json()
    assert [one["id"] for one in after["data"]] == [made["id"]]
    gone = (await house.call("DELETE", f"/relay/v1/videos/{done}")).json()
    assert gone == {"id": done, "object": "video.deleted", "deleted": True}


async def test_the_unified_form(house: House) -> None:
    body = {
        "model": "sora-2", "prompt": "make animate", "images": list(PICTURES), "orientation": "portrait",
        "size": "small", "duration": 15, "watermark": False, "private": True,
    }  # fmt: skip
    made = await house.call("POST", "/v1/video/create", json=body)
    assert made.status_code == 200, made.text
    found = house.request
    assert (found.aspect_ratio, found.resolution, found.duration) == ("9:16", "720p", 15.0)
    assert found.parameters == VideoParameters(watermark=False, private=True)
    assert [item.role for item in found.inputs] == ["first_frame", "last_frame"]
    for path in ("/v1/video/query", "/v1/videos/video_id"):
        read = await house.call("GET", path, params={"id": made.json()["id"]})
        assert read.json() == made.json()
        (official,) = house.tasks.views
        assert (await house.call("GET", path, params={"id": video_id(official)})).json() == made.json()
        refused = await house.call("GET", path)
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "id")


async def test_bad_input_gets_the_relays_envelope(house: House) -> None:
    content = {"input_reference": ("a.png", b"not an image", "image/png")}
    for path in ("/relay/v1/videos", "/v1/video/create"):
        bad = await house.call("POST", path, data={"prompt": "a"}, files=content)
        assert bad.status_code == 400
        error = bad.json()["error"]
        assert list(error) == ["message", "message_zh", "type", "param", "code"]
        assert (error["param"], error["code"]) == ("input_reference", "invalid_request")
        assert error["message_zh"] == "请求参数无效(input_reference)"
    assert house.untouched


async def test_every_error_has_chinese_words(house: House) -> None:
    answer = RELAY.render_error(GatewayError("authentication", "This API key is not valid."), "r")
    assert answer.status_code == 401
    assert json.loads(bytes(answer.body))["error"] == {
        "message": "This API key is not valid.",
        "message_zh": "API Key 无效",
        "type": "invalid_request_error",
        "param": None,
        "code": "invalid_api_key",
    }


async def test_a_callback_carries_what_a_query_shows(house: House) -> None:
    view = house.tasks.done(TEXT)
    assert RELAY.announce is not None
    message = RELAY.announce(view, Tidings("task.succeeded", NOW + 9), house.edge)
    assert message is not None
    query = await house.call("GET", f"/v1/videos/{relay_id(view.task.id)}")
    assert msgspec.json.decode(message.body) == query.json()


async def test_content_is_redirected_where_asked() -> None:
    house = House(OPENAI)
    name = video_id(house.tasks.done(TEXT).task.id)
    answer = await house.call("GET", f"/v1/videos/{name}/content?redirect=true")
    assert (answer.status_code, answer.headers["location"]) == (302, "https://media.test/0/file.mp4")
    thumbnail = await house.call("HEAD", f"/v1/videos/{name}/content?redirect=1&variant=thumbnail")
    assert (thumbnail.status_code, thumbnail.headers["location"]) == (302, "https://media.test/0/poster.mp4")
    assert (await house.call("GET", f"/v1/videos/{name}/content?redirect=false")).status_code == 200
    refused = await house.call("GET", f"/v1/videos/{name}/content?redirect=maybe")
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "redirect")


async def test_stored_pictures_are_told_as_items_without_a_url(house: House) -> None:
    await house.call("POST", "/relay/v1/videos", data={"prompt": "a"}, files={"input_reference": ("a.png", picture())})
    (task_id,) = house.tasks.views
    detail = (await house.call("GET", f"/v1/videos/{relay_id(task_id)}")).json()["detail"]
    assert detail["input"]["images"] == []
    assert len(detail["pending_info"]["inpaint_items"]) == 1
