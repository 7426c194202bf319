"""`/mj/submit/upload-discord-images`: pictures that are to have links. Here they are links of our own, good for some
hours, as Discord's are."""

from __future__ import annotations

from typing import Final

from telecine.dialects.bodies import read_object, release
from telecine.dialects.call import Call
from telecine.dialects.inline import stored
from telecine.dialects.midjourney.create import pictures, read_body
from telecine.dialects.rows import MAX_INLINE
from telecine.nouns.errors import invalid
from telecine.wires.midjourney import Submitted
from telecine.wires.midjourney.bodies import Upload

_MOST: Final = 10
"""Pictures in one request; nobody names a bound, and Discord takes so many in a message."""


async def upload(call: Call) -> Submitted:
    """The links. Raises GatewayError naming the picture."""
    try:
        wire, _ = read_body(await read_object(call.request), Upload)
        sources = pictures(wire.base64_array, "base64Array", "image")
        if not 1 <= len(sources) <= _MOST:
            raise invalid(f"base64Array: needs 1 to {_MOST} pictures, not {len(sources)}.", "base64Array")
        for source in sources:
            if source.url is not None:
                raise invalid(f"{source.param}: has a link already; send data URLs.", source.param)
        kept = await stored(call.edge, call.principal, sources, max_bytes=MAX_INLINE)
    finally:
        release(call.request.scope)
    return Submitted(result=[call.edge.media.object_link(one.object_key) for one in kept if one.object_key])
