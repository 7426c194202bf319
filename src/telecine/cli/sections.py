"""A `[[workflows]]` section written behind a configuration file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from telecine.cli.failure import USAGE, Failure
from telecine.config import ConfigError, parse
from telecine.nouns.graph import Graph
from telecine.nouns.guessing import guessed


def added(config: Path, file: Path, graph: Graph, said: Mapping[str, Any]) -> str:
    """The section, which now stands at the end of `config`; `said` goes before what the graph leaves no doubt about.

    Raises Failure where the file could not be used any more.
    """
    try:
        content = config.read_bytes()
        known = parse(content, config, os.environ)
    except OSError as error:
        raise Failure(f"{config}: {error.strerror}", USAGE) from None
    except ConfigError as error:
        raise Failure(str(error), USAGE) from None
    taken = {str(one.web_app_id) for one in known.workflows}
    free = next(one for one in range(1, len(taken) + 2) if str(one) not in taken)
    begin = {"web_app_id": free, "name": file.stem, "file": _below(file, config)}
    fields = {**begin, **guessed(graph), **{field: value for field, value in said.items() if value}}
    section = "\n".join(["[[workflows]]", *(f"{field} = {_written(value)}" for field, value in fields.items())])
    wanted = content + (b"" if content.endswith(b"\n") or not content else b"\n") + f"\n{section}\n".encode()
    try:
        parse(wanted, config, os.environ)
    except ConfigError as error:
        raise Failure(str(error), USAGE) from None
    _write(config, wanted)
    return section


def _write(config: Path, content: bytes) -> None:
    """Whole or not at all, with the rights that the file has. Raises Failure."""
    part = config.with_name(f"{config.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        part.chmod(config.stat().st_mode)
        part.replace(config)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise Failure(f"{config}: {error.strerror}", USAGE) from None


def _below(file: Path, config: Path) -> str:
    """`file` as seen from the folder of `config`."""
    return Path(os.path.relpath(file.absolute(), config.absolute().parent)).as_posix()


def _written(value: object) -> str:
    """A text, a number or a list in TOML, whose spelling of them is JSON's, but for one character."""
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")
