"""Midjourney in the same API: midjourney-proxy's paths, and another task (IMA Router's SDKs).

`change` has actions and fields beyond midjourney-proxy's own: a prompt for REMIX, a mask, a button's `customId`; Zcheap
calls it "enlarge, vary, expand, extend, redraw, reshape". Reconstructed: the words of the actions but UPSCALE,
VARIATION, REROLL and REMIX, for which new-api's are taken; that ZOOM alone doubles the view; that a task has `buttons`,
without which no `customId` could be known.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from telecine.wires.midjourney.bodies import Blend, Change
from telecine.wires.midjourney.buttons import Button, Press

MODELS: Final = re.compile(r"(?:midjourney|mj)(?:[-_].*)?", re.IGNORECASE | re.DOTALL)
"""Names of Midjourney's models, by which these paths are meant: no body has one."""
YOUCHUAN_HEADER: Final = "x-youchuan-setting"
"""Of an imagine: settings of one of their upstreams."""
REMIX: Final = "REMIX"
ACTIONS: Final = {
    "UPSCALE": Press(does="upscale"),
    "VARIATION": Press(does="vary"),
    "LOW_VARIATION": Press(does="vary", strength="subtle"),
    "HIGH_VARIATION": Press(does="vary", strength="strong"),
    REMIX: Press(does="vary", strength="strong"),
    "REROLL": Press(does="reroll"),
    "ZOOM": Press(does="zoom", factor=2.0),
    "OUTPAINT": Press(does="zoom", factor=2.0),
    "CUSTOM_ZOOM": Press(does="zoom", asks=True),
    "PAN": Press(does="pan"),
    "INPAINT": Press(does="inpaint", asks=True),
}
"""What the words of `change` do. REROLL needs no `index`, REMIX a `prompt`, INPAINT a mask, and PAN the button of a
direction."""


class MjBlend(Blend):
    """Two to five pictures, which may be links, and what is made of them."""

    prompt: str | None = None


class MjChange(Change):
    """What is done with a picture of a task."""

    prompt: str | None = None
    mask_base64: str | None = None
    custom_id: str | None = None
    """A button of the task, in the place of what `action` and `index` say."""


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
    buttons: list[Button] = []
