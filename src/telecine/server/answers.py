"""Types of answers that nothing but the document needs."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from telecine.accounts.keys import KeyInfo
from telecine.admin import webhooks
from telecine.admin.keys import ChannelInfo


class Deleted(msgspec.Struct, frozen=True):
    """What a delete answers."""

    id: str
    object: str
    deleted: bool


class NewKeyAnswer(KeyInfo, frozen=True, kw_only=True):
    """A key that has just been made. `key` is its text, and `secret_key` the secret half of its pair, where it has one:
    nothing else will ever show them."""

    key: str
    secret_key: str | UnsetType = UNSET


class KeyList(msgspec.Struct, frozen=True):
    """Every key, newest first."""

    object: str
    data: list[KeyInfo]


class ChannelList(msgspec.Struct, frozen=True):
    """The configured channels."""

    object: str
    data: list[ChannelInfo]


class WebhookList(msgspec.Struct, frozen=True):
    """The account's endpoints."""

    object: str
    data: list[webhooks.WebhookObject]


class DeliveryList(msgspec.Struct, frozen=True):
    """Deliveries, newest first; the next page begins after `last_id`."""

    object: str
    data: list[webhooks.DeliveryObject]
    has_more: bool
    last_id: str | None


class WebhookName(msgspec.Struct, frozen=True):
    """The webhook that is tested."""

    id: str
    object: str


class WebhookTest(msgspec.Struct, frozen=True):
    """`timestamp` is ISO 8601."""

    type: str
    timestamp: str
    data: WebhookName


class Readiness(msgspec.Struct, frozen=True):
    """Whether this process can serve, and what each part of it says."""

    status: str
    checks: dict[str, bool]


class FileErrorBody(msgspec.Struct, frozen=True):
    """What went wrong."""

    code: str
    message: str


class FileError(msgspec.Struct, frozen=True):
    """What every envelope of errors has that holds an object."""

    error: FileErrorBody
