"""Files of the library in requests: every form in which an upstream takes media, deletions on either side, and files of
tasks that become the library's."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from telecine.nouns.ids import output_id, parse_task_id
from tests.server.live import OTHER_KEY, Answer, LiveServer, kling_channel
from tests.server.pictures import picture
from tests.server.test_bad_input import form
from tests.upstreams.clip import mp4
from tests.upstreams.kling import API_KEY, FakeKling

PHOTO = picture("PNG", (320, 320))
DRAWN = """
[[channels]]
name = "drawn-here"
provider = "sandbox"
models = ["sora-2", "storyboard-1", "gpt-image-1"]
priced = true

[[prices]]
model = "storyboard-1"
unit = "call"
price = 0.25

[[prices]]
model = "*"
unit = "call"
price = 0

[[accounts]]
name = "other"
balance = 5
"""
PICTURE = {"model": "storyboard-1", "prompt": "a boat", "size": "256x256"}


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeKling]:
    with FakeKling().in_thread() as fake:
        yield fake


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, upstream: FakeKling) -> Iterator[LiveServer]:
    config = kling_channel(upstream.base_url, API_KEY) + DRAWN
    with LiveServer(tmp_path_factory.mktemp("used"), config) as found:
        yield found


def kept(server: LiveServer, content: bytes = PHOTO, kind: str = "image/png", key: str | None = None) -> str:
    """A file in the library; its id."""
    more = {} if key is None else {"key": key}
    answer = server.call("POST", "/v1/assets", content, headers={"content-type": kind}, **more)
    assert answer.status == 201, answer
    return str(answer.json["id"])


def objects(server: LiveServer) -> set[str]:
    """What lies in storage."""
    root = server.data / "media"
    return {str(one.relative_to(root)) for one in root.rglob("*") if one.is_file()}


def test_an_upstream_has_it_in_the_form_that_it_takes(server: LiveServer, upstream: FakeKling) -> None:
    asset, before = kept(server), len(upstream.creates)
    wanted = {"model_name": "kling-v1-5", "mode": "pro", "prompt": "a boat", "image": f"asset://{asset}"}
    answer = server.call("POST", "/kling/v1/videos/image2video", {**wanted, "image_tail": f"asset://{asset}"})
    assert answer.status == 200, answer
    sent = json.loads(upstream.creates[before])
    assert base64.b64decode(sent["image"]) == base64.b64decode(sent["image_tail"]) == PHOTO


@pytest.mark.parametrize("way", ["json", "form"])
def test_another_dialect_draws_on_it_here(server: LiveServer, way: str) -> None:
    reference = f"asset://{kept(server)}"
    if way == "json":
        body: Any = {"model": "sora-2", "prompt": "it sails", "seconds": 4, "input_reference": reference}
        answer = server.call("POST", "/v1/videos", body)
    else:
        parts = [
            (name, None, value.encode())
            for name, value in {
                "model": "sora-2",
                "prompt": "it sails",
                "seconds": "4",
                "input_reference": reference,
            }.items()
        ]
        body, headers = form(*parts)
        answer = server.call("POST", "/v1/videos", body, headers=headers)
    assert answer.status == 200, answer
    assert server.ended(answer.json["id"])["status"] == "succeeded"


def test_anothers_is_refused_by_name_and_nothing_is_charged(server: LiveServer) -> None:
    mine, clip = kept(server), kept(server, mp4(64, 64, 1, None), "video/mp4", OTHER_KEY)
    before = server.call("GET", "/v1/account", key=OTHER_KEY).json
    for asset, status, said in ((mine, 404, "or it is not yours"), (clip, 400, "needs an image, not a video")):
        body = {**PICTURE, "operation": "image_to_image", "inputs": [{"role": "image", "asset": asset}]}
        answer = server.call("POST", "/v1/tasks", body, key=OTHER_KEY)
        assert (answer.status, answer.json["error"]["param"]) == (status, "inputs[0].asset")
        assert said in answer.json["error"]["message"]
    assert server.call("GET", "/v1/account", key=OTHER_KEY).json == before


def test_one_that_was_deleted_is_there_for_the_tasks_that_use_it(server: LiveServer) -> None:
    asset = kept(server)
    body = {"model": "gpt-image-1", "operation": "image_to_image", "prompt": "rain [[delay:20]]"}
    begun = server.call("POST", "/v1/tasks", {**body, "inputs": [{"role": "image", "asset": asset}]})
    assert begun.status == 200, begun
    task = begun.json
    there = objects(server)
    assert server.call("DELETE", f"/v1/assets/{asset}").status == 200
    refused = server.call("POST", "/v1/tasks", {**body, "inputs": [{"role": "image", "url": f"asset://{asset}"}]})
    assert (refused.status, refused.json["error"]["param"]) == (404, "inputs[0].url")
    assert there <= objects(server)
    assert server.ended(task["id"])["status"] == "succeeded"
    uses = server.rows("SELECT task_id FROM asset_uses")
    assert (parse_task_id(task["id"]),) in [tuple(one) for one in uses]
    again = server.call("POST", f"/v1/tasks/{task['id']}/retry")
    assert server.ended(again.json["id"])["status"] == "succeeded", "its bytes are not gone yet"


def made(server: LiveServer) -> Any:
    """A task that has made a picture."""
    task = server.call("POST", "/v1/tasks", {**PICTURE, "prompt": "another boat"}).json
    done = server.ended(task["id"])
    assert done["status"] == "succeeded", done
    return done


def test_the_file_of_a_task_is_kept_without_a_copy_and_outlives_it(server: LiveServer) -> None:
    body: dict[str, Any] = {"model": "sora-2", "prompt": "a boat", "duration": 4, "size": "1280x720"}
    task = server.ended(server.call("POST", "/v1/tasks", body).json["id"])
    there, before = objects(server), server.call("GET", "/v1/assets/quota").json
    answer = server.call("POST", "/v1/assets", {"task": task["id"], "name": "the boat"})
    asset = answer.json
    assert (answer.status, asset["status"], asset["name"], asset["kind"]) == (201, "ready", "the boat", "video")
    assert asset["output"] == output_id(parse_task_id(task["id"]) or 0, 0)
    assert asset["sha256"] == task["outputs"][0]["sha256"]
    assert objects(server) == there
    after = server.call("GET", "/v1/assets/quota").json
    assert (after["files"], after["bytes"]) == (before["files"] + 1, before["bytes"] + asset["bytes"])
    content = server.call("GET", asset["url"], key=None).content
    assert server.call("DELETE", f"/v1/videos/{task['id']}").status == 200
    assert server.call("GET", task["outputs"][0]["url"], key=None).status == 404
    assert server.call("GET", asset["url"], key=None).content == content


def test_a_file_of_the_library_that_goes_leaves_its_task_what_is_its_own(server: LiveServer) -> None:
    task = made(server)
    asset = server.call("POST", "/v1/assets", {"output": output_id(parse_task_id(task["id"]) or 0, 0)}).json
    assert asset["name"] == f"{task['id']}-0.png"
    assert server.call("DELETE", f"/v1/assets/{asset['id']}").status == 200
    assert server.call("GET", task["outputs"][0]["url"], key=None).status == 200


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"task": "tsk_nobody"}, 404, "task"),
        ({"task": "tsk_0000000000007"}, 404, "task"),
        ({"task": "7", "output": -1}, 404, "output"),
        ({"task": "7", "output": 1 << 70}, 404, "output"),
        ({"output": 0}, 400, "task"),
        ({"output": "x"}, 400, "output"),
        ({"task": "7", "output": "000000000000700"}, 400, "output"),
        ({"output": "000000000000700"}, 404, "task"),
        ({"task": "7", "url": "https://example.com/a.png"}, 400, "url"),
    ],
)
def test_what_names_no_file_of_a_task_is_refused_by_name(
    server: LiveServer, body: dict[str, Any], status: int, param: str
) -> None:
    answer: Answer = server.call("POST", "/v1/assets", body)
    assert (answer.status, answer.json["error"]["param"]) == (status, param), answer
