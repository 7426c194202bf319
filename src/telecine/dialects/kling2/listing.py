"""`POST /tasks`: the account's tasks, the newest first, by cursor."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from telecine.dialects import scalars
from telecine.dialects.bodies import present, read_object, typed
from telecine.dialects.call import Call
from telecine.dialects.kling2.render import KINDS, STATUS, PageAnswer, shown
from telecine.nouns.errors import invalid
from telecine.nouns.ids import MAX_ID
from telecine.nouns.operations import OPERATIONS
from telecine.tasks.view import Filter
from telecine.wires.kling2 import LISTED, LISTED_DAYS, MOST_LISTED, ListTasks, Narrowed, TaskPage
from telecine.wires.scalars import Number

_DAY: Final = 86400.0
_TRY_ON: Final = "try_on"
_PRODUCTS: Final = ("video", "image", _TRY_ON)
_CURSOR: Final = re.compile(r"([0-9]{1,19})-([0-9]{1,15})")
"""The last task of the page before, and since when tasks are listed, in milliseconds."""
_MOST_TIME: Final = 10**15 - 1


async def listed(call: Call) -> PageAnswer:
    """One page. Raises GatewayError naming the field."""
    body = await read_object(call.request)
    wanted = typed(present(body.fields), ListTasks)
    limit = scalars.integer(wanted.limit, "limit", least=1, most=MOST_LISTED) or LISTED
    after, since, until = _range(wanted, call.edge.now())
    page = await call.edge.tasks.list(
        call.principal,
        Filter(
            limit=limit,
            after=after,
            operations=tuple(_operations(wanted.filters)),
            statuses=tuple(_statuses(wanted.filters)),
            created_after=since / 1000 - 1e-6,  # it excludes that moment itself
            created_before=None if until is None else (until + 1) / 1000,
        ),
    )
    cursor = f"{page.views[-1].task.id}-{since}" if page.has_more else ""
    tasks = [shown(view, call.edge.media) for view in page.views]
    found = TaskPage(result=tasks, count=len(tasks), next_cursor=cursor, has_more=page.has_more)
    return PageAnswer(request_id=call.request_id, data=found)


def _range(wanted: ListTasks, now: float) -> tuple[int | None, int, int | None]:
    """The task behind which the page begins, and the times between which tasks were made, in milliseconds. A cursor
    goes before the times of the request."""
    if wanted.cursor:
        found = _CURSOR.fullmatch(wanted.cursor)
        if found is None or int(found[1]) > MAX_ID:
            raise invalid("cursor: is none that a list has told.", "cursor")
        return int(found[1]), int(found[2]), None
    since = _time(wanted.start_time, "start_time")
    until = _time(wanted.end_time, "end_time")
    since = int((now - LISTED_DAYS * _DAY) * 1000) if since is None else since
    if until is not None and until < since:
        raise invalid("end_time: must not be before start_time.", "end_time")
    return None, since, until


def _time(value: Number | None, name: str) -> int | None:
    return scalars.integer(value, name, least=0, most=_MOST_TIME)


def _statuses(filters: Sequence[Narrowed]) -> list[str]:
    """Our statuses; none where any will do."""
    words = _values(filters, "status", set(STATUS.values()))
    return [] if words is None else [ours for ours, word in STATUS.items() if word in words]


def _operations(filters: Sequence[Narrowed]) -> list[str]:
    """The operations that make what is wanted, of those that it has words for."""
    products = _values(filters, "product_type", _PRODUCTS)
    return [
        one.name
        for one in OPERATIONS.values()
        if one.makes in KINDS and (products is None or (_TRY_ON if one.name == _TRY_ON else one.makes) in products)
    ]


def _values(filters: Sequence[Narrowed], key: str, known: Iterable[str]) -> set[str] | None:
    """What the filters of a key leave; None where there is none."""
    sets = [set(one.values) for one in filters if one.key == key]
    for value in sorted(set().union(*sets) - set(known)):
        raise invalid(f"filters: there is no {key} '{value[:40]}'; use one of: {', '.join(sorted(known))}.", "filters")
    return set.intersection(*sets) if sets else None
