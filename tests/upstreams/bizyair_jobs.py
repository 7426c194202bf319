"""What the fake BizyAir keeps and checks: its tasks, the rules of a create, and error answers."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Final

import msgspec
from aiohttp import web

from tests.upstreams import faults
from tests.upstreams.clip import mp4
from tests.upstreams.faults import JSON, Fault
from tests.upstreams.suno_jobs import mp3, png

API_KEY: Final = "sk-bizyair-key-of-the-tests-0123456789ab"
BOOK: Final = 37429
CLIP: Final = 40811
PAGE: Final = 50002
APPS: Final[Mapping[int, tuple[str, ...]]] = {
    BOOK: (".png",) * 5,
    CLIP: (".mp4",),
    PAGE: (".png",),
    50001: (".mp3", ".glb"),
}
"""The apps that there are, and what each makes."""
MODELS: Final[Mapping[str, Mapping[str, int]]] = {
    "ace-step/text-to-audio": {"audios": 1, "texts": 1},
    "wan/image-to-video": {"videos": 1},
    "flux/text-to-image": {"images": 2},
}
"""The same of the ModelZoo: how many of each list."""
STATUS_OF: Final = {20015: 400, 20052: 401, 40025: 400, 20049: 402, 20224: 400, 20251: 400, 30039: 400, 30040: 400}
"""The HTTP status that goes with a code. Guessed, but for the first three: the documents have none. Others are 200."""
ENDED: Final = ("Success", "Failed", "Canceled")
WAITING: Final = ("Queuing", "Pending")
_ZONE: Final = timezone(timedelta(hours=8))
_ENDING: Final = {"images": ".png", "videos": ".mp4", "audios": ".mp3", "meshes": ".glb", "archives": ".zip"}
TYPES: Final = {".png": "image/png", ".mp4": "video/mp4", ".mp3": "audio/mpeg", ".glb": "model/gltf-binary"}


@dataclass(slots=True)
class FakeTask:
    """One create. Times are seconds since the epoch, the costs milliseconds."""

    body: dict[str, Any]
    headers: dict[str, str]
    """Those that its callback gets, with names in lower case."""
    hook: str | None
    model: str | None = None
    """Its endpoint, for a call of the ModelZoo."""
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "Queuing"
    message: str = ""
    created: float = field(default_factory=time.time)
    begun: float | None = None
    ended_at: float | None = None
    costs: dict[str, int] = field(default_factory=lambda: {
        "inference_cost_time": 38992, "running_cost_time": 41211, "total_cost_time": 41229, "real_cpu_cost_time": 1,
        "real_total_cost_time": 1,
    })  # fmt: skip
    audits: tuple[int, ...] = ()
    """The `audit_status` of each output, where it is not 2."""
    errors: tuple[str, ...] = ()
    """The `error_type` of each output, where it is not NOT_ERROR."""
    link: int = 0
    """Serial number of the links that work; older ones do not."""
    link_uses: int = 0

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    def names(self) -> list[str]:
        """The names of its files."""
        if self.model is not None:
            many = MODELS[self.model]
            endings = [_ENDING[kind] for kind in many for _ in range(many[kind]) if kind in _ENDING]
        else:
            endings = list(APPS[self.body["web_app_id"]])
        return [f"{self.request_id}_{number:05}_{ending}" for number, ending in enumerate(endings, 1)]

    def result(self, base: str) -> dict[str, Any]:
        """The result object, as a synchronous create and a callback have it; `base` is where this server is."""
        done = self.status == "Success"
        told = {
            "type": "API",
            "status": self.status,
            "created_at": moment(self.created),
            "updated_at": moment(self.ended_at or self.begun or self.created),
            "executed_at": moment(self.created),
            **({"running_at": moment(self.begun)} if self.begun else {}),
            **({"ended_at": moment(self.ended_at)} if self.ended_at else {}),
            "expired_at": moment(self.created + 15 * 86400)[:10] + " 00:00:00",
            "request_id": self.request_id,
            "outputs": [self._output(number, name, base) for number, name in enumerate(self.names())] if done else [],
            **({"cost_times": self.costs} if done else {}),
        }
        return told | ({"message": self.message} if self.message else {})

    def detail(self, status: str | None = None) -> dict[str, Any]:
        """The same as the detail tells it. Which of the times are there is a guess."""
        kept = ("created_at", "updated_at", "executed_at", "running_at", "ended_at", "request_id")
        told = {name: one for name, one in self.result("").items() if name in kept}
        costs = {"inference_cost_time": self.costs["inference_cost_time"]} if self.status == "Success" else {}
        waits = {"queueInfo": {"queue_count": 0}} if self.status in WAITING else {}
        return {**told, "status": status or self.status, "message": self.message, **costs, **waits}

    def zoo(self, base: str, status: str | None = None) -> dict[str, Any]:
        """A call of the ModelZoo, as its query tells it."""
        told: dict[str, Any] = {
            "request_id": self.request_id,
            "status": status or self.status,
            "message": self.message,
            "executed_at": moment(self.begun) if self.begun else None,
            "ended_at": moment(self.ended_at) if self.ended_at else None,
            "outputs": None,
        }
        if self.status == "Success":
            files = iter(self.names())
            many = MODELS[self.model or ""]
            told["outputs"] = {kind: [] for kind in (*_ENDING, "texts")} | {
                kind: [self._url(next(files), base) if kind in _ENDING else "a paper boat" for _ in range(number)]
                for kind, number in many.items()
            }
        return told

    def _output(self, number: int, name: str, base: str) -> dict[str, Any]:
        return {
            "object_url": self._url(name, base),
            "output_ext": name.rpartition("_")[2],
            "cost_time": 38757,
            "audit_status": self.audits[number] if number < len(self.audits) else 2,
            "error_type": self.errors[number] if number < len(self.errors) else "NOT_ERROR",
        }

    def _url(self, name: str, base: str) -> str:
        return f"{base}/outputs/{name}?link={self.link}"


def moment(seconds: float) -> str:
    """A time without its zone."""
    return datetime.fromtimestamp(seconds, _ZONE).strftime("%Y-%m-%d %H:%M:%S")


def content_of(name: str) -> bytes:
    """A real file with this ending."""
    match name.rpartition("_")[2]:
        case ".png":
            return png()
        case ".mp4":
            return mp4(64, 64, 1, None)
        case ".mp3":
            return mp3(1.0)
    return b"glTF" + bytes(60)


def objection(body: Any) -> web.StreamResponse | None:
    """Why the rules refuse a create of an app."""
    typed = isinstance(body, dict) and type(body.get("web_app_id")) is int
    values = body.get("input_values") if typed else None
    if not typed or not isinstance(values, dict | None) or type(body.get("suppress_preview_output", False)) is not bool:
        return web.Response(status=500)
    if not values:
        return error(40025, "input_values is required")
    return None if body["web_app_id"] in APPS else error(20224, "the web app does not exist")


def good(data: Any, status: int = 200) -> web.StreamResponse:
    """An answer in the envelope."""
    body = {"code": 20000, "message": "Ok", "status": True, "data": data}
    return web.Response(status=status, body=msgspec.json.encode(body), headers=JSON)


def bare(data: Any, status: int = 200) -> web.StreamResponse:
    """One without it."""
    return web.Response(status=status, body=msgspec.json.encode(data), headers=JSON)


def error(
    code: int | str, message: str | None = None, *, status: int = 0, retry_after: int | None = None
) -> web.StreamResponse:
    """An error answer, with the status that goes with its code; the `status` in it is a guess."""
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    body = {"code": code, "message": f"error {code}" if message is None else message, "status": False}
    known = STATUS_OF.get(int(code), 200)
    return web.Response(status=status or known, body=msgspec.json.encode(body), headers=headers | JSON)


def spoiled(request: web.BaseRequest, fault: Fault) -> web.StreamResponse:
    """The answer of a fault that several places share."""
    return faults.spoiled(
        request, fault, _refused, b'{"code":20000,"message":"Ok","status":true,"data":{"request_id":"0b8f'
    )


def _refused(fault: Fault) -> web.StreamResponse:
    return error(fault.code, fault.message, status=fault.status or 0, retry_after=fault.retry_after)
