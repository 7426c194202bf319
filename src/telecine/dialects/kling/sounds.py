"""The operations that make sounds."""

from __future__ import annotations

from typing import Any, Final

from telecine.dialects import scalars
from telecine.dialects.kling.operation import Operation
from telecine.dialects.kling.rules import needs
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import invalid
from telecine.wires.kling.sounds import SECONDS, TEXT_TO_AUDIO


def _length(wire: Any, _: Catalogue) -> None:
    """A tenth of a second is the smallest step."""
    least, most = SECONDS
    length = scalars.seconds(wire.duration, "duration") or 0.0
    if not least <= length <= most or abs(length * 10 - round(length * 10)) > 1e-6:
        raise invalid(f"duration: must be from {least:g} to {most:g} seconds, in tenths.", "duration")


SOUNDS: Final = (
    Operation(
        path=TEXT_TO_AUDIO,
        makes=("a sound from a text", "sounds from a text"),
        does="sound",
        shows=("sound", "music"),
        kind="audio",
        example={"prompt": "Rain on a tin roof", "duration": 3.0},
        rules=(needs("prompt"), needs("duration"), _length),
        never={"watermark_info": "a sound has none"},
        whole=False,
    ),
)
