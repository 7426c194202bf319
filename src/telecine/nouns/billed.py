"""What a request comes to at an upstream, in the words that prices are written in."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from telecine.nouns.errors import GatewayError
from telecine.nouns.sizes import parse_size, plain_resolution, resolution_of


class Billed(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one upstream will be asked for, whichever fields of the request say it, with that upstream's defaults.

    So nobody gets the dear variant at the price of the cheap one by calling it otherwise. None: the upstream is told
    no such thing.
    """

    mode: str | None = None
    size: str | None = None
    """`WIDTHxHEIGHT` in pixels."""
    resolution: str | None = None
    """`720p`, `1080p`, `1k`, `2k`, `4k`: the shorter side."""
    aspect_ratio: str | None = None
    """`W:H`, in lowest terms."""
    duration: float | None = None
    """Seconds."""
    quality: str | None = None
    """Of pictures, where an upstream sells them by that."""
    speed: str | None = None
    """How soon it is made, where an upstream sells that: `relax`, `fast`, `turbo`."""
    style: str | None = None
    """How a picture is made larger, where an upstream sells that by its kind: `subtle`, `creative`."""
    factor: float | None = None
    """By how much it is made larger, each side."""
    motion: str | None = None
    """How much moves, where an upstream sells videos by that: `low`, `high`."""
    audio: bool | str = False
    """A word where the upstream has more than with and without."""
    count: int | None = None
    """Results, where it makes as many as it does, whatever was asked for."""
    unjudged: tuple[str, ...] = ()
    """The fields whose values are the client's own words, which only the upstream can judge."""

    @classmethod
    def sized(cls, width: int, height: int, *, mode: str | None = None, duration: float | None = None) -> Billed:
        """For a frame of `width` by `height` pixels."""
        common = math.gcd(width, height)
        return cls(
            mode=mode,
            size=f"{width}x{height}",
            resolution=resolution_of(min(width, height)),
            aspect_ratio=f"{width // common}:{height // common}",
            duration=duration,
        )


def common(billed: Sequence[Billed]) -> Billed:
    """What they all agree on, of one at least."""
    first = billed[0]
    if len(billed) == 1:
        return first
    told = {
        name: getattr(first, name)
        for name in Billed.__struct_fields__
        if all(getattr(one, name) == getattr(first, name) for one in billed)
    }
    return Billed(**told)


def spelled(name: str, value: object) -> object:
    """`value` of the field `name` as `Billed` spells it: `1280*720` as `1280x720`, `1024P` as `1k`."""
    if not isinstance(value, str):
        return value
    match name:
        case "size":
            try:
                return "{}x{}".format(*parse_size(value))
            except GatewayError:
                return value
        case "resolution":
            return plain_resolution(value)
        case _:
            return value
