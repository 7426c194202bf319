"""The fake ComfyUI keeps to what is known of the true one."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.providers.comfyui.requests import BOOK, graph, node
from tests.upstreams.comfyui import Age, FakeComfy
from tests.upstreams.comfyui_graphs import png


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


async def asked(session: aiohttp.ClientSession, method: str, url: str, body: Any = None) -> tuple[int, Any]:
    async with session.request(method, url, json=body) as answer:
        return answer.status, await answer.json(content_type=None) if answer.status != 404 else await answer.text()


async def test_a_job_goes_from_the_queue_to_the_history(session: aiohttp.ClientSession) -> None:
    async with FakeComfy() as fake:
        name, base = str(uuid.uuid4()), fake.base_url
        status, made = await asked(session, "POST", f"{base}/prompt", {"prompt": BOOK, "prompt_id": name})
        assert (status, made) == (200, {"prompt_id": name, "number": 0, "node_errors": {}})
        _, queue = await asked(session, "GET", f"{base}/api/queue")
        assert [one[:3] for one in queue["queue_pending"]] == [[0, name, BOOK]]
        assert (await asked(session, "GET", f"{base}/history/{name}"))[1] == {}, "absent until it has ended"
        assert (await asked(session, "GET", f"{base}/api/jobs/{name}"))[1]["status"] == "pending"
        fake.begin()
        assert (await asked(session, "GET", f"{base}/api/jobs/{name}"))[1]["status"] == "in_progress"
        fake.finish()
        _, history = await asked(session, "GET", f"{base}/history/{name}")
        status_of = history[name]["status"]
        assert (status_of["status_str"], status_of["completed"]) == ("success", True)
        assert [event for event, _ in status_of["messages"]] == [
            "execution_start",
            "execution_cached",
            "execution_success",
        ]
        (file, *more) = history[name]["outputs"]["9"]["images"]
        assert (len(more), file["type"], file["subfolder"]) == (4, "output", "book")
        async with session.get(f"{base}/view", params=file) as answer:
            assert (await answer.read(), answer.content_type) == (png(64, 64), "image/png")
        fake.restart()
        assert (await asked(session, "GET", f"{base}/history/{name}"))[1] == {}
        assert await asked(session, "GET", f"{base}/api/jobs/{name}") == (404, '{"error":"Job not found"}')


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({}, "no_prompt"),
        ({"prompt": BOOK, "prompt_id": "7"}, "invalid_prompt_id"),
        ({"prompt": BOOK, "prompt_id": str(uuid.uuid4()).upper()}, "invalid_prompt_id"),
        ({"prompt": {}}, "prompt_no_outputs"),
        ({"prompt": graph(n4=node("Unheard"))}, "missing_node_type"),
        ({"prompt": graph(n5=node("EmptyLatentImage", width=1, height="x"))}, "prompt_outputs_failed_validation"),
    ],
)
async def test_what_it_refuses(session: aiohttp.ClientSession, body: Any, kind: str) -> None:
    async with FakeComfy() as fake:
        status, said = await asked(session, "POST", f"{fake.base_url}/prompt", body)
    assert (status, said["error"]["type"]) == (400, kind)
    if kind == "prompt_outputs_failed_validation":
        types = [one["type"] for one in said["node_errors"]["5"]["errors"]]
        assert types == ["value_smaller_than_min", "invalid_input_type", "required_input_missing"]


@pytest.mark.parametrize(("age", "ours", "jobs"), [("2026", True, 200), ("2025", True, 404), ("2024", False, 404)])
async def test_older_ones(session: aiohttp.ClientSession, age: Age, ours: bool, jobs: int) -> None:
    async with FakeComfy(age=age) as fake:
        name = str(uuid.uuid4())
        _, made = await asked(session, "POST", f"{fake.base_url}/prompt", {"prompt": BOOK, "prompt_id": name})
        assert (made["prompt_id"] == name) is ours
        assert (await asked(session, "GET", f"{fake.base_url}/api/jobs/{made['prompt_id']}"))[0] == jobs
        fake.begin()
        async with session.post(f"{fake.base_url}/interrupt", json={"prompt_id": "another"}) as answer:
            assert answer.status == 200
        assert fake.jobs[0].state == ("running" if ours else "interrupted")


async def test_a_socket_hears_of_its_own_jobs(session: aiohttp.ClientSession) -> None:
    async with FakeComfy() as fake, session.ws_connect(f"{fake.base_url}/ws?clientId=me") as socket:
        first = await socket.receive_json(timeout=20)
        assert (first["type"], first["data"]["sid"]) == ("status", "me")
        for client in ("me", "another"):
            await asked(session, "POST", f"{fake.base_url}/prompt", {"prompt": BOOK, "client_id": client})
        fake.step("3", 1, 4)
        fake.finish()
        heard = []
        while "execution_success" not in heard:
            message = await socket.receive(timeout=20)
            heard.append(message.json()["type"] if message.type is aiohttp.WSMsgType.TEXT else "bytes")
    assert heard[:6] == ["execution_start", "execution_cached", "executing", "progress", "progress_state", "bytes"]
    assert heard.count("executed") == heard.count("execution_success") == 1
