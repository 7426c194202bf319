"""What a query may say."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from telecine.net.client import FetchError
from telecine.nouns.errors import GatewayError
from telecine.providers.base import Channel, Provider
from telecine.providers.outcomes import (
    Accepted,
    Failed,
    Found,
    NotCancellable,
    NotFound,
    Running,
    Succeeded,
    Unreadable,
)
from tests.providers.kling.requests import job, picture, submission
from tests.providers.stand_ins import NOW, Shelf
from tests.upstreams.files import Answer, FileServer
from tests.upstreams.kling import FOREVER, FakeKling, Fault


async def test_a_job_from_its_queue_to_its_file(
    provider: Provider, fake: FakeKling, channel: Channel, running: str
) -> None:
    assert await provider.poll(channel, job(running)) == Running(started=False)
    fake.begin()
    assert await provider.poll(channel, job(running)) == Running()
    fake.finish()
    outcome = await provider.poll(channel, job(running))
    assert isinstance(outcome, Succeeded)
    (output,) = outcome.outputs
    assert (output.kind, output.upstream_id) == ("video", f"v{running}")
    assert output.expires_at == NOW + 30 * 86400
    assert (outcome.usage.units, outcome.usage.seconds) == ("2.5", 5.0)
    assert await provider.look_up(channel, job()) == Found(running, outcome)
    assert b"".join([chunk async for chunk in provider.collect(channel, output)]) == fake.file


async def test_pictures_have_a_path_of_their_own(provider: Provider, channel: Channel) -> None:
    outcome = await provider.submit(channel, submission(picture()), Shelf())
    assert isinstance(outcome, Accepted)
    assert await provider.poll(channel, job(outcome.upstream_id)) == NotFound()
    assert isinstance(await provider.poll(channel, job(outcome.upstream_id, "image_to_video")), Running)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("", "upstream_failed"),
        ("GPU is on fire", "upstream_failed"),
        ("Failure to pass the risk control system", "content_policy"),
        ("the Content is not allowed", "content_policy"),
        ("sensitive words", "content_policy"),
        ("内容审核未通过", "content_policy"),
        ("图片违规", "content_policy"),
        ("against our Policy", "content_policy"),
    ],
)
async def test_failures(
    *, provider: Provider, fake: FakeKling, channel: Channel, running: str, message: str, code: str
) -> None:
    fake.fail(message=message)
    outcome = await provider.poll(channel, job(running))
    assert isinstance(outcome, Failed)
    assert outcome.error.code == code
    assert outcome.error.message == (message or "The upstream gave no reason.")


@pytest.mark.parametrize("code", [1203, 1201])
async def test_not_found(provider: Provider, fake: FakeKling, channel: Channel, code: int) -> None:
    fake.missing = code
    assert await provider.poll(channel, job("123")) == NotFound()
    assert await provider.look_up(channel, job()) == NotFound()


@pytest.mark.parametrize(
    "fault",
    [
        Fault("query", "html"),
        Fault("query", "html", status=404),
        Fault("query", "html", status=200),
        Fault("query", "broken"),
        Fault("query", "drop"),
        Fault("query", "word", message="paused"),
        Fault("query", "refuse", code=1201, message="pageNum is invalid"),
        Fault("query", "refuse", code=1203, status=500),
        Fault("query", "refuse", code=1203, status=200),
        Fault("query", "refuse", code=1002),
        Fault("query", "refuse", code=5000),
        Fault("query", "refuse", code=0, status=200),
        Fault("query", "refuse", code=0, status=503),
    ],
    ids=lambda fault: f"{fault.act}-{fault.code}-{fault.status}",
)
async def test_whatever_is_no_verdict_is_unreadable_and_passes(
    provider: Provider, fake: FakeKling, channel: Channel, running: str, fault: Fault
) -> None:
    for ask in (provider.poll, provider.look_up):
        fake.faults.append(Fault(**vars(fault) | {"times": FOREVER}))
        outcome = await ask(channel, job(running))
        fake.faults.clear()
        assert isinstance(outcome, Unreadable)
        assert "127.0.0.1" not in outcome.reason
    assert await provider.poll(channel, job(running)) == Running(started=False)


async def test_an_endless_job_is_running(provider: Provider, fake: FakeKling, channel: Channel, running: str) -> None:
    fake.faults.append(Fault("query", "word", times=FOREVER, message="processing"))
    fake.finish()
    for _ in range(3):
        assert await provider.poll(channel, job(running)) == Running()


@pytest.mark.parametrize("fault", [Fault("query", "html", status=503), Fault("query", "refuse", code=1302)])
async def test_retry_after_is_passed_on(
    provider: Provider, fake: FakeKling, channel: Channel, running: str, fault: Fault
) -> None:
    fake.faults.append(Fault(**vars(fault) | {"retry_after": 11}))
    outcome = await provider.poll(channel, job(running))
    assert isinstance(outcome, Unreadable)
    assert outcome.retry_after == 11.0


def told(**data: object) -> Answer:
    data = {"task_id": "1", "task_status": "succeed", "task_info": {"external_task_id": "42"}} | data
    return Answer(msgspec.json.encode({"code": 0, "message": "SUCCEED", "data": data}))


ODD = [
    told(task_status="succeed"),
    told(task_result=None),
    told(task_result={"videos": []}),
    told(task_result={"videos": [{"id": "v"}]}),
    told(task_result={"videos": [{"url": "oss://bucket/a.mp4"}]}),
    told(task_result={"videos": [{"url": "https://a/1.mp4"}, {"id": "v2"}]}),
    told(task_id="2", task_info={"external_task_id": "43"}, task_status="failed"),
    told(task_status=None),
    told(task_id=None),
    Answer(b'{"code":0,"message":"SUCCEED","data":[{"task_id":"1","task_status":"failed"}]}'),
    Answer(b'{"code":"success","data":{"status":"SUCCESS","task_id":"1"}}'),
    Answer(b'{"task_id":"1","task_status":"failed"}'),
    Answer(b"\xff\xfe"),
    Answer(b""),
    Answer(b"null"),
]


@pytest.mark.parametrize("answer", ODD)
async def test_odd_answers_are_no_verdict(provider: Provider, answer: Answer) -> None:
    async with FileServer() as server:
        server.answers |= {f"/v1/videos/text2video/{name}": answer for name in ("1", "42")}
        channel = Channel("k", server.url(""), api_key="key")
        assert isinstance(await provider.poll(channel, job("1")), Unreadable)
        assert isinstance(await provider.look_up(channel, job()), Unreadable)


async def test_several_videos_and_odd_figures(provider: Provider) -> None:
    videos: list[dict[str, object]] = [
        {"id": "a", "url": "https://a/1.mp4", "duration": "5.1"},
        {"url": "https://a/2.mp4", "duration": 5},
    ]
    async with FileServer() as server:
        channel = Channel("k", server.url(""), api_key="key")
        server.answers["/v1/videos/text2video/a%2Fb"] = told(
            task_id="a/b", task_info=None, task_result={"videos": videos}, final_unit_deduction=3.5
        )
        outcome = await provider.poll(channel, job("a/b"))
        assert isinstance(outcome, Succeeded)
        assert [output.url for output in outcome.outputs] == ["https://a/1.mp4", "https://a/2.mp4"]
        assert outcome.usage.seconds == pytest.approx(10.1)
        assert outcome.usage.units == "3.5"
        del videos[0]["duration"]
        server.answers["/v1/videos/text2video/42"] = told(task_info=None, task_result={"videos": videos})
        found = await provider.look_up(channel, job())
        assert isinstance(found, Found)
        assert isinstance(found.outcome, Succeeded)
        assert found.upstream_id == "1"
        assert (found.outcome.usage.seconds, found.outcome.usage.units) == (None, None)


async def test_kling_cannot_cancel(provider: Provider, channel: Channel) -> None:
    assert await provider.cancel(channel, job("1")) == NotCancellable()
    assert provider.traits_of("text_to_video", "kling-v1").cancel is False
    assert await provider.prepare(channel, submission(), Shelf()) is None


async def test_a_ping_costs_nothing(provider: Provider, fake: FakeKling, channel: Channel) -> None:
    assert await provider.ping(channel) == "HTTP 200, code 0: SUCCEED"
    assert [entry.kind for entry in fake.journal] == ["list"]
    with pytest.raises(GatewayError) as caught:
        await provider.ping(msgspec.structs.replace(channel, api_key="sk-wrong"))
    assert caught.value.code == "authentication"
    assert "sk-wrong" not in caught.value.message
    await asyncio.to_thread(fake.stop)
    with pytest.raises(FetchError):
        await provider.ping(channel)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer(b'{"code":1103,"message":"no"}', 403), "permission"),
        (Answer(b'{"code":1101,"message":"no"}', 429), "permission"),
        (Answer(b'{"code":1002,"message":"no"}', 200), "permission"),
        (Answer(b'{"code":1303,"message":"no"}', 429), "upstream_failed"),
        (Answer(b'{"message":"no code"}', 200), "upstream_failed"),
        (Answer(b"<html>", 200), "upstream_failed"),
        (Answer(b'{"code":1202,"message":"no such path"}', 404), None),
    ],
)
async def test_what_a_ping_may_find(provider: Provider, answer: Answer, code: str | None) -> None:
    async with FileServer() as server:
        server.answers["/v1/videos/text2video?pageNum=1&pageSize=1"] = answer
        pinging = provider.ping(Channel("k", server.url(""), api_key="key"))
        if code is None:
            assert await pinging == "HTTP 404, code 1202: no such path"
            return
        with pytest.raises(GatewayError) as caught:
            await pinging
        assert caught.value.code == code
        told = answer.body.partition(b'"code":')[2].partition(b",")[0].decode()
        assert told in caught.value.message, "an operator looks the vendor's code up"
