"""What a create may lead to."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest

from telecine.net.client import Client, FetchError
from telecine.nouns.errors import GatewayError
from telecine.nouns.request import Reference
from telecine.providers.base import Channel, Provider, Source
from telecine.providers.http import HttpProvider
from telecine.providers.openai import OPENAI
from telecine.providers.outcomes import Accepted, Failed, Finished, NeverSent, Refused, Unknown, Unreadable
from tests.clock import HandClock
from tests.providers.openai.requests import FRAME, job, picture, submission, text
from tests.providers.stand_ins import NOW, Shelf
from tests.upstreams.files import Answer, FileServer
from tests.upstreams.openai_videos import API_KEY, FakeOpenAI, Fault

HERE, ELSEWHERE, FULL = (False, False), (True, False), (False, True)
JSON = {"content-type": "application/json"}
POLICY = "Your request was blocked by our moderation system."


def openai(code: str | None, message: str = "so it is", **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code} | more}


@pytest.fixture
async def answered(provider: Provider) -> Any:
    """Submits to an upstream that answers as the test says."""

    async def submit(status: int, body: Any, headers: dict[str, str] | None = None, request: Any = None) -> Any:
        async with FileServer() as server:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            given = Answer(content, status, {**JSON, **(headers or {})})
            server.answers["/v1/videos"] = server.answers["/v1/videos/video_1/remix"] = given
            channel = Channel("o", server.url(""), api_key=API_KEY)
            source = Source("video_1", text())
            outcome = await provider.submit(channel, submission(request, source=source), Shelf())
            (asked,) = server.asked
            assert asked.method == "POST"
            return outcome

    return submit


@pytest.mark.parametrize(
    ("status", "body", "error", "where"),
    [
        (400, openai("invalid_value", param="seconds"), ("invalid_request", "duration"), HERE),
        (400, openai("invalid_value", param="input_reference[image_url]"), ("invalid_request", "inputs"), HERE),
        (400, openai(None, param="whatever"), ("invalid_request", None), HERE),
        (422, openai(None), ("invalid_request", None), HERE),
        (413, openai(None), ("invalid_request", None), HERE),
        (400, {"code": "fail_to_fetch_task", "message": "so it is", "data": None}, ("invalid_request", None), HERE),
        (422, {"detail": "so it is"}, ("invalid_request", None), HERE),
        (400, {"error": "so it is"}, ("invalid_request", None), HERE),
        (418, openai(None), ("upstream_refused", None), HERE),
        (400, openai("moderation_blocked"), ("content_policy", None), HERE),
        (403, openai("content_policy_violation"), ("content_policy", None), HERE),
        (400, openai("sentinel_block", param="prompt"), ("content_policy", "prompt"), HERE),
        (400, openai(None, POLICY), ("content_policy", None), HERE),
        (422, {"code": "x", "message": "提示词违规", "data": None}, ("content_policy", None), HERE),
        (401, openai("invalid_api_key"), ("upstream_refused", None), ELSEWHERE),
        (403, openai(None, "Deactivated for content policy violations."), ("upstream_refused", None), ELSEWHERE),
        (402, openai(None), ("upstream_refused", None), ELSEWHERE),
        (405, openai(None), ("upstream_refused", None), ELSEWHERE),
        (429, openai("insufficient_quota"), ("upstream_refused", None), ELSEWHERE),
        (429, openai(None, "You exceeded your current quota."), ("upstream_refused", None), ELSEWHERE),
        (400, openai("billing_hard_limit_reached"), ("upstream_refused", None), ELSEWHERE),
        (403, openai("insufficient_user_quota", "用户额度不足"), ("upstream_refused", None), ELSEWHERE),
        (400, {"code": "quota", "message": "余额不足", "data": None}, ("upstream_refused", None), ELSEWHERE),
        (404, openai("model_not_found"), ("invalid_request", None), ELSEWHERE),
        (400, openai("model_not_found"), ("invalid_request", None), ELSEWHERE),
        (404, openai(None, "Invalid URL (POST /v1/videos)"), ("invalid_request", None), ELSEWHERE),
        (503, openai("model_not_found", "no available channel"), ("invalid_request", None), ELSEWHERE),
        (200, openai("model_not_found"), ("invalid_request", None), ELSEWHERE),
        (200, openai("insufficient_quota"), ("upstream_refused", None), ELSEWHERE),
        (200, {"code": 429, "message": "so it is"}, ("capacity", None), FULL),
        (200, {"success": False}, ("upstream_refused", None), HERE),
        (400, {"success": False}, ("invalid_request", None), HERE),
        (429, openai("rate_limit_exceeded"), ("capacity", None), FULL),
        (429, {"error": {"code": "slow_down"}}, ("capacity", None), FULL),
    ],
)
async def test_a_readable_4xx_is_a_refusal_of_its_kind(
    *, answered: Any, status: int, body: Any, error: tuple[str, str | None], where: tuple[bool, bool]
) -> None:
    outcome = await answered(status, body)
    assert isinstance(outcome, Refused)
    assert (outcome.error.code, outcome.error.param) == error
    assert (outcome.elsewhere, outcome.capacity) == where
    assert outcome.error.message


async def test_a_remix_of_what_is_gone_is_refused_here(answered: Any) -> None:
    remix = text(operation="remix", source=Reference(task=1))
    outcome = await answered(404, openai("not_found"), request=remix)
    assert (outcome.error.code, outcome.elsewhere) == ("invalid_request", False)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "2", "retry-after-ms": "1500"}, 2.0),
        ({"retry-after": "soon", "retry-after-ms": "-1"}, None),
        ({}, None),
    ],
)
async def test_how_long_to_wait_is_heard(answered: Any, headers: dict[str, str], seconds: float | None) -> None:
    outcome = await answered(429, openai("rate_limit_exceeded"), headers)
    assert outcome.retry_after == seconds


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"id": "video_1", "status": "queued"}, "video_1"),
        ({"id": "", "task_id": "task_2", "object": "task", "status": "submitted"}, "task_2"),
        ({"id": 77, "status": "weird"}, "77"),
        ({"id": "sora-2:task_01k", "status": "pending"}, "sora-2:task_01k"),
        ({"code": "success", "message": "", "data": {"task_id": "t3", "status": "NOT_START"}}, "t3"),
        ({"id": "video_1", "status": "completed"}, "video_1"),
        ({"id": "video_1", "status": "failed", "error": {"message": "no"}}, "video_1"),
    ],
)
async def test_an_id_means_accepted(answered: Any, body: Any, name: str) -> None:
    assert await answered(200, body) == Accepted(name)


async def test_a_result_at_once_means_finished(answered: Any) -> None:
    body = {"id": "v", "status": "completed", "url": "https://files.example/v.mp4", "seconds": "4"}
    outcome = await answered(201, body)
    assert isinstance(outcome, Finished)
    (output,) = outcome.result.outputs
    assert (outcome.upstream_id, output.url, output.expires_at) == ("v", body["url"], NOW + 86400)
    assert outcome.result.usage.seconds == 4.0


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"<html>"),
        (200, b"[" * 100_000),
        (200, b'{"id": null, "status": "queued"}'),
        (200, b'{"id": true}'),
        (200, openai("server_error")),
        (302, openai(None)),
        (200, {"message": "queued", "status": "queued"}),
        (200, {"code": "success", "message": "", "data": {}}),
        (200, {"code": 502, "message": "bad gateway"}),
        (200, {"error": {"type": "api_error", "message": "so it is"}}),
        (408, openai(None)),
        (409, openai("idempotency_conflict")),
        (500, openai("server_error")),
        (502, b"<html>"),
        (499, b"<html>"),
        (500, {"code": "fail_to_fetch_task", "message": "so it is", "data": None}),
        (503, b"upstream connect error"),
    ],
)
async def test_whatever_leaves_it_open_is_unknown(answered: Any, status: int, body: Any) -> None:
    outcome = await answered(status, body)
    assert isinstance(outcome, Unknown)
    assert str(status) in outcome.reason


@pytest.mark.parametrize("created", [False, True])
@pytest.mark.parametrize("act", ["html", "broken", "drop"])
async def test_no_readable_answer_is_unknown_whether_or_not_a_job_was_made(
    *, provider: Provider, fake: FakeOpenAI, channel: Channel, act: Any, created: bool
) -> None:
    fake.faults.append(Fault("create", act, created=created))
    outcome = await provider.submit(channel, submission(), Shelf())
    assert isinstance(outcome, Unknown)
    assert "127.0.0.1" not in outcome.reason
    assert len(fake.jobs) == created


async def test_no_answer_in_time_is_unknown(
    client: Client, clock: HandClock, fake: FakeOpenAI, channel: Channel
) -> None:
    vendor = OPENAI
    hasty = msgspec.structs.replace(vendor, traits=msgspec.structs.replace(vendor.traits, submit_timeout=0.2))

    fake.hold("accepted")
    outcome = await HttpProvider(hasty, client, clock).submit(channel, submission(), Shelf())
    assert outcome == Unknown("no answer in time")
    assert fake.count("accepted") == 1


async def test_nothing_listening_means_never_sent(provider: Provider, fake: FakeOpenAI, channel: Channel) -> None:
    await asyncio.to_thread(fake.stop)
    assert isinstance(await provider.submit(channel, submission(), Shelf()), NeverSent)
    assert isinstance(await provider.poll(channel, job("1")), Unreadable)
    assert isinstance(await provider.poll(channel, job(None)), Unreadable)


async def test_nothing_is_sent_without_a_picture_that_cannot_be_had(
    provider: Provider, fake: FakeOpenAI, channel: Channel
) -> None:
    late = Shelf(first=FetchError("the picture's host is away"))
    with pytest.raises(FetchError, match="the picture's host is away"):
        await provider.submit(channel, submission(picture(FRAME)), late)
    large = Shelf(first=GatewayError("too_large", "too large", param="inputs"))
    with pytest.raises(GatewayError):
        await provider.submit(channel, submission(picture(FRAME)), large)
    assert fake.journal == []


async def test_each_submit_is_one_request_on_a_connection_of_its_own(provider: Provider) -> None:
    async with FileServer() as server:
        channel = Channel("o", server.url("/"), api_key="key")
        await provider.poll(channel, job("1"))
        server.answers["/v1/videos"] = Answer(status=500, fault="reset", body=b"{}")
        await provider.submit(channel, submission(), Shelf())
        await provider.submit(channel, submission(handle="43"), Shelf())
        assert [asked.method for asked in server.asked] == ["GET", "POST", "POST"]
        assert [asked.headers.get("idempotency-key") for asked in server.asked] == [None, "42", "43"]
        assert {asked.headers["authorization"] for asked in server.asked} == {"Bearer key"}
        assert server.connections == 3


@pytest.mark.parametrize("base", ["", "/", "/v1", "/v1/", "/sora/v1"])
async def test_the_base_url_may_end_in_v1_or_not(provider: Provider, base: str) -> None:
    async with FileServer() as server:
        await provider.poll(Channel("o", server.url(base)), job("sora-2:task_1/x"))
        (asked,) = server.asked
        prefix = "/sora" if base.startswith("/sora") else ""
        assert asked.path == f"{prefix}/v1/videos/sora-2:task_1%2Fx"
        assert "authorization" not in asked.headers


async def test_messages_name_neither_host_nor_key(provider: Provider, fake: FakeOpenAI, channel: Channel) -> None:
    private = (API_KEY, API_KEY.upper(), fake.base_url, "127.0.0.1")
    said = "key " + " , ".join(private) + "\nis wrong " + "x" * 1000
    fake.faults.append(Fault("create", "refuse", code="invalid_api_key", message=said))
    outcome = await provider.submit(channel, submission(), Shelf())
    assert isinstance(outcome, Refused)
    assert not any(one in outcome.error.message for one in private)
    assert "is wrong xxx" in outcome.error.message
    assert len(outcome.error.message) == 500

    accepted = await provider.submit(channel, submission(), Shelf())
    assert isinstance(accepted, Accepted)
    fake.fail(message=said)
    failed = await provider.poll(channel, job(accepted.upstream_id))
    assert isinstance(failed, Failed)
    assert failed.error.message == outcome.error.message
