"""What the fake Suno keeps and checks: songs and lyrics, the rules of a submission, and error answers."""

from __future__ import annotations

import functools
import io
import math
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from aiohttp import web

from tests.upstreams import faults
from tests.upstreams.faults import JSON, Fault

QUEUED: Final = ("NOT_START", "SUBMITTED", "QUEUED")
ENDED: Final = ("SUCCESS", "FAILURE")
STATUS_OF: Final = {
    "invalid_request": 400,
    "task_not_exist": 400,
    "quota_not_enough": 403,
    "fail_to_fetch_task": 500,
    "internal_error": 500,
}
"""The HTTP status that goes with each error code."""
_CLIP_STATUS: Final = {
    **dict.fromkeys(QUEUED, "submitted"),
    "IN_PROGRESS": "streaming",
    "SUCCESS": "complete",
    "FAILURE": "error",
}
_SAYING: Final = ("gpt_description_prompt", "prompt", "make_instrumental", "cover_clip_id")
_LYRICS: Final = "[Verse]\nA paper boat goes down the stair\n[Chorus]\nAnd nobody is there"


@dataclass(slots=True)
class FakeTask:
    """One submission. Times are whole seconds, as on the wire."""

    action: str
    body: dict[str, Any]
    task_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    clips: tuple[str, ...] = ()
    """Ids of the songs."""
    status: str = "SUBMITTED"
    progress: int = 0
    fail_reason: str = ""
    submit_time: int = field(default_factory=lambda: int(time.time()))
    start_time: int = 0
    finish_time: int = 0
    link: int = 0
    """Serial number of the links that work; older ones do not."""
    link_uses: int = 0
    told_at: float | None = None
    """When a query first answered with its end, in seconds since the epoch."""

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    def clip(self, index: int, base: str, seconds: float, *, videos: bool) -> dict[str, Any]:
        """One song as queries tell it; `base` is where this server is."""
        name, body, done = self.clips[index], self.body, self.status == "SUCCESS"
        audio = f"{base}/files/{name}.mp3?link={self.link}" if done else f"{base}/live/{name}.mp3"
        before = body.get("continue_clip_id")
        history = [{"id": before, "continue_at": body.get("continue_at")}] if before else None
        return {
            "id": name,
            "video_url": f"{base}/files/{name}.mp4?link={self.link}" if done and videos else "",
            "audio_url": audio if done or self.status == "IN_PROGRESS" else "",
            "image_url": f"{base}/files/{name}.png?link={self.link}" if self.status not in QUEUED else "",
            "image_large_url": f"{base}/files/large_{name}.png?link={self.link}" if self.status not in QUEUED else "",
            "is_video_pending": False,
            "major_model_version": "v3",
            "model_name": "chirp-v3",
            "is_liked": False,
            "user_id": "c9b0a2d2-8a0c-4f4d-9d0e-000000000000",
            "display_name": "SomebodyElse",
            "handle": "somebodyelse",
            "is_handle_updated": False,
            "is_trashed": False,
            "reaction": None,
            "created_at": "2026-11-27T12:00:00.000Z",
            "status": _CLIP_STATUS.get(self.status, "submitted"),
            "title": body.get("title") or "Paper Boat",
            "play_count": 0,
            "upvote_count": 0,
            "is_public": False,
            "metadata": {
                "tags": body.get("tags") or "folk, slow",
                "prompt": body.get("prompt") or _LYRICS,
                "gpt_description_prompt": body.get("gpt_description_prompt"),
                "audio_prompt_id": before,
                "history": history,
                "concat_history": None,
                "type": "gen",
                "duration": seconds if done else None,
                "refund_credits": None,
                "stream": True,
                "error_type": "generation_failed" if self.status == "FAILURE" else None,
                "error_message": self.fail_reason or None,
            },
        }

    def lyrics(self) -> dict[str, Any]:
        """What a task of lyrics made."""
        done = self.status == "SUCCESS"
        return {
            "id": self.task_id,
            "status": "complete" if done else "running",
            "title": "Paper Boat" if done else "",
            "text": _LYRICS if done else "",
        }


def objection(action: str, body: dict[str, Any], clips: frozenset[str]) -> tuple[str, str] | None:
    """Why the rules refuse a submission: (code, message). `clips` are those that there are."""
    if action == "LYRICS":
        said = None if body.get("prompt") else "prompt is empty"
    elif action == "CONCAT":
        said = None if body.get("clip_id") in clips else f"clip {body.get('clip_id')} not found"
    else:
        said = _objection_to_song(body, clips)
    return None if said is None else ("invalid_request", said)


def feed_error(relay: bool, message: str, status: int = 400, retry_after: int | None = None) -> web.StreamResponse:
    """An error in the form of generate and feed: a relay's, or SunoAI-API's, which says all with HTTP 500."""
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    body: Any = {"error": {"message": message, "type": "new_api_error"}} if relay else {"detail": message}
    code = status if relay else 500
    return web.Response(status=code, body=msgspec.json.encode(body), headers=headers | JSON)


def plain(data: Any) -> web.StreamResponse:
    """An answer without an envelope."""
    return web.Response(body=msgspec.json.encode(data), headers=JSON)


def _source_of(body: dict[str, Any]) -> Any:
    named = {"cover": "cover_clip_id", "artist_consistency": "artist_clip_id"}
    return body.get(named.get(str(body.get("task")), "continue_clip_id"))


def _objection_to_song(body: dict[str, Any], clips: frozenset[str]) -> str | None:
    model, source = str(body.get("mv") or "chirp-v3-0"), _source_of(body)
    goes_on = bool(body.get("continue_clip_id"))
    rules = (
        (model.startswith("chirp-"), f"mv {model} is not supported"),
        (any(body.get(one) for one in _SAYING), "prompt is empty"),
        (not source or body.get("task_id") or body.get("feed"), "task_id is empty"),
        (not source or source in clips, f"clip {source} not found"),
        (not goes_on or isinstance(body.get("continue_at"), int | float), "continue_at must be a number"),
    )
    return next((said for kept, said in rules if not kept), None)


def envelope(data: Any, code: str = "success", message: str = "") -> bytes:
    """The body of every answer."""
    return msgspec.json.encode({"code": code, "message": message, "data": data})


def answer(data: Any) -> web.StreamResponse:
    """An answer with status 200."""
    return web.Response(body=envelope(data), headers=JSON)


def error(
    code: str, message: str | None = None, *, status: int = 0, retry_after: int | None = None
) -> web.StreamResponse:
    """An error answer, with the status that goes with its code."""
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    body = envelope(None, code, f"error {code}" if message is None else message)
    return web.Response(status=status or STATUS_OF.get(code, 400), body=body, headers=headers | JSON)


def unauthorized(relay: bool) -> web.StreamResponse:
    """A wrong key, as new-api (`relay`) or Suno-API says it."""
    if not relay:
        return error("invalid_request", "unauthorized secret token", status=401)
    body = {"error": {"code": "", "message": "Invalid token", "type": "new_api_error"}}
    return web.Response(status=401, body=msgspec.json.encode(body), headers=JSON)


def spoiled(request: web.BaseRequest, fault: Fault) -> web.StreamResponse:
    """The answer of a fault that several places share."""
    return faults.spoiled(request, fault, _refused, b'{"code":"success","message":"","data":"0b8f')


def _refused(fault: Fault) -> web.StreamResponse:
    code = fault.code if isinstance(fault.code, str) else "invalid_request"
    return error(code, fault.message, status=fault.status or 0, retry_after=fault.retry_after)


@functools.cache
def mp3(seconds: float, pitch: float = 440.0) -> bytes:
    """A real MP3 of one tone."""
    import av

    rate, target = 44_100, io.BytesIO()
    with av.open(target, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=rate, layout="mono", options={"b": "64k"})
        for start in range(0, int(rate * seconds), 1152):
            count = min(1152, int(rate * seconds) - start)
            tone = (math.sin(2 * math.pi * pitch * (start + number) / rate) for number in range(count))
            samples = b"".join(int(8000 * one).to_bytes(2, "little", signed=True) for one in tone)
            frame = av.AudioFrame("s16p", "mono", count)
            frame.planes[0].update(samples + bytes(frame.planes[0].buffer_size - len(samples)))
            frame.rate, frame.pts = rate, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return target.getvalue()


@functools.cache
def png(side: int = 64) -> bytes:
    """A real picture."""
    from PIL import Image

    target = io.BytesIO()
    Image.new("RGB", (side, side), (40, 80, 120)).save(target, "PNG")
    return target.getvalue()
