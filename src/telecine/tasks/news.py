"""What clients are told of a step."""

from __future__ import annotations

from telecine.nouns.task import Task
from telecine.webhooks.delivery import PROGRESS


def news_of(before: Task, after: Task) -> str | None:
    """What clients are told of a step; None where nothing that they see has changed."""
    if after.status != before.status:
        return f"task.{after.status}"
    pictured = after.preview_url is not None and after.preview_url != before.preview_url
    return PROGRESS if pictured or after.progress != before.progress else None
