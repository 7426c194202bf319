"""Callbacks in Kling's legacy form: what a query shows, flat, for each operation and each status."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from telecine.dialects.bodies import parse_object
from telecine.dialects.kling import KLING
from telecine.dialects.kling.create import parse
from telecine.dialects.kling.operation import Operation
from telecine.dialects.kling.routes import OPERATIONS
from telecine.nouns import catalogue
from telecine.nouns.errors import TaskError
from telecine.nouns.request import GenerationRequest
from telecine.webhooks.delivery import EVENTS, PROGRESS, Tidings
from tests.dialects.house import NOW, House


@pytest.mark.parametrize("op", OPERATIONS, ids=lambda op: op.title)
async def test_each_operation_is_told_as_a_query_shows_it(op: Operation) -> None:
    house = House(KLING)
    asked, _ = parse(op, parse_object(json.dumps(op.example).encode()), catalogue.load())
    request = GenerationRequest(asked.operation, asked.model, "a cat", external_id="mine")
    failed = TaskError("content_policy", "Failure to pass the risk control system")
    views = {
        "submitted": house.tasks.add(request, form=op.path.form),
        "processing": house.tasks.add(request, form=op.path.form, state="running", started_at=NOW),
        "succeed": house.tasks.done(request, dialect="kling", form=op.path.form),
        "failed": house.tasks.add(request, form=op.path.form, state="failed", ended_at=NOW, error=failed),
    }
    assert KLING.announce is not None
    for status, view in views.items():
        shown = (await house.call("GET", f"/kling{op.path.path}/{view.task.id}")).json()["data"]
        for event in EVENTS:
            told = KLING.announce(view, Tidings(event, NOW), house.edge)
            if event == PROGRESS:
                assert told is None
                continue
            assert told is not None
            body: dict[str, Any] = msgspec.json.decode(told.body)
            assert body == shown
            assert (body["task_status"], body["task_info"]["external_task_id"]) == (status, "mine")
            assert {"code", "data"}.isdisjoint(body)
