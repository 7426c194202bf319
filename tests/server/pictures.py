"""Pictures to send, and what came back looked at."""

from __future__ import annotations

import io
from typing import NamedTuple

import av
from PIL import Image


class Played(NamedTuple):
    """A video, every frame of it decoded."""

    width: int
    height: int
    seconds: float
    frames: int


def picture(kind: str = "JPEG", size: tuple[int, int] = (480, 480)) -> bytes:
    """A picture with something in it."""
    content = io.BytesIO()
    Image.radial_gradient("L").resize(size).convert("RGB").save(content, kind)
    return content.getvalue()


def played(content: bytes) -> Played:
    """What a player sees."""
    with av.open(io.BytesIO(content), "r") as container:
        stream = container.streams.video[0]
        frames = [(frame.width, frame.height) for frame in container.decode(stream)]
        assert stream.average_rate
        assert set(frames) == {frames[0]}
        return Played(*frames[0], float(len(frames) / stream.average_rate), len(frames))
