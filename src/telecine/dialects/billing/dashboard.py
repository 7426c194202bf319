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
from starlette.responses import Response
from starlette.routing import Route

from telecine.dialects.base import Dialect, edge_of, principal_of
from telecine.dialects.bodies import json_response
from telecine.dialects.openai import OPENAI
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


async def subscription(request: Request) -> Response:
    """`GET …/subscription`."""
    key = await edge_of(request).accounts.key(principal_of(request))
    limit = float(UNLIMITED) if key.left is None else max(0, key.left + key.spent) / MICROS
    return json_response(Subscription(limit, limit, limit, int(key.expires_at or 0)))


_DAYS: Final = ("start_date", "end_date")


async def usage(request: Request) -> Response:
    """`GET …/usage?start_date=&end_date=`: days in UTC; the first counts, the last does not. Without them, all."""
    since, until = (_day(request, name) for name in _DAYS)
    key = await edge_of(request).accounts.key(principal_of(request), since, until)
    return json_response(BillingUsage(key.spent * 100 / MICROS))


def render_error(error: GatewayError, request_id: str) -> Response:
    """OpenAI's envelope; what a handler objects to, a day, comes with HTTP 200, as those applications expect it."""
    if error.code == "invalid_request" and error.param in _DAYS:
        return json_response({"error": {"message": error.message, "type": "invalid_request_error"}})
    return OPENAI.render_error(error, request_id)


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


DASHBOARD: Final = Dialect(
    name="dashboard",
    prefixes=("/v1/dashboard/billing", "/dashboard/billing"),
    routes=tuple(
        Route(f"{prefix}/dashboard/billing/{name}", handler, methods=["GET"])
        for prefix in ("/v1", "")
        for name, handler in (("subscription", subscription), ("usage", usage))
    ),
    render_error=render_error,
)
