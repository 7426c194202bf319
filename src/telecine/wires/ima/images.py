"""Pictures: `POST /v1/images/generations` makes a task, although that path is OpenAI's too.

Reconstructed: `async` (false: the answer waits for the pictures, as `ImaImageGenerationResponse`, of which the name
alone is documented and which has OpenAI's shape here) with `response_format`; the ratios that Gemini 3.1 Flash alone
has (from Google's document of it).
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from telecine.wires.scalars import Word

PRO: Final = "gemini-3-pro-image-preview"
FLASH: Final = "gemini-3.1-flash-image-preview"
RATIOS: Final = ("1:1", "3:2", "2:3", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
FLASH_RATIOS: Final = (*RATIOS, "1:4", "4:1", "1:8", "8:1")
SIZES: Final = {"1k": "1K", "2k": "2K", "4k": "4K"}
"""By our resolution, the word that `size` has for it."""
SMALL: Final = ("512p", "512px")
"""The same for the one more that Flash has."""
OBJECT: Final = "image"
FORMATS: Final = ("url", "b64_json")
"""What `response_format` may say; the first where it says nothing."""
BILLED: Final = frozenset({"model", "size", "n"})
"""Fields that change the price."""


class ImaImageGenerationRequest(msgspec.Struct, kw_only=True):
    """What to paint. One of `image` and `images`, which are links, `data:` URLs or `asset://…`."""

    model: Word | None = None
    prompt: str | None = None
    aspect_ratio: Word | None = None
    size: Word | None = None
    """1K, 2K, 4K; 512px of Flash."""
    image: str | None = None
    images: list[str] | None = None

    later: bool | str | None = msgspec.field(default=None, name="async")
    response_format: Word | None = None
    callback_url: str | None = None
    metadata: dict[str, Any] | None = None
    """`aspect_ratio` and `resolution` may stand here too; the server reads both places."""


class ImaImageGenerationRequestGemini3Pro(ImaImageGenerationRequest, kw_only=True):
    """The same as its page has it. `size` is 1K, 2K or 4K."""


class ImaImageGenerationRequestGemini31Flash(ImaImageGenerationRequest, kw_only=True):
    """The same as its page has it. `size` may be 512px, and there are narrower ratios."""


class ImaImageCreateTaskResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The new task, flat. Clients read `task_id`, else `id`. `created_at` in seconds since the Unix epoch."""

    id: str
    task_id: str
    object: str = OBJECT
    model: str
    status: str
    progress: int
    amount_usd: float | UnsetType = UNSET
    created_at: int


class ImaUsage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens; 0 where nobody counted."""

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0


class ImaTaskData(msgspec.Struct, frozen=True, kw_only=True):
    """A task as a query tells of it; nothing in `format` and `url` before it is done. `error` is there where it has
    failed; all its values are texts."""

    task_id: str
    status: str
    format: str = ""
    url: str = ""
    error: dict[str, str] | UnsetType = UNSET
    metadata: dict[str, Any] = {}
    usage: ImaUsage = ImaUsage()
    urls: list[str] | UnsetType = UNSET
    """Of a task that made several, which none of IMA's own does: every picture."""


class ImaImageTaskFetchResponse(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a query."""

    code: str = "success"
    data: ImaTaskData
