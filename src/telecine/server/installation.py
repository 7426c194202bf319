"""What tells that there is an installation in a data directory: only `telecine serve` makes one."""

from __future__ import annotations

from pathlib import Path

from telecine.config import Settings


def mark_of(settings: Settings) -> Path:
    """What the first start leaves in the data directory and no other command ever makes."""
    return settings.data / ("telecine.db" if settings.database_url is None else "media")


def is_installed(settings: Settings) -> bool:
    """Whether a server was ever started on these data. Looks only. Raises OSError where that is not allowed."""
    try:
        mark = mark_of(settings)
        # Whoever opens a database that is not there makes an empty file; a folder's size says nothing.
        return mark.is_dir() or mark.stat().st_size > 0
    except (FileNotFoundError, NotADirectoryError):
        return False
