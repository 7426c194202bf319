"""What the fake IMA keeps and checks: pictures and videos in two styles, the rules of a create, and error answers."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec
from aiohttp import web

from tests.upstreams import faults
from tests.upstreams.faults import JSON, Fault

Style = Literal["image", "videos", "content", "mj"]
CREATES: Final[dict[str, Style]] = {
    "/v1/images/generations": "image",
    "/v1/videos": "videos",
    "/v1/video/generations": "content",
    "/kling/v1/videos/text2video": "videos",
    "/kling/v1/videos/image2video": "videos",
    "/mj/submit/imagine": "mj",
    "/mj/submit/blend": "mj",
    "/mj/submit/change": "mj",
}
QUEUED, RUNNING, DONE, FAILED = "queued", "running", "done", "failed"
_WORDS: Final[dict[Style, dict[str, str]]] = {
    "image": {QUEUED: "queued", RUNNING: "processing", DONE: "succeeded", FAILED: "failed"},
    "videos": {QUEUED: "queued", RUNNING: "in_progress", DONE: "completed", FAILED: "failed"},
    "content": {QUEUED: "queued", RUNNING: "processing", DONE: "succeeded", FAILED: "failed"},
    "mj": {QUEUED: "SUBMITTED", RUNNING: "IN_PROGRESS", DONE: "SUCCESS", FAILED: "FAILURE"},
}
STATUS_OF: Final = {"invalid_request": 400, "task_not_exist": 404, "insufficient_user_quota": 403}
"""The HTTP status that goes with each code of an error."""


@dataclass(slots=True)
class FakeTask:
    """One create, and what has become of it. Times are whole seconds."""

    style: Style
    body: dict[str, Any]
    task_id: str = field(default_factory=lambda: f"task_{uuid.uuid4().hex}")
    status: str = QUEUED
    progress: int = 0
    reason: str = ""
    created_at: int = field(default_factory=lambda: int(time.time()))
    link: int = 0
    """Serial number of the link that works; older ones do not."""
    link_uses: int = 0
    told_at: float | None = None
    """When a query first answered with its end, in seconds since the epoch."""

    @property
    def ended(self) -> bool:
        return self.status in (DONE, FAILED)

    @property
    def ending(self) -> str:
        return "png" if self.style in ("image", "mj") else "mp4"

    def word(self) -> str:
        return _WORDS[self.style][self.status]

    def created(self) -> dict[str, Any]:
        """The answer to its create, which is flat."""
        if self.style == "mj":
            return {"code": 1, "description": "Submit success", "result": self.task_id}
        return {
            "id": self.task_id,
            "task_id": self.task_id,
            "object": self.style,
            "model": self.body.get("model"),
            "status": "queued",
            "progress": 0,
            "amount_usd": 0.24,
            "created_at": self.created_at,
        }

    def told(self, base: str) -> dict[str, Any]:
        """The task as a query tells it; `base` is where this server is."""
        url = f"{base}/files/{self.task_id}.{self.ending}?link={self.link}" if self.status == DONE else ""
        told = {"videos": self._video, "mj": self._drawn}
        return told.get(self.style, self._flat)(url)

    def _drawn(self, url: str) -> dict[str, Any]:
        """Midjourney's, with its pictures one by one and as one; of an upscale there is one."""
        action = self.body.get("action", "IMAGINE")
        several = url and action != "UPSCALE"
        return {
            "mj_id": self.task_id,
            "status": self.word(),
            "progress": f"{self.progress}%",
            "imageUrl": url,
            "urls": [f"{url}&number={number}" for number in range(4)] if several else [],
            "action": action,
            "failReason": self.reason,
        }

    def _flat(self, url: str) -> dict[str, Any]:
        return {
            "task_id": self.task_id,
            "status": self.word(),
            "format": self.ending if url else "",
            "url": url,
            "error": {"message": self.reason},
            "metadata": {"provider": "vertex", "preview": url},
            "usage": {"input_tokens": 12, "output_tokens": 1290 if url else 0, "total_tokens": 1302 if url else 0},
        }

    def _video(self, url: str) -> dict[str, Any]:
        length = int(self.body.get("duration") or 5)
        result = {"url": url, "width": 64, "height": 64, "duration": length, "size": 1, "content_type": "video/mp4"}
        return self.created() | {
            "status": self.word(),
            "progress": self.progress,
            "completed_at": self.created_at if self.ended else 0,
            "metadata": {"url": url},
            "results": [result] if url else [],
            "usage": {"prompt_tokens": 0, "completion_tokens": 4000 if url else 0, "total_tokens": 4000 if url else 0},
            "error": {"code": "generation_failed", "message": self.reason} if self.status == FAILED else None,
        }


def objection(style: Style, body: dict[str, Any]) -> str | None:
    """Why the rules refuse a create."""
    if style != "mj" and not body.get("model"):
        return "model is required"
    rules = {"image": _of_image, "videos": _of_videos, "content": _of_content, "mj": _of_midjourney}
    return next((said for kept, said in rules[style](body) if not kept), None)


def _of_image(body: dict[str, Any]) -> tuple[tuple[bool, str], ...]:
    files = [body.get("image"), *(body.get("images") or [])]
    return (
        (bool(str(body.get("prompt") or "").strip()), "prompt is required"),
        (not (body.get("image") and body.get("images")), "exactly one of image and images is allowed"),
        (all(_link(one) for one in files if one), "image must be a URL"),
        (body.get("size") in (None, "1K", "2K", "4K", "512px"), "size is not supported"),
    )


def links_of(body: dict[str, Any]) -> list[str]:
    """Where the files are that a video is made with, in either style."""
    more, contents = body.get("metadata") or {}, body.get("content") or []
    listed = [*(body.get("images") or ()), *(more.get("reference_video_urls") or ())]
    listed += more.get("reference_audio_urls") or ()
    return listed + [
        one[one["type"]]["url"] for one in contents if one.get("type") in ("image_url", "video_url", "audio_url")
    ]


def _of_videos(body: dict[str, Any]) -> tuple[tuple[bool, str], ...]:
    more, listed = body.get("metadata") or {}, links_of(body)
    return (
        (bool(body.get("prompt") or listed), "at least one of prompt, images, reference video, reference audio"),
        (isinstance(body.get("duration", 5), int), "duration must be an integer"),
        (all(_link(one) for one in listed), "images must be URLs"),
        (more.get("role_mode") in (None, "frame", "reference"), "role_mode is not supported"),
    )


def _of_content(body: dict[str, Any]) -> tuple[tuple[bool, str], ...]:
    listed = body.get("content") or []
    kinds = [one.get("type") for one in listed]
    files = links_of(body)
    return (
        (bool(files) or kinds.count("text") == 1, "text_to_video requires one text content item"),
        (all(_link(one) for one in files), "content must be URLs"),
    )


def _of_midjourney(body: dict[str, Any]) -> tuple[tuple[bool, str], ...]:
    pictures, action = body.get("base64Array"), body.get("action")
    changes = "taskId" in body
    return (
        (changes or pictures is not None or bool(body.get("prompt")), "prompt is required"),
        (pictures is None or 2 <= len(pictures) <= 5, "base64Array takes 2 to 5 pictures"),
        (all(one.startswith("data:image/") for one in pictures or ()), "base64Array takes data URLs"),
        (not changes or action is not None or "customId" in body, "action is required"),
        (action not in ("UPSCALE", "VARIATION", "REMIX") or body.get("index") in (1, 2, 3, 4), "index is required"),
        (action != "INPAINT" or bool(body.get("maskBase64")), "maskBase64 is required"),
    )


def _link(value: object) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://", "asset://"))


def answer(data: Any, *, wrapped: bool = True) -> web.StreamResponse:
    """A good answer, in the envelope or bare."""
    body = {"code": "success", "data": data} if wrapped else data
    return web.Response(body=msgspec.json.encode(body), headers=JSON)


def error(
    code: str, message: str | None = None, *, status: int = 0, retry_after: int | None = None
) -> web.StreamResponse:
    """A TaskErrorResponse, with the status that goes with its code."""
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    said = {"code": code, "message": f"error {code}" if message is None else message, "data": None}
    return web.Response(
        status=status or STATUS_OF.get(code, 400), body=msgspec.json.encode(said), headers=headers | JSON
    )


def unauthorized() -> web.StreamResponse:
    """A wrong key, as an ErrorResponse."""
    said = {"message": "Invalid token", "type": "new_api_error", "param": None, "code": "invalid_api_key"}
    return web.Response(status=401, body=msgspec.json.encode({"error": said}), headers=JSON)


def spoiled(request: web.BaseRequest, fault: Fault) -> web.StreamResponse:
    """The answer of a fault that several places share."""
    return faults.spoiled(request, fault, _refused, b'{"code":"success","data":{"task_id":"task_0b8f')


def _refused(fault: Fault) -> web.StreamResponse:
    code = fault.code if isinstance(fault.code, str) else "invalid_request"
    return error(code, fault.message, status=fault.status or 0, retry_after=fault.retry_after)
