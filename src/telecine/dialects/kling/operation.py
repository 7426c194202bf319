"""One operation of Kling's: a row of the table that the dialect is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from telecine.dialects.bodies import Known
from telecine.dialects.kling.fields import FIELDS, Said
from telecine.dialects.kling.media import Media
from telecine.dialects.kling.rules import Rule
from telecine.nouns.kinds import Kind
from telecine.nouns.operations import OPERATIONS
from telecine.nouns.parameters import Parameters
from telecine.nouns.request import GenerationRequest, ReferenceKind, Role
from telecine.wires.kling import MAX_IMAGE, Path
from telecine.wires.kling.parts import words_of

_PICTURES: Final[tuple[Role, ...]] = ("first_frame", "last_frame", "image", "reference")
"""The roles that one field may tell of, where what stands beside it says which."""


class Line(msgspec.Struct, frozen=True):
    """One of the fields of an operation, looked at once so that no request need do so."""

    name: str
    field: str
    """Of the body, in which it stands or which it is."""
    meaning: Said
    parameter: bool
    neutral: str
    """Of the request, or of its parameters."""
    word: str
    """Where a word stands that only Kling can judge unless it is one of `words`."""
    words: tuple[str, ...]

    @classmethod
    def of(cls, name: str, meaning: Said, documented: Mapping[str, tuple[str, ...]]) -> Line:
        """The line for a field, with the words of its body that are documented."""
        room, _, neutral = meaning.neutral.rpartition(".")
        word = f"{name}.{meaning.inner}" if meaning.inner else name
        return cls(name, name.partition(".")[0], meaning, room == "parameters", neutral, word, documented.get(word, ()))


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a body that is posted to one path.

    Its fields are read by `FIELDS`; limits and words stand in the body's own type. What is left is said here.
    """

    path: Path
    makes: tuple[str, str]
    """What it makes, one and many, for the document: `("a video from a text", "videos from a text")`."""
    does: str | Callable[[Any], str]
    """The operation, or how to tell it by the body."""
    shows: tuple[str, ...]
    """The operations whose tasks this path shows where no path of Kling's made them; it may be none of `does`."""
    kind: Kind = "video"
    example: dict[str, Any]
    """A body for the document, and for whoever tries each operation: its media are below `https://example.com/`."""
    fields: Mapping[str, Said | None] = {}
    """Where a field, or one within another (`input.text`), says something else than usual; None: it is documented as
    ignored."""
    media: Media = {}
    models: tuple[str, ...] = ()
    """Further fields that name the model."""
    goes_on: ReferenceKind = "clip"
    """What `source` names."""
    source: str = ""
    """The field with the id of the video or the sound that it goes on from."""
    keeps_model: bool = False
    """It is made with the model, and in the mode, of what it goes on from."""
    rules: tuple[Rule, ...] = ()
    never: Mapping[str, str] = {}
    """Fields of another path that are refused here, and what to do instead: a client has taken the wrong path."""
    finish: Callable[[Any, GenerationRequest], GenerationRequest] | None = None
    """Says of the body what fields cannot. Raises GatewayError."""
    whole: bool = True
    """It counts whole seconds."""
    most: int = MAX_IMAGE
    """Bytes of one file within the body."""
    says: Mapping[str, Said] = {}
    """What the fields of its body say; made here."""
    lines: tuple[Line, ...] = ()
    """The same, one by one; made here."""
    known: Known = Known(())
    """The names of its fields; made here."""

    def __post_init__(self) -> None:
        names = self.path.body.__struct_encode_fields__
        says: dict[str, Said | None] = {name: FIELDS[name] for name in names if name in FIELDS}
        says |= self.fields
        told, documented = {name: one for name, one in says.items() if one is not None}, words_of(self.path.body)
        lines = tuple(Line.of(name, one, documented) for name, one in told.items())
        msgspec.structs.force_setattr(self, "says", told)
        msgspec.structs.force_setattr(self, "lines", lines)
        msgspec.structs.force_setattr(self, "known", Known((*names, *self.never)))

    @property
    def names(self) -> dict[str, str]:
        """What its body calls neutral fields, for errors that come from below."""
        said = {one.neutral: name for name, one in self.says.items()}
        if self.source:
            said["source"] = self.source
        for path, role in self.media.items():
            said |= {f"inputs.{one}": path for one in ([role] if isinstance(role, str) else _PICTURES)}
        return said

    @property
    def title(self) -> str:
        """Its name, as its path ends: `text2video`, `avatar/image2video`."""
        return self.path.form.partition(":")[2]


def parameters_of(operation: str) -> Callable[..., Parameters]:
    """The struct of what only some vendors have. Raises LookupError where the operation has none."""
    kind: Any = OPERATIONS[operation].parameters
    if kind is None:
        raise LookupError(f"the operation {operation} has no parameters")
    found: Callable[..., Parameters] = kind
    return found
