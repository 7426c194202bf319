"""Our dialect of Midjourney, served by one Telecine, as the upstream of the provider of another, which it tells of each
change: all but what a session of `test_midjourney_sessions.py` has."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import pytest

from tests.server.live import KEY, LiveServer, eventually
from tests.server.pictures import picture

PICTURE: Final = {"data": f"data:image/png;base64,{base64.b64encode(picture('PNG', (64, 64))).decode()}"}
NEAR: Final = '[network]\nallow_private = ["127.0.0.1/32"]\n[limits]\nfirst_step = 600\n'
"""Their clocks run twenty times as fast as the machine's: a refusal has half a minute to be the answer."""
SMALL: Final = "".join(
    f'[[models]]\nname = "{name}"\ndefault_size = "96x96"\nsizes = []\n' for name in ("midjourney", "niji")
)
"""What is drawn is not what is tested."""
BOAT: Final = {"model": "midjourney", "prompt": "a paper boat"}


class Pair(NamedTuple):
    """The one that clients speak to, and the one that stands where a proxy would."""

    here: LiveServer
    there: LiveServer

    def asked(self, **fields: Any) -> Any:
        """A task of the first, as its create is answered."""
        return self.here.call("POST", "/v1/tasks", BOAT | fields)

    def made(self, **fields: Any) -> tuple[Any, Any]:
        """The task, once it has ended, and the one that it has become there."""
        answer = self.asked(**fields)
        assert answer.status == 200, answer
        task = self.here.ended(answer.json["id"])
        return task, self.newest()

    def newest(self) -> Any:
        """What was last asked of the second."""
        return self.theirs()[0]

    def theirs(self) -> list[Any]:
        """The same, or nothing where nothing was."""
        data: list[Any] = self.there.call("GET", "/v1/tasks?limit=1").json["data"]
        return data


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with LiveServer(tmp_path_factory.mktemp("there"), NEAR + SMALL) as there:
        config = f"""
public_url = "{{address}}"
{NEAR}
[[channels]]
name = "mj"
provider = "midjourney"
base_url = "{there.address}/mj"
api_key = "{KEY}"
models = ["midjourney", "niji"]
"""
        with LiveServer(tmp_path_factory.mktemp("here"), config) as here:
            yield Pair(here, there)


@pytest.fixture(scope="module")
def grid(pair: Pair) -> Any:
    """A grid, with all that can be said of it; and one of its pictures."""
    task, theirs = pair.made(negative_prompt="oars", seed=7, parameters={"grid": True, "speed": "fast"})
    assert (task["status"], theirs["operation"]) == ("succeeded", "text_to_image"), task
    assert [output["part"] for output in task["outputs"]] == ["main"] * 4 + ["grid"]
    assert [one["sha256"] for one in task["outputs"]] == [one["sha256"] for one in theirs["outputs"]]
    assert pair.there.address not in str(task)
    return task


def test_a_picture_of_a_grid_and_what_is_done_with_it(pair: Pair, grid: Any) -> None:
    one, theirs = pair.made(prompt="", operation="upscale", source={"task": grid["id"]}, parameters={"index": 2})
    assert (one["status"], theirs["operation"]) == ("succeeded", "upscale"), one
    source = {"task": one["id"]}
    for operation, fields, parameters in (
        ("vary", {"prompt": ""}, {}),
        ("inpaint", {"prompt": "a red sail", "inputs": [{"role": "mask", **PICTURE}]}, {}),
        ("zoom", {"prompt": "at sea"}, {"factor": 1.8}),
    ):
        task, theirs = pair.made(operation=operation, source=source, parameters=parameters, **fields)
        assert (task["status"], theirs["operation"], len(task["outputs"])) == ("succeeded", operation, 5), task


@pytest.mark.parametrize(
    ("operation", "roles", "outputs"),
    [
        ("image_to_image", ["reference", "reference"], 4),
        ("image_to_image", ["image", "mask"], 4),
        ("blend", ["image", "image"], 4),
        ("midjourney:retexture", ["image"], 4),
        ("swap_face", ["person", "image"], 1),
    ],
)
def test_what_is_made_of_pictures(pair: Pair, operation: str, roles: list[str], outputs: int) -> None:
    inputs = [{"role": role, **PICTURE} for role in roles]
    words = {"prompt": ""} if operation in ("blend", "swap_face") else {}
    task, theirs = pair.made(operation=operation, inputs=inputs, **words)
    assert (task["status"], theirs["operation"]) == ("succeeded", operation), task
    assert sum(one["part"] == "main" for one in task["outputs"]) == outputs


def test_texts(pair: Pair) -> None:
    inputs = [{"role": "image", **PICTURE}]
    for operation, fields in (("describe", {"inputs": inputs, "prompt": ""}), ("shorten", {"model": "niji"})):
        task, theirs = pair.made(operation=operation, **fields)
        (text,), (original,) = task["outputs"], theirs["outputs"]
        assert (theirs["operation"], text["text"], text["content_type"]) == (
            operation,
            original["text"],
            original["content_type"],
        )
    assert theirs["model"] == "niji"


def test_a_video(pair: Pair) -> None:
    clip, theirs = pair.made(operation="image_to_video", inputs=[{"role": "first_frame", **PICTURE}])
    assert (clip["status"], theirs["operation"]) == ("succeeded", "image_to_video"), clip
    assert [(one["part"], one["content_type"][:5]) for one in clip["outputs"]] == [
        ("main", "video"),
        ("cover", "image"),
    ]


def test_failures_and_refusals(pair: Pair, grid: Any) -> None:
    task, theirs = pair.made(prompt="[[fail:content_policy]] a boat")
    assert (task["status"], task["error"]["code"]) == ("failed", "content_policy")
    assert theirs["status"] == "failed"
    refused = pair.asked(prompt="[[refuse:content_policy]] a boat")
    assert (refused.status, refused.json["error"]["code"]) == (400, "content_policy"), refused
    source = {"task": grid["id"]}
    wrong = pair.asked(prompt="", operation="pan", source=source, parameters={"direction": "left"})
    assert (wrong.status, wrong.json["error"]["param"]) == (400, "source"), "a grid has no such button"


def test_a_cancel(pair: Pair) -> None:
    before = [one["id"] for one in pair.theirs()]
    task = pair.asked(prompt="[[delay:600]] a boat").json["id"]
    theirs = eventually(lambda: [one for one in pair.theirs() if one["id"] not in before], "their task")[0]
    pair.here.call("POST", f"/v1/tasks/{task}/cancel")
    pair.there.until(f"/v1/tasks/{theirs['id']}", lambda found: found["status"] == "cancelled")
    assert pair.here.ended(task)["status"] in ("cancelled", "failed")
