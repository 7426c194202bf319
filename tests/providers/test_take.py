"""Whatever is set and not taken is refused by name."""

from __future__ import annotations

import msgspec
import pytest

from telecine.nouns.errors import GatewayError
from telecine.nouns.parameters import CameraMove, ImageParameters, VideoParameters
from telecine.nouns.request import GenerationRequest, MediaInput, Native, Reference, Role
from telecine.providers.take import Take


def request(**fields: object) -> GenerationRequest:
    return GenerationRequest(operation="text_to_video", model="m", **fields)  # type: ignore[arg-type]


def test_what_is_not_set_need_not_be_taken() -> None:
    Take(request()).refuse_rest("p")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": "p"}, "prompt"),
        ({"negative_prompt": "n"}, "negative_prompt"),
        ({"size": "1280x720"}, "size"),
        ({"duration": 5.0}, "duration"),
        ({"audio": False}, "audio"),
        ({"count": 2}, "count"),
        ({"inputs": (MediaInput("mask", url="https://a/b.png"),)}, "inputs.mask"),
        ({"parameters": VideoParameters(mode="pro")}, "parameters.mode"),
        ({"parameters": VideoParameters(multi_shot=False)}, "parameters.multi_shot"),
        ({"parameters": ImageParameters(watermark=True)}, "parameters.watermark"),
    ],
)
def test_a_field_that_nobody_took_is_refused_by_name(fields: dict[str, object], param: str) -> None:
    with pytest.raises(GatewayError) as caught:
        Take(request(**fields)).refuse_rest("acme")
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", param)
    assert "'acme'" in caught.value.message
    assert f"'{param.rpartition('.')[2]}'" in caught.value.message


def test_taking_hands_out_values_and_satisfies() -> None:
    move = CameraMove("down_back")
    take = Take(request(prompt="p", parameters=VideoParameters(mode="pro", camera=move)))
    assert take.untaken() == ["prompt", "parameters.mode", "parameters.camera"]
    assert take.field("prompt") == "p"
    assert take.parameter("mode") == "pro"
    assert take.parameter("camera") == move
    assert take.parameter("voices") == ()
    assert take.untaken() == []


def test_a_parameter_of_another_kind_is_none() -> None:
    assert Take(request(parameters=ImageParameters())).parameter("mode") is None
    assert Take(request()).parameter("mode") is None


def test_inputs_are_taken_role_by_role_and_in_order() -> None:
    roles: tuple[Role, ...] = ("first_frame", "mask", "image")
    inputs = tuple(MediaInput(role, url=f"https://a/{role}.png") for role in roles)
    take = Take(request(inputs=inputs))
    assert take.inputs("image", "first_frame") == [inputs[0], inputs[2]]
    assert take.untaken() == ["inputs.mask"]


def test_hints_may_drop_and_what_is_ours_need_not_be_taken() -> None:
    told = request(
        seed=7,
        parameters=VideoParameters(cfg_scale=0.5),
        callback_url="https://a/b",
        external_id="x",
        metadata={"a": "b"},
    )
    Take(told).refuse_rest("p")


def test_what_only_a_vendor_may_know_goes_to_whoever_speaks_its_dialect() -> None:
    told = request(native=Native("kling", {"brand_new": msgspec.Raw(b"1")}))
    Take(told, frozenset({"kling", "openai"})).refuse_rest("relay")
    with pytest.raises(GatewayError) as caught:
        Take(told).refuse_rest("kling")  # of the same name, and yet of another wire
    assert caught.value.param == "brand_new"


def test_who_asks_may_drop() -> None:
    Take(request(native=Native("openai", {"user": msgspec.Raw(b'"ann"')}))).refuse_rest("p")


def test_what_is_followed_up_is_not_dropped() -> None:
    told = request(source=Reference(task=1))
    take = Take(told)
    with pytest.raises(GatewayError) as caught:
        take.refuse_rest("p")
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", "source")
    assert take.field("source") == Reference(task=1)
    take.refuse_rest("p")
