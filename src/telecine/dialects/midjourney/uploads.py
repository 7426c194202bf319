"""`/mj/submit/upload-discord-images`: pictures that are to have links. Here they are links of our own, good for some
hours, as Discord's are."""

from __future__ import annotations

from typing import Final

from telecine.dialects.bodies import read_object, release
from telecine.dialects.call import Call
from telecine.dialects.inline import stored
from telecine.dialects.midjourney.create import pictures, read_body
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.rate import Rate
from telecine.wires.midjourney import Submitted
from telecine.wires.midjourney.bodies import Upload

_MOST: Final = 10
"""Pictures in one request; nobody names a bound, and Discord takes so many in a message."""
_MOST_BYTES: Final = 10 * 1024 * 1024
"""Of one picture, as Discord has it."""
_RATE: Final = Rate(60, 3600)
"""Requests of an account: what is stored belongs to no task, and stays for a day."""


async def upload(call: Call) -> Submitted:
    """The links. Raises GatewayError: `rate_limited`, or naming the picture."""
    _count(call)
    try:
        wire, _ = read_body(await read_object(call.request), Upload)
        sources = pictures(wire.base64_array, "base64Array", "image")
        if not 1 <= len(sources) <= _MOST:
            raise invalid(f"base64Array: needs 1 to {_MOST} pictures, not {len(sources)}.", "base64Array")
        for source in sources:
            if source.url is not None:
                raise invalid(f"{source.param}: has a link already; send data URLs.", source.param)
        kept = await stored(call.edge, call.principal, sources, max_bytes=_MOST_BYTES)
    finally:
        release(call.request.scope)
    return Submitted(result=[call.edge.media.object_link(one.object_key) for one in kept if one.object_key])


def _count(call: Call) -> None:
    """Raises GatewayError (`rate_limited`)."""
    now = call.edge.now()
    window = call.edge.asked.of(("midjourney uploads", call.principal.account_id), now)
    if (wait := window.wait(_RATE, now)) > 0:
        message = f"This may be asked {_RATE.amount} times an hour."
        raise GatewayError("rate_limited", message, retry_after=wait)
    window.take(now)
