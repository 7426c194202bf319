"""The calls that answer at once: what they wait for, and what a result, or none, looks like."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from telecine.accounts.principal import Principal
from telecine.dialects.kling import KLING
from telecine.nouns.errors import TaskError
from telecine.nouns.ids import output_id
from telecine.nouns.task import Facts, Output, State, Usage
from telecine.tasks.view import View
from tests.dialects.house import NOW, REQUEST_ID, House

FACE, LOOK = "/v1/videos/identify-face", "/v1/videos/image-recognize"
BODIES = {FACE: {"video_url": "https://pictures.test/a.mp4"}, LOOK: {"image": "https://pictures.test/a.png"}}


def house(state: State, text: str | None = None, *companions: str, **more: Any) -> House:
    """One where tasks come to this while their clients wait: a text, and pictures of what is called so in it."""
    found = House(KLING)

    async def wait(principal: Principal, task_id: int, seconds: float) -> View:
        found.tasks.waits.append(seconds)
        task = msgspec.structs.replace(found.tasks.views[task_id].task, state=state, **{"ended_at": NOW + 3, **more})
        facts = Facts.of("kling", {"final_balance_deduction": {"quota": "1", "list_price": "2"}, "x": 1})
        said = Output(task_id=task_id, index=0, kind="text", text=text, state="stored", facts=facts)
        pictures = [
            Output(
                task_id=task_id, index=1 + number, kind="image", part="face", upstream_id=name, state="stored",
                object_key="k", content_type="image/png",
            )
            for number, name in enumerate(companions)
        ]  # fmt: skip
        return View(task, (said, *pictures) if text is not None else ())

    found.tasks.wait = wait  # type: ignore[method-assign]
    return found


async def test_faces_are_told_with_a_session_and_their_pictures() -> None:
    found = house(
        "succeeded", '[{"face_id":"a","start_time":0,"end_time":5200.5},{"face_id":"b"}]', "a", usage=Usage(units="7")
    )
    answer = (await found.call("POST", FACE, json=BODIES[FACE])).json()
    task = next(iter(found.tasks.views))
    link = answer["data"]["face_data"][0].pop("face_image")
    assert link.startswith("http")
    assert answer == {
        "code": 0,
        "message": "SUCCEED",
        "request_id": REQUEST_ID,
        "data": {
            "session_id": output_id(task, 0),
            "final_unit_deduction": "7",
            "final_balance_deduction": {"quota": "1", "list_price": "2"},
            "face_data": [
                {"face_id": "a", "start_time": 0, "end_time": 5200.5},
                {"face_id": "b", "start_time": 0, "end_time": 0},
            ],
        },
    }
    assert found.tasks.waits == [120.0]
    assert found.tasks.views[task].task.form == "kling:identify-face"


async def test_parts_are_told_with_their_pictures() -> None:
    found = house("succeeded", '[{"type":"head_seg","is_contain":true},{"type":"cloth_seg"}]', "head_seg")
    parts = (await found.call("POST", LOOK, json=BODIES[LOOK])).json()["data"]["task_result"]["images"]
    assert [(one["type"], one["is_contain"], "url" in one) for one in parts] == [
        ("head_seg", True, True),
        ("cloth_seg", False, False),
    ]


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    ("state", "text", "more", "told"),
    [
        ("running", None, {"ended_at": None}, (503, 5001)),
        ("submitting", None, {"ended_at": None}, (503, 5001)),
        ("queued", None, {"ended_at": None}, (429, 1303)),
        ("failed", None, {"error": TaskError("content_policy", "no")}, (400, 1301)),
        ("failed", None, {"error": TaskError("submission_unknown", "no")}, (500, 5000)),
        ("failed", None, {}, (500, 5000)),
        ("cancelled", None, {}, (400, 1201)),
        ("succeeded", None, {}, (500, 5000)),
        ("succeeded", "{", {}, (500, 5000)),
        ("succeeded", '[{"name":"a"}]', {}, (500, 5000)),
    ],
)
async def test_what_came_to_nothing_is_told_in_klings_envelope(
    path: str, state: State, text: str | None, more: dict[str, Any], told: tuple[int, int]
) -> None:
    answer = await house(state, text, **more).call("POST", path, json=BODIES[path])
    assert (answer.status_code, answer.json()["code"]) == told
    assert set(answer.json()) == {"code", "message", "request_id"}


async def test_a_call_that_nobody_has_taken_is_taken_back_unless_it_has_a_name() -> None:
    """Whoever asks again without one asks for another call: both would be paid."""
    for headers, left in (({}, "cancelled"), ({"idempotency-key": "faces"}, "queued")):
        found = house("queued", ended_at=None)
        answer = await found.call("POST", FACE, json=BODIES[FACE], headers=headers)
        assert answer.json()["code"] == (1303 if left == "cancelled" else 5001)
        (view,) = found.tasks.views.values()
        assert view.task.state == left
