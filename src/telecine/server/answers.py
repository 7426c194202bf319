"""Types of answers that nothing but the document needs: lists, and each dialect's envelope of errors."""

from __future__ import annotations

from typing import Final

import msgspec

from telecine.accounts.keys import KeyInfo
from telecine.admin import webhooks
from telecine.admin.keys import ChannelInfo
from telecine.dialects.models import ModelObject
from telecine.server.operation import Group


class ModelList(msgspec.Struct, frozen=True):
    """The models that the caller can use now."""

    object: str
    data: list[ModelObject]


class Deleted(msgspec.Struct, frozen=True):
    """What a delete answers."""

    id: str
    object: str
    deleted: bool


class NewKeyAnswer(KeyInfo, frozen=True, kw_only=True):
    """A key that has just been made. `key` is its text, which nothing else will ever show."""

    key: str


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


class DashboardRefusal(msgspec.Struct, frozen=True):
    """What the dashboard's routes answer, with 200, to a date that is none."""

    error: DashboardProblem


class DashboardProblem(msgspec.Struct, frozen=True):
    """What was wrong."""

    message: str
    type: str


class OpenAIErrorBody(msgspec.Struct, frozen=True):
    """What went wrong. `param` names the field at fault."""

    message: str
    type: str
    param: str | None
    code: str


class OpenAIError(msgspec.Struct, frozen=True):
    """OpenAI's error envelope."""

    error: OpenAIErrorBody


class KlingError(msgspec.Struct, frozen=True):
    """Kling's error envelope; the codes are Kling's own."""

    code: int
    message: str
    request_id: str


class TaskErrorBody(msgspec.Struct, frozen=True):
    """What went wrong, in Telecine's own words. `param` names the field at fault."""

    code: str
    message: str
    param: str | None


class TasksError(msgspec.Struct, frozen=True):
    """Telecine's error envelope."""

    error: TaskErrorBody


class RelayError(msgspec.Struct, frozen=True):
    """The relays' envelope, whose code is a boolean."""

    code: bool
    success: bool
    message: str


class FileErrorBody(msgspec.Struct, frozen=True):
    """What went wrong."""

    code: str
    message: str


class FileError(msgspec.Struct, frozen=True):
    """What every envelope of errors has that holds an object."""

    error: FileErrorBody


ERRORS: Final[dict[Group, type[msgspec.Struct]]] = {
    "openai": OpenAIError,
    "kling": KlingError,
    "tasks": TasksError,
    "account": TasksError,
    "dashboard": OpenAIError,
    "relay": RelayError,
    "webhooks": TasksError,
    "admin": OpenAIError,
    "server": OpenAIError,
}
