"""Midjourney in the same API: midjourney-proxy's paths, and another task (IMA Router's SDKs).

`change` has actions and fields beyond midjourney-proxy's own: a prompt for REMIX, a mask, a button's `customId`.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

MODELS: Final = re.compile(r"(?:midjourney|mj)(?:[-_].*)?", re.IGNORECASE | re.DOTALL)
"""Names of Midjourney's models, by which these paths are meant: no body has one."""
YOUCHUAN_HEADER: Final = "x-youchuan-setting"
"""Of an imagine: settings of one of their upstreams."""
REROLL: Final = "REROLL"
REMIX: Final = "REMIX"
"""Actions of `change`: the first needs no `index`, the second needs a `prompt`."""


class MjSubmitResponse(msgspec.Struct, frozen=True, kw_only=True):
    """`result` is the id of the task where `code` is good (1; 21 and 22 as midjourney-proxy has them)."""

    code: int
    description: str = ""
    result: str = ""


class MjTaskFetchResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A task. `status` ends as SUCCESS or FAILURE; `progress` such as `42%`; `urls` are the pictures one by one."""

    mj_id: str
    status: str
    progress: str = ""
    image_url: str | UnsetType = msgspec.field(default=UNSET, name="imageUrl")
    urls: list[str] = []
    action: str = ""
    fail_reason: str | UnsetType = msgspec.field(default=UNSET, name="failReason")
