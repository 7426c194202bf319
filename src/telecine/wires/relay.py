"""How relays spell OpenAI's videos beside the official form: the unified form, new-api's, and the chat form.

Source: the documents of relays that speak them (Apertis, Octopus, fast-token: `POST /v1/video/create`), new-api's own
code (`/v1/video/generations`), and samples of chats. What is not in any of them is marked where it is used.
"""

from __future__ import annotations

from typing import Final

CREATE: Final = "/v1/video/create"
QUERY: Final = "/v1/video/query"
"""The unified form; the job is named in the query (`id`)."""
GENERATIONS: Final = "/v1/video/generations"
"""new-api."""
CAMEOS: Final = "/sora/v1/characters"
"""Characters as relays of Sora make them: of a link or a task, and a span of seconds (wire table C.4)."""
CHAT: Final = "/v1/chat/completions"
MODELS: Final = "/v1/models"

ORIENTED: Final = {
    "720x1280": ("portrait", "small"),
    "1280x720": ("landscape", "small"),
    "1024x1792": ("portrait", "large"),
    "1792x1024": ("landscape", "large"),
    "1080x1920": ("portrait", "large"),
    "1920x1080": ("landscape", "large"),
}
"""The unified form's `orientation` and `size` of Sora's models: small is about 720p, large the best that there is."""
LARGE: Final = "1080p"
ORIENTATIONS: Final = {"16:9": "landscape", "9:16": "portrait"}
"""The same where no size is said."""
RATIOS: Final = {"1280x720": "16:9", "720x1280": "9:16", "1920x1080": "16:9", "1080x1920": "9:16"}
"""Its `aspect_ratio` of all other models, by size."""

UNIFIED: Final = frozenset(
    {"model", "prompt", "images", "orientation", "size", "aspect_ratio", "duration", "watermark", "seed",
     "negative_prompt"}
)  # fmt: skip
NEW_API: Final = frozenset(
    {"model", "prompt", "image", "images", "duration", "width", "height", "size", "seed", "n", "metadata"}
)
CHATTED: Final = frozenset({"model", "messages", "stream"})
"""Fields of each form that we alone write."""
