"""OpenAI's Images API (types and docstrings of openai-python 3.52, `images.*`), and how relays bend it.

Reconstructed, from the documents of relays: `async` and the task that it answers with, `aspect_ratio` and sizes such as
`2K` (which Gemini's image models have there), pictures in the body of a generation.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from telecine.wires.openai import Note
from telecine.wires.scalars import Number, Word

GENERATIONS: Final = "/v1/images/generations"
EDITS: Final = "/v1/images/edits"
VARIATIONS: Final = "/v1/images/variations"
MAX_IMAGE: Final = 50 * 1024 * 1024
"""Bytes of one picture."""
MAX_IMAGES: Final = 16
"""Pictures of an edit."""
MOST_PARTIAL: Final = 3
"""Unfinished pictures of a stream (`partial_images`)."""
PARTIAL: Final = "partial"
"""The part of an item that shows it before it was done."""
LINK_SECONDS: Final = 3600.0
"""How long the `url` of a result works."""
LINKED: Final = "dall-e-"
"""Models whose names begin so answer with links where nothing is said; all others with the files."""
FORMATS: Final = ("b64_json", "url")
"""What `response_format` may say."""
AUTO: Final = "auto"
"""What size, quality, background and moderation say where the model is to decide, as where nothing is said."""


class CreateImage(msgspec.Struct):
    """The official fields of generations, edits and variations, then what relays add."""

    prompt: str | None = None
    model: str | None = None
    image: Any = None
    mask: Any = None
    n: Number | None = None
    size: Word | None = None
    quality: Word | None = None
    style: Word | None = None
    background: Word | None = None
    output_format: Word | None = None
    output_compression: Number | None = None
    moderation: Word | None = None
    input_fidelity: Word | None = None
    response_format: Word | None = None
    stream: bool | str | None = None
    partial_images: Number | None = None
    user: str | None = None
    safety_identifier: str | None = None

    images: Any = None
    """A list, as JSON bodies of edits have it, and relays' generations."""
    later: bool | str | None = msgspec.field(default=None, name="async")
    aspect_ratio: Word | None = None
    resolution: Word | None = None
    negative_prompt: str | None = None
    seed: Number | None = None
    watermark: bool | str | None = None
    webhook_url: str | None = None
    callback_url: str | None = None
    notify_hook: str | None = None
    metadata: dict[str, Note] | None = None


class TokenDetails(msgspec.Struct, frozen=True):
    """Tokens of pictures, and of texts."""

    image_tokens: int = 0
    text_tokens: int = 0


class ImagesUsage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tokens that a request took."""

    total_tokens: int
    input_tokens: int
    output_tokens: int
    input_tokens_details: TokenDetails | None = None
    output_tokens_details: TokenDetails | None = None


class ImagesFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an answer says beside its pictures."""

    background: str | None = None
    output_format: str | None = None
    quality: str | None = None
    size: str | None = None
    usage: ImagesUsage | None = None


class ImageFacts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What it says beside one of them."""

    revised_prompt: str | None = None


BILLED: Final = frozenset(
    {"model", "n", "size", "quality", "input_fidelity", "partial_images", "complexity", "frame_count", "svg"}
)
"""Fields that change the price; the last three are newer than what is known here."""
OURS: Final = frozenset(
    {"model", "prompt", "n", "size", "image", "images", "mask", "aspect_ratio", "response_format", "stream"}
)
"""Fields that we alone write."""
SIZES: Final = {
    "dall-e-2": ("1024x1024", "512x512", "256x256"),
    "dall-e-3": ("1024x1024", "1792x1024", "1024x1792"),
    "gpt-image-1": ("1024x1024", "1536x1024", "1024x1536"),
    "chatgpt-image": ("1024x1024", "1536x1024", "1024x1536"),
}
"""By how the names of models begin, the sizes that they make, the default first; all others make any."""
DEFAULT_SIZED: Final = "dall-e-"
"""Models whose names begin so make their default size where nothing is said; others decide by the prompt."""
STREAMED: Final = "gpt-image"
"""Models with this in their names may stream (and `chatgpt-image-latest`)."""
STEP: Final = 16
"""Pixels: widths and heights are its multiples, where a model makes any."""
