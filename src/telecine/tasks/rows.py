"""Between table rows and the nouns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, Final, cast

import msgspec

from telecine.nouns.billed import Billed
from telecine.nouns.errors import ErrorCode, TaskError
from telecine.nouns.money import TOKEN_UNITS, Price
from telecine.nouns.operations import makes_of
from telecine.nouns.request import GenerationRequest, Reference
from telecine.nouns.task import Attempt, Facts, Output, Task, Tokens, Usage

_decode_request = msgspec.json.Decoder(GenerationRequest).decode
_decode_asked = msgspec.json.Decoder(Billed).decode
_decode_facts = msgspec.json.Decoder(Facts).decode
_encode = msgspec.json.Encoder().encode

_USAGE_TOKENS: Final = {kind: f"usage_{kind}_tokens" for kind in Tokens.__struct_fields__}
_PRICE_TOKENS: Final = {unit: f"price_{kind}_tokens" for unit, kind in TOKEN_UNITS.items()}


def task_values(task: Task, token: int | None) -> dict[str, Any]:
    """The columns of `task` that a step may change; the rest is fixed at create or marked by the caller (cancel,
    delete). What it used is left out until that is known: most steps come before."""
    values = {
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
        "preview_url": task.preview_url,
        "charged": task.charged,
        **_error_values(task.error),
    }
    if task.state in ("draft", "queued", "submitting"):  # later steps do not choose a channel
        values["asked"] = _encode(task.asked) if task.asked is not None else None
    if task.usage is not None:
        values.update(_usage_values(task.usage))
    if task.state == "collecting":  # later steps leave them alone: they may have been erased meanwhile
        values["facts"] = _facts_value(task.facts)
    if task.buried_at is not None:
        values["buried_at"] = task.buried_at
    if task.cancel_refused:
        values["cancel_refused"] = True
    if task.external_id != task.request.external_id:  # it was given up
        values["external_id"] = task.external_id
    return values


def new_task_values(task: Task) -> dict[str, Any]:
    """The row of a task that is being created; columns that it leaves out are null."""
    return {
        "id": task.id,
        "account_id": task.account_id,
        "key_id": task.key_id,
        "dialect": task.dialect,
        "form": task.form,
        "external_id": task.external_id,
        "priority": task.priority,
        "created_at": task.created_at,
        "cancel_requested_at": task.cancel_requested_at,
        "cancel_refused": task.cancel_refused,
        "deleted_at": task.deleted_at,
        "buried_at": None,
        "retry_of": task.retry_of,
        **_asked_values(task),
        **task_values(task, None),
    }


def completed_values(task: Task) -> dict[str, Any]:
    """The columns of a draft that its completion may change, besides those that any step may."""
    return {**dict.fromkeys(("price_unit", "price_micros", *_PRICE_TOKENS.values())), **_asked_values(task)}


def _asked_values(task: Task) -> dict[str, Any]:
    return {
        "operation": task.operation,
        "kind": makes_of(task.request),
        "model": task.model,
        "request": _encode(task.request),
        "source_task": task.source_task,
        **_price_values(task.prices),
        "held": task.held,
        "most": task.most,
    }


def task_of(row: Mapping[Any, Any]) -> Task:
    """The task in a row of `tasks`. Older requests name what they follow up in the column alone."""
    request = _decode_request(row["request"])
    if request.follows is None and row["source_task"] is not None:
        request = msgspec.structs.replace(request, source=Reference(task=row["source_task"]))
    return Task(
        **dict(zip(_TASK_PLAIN, _plain_of(row), strict=True)),
        request=request,
        asked=_decode_asked(row["asked"]) if row["asked"] is not None else None,
        usage=_usage_of(row),
        facts=_facts_of(row),
        prices=_prices_of(row),
        error=_error_of(row),
    )


def new_attempt_values(attempt: Attempt) -> dict[str, Any]:
    """The whole row of an attempt."""
    return {**{name: getattr(attempt, name) for name in _ATTEMPT_BEGUN}, **attempt_values(attempt)}


def attempt_values(attempt: Attempt) -> dict[str, Any]:
    """The columns of an attempt that are not fixed when it begins."""
    return {**{name: getattr(attempt, name) for name in _ATTEMPT_PLAIN}, **_error_values(attempt.error)}


def attempt_of(row: Mapping[Any, Any]) -> Attempt:
    """The attempt in a row of `attempts`."""
    return Attempt(**{name: row[name] for name in (*_ATTEMPT_BEGUN, *_ATTEMPT_PLAIN)}, error=_error_of(row))


def new_output_values(output: Output) -> dict[str, Any]:
    """The whole row of an output."""
    fixed = {name: getattr(output, name) for name in _OUTPUT_MADE}
    return {**fixed, **output_values(output), "facts": _facts_value(output.facts)}


def output_values(output: Output) -> dict[str, Any]:
    """The columns of an output that are not fixed when it is made; its facts may have been erased since."""
    return {name: getattr(output, name) for name in _OUTPUT_PLAIN}


def output_of(row: Mapping[Any, Any]) -> Output:
    """The output in a row of `outputs`."""
    return Output(**{name: row[name] for name in (*_OUTPUT_MADE, *_OUTPUT_PLAIN)}, facts=_facts_of(row))


_NO_USAGE: Final = Usage()
_TASK_MADE: Final = frozenset({"request", "asked", "usage", "facts", "prices", "error"})
_TASK_PLAIN: Final = tuple(name for name in Task.__struct_fields__ if name not in _TASK_MADE)
_plain_of: Final = itemgetter(*_TASK_PLAIN)
_ATTEMPT_BEGUN: Final = (
    *("id", "task_id", "number", "created_at", "callback_token", "handle", "pool", "weight"),
    *("channel", "address", "provider", "model"),
)
_ATTEMPT_PLAIN: Final = tuple(name for name in Attempt.__struct_fields__ if name not in {*_ATTEMPT_BEGUN, "error"})
_OUTPUT_MADE: Final = ("task_id", "index", "item", "part", "kind")
_OUTPUT_PLAIN: Final = tuple(name for name in Output.__struct_fields__ if name not in {*_OUTPUT_MADE, "facts"})


def _facts_value(facts: Facts | None) -> bytes | None:
    return None if facts is None else _encode(facts)


def _facts_of(row: Mapping[Any, Any]) -> Facts | None:
    return None if row["facts"] is None else _decode_facts(row["facts"])


def _usage_of(row: Mapping[Any, Any]) -> Usage | None:
    tokens = None
    if row["usage_input_tokens"] is not None:
        tokens = Tokens(**{kind: row[column] for kind, column in _USAGE_TOKENS.items()})
    usage = Usage(row["usage_seconds"], row["usage_images"], row["usage_units"], tokens, row["usage_compute_seconds"])
    return usage if usage != _NO_USAGE else None


def _usage_values(usage: Usage) -> dict[str, Any]:
    return {
        "usage_seconds": usage.seconds,
        "usage_images": usage.images,
        "usage_units": usage.units,
        **{column: getattr(usage.tokens, kind, None) for kind, column in _USAGE_TOKENS.items()},
        "usage_compute_seconds": usage.compute_seconds,
    }


def _price_values(prices: Sequence[Price]) -> dict[str, Any]:
    """A line that stands alone in two columns, token lines in one each."""
    if prices and prices[0].unit in _PRICE_TOKENS:
        micros = {price.unit: price.micros for price in prices}
        return {column: micros.get(unit) for unit, column in _PRICE_TOKENS.items()}
    one = prices[0] if prices else None
    return {"price_unit": one.unit if one else None, "price_micros": one.micros if one else None}


def _prices_of(row: Mapping[Any, Any]) -> tuple[Price, ...]:
    if row["price_unit"] is not None:
        return (Price(row["price_unit"], row["price_micros"]),)
    return tuple(Price(unit, row[column]) for unit, column in _PRICE_TOKENS.items() if row[column] is not None)


def _error_values(error: TaskError | None) -> dict[str, Any]:
    return {
        "error_code": error.code if error else None,
        "error_message": error.message if error else None,
        "error_param": error.param if error else None,
    }


def _error_of(row: Mapping[Any, Any]) -> TaskError | None:
    code = row["error_code"]
    return TaskError(cast(ErrorCode, code), row["error_message"], row["error_param"]) if code else None
