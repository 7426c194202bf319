"""OpenAI's dialect in each of the relays' forms, served by one Telecine, and consumed by the provider of another."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import pytest

from tests.providers.openai.requests import drawn
from tests.server.live import ADMIN_KEY, KEY, LiveServer, eventually

FORMS: Final = ("official", "unified", "new-api")
CHANNELS: Final = {
    **{form: ("/v1", f'options = {{ form = "{form}" }}') for form in FORMS},
    "with the model in its ids": ("/relay", 'options = { form = "official" }'),
    "gpt-best": ("/sora", 'options = { form = "official" }'),
    "found": ("", ""),
}
"""By name, the address of each below the other server, and its options."""
SHORT: Final = "sora-short"
"""The name of a model that may make less than Sora's four seconds."""
BOAT: Final = {"prompt": "a paper boat", "duration": 1}
SANDBOX: Final = f'[[channels]]\nname = "sandbox"\nprovider = "sandbox"\nmodels = ["{SHORT}"]\n'
PICTURE: Final = f"data:image/png;base64,{base64.b64encode(drawn('PNG', 320)).decode()}"


class Pair(NamedTuple):
    """The one that clients speak to, and the one that stands where a relay would."""

    here: LiveServer
    there: LiveServer


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with LiveServer(tmp_path_factory.mktemp("there"), SANDBOX) as there:
        config = '[network]\nallow_private = ["127.0.0.1/32"]\n'
        for form, (root, options) in CHANNELS.items():
            config += f"""
[[channels]]
name = "{form}"
provider = "relay"
base_url = "{there.address}{root}"
api_key = "{KEY}"
allow_private = true
models = [{{ public = "by-{form}", upstream = "{SHORT}" }}]
{options}
"""
        with LiveServer(tmp_path_factory.mktemp("here"), config) as here:
            yield Pair(here, there)


def made(pair: Pair, form: str, **fields: Any) -> tuple[Any, Any]:
    """A task, once it has ended, and the one that it has become there."""
    answer = pair.here.call("POST", "/v1/tasks", BOAT | {"model": f"by-{form}"} | fields)
    assert answer.status == 200, answer
    task = pair.here.ended(answer.json["id"])
    (theirs,) = pair.there.call("GET", "/v1/tasks?limit=1").json["data"]
    return task, theirs


@pytest.fixture(scope="module")
def videos(pair: Pair) -> dict[str, tuple[Any, Any]]:
    """One that was made in each form, and the one that it was there."""
    return {form: made(pair, form, size="1280x720") for form in list(CHANNELS)[:-1]}


@pytest.mark.parametrize("form", list(CHANNELS)[:-1])
def test_a_video_goes_round(pair: Pair, videos: dict[str, tuple[Any, Any]], form: str) -> None:
    task, theirs = videos[form]
    assert (task["status"], theirs["status"]) == ("succeeded", "succeeded"), task
    (output,), (original,) = task["outputs"], theirs["outputs"]
    assert output["sha256"] == original["sha256"]
    assert (output["width"], output["height"], output["duration"]) == (1280, 720, 1.0)
    assert pair.there.address not in str(task)


@pytest.mark.parametrize("form", ["unified", "new-api"])
def test_a_picture_goes_round(pair: Pair, form: str) -> None:
    task, theirs = made(pair, form, inputs=[{"role": "first_frame", "data": PICTURE}])
    assert (task["status"], theirs["operation"]) == ("succeeded", "image_to_video"), task


@pytest.mark.parametrize(
    ("form", "operation"), [("official", "edit_video"), ("unified", "remix"), ("new-api", "extend")]
)
def test_what_goes_on_from_a_video_goes_round(
    pair: Pair, videos: dict[str, tuple[Any, Any]], form: str, operation: str
) -> None:
    source = {"task": videos[form][0]["id"]}
    task, theirs = made(pair, form, operation=operation, source=source, prompt="at night")
    assert (task["status"], theirs["operation"]) == ("succeeded", operation), task


def test_references_go_round(pair: Pair) -> None:
    inputs = [{"role": "reference", "data": PICTURE}, {"role": "reference", "data": PICTURE}]
    task, theirs = made(pair, "official", operation="reference_to_video", inputs=inputs)
    assert (task["status"], len(task["outputs"])) == ("succeeded", 1), task
    assert theirs["status"] == "succeeded"


def test_a_character_goes_round(pair: Pair, videos: dict[str, tuple[Any, Any]]) -> None:
    said = {"model": "by-official", "from_task": videos["official"][0]["id"], "timestamps": "0,1"}
    here = pair.here.call("POST", "/sora/v1/characters", said)
    (theirs,) = pair.there.call("GET", "/v1/tasks?limit=1").json["data"]
    assert (here.status, theirs["operation"], theirs["status"]) == (200, "create_character", "succeeded"), here
    assert here.json["status"] == "completed"


@pytest.mark.parametrize("form", FORMS)
def test_a_failure_and_a_refusal_go_round(pair: Pair, form: str) -> None:
    task, theirs = made(pair, form, prompt="[[fail:content_policy]] a boat")
    assert (task["status"], task["error"]["code"]) == ("failed", "content_policy")
    assert task["error"]["message"] == theirs["error"]["message"]
    before = pair.there.count("tasks")
    body = {"model": f"by-{form}", "prompt": "[[refuse:content_policy]] a boat"}
    answer = pair.here.call("POST", "/v1/tasks", body)
    assert (answer.status, answer.json["error"]["code"]) == (400, "content_policy"), answer
    eventually(lambda: pair.there.count("tasks") == before + 1, "their task")


def test_each_form_is_found_out(pair: Pair) -> None:
    found = pair.here.call("POST", "/admin/v1/channels/found/probe", key=ADMIN_KEY).json
    assert (found["form"], found["serves"], found["said"]) == ("official", ["official", "unified", "new-api"], False)
