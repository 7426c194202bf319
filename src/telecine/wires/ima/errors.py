"""IMA Router's two forms of errors.

`TaskErrorResponse` is documented, with its messages: it answers whatever is wrong with a task. All else (a key, a
limit, an asset) is an `ErrorResponse`, of which the name alone is documented; the SDKs read `error` as an object or a
text, or `message` outside it. That it has `success` beside them is what the console reads of assets.
"""

from __future__ import annotations

import msgspec


class TaskErrorResponse(msgspec.Struct, frozen=True, kw_only=True):
    """`code` is a word, or an HTTP status as text. `data` is null."""

    code: str
    message: str
    data: None = None


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """OpenAI's shape. `param` names the field at fault."""

    message: str
    type: str
    param: str | None
    code: str


class ErrorResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong, in every place where somebody looks."""

    success: bool = False
    message: str
    error: ErrorBody
