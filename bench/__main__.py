"""Measure and print the table: `python -m bench [NAME …]`, or as ratios: `python -m bench pairs --before TREE`."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from pathlib import Path

import uvloop
from rich.console import Console
from rich.progress import Progress

from bench.busy import busy
from bench.clients import clients
from bench.flight import flight, lists
from bench.flood import flood
from bench.life import asked, life
from bench.neighbours import neighbours
from bench.pairs import HEAD, Bench, pairs
from bench.requests import creates, idle, reads, sandbox
from bench.routes import routes
from bench.table import publish, shown, table

BENCHES: dict[str, Bench] = {
    one.__name__: one
    for one in (idle, creates, reads, sandbox, flight, lists, life, asked, busy, routes, clients, neighbours, flood)
}


async def _lines(bench: Bench, given: argparse.Namespace) -> list[tuple[str, ...]]:
    if given.before is not None:
        before = str(given.before.resolve() / ".venv" / "bin" / "python")
        return list(await pairs(bench, before, sys.executable, given.rounds))
    rows = await bench(sys.executable)
    return [
        (one.name, ", ".join(f"{shown(value)} {unit}" for unit, value in one.figures.items()), one.goal) for one in rows
    ]


async def main(given: argparse.Namespace) -> None:
    """Measure what is named, or everything."""
    lines: list[tuple[str, ...]] = [HEAD if given.before is not None else ("what", "reached", "goal")]
    with Progress(transient=True, console=Console(stderr=True)) as progress:
        task = progress.add_task("measuring", total=len(given.names))
        for name in given.names:
            progress.update(task, description=name)
            lines += await _lines(BENCHES[name], given)
            progress.advance(task)
    machine = f"One process; {os.cpu_count()} cores, Python {platform.python_version()}."
    publish(f"{machine}\n\n{table(lines)}", "figures" if given.before is None else "pairs", given.into)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"any of: {', '.join(BENCHES)}; all of them by default"
    )
    parser.add_argument("--before", type=Path, metavar="TREE", help="with `pairs`: a checkout with its own .venv")
    parser.add_argument("--rounds", type=int, default=5, help="of `pairs` (5)")
    parser.add_argument("--into", type=Path, metavar="FILE", help="put the table in this document too")
    chosen = parser.parse_intermixed_args()
    if ("pairs" in chosen.names) != (chosen.before is not None):
        parser.error("`pairs` and `--before TREE` go together")
    chosen.names = [name for name in chosen.names if name != "pairs"] or list(BENCHES)
    if wrong := set(chosen.names) - BENCHES.keys():
        parser.error(f"there is no '{min(wrong)}'; choose from: {', '.join(BENCHES)}")
    uvloop.run(main(chosen))
