"""What a prompt says at Midjourney: its words, and behind them the parameters that have no fields."""

from __future__ import annotations

from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.request import MediaInput
from telecine.providers.http.body import Draft
from telecine.wires.midjourney import SPEEDS
from telecine.wires.midjourney.prompt import read


def words(draft: Draft, *more: str) -> str:
    """The prompt as a client of Midjourney's own wrote it, or as it is said there, with `more` parameters. Raises
    GatewayError where it asks for more than the request does."""
    request, own = draft.request, draft.take.own("prompt")
    if own is None:
        parts = [request.prompt.strip()]
        parts += [f"--ar {request.aspect_ratio}"] if request.aspect_ratio else []
        parts += [f"--no {request.negative_prompt}"] if request.negative_prompt else []
        parts += [f"--seed {request.seed}"] if request.seed is not None else []
    else:
        parts = [own[1].strip()]
    text = " ".join((*parts, *more)).strip()
    _check(draft, text)
    return text


def _check(draft: Draft, text: str) -> None:
    """Raise GatewayError for what a prompt may not say, because the request says it, or because it is a price."""
    names = read(text).names
    asked = getattr(draft.request.parameters, "speed", None)
    wrong = next((one for one in SPEEDS if one in names and one != asked), None)
    if wrong is not None:
        message = f"prompt: '--{wrong}' changes the price; ask for it as the speed."
        raise GatewayError("unsupported_parameter", message, param="prompt")
    if "r" in names:
        raise invalid("prompt: '--repeat' makes several tasks; send the request as often.", "prompt")


def pictures(draft: Draft) -> list[MediaInput]:
    """The pictures that go before the prompt, without those that it names itself."""
    own = draft.take.own("prompt")
    named = read(own[1]).pictures if own is not None else ()
    return [one for one in draft.request.with_role("reference") if one.url is None or one.url not in named]
