"""A fake ComfyUI over real sockets, HTTP and websocket: the true wire, faults and a journal.

Written from ComfyUI's own `server.py` and `execution.py`. Guesses, where those do not say: which messages come in which
order within a node, what a proxy in front answers (401 with text, 429), and that a restart closes its sockets in good
order.
"""

from __future__ import annotations

import itertools
import uuid
from typing import Any, Final

import msgspec
from aiohttp import BodyPartReader, WSMsgType, web

from tests.upstreams import faults
from tests.upstreams.comfyui_graphs import objection
from tests.upstreams.comfyui_jobs import FakePrompt
from tests.upstreams.comfyui_queue import Age, ComfyQueue
from tests.upstreams.faults import FOREVER, JSON, Entry, Fault, hung_up, left, slowly

__all__ = ["FOREVER", "Age", "Entry", "FakeComfy", "FakePrompt", "Fault"]

_TYPES: Final = {"png": "image/png", "mp4": "video/mp4", "mp3": "audio/mpeg", "txt": "text/plain"}


class FakeComfy(ComfyQueue):
    """`async with FakeComfy() as fake`, or `with FakeComfy().in_thread() as fake`; then `fake.base_url`.

    `api_key`: what a proxy in front asks for; nothing asks where there is none, as in ComfyUI itself.
    """

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:  # noqa: PLR0911  a route each
        if self.api_key and request.headers.get("authorization") != f"Bearer {self.api_key}":
            return web.Response(status=401, text="Unauthorized")
        parts = request.path.split("/")[1:]
        if parts[0] == "api" and parts[1:2] != ["jobs"]:
            parts = parts[1:]
        match request.method, *parts:
            case "GET", "ws":
                return await self._socket(request)
            case "POST", "prompt":
                return await self._create(request)
            case "POST", "upload", "image":
                return await self._upload(request)
            case "GET", "view":
                return await self._serve_file(request)
            case "GET", "queue" | "history" | "api", *_:
                return await self._query(request, parts)
            case "POST", "queue" | "interrupt" | "api", *_:
                return await self._stop(request, parts)
            case "GET", "system_stats":
                return _json({"system": {"os": "posix", "comfyui_version": "0.3.75"}, "devices": []})
            case "GET", "prompt":
                return _json({"exec_info": {"queue_remaining": len(self._chosen(None))}})
        return web.Response(status=404, text="404: Not Found")

    async def _create(self, request: web.BaseRequest) -> web.StreamResponse:
        body = _object(await request.content.read())
        self.creates.append(body)
        handle = body.get("prompt_id")
        if not await self.gates.passed("create"):
            self._note("dropped", None, handle, detail="hold")
            return hung_up(request)
        fault = await self.due_fault("create")
        if fault and not fault.created and fault.act != "twice":
            response = _spoiled(request, fault)
            refused = fault.act in ("refuse", "shape")
            self._note("refused" if refused else "dropped", None, handle, response.status if refused else -1, fault.act)
            return response
        if (refusal := self._refusal(body)) is not None:
            self._note("refused", None, handle, refusal.status)
            return refusal
        job = self._made(body)
        if fault and fault.act == "twice":
            self._made(body)
        elif fault:
            self._note("dropped", job, code=-1, detail=fault.act)
            return _spoiled(request, fault)
        if not await self.gates.passed("accepted"):
            self._note("dropped", job, detail="hold")
            return hung_up(request)
        if left(request):
            self._note("dropped", job, detail="left")
        return _json({"prompt_id": job.task_id, "number": job.number, "node_errors": {}})

    def _refusal(self, body: dict[str, Any]) -> web.Response | None:
        name = body.get("prompt_id")
        if name is not None and self.age != "2024" and not _canonical(name):
            return _error("invalid_prompt_id", "prompt_id must be a valid UUID")
        if "prompt" not in body:
            return _error("no_prompt", "No prompt provided")
        if (wrong := objection(body["prompt"], self.pictures)) is not None:
            return _json({"error": wrong[0], "node_errors": wrong[1]}, 400)
        if self.most_waiting is not None and len(self._chosen(None)) >= self.most_waiting:
            return web.Response(status=429, text="too many requests", headers={"retry-after": "1"})
        return None

    async def _upload(self, request: web.BaseRequest) -> web.StreamResponse:
        fields: dict[str, str] = {}
        name, content = "", b""
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            if part.filename is None:
                fields[part.name or ""] = await part.text()
            else:
                name, content = part.filename, bytes(await part.read())
        if not await self.gates.passed("upload"):
            return hung_up(request)
        if fault := await self.due_fault("upload"):
            return _spoiled(request, fault)
        if not name or ".." in name or name.startswith("/"):
            return web.Response(status=400)
        subfolder = fields.get("subfolder", "")
        stem, _, form = name.rpartition(".")
        place, tries = f"{subfolder}/" if subfolder else "", itertools.count(1)
        over = fields.get("overwrite") in ("true", "1")
        while not over and self.pictures.get(place + name, content) != content:
            name = f"{stem} ({next(tries)}).{form}"
        self.pictures[place + name] = content
        self._note("uploaded", None, name)
        return _json({"name": name, "subfolder": subfolder, "type": fields.get("type", "input")})

    async def _query(self, request: web.BaseRequest, parts: list[str]) -> web.StreamResponse:  # noqa: PLR0911
        if parts[0] == "api" and self.age != "2026":
            return web.Response(status=404, text="404: Not Found")
        self.queries += 1
        if self.gates.any_closed and not await self.gates.passed("query"):
            return hung_up(request)
        fault = await self.due_fault("query") if self.faults else None
        word = fault.message if fault is not None and fault.act == "word" else None
        name = parts[-1] if len(parts) > 1 else ""
        if fault is not None and word is None:
            self._note("query", None, name, -1, fault.act)
            return _spoiled(request, fault)
        if self._journal_queries:
            self._note("query", self._find(name), name, 200)
        match parts:
            case ["queue"]:
                return _json(
                    {
                        "queue_running": [job.item() for job in self.jobs if job.state == "running"],
                        "queue_pending": [job.item() for job in self.jobs if job.state == "pending"],
                    }
                )
            case ["history"]:
                most = int(request.query.get("max_items", len(self.jobs)))
                kept = [job for job in self.jobs if job.kept][-most:]
                return _json({job.task_id: job.history() for job in kept})
            case ["history", name]:
                job = self._find(name)
                there = job is not None and (job.kept or word is not None)
                return _json({name: job.history(word)} if job is not None and there else {})
            case ["api", "jobs", name]:
                job = self._find(name)
                return _json(job.job(word)) if job is not None else _json({"error": "Job not found"}, 404)
        return web.Response(status=404, text="404: Not Found")

    async def _stop(self, request: web.BaseRequest, parts: list[str]) -> web.StreamResponse:
        body = _object(await request.content.read())
        if fault := await self.due_fault("cancel"):
            return _spoiled(request, fault)
        if parts == ["queue"]:
            for name in body.get("delete", ()):
                self._deleted(self._find(name))
            return web.Response()
        if parts == ["interrupt"]:
            named = str(body.get("prompt_id") or "")
            self.interrupts.append(named)
            self.interrupt(named if named and self.age != "2024" else None)
            return web.Response()
        if self.age != "2026" or parts[:2] != ["api", "jobs"] or parts[3:] != ["cancel"]:
            return web.Response(status=405 if self.age == "2026" else 404, text="404: Not Found")
        job = self._find(parts[2])
        waited = job is not None and job.waiting
        self._deleted(job)
        if job is not None and job.state == "running":
            self.interrupt(job.task_id)
        return _json({"cancelled": waited})

    def _deleted(self, job: FakePrompt | None) -> None:
        if job is not None and job.state == "pending":
            job.state = "deleted"
            self._note("deleted", job)

    async def _serve_file(self, request: web.BaseRequest) -> web.StreamResponse:
        if not await self.gates.passed("file"):
            return hung_up(request)
        place, folder, name = (request.query.get(one, "") for one in ("type", "subfolder", "filename"))
        content = self.files.get((place or "output", folder, name))
        fault = await self.due_fault("file")
        if content is None:
            self._note("download", None, name, 404)
            return web.Response(status=404)
        kind = _TYPES[name.rpartition(".")[2]]
        self._note("download", None, name, 200 if fault is None else 0, fault.act if fault else "")
        if fault is None:
            headers = {"content-type": kind, "content-disposition": f'filename="{name}"'}
            return web.Response(body=content, headers=headers)
        if fault.act in ("cut", "drip"):
            return await slowly(request, content, fault, kind)
        if fault.act == "redirect":
            return web.Response(status=302, headers={"location": fault.message or "/"})
        return web.Response(status=fault.status or 404) if fault.act == "status" else _spoiled(request, fault)

    async def _socket(self, request: web.BaseRequest) -> web.StreamResponse:
        self.dials += 1
        if self.deaf:
            return web.Response(status=404, text="404: Not Found")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        client = request.query.get("clientId") or uuid.uuid4().hex
        self.sockets[client] = socket
        exec_info = {"queue_remaining": len(self._chosen(None))}
        told = {"type": "status", "data": {"status": {"exec_info": exec_info}, "sid": client}}
        try:
            await socket.send_json(told)
            async for message in socket:
                if message.type is WSMsgType.ERROR:
                    break
        finally:
            if self.sockets.get(client) is socket:
                del self.sockets[client]
        return socket


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(value), headers=JSON)


def _error(kind: str, message: str) -> web.Response:
    error = {"type": kind, "message": message, "details": message, "extra_info": {}}
    return _json({"error": error, "node_errors": {}}, 400)


def _spoiled(request: web.BaseRequest, fault: Fault) -> web.StreamResponse:
    return faults.spoiled(request, fault, _refused, b'{"prompt_id":"814570891207524415","number":')


def _refused(fault: Fault) -> web.StreamResponse:
    said = fault.message or f"error {fault.code}"
    headers = {} if fault.retry_after is None else {"retry-after": str(fault.retry_after)}
    body = {"error": {"type": str(fault.code), "message": said, "details": "", "extra_info": {}}, "node_errors": {}}
    return web.Response(status=fault.status or 400, body=msgspec.json.encode(body), headers=headers | JSON)


def _canonical(name: object) -> bool:
    try:
        return isinstance(name, str) and str(uuid.UUID(name)) == name
    except ValueError:
        return False


def _object(content: bytes) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(content or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return body if isinstance(body, dict) else {}
