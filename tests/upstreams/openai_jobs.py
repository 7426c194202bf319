"""What the fake OpenAI keeps and checks: videos, forms, the documented rules of a create, and error answers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

import msgspec
from aiohttp import BodyPartReader, web

from tests.upstreams import faults
from tests.upstreams.faults import JSON, Fault

Status = Literal["queued", "in_progress", "completed", "failed"]
SIZES: Final = ("720x1280", "1280x720", "1024x1792", "1792x1024")
SECONDS: Final = ("4", "8", "10", "12", "15", "16", "20", "25")
STATUS_OF: Final = {
    "invalid_value": 400,
    "missing_required_parameter": 400,
    "moderation_blocked": 400,
    "invalid_api_key": 401,
    "model_not_found": 404,
    "not_found": 404,
    "insufficient_quota": 429,
    "rate_limit_exceeded": 429,
    "server_error": 500,
}
"""The HTTP status that goes with each error code."""


class Part(NamedTuple):
    """One file of a form."""

    filename: str
    content_type: str
    content: bytes


@dataclass(slots=True)
class FakeVideo:
    """One video. `handle` is the `Idempotency-Key` of its create; `files` by their field, in the order of the form."""

    id: str
    handle: str | None
    fields: dict[str, Any]
    files: list[tuple[str, Part]] = field(default_factory=list)
    remixed_from: str | None = None
    status: Status = "queued"
    progress: int = 0
    error: dict[str, Any] | None = None
    created_at: int = field(default_factory=lambda: int(time.time()))
    completed_at: int | None = None
    link: int = 0
    """Serial number of the link that works; older ones do not."""
    link_uses: int = 0
    link_until: float = 0.0
    told_at: float | None = None
    """When a query first answered with its end, in seconds since the epoch."""

    @property
    def link_works(self) -> bool:
        return self.link_uses > 0 and time.time() < self.link_until

    @property
    def ended(self) -> bool:
        return self.status in ("completed", "failed")

    def data(self) -> dict[str, Any]:
        """The official Video object."""
        return {
            "id": self.id,
            "object": "video",
            "model": self.fields.get("model", "sora-2"),
            "status": self.status,
            "progress": self.progress,
            "created_at": self.created_at,
            "completed_at": self.completed_at,
            "expires_at": None if self.completed_at is None else self.completed_at + 86400,
            "seconds": self.fields.get("seconds", "4"),
            "size": self.fields.get("size", "720x1280"),
            "prompt": self.fields.get("prompt"),
            "remixed_from_video_id": self.remixed_from,
            "error": self.error,
        }


async def read_body(request: web.BaseRequest) -> tuple[dict[str, Any], list[tuple[str, Part]]]:
    """The fields and the files of a JSON or a multipart body; a form's bracket keys stay as they are written."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        try:
            body = msgspec.json.decode(await request.content.read())
        except (msgspec.DecodeError, UnicodeDecodeError):
            return {}, []
        return (body if isinstance(body, dict) else {}), []
    fields: dict[str, Any] = {}
    files: list[tuple[str, Part]] = []
    async for part in await request.multipart():
        assert isinstance(part, BodyPartReader)
        name, content = part.name or "", bytes(await part.read())
        if part.filename is not None:
            files.append((name, Part(part.filename, part.headers.get("content-type", ""), content)))
        elif name.endswith("[]"):
            fields.setdefault(name, []).append(content.decode())
        else:
            fields[name] = content.decode()
    return fields, files


def objection(fields: dict[str, Any], files: list[tuple[str, Part]]) -> tuple[str, str, str] | None:
    """Why the documented rules refuse a create: (code, message, param)."""
    if not fields.get("prompt"):
        return "missing_required_parameter", "Missing required parameter: 'prompt'.", "prompt"
    model = fields.get("model", "sora-2")
    if not isinstance(model, str) or not model.startswith("sora-2"):
        return "model_not_found", f"The model '{model}' does not exist or you do not have access to it.", "model"
    for name, allowed in (("seconds", SECONDS), ("size", SIZES)):
        if name in fields and fields[name] not in allowed:
            return "invalid_value", f"Invalid value: '{fields[name]}'. Supported values are: {allowed}.", name
    for name, part in files:
        if name == "video" and part.content_type == "video/mp4":
            continue
        if name != "input_reference" or part.content_type not in ("image/jpeg", "image/png", "image/webp"):
            return "invalid_value", f"Unsupported file '{name}' of type '{part.content_type}'.", name
    return None


def error(
    code: str, message: str | None = None, param: str | None = None, *, status: int = 0, retry_after: int | None = None
) -> web.StreamResponse:
    """An error answer, with the status that goes with its code."""
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    status = status or STATUS_OF.get(code, 400)
    kind = "server_error" if status >= 500 else "invalid_request_error"
    said = f"error {code}" if message is None else message
    body = {"error": {"message": said, "type": kind, "param": param, "code": code}}
    return web.Response(status=status, body=msgspec.json.encode(body), headers=headers | JSON)


def spoiled(request: web.BaseRequest, fault: Fault) -> web.StreamResponse:
    """The answer of a fault that several places share."""
    return faults.spoiled(request, fault, _refused, b'{"id":"video_68')


def _refused(fault: Fault) -> web.StreamResponse:
    code = fault.code if isinstance(fault.code, str) else "invalid_value"
    return error(code, fault.message, status=fault.status or 0, retry_after=fault.retry_after)


def answer(body: dict[str, Any], headers: dict[str, str] | None = None) -> web.StreamResponse:
    """A JSON answer with status 200."""
    return web.Response(body=msgspec.json.encode(body), headers={**JSON, **(headers or {})})
