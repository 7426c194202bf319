"""What an upstream means by an error: of an answer, or of a job that failed."""

from __future__ import annotations

import re
from typing import Final, TypeVar

import msgspec

from telecine.providers.base import Channel
from telecine.providers.openai.wire import CODES, POLICY, STATUSES, THEIR_ACCOUNT, ErrorBody, Problem, Verdict
from telecine.providers.scrub import scrubbed

_Wire = TypeVar("_Wire")
_POLICY: Final = re.compile(
    r"content[ _]?(?:policy|policies)|moderation|guardrail|safety (?:system|polic)|审核|违规|敏感", re.IGNORECASE
)
_QUOTA: Final = re.compile(
    r"exceeded your current quota|billing|insufficient (?:quota|balance)|余额|额度", re.IGNORECASE
)


def problem(body: bytes) -> ErrorBody | None:
    """The error that an answer tells; None where it tells none."""
    found = decoded(body, Problem)
    if found is None:
        return None
    if error := error_of(found.error):
        return error
    said = text(found.message) or text(found.detail)
    return ErrorBody(said, code=found.code) if said else None


def error_of(value: object) -> ErrorBody | None:
    """An `error` object; relays also write mere text."""
    if isinstance(value, str) and value.strip():
        return ErrorBody(value)
    if not isinstance(value, dict):
        return None
    error = msgspec.convert(value, ErrorBody)
    return error if text(error.message) or codes(error) else None


def verdict(status: int, error: ErrorBody) -> Verdict:
    """What a readable 4xx means for a create."""
    said = text(error.message)
    if status in (400, 422) and _POLICY.search(said):
        return POLICY
    by_code = next((CODES[code] for code in sorted(codes(error)) if code in CODES), None)
    if by_code is not None:
        return by_code
    if status in (400, 429) and _QUOTA.search(said):
        return THEIR_ACCOUNT
    return STATUSES.get(status, Verdict("upstream_refused"))


def about_policy(error: ErrorBody, said: str) -> bool:
    """Whether a job failed for what it shows, rather than for a fault of the upstream's."""
    return any(CODES.get(code) is POLICY for code in codes(error)) or _POLICY.search(said) is not None


def codes(error: ErrorBody) -> set[str]:
    """`code` and `type` in lower case, where they are words."""
    return {word(one) for one in (error.code, error.type)} - {""}


def message(error: ErrorBody, channel: Channel, otherwise: str) -> str:
    """What it says, fit for a client."""
    return scrubbed(text(error.message) or text(error.code), channel) or otherwise


def text(value: object) -> str:
    """`value` where it is text, else nothing."""
    return value.strip() if isinstance(value, str) else ""


def word(value: object) -> str:
    """`text` in lower case."""
    return text(value).lower()


def decoded(body: bytes, form: type[_Wire]) -> _Wire | None:
    """The JSON in `body`; None where it is none, or of another form."""
    try:
        return msgspec.json.decode(body, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # ValidationError is a DecodeError
        return None
