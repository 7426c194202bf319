"""IMA's own assets: a file of a client's library becomes one, once for all videos that are made with it.

IMA has several libraries, and a model takes files of its own one alone. That a file may be sent in a form is
reconstructed (`telecine.wires.ima.assets`); it is, where IMA could not fetch it here.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from telecine.nouns.request import MediaInput
from telecine.providers.base import Channel, Traits
from telecine.providers.http.facts import Shelf, Status
from telecine.providers.http.getters import at
from telecine.providers.ima.options import ImaOptions
from telecine.wires.ima import assets as wire

_OVERSEAS: Final = ("seedance-2.0", "seedance-2.0-fast")
_MOST: Final = 50 * 1024 * 1024
"""Bytes of a video; pictures and sounds are smaller yet (limits of Volcengine's library, which is behind it)."""


def _place(model: str) -> str:
    """The library that files for a model have to be in."""
    if model.endswith(wire.DOMESTIC):
        return wire.DOMESTIC_UPLOADS
    return wire.OVERSEAS_UPLOADS if model in _OVERSEAS else wire.UPLOADS


def _said(item: MediaInput, model: str, channel: Channel) -> dict[str, str]:
    kind = wire.KINDS["video" if item.role == "video" else "audio" if item.role == "audio" else "image"]
    group = channel.option(ImaOptions).asset_group
    return {"asset_type": kind, "model": _place(model), **({"group_id": group} if group is not None else {})}


def keeping(traits: Traits, channel: Channel) -> Traits:
    """`traits`, where the channel has files become assets."""
    return replace(traits, keeps=channel.option(ImaOptions).assets)


ASSETS: Final = Shelf(
    put=f"POST {wire.CREATE}",
    said=_said,
    link="url",
    file="file",
    most=_MOST,
    made=at("data.Id"),
    ask=f"POST {wire.GET}",
    asked=lambda name: {"id": name},
    told=at("data"),
    status=Status(at("Status"), queued=set(), running={wire.PROCESSING}, done={wire.ACTIVE}, failed={wire.FAILED}),
    reason=at("Error"),
    name=f"{wire.SCHEME}{{id}}",
    place=_place,
    wanted=lambda channel: channel.option(ImaOptions).assets,
)
