"""Fake Midjourney proxies over a real socket: the original, one as Plus and trueai's are, and new-api's front; with the
true wire of each, faults and a journal."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
import time
from collections.abc import Sequence
from typing import Any, Final

import aiohttp
import msgspec
from aiohttp import web

from tests.upstreams.clip import mp4
from tests.upstreams.faults import FOREVER, JSON, Entry, Fault, FaultyServer, Kind, hung_up, left, slowly
from tests.upstreams.midjourney_jobs import (
    BANNED,
    ENDED,
    EXISTED,
    FULL,
    GRIDS,
    QUEUED,
    SERVED,
    SUCCESS,
    TEXTS,
    VALIDATION,
    FakeTask,
    Flavour,
    action_of,
    named,
    objection,
    opens_window,
    png,
    refused,
    spoiled,
    submitted,
    unauthorized,
)

__all__ = ["API_KEY", "FOREVER", "Entry", "FakeMidjourney", "FakeTask", "Fault", "Flavour"]

API_KEY: Final = "mj-secret-of-the-tests-0123456789ab"
_PAGE: Final = "<!doctype html><html><head><title>New API</title></head><body></body></html>"


class FakeMidjourney(FaultyServer):
    """`async with FakeMidjourney() as fake`, or `with FakeMidjourney().in_thread() as fake`; then `fake.base_url`.

    Tasks wait as SUBMITTED until the test moves them, or by themselves after `autofinish`. A task that makes four
    pictures has one picture of all of them; `plus` shows them one by one too where `apart` is set. `new-api` passes
    `notifyHook` on where `notifies` is set. Where `remix` is set, any variation asks for a modal; new-api makes a 1 of
    such an answer.
    """

    def __init__(
        self,
        flavour: Flavour = "plus",
        *,
        api_key: str = API_KEY,
        apart: bool = True,
        notifies: bool = True,
        remix: bool = False,
        journal_queries: bool = True,
    ) -> None:
        super().__init__()
        self.flavour = flavour
        self.api_key = api_key
        self.apart = apart and flavour == "plus"
        self.notifies = notifies
        self.remix = remix
        self.queries = 0
        self.fetched: list[list[str]] = []
        """The ids of each request for many."""
        self.lists = 0
        """How often the list of all tasks was asked for."""
        self.creates: list[tuple[str, dict[str, Any]]] = []
        """Path and body of all submissions, also of those that made nothing."""
        self.jobs: dict[str, FakeTask] = {}
        """By id, in the order of their submission; windows that wait for a modal are among them."""
        self.max_parallel: int | None = None
        """More unfinished tasks than this are refused: the queue is full."""
        self.queueing = False
        """Submissions are answered as queued."""
        self.link_uses: int | None = None
        """How often the links of a task work; a query after that hands out new ones."""
        self.hidden: set[str] = set()
        """Tasks that a request for many leaves out of its answer."""
        self._journal_queries = journal_queries
        self._auto: tuple[float, float] | None = None
        self._lock = threading.Lock()
        self._told: set[asyncio.Task[None]] = set()

    # What tests do.

    def autofinish(self, seconds: float | None, *, start: float | None = None) -> None:
        """Tasks submitted from now on begin after `start` (half of it) and end after `seconds`; None stops that."""
        self._auto = None if seconds is None else (seconds / 2 if start is None else start, seconds)

    def begin(self, name: str | None = None, progress: int = 30) -> None:
        """Move one task, or all that have not ended, to IN_PROGRESS, with a preview of what it makes."""
        self._move(name, "IN_PROGRESS", f"{progress}%")

    def finish(self, name: str | None = None) -> None:
        """Let one task, or all that have not ended, succeed."""
        self._move(name, "SUCCESS", "100%")

    def fail(self, name: str | None = None, message: str = "the model gave up") -> None:
        """Let one task, or all that have not ended, fail."""
        self._move(name, "FAILURE", "", message)

    # What it answers.

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        mode, _, rest = request.path.partition("/mj/")
        if request.path.startswith("/files/") or (self.flavour == "new-api" and rest.startswith("image/")):
            return await self._serve_file(request)
        if not self._knows(request):
            return unauthorized(self.flavour)
        modes = () if self.flavour == "original" else ("/mj-fast", "/mj-relax", "/mj-turbo")
        steps = rest.split("/") if mode in ("", *modes) else ()
        match request.method, *steps:
            case "POST", "submit" | "insight-face", what if self.flavour in SERVED.get(what, ()):
                return await self._create(request, what, mode.removeprefix("/mj-"))
            case "POST", "task", "list-by-condition":
                return await self._fetch_many(request)
        return await self._about(request, steps)

    async def _about(self, request: web.BaseRequest, steps: Sequence[str]) -> web.StreamResponse:
        """What is asked about tasks by GET, and what stops one."""
        match request.method, *steps:
            case "GET", "task", "list" if self.flavour != "new-api":
                return await self._list(request)
            case "GET", "task", name, "fetch":
                return await self._fetch_one(request, name)
            case "POST", "task", name, "cancel" if self.flavour == "plus":
                return self._cancel(name)
        return web.Response(text=_PAGE, content_type="text/html") if self.flavour == "new-api" else _nowhere()

    def _knows(self, request: web.BaseRequest) -> bool:
        if self.flavour == "plus" and "authorization" in request.headers:
            return request.headers["authorization"] == self.api_key
        return request.headers.get("mj-api-secret") == self.api_key

    async def _create(self, request: web.BaseRequest, path: str, mode: str) -> web.StreamResponse:
        body = _json(await request.content.read())
        self.creates.append((request.path, body))
        if not await self.gates.passed("create"):
            self._note("dropped", None, detail="hold")
            return hung_up(request)
        fault = await self.due_fault("create")
        if fault and not fault.created and fault.act != "twice":
            response = spoiled(request, fault, self.flavour)
            no = fault.act in ("refuse", "shape")
            self._note("refused" if no else "dropped", None, response.status if no else -1, fault.act)
            return response
        if (other := self._refusal(path, body)) is not None:
            self._note("refused", None, other.status)
            return other
        if (other := self._no_job(body, mode)) is not None:
            return other
        job = self._confirmed(body) if path == "modal" else self._made(path, body, mode)
        if fault and fault.act == "twice":
            self._made(path, body, mode)
        elif fault:
            self._note("dropped", job, -1, fault.act)
            return spoiled(request, fault, self.flavour)
        return await self._accepted(request, job)

    async def _accepted(self, request: web.BaseRequest, job: FakeTask) -> web.StreamResponse:
        if not await self.gates.passed("accepted"):
            self._note("dropped", job, detail="hold")
            return hung_up(request)
        if left(request):
            self._note("dropped", job, detail="left")
        if self.queueing and self.flavour != "new-api":  # which makes it a 1
            return submitted(QUEUED, "排队中，前面还有1个任务", job.task_id, numberOfQueues=1)
        return submitted(SUCCESS, "提交成功", job.task_id)

    def _no_job(self, body: dict[str, Any], mode: str) -> web.StreamResponse | None:
        """The answer to what makes no job: an upscale that there is already, a button that opens a window."""
        if self.flavour == "original" and (old := self._same(body)):
            return submitted(EXISTED, "任务已存在", old.task_id, status=old.status, imageUrl=None)
        custom_id = str(body.get("customId") or "")
        opens, remixed = opens_window(custom_id), "variation" in custom_id and (self.remix or body.get("enableRemix"))
        if not opens and not remixed:
            return None
        window = self._window(body, mode)
        code = EXISTED if opens or self.flavour != "new-api" else SUCCESS
        return submitted(code, "Waiting for window confirm", window.task_id, remix=True, finalPrompt="")

    def _refusal(self, path: str, body: dict[str, Any]) -> web.StreamResponse | None:
        if wrong := objection(path, body, self.jobs):
            return refused(self.flavour, *wrong, word="nude" if wrong[0] == BANNED else "")
        running = sum(not job.ended and job.status != "MODAL" for job in self.jobs.values())
        if self.max_parallel is not None and running >= self.max_parallel:
            return refused(
                self.flavour, 30 if self.flavour == "new-api" else FULL, "队列已满，请稍后尝试", retry_after=1
            )
        return None

    def _same(self, body: dict[str, Any]) -> FakeTask | None:
        """The upscale of the same picture that there is already."""
        wanted = (body.get("taskId"), body.get("index")) if body.get("action") == "UPSCALE" else None
        upscales = (job for job in self.jobs.values() if job.action == "UPSCALE")
        return next((one for one in upscales if (one.parent, one.body.get("index")) == wanted), None)

    async def _fetch_one(self, request: web.BaseRequest, name: str) -> web.StreamResponse:
        fault = await self._questioned(request, name)
        if isinstance(fault, web.StreamResponse):
            return fault
        job = self.jobs.get(name)
        if job is None:
            self._note("query", None, 400)
            if self.flavour == "new-api":
                return refused(self.flavour, VALIDATION, "task_no_found")
            return web.Response(status=200 if self.flavour == "original" else 204)
        self._asked(job, fault)
        return _answer(self._data(job, fault))

    async def _fetch_many(self, request: web.BaseRequest) -> web.StreamResponse:
        names = _json(await request.content.read()).get("ids") or []
        self.fetched.append(names)
        fault = await self._questioned(request, ",".join(names))
        if isinstance(fault, web.StreamResponse):
            return fault
        found = [self.jobs[name] for name in names if name in self.jobs and name not in self.hidden]
        for job in found:
            self._asked(job, fault)
        return _answer([self._data(job, fault) for job in found])

    async def _list(self, request: web.BaseRequest) -> web.StreamResponse:
        self.lists += 1
        fault = await self.due_fault("list")
        if fault is not None:
            return spoiled(request, fault, self.flavour)
        return _answer([self._data(job) for job in reversed(self.jobs.values())][:100])

    def _cancel(self, name: str) -> web.StreamResponse:
        if name in self.jobs:
            self._note("deleted", self.jobs[name])
            self._move(name, "FAILURE", "", "取消任务")
        return web.Response()

    async def _questioned(self, request: web.BaseRequest, name: str) -> Fault | web.StreamResponse | None:
        """What is wrong with a query, as its answer; or the fault that bends what it tells."""
        self.queries += 1
        if self.gates.any_closed and not await self.gates.passed("query"):
            return hung_up(request)
        fault = await self.due_fault("query") if self.faults else None
        if fault is None or fault.act == "word":
            return fault
        self._note("query", self.jobs.get(name), -1, fault.act)
        return spoiled(request, fault, self.flavour)

    def _asked(self, job: FakeTask, fault: Fault | None) -> None:
        if self._journal_queries:
            self._note("query", job, 200)
        if job.ended and job.told_at is None and fault is None:
            job.told_at = time.time()

    async def _serve_file(self, request: web.BaseRequest) -> web.StreamResponse:
        """`/files/{id}-{which}.{png|mp4}`, or new-api's `/mj/image/{id}`."""
        if not await self.gates.passed("file"):
            return hung_up(request)
        name, _, which = request.path.rpartition("/")[2].partition("-")
        job = self.jobs.get(name)
        ours = request.path.startswith("/mj/")
        works = job is not None and (ours or (job.link_uses > 0 and request.query.get("link") == str(job.link)))
        if job is None or not works:
            self._note("download", job, 403, which)
            return web.Response(status=403, text="This content is no longer available.")
        if not ours:
            job.link_uses -= 1
        fault = await self.due_fault("file")
        self._note("download", job, 200 if fault is None else 0, fault.act if fault else which)
        content, kind = self._file(job, which)
        if fault is None:
            return web.Response(body=content, headers={"content-type": kind})
        if fault.act in ("cut", "drip"):
            return await slowly(request, content, fault, kind)
        if fault.act == "redirect":
            return web.Response(status=302, headers={"location": fault.message or "/"})
        return web.Response(status=fault.status or 403) if fault.act == "status" else spoiled(request, fault, "plus")

    def _file(self, job: FakeTask, which: str) -> tuple[bytes, str]:
        part, _, form = which.partition(".")
        if form == "mp4":
            return mp4(64, 64, 1, None), "video/mp4"
        small = part.isdecimal()
        return png(32 if small else 64, 10 * int(part) if small else 0), "image/png"

    # How.

    def _made(self, path: str, body: dict[str, Any], mode: str) -> FakeTask:
        custom_id = body.get("customId")
        action = (
            action_of(custom_id) if custom_id else str(body.get("action") or "").upper() if path == "change" else ""
        )
        parent = self.jobs.get(str(body.get("taskId")))
        prompt = str(body.get("prompt") or (parent.prompt if parent else ""))
        job = FakeTask(action or named(path), body, prompt, mode, parent.task_id if parent else None, custom_id)
        if self.flavour == "new-api":
            job.status = ""
        self.jobs[job.task_id] = job
        self._set_off(job)
        return job

    def _window(self, body: dict[str, Any], mode: str) -> FakeTask:
        """A task that waits for its modal: no job yet."""
        custom_id, parent = str(body["customId"]), self.jobs[str(body["taskId"])]
        window = FakeTask(action_of(custom_id), body, parent.prompt, mode, parent.task_id, custom_id, status="MODAL")
        self.jobs[window.task_id] = window
        return window

    def _confirmed(self, body: dict[str, Any]) -> FakeTask:
        """The task of a window, once its modal is there: the same."""
        job = self.jobs[str(body["taskId"])]
        job.window, job.prompt, job.status = body, str(body.get("prompt") or job.prompt), "SUBMITTED"
        self._set_off(job)
        return job

    def _set_off(self, job: FakeTask) -> None:
        self._note("accepted", job, 200)
        if self._auto is not None:
            loop = asyncio.get_running_loop()
            loop.call_later(self._auto[0], self._move, job.task_id, "IN_PROGRESS", "50%")
            loop.call_later(self._auto[1], self._move, job.task_id, "SUCCESS", "100%")

    def _move(self, name: str | None, status: str, progress: str, reason: str | None = None) -> None:
        """Change one task, or all but windows; what has ended stays as it is."""
        for job in list(self.jobs.values()) if name is None else [self.jobs[name]]:
            with self._lock:
                if job.ended or (name is None and job.status == "MODAL"):
                    continue
                now = int(time.time() * 1000)
                job.status, job.fail_reason, job.progress = status, reason, progress
                job.start_time = job.start_time or now
                job.finish_time = now if status in ENDED else 0
            if job.hook and (self.flavour != "new-api" or self.notifies):
                self.soon(functools.partial(self._tell, job, job.hook))

    def _data(self, job: FakeTask, fault: Fault | None = None) -> dict[str, Any]:
        """The task as queries and callbacks tell it, with links that work."""
        if job.status in ("SUCCESS", "IN_PROGRESS") and job.link_uses <= 0:
            job.link += 1
            job.link_uses = FOREVER if self.link_uses is None else self.link_uses
        done = job.status == "SUCCESS"
        final = job.text() if done and job.action in TEXTS else job.prompt
        told: dict[str, Any] = {
            "id": job.task_id,
            "action": job.action,
            "status": fault.message if fault else job.status,
            "prompt": final if job.action == "DESCRIBE" else job.prompt,
            "promptEn": job.prompt,
            "description": f"/{job.action.lower()} {job.prompt}",
            "state": "" if self.flavour == "new-api" else job.body.get("state"),
            "submitTime": job.submit_time,
            "startTime": job.start_time,
            "finishTime": job.finish_time,
            "progress": job.progress,
            "imageUrl": self._picture(job),
            "failReason": job.fail_reason,
            "properties": {
                "finalPrompt": final,
                "notifyHook": job.hook,
                "discordInstanceId": "1118138338562560102",
                "messageHash": job.hash,
                "flags": 0,
            },
        }
        return told if self.flavour == "original" else told | self._more(job, done)

    def _picture(self, job: FakeTask) -> str | None:
        """What it has made, or as far as that is, as one picture."""
        if job.status not in ("SUCCESS", "IN_PROGRESS") or job.video or job.action == "SHORTEN":
            return None
        if self.flavour == "new-api":
            return f"{self.base_url}/mj/image/{job.task_id}" + ("" if job.status == "SUCCESS" else "?rand=1")
        return self._url(job, "grid.png" if job.status == "SUCCESS" else "preview.png")

    def _more(self, job: FakeTask, done: bool) -> dict[str, Any]:
        """What all but the original tell beside that."""
        buttons = job.buttons() if done else []
        more: dict[str, Any] = {
            "buttons": [{"customId": one, "emoji": "", "label": "", "type": 2, "style": 2} for one in buttons],
            "videoUrl": None,
        }
        if job.video and done:
            clips = [self._url(job, f"{number}.mp4") for number in range(int(job.body.get("batchSize") or 4))]
            more |= {"videoUrl": clips[0], "videoUrls": [{"url": one, "thumbnail": None} for one in clips]}
        if self.flavour == "plus":
            more |= {"botType": job.body.get("botType") or "MID_JOURNEY", "mode": job.mode.upper() or None}
            more |= {"seed": "1234567890" if done else None, "parentId": job.parent}
        if self.apart and done and job.action in GRIDS:
            four = [self._url(job, f"{number}.png") for number in range(4)]
            more["imageUrls"] = [{"url": one, "thumbnail": None} for one in four]
        return more

    def _url(self, job: FakeTask, which: str) -> str:
        return f"{self.base_url}/files/{job.task_id}-{which}?link={job.link}"

    def _tell(self, job: FakeTask, url: str) -> None:
        task = asyncio.create_task(self._post(job, url))
        self._told.add(task)
        task.add_done_callback(self._told.discard)

    async def _post(self, job: FakeTask, url: str) -> None:
        """Tell `url` of a change of a task, once."""
        status, word = 0, job.status
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            patience, body = aiohttp.ClientTimeout(total=30.0), msgspec.json.encode(self._data(job))
            async with (
                aiohttp.ClientSession(timeout=patience) as session,
                session.post(url, data=body, headers=JSON) as got,
            ):
                status = got.status
        self._note("callback", job, status, word)

    def _note(self, kind: Kind, job: FakeTask | None, code: int = 0, detail: str = "") -> None:
        handle = job.body.get("state") if job else None
        self.journal.append(Entry(kind, job.task_id if job else None, handle, code, detail, time.time()))

    async def closing(self) -> None:
        if self._told:
            await asyncio.wait(list(self._told), timeout=5.0)


def _answer(data: Any) -> web.StreamResponse:
    return web.Response(body=msgspec.json.encode(data), headers=JSON)


def _nowhere() -> web.StreamResponse:
    said = {"timestamp": "2026-11-27T12:00:00.000+00:00", "status": 404, "error": "Not Found"}
    return web.Response(status=404, body=msgspec.json.encode(said), headers=JSON)


def _json(content: bytes) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return body if isinstance(body, dict) else {}
