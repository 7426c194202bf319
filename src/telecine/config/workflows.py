"""`[[workflows]]`: the files that they name, read, and looked at whether all is there that they say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import asdict, replace

from telecine.config.file import Config, ConfigError, ReadWorkflow, WorkflowConfig
from telecine.config.models import catalogue_of
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.graph import Graph, graph_of
from telecine.nouns.names import check_name
from telecine.nouns.workflow import MOST_BATCH, Workflow

MOST_BYTES: Final = 4 * 1024 * 1024
"""Of a graph, which a ComfyUI sends back whenever it is asked about a job."""
_DIGITS: Final = 19
_MOST_ENDPOINT: Final = 200


def with_workflows(config: Config, folder: Path) -> Config:
    """`config` with the graphs of its workflows, whose paths begin at `folder`. Raises ConfigError naming the workflow
    for a file that is no graph, and for inputs that are not in it."""
    if not config.workflows:
        return config
    read, known = [], catalogue_of(config)
    for number, one in enumerate(config.workflows):
        workflow = workflow_of(one, None if one.file is None else _graph(one, one.file, folder, number))
        if found := problems(workflow, known):
            raise ConfigError(f"The workflow '{one.name}': {' '.join(found)}", "workflows", number)
        read.append(ReadWorkflow(**asdict(one), workflow=workflow))
    for clash in _clashes(config.workflows):
        raise clash
    return replace(config, workflows=tuple(read))


def workflow_of(one: WorkflowConfig, graph: Graph | None) -> Workflow:
    """What a section and its graph come to."""
    given = {name: getattr(one, name) for name in one.__struct_fields__ if name not in ("file", "makes")}
    return Workflow(**{**given, "web_app_id": str(one.web_app_id)}, graph=graph, kind=one.makes)


def problems(workflow: Workflow, known: Catalogue) -> list[str]:
    """What is wrong with a workflow beside the models that are `known`, a sentence each."""
    return [*_of_values(workflow, known), *workflow.check()]


def _of_values(workflow: Workflow, known: Catalogue) -> Iterator[str]:
    number = workflow.web_app_id
    if "/" in number:
        if workflow.graph is not None:
            yield f"web_app_id is '{number[:40]}', an endpoint of BizyAir's, which has no graph; leave out file."
        if not (number.isprintable() and " " not in number and len(number) <= _MOST_ENDPOINT):
            yield f"web_app_id is '{number[:40]}'; an endpoint has {_MOST_ENDPOINT} characters at most, without spaces."
    elif not (number.isascii() and number.isdigit() and len(number) <= _DIGITS and number[0] != "0"):
        yield f"web_app_id is '{number[:40]}'; it must be a number, of digits alone, or an endpoint such as a/b."
    try:
        check_name(workflow.name)
    except ValueError as error:
        yield f"its name {error}."
    if known.find(workflow.name) is not None:
        yield "there is a model of that name already; choose another."
    if isinstance(workflow.count, int) and not 1 <= workflow.count <= MOST_BATCH:
        yield f"count is {workflow.count}; it must be from 1 to {MOST_BATCH}."
    if (workflow.width is None) != (workflow.height is None):
        yield "width and height go together; give both."


def read_graph(path: Path) -> Graph:
    """The graph in a file. Raises ValueError, whose text goes on from its name."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    if len(content) > MOST_BYTES:
        raise ValueError(f"is larger than {MOST_BYTES} bytes")
    try:
        raw = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"holds no JSON: {error}") from None
    return graph_of(raw)


def _graph(one: WorkflowConfig, file: str, folder: Path, number: int) -> Graph:
    try:
        return read_graph(folder / file)
    except ValueError as error:
        said = f"The workflow '{one.name}': its file {file} {error}."
        raise ConfigError(said, "workflows", number, "file") from None


def _clashes(workflows: tuple[WorkflowConfig, ...]) -> Iterator[ConfigError]:
    """No two may have one name, or one number; no name may be another's number, which is the name of a model too."""
    names = [one.name for one in workflows]
    numbers = [str(one.web_app_id) for one in workflows]
    for index, one in enumerate(workflows):
        if one.name in names[:index]:
            said = f"There is more than one workflow named '{one.name}'; names must be unique."
            yield ConfigError(said, "workflows", index, "name")
        if numbers[index] in numbers[:index]:
            said = f"The workflow '{one.name}' has the web_app_id of another one, {numbers[index]}; give it its own."
            yield ConfigError(said, "workflows", index, "web_app_id")
        if one.name in numbers and one.name != numbers[index]:
            said = f"The name of the workflow '{one.name}' is the web_app_id of another one; choose another."
            yield ConfigError(said, "workflows", index, "name")
