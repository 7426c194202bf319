"""Every operation of the table can be asked for at `/v1/tasks`, by its name and by what the model and inputs say."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from telecine.dialects.tasks import TASKS
from telecine.dialects.tasks.create import CreateTask
from telecine.nouns.catalogue import load
from telecine.nouns.operations import OPERATIONS, Operation
from telecine.nouns.parameters import MusicParameters
from telecine.nouns.request import GenerationRequest
from tests.dialects.house import House
from tests.operations import URL, roles


@pytest.fixture
def house() -> House:
    return House(TASKS)


async def sent(house: House, **body: Any) -> tuple[int, Any]:
    answer = await house.call("POST", "/v1/tasks", json={"prompt": "a paper boat", **body})
    return answer.status_code, answer.json()


PICTURE = {"role": "image", "url": URL}
VARY = {"operation": "vary", "inputs": [PICTURE]}
MODELS = {name: model.name for model in load().models for name in model.operations}
IN_CATALOGUE = [one for one in OPERATIONS.values() if one.name in MODELS]
"""The catalogue has no workflows; `tests/server/test_workflows.py` calls some."""


@pytest.mark.parametrize("operation", IN_CATALOGUE, ids=lambda one: one.name)
async def test_each_can_be_named(house: House, operation: Operation) -> None:
    inputs = [{"role": role, "url": URL} for role in roles(operation.name)]
    status, body = await sent(house, model=MODELS[operation.name], operation=operation.name, inputs=inputs)
    if operation.needs_source:
        assert (status, body["error"]["param"]) == (400, "operation")
        return
    assert (status, body["operation"]) == (200, operation.name)
    assert house.request.operation == operation.name


@pytest.mark.parametrize(
    ("model", "operation"),
    [
        ("kling-v1", "text_to_video"),
        ("storyboard-1", "text_to_image"),
        ("chirp-v3-5", "music"),
        ("suno_lyrics", "lyrics"),
    ],
)
async def test_a_model_says_what_is_meant(house: House, model: str, operation: str) -> None:
    assert (await sent(house, model=model))[1]["operation"] == operation


def test_its_schema_names_them_all() -> None:
    _, named = msgspec.json.schema_components([CreateTask])
    told = named["CreateTask"]["properties"]["operation"]
    assert [one["enum"] for one in told["anyOf"] if "enum" in one] == [list(OPERATIONS)]


async def test_a_song_has_parameters_of_its_own(house: House) -> None:
    parameters = {
        "lyrics": "Row, row, row your boat", "title": "Boats", "style": "folk", "negative_style": "metal",
        "instrumental": False, "continue_at": 30, "voice": "f", "style_weight": 0.5, "weirdness": 1, "audio_weight": 0,
    }  # fmt: skip
    status, _ = await sent(house, model="chirp-v3-5", prompt="", parameters=parameters, count=2)
    assert status == 200
    assert house.request == GenerationRequest(
        "music",
        "chirp-v3-5",
        count=2,
        parameters=MusicParameters(**parameters),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"model": "chirp-v3-5", "parameters": {"mode": "pro"}}, "invalid_request", "parameters.mode"),
        ({"model": "chirp-v3-5", "parameters": {"weirdness": 2}}, "invalid_request", "parameters.weirdness"),
        ({"model": "suno_lyrics", "parameters": {"title": "x"}}, "invalid_request", "parameters"),
        (
            {"model": "chirp-v3-5", "inputs": [{"role": "image", "url": URL}]},
            "invalid_request",
            "inputs",
        ),
        ({"model": "chirp-v3-5", "operation": "lyrics"}, "unsupported_parameter", "operation"),
        ({"model": "kling-v1", "operation": "vendor:op"}, "invalid_request", "operation"),
        ({"model": "midjourney", "operation": "shorten", "inputs": [PICTURE]}, "unsupported_parameter", "inputs.image"),
        *(
            ({"model": "midjourney", **body}, "invalid_request", param)
            for body, param in (
                ({"parameters": {"speed": "warp"}}, "parameters.speed"),
                ({"parameters": {"bot": "journey"}}, "parameters.bot"),
                ({"parameters": {"factor": 2}}, "parameters.factor"),
                ({**VARY, "parameters": {"index": 0}}, "parameters.index"),
                ({**VARY, "parameters": {"factor": 9}}, "parameters.factor"),
                ({**VARY, "parameters": {"strength": "some"}}, "parameters.strength"),
                ({**VARY, "parameters": {"style": "x"}}, "parameters.style"),
                ({**VARY, "parameters": {"direction": "in"}}, "parameters.direction"),
                ({**VARY, "inputs": []}, "inputs.image"),
                ({"operation": "blend", "inputs": [PICTURE]}, "inputs.image"),
                ({"operation": "blend", "inputs": [PICTURE] * 6}, "inputs"),
                ({"operation": "swap_face", "inputs": [PICTURE]}, "inputs.person"),
                ({"operation": "reroll"}, "operation"),
                ({"operation": "image_to_video", "parameters": {"motion": "wild"}}, "parameters.motion"),
            )
        ),
    ],
)
async def test_what_an_operation_has_not_is_named(house: House, body: dict[str, Any], code: str, param: str) -> None:
    status, answer = await sent(house, **body)
    assert (status, answer["error"]["code"], answer["error"]["param"]) == (400, code, param)
