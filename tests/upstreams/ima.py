"""A fake IMA over a real socket: pictures and videos in both styles, the true wire, faults and a journal."""

from __future__ import annotations

import asyncio
import base64
import threading
import time
from typing import Any, Final

import msgspec
from aiohttp import web

from tests.upstreams.clip import mp4
from tests.upstreams.faults import FOREVER, Entry, Fault, FaultyServer, Kind, hung_up, left, slowly
from tests.upstreams.ima_assets import FakeLibrary
from tests.upstreams.ima_jobs import (
    CREATES,
    DONE,
    FAILED,
    RUNNING,
    FakeTask,
    Style,
    answer,
    error,
    links_of,
    objection,
    spoiled,
    unauthorized,
)
from tests.upstreams.suno_jobs import png

__all__ = ["API_KEY", "FOREVER", "Entry", "FakeIma", "FakeTask", "Fault"]

API_KEY: Final = "sk-ima-key-of-the-tests-0123456789ab"
_TYPES: Final = {"mp4": "video/mp4", "png": "image/png"}


class FakeIma(FaultyServer):
    """`async with FakeIma() as fake`, or `with FakeIma().in_thread() as fake`; then `fake.base_url`.

    Tasks wait until the test moves them, or by themselves after `autofinish`. Nothing is known here by a name of the
    caller's. `wrapped`: videos in the SDKs' style come in the envelope too. `at_once`: pictures are in the answer to
    their create, as links or, where it is "base64", as files. `honest`: videos tell the length of their file, and not
    what was asked for.
    """

    def __init__(
        self, *, api_key: str = API_KEY, wrapped: bool = False, at_once: str = "", honest: bool = False
    ) -> None:
        super().__init__()
        self.api_key = api_key
        self.wrapped = wrapped
        self.at_once = at_once
        self.honest = honest
        self.library = FakeLibrary()
        self.queries = 0
        self.creates: list[dict[str, Any]] = []
        """The bodies of all creates, also of those that made nothing."""
        self.jobs: dict[str, FakeTask] = {}
        """By id, in the order of their creates."""
        self.max_parallel: int | None = None
        """More unfinished tasks than this are refused with 429."""
        self.link_uses: int | None = None
        """How often the link of a task works; a query after that hands out a new one."""
        self._auto: float | None = None
        self._lock = threading.Lock()

    # What tests do.

    def autofinish(self, seconds: float | None) -> None:
        """Tasks created from now on end after `seconds`; None stops that."""
        self._auto = seconds

    def begin(self, name: str | None = None, progress: int = 30) -> None:
        """Move one task, or all that have not ended, on to work."""
        self._move(name, RUNNING, progress)

    def finish(self, name: str | None = None) -> None:
        """Let one task, or all that have not ended, succeed."""
        self._move(name, DONE, 100)

    def fail(self, name: str | None = None, message: str = "the model gave up") -> None:
        """Let one task, or all that have not ended, fail."""
        self._move(name, FAILED, reason=message)

    # What it answers.

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path
        if path.startswith("/files/"):
            return await self._serve_file(request)
        if request.headers.get("authorization") != f"Bearer {self.api_key}":
            return unauthorized()
        if request.method == "POST":
            return await self._posted(request, path)
        where, _, name = path.removesuffix("/fetch").rpartition("/")
        style = "mj" if where == "/mj/task" else CREATES.get(where)
        if request.method == "GET" and style is not None:
            return await self._query(request, style, name)
        return error("not_found", f"Invalid URL ({request.method} {path})", status=404)

    async def _posted(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        if path in CREATES:
            return await self._create(request, CREATES[path])
        fault = await self.due_fault("upload")
        return spoiled(request, fault) if fault is not None else await self.library.handle(request)

    async def _create(self, request: web.BaseRequest, style: Style) -> web.StreamResponse:
        body = _json(await request.content.read())
        self.creates.append(body)
        if not await self.gates.passed("create"):
            self._note("dropped", None, detail="hold")
            return hung_up(request)
        fault = await self.due_fault("create")
        if fault and not fault.created and fault.act != "twice":
            response = spoiled(request, fault)
            refused = fault.act in ("refuse", "shape")
            self._note("refused" if refused else "dropped", None, response.status if refused else -1, fault.act)
            return response
        if refusal := self._refusal(style, body):
            self._note("refused", None, refusal.status)
            return refusal
        job = self._made(style, body)
        if fault and fault.act == "twice":
            self._made(style, body)
        elif fault:
            self._note("dropped", job, -1, fault.act)
            return spoiled(request, fault)
        if not await self.gates.passed("accepted"):
            self._note("dropped", job, detail="hold")
            return hung_up(request)
        if left(request):
            self._note("dropped", job, detail="left")
        return self._result(job) if self.at_once and style == "image" else answer(job.created(), wrapped=False)

    def _refusal(self, style: Style, body: dict[str, Any]) -> web.StreamResponse | None:
        if wrong := objection(style, body):
            return answer({"code": 4, "description": wrong}, wrapped=False) if style == "mj" else error("400", wrong)
        if style in ("videos", "content") and (wrong := self.library.objection(body["model"], links_of(body))):
            return error("400", wrong)
        running = sum(not job.ended for job in self.jobs.values())
        if self.max_parallel is not None and running >= self.max_parallel:
            return error("429", "too many running tasks", status=429, retry_after=1)
        return None

    def _result(self, job: FakeTask) -> web.StreamResponse:
        """The picture itself, as OpenAI answers."""
        self._move(job.task_id, DONE, 100)
        url = self._told(job)["url"]
        made = {"b64_json": base64.b64encode(png()).decode()} if self.at_once == "base64" else {"url": url}
        usage = {"input_tokens": 12, "output_tokens": 1290, "total_tokens": 1302}
        return answer({"created": job.created_at, "data": [made], "usage": usage}, wrapped=False)

    async def _query(self, request: web.BaseRequest, style: Style, name: str) -> web.StreamResponse:
        self.queries += 1
        if self.gates.any_closed and not await self.gates.passed("query"):
            return hung_up(request)
        fault = await self.due_fault("query") if self.faults else None
        job = self.jobs.get(name)
        if fault is not None and fault.act != "word":
            self._note("query", job, -1, fault.act)
            return spoiled(request, fault)
        if job is None or job.style != style:
            self._note("query", None, 404)
            return error("task_not_exist", "task not exist")
        self._note("query", job, 200)
        if job.ended and job.told_at is None and fault is None:
            job.told_at = time.time()
        told = self._told(job) | ({"status": fault.message} if fault else {})
        return answer(told, wrapped=style in ("image", "content") or (style == "videos" and self.wrapped))

    async def _serve_file(self, request: web.BaseRequest) -> web.StreamResponse:
        if not await self.gates.passed("file"):
            return hung_up(request)
        name, _, kind = request.path.rpartition("/")[2].rpartition(".")
        job = self.jobs.get(name)
        works = job is not None and job.link_uses > 0 and request.query.get("link") == str(job.link)
        if job is None or not works or kind not in _TYPES:
            self._note("download", job, 403)
            return web.Response(status=403, text="<Error><Code>AccessDenied</Code></Error>")
        job.link_uses -= 1
        fault = await self.due_fault("file")
        self._note("download", job, 200 if fault is None else 0, fault.act if fault else kind)
        content = png() if kind == "png" else mp4(64, 64, 1, None)
        if fault is None:
            return web.Response(body=content, headers={"content-type": _TYPES[kind]})
        if fault.act in ("cut", "drip"):
            return await slowly(request, content, fault, _TYPES[kind])
        if fault.act == "redirect":
            return web.Response(status=302, headers={"location": fault.message or "/"})
        return web.Response(status=fault.status or 403) if fault.act == "status" else spoiled(request, fault)

    # How.

    def _made(self, style: Style, body: dict[str, Any]) -> FakeTask:
        job = FakeTask(style, body)
        self.jobs[job.task_id] = job
        self._note("accepted", job, 200)
        if self._auto is not None:
            asyncio.get_running_loop().call_later(self._auto, self._move, job.task_id, DONE, 100)
        return job

    def _move(self, name: str | None, status: str, progress: int | None = None, reason: str = "") -> None:
        """Change one task, or all; what has ended stays as it is."""
        for job in list(self.jobs.values()) if name is None else [self.jobs[name]]:
            with self._lock:
                if not job.ended:
                    job.status, job.reason = status, reason
                    job.progress = job.progress if progress is None else progress

    def _told(self, job: FakeTask) -> dict[str, Any]:
        """The task as a query tells it, with a link that works."""
        if job.status == DONE and job.link_uses <= 0:
            job.link += 1
            job.link_uses = FOREVER if self.link_uses is None else self.link_uses
        told = job.told(self.base_url)
        for one in told.get("results", ()) if self.honest else ():
            one["duration"] = 1
        return told

    def _note(self, kind: Kind, job: FakeTask | None, code: int = 0, detail: str = "") -> None:
        self.journal.append(Entry(kind, job.task_id if job else None, None, code, detail, time.time()))


def _json(content: bytes) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return body if isinstance(body, dict) else {}
