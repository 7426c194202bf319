"""The operations that make pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from telecine.nouns.billed import Billed
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.request import GenerationRequest, MediaInput, Role
from telecine.providers.http.body import Draft
from telecine.providers.http.facts import Field, Fields, Picture, later
from telecine.providers.http.frame import Frame
from telecine.providers.kling.operation import operation
from telecine.wires.kling import images as wire

_SAID: Final = {name: name for name in wire.RESOLUTIONS} | {"2048p": "2k", "4096p": "4k"}
"""By resolution, Kling's word. A picture of 2K has sides of 2048 pixels, a video's shorter side is 1440."""
_OMNI_FRAME: Final = Frame("aspect_ratio", wire.RATIOS, "resolution", _SAID)
_FRAME: Final = Frame(
    "aspect_ratio", wire.RATIOS, "resolution", {name: said for name, said in _SAID.items() if said != "4k"}
)
_COUNT: Final[Fields] = {"count": Field("n", lambda count, _: None if count == 1 else count)}
_FRAMED: Final[Fields] = {
    "aspect_ratio": "aspect_ratio",
    "resolution": Field("resolution", lambda value, take: take.novel("resolution") or value.lower()),
    "size": Field("aspect_ratio", later),
}


def _shape(frame: Frame) -> Callable[[Draft], None]:
    def shape(draft: Draft) -> None:
        frame.write(draft)
        _counted(draft)

    return shape


def _counted(draft: Draft) -> None:
    if draft.request.count > wire.MOST_IMAGES:
        raise GatewayError(
            "unsupported_parameter",
            f"Kling makes 1 to {wire.MOST_IMAGES} pictures at a time, not {draft.request.count}.",
            param="count",
        )


def _listed(draft: Draft, name: str, inner: str, *roles: Role) -> int:
    """Write the pictures with `roles` as a list of objects; how many there are."""
    held: list[tuple[dict[str, Any], MediaInput]] = [({}, item) for item in draft.request.with_role(*roles)]
    for holder, item in held:
        draft.put(inner, item, holder)
    if held:
        draft.body[name] = [holder for holder, _ in held]
    return len(held)


def _generation(draft: Draft) -> None:
    _shape(_FRAME)(draft)
    if draft.request.inputs and draft.body.get("negative_prompt"):
        raise GatewayError(
            "unsupported_parameter", "Kling takes no negative prompt beside a picture.", param="negative_prompt"
        )


def _omni(draft: Draft) -> None:
    """Pictures one by one, or as a series, of which Kling may say how long it is."""
    _shape(_OMNI_FRAME)(draft)
    request, body = draft.request, draft.body
    pictures = _listed(draft, "image_list", "image", "image", "reference")
    if pictures + len(body.get("element_list", ())) > wire.MOST_REFERENCES:
        raise invalid(f"Kling takes {wire.MOST_REFERENCES} pictures and elements at the most.", "inputs")
    fewer = bool(getattr(request.parameters, "fewer", None))
    if "result_type" in body and body["result_type"] != "single":
        body["series_amount"] = wire.AUTO if fewer else request.count
        if request.count < 2:
            raise invalid("A series has two pictures at the least.", "count")
    elif fewer:
        raise invalid("Only a series may have fewer pictures than were asked for.", "parameters.fewer")
    elif request.count != 1:
        body["n"] = request.count


def _multi(draft: Draft) -> None:
    _shape(_FRAME)(draft)
    if not 1 <= _listed(draft, "subject_image_list", "subject_image", "image", "reference") <= wire.MOST_SUBJECTS:
        raise invalid(f"Kling takes 1 to {wire.MOST_SUBJECTS} pictures of subjects.", "inputs")


def _of_subjects(request: GenerationRequest, _model: str) -> bool:
    """One picture that is drawn anew is an image; what is to be seen in a new picture are subjects."""
    pictures = sum(1 for _ in request.with_role("image", "reference"))
    return pictures > 1 or any(request.with_role("reference", "scene", "style"))


def _expand(draft: Draft) -> None:
    _counted(draft)
    missing = [name for name in _GROWS.values() if name not in draft.body]
    draft.body |= dict.fromkeys(missing, 0.0)
    ratios = [draft.body[name] for name in _GROWS.values()]
    up, down, left, right = ratios
    if max(ratios) > 2 or (1 + up + down) * (1 + left + right) > wire.MOST_AREA + wire.SLACK:
        raise GatewayError(
            "unsupported_parameter",
            f"Kling adds twice a picture's own height or width on a side at the most, and makes it {wire.MOST_AREA:g} "
            "times as large in all.",
            param="parameters.up",
        )


_GROWS: Final = {f"parameters.{way}": f"{way}_expansion_ratio" for way in ("up", "down", "left", "right")}


def _billed(draft: Draft) -> Billed:
    """What a body comes to, with Kling's defaults; the shape is as Kling finds it where omni-image is told none."""
    body = draft.body
    usual = None if draft.op.create.endswith(wire.OMNI.path) else wire.RATIOS[0]
    return Billed(aspect_ratio=body.get("aspect_ratio", usual), resolution=body.get("resolution", wire.RESOLUTIONS[0]))


_REFERENCES: Final[Fields] = {"inputs.image|reference": Field("image_list")}
_SERIES: Final[Fields] = {
    "count": Field("n", later),
    "parameters.series": Field(
        "result_type", lambda on, take: take.novel("parameters.series") or ("series" if on else "single")
    ),
    "parameters.fewer": Field("series_amount", later),
}

IMAGES: Final = (
    operation(
        wire.GENERATION,
        "text_to_image",
        fields={**_FRAMED, **_COUNT},
        needs=("prompt",),
        shape=_generation,
        billed=_billed,
    ),
    operation(
        wire.GENERATION,
        "image_to_image",
        fields={
            **_FRAMED,
            **_COUNT,
            "inputs.image|reference": Picture("image"),
            **{f"parameters.{name}": name for name in ("image_reference", "image_fidelity", "human_fidelity")},
        },
        needs=("prompt",),
        shape=_generation,
        billed=_billed,
    ),
    operation(
        wire.OMNI,
        "text_to_image",
        "image_to_image",
        models=wire.OMNI_MODELS,
        fields={**_FRAMED, **_SERIES, **_REFERENCES},
        needs=("prompt",),
        shape=_omni,
        billed=_billed,
    ),
    operation(
        wire.MULTI_IMAGE,
        "image_to_image",
        suits=_of_subjects,
        fields={
            **_FRAMED,
            **_COUNT,
            "resolution": None,
            "inputs.image|reference": Field("subject_image_list"),
            "inputs.scene": Picture("scene_image", "scene"),
            "inputs.style": Picture("style_image", "style"),
        },
        shape=_multi,
        billed=_billed,
    ),
    operation(
        wire.EXPAND,
        "expand",
        fields={**_COUNT, **_GROWS, "inputs.image": Picture("image")},
        shape=_expand,
        billed=lambda _: Billed(),
    ),
    operation(
        wire.TRY_ON,
        "try_on",
        fields={
            "parameters.watermark": None,
            "inputs.person": Picture("human_image", "picture of a person"),
            "inputs.garment": Picture("cloth_image", "picture of clothes"),
        },
        billed=lambda _: Billed(),
    ),
)
