"""What a channel of IMA may say."""

from __future__ import annotations

from typing import Literal

from telecine.providers.http.facts import HttpOptions


class ImaOptions(HttpOptions, frozen=True, forbid_unknown_fields=True):
    """What a channel of IMA may say."""

    style: Literal["videos", "content"] = "videos"
    """In which style videos are asked for: as its SDKs do, or as a list of contents."""
    assets: bool = True
    """Files of clients' libraries that videos are made with become IMA's own assets; else they go as links."""
    asset_group: str | None = None
    """The group, by IMA's id, that they are put into."""
