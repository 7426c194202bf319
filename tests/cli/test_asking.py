"""Which model `telecine generate` takes, where nobody names one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from telecine.cli.asking import fitting_model, kind_of, parameters_of, role_inputs, source_of
from telecine.cli.failure import USAGE, Failure
from telecine.cli.wire import Model, Page
from telecine.nouns.catalogue import load
from telecine.nouns.ids import output_id, tsk_id
from telecine.nouns.operations import Kind

ALL = [model.name for model in load().models]


class Serving:
    """A connection to a server of these models."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def ask(self, *_: Any) -> Page[Model]:
        return Page([Model(name) for name in self._names])


def fitting(makes: Kind, *names: str, inputs: tuple[str, ...] = (), **body: Any) -> str:
    wanted = {"prompt": "a boat", "inputs": [{"role": role} for role in inputs], **body}
    return fitting_model(Serving(*names), wanted, makes)  # type: ignore[arg-type]


BEST: dict[Kind, str] = {"video": "sora-2", "image": "storyboard-1", "audio": "chirp-fenix", "text": "suno_lyrics"}


@pytest.mark.parametrize(("makes", "expected"), BEST.items())
def test_it_makes_what_is_wanted(makes: Kind, expected: str) -> None:
    assert fitting(makes, *ALL) == expected


def test_it_can_do_what_is_asked_for() -> None:
    assert fitting("video", *ALL, duration=5) == "kling-v3"
    assert fitting("video", *sorted(ALL), duration=5) == "kling-v3"
    assert fitting("video", "kling-v1", "kling-v1-5", inputs=("first_frame",)) == "kling-v1-5"
    assert fitting("video", "kling-v1", "kling-v1-5") == "kling-v1", "the other one makes videos of pictures alone"


@pytest.mark.parametrize(
    ("operation", "inputs", "expected"),
    [
        ("extend", ("video",), "sora-2"),
        ("try_on", ("person", "garment"), "kolors-virtual-try-on-v1"),
        ("sound", (), "kling-text-to-audio"),
        ("lip_sync", ("video", "audio"), "kling-lip-sync"),
        (None, ("video", "audio"), "kling-lip-sync"),
        (None, ("image", "audio"), "kling-avatar"),
    ],
)
def test_it_can_do_the_operation(operation: str | None, inputs: tuple[str, ...], expected: str) -> None:
    named = {} if operation is None else {"operation": operation, "parameters": {"a": 1}}
    assert fitting(kind_of(operation, ""), *ALL, inputs=inputs, **named) == expected


def test_what_it_goes_on_from_counts() -> None:
    assert fitting("video", *ALL, operation="extend", source={"task": "tsk_7"}) == "sora-2"


def test_files_have_roles(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"png")
    given = [f"person={tmp_path / 'a.png'}", "garment=https://a.test/b.png?c=d"]
    assert role_inputs(given) == [
        {"role": "person", "data": "data:image/png;base64,cG5n"},
        {"role": "garment", "url": "https://a.test/b.png?c=d"},
    ]


@pytest.mark.parametrize("given", ["a.png", "hat=a.png", "video=gone.mp4"])
def test_a_file_that_cannot_be_used_is_wrong_usage(given: str) -> None:
    with pytest.raises(Failure) as caught:
        role_inputs([given])
    assert caught.value.code == USAGE
    assert given.rpartition("=")[2] in str(caught.value)


def test_parameters_are_json_or_text() -> None:
    given = ["up=0.5", "multi_shot=true", "scene=hug_pro", 'voices=["a"]', "style=a=b"]
    assert parameters_of(given) == {
        "up": 0.5, "multi_shot": True, "scene": "hug_pro", "voices": ["a"], "style": "a=b",
    }  # fmt: skip
    assert parameters_of([]) is None
    with pytest.raises(Failure):
        parameters_of(["up"])


def test_a_source_is_a_task_or_an_output() -> None:
    assert source_of(None) is None
    task = tsk_id(7)
    assert source_of(task) == {"task": task}
    assert source_of(output_id(7, 1)) == {"output": output_id(7, 1)}


def test_an_operation_that_nobody_knows_is_wrong_usage() -> None:
    with pytest.raises(Failure, match="try_on"):
        kind_of("dance", "")


def test_without_any_it_says_so() -> None:
    with pytest.raises(Failure, match="no model"):
        fitting("audio", "kling-v1", "made-up")
