"""What the fake Kling does wrong on demand."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final, Literal

from aiohttp import web

from tests.upstreams.kling_jobs import envelope

JSON: Final = {"content-type": "application/json; charset=utf-8"}
_PAGE: Final = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
STATUS_OF: Final[dict[int, int]] = {
    1000: 401, 1001: 401, 1002: 401, 1003: 401, 1004: 401,
    1100: 429, 1101: 429, 1102: 429, 1103: 403,
    1200: 400, 1201: 400, 1202: 404, 1203: 404,
    1300: 400, 1301: 400, 1302: 429, 1303: 429, 1304: 429,
    5000: 500, 5001: 503, 5002: 504,
}  # fmt: skip
"""The HTTP status that goes with each error code (Kling, error codes)."""

Place = Literal["create", "query", "file"]
Act = Literal["refuse", "drop", "html", "broken", "delay", "twice", "word", "status", "cut", "drip", "redirect"]


@dataclass
class Fault:
    """One thing that goes wrong, `times` times, after `skip` requests at its place have gone well.

    | act | at | what happens |
    |---|---|---|
    | refuse | create, query | the envelope with `code`, its documented status (or `status`), `message`, `retry_after` |
    | drop | all | the connection breaks before an answer |
    | html | all | `status` (502) with a page |
    | broken | create, query | 200 with half a body |
    | delay | all | `seconds`, then all is well |
    | twice | create | one request makes two jobs |
    | word | query | the status is `message` ("processing", for ever, is the job that never ends) |
    | status | file | `status` (403) without a body |
    | cut, drip | file | half of what Content-Length says; a piece every `seconds` |
    | redirect | file | to `message` |

    At a create, `created` says whether the job is made before drop, html and broken.
    """

    at: Place
    act: Act
    times: int = 1
    skip: int = 0
    created: bool = False
    code: int = 1200
    status: int | None = None
    message: str | None = None
    retry_after: int | None = None
    seconds: float = 0.0


def spoiled(request: web.BaseRequest, fault: Fault) -> web.StreamResponse:
    """The answer of a fault that several places share."""
    match fault.act:
        case "refuse":
            return error(fault.code, fault.message, fault.status, fault.retry_after)
        case "html":
            headers = {} if fault.retry_after is None else {"retry-after": str(fault.retry_after)}
            return web.Response(status=fault.status or 502, body=_PAGE, headers=headers | {"content-type": "text/html"})
        case "broken":
            return web.Response(body=b'{"code":0,"message":"SUCCEED","data":{"task_id":"8145', headers=JSON)
        case "drop":
            return hung_up(request)
    raise AssertionError(f"'{fault.act}' cannot happen at '{fault.at}'")


def error(
    code: int, message: str | None, status: int | None = None, retry_after: int | None = None
) -> web.StreamResponse:
    """An error envelope, with the status that is documented for its code."""
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    body = envelope(code, f"error {code}" if message is None else message)
    return web.Response(status=status or STATUS_OF.get(code, 400), body=body, headers=headers | JSON)


def hung_up(request: web.BaseRequest) -> web.StreamResponse:
    """Break the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def slowly(request: web.BaseRequest, content: bytes, fault: Fault) -> web.StreamResponse:
    """The file in ten pieces; half of them, and then the end, where it is cut."""
    response = web.StreamResponse(headers={"content-type": "video/mp4", "content-length": str(len(content))})
    await response.prepare(request)
    size = len(content) // 10 + 1
    for start in range(0, len(content) // 2 if fault.act == "cut" else len(content), size):
        await response.write(content[start : start + size])
        await asyncio.sleep(fault.seconds)
    if fault.act == "cut" and request.transport is not None:
        request.transport.close()
    return response
