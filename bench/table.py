"""What is measured, and how it is shown: a table that can be read at a terminal and stands in a document as it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Row(NamedTuple):
    """One thing that was measured: its figures by unit, and what they shall be."""

    name: str
    figures: dict[str, float]
    goal: str = ""


def shown(value: float) -> str:
    """A figure with about three digits."""
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2}f}"


def table(lines: Sequence[Sequence[str]]) -> str:
    """`lines`, of which the first is the head."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    body = ["| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in lines]
    return "\n".join([body[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *body[1:]])


def publish(text: str, name: str, file: Path | None) -> None:
    """Print `text`, and put it in `file` where that says `<!-- bench NAME -->`, up to `<!-- end -->`."""
    print(text)
    if file is not None:
        place = re.compile(rf"(<!-- bench {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
        said, places = place.subn(lambda found: f"{found[1]}\n{text}\n\n{found[2]}", file.read_text(encoding="utf-8"))
        if not places:
            raise SystemExit(f"{file} has no place for it: <!-- bench {name} --> … <!-- end -->")
        file.write_text(said, encoding="utf-8")
