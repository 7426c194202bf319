"""What Kling's bodies for pictures and sounds become, and what is refused of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from telecine.dialects.bodies import parse_object
from telecine.dialects.kling import KLING
from telecine.dialects.kling.create import parse
from telecine.dialects.kling.images import IMAGES
from telecine.dialects.kling.operation import Operation
from telecine.dialects.kling.sounds import SOUNDS
from telecine.nouns import catalogue
from telecine.nouns.errors import GatewayError
from telecine.nouns.parameters import ExpandParameters, ImageParameters
from telecine.nouns.request import GenerationRequest, MediaInput, Role
from tests.dialects.house import NOW, House, base64_of, picture

URL, OTHER = "https://pictures.test/a.jpg", "https://pictures.test/b.jpg"
BY_TITLE = {op.title: op for op in (*IMAGES, *SOUNDS)}
GROWS = {f"{way}_expansion_ratio": 0.1 for way in ("up", "down", "left", "right")}
WORN = {"human_image": URL, "cloth_image": OTHER}
SUBJECT = {"subject_image_list": [{"subject_image": URL}]}
RAIN = {"prompt": "rain", "duration": 5}


def read(op: Operation, body: dict[str, Any]) -> GenerationRequest:
    """The request that a body becomes, with placeholders for its media."""
    request, sources = parse(op, parse_object(json.dumps(body).encode()), catalogue.load())
    fields = {name: getattr(request, name) for name in request.__struct_fields__}
    return GenerationRequest(**fields | {"inputs": tuple(one.placeholder() for one in sources)})


def inputs(*given: tuple[Role, str]) -> tuple[MediaInput, ...]:
    return tuple(MediaInput(role, url=url) for role, url in given)


def drawn(**fields: Any) -> GenerationRequest:
    told: dict[str, Any] = {"operation": "text_to_image", "model": "kling-v3", "prompt": "a cat"}
    return GenerationRequest(**told | fields)


def edited(*given: tuple[Role, str], **fields: Any) -> GenerationRequest:
    return drawn(**{"operation": "image_to_image", "inputs": inputs(*given), **fields})


def omni(**fields: Any) -> GenerationRequest:
    return drawn(**{"model": "kling-image-o1", **fields})


GOOD: list[tuple[str, dict[str, Any], GenerationRequest]] = [
    ("generations", {"prompt": "a cat"}, drawn()),
    ("generations", {"prompt": "a cat", "model_name": "kling-v2-1", "n": 9}, drawn(model="kling-v2-1", count=9)),
    ("generations", {"prompt": "a cat", "model": "kling-v2-1"}, drawn(model="kling-v2-1")),
    ("generations", {"prompt": "a cat", "n": 2.0, "image": ""}, drawn(count=2)),
    ("generations", {"prompt": "a cat", "negative_prompt": "dogs"}, drawn(negative_prompt="dogs")),
    ("generations", {"prompt": "a cat", "aspect_ratio": "21:9"}, drawn(aspect_ratio="21:9")),
    ("generations", {"prompt": "a cat", "resolution": "2k"}, drawn(resolution="2k")),
    ("generations", {"prompt": "a cat", "element_list": [{"element_id": "160"}]},
     drawn(parameters=ImageParameters(elements=(160,)))),
    ("generations", {"prompt": "a cat", "watermark_info": {"enabled": True}},
     drawn(parameters=ImageParameters(watermark=True))),
    ("generations", {"prompt": "a cat", "callback_url": "https://me.test/h", "external_task_id": "mine"},
     drawn(callback_url="https://me.test/h", external_id="mine")),
    ("generations", {"prompt": "a cat", "image": URL}, edited(("image", URL))),
    ("generations", {"prompt": "a cat", "image": URL, "image_reference": "face", "model_name": "kling-v2-1",
                     "image_fidelity": 1, "human_fidelity": 0.45},
     edited(("image", URL), model="kling-v2-1",
            parameters=ImageParameters(image_reference="face", image_fidelity=1, human_fidelity=0.45))),
    ("omni-image", {"prompt": "a cat"}, omni()),
    ("omni-image", {"prompt": "a cat", "aspect_ratio": "auto", "n": 3, "series_amount": 7}, omni(count=3)),
    ("omni-image", {"prompt": "a cat", "aspect_ratio": "3:2", "resolution": "4k", "result_type": "single"},
     omni(aspect_ratio="3:2", resolution="4k", parameters=ImageParameters(series=False))),
    ("omni-image", {"prompt": "a cat", "result_type": "series", "n": 3},
     omni(count=4, parameters=ImageParameters(series=True))),
    ("omni-image", {"prompt": "a cat", "result_type": "series", "series_amount": 6},
     omni(count=6, parameters=ImageParameters(series=True))),
    ("omni-image", {"prompt": "a cat", "result_type": "series", "series_amount": "auto"},
     omni(count=9, parameters=ImageParameters(series=True, fewer=True))),
    ("omni-image", {"prompt": "a cat", "model_name": "kling-v3-omni", "image_list": [{"image": URL}, {"image": OTHER}],
                    "element_list": [{"element_id": 1}]},
     edited(("reference", URL), ("reference", OTHER), model="kling-v3-omni",
            parameters=ImageParameters(elements=(1,)))),
    ("multi-image2image", SUBJECT, edited(("reference", URL), model="kling-v2-1", prompt="")),
    ("multi-image2image", {**SUBJECT, "prompt": "a cat", "scene_image": OTHER, "style_image": URL, "n": 2,
                           "aspect_ratio": "9:16", "negative_prompt": "fog"},
     edited(("reference", URL), ("scene", OTHER), ("style", URL), model="kling-v2-1", count=2, aspect_ratio="9:16",
            negative_prompt="fog")),
    ("editing/expand", {"image": URL, **GROWS, "n": 2},
     drawn(operation="expand", model="kling-expand", prompt="", count=2, inputs=inputs(("image", URL)),
           parameters=ExpandParameters(up=0.1, down=0.1, left=0.1, right=0.1))),
    ("editing/expand", {"image": URL, "up_expansion_ratio": 0.1495, "down_expansion_ratio": 0.1495,
                        "left_expansion_ratio": 0.6548, "right_expansion_ratio": 0.6548, "prompt": "a hill"},
     drawn(operation="expand", model="kling-expand", prompt="a hill", inputs=inputs(("image", URL)),
           parameters=ExpandParameters(up=0.1495, down=0.1495, left=0.6548, right=0.6548))),
    ("kolors-virtual-try-on", {**WORN, "model_name": "kolors-virtual-try-on-v1-5"},
     drawn(operation="try_on", model="kolors-virtual-try-on-v1-5", prompt="",
           inputs=inputs(("person", URL), ("garment", OTHER)))),
    ("text-to-audio", RAIN,
     GenerationRequest(operation="sound", model="kling-text-to-audio", prompt="rain", duration=5.0)),
    ("text-to-audio", {"prompt": "rain", "duration": "3.1"},
     GenerationRequest(operation="sound", model="kling-text-to-audio", prompt="rain", duration=3.1)),
]  # fmt: skip


def name_of(value: Any) -> str:
    return json.dumps(value)[:60] if isinstance(value, dict) else value if isinstance(value, str) else ""


@pytest.mark.parametrize(("title", "body", "expected"), GOOD, ids=name_of)
def test_every_field_lands_in_its_place(title: str, body: dict[str, Any], expected: GenerationRequest) -> None:
    assert read(BY_TITLE[title], body) == expected


IMAGE = {"prompt": "a cat", "image": URL}
OMNI = {"prompt": "a cat", "image_list": [{"image": URL}]}
BAD: list[tuple[str, dict[str, Any], str]] = [
    ("generations", {}, "prompt"),
    ("generations", {"prompt": "x" * 2501}, "prompt"),
    ("generations", {"prompt": "a", "negative_prompt": "x" * 2501}, "negative_prompt"),
    ("generations", {**IMAGE, "negative_prompt": "fog"}, "negative_prompt"),
    ("generations", {"prompt": "a", "image_reference": "face"}, "image_reference"),
    ("generations", {**IMAGE, "image": f"data:image/png;base64,{URL}"}, "image"),
    ("generations", {**IMAGE, "image": [URL]}, "image"),
    ("generations", {**IMAGE, "image_fidelity": 1.1}, "image_fidelity"),
    ("generations", {**IMAGE, "human_fidelity": -0.1}, "human_fidelity"),
    ("generations", {**IMAGE, "element_list": [{"element_id": 1}] * 10}, "element_list"),
    ("generations", {"prompt": "a", "element_list": [{"element_id": 1}] * 11}, "element_list"),
    ("generations", {"prompt": "a", "element_list": [{"element_id": "x"}]}, "element_list[0].element_id"),
    ("generations", {"prompt": "a", "n": 0}, "n"),
    ("generations", {"prompt": "a", "n": 10}, "n"),
    ("generations", {"prompt": "a", "n": 1.5}, "n"),
    ("generations", {"prompt": "a", "resolution": 2}, "resolution"),
    ("generations", {"prompt": "a", "watermark_info": True}, "watermark_info"),
    ("generations", {"prompt": "a", "model": "kling-v1", "model_name": "kling-v3"}, "model_name"),
    ("generations", {"prompt": "a", "N": 2}, "N"),
    ("omni-image", {}, "prompt"),
    ("omni-image", {"prompt": "a", "image_list": [{"image": ""}]}, "image_list[0].image"),
    ("omni-image", {"prompt": "a", "image_list": [{"url": URL}]}, "image_list[0].url"),
    ("omni-image", {"prompt": "a", "image_list": [{"image": f"data:,{URL}"}]}, "image_list[0].image"),
    ("omni-image", {"prompt": "a", "image_list": [{"image": URL}] * 11}, "image_list"),
    ("omni-image", {**OMNI, "element_list": [{"element_id": 1}] * 10}, "element_list"),
    ("omni-image", {"prompt": "a", "result_type": "series", "series_amount": 1}, "series_amount"),
    ("omni-image", {"prompt": "a", "result_type": "series", "series_amount": 10}, "series_amount"),
    ("omni-image", {"prompt": "a", "result_type": "series", "series_amount": "many"}, "series_amount"),
    ("omni-image", {"prompt": "a", "n": 10}, "n"),
    ("multi-image2image", {"prompt": "a"}, "subject_image_list"),
    ("multi-image2image", {"subject_image_list": [{"subject_image": URL}] * 5}, "subject_image_list"),
    ("multi-image2image", {"subject_image_list": [{}]}, "subject_image_list[0].subject_image"),
    ("multi-image2image", {**SUBJECT, "scene_image": f"data:,{URL}"}, "scene_image"),
    ("multi-image2image", {**SUBJECT, "n": 10}, "n"),
    ("editing/expand", GROWS, "image"),
    *(("editing/expand", {"image": URL, **{one: 0.1 for one in GROWS if one != name}}, name) for name in GROWS),
    *(("editing/expand", {"image": URL, **GROWS, name: 2.1}, name) for name in GROWS),
    ("editing/expand", {"image": URL, **GROWS, "up_expansion_ratio": -0.1}, "up_expansion_ratio"),
    ("editing/expand", {"image": URL, **GROWS, "up_expansion_ratio": 2, "left_expansion_ratio": 1},
     "up_expansion_ratio"),
    ("editing/expand", {"image": URL, **GROWS, "prompt": "x" * 2501}, "prompt"),
    ("kolors-virtual-try-on", {"human_image": URL}, "cloth_image"),
    ("kolors-virtual-try-on", {"cloth_image": URL}, "human_image"),
    ("kolors-virtual-try-on", {**WORN, "cloth_image": f"data:,{URL}"}, "cloth_image"),
    ("kolors-virtual-try-on", {**WORN, "watermark_info": {"enabled": True}}, "watermark_info"),
    ("text-to-audio", {"duration": 5}, "prompt"),
    ("text-to-audio", {"prompt": "rain"}, "duration"),
    ("text-to-audio", {**RAIN, "prompt": "x" * 201}, "prompt"),
    ("text-to-audio", {**RAIN, "duration": 2.9}, "duration"),
    ("text-to-audio", {**RAIN, "duration": 10.1}, "duration"),
    ("text-to-audio", {**RAIN, "duration": 3.15}, "duration"),
    ("text-to-audio", {**RAIN, "watermark_info": {"enabled": True}}, "watermark_info"),
]  # fmt: skip


@pytest.mark.parametrize(("title", "body", "field"), BAD, ids=name_of)
def test_what_breaks_a_rule_is_refused_by_name(title: str, body: dict[str, Any], field: str) -> None:
    with pytest.raises(GatewayError) as caught:
        read(BY_TITLE[title], body)
    assert (caught.value.code, caught.value.param) == ("invalid_request", field)
    assert field in caught.value.message


NOVEL = [
    ("generations", {"prompt": "a", "aspect_ratio": "5:4"}, "aspect_ratio"),
    ("generations", {"prompt": "a", "resolution": "4k"}, "resolution"),
    ("generations", {**IMAGE, "image_reference": "pose"}, "parameters.image_reference"),
    ("omni-image", {"prompt": "a", "result_type": "grid"}, "parameters.series"),
    ("omni-image", {"prompt": "a", "resolution": "8k"}, "resolution"),
]


@pytest.mark.parametrize(("title", "body", "neutral"), NOVEL, ids=name_of)
def test_words_that_are_new_are_for_kling_to_judge(title: str, body: dict[str, Any], neutral: str) -> None:
    native = read(BY_TITLE[title], body).native
    assert native is not None
    assert set(native.novel) == {neutral}


async def test_a_picture_is_judged_by_what_it_is_for() -> None:
    tall = base64_of(picture(300, 800))
    for path, body, good in (
        ("images/generations", {"prompt": "a", "image": tall}, False),
        ("images/multi-image2image", {"subject_image_list": [{"subject_image": URL}], "style_image": tall}, False),
        ("images/kolors-virtual-try-on", {"human_image": tall, "cloth_image": tall}, True),
        ("images/kolors-virtual-try-on", {"human_image": base64_of(picture(299, 400)), "cloth_image": URL}, False),
        ("images/kolors-virtual-try-on", {"human_image": base64_of(picture(form="GIF")), "cloth_image": URL}, False),
    ):
        house = House(KLING)
        answer = await house.call("POST", f"/kling/v1/{path}", json=body)
        assert (answer.status_code, answer.json()["code"]) == ((200, 0) if good else (400, 1201)), answer.text
        assert good or not house.media.stored


@pytest.mark.parametrize(
    ("title", "series", "shown"),
    [
        ("generations", None, {"images"}),
        ("omni-image", None, {"images", "result_type"}),
        ("omni-image", True, {"series_images", "result_type"}),
    ],
)
async def test_pictures_are_shown_by_their_number(title: str, series: bool | None, shown: set[str]) -> None:
    house = House(KLING)
    parameters = None if series is None else ImageParameters(series=series)
    request = GenerationRequest(operation="text_to_image", model="m", prompt="a", count=2, parameters=parameters)
    view = house.tasks.add(
        request, form=f"kling:{title}", state="succeeded", started_at=NOW, ended_at=NOW + 9, outputs=2
    )
    data = (await house.call("GET", f"/kling/v1/images/{title}/{view.task.id}")).json()["data"]
    result = data["task_result"]
    assert set(result) == shown
    assert result.get("result_type") == (None if title == "generations" else "series" if series else "single")
    images = result["series_images" if series else "images"]
    assert [one["index"] for one in images] == [0, 1]
    assert all(one["url"].startswith("https://media.test/") for one in images)
