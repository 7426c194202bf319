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

    async def grid(self, paths: list[Path], target: Path, account_id: int) -> None:
        """Write pictures to `target` as one, as JPEG."""
        ...

    async def canvas(
        self, path: Path, target: Path, growth: tuple[float, float, float, float], account_id: int
    ) -> tuple[int, int]:
        """Write a picture on a larger, transparent ground to `target`, as PNG: by which shares of it above, below, left
        and right. Its size."""
        ...

    async def hole(self, path: Path, target: Path, size: tuple[int, int], account_id: int) -> None:
        """Write a mask of that size to `target`, as PNG, transparent where the one at `path` is, or else is light."""
        ...
