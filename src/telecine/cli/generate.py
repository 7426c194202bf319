"""`telecine generate`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from telecine.cli import printing
from telecine.cli.asking import fitting_model, frame_inputs, kind_of, parameters_of, role_inputs, source_of
from telecine.cli.connection import Connection, connect
from telecine.cli.failure import INTERRUPTED, Failure
from telecine.cli.options import Json, Target
from telecine.cli.saving import check_free, names, save
from telecine.cli.texts import text
from telecine.cli.watching import Display, display, wait
from telecine.cli.wire import Output, Task


def generate(
    *,
    prompt: Annotated[str, typer.Argument(help="What to make; may be left out where --operation needs none.")] = "",
    model: Annotated[str | None, typer.Option("--model", "-m", help="The model; a fitting one where left out.")] = None,
    image: Annotated[
        list[str] | None,
        typer.Option(
            "--image", "-i", metavar="FILE|URL", help="The first frame; given twice, also the last. asset://ID too."
        ),
    ] = None,
    operation: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="What to do: extend, try_on …; told by the inputs where left out."),
    ] = None,
    inputs: Annotated[
        list[str] | None,
        typer.Option("--input", metavar="ROLE=FILE|URL", help="What it is made of: person=me.png, video=asset://ID …"),
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="ID", help="The task, or the output, that it goes on from.")
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", "-p", metavar="NAME=VALUE", help="What only this operation has: scene=hug_pro …"),
    ] = None,
    seconds: Annotated[float | None, typer.Option("--seconds", "-s", help="The length.", min=0.1)] = None,
    size: Annotated[str | None, typer.Option(metavar="WxH", help="The size in pixels, such as 1280x720.")] = None,
    aspect_ratio: Annotated[str | None, typer.Option(metavar="W:H", help="The shape, such as 16:9.")] = None,
    resolution: Annotated[str | None, typer.Option(help="720p, 1080p …")] = None,
    negative_prompt: Annotated[str | None, typer.Option(help="What to leave out.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed makes the same, where the model can.")] = None,
    count: Annotated[int, typer.Option("--count", "-n", help="How many.", min=1, max=100)] = 1,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="PATH", help="Where to save it; several are numbered.", show_default="ID.mp4"
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite files.")] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Print the task's id and leave.")] = False,
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Wait no longer; the task goes on.", min=0)
    ] = None,
    target: Target,
    json: Json = False,
) -> None:
    """Make a video and save it, with a progress bar and a clear end; or an image, a song, a text.

    Without --model and --operation, what is made is told by how the file's name ends: .png, .mp3, .txt …, else a video.
    Files have a role: --input image=…, reference=…, person=…, garment=…, video=…, audio=…; --image is short for the
    frames. A file of the library (telecine assets) is asset:// and its id.

    Exit codes: 0 saved, 1 the task failed or was cancelled, 2 wrong usage, 3 the server cannot be reached, 4 the
    server refused, 124 --timeout is over, 130 Ctrl-C (the task goes on after both).
    """
    if not prompt and operation is None:
        raise typer.BadParameter("Missing argument 'PROMPT'.")
    if output is not None and not output.is_dir():
        check_free(names(output, count), force=force)
    fields: dict[str, object] = {
        "model": model,
        "prompt": prompt,
        "operation": operation,
        "inputs": [*frame_inputs(image or []), *role_inputs(inputs or [])],
        "source": source_of(source),
        "parameters": parameters_of(parameter or []),
        "duration": seconds,
        "size": size,
        "aspect_ratio": aspect_ratio,
        "resolution": resolution,
        "negative_prompt": negative_prompt,
        "seed": seed,
        "count": count,
    }
    body = {field: value for field, value in fields.items() if value is not None}
    ending = output.suffix.lower() if output is not None else ""
    makes = kind_of(operation, ending) if model is None else None
    with connect(target, work=True) as connection:
        with display(quiet=json or no_wait) as shown:
            shown.show("submitting", None)
            if makes is not None:
                body["model"] = fitting_model(connection, body, makes)
            task = connection.ask(Task, "POST", "/v1/tasks", body)
            if not no_wait:
                with _picked_up_later(connection, task):
                    typer.echo(text("task_made", id=task.id, model=task.model), err=True)
                    task = wait(connection, task, shown, timeout)
            saved = []
            if not no_wait and task.status == "succeeded":
                with _picked_up_later(connection, task):
                    saved = save(connection, task, output, force=force, progress=_downloading(shown))
        if json:
            printing.raw(connection.call("GET", f"/v1/tasks/{task.id}"))
        _end(connection, task, saved, json=json)


@contextmanager
def _picked_up_later(connection: Connection, task: Task) -> Iterator[None]:
    """Whoever stops waiting is told that the task goes on, and how to pick it up."""
    try:
        yield
    except (KeyboardInterrupt, Failure) as error:
        name = "kept" if task.ended else "waits" if connection.inside else "goes_on"
        later = text(name, id=task.id, where=connection.target.arguments)
        if isinstance(error, Failure):
            raise Failure(f"{error} {later}", error.code) from None
        raise Failure(later, INTERRUPTED) from None


def _downloading(shown: Display) -> Callable[[int, int | None], None]:
    return lambda done, total: shown.show("downloading", 100 * done / total if total else None)


def _end(connection: Connection, task: Task, saved: list[tuple[Path, Output]], *, json: bool) -> None:
    """What came of it, on stdout unless `json` is there already. Raises Failure where nothing did."""
    if task.status == "failed":
        raise Failure(text("task_failed", id=task.id, reason=task.error.message if task.error else ""))
    if task.status == "cancelled":
        raise Failure(text("task_cancelled", id=task.id))
    for path, output in saved:
        typer.echo(text("saved", path=path, facts=printing.describe(output)), err=json)
    if not task.ended:
        if not json:
            typer.echo(task.id)
        if connection.inside:
            typer.echo(text("waits", id=task.id, where=connection.target.arguments), err=True)
