"""What an answer to a create means where it names no job: the HTTP status first, then the envelope, then its words.

| HTTP status | means |
|---|---|
| 4xx, but for 408, 409 and 499 | no job was made, whatever the body is |
| 408, 409, 499 | open: something in between may have said so when the upstream had the request already |
| 5xx | open, unless a word of the vendor's says that no job was made |
| 2xx | open, unless the body is an error; one that is about the upstream's own trouble stays open |

A vendor's adapter brings its own table of words; everything else is the same for all.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Final

import msgspec

from telecine.net.client import Reply
from telecine.nouns.errors import ErrorCode, TaskError
from telecine.providers.base import Channel
from telecine.providers.complaint import Complaint, complaint_of, text_of
from telecine.providers.outcomes import Refused, Unknown
from telecine.providers.scrub import scrubbed


class Verdict(msgspec.Struct, frozen=True):
    """What a refusal is about. None of the three: the request itself is at fault, wherever it is sent."""

    code: ErrorCode
    elsewhere: bool = False
    """Another channel may well accept it."""
    capacity: bool = False
    """The upstream is full."""
    spared: bool = False
    """It is about this request's model or path, and says nothing against the channel."""


POLICY: Final = Verdict("content_policy")
THEIR_ACCOUNT: Final = Verdict("upstream_refused", elsewhere=True)
NO_SUCH_MODEL: Final = Verdict("invalid_request", elsewhere=True, spared=True)
NO_SUCH_PATH: Final = Verdict("upstream_refused", elsewhere=True, spared=True)
FULL: Final = Verdict("capacity", capacity=True)

Words = Mapping[str, Verdict | None]
"""By code or type in lower case; None: the word leaves open whether a job was made."""
WORDS: Final[Words] = {
    "moderation_blocked": POLICY,
    "content_policy_violation": POLICY,
    "content_policy": POLICY,
    "content_filter": POLICY,
    "sentinel_block": POLICY,
    "sensitive_words_detected": POLICY,  # new-api, as the next
    "prompt_blocked": POLICY,
    "insufficient_quota": THEIR_ACCOUNT,
    "insufficient_balance": THEIR_ACCOUNT,
    "billing_hard_limit_reached": THEIR_ACCOUNT,
    "billing_not_active": THEIR_ACCOUNT,
    "invalid_api_key": THEIR_ACCOUNT,
    "authentication_error": THEIR_ACCOUNT,
    "insufficient_user_quota": THEIR_ACCOUNT,  # new-api, as the next
    "pre_consume_token_quota_failed": THEIR_ACCOUNT,
    "quota_not_enough": THEIR_ACCOUNT,
    "rate_limit_exceeded": FULL,
    "rate_limit_error": FULL,
    "too_many_requests": FULL,
    "slow_down": FULL,
    "model_not_found": NO_SUCH_MODEL,
    "get_channel_failed": NO_SUCH_MODEL,  # new-api: none of its channels has the model
}
"""What OpenAI, new-api and the relays that speak like them write."""
STATUSES: Final[Mapping[int, Verdict]] = {
    400: Verdict("invalid_request"),
    401: THEIR_ACCOUNT,
    402: THEIR_ACCOUNT,
    403: THEIR_ACCOUNT,
    404: NO_SUCH_MODEL,  # or no such path
    405: NO_SUCH_PATH,
    413: Verdict("invalid_request"),
    415: Verdict("invalid_request"),
    422: Verdict("invalid_request"),
    429: FULL,
}
BETWEEN: Final = frozenset({408, 409, 499})
_INTERNAL: Final = frozenset(
    {"server_error", "internal_error", "internal_server_error", "api_error", "timeout", "do_request_failed"}
)
"""In a body with status 2xx, these say no more than a 5xx does."""
_POLICY: Final = re.compile(
    r"content[ _]?(?:policy|policies)|moderation|guardrail|safety (?:system|polic)|审核|违规|敏感", re.IGNORECASE
)
_QUOTA: Final = re.compile(
    r"exceeded your current quota|billing|insufficient (?:quota|balance)|余额|额度", re.IGNORECASE
)
NO_PARAMS: Final[Mapping[str, str]] = {}


def refusal(
    reply: Reply,
    channel: Channel,
    *,
    words: Words = WORDS,
    params: Mapping[str, str] = NO_PARAMS,
    policy: re.Pattern[str] | None = None,
) -> Refused | Unknown:
    """What `reply` to a create means, which names no job that could be asked about.

    `words` are the vendor's; `params` translates its names of fields into the neutral ones; `policy` are texts that are
    about what may not be shown, besides what all vendors' texts are.
    """
    said = complaint_of(reply.body) or Complaint(text_of(reply.body))
    verdict = _verdict(reply.status, said, words, policy)
    if verdict is None:
        return Unknown(f"HTTP {reply.status}" + ("" if said.words else " with a body that tells no reason"))
    fallback = f"The upstream refused the request with HTTP {reply.status}."
    message = scrubbed(said.message, channel) or scrubbed(_code(said), channel) or fallback
    ours = not (verdict.elsewhere or verdict.capacity)
    param = params.get(said.param.partition("[")[0]) if ours else None
    error = TaskError(verdict.code, message, param)
    return Refused(error, verdict.elsewhere, verdict.capacity, asked(reply), verdict.spared)


def _code(said: Complaint) -> str:
    return f"The upstream refused the request with code {said.words[0]}." if said.words else ""


def _verdict(status: int, said: Complaint, words: Words, policy: re.Pattern[str] | None) -> Verdict | None:
    """What is sure of it; None where a job may exist."""
    meant = _meant(status, said)
    # Relays that have no field for a word write it as the text: new-api's Midjourney, `quota_not_enough`.
    known = next((one for one in (said.message.strip().lower(), *said.words) if one in words), None)
    if meant is None or meant in BETWEEN or (known is not None and words[known] is None):
        return None
    if meant in (0, 400, 422) and (about_policy(said.message) or (policy is not None and policy.search(said.message))):
        return POLICY
    if known is not None:
        return words[known]
    if meant >= 500:
        return None
    if meant in (0, 400, 429) and _QUOTA.search(said.message):
        return THEIR_ACCOUNT
    return STATUSES.get(meant, Verdict("upstream_refused"))


def _meant(status: int, said: Complaint) -> int | None:
    """The status to go by: for an error with status 2xx the one that its body names, 0 where it names none.

    None for whatever is no error, or is one of the upstream's own behind a status 2xx.
    """
    if not 200 <= status < 300:
        return status if status >= 400 else None
    if not said.failed:
        return None
    named = next((int(one) for one in said.words if len(one) == 3 and "400" <= one < "600" and one.isdecimal()), 0)
    return None if named >= 500 or (not named and not _INTERNAL.isdisjoint(said.words)) else named


def about_policy(message: str) -> bool:
    """Whether a text speaks of what may not be shown."""
    return _POLICY.search(message) is not None


_ASKING: Final = frozenset({"openai-poll-after-ms", "retry-after-ms", "retry-after"})


def asked(reply: Reply) -> float | None:
    """Seconds to wait, where the upstream says so: `openai-poll-after-ms`, `retry-after-ms`, `Retry-After`."""
    if _ASKING.isdisjoint(reply.headers):
        return None
    waits = [wait / 1000 for name in ("openai-poll-after-ms", "retry-after-ms") if (wait := _number(reply, name)) >= 0]
    if reply.retry_after is not None:
        waits.append(reply.retry_after)
    return max(waits, default=None)


def _number(reply: Reply, name: str) -> float:
    try:
        number = float(reply.headers.get(name, ""))
    except ValueError:
        return -1.0
    return number if math.isfinite(number) else -1.0
