"""The decoders, seen from outside: what a file is, and the pictures made from it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from telecine.media.formats import Kind


class UndecodableError(Exception):
    """No decoder could make anything of the file; the message may reach a client.

    `declined`: a decoder said so. Otherwise it crashed, took too long or could not be started.
    """

    def __init__(self, message: str, *, declined: bool = True) -> None:
        super().__init__(message)
        self.declined = declined


class Seen(Protocol):
    """What a probe found. `duration` in seconds, `frame_rate` in frames a second."""

    @property
    def content_type(self) -> str: ...
    @property
    def kind(self) -> Kind: ...
    @property
    def width(self) -> int | None: ...
    @property
    def height(self) -> int | None: ...
    @property
    def duration(self) -> float | None: ...
    @property
    def frame_rate(self) -> float | None: ...


class Decoders(Protocol):
    """All that the rest of `media/` needs of decoders, which accounts share. Every method raises UndecodableError."""

    async def probe(self, path: Path, account_id: int) -> Seen:
        """What the file at `path` really is."""
        ...

    async def poster(self, path: Path, target: Path, account_id: int) -> None:
        """Write one still picture of it to `target`, as JPEG."""
        ...

    async def spritesheet(self, path: Path, target: Path, account_id: int) -> None:
        """Write a grid of its frames to `target`, as JPEG."""
        ...
