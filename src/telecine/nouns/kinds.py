"""What a task may make."""

from __future__ import annotations

from typing import Literal

Kind = Literal["video", "image", "audio", "text", "file"]
