"""Midjourney at IMA: midjourney-proxy's paths, fewer of them, and another task, which has no buttons.

So what is done with a picture goes by the actions of `change`; what Midjourney has beside them (zoom, pan) is asked for
by a button's `customId`, which only a client can know. Reconstructed: that a mask goes with the action INPAINT.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from msgspec.structs import replace

from telecine.nouns.billed import Billed
from telecine.nouns.errors import GatewayError, invalid
from telecine.providers.base import Succeeded, Traits
from telecine.providers.http.body import Draft
from telecine.providers.http.facts import Field, Fields, Op, Picture, Told, Vendor, later
from telecine.providers.http.getters import at
from telecine.providers.ima.answers import KEPT
from telecine.providers.midjourney import MIDJOURNEY, answers, bodies
from telecine.providers.midjourney.presses import changed
from telecine.providers.midjourney.prompts import words
from telecine.providers.take import Take
from telecine.wires import midjourney as wire
from telecine.wires.ima.midjourney import MODELS, REMIX
from telecine.wires.midjourney.prompt import read

_INPAINT: Final = "INPAINT"


def _spoken(draft: Draft) -> None:
    """Write the prompt, where there is one; how soon it is wanted has no field here, so that Midjourney is told."""
    prompt, speed = words(draft), getattr(draft.request.parameters, "speed", None)
    if speed is not None and speed not in read(prompt).names:
        prompt = f"{prompt} --{speed}".strip()
    if prompt:
        draft.body["prompt"] = prompt


def _imagine(draft: Draft) -> None:
    """A grid of a prompt."""
    _spoken(draft)
    if not draft.request.prompt.strip():
        raise invalid("Midjourney needs a prompt.", "prompt")


def _blend(draft: Draft) -> None:
    """Several pictures made one, which words may go with."""
    _spoken(draft)
    draft.put_all("base64Array", list(draft.request.with_role("image")))


def _change(draft: Draft) -> None:
    """What is done with a picture of a task of IMA's own: by a button that its client names, or an action."""
    request, source, prompt = draft.request, draft.source, words(draft)
    if request.source is None:
        raise invalid("IMA does this with a picture of its own alone; name its task as the source.", "source")
    custom_id = getattr(request.parameters, "custom_id", None)
    masked, inpaint = any(request.with_role("mask")), request.operation == "inpaint"
    if inpaint and not masked and custom_id is None:
        raise invalid("Midjourney needs a mask of what is to be drawn anew.", "inputs.mask")
    if prompt and custom_id is None and request.operation not in ("vary", "inpaint"):
        message = "IMA takes no words for this; it does for a variation."
        raise GatewayError("unsupported_parameter", message, param="prompt")
    if request.operation == "midjourney:action" and custom_id is None:
        raise invalid("custom_id: says which button is meant.", "parameters.custom_id")
    if source is None:  # nobody has asked yet what it is
        return
    if custom_id is not None or inpaint:
        said = {"action": _INPAINT if inpaint else None, "taskId": source.upstream_id, "customId": custom_id}
        draft.body |= {name: value for name, value in said.items() if value is not None}
    else:
        draft.body |= changed(draft, source)
    if prompt:
        draft.body["prompt"] = prompt
        if request.operation == "vary":
            draft.body["action"] = REMIX


def _pictures(told: Told) -> Succeeded | str:
    """The pictures one by one, and all of them as one, as far as they are told. Nothing is kept of the rest: what is
    done next with the pictures goes by neutral words."""
    urls = told.job.get("urls")
    listed = [{"url": one} for one in urls] if isinstance(urls, list) else []
    found = answers.pictures(replace(told, job={**told.job, "imageUrls": listed}))
    return replace(found, facts=None) if isinstance(found, Succeeded) else found


def _count(value: int, _take: Take) -> None:
    """Nothing: there are as many as there are. Raises GatewayError where more are asked for."""
    if value > wire.GRID:
        raise invalid(f"Midjourney makes {wire.GRID} pictures at a time, not {value}.", "count")


def _untold(draft: Draft) -> Billed:
    """What an action comes to, which is not told how soon it is wanted."""
    return replace(bodies.pictures_billed(draft), speed=None)


_LATER: Final = Field("", later)
_PROMPT: Final = Field("prompt", later)
_COMMON: Final[Fields] = {"model": _LATER, "count": Field("", _count), "parameters.grid": _LATER}
_SPOKEN: Final = ("prompt", "negative_prompt", "aspect_ratio", "seed", "parameters.speed")
_DRAWN: Final[Fields] = {**_COMMON, **dict.fromkeys(_SPOKEN, _PROMPT)}
_CHANGED: Final[Fields] = {
    **_COMMON,
    "source": Field("taskId", later),
    "prompt": _PROMPT,
    "parameters.index": Field("index", later),
    "parameters.custom_id": Field("customId", later),
}
_TRAITS: Final = Traits(KEPT, usual=60.0, poll_floor=5.0)


def _op(name: str, path: str, fields: Fields, shape: Callable[[Draft], None]) -> Op:
    """Midjourney's operation, as IMA has it."""
    return replace(
        MIDJOURNEY.ops[name],
        create=f"POST {wire.PREFIX}{path}",
        fields=fields,
        shape=shape,
        stops=(),
        many=None,
        search=None,
        before=None,
        traits=None,
    )


def _press(name: str, **more: Any) -> Op:
    return replace(_op(name, wire.CHANGE, {**_CHANGED, **more}, _change), billed=_untold)


def midjourney(vendor: Vendor) -> Vendor:
    """The generation of `vendor` that speaks of Midjourney's models."""
    return replace(
        MIDJOURNEY,
        name=vendor.name,
        title="Midjourney at IMA",
        speaks=vendor.speaks | MIDJOURNEY.speaks,
        models=MODELS,
        root=vendor.root,
        auth=vendor.auth,
        ops={
            "text_to_image": _op("text_to_image", wire.IMAGINE, _DRAWN, _imagine),
            "blend": _op("blend", wire.BLEND, {**_DRAWN, "inputs.image": Field("base64Array")}, _blend),
            **{name: _press(name) for name in ("upscale", "vary", "reroll", "midjourney:action")},
            "inpaint": _press("inpaint", **{"inputs.mask": Picture("maskBase64", "mask")}),
        },
        traits=_TRAITS,
        handle="",
        callback="",
        id=at("mj_id"),
        outputs=_pictures,
        missing=(*vendor.missing, *MIDJOURNEY.missing),
    )
