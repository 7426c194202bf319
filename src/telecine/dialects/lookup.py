"""Which tasks a path shows, and reading what a query says."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request

from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.task import Task

_DECIMAL: Final = re.compile(r"[0-9]{1,13}(\.[0-9]{1,9})?")
_MOST_SHOWN: Final = 64


def missing(text: str) -> GatewayError:
    """The one answer for what does not exist, has been deleted, or is another account's."""
    return GatewayError("not_found", f"There is no task '{text[:128]}'.", param="id")


def made_by(task: Task, form: str, operations: Collection[str]) -> bool:
    """Whether a path that shows what the path `form` made shows this task too: one that no path of that dialect made
    counts by its operation. The same that `Tasks.list` goes by."""
    dialect = form.partition(":")[0]
    if task.form is not None and task.form.startswith(f"{dialect}:"):
        return task.form == form
    return task.operation in operations


def number(request: Request, name: str, *, most: float = 1e12) -> float | None:
    """A query parameter in 0..`most`; None where it is absent. Raises GatewayError (`invalid_request`) naming it."""
    text = request.query_params.get(name)
    if not text:
        return None
    found = float(text) if _DECIMAL.fullmatch(text) else -1.0
    if not 0 <= found <= most:
        raise invalid(f"{name}: must be a number of seconds from 0 to {most:g}.", name)
    return found


def moment(request: Request, name: str) -> float | None:
    """A query parameter that names a time, in seconds since the Unix epoch; None where it is absent.

    It is written so, or as an ISO 8601 date or date-time, in UTC unless it says otherwise. Raises GatewayError
    (`invalid_request`) naming it.
    """
    text = request.query_params.get(name)
    if not text or _DECIMAL.fullmatch(text):
        return number(request, name)
    if "T" in text:
        text = text.replace(" ", "+")  # a zone's plus that nobody has escaped
    try:
        found = datetime.fromisoformat(text)
        seconds = (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        seconds = -1.0
    if seconds < 0:
        raise invalid(
            f"{name}: must be a time since 1970: seconds (1763700000), a date (2025-11-21) or a date-time "
            "(2025-11-21T04:40:00Z); UTC where no zone is given.",
            name,
        )
    return seconds


def whole(request: Request, name: str, default: int, highest: int) -> int:
    """A query parameter in 1..`highest`. Raises GatewayError (`invalid_request`) naming it."""
    text = request.query_params.get(name)
    if not text:
        return default
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if not 1 <= number <= highest:
        raise invalid(f"{name}: must be a whole number from 1 to {highest}.", name)
    return number


def refuse_unknown(request: Request, known: Sequence[str]) -> None:
    """Raise GatewayError naming the query parameters that are not `known`. `key` may carry the caller's API key."""
    unknown = [name[:_MOST_SHOWN] for name in request.query_params if name not in known]
    if request.scope.get("key_in_query"):
        unknown = [name for name in unknown if name != "key"]
    if not unknown:
        return
    named = ", ".join(f"'{name}'" for name in unknown[:5])
    there = f"These are known here: {', '.join(known)}." if known else "None is known here."
    if "key" in unknown:
        there += " 'key' carries an API key, and only where no header does"
        there += "; to filter by key, write key_name." if "key_name" in known else "."
    raise invalid(f"Unknown query parameter: {named}. {there}", unknown[0])
