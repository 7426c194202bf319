"""The forms of the Videos API against a running server, spoken by the clients of those who made them up."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.clients import packages
from tests.server.live import KEY, OTHER_KEY, Answer, LiveServer
from tests.server.pictures import picture, played

pytestmark = pytest.mark.filterwarnings("ignore:The Sora API is scheduled:DeprecationWarning")
RELAY_KEY = "key-whose-videos-are-answered-as-relays-do-0123456789"
NEVER = "a boat [[delay:80000]]"
CONFIG = f"""
[[keys]]
name = "relayed"
key = "{RELAY_KEY}"
video_format = "relay"

[[models]]  # small ones: what is drawn is not what is tested
name = "sora-2"
sizes = ["72x128", "128x72"]
default_size = "72x128"
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("forms"), CONFIG) as found:
        yield found


def relayed(server: LiveServer, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    return server.call(method, path, body, key=RELAY_KEY, headers=headers)


def test_clients_of_other_environments(server: LiveServer) -> None:
    told = {"address": server.address, "key": KEY, "picture": base64.b64encode(picture("PNG", (320, 568))).decode()}
    assert packages.run("videos.py", told) == {
        "openai": {
            "version": "2.54.0",
            "done": ["completed", 100, "4", "72x128"],
            "content": "ftyp",
            "remix": True,
            "listed": True,
            "failed": ["failed", "content_policy"],
            "refused": ["invalid_request", "seconds"],
            "deleted": True,
        },
        "genrelay": {
            "done": ["completed", 100, "128x72"],
            "seen": "completed",
            "content": "ftyp",
            "failed": "content_policy",
            "refused": [400, "invalid_request"],
        },
        "kinoapi": {
            "models": True,
            "done": ["SUCCESS", "100%", True],
            "failed": "task_failed",
            "refused": [400, "invalid_request", True],
        },
    }


def test_a_key_may_ask_for_the_relays_form(server: LiveServer) -> None:
    made = relayed(server, "POST", "/v1/videos", {"prompt": "a boat", "model": "sora-2", "seconds": 4})
    assert made.status == 200, made.content
    name = made.json["id"]
    assert name.startswith("sora-2:task_")
    assert made.json["detail"]["pending_info"]["type"] == "video_gen"
    server.ended(name.rpartition(":")[2])
    for written in (name, name.replace(":", "%3A")):
        found = relayed(server, "GET", f"/v1/videos/{written}").json
        assert (found["id"], found["status"]) == (name, "completed")
        content = relayed(server, "GET", f"/v1/videos/{written}/content")
        assert content.content[4:8] == b"ftyp"
    assert server.call("GET", found["video_url"], key=None).content == content.content
    part = relayed(server, "GET", f"/v1/videos/{name}/content", Range="bytes=4-7")
    assert (part.status, part.content) == (206, b"ftyp")
    head = relayed(server, "HEAD", f"/v1/videos/{name}/content")
    assert (head.status, head.headers["content-length"], head.content) == (200, str(len(content.content)), b"")
    there = relayed(server, "GET", f"/v1/videos/{name}/content?redirect=true")
    assert (there.status, there.headers["location"]) == (302, found["video_url"])
    official = f"video_{name.rpartition('_')[2]}"
    assert relayed(server, "GET", f"/v1/videos/{official}").json["object"] == "video"
    assert relayed(server, "GET", "/v1/videos").json["data"][0]["id"] == name
    remix = relayed(server, "POST", f"/v1/videos/{official}/remix", {"prompt": NEVER})
    assert remix.json["id"].startswith("sora-2:task_")
    assert server.call("GET", f"/v1/videos/{name}").json["id"] == name, "the id chooses, whatever the key"
    assert server.call("GET", f"/v1/videos/{official}").json["id"] == official


def test_refusals_are_in_the_form_that_was_asked_for(server: LiveServer) -> None:
    before = server.count("tasks")
    bad = relayed(server, "POST", "/v1/videos", {"prompt": "a boat", "seconds": 7})
    assert (bad.status, bad.json["error"]["param"], bad.json["error"]["message_zh"]) == (
        400, "seconds", "请求参数无效(seconds)",
    )  # fmt: skip
    assert server.count("tasks") == before
    made = relayed(server, "POST", "/v1/videos", {"prompt": NEVER, "seconds": 4}).json["id"]
    for name in (made, made.replace("sora-2:", "sora-2-pro:")):
        key = OTHER_KEY if name == made else KEY
        missing = server.call("GET", f"/v1/videos/{name}", key=key)
        assert (missing.status, missing.json["error"]["message_zh"]) == (404, "任务或资源不存在(id)")
    unkeyed = server.call("GET", f"/v1/videos/{made}", key="wrong-key-0123456789")
    assert (unkeyed.status, unkeyed.json["error"]["message_zh"]) == (401, "API Key 无效")
    task = server.call("GET", f"/v1/video/generations/{made.rpartition(':')[2]}", key=OTHER_KEY)
    assert (task.status, task.json["code"], task.json["data"]) == (400, "task_not_exist", None)


def test_edits_extensions_and_characters_of_the_official_client(server: LiveServer, tmp_path: Path) -> None:
    with openai.OpenAI(api_key=KEY, base_url=f"{server.address}/v1") as client:
        videos = client.videos
        first = videos.create_and_poll(prompt="a boat", seconds="4", poll_interval_ms=50)
        file = tmp_path / "first.mp4"
        videos.download_content(first.id).write_to_file(file)
        edit = videos.edit(prompt="in the rain", video=file)
        longer = videos.extend(prompt="and on", seconds="8", video=file)
        character = videos.create_character(name="Mara", video=file)
        assert (character.name, videos.get_character(character.id or "").id) == ("Mara", character.id)
        done = [videos.poll(one.id, poll_interval_ms=50) for one in (edit, longer)]
        assert [one.status for one in done] == ["completed", "completed"], [one.error for one in done]
        assert played(videos.download_content(edit.id).read()).seconds > 0
    own = server.call("POST", "/v1/videos/edits", {"prompt": NEVER, "video": {"id": first.id}})
    assert own.json["remixed_from_video_id"] == first.id
