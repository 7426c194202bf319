"""`"draft": true`, and the second call that completes it."""

from __future__ import annotations

from typing import Any

import pytest

from telecine.dialects.kling import KLING
from telecine.dialects.openai import OPENAI
from telecine.dialects.tasks import TASKS
from telecine.nouns.ids import tsk_id
from telecine.nouns.parameters import VideoParameters
from telecine.nouns.request import GenerationRequest
from tests.dialects.house import House, base64_of, picture

DRAFT = {
    "model": "kling-v1",
    "prompt": "a boat",
    "duration": 5,
    "parameters": {"mode": "pro", "cfg_scale": 0.5},
    "seed": None,
    "external_id": "mine",
    "draft": True,
}


@pytest.fixture
def house() -> House:
    return House(TASKS, KLING, OPENAI)


async def made(house: House, **more: Any) -> str:
    answer = (await house.call("POST", "/v1/tasks", json=DRAFT | more)).json()
    assert (answer["status"], answer["external_id"]) == ("draft", "mine")
    name: str = answer["id"]
    return name


async def test_what_the_completion_says_replaces_what_was_there(house: House) -> None:
    name = await made(house)
    body = {"prompt": "a boat at night", "duration": 10, "negative_prompt": "fog", "webhook_url": "https://h.example/x"}
    answer = await house.call("POST", f"/v1/tasks/{name}/complete", json=body)
    assert (answer.status_code, answer.json()["status"], answer.json()["id"]) == (200, "queued", name)
    before, after = house.tasks.created
    assert (before.prompt, before.duration) == ("a boat", 5.0)
    assert (after.prompt, after.duration, after.negative_prompt) == ("a boat at night", 10.0, "fog")
    assert (after.callback_url, after.external_id) == ("https://h.example/x", "mine")
    assert after.parameters == VideoParameters(mode="pro", cfg_scale=0.5)


async def test_an_empty_completion_is_the_draft_as_it_was(house: House) -> None:
    name = await made(house)
    assert (await house.call("POST", f"/v1/tasks/{name}/complete", json={})).status_code == 200
    before, after = house.tasks.created
    assert after == before


async def test_a_null_takes_a_field_away(house: House) -> None:
    name = await made(house, negative_prompt="fog")
    assert (await house.call("POST", f"/v1/tasks/{name}/complete", json={"negative_prompt": None})).status_code == 200
    assert house.tasks.created[-1].negative_prompt is None


async def test_parameters_and_inputs_are_replaced_as_a_whole(house: House) -> None:
    inline = {"role": "image", "data": base64_of(picture())}
    name = await made(house, operation="image_to_video", inputs=[inline])
    (stored,) = house.tasks.created[-1].inputs
    assert stored.object_key is not None
    answer = await house.call("POST", f"/v1/tasks/{name}/complete", json={"parameters": {"mode": "std"}})
    assert answer.status_code == 200
    after = house.tasks.created[-1]
    assert (after.parameters, after.inputs) == (VideoParameters(mode="std"), (stored,))


async def test_new_inputs_come_in_the_place_of_the_old(house: House) -> None:
    name = await made(house, operation="image_to_video", inputs=[{"role": "image", "url": "https://a.example/1.png"}])
    body = {"inputs": [{"role": "first_frame", "url": "https://a.example/2.png"}]}
    assert (await house.call("POST", f"/v1/tasks/{name}/complete", json=body)).status_code == 200
    assert [(one.role, one.url) for one in house.tasks.created[-1].inputs] == [
        ("first_frame", "https://a.example/2.png")
    ]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"external_id": "other"}, "external_id"),
        ({"draft": False}, "draft"),
        ({"prmpt": "x"}, "prmpt"),
        ({"duration": "long"}, "duration"),
        ({"parameters": {"mode": "best"}}, "parameters.mode"),
    ],
)
async def test_what_no_completion_may_say_is_refused_by_name(house: House, body: dict[str, Any], param: str) -> None:
    name = await made(house)
    answer = await house.call("POST", f"/v1/tasks/{name}/complete", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert len(house.tasks.created) == 1


@pytest.mark.parametrize(("body", "param"), [({"model": "sora-2-pro"}, "model"), ({"duration": 4}, "duration")])
async def test_a_completion_cannot_change_what_a_remix_has_from_its_source(
    house: House, body: dict[str, Any], param: str
) -> None:
    """What the source is long is made, whatever the price of what was asked for."""
    source = house.tasks.done(GenerationRequest("text_to_video", "sora-2", duration=8.0))
    name = await made(
        house,
        model="sora-2",
        operation="remix",
        source={"task": tsk_id(source.task.id)},
        duration=None,
        parameters=None,
    )
    answer = await house.call("POST", f"/v1/tasks/{name}/complete", json=body)
    assert (answer.status_code, answer.json().get("error", {}).get("param")) == (400, param)
    assert len(house.tasks.created) == 1
    fine = {"prompt": "a boat at night", "duration": None}
    assert (await house.call("POST", f"/v1/tasks/{name}/complete", json=fine)).status_code == 200
    assert house.tasks.created[-1].duration == 8.0


async def test_what_is_no_draft_is_not_completed(house: House) -> None:
    name = await made(house)
    assert (await house.call("POST", f"/v1/tasks/{name}/complete", json={})).status_code == 200
    again = await house.call("POST", f"/v1/tasks/{name}/complete", json={})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "conflict")


async def test_other_dialects_show_a_draft_as_waiting(house: House) -> None:
    name = await made(house)
    assert (await house.call("GET", f"/v1/videos/{name}")).json()["status"] == "queued"
    found = (await house.call("GET", f"/kling/v1/videos/text2video/{name}")).json()
    assert found["data"]["task_status"] == "submitted"
