"""What the fake Midjourney proxies keep and check: tasks with their buttons, the rules of a submission, and answers."""

from __future__ import annotations

import functools
import io
import itertools
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec
from aiohttp import web

from tests.upstreams import faults
from tests.upstreams.faults import JSON, Fault

Flavour = Literal["original", "plus", "new-api"]
ENDED: Final = ("SUCCESS", "FAILURE", "CANCEL")
SUCCESS, NOT_FOUND, VALIDATION, FAILURE, EXISTED, QUEUED, FULL, BANNED = 1, 3, 4, 9, 21, 22, 23, 24
GRIDS: Final = frozenset({"IMAGINE", "BLEND", "VARIATION", "REROLL", "ZOOM", "PAN", "INPAINT", "EDIT", "RETEXTURE"})
"""Actions that make four pictures."""
TEXTS: Final = frozenset({"DESCRIBE", "SHORTEN"})
SERVED: Final[dict[str, frozenset[Flavour]]] = {
    "imagine": frozenset({"original", "plus", "new-api"}),
    "blend": frozenset({"original", "plus", "new-api"}),
    "describe": frozenset({"original", "plus", "new-api"}),
    "change": frozenset({"original", "new-api"}),
    "action": frozenset({"plus", "new-api"}),
    "modal": frozenset({"plus", "new-api"}),
    "shorten": frozenset({"plus", "new-api"}),
    "edits": frozenset({"plus", "new-api"}),
    "retexture": frozenset({"plus"}),
    "video": frozenset({"plus", "new-api"}),
    "swap": frozenset({"plus", "new-api"}),
}
"""By the last step of a path, which of them have it."""
LINES: Final = "\n\n".join(f"{number}\ufe0f\u20e3 a paper boat, take {number} --ar 1:1" for number in range(1, 5))
_SHORTER: Final = "## Important tokens\na paper **boat**\n\n1\ufe0f\u20e3 paper boat"
_NAMES: Final = {"imagine": "IMAGINE", "edits": "EDIT", "swap": "SWAP_FACE"}
_ids = itertools.count(1)


@dataclass(slots=True)
class FakeTask:
    """One submission. Times are milliseconds, as on the wire."""

    action: str
    body: dict[str, Any]
    prompt: str = ""
    mode: str = ""
    """Of its path: `fast`, `relax`, `turbo`."""
    parent: str | None = None
    custom_id: str | None = None
    task_id: str = field(default_factory=lambda: f"{int(time.time() * 1000)}{next(_ids):03d}")
    hash: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "SUBMITTED"
    progress: str = "0%"
    fail_reason: str | None = None
    submit_time: int = field(default_factory=lambda: int(time.time() * 1000))
    start_time: int = 0
    finish_time: int = 0
    window: dict[str, Any] | None = None
    """What its modal was sent with."""
    link: int = 0
    """Serial number of the links that work; older ones do not."""
    link_uses: int = 0
    told_at: float | None = None
    """When a query first answered with its end, in seconds since the epoch."""

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @property
    def video(self) -> bool:
        return self.action.startswith("VIDEO")

    @property
    def hook(self) -> str | None:
        hook = (self.window or {}).get("notifyHook") or self.body.get("notifyHook")
        return hook if isinstance(hook, str) else None

    def buttons(self) -> list[str]:
        """The `customId` of each of its buttons, once it is done."""
        name = self.hash
        if self.action == "DESCRIBE":
            return [f"MJ::Job::PicReader::{number}" for number in range(1, 5)]
        if self.action in GRIDS:
            grid = [
                f"MJ::JOB::{what}::{number}::{name}" for what in ("upsample", "variation") for number in range(1, 5)
            ]
            return [*grid, f"MJ::JOB::reroll::0::{name}::SOLO"]
        if self.action not in ("UPSCALE", "UPSCALE_HD"):
            return []
        jobs = ("upsample_v6_2x_subtle", "upsample_v6_2x_creative", "low_variation", "high_variation")
        pans = tuple(f"pan_{side}" for side in ("left", "right", "up", "down"))
        clips = ("animate_high", "animate_low")
        return [
            *(f"MJ::JOB::{what}::1::{name}::SOLO" for what in (*jobs, *pans, *clips)),
            *(f"MJ::Outpaint::{much}::1::{name}::SOLO" for much in (50, 75)),
            f"MJ::CustomZoom::{name}",
            f"MJ::BOOKMARK::{name}",
            f"MJ::Inpaint::1::{name}::SOLO",
        ]

    def text(self) -> str:
        """What it made, where that is a text."""
        return (
            LINES if self.action == "DESCRIBE" else "## Important tokens\na paper **boat**\n\n1\ufe0f\u20e3 paper boat"
        )


def named(path: str) -> str:
    """What a task is called that is submitted there."""
    return _NAMES.get(path, path.upper())


def action_of(custom_id: str) -> str:
    """What a task is called that a button makes."""
    for beginning, action in (
        ("MJ::JOB::upsample::", "UPSCALE"),
        ("MJ::JOB::upsample_", "UPSCALE_HD"),
        ("MJ::JOB::pan_", "PAN"),
        ("MJ::JOB::reroll", "REROLL"),
        ("MJ::JOB::animate_", "VIDEO"),
        ("MJ::Outpaint", "ZOOM"),
        ("MJ::CustomZoom", "ZOOM"),
        ("MJ::Inpaint", "INPAINT"),
        ("MJ::Job::PicReader", "IMAGINE"),
    ):
        if custom_id.startswith(beginning):
            return action
    return "VARIATION"


def opens_window(custom_id: str) -> bool:
    """Whether a button asks for a modal before it does anything."""
    return custom_id.startswith(("MJ::CustomZoom", "MJ::Inpaint"))


Objection = tuple[int, str]


_NEEDED: Final[dict[str, tuple[str, ...]]] = {
    "imagine": ("prompt",),
    "shorten": ("prompt",),
    "describe": ("base64",),
    "edits": ("prompt", "image"),
    "retexture": ("prompt", "image"),
    "swap": ("sourceBase64", "targetBase64"),
}
"""By the last step of a path, what cannot be left out."""


def objection(path: str, body: dict[str, Any], tasks: dict[str, FakeTask]) -> Objection | None:
    """Why the rules refuse a submission: (code, description)."""
    lacking = [name for name in _NEEDED.get(path, ()) if not str(body.get(name) or "").strip()]
    if lacking or "nude" in str(body.get("prompt")):
        return (VALIDATION, f"{lacking[0]}不能为空") if lacking else (BANNED, "可能包含敏感词")
    pictures = [body.get(one) for one in ("base64", "image", "endImage", "maskBase64", "sourceBase64", "targetBase64")]
    pictures += body.get("base64Array") or []
    if any(not str(one).startswith("data:image/") for one in pictures if one):
        return VALIDATION, "base64格式错误"
    if path in ("change", "action", "modal"):
        return _objection_to_parent(path, body, tasks)
    if path == "blend" and not 2 <= len(body.get("base64Array") or []) <= 5:
        return VALIDATION, "base64List参数错误"
    if path == "video":
        return _objection_to_video(body, tasks)
    good = path != "blend" or body.get("dimensions") in ("PORTRAIT", "SQUARE", "LANDSCAPE")
    return None if good else (VALIDATION, "dimensions参数错误")


def _objection_to_video(body: dict[str, Any], tasks: dict[str, FakeTask]) -> Objection | None:
    parent = tasks.get(str(body.get("taskId")))
    if body.get("taskId") and parent is None:
        return NOT_FOUND, "关联任务不存在或已失效"
    if parent is None and not body.get("image"):
        return VALIDATION, "image不能为空"
    if body.get("motion") not in ("low", "high"):
        return VALIDATION, "motion参数错误"
    if body.get("action") == "extend" and body.get("index") not in range(4):
        return VALIDATION, "index参数错误"
    return None


def _objection_to_parent(path: str, body: dict[str, Any], tasks: dict[str, FakeTask]) -> Objection | None:
    parent = tasks.get(str(body.get("taskId")))
    if parent is None:
        return NOT_FOUND, "关联任务不存在或已失效"
    if parent.status != ("MODAL" if path == "modal" else "SUCCESS"):
        return VALIDATION, "关联任务状态错误"
    by_number = body.get("action") != "REROLL"
    rules = {
        "modal": ((body.get("prompt"), "参数错误"),),
        "action": ((body.get("customId") in parent.buttons(), "customId错误"),),
        "change": (
            (body.get("action") in ("UPSCALE", "VARIATION", "REROLL"), "action参数错误"),
            (parent.action in GRIDS, "关联任务不允许执行变化"),
            (not by_number or body.get("index") in range(1, 5), "index参数错误"),
        ),
    }
    return next(((VALIDATION, said) for kept, said in rules[path] if not kept), None)


def submitted(code: int, description: str, result: Any = None, **properties: Any) -> web.StreamResponse:
    """The answer to a submission, always with status 200."""
    said = {"code": code, "description": description, "result": result, "properties": properties}
    return web.Response(body=msgspec.json.encode(said), headers=JSON)


def refused(
    flavour: Flavour, code: int, description: str, *, status: int = 0, retry_after: int | None = None, word: str = ""
) -> web.StreamResponse:
    """A refusal, as each of them says it."""
    headers = JSON if retry_after is None else JSON | {"retry-after": str(retry_after)}
    if flavour == "new-api":
        said: dict[str, Any] = {"description": f"{description} ", "type": "upstream_error", "code": code}
        status = status or (429 if code == 30 else 400)
    else:
        said = {
            "code": code,
            "description": description,
            "result": None,
            "properties": {"bannedWord": word} if word else {},
        }
        status = status or (404 if flavour == "plus" and code == NOT_FOUND else 200)
    return web.Response(status=status, body=msgspec.json.encode(said), headers=headers)


def unauthorized(flavour: Flavour) -> web.StreamResponse:
    """A wrong key."""
    if flavour == "original":
        return web.Response(status=401)
    if flavour == "plus":
        return web.Response(status=401, text="Authorization header missing.")
    said = {"error": {"message": "Invalid token", "type": "new_api_error"}}
    return web.Response(status=401, body=msgspec.json.encode(said), headers=JSON)


def spoiled(request: web.BaseRequest, fault: Fault, flavour: Flavour) -> web.StreamResponse:
    """The answer of a fault that several places share."""

    def say_no(one: Fault) -> web.StreamResponse:
        code = one.code if isinstance(one.code, int) and one.code < 100 else VALIDATION
        said = one.message or f"error {code}"
        return refused(flavour, code, said, status=one.status or 0, retry_after=one.retry_after)

    return faults.spoiled(request, fault, say_no, b'{"code":1,"description":"\xe6\x8f\x90\xe4\xba\xa4","result":"17')


@functools.cache
def png(side: int, shade: int = 0) -> bytes:
    """A real picture."""
    from PIL import Image

    target = io.BytesIO()
    Image.new("RGB", (side, side), (40 + shade, 80, 120)).save(target, "PNG")
    return target.getvalue()
