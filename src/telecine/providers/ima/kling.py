"""Kling's models at IMA: Kling's own bodies, with `model` in the place of `model_name` and a whole number of seconds.

The task is one of IMA's videos, and is asked about like those.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from telecine.providers.base import Traits
from telecine.providers.http.facts import Field, Op, Vendor
from telecine.providers.ima.answers import KEPT
from telecine.providers.kling import KLING
from telecine.providers.take import Take, whole
from telecine.wires import ima as wire


def _seconds(value: float, take: Take) -> Any:
    own = take.own_text("duration") or whole(value, "Kling")
    return int(own) if own.isdecimal() else own


_FIELDS: Final = {"model": "model", "duration": Field("duration", _seconds)}
_TRAITS: Final = Traits(KEPT, usual=120.0, poll_floor=wire.VIDEO_POLL_SECONDS)


def _op(name: str, path: str) -> Op:
    return replace(
        KLING.ops[name],
        create=f"POST {wire.KLING}/{path}",
        poll=f"GET {wire.VIDEOS}/{{id}}",
        fields={**KLING.ops[name].fields, **_FIELDS},
        traits=_TRAITS,
        many=None,
        other=lambda _: None,
        ways=(),
    )


def kling(vendor: Vendor) -> Vendor:
    """The generation of `vendor` that speaks of Kling's models."""
    return replace(
        vendor,
        title="Kling at IMA",
        speaks=vendor.speaks | KLING.speaks,
        models=wire.KLINGS,
        ops={
            "text_to_video": _op("text_to_video", "text2video"),
            "image_to_video": _op("image_to_video", "image2video"),
        },
        traits=_TRAITS,
        billed=vendor.billed | KLING.billed,
        free=KLING.free,
        objects=frozenset(),
        most_media=KLING.most_media,
        words=KLING.words,
    )
