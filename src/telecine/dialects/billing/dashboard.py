"""`/v1/dashboard/billing/…`, with and without `/v1`: OpenAI's old billing pages, which relays serve and apps read.

Facts (wire tables H.1, from new-api and NextChat): amounts are floating-point "USD", except `total_usage`, which is in
hundredths of it; an unlimited key has 100000000; an error of a handler is answered with HTTP 200 and `{"error": …}`.

Applications subtract `total_usage` from `hard_limit_usd`, so the limit is what is left plus what the key itself has
ever spent: over a range of dates that holds all of that, the difference is what is left.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

import msgspec
from starlette.requests import Request

from telecine.dialects.call import Call
from telecine.dialects.dialect import Claim, Dialect
from telecine.dialects.document import Query
from telecine.dialects.errors import Told
from telecine.dialects.openai import render as openai
from telecine.dialects.rows import Plain
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.money import MICROS

UNLIMITED: Final = 100_000_000
"""What an unlimited key has."""


class Subscription(msgspec.Struct, frozen=True):
    """What the key may spend in all; `access_until` in seconds since the Unix epoch, 0 without an end."""

    soft_limit_usd: float
    hard_limit_usd: float
    system_hard_limit_usd: float
    access_until: int
    object: str = "billing_subscription"
    has_payment_method: bool = True


class BillingUsage(msgspec.Struct, frozen=True):
    """What the key has spent, in hundredths."""

    total_usage: float
    object: str = "list"


class DashboardProblem(msgspec.Struct, frozen=True):
    """What was wrong."""

    message: str
    type: str


class DashboardRefusal(msgspec.Struct, frozen=True):
    """What the dashboard's routes answer, with 200, to a date that is none."""

    error: DashboardProblem


async def subscription(call: Call) -> Subscription:
    """`GET …/subscription`."""
    key = await call.edge.accounts.key(call.principal)
    limit = float(UNLIMITED) if key.left is None else max(0, key.left + key.spent) / MICROS
    return Subscription(limit, limit, limit, int(key.expires_at or 0))


_DAYS: Final = ("start_date", "end_date")


async def usage(call: Call) -> BillingUsage:
    """`GET …/usage?start_date=&end_date=`: days in UTC; the first counts, the last does not. Without them, all."""
    since, until = (_day(call.request, name) for name in _DAYS)
    key = await call.edge.accounts.key(call.principal, since, until)
    return BillingUsage(key.spent * 100 / MICROS)


def _finer(error: GatewayError) -> tuple[int, int | str] | None:
    """What a handler objects to, a day, comes with HTTP 200, as those applications expect it."""
    bad_day = error.code == "invalid_request" and error.param in _DAYS
    return (200, error.code) if bad_day else openai.ERRORS.finer(error)


def _envelope(told: Told) -> msgspec.Struct:
    if told.status == 200:
        return DashboardRefusal(DashboardProblem(told.error.message, "invalid_request_error"))
    return openai.ERRORS.envelope(told)


def _day(request: Request, name: str) -> float | None:
    """The beginning of a day. Raises GatewayError (`invalid_request`)."""
    text = request.query_params.get(name)
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
        # Whoever asks for one day means that day.
        if name == "end_date" and text == request.query_params.get("start_date"):
            day += timedelta(days=1)
    except (ValueError, OverflowError):
        raise invalid(f"{name}: must be a day such as 2025-11-21.", name) from None
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


_DAY: Final = {"type": "string", "format": "date"}

DASHBOARD: Final = Dialect(
    name="dashboard",
    title="Balance, as applications ask for it",
    about="What older OpenAI clients ask for: floating-point amounts in the currency of this server.",
    claimed=(Claim("/v1/dashboard/billing"), Claim("/dashboard/billing")),
    roots=("/v1/dashboard/billing", "/dashboard/billing"),
    rows=(
        Plain("/subscription", "What the key may spend in all", answer=Subscription, handle=subscription),
        Plain(
            "/usage",
            "What the key has spent, in hundredths",
            answer=BillingUsage,
            query=(
                Query("start_date", "The first day, UTC.", _DAY),
                Query("end_date", "The day before which it ends.", _DAY),
            ),
            refusal=DashboardRefusal,
            handle=usage,
        ),
    ),
    errors=msgspec.structs.replace(openai.ERRORS, envelope=_envelope, finer=_finer),
)
