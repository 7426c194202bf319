"""SIGTERM ends the process, whatever is under way, and nothing of it is lost."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from telecine.providers.outcomes import Accepted
from tests.server.live import eventually
from tests.server.process import ServerProcess
from tests.tasks.scripted import House, text_to_video
from tests.upstreams.kling import API_KEY, FakeKling
from tests.upstreams.server import ThreadedServer


class Hanging(ThreadedServer):
    """A webhook receiver that answers nobody until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.come = 0
        self.bodies: list[str] = []
        self.hang = True

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = json.loads(await request.read())
        self.come += 1
        while self.hang:  # noqa: ASYNC110  set by another thread
            await asyncio.sleep(0.02)
        self.bodies.append(body["type"])
        return web.Response()


@pytest.mark.parametrize("round_", range(2))
def test_running_jobs_and_a_hanging_webhook_do_not_hold_up_a_stop(tmp_path: Path, round_: int) -> None:
    with (
        FakeKling().in_thread() as fake,
        Hanging().in_thread() as receiver,
        ServerProcess(tmp_path, fake.base_url, API_KEY, top="[limits]\nshutdown = 0.5") as server,
    ):
        for number in range(6):
            wanted = {"model": "kling-v2-5-turbo", "prompt": f"job {number}", "webhook_url": receiver.base_url}
            status, task = server.call("POST", "/v1/tasks", wanted)
            assert (status, task["status"] in ("queued", "running")) == (200, True), task
        fake.begin()
        eventually(lambda: receiver.come >= 4, "webhooks under way")
        assert server.stop() == 0
        log = (tmp_path / "stderr.log").read_text()
        assert "left_behind" not in log
        assert "stop_overdue" not in log
        receiver.hang = False
        server.start()
        fake.finish()
        eventually(lambda: receiver.bodies.count("task.succeeded") >= 6, "every webhook, after the start", 30)
        assert server.stop() == 0


async def test_a_step_that_heeds_no_cancel_is_named_and_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("telecine.tasks.engine.LEAVING", 0.05)
    begun, freed = asyncio.Event(), asyncio.Event()

    async def deaf() -> Accepted:
        begun.set()
        while not freed.is_set():
            try:
                await freed.wait()
            except asyncio.CancelledError:
                continue
        return Accepted("u1")

    house = House(tmp_path)
    house.provider.submits = [deaf]
    async with house.opened():
        creating = asyncio.create_task(house.tasks.create(house.me, text_to_video(), "tasks"))
        await begun.wait()
        with capture_logs() as logs:
            left = await house.engine.stop(0.0)
        assert len(left) == 1
        assert left[0].startswith("task ")
        assert [(line["event"], line["tasks"]) for line in logs] == [("left_behind", left)]
        freed.set()
        await creating
