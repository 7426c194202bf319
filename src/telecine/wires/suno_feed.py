"""Suno as its own site has it, and as relays pass it on beside `submit` and `fetch`: generate and feed (SunoAI-API, to
which chatgpt-web-midjourney-proxy speaks; relays' documents for the answers).

Bodies are those of `submit`. There are no tasks but clips: an answer to `generate` has two, which are asked about by
their ids in one path until each is `complete` or `error`. There is no envelope; SunoAI-API tells errors as `{detail}`,
clients read `error.message`.

Reconstructed: that `generate/concat` answers with a clip, and lyrics that are not done yet with `running`; that an id
that nobody knows is left out of a feed.
"""

from __future__ import annotations

from typing import Final

import msgspec

from telecine.wires.suno import Clip, ClipMetadata

GENERATE: Final = "/suno/generate"
"""Takes a description too, at relays; SunoAI-API has another path for that, and wants a text in each of `REQUIRED`."""
DESCRIBED: Final = "/suno/generate/description-mode"
CONCAT: Final = "/suno/generate/concat"
WRITE: Final = "/suno/generate/lyrics"
"""With a slash at its end, as clients write it; SunoAI-API has it without."""
LYRICS: Final = "/suno/lyrics"
FEED: Final = "/suno/feed"
CREDITS: Final = "/suno/get_credits"
REQUIRED: Final = ("prompt", "title", "tags")
QUEUED: Final = frozenset({"submitted", "queued"})
RUNNING: Final = frozenset({"streaming", "running"})
DONE: Final = frozenset({"complete"})
FAILED: Final = frozenset({"error"})
"""Status words of a clip, and of lyrics."""
MOST_CLIPS: Final = 100
"""Clips in one feed; nobody names a bound."""


class Generated(msgspec.Struct, frozen=True):
    """Clips that are to come."""

    id: str
    clips: list[Clip]
    metadata: ClipMetadata
    created_at: str
    major_model_version: str = ""
    status: str = "complete"
    """Of the request, which has been taken; clips have their own."""
    batch_size: int = 1


class Named(msgspec.Struct, frozen=True):
    """What lyrics are asked about by."""

    id: str


class Written(msgspec.Struct, frozen=True):
    """Lyrics, or how far they are."""

    id: str
    status: str
    text: str = ""
    title: str = ""
    error_message: str = ""


class Fault(msgspec.Struct, frozen=True):
    """What is wrong."""

    message: str
    code: str
    type: str = "invalid_request_error"


class Failure(msgspec.Struct, frozen=True):
    """An error, as both kinds of clients read it."""

    detail: str
    error: Fault
