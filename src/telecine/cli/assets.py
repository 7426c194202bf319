"""`telecine assets`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import quote

import typer

from telecine.cli import printing
from telecine.cli.connection import Connection, connect, decode
from telecine.cli.failure import USAGE, Failure
from telecine.cli.listing import answered, listing, query
from telecine.cli.options import Json, Target, command
from telecine.cli.texts import text
from telecine.cli.uploading import ROOT, ready, upload
from telecine.cli.watching import Display, display
from telecine.cli.wire import Asset, Page, Quota

app = typer.Typer(help="Keep files in the library, to refer to them as asset://ID.", no_args_is_help=True)

Kind = Literal["image", "video", "audio"]
Id = Annotated[str, typer.Argument(metavar="ID", help="The asset's id.")]
Name = Annotated[str | None, typer.Option(help="What it is called.", show_default="as the file is")]
Group = Annotated[str | None, typer.Option(metavar="ID", help="The group that it is in.")]
_URL: Final = ("http://", "https://")


@command(app, "add")
def add(
    *,
    files: Annotated[list[str] | None, typer.Argument(metavar="FILE|URL…", help="What to keep.")] = None,
    task: Annotated[str | None, typer.Option(metavar="ID", help="Keep the file of a task, without a copy.")] = None,
    output: Annotated[int, typer.Option(metavar="N", help="Which of the task's files.", min=0)] = 0,
    name: Name = None,
    group: Group = None,
    kind: Annotated[Kind | None, typer.Option(help="What it has to be.", show_default="whatever it is")] = None,
    resume: Annotated[
        str | None, typer.Option(metavar="ID", help="Go on with an upload of this file that was broken off.")
    ] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait until the server has looked at it.")] = False,
    target: Target,
    json: Json = False,
) -> None:
    """Add files, and print how requests name them: asset://ID. Large ones go in parts, with a progress bar."""
    given = files or []
    if bool(given) == (task is not None):
        raise Failure(text("asset_of_what"), USAGE)
    if len(given) > 1 and (name is not None or resume is not None):
        raise Failure(text("one_file", option="--name" if resume is None else "--resume"), USAGE)
    said = {key: value for key, value in (("name", name), ("group", group), ("kind", kind)) if value is not None}
    with connect(target, work=True) as connection, display(quiet=json) as shown:
        wanted: list[Any] = given if task is None else [{"task": task, "output": output}]
        for one in wanted:
            asset = _added(connection, one, said, shown, resume)
            asset = asset if no_wait else ready(connection, asset, shown)
            if json:
                printing.raw(connection.call("GET", _path(asset.id)))
            else:
                typer.echo(f"asset://{asset.id}")
                typer.echo(text("asset_added", name=asset.name, facts=printing.describe(asset)), err=True)


def _added(connection: Connection, given: Any, said: dict[str, str], shown: Display, resume: str | None) -> Asset:
    """A file, what is at a URL, or the body that names an output. Raises Failure."""
    if isinstance(given, str) and not given.startswith(_URL):
        path = Path(given)
        return upload(connection, path, {"name": path.name, **said}, shown, resume)
    body = {"url": given} if isinstance(given, str) else given
    return connection.ask(Asset, "POST", ROOT, {**body, **said})


@command(app, "list")
def list_assets(
    *,
    search: Annotated[str | None, typer.Option(metavar="TEXT", help="Only those with this in their name.")] = None,
    kind: Annotated[Kind | None, typer.Option(help="Only those of this kind.")] = None,
    group: Annotated[str | None, typer.Option(metavar="ID", help="Only those of this group.")] = None,
    limit: Annotated[int, typer.Option(help="How many, newest first.", min=1, max=100)] = 20,
    after: Annotated[str | None, typer.Option(metavar="ID", help="Only those older than this one.")] = None,
    target: Target,
    json: Json = False,
) -> None:
    """List files, newest first."""
    path = query(ROOT, search=search, kind=kind, group=group, limit=limit, after=after)
    headings = ["ID", "NAME", "STATUS", "KIND", "FILE", "ADDED"]
    listing(target, path, Page[Asset], headings, _row, json=json, nothing=text("no_assets"))


@command(app, "show")
def show(*, asset_id: Id, target: Target, json: Json = False) -> None:
    """Show one file."""
    with connect(target) as connection:
        content = connection.call("GET", _path(asset_id))
        lasting = not connection.inside  # links to a server that ends with this command lead nowhere
    if json:
        printing.raw(content)
        return
    asset = decode(Asset, content)
    printing.facts(
        [
            ("id", asset.id),
            ("name", asset.name),
            ("status", text(asset.status)),
            ("error", f"{asset.error.message} ({asset.error.code})" if asset.error else None),
            ("kind", asset.kind),
            ("file", printing.describe(asset)),
            ("type", asset.content_type),
            ("sha256", asset.sha256),
            ("group", asset.group),
            ("output", asset.output),
            ("added", printing.moment(asset.created_at)),
            ("url", asset.url if lasting else None),
        ]
    )


@command(app, "rename")
def rename(
    *, asset_id: Id, name: Annotated[str, typer.Argument(help="What it is called.")], target: Target, json: Json = False
) -> None:
    """Call a file something else."""
    done = answered(target, Asset, "PATCH", _path(asset_id), {"name": name}, json=json)
    if done is not None:
        typer.echo(text("asset_renamed", id=done.id, name=done.name), err=True)


@command(app, "remove")
def remove(*, asset_id: Id, target: Target, json: Json = False) -> None:
    """Delete a file. Tasks that use it keep it until they end."""
    with connect(target) as connection:
        content = connection.call("DELETE", _path(asset_id))
    if json:
        printing.raw(content)
        return
    typer.echo(text("asset_removed", id=asset_id), err=True)


@command(app, "quota")
def quota(*, target: Target, json: Json = False) -> None:
    """Show how much there is, and how much there may be."""
    found = answered(target, Quota, "GET", f"{ROOT}/quota", json=json)
    if found is not None:
        printing.facts(
            [
                ("files", f"{found.files} / {found.most_files}"),
                ("bytes", f"{printing.size(found.bytes)} / {printing.size(found.most_bytes)}"),
                ("leaving", printing.size(found.leaving) if found.leaving else None),
            ]
        )


def _path(asset_id: str) -> str:
    return f"{ROOT}/{quote(asset_id.removeprefix('asset://'), safe='')}"


def _row(asset: Asset) -> list[str]:
    facts = printing.describe(asset)
    return [asset.id, asset.name, asset.status, asset.kind or "", facts, printing.moment(asset.created_at)]
