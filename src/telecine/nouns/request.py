"""What a client asks for, in words that every provider understands. Validated once, at the edge."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal

import msgspec

from telecine.nouns.ids import reference_to
from telecine.nouns.parameters import (
    BILLED,
    ImageParameters,
    LipSyncParameters,
    Parameters,
    Point,
    VideoParameters,
    only_billed,
)
from telecine.nouns.reference import Reference as Reference  # noqa: PLC0414  requests are known by it
from telecine.nouns.reference import ReferenceKind as ReferenceKind  # noqa: PLC0414

Role = Literal[
    "image",
    "first_frame",
    "last_frame",
    "reference",
    "scene",
    "style",
    "mask",
    "video",
    "audio",
    "person",
    "garment",
]


class MediaInput(msgspec.Struct, frozen=True, omit_defaults=True):
    """One picture, clip or sound that the request refers to: either at a `url`, or in our storage at `object_key`."""

    role: Role
    url: str | None = None
    object_key: str | None = None
    content_type: str | None = None
    bytes: int | None = None
    sha256: str | None = None
    width: int | None = None
    height: int | None = None
    trajectory: tuple[Point, ...] = ()
    """For a mask: the path that what it covers moves along. A mask without one holds its area still."""
    asset_id: int | None = None
    """Of a file that the account keeps in its library: the request refers to it, and never takes it away."""
    fills: str | None = None
    """Of a workflow: the input that it is for."""


class Novel(msgspec.Struct, frozen=True):
    """A value of a known field that is not among those that we know: its vendor may have it by now.

    `value` as the client wrote it; `objection` is what the client is told where it is not the vendor that is asked.
    """

    value: str
    objection: str


class Native(msgspec.Struct, frozen=True, omit_defaults=True):
    """What only an upstream of the client's own dialect may understand: the fields that this dialect does not know,
    byte for byte, and by neutral name (`duration`, `parameters.mode`) the known ones whose values nobody here knows."""

    dialect: str
    fields: dict[str, msgspec.Raw]
    novel: dict[str, Novel] = {}
    own: dict[str, tuple[str, str]] = {}
    """By neutral name, the field and the text that the client said it with (`metadata[aspectRatio]`, `21:9`): for what
    this dialect's upstreams may take, although it cannot be said to them in another way."""


_OURS: Final = frozenset({"external_id", "metadata", "parameters", "blanked"})
"""What stays beside the fields that change the price: the names that its client gave to the task."""


class GenerationRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """One generation, whatever the dialect that asked. None means that the client did not say."""

    operation: Annotated[str, BILLED]
    """A name in `telecine.nouns.operations.OPERATIONS`."""
    model: Annotated[str, BILLED]
    """The public model name, as the catalogue writes it."""
    prompt: str = ""
    negative_prompt: str | None = None
    inputs: tuple[MediaInput, ...] = ()
    count: Annotated[int, BILLED] = 1
    size: Annotated[str | None, BILLED] = None
    """`WIDTHxHEIGHT` in pixels."""
    aspect_ratio: Annotated[str | None, BILLED] = None
    """`W:H`."""
    resolution: Annotated[str | None, BILLED] = None
    """`720p`, `1080p`, `2k`, `4k`."""
    duration: Annotated[float | None, BILLED] = None
    """Seconds."""
    seed: int | None = None
    audio: Annotated[bool | None, BILLED] = None
    parameters: Parameters | None = None
    source: Reference | None = None
    """What this one follows up (remix, extend, …)."""
    parent: int | None = None
    """The task whose results are among the inputs, as files of this one's own: no upstream has to know it."""
    callback_url: str | None = None
    callback_headers: bytes | None = None
    """What its webhooks are to carry beside their own headers, sealed for its account: the client's own secrets."""
    external_id: str | None = None
    metadata: dict[str, str] | None = None
    native: Native | None = None
    blanked: bool = False
    """What was asked for is no longer kept: prompts, vendor fields and inputs are gone."""

    def with_role(self, *roles: Role) -> Iterator[MediaInput]:
        """The inputs that play one of `roles`, in the order in which they were given."""
        return (item for item in self.inputs if item.role in roles)

    @property
    def own_keys(self) -> tuple[str, ...]:
        """Where the files lie that came with this request and go with it; those of a library are none of them."""
        return tuple(item.object_key for item in self.inputs if item.object_key and item.asset_id is None)

    @property
    def follows(self) -> int | None:
        """The task of ours that it goes on from."""
        return self.source.task if self.source is not None else self.parent

    @property
    def assets(self) -> frozenset[int]:
        """The files of a library that it refers to."""
        return frozenset(item.asset_id for item in self.inputs if item.asset_id is not None)

    @property
    def references(self) -> tuple[Reference, ...]:
        """All that the request is made with and that lives upstream: its source, and voices, elements and sounds."""
        found: tuple[Reference, ...] = () if self.source is None else (self.source,)
        if isinstance(self.parameters, VideoParameters):
            found += tuple(Reference(upstream_id=one, kind="voice", elsewhere=True) for one in self.parameters.voices)
        if isinstance(self.parameters, VideoParameters | ImageParameters):
            found += tuple(
                Reference(upstream_id=str(one), kind="element", elsewhere=True) for one in self.parameters.elements
            )
        if isinstance(self.parameters, LipSyncParameters) and self.parameters.sound is not None:
            found += (reference_to(self.parameters.sound, "clip"),)
        return found

    def shape(self, free: frozenset[str]) -> bytes | None:
        """All of the request that says what is made, and of the fields in `free` only whether they say anything.

        None for one with media, with a source, with what only its vendor understands, or with much of its own.
        """
        if self.inputs or self.source is not None or self.native is not None:
            return None
        told = {name: bool(str(said).strip()) for name in free if (said := getattr(self, name)) not in {None, ""}}
        shape = _encode(msgspec.structs.replace(self, callback_url=None, external_id=None, metadata=None, **told))
        return shape if len(shape) <= _MOST_SHAPE else None

    def blank(self) -> GenerationRequest:
        """The request without prompts, inputs and whatever else is the client's own; what was billed by stays."""
        parameters = None if self.parameters is None else only_billed(self.parameters)
        return msgspec.structs.replace(only_billed(self, _OURS), parameters=parameters, blanked=True)


_MOST_SHAPE: Final = 1024
_encode: Final = msgspec.json.Encoder().encode
