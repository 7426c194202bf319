"""What a dialect sees of a task."""

from __future__ import annotations

import msgspec

from telecine.nouns.task import Output, Task


class View(msgspec.Struct, frozen=True):
    """A task with its outputs, as of one moment."""

    task: Task
    outputs: tuple[Output, ...] = ()
    poll_after: float | None = None
    """Seconds after which asking again is worth while; None once the task has ended."""


class Page(msgspec.Struct, frozen=True):
    """One page of tasks, newest first unless asked otherwise."""

    views: tuple[View, ...]
    has_more: bool
