"""The fake BizyAir answers as its documents and captures do, and goes wrong where it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.upstreams.bizyair import API_KEY, BOOK, CLIP, FakeBizyair, Fault

KEY = {"authorization": f"Bearer {API_KEY}"}
ASYNC = {"X-Bizyair-Task-Async": "enable"}
CALL = {"web_app_id": BOOK, "suppress_preview_output": False, "input_values": {"17:Node.prompt": "a"}}


@pytest.fixture(params=[False, True], ids=["China", "abroad"])
async def fake(request: pytest.FixtureRequest) -> AsyncIterator[FakeBizyair]:
    async with FakeBizyair(abroad=request.param) as one:
        yield one


async def call(fake: FakeBizyair, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    async with (
        aiohttp.ClientSession(headers=KEY | headers) as session,
        session.request(method, fake.base_url + path, json=body) as answer,
    ):
        content = await answer.read()
        return answer.status, await answer.json() if answer.content_type == "application/json" else content


def path_of(fake: FakeBizyair, name: str, verb: str = "") -> str:
    if fake.abroad:
        return f"/v1/webapp/task/openapi/{name}" + f"/{verb}" * bool(verb)
    return f"/w/v1/webapp/task/openapi/{verb or 'detail'}?requestId={name}"


def create_of(fake: FakeBizyair) -> str:
    return f"{'/v1' if fake.abroad else '/w/v1'}/webapp/task/openapi/create"


async def submitted(fake: FakeBizyair, body: Any = CALL, **headers: str) -> str:
    status, told = await call(fake, "POST", create_of(fake), body, **(headers or ASYNC))
    assert status == 202
    return str(told["request_id"])


async def test_five_pictures_in_their_documented_shape(fake: FakeBizyair) -> None:
    waiting = asyncio.create_task(call(fake, "POST", create_of(fake), CALL))
    await fake.noted("accepted")
    fake.begin()
    fake.finish()
    status, told = await waiting
    assert status == 200
    assert list(told) == [
        *("type", "status", "created_at", "updated_at", "executed_at", "running_at", "ended_at", "expired_at"),
        *("request_id", "outputs", "cost_times"),
    ]
    assert [list(one) for one in told["outputs"]] == [
        ["object_url", "output_ext", "cost_time", "audit_status", "error_type"]
    ] * 5
    assert told["expired_at"].endswith(" 00:00:00")
    async with aiohttp.ClientSession() as session, session.get(told["outputs"][4]["object_url"]) as answer:
        assert (await answer.read())[:4] == b"\x89PNG"


async def test_detail_outputs_cancel_and_interrupt(fake: FakeBizyair) -> None:
    name = await submitted(fake, CALL | {"web_app_id": CLIP})
    _, told = await call(fake, "GET", path_of(fake, name))
    assert (told["code"], told["status"], told["data"]["status"]) == (20000, True, "Queuing")
    fake.finish(name)
    _, told = await call(fake, "GET", path_of(fake, name, "outputs"))
    assert [one["output_ext"] for one in told["data"]["outputs"]] == [".mp4"]
    waits, runs = await submitted(fake), await submitted(fake)
    fake.begin(runs)
    for one, right, wrong in ((waits, "cancel", "interrupt"), (runs, "interrupt", "cancel")):
        assert (await call(fake, "PUT", path_of(fake, one, wrong)))[0] == 400
        assert (await call(fake, "PUT", path_of(fake, one, right)))[0] == 200
        assert (await call(fake, "GET", path_of(fake, one)))[1]["data"]["status"] == "Canceled"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({**CALL, "input_values": {}}, 400, 40025),
        ({"web_app_id": BOOK}, 400, 40025),
        ({**CALL, "web_app_id": 1}, 400, 20224),
        ({**CALL, "web_app_id": str(BOOK)}, 500, None),
        ({**CALL, "input_values": []}, 500, None),
    ],
)
async def test_what_it_refuses(fake: FakeBizyair, body: Any, status: int, code: int | None) -> None:
    found, told = await call(fake, "POST", create_of(fake), body, **ASYNC)
    assert (found, told["code"] if told else None) == (status, code)
    assert fake.count("refused") == 1


async def test_a_call_of_the_model_zoo(fake: FakeBizyair) -> None:
    zoo = f"{'/v1' if fake.abroad else '/x/v1'}/modelzoo/tasks/openapi"
    _, told = await call(fake, "POST", f"{zoo}/ace-step/text-to-audio", {"prompt": "a"})
    name = told["data"]["request_id"]
    fake.enveloped = False
    assert (await call(fake, "GET", f"{zoo}/{name}"))[1]["status"] == "Pending"
    fake.finish()
    _, told = await call(fake, "GET", f"{zoo}/{name}")
    assert sorted(kind for kind, made in told["outputs"].items() if made) == ["audios", "texts"]
    assert (await call(fake, "POST", f"{zoo}/no/such", {"prompt": "a"}))[1]["code"] == 20015


async def test_a_wrong_key_and_a_wallet(fake: FakeBizyair) -> None:
    wallet = "/v1/wallet" if fake.abroad else "/y/v1/wallet"
    assert (await call(fake, "GET", wallet))[0] == 200
    status, told = await call(fake, "GET", wallet, authorization="Bearer wrong")
    assert (status, told["code"]) == (401, "20052")


async def test_faults(fake: FakeBizyair) -> None:
    fake.faults += [
        Fault("create", "refuse", code=30040),
        Fault("create", "drop", created=True),
        Fault("query", "word", message="Dreaming"),
        Fault("list", "html"),
        Fault("file", "status", status=502),
    ]
    assert (await call(fake, "POST", create_of(fake), CALL, **ASYNC))[1]["code"] == 30040
    with pytest.raises(aiohttp.ClientError):
        await call(fake, "POST", create_of(fake), CALL, **ASYNC)
    (name,) = fake.jobs
    fake.finish()
    assert (await call(fake, "GET", path_of(fake, name)))[1]["data"]["status"] == "Dreaming"
    assert (await call(fake, "GET", path_of(fake, name, "outputs")))[0] == 502
    _, told = await call(fake, "GET", path_of(fake, name, "outputs"))
    async with aiohttp.ClientSession() as session, session.get(told["data"]["outputs"][0]["object_url"]) as answer:
        assert answer.status == 502
    assert [entry.kind for entry in fake.journal][:3] == ["refused", "accepted", "dropped"]


async def test_it_posts_the_result_where_it_was_asked_to(fake: FakeBizyair) -> None:
    heard: asyncio.Queue[Any] = asyncio.Queue()

    async def hear(request: web.Request) -> web.Response:
        heard.put_nowait((dict(request.headers), await request.json()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/hook", hear)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        headers = {"X-BizyAir-Task-WebHook-Url": url, "X-BizyAir-Task-Authorization": "Bearer t", **ASYNC}
        name = await submitted(fake, CALL, **headers, **{"X-Bizyair-Task-Order": "7"})
        fake.fail(name, "no more room")
        sent, told = await asyncio.wait_for(heard.get(), 20)
        assert (told["request_id"], told["status"], told["message"]) == (name, "Failed", "no more room")
        lower = {one.lower(): value for one, value in sent.items()}
        assert (lower["authorization"], lower["x-bizyair-task-order"]) == ("Bearer t", "7")
        await fake.noted("callback", 20)
    finally:
        await runner.cleanup()
