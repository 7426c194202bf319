"""From tasks and errors to what BizyAir answers of apps, and what both kinds of its calls share."""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import urlsplit

from msgspec import UNSET
from msgspec.structs import replace

from telecine.dialects.base import Media
from telecine.dialects.errors import Errors, Told
from telecine.dialects.fields import Fields
from telecine.nouns.errors import ErrorCode, GatewayError
from telecine.nouns.ids import UUID
from telecine.nouns.task import Output, Status, Task
from telecine.tasks.idempotency import HEADER
from telecine.tasks.view import Cancellation, View
from telecine.wires import bizyair as wire

WORDS: Final[dict[Status, str]] = {
    "draft": "Queuing",
    "queued": "Queuing",
    "running": "Running",
    "succeeded": "Success",
    "failed": "Failed",
    "cancelled": "Canceled",
}
# (HTTP status, code). Where the documents have a code and no status, the status is the usual one of our own errors; for
# what goes wrong here they have no code that is seen, and `INTERNAL` is like the others of its kind.
INTERNAL: Final = 50000
_ERRORS: Final[dict[ErrorCode, tuple[int, int]]] = {
    "invalid_request": (400, wire.INVALID),
    "unsupported_parameter": (400, wire.INVALID),
    "authentication": (401, wire.BAD_KEY),
    "permission": (403, wire.NO_APP),
    "insufficient_balance": (402, wire.NO_BALANCE[0]),
    "not_found": (404, wire.INVALID),
    "conflict": (400, wire.INVALID),
    "too_large": (413, wire.INVALID),
    "rate_limited": (429, wire.RATE_LIMITED[0]),
    "capacity": (429, wire.QUEUE_FULL),
    "content_policy": (400, wire.INVALID),
    "upstream_refused": (400, wire.INVALID),
    "upstream_failed": (502, INTERNAL),
    "submission_unknown": (502, INTERNAL),
    "expired": (504, INTERNAL),
    "cancelled": (400, wire.INVALID),
    "unavailable": (503, wire.NO_MACHINE[0]),
    "internal": (500, INTERNAL),
}
FIELDS: Final = Fields(
    {
        "model": "web_app_id",
        "id": wire.ID,
        "parameters.input_values": "input_values",
        "parameters.web_app_id": "web_app_id",
    }
)
_CANCELLED: Final = "The task was cancelled."
_LOST: Final = "FILE_LOST"
"""`error_type` of a file that is no longer there; the documents have no word for it."""


def result(view: View, media: Media) -> wire.Result:
    """What a synchronous create answers, and what a callback brings."""
    task = view.task
    return replace(
        detail(view),
        outputs=outputs(view, media),
        cost_times=costs(task) if task.ended_at is not None else UNSET,
        inference_cost_time=UNSET,
    )


def detail(view: View, before: int | None = None) -> wire.Result:
    """The same without what was made; `before` is how many wait before it."""
    task = view.task
    waits = before is not None and task.status == "queued"
    return wire.Result(
        status=WORDS[task.status],
        message=UNSET if (why := reason(task)) is None else why,
        created_at=moment(task.created_at),
        updated_at=moment(task.ended_at or task.started_at or task.created_at),
        executed_at=moment(task.created_at),
        running_at=UNSET if (began := begun(task)) is None else moment(began),
        ended_at=UNSET if task.ended_at is None else moment(task.ended_at),
        expired_at=_midnight(task.created_at).strftime(wire.TIME),
        request_id=UUID.write(task.id),
        inference_cost_time=UNSET if task.ended_at is None else costs(task).inference_cost_time,
        queueInfo=wire.QueueInfo(queue_count=before or 0) if waits else UNSET,
    )


def outputs(view: View, media: Media) -> list[wire.Output]:
    """What was asked for, in its order. A text, which has no file here, is a link that holds it."""
    if view.task.status != "succeeded":
        return []
    took = costs(view.task).inference_cost_time
    return [_output(view.task, one, media, took or 0) for one in view.outputs if one.main]


def link_of(task: Task, output: Output, media: Media) -> str | None:
    """Where it is, for as long as `expired_at` says: clients keep the link, and come back with nothing else."""
    return media.link(output, until=_midnight(task.created_at).timestamp())


def _output(task: Task, output: Output, media: Media, took: int) -> wire.Output:
    """What the vendor said of it, where that is kept, with our own link."""
    known = output.facts.read("bizyair", wire.Output) if output.facts is not None else None
    link = link_of(task, output, media)
    if link is None and output.text is not None:
        link = wire.TEXT_LINK + b64encode(output.text.encode()).decode()
    extension = ".txt" if output.kind == "text" else PurePosixPath(urlsplit(link or "").path).suffix
    return wire.Output(
        object_url=link or "",
        output_ext=extension or (known.output_ext if known is not None else ""),
        cost_time=known.cost_time if known is not None and known.cost_time else took,
        audit_status=known.audit_status if known is not None else wire.PASSED_AUDIT,
        error_type=_LOST if output.state == "lost" else known.error_type if known is not None else wire.NO_ERROR,
    )


def costs(task: Task) -> wire.CostTimes:
    """What a task that has ended took: as BizyAir said it, else by our own times. What nobody has told apart, the
    upstream's computing, is all of the time in which it ran."""
    known = task.facts.read("bizyair", wire.CostTimes) if task.facts is not None else None
    if known is not None and known.running_cost_time is not UNSET:
        return known
    ended, began = task.ended_at or task.created_at, begun(task) or task.created_at
    ran, all_of_it = _milliseconds(ended - began), _milliseconds(ended - task.created_at)
    computed = task.usage.compute_seconds if task.usage is not None else None
    return wire.CostTimes(
        inference_cost_time=ran,
        running_cost_time=all_of_it,
        total_cost_time=all_of_it,
        real_cpu_cost_time=ran if computed is None else 0,
        real_gpu_cost_time=UNSET if computed is None else _milliseconds(computed),
        real_total_cost_time=ran if computed is None else _milliseconds(computed),
    )


def begun(task: Task) -> float | None:
    """When it was first at work; a job that was done before anybody saw it at work began with its create."""
    return task.started_at if task.started_at is not None or task.status != "succeeded" else task.created_at


def reason(task: Task) -> str | None:
    """Why a task has failed; None where it has not."""
    if task.status == "cancelled":
        return _CANCELLED
    if task.status != "failed":
        return None
    return FIELDS.error(task.error) if task.error is not None else "The task has failed."


def moment(seconds: float) -> str:
    """A time as BizyAir writes it."""
    return datetime.fromtimestamp(seconds, wire.ZONE).strftime(wire.TIME)


def _midnight(created: float) -> datetime:
    day = datetime.fromtimestamp(created, wire.ZONE).replace(hour=0, minute=0, second=0)
    return day + timedelta(days=wire.KEPT_DAYS)


def _milliseconds(seconds: float) -> int:
    return max(0, round(seconds * 1000))


def accepted(view: View) -> wire.Accepted:
    """The answer to a create that does not wait."""
    name = UUID.write(view.task.id)
    return wire.Accepted(requestId=name, request_id=name)


def stopped(view: View) -> wire.Envelope:
    """What became of a wish to end a task."""
    late: Cancellation = "marked"
    said = "Ok" if view.cancellation != late else "The task can no longer be stopped; it ends by itself."
    return wire.Envelope(code=wire.OK, message=said, data=detail(view))


def _finer(error: GatewayError) -> tuple[int, int] | None:
    """A task that is not there is a parameter that is wrong; an app that is not has a code of its own."""
    if error.code == "not_found":
        return {"model": (404, wire.NO_APP), "id": (400, wire.INVALID)}.get(error.param or "")
    if error.code == "invalid_request" and error.param == "input_values":
        return 400, wire.NO_INPUTS
    if error.code == "permission" and error.param != "model":
        return 403, wire.BAD_KEY
    if error.code == "conflict" and error.param == HEADER:
        return 409, wire.INVALID  # of ours, not of BizyAir's
    return None


def _envelope(told: Told) -> wire.Envelope:
    return wire.Envelope(code=int(told.code), message=told.message, status=False)


ERRORS: Final = Errors(envelope=_envelope, shape=wire.Envelope, codes=_ERRORS, finer=_finer, fields=FIELDS)
