"""Workflows: apps that a client fills in. A ComfyUI graph and what of it may be set, or an app at BizyAir by its id.

A workflow is a model by its name, which any dialect can call: what the client says in its own words (prompt, picture,
size, seed, count, duration) goes into the inputs that are declared for it, and what is billed is read back from what
is filled in, so that it cannot be said in a second way. Nothing but declared inputs can be set, and no file can be
named that is not the client's own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from telecine.nouns.billed import Billed
from telecine.nouns.errors import invalid
from telecine.nouns.graph import Graph, Spot, broken, is_path, link_of, made_by, missing, saves, settable, spot_of
from telecine.nouns.kinds import Kind
from telecine.nouns.request import GenerationRequest
from telecine.nouns.sizes import parse_size

OPERATION: Final = "workflow"
PARAM: Final = "parameters.input_values"
"""The field that errors about an input name."""
MOST_BATCH: Final = 100
"""Results of one job."""
_ENDINGS: Final[tuple[Kind, ...]] = ("image", "video", "audio")
"""Words at the end of an endpoint that say what it makes."""
_BATCH: Final = "batch_size"
"""The field of the nodes that say how many pictures are made (EmptyLatentImage and its like)."""
_TYPES: Final = {
    **dict.fromkeys(("prompt", "negative_prompt", "image", "images"), "a text"),
    **dict.fromkeys(("width", "height", "seed", "count", "duration"), "a number"),
}
"""By the field of a request, what the input that says it has to hold."""
TAKEN: Final = frozenset(
    {"prompt", "negative_prompt", "size", "count", "duration", "seed", "aspect_ratio", "resolution"}
    | {"parameters.input_values", "parameters.web_app_id", "parameters.digest", "parameters.makes"}
    | {f"inputs.{role}" for role in ("image", "first_frame", "last_frame", "reference", "mask", "video", "audio")}
)
"""By neutral name, what a provider of workflows takes: all of it stands in the input values and in the inputs that fill
one."""


class Workflow(msgspec.Struct, frozen=True, kw_only=True):
    """One app. An input is named as BizyAir does: `93:CLIPTextEncode.text`; a title may stand for the class."""

    web_app_id: str
    """Its number at BizyAir, or the endpoint of a model there; for one's own graphs whatever number was chosen."""
    name: str
    """The public name of the model."""
    graph: Graph | None = None
    """None: BizyAir alone has it."""
    inputs: tuple[str, ...] = ()
    """What may be set, beside the inputs named below. Without a graph and without any, everything."""
    prompt: str | None = None
    negative_prompt: str | None = None
    image: str | None = None
    images: tuple[str, ...] = ()
    """For pictures beyond the first, in their order."""
    width: str | None = None
    height: str | None = None
    seed: str | None = None
    count: str | int | None = None
    """The input that says how many results there are, or how many there always are."""
    duration: str | None = None
    """In seconds."""
    output: str | None = None
    """The node whose files are the result; None: whatever is saved."""
    kind: Kind | None = None
    """What it makes, where the graph does not tell."""
    allowed: tuple[Spot, ...] = ()
    """What `declared` comes to, as far as it is there; made here."""

    digest: str | None = None
    """SHA-256 of the graph, made here; None where there is none."""

    def __post_init__(self) -> None:
        if self.graph is not None:
            content = msgspec.json.encode(self.graph, order="deterministic")
            msgspec.structs.force_setattr(self, "digest", hashlib.sha256(content).hexdigest())
        spots = tuple(spot for one in self.declared if (spot := self.spot(one)) is not None)
        msgspec.structs.force_setattr(self, "allowed", spots)

    @property
    def declared(self) -> tuple[str, ...]:
        """The inputs that may be set, each once, as they were written."""
        named = (self.prompt, self.negative_prompt, self.image, *self.images, self.width, self.height)
        named += (self.seed, self.count if isinstance(self.count, str) else None, self.duration)
        return tuple(dict.fromkeys(one for one in (*self.inputs, *named) if one is not None))

    @property
    def endpoint(self) -> bool:
        """Whether it is a single model of BizyAir's ModelZoo, whose id is a path, and whose inputs are plain fields."""
        return self.graph is None and "/" in self.web_app_id

    @property
    def makes(self) -> Kind | None:
        """What it makes; None where nobody has said."""
        if self.kind is not None or self.graph is None:
            word = self.web_app_id.rpartition("-")[2] if self.endpoint else ""  # such as …/image-to-video
            told = next((kind for kind in _ENDINGS if kind == word), None)
            return self.kind or told or ("video" if self.duration is not None else None)
        if self.output is not None and self.output in self.graph:
            return made_by(self.graph[self.output].class_type)
        kinds = {made_by(node.class_type) for node in self.graph.values() if saves(node.class_type)}
        return next((one for one in ("video", "audio") if one in kinds), "image")

    def spot(self, key: str) -> Spot | None:
        """The input that `key` names; None where there is none."""
        return Spot("", "", key) if self.endpoint else spot_of(key, self.graph)

    def check(self) -> list[str]:
        """What is wrong with it, a sentence each, naming every node and field that does not exist."""
        if self.graph is None:
            return [missing(key, {}) for key in self.declared if self.spot(key) is None]
        found = list(broken(self.graph))
        for key in self.declared:
            spot = self.spot(key)
            if spot is None:
                found.append(missing(key, self.graph))
            elif (there := link_of(self._default(spot))) is not None:
                found.append(f"'{key}': the field is linked to the node '{there}', so it cannot be set.")
            elif (wanted := _TYPES.get(self.said_by(spot) or "")) is not None and _type(self._default(spot)) != wanted:
                found.append(f"'{key}': the field does not hold {wanted}.")
        if self.output is not None and self.output not in self.graph:
            found.append(f"output: there is no node '{self.output}'.")
        return found

    def said_by(self, spot: Spot) -> str | None:
        """The field by which a request says this input; None where only its input values do."""
        fields = ("prompt", "negative_prompt", "image", "width", "height", "seed", "count", "duration")
        named = {key: name for name in fields if isinstance(key := getattr(self, name), str)}
        named |= dict.fromkeys(self.images, "images")
        return next((name for key, name in named.items() if self.spot(key) == spot), None)

    def settable(self) -> list[str]:
        """Every input of the graph that could be declared."""
        return [spot.key for spot in settable(self.graph or {})]

    def filled(self, values: Mapping[str, Any], files: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The graph with `values`, as ComfyUI takes it. `files`: by input, the names under which files that were
        brought lie there. Raises GatewayError, naming it, for an input that is not declared, or of another type."""
        graph: dict[str, Any] = msgspec.to_builtins(self.graph or {})
        names = {self.declared_spot(key).key: name for key, name in (files or {}).items()}
        for key, value in {**self.judged(values), **names}.items():
            spot = self.declared_spot(key)
            graph[spot.node]["inputs"][spot.field] = value
        return graph

    def batch(self, values: Mapping[str, Any]) -> int:
        """How many results there are with these values, which have been judged. Raises GatewayError."""
        if isinstance(self.count, int):
            return self.count
        if self.count is not None:
            key = self.declared_spot(self.count).key
            return _count(key, values.get(key, self.default(key)))
        said = {key: value for key, value in values.items() if key.endswith(f".{_BATCH}")}
        for name, node in (self.graph or {}).items():
            value = node.inputs.get(_BATCH)
            if isinstance(value, int):
                said.setdefault(Spot(name, node.class_type, _BATCH).key, value)
        return max((_count(key, value) for key, value in said.items()), default=1)

    def judged(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """`values` by the inputs' one name. Raises GatewayError (`invalid_request`) naming the first that cannot be."""
        found: dict[str, Any] = {}
        for key, value in values.items():
            spot = self.declared_spot(key)
            name = spot.key
            if name in found:
                raise invalid(f"The input '{key[:200]}' is there twice, under two names.", PARAM)
            found[name] = _judged(spot, value, self._default(spot))
        return found

    def default(self, key: str) -> Any:
        """What the graph has there; None where nobody knows."""
        spot = self.spot(key)
        return None if spot is None else self._default(spot)

    def declared_spot(self, key: str) -> Spot:
        """The declared input that `key` names; its `key` is the one name of it. Raises GatewayError
        (`invalid_request`) where there is none."""
        spot = self.spot(key)
        if spot is None:
            why = missing(key[:200], self.graph or {}) if self.graph is not None else f"'{key[:200]}' is no input."
            raise invalid(f"The workflow '{self.name}' has no such input: {why}", PARAM)
        if (self.graph is not None or self.allowed) and spot not in self.allowed:
            shown = ", ".join(one.key for one in self.allowed) or "none"
            raise invalid(
                f"The input '{key[:200]}' of the workflow '{self.name}' cannot be set; these can: {shown}.", PARAM
            )
        return spot

    def _default(self, spot: Spot) -> Any:
        return None if self.graph is None else self.graph[spot.node].inputs.get(spot.field)


def billed(request: GenerationRequest) -> Billed:
    """What a workflow is billed by, wherever it runs: what `telecine.nouns.filling` has read back from its values."""
    if request.size is None:
        return Billed(duration=request.duration, count=request.count)
    sized = Billed.sized(*parse_size(request.size), duration=request.duration)
    return replace(sized, count=request.count)


def _count(key: str, value: Any) -> int:
    """Raises GatewayError."""
    if value is None:
        return 1
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise invalid(f"The input '{key[:200]}' says how many results there are; it must be a whole number.", PARAM)
    if not 1 <= value <= MOST_BATCH:
        raise invalid(f"The input '{key[:200]}' says how many results there are: 1 to {MOST_BATCH}.", PARAM)
    return int(value)


def _judged(spot: Spot, value: Any, default: Any) -> Any:
    """`value`, if the input may have it. Raises GatewayError."""
    wanted = _type(default)
    if not spot.node:
        if any(is_path(text) for text in _texts(value)):
            raise invalid(f"The input '{spot.key[:200]}' names a file; send a URL.", PARAM)
        return value
    if _type(value) is None or _type(value) != (wanted or _type(value)):
        said = f"must be {wanted}" if wanted is not None else "must be a text, a number, or true or false"
        raise invalid(f"The input '{spot.key[:200]}' {said}.", PARAM)
    if isinstance(value, str) and value != default and (spot.names_path or is_path(value)):
        message = (
            f"The input '{spot.key[:200]}' names a file. None that is there already can be chosen; send one of your "
            "own: an http(s) URL, or a data URL."
        )
        raise invalid(message, PARAM)
    return value


def _texts(value: Any) -> Iterator[str]:
    """The texts within a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def _type(value: Any) -> str | None:
    """What kind of value an input has, in words; None where a client can say no such thing."""
    match value:
        case bool():
            return "true or false"
        case int():
            return "a number"
        case float():
            return "a number" if isfinite(value) else None
        case str():
            return "a text"
        case _:
            return None
