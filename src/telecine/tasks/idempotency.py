"""What a client says about sending the same create again, and what makes two creates the same."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.parameters import WorkflowParameters
from telecine.nouns.request import GenerationRequest
from telecine.nouns.task import Task

HEADER: Final = "Idempotency-Key"
KEPT_SECONDS: Final = 24 * 3600.0
"""How long a key answers with its task."""
RETRY_SECONDS: Final = 600.0
"""How long after a create a retry without a key joins it."""
MOST_CHARACTERS: Final = 255
FORGIVEN: Final = ("authentication", "insufficient_balance", "rate_limited", "capacity")
"""Errors (401, 402, 429) after which the same key begins anew: what was missing may be there by then."""

_encode = msgspec.json.Encoder(order="deterministic").encode


class Idempotency(msgspec.Struct, frozen=True):
    """What a client said: its `Idempotency-Key`, and how often its library has tried before (OpenAI's SDKs write
    `x-stainless-retry-count`; without a key it is all that tells a retry from a second wish)."""

    key: str | None = None
    retries: int = 0

    @classmethod
    def read(cls, key: str | None, retries: str | None) -> Idempotency:
        """From the two headers. Raises GatewayError (`invalid_request`) for a key that is none."""
        if key is not None and not (1 <= len(key) <= MOST_CHARACTERS and key.isascii() and key.isprintable()):
            raise invalid(f"The {HEADER} must have 1 to {MOST_CHARACTERS} printable ASCII characters.", HEADER)
        count = int(retries) if retries and retries.isascii() and retries.isdigit() and len(retries) < 6 else 0
        return cls(key, count)


class Once(msgspec.Struct, frozen=True):
    """What a create is recognised by, within its account. `at` is in seconds since the Unix epoch."""

    account_id: int
    fingerprint: bytes
    at: float
    key: bytes | None = None
    """SHA-256 of the `Idempotency-Key`."""
    external_id: str | None = None
    retry: bool = False
    """A retry that brings no key."""

    @classmethod
    def of(cls, task: Task, said: Idempotency | None) -> Once:
        """For a task that is about to be created."""
        said = said or Idempotency()
        return cls(
            account_id=task.account_id,
            fingerprint=fingerprint(task.request, task.dialect, task.retry_of, draft=task.state == "draft"),
            at=task.created_at,
            key=hashlib.sha256(said.key.encode()).digest() if said.key is not None else None,
            external_id=task.external_id,
            retry=said.key is None and said.retries > 0,
        )


def fingerprint(request: GenerationRequest, dialect: str, retry_of: int | None = None, *, draft: bool = False) -> bytes:
    """SHA-256 of what was asked for. Inline media count by their content, because each try stores them elsewhere, a
    source by what the client called it, a workflow by its name, and the headers of webhooks not at all: each try seals
    them anew."""
    inputs = tuple(
        msgspec.structs.replace(item, object_key=None) if item.sha256 is not None else item for item in request.inputs
    )
    source = request.source.said if request.source is not None else None
    same = request
    if inputs or source or request.callback_headers:
        same = msgspec.structs.replace(request, inputs=inputs, source=source, callback_headers=None)
    if isinstance(same.parameters, WorkflowParameters):
        same = msgspec.structs.replace(same, parameters=msgspec.structs.replace(same.parameters, digest=None))
    parts = (dialect, retry_of, same)
    return hashlib.sha256(_encode((*parts, "draft") if draft else parts)).digest()


def refused_at_once(task: Task, first_step: float) -> GatewayError | None:
    """The error that a create answers with, and every replay of it: no channel took the job within `first_step`
    seconds. None for a task that is shown, even one that failed later."""
    if task.state != "failed" or task.error is None or task.expires_at is not None:
        return None
    if task.ended_at is None or task.ended_at > task.created_at + first_step:
        return None
    error = task.error
    return GatewayError(error.code, error.message, param=error.param, may_retry=False)
