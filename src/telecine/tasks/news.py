"""What clients are told of a step."""

from __future__ import annotations

from telecine.nouns.task import Task
from telecine.webhooks.delivery import PROGRESS


def news_of(before: Task, after: Task) -> str | None:
    """What clients are told of a step; None where nothing that they see has changed."""
    if after.status != before.status:
        return f"task.{after.status}"
    return PROGRESS if after.progress != before.progress else None
