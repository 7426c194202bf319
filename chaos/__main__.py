"""`python -m chaos [--tasks 2000] [--kills 50] [--seed 1] [--database postgres]`: run, print what happened and the
table, exit 1 unless it is all zeros."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from chaos.run import run


def main() -> int:
    """Exit status 0 when nothing was lost, doubled or left open."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", choices=["sqlite", "postgres"], default="sqlite")
    given = parser.parse_args()
    console = Console(width=100)
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("starting", total=1.0)
        verdict, facts = run(
            given.tasks,
            given.kills,
            given.seed,
            lambda what, done: bar.update(task, description=what, completed=done),
            on_postgres=given.database == "postgres",
        )
    console.print("Chaos: " + ", ".join(f"{count:,} {what}" for what, count in facts.items()))
    table = Table()
    table.add_column("what")
    table.add_column("count", justify="right")
    for what, count in verdict.counts.items():
        table.add_row(what, str(count), style="red" if count else "green")
    console.print(table)
    for note in verdict.notes[:50]:
        console.print(note)
    return 1 if any(verdict.counts.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
