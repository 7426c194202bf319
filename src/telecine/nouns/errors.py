"""The error taxonomy. Dialects render it in their own envelope, code and HTTP status."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

ErrorCode = Literal[
    "invalid_request",
    "unsupported_parameter",
    "authentication",
    "permission",
    "insufficient_balance",
    "not_found",
    "conflict",
    "too_large",
    "rate_limited",
    "capacity",
    "content_policy",
    "upstream_refused",
    "upstream_failed",
    "submission_unknown",
    "expired",
    "cancelled",
    "unavailable",
    "internal",
]
ERROR_CODES: tuple[str, ...] = get_args(ErrorCode)

HTTP_STATUS: dict[ErrorCode, int] = {
    "invalid_request": 400,
    "unsupported_parameter": 400,
    "authentication": 401,
    "insufficient_balance": 402,
    "permission": 403,
    "not_found": 404,
    "conflict": 409,
    "too_large": 413,
    "rate_limited": 429,
    "capacity": 429,
    "content_policy": 400,
    "upstream_refused": 400,
    "upstream_failed": 502,
    "submission_unknown": 502,
    "expired": 504,
    "cancelled": 409,
    "unavailable": 503,
    "internal": 500,
}


class TaskError(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a task failed. `message` may repeat what the upstream said, never its host, key or headers."""

    code: ErrorCode
    message: str
    param: str | None = None
    """The neutral name of the request field at fault (`duration`, `inputs`, `parameters.mode`)."""


class GatewayError(Exception):
    """A request that cannot be served, raised anywhere below the server and rendered by the dialect.

    `retry_after` is in seconds. `may_retry` tells SDKs whether sending the same request again is safe:
    it must be False once a job may exist upstream.
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        param: str | None = None,
        retry_after: float | None = None,
        may_retry: bool = True,
    ) -> None:
        super().__init__(message)
        self.code: ErrorCode = code
        self.message = message
        self.param = param
        self.retry_after = retry_after
        self.may_retry = may_retry

    @property
    def status(self) -> int:
        """The HTTP status that this error has where a dialect's vendor documents no other."""
        return HTTP_STATUS[self.code]

    def as_task_error(self) -> TaskError:
        """The same facts in the form that a task keeps."""
        return TaskError(self.code, self.message, self.param)


def invalid(message: str, param: str | None = None) -> GatewayError:
    """The commonest error: the caller sent something that cannot be right."""
    return GatewayError("invalid_request", message, param=param)
