"""What a request follows up, or is made with, that is there already: here, or at an upstream."""

from __future__ import annotations

from typing import Literal

import msgspec

ReferenceKind = Literal["task", "clip", "image", "text", "file", "voice", "element", "face", "session", "character"]
"""What a reference may name. An output counts as `clip` where it is a video or a sound."""


class Reference(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a request follows up or is made with: a task of ours, one of its outputs, or what only an upstream knows.

    `task`, `output` (its index) and `item` as we number them, `upstream_id` as the upstream does. Where both are set,
    the text that the client wrote can be read as either, and our own reading goes first.
    """

    task: int | None = None
    output: int | None = None
    upstream_id: str | None = None
    kind: ReferenceKind = "task"
    elsewhere: bool = False
    """It may have been made without us, as the client's vendor documents: an id that nobody here knows is passed on."""

    item: int | None = None
    """The number of the result, from 0 on, where it was named before there was an output."""

    @property
    def said(self) -> Reference:
        """The reference as the client wrote it, whatever has been found out about it since."""
        if self.upstream_id is None:
            return self
        return msgspec.structs.replace(self, task=None, output=None, item=None)
