"""One thing that `telecine doctor` has looked at, and the words in which such things are said."""

from __future__ import annotations

from typing import Literal

import msgspec

Level = Literal["ok", "info", "warning", "bad"]


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at. `do` is empty where there is nothing to do."""

    name: str
    level: Level
    what: str
    do: str = ""

    @property
    def wrong(self) -> bool:
        return self.level in ("warning", "bad")


def span(seconds: float) -> str:
    """How long something takes or took: `5 days`, `40 s`."""
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
