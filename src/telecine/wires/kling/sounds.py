"""The bodies of what makes sounds at Kling, and their paths (API reference, "Audio Generation", text to audio)."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from telecine.wires.kling import Path
from telecine.wires.kling.parts import Common
from telecine.wires.scalars import Number

SECONDS: Final = (3.0, 10.0)
"""How long a sound may be, to a tenth of a second."""


class TextToAudio(Common, omit_defaults=True, kw_only=True):
    """A sound from a text."""

    prompt: Annotated[str, msgspec.Meta(max_length=200)] = ""
    duration: Number | None = None
    """Seconds, as a number."""


TEXT_TO_AUDIO: Final = Path(path="/v1/audio/text-to-audio", body=TextToAudio, model="kling-text-to-audio", models=False)
