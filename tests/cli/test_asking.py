"""Which model `telecine generate` takes, where nobody names one."""

from __future__ import annotations

from typing import Any

import pytest

from telecine.cli.asking import fitting_model
from telecine.cli.failure import Failure
from telecine.cli.wire import Model, Page
from telecine.nouns.catalogue import load
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
    assert fitting("video", "kling-v1", "kling-v1-5", inputs=("first_frame",)) == "kling-v1-5"
    assert fitting("video", "kling-v1", "kling-v1-5") == "kling-v1", "the other one makes videos of pictures alone"


def test_without_any_it_says_so() -> None:
    with pytest.raises(Failure, match="no model"):
        fitting("audio", "kling-v1", "made-up")
