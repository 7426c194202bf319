"""Kling's wire, legacy generation (API reference at klingai.com/document-api: text2video, image2video, callbacks,
account, error codes).

A body is a struct: what Kling documents of a field stands on it, as the limits of its type and as the words that it has
(`parts.py:words`). A `Path` is where a task is made with that body, listed, and asked about.
"""

from __future__ import annotations

from typing import Final

import msgspec

MAX_IMAGE: Final = 10 * 1024 * 1024
"""Bytes of one picture, before base64 (image2video, `image`)."""
MAX_SOUND: Final = 5 * 1024 * 1024
"""Bytes of one sound, before base64 (avatar, `sound_file`)."""
RETENTION: Final = 30 * 86400.0
"""Seconds after which Kling deletes what it made."""
MOST_LISTED: Final = 500
"""Tasks on one page of a list (`pageSize`)."""
COSTS: Final = "/account/costs"
OLDEST_PACK: Final = 400 * 86400.0
"""They are asked for by the time at which a pack was bought; packs are valid for up to a year."""
COSTS_LAG: Final = 12 * 3600.0
"""Seconds by which the remaining quantities of `COSTS` may be late. It may be asked once a second."""
MODES: Final = {"std": "720p", "pro": "1080p"}
"""Kling sells resolutions as modes (text2video, `mode`)."""
RATIOS: Final = ("16:9", "9:16", "1:1")
"""The shapes of its videos (text2video, `aspect_ratio`)."""
BILLED: Final = frozenset(
    {"model_name", "model", "mode", "duration", "sound", "n", "resolution", "result_type", "series_amount"}
)
"""Fields that change the price."""


class Path(msgspec.Struct, frozen=True, kw_only=True):
    """One path of the legacy generation."""

    path: str
    body: type[msgspec.Struct]
    """Of a create."""
    model: str
    """What it is made with where the body names none. Where it has no models, what stands for one here, which is never
    sent: `models` is False then."""
    models: bool = True
    named: bool = True
    """A query takes the client's own id as well (`GET {path}/{external_task_id}`)."""

    @property
    def form(self) -> str:
        """Its name among the paths that make tasks: `kling:text2video`."""
        return f"kling:{self.path.removeprefix('/v1/').partition('/')[2]}"
