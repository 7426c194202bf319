"""The `Idempotency-Key` reaches every create of every dialect, and what goes wrong with it is told in its envelope."""

from __future__ import annotations

from typing import Any

import httpx2
import openai
import pytest

from telecine.dialects.dialect import Dialect
from telecine.dialects.kling import KLING
from telecine.dialects.openai import OPENAI
from telecine.dialects.suno import SUNO
from telecine.dialects.tasks import TASKS
from telecine.nouns.errors import GatewayError
from telecine.nouns.request import GenerationRequest
from telecine.tasks.idempotency import HEADER, Idempotency
from tests.dialects.house import House

VIDEO = GenerationRequest(operation="text_to_video", model="sora-2", prompt="a")
CREATES = [
    (TASKS, "/v1/tasks", {"model": "kling-v1", "prompt": "a"}),
    (TASKS, "/v1/tasks/{id}/retry", None),
    (OPENAI, "/v1/videos", {"prompt": "a"}),
    (OPENAI, "/v1/videos/{id}/remix", {"prompt": "b"}),
    (KLING, "/kling/v1/videos/text2video", {"prompt": "a"}),
    (KLING, "/v1/videos/image2video", {"prompt": "a", "image": "https://p.test/a.png"}),
    (SUNO, "/suno/submit/music", {"prompt": "la"}),
    (SUNO, "/suno/submit/lyrics", {"prompt": "a"}),
]
pytestmark = pytest.mark.filterwarnings("ignore:The Sora API is scheduled:DeprecationWarning")


async def send(house: House, path: str, body: Any, headers: dict[str, str]) -> httpx2.Response:
    path = path.format(id=house.tasks.done(VIDEO).task.id)
    return await house.call("POST", path, json=body, headers=headers)


@pytest.mark.parametrize(("dialect", "path", "body"), CREATES)
async def test_it_travels(dialect: Dialect, path: str, body: Any) -> None:
    for headers, said in (
        ({}, Idempotency()),
        ({"Idempotency-Key": "a b"}, Idempotency("a b")),
        ({"idempotency-key": "k", "X-Stainless-Retry-Count": "2"}, Idempotency("k", 2)),
        ({"x-stainless-retry-count": "1"}, Idempotency(None, 1)),
    ):
        house = House(dialect)
        answer = await send(house, path, body, headers)
        assert answer.status_code == 200, answer.text
        assert house.tasks.said == [said]


@pytest.mark.parametrize(("dialect", "path", "body"), CREATES)
@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "\u00e9"])
async def test_a_bad_key_is_refused(dialect: Dialect, path: str, body: Any, key: str) -> None:
    house = House(dialect)
    path = path.format(id=house.tasks.done(VIDEO).task.id)
    headers = [(b"idempotency-key", key.encode())]
    async with house.client() as client:
        answer = await client.post(path, json=body, headers=headers)
    assert answer.status_code == 400
    assert HEADER in answer.json().get("message", answer.text)
    assert house.untouched


@pytest.mark.parametrize(
    ("dialect", "path", "expected"),
    [
        (TASKS, "/v1/tasks", {"error": {"code": "conflict", "message": "m", "param": HEADER}}),
        (
            OPENAI,
            "/v1/videos",
            {"error": {"message": "m", "type": "invalid_request_error", "param": HEADER, "code": "conflict"}},
        ),
        (KLING, "/kling/v1/videos/text2video", {"code": 1201, "message": f"{HEADER}: m"}),
        (SUNO, "/suno/submit/lyrics", {"data": None, "code": "conflict", "message": "m"}),
    ],
)
async def test_another_request_under_its_key_is_409(dialect: Dialect, path: str, expected: dict[str, Any]) -> None:
    house = House(dialect)
    house.tasks.refusal = GatewayError("conflict", "m", param=HEADER, may_retry=False)
    body = {"prompt": "a", **({} if dialect is SUNO else {"model": "kling-v1"})}
    answer = await house.call("POST", path, json=body, headers={HEADER: "k"})
    assert answer.status_code == 409
    assert {name: value for name, value in answer.json().items() if name != "request_id"} == expected


async def test_a_used_external_id_stays_klings_own_400() -> None:
    house = House(KLING)
    house.tasks.refusal = GatewayError("conflict", "m", param="external_id")
    answer = await house.call("POST", "/kling/v1/videos/text2video", json={"prompt": "a"})
    assert (answer.status_code, answer.json()["code"]) == (400, 1201)


async def test_the_official_client_sends_it_along() -> None:
    house = House(OPENAI)
    http = httpx2.AsyncClient(transport=httpx2.ASGITransport(app=house.app))
    client = openai.AsyncOpenAI(api_key="k", base_url="http://telecine.test/v1", http_client=http, max_retries=0)
    await client.videos.create(prompt="a", extra_headers={"Idempotency-Key": "mine"})
    await client.close()
    assert house.tasks.said == [Idempotency("mine", 0)]
