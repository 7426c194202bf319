"""A fake relay: OpenAI's videos in the unified form, in new-api's, and as a chat, over a real socket, with the faults
and the journal of the fake OpenAI. What it does not serve it answers as new-api does."""

from __future__ import annotations

import time
from typing import Any, Final, Literal

import msgspec
from aiohttp import web

from tests.upstreams.faults import JSON
from tests.upstreams.openai_jobs import FakeVideo, Part, answer, error
from tests.upstreams.openai_videos import API_KEY, FakeOpenAI

__all__ = ["API_KEY", "FORMS", "FakeRelay", "Form"]

Form = Literal["official", "unified", "new-api", "chat"]
FORMS: Final[tuple[Form, ...]] = ("official", "unified", "new-api", "chat")
_CREATES: Final = {"/v1/video/create": "unified", "/v1/video/generations": "new-api", "/v1/chat/completions": "chat"}
_CAPITALS: Final = {"queued": "QUEUED", "in_progress": "IN_PROGRESS", "completed": "SUCCESS", "failed": "FAILURE"}
_DETAILED: Final = {"queued": "pending", "in_progress": "processing"}


class FakeRelay(FakeOpenAI):
    """Serves `serves`, and answers in the first of them. `broken_chat` ends every chat before its link."""

    def __init__(self, *serves: Form, **more: Any) -> None:
        super().__init__(**{"links": True} | more)
        self.serve(*(serves or FORMS))
        self.broken_chat = False
        self.asked: list[str] = []
        """The paths of all questions, in their order."""

    def serve(self, *forms: Form) -> None:
        """Serve these from now on, and answer in the first of them; a chat ends by itself, for nothing moves it."""
        self.serves = forms
        self._synchronous = forms[0] == "chat"
        self.autofinish(0.0 if self._synchronous else None)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path, method = request.path, request.method
        if method == "GET" and not path.startswith("/files/"):
            self.asked.append(request.path_qs)
        if self._official(path) or request.headers.get("authorization") != f"Bearer {self.api_key}":
            return await super().handle(request)
        if method == "POST" and _CREATES.get(path) in self.serves:
            return await self._create(request)
        if method == "GET" and path == "/v1/video/query" and "unified" in self.serves:
            return await self._query(request, request.query.get("id", ""))
        if method == "GET" and path.startswith("/v1/video/generations/") and "new-api" in self.serves:
            return await self._query(request, path.rpartition("/")[2])
        return error("", f"Invalid URL ({method} {path})", status=404)

    def _official(self, path: str) -> bool:
        """Whether a path is as OpenAI has it: such relays have those of files and of what follows up whatever their
        form."""
        videos = path == "/v1/videos" or path.startswith("/v1/videos/")
        everywhere = path == "/v1/models" or path.startswith(("/files/", "/sora/", "/v1/videos/characters"))
        everywhere = everywhere or path.endswith(("/remix", "/content", "/edits", "/extensions"))
        return everywhere or (videos and "official" in self.serves)

    def _refusal(
        self, fields: dict[str, Any], files: list[tuple[str, Part]], source: str | None
    ) -> web.StreamResponse | None:
        if source is not None or "video[id]" in fields or files or self.serves[0] == "official":
            return super()._refusal(fields, files, source)
        known = {"model": fields.get("model"), "prompt": fields.get("prompt") or fields.get("messages")}
        return super()._refusal(known, [], None)

    def created(self, job: FakeVideo) -> web.StreamResponse:
        match self.serves[0]:
            case "unified":
                return answer({"id": job.id, "status": "pending", "status_update_time": int(time.time() * 1000)})
            case "new-api":
                return answer({"id": job.id, "task_id": job.id, "object": "video", "status": "queued"})
            case "chat":
                return self._chat(job)
        return super().created(job)

    def told(self, job: FakeVideo, word: str | None) -> dict[str, Any]:
        official = super().told(job, word)
        match self.serves[0]:
            case "unified":
                return self._detailed(job, official)
            case "new-api":
                return self._task(job, official)
        return official

    def absent(self, name: str) -> web.StreamResponse:
        if self.serves[0] == "official":
            return super().absent(name)
        body = {"code": "task_not_exist", "message": "task_not_exist", "data": None}
        return web.Response(status=400, body=msgspec.json.encode(body), headers=JSON)

    def _detailed(self, job: FakeVideo, official: dict[str, Any]) -> dict[str, Any]:
        """The `detail` form: at work, the relay's own word lags behind that of the vendor behind it."""
        said = official["status"]
        pending = {"id": job.id, "status": _DETAILED.get(said, said), "progress_pct": job.progress / 100}
        reason = (job.error or {}).get("message")
        detail = {"id": job.id, "status": "pending", "pending_info": pending | {"failure_reason": reason}}
        word = "pending" if said in _DETAILED else said
        return {"id": job.id, "status": word, "video_url": official.get("video_url"), "detail": detail}

    def _task(self, job: FakeVideo, official: dict[str, Any]) -> dict[str, Any]:
        """new-api's task in its envelope; its `id` is the number of a row."""
        said = official["status"]
        task = {
            "id": 7,
            "task_id": job.id,
            "status": _CAPITALS.get(said, said),
            "progress": f"{job.progress}%",
            "fail_reason": (job.error or {}).get("message", ""),
            "result_url": official.get("url", ""),
            "data": {"id": "upstream-1", "status": "whatever"},
        }
        return {"code": "success", "message": "", "data": task}

    def _chat(self, job: FakeVideo) -> web.StreamResponse:
        """Lines of progress, and the link at the end."""
        lines = [
            f"> ID: `{job.id}`\n",
            f"[数据预览]({self.base_url}/web/{job.id})\n",
            "> 生成中.\n",
            "> 🏃 进度 76..\n",
        ]
        if job.status == "completed" and not self.broken_chat:
            lines += ["> 生成完成 ✅\n", f"[点击这里]({self._data(job, linked=True)['url']})\n"]
        elif job.status == "failed":
            lines.append(f"> 生成失败 ❌ {(job.error or {}).get('message')}\n")
        chunks = [{"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"content": one}}]} for one in lines]
        chunks.append({"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        events = [b"data: " + msgspec.json.encode(one) + b"\n\n" for one in chunks]
        body = b"".join([*events, b"data: [DONE]\n\n"])
        return web.Response(body=body, headers={"content-type": "text/event-stream"})
