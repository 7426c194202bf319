"""A fake BizyAir over a real socket: the true wire of its apps and its ModelZoo, in China and abroad, faults and a
journal. Written from public documents and captures; what they leave open is a guess, and says so where it stands."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import threading
import time
from typing import Any, Final, Literal

import aiohttp
import msgspec
from aiohttp import web

from tests.upstreams.bizyair_jobs import (
    API_KEY,
    BOOK,
    CLIP,
    ENDED,
    MODELS,
    PAGE,
    TYPES,
    WAITING,
    FakeTask,
    bare,
    content_of,
    error,
    good,
    objection,
    spoiled,
)
from tests.upstreams.faults import FOREVER, JSON, Entry, Fault, FaultyServer, Kind, hung_up, left, slowly

__all__ = ["API_KEY", "BOOK", "CLIP", "FOREVER", "PAGE", "Entry", "FakeBizyair", "FakeTask", "Fault"]

_APPS: Final = "/webapp/task/openapi/"
_ZOO: Final = "/modelzoo/tasks/openapi/"


class FakeBizyair(FaultyServer):
    """`async with FakeBizyair() as fake`, or `with FakeBizyair().in_thread() as fake`; then `fake.base_url`.

    Tasks wait until the test moves them, or by themselves after `autofinish`. Nothing is known here by a name of the
    caller's. `abroad`: it has the paths of api.bizyair.ai, else those of api.bizyair.cn. `named`: how a create names
    the task, for documents and captures differ. `enveloped`: the ModelZoo's answers are in an envelope. `stoppable`:
    whether there is a cancel, for sources disagree. Faults at `list` are those of an app's outputs.
    """

    def __init__(
        self,
        *,
        api_key: str = API_KEY,
        abroad: bool = False,
        named: Literal["requestId", "request_id", "both"] = "request_id",
        enveloped: bool = True,
        stoppable: bool = True,
        journal_queries: bool = True,
    ) -> None:
        super().__init__()
        self.api_key = api_key
        self.abroad = abroad
        self.named = named
        self.enveloped = enveloped
        self.stoppable = stoppable
        self.queries = 0
        """Of details, and of calls of the ModelZoo."""
        self.creates: list[Any] = []
        """The bodies of all creates, also of those that made nothing."""
        self.jobs: dict[str, FakeTask] = {}
        """By id, in the order of their creates."""
        self.max_parallel: int | None = None
        """More unfinished tasks than this are refused with code 30040."""
        self.link_uses: int | None = None
        """How often the links of a task work; a query after that hands out new ones."""
        self._journal_queries = journal_queries
        self._auto: float | None = None
        self._lock = threading.Lock()
        self._ends: dict[str, asyncio.Event] = {}
        self._told: set[asyncio.Task[None]] = set()

    # What tests do.

    def autofinish(self, seconds: float | None) -> None:
        """Tasks from now on begin after half of `seconds`, and end after all of them; None stops that."""
        self._auto = seconds

    def begin(self, name: str | None = None) -> None:
        """Move one task, or all that have not ended, to Running."""
        self._move(name, "Running")

    def finish(self, name: str | None = None) -> None:
        """Let one task, or all that have not ended, succeed."""
        self._move(name, "Success")

    def fail(self, name: str | None = None, message: str = "node 17 gave up") -> None:
        """Let one task, or all that have not ended, fail."""
        self._move(name, "Failed", message)

    # What it answers.

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path.startswith("/outputs/"):
            return await self._serve_file(request)
        if request.headers.get("authorization") != f"Bearer {self.api_key}":
            return error("20052", "invalid api key")
        apps, zoo = ("/v1", "/v1") if self.abroad else ("/w/v1", "/x/v1")
        if request.path.startswith(apps + _APPS):
            return await self._app(request, request.path.removeprefix(apps + _APPS))
        if request.path.startswith(zoo + _ZOO):
            return await self._zoo(request, request.path.removeprefix(zoo + _ZOO))
        if (request.method, request.path) == ("GET", "/v1/wallet" if self.abroad else "/y/v1/wallet"):
            return good({"balance": 1250})
        return web.Response(status=404, text="404 page not found")

    async def _app(self, request: web.BaseRequest, rest: str) -> web.StreamResponse:
        if (request.method, rest) == ("POST", "create"):
            return await self._create(request, None)
        if self.abroad:
            name, _, verb = rest.partition("/")
        else:
            name, verb = request.query.get("requestId", ""), "" if rest == "detail" else rest
        match request.method, verb:
            case "GET", "":
                return await self._query(request, name, lambda job, word: good(job.detail(word)))
            case "GET", "outputs":
                return await self._outputs(request, name)
            case "PUT", "cancel" | "interrupt" if self.stoppable:
                return self._stop(name, WAITING if verb == "cancel" else ("Preparing", "Running"))
        return web.Response(status=404, text="404 page not found")

    async def _zoo(self, request: web.BaseRequest, rest: str) -> web.StreamResponse:
        if request.method == "POST":
            return await self._create(request, rest)
        told = good if self.enveloped else bare
        return await self._query(request, rest, lambda job, word: told(job.zoo(self.base_url, word)))

    async def _create(self, request: web.BaseRequest, model: str | None) -> web.StreamResponse:
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
        if refusal := self._refusal(model, body):
            self._note("refused", None, refusal.status)
            return refusal
        job = self._made(request, model, body)
        if fault and fault.act == "twice":
            self._made(request, model, body)
        elif fault:
            self._note("dropped", job, -1, fault.act)
            return spoiled(request, fault)
        if not await self.gates.passed("accepted"):
            self._note("dropped", job, detail="hold")
            return hung_up(request)
        answer = await self._answer(request, job)
        if left(request):
            self._note("dropped", job, detail="left")
        return answer

    async def _answer(self, request: web.BaseRequest, job: FakeTask) -> web.StreamResponse:
        if job.model is not None:
            name = {"request_id": job.request_id}
            return good(name) if self.enveloped else bare(name)
        headers = request.headers
        if job.hook or headers.get("x-bizyair-task-async", "").lower() == "enable":
            names = ("requestId", "request_id") if self.named == "both" else (self.named,)
            return bare(dict.fromkeys(names, job.request_id), 202)
        await self._ends[job.request_id].wait()
        self._renew(job)
        return bare(job.result(self.base_url))

    def _refusal(self, model: str | None, body: Any) -> web.StreamResponse | None:
        refusal = objection(body) if model is None else None
        if model is not None and (model not in MODELS or not isinstance(body, dict) or not body):
            refusal = error(20015, "invalid parameter")
        if refusal is not None:
            return refusal
        running = sum(not job.ended for job in self.jobs.values())
        if self.max_parallel is not None and running >= self.max_parallel:
            return error(30040, "max parallelism reached", retry_after=1)
        return None

    async def _query(self, request: web.BaseRequest, name: str, tell: Any) -> web.StreamResponse:
        self.queries += 1
        if self.gates.any_closed and not await self.gates.passed("query"):
            return hung_up(request)
        fault = await self.due_fault("query") if self.faults else None
        job = self.jobs.get(name)
        if fault is not None and fault.act != "word":
            self._note("query", job, -1, fault.act)
            return spoiled(request, fault)
        if job is None:
            self._note("query", None, 404)
            return error(20015, "task not found", status=404)  # a guess, status and code
        if self._journal_queries:
            self._note("query", job, 200)
        self._renew(job)
        answer: web.StreamResponse = tell(job, fault.message or "" if fault else None)
        return answer

    async def _outputs(self, request: web.BaseRequest, name: str) -> web.StreamResponse:
        job, fault = self.jobs.get(name), await self.due_fault("list") if self.faults else None
        self._note("list", job, -1 if fault else 200, fault.act if fault else "")
        if fault is not None:
            return spoiled(request, fault)
        if job is None:
            return error(20015, "task not found", status=404)
        self._renew(job)
        return good({"outputs": job.result(self.base_url)["outputs"]})

    def _stop(self, name: str, when: tuple[str, ...]) -> web.StreamResponse:
        job = self.jobs.get(name)
        if job is None or job.status not in when:
            return error(20015, "the task cannot be stopped now", status=400)  # a guess
        self._move(name, "Canceled")
        self._note("deleted", job, 200)
        return good(None)

    async def _serve_file(self, request: web.BaseRequest) -> web.StreamResponse:
        if not await self.gates.passed("file"):
            return hung_up(request)
        name = request.path.removeprefix("/outputs/")
        job = self.jobs.get(name.partition("_")[0])
        works = job is not None and job.link_uses > 0 and request.query.get("link") == str(job.link)
        if job is None or not works or name not in job.names():
            self._note("download", job, 403)
            return web.Response(status=403, text="<Error><Code>AccessDenied</Code></Error>")
        job.link_uses -= 1
        kind, content = TYPES.get(name.rpartition("_")[2], "application/octet-stream"), content_of(name)
        fault = await self.due_fault("file")
        self._note("download", job, 200 if fault is None else 0, fault.act if fault else kind)
        if fault is None:
            return web.Response(body=content, headers={"content-type": kind})
        if fault.act in ("cut", "drip"):
            return await slowly(request, content, fault, kind)
        if fault.act == "redirect":
            return web.Response(status=302, headers={"location": fault.message or "/"})
        return web.Response(status=fault.status or 403) if fault.act == "status" else spoiled(request, fault)

    # How.

    def _made(self, request: web.BaseRequest, model: str | None, body: dict[str, Any]) -> FakeTask:
        headers = {name.lower(): value for name, value in request.headers.items()}
        hook = headers.pop("x-bizyair-task-webhook-url", None)
        passed = {name: value for name, value in headers.items() if name.startswith("x-bizyair-task-")}
        job = FakeTask(body, passed, hook, model, status="Queuing" if model is None else "Pending")
        self.jobs[job.request_id], self._ends[job.request_id] = job, asyncio.Event()
        self._note("accepted", job, 200)
        if self._auto is not None:
            loop = asyncio.get_running_loop()
            loop.call_later(self._auto / 2, self._move, job.request_id, "Running")
            loop.call_later(self._auto, self._move, job.request_id, "Success")
        return job

    def _move(self, name: str | None, status: str, message: str = "") -> None:
        """Change one task, or all; what has ended stays as it is."""
        for job in list(self.jobs.values()) if name is None else [self.jobs[name]]:
            with self._lock:
                if job.ended:
                    continue
                now = time.time()
                job.status, job.message = status, message
                job.begun = job.begun or now
                job.ended_at = now if status in ENDED else None
            if status in ENDED:
                self.soon(self._ends[job.request_id].set)
            if status in ENDED and job.hook:
                self.soon(functools.partial(self._tell, job, job.hook))

    def _renew(self, job: FakeTask) -> None:
        """Links that work, once there are any."""
        if job.status == "Success" and job.link_uses <= 0:
            job.link += 1
            job.link_uses = FOREVER if self.link_uses is None else self.link_uses

    def _tell(self, job: FakeTask, url: str) -> None:
        task = asyncio.create_task(self._post(job, url))
        self._told.add(task)
        task.add_done_callback(self._told.discard)

    async def _post(self, job: FakeTask, url: str) -> None:
        """Tell `url` of the end of a task, once."""
        self._renew(job)
        body = job.result(self.base_url) if job.model is None else job.zoo(self.base_url)
        token = job.headers.get("x-bizyair-task-authorization")
        headers = {**JSON, "user-agent": "Go-http-client/1.1", **job.headers}
        headers |= {"authorization": token} if token else {}
        status, patience = 0, aiohttp.ClientTimeout(total=5.0)
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            async with (
                aiohttp.ClientSession(timeout=patience) as session,
                session.post(url, data=msgspec.json.encode(body), headers=headers) as got,
            ):
                status = got.status
        self._note("callback", job, status, job.status)

    def _note(self, kind: Kind, job: FakeTask | None, code: int = 0, detail: str = "") -> None:
        self.journal.append(Entry(kind, job.request_id if job else None, None, code, detail, time.time()))

    async def closing(self) -> None:
        if self._told:
            await asyncio.wait(list(self._told), timeout=5.0)


def _json(content: bytes) -> Any:
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
