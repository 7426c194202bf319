"""What a query may say, and what costs nothing."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from telecine.net.client import FetchError
from telecine.nouns.errors import ErrorCode, GatewayError
from telecine.nouns.task import Tokens
from telecine.providers.base import Channel, Provider
from telecine.providers.outcomes import Failed, NotCancellable, NotFound, Running, Succeeded, Unreadable
from tests.providers.openai.requests import job
from tests.providers.stand_ins import NOW
from tests.upstreams.files import Answer, FileServer
from tests.upstreams.openai_videos import API_KEY, FOREVER, FakeOpenAI, Fault

JSON = {"content-type": "application/json"}
HERE = "{here}"


@pytest.fixture
async def told(provider: Provider) -> Any:
    """Polls an upstream that answers as the test says; `{here}` in the body becomes its own URL."""

    async def poll(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Any:
        async with FileServer() as server:
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            content = content.replace(HERE.encode(), server.url("").encode())
            server.answers["/v1/videos/v1"] = Answer(content, status, {**JSON, **(headers or {})})
            return await provider.poll(Channel("o", server.url("/v1"), api_key=API_KEY), job("v1"))

    return poll


async def test_a_video_from_its_queue_to_its_file(
    provider: Provider, fake: FakeOpenAI, channel: Channel, running: str
) -> None:
    assert await provider.poll(channel, job(running)) == Running(0, started=False)
    fake.begin(progress=40)
    assert await provider.poll(channel, job(running)) == Running(40)
    fake.poll_after_ms = 2500
    assert await provider.poll(channel, job(running)) == Running(40, retry_after=2.5)
    fake.finish()
    outcome = await provider.poll(channel, job(running))
    assert isinstance(outcome, Succeeded)
    (output,) = outcome.outputs
    completed = fake.jobs[running].completed_at
    assert completed is not None
    assert (output.url, output.upstream_id, output.expires_at) == (f"content:{running}", running, completed + 86400)
    assert outcome.usage.seconds == 4.0


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ({"status": "queued"}, Running(started=False)),
        ({"status": "pending", "progress": "3%"}, Running(3, started=False)),
        ({"status": "submitted"}, Running(started=False)),
        ({"status": "NOT_START"}, Running(started=False)),
        ({"status": "in_progress", "progress": 76}, Running(76)),
        ({"status": "processing", "progress": "76"}, Running(76)),
        ({"status": "running", "progress": 130.2}, Running(100)),
        ({"status": "IN_PROGRESS", "progress": "a lot"}, Running()),
        ({"status": "IN_PROGRESS", "progress": True}, Running()),
        ({"status": "running", "progress": float("1e400")}, Running()),
        ({"code": "success", "data": {"status": "IN_PROGRESS", "progress": "30%"}}, Running(30)),
        (
            {"status": "pending", "detail": {"pending_info": {"status": "processing", "progress_pct": 0.764}}},
            Running(76),
        ),
        ({"status": "pending", "detail": {"pending_info": {"status": "queued"}}}, Running(started=False)),
        ({"status": "pending", "detail": "soon"}, Running(started=False)),
    ],
)
async def test_words_for_work(told: Any, body: Any, outcome: Running) -> None:
    assert await told(msgspec.json.encode(body)) == outcome


LINK = "https://files.example/a.mp4"


@pytest.mark.parametrize(
    ("body", "url"),
    [
        ({"status": "completed"}, "content:v1"),
        ({"status": "succeeded", "url": LINK}, LINK),
        ({"status": "completed", "video_url": LINK}, LINK),
        ({"status": "completed", "metadata": {"url": LINK}}, LINK),
        ({"status": "success", "output": {"url": LINK}}, LINK),
        ({"status": "completed", "output": LINK, "url": None}, LINK),
        ({"status": "completed", "url": "ftp://files.example/a.mp4", "video_url": ""}, "content:v1"),
        ({"code": "success", "data": {"status": "SUCCESS", "result_url": LINK}}, LINK),
        ({"status": "completed", "metadata": {"url": f"{HERE}/v1/videos/v1/content?x=1"}}, "content:v1"),
    ],
)
async def test_words_for_success_and_where_the_file_is(told: Any, body: Any, url: str) -> None:
    outcome = await told(body)
    assert isinstance(outcome, Succeeded)
    assert [(one.url, one.upstream_id, one.expires_at) for one in outcome.outputs] == [(url, "v1", NOW + 86400)]


@pytest.mark.parametrize("expires", [NOW + 60, (NOW + 60) * 1000, str(NOW + 60)])
async def test_the_end_of_a_link_is_heard(told: Any, expires: Any) -> None:
    outcome = await told({"status": "completed", "url": LINK, "expires_at": expires, "seconds": 8})
    assert (outcome.outputs[0].expires_at, outcome.usage.seconds) == (NOW + 60, 8.0)


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"completion_tokens": 108_900, "total_tokens": 108_900}, Tokens(output=108_900)),
        ({"prompt_tokens": 12, "completion_tokens": 30, "total_tokens": 42}, Tokens(input=12, output=30)),
        ({"completion_tokens": 30, "total_tokens": 42}, Tokens(input=12, output=30)),
        ({"prompt_tokens": None, "completion_tokens": 0, "total_tokens": 0}, None),  # a form that nobody filled in
        ({"completion_tokens": -5, "total_tokens": 5}, None),
        ({"completion_tokens": "5"}, None),
        ({"completion_tokens": True}, None),
        ({"completion_tokens": 10**30}, None),
        ({}, None),
        ([5], None),
        (None, None),
    ],
)
async def test_tokens_are_heard_where_a_relay_tells_them(told: Any, usage: Any, tokens: Tokens | None) -> None:
    outcome = await told({"status": "completed", "url": LINK, "usage": usage})
    assert outcome.usage.tokens == tokens


def detail(**info: Any) -> dict[str, Any]:
    return {"detail": {"pending_info": info}}


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({"status": "failed"}, "upstream_failed", "The upstream gave no reason."),
        ({"status": "failed", "error": {"code": "x", "message": "GPU on fire"}}, "upstream_failed", "GPU on fire"),
        ({"status": "FAILURE", "fail_reason": "no luck"}, "upstream_failed", "no luck"),
        ({"status": "failed", "error": "no luck"}, "upstream_failed", "no luck"),
        ({"status": "cancelled"}, "upstream_failed", "The upstream cancelled the job."),
        ({"status": "failed", "error": {"code": "moderation_blocked", "message": "no"}}, "content_policy", "no"),
        ({"status": "failed", "error": {"message": "内容违规"}}, "content_policy", "内容违规"),
        ({"status": "pending", **detail(failure_reason="no luck")}, "upstream_failed", "no luck"),
        (
            {"status": "failed", **detail(moderation_result={"type": "blocked"})},
            "content_policy",
            "The upstream's moderation stopped the job.",
        ),
        (
            {"status": "failed", **detail(failure_reason="x", moderation_result={"type": "passed"})},
            "upstream_failed",
            "x",
        ),
    ],
)
async def test_words_for_failure(told: Any, body: Any, code: ErrorCode, message: str) -> None:
    outcome = await told(body)
    assert isinstance(outcome, Failed)
    assert (outcome.error.code, outcome.error.message) == (code, message)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>"),
        (200, b""),
        (200, b"[1]"),
        (200, b"[" * 100_000),
        (200, {"id": "v1"}),
        (200, {"id": "v1", "status": 7}),
        (200, {"id": "v1", "status": "unknown"}),
        (200, {"id": "v1", "status": "UNKNOWN", "fail_reason": "who knows"}),
        (200, {"error": {"message": "no"}}),
        (302, {"status": "failed"}),
        (401, {"error": {"message": "bad key"}}),
        (404, b"<html>nginx</html>"),
        (400, {"error": {"message": "what?"}}),
        (429, {"error": {"message": "slow down"}}),
        (500, {"status": "failed", "error": {"message": "database"}}),
        (502, b"<html>"),
    ],
)
async def test_what_gives_no_verdict_is_unreadable(told: Any, status: int, body: Any) -> None:
    outcome = await told(body, status, {"retry-after": "9"})
    assert isinstance(outcome, Unreadable)
    assert outcome.retry_after == 9.0
    assert outcome.reason


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, {"error": {"message": "Video with id 'v1' not found."}}),
        (400, {"code": "task_not_exist", "message": "task not exist", "data": None}),
    ],
)
async def test_a_readable_absence_is_not_found(told: Any, status: int, body: Any) -> None:
    assert await told(body, status) == NotFound()


@pytest.mark.parametrize("act", ["drop", "html", "broken", "word"])
async def test_faults_pass(provider: Provider, fake: FakeOpenAI, channel: Channel, running: str, act: Any) -> None:
    fake.faults.append(Fault("query", act, message="dreamt", times=FOREVER))
    assert isinstance(await provider.poll(channel, job(running)), Unreadable)
    fake.faults.clear()
    assert isinstance(await provider.poll(channel, job(running)), Running)


async def test_what_it_cannot_do(provider: Provider, channel: Channel, running: str) -> None:
    traits = provider.traits_of("text_to_video", "sora-2")
    assert [traits.look_up, traits.unique_handle, traits.cancel] == [False] * 3
    assert isinstance(await provider.look_up(channel, job(running)), Unreadable)
    assert await provider.cancel(channel, job(running)) == NotCancellable()
    assert provider.read_callback(channel, {}, b"") is False


async def test_ping_costs_nothing_and_tells_what_is_wrong(
    provider: Provider, fake: FakeOpenAI, channel: Channel
) -> None:
    assert await provider.ping(channel) == "HTTP 200, 1 models"
    with pytest.raises(GatewayError) as caught:
        await provider.ping(msgspec.structs.replace(channel, api_key="wrong"))
    assert caught.value.code == "authentication"
    assert fake.jobs == {}
    async with FileServer() as server:
        server.answers["/v1/models"] = Answer(b"<html>")
        elsewhere = Channel("o", server.url(""))
        for answer in (Answer(b"<html>"), Answer(b"{}", 500), Answer(b"<html>", 401)):
            server.answers["/v1/models"] = answer
            with pytest.raises(GatewayError) as caught:
                await provider.ping(elsewhere)
            assert caught.value.code == "upstream_failed"
    with pytest.raises(FetchError):
        await provider.ping(elsewhere)
