"""What `[[models]]` adds to the catalogue and says otherwise than it."""

from __future__ import annotations

from pathlib import Path

import pytest

from telecine.config import ConfigError, catalogue_of, parse
from telecine.nouns import catalogue
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import GatewayError
from telecine.nouns.request import GenerationRequest

NEW = '[[models]]\nname = "veo-9"\noperations = ["text_to_video", "image_to_video"]\n'


def known(text: str) -> Catalogue:
    return catalogue_of(parse(text.encode(), Path("telecine.toml"), {}))


def asked(model: str, operation: str = "text_to_video", duration: float | None = None) -> GenerationRequest:
    return GenerationRequest(operation, model, prompt="a", duration=duration)


def test_a_new_model_can_what_is_said_and_no_more() -> None:
    models = known(NEW + 'vendor = "google"\naliases = ["veo9"]\ndurations = [4, 8]\nsizes = ["1920x1080"]')
    found = models.find("veo9")
    assert found is models.find("veo-9") is not None
    assert found is not None
    assert (found.vendor, found.operations) == ("google", ("text_to_video", "image_to_video"))
    assert (found.main.default_duration, found.main.default_size) == (4, "1920x1080")
    models.check(asked("veo-9", duration=8))
    with pytest.raises(GatewayError, match=r"'veo-9' has no duration 5; use one of: 4, 8\."):
        models.check(asked("veo-9", duration=5))
    with pytest.raises(GatewayError, match="does not do text to image"):
        models.check(asked("veo-9", "text_to_image"))


def test_a_correction_changes_what_it_names_alone() -> None:
    before = catalogue.load().find("kling-v3")
    assert before is not None
    after = known('[[models]]\nname = "kling-v3"\ndurations = [5, 20]\naliases = ["kling-latest"]').find("kling-latest")
    assert after is not None
    assert {one.durations for one in after.abilities} == {(5, 20)}
    assert after.main.aspect_ratios == before.main.aspect_ratios
    assert after.operations == before.operations
    assert catalogue.load().find("kling-latest") is None


def test_a_correction_of_one_operation_leaves_the_others() -> None:
    text = '[[models]]\nname = "sora-2"\noperations = ["remix"]\ndurations = [60]\n'
    text += '[[models]]\nname = "sora-2"\noperations = ["text_to_image"]\nmax_count = 4'
    models = known(text)
    found, before = models.find("sora-2"), catalogue.load().find("sora-2")
    assert found is not None
    assert before is not None
    remix, first = found.ability("remix"), found.ability("text_to_video")
    assert remix is not None
    assert remix.durations == (60,)
    assert first is not None
    assert first.durations == before.main.durations
    assert found.main == first
    assert set(found.operations) == {*before.operations, "text_to_image"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[models]]\nname = "new"', r"line 1 .*has no model 'new', so it needs operations"),
        ('[[models]]\nname = " new"\noperations = ["remix"]', "a name of 1 to 200"),
        ('[[models]]\nname = "sora-2-2025-10-06"', "is another name of the model 'sora-2'"),
        ('[[models]]\nname = "new"\noperations = ["text_to_vdeo"]', "did you mean `text_to_video`"),
        ('[[models]]\nname = "sora-2"\ndurations = [0]', "durations of the model 'sora-2' is 0"),
        ('[[models]]\nname = "sora-2"\nmax_images = -1', "must be from 0 to"),
        ('[[models]]\nname = "sora-2"\nsizes = ["big"]', "sizes of the model 'sora-2'"),
        ('[[models]]\nname = "sora-2"\naspect_ratios = ["wide"]', "aspect_ratios of the model 'sora-2'"),
        ('[[models]]\nname = "sora-2"\naliases = ["kling-v3"]', "have both the name 'kling-v3'"),
        ('[[models]]\nname = "sora-2"\nlength = 3', "unknown field `length`"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse(text.encode(), Path("telecine.toml"), {})
