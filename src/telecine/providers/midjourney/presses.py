"""What is done with a picture that is there: the button of its task that does it, and where a task has no buttons, one
of the original's three actions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.parameters import ChangeParameters, VideoParameters
from telecine.nouns.request import GenerationRequest
from telecine.providers.base import Source
from telecine.providers.http.body import Draft
from telecine.wires import midjourney as wire
from telecine.wires.midjourney.buttons import Press, read

DIALECT: Final = "midjourney"
DOES: Final = {"image_to_video": "animate"}
"""By operation, what its button does, where that is another word."""
_CHANGES: Final = {"upscale": "UPSCALE", "vary": "VARIATION", "reroll": "REROLL"}
SAID: Final = ("style", "factor", "strength", "direction", "motion")
"""What the parameters and a button both say."""
_UNNAMED: Final = frozenset({"imagine", "describe"})
"""What buttons below a description do, for which there is no operation that follows one up."""
_SEVERAL: Final = "::PicReader::all"


def button(request: GenerationRequest, source: Source) -> str | None:
    """The `customId` of the button that does what `request` asks for, at the task that it follows up; None where that
    task has no buttons at all.

    Raises GatewayError where none of them does it, and where that of another task is asked for: an upstream would press
    it all the same, whosever it is.
    """
    ids = _ids(source)
    given = request.parameters
    custom_id = given.custom_id if isinstance(given, ChangeParameters | VideoParameters) else None
    if custom_id is not None:
        if custom_id not in ids:
            raise invalid("custom_id: is no button of the task that this follows up.", "parameters.custom_id")
        return custom_id
    if not ids:
        return None
    presses = [(one, press) for one in ids if (press := read(one)) is not None]
    fitting = list(_fitting(request, presses))
    numbers = {press.index for _, press in fitting if press.index is not None}
    index = index_of(request, source)
    if index is None and len(numbers) > 1:
        raise invalid("index: says which of the pictures is meant, from 1.", "parameters.index")
    for one, press in fitting:
        if index is None or press.index in (None, index):
            return one
    raise GatewayError(
        "unsupported_parameter",
        f"What this follows up has no button to {DOES.get(request.operation, request.operation)} it like that.",
        param="source",
    )


def check_named(request: GenerationRequest) -> None:
    """Raise GatewayError where the button that a request names does something else than the request says: it is paid
    for by that."""
    given = request.parameters
    custom_id = given.custom_id if isinstance(given, ChangeParameters | VideoParameters) else None
    press = read(custom_id) if custom_id is not None else None
    does = DOES.get(request.operation, request.operation)
    if custom_id is not None and custom_id.endswith(_SEVERAL):
        raise _other("makes several tasks; press the others one by one.")
    if press is None:
        return
    if press.does != does and not (request.operation == "midjourney:action" and press.does in _UNNAMED):
        raise _other("does something else than the operation.")
    wrong = next((one for one in SAID if getattr(press, one) not in (None, getattr(given, one, None))), None)
    if wrong is not None:
        raise _other(f"says another {wrong} than the request.")


def _other(what: str) -> GatewayError:
    return invalid(f"custom_id: {what}", "parameters.custom_id")


def spoken(source: Source) -> str:
    """The words that a picture was made with, as its upstream has them."""
    said = _said(source)
    return next((one for one in (said.properties.get("finalPrompt"), said.prompt_en) if isinstance(one, str)), "")


def _ids(source: Source) -> list[str]:
    return [one.custom_id for one in _said(source).buttons]


def _said(source: Source) -> wire.Said:
    return (source.facts.read(DIALECT, wire.Said) if source.facts is not None else None) or wire.Said()


def _fitting(request: GenerationRequest, presses: Iterable[tuple[str, Press]]) -> Iterable[tuple[str, Press]]:
    """Those that do it, the likeliest first; one that opens a window takes any factor, and is the one for words."""
    does = DOES.get(request.operation, request.operation)
    wanted = {name: value for name in SAID if (value := getattr(request.parameters, name, None)) is not None}
    spoken = request.operation == "zoom" and bool(request.prompt.strip() or request.aspect_ratio)
    found = []
    for one, press in presses:
        said = {name: value for name, value in wanted.items() if not (press.asks and name == "factor")}
        fits = press.does == does and all(getattr(press, name) == value for name, value in said.items())
        if fits and (press.asks or not spoken):
            found.append((one, press))
    return sorted(found, key=lambda pair: pair[1].asks)


def index_of(request: GenerationRequest, source: Source) -> int | None:
    """Which of the pictures is meant, from 1."""
    index: int | None = getattr(request.parameters, "index", None)
    return source.item + 1 if index is None and source.item is not None else index


def changed(draft: Draft, source: Source) -> dict[str, Any]:
    """The body of one of the original's actions. Raises GatewayError for what it has none of."""
    request, name = draft.request, _CHANGES.get(draft.request.operation)
    told = [one for one in SAID if getattr(request.parameters, one, None) is not None]
    if name is None or told:
        raise GatewayError(
            "unsupported_parameter",
            "What this follows up has no buttons, and its upstream can only upscale, vary and reroll its pictures.",
            param=f"parameters.{told[0]}" if name is not None else "operation",
        )
    index = index_of(request, source)
    if index is None and name != "REROLL":
        raise invalid("index: says which of the pictures is meant, from 1.", "parameters.index")
    return {"taskId": source.upstream_id, "action": name, "index": index or 1}  # new-api asks for one with any action


def window(custom_id: str) -> bool:
    """Whether the upstream asks for words or a mask before it does anything."""
    press = read(custom_id)
    return press is not None and press.asks
