"""Midjourney at IMA: midjourney-proxy's paths, fewer of them, and another task, which mostly has no buttons.

So what is done with a picture goes by the actions of `change` or, where a task tells of buttons, by those, for which it
takes words and a mask at once. `telecine.wires.ima.midjourney` says what of it is reconstructed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from msgspec.structs import replace

from telecine.nouns.billed import Billed
from telecine.nouns.errors import GatewayError, invalid
from telecine.providers.base import Source, Traits
from telecine.providers.http.body import Draft
from telecine.providers.http.facts import Field, Fields, Op, Picture, Told, Vendor, later
from telecine.providers.http.getters import at, rows
from telecine.providers.ima.answers import KEPT
from telecine.providers.midjourney import MIDJOURNEY, answers, bodies
from telecine.providers.midjourney.presses import SAID, button, check_named, index_of, window
from telecine.providers.midjourney.prompts import words
from telecine.providers.outcomes import Succeeded
from telecine.providers.take import Take
from telecine.wires import midjourney as wire
from telecine.wires.ima.midjourney import ACTIONS, MODELS, REMIX
from telecine.wires.midjourney.prompt import read


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
    """What is done with a picture of a task of IMA's own: by its button or, where it has none, by an action."""
    request, source, prompt = draft.request, draft.source, words(draft)
    if request.source is None:
        raise invalid("IMA does this with a picture of its own alone; name its task as the source.", "source")
    if request.operation == "inpaint" and not any(request.with_role("mask")):
        raise invalid("Midjourney needs a mask of what is to be drawn anew.", "inputs.mask")
    check_named(request)
    if source is None:  # nobody has asked yet what it is
        return
    custom_id = button(request, source)
    asks = custom_id is not None and window(custom_id)
    if prompt and not asks and request.operation not in ("vary", "inpaint"):
        raise GatewayError("unsupported_parameter", "IMA takes no words for this; a variation does.", param="prompt")
    body = {"customId": custom_id} if custom_id is not None else _action(draft, source, spoken=bool(prompt))
    draft.body |= {"taskId": source.upstream_id, **body}
    if asks or prompt:
        draft.body["prompt"] = bodies.asked(draft, source, prompt) if asks else prompt


def _action(draft: Draft, source: Source, *, spoken: bool) -> dict[str, Any]:
    """The action, and which of the pictures. Raises GatewayError where there is none that does it like that."""
    request = draft.request
    wanted = {name: value for name in SAID if (value := getattr(request.parameters, name, None)) is not None}
    for word, press in ACTIONS.items():
        alike = all(getattr(press, name) == value for name, value in wanted.items())
        right = (word == REMIX) == (spoken and press.does == "vary") and press.asks == (press.does == "inpaint")
        if press.does == request.operation != "pan" and alike and right:
            break
    else:
        param = f"parameters.{next(iter(wanted))}" if wanted else "operation"
        message = "What this follows up has no buttons, and IMA has no action that does it like that."
        raise GatewayError("unsupported_parameter", message, param=param)
    index = index_of(request, source)
    alone = request.operation == "inpaint" and source.request is not None and source.request.operation == "upscale"
    if index is None and request.operation != "reroll" and not alone:
        raise invalid("index: says which of the pictures is meant, from 1.", "parameters.index")
    return {"action": word, "index": index or 1}


def _pictures(told: Told) -> Succeeded | str:
    """The pictures one by one, and all of them as one, as far as they are told. Where nothing is told of buttons, it is
    as if nothing was told at all: what is done next goes by neutral words."""
    urls = told.job.get("urls")
    listed = [{"url": one} for one in urls] if isinstance(urls, list) else []
    found = answers.pictures(replace(told, job={**told.job, "imageUrls": listed}))
    silent = isinstance(found, Succeeded) and not rows("buttons")(told.job)
    return replace(found, facts=None) if isinstance(found, Succeeded) and silent else found


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
_TRAITS: Final = Traits(KEPT, usual=60.0, poll_floor=5.0, grids=True)


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


def _press(name: str, *said: str, **more: Picture) -> Op:
    """What is done with a picture; `said` are the parameters that say how."""
    how = {f"parameters.{one}": Field("action", later) for one in said}
    return replace(_op(name, wire.CHANGE, {**_CHANGED, **how, **more}, _change), billed=_untold)


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
        library=vendor.library,
        ops={
            "text_to_image": _op("text_to_image", wire.IMAGINE, _DRAWN, _imagine),
            "blend": _op("blend", wire.BLEND, {**_DRAWN, "inputs.image": Field("base64Array")}, _blend),
            "upscale": _press("upscale", "style", "factor"),
            "vary": _press("vary", "strength"),
            "reroll": _press("reroll"),
            "zoom": _press("zoom", "factor"),
            "pan": _press("pan", "direction"),
            "midjourney:action": _press("midjourney:action"),
            "inpaint": _press("inpaint", **{"inputs.mask": Picture("maskBase64", "mask")}),
        },
        traits=_TRAITS,
        handle="",
        callback="",
        id=at("mj_id"),
        outputs=_pictures,
        missing=(*vendor.missing, *MIDJOURNEY.missing),
    )
