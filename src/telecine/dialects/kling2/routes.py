"""The rows of Kling's new generation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from telecine.dialects.bodies import Body
from telecine.dialects.call import Call
from telecine.dialects.dialect import Claim, Dialect, each_status
from telecine.dialects.document import Query
from telecine.dialects.kling.media import check_media
from telecine.dialects.kling.routes import ROOTS
from telecine.dialects.kling2.create import OPERATIONS, Operation
from telecine.dialects.kling2.listing import listed
from telecine.dialects.kling2.render import ERRORS, KINDS, SENT, CreateAnswer, PageAnswer, TasksAnswer, created, shown
from telecine.dialects.rows import Create, Plain, ReadMany, by_name
from telecine.nouns.errors import invalid
from telecine.tasks.view import View
from telecine.wires.kling2 import MAX_FILE, MOST_LISTED, TASKS, ListTasks

_ASKED: Final = ("task_ids", "external_task_ids")


def _create(one: Operation) -> Create:
    return Create(
        f"{one.path}/{{model}}",
        one.summary,
        answer=CreateAnswer,
        body=one.body,
        example=one.example,
        parse=lambda call, body: one.parse(call.request.path_params["model"], body, call.edge.catalogue),
        form=f"kling2:{one.path[1:]}",
        most=MAX_FILE,
        look=check_media,
        hook="options.callback_url",
        show=lambda call, view: CreateAnswer(request_id=call.request_id, data=created(view)),
    )


def _names(call: Call, _body: Body) -> Sequence[str]:
    """What is asked for, by one of two names."""
    said = [name for name in _ASKED if call.query(name)]
    if len(said) != 1:
        raise invalid("task_ids: exactly one of task_ids and external_task_ids is required.", "task_ids")
    return [name for one in (call.query(said[0]) or "").split(",") if (name := one.strip())]


async def _named(call: Call, name: str) -> View:
    if call.query("task_ids"):
        return await by_name(call, name)
    return await call.edge.tasks.find_external(call.principal, name)


KLING2: Final = Dialect(
    name="kling2",
    title="Kling, new generation",
    about="Kling's own API with the model in the path, under /kling and bare.",
    claimed=(*(Claim(f"{root}{path}") for root in ROOTS for path in (*(f"{one.path}/" for one in OPERATIONS), TASKS)),),
    roots=ROOTS,
    rows=(
        *(_create(one) for one in OPERATIONS),
        ReadMany(
            TASKS,
            "Read tasks, by their ids or by external_task_id",
            method="GET",
            answer=TasksAnswer,
            query=(
                Query("task_ids", "Ids, separated by commas."),
                Query("external_task_ids", "The same by external_task_id; one of the two is needed."),
            ),
            names=_names,
            find=_named,
            kinds=KINDS,
            most=MOST_LISTED,
            show=lambda call, views: TasksAnswer(
                request_id=call.request_id, data=[shown(view, call.edge.media) for view in views]
            ),
        ),
        Plain(TASKS, "List tasks, the newest first", method="POST", answer=PageAnswer, body=ListTasks, handle=listed),
    ),
    errors=ERRORS,
    announce=each_status(lambda view, edge: shown(view, edge.media)),
    sent=(SENT,),
    every_method=True,
)
