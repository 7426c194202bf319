"""What a dialect sees of a task."""

from __future__ import annotations

from typing import Literal

import msgspec

from telecine.accounts.metering import counted
from telecine.nouns.operations import Kind
from telecine.nouns.task import Output, Task

Cancellation = Literal["cancelled", "requested_upstream", "marked"]
"""What a wish to cancel came to: it has ended; the upstream has been asked to stop; or it runs on, because its upstream
cannot stop it, and is settled when it ends."""


class Place(msgspec.Struct, frozen=True):
    """A place in the line for upstream slots or for a channel's quota; the first is 1."""

    position: int
    estimated_seconds: int | None
    """Until it is the task's turn; None where what it waits for is no longer configured."""


class Owner(msgspec.Struct, frozen=True):
    """Whose a task is, by name. `key` is None where no key made it, or where that one is gone."""

    account: str
    key: str | None


class View(msgspec.Struct, frozen=True):
    """A task with its outputs, as of one moment."""

    task: Task
    outputs: tuple[Output, ...] = ()
    poll_after: float | None = None
    """Seconds after which asking again is worth while; None once the task has ended."""
    cancellation: Cancellation | None = None
    """Only in the answer to a cancel or a delete; None where the task had ended before."""


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which tasks a list shows. None or empty means no restriction."""

    limit: int
    after: int | None = None
    offset: int = 0
    ascending: bool = False
    form: str | None = None
    """The path that made them, as `kling:text2video`. A task that no path of that dialect made counts by what it does:
    see `operations`."""
    operations: tuple[str, ...] = ()
    source: int | None = None
    """The task that they follow up."""
    statuses: tuple[str, ...] = ()
    """As clients see them (`Task.status`)."""
    model: str | None = None
    kind: Kind | None = None
    key: str | None = None
    """The API key that made it, by id or by name."""
    created_after: float | None = None
    created_before: float | None = None
    """Seconds since the Unix epoch, both exclusive."""


class Page(msgspec.Struct, frozen=True):
    """One page of tasks, newest first unless asked otherwise."""

    views: tuple[View, ...]
    has_more: bool


def asked_seconds(task: Task) -> float | None:
    """How long the upstream is asked to make each output; None where it is told nothing."""
    told = task.asked.duration if task.asked is not None else None
    return told if told is not None else task.request.duration


def results(view: View, kind: Kind) -> list[Output]:
    """What was asked for, as far as it is of a kind: without companions, and without other forms of the same item."""
    found: dict[int, Output] = {}
    for one in view.outputs:
        if one.main and one.kind == kind and (one.item not in found or found[one.item].state == "lost"):
            found[one.item] = one
    return list(found.values())


def made_seconds(view: View, index: int = 0) -> float | None:
    """How long output number `index` is: as measured, else its share of what the upstream says. None before the end,
    and where nobody knows."""
    task = view.task
    if task.status != "succeeded" or index >= len(view.outputs):
        return None
    measured = view.outputs[index].duration
    if measured is not None:
        return measured
    told = task.usage.seconds if task.usage is not None else None
    count = (task.asked.count if task.asked is not None else None) or task.request.count
    files = len(counted(view.outputs, count, "lasting"))  # those that it is told of
    return None if told is None or not files else told / files
