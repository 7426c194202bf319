"""A draft on a whole server, from its first call to the file; and the events that tell of it."""

from __future__ import annotations

from pathlib import Path

from tests.server.live import LiveServer

DRAFT = {"model": "storyboard-1", "prompt": "a boat", "size": "320x240", "draft": True}


def test_a_draft_is_completed_and_drawn(tmp_path: Path) -> None:
    with LiveServer(tmp_path, speed=4.0) as server:  # which waits for fifteen of our seconds
        made = server.call("POST", "/v1/tasks", DRAFT)
        task = made.json["id"]
        assert (made.status, made.json["status"], made.json["outputs"]) == (200, "draft", [])
        path = f"/v1/tasks/{task}"
        assert [one["id"] for one in server.call("GET", "/v1/tasks?status=draft").json["data"]] == [task]
        refused = server.call("POST", f"{path}/complete", {"size": "17"})
        assert (refused.status, refused.json["error"]["param"]) == (400, "size")
        assert server.call("GET", path).json["status"] == "draft"
        done = server.call("POST", f"{path}/complete?wait=60", {"prompt": "a boat at night", "count": 2})
        assert (done.status, done.json["id"], done.json["status"]) == (200, task, "succeeded")
        assert [(one["item"], one["part"], one["kind"], one["text"]) for one in done.json["outputs"]] == [
            (0, "main", "image", None),
            (1, "main", "image", None),
        ]
        again = server.call("POST", f"{path}/complete", {"prompt": "a boat at night", "count": 2})
        assert (again.status, again.json["status"]) == (200, "succeeded")
        assert server.call("POST", f"{path}/complete", {"prompt": "another"}).status == 409


def test_a_draft_that_nobody_completes_fails(tmp_path: Path) -> None:
    with LiveServer(tmp_path, "[limits]\ndraft = 2.0\n") as server:
        task = server.call("POST", "/v1/tasks", DRAFT).json["id"]
        found = server.until(f"/v1/tasks/{task}", lambda one: one["status"] != "draft")
        assert (found["status"], found["error"]["code"]) == ("failed", "expired")
