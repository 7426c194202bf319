"""The statements of deliveries run on both databases, as those of tasks do."""

from __future__ import annotations

from tests.tasks.conftest import database, postgres

__all__ = ["database", "postgres"]
