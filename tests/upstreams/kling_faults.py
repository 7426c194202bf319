"""Kling's error envelope, and the faults that are told in it."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from tests.upstreams import faults
from tests.upstreams.faults import JSON, Fault
from tests.upstreams.kling_jobs import envelope

STATUS_OF: Final[dict[int, int]] = {
    1000: 401, 1001: 401, 1002: 401, 1003: 401, 1004: 401,
    1100: 429, 1101: 429, 1102: 429, 1103: 403,
    1200: 400, 1201: 400, 1202: 404, 1203: 404,
    1300: 400, 1301: 400, 1302: 429, 1303: 429, 1304: 429,
    5000: 500, 5001: 503, 5002: 504,
}  # fmt: skip
"""The HTTP status that goes with each error code (Kling, error codes)."""


def spoiled(request: web.BaseRequest, fault: Fault) -> web.StreamResponse:
    """The answer of a fault that several places share."""
    return faults.spoiled(request, fault, _refused, b'{"code":0,"message":"SUCCEED","data":{"task_id":"8145')


def _refused(fault: Fault) -> web.StreamResponse:
    return error(int(fault.code), fault.message, fault.status, fault.retry_after)


def error(
    code: int, message: str | None, status: int | None = None, retry_after: int | None = None
) -> web.StreamResponse:
    """An error envelope, with the status that is documented for its code."""
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    body = envelope(code, f"error {code}" if message is None else message)
    return web.Response(status=status or STATUS_OF.get(code, 400), body=body, headers=headers | JSON)
