"""A dialect's create that is answered with the result, and what its format allows while that takes time."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from msgspec.structs import replace

from telecine.accounts.principal import Principal
from telecine.dialects import waiting
from telecine.dialects.rows import Create
from telecine.dialects.tasks import TASKS
from telecine.dialects.waiting import BLANK, COMMENT, Wait
from telecine.tasks.view import View
from tests.dialects.house import NOW, FakeTasks, House

BODY = {"model": "kling-v1", "prompt": "a cat"}


class Lasting(FakeTasks):
    """Tasks that succeed while somebody waits for them, after a while."""

    async def wait(self, principal: Principal, task_id: int, seconds: float) -> View:
        self.waits.append(seconds)
        await asyncio.sleep(0.1)
        view = self.views[task_id]
        return View(replace(view.task, state="succeeded", started_at=NOW, ended_at=NOW + 1))


def house(wait: Wait) -> House:
    """Our own form, but with a create that waits as another protocol's may."""
    rows = tuple(replace(row, wait=lambda _: wait) if isinstance(row, Create) else row for row in TASKS.rows)
    made = House(replace(TASKS, rows=rows))
    made.tasks = Lasting()
    made.edge = replace(made.edge, tasks=made.tasks)
    made.app._app.state.edge = made.edge  # type: ignore[attr-defined]
    return made


async def test_without_a_pulse_nothing_comes_before_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_PULSE", 0.01)
    one = house(Wait(300.0))
    answer = await one.call("POST", "/v1/tasks", json=BODY)
    assert (answer.status_code, answer.json()["status"], answer.content[:1]) == (200, "succeeded", b"{")
    assert one.tasks.waits == [300.0]


@pytest.mark.parametrize(
    ("pulse", "kind"), [(BLANK, "application/json"), (COMMENT, "text/event-stream; charset=utf-8")]
)
async def test_a_pulse_is_one_that_the_format_passes_over(
    monkeypatch: pytest.MonkeyPatch, pulse: bytes, kind: str
) -> None:
    monkeypatch.setattr(waiting, "_PULSE", 0.01)
    answer = await house(Wait(300.0, pulse)).call("POST", "/v1/tasks", json=BODY)
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    pulses, brace, rest = answer.content.partition(b"{")
    assert pulses == pulse * (len(pulses) // len(pulse))
    assert pulses
    found: Any = json.loads(brace + rest)
    assert found["status"] == "succeeded"
