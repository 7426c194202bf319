"""One request, as a dialect's own functions see it."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable
from inspect import isawaitable
from typing import TypeVar

import msgspec
from starlette.requests import Request

from telecine.accounts.principal import Principal
from telecine.dialects.base import Edge, edge_of, principal_of
from telecine.tasks.view import View

T = TypeVar("T")


class Call(msgspec.Struct, frozen=True):
    """A request of the dialect with this name. `source` is the task that it follows up, where its path names one."""

    request: Request
    dialect: str
    source: View | None = None

    @property
    def edge(self) -> Edge:
        """The house."""
        return edge_of(self.request)

    @property
    def principal(self) -> Principal:
        """Who asks; nobody where no key is needed."""
        return principal_of(self.request)

    @property
    def id(self) -> str:
        """What stands in the path for `{id}`."""
        text: str = self.request.path_params["id"]
        return text

    @property
    def request_id(self) -> str:
        """The id that the server gave to this request; one of its own where it gave none."""
        return self.request.scope.get("request_id") or str(uuid.uuid4())

    def query(self, name: str) -> str | None:
        """A query parameter; None where it is absent or empty."""
        return self.request.query_params.get(name) or None


async def awaited(value: Awaitable[T] | T) -> T:
    """What a dialect's function answers, which may be one that waits or one that does not."""
    return await value if isawaitable(value) else value
