"""The buttons below a task: those that its upstream has made, or our own, which mean the same."""

from __future__ import annotations

from collections.abc import Sequence

from telecine.dialects.midjourney.create import DIALECT
from telecine.nouns.ids import UUID, parse_task_id
from telecine.tasks.view import View, results
from telecine.wires import midjourney as wire
from telecine.wires.midjourney.buttons import Button, grid_buttons, line_buttons, picture_buttons, read


def upstream_buttons(view: View) -> Sequence[Button]:
    """Those that a Midjourney upstream has made; none where it makes none, or where another provider is behind it."""
    said = view.task.facts.read(DIALECT, wire.Said) if view.task.facts is not None else None
    return said.buttons if said is not None else ()


def buttons_of(view: View) -> list[Button]:
    """What can be done with the task next; nothing before it is done."""
    task = view.task
    if task.status != "succeeded":
        return []
    if theirs := upstream_buttons(view):
        return list(theirs)
    mark = UUID.write(task.id)
    if task.operation == "describe":
        return line_buttons(len(lines(view)))
    at_midjourney = task.facts is not None and task.facts.vendor == DIALECT
    shown = len(results(view, "image"))
    grid = task.request.count if at_midjourney and shown else shown  # the first server has the grid alone
    if grid > 1:
        return grid_buttons(mark, grid)
    return picture_buttons(mark, all_of_them=task.sandbox) if shown and not at_midjourney else []


def is_ours(custom_id: str, task_id: int) -> bool:
    """Whether it is written on one of our own buttons below that task."""
    press = read(custom_id)
    return press is not None and (not press.mark or parse_task_id(press.mark) == task_id)


def lines(view: View) -> list[str]:
    """The prompts of a description, without their numbers."""
    text = next((one.text for one in results(view, "text") if one.text), "") or ""
    return [words for line in text.splitlines() if (words := _unnumbered(line))]


def _unnumbered(line: str) -> str:
    """`1️⃣ a boat`, `1. a boat` and `1) a boat` without what goes before the words."""
    rest = line.strip()
    bare = rest.lstrip("0123456789")
    return bare.lstrip("\ufe0f\u20e3.)").strip() if bare[:1] in {"\ufe0f", "\u20e3", ".", ")"} else rest
