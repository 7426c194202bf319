"""A finished job is shown and told of as done once its file can be had, in every dialect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.server.live import KEY, LiveServer, eventually
from tests.server.receiver import Receiver
from tests.upstreams.faults import Fault
from tests.upstreams.openai_videos import FakeOpenAI

MODEL = "kling-v2-5-turbo"
KLING = "/kling/v1/videos/text2video"
CREATES: dict[str, tuple[str, dict[str, Any]]] = {
    "openai": ("/v1/videos", {"model": MODEL, "prompt": "a paper boat", "seconds": "10"}),
    "kling": (KLING, {"model_name": MODEL, "prompt": "a paper boat", "duration": "10"}),
    "tasks": ("/v1/tasks", {"model": MODEL, "prompt": "a paper boat", "duration": 10}),
}
HOOKS = {"openai": "webhook_url", "kling": "callback_url", "tasks": "webhook_url"}
LINKS: dict[str, Callable[[Any], Any]] = {
    "openai": lambda body: body.get("url"),
    "kling": lambda body: [one["url"] for one in body.get("task_result", {}).get("videos", [])],
    "tasks": lambda body: [one["url"] for one in body["data"]["outputs"]],
}
DONE: dict[str, Callable[[Any], bool]] = {
    "openai": lambda body: body["status"] == "completed",
    "kling": lambda body: body["task_status"] == "succeed",
    "tasks": lambda body: body["data"]["status"] == "succeeded",
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeOpenAI]:
    """An upstream whose files are had with its key alone."""
    with FakeOpenAI().in_thread() as found:
        found.autofinish(0.0)
        yield found


@pytest.fixture(scope="module")
def server(upstream: FakeOpenAI, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    config = f"""
    [network]
    allow_private = ["127.0.0.1/32"]

    [[channels]]
    name = "main"
    provider = "openai"
    base_url = "{upstream.base_url}"
    api_key = "{upstream.api_key}"
    models = [{{ public = "{MODEL}", upstream = "sora-2" }}]
    """
    with LiveServer(tmp_path_factory.mktemp("links"), config) as found:
        yield found


@pytest.mark.parametrize("dialect", CREATES)
def test_nothing_is_done_before_its_file_is_there(server: LiveServer, upstream: FakeOpenAI, dialect: str) -> None:
    fired = upstream.fired["file status"]
    upstream.faults = [Fault("file", "status", status=503) for _ in range(1000)]
    path, body = CREATES[dialect]
    with Receiver().in_thread() as receiver:
        made = server.call("POST", path, {**body, HOOKS[dialect]: receiver.url})
        assert made.status == 200, made
        name = made.json["data"]["task_id"] if dialect == "kling" else made.json["id"]
        eventually(lambda: upstream.fired["file status"] >= fired + 6, "six tries to fetch the file")
        assert server.call("GET", f"/v1/tasks/{name}").json["status"] == "running"
        assert server.call("GET", f"/v1/videos/{name}").json["status"] == "in_progress"
        assert server.call("GET", f"/v1/videos/{name}/content").json["error"]["code"] == "video_not_ready"
        assert server.call("GET", f"{KLING}/{name}").json["data"]["task_status"] == "processing"
        assert not any(DONE[dialect](one) for one in receiver.bodies)

        upstream.faults = []
        neutral = server.ended(name)
        assert (neutral["status"], bool(neutral["outputs"][0]["url"])) == ("succeeded", True)
        video = server.call("GET", f"/v1/videos/{name}").json
        assert (video["status"], video["url"]) == ("completed", neutral["outputs"][0]["url"])
        assert server.call("GET", f"/v1/videos/{name}/content").content == upstream.file
        assert len(server.call("GET", f"{KLING}/{name}").json["data"]["task_result"]["videos"]) == 1
        (told,) = eventually(lambda: [one for one in receiver.bodies if DONE[dialect](one)], "the webhook of the end")
        assert LINKS[dialect](told)


def test_a_file_that_only_the_upstream_has_yet_is_asked_for_again(server: LiveServer, upstream: FakeOpenAI) -> None:
    """Its link is the upstream's own, and works; our own content says when to come again."""
    upstream.links = True
    upstream.faults = [Fault("file", "status", status=503) for _ in range(1000)]
    path, body = CREATES["openai"]
    name = server.call("POST", path, body).json["id"]
    video = server.until(f"/v1/videos/{name}", lambda found: found["status"] == "completed")
    answer = server.call("GET", f"/v1/videos/{name}/content")
    assert (answer.status, answer.json["error"]["code"]) == (503, "video_not_ready")
    assert int(answer.headers["retry-after"]) > 0
    assert video["url"].startswith(upstream.base_url)
    upstream.faults = []
    eventually(lambda: server.call("GET", f"/v1/videos/{name}/content").status == 200, "the file is stored")
    assert server.call("GET", f"/v1/videos/{name}", key=KEY).json["url"].startswith(server.address)
