"""Models by name and by operation, and what their operations take whatever the model."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from telecine.nouns.catalogue import Ability, Catalogue, Model, load
from telecine.nouns.errors import GatewayError
from telecine.nouns.geometry import pixels
from telecine.nouns.operations import OPERATIONS, Kind, check, check_source, inferred
from telecine.nouns.parameters import VideoParameters
from telecine.nouns.request import GenerationRequest, MediaInput, Reference
from telecine.nouns.sizes import parse_size
from telecine.wires.kling import MODES
from tests.operations import least

BOTH = Catalogue(
    [
        Model(
            "both",
            "somebody",
            0,
            (
                Ability(("text_to_video",), durations=(5, 10), aspect_ratios=("16:9",)),
                Ability(("text_to_image",), aspect_ratios=("4:3", "3:2"), max_count=9, default_size="1024x1024"),
            ),
        )
    ]
)
VIDEO = GenerationRequest("text_to_video", "both", "a boat")
IMAGE = GenerationRequest("text_to_image", "both", "a boat")
FIRST, LAST = MediaInput("first_frame", url="https://a.b/c"), MediaInput("last_frame", url="https://a.b/d")


def objection(request: GenerationRequest, catalogue: Catalogue = BOTH) -> tuple[str, str | None]:
    with pytest.raises(GatewayError) as caught:
        catalogue.check(request)
    return caught.value.code, caught.value.param


def test_one_model_has_other_limits_for_each_operation() -> None:
    BOTH.check(replace(VIDEO, aspect_ratio="16:9", duration=5))
    BOTH.check(replace(IMAGE, aspect_ratio="4:3", count=9))
    assert objection(replace(VIDEO, aspect_ratio="4:3")) == ("invalid_request", "aspect_ratio")
    assert objection(replace(VIDEO, count=2)) == ("invalid_request", "count")
    assert objection(replace(IMAGE, aspect_ratio="16:9")) == ("invalid_request", "aspect_ratio")
    assert objection(replace(VIDEO, operation="image_to_video")) == ("unsupported_parameter", "operation")
    model = BOTH.find("both")
    assert model is not None
    assert (model.operations, model.kind) == (("text_to_video", "text_to_image"), "video")
    assert model.kinds == {"video", "image"}
    assert pixels(IMAGE, BOTH.ability("both", "text_to_image"), None) == (1024, 1024)
    assert pixels(VIDEO, BOTH.ability("both", "text_to_video"), None) == (1280, 720)


@pytest.mark.parametrize("model", load().models, ids=lambda one: one.name)
def test_the_shipped_catalogue_is_in_order(model: Model) -> None:
    assert len(set(model.operations)) == len(model.operations) > 0
    assert set(model.operations) <= OPERATIONS.keys()
    for ability in model.abilities:
        assert parse_size(ability.default_size)
        assert not ability.sizes or ability.default_size in ability.sizes
        assert not ability.durations or ability.default_duration in ability.durations
        for name in ability.operations:
            request = replace(least(name), model=model.name)
            load().check(request)
            for mode in ability.modes:
                pixels(replace(request, parameters=VideoParameters(mode=mode)), ability, None)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (replace(VIDEO, operation="conjure"), ("unsupported_parameter", "operation")),
        (replace(VIDEO, inputs=(MediaInput("garment"),)), ("unsupported_parameter", "inputs.garment")),
        (replace(IMAGE, inputs=(LAST,)), ("unsupported_parameter", "inputs.last_frame")),
        (replace(VIDEO, operation="image_to_video", inputs=(FIRST, FIRST)), ("invalid_request", "inputs")),
        (replace(VIDEO, operation="remix"), ("invalid_request", "source")),
        (replace(VIDEO, source=Reference(task=7)), ("unsupported_parameter", "source")),
        (replace(VIDEO, inputs=(MediaInput("video"),)), ("unsupported_parameter", "inputs.video")),
        (replace(IMAGE, operation="image_to_image"), ("invalid_request", "inputs.image")),
        (replace(IMAGE, operation="image_to_image", inputs=(MediaInput("mask"),)), ("invalid_request", "inputs.image")),
        (replace(IMAGE, operation="try_on", inputs=(MediaInput("person"),)), ("invalid_request", "inputs.garment")),
        (replace(VIDEO, operation="extend"), ("invalid_request", "inputs.video")),
        (replace(VIDEO, operation="motion_control", inputs=(FIRST,)), ("unsupported_parameter", "inputs.first_frame")),
    ],
)
def test_what_an_operation_cannot_be_is_named_whatever_the_model(
    request_: GenerationRequest, expected: tuple[str, str]
) -> None:
    assert objection(replace(request_, model="nobody-knows-it"), load()) == expected


def test_what_an_operation_can_be_passes() -> None:
    frames = (FIRST, LAST, MediaInput("mask", url="https://a.b/e"))
    for one in (
        VIDEO,
        replace(VIDEO, inputs=(FIRST,)),
        IMAGE,
        replace(VIDEO, operation="image_to_video", inputs=frames),
        replace(VIDEO, operation="remix", source=Reference(task=7)),
        replace(VIDEO, operation="music"),
        replace(VIDEO, operation="music", source=Reference(task=7)),
        replace(VIDEO, operation="lyrics"),
        replace(VIDEO, operation="extend", source=Reference(task=7)),
        replace(VIDEO, operation="extend", inputs=(MediaInput("video"),)),
        replace(VIDEO, operation="reference_to_video"),
        replace(VIDEO, operation="lip_sync", inputs=(MediaInput("video"), MediaInput("audio"))),
    ):
        check(one)


def test_only_what_an_operation_can_go_on_from_is_a_source() -> None:
    check_source("remix", "image_to_video")
    check_source("music", "music")
    check_source("extend", "lip_sync")
    check_source("lip_sync", "kling:identify_face")
    for name, source in (("remix", "text_to_image"), ("music", "lyrics"), ("text_to_video", "text_to_video")):
        with pytest.raises(GatewayError) as caught:
            check_source(name, source)
        assert caught.value.param == "source"


def test_an_operation_that_nobody_names_is_told_from_what_is_made_of_what() -> None:
    assert inferred("video", []).name == "text_to_video"
    assert inferred("video", ["first_frame"]).name == "image_to_video"
    assert inferred("image", ["reference"]).name == "image_to_image"
    assert inferred("audio", []).name == "music"
    assert inferred("text", []).name == "lyrics"
    assert inferred("text", ["reference"]).name == "lyrics"
    with pytest.raises(LookupError):
        inferred("file", [])


OMNI = ("text_to_video", "image_to_video", "edit_video", "reference_to_video")


@pytest.mark.parametrize(
    ("makes", "roles", "can", "meant"),
    [
        ("image", ["person", "garment"], (), "try_on"),
        ("image", ["person"], ("try_on",), "try_on"),
        ("image", ["image", "mask"], (), "image_to_image"),
        ("image", ["image"], ("text_to_image",), "image_to_image"),
        ("video", ["reference", "reference"], (), "image_to_video"),
        ("video", ["reference", "reference"], OMNI, "reference_to_video"),
        ("video", ["reference"], OMNI, "image_to_video"),
        ("video", ["reference"], ("reference_to_video",), "reference_to_video"),
        ("video", ["video", "reference"], OMNI, "edit_video"),
        ("video", ["video"], ("extend",), "extend"),
        ("video", ["video"], (), "edit_video"),
        ("video", ["video"], ("text_to_video", "image_to_video"), "image_to_video"),
        ("video", ["video", "audio"], (), "lip_sync"),
        ("video", ["image", "audio"], (), "avatar"),
        ("video", ["image"], ("avatar",), "avatar"),
        ("video", ["first_frame", "last_frame"], OMNI, "image_to_video"),
        ("video", [], ("image_to_video",), "text_to_video"),
        ("video", [], ("lip_sync",), "text_to_video"),
        ("audio", [], ("sound",), "sound"),
    ],
)
def test_of_several_operations_the_one_that_the_model_can_do_is_meant(
    makes: Kind, roles: list[str], can: tuple[str, ...], meant: str
) -> None:
    assert inferred(makes, roles, can).name == meant


def test_modes_mean_in_the_catalogue_what_they_mean_on_the_wire() -> None:
    said = [dict(ability.modes) for model in load().models for ability in model.abilities if ability.modes]
    assert said
    assert all(modes == MODES for modes in said)
