"""`GET /account/costs` (Kling API documents, "Query resource pack list"; wire table A.5.16), under `/kling` and bare.

One resource pack stands for the account's balance. Kling allows one such query a second; so do we, for each key.
"""

from __future__ import annotations

import re
from typing import Final, Literal

import msgspec
from starlette.requests import Request

from telecine.accounts.balances import Balance
from telecine.accounts.principal import Principal
from telecine.dialects.base import Edge
from telecine.dialects.billing.dashboard import UNLIMITED
from telecine.dialects.call import Call
from telecine.dialects.dialect import Claim, Dialect
from telecine.dialects.document import Query
from telecine.dialects.kling.routes import KLING, ROOTS
from telecine.dialects.rows import Plain
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.money import MICROS
from telecine.nouns.rate import Rate

PACK: Final = "balance"
"""The name of the one pack."""
_RATE: Final = Rate(1, 1)
_MILLISECONDS: Final = re.compile(r"[0-9]{1,15}")
_FOREVER: Final = 253402300799000
"""The last millisecond of the year 9999."""


class ResourcePack(msgspec.Struct, frozen=True, kw_only=True):
    """Quantities in the currency; times are milliseconds since the Unix epoch."""

    resource_pack_name: str
    resource_pack_id: str
    resource_pack_type: Literal["decreasing_total", "constant_period"] = "decreasing_total"
    total_quantity: float
    remaining_quantity: float
    purchase_time: int
    effective_time: int
    invalid_time: int = _FOREVER
    status: Literal["toBeOnline", "online", "expired", "runOut"]


class Costs(msgspec.Struct, frozen=True):
    """Kling's inner object, which says `msg`, unlike the outer one."""

    resource_pack_subscribe_infos: list[ResourcePack]
    code: int = 0
    msg: str = ""


class CostsEnvelope(msgspec.Struct, frozen=True):
    """The answer."""

    request_id: str
    data: Costs
    code: int = 0
    message: str = "SUCCEED"


async def costs(call: Call) -> CostsEnvelope:
    """`GET /account/costs?start_time=&end_time=&resource_pack_name=`: what is left, had between the two times."""
    edge, principal, request = call.edge, call.principal, call.request
    _count(edge, principal)
    start, end = _time(request, "start_time"), _time(request, "end_time")
    if end < start:
        raise invalid("end_time: must not be before start_time.", "end_time")
    wanted = call.query("resource_pack_name") or PACK
    balance = await edge.accounts.balance(principal)
    packs = [_pack(balance, principal.account_id)] if wanted == PACK else []
    packs = [one for one in packs if one.purchase_time <= end]
    return CostsEnvelope(call.request_id, Costs(packs))


def _count(edge: Edge, principal: Principal) -> None:
    """Raises GatewayError (`rate_limited`)."""
    now = edge.now()
    window = edge.asked.of(("kling costs", principal.account_id, principal.key_id), now)
    if (wait := window.wait(_RATE, now)) > 0:
        raise GatewayError("rate_limited", "This may be asked once a second.", retry_after=wait)
    window.take(now)


def _time(request: Request, name: str) -> int:
    """A required time in milliseconds. Raises GatewayError (`invalid_request`)."""
    text = request.query_params.get(name, "")
    if not _MILLISECONDS.fullmatch(text):
        raise invalid(f"{name}: is required, in milliseconds since 1970.", name)
    return int(text)


def _pack(balance: Balance, account_id: int) -> ResourcePack:
    left, total = float(UNLIMITED), float(UNLIMITED)
    if balance.balance is not None and balance.available is not None:
        left, total = max(0, balance.available) / MICROS, max(0, balance.balance + balance.spent) / MICROS
    since = int(balance.created_at * 1000)
    return ResourcePack(
        resource_pack_name=PACK,
        resource_pack_id=str(account_id),
        total_quantity=total,
        remaining_quantity=left,
        purchase_time=since,
        effective_time=since,
        status="online" if left > 0 else "runOut",
    )


_RANGE: Final = tuple(
    Query(name, "In milliseconds since 1970.", {"type": "integer", "minimum": 0, "maximum": 10**15 - 1}, required=True)
    for name in ("start_time", "end_time")
)

KLING_COSTS: Final = Dialect(
    name="kling",
    claimed=(Claim("/account/costs"),),  # under /kling the errors are Kling's anyway
    roots=ROOTS,
    rows=(
        Plain(
            "/account/costs",
            "The balance, told as a resource pack",
            answer=CostsEnvelope,
            query=(*_RANGE, Query("resource_pack_name", "Only this pack.")),
            handle=costs,
        ),
    ),
    errors=KLING.errors,
)
