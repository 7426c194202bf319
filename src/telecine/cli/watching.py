"""Waiting for a task, and showing how far it is: a bar on a terminal, plain lines elsewhere. All on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

import typer

from telecine.cli.connection import Connection
from telecine.cli.failure import TIMED_OUT, Failure, Unreachable
from telecine.cli.texts import text
from telecine.cli.wire import Task

_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 2.0
_SILENCE: Final = 30.0
"""Seconds for which a server may be away (it restarts) before waiting ends."""
_MEASURED: Final = ("running", "uploading")
"""What takes long enough to tell how far it is, where that is told in lines."""


class Display(Protocol):
    """Shows a status; `per_cent` None where there is nothing to say."""

    def show(self, status: str, per_cent: float | None) -> None: ...


def wait(connection: Connection, task: Task, display: Display, timeout: float | None) -> Task:
    """`task` once it has ended. Raises Failure (124 past `timeout` seconds) and Unreachable."""
    started = last_seen = time.monotonic()
    pause = _FIRST_PAUSE
    while not task.ended:
        display.show(task.status, task.progress)
        left = _LONGEST_PAUSE if timeout is None else started + timeout - time.monotonic()
        if left <= 0:
            raise Failure(text("timed_out", seconds=timeout), TIMED_OUT)
        time.sleep(min(pause, left))
        pause = min(pause * 1.25, _LONGEST_PAUSE)
        try:
            task = connection.ask(Task, "GET", f"/v1/tasks/{task.id}")
            last_seen = time.monotonic()
        except Unreachable:
            if time.monotonic() - last_seen > _SILENCE:
                raise
    display.show(task.status, 100 if task.status == "succeeded" else task.progress)
    return task


@contextmanager
def display(*, quiet: bool) -> Iterator[Display]:
    """A bar where stderr is a terminal, lines where it is not, nothing where that is wanted."""
    if quiet:
        yield _Nothing()
    elif sys.stderr.isatty():
        with _bar() as bar:
            yield bar
    else:
        yield _Lines()


class _Nothing:
    def show(self, status: str, per_cent: float | None) -> None:
        pass


class _Lines:
    """A line for each status, and one for each further quarter of the work."""

    def __init__(self) -> None:
        self._shown: tuple[str, int] | None = None

    def show(self, status: str, per_cent: float | None) -> None:
        now = (status, int(per_cent or 0) // 25 if status in _MEASURED else 0)
        if now != self._shown:
            self._shown = now
            typer.echo(f"{text(status)} {per_cent:.0f} %" if per_cent and now[1] else text(status), err=True)


@contextmanager
def _bar() -> Iterator[Display]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        line = progress.add_task(text("submitting"), total=100)

        class Bar:
            def show(self, status: str, per_cent: float | None) -> None:
                progress.update(line, description=text(status), completed=per_cent or 0)

        yield Bar()
