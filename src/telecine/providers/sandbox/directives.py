"""What a prompt may order the sandbox to do, so that an application can test every way in which a job can go.

| directive | what happens |
|---|---|
| `[[delay:3]]` | the job is done no sooner than 3 seconds after it was taken |
| `[[fail:content_policy]]` | the job ends failed with this error code |
| `[[refuse:rate_limited]]` | the job is never taken; `rate_limited` and `capacity` make the task wait and try again |
| `[[unreadable:2]]` | the first 2 polls bring no verdict |
| `[[tokens:input=1200,cached=100,output=4000]]` | the job reports that it took these tokens |

They are cut out of what is drawn.
"""

from __future__ import annotations

import re
from typing import Final, get_args

import msgspec

from telecine.nouns.errors import ErrorCode, GatewayError, invalid
from telecine.nouns.task import Tokens

_DIRECTIVE: Final = re.compile(r"\[\[\s*+(\w++)\s*+:([^\[\]]*+)\]\]")
_LONGEST_DELAY: Final = 24 * 3600.0
_MOST_UNREADABLE: Final = 1000
_MOST_TOKENS: Final = 1_000_000_000
_CODES: Final = tuple(get_args(ErrorCode))


class Directives(msgspec.Struct, frozen=True):
    """The orders found in one prompt. `delay` in seconds."""

    delay: float = 0.0
    fail: ErrorCode | None = None
    refuse: ErrorCode | None = None
    unreadable: int = 0
    tokens: Tokens | None = None


_KNOWN: Final = Directives.__struct_fields__


def read(prompt: str) -> tuple[Directives, str]:
    """The directives in `prompt`, and the prompt without them. Raises GatewayError (`invalid_request`)."""
    orders: dict[str, str] = {}
    for name, given in _DIRECTIVE.findall(prompt):
        value = given.strip()
        if name not in _KNOWN:
            known = ", ".join(f"[[{known}:…]]" for known in _KNOWN)
            raise _wrong(f"The sandbox knows no directive '{name}'; it knows {known}.")
        if name in orders:
            raise _wrong(f"The directive '{name}' is given twice.")
        orders[name] = value
    rest = " ".join(_DIRECTIVE.sub(" ", prompt).split()) if orders else prompt
    return Directives(
        delay=_number("delay", orders.get("delay", "0"), _LONGEST_DELAY),
        fail=_code("fail", orders.get("fail")),
        refuse=_code("refuse", orders.get("refuse")),
        unreadable=int(_number("unreadable", orders.get("unreadable", "0"), _MOST_UNREADABLE)),
        tokens=_tokens(orders["tokens"]) if "tokens" in orders else None,
    ), rest


def _number(name: str, value: str, most: float) -> float:
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number <= most:
        raise _wrong(f"The directive '{name}' takes a number from 0 to {most:g}, not '{value[:40]}'.")
    return number


def _code(name: str, value: str | None) -> ErrorCode | None:
    for code in _CODES:
        if value == code:
            return code  # type: ignore[no-any-return]
    if value is not None:
        raise _wrong(f"The directive '{name}' takes one of {', '.join(_CODES)}; not '{value[:40]}'.")
    return None


def _tokens(value: str) -> Tokens:
    counts: dict[str, int] = {}
    for part in value.split(","):
        kind, _, count = (one.strip() for one in part.partition("="))
        if kind not in Tokens.__struct_fields__ or kind in counts:
            kinds = ", ".join(Tokens.__struct_fields__)
            raise _wrong(f"The directive 'tokens' takes each of {kinds} once, as in input=1200; not '{part[:40]}'.")
        counts[kind] = int(_number(f"tokens: {kind}", count, _MOST_TOKENS))
    return Tokens(**counts)


def _wrong(message: str) -> GatewayError:
    return invalid(message, "prompt")
