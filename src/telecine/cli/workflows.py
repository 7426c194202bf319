"""`telecine workflows`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import quote

import msgspec
import typer

from telecine.cli import printing
from telecine.cli.connection import connect, decode
from telecine.cli.failure import USAGE, Failure
from telecine.cli.listing import listing
from telecine.cli.options import Config, Data, Json, Target, command
from telecine.cli.texts import text
from telecine.cli.wire import Page

if TYPE_CHECKING:
    from telecine.nouns.workflow import Workflow

app = typer.Typer(help="Look at workflows, check them, add and remove them.", no_args_is_help=True)
_PATH: Final = "/admin/v1/workflows"
File = Annotated[
    Path, typer.Argument(metavar="FILE", help="A workflow in ComfyUI's API format (Export (API)).", dir_okay=False)
]
Input = Annotated[str | None, typer.Option(metavar="INPUT", help="The input that takes it.")]


class Entry(msgspec.Struct, frozen=True):
    """An input that clients may set."""

    name: str
    value: Any = None
    field: str | None = None


class Shown(msgspec.Struct, frozen=True):
    """A workflow, as the API has it."""

    name: str
    web_app_id: str
    makes: str | None
    count: int | None
    inputs: list[Entry]
    nodes: int | None
    sha256: str | None
    channels: list[str]
    source: str


@command(app, "list")
def list_workflows(*, target: Target, json: Json = False) -> None:
    """List the workflows that run."""
    headings = ["NAME", "APP", "MAKES", "COUNT", "NODES", "INPUTS", "CHANNELS", "SOURCE"]
    listing(target, _PATH, Page[Shown], headings, _row, json=json)


@command(app, "show")
def show(
    *,
    name: Annotated[str, typer.Argument(help="Its name, or the number of its app.")],
    target: Target,
    json: Json = False,
) -> None:
    """Show a workflow: what clients may set of it, and what it makes."""
    with connect(target) as connection:
        content = connection.call("GET", f"{_PATH}/{quote(name, safe='')}")
    if json:
        printing.raw(content)
        return
    found = decode(Shown, content)
    count = None if found.count is None else str(found.count)
    nodes = None if found.nodes is None else str(found.nodes)
    printing.facts(
        [
            ("name", found.name),
            ("web_app_id", found.web_app_id),
            ("makes", found.makes),
            ("count", count),
            ("nodes", nodes),
            ("sha256", found.sha256),
            ("channels", ", ".join(found.channels)),
            ("source", found.source),
        ]
    )
    _inputs(found.inputs)


@command(app, "check")
def check(
    *,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="A workflow in ComfyUI's API format, or a configuration file.",
            show_default="that of --config",
            dir_okay=False,
        ),
    ] = None,
    json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Tell whether a workflow can be used, or all of a configuration file, and which of its inputs could be set.

    Names every node and field that does not exist. Exit codes: 0 all is well; 2 something is wrong, or cannot be read.
    """
    from telecine.config import ConfigError, read
    from telecine.nouns.workflow import Workflow

    path = file or config
    if path is None:
        raise Failure(text("no_workflow_file"), USAGE)
    try:
        if path.suffix == ".toml":
            found = list(read(path, os.environ).flows)
        else:
            found = [Workflow(web_app_id="", name=path.stem, graph=_graph(path))]
            _refuse(found[0].check())
    except ConfigError as error:
        raise Failure(str(error), USAGE) from None
    if json:
        inputs = {one.name: _offered(one) for one in found}
        printing.raw(msgspec.json.encode({"valid": True, "workflows": inputs}))
        return
    for one in found:
        if len(found) > 1:
            typer.echo(f"{one.name}:")
        _inputs(_offered(one))
    typer.echo(text("workflows_valid", number=len(found)), err=True)


@command(app, "add")
def add(
    *,
    file: File,
    name: Annotated[str | None, typer.Option(help="The model name.", show_default="the file's")] = None,
    web_app_id: Annotated[int | None, typer.Option(help="Its number.", show_default="one that is free")] = None,
    prompt: Input = None,
    negative_prompt: Input = None,
    image: Input = None,
    width: Input = None,
    height: Input = None,
    seed: Input = None,
    count: Input = None,
    duration: Input = None,
    input_: Annotated[
        list[str] | None, typer.Option("--input", metavar="INPUT", help="Another that clients may set; repeatable.")
    ] = None,
    output: Annotated[str | None, typer.Option(metavar="NODE", help="The node whose files are the result.")] = None,
    target: Target,
    json: Json = False,
) -> None:
    """Add a workflow, once all is found to be there.

    What no option names is found in the graph where that leaves no doubt: the texts that a sampler takes, its seed, the
    size and the number of the pictures, the picture that is loaded. Prints the section that a configuration file would
    have for it.
    """
    from telecine.nouns.guessing import guessed

    graph = _graph(file)
    said = {"prompt": prompt, "negative_prompt": negative_prompt, "image": image, "width": width, "height": height}
    said |= {"seed": seed, "count": count, "duration": duration, "output": output}
    fields: dict[str, Any] = {**guessed(graph), **{field: value for field, value in said.items() if value}}
    if input_:
        fields["inputs"] = input_
    with connect(target) as connection:
        if web_app_id is None:
            taken = {one.web_app_id for one in connection.ask(Page[Shown], "GET", _PATH).data}
            web_app_id = next(number for number in range(1, len(taken) + 2) if str(number) not in taken)
        section = {"web_app_id": web_app_id, "name": name or file.stem, **fields}
        content = connection.call("POST", _PATH, {"workflow": section, "graph": msgspec.to_builtins(graph)})
    if json:
        printing.raw(content)
        return
    lines = {"web_app_id": web_app_id, "name": name or file.stem, "file": str(file), **fields}
    typer.echo("\n".join(["[[workflows]]", *(f"{field} = {_written(value)}" for field, value in lines.items())]))
    typer.echo(text("workflow_added", name=name or file.stem), err=True)


@command(app, "remove")
def remove(
    *,
    name: Annotated[str, typer.Argument(help="Its name.")],
    target: Target,
    json: Json = False,
) -> None:
    """Remove a workflow that was added here. Tasks of it that have not been sent yet fail."""
    with connect(target) as connection:
        content = connection.call("DELETE", f"{_PATH}/{quote(name, safe='')}")
    if json:
        printing.raw(content)
    else:
        typer.echo(text("workflow_removed", name=name))


def _written(value: object) -> str:
    """A text, a number or a list in TOML, whose spelling of them is JSON's, but for one character."""
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")


def _graph(path: Path) -> Any:
    """The graph in a file. Raises Failure."""
    from telecine.config.workflows import read_graph

    try:
        return read_graph(path)
    except ValueError as error:
        raise Failure(f"{path} {error}.", USAGE) from None


def _refuse(problems: list[str]) -> None:
    if problems:
        raise Failure("\n".join(problems), USAGE)


def _offered(one: Workflow) -> list[Entry]:
    """The inputs that could be declared; of a workflow that declares some, those."""
    keys = [spot.key for spot in one.allowed] or one.settable()
    return [Entry(key, one.default(key), one.said_by(spot)) for key in keys if (spot := one.spot(key)) is not None]


def _inputs(inputs: list[Entry]) -> None:
    rows = [[one.name, one.field or "", "" if one.value is None else str(one.value)] for one in inputs]
    printing.table(["INPUT", "FIELD", "VALUE"], rows)


def _row(one: Shown) -> list[str]:
    fields = [entry.field or entry.name for entry in one.inputs]
    counts = ["" if number is None else str(number) for number in (one.count, one.nodes)]
    return [one.name, one.web_app_id, one.makes or "", *counts, ", ".join(fields), ", ".join(one.channels), one.source]
