"""What a key has left, as Suno counts it.

Reconstructed: that a credit is one of whatever this server's prices are in (nobody else's credits mean anything here),
and that the month is the calendar's, in UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec

from telecine.dialects.billing.dashboard import UNLIMITED
from telecine.dialects.call import Call
from telecine.nouns.money import MICROS
from telecine.wires.suno import SUCCESS, Credits

_PERIOD: Final = "month"


class AccountAnswer(msgspec.Struct, frozen=True):
    """The same in the envelope."""

    data: Credits
    code: str = SUCCESS
    message: str = ""


async def credits_of(call: Call) -> Credits:
    """The key's, which are its account's where it has no budget of its own."""
    now = datetime.fromtimestamp(call.edge.now(), UTC)
    begun = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp()
    key = await call.edge.accounts.key(call.principal, begun)
    used = key.spent / MICROS
    left = float(UNLIMITED) if key.left is None else max(0, key.left) / MICROS
    return Credits(left, _PERIOD, left if key.left is None else left + used, used)


async def told(call: Call) -> AccountAnswer:
    """`GET /suno/account`."""
    return AccountAnswer(await credits_of(call))
