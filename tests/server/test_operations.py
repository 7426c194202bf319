"""Every operation at `/v1/tasks`, over a whole server on a sandbox that costs something: what is made, what goes on
from what, whose that is, and what it costs."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from tests.dialects.house import picture
from tests.server.live import KEY, OTHER_KEY, LiveServer
from tests.upstreams.clip import wav

CONFIG = """
[[channels]]
name = "sandbox"
provider = "sandbox"
models = ["*", "tiny"]
priced = true

[[accounts]]
name = "default"
balance = 1000

[[accounts]]
name = "other"
balance = 1000

[[prices]]
model = "tiny"
unit = "second"
price = 0.1

[[prices]]
model = "tiny"
unit = "second"
price = 0.2
when = { operation = "extend" }

[[prices]]
model = "tiny"
unit = "call"
price = 1
when = { operation = "create_character" }

[[prices]]
model = "kling-v1"
unit = "second"
price = 0.05

[[prices]]
model = "kling-v1"
unit = "image"
price = 0.01

[[prices]]
model = "kling-*"
unit = "call"
price = 0.3

[[prices]]
model = "kling-lip-sync"
unit = "second"
price = 0.02

[[prices]]
model = "kolors-*"
unit = "image"
price = 0.04

[[prices]]
model = "midjourney"
unit = "image"
price = 0.02

[[prices]]
model = "midjourney"
unit = "call"
price = 0.1
when = { operation = "upscale" }

[[prices]]
model = "midjourney"
unit = "call"
price = 0.3
when = { operation = "upscale", speed = "turbo" }

[[prices]]
model = "midjourney"
unit = "call"
price = 0.01
when = { operation = "describe" }

[[prices]]
model = "midjourney"
unit = "second"
price = 0.01
when = { motion = "high" }
"""


def data(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("operations"), CONFIG) as found:
        yield found


def made(server: LiveServer, **body: Any) -> Any:
    """The task, once it has succeeded."""
    answer = server.call("POST", "/v1/tasks", {"prompt": "a boat", **body})
    assert answer.status == 200, answer
    over = ("succeeded", "failed", "cancelled")
    task = server.until(f"/v1/tasks/{answer.json['id']}", lambda found: found["status"] in over, 60)
    assert task["status"] == "succeeded", task
    return task


def refused(server: LiveServer, key: str = KEY, **body: Any) -> tuple[int, str, str]:
    answer = server.call("POST", "/v1/tasks", {"prompt": "a boat", **body}, key=key)
    error = answer.json["error"]
    return answer.status, error["code"], error["param"]


@pytest.fixture(scope="module")
def clip(server: LiveServer) -> Any:
    """A video of one second, of a model without limits."""
    return made(server, model="tiny", size="320x180", duration=1)


def test_an_extension_costs_what_it_adds(server: LiveServer, clip: Any) -> None:
    task = made(server, model="tiny", operation="extend", duration=2, source={"task": clip["id"]})
    assert (task["operation"], task["cost"]["held"], task["cost"]["charged"]) == ("extend", "0.400000", "0.400000")
    assert task["outputs"][0]["duration"] == pytest.approx(3, abs=0.1)


def test_another_accounts_video_is_nothing_to_go_on_from(server: LiveServer, clip: Any) -> None:
    body: dict[str, Any] = {"model": "tiny", "operation": "extend", "duration": 2, "source": {"task": clip["id"]}}
    assert refused(server, OTHER_KEY, **body)[:2] == (404, "not_found")
    assert refused(server, model="tiny", operation="extend", duration=2) == (400, "invalid_request", "inputs.video")


def test_lips_follow_a_sound_on_what_was_made_before(server: LiveServer, clip: Any) -> None:
    inputs = [{"role": "audio", "data": data(wav(1))}]
    task = made(server, model="kling-lip-sync", operation="lip_sync", source={"task": clip["id"]}, inputs=inputs)
    assert task["cost"]["charged"] == "0.020000"
    assert task["outputs"][0]["duration"] == pytest.approx(1, abs=0.1)


def test_faces_are_looked_for_and_paid_by_the_call(server: LiveServer, clip: Any) -> None:
    task = made(server, model="kling-identify-face", operation="kling:identify_face", source={"task": clip["id"]})
    assert task["cost"]["charged"] == "0.300000"
    assert [(one["kind"], one["part"]) for one in task["outputs"]] == [("text", "main"), ("image", "face")]
    assert '"face_id":"0"' in task["outputs"][0]["text"]


def test_a_picture_and_a_video_of_one_model_have_their_own_prices(server: LiveServer) -> None:
    task = made(server, model="kling-v1", operation="text_to_image", count=2, size="320x180")
    assert (task["cost"]["charged"], len(task["outputs"])) == ("0.020000", 2)


def test_a_try_on_is_meant_by_its_roles(server: LiveServer) -> None:
    inputs = [{"role": role, "data": data(picture())} for role in ("person", "garment")]
    task = made(server, model="kolors-virtual-try-on-v1", inputs=inputs, prompt="")
    assert (task["operation"], task["cost"]["charged"]) == ("try_on", "0.040000")


def test_what_an_operation_has_alone_is_a_parameter(server: LiveServer) -> None:
    inputs = [{"role": "image", "data": data(picture(320, 320))}]
    body: dict[str, Any] = {"model": "kling-expand", "operation": "expand", "inputs": inputs, "prompt": ""}
    assert refused(server, **body, parameters={"upwards": 1}) == (400, "invalid_request", "parameters.upwards")
    task = made(server, **body, parameters={"up": 0.5, "left": 0.5})
    assert (task["outputs"][0]["width"], task["outputs"][0]["height"]) == (480, 480)


def test_a_sound_comes_in_two_forms_of_one_thing(server: LiveServer) -> None:
    task = made(server, model="kling-text-to-audio", prompt="waves", duration=3)
    assert (task["operation"], [one["part"] for one in task["outputs"]]) == ("sound", ["main", "wav"])
    assert task["cost"]["charged"] == "0.300000"


def test_a_character_is_made_of_a_video(server: LiveServer, clip: Any) -> None:
    task = made(server, model="tiny", operation="create_character", source={"task": clip["id"]})
    assert (task["outputs"][0]["kind"], task["cost"]["charged"]) == ("text", "1.000000")


@pytest.fixture(scope="module")
def grid(server: LiveServer) -> Any:
    """Four small pictures."""
    return made(server, model="midjourney", size="96x64", count=4, parameters={"grid": True})


def test_a_grid_is_paid_by_the_picture_and_shown_as_one(grid: Any) -> None:
    assert grid["cost"]["charged"] == "0.080000"
    assert [(one["item"], one["part"]) for one in grid["outputs"]] == [*((n, "main") for n in range(4)), (0, "grid")]
    assert len({one["sha256"] for one in grid["outputs"]}) == 5


@pytest.mark.parametrize(
    ("parameters", "size", "cost"),
    [({"index": 2}, (192, 128), "0.100000"), ({"index": 2, "factor": 3, "speed": "turbo"}, (288, 192), "0.300000")],
)
def test_an_upscale_costs_more_in_a_hurry(
    server: LiveServer, grid: Any, parameters: Any, size: tuple[int, int], cost: str
) -> None:
    body: dict[str, Any] = {"model": "midjourney", "operation": "upscale", "source": {"task": grid["id"]}}
    task = made(server, **body, prompt="", parameters=parameters)
    assert ((task["outputs"][0]["width"], task["outputs"][0]["height"]), task["cost"]["charged"]) == (size, cost)


def test_another_accounts_picture_is_nothing_to_change(server: LiveServer, grid: Any) -> None:
    body: dict[str, Any] = {"model": "midjourney", "operation": "vary", "source": {"task": grid["id"]}}
    assert refused(server, OTHER_KEY, **body)[:2] == (404, "not_found")
    assert refused(server, **body, parameters={"index": 5}) == (400, "invalid_request", "parameters.index")


def test_a_picture_is_described_by_the_call_and_a_text_comes_of_it(server: LiveServer) -> None:
    inputs = [{"role": "image", "data": data(picture(96, 64))}]
    task = made(server, model="midjourney", operation="describe", inputs=inputs, prompt="")
    assert [(one["kind"], one["url"]) for one in task["outputs"]] == [("text", None)]
    assert "96 x 64 pixels" in task["outputs"][0]["text"]
    assert task["cost"]["charged"] == "0.010000"


def test_clips_of_a_picture_of_a_grid_are_paid_by_their_seconds(server: LiveServer, grid: Any) -> None:
    source, parameters = {"output": grid["outputs"][3]["id"]}, {"motion": "high"}
    body: dict[str, Any] = {"model": "midjourney", "operation": "image_to_video", "source": source, "count": 2}
    task = made(server, **body, parameters=parameters, resolution="480p")
    assert (len(task["outputs"]), task["cost"]["charged"]) == (2, "0.100000")
    assert len({one["sha256"] for one in task["outputs"]}) == 2
