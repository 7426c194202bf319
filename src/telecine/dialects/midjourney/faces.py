"""`/mj/insight-face/…`: a face put into another picture."""

from __future__ import annotations

from typing import Any

from telecine.dialects.bodies import Body
from telecine.dialects.call import Call
from telecine.dialects.inline import Source
from telecine.dialects.midjourney.create import asked, picture, read_body
from telecine.dialects.midjourney.texts import changing
from telecine.dialects.rows import Parsed
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.request import GenerationRequest, Role
from telecine.wires.midjourney.bodies import Swap


def parse_swap(call: Call, body: Body) -> Parsed:
    """The face in the source, put into the target. Raises GatewayError naming the field."""
    wire, unknown = read_body(body, Swap)
    sources = [
        _one("source", wire.source_base64, wire.source_url, "person"),
        _one("target", wire.target_base64, wire.target_url, "image"),
    ]
    told = asked(call, wire, unknown)
    return GenerationRequest(
        operation="swap_face", model=told.model, parameters=changing(told), native=told.native, **told.common
    ), sources


async def no_videos(_: Call) -> Any:
    """Nothing here puts a face into a video. Raises GatewayError."""
    message = "A face cannot be put into a video here: no provider offers that. Use /mj/insight-face/swap for pictures."
    raise GatewayError("unsupported_parameter", message, may_retry=False)


def _one(which: str, content: str | None, url: str | None, role: Role) -> Source:
    name = f"{which}Base64"
    if content is not None and url is not None:
        raise invalid(f"{name} and {which}Url are two pictures; send one of them.", name)
    if content is not None:
        return picture(content, name, role)
    if url is not None:
        return Source(role, f"{which}Url", url=url)
    raise invalid(f"{name}: is required; a data URL.", name)
