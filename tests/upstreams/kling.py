"""A fake Kling over a real socket: the true wire, faults on demand, and a journal to count from."""

from __future__ import annotations

import asyncio
import functools
import itertools
import threading
import time
from typing import Any, Final

import msgspec
from aiohttp import web

from tests.upstreams.clip import mp4, wav
from tests.upstreams.faults import FOREVER, JSON, Entry, Fault, FaultyServer, Kind, hung_up, left, slowly
from tests.upstreams.kling_callbacks import Callbacks
from tests.upstreams.kling_faults import error, spoiled
from tests.upstreams.kling_jobs import FakeJob, envelope, unauthorized
from tests.upstreams.kling_operations import OPERATIONS
from tests.upstreams.kling_packs import Packs
from tests.upstreams.suno_jobs import mp3, png

__all__ = ["ACCESS_KEY", "API_KEY", "FOREVER", "SECRET_KEY", "Entry", "FakeJob", "FakeKling", "Fault"]

API_KEY: Final = "kling-api-key-of-the-tests"
ACCESS_KEY: Final = "access-key-of-the-tests"
SECRET_KEY: Final = "secret-key-of-the-tests-0123456789abcdef"
_PREFIX: Final = "/v1/"
_TYPES: Final = {"mp4": "video/mp4", "png": "image/png", "mp3": "audio/mpeg", "wav": "audio/wav"}


class FakeKling(FaultyServer):
    """`async with FakeKling() as fake`, or `with FakeKling().in_thread() as fake`; then `fake.base_url`.

    Jobs wait as `submitted` until the test moves them, or by themselves after `autofinish`. `video` is the width,
    height and seconds of the result, `file_bytes` its size where it should be larger than that takes. `honest`: results
    tell the length of the file, and not the one that was asked for.
    """

    def __init__(
        self,
        *,
        api_key: str = API_KEY,
        access_key: str = ACCESS_KEY,
        secret_key: str = SECRET_KEY,
        webhook_secret: str | None = None,
        video: tuple[int, int, int] = (64, 64, 1),
        file_bytes: int | None = None,
        journal_queries: bool = True,
        honest: bool = False,
    ) -> None:
        super().__init__()
        self.api_key, self.access_key, self.secret_key = api_key, access_key, secret_key
        self.file = mp4(*video, file_bytes)
        self.queries = 0
        """All of them, also those that `journal_queries` keeps out of the journal."""
        self.creates: list[bytes] = []
        """The bodies of all creates, byte for byte."""
        self.jobs: dict[str, FakeJob] = {}
        """By task id, in the order of their creation."""
        self.max_parallel: int | None = None
        """More unfinished jobs than this are refused with 1303."""
        self.link_uses: int | None = None
        """How often a result's link works; a query after that hands out a new one."""
        self.link_seconds: float | None = None
        self.missing = 1203
        """The code for a job that it does not know; the vendor's documents leave room for 1201 too."""
        self.packs = Packs()
        """What the account has; every job that succeeds deducts from it."""
        self._journal_queries = journal_queries
        self._seconds = str(video[2]) if honest else None
        self._by_handle: dict[str, FakeJob] = {}
        self._numbers = itertools.count(814570891207524415)
        self._auto: tuple[float, float] | None = None
        self._bearer = f"Bearer {api_key}"
        self._lock = threading.Lock()
        self._callbacks = Callbacks(webhook_secret, self._note)

    # What tests do.

    def autofinish(self, seconds: float | None, *, start: float | None = None) -> None:
        """Jobs created from now on begin after `start` (half of it) and succeed after `seconds`; None stops that."""
        self._auto = None if seconds is None else (seconds / 2 if start is None else start, seconds)

    def begin(self, name: str | None = None) -> None:
        """Move one job (by either id), or all that have not ended, to `processing`."""
        self._move(name, "processing")

    def finish(self, name: str | None = None) -> None:
        """Let one job, or all that have not ended, succeed."""
        self._move(name, "succeed")

    def fail(self, name: str | None = None, message: str = "the model gave up") -> None:
        """Let one job, or all that have not ended, fail."""
        self._move(name, "failed", message)

    def forget(self) -> None:
        """Know none of its jobs any more, by whatever name."""
        self.jobs.clear()
        self._by_handle.clear()

    # What it answers.

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path.removeprefix("/kling")
        if path.startswith("/files/"):
            return await self._serve_file(request, path)
        if path == "/account/costs" and request.method == "GET":
            return await self._costs(request)
        operation, name = _named(path)
        if not operation:
            return error(1202, "the path does not exist")
        if request.method == "POST" and not name:
            return await self._create(request, operation)
        if request.method == "GET":
            return await (self._query(request, operation, name) if name else self._list(request, operation))
        return error(1202, "the method is not supported")

    async def _create(self, request: web.BaseRequest, operation: str) -> web.StreamResponse:
        self.creates.append(await request.content.read())
        body = _json(self.creates[-1])
        handle = self._handle(operation, body)
        if not await self.gates.passed("create"):
            self._note("dropped", None, handle, detail="hold")
            return hung_up(request)
        fault = await self.due_fault("create")
        if fault and not fault.created and fault.act != "twice":
            refused = fault.act in ("refuse", "shape")
            code = int(fault.code) if fault.act == "refuse" else -1
            self._note("refused" if refused else "dropped", None, handle, code, fault.act)
            return spoiled(request, fault)
        if refusal := self._refusal(request, operation, body, handle):
            self._note("refused", None, handle, refusal[0])
            return error(*refusal)
        job = self._made(operation, body, handle)
        answer = envelope(0, "SUCCEED", self._found(job) if job.made in ("faces", "cutouts") else job.created())
        if fault and fault.act == "twice":
            self._made(operation, body, handle)
        elif fault:
            self._note("dropped", job, code=-1, detail=fault.act)
            return spoiled(request, fault)
        if not await self.gates.passed("accepted"):
            self._note("dropped", job, detail="hold")
            return hung_up(request)
        if left(request):
            self._note("dropped", job, detail="left")
        return web.Response(body=answer, headers=JSON)

    def _refusal(
        self, request: web.BaseRequest, operation: str, body: Any, handle: str | None
    ) -> tuple[int, str] | None:
        refusal = self._unauthorized(request) or self._objection(operation, body)
        if refusal is None and handle in self._by_handle:
            return 1201, f"external_task_id {handle} already exists"
        if refusal is None and self.max_parallel is not None:
            running = sum(not job.ended for job in self.jobs.values())
            return (1303, "parallel task over resource pack limit") if running >= self.max_parallel else None
        return refusal

    def _handle(self, _operation: str, body: Any) -> str | None:
        """What the caller calls the job."""
        return body.get("external_task_id") or None if isinstance(body, dict) else None

    def _objection(self, operation: str, body: Any) -> tuple[int, str] | None:
        return OPERATIONS[operation].objection(body)

    async def _query(self, request: web.BaseRequest, operation: str, name: str) -> web.StreamResponse:
        self.queries += 1
        if self.gates.any_closed and not await self.gates.passed("query"):
            return hung_up(request)
        fault = await self.due_fault("query") if self.faults else None
        if fault and fault.act != "word":
            self._note("query", None, name, -1, fault.act)
            return spoiled(request, fault)
        if refusal := self._unauthorized(request):
            self._note("query", None, name, refusal[0])
            return error(*refusal)
        job = self.jobs.get(name)
        if job is None and OPERATIONS[operation].named:
            job = self._by_handle.get(name)
        if job is None or job.path != operation:
            self._note("query", None, name, self.missing)
            return error(self.missing, f"task is not found by id {name}")
        if self._journal_queries:
            self._note("query", job)
        if fault:
            data = self._data(job) | {"task_status": fault.message}
            return web.Response(body=envelope(0, "SUCCEED", data), headers=JSON)
        if job.ended and job.told_at is None:
            job.told_at = time.time()
        return web.Response(body=self._answer(job), headers=JSON)

    async def _list(self, request: web.BaseRequest, operation: str) -> web.StreamResponse:
        self.queries += 1
        if self.gates.any_closed and not await self.gates.passed("query"):
            return hung_up(request)
        fault = await self.due_fault("list") or await self.due_fault("query")
        if fault and fault.act != "word":
            self._note("list", None, code=-1, detail=fault.act)
            return spoiled(request, fault)
        if refusal := self._unauthorized(request):
            return error(*refusal)
        page, size = int(request.query.get("pageNum", "1")), int(request.query.get("pageSize", "30"))
        if not (1 <= page <= 1000 and 1 <= size <= 500):
            return error(1201, "pageNum is in [1, 1000], pageSize in [1, 500]")
        self._note("list", None)
        jobs = [job for job in reversed(self.jobs.values()) if job.path == operation]
        jobs = jobs[(page - 1) * size : page * size]
        self.queries += len(jobs)  # it tells of each of them
        data = [self._data(job) | ({"task_status": fault.message} if fault else {}) for job in jobs]
        for job in jobs:
            if job.ended and job.told_at is None and not fault:
                job.told_at = time.time()
        return web.Response(body=envelope(0, "SUCCEED", data), headers=JSON)

    async def _costs(self, request: web.BaseRequest) -> web.StreamResponse:
        if fault := await self.due_fault("costs"):
            return spoiled(request, fault)
        if refusal := self._unauthorized(request):
            return error(*refusal)
        answer = self.packs.answer(request.query)
        return error(*answer) if isinstance(answer, tuple) else web.Response(body=answer, headers=JSON)

    async def _serve_file(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        if not await self.gates.passed("file"):
            return hung_up(request)
        name, _, form = path.removeprefix("/files/").partition(".")
        job = self.jobs.get(name.partition("-")[0])
        if job is None or not job.link_works or request.query.get("link") != str(job.link):
            self._note("download", job, code=403)
            return web.Response(status=403, text="<Error><Code>AccessDenied</Code></Error>")
        job.link_uses -= 1
        fault = await self.due_fault("file")
        if fault is None:
            self._note("download", job, code=200)
            return web.Response(body=self._content(form), headers={"content-type": _TYPES[form]})
        self._note("download", job, detail=fault.act)
        if fault.act in ("cut", "drip"):
            return await slowly(request, self._content(form), fault)
        if fault.act == "redirect":
            return web.Response(status=302, headers={"location": fault.message or "/"})
        return web.Response(status=fault.status or 403) if fault.act == "status" else spoiled(request, fault)

    # How.

    def _made(self, operation: str, body: dict[str, Any], handle: str | None) -> FakeJob:
        made = OPERATIONS[operation].made
        return self._kept(FakeJob(str(next(self._numbers)), handle, operation, body, made))

    def _kept(self, job: FakeJob) -> FakeJob:
        self.jobs[job.task_id] = job
        if job.handle:
            self._by_handle.setdefault(job.handle, job)
        self._note("accepted", job)
        if self._auto is not None:
            loop = asyncio.get_running_loop()
            for delay, status in zip(self._auto, ("processing", "succeed"), strict=True):
                loop.call_later(delay, self._move, job.task_id, status)
        return job

    def _move(self, name: str | None, status: str, message: str = "") -> None:
        """Change the status of one job, or of all; what has ended stays as it is."""
        jobs = list(self.jobs.values()) if name is None else [self.jobs.get(name) or self._by_handle[name]]
        for job in jobs:
            with self._lock:
                if job.ended or job.status == status:
                    continue
                job.status, job.message, job.updated_at = status, message, int(time.time() * 1000)
                job.answer = None
                if status == "succeed":
                    self.packs.deduct(job.units)
            if url := self._hook(job):
                self.soon(functools.partial(self._callbacks.send, job, url, self._data(job)))

    def _found(self, job: FakeJob) -> dict[str, Any]:
        """What a call answers at once; it can be asked about no more."""
        job.status, job.link, job.link_uses, job.link_until = "succeed", 1, FOREVER, float("inf")
        self.packs.deduct("0.05")
        return job.found(self.base_url)

    def _hook(self, job: FakeJob) -> str | None:
        """Where callbacks about it go."""
        url: str | None = job.body.get("callback_url")
        return url

    def _data(self, job: FakeJob) -> dict[str, Any]:
        """The job as queries and callbacks tell it, with a link that works."""
        if job.status == "succeed" and not job.link_works:
            job.link += 1
            job.link_uses = FOREVER if self.link_uses is None else self.link_uses
            job.link_until = float("inf") if self.link_seconds is None else time.time() + self.link_seconds
            job.answer = None
        return job.data(self.base_url, self._seconds)

    def _content(self, form: str) -> bytes:
        match form:
            case "png":
                return png()
            case "mp3":
                return mp3(1)
            case "wav":
                return wav(1)
        return self.file

    def _answer(self, job: FakeJob) -> bytes:
        if job.answer is None or (job.status == "succeed" and not job.link_works):
            data = self._data(job)
            job.answer = envelope(0, "SUCCEED", data)
        return job.answer

    def _unauthorized(self, request: web.BaseRequest) -> tuple[int, str] | None:
        header = request.headers.get("authorization")
        if header == self._bearer:
            return None
        return unauthorized(header, self.api_key, self.access_key, self.secret_key)

    def _note(
        self, kind: Kind, job: FakeJob | None, handle: str | None = None, code: int = 0, detail: str = ""
    ) -> None:
        task_id, handle = (job.task_id, job.handle) if job else (None, handle)
        self.journal.append(Entry(kind, task_id, handle, code, detail, time.time()))

    async def closing(self) -> None:
        await self._callbacks.close()


def _named(path: str) -> tuple[str, str]:
    """(operation, name of a job) in a path; no operation where there is none."""
    rest = path.removeprefix(_PREFIX) if path.startswith(_PREFIX) else ""
    found = max((one for one in OPERATIONS if rest == one or rest.startswith(f"{one}/")), key=len, default="")
    return found, rest[len(found) + 1 :]


def _json(content: bytes) -> Any:
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
