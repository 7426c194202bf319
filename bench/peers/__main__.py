"""`python -m bench.peers`: measure other gateways beside ours, one at a time."""

from __future__ import annotations

import argparse
import os
import platform
import random
import tempfile
from pathlib import Path
from statistics import median

import uvloop
from rich.console import Console
from rich.progress import Progress

from bench.peers.environment import install
from bench.peers.gateways import GATEWAYS, Gateway
from bench.peers.trial import trial
from bench.table import publish, shown, table

Found = dict[Gateway, list[dict[str, float]]]


async def measure(place: Path, trials: int, seconds: float) -> Found:
    """So many trials of each; the order is drawn anew for each round."""
    found: Found = {gateway: [] for gateway in GATEWAYS}
    with Progress(transient=True, console=Console(stderr=True)) as progress:
        task = progress.add_task("measuring", total=trials * len(GATEWAYS))
        for _ in range(trials):
            for gateway in random.sample(GATEWAYS, len(GATEWAYS)):
                progress.update(task, description=gateway.name)
                found[gateway].append(await trial(gateway, place, seconds))
                progress.advance(task)
    return found


def lines(found: Found) -> list[list[str]]:
    """The median of each figure with its least and most, and what the others' is of ours."""
    ours, *others = GATEWAYS
    said = [["what", *(one.name for one in GATEWAYS), *(f"{one.name} / ours" for one in others)]]
    for name in found[ours][0]:
        values = {gateway: [one[name] for one in told] for gateway, told in found.items()}
        middle = {gateway: median(some) for gateway, some in values.items()}
        cells = [f"{shown(middle[one])} ({shown(min(values[one]))} … {shown(max(values[one]))})" for one in GATEWAYS]
        ratios = [f"{middle[one] / middle[ours]:.2f}" if middle[ours] else "" for one in others]
        said.append([name, *cells, *ratios])
    return said


def main() -> None:
    """Install, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--environment", type=Path, metavar="DIR", help="install there unless done, and keep it")
    parser.add_argument("--trials", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each load (8)")
    parser.add_argument("--into", type=Path, metavar="FILE", help="put the table in this document too")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="telecine-peers-") as folder:
        place = (given.environment or Path(folder) / "peers").resolve()
        if not (place / "node_modules").exists():  # the last that is installed
            install(place)
        found = uvloop.run(measure(place, given.trials, given.seconds))
    machine = (
        f"{os.cpu_count()} cores, Python {platform.python_version()}; median (least … most) of {given.trials} trials."
    )
    publish(f"{machine}\n\n{table(lines(found))}", "peers", given.into)


if __name__ == "__main__":
    main()
