"""Between table rows and the nouns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

import msgspec

from telecine.nouns.errors import ErrorCode, TaskError
from telecine.nouns.money import Price
from telecine.nouns.request import GenerationRequest
from telecine.nouns.task import Attempt, Output, Task, Usage

_decode_request = msgspec.json.Decoder(GenerationRequest).decode
_encode = msgspec.json.Encoder().encode

# What a step may change; the rest of a task's row is fixed at create or marked by the caller (cancel, delete).
MUTABLE: Final = (
    "version",
    "step_token",
    "state",
    "progress",
    "channel",
    "attempt_id",
    "attempts",
    "started_at",
    "ended_at",
    "deadline",
    "expires_at",
    "sandbox",
    "usage_seconds",
    "usage_images",
    "usage_units",
    "charged",
    "error_code",
    "error_message",
    "error_param",
)


def kind_of(operation: str) -> str:
    """What an operation makes: `image` or `video`."""
    return "image" if operation.endswith("_image") else "video"


def task_values(task: Task, token: int | None) -> dict[str, Any]:
    """The mutable columns of `task`."""
    usage = task.usage or Usage()
    return {
        "version": task.version,
        "step_token": token,
        "state": task.state,
        "progress": task.progress,
        "channel": task.channel,
        "attempt_id": task.attempt_id,
        "attempts": task.attempts,
        "started_at": task.started_at,
        "ended_at": task.ended_at,
        "deadline": task.deadline,
        "expires_at": task.expires_at,
        "sandbox": task.sandbox,
        "usage_seconds": usage.seconds,
        "usage_images": usage.images,
        "usage_units": usage.units,
        "charged": task.charged,
        **_error_values(task.error),
    }


def new_task_values(task: Task) -> dict[str, Any]:
    """The whole row of a task that is being created."""
    return {
        "id": task.id,
        "account_id": task.account_id,
        "key_id": task.key_id,
        "dialect": task.dialect,
        "operation": task.operation,
        "kind": kind_of(task.operation),
        "model": task.model,
        "request": _encode(task.request),
        "external_id": task.external_id,
        "priority": task.priority,
        "created_at": task.created_at,
        "cancel_requested_at": task.cancel_requested_at,
        "deleted_at": task.deleted_at,
        "source_task": task.source_task,
        "retry_of": task.retry_of,
        "price_unit": task.price.unit if task.price else None,
        "price_micros": task.price.micros if task.price else None,
        "held": task.held,
        **task_values(task, None),
    }


def task_of(row: Mapping[Any, Any]) -> Task:
    """The task in a row of `tasks`."""
    usage = (
        Usage(row["usage_seconds"], row["usage_images"], row["usage_units"])
        if (row["usage_seconds"], row["usage_images"], row["usage_units"]) != (None, None, None)
        else None
    )
    return Task(
        id=row["id"],
        account_id=row["account_id"],
        key_id=row["key_id"],
        version=row["version"],
        state=row["state"],
        dialect=row["dialect"],
        operation=row["operation"],
        model=row["model"],
        request=_decode_request(row["request"]),
        external_id=row["external_id"],
        priority=row["priority"],
        progress=row["progress"],
        channel=row["channel"],
        attempt_id=row["attempt_id"],
        attempts=row["attempts"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        deadline=row["deadline"],
        expires_at=row["expires_at"],
        cancel_requested_at=row["cancel_requested_at"],
        deleted_at=row["deleted_at"],
        source_task=row["source_task"],
        retry_of=row["retry_of"],
        sandbox=row["sandbox"],
        usage=usage,
        price=Price(row["price_unit"], row["price_micros"]) if row["price_unit"] else None,
        held=row["held"],
        charged=row["charged"],
        error=_error_of(row),
    )


def attempt_values(attempt: Attempt) -> dict[str, Any]:
    """The whole row of an attempt."""
    values = {name: getattr(attempt, name) for name in _ATTEMPT_PLAIN}
    values.update(_error_values(attempt.error))
    return values


def attempt_of(row: Mapping[Any, Any]) -> Attempt:
    """The attempt in a row of `attempts`."""
    return Attempt(**{name: row[name] for name in _ATTEMPT_PLAIN}, error=_error_of(row))


def output_values(output: Output) -> dict[str, Any]:
    """The whole row of an output."""
    return {name: getattr(output, name) for name in Output.__struct_fields__}


def output_of(row: Mapping[Any, Any]) -> Output:
    """The output in a row of `outputs`."""
    return Output(**{name: row[name] for name in Output.__struct_fields__})


_ATTEMPT_PLAIN: Final = tuple(name for name in Attempt.__struct_fields__ if name != "error")


def _error_values(error: TaskError | None) -> dict[str, Any]:
    return {
        "error_code": error.code if error else None,
        "error_message": error.message if error else None,
        "error_param": error.param if error else None,
    }


def _error_of(row: Mapping[Any, Any]) -> TaskError | None:
    code = row["error_code"]
    return TaskError(cast(ErrorCode, code), row["error_message"], row["error_param"]) if code else None
