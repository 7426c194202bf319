"""The operations that make sounds."""

from __future__ import annotations

from typing import Final

from telecine.nouns.billed import Billed
from telecine.nouns.errors import GatewayError
from telecine.providers.http.body import Draft
from telecine.providers.http.facts import Field
from telecine.providers.kling.operation import operation
from telecine.wires.kling import sounds as wire

_USUAL: Final = 5.0
"""Seconds of a sound where nobody has said: Kling needs to be told."""


def _sound(draft: Draft) -> None:
    least, most = wire.SECONDS
    length = draft.body.setdefault("duration", _USUAL)
    if not least <= length <= most:
        raise GatewayError(
            "unsupported_parameter",
            f"Kling makes sounds of {least:g} to {most:g} seconds, not {length:g}.",
            param="duration",
        )


SOUNDS: Final = (
    operation(
        wire.TEXT_TO_AUDIO,
        "sound",
        fields={"duration": Field("duration", lambda value, _: round(value, 1)), "parameters.watermark": None},
        needs=("prompt",),
        shape=_sound,
        billed=lambda draft: Billed(duration=draft.body["duration"]),
    ),
)
