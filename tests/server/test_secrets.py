"""After a busy run no secret is anywhere: in logs, errors, metrics, events, deliveries or records."""

from __future__ import annotations

import logging
from pathlib import Path

import jwt
import pytest

from tests.server.live import ADMIN_KEY, KEY, NARROW_KEY, OTHER_KEY, LiveServer
from tests.upstreams.kling import ACCESS_KEY, API_KEY, SECRET_KEY, FakeKling, Fault

WEBHOOK_SECRET = "whsec_" + "c2VjcmV0LW9mLXRoZS1jYWxsYmFja3M="
PATH = "/kling/v1/videos/text2video"
BODY = {"model_name": "kling-v2-5-turbo", "prompt": "a boat", "duration": "5"}


def channels(kling: FakeKling) -> str:
    return f"""
public_url = "{{address}}"
[network]
allow_private = ["127.0.0.1/32"]
[[channels]]
name = "by-key"
provider = "kling"
base_url = "{kling.base_url}/kling"
api_key = "{API_KEY}"
webhook_secret = "{WEBHOOK_SECRET}"
models = ["kling-v2-5-turbo"]
[[channels]]
name = "by-token"
provider = "kling"
base_url = "{kling.base_url}"
access_key = "{ACCESS_KEY}"
secret_key = "{SECRET_KEY}"
models = ["kling-v1"]
"""


def busy(server: LiveServer, kling: FakeKling) -> tuple[list[str], list[str]]:
    """Do everything, well and badly; the secrets that were shown once, and all else that was said."""
    said: list[str] = []
    shown: list[str] = []

    def call(method: str, path: str, body: object = None, **more: object) -> str:
        reply = server.call(method, path, body, **more)  # type: ignore[arg-type]
        said.append(f"{reply.headers} {reply.content!r}")
        return reply.content.decode("utf-8", "replace")

    made = server.call("POST", "/admin/v1/keys", {"name": "extra"}, key=ADMIN_KEY).json
    hook = server.call("POST", "/v1/webhooks", {"url": f"{kling.base_url}/hook"}).json
    own = server.call("POST", "/v1/webhooks/secret/rotate").json
    pair = server.call("POST", "/admin/v1/keys", {"name": "signer", "jwt": True}, key=ADMIN_KEY).json
    token = jwt.encode({"iss": pair["access_key"], "exp": int(server.clock.now()) + 900}, pair["secret_key"], "HS256")
    shown += [made["key"], pair["key"], pair["secret_key"], token, hook["secret"], own["secret"]]

    for model in ("kling-v2-5-turbo", "kling-v1"):
        reply = server.call("POST", PATH, {**BODY, "model_name": model})
        assert reply.status == 200, reply
        task = reply.json["data"]["task_id"]
        server.ended(task)
        for path in (f"{PATH}/{task}", f"/v1/videos/{task}", f"/v1/tasks/{task}", f"/v1/tasks/{task}/events"):
            call("GET", path)
    for fault in (
        Fault("create", "refuse", code=1102, message="the resource pack has run out"),
        Fault("create", "refuse", code=1201, message=f"the key {API_KEY} may not do that"),
        Fault("create", "html"),
        Fault("create", "drop"),
        Fault("query", "html", times=2),
        Fault("create", "refuse", code=1002, message=f"Authorization of {API_KEY} at {kling.base_url} failed"),
    ):
        kling.faults.append(fault)
        call("POST", PATH, BODY)
        kling.faults.clear()
    call("GET", "/v1/models?key=" + KEY, key=None)
    call("GET", "/v1/models?key=sk-tc-" + KEY, key=None)
    call("GET", "/v1/models", key=KEY + "x")
    for signed in (token, token + "x"):
        call("GET", "/v1/models", key=signed)
        call("GET", f"/v1/models?key={signed}", key=None)
    call("GET", "/v1/nowhere?key=" + KEY, key=None)
    call("POST", "/v1/videos", b"{", key=KEY)
    call("POST", "/callbacks/nobody", b"{}", key=None)
    call("GET", "/admin/v1/keys", key=NARROW_KEY)
    for path in ("/admin/v1/keys", "/admin/v1/channels", "/admin/v1/config", "/admin/v1/doctor", "/v1/tasks"):
        call("GET", path, key=ADMIN_KEY)
    for name in ("by-key", "by-token"):
        call("POST", f"/admin/v1/channels/{name}/test", key=ADMIN_KEY)
    for path in ("/v1/webhooks", "/v1/deliveries", "/metrics", "/openapi.json", "/docs", "/readyz", "/"):
        call("GET", path)
    return shown, said


def test_no_secret_is_said_anywhere(
    folder: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    with FakeKling(webhook_secret=WEBHOOK_SECRET).in_thread() as kling:
        kling.autofinish(0.05)
        with LiveServer(folder, channels(kling), speed=1.0, calm=False) as server:
            shown, said = busy(server, kling)
            logs = server.log_text()
            signing = (server.data / "secret.key").read_text().strip()
            local = server.gateway.local_token().rpartition(".")[2]
            derived = [server.gateway._secret.derive(name).hex() for name in ("media links", "webhook secrets")]
            records = "\n".join(
                str(row)
                for table in (
                    *("tasks", "attempts", "events", "deliveries", "delivery_tries"),
                    *("outputs", "keys", "channels", "settings"),
                )
                for row in server.rows(f"SELECT * FROM {table}")  # noqa: S608  our own names
            )
    streams = capfd.readouterr()
    configured = [KEY, OTHER_KEY, NARROW_KEY, ADMIN_KEY, API_KEY, ACCESS_KEY, SECRET_KEY, WEBHOOK_SECRET, signing]
    secrets = [*configured, *shown, local, *derived]
    assert all(len(one) > 20 for one in secrets if one not in (ACCESS_KEY,))
    places = {"logs": logs + caplog.text, "streams": streams.out + streams.err, "records": records}
    for number, text in enumerate(said):
        places[f"answer {number}"] = text
    assert len(said) > 25
    assert "request" in logs
    for secret in secrets:
        for place, text in places.items():
            assert secret not in text, f"{place} holds {secret[:12]}…: …{text[max(0, text.find(secret) - 200) :][:400]}"
