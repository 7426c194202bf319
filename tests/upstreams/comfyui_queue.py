"""The inside of the fake ComfyUI: its queue, the one job that runs, its sockets, and what tests do with them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import struct
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any, Literal

import msgspec
from aiohttp import web

from tests.upstreams.comfyui_graphs import made, png
from tests.upstreams.comfyui_jobs import FakePrompt
from tests.upstreams.faults import Entry, FaultyServer, Kind

Age = Literal["2026", "2025", "2024"]
"""Which ComfyUI it is: the newest has `/api/jobs`; that of 2025 has not; that of 2024 chooses the ids of jobs itself,
and interrupts whatever runs."""


class ComfyQueue(FaultyServer):
    """Jobs run one at a time. They wait until the test moves them, or end by themselves after `autofinish`."""

    def __init__(self, *, api_key: str = "", age: Age = "2026", journal_queries: bool = True) -> None:
        super().__init__()
        self.api_key = api_key
        self.age = age
        self.queries = 0
        self.creates: list[dict[str, Any]] = []
        """The bodies of all submissions, also of those that made nothing."""
        self.jobs: list[FakePrompt] = []
        """All that were ever made, in their order, also those that a restart has lost."""
        self.interrupts: list[str] = []
        """What `/interrupt` named; nothing where it named none."""
        self.pictures: dict[str, bytes] = {}
        """What was uploaded, by `subfolder/name`."""
        self.files: dict[tuple[str, str, str], bytes] = {}
        """What was made, by (type, subfolder, name). They outlive a restart."""
        self.most_waiting: int | None = None
        """More waiting jobs than this are refused with 429, as a proxy in front would."""
        self.sockets: dict[str, web.WebSocketResponse] = {}
        """By client id."""
        self.dials = 0
        """How often somebody asked for a socket."""
        self.deaf = False
        """It answers with 404 to whoever asks for a socket, as a proxy that has none."""
        self._journal_queries = journal_queries
        self._numbers = itertools.count()
        self._auto: tuple[float, float] | None = None
        self._lock = threading.RLock()

    # What tests do.

    @property
    def file(self) -> bytes:
        """The first picture of a graph of 64 by 64."""
        return png(64, 64)

    def autofinish(self, seconds: float | None) -> None:
        """Jobs submitted from now on begin after half of that and end after all of it; None stops that."""
        self._auto = None if seconds is None else (seconds / 2, seconds)

    def begin(self, name: str | None = None) -> None:
        """Let one job, or the first that waits, run."""
        for job in self._chosen(name)[:1]:
            self._begun(job)

    def step(self, node: str, value: int, most: int, name: str | None = None) -> None:
        """Tell of the progress of a node of the job that runs: in both ways, and with a preview beside it."""
        for job in self._chosen(name)[:1]:
            self._begun(job)
            told = {"value": value, "max": most, "prompt_id": job.task_id, "node": node}
            self._tell(job, "executing", {"node": node, "display_node": node, "prompt_id": job.task_id})
            self._tell(job, "progress", told)
            if self.age != "2024":
                states = self._states(job, node, value, most)
                self._tell(None, "progress_state", {"prompt_id": job.task_id, "nodes": states})
            self.say(struct.pack(">II", 1, 2) + png(64, 64), job.client_id)

    def finish(self, name: str | None = None) -> None:
        """Let one job, or all that wait, succeed."""
        for job in self._chosen(name):
            with self._lock:
                self._begun(job)
                job.outputs, files = made(job.graph, job.number)
                self.files |= files
                job.state = "success"
            for node, output in job.outputs.items():
                self._tell(job, "executed", {"node": node, "output": output, "prompt_id": job.task_id})
            self._over(job, "execution_success")

    def fail(self, name: str | None = None, message: str = "the model gave up", node: str = "") -> None:
        """Let one job, or all that wait, break at a node, which is the last one where none is named."""
        for job in self._chosen(name):
            with self._lock:
                self._begun(job)
                job.error, job.state = job.failed_at(node or list(job.graph)[-1], message), "error"
            self._over(job, "execution_error", **job.error)

    def interrupt(self, name: str | None = None) -> None:
        """Stop what runs."""
        for job in [one for one in self._chosen(name) if one.state == "running"]:
            job.state = "interrupted"
            self._over(job, "execution_interrupted", node_id="3", node_type="KSampler", executed=[])

    def restart(self) -> None:
        """Start anew: the queue and the history are empty, the files are there, the sockets are closed."""
        with self._lock:
            for job in self.jobs:
                job.state = "lost"
            self._numbers = itertools.count()
        self.hang_up()

    def forget(self) -> None:
        """As if nothing had ever been asked of it."""
        self.restart()
        for noted in (self.journal, self.creates, self.jobs, self.interrupts, self.pictures, self.files):
            noted.clear()

    def clear(self) -> None:
        """Take away what has been made: somebody has tidied up the folder."""
        self.files.clear()

    def say(self, message: str | bytes, client: str | None = None) -> None:
        """Send something, text or bytes, to one client or to all."""
        self.soon(lambda: asyncio.create_task(self._send(message, client)))

    def hang_up(self) -> None:
        """Close every socket."""
        self.soon(lambda: asyncio.create_task(self._close_sockets()))

    # How.

    def _made(self, body: dict[str, Any]) -> FakePrompt:
        chosen = body.get("prompt_id")
        extra = {**body.get("extra_data", {}), "create_time": int(time.time() * 1000)}
        if "client_id" in body:
            extra["client_id"] = body["client_id"]
        name = str(uuid.uuid4()) if chosen is None or self.age == "2024" else chosen
        job = FakePrompt(next(self._numbers), name, chosen, body["prompt"], extra)
        self.jobs.append(job)
        self._note("accepted", job)
        if self._auto is not None:
            loop = asyncio.get_running_loop()
            loop.call_later(self._auto[0], self._later, job, self.begin)
            loop.call_later(self._auto[1], self._later, job, self.finish)
        return job

    def _later(self, job: FakePrompt, move: Callable[[str], None]) -> None:
        if job.waiting:
            move(job.task_id)

    def _chosen(self, name: str | None) -> list[FakePrompt]:
        """The waiting jobs, or that of this id; the one that runs first."""
        found = [job for job in self.jobs[:] if job.waiting and name in (None, job.task_id)]
        return sorted(found, key=lambda job: job.state != "running")

    def _find(self, name: str) -> FakePrompt | None:
        found = [job for job in self.jobs[:] if job.task_id == name and (job.waiting or job.kept)]
        return found[-1] if found else None

    def _begun(self, job: FakePrompt) -> None:
        if job.state != "pending":
            return
        job.state = "running"
        self._tell(job, *job.note("execution_start"))
        self._tell(job, *job.note("execution_cached", nodes=[]))

    def _over(self, job: FakePrompt, event: str, **data: Any) -> None:
        everybody = event == "execution_interrupted"
        self._tell(None if everybody else job, *job.note(event, **data))
        self._tell(job, "executing", {"node": None, "prompt_id": job.task_id})
        exec_info = {"queue_remaining": len(self._chosen(None))}
        self._tell(None, "status", {"status": {"exec_info": exec_info}})

    def _states(self, job: FakePrompt, node: str, value: int, most: int) -> dict[str, Any]:
        """The nodes before this one are done, in the order of the graph."""
        found = {}
        for name in job.graph:
            state = "running" if name == node else "finished"
            now, end = (value, most) if name == node else (1, 1)
            found[name] = {"value": now, "max": end, "state": state, "node_id": name, "prompt_id": job.task_id}
            if name == node:
                break
        return found

    def _tell(self, job: FakePrompt | None, event: str, data: dict[str, Any]) -> None:
        """To the client that sent the job, or to all."""
        self.say(msgspec.json.encode({"type": event, "data": data}).decode(), None if job is None else job.client_id)

    async def _send(self, message: str | bytes, client: str | None) -> None:
        for name, socket in list(self.sockets.items()):
            if client in (None, name):
                with contextlib.suppress(ConnectionError, RuntimeError):
                    await (socket.send_str(message) if isinstance(message, str) else socket.send_bytes(message))

    async def _close_sockets(self) -> None:
        for socket in list(self.sockets.values()):
            await socket.close()

    def _note(
        self, kind: Kind, job: FakePrompt | None, handle: str | None = None, code: int = 0, detail: str = ""
    ) -> None:
        task_id, handle = (job.task_id, job.handle) if job else (None, handle)
        self.journal.append(Entry(kind, task_id, handle, code, detail, time.time()))

    async def closing(self) -> None:
        await self._close_sockets()
