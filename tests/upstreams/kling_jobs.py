"""What the fake Kling keeps and checks: jobs, and the documented rules of a create."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import jwt
import msgspec

from tests.upstreams.kling_operations import Made


@dataclass(slots=True)
class FakeJob:
    """One job. `handle` is its `external_task_id`; times are milliseconds, as on the wire."""

    task_id: str
    handle: str | None
    path: str
    """Behind `/v1/`: `videos/text2video`."""
    body: dict[str, Any]
    made: Made = "videos"
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
    def operation(self) -> str:
        """Its path without what it makes: `text2video`."""
        return self.path.partition("/")[2] or self.path

    @property
    def link_works(self) -> bool:
        return self.link_uses > 0 and time.time() < self.link_until

    @property
    def ended(self) -> bool:
        return self.status in ("succeed", "failed")

    @property
    def units(self) -> str:
        """What the job takes from a resource pack."""
        return str(float(self.body.get("duration", "5")) * 0.5 * self.count)

    @property
    def count(self) -> int:
        """How many files it makes."""
        if not self.series:
            return int(self.body.get("n", 1))
        amount = self.body.get("series_amount", 4)
        return 3 if amount == "auto" else int(amount)

    @property
    def series(self) -> bool:
        """Its pictures belong together, and are told in another list."""
        return self.body.get("result_type") == "series"

    def found(self, base: str) -> dict[str, Any]:
        """The `data` object of a call's answer."""
        cost = {"final_unit_deduction": "0.05", "final_balance_deduction": {"quota": "0.35", "list_price": "0.5"}}
        if self.made == "faces":
            face = {"face_id": "0", "face_image": self.file_at(base, "png"), "start_time": 0, "end_time": 5200}
            return {"session_id": f"s{self.task_id}", **cost, "face_data": [face]}
        parts = [{"type": one, "is_contain": one != "cloth_seg"} for one in ("object_seg", "head_seg", "cloth_seg")]
        links = [one | ({"url": self.file_at(base, "png")} if one["is_contain"] else {}) for one in parts]
        return {"task_result": {"images": links}, **cost}

    def created(self) -> dict[str, Any]:
        """The `data` object of a create's answer."""
        return {
            "task_id": self.task_id,
            "task_status": "submitted",
            "task_info": {"external_task_id": self.handle} if self.handle else {},
            "created_at": self.created_at,
            "updated_at": self.created_at,
        }

    def data(self, base: str = "", seconds: str | None = None) -> dict[str, Any]:
        """The `data` object of a query, which a callback sends flat. `seconds`: its length, where not as asked."""
        data = self.created() | {"task_status": self.status, "task_status_msg": self.message}
        data["updated_at"] = self.updated_at or self.created_at
        if self.status == "succeed":
            seconds = seconds or str(self.body.get("duration", "5"))
            files = [self._result(base, number, seconds) for number in range(self.count)]
            made = {"result_type": "series", "series_images": files} if self.series else {self.made: files}
            data["task_result"] = made
            data["final_unit_deduction"] = self.units
        return data

    def file_at(self, base: str, form: str = "mp4", name: str | None = None) -> str:
        """The link that works now to what it made."""
        return f"{base}/files/{name or self.task_id}.{form}?link={self.link}"

    def _result(self, base: str, number: int, seconds: str) -> dict[str, Any]:
        name = f"{self.task_id}-{number}" if number else self.task_id
        links = {form: self.file_at(base, form, name) for form in ("mp4", "png", "mp3", "wav")}
        match self.made:
            case "images":
                return {"index": number, "url": links["png"]}
            case "audios":
                return {
                    "id": f"a{name}",
                    "url_mp3": links["mp3"],
                    "url_wav": links["wav"],
                    "duration_mp3": seconds,
                    "duration_wav": seconds,
                }
        return {"id": f"v{name}", "url": links["mp4"], "duration": seconds}


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
