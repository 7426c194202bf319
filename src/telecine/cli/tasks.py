"""`telecine tasks`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from telecine.cli import printing
from telecine.cli.connection import connect, decode
from telecine.cli.listing import listing, query
from telecine.cli.options import Json, Target, command
from telecine.cli.saving import save
from telecine.cli.texts import text
from telecine.cli.wire import Output, Page, Status, Task

app = typer.Typer(help="List, show, download and cancel tasks.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="ID", help="The task's id, as any dialect writes it.")]


@command(app, "list")
def list_tasks(
    *,
    status: Annotated[Status | None, typer.Option(help="Only those with this status.")] = None,
    model: Annotated[str | None, typer.Option(help="Only those of this model.")] = None,
    limit: Annotated[int, typer.Option(help="How many, newest first.", min=1, max=100)] = 20,
    after: Annotated[str | None, typer.Option(metavar="ID", help="Only those older than this task.")] = None,
    target: Target,
    json: Json = False,
) -> None:
    """List tasks, newest first."""
    path = query("/v1/tasks", status=status, model=model, limit=limit, after=after)
    headings = ["ID", "STATUS", "DONE", "MODEL", "OPERATION", "CREATED", "TOOK"]
    listing(target, path, Page[Task], headings, _row, json=json, nothing=text("no_tasks"))


@command(app, "show")
def show(*, task_id: Id, target: Target, json: Json = False) -> None:
    """Show one task and its files."""
    with connect(target) as connection:
        content = connection.call("GET", _path(task_id))
        lasting = not connection.inside  # links to a server that ends with this command lead nowhere
    if json:
        printing.raw(content)
        return
    task = decode(Task, content)
    printing.facts(
        [
            ("id", task.id),
            ("status", f"{text(task.status)} ({task.progress} %)" if task.status == "running" else text(task.status)),
            ("error", f"{task.error.message} ({task.error.code})" if task.error else None),
            ("model", task.model),
            ("operation", task.operation),
            ("dialect", task.dialect),
            ("external id", task.external_id),
            ("created", printing.moment(task.created_at)),
            ("started", printing.moment(task.started_at)),
            ("ended", printing.moment(task.ended_at)),
            *((f"output {output.index}", _facts(output, lasting)) for output in task.outputs),
        ]
    )


@command(app, "download")
def download(
    *,
    task_id: Id,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="PATH", help="Where to save it; several are numbered.", show_default="ID.mp4"
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite files.")] = False,
    target: Target,
) -> None:
    """Save the files of a task that has succeeded."""
    with connect(target) as connection:
        task = connection.ask(Task, "GET", _path(task_id))
        for path, one in save(connection, task, output, force=force):
            typer.echo(text("saved", path=path, facts=printing.describe(one)))


@command(app, "cancel")
def cancel(*, task_id: Id, target: Target, json: Json = False) -> None:
    """Cancel a task: at once where it is queued, as soon as the provider lets it go where it runs."""
    with connect(target) as connection:
        before = connection.ask(Task, "GET", _path(task_id))
        content = connection.call("POST", f"{_path(task_id)}/cancel")
    if json:
        printing.raw(content)
        return
    task = decode(Task, content)
    name = "cancel_late" if before.ended else "cancel_done" if task.status == "cancelled" else "cancel_asked"
    typer.echo(text(name, id=task.id, status=text(task.status)))


def _path(task_id: str) -> str:
    return f"/v1/tasks/{quote(task_id, safe='')}"


def _row(task: Task) -> list[str]:
    done = f"{task.progress} %" if task.status == "running" else ""
    took = f"{task.ended_at - task.created_at:.1f} s" if task.ended_at else ""
    return [task.id, task.status, done, task.model, task.operation, printing.moment(task.created_at), took]


def _facts(output: Output, lasting: bool) -> str:
    return f"{printing.describe(output)} {output.url}" if lasting and output.url else printing.describe(output)
