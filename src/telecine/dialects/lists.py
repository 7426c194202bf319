"""The row that shows many tasks, a page at a time, and the two ways in which vendors turn pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace
from starlette.responses import Response

from telecine.dialects.call import Call
from telecine.dialects.document import Query, one_of
from telecine.dialects.document import whole as whole_number
from telecine.dialects.lookup import whole
from telecine.dialects.rows import Row
from telecine.nouns.errors import invalid
from telecine.nouns.ids import parse_task_id
from telecine.tasks.view import Filter, Page


class Turning(Protocol):
    """How pages are turned."""

    @property
    def queries(self) -> tuple[Query, ...]:
        """What it reads, for the document."""
        ...

    def read(self, call: Call) -> Filter:
        """The page that is asked for. Raises GatewayError (`invalid_request`)."""
        ...


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """`limit` and `after`, an id; `order` where it may be asked for, newest first without."""

    default: int = 20
    most: int = 100
    order: bool = False
    noun: str = "task"

    @property
    def queries(self) -> tuple[Query, ...]:
        limit = whole_number("limit", "How many.", self.default, self.most)
        order = (one_of("order", "By creation.", ("asc", "desc")),) if self.order else ()
        return (limit, Query("after", "The id after which the page begins."), *order)

    def read(self, call: Call) -> Filter:
        order = (call.query("order") if self.order else None) or "desc"
        if order not in ("asc", "desc"):
            raise invalid("order: must be asc or desc.", "order")
        limit = whole(call.request, "limit", self.default, self.most)
        after = call.query("after")
        start = parse_task_id(after) if after is not None else None
        if after is not None and start is None:
            raise invalid(f"after: '{after[:128]}' is no id of a {self.noun}.", "after")
        return Filter(limit=limit, after=start, ascending=order == "asc")


class Numbered(msgspec.Struct, frozen=True, kw_only=True):
    """Pages by their number, from 1."""

    number: str
    size: str
    default: int
    most: int
    most_pages: int = 1000

    @property
    def queries(self) -> tuple[Query, ...]:
        page = whole_number(self.number, "Which page.", 1, self.most_pages)
        return (page, whole_number(self.size, "How many.", self.default, self.most))

    def read(self, call: Call) -> Filter:
        number = whole(call.request, self.number, 1, self.most_pages)
        size = whole(call.request, self.size, self.default, self.most)
        return Filter(limit=size, offset=(number - 1) * size)


async def listed(call: Call, wanted: Filter) -> Page:
    """That page of the caller's tasks."""
    return await call.edge.tasks.list(call.principal, wanted)


class List(Row, frozen=True, kw_only=True):
    """Show a page of tasks, the newest first unless asked otherwise."""

    turning: Turning
    show: Callable[[Call, Page], Any]
    only: Mapping[str, Any] = {}
    """What of a `Filter` narrows every page of this row."""
    find: Callable[[Call, Filter], Awaitable[Page]] = listed
    """Reads the page, for lists that a query narrows further."""

    async def serve(self, call: Call) -> Response:
        page = await self.find(call, replace(self.turning.read(call), **self.only))
        return await self.answered(self.show(call, page))

    def described(self) -> dict[str, Any]:
        return {**super().described(), "query": (*self.query, *self.turning.queries)}
