"""Size, aspect ratio and resolution: three ways of saying one thing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from telecine.nouns.billed import Billed
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.sizes import parse_ratio, parse_size, short_side

if TYPE_CHECKING:
    from telecine.providers.http.body import Draft


class Frame(msgspec.Struct, frozen=True):
    """How an upstream is told it that has a field for the aspect ratio, and one for the resolution. Of both, the first
    is what it makes where nothing is said."""

    ratio: str
    ratios: Sequence[str]
    resolution: str
    resolutions: Mapping[str, str]
    """By our name of each, the upstream's."""

    def write(self, draft: Draft) -> None:
        """Write the two fields. Raises GatewayError for what the upstream does not make, and for ways that do not
        agree. A client of its own dialect may name what is new there."""
        request, vendor = draft.request, draft.vendor
        for param in ("aspect_ratio", "resolution", "size"):
            value: str | None = getattr(request, param)
            if not value or draft.take.novel(param):
                continue
            size = Billed.sized(*parse_size(value)) if param == "size" else None
            shape = size.aspect_ratio if size else value if param == "aspect_ratio" else None
            lines = size.resolution if size else value.lower() if param == "resolution" else None
            if shape not in (None, *self.ratios) or lines not in (None, *self.resolutions):
                raise GatewayError(
                    "unsupported_parameter",
                    f"{vendor.title} makes no {param.replace('_', ' ')} '{value[:40]}'; "
                    f"it makes {', '.join(self.ratios)}, at {' and '.join(self.resolutions)}.",
                    param=param,
                )
            for name, meant in ((self.ratio, shape), (self.resolution, lines and self.resolutions[lines])):
                said = meant and draft.body.setdefault(name, meant)
                if said != meant:
                    raise invalid(f"The {param} means '{meant}' at {vendor.title}; it also asks for '{said}'.", param)

    def billed(self, body: Mapping[str, Any], *, follows: bool) -> Billed:
        """What the two fields in `body` come to. `follows`: the shape is a picture's, which is not known here; nor is
        what words mean that are new at the upstream."""
        ratio: str | None = None if follows else body.get(self.ratio, self.ratios[0])
        said = body.get(self.resolution)
        lines = next((lines for lines, word in self.resolutions.items() if said in (None, word)), None)
        if lines is None or ratio is None or ratio not in self.ratios:
            return Billed(aspect_ratio=ratio, resolution=lines)
        return _sized(ratio, lines)


@cache  # as many as the tables of vendors have
def _sized(ratio: str, resolution: str) -> Billed:
    across, down = parse_ratio(ratio)
    scale = short_side(resolution) / min(across, down)
    return Billed.sized(round(across * scale), round(down * scale))
