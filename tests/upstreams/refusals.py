"""How the servers that stand behind one API, or between it and us, write an error."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

MESSAGE: Final = "seconds must be 4, 8 or 12"
JSON: Final = "application/json; charset=utf-8"
Shape = Callable[[str], tuple[str, bytes]]


def _json(body: Any) -> tuple[str, bytes]:
    return JSON, json.dumps(body, ensure_ascii=False).encode()


SHAPES: Final[Mapping[str, Shape]] = {
    "fastapi": lambda said: _json(
        {"detail": [{"type": "literal_error", "loc": ["body", "seconds"], "msg": said, "input": "5"}]}
    ),
    "detail": lambda said: _json({"detail": said}),
    "detail object": lambda said: _json({"detail": {"code": "bad", "message": said}}),
    "errors": lambda said: _json({"errors": [{"message": said}]}),
    "errors of texts": lambda said: _json({"errors": [said]}),
    "errors by field": lambda said: _json({"message": "The data was invalid.", "errors": {"seconds": [said]}}),
    "msg": lambda said: _json({"code": 810, "msg": said, "data": None}),
    "string code": lambda said: _json({"code": "invalid_parameter", "message": said}),
    "new-api": lambda said: _json({"code": "fail_to_fetch_task", "message": said, "data": None}),
    "new-api around another": lambda said: _json(
        {"code": "fail_to_fetch_task", "message": json.dumps({"error": {"message": said}}), "data": None}
    ),
    "openai": lambda said: _json({"error": {"message": said, "type": "invalid_request_error", "param": "seconds"}}),
    "error text": lambda said: _json({"error": said}),
    "kling": lambda said: _json({"code": 1201, "message": said, "request_id": "r"}),
    "kling as text": lambda said: _json({"code": "1201", "message": said, "request_id": "r"}),
    "jsend": lambda said: _json({"status": "error", "message": said, "data": None}),
    "jsend's fail": lambda said: _json({"status": "fail", "data": {}, "message": said}),
    "error code": lambda said: _json({"error_code": "E1001", "error_msg": said}),
    "errcode": lambda said: _json({"errcode": 40013, "errmsg": said}),
    "problem": lambda said: _json({"title": said, "status": 400, "type": "about:blank"}),
    "minimax": lambda said: _json({"task_id": "", "base_resp": {"status_code": 2013, "status_msg": said}}),
    "volcengine": lambda said: _json({"ResponseMetadata": {"RequestId": "r", "Error": {"Code": "x", "Message": said}}}),
    "google": lambda said: _json({"error": {"code": 400, "message": said, "status": "INVALID_ARGUMENT"}}),
    "google's list": lambda said: _json([{"error": {"code": 400, "message": said, "status": "INVALID_ARGUMENT"}}]),
    "bizyair": lambda said: _json({"code": 40025, "message": said, "status": False}),
    "text": lambda said: ("text/plain", said.encode()),
    "page": lambda said: ("text/html", f"<html><head><title>{said}</title></head><body>nginx</body></html>".encode()),
    "nothing": lambda said: ("text/plain", b""),
    "half": lambda said: (JSON, b'{"error": {"message": "' + said.encode()),
    "no object": lambda said: _json([[], 4, None]),
}
"""By a name for tests: from a message to (content type, body)."""
TOLD: Final = tuple(name for name in SHAPES if name not in ("nothing", "no object"))
"""Those whose message can be told."""
ERRORS: Final = tuple(name for name in TOLD if name not in ("detail", "problem", "text", "page", "half"))
"""Those that are errors even with status 200."""
