"""What the Videos API's words mean to us."""

from __future__ import annotations

from typing import Final

SPEAKS: Final = frozenset({"openai"})
CONTENT: Final = "content:"
"""Before the id of a video whose file is behind `/content`: no URL, so that no client is ever shown one of ours."""
PARAMS: Final = {
    "prompt": "prompt",
    "model": "model",
    "seconds": "duration",
    "size": "size",
    "input_reference": "inputs",
}
"""The neutral names of the fields that an error may be about."""
