"""A fake Suno over a real socket, as new-api or as Suno-API serves it: the true wire, faults and a journal."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
import time
import uuid
from typing import Any, Final

import aiohttp
import msgspec
from aiohttp import web

from tests.upstreams.clip import mp4
from tests.upstreams.faults import FOREVER, JSON, Entry, Fault, FaultyServer, Kind, hung_up, left, slowly
from tests.upstreams.suno_jobs import (
    ENDED,
    QUEUED,
    FakeTask,
    answer,
    error,
    feed_error,
    mp3,
    objection,
    plain,
    png,
    spoiled,
    unauthorized,
)

__all__ = ["API_KEY", "FOREVER", "Entry", "FakeSuno", "FakeTask", "Fault"]

API_KEY: Final = "sk-suno-key-of-the-tests-0123456789ab"
_ACTIONS: Final = {"lyrics": "LYRICS", "concat": "CONCAT"}
_TYPES: Final = {"mp3": "audio/mpeg", "mp4": "video/mp4", "png": "image/png"}


class FakeSuno(FaultyServer):
    """`async with FakeSuno() as fake`, or `with FakeSuno().in_thread() as fake`; then `fake.base_url`.

    Tasks wait as SUBMITTED until the test moves them, or by themselves after `autofinish`. Every song comes twice, each
    with its tone and cover, and with a video where `videos` is set. Nothing is known here by a name of the caller's.
    `relay`: it answers as new-api does, else as Suno-API, which has lyrics done at once. `bare`: one task is asked for,
    and what it made is answered alone, as some versions of Suno-API do. The same jobs are made and asked about in the
    other form, generate and feed, where `relay` says whether a relay has it or SunoAI-API.
    """

    def __init__(
        self,
        *,
        api_key: str = API_KEY,
        relay: bool = True,
        seconds: float = 1.0,
        videos: bool = False,
        bare: bool = False,
        journal_queries: bool = True,
    ) -> None:
        super().__init__()
        self.api_key = api_key
        self.relay = relay
        self.seconds = seconds
        self.bare = bare
        self.queries = 0
        self.fetched: list[list[str]] = []
        """The ids of each request for many."""
        self.creates: list[dict[str, Any]] = []
        """The bodies of all submissions, also of those that made nothing."""
        self.jobs: dict[str, FakeTask] = {}
        """By id, in the order of their submission."""
        self.max_parallel: int | None = None
        """More unfinished tasks than this are refused with 429."""
        self.link_uses: int | None = None
        """How often the links of a task work; a query after that hands out new ones."""
        self.hidden: set[str] = set()
        """Tasks that a request for many leaves out of its answer."""
        self._videos = videos
        self._journal_queries = journal_queries
        self._auto: tuple[float, float] | None = None
        self._lock = threading.Lock()
        self._told: set[asyncio.Task[None]] = set()

    # What tests do.

    def autofinish(self, seconds: float | None, *, start: float | None = None) -> None:
        """Tasks submitted from now on begin after `start` (half of it) and end after `seconds`; None stops that."""
        self._auto = None if seconds is None else (seconds / 2 if start is None else start, seconds)

    def begin(self, name: str | None = None, progress: int = 30) -> None:
        """Move one task, or all that have not ended, to IN_PROGRESS; its songs stream from then on."""
        self._move(name, "IN_PROGRESS", progress)

    def finish(self, name: str | None = None) -> None:
        """Let one task, or all that have not ended, succeed."""
        self._move(name, "SUCCESS", 100)

    def fail(self, name: str | None = None, message: str = "the model gave up") -> None:
        """Let one task, or all that have not ended, fail."""
        self._move(name, "FAILURE", reason=message)

    # What it answers.

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path.startswith(("/files/", "/live/")):
            return await self._serve_file(request)
        if request.headers.get("authorization") != f"Bearer {self.api_key}":
            return unauthorized(self.relay)
        match request.method, *request.path.split("/")[1:]:
            case "POST", "suno", "submit", "music" | "lyrics" | "concat" as action:
                return await self._create(request, action.upper())
            case "POST", "suno", "fetch":
                return await self._fetch_many(request)
            case "GET", "suno", "fetch", name:
                return await self._fetch_one(request, name)
        return await self._other(request) or self._free(request)

    async def _other(self, request: web.BaseRequest) -> web.StreamResponse | None:
        """The form of generate and feed."""
        match request.method, *request.path.rstrip("/").split("/")[1:]:
            case "POST", "suno", "generate":
                return await self._create(request, "MUSIC", feed=True)
            case "POST", "suno", "generate", "description-mode" | "lyrics" | "concat" as action:
                return await self._create(request, _ACTIONS.get(action, "MUSIC"), feed=True)
            case "GET", "suno", "feed", names:
                return await self._feed(request, names.split(","))
            case "GET", "suno", "lyrics", name:
                return await self._lyrics(request, name)
        return None

    def _free(self, request: web.BaseRequest) -> web.StreamResponse:
        """What can be asked without a task."""
        match request.method, *request.path.split("/")[1:]:
            case "GET", "suno", "get_credits":
                return plain({"credits_left": 2500, "period": "month", "monthly_limit": 2500, "monthly_usage": 0})
            case "GET", "suno", "account" if not self.relay:
                return answer({"certificate": {"cookie": "secret-cookie", "credits_left": 2500}, "msg": ""})
            case "GET", "v1", "models" if self.relay:
                return web.Response(body=b'{"object":"list","data":[{"id":"suno_music"}]}', headers=JSON)
        return error("invalid_request", "invalid action", status=404 if self.relay else 400)

    async def _create(self, request: web.BaseRequest, action: str, *, feed: bool = False) -> web.StreamResponse:
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
        if refusal := self._refusal(action, body, feed):
            self._note("refused", None, refusal.status)
            return refusal
        job = self._made(action, body)
        if fault and fault.act == "twice":
            self._made(action, body)
        elif fault:
            self._note("dropped", job, -1, fault.act)
            return spoiled(request, fault)
        if not await self.gates.passed("accepted"):
            self._note("dropped", job, detail="hold")
            return hung_up(request)
        if left(request):
            self._note("dropped", job, detail="left")
        return plain(self._named(action, job)) if feed else answer(job.task_id)

    def _named(self, action: str, job: FakeTask) -> dict[str, Any]:
        """What the other form answers with: clips, the one clip, or the id of lyrics."""
        if action == "LYRICS":
            return {"id": job.task_id}
        clips = self._clips(job)
        return clips[0] if action == "CONCAT" else {"id": job.task_id, "clips": clips, "batch_size": 1}

    def _refusal(self, action: str, body: dict[str, Any], feed: bool) -> web.StreamResponse | None:
        clips = frozenset(name for job in self.jobs.values() if job.status == "SUCCESS" for name in job.clips)
        if wrong := objection(action, body | {"feed": feed}, clips):
            return feed_error(self.relay, wrong[1]) if feed else error(*wrong)
        running = sum(not job.ended for job in self.jobs.values())
        if self.max_parallel is not None and running >= self.max_parallel:
            if feed:
                return feed_error(self.relay, "too many running jobs", 429, 1)
            return error("invalid_request", "too many running jobs", status=429, retry_after=1)
        return None

    async def _fetch_one(self, request: web.BaseRequest, name: str) -> web.StreamResponse:
        fault = await self._questioned(request, name)
        if isinstance(fault, web.StreamResponse):
            return fault
        job = self.jobs.get(name)
        if job is None:
            self._note("query", None, 400)
            return error("task_not_exist" if self.relay else "invalid_request", "task not exist")
        self._asked(job, fault)
        told = self._data(job, fault)
        return answer(told["data"] if self.bare else told)

    async def _fetch_many(self, request: web.BaseRequest) -> web.StreamResponse:
        names = _json(await request.content.read()).get("ids")
        if not isinstance(names, list):
            return error("invalid_request", "ids must be a list")
        self.fetched.append(names)
        fault = await self._questioned(request, ",".join(names))
        if isinstance(fault, web.StreamResponse):
            return fault
        found = [self.jobs[name] for name in names if name in self.jobs and name not in self.hidden]
        for job in found:
            self._asked(job, fault)
        return answer([self._data(job, fault) for job in found])

    async def _feed(self, request: web.BaseRequest, names: list[str]) -> web.StreamResponse:
        """The clips that there are, in the order of their names here."""
        fault = await self._questioned(request, ",".join(names))
        if isinstance(fault, web.StreamResponse):
            return fault
        found: list[dict[str, Any]] = []
        for job in self.jobs.values():
            if not set(job.clips).isdisjoint(names) and job.task_id not in self.hidden:
                self._asked(job, fault)
                self._data(job)  # links that work
                found += [one for one in self._clips(job) if one["id"] in names]
        for clip in found if fault else ():
            clip["status"] = fault.message if fault else ""
        return plain(found)

    async def _lyrics(self, request: web.BaseRequest, name: str) -> web.StreamResponse:
        fault = await self._questioned(request, name)
        if isinstance(fault, web.StreamResponse):
            return fault
        job = self.jobs.get(name)
        if job is None:
            return feed_error(self.relay, "no such lyrics", 404)
        self._asked(job, fault)
        words = job.lyrics()
        return plain(words | ({"status": "error"} if job.status == "FAILURE" else {}))

    async def _questioned(self, request: web.BaseRequest, name: str) -> Fault | web.StreamResponse | None:
        """What is wrong with a query, as its answer; or the fault that bends what it tells."""
        self.queries += 1
        if self.gates.any_closed and not await self.gates.passed("query"):
            return hung_up(request)
        fault = await self.due_fault("query") if self.faults else None
        if fault is None or fault.act == "word":
            return fault
        self._note("query", self.jobs.get(name), -1, fault.act)
        return spoiled(request, fault)

    def _asked(self, job: FakeTask, fault: Fault | None) -> None:
        if self._journal_queries:
            self._note("query", job, 200)
        if job.ended and job.told_at is None and fault is None:
            job.told_at = time.time()

    async def _serve_file(self, request: web.BaseRequest) -> web.StreamResponse:
        if not await self.gates.passed("file"):
            return hung_up(request)
        folder, _, name = request.path[1:].partition("/")
        name, _, kind = name.removeprefix("large_").rpartition(".")
        job = next((one for one in self.jobs.values() if name in one.clips), None)
        works = job is not None and job.link_uses > 0 and request.query.get("link") == str(job.link)
        if job is None or folder == "live" or not works or kind not in _TYPES:
            self._note("download", job, 403, folder)
            return web.Response(status=403, text="<Error><Code>AccessDenied</Code></Error>")
        job.link_uses -= 1
        content = mp3(self.seconds) if kind == "mp3" else png() if kind == "png" else mp4(64, 64, 1, None)
        fault = await self.due_fault("file")
        self._note("download", job, 200 if fault is None else 0, fault.act if fault else kind)
        if fault is None:
            return web.Response(body=content, headers={"content-type": _TYPES[kind]})
        if fault.act in ("cut", "drip"):
            return await slowly(request, content, fault, _TYPES[kind])
        if fault.act == "redirect":
            return web.Response(status=302, headers={"location": fault.message or "/"})
        return web.Response(status=fault.status or 403) if fault.act == "status" else spoiled(request, fault)

    # How.

    def _made(self, action: str, body: dict[str, Any]) -> FakeTask:
        clips = tuple(str(uuid.uuid4()) for _ in range({"MUSIC": 2, "CONCAT": 1}.get(action, 0)))
        job = FakeTask("LYRICS" if action == "LYRICS" else "MUSIC", body, clips=clips)
        self.jobs[job.task_id] = job
        self._note("accepted", job, 200)
        if action == "LYRICS" and not self.relay:
            self._move(job.task_id, "SUCCESS", 100)
        elif self._auto is not None:
            loop = asyncio.get_running_loop()
            loop.call_later(self._auto[0], self._move, job.task_id, "IN_PROGRESS", 50)
            loop.call_later(self._auto[1], self._move, job.task_id, "SUCCESS", 100)
        return job

    def _move(self, name: str | None, status: str, progress: int | None = None, reason: str = "") -> None:
        """Change one task, or all; what has ended stays as it is."""
        for job in list(self.jobs.values()) if name is None else [self.jobs[name]]:
            with self._lock:
                if job.ended:
                    continue
                now = int(time.time())
                job.status, job.fail_reason = status, reason
                job.progress = job.progress if progress is None else progress
                job.start_time = job.start_time or now
                job.finish_time = now if status in ENDED else 0
            if status in ENDED and (url := job.body.get("notify_hook")):
                self.soon(functools.partial(self._tell, job, url))

    def _data(self, job: FakeTask, fault: Fault | None = None) -> dict[str, Any]:
        """The task as queries and callbacks tell it, with links that work."""
        if job.status == "SUCCESS" and job.link_uses <= 0:
            job.link += 1
            job.link_uses = FOREVER if self.link_uses is None else self.link_uses
        made: Any = job.lyrics() if job.action == "LYRICS" else self._clips(job)
        if self.relay and job.status in QUEUED:
            made = None
        told: dict[str, Any] = {
            "task_id": job.task_id,
            "action": job.action,
            "status": fault.message if fault else job.status,
            "fail_reason": job.fail_reason,
            "submit_time": job.submit_time,
            "start_time": job.start_time,
            "finish_time": job.finish_time,
            "data": made,
        }
        ours = {"progress": f"{job.progress}%"} if self.relay else {"id": 7, "search_item": ""}
        return told | ours

    def _clips(self, job: FakeTask) -> list[dict[str, Any]]:
        return [job.clip(index, self.base_url, self.seconds, videos=self._videos) for index in range(len(job.clips))]

    def _tell(self, job: FakeTask, url: str) -> None:
        task = asyncio.create_task(self._post(job, url))
        self._told.add(task)
        task.add_done_callback(self._told.discard)

    async def _post(self, job: FakeTask, url: str) -> None:
        """Tell `url` of the end of a task, once."""
        status = 0
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            patience, body = aiohttp.ClientTimeout(total=5.0), msgspec.json.encode(self._data(job))
            async with (
                aiohttp.ClientSession(timeout=patience) as session,
                session.post(url, data=body, headers=JSON) as got,
            ):
                status = got.status
        self._note("callback", job, status, job.status)

    def _note(self, kind: Kind, job: FakeTask | None, code: int = 0, detail: str = "") -> None:
        self.journal.append(Entry(kind, job.task_id if job else None, None, code, detail, time.time()))

    async def closing(self) -> None:
        if self._told:
            await asyncio.wait(list(self._told), timeout=5.0)


def _json(content: bytes) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return body if isinstance(body, dict) else {}
