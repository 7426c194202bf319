"""Two checkouts beside each other: each measurement of one, then of the other, round after round, as ratios."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from statistics import median

from bench.table import Row, shown

Bench = Callable[[str], Awaitable[list[Row]]]
HEAD = ("what", "", "before", "after", "after / before", "min … max", "goal")


async def pairs(bench: Bench, before: str, after: str, rounds: int) -> Iterator[tuple[str, ...]]:
    """The lines of the table. The order turns with each round; the ratio is the median of the rounds' ratios."""
    found: defaultdict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: {before: [], after: []})
    goals: dict[str, str] = {}
    for number in range(rounds):
        for python in (before, after) if number % 2 else (after, before):
            for row in await bench(python):
                goals[row.name] = row.goal
                for unit, value in row.figures.items():
                    found[row.name, unit][python].append(value)
    return _lines(found, goals, before, after)


def _lines(
    found: dict[tuple[str, str], dict[str, list[float]]], goals: dict[str, str], before: str, after: str
) -> Iterator[tuple[str, ...]]:
    last = ""
    for (name, unit), values in found.items():
        ratios = [new / old if old else float("nan") for old, new in zip(values[before], values[after], strict=False)]
        spread = f"{min(ratios):.2f} … {max(ratios):.2f}" if ratios else ""
        ratio = f"{median(ratios):.2f}" if ratios else ""
        told = [shown(median(one)) if one else "" for one in (values[before], values[after])]
        yield "" if name == last else name, unit, *told, ratio, spread, "" if name == last else goals[name]
        last = name
