"""Paths that two dialects have: `POST /v1/images/generations` is Kling's and OpenAI's.

The body says whose a request is, which the server cannot have read before it has looked at the key. So the claims give
such a path to one of the two, and its row hands over what is the other's: from then on that dialect serves it, and
tells its errors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace
from starlette.responses import Response

from telecine.dialects.bodies import Body, keep_read, read_object
from telecine.dialects.call import Call
from telecine.dialects.forms import is_form
from telecine.dialects.rows import Create, Row

if TYPE_CHECKING:
    from telecine.dialects.dialect import Dialect


class Shared(Create, frozen=True, kw_only=True):
    """A create whose path another dialect has too, with a row of its own, which its `Dialect.lent` names."""

    other: Dialect
    others: Callable[[Call, Body], bool]
    """Whether a request with this JSON object is the other's. Forms are not: only one of the two takes them."""

    async def serve(self, call: Call) -> Response:
        if self.repeatable is not None and is_form(call.request):
            return await super().serve(call)
        body = await read_object(call.request)
        theirs = self.others(call, body)
        keep_read(call.request, body)
        del body  # the create may wait for a while, and needs no more of it
        return await (_lend(call, self.other, self) if theirs else super().serve(call))


async def _lend(call: Call, other: Dialect, like: Row) -> Response:
    """The answer of `other` to a request for the path and method of `like`. Raises GatewayError."""
    call.request.scope["dialect"] = other
    row = next(one for one in other.rows if (one.method, one.path) == (like.method, like.path))
    return await row.serve(replace(call, dialect=other.name))
