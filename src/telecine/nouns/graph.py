"""ComfyUI's graphs in their API format (what "Export (API)" writes): nodes by id, and what of them may be set.

A node is a `class_type` and its `inputs`: values, and links to other nodes, which are lists of an id and the number of
an output. Of one input BizyAir writes `<node>:<class>.<field>`, such as `93:CLIPTextEncode.text`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from telecine.nouns.kinds import Kind

_MOST_NODES: Final = 5000
_MOST_PATH: Final = 4096
"""Characters of what any system takes for a path."""
_WORDS: Final = frozenset({"channel", "format", "type", "device", "weight_dtype", "upload", "force_size"})
"""What nodes that load files ask for besides a file: a word of a list."""
_MOVING: Final = ("video", "animated", "gif", "webm", "mp4")
"""In the classes of nodes that save what moves (ComfyUI's own are SaveVideo, SaveWEBM and SaveAnimatedWEBP)."""
_PATHS: Final = frozenset({"path", "dir", "directory", "folder", "subfolder", "file", "filename", "filename_prefix"})
_SUFFIXES: Final = tuple(f"_{one}" for one in sorted(_PATHS))
_ROOTED: Final = re.compile(r"/|~[\\/]|\\|file:|[A-Za-z]:[\\/]", re.IGNORECASE)
_UP: Final = re.compile(r"(?:\A|[\\/])\.\.(?:[\\/]|\Z)")


class Node(msgspec.Struct, frozen=True):
    """One node as ComfyUI has it."""

    class_type: str
    inputs: dict[str, Any] = {}
    meta: dict[str, Any] = msgspec.field(name="_meta", default_factory=dict)

    @property
    def title(self) -> str:
        """How people call it; its class where nobody has named it."""
        title = self.meta.get("title")
        return title if isinstance(title, str) and title else self.class_type


Graph = Mapping[str, Node]
"""By id."""


class Spot(NamedTuple):
    """One input of one node. `kind` is the node's class, or the title by which a key names it. Of what has no nodes, it
    is a field alone."""

    node: str
    kind: str
    field: str

    @property
    def key(self) -> str:
        """The spot in BizyAir's own form."""
        return f"{self.node}:{self.kind}.{self.field}" if self.node else self.field

    @property
    def loads(self) -> bool:
        """Whether the node loads a file that this input names."""
        return "load" in self.kind.lower() and self.field.lower() not in _WORDS

    @property
    def names_path(self) -> bool:
        """Whether the input holds a path, or the name of a file, by its own name."""
        field = self.field.lower()
        return self.loads or field in _PATHS or field.endswith(_SUFFIXES)


def graph_of(raw: object) -> dict[str, Node]:
    """The graph in `raw`, decoded JSON. Raises ValueError, whose text goes on from the file's name: "holds …"."""
    if not isinstance(raw, dict):
        raise ValueError("holds no JSON object")  # noqa: TRY004  it is about the text
    if isinstance(raw.get("nodes"), list):
        raise ValueError("is a workflow as the editor saves it; export it as Export (API)")  # noqa: TRY004
    if not raw:
        raise ValueError("holds no node")
    if len(raw) > _MOST_NODES:
        raise ValueError(f"holds more than {_MOST_NODES} nodes")
    found = {}
    for name, one in raw.items():
        try:
            found[name] = msgspec.convert(one, Node)
        except msgspec.ValidationError as error:
            raise ValueError(f"is no workflow in the API format: the node '{name[:64]}' is none ({error})") from None
        if not found[name].class_type:
            raise ValueError(f"is no workflow in the API format: the node '{name[:64]}' has no class_type")
    return found


def spot_of(key: str, graph: Graph | None) -> Spot | None:
    """What `key` names; None where it names nothing. In a graph the node's class is told, however the key calls it."""
    if graph is None:
        head, _, field = key.rpartition(".")
        there, _, kind = head.rpartition(":")
        return Spot(there, kind, field) if there and kind and field else None
    for name, node in graph.items():
        rest = key.removeprefix(f"{name}:")
        if rest == key:
            continue
        for called in (node.class_type, node.title):
            field = rest.removeprefix(f"{called}.")
            if field != rest and field in node.inputs:
                return Spot(name, node.class_type, field)
    return None


def missing(key: str, graph: Graph) -> str:
    """Why `key` names nothing in `graph`, as a sentence that names the node or the field."""
    named = spot_of(key, None)
    if named is None:
        return f"'{key}' is no input; write it as node:class.field, such as 6:CLIPTextEncode.text."
    node = graph.get(named.node)
    if node is None:
        return f"'{key}': there is no node '{named.node}'."
    if named.kind not in (node.class_type, node.title):
        return f"'{key}': the node '{named.node}' is a {node.class_type}, and not a {named.kind}."
    return (
        f"'{key}': the node '{named.node}' ({node.class_type}) has no field '{named.field}'; it has: {_listed(node)}."
    )


def link_of(value: object) -> str | None:
    """The id of the node that an input is connected to; None where it holds a value."""
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], int):
        return value[0]
    return None


def settable(graph: Graph) -> Iterator[Spot]:
    """The inputs that hold a value which a client could say another for."""
    for name, node in graph.items():
        for field, value in node.inputs.items():
            if isinstance(value, str | int | float):
                yield Spot(name, node.class_type, field)


def broken(graph: Graph) -> Iterator[str]:
    """The links to nodes that do not exist, each as a sentence."""
    for name, node in graph.items():
        for field, value in node.inputs.items():
            there = link_of(value)
            if there is not None and there not in graph:
                yield (
                    f"The field '{field}' of the node '{name}' ({node.class_type}) is linked to the node '{there}', "
                    "which does not exist."
                )


def made_by(class_type: str) -> Kind:
    """What a node that saves something makes, by its class."""
    name = class_type.lower()
    if any(word in name for word in _MOVING):
        return "video"
    return "audio" if "audio" in name else "image"


def saves(class_type: str) -> bool:
    """Whether a node keeps what it is given, by its class; a preview does not."""
    name = class_type.lower()
    return "save" in name or "combine" in name


def is_path(text: str) -> bool:
    """Whether `text`, one word, leads somewhere in a file system."""
    text = text.strip()
    if len(text) > _MOST_PATH or any(one.isspace() for one in text):
        return False
    return _ROOTED.match(text) is not None or _UP.search(text) is not None


def _listed(node: Node) -> str:
    return ", ".join(node.inputs) or "none"
