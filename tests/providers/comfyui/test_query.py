"""What a ComfyUI says of a job, and what is believed of that."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from telecine.nouns.errors import GatewayError
from telecine.providers.base import Channel
from telecine.providers.comfyui import ComfyProvider
from telecine.providers.outcomes import (
    Accepted,
    Cancelled,
    Failed,
    Found,
    Lost,
    NotCancellable,
    NotFound,
    Running,
    Succeeded,
    Unreadable,
)
from tests.clock import HandClock
from tests.providers.comfyui.conftest import channel_of
from tests.providers.comfyui.requests import HANDLE, graph, job, node, submission, workflow
from tests.providers.stand_ins import Shelf
from tests.upstreams.comfyui import FOREVER, FakeComfy, Fault
from tests.upstreams.faults import Act
from tests.upstreams.files import Answer, FileServer


async def made(provider: ComfyProvider, channel: Channel, **fields: Any) -> str:
    outcome = await provider.submit(channel, submission(**fields), Shelf())
    assert isinstance(outcome, Accepted)
    return outcome.upstream_id


async def test_five_pictures_from_the_queue_to_the_files(
    provider: ComfyProvider, fake: FakeComfy, channel: Channel
) -> None:
    name = await made(provider, channel)
    assert await provider.poll(channel, job(name)) == Running(started=False)
    fake.begin()
    assert await provider.poll(channel, job(name)) == Running(started=True)
    fake.finish()
    outcome = await provider.poll(channel, job(name))
    assert isinstance(outcome, Succeeded)
    assert [(one.kind, one.part, one.url[:8]) for one in outcome.outputs] == [("image", "main", "comfyui:")] * 5
    assert outcome.usage.compute_seconds is not None
    assert 0 <= outcome.usage.compute_seconds < 60
    files = [b"".join([chunk async for chunk in provider.collect(channel, one)]) for one in outcome.outputs]
    assert files == list(fake.files.values())
    assert len(set(files)) == 5
    assert fake.base_url not in str(outcome)


async def test_outputs_of_every_kind_without_previews(
    provider: ComfyProvider, fake: FakeComfy, channel: Channel
) -> None:
    nodes = graph(
        n10=node("PreviewImage", images=["8", 0]),
        n11=node("SaveVideo", video=["8", 0], filename_prefix="clips/v"),
        n12=node("VHS_VideoCombine", images=["8", 0], filename_prefix="vhs"),
        n13=node("SaveAudio", audio=["8", 0], filename_prefix="a"),
        n14=node("ShowText", text="a boat on a stair"),
    )
    name = await made(provider, channel, flow=workflow(nodes))
    fake.finish()
    outcome = await provider.poll(channel, job(name))
    assert isinstance(outcome, Succeeded)
    kinds = [(one.kind, one.part) for one in outcome.outputs]
    assert kinds == [("image", "main")] * 5 + [("video", "main")] * 2 + [("audio", "main"), ("text", "text")]
    assert outcome.outputs[-1].text == "a boat on a stair"
    videos = [b"".join([chunk async for chunk in provider.collect(channel, one)]) for one in outcome.outputs[5:7]]
    assert [one[4:8] for one in videos] == [b"ftyp"] * 2


@pytest.mark.parametrize(("output", "kinds"), [("11", ["video"]), ("10", ["image"] * 5), ("14", ["text"]), ("8", None)])
async def test_the_output_of_one_node_alone(
    provider: ComfyProvider, fake: FakeComfy, channel: Channel, output: str, kinds: list[str] | None
) -> None:
    """Also its preview, where it has nothing else: the operator has named it."""
    nodes = graph(
        n10=node("PreviewImage", images=["8", 0]),
        n11=node("SaveVideo", video=["8", 0], filename_prefix="v"),
        n14=node("ShowText", text="words"),
    )
    name = await made(provider, channel, flow=workflow(nodes, output=output))
    fake.finish()
    outcome = await provider.poll(channel, job(name))
    if kinds is None:
        assert isinstance(outcome, Failed)
        assert outcome.error.message.endswith("nothing at its node 8.")
    else:
        assert isinstance(outcome, Succeeded)
        assert [one.kind for one in outcome.outputs] == kinds
        assert {one.part for one in outcome.outputs} == {"main"}


async def test_a_node_that_breaks_is_named(provider: ComfyProvider, fake: FakeComfy, channel: Channel) -> None:
    name = await made(provider, channel)
    fake.fail(node="6", message=f"CUDA out of memory, see {fake.base_url}/logs with {fake.api_key}")
    outcome = await provider.poll(channel, job(name))
    assert isinstance(outcome, Failed)
    assert outcome.error.code == "upstream_failed"
    assert outcome.error.message.startswith("The page (CLIPTextEncode) [6]: CUDA out of memory")
    assert not any(private in outcome.error.message for private in (fake.api_key, "127.0.0.1", str(fake.port)))


async def test_a_moderation_within_a_node(provider: ComfyProvider, fake: FakeComfy, channel: Channel) -> None:
    name = await made(provider, channel)
    fake.fail(message="the prompt is against our content policy")
    outcome = await provider.poll(channel, job(name))
    assert isinstance(outcome, Failed)
    assert outcome.error.code == "content_policy"


async def test_absent_from_the_history_is_not_failed_and_from_the_queue_too_is_lost(
    provider: ComfyProvider, fake: FakeComfy, channel: Channel
) -> None:
    name = await made(provider, channel)
    assert isinstance(await provider.poll(channel, job(name)), Running)
    fake.restart()
    outcome = await provider.poll(channel, job(name))
    assert isinstance(outcome, Lost)
    assert outcome.unbilled
    assert await provider.look_up(channel, job(None)) == NotFound()


async def test_a_history_outlives_nothing_but_its_files_do(
    provider: ComfyProvider, fake: FakeComfy, channel: Channel
) -> None:
    name = await made(provider, channel)
    fake.finish()
    outcome = await provider.poll(channel, job(name))
    assert isinstance(outcome, Succeeded)
    fake.restart()
    content = b"".join([chunk async for chunk in provider.collect(channel, outcome.outputs[0])])
    assert content == fake.file


@pytest.mark.parametrize("act", ["html", "broken", "drop", "word"])
@pytest.mark.parametrize("ended", [False, True])
async def test_what_gives_no_verdict_is_unreadable(
    provider: ComfyProvider, fake: FakeComfy, channel: Channel, act: Act, ended: bool
) -> None:
    name = await made(provider, channel)
    if ended:
        fake.finish()
    for status in (None, 200, 404, 500) if act == "html" else (None,):
        fake.faults.append(Fault("query", act, times=FOREVER, message="dreamt", status=status))
        assert isinstance(await provider.poll(channel, job(name)), Unreadable)
        assert isinstance(await provider.look_up(channel, job(name)), Unreadable)
        assert isinstance(await provider.cancel(channel, job(name)), Unreadable) or ended or not fake.jobs[0].waiting
        fake.faults.clear()


@pytest.mark.parametrize(
    ("path", "answers"),
    [
        ("/history/n", b"[]"),
        ("/history/n", b'{"other":{}}'),
        ("/history/n", b'{"n":[]}'),
        ("/history/n", b'{"n":{"status":{"status_str":"dreamt"},"outputs":{}}}'),
        ("/history/n", b'{"n":{"status":{"status_str":7},"outputs":{}}}'),
        ("/queue", b"{}"),
        ("/queue", b'{"queue_running":[],"queue_pending":null}'),
        ("/queue", b"null"),
        ("/api/jobs/n", b'{"error":"no such backend"}'),
        ("/api/jobs/n", b'{"id":"other","status":"completed"}'),
        ("/api/jobs/n", b'{"id":"n","status":"dreamt"}'),
        ("/api/jobs/n", b'{"status":"completed"}'),
        ("/api/jobs/n", b"\xff"),
    ],
)
async def test_an_answer_of_another_shape_is_no_verdict(provider: ComfyProvider, path: str, answers: bytes) -> None:
    async with FileServer() as server:
        kind = {"content-type": "application/json"}
        server.answers["/history/n"] = Answer(b"{}", headers=kind)
        server.answers["/queue"] = Answer(b'{"queue_running":[[],7,[1]],"queue_pending":[]}', headers=kind)
        server.answers[path] = Answer(answers, headers=kind)
        assert isinstance(await provider.poll(Channel("c", server.url("")), job("n")), Unreadable)


async def test_an_error_about_another_backend_is_not_absence(provider: ComfyProvider) -> None:
    async with FileServer() as server:
        answer = Answer(b'{"error":"not found"}', status=404, headers={"content-type": "application/json"})
        server.answers["/api/jobs/n"] = answer
        assert isinstance(await provider.poll(Channel("c", server.url("")), job("n")), Unreadable)


async def test_the_oldest_histories_have_no_status(provider: ComfyProvider) -> None:
    said = {"n": {"prompt": [0, "n", {}, {}, []], "outputs": {"9": {"images": [{"filename": "a.png"}]}}}}
    async with FileServer() as server:
        server.answers["/history/n"] = Answer(msgspec.json.encode(said), headers={"content-type": "application/json"})
        outcome = await provider.poll(Channel("c", server.url("")), job("n"))
    assert isinstance(outcome, Succeeded)
    assert [one.url for one in outcome.outputs] == ["comfyui:filename=a.png&subfolder=&type=output"]


async def test_a_server_that_chooses_ids_itself_is_asked_by_what_we_sent_along(provider: ComfyProvider) -> None:
    """Also about a job whose create had no answer."""
    async with FakeComfy(age="2024") as fake:
        channel = channel_of(fake)
        fake.faults.append(Fault("create", "drop", created=True))
        await provider.submit(channel, submission(), Shelf())
        name = fake.jobs[0].task_id
        assert await provider.look_up(channel, job(None)) == Found(name, Running(started=False))
        fake.begin()
        assert await provider.poll(channel, job(name)) == Running(started=True)
        assert await provider.cancel(channel, job(name)) == NotCancellable(), "it would interrupt whatever runs"
        assert fake.interrupts == []
        fake.finish()
        found = await provider.look_up(channel, job(None))
        assert isinstance(found, Found)
        assert (found.upstream_id, type(found.outcome)) == (name, Succeeded)
        assert await provider.look_up(channel, job(None, handle="1")) == NotFound()


async def test_a_server_that_becomes_a_newer_one(provider: ComfyProvider, clock: HandClock) -> None:
    async with FakeComfy(age="2025") as fake:
        channel = channel_of(fake)
        name = await made(provider, channel)
        await provider.poll(channel, job(name))
        asked = fake.queries
        await provider.poll(channel, job(name))
        assert fake.queries == asked + 2, "nobody asks for /api/jobs again"
        fake.age = "2026"
        clock.advance(3601)
        await provider.poll(channel, job(name))
        assert fake.queries == asked + 3


async def test_one_reading_of_the_queue_is_about_all_that_wait(provider: ComfyProvider, clock: HandClock) -> None:
    """It holds every job's whole graph."""
    async with FakeComfy(age="2025") as fake:
        channel = channel_of(fake)
        names = [await made(provider, channel, handle=f"{n + 1}") for n in range(5)]
        polls = [(name, f"{n + 1}") for n, name in enumerate(names)]
        await provider.poll(channel, job(*polls[0]))
        asked = fake.queries
        for one in polls[1:]:
            assert isinstance(await provider.poll(channel, job(*one)), Running)
        assert fake.queries == asked + 4, "to the history alone, whose answer is empty"
        late = await made(provider, channel, handle="9")
        assert isinstance(await provider.poll(channel, job(late, "9")), Running), "that it is absent is never old news"
        fake.begin(names[1])
        fake.finish(names[1])
        assert isinstance(await provider.poll(channel, job(*polls[1])), Succeeded), "nor that it has not ended"
        fake.restart()
        clock.advance(2.1)
        assert isinstance(await provider.poll(channel, job(*polls[2])), Lost)


# Stopping a job.


async def test_a_job_that_waits_is_taken_out_of_the_queue(
    provider: ComfyProvider, fake: FakeComfy, channel: Channel
) -> None:
    first = await made(provider, channel)
    second = await made(provider, channel, handle="2")
    fake.begin(first)
    assert await provider.cancel(channel, job(second, "2")) == Cancelled()
    assert [one.state for one in fake.jobs] == ["running", "deleted"]
    assert fake.interrupts == []


async def test_only_our_job_is_interrupted(provider: ComfyProvider, fake: FakeComfy, channel: Channel) -> None:
    first = await made(provider, channel)
    second = await made(provider, channel, handle="2")
    fake.begin(first)
    assert await provider.cancel(channel, job(first)) == Cancelled()
    assert [one.state for one in fake.jobs] == ["interrupted", "pending"]
    assert fake.interrupts in ([], [first]), "never whatever runs"
    assert isinstance(await provider.poll(channel, job(second, "2")), Running)
    assert await provider.cancel(channel, job(first)) == Cancelled(), "again, it is the same"
    stopped = await provider.poll(channel, job(first))
    assert isinstance(stopped, Failed)


async def test_what_has_ended_cannot_be_stopped(provider: ComfyProvider, fake: FakeComfy, channel: Channel) -> None:
    name = await made(provider, channel)
    fake.finish()
    assert await provider.cancel(channel, job(name)) == NotCancellable()
    fake.restart()
    assert await provider.cancel(channel, job(name)) == Cancelled(), "it is gone"


async def test_a_ping(provider: ComfyProvider, fake: FakeComfy, channel: Channel) -> None:
    assert await provider.ping(channel) == "HTTP 200, ComfyUI 0.3.75"
    with pytest.raises(GatewayError) as caught:
        await provider.ping(Channel("c", fake.base_url))
    assert caught.value.code == "authentication"
    async with FileServer() as server:
        with pytest.raises(GatewayError):
            await provider.ping(Channel("c", server.url("")))
    assert isinstance(await provider.report(channel), Unreadable)
    assert await provider.poll_many(channel, [job(HANDLE)]) == {}
    assert not provider.read_callback(channel, {}, b"")
