"""A fake OpenAI Videos API over a real socket: the true wire, the relays' ways on demand, faults and a journal."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from typing import Any, Final, Literal

from aiohttp import web

from tests.upstreams.clip import mp4
from tests.upstreams.faults import FOREVER, Entry, Fault, FaultyServer, Kind, hung_up, left, slowly
from tests.upstreams.openai_jobs import FakeVideo, Part, Status, answer, error, objection, read_body, spoiled

__all__ = ["API_KEY", "FOREVER", "Content", "Entry", "FakeOpenAI", "FakeVideo", "Fault"]

API_KEY: Final = "sk-openai-key-of-the-tests-0123456789"
Content = Literal["bytes", "redirect", "json"]


class FakeOpenAI(FaultyServer):
    """`async with FakeOpenAI() as fake`, or `with FakeOpenAI().in_thread() as fake`; then `fake.base_url`.

    Videos wait as `queued` until the test moves them, or by themselves after `autofinish`. Nothing is known here by
    the caller's `Idempotency-Key`; the journal keeps it as `handle`, so that jobs can be counted for each.
    `synchronous`: a create is answered when its video has ended, as some relays do. `links`: the answers carry `url`,
    as relays' do. `content`: how `/content` hands out the file. `honest`: results tell the length of the file, and not
    the one that was asked for.
    """

    def __init__(
        self,
        *,
        api_key: str = API_KEY,
        video: tuple[int, int, int] = (64, 64, 1),
        file_bytes: int | None = None,
        links: bool = False,
        content: Content = "bytes",
        journal_queries: bool = True,
        honest: bool = False,
        synchronous: bool = False,
    ) -> None:
        super().__init__()
        self.api_key = api_key
        self.file = mp4(*video, file_bytes)
        self.links = links
        self._synchronous = synchronous
        self.content: Content = content
        self.queries = 0
        self.creates: list[dict[str, Any]] = []
        """The fields of all creates, also of those that made nothing."""
        self.jobs: dict[str, FakeVideo] = {}
        """By id, in the order of their creation."""
        self.characters: dict[str, dict[str, Any]] = {}
        self.max_parallel: int | None = None
        """More unfinished videos than this are refused with 429."""
        self.link_uses: int | None = None
        """How often a link works; a query after that hands out a new one."""
        self.link_seconds: float | None = None
        self.poll_after_ms: int | None = None
        """Sent as `openai-poll-after-ms` where set."""
        self._journal_queries = journal_queries
        self._seconds = str(video[2]) if honest else None
        self._auto: tuple[float, float] | None = None
        self._lock = threading.Lock()

    # What tests do.

    def autofinish(self, seconds: float | None, *, start: float | None = None) -> None:
        """Videos created from now on begin after `start` (half of it) and complete after `seconds`; None stops that."""
        self._auto = None if seconds is None else (seconds / 2 if start is None else start, seconds)

    def begin(self, name: str | None = None, progress: int = 0) -> None:
        """Move one video, or all that have not ended, to `in_progress`, and its progress to so many per cent."""
        self._move(name, "in_progress", progress)

    def finish(self, name: str | None = None) -> None:
        """Let one video, or all that have not ended, complete."""
        self._move(name, "completed", 100)

    def fail(
        self, name: str | None = None, message: str = "the model gave up", code: str = "video_generation_failed"
    ) -> None:
        """Let one video, or all that have not ended, fail."""
        self._move(name, "failed", error={"code": code, "message": message})

    # What it answers.

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path.startswith("/files/"):
            return await self._serve_file(request, request.path)
        if request.headers.get("authorization") != f"Bearer {self.api_key}":
            return error("invalid_api_key", "Incorrect API key provided.")
        return await (self._read(request) if request.method == "GET" else self._write(request))

    async def _write(self, request: web.BaseRequest) -> web.StreamResponse:
        match request.method, *request.path.split("/")[1:]:
            case "POST", "v1", "videos":
                return await self._create(request)
            case "POST", ("v1" | "sora"), ("videos" | "v1"), "characters":
                return await self._character(request)
            case "POST", "v1", "videos", source, "remix":
                return await self._create(request, source)
            case "DELETE", "v1", "videos", name:
                return self._delete(name)
            case "POST", "v1", "videos", ("edits" | "extensions"):
                return await self._create(request)
        return error("not_found", f"Invalid URL ({request.method} {request.path})")

    async def _read(self, request: web.BaseRequest) -> web.StreamResponse:
        match request.method, *request.path.split("/")[1:]:
            case "GET", "v1", "models":
                return answer({"object": "list", "data": [{"id": "sora-2", "object": "model"}]})
            case "GET", "v1", "videos":
                return await self._list(request)
            case "GET", "v1", "videos", "characters", name if name in self.characters:
                return answer(self.characters[name])
            case "GET", "v1", "videos", name:
                return await self._query(request, name)
            case "GET", "v1", "videos", name, "content":
                return await self._content(request, name)
        return error("not_found", f"Invalid URL ({request.method} {request.path})")

    async def _create(self, request: web.BaseRequest, source: str | None = None) -> web.StreamResponse:
        fields, files = await read_body(request)
        self.creates.append(fields)
        handle = request.headers.get("idempotency-key")
        if not await self.gates.passed("create"):
            self._note("dropped", None, handle, detail="hold")
            return hung_up(request)
        fault = await self.due_fault("create")
        if fault and not fault.created and fault.act != "twice":
            response = spoiled(request, fault)
            refused = fault.act in ("refuse", "shape")
            self._note("refused" if refused else "dropped", None, handle, response.status if refused else -1, fault.act)
            return response
        if refusal := self._refusal(fields, files, source):
            self._note("refused", None, handle, refusal.status)
            return refusal
        job = self._made(fields, files, handle, source)
        while self._synchronous and not job.ended:  # noqa: ASYNC110  it is moved by another thread
            await asyncio.sleep(0.01)
        made = self.created(job)
        if fault and fault.act == "twice":
            self._made(fields, files, handle, source)
        elif fault:
            self._note("dropped", job, code=-1, detail=fault.act)
            return spoiled(request, fault)
        if not await self.gates.passed("accepted"):
            self._note("dropped", job, detail="hold")
            return hung_up(request)
        if left(request):
            self._note("dropped", job, detail="left")
        return made

    def _refusal(
        self, fields: dict[str, Any], files: list[tuple[str, Part]], source: str | None
    ) -> web.StreamResponse | None:
        source = source or fields.get("video[id]")
        if source is not None:
            found = self.jobs.get(source)
            if found is None or found.status != "completed":
                return error("not_found", f"Video with id '{source}' not found.", "video_id")
        if wrong := objection(fields, files):
            return error(*wrong)
        running = sum(not job.ended for job in self.jobs.values())
        if self.max_parallel is not None and running >= self.max_parallel:
            return error("rate_limit_exceeded", "Rate limit reached for videos in progress.", retry_after=1)
        return None

    async def _character(self, request: web.BaseRequest) -> web.StreamResponse:
        """Somebody in a video, made at once: of a file, as OpenAI does, or of a link or a task, as relays do."""
        fields, files = await read_body(request)
        self.creates.append(fields)
        if fault := await self.due_fault("create"):
            return spoiled(request, fault)
        made: dict[str, Any] = {"id": f"char_{secrets.token_hex(8)}"}
        if request.path.startswith("/sora"):
            if not (fields.get("url") or fields.get("from_task") in self.jobs):
                return error("missing_required_parameter", "Missing required parameter: 'url'.", "url")
            face = {"permalink": "https://sora.example/fox", "profile_picture_url": f"{self.base_url}/files/face.png"}
            made |= {"username": "fox.1234", **face}
        else:
            if not fields.get("name") or [name for name, _ in files] != ["video"]:
                return error("missing_required_parameter", "Missing required parameter: 'video'.", "video")
            made |= {"created_at": int(time.time()), "name": fields["name"]}
        self.characters[made["id"]] = made
        self._note("accepted", None, request.headers.get("idempotency-key"), 200, made["id"])
        return answer(made)

    async def _query(self, request: web.BaseRequest, name: str) -> web.StreamResponse:
        self.queries += 1
        if self.gates.any_closed and not await self.gates.passed("query"):
            return hung_up(request)
        fault = await self.due_fault("query") if self.faults else None
        if fault and fault.act != "word":
            self._note("query", None, name, -1, fault.act)
            return spoiled(request, fault)
        job = self.jobs.get(name)
        if job is None:
            self._note("query", None, name, 404)
            return self.absent(name)
        if self._journal_queries:
            self._note("query", job, code=200)
        if job.ended and job.told_at is None and not fault:
            job.told_at = time.time()
        headers = {} if self.poll_after_ms is None else {"openai-poll-after-ms": str(self.poll_after_ms)}
        return answer(self.told(job, fault.message if fault else None), headers)

    # What relays answer in another form.

    def created(self, job: FakeVideo) -> web.StreamResponse:
        """The answer to its create."""
        return answer(self._data(job))

    def told(self, job: FakeVideo, word: str | None) -> dict[str, Any]:
        """The answer to a query; `word` stands in the place of its status."""
        return self._data(job) | ({"status": word} if word else {})

    def absent(self, name: str) -> web.StreamResponse:
        """The answer to a query about nothing."""
        return error("not_found", f"Video with id '{name}' not found.", "video_id")

    async def _list(self, request: web.BaseRequest) -> web.StreamResponse:
        self.queries += 1
        if self.gates.any_closed and not await self.gates.passed("query"):
            return hung_up(request)
        fault = await self.due_fault("list") or await self.due_fault("query")
        if fault and fault.act != "word":
            self._note("list", None, code=-1, detail=fault.act)
            return spoiled(request, fault)
        ascending = request.query.get("order") == "asc"
        found = list(self.jobs.values()) if ascending else list(reversed(self.jobs.values()))
        ids = [job.id for job in found]
        start = ids.index(request.query["after"]) + 1 if request.query.get("after") in ids else 0
        limit = int(request.query.get("limit", "20"))
        shown = found[start : start + limit]
        self._note("list", None, code=200)
        self.queries += len(shown)  # it tells of each of them
        data = [self._data(job) | ({"status": fault.message} if fault else {}) for job in shown]
        last = shown[-1].id if shown else None
        return answer({"object": "list", "data": data, "has_more": len(found) > start + limit, "last_id": last})

    def _delete(self, name: str) -> web.StreamResponse:
        job = self.jobs.pop(name, None)
        if job is None:
            return error("not_found", f"Video with id '{name}' not found.", "video_id")
        self._note("deleted", job, code=200)
        return answer({"id": name, "object": "video.deleted", "deleted": True})

    async def _content(self, request: web.BaseRequest, name: str) -> web.StreamResponse:
        job = self.jobs.get(name)
        if job is None or job.status != "completed":
            self._note("download", job, code=404)
            return error("not_found", f"Video with id '{name}' has no content.", "video_id")
        if self.content == "bytes":
            return await self._send_file(request, job)
        url = self._data(job, linked=True)["url"]
        if self.content == "json":
            return answer(self._data(job, linked=True))
        return web.Response(status=302, headers={"location": url})

    async def _serve_file(self, request: web.BaseRequest, path: str) -> web.StreamResponse:
        job = self.jobs.get(path.removeprefix("/files/").removesuffix(".mp4"))
        if job is None or not job.link_works or request.query.get("link") != str(job.link):
            self._note("download", job, code=403)
            return web.Response(status=403, text="<Error><Code>AccessDenied</Code></Error>")
        job.link_uses -= 1
        return await self._send_file(request, job)

    async def _send_file(self, request: web.BaseRequest, job: FakeVideo) -> web.StreamResponse:
        if not await self.gates.passed("file"):
            return hung_up(request)
        fault = await self.due_fault("file")
        if fault is None:
            self._note("download", job, code=200)
            return web.Response(body=self.file, headers={"content-type": "video/mp4"})
        self._note("download", job, detail=fault.act)
        if fault.act in ("cut", "drip"):
            return await slowly(request, self.file, fault)
        if fault.act == "redirect":
            return web.Response(status=302, headers={"location": fault.message or "/"})
        return web.Response(status=fault.status or 403) if fault.act == "status" else spoiled(request, fault)

    # How.

    def _made(
        self, fields: dict[str, Any], files: list[tuple[str, Part]], handle: str | None, source: str | None
    ) -> FakeVideo:
        job = FakeVideo(f"video_{secrets.token_hex(16)}", handle, fields, files, source)
        self.jobs[job.id] = job
        self._note("accepted", job, code=200)
        if self._auto is not None:
            loop = asyncio.get_running_loop()
            loop.call_later(self._auto[0], self._move, job.id, "in_progress", 50)
            loop.call_later(self._auto[1], self._move, job.id, "completed", 100)
        return job

    def _move(
        self, name: str | None, status: Status, progress: int | None = None, error: dict[str, Any] | None = None
    ) -> None:
        """Change one video, or all; what has ended stays as it is, and what was deleted is gone."""
        for job in list(self.jobs.values()):
            if name is not None and job.id != name:
                continue
            with self._lock:
                if job.ended:
                    continue
                job.status, job.error = status, error
                job.progress = job.progress if progress is None else progress
                job.completed_at = int(time.time()) if status == "completed" else None

    def _data(self, job: FakeVideo, *, linked: bool = False) -> dict[str, Any]:
        """The Video object, with a link that works where answers carry one."""
        told = job.data()
        if job.status == "completed" and self._seconds is not None:
            told["seconds"] = self._seconds
        if job.status != "completed" or not (linked or self.links):
            return told
        if not job.link_works:
            job.link += 1
            job.link_uses = FOREVER if self.link_uses is None else self.link_uses
            job.link_until = float("inf") if self.link_seconds is None else time.time() + self.link_seconds
        url = f"{self.base_url}/files/{job.id}.mp4?link={job.link}"
        return told | {"url": url, "video_url": url}

    def _note(
        self, kind: Kind, job: FakeVideo | None, handle: str | None = None, code: int = 0, detail: str = ""
    ) -> None:
        task_id, handle = (job.id, job.handle) if job else (None, handle)
        self.journal.append(Entry(kind, task_id, handle, code, detail, time.time()))
