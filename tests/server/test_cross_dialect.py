"""A task made in one dialect is read in every other, whoever runs it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from telecine.nouns.ids import from_base32, tsk_id, video_id
from tests.server.live import LiveServer, kling_channel
from tests.server.pictures import played
from tests.upstreams.kling import API_KEY, FakeKling

TEXT = "/kling/v1/videos/text2video"
CREATES: dict[str, tuple[str, dict[str, Any]]] = {
    "openai": ("/v1/videos", {"prompt": "a paper boat", "seconds": "5", "aspect_ratio": "1:1"}),
    "kling": (TEXT, {"model_name": None, "prompt": "a paper boat", "duration": "5", "aspect_ratio": "1:1"}),
    "tasks": ("/v1/tasks", {"prompt": "a paper boat", "duration": 5, "aspect_ratio": "1:1"}),
}


@pytest.fixture(scope="module", params=["sandbox", "kling"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Twice: with nothing behind it but itself, and with Kling."""
    folder = tmp_path_factory.mktemp("cross")
    if request.param == "sandbox":
        with LiveServer(folder) as found:
            yield found
        return
    with FakeKling(video=(96, 96, 5)).in_thread() as kling:
        kling.autofinish(0.2)
        with LiveServer(folder, kling_channel(kling.base_url, API_KEY)) as found:
            yield found
        assert all(job.body["duration"] == "5" and job.body["aspect_ratio"] == "1:1" for job in kling.jobs.values())
        assert len(kling.jobs) == 2 * len(CREATES)


def made(server: LiveServer, dialect: str, **more: Any) -> int:
    """The id of a new task."""
    path, body = CREATES[dialect]
    name = "model_name" if dialect == "kling" else "model"
    answer = server.call("POST", path, {**body, name: "kling-v2-5-turbo", **more})
    assert answer.status == 200, answer
    if dialect == "kling":
        return int(answer.json["data"]["task_id"])
    found = from_base32(answer.json["id"].partition("_")[2])
    assert found is not None
    return found


@pytest.mark.parametrize("dialect", CREATES)
def test_what_one_dialect_makes_every_dialect_shows(server: LiveServer, dialect: str) -> None:
    task = made(server, dialect)
    forms = (str(task), video_id(task), tsk_id(task), f"kling-v2-5-turbo:task_{tsk_id(task)[4:]}")
    early = server.call("GET", f"/v1/videos/{task}")
    assert early.json["status"] in ("queued", "in_progress", "completed")
    assert ("openai-poll-after-ms" in early.headers) == (early.json["status"] != "completed")
    neutral = server.ended(forms[-1])
    assert (neutral["status"], neutral["id"], neutral["dialect"]) == ("succeeded", tsk_id(task), dialect)

    for form in forms:
        assert server.call("GET", f"/v1/tasks/{form}").json == neutral
        shown_as = server.call("GET", f"/v1/videos/{form}").json
        if ":" in form:  # relays' own form
            assert (shown_as["id"], shown_as["status"]) == (form, "completed")
        else:
            video = shown_as
            assert (video["id"], video["status"], video["seconds"]) == (video_id(task), "completed", "5")
            assert video["url"] == video["video_url"]
        data = server.call("GET", f"{TEXT}/{form}").json["data"]
        assert (data["task_id"], data["task_status"]) == (str(task), "succeed")
        (url,) = [one["url"] for one in data["task_result"]["videos"]]
        assert url == shown_as["video_url"] == neutral["outputs"][0]["url"]

    content = server.call("GET", f"/v1/videos/{task}/content").content
    assert content == server.call("GET", url, key=None).content
    shown = played(content)
    assert shown.width == shown.height
    assert shown.seconds == pytest.approx(5.0, abs=0.05)
    assert (video["size"], neutral["outputs"][0]["duration"]) == (f"{shown.width}x{shown.height}", 5.0)
    assert str(task) in [one["task_id"] for one in server.call("GET", TEXT).json["data"]]
    assert video_id(task) in [one["id"] for one in server.call("GET", "/v1/videos").json["data"]]
    assert tsk_id(task) in [one["id"] for one in server.call("GET", "/v1/tasks").json["data"]]


@pytest.mark.parametrize("dialect", CREATES)
def test_what_one_dialect_deletes_is_gone_in_every_other(server: LiveServer, dialect: str) -> None:
    task = made(server, dialect)
    assert server.call("DELETE", f"/v1/videos/{task}").json["id"] == video_id(task)
    for path in (f"{TEXT}/{task}", f"/v1/videos/{task}", f"/v1/tasks/{task}", f"/v1/videos/{task}/content"):
        assert server.call("GET", path).status == 404
    for path in (TEXT, "/v1/videos", "/v1/tasks"):
        listed = json.dumps(server.call("GET", path).json)
        assert not any(form in listed for form in (str(task), video_id(task), tsk_id(task)))


def test_a_failure_reads_the_same_everywhere(server: LiveServer) -> None:
    """Of a model that nobody runs: each dialect says so in its own words, and means the same."""
    answers = {
        dialect: server.call("POST", path, {**body, "model_name" if dialect == "kling" else "model": "klin-v2-5-turbo"})
        for dialect, (path, body) in CREATES.items()
    }
    assert {answer.status for answer in answers.values()} == {404}
    assert answers["openai"].json["error"]["code"] == "model_not_found"
    assert answers["tasks"].json["error"]["code"] == "not_found"
    assert answers["kling"].json["code"] == 1203
    for answer in answers.values():
        assert "kling-v2-5-turbo" in answer.content.decode(), "those that exist are named"
