"""What the fake Kling keeps and checks: jobs, and the documented rules of a create."""

from __future__ import annotations

import base64
import binascii
import time
from dataclasses import dataclass, field
from typing import Any

import jwt
import msgspec


@dataclass(slots=True)
class FakeJob:
    """One job. `handle` is its `external_task_id`; times are milliseconds, as on the wire."""

    task_id: str
    handle: str | None
    operation: str
    body: dict[str, Any]
    status: str = "submitted"
    message: str = ""
    created_at: int = field(default_factory=lambda: int(time.time() * 1000))
    updated_at: int = 0
    answer: bytes | None = None
    """The body of a query, kept until something changes."""
    link: int = 0
    """Serial number of the link that works; older ones do not."""
    link_uses: int = 0
    link_until: float = 0.0
    told_at: float | None = None
    """When a query first answered with its end, in seconds since the epoch."""

    @property
    def link_works(self) -> bool:
        return self.link_uses > 0 and time.time() < self.link_until

    @property
    def ended(self) -> bool:
        return self.status in ("succeed", "failed")

    @property
    def units(self) -> str:
        """What the job takes from a resource pack."""
        return str(float(self.body.get("duration", "5")) * 0.5)

    def created(self) -> dict[str, Any]:
        """The `data` object of a create's answer."""
        return {
            "task_id": self.task_id,
            "task_status": "submitted",
            "task_info": {"external_task_id": self.handle} if self.handle else {},
            "created_at": self.created_at,
            "updated_at": self.created_at,
        }

    def data(self, url: str | None = None, seconds: str | None = None) -> dict[str, Any]:
        """The `data` object of a query, which a callback sends flat. `seconds`: its length, where not as asked."""
        data = self.created() | {"task_status": self.status, "task_status_msg": self.message}
        data["updated_at"] = self.updated_at or self.created_at
        if self.status == "succeed":
            seconds = seconds or str(self.body.get("duration", "5"))
            data["task_result"] = {"videos": [{"id": f"v{self.task_id}", "url": url, "duration": seconds}]}
            data["final_unit_deduction"] = self.units
        return data


def envelope(code: int, message: str, data: Any = None) -> bytes:
    """The body of every answer."""
    body: dict[str, Any] = {"code": code, "message": message, "request_id": "e5577399-0114-4538-a12b-52cbd2bf9683"}
    if data is not None:
        body["data"] = data
    return msgspec.json.encode(body)


def unauthorized(header: str | None, api_key: str, access_key: str, secret_key: str) -> tuple[int, str] | None:
    """Why a request is not signed in (Kling, authentication): the API key, or an HS256 token with iss, exp and nbf."""
    if not header:
        return 1001, "Authorization is empty"
    token = header.removeprefix("Bearer ")
    if header == f"Bearer {api_key}":
        return None
    try:
        claims = jwt.decode(token, secret_key, algorithms=["HS256"], options={"require": ["iss", "exp", "nbf"]})
    except jwt.ImmatureSignatureError:
        return 1003, "Authorization is not yet valid"
    except jwt.ExpiredSignatureError:
        return 1004, "Authorization has expired"
    except jwt.InvalidTokenError:
        return 1002, f"Authorization is invalid: {token}"
    return None if claims["iss"] == access_key else (1000, f"access key {claims['iss']} not found")


def objection(operation: str, body: Any) -> tuple[int, str] | None:
    """Why the documented rules refuse a create: (code, message)."""
    if not isinstance(body, dict):
        return 1200, "the body must be a JSON object"
    model = body.get("model_name") or "kling-v1"
    if not isinstance(model, str) or not model.startswith("kling-"):
        return 1203, f"model is not found: {model}"
    wrong = next((name for name, allowed in _ALLOWED.items() if body.get(name) not in allowed), None)
    if wrong:
        return 1201, f"{wrong} value {body[wrong]!r} is invalid"
    if len(body.get("prompt") or "") > 2500:
        return 1201, "prompt length must not be greater than 2500"
    if operation == "text2video":
        return None if body.get("prompt") or body.get("multi_shot") else (1201, "prompt can not be empty")
    return _objection_to_pictures(body)


# The last of each is not documented yet: a vendor has new things before we know of them.
_ALLOWED: dict[str, tuple[Any, ...]] = {
    "mode": (None, "std", "pro", "4k"),
    "sound": (None, "on", "off", "music"),
    "aspect_ratio": (None, "16:9", "9:16", "1:1", "21:9", "auto"),
    "duration": (None, *map(str, range(3, 16))),
}


def _objection_to_pictures(body: dict[str, Any]) -> tuple[int, str] | None:
    if not body.get("image") and not body.get("image_tail"):
        return 1201, "image and image_tail can not both be empty"
    ways = [body.get("image_tail"), body.get("static_mask") or body.get("dynamic_masks"), body.get("camera_control")]
    if sum(map(bool, ways)) > 1:
        return 1201, "image_tail, masks and camera_control exclude each other"
    masks = [one["mask"] for one in body.get("dynamic_masks") or ()]
    for picture in (*(body.get(name) for name in ("image", "image_tail", "static_mask")), *masks):
        if picture and not picture.startswith(("http://", "https://")):
            try:
                base64.b64decode(picture, validate=True)
            except binascii.Error:
                return 1201, "File is not in a valid base64 format"
    return None
