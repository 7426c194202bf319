"""One request, as a dialect's own functions see it."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable
from types import CoroutineType
from typing import Any, TypeVar, cast

import msgspec
from starlette.requests import Request

from telecine.accounts.principal import Principal
from telecine.dialects.base import Edge
from telecine.tasks.view import View

T = TypeVar("T")


class Call(msgspec.Struct, frozen=True):
    """A request of the dialect with this name."""

    request: Request
    dialect: str
    edge: Edge
    """The house."""
    principal: Principal
    """Who asks. A row that needs no key has nobody here."""
    source: View | None = None
    """The task that it follows up, where its path names one."""
    manner: Any = None
    """What its body says of the answer, and not of the task, as `Create.manner` reads that."""

    @property
    def id(self) -> str:
        """What stands in the path for `{id}`."""
        text: str = self.request.path_params["id"]
        return text

    @property
    def ahead(self) -> str | None:
        """What stood before the root of the path says; None where nothing did."""
        said: str | None = self.request.scope.get("ahead")
        return said

    @property
    def request_id(self) -> str:
        """The id that the server gave to this request; one of its own where it gave none."""
        return self.request.scope.get("request_id") or str(uuid.uuid4())

    def query(self, name: str) -> str | None:
        """A query parameter; None where it is absent or empty."""
        return self.request.query_params.get(name) or None


async def awaited(value: Awaitable[T] | T) -> T:
    """What a dialect's function answers, which may be one that waits or one that does not."""
    return await value if isinstance(value, CoroutineType) else cast("T", value)
