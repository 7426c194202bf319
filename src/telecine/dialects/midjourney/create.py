"""From the bodies of `/mj/submit/…` to a GenerationRequest: what makes something new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

import msgspec

from telecine.dialects import scalars
from telecine.dialects.aliases import agreed
from telecine.dialects.bodies import Body, Known, present, typed
from telecine.dialects.call import Call
from telecine.dialects.inline import Source, data_of, is_url
from telecine.dialects.library import is_asset
from telecine.dialects.rows import Parsed
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.parameters import ImageParameters
from telecine.nouns.request import GenerationRequest, Native, Novel, Role
from telecine.wires.midjourney import (
    BOTS,
    DIMENSIONS,
    GRID,
    MODEL,
    NIJI,
    NIJI_BOT,
    SPEEDS,
)
from telecine.wires.midjourney.bodies import Blend, Common, Edit, Imagine
from telecine.wires.midjourney.prompt import STYLING, Prompt, read

DIALECT: Final = "midjourney"
STATE: Final = "state"
"""Under what name among a task's metadata the client's `state` is kept."""
_MOST_STATE: Final = 512
_MOST_PROMPT: Final = 32_000
"""Characters, with its parameters; no model takes more words. What is read here, word by word, is read at once."""
_SAID: Final = frozenset({"ar", "seed", "no", "niji", *SPEEDS})
"""Parameters of a prompt that any provider can be told."""


class Asked(msgspec.Struct):
    """What all bodies say alike."""

    model: str
    speed: str | None
    bot: str | None
    native: Native | None
    common: dict[str, Any]
    """The fields of the request that say nothing of what is made."""


def read_body(body: Body, kind: type[msgspec.Struct]) -> tuple[Any, dict[str, msgspec.Raw]]:
    """The body as its type, and the fields that it does not know. Raises GatewayError naming the field."""
    known = _known(kind)
    unknown = body.unknown(known)
    return typed(present(body.known(known)), kind), unknown


@cache
def _known(kind: type[msgspec.Struct]) -> Known:
    return Known.of(kind)


def asked(
    call: Call,
    wire: Common,
    unknown: dict[str, msgspec.Raw],
    prompt: str | None = None,
    *,
    known: frozenset[str] = _SAID | STYLING,
    more: Mapping[str, Novel] | None = None,
) -> Asked:
    """What all bodies say alike, and what a `prompt` with parameters says of it, of which those not `known` are for
    Midjourney alone, as is what is `more` novel. Raises GatewayError."""
    said = read(prompt) if prompt is not None else Prompt("")
    speed = agreed(
        ("mode", _speed(wire)),
        ("path", call.ahead),
        *(("prompt", flag) for flag in SPEEDS if flag in said.names),
    )
    novel = dict(more or {})
    if wire.bot_type is not None and wire.bot_type not in BOTS:
        objection = f"botType: '{wire.bot_type}' is not known here; use one of: {', '.join(BOTS)}."
        novel["parameters.bot"] = Novel(wire.bot_type, objection)
    if alone := sorted(said.names - known):
        objection = f"prompt: '--{alone[0][:32]}' is known to Midjourney alone, and this model's channel is another."
        novel["prompt"] = Novel(f"--{alone[0]}", objection)
    niji = wire.bot_type == NIJI_BOT or "niji" in said.names
    own = {"prompt": ("prompt", _theirs(call, prompt))} if prompt is not None and (said.flags or said.pictures) else {}
    native = Native(DIALECT, unknown, novel, own) if unknown or novel or own else None
    return Asked(
        model=wire.model or (NIJI if niji else MODEL),
        speed=speed,
        bot=NIJI if niji and wire.model else None,
        native=native,
        common={"callback_url": wire.notify_hook, "metadata": _state(wire)},
    )


def parse_imagine(call: Call, body: Body) -> Parsed:
    """Four pictures of a prompt, which pictures may go before. Raises GatewayError naming the field."""
    wire, unknown = read_body(body, Imagine)
    if wire.prompt is None:
        raise invalid("prompt: is required.", "prompt")
    sources = pictures(wire.base64_array, "base64Array", "reference")
    if wire.base64 is not None:
        sources.append(picture(wire.base64, "base64", "reference"))
    return _grid(call, wire, unknown, wire.prompt, sources)


def parse_edits(call: Call, body: Body) -> Parsed:
    """A picture, or a part of it, made anew after a prompt. Raises GatewayError naming the field."""
    wire, unknown = read_body(body, Edit)
    sources = _edited(wire)
    if wire.mask_base64 is not None:
        sources.append(picture(wire.mask_base64, "maskBase64", "mask"))
    return _grid(call, wire, unknown, wire.prompt, sources)


def parse_retexture(call: Call, body: Body) -> Parsed:
    """A picture's shapes with other surfaces. Raises GatewayError naming the field."""
    wire, unknown = read_body(body, Edit)
    sources = _edited(wire)
    if wire.mask_base64 is not None:
        raise GatewayError("unsupported_parameter", "maskBase64: a whole picture is textured.", param="maskBase64")
    return _grid(call, wire, unknown, wire.prompt, sources, operation="midjourney:retexture")


def parse_blend(call: Call, body: Body) -> Parsed:
    """Two to five pictures made one. Raises GatewayError naming the field."""
    wire, unknown = read_body(body, Blend)
    sources = pictures(wire.base64_array, "base64Array", "image")
    if not 2 <= len(sources) <= 5:
        raise invalid(f"base64Array: needs 2 to 5 pictures, not {len(sources)}.", "base64Array")
    told = asked(call, wire, unknown)
    ratio = DIMENSIONS.get((wire.dimensions or "").upper())
    if wire.dimensions is not None and ratio is None:
        raise invalid(f"dimensions: must be one of: {', '.join(DIMENSIONS)}.", "dimensions")
    return GenerationRequest(
        operation="blend",
        model=told.model,
        count=GRID,
        aspect_ratio=ratio,
        parameters=ImageParameters(grid=True, speed=told.speed, bot=told.bot),
        native=told.native,
        **told.common,
    ), sources


def picture(text: str, param: str, role: Role) -> Source:
    """A picture as a data URL, as base64 alone, or as a URL, which relays take as well. Raises GatewayError."""
    if is_url(text):
        return Source(role, param, url=text)
    return Source(role, param, data=data_of(text, param) or text)


def pictures(texts: Sequence[str] | None, param: str, role: Role) -> list[Source]:
    """Each of a list of them, without what is empty."""
    return [picture(text, f"{param}[{number}]", role) for number, text in enumerate(texts or ()) if text]


def check_words(call: Call, prompt: str) -> None:
    """Raise GatewayError where a prompt is longer than any, or holds a URL that we would never fetch: its upstream
    would, in our name."""
    if len(prompt) > _MOST_PROMPT:
        raise invalid(f"prompt: has {len(prompt)} characters; at most {_MOST_PROMPT}.", "prompt")
    ours = {url for url in read(prompt).pictures if _is_ours(call, url)}
    for word in prompt.split():
        if is_url(word) and word not in ours:
            call.edge.media.check_url(word, param="prompt")


def _theirs(call: Call, prompt: str) -> str:
    """The prompt as an upstream of Midjourney's is told it: without links of our own, whose pictures it is sent."""
    for url in read(prompt).pictures:
        if _is_ours(call, url):
            prompt = prompt.replace(url, "", 1).lstrip()
    return prompt


def _is_ours(call: Call, url: str) -> bool:
    """Whether the picture is here: in the account's library, or behind a link that was given for it."""
    return is_asset(url) or call.edge.media.object_of(url) is not None


def _grid(
    call: Call,
    wire: Common,
    unknown: dict[str, msgspec.Raw],
    prompt: str | None,
    sources: list[Source],
    *,
    operation: str | None = None,
) -> Parsed:
    """Four pictures of a prompt with its parameters, and of what goes with it."""
    if prompt is None:
        raise invalid("prompt: is required.", "prompt")
    check_words(call, prompt)
    told, said = asked(call, wire, unknown, prompt), read(prompt)
    if "r" in said.names:
        raise invalid("prompt: '--repeat' makes several tasks; send the request as often.", "prompt")
    sources = [*(Source("reference", "prompt", url=url) for url in said.pictures), *sources]
    if not said.text and not sources:
        raise invalid("prompt: has nothing but parameters.", "prompt")
    excluded = ", ".join(value for name, value in said.flags if name == "no" and value)
    return GenerationRequest(
        operation=operation or ("image_to_image" if sources else "text_to_image"),
        model=told.model,
        prompt=said.text,
        negative_prompt=excluded or None,
        count=GRID,
        aspect_ratio=scalars.aspect_ratio(said.value("ar"), "prompt"),
        seed=scalars.seed(said.value("seed"), "prompt"),
        parameters=ImageParameters(grid=True, speed=told.speed, bot=told.bot),
        native=told.native,
        **told.common,
    ), sources


def _edited(wire: Edit) -> list[Source]:
    """The picture that is changed, and what else is sent beside it."""
    found = [picture(wire.image, "image", "image")] if wire.image is not None else []
    found += pictures(wire.base64_array, "base64Array", "image")
    if not found:
        raise invalid("image: is required; a data URL, or a URL.", "image")
    return found


def _state(wire: Common) -> dict[str, str] | None:
    if wire.state is not None and len(wire.state) > _MOST_STATE:
        raise invalid(f"state: has {len(wire.state)} characters; at most {_MOST_STATE}.", "state")
    return {STATE: wire.state} if wire.state is not None else None


def _speed(wire: Common) -> str | None:
    """The body's own word. A filter that allows several speeds asks for none."""
    modes = wire.account_filter.get("modes") if isinstance(wire.account_filter, dict) else None
    filtered = modes[0] if isinstance(modes, list) and len(modes) == 1 else None
    said = wire.mode or (filtered if isinstance(filtered, str) else None)
    if said is not None and said.lower() not in SPEEDS:
        raise invalid(f"mode: must be one of: {', '.join(SPEEDS)}.", "mode")
    return said.lower() if said is not None else None
