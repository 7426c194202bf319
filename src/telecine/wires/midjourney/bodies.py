"""The bodies of the submits. All take `Common`; a field that only one server has says so."""

from __future__ import annotations

from typing import Any

import msgspec

from telecine.wires.scalars import Number, Word


class Common(msgspec.Struct, omit_defaults=True, rename="camel", kw_only=True):
    """What every body may say beside its own."""

    state: str | None = None
    """Comes back with the task."""
    notify_hook: str | None = None
    """The URL that is posted the task whenever its status or its progress changes."""
    bot_type: Word | None = None
    mode: Word | None = None
    """RELAX, FAST or TURBO: some relays'."""
    account_filter: Any = None
    """`{channelId, instanceId, modes[], remark, remix, remixAutoConsidered}`: which of an upstream's accounts is to do
    it (Plus, trueai)."""
    model: Word | None = None
    """Ours: the protocol has none."""


class Imagine(Common):
    """A grid of four pictures."""

    prompt: str | None = None
    base64_array: list[str] | None = None
    """Pictures that go before the prompt, as data URLs."""
    base64: str | None = None
    """One of them, in old clients."""


class Blend(Common):
    """Two to five pictures made one; `dimensions` is one of `DIMENSIONS`."""

    base64_array: list[str] | None = None
    dimensions: Word | None = None


class Describe(Common):
    """Four prompts that a picture may have been made with. `link`, a URL, is trueai's."""

    base64: str | None = None
    link: str | None = None


class Shorten(Common):
    """What matters in a prompt."""

    prompt: str | None = None


class Edit(Common):
    """A picture changed, or its texture. Three forms are about: `image` (trueai), `image` and `maskBase64` (clients),
    `base64Array` with `action: "EDITS"` (relays)."""

    prompt: str | None = None
    image: str | None = None
    base64_array: list[str] | None = None
    mask_base64: str | None = None
    action: Word | None = None


class Video(Common):
    """Videos of a picture: one that is sent, picture `index` of a task, or with `action: "extend"` a video of one that
    goes on (trueai)."""

    prompt: str | None = None
    motion: Word | None = None
    """`low` or `high`."""
    image: str | None = None
    end_image: str | None = None
    loop: bool | None = None
    action: Word | None = None
    index: Number | None = None
    """0 to 3."""
    task_id: str | None = None
    video_type: Word | None = None
    batch_size: Number | None = None


class Upload(msgspec.Struct, omit_defaults=True, rename="camel", kw_only=True):
    """Pictures that are to have links."""

    base64_array: list[str] | None = None
    filter: Any = None
    account_filter: Any = None


class Swap(Common):
    """A face put into a picture; the URLs are trueai's. Reconstructed: that the face is in `source`, as
    insight-face has it."""

    source_base64: str | None = None
    target_base64: str | None = None
    source_url: str | None = None
    target_url: str | None = None


class Change(Common):
    """One of the first server's three actions on a grid: UPSCALE, VARIATION (both of picture `index`, 1 to 4) and
    REROLL."""

    task_id: str | None = None
    action: Word | None = None
    index: Number | None = None


class SimpleChange(Common):
    """The same in one line: `1712204995849323 U2`."""

    content: str | None = None


class Action(Common):
    """A button pressed."""

    task_id: str | None = None
    custom_id: str | None = None
    choose_same_channel: bool | None = None
    """Plus': a task's upstream is the only one that can anyway."""
    enable_remix: bool | None = None
    """trueai: whether a window is opened for other words, where the button has none of its own."""


class Modal(Common):
    """What a task that waits was waiting for."""

    task_id: str | None = None
    prompt: str | None = None
    mask_base64: str | None = None


class Ids(msgspec.Struct, omit_defaults=True):
    """The tasks that are asked about."""

    ids: list[str | int] = []
