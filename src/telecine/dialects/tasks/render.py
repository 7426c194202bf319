"""From tasks and errors to our own JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, UnsetType

from telecine.dialects.base import Edge, Media
from telecine.dialects.document import Sent
from telecine.dialects.errors import Errors
from telecine.dialects.fields import Fields
from telecine.nouns.errors import TaskError
from telecine.nouns.ids import output_id, tsk_id
from telecine.nouns.money import amount_of
from telecine.nouns.operations import Kind
from telecine.nouns.task import Output, Status, Task, Usage
from telecine.tasks.view import Cancellation, Owner, Place, View
from telecine.webhooks.delivery import EVENTS, Message, Tidings

FIELDS: Final = Fields({"callback_url": "webhook_url"})
"""The neutral names are those of our own form."""


class TaskOutput(msgspec.Struct, frozen=True):
    """One thing that was made: a file, or a text. `duration` in seconds; `url` is null while there is nothing to fetch.

    `item` is which of the results that were asked for it belongs to; `part` is `main` for what was asked for, and the
    name of a companion (`cover`, `lyrics`, `last_frame`, …) for what came with it. Follow-ups name it by `id`.
    """

    id: str
    index: int
    kind: Kind
    item: int
    part: str
    url: str | None
    content_type: str | None
    bytes: int | None
    width: int | None
    height: int | None
    duration: float | None
    sha256: str | None
    poster_url: str | None
    text: str | None


class Cost(msgspec.Struct, frozen=True):
    """Decimal strings in `currency`. `held` was set aside at create; `charged` is null until the task has ended.

    It is always there: a task that costs nothing holds `0.000000`, and is charged that in the end.
    """

    held: str
    charged: str | None
    currency: str


class TaskObject(msgspec.Struct, frozen=True, kw_only=True):
    """A task as every read, create and webhook shows it. Times are seconds since the Unix epoch.

    `queue` is there while the task waits here for its turn; webhooks leave it null. `cancellation` is there only in the
    answer to a cancel: what the wish came to, null where the task had ended before. `account` and `key` are names, and
    there only in the answers to an administrator.
    """

    id: str
    object: str = "task"
    account: str | UnsetType = UNSET
    key: str | UnsetType | None = UNSET
    status: Status
    progress: int
    operation: str
    model: str
    dialect: str
    created_at: float
    started_at: float | None
    ended_at: float | None
    queue: Place | None
    cancel_requested: bool
    cancellation: Cancellation | UnsetType | None = UNSET
    retry_of: str | None
    preview_url: str | None
    """While it runs, a picture of how far it is, where the upstream shows one: a link of the upstream's, for now."""
    outputs: list[TaskOutput]
    usage: Usage | None
    cost: Cost
    error: TaskError | None
    external_id: str | None
    metadata: dict[str, str]


class TaskList(msgspec.Struct, frozen=True):
    """One page, newest first; the next begins after `last_id`."""

    data: list[TaskObject]
    has_more: bool
    last_id: str | None
    object: str = "list"


class TaskEvent(msgspec.Struct, frozen=True):
    """The body of a webhook (Standard Webhooks); `timestamp` is when it happened, ISO 8601."""

    type: Annotated[str, msgspec.Meta(extra_json_schema={"enum": list(EVENTS)})]
    timestamp: str
    data: TaskObject


def task_object(
    view: View, media: Media, place: Place | None = None, *, owner: Owner | None = None, currency: str = "USD"
) -> TaskObject:
    """The task of `view`; `place` is where it stands in line, `owner` is told to administrators only, `currency` is
    that of the installation."""
    task = view.task
    return TaskObject(
        id=tsk_id(task.id),
        account=owner.account if owner else UNSET,
        key=owner.key if owner else UNSET,
        status=task.status,
        progress=100 if task.status == "succeeded" else task.progress,
        operation=task.operation,
        model=task.model,
        dialect=task.dialect,
        created_at=task.created_at,
        started_at=task.started_at,
        ended_at=task.ended_at,
        queue=place,
        cancel_requested=task.cancel_requested_at is not None,
        retry_of=None if task.retry_of is None else tsk_id(task.retry_of),
        preview_url=task.preview_url if task.status == "running" else None,
        outputs=[_output(one, media) for one in view.outputs] if task.status == "succeeded" else [],
        usage=task.usage,
        cost=_cost(task, currency),
        error=_error(task.error),
        external_id=task.external_id,
        metadata=task.request.metadata or {},
    )


class TaskErrorBody(msgspec.Struct, frozen=True):
    """What went wrong, in Telecine's own words. `param` names the field at fault."""

    code: str
    message: str
    param: str | None


class TasksError(msgspec.Struct, frozen=True):
    """Telecine's error envelope."""

    error: TaskErrorBody


def announce(view: View, news: Tidings, edge: Edge) -> Message:
    """`{type, timestamp, data}` for all that happens, progress too."""
    moment = datetime.fromtimestamp(news.at, UTC)
    data = task_object(view, edge.media, currency=edge.accounts.currency)
    return Message(msgspec.json.encode(TaskEvent(news.type, moment.isoformat(), data)))


ERRORS: Final = Errors(
    # The codes are our own; the request id is in a header only.
    envelope=lambda told: TasksError(TaskErrorBody(str(told.code), told.message, told.param)),
    shape=TasksError,
    fields=FIELDS,
)
_EXAMPLE: Final = {"id": "tsk_06xx1njwc558w", "object": "task", "status": "running", "progress": 42, "model": "sora-2"}
SENT: Final = Sent(
    "tasks",
    "task",
    "A task's news, to webhooks and to the webhook_url of POST /v1/tasks",
    TaskEvent,
    {"type": "task.progress", "timestamp": "2025-11-21T04:40:00.123+00:00", "data": _EXAMPLE},
)


def _error(error: TaskError | None) -> TaskError | None:
    return error and msgspec.structs.replace(error, message=FIELDS.error(error), param=FIELDS.name(error.param))


def _cost(task: Task, currency: str) -> Cost:
    """A task without a price is settled by its end, without an entry."""
    charged = task.charged if task.charged is not None or not task.ended else 0
    return Cost(amount_of(task.held), None if charged is None else amount_of(charged), currency)


def _output(output: Output, media: Media) -> TaskOutput:
    return TaskOutput(
        id=output_id(output.task_id, output.index),
        index=output.index,
        kind=output.kind,
        item=output.item,
        part=output.part,
        url=media.link(output),
        content_type=output.content_type,
        bytes=output.bytes,
        width=output.width,
        height=output.height,
        duration=output.duration,
        sha256=output.sha256,
        poster_url=media.link(output, "poster"),
        text=output.text,
    )
