"""What a prompt says at Midjourney: its words, and behind them the parameters that have no fields."""

from __future__ import annotations

from typing import Final

from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.parameters import VideoParameters
from telecine.nouns.request import GenerationRequest, MediaInput
from telecine.providers.http.body import Draft
from telecine.wires.midjourney import SPEEDS
from telecine.wires.midjourney.prompt import read

_SIZES: Final = {
    "1024x1024": "1:1",
    "1344x896": "3:2",
    "896x1344": "2:3",
    "1232x928": "4:3",
    "928x1232": "3:4",
    "1456x816": "16:9",
    "816x1456": "9:16",
}
"""By size, the proportions that it is made for (docs.midjourney.com, "Image Size & Resolution")."""

_DASHES: Final = ("--", "—")
_PRICED: Final = frozenset({*SPEEDS, "zoom", "bs", "motion", "r"})
"""Parameters that change a price, or the number of tasks."""


def words(draft: Draft, *more: str) -> str:
    """The prompt as a client of Midjourney's own wrote it, or as it is said there, with `more` parameters. Raises
    GatewayError where it asks for more than the request does."""
    request, own = draft.request, draft.take.own("prompt")
    if own is None:
        parts = [request.prompt.strip()]
        parts += [f"--ar {ratio}"] if (ratio := _ratio(draft)) else []
        parts += [f"--no {request.negative_prompt}"] if request.negative_prompt else []
        parts += [f"--seed {request.seed}"] if request.seed is not None else []
    else:
        parts = [own[1].strip()]
    text = " ".join((*parts, *more)).strip()
    _check(draft, text)
    return text


def _ratio(draft: Draft) -> str | None:
    """The proportions, also where a size says them. Raises GatewayError for a size that is not made."""
    request = draft.request
    if request.size is None:
        return request.aspect_ratio
    ratio = _SIZES.get(request.size)
    if ratio is None:
        message = f"Midjourney makes pictures of {', '.join(_SIZES)}, not of {request.size[:20]}."
        raise GatewayError("unsupported_parameter", message, param="size")
    if request.aspect_ratio not in (None, ratio):
        raise invalid(f"The size means '{ratio}' at Midjourney; the aspect_ratio is another.", "size")
    return ratio


def _check(draft: Draft, text: str) -> None:
    """Raise GatewayError for what a prompt may not say, because the request says it, or because it is a price."""
    said, low = read(text), text.lower()
    asked = getattr(draft.request.parameters, "speed", None)
    wrong = next((one for one in SPEEDS if one != asked and any(f"{dash}{one}" in low for dash in _DASHES)), None)
    if wrong is not None:
        message = f"prompt: '--{wrong}' changes the price; ask for it as the speed."
        raise GatewayError("unsupported_parameter", message, param="prompt")
    if "r" in said.names or any(f"{dash}repeat" in low for dash in _DASHES):
        raise invalid("prompt: '--repeat' makes several tasks; send the request as often.", "prompt")
    if _permutes(text):
        raise invalid("prompt: '{a, b}' makes several tasks; send the request as often.", "prompt")
    told = _told(draft.request)
    for name, value in said.flags:
        if name in told and value != told[name]:
            raise invalid(
                f"prompt: '--{name}' says something else than the request, which is paid for by that.", "prompt"
            )


def _permutes(text: str) -> bool:
    """Whether a part of it stands for several (docs.midjourney.com, "Permutations")."""
    return "," in text[text.find("{") : text.rfind("}") + 1].replace("\\,", "") if "{" in text else False


def _told(request: GenerationRequest) -> dict[str, str]:
    """By parameter that a price depends on, what the request says of it."""
    given, told = request.parameters, dict[str, str]()
    if isinstance(given, VideoParameters) or request.operation in ("image_to_video", "extend"):
        told = {"bs": str(request.count), "motion": getattr(given, "motion", None) or "low"}
    factor = getattr(given, "factor", None)
    return told | ({"zoom": f"{factor:g}"} if request.operation == "zoom" and factor is not None else {})


def unpriced(text: str) -> str:
    """What was said of one task, without what is said anew of each."""
    said = read(text)
    flags = (f"--{name} {value}".rstrip() for name, value in said.flags if name not in _PRICED)
    return " ".join((*said.pictures, said.text, *flags)).strip()


def pictures(draft: Draft) -> list[MediaInput]:
    """The pictures that go before the prompt, without those that it names itself."""
    own = draft.take.own("prompt")
    named = read(own[1]).pictures if own is not None else ()
    return [one for one in draft.request.with_role("reference") if one.url is None or one.url not in named]
