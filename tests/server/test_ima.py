"""IMA's API over a whole server, as its SDKs speak it: behind it the sandbox, and a key that says `dialect = "ima"`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from telecine.nouns.ids import parse_task_id
from telecine.server.openapi import document
from tests.server.live import KEY, LiveServer
from tests.server.pictures import picture

IMA_KEY = "key-of-a-client-that-knows-nothing-of-ima-0123456789"
CONFIG = f"""
[[keys]]
name = "ima"
key = "{IMA_KEY}"
dialect = "ima"

[[models]]  # small ones: what is drawn is not what is tested
name = "gemini-3-pro-image-preview"
sizes = ["64x64"]
default_size = "64x64"

[[models]]
name = "midjourney"
vendor = "midjourney"
operations = ["text_to_image", "upscale", "vary"]
sizes = ["64x64"]
default_size = "64x64"

[[models]]
name = "ima-pro"
sizes = ["64x64"]
default_size = "64x64"
default_duration = 1
"""
IMAGES, VIDEOS, GENERATIONS = "/v1/images/generations", "/v1/videos", "/v1/video/generations"
PICTURE = {"model": "gemini-3-pro-image-preview", "prompt": "a paper boat", "size": "64x64"}
FILM = {"model": "ima-pro", "prompt": "it sails", "duration": 1, "size": "64x64"}
SCHEMAS = (
    "AssetGroupCreateRequest", "AssetGroupListRequest", "AssetCreateRequest", "AssetListRequest", "AssetItem",
    "AssetGroupItem", "AssetIdResponse", "AssetGroupResponse", "AssetGetResponse", "AssetGroupListResponse",
    "AssetListResponse", "AssetQuotaResponse", "MjSubmitResponse", "ImaProVideoCreateRequest",
    "ImaImageGenerationRequest", "ErrorResponse", "ImaImageGenerationRequestGemini3Pro",
    "ImaImageGenerationRequestGemini31Flash", "ImaImageGenerationResponse", "ImaImageCreateTaskResponse",
    "ImaImageTaskFetchResponse", "ImaProCreateResponse", "ImaProQueryResponse", "TaskErrorResponse",
    "MjTaskFetchResponse",
)  # fmt: skip
"""Those that Zcheap's document lists."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("ima"), CONFIG) as found:
        yield found


def asked(server: LiveServer, method: str, path: str, body: Any = None) -> Any:
    """A good answer to the key that knows of no `/ima`."""
    answer = server.call(method, path, body, key=IMA_KEY)
    assert answer.status == 200, answer
    return answer.json


def ended(server: LiveServer, path: str) -> Any:
    """What a query tells once the task has ended."""
    over = ("succeeded", "completed", "failed")
    return server.until(path, lambda found: found.get("data", found)["status"] in over, 60, key=IMA_KEY)


def test_all_schemas_of_the_document_stand_in_ours() -> None:
    assert len(SCHEMAS) == 25
    assert set(SCHEMAS) <= document()["components"]["schemas"].keys()


def test_a_picture_is_made_and_asked_about(server: LiveServer) -> None:
    made = asked(server, "POST", IMAGES, PICTURE)
    assert (made["id"], made["object"], made["model"]) == (made["task_id"], "image", PICTURE["model"])
    told = ended(server, f"{IMAGES}/{made['task_id']}")
    assert (told["code"], told["data"]["status"], told["data"]["format"]) == ("success", "succeeded", "png"), told
    shown = server.call("GET", told["data"]["url"], key=None)
    assert (shown.status, shown.headers["content-type"]) == (200, "image/png")
    plain = server.call("GET", f"/ima{IMAGES}/{made['task_id']}", key=KEY)
    assert plain.json["data"]["task_id"] == made["task_id"]
    neutral = server.call("GET", f"/v1/tasks/{made['task_id']}", key=KEY).json
    assert (neutral["dialect"], parse_task_id(neutral["id"])) == ("ima", parse_task_id(made["id"]))


def test_a_picture_is_made_at_once(server: LiveServer) -> None:
    told = asked(server, "POST", IMAGES, {**PICTURE, "async": False})
    assert [one.keys() for one in told["data"]] == [{"url"}], told


def test_a_video_is_made_in_both_forms_of_a_file_in_the_library(server: LiveServer) -> None:
    files = {"file": ("boat.png", picture("PNG", (64, 64)), "image/png")}
    headers = {"authorization": f"Bearer {IMA_KEY}"}
    asset = httpx2.post(f"{server.address}/v1/assets/create", files=files, headers=headers).json()["data"]["Id"]
    frame = {"type": "image_url", "image_url": {"url": f"asset://{asset}"}, "role": "first_frame"}
    text = {"type": "text", "text": FILM["prompt"]}
    first = {**FILM, "images": [f"asset://{asset}"], "metadata": {"role_mode": "frame"}}
    second = {"model": "ima-pro", "duration": 1, "size": "64x64", "content": [text, frame]}
    films = [asked(server, "POST", VIDEOS, first), asked(server, "POST", GENERATIONS, second)]
    told = ended(server, f"{VIDEOS}/{films[0]['id']}")
    assert (told["status"], told["progress"], told.get("error")) == ("completed", 100, None)
    (result,) = told["results"]
    assert (result["width"], result["height"], result["content_type"]) == (64, 64, "video/mp4")
    assert result["url"] == told["metadata"]["url"]
    other = ended(server, f"{GENERATIONS}/{films[1]['id']}")["data"]
    assert (other["status"], other["format"], bool(other["url"])) == ("succeeded", "mp4", True), other


def test_a_grid_is_made_and_one_of_it_taken(server: LiveServer) -> None:
    def task(name: str) -> Any:
        path = f"/mj/task/{name}/fetch"
        return server.until(path, lambda found: found["status"] in ("SUCCESS", "FAILURE"), 60, key=IMA_KEY)

    grid = task(asked(server, "POST", "/mj/submit/imagine", {"prompt": "a paper boat --ar 1:1"})["result"])
    assert (grid["status"], grid["action"], len(grid["urls"]), "failReason" in grid) == ("SUCCESS", "IMAGINE", 4, False)
    change = {"taskId": grid["mj_id"], "action": "UPSCALE", "index": 2}
    taken = asked(server, "POST", "/mj/submit/change", change)
    assert taken["code"] == 1
    assert asked(server, "POST", "/mj/submit/change", change) == {**taken, "code": 21, "description": "任务已存在"}
    one = task(taken["result"])
    assert (one["status"], one["action"], len(one["urls"])) == ("SUCCESS", "UPSCALE", 1)
    for name, key in ((f"/ima/mj/image/{one['mj_id']}", IMA_KEY), (one["imageUrl"], None)):
        shown = server.call("GET", name, key=key)
        assert (shown.status, shown.headers["content-type"].partition("/")[0]) == (200, "image"), shown
    assert server.call("GET", f"/ima/mj/image/{one['mj_id']}", key=None).status == 401


def test_errors_are_imas_also_before_its_rows_are_reached(server: LiveServer) -> None:
    wrong: tuple[tuple[str, Any, str, tuple[int, str]], ...] = (
        (f"/ima{IMAGES}", b"{", "nobody-s-key-of-the-tests-0123456789", (401, "authentication")),
        (IMAGES, b"{", IMA_KEY, (400, "invalid_request")),
        (IMAGES, {**PICTURE, "model": "no-such-model"}, IMA_KEY, (404, "not_found")),
        (VIDEOS, {"model": "ima-pro"}, IMA_KEY, (400, "invalid_request")),
        ("/ima/v1/nothing", {}, IMA_KEY, (404, "not_found")),
        (VIDEOS, {**FILM, "images": ["asset://asset-06xx11d95wm5j"]}, IMA_KEY, (404, "not_found")),
    )
    for path, body, key, expected in wrong:
        answer = server.call("POST", path, body, key=key)
        assert (answer.status, answer.json["code"], answer.json["data"]) == (*expected, None), (path, answer)
        assert answer.json.keys() == {"code", "message", "data"}
    refused = server.call("POST", "/ima/v1/assets/get", {"id": "asset-06xx11d95wm5j"}, key=KEY)
    assert (refused.status, refused.json["success"], refused.json["error"]["param"]) == (404, False, "id")
