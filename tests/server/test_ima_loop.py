"""IMA's dialect, served by one Telecine, and consumed by the provider of another: both speak the same wire."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import pytest

from tests.providers.openai.requests import drawn
from tests.server.live import KEY, LiveServer, eventually

STYLES: Final = ("videos", "content")
PICTURE: Final = f"data:image/png;base64,{base64.b64encode(drawn('PNG', 320)).decode()}"
VIDEO: Final = "ima-pro"
IMAGE: Final = "gemini-3.1-flash-image-preview"


class Pair(NamedTuple):
    """The one that clients speak to, and the one that stands where IMA would."""

    here: LiveServer
    there: LiveServer


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    local = '[network]\nallow_private = ["127.0.0.1/32"]\n'
    sandbox = '\n[[channels]]\nname = "sandbox"\nprovider = "sandbox"\nmodels = ["*"]\n'
    with LiveServer(tmp_path_factory.mktemp("there"), local + sandbox) as there:
        config = f'public_url = "{{address}}"\n{local}'
        for style in STYLES:
            names = {"by": VIDEO, "drawn": IMAGE, "mj": "midjourney", "kling": "kling-v2-5-turbo"}
            models = ", ".join(f'{{ public = "{one}-{style}", upstream = "{name}" }}' for one, name in names.items())
            config += f"""
[[channels]]
name = "{style}"
provider = "ima"
base_url = "{there.address}/ima"
api_key = "{KEY}"
allow_private = true
models = [{models}]
options = {{ style = "{style}" }}
"""
        with LiveServer(tmp_path_factory.mktemp("here"), config) as here:
            yield Pair(here, there)


def made(pair: Pair, **fields: Any) -> tuple[Any, Any]:
    """A task, once it has ended, and the one that it has become there."""
    answer = pair.here.call("POST", "/v1/tasks", {"prompt": "a paper boat", **fields})
    assert answer.status == 200, answer
    state = "SELECT state FROM tasks ORDER BY id DESC LIMIT 1"
    eventually(lambda: pair.here.rows(state)[0][0] not in ("queued", "submitting"), "the job")
    pair.here.clock.leap(100)  # to the first question; before that it would cut the submit off
    task = pair.here.ended(answer.json["id"])
    (theirs,) = pair.there.call("GET", "/v1/tasks?limit=1").json["data"]
    assert (task["status"], theirs["status"], theirs["dialect"]) == ("succeeded", "succeeded", "ima"), (task, theirs)
    assert [one["sha256"] for one in task["outputs"]] == [one["sha256"] for one in theirs["outputs"]]
    assert pair.there.address not in str(task)
    return task, theirs


def test_a_picture_goes_round(pair: Pair) -> None:
    task, theirs = made(pair, model="drawn-videos", aspect_ratio="4:1", resolution="512p", operation="text_to_image")
    (output,) = task["outputs"]
    assert (output["width"], output["height"], theirs["model"]) == (2048, 512, IMAGE)


def test_pictures_that_are_edited_go_round(pair: Pair) -> None:
    inputs = [{"role": "image", "data": PICTURE}] * 2
    _, theirs = made(pair, model="drawn-content", operation="image_to_image", inputs=inputs)
    assert theirs["operation"] == "image_to_image"


@pytest.mark.parametrize(
    ("style", "role"), [("videos", ""), ("videos", "first_frame"), ("content", "first_frame"), ("content", "reference")]
)
def test_a_video_goes_round(pair: Pair, style: str, role: str) -> None:
    inputs = [{"role": role, "data": PICTURE}] if role else []
    operation = {"": "text_to_video", "first_frame": "image_to_video"}.get(role, "reference_to_video")
    said = {"duration": 1, "resolution": "480p", "aspect_ratio": "1:1", "seed": 7, "audio": True}
    task, theirs = made(pair, model=f"by-{style}", operation=operation, inputs=inputs, **said)
    (output,) = task["outputs"]
    assert (theirs["operation"], theirs["model"]) == (operation, VIDEO)
    assert (output["duration"], output["height"]) == (1.0, 480)


def test_a_file_of_a_library_becomes_one_of_the_other(pair: Pair) -> None:
    """Once: the second video is made with the same one."""
    content = drawn("PNG", 320)
    asset = pair.here.call("POST", "/v1/assets", content, headers={"content-type": "image/png"}).json
    pair.here.until(f"/v1/assets/{asset['id']}", lambda found: found["status"] == "ready")
    inputs = [{"role": "first_frame", "asset": asset["id"]}]
    for style in STYLES[:1] * 2:
        _, theirs = made(pair, model=f"by-{style}", duration=1, resolution="480p", inputs=inputs)
        assert theirs["operation"] == "image_to_video"
    (copy,) = pair.there.call("GET", "/v1/assets").json["data"]
    assert (copy["sha256"], copy["id"] != asset["id"]) == (hashlib.sha256(content).hexdigest(), True)


def test_a_video_of_klings_goes_round(pair: Pair) -> None:
    _, theirs = made(pair, model="kling-videos", operation="text_to_video", duration=5, size="1280x720")
    assert (theirs["model"], theirs["outputs"][0]["duration"]) == ("kling-v2-5-turbo", 5.0)


def test_a_grid_of_midjourney_and_one_of_it_go_round(pair: Pair) -> None:
    """One is made larger by the button that the other one tells of."""
    grid, _ = made(pair, model="mj-videos", operation="text_to_image", count=4)
    assert [one["part"] for one in grid["outputs"]] == ["main"] * 4 + ["grid"]
    second = {"output": grid["outputs"][1]["id"]}
    larger, theirs = made(pair, model="mj-videos", operation="upscale", source=second, prompt="")
    assert (theirs["operation"], len(larger["outputs"])) == ("upscale", 1)


@pytest.mark.parametrize("style", STYLES)
def test_a_failure_and_a_refusal_go_round(pair: Pair, style: str) -> None:
    body = {"model": f"by-{style}", "prompt": "[[fail:content_policy]] a boat", "operation": "text_to_video"}
    task = pair.here.ended(pair.here.call("POST", "/v1/tasks", body).json["id"])
    (theirs,) = pair.there.call("GET", "/v1/tasks?limit=1").json["data"]
    assert (task["status"], task["error"]["code"]) == ("failed", "content_policy")
    assert task["error"]["message"] == theirs["error"]["message"]
    before = pair.there.count("tasks")
    answer = pair.here.call("POST", "/v1/tasks", body | {"prompt": "[[refuse:content_policy]] a boat"})
    assert (answer.status, answer.json["error"]["code"]) == (400, "content_policy"), answer
    eventually(lambda: pair.there.count("tasks") == before + 1, "their task")


def test_a_client_of_ima_goes_round(pair: Pair) -> None:
    """What it says passes from one to the other in its own words."""
    body = {"model": "by-videos", "prompt": "a boat", "duration": 1, "metadata": {"resolution": "480p"}}
    created = pair.here.call("POST", "/ima/v1/videos", body).json
    pair.here.ended(created["task_id"])
    found = pair.here.call("GET", f"/ima/v1/videos/{created['task_id']}").json
    assert (found["status"], found["results"][0]["duration"]) == ("completed", 1)
    assert found["results"][0]["url"].startswith(pair.here.address)
