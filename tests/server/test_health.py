"""Alive, ready, measured, and never held up."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.server.live import LiveServer, eventually
from tests.server.pictures import played
from tests.ticks import ROUNDS, Ticks

FAILS = "a [[fail:content_policy]]"


def until_ready(server: LiveServer, status: int, **checks: bool) -> None:
    """Wait until `/readyz` says so."""

    def read() -> bool:
        answer = server.call("GET", "/readyz", key=None)
        assert answer.json["status"] == ("ok" if answer.status == 200 else "unavailable")
        return answer.status == status and checks.items() <= answer.json["checks"].items()

    eventually(read, f"{status} with {checks}")


def test_a_healthy_server(sandbox: LiveServer) -> None:
    assert sandbox.call("GET", "/healthz", key=None).json == {"status": "ok"}
    until_ready(sandbox, 200, database=True, engine=True, storage=True)
    ready = sandbox.call("GET", "/readyz", key=None)
    assert (ready.status, ready.json) == (
        200,
        {"status": "ok", "checks": dict.fromkeys(("database", "engine", "loops", "room", "storage", "writes"), True)},
    )
    front = sandbox.call("GET", "/", key=None)
    assert (front.status, front.json["name"]) == (200, "telecine")
    for path in ("/healthz", "/readyz", "/metrics"):
        head = sandbox.call("HEAD", path, key=None)
        assert (head.status, head.content) == (200, b"")


def test_metrics_count_what_happened(sandbox: LiveServer) -> None:
    task = sandbox.call("POST", "/v1/tasks", {"model": "sora-2", "prompt": FAILS}).json["id"]
    waits = sandbox.call("POST", "/v1/tasks", {"model": "sora-2", "prompt": "a [[delay:80000]]"}).json["id"]
    sandbox.ended(task)
    sandbox.call("POST", "/kling/v1/videos/text2video", {})
    assert sandbox.call("GET", "/metrics", key=None).headers["content-type"].startswith("text/plain")

    def after() -> str:
        return sandbox.call("GET", "/metrics", key=None).content.decode()

    # What is counted in the records is a few seconds old.
    eventually(lambda: 'telecine_tasks{state="running"} 1.0' in after(), "figures with the task that runs")
    figures = dict(line.rsplit(" ", 1) for line in after().splitlines() if not line.startswith("#"))
    assert float(figures['telecine_requests_total{dialect="tasks",method="POST",status="200"}']) == 2
    assert float(figures['telecine_requests_total{dialect="kling",method="POST",status="400"}']) == 1
    assert float(figures["telecine_oldest_due_seconds"]) < 60
    assert float(figures["telecine_step_lateness_seconds_count"]) >= 1
    assert sandbox.call("POST", f"/v1/tasks/{waits}/cancel").json["status"] == "cancelled"
    eventually(lambda: 'telecine_tasks{state="running"}' not in after(), "figures without it")


def test_a_database_that_takes_no_writes(folder: Path) -> None:
    """Another process holds the file: reads go on, the engine stands still, and nothing is lost for it."""
    with LiveServer(folder, speed=60, calm=False) as server:
        task = server.call("POST", "/v1/tasks", {"model": "sora-2", "prompt": f"{FAILS} [[delay:60]]"}).json["id"]
        with closing(sqlite3.connect(server.data / "telecine.db", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            until_ready(server, 503, database=True, engine=False, storage=True)
            assert server.call("GET", "/healthz", key=None).status == 200
            assert server.call("GET", f"/v1/tasks/{task}").json["status"] in ("queued", "running")
            other.execute("ROLLBACK")
        until_ready(server, 200)
        assert server.ended(task)["error"]["code"] == "content_policy"


def test_a_storage_that_is_gone(folder: Path) -> None:
    with LiveServer(folder) as server:
        media = server.data / "media"
        shutil.move(media, folder / "elsewhere")
        media.write_text("no folder")
        until_ready(server, 503, database=True, engine=True, storage=False)
        media.unlink()
        shutil.move(folder / "elsewhere", media)
        until_ready(server, 200)


def test_the_loop_is_never_held_up_by_rendering(sandbox: LiveServer) -> None:
    body = {"model": "sora-2", "seconds": "4", "size": "1280x720"}
    gaps = []
    for number in range(ROUNDS):
        ticks = Ticks()
        prompts = [f"一艘纸船 {number} {which}" for which in range(2)]  # what was drawn before would not be drawn again
        names = [sandbox.call("POST", "/v1/videos", {**body, "prompt": one}).json["id"] for one in prompts]
        ticker = asyncio.run_coroutine_threadsafe(ticks.run(), sandbox.loop)
        for name in names:
            assert sandbox.ended(name)["status"] == "succeeded"
        ticks.going = False
        ticker.result(10)
        gaps.append(ticks.longest)
        for name in names:
            assert played(sandbox.call("GET", f"/v1/videos/{name}/content").content).width == 1280
        if ticks.longest < 0.25:
            return
    pytest.fail(f"the loop was away for {gaps} s")
