"""Kling's new generation on the fake's socket: the model in the path, questions by ids."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from tests.upstreams.faults import JSON, hung_up
from tests.upstreams.kling import FakeKling
from tests.upstreams.kling_faults import error, spoiled
from tests.upstreams.kling_jobs import FakeJob, envelope

_NEW: Final = ("text-to-video", "image-to-video", "motion-control")
_PATHS: Final = re.compile(rf"/({'|'.join(_NEW)})/([^/]+)")
_WORDS: Final = {"succeed": "succeeded"}
# The last of each is not documented yet: a vendor has new things before we know of them.
_ALLOWED: Final[dict[str, tuple[Any, ...]]] = {
    "audio": (None, "native", "off", "original", "ambient"),
    "resolution": (None, "720p", "1080p", "4k", "8k"),
    "aspect_ratio": (None, "16:9", "9:16", "1:1", "21:9"),
    "duration": (None, *range(3, 17)),
}


@dataclass(slots=True)
class NewJob(FakeJob):
    """A job of the new generation, in whose answers nothing has the name that it had before."""

    def created(self) -> dict[str, Any]:
        return {
            "id": self.task_id,
            "status": "submitted",
            "create_time": self.created_at,
            "update_time": self.created_at,
            "external_id": self.handle or "",
        }

    @property
    def units(self) -> str:
        return str(self.body.get("settings", {}).get("duration", 5) * 0.5)

    def data(self, base: str = "", seconds: str | None = None) -> dict[str, Any]:
        done = self.status == "succeed"
        seconds = seconds or str(self.body.get("settings", {}).get("duration", 5))
        video = {
            "type": "video",
            "id": f"v{self.task_id}",
            "url": self.file_at(base),
            "watermark_url": "",
            "duration": seconds,
        }
        bill = {"charge_type": "unit", "amount": self.units, "package_type": "video", "list_price": self.units}
        return self.created() | {
            "status": _WORDS.get(self.status, self.status),
            "message": self.message,
            "update_time": self.updated_at or self.created_at,
            "outputs": [video] if done else [],
            "billing": [bill] if done else [],
        }


class FakeKling2(FakeKling):
    """`FakeKling`, which speaks the new generation beside the other, as Kling does."""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path = request.path.removeprefix("/kling")
        found = _PATHS.fullmatch(path)
        if found is not None and request.method == "POST":
            return await self._create(request, found[1])
        if path == "/tasks" and request.method == "GET":
            return await self._ask(request)
        return await super().handle(request)

    def _handle(self, operation: str, body: Any) -> str | None:
        if operation not in _NEW:
            return super()._handle(operation, body)
        return _options(body).get("external_task_id") or None

    def _objection(self, operation: str, body: Any) -> tuple[int, str] | None:
        return objection(operation, body) if operation in _NEW else super()._objection(operation, body)

    def _made(self, operation: str, body: dict[str, Any], handle: str | None) -> FakeJob:
        if operation not in _NEW:
            return super()._made(operation, body, handle)
        return self._kept(NewJob(str(next(self._numbers)), handle, operation, body))

    async def _ask(self, request: web.BaseRequest) -> web.StreamResponse:
        """Those of the tasks that are known, in the order in which they are asked for."""
        asked = [request.query.get(name) for name in ("task_ids", "external_task_ids")]
        names = [one for some in asked if some for one in some.split(",")]
        self.queries += len(names)
        if self.gates.any_closed and not await self.gates.passed("query"):
            return hung_up(request)
        place = "list" if len(names) > 1 else "query"
        fault = await self.due_fault("list") if place == "list" else None
        fault = fault or await self.due_fault("query")
        if fault and fault.act != "word":
            self._note("query", None, names[0] if names else None, -1, fault.act)
            return spoiled(request, fault)
        if refusal := self._unauthorized(request):
            return error(*refusal)
        if (asked[0] is None) == (asked[1] is None):
            return error(1201, "exactly one of task_ids and external_task_ids is required")
        known = self.jobs if asked[0] is not None else self._by_handle
        jobs = [job for name in names if isinstance(job := known.get(name), NewJob)]
        if self._journal_queries:
            self._note("list" if place == "list" else "query", jobs[0] if jobs else None, names[0])
        for job in jobs:
            if job.ended and job.told_at is None and not fault:
                job.told_at = time.time()
        data = [self._data(job) | ({"status": fault.message} if fault else {}) for job in jobs]
        return web.Response(body=envelope(0, "SUCCEED", data), headers=JSON)

    def _hook(self, job: FakeJob) -> str | None:
        return _options(job.body).get("callback_url") if isinstance(job, NewJob) else super()._hook(job)


def objection(operation: str, body: Any) -> tuple[int, str] | None:
    """Why the documented rules refuse a create: (code, message)."""
    if not isinstance(body, dict):
        return 1200, "the body must be a JSON object"
    settings, contents = body.get("settings") or {}, body.get("contents") or []
    wrong = next((name for name, allowed in _ALLOWED.items() if settings.get(name) not in allowed), None)
    if wrong:
        return 1201, f"settings.{wrong} value {settings[wrong]!r} is invalid"
    kinds = [one.get("type") for one in contents]
    needed = {"image-to-video": {"first_frame", "last_frame"}, "motion-control": {"image"}}.get(operation)
    if needed is None:
        return None if 0 < len(body.get("prompt") or "") <= 3072 else (1201, "prompt must have 1 to 3072 characters")
    if needed.isdisjoint(kinds):
        return 1201, f"contents must have one of {', '.join(sorted(needed))}"
    if operation == "motion-control" and ("video" not in kinds or "character_orientation" not in settings):
        return 1201, "a video and settings.character_orientation are required"
    return None


def _options(body: Any) -> dict[str, Any]:
    found = body.get("options") if isinstance(body, dict) else None
    return found if isinstance(found, dict) else {}
