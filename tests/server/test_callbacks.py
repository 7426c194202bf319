"""Callbacks from providers wake their task at once, and can do nothing else.

Time is real here: the first poll is due eight seconds and more after the create, so what comes sooner was woken.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.server.live import LiveServer, kling_channel
from tests.upstreams.kling import API_KEY, FakeKling

TEXT = "/kling/v1/videos/text2video"
SECRET = "whsec_c2VjcmV0LW9mLXRoZS13ZWJob29rcw=="
OTHER = "whsec_YW5vdGhlci1zZWNyZXQtYWx0b2dldGhlcg=="
LIE = json.dumps({"task_status": "failed", "task_status_msg": "so there"}).encode()


def config_of(kling: FakeKling, secret: str | None) -> str:
    more = f'webhook_secret = "{secret}"' if secret else ""
    return 'public_url = "{address}"\n' + kling_channel(kling.base_url, API_KEY, more)


def created(server: LiveServer, kling: FakeKling) -> tuple[str, str]:
    """The id of a new task, and the path at which its upstream was told to call."""
    answer = server.call("POST", TEXT, {"model_name": "kling-v2-5-turbo", "prompt": "a"})
    assert answer.status == 200, answer
    url = str(list(kling.jobs.values())[-1].body["callback_url"])
    assert url.startswith(f"{server.address}/callbacks/")
    return str(answer.json["data"]["task_id"]), url.removeprefix(server.address)


def signed(body: bytes, secret: str = SECRET, at: float | None = None, identity: str = "1") -> dict[str, str]:
    """The headers of Standard Webhooks."""
    stamp = int(time.time() if at is None else at)
    signature = Webhook(secret).sign(identity, datetime.fromtimestamp(stamp, UTC), body.decode())
    return {"webhook-id": identity, "webhook-timestamp": str(stamp), "webhook-signature": signature}


@pytest.mark.parametrize("secret", [None, SECRET], ids=["unsigned", "signed"])
def test_a_callback_wakes_its_task(folder: Path, secret: str | None) -> None:
    fake = FakeKling(webhook_secret=secret)
    with fake.in_thread() as kling, LiveServer(folder, config_of(kling, secret), speed=1) as server:
        task, _ = created(server, kling)
        kling.begin()
        kling.wait_noted("query", timeout=5)
        server.until(f"{TEXT}/{task}", lambda found: found["data"]["task_status"] == "processing", 5)
        kling.finish()
        assert server.ended(task, 5)["status"] == "succeeded"
        assert [entry.code for entry in kling.entries("callback")] == [200, 200]
        assert kling.count("query") == 2


FORGED: dict[str, Callable[[], dict[str, str]]] = {
    "nothing": dict,
    "another secret": lambda: signed(LIE, OTHER),
    "another body": lambda: signed(LIE + b" "),
    "too old": lambda: signed(LIE, at=time.time() - 600),
    "too new": lambda: signed(LIE, at=time.time() + 600),
    "another id": lambda: signed(LIE) | {"webhook-id": "2"},
    "nonsense": lambda: signed(LIE) | {"webhook-signature": "v1,AAAA"},
    "no time": lambda: signed(LIE) | {"webhook-timestamp": "soon"},
}


def test_a_forged_callback_wakes_nobody(folder: Path) -> None:
    with FakeKling().in_thread() as kling, LiveServer(folder, config_of(kling, SECRET), speed=1) as server:
        task, path = created(server, kling)
        for name, headers in FORGED.items():
            answer = server.call("POST", path, LIE, key=None, headers=headers())
            assert answer.status == 401, name
        for unknown in ("/callbacks/unknown", path + "x", path[:-1], "/callbacks/"):
            assert server.call("POST", unknown, LIE, key=None, headers=signed(LIE)).status == 404
        assert server.call("GET", path, key=None).status == 405
        large = b" " * (1024 * 1024 + 1)
        assert server.call("POST", path, large, key=None, headers=signed(large)).status == 413
        time.sleep(0.3)
        assert kling.queries == 0

        assert server.call("POST", path, LIE, key=None, headers=signed(LIE)).status == 200
        kling.wait_noted("query", timeout=5)
        assert server.call("GET", f"{TEXT}/{task}").json["data"]["task_status"] == "submitted", (
            "what it says is not believed"
        )


@pytest.mark.parametrize("body", [LIE, b"", b"\xff\xfe", b"[]"])
def test_an_unsigned_callback_can_only_wake(folder: Path, body: Any) -> None:
    with FakeKling().in_thread() as kling, LiveServer(folder, config_of(kling, None), speed=1) as server:
        task, path = created(server, kling)
        assert server.call("POST", path, body, key=None).json == {"ok": True}
        kling.wait_noted("query", timeout=5)
        assert server.call("GET", f"/v1/tasks/{task}").json["status"] == "queued"
        kling.finish()
        server.call("POST", path, body, key=None)
        assert server.ended(task, 5)["status"] == "succeeded"
        asked = kling.queries
        assert server.call("POST", path, body, key=None).status == 200, "a late one is welcome, and changes nothing"
        time.sleep(0.2)
        assert kling.queries == asked
        assert server.call("GET", f"/v1/tasks/{task}").json["status"] == "succeeded"
