"""How a dialect tells errors: a table from our taxonomy to its HTTP status and code, and one envelope around them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from starlette.responses import Response

from telecine.dialects.bodies import json_response
from telecine.dialects.fields import Fields
from telecine.nouns.errors import ErrorCode, GatewayError

Code = int | str
"""A vendor's own."""


class Told(msgspec.Struct, frozen=True):
    """An error on its way to a client: with the dialect's status and code, and its own names of fields."""

    error: GatewayError
    status: int
    code: Code
    message: str
    param: str | None
    request_id: str


def _no_finer(_: GatewayError) -> tuple[int, Code] | None:
    return None


class Errors(msgspec.Struct, frozen=True, kw_only=True):
    """The errors of one dialect."""

    envelope: Callable[[Told], msgspec.Struct]
    """The body of the answer."""
    shape: type[msgspec.Struct]
    """The type that `envelope` gives, for the document."""
    codes: Mapping[ErrorCode, tuple[int, Code]] = {}
    """HTTP status and code, where they are not our own."""
    finer: Callable[[GatewayError], tuple[int, Code] | None] = _no_finer
    """The same where more than our code decides; goes before `codes`."""
    fields: Fields = Fields({})

    def render(self, error: GatewayError, request_id: str) -> Response:
        """The answer that tells `error`."""
        status, code = self.finer(error) or self.codes.get(error.code) or (error.status, error.code)
        message = self.fields.message(error.message, error.param, error.code)
        told = Told(error, status, code, message, self.fields.name(error.param), request_id)
        return json_response(self.envelope(told), status)
