"""BizyAir's apps and its ModelZoo, in China and abroad: what is sent, what is believed, and what comes of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
import pytest

from telecine.net.client import Client
from telecine.nouns.billed import Billed
from telecine.nouns.errors import GatewayError
from telecine.nouns.parameters import WorkflowParameters
from telecine.nouns.request import GenerationRequest, MediaInput, Native
from telecine.providers.base import Channel, Job, Submission
from telecine.providers.bizyair import BIZYAIR, BizyairOptions
from telecine.providers.http import HttpProvider
from telecine.providers.outcomes import (
    Accepted,
    Failed,
    Finished,
    NotCancellable,
    NotFound,
    Refused,
    Running,
    Succeeded,
    Unknown,
    Unreadable,
)
from telecine.wires.bizyair import CostTimes, Output
from tests.clock import HandClock
from tests.providers.stand_ins import NOW, Shelf
from tests.upstreams.bizyair import API_KEY, BOOK, CLIP, FOREVER, FakeBizyair, Fault
from tests.upstreams.faults import Act
from tests.upstreams.files import Answer, FileServer

PROMPT = "17:BizyAir_NanoBananaPro.prompt"
PICTURE = "18:LoadImage.image"
SONG = "ace-step/text-to-audio"


@pytest.fixture(params=[False, True], ids=["China", "abroad"])
async def fake(request: pytest.FixtureRequest) -> AsyncIterator[FakeBizyair]:
    async with FakeBizyair(abroad=request.param, named="requestId" if request.param else "request_id") as running:
        yield running


@pytest.fixture(scope="module")
def china() -> Iterator[FakeBizyair]:
    """Shared by tests that leave nothing behind."""
    with FakeBizyair().in_thread() as running:
        yield running


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOW)


@pytest.fixture
async def provider(clock: HandClock) -> AsyncIterator[HttpProvider]:
    client = Client()
    yield HttpProvider(BIZYAIR, client, clock)
    await client.close()


@pytest.fixture
def channel(fake: FakeBizyair) -> Channel:
    return channel_of(fake.base_url + "/v1" * fake.abroad)


def channel_of(base_url: str, **options: Any) -> Channel:
    told = msgspec.convert(options, BizyairOptions)
    return Channel("bizyair-main", base_url, api_key=API_KEY, allow_private=True, options=told)


def call(
    model: str = str(BOOK), values: dict[str, Any] | None = None, app: str = "37429", **fields: Any
) -> GenerationRequest:
    given = {PROMPT: "a paper boat"} if values is None else values
    return GenerationRequest("workflow", model, parameters=WorkflowParameters(given, app), **fields)


def submission(request: GenerationRequest | None = None, **fields: Any) -> Submission:
    request = request or call()
    told: dict[str, Any] = {"request": request, "model": request.model, "handle": "42", "callback_url": None}
    return Submission(**told | fields)


def job(name: str | None, model: str = str(BOOK)) -> Job:
    return Job("workflow", model, "42", name, NOW)


async def made(provider: HttpProvider, channel: Channel, request: GenerationRequest | None = None, **more: Any) -> str:
    outcome = await provider.submit(channel, submission(request, **more), Shelf())
    assert isinstance(outcome, Accepted)
    return outcome.upstream_id


PHOTO = MediaInput("image", object_key="photo", fills=PICTURE)
LINKED = MediaInput("image", url="https://a.test/a.png", fills=PICTURE)
SENT = {"web_app_id": BOOK, "suppress_preview_output": False}


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        (call(), {**SENT, "input_values": {PROMPT: "a paper boat"}}),
        (call("picture-book"), {**SENT, "input_values": {PROMPT: "a paper boat"}}),
        (call("40811", inputs=(LINKED,)), {**SENT, "web_app_id": 40811, "input_values": {
            PROMPT: "a paper boat", PICTURE: "https://a.test/a.png"
        }}),
        (call(values={}, inputs=(PHOTO,)), {**SENT, "input_values": {PICTURE: "https://media.test/photo"}}),
        (call(values={"3:KSampler.seed": 7, "5:X.on": True}, prompt="p", seed=7, count=5, size="64x64", duration=5.0),
         {**SENT, "input_values": {"3:KSampler.seed": 7, "5:X.on": True}}),
        (call(native=Native("bizyair", {"priority": msgspec.Raw(b'"high"'), "web_app_id": msgspec.Raw(b"1")})),
         {**SENT, "input_values": {PROMPT: "a paper boat"}, "priority": "high"}),
    ],
)  # fmt: skip
async def test_a_call_of_an_app_becomes(
    provider: HttpProvider, request_: GenerationRequest, body: dict[str, Any]
) -> None:
    async with FileServer() as server:
        await provider.submit(channel_of(server.url("/w/v1/")), submission(request_), Shelf())
        (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/w/v1/webapp/task/openapi/create")
    assert json.loads(asked.body) == body
    assert (asked.headers["authorization"], asked.headers["x-bizyair-task-async"]) == (f"Bearer {API_KEY}", "enable")


async def test_a_call_of_the_model_zoo_becomes_its_own_parameters(provider: HttpProvider) -> None:
    request = call(SONG, {"prompt": "a boat", "style": {"tags": ["folk"]}}, inputs=(
        msgspec.structs.replace(LINKED, fills="cover"),
    ))  # fmt: skip
    async with FileServer() as server:
        await provider.submit(channel_of(server.url("")), submission(request), Shelf())
        (asked,) = server.asked
    assert asked.path == "/x/v1/modelzoo/tasks/openapi/ace-step/text-to-audio"
    assert json.loads(asked.body) == {
        "prompt": "a boat", "style": {"tags": ["folk"]}, "cover": "https://a.test/a.png"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("base", "options", "paths"),
    [
        ("", {}, ("/w/v1", "/x/v1", "/detail?requestId=t")),
        ("/w/v1", {}, ("/w/v1", "/x/v1", "/detail?requestId=t")),
        ("/x/v1/", {}, ("/w/v1", "/x/v1", "/detail?requestId=t")),
        ("/v1", {}, ("/v1", "/v1", "/t")),
        ("", {"site": "abroad"}, ("/v1", "/v1", "/t")),
        ("/bizyair/v1", {"site": "china"}, ("/bizyair/w/v1", "/bizyair/x/v1", "/detail?requestId=t")),
        ("/bizyair/v1", {}, ("/bizyair/v1", "/bizyair/v1", "/t")),
    ],
)
async def test_each_site_has_its_paths(
    provider: HttpProvider, base: str, options: dict[str, Any], paths: tuple[str, str, str]
) -> None:
    async with FileServer() as server:
        channel = channel_of(server.url(base), **options)
        await provider.submit(channel, submission(), Shelf())
        await provider.poll(channel, job("t"))
        await provider.submit(channel, submission(call(SONG)), Shelf())
        await provider.poll(channel, job("t", SONG))
        found = [asked.path for asked in server.asked]
    app, zoo, poll = paths
    apps, models = f"{app}/webapp/task/openapi", f"{zoo}/modelzoo/tasks/openapi"
    assert found == [f"{apps}/create", apps + poll, f"{models}/{SONG}", f"{models}/t"]


@pytest.mark.parametrize(
    ("mode", "callback", "secret", "headers"),
    [
        ("async", "https://gate.example/c", None, {"async": "enable"}),
        ("sync", "https://gate.example/c", None, {}),
        ("webhook", "https://gate.example/c", None, {"webhook-url": "https://gate.example/c"}),
        ("webhook", None, "s3cret", {"async": "enable"}),
        ("webhook", "https://gate.example/c", "s3cret", {
            "webhook-url": "https://gate.example/c", "authorization": "Bearer s3cret"
        }),
    ],
)  # fmt: skip
async def test_each_mode_has_its_headers(
    provider: HttpProvider, mode: str, callback: str | None, secret: str | None, headers: dict[str, str]
) -> None:
    async with FileServer() as server:
        channel = msgspec.structs.replace(channel_of(server.url(""), mode=mode), webhook_secret=secret)
        await provider.submit(channel, submission(callback_url=callback), Shelf())
        (asked,) = server.asked
    begins = "x-bizyair-task-"
    told = {name.removeprefix(begins): value for name, value in asked.headers.items() if name.startswith(begins)}
    assert told == headers


@pytest.mark.parametrize(
    ("request_", "code", "param"),
    [
        (call(values={}), "invalid_request", "parameters.input_values"),
        (call("picture-book", app=""), "invalid_request", "model"),
        (call(inputs=(msgspec.structs.replace(LINKED, fills=None),)), "invalid_request", "inputs.image"),
        (call(audio=True), "unsupported_parameter", "audio"),
        (call(native=Native("kling", {"x": msgspec.Raw(b"1")})), "unsupported_parameter", "x"),
        (call(native=Native("bizyair", {"Input_Values": msgspec.Raw(b"1")})), "unsupported_parameter", "Input_Values"),
        (GenerationRequest(operation="text_to_video", model="m", prompt="p"), "unsupported_parameter", "operation"),
    ],
)
def test_what_bizyair_cannot_express_is_refused_by_name(
    provider: HttpProvider, request_: GenerationRequest, code: str, param: str
) -> None:
    with pytest.raises(GatewayError) as caught:
        provider.check(request_, request_.model)
    assert (caught.value.code, caught.value.param) == (code, param)


@pytest.mark.parametrize("model", ["../../../y/v1/wallet", "a//b", "a/..", "./b", "/a"])
async def test_a_model_leads_nowhere_else(provider: HttpProvider, model: str) -> None:
    async with FileServer() as server:
        with pytest.raises(GatewayError):
            await provider.submit(channel_of(server.url("")), submission(call(model)), Shelf())
        assert server.asked == []


def test_it_is_billed_by_what_is_filled_in(provider: HttpProvider) -> None:
    assert provider.check(call(count=5, size="64x64"), str(BOOK)) == msgspec.structs.replace(
        Billed.sized(64, 64), count=5
    )
    assert provider.check(call(duration=5.0), str(CLIP)) == Billed(duration=5.0, count=1)


async def test_five_pictures_of_a_book(provider: HttpProvider, fake: FakeBizyair, channel: Channel) -> None:
    name = await made(provider, channel)
    assert await provider.poll(channel, job(name)) == Running(started=False)
    fake.begin()
    assert await provider.poll(channel, job(name)) == Running()
    assert fake.count("list") == 0, "nothing is asked about what has made nothing"
    fake.finish()
    outcome = await provider.poll(channel, job(name))
    assert isinstance(outcome, Succeeded)
    assert [(one.kind, one.part) for one in outcome.outputs] == [("image", "main")] * 5
    assert outcome.usage.compute_seconds == 38.992
    facts = outcome.outputs[0].facts
    assert facts is not None
    assert facts.read("bizyair", Output) == Output(output_ext=".png", cost_time=38757)
    assert fake.base_url.encode() not in bytes(facts.raw), "an upstream's links are nobody's business"
    content = [b"".join([chunk async for chunk in provider.collect(channel, one)]) for one in outcome.outputs]
    assert {one[:4] for one in content} == {b"\x89PNG"}


async def test_a_clip(provider: HttpProvider, fake: FakeBizyair, channel: Channel) -> None:
    name = await made(provider, channel, call(str(CLIP), inputs=(LINKED,)))
    fake.finish()
    outcome = await provider.poll(channel, job(name, str(CLIP)))
    assert isinstance(outcome, Succeeded)
    (clip,) = outcome.outputs
    assert (clip.kind, clip.expires_at) == ("video", NOW + 14 * 86400.0)


async def test_other_files_are_kept_as_they_come(provider: HttpProvider, fake: FakeBizyair, channel: Channel) -> None:
    name = await made(provider, channel, call("50001"))
    fake.finish()
    outcome = await provider.poll(channel, job(name, "50001"))
    assert isinstance(outcome, Succeeded)
    assert [one.kind for one in outcome.outputs] == ["audio", "file"]


@pytest.mark.parametrize("enveloped", [True, False])
async def test_a_song_of_the_model_zoo(
    provider: HttpProvider, fake: FakeBizyair, channel: Channel, enveloped: bool
) -> None:
    fake.enveloped = enveloped
    name = await made(provider, channel, call(SONG, {"prompt": "a boat"}))
    assert fake.jobs[name].model == SONG
    assert await provider.poll(channel, job(name, SONG)) == Running(started=False)
    fake.begin()
    fake.faults.append(Fault("query", "word", message="Saving"))
    assert await provider.poll(channel, job(name, SONG)) == Running()
    fake.finish()
    outcome = await provider.poll(channel, job(name, SONG))
    assert isinstance(outcome, Succeeded)
    assert [(one.kind, one.text) for one in outcome.outputs] == [("audio", None), ("text", "a paper boat")]
    assert fake.count("list") == 0, "a model's answer has all of it"
    assert await provider.cancel(channel, job(name, SONG)) == NotCancellable()


async def test_a_synchronous_create_is_answered_with_the_result(fake: FakeBizyair, provider: HttpProvider) -> None:
    fake.autofinish(0.05)
    channel = channel_of(fake.base_url, mode="sync", site="abroad" if fake.abroad else "china")
    outcome = await provider.submit(channel, submission(), Shelf())
    assert isinstance(outcome, Finished)
    assert outcome.upstream_id in fake.jobs
    assert len(outcome.result.outputs) == 5
    costs = outcome.result.facts.read("bizyair", CostTimes) if outcome.result.facts else None
    assert costs is not None
    assert (costs.total_cost_time, costs.real_cpu_cost_time) == (41229, 1)
    traits = provider.traits_of("workflow", str(BOOK), channel)
    assert (traits.synchronous, traits.submit_timeout) == (True, 3600.0)
    for other in (provider.traits_of("workflow", SONG, channel), provider.traits_of("workflow", str(BOOK))):
        assert (other.synchronous, other.submit_timeout) == (False, 60.0)


@pytest.mark.parametrize("told", [{"status": "Failed", "message": "no"}, {"status": "Success", "outputs": None}])
async def test_a_synchronous_answer_that_is_no_result_still_names_the_job(
    provider: HttpProvider, told: dict[str, Any]
) -> None:
    """What becomes of it says its detail, as of any."""
    async with FileServer() as server:
        body = msgspec.json.encode({"request_id": "r-1", **told})
        server.answers["/w/v1/webapp/task/openapi/create"] = Answer(body, headers={"content-type": "application/json"})
        outcome = await provider.submit(channel_of(server.url(""), mode="sync"), submission(), Shelf())
    assert outcome == Accepted("r-1")


@pytest.mark.parametrize(
    ("marks", "left", "code"),
    [
        (((2, 3, 2, 1, 2), ()), 3, None),
        (((3,) * 5, ()), 0, "content_policy"),
        (((3, 3, 3, 3, 2), (*("NOT_ERROR",) * 4, "OOM")), 0, "content_policy"),
        (((), ("OOM",) * 5), 0, "upstream_failed"),
        (((), ("NOT_ERROR", "OOM")), 4, None),
    ],
)
async def test_only_what_has_passed_and_is_good_is_shown(
    provider: HttpProvider,
    china: FakeBizyair,
    marks: tuple[tuple[int, ...], tuple[str, ...]],
    left: int,
    code: str | None,
) -> None:
    channel = channel_of(china.base_url)
    name = await made(provider, channel)
    china.jobs[name].audits, china.jobs[name].errors = marks
    china.finish()
    outcome = await provider.poll(channel, job(name))
    if code is None:
        assert isinstance(outcome, Succeeded)
        assert len(outcome.outputs) == left
    else:
        assert isinstance(outcome, Failed)
        assert outcome.error.code == code
        assert code == "content_policy" or outcome.error.message == "OOM"


@pytest.mark.parametrize("model", [str(BOOK), SONG])
async def test_a_job_that_fails_says_why(
    provider: HttpProvider, fake: FakeBizyair, channel: Channel, model: str
) -> None:
    for message, code in (
        ("node 17 gave up", "upstream_failed"),
        ("the prompt is against policy: 违规", "content_policy"),
    ):
        name = await made(provider, channel, call(model))
        fake.fail(name, message)
        outcome = await provider.poll(channel, job(name, model))
        assert isinstance(outcome, Failed)
        assert (outcome.error.code, outcome.error.message) == (code, message)


@pytest.mark.parametrize("begun", [False, True])
async def test_a_job_is_stopped_whether_it_waits_or_runs(
    provider: HttpProvider, fake: FakeBizyair, channel: Channel, begun: bool
) -> None:
    name = await made(provider, channel)
    if begun:
        fake.begin()
    assert provider.traits_of("workflow", str(BOOK), channel).cancel
    assert isinstance(await provider.cancel(channel, job(name)), Unreadable), "its own word says it"
    outcome = await provider.poll(channel, job(name))
    assert isinstance(outcome, Failed)
    assert "cancelled" in outcome.error.message


async def test_what_cannot_be_stopped(provider: HttpProvider, fake: FakeBizyair, channel: Channel) -> None:
    name = await made(provider, channel)
    fake.stoppable = False
    assert await provider.cancel(channel, job(name)) == NotCancellable()
    fake.stoppable = True
    fake.finish()
    assert await provider.cancel(channel, job(name)) == NotCancellable()
    assert await provider.cancel(channel, job(None)) == NotCancellable()
    fake.stop()
    assert isinstance(await provider.cancel(channel, job(name)), Unreadable), "nobody was there to refuse"


@pytest.mark.parametrize(
    "told",
    [
        {"status": "Dreaming"},
        {"status": ""},
        {"status": True},
        {"status": "Success", "outputs": []},
        {"status": "Success", "outputs": None},
        {"status": "Success", "outputs": [{"object_url": "ftp://a.test/a.png", "audit_status": 2}]},
        {"status": "Success", "outputs": [{"object_url": "data:text/plain;charset=utf-8;base64,?"}]},
        {"status": "Success", "outputs": [{"object_url": "data:text/plain;charset=utf-8;base64,/w=="}]},
        {"status": "Success", "outputs": [{"object_url": "data:text/plain;charset=utf-8;base64,*"}]},
        {"status": "Success", "outputs": {"images": ["https://a.test/a.png", 7]}},
        {"status": "Success", "outputs": {"images": "https://a.test/a.png", "texts": {}}},
        {},
        "t",
        None,
    ],
)
async def test_what_gives_no_verdict_is_unreadable(provider: HttpProvider, told: Any) -> None:
    for envelope in ({"code": 20000, "message": "Ok", "status": True}, {"code": 20002}):
        assert isinstance(await answered(provider, {**envelope, "data": told}), Unreadable)


@pytest.mark.parametrize("envelope", [{"code": 30015}, {"code": "20052"}, {"code": 20000, "status": False}])
async def test_a_bad_envelope_is_no_verdict(provider: HttpProvider, envelope: dict[str, Any]) -> None:
    told = {"status": "Failed", "message": "no"}
    assert isinstance(await answered(provider, {**envelope, "data": told}), Unreadable)
    assert isinstance(await answered(provider, {"code": 20000, "data": told}), Failed)


@pytest.mark.parametrize(
    ("expired_at", "until"),
    [
        ("2027-01-30 00:00:00", 1_801_238_400.0),
        ("2020-01-01 00:00:00", NOW + 14 * 86400),
        ("9999-12-31 00:00:00", NOW + 14 * 86400),
        ("soon", NOW + 14 * 86400),
        (7, NOW + 14 * 86400),
    ],
)
async def test_links_end_when_they_say(provider: HttpProvider, expired_at: Any, until: float) -> None:
    made_ = [{"object_url": "https://a.test/a.png?x=1", "output_ext": 7, "cost_time": "x"}]
    told = {"status": "Success", "outputs": made_, "expired_at": expired_at, "cost_times": {"total_cost_time": "x"}}
    outcome = await answered(provider, {"code": 20000, "data": told})
    assert isinstance(outcome, Succeeded)
    assert [(one.kind, one.expires_at) for one in outcome.outputs] == [("image", until)]
    assert outcome.usage.compute_seconds is None


async def test_a_text_may_stand_in_its_link(provider: HttpProvider) -> None:
    """As another gateway of this kind writes it."""
    made_ = [{"object_url": "data:text/plain;charset=utf-8;base64,RXMgd2Fy", "output_ext": ".txt", "audit_status": 2}]
    outcome = await answered(provider, {"code": 20000, "data": {"status": "Success", "outputs": made_}})
    assert isinstance(outcome, Succeeded)
    assert [(one.kind, one.text, one.url) for one in outcome.outputs] == [("text", "Es war", "")]


@pytest.mark.parametrize("told", [-1, 1e300, "many", None, True])
async def test_times_that_cannot_be_are_not_counted(provider: HttpProvider, told: Any) -> None:
    made_ = [{"object_url": "https://a.test/a.png"}]
    said = {"status": "Success", "outputs": made_, "cost_times": {"inference_cost_time": told}}
    outcome = await answered(provider, {"code": 20000, "data": said})
    assert isinstance(outcome, Succeeded)
    assert outcome.usage.compute_seconds is None


async def answered(provider: HttpProvider, told: Any) -> Any:
    async with FileServer() as server:
        answer = Answer(msgspec.json.encode(told), headers={"content-type": "application/json"})
        for verb in ("detail", "outputs"):
            server.answers[f"/w/v1/webapp/task/openapi/{verb}?requestId=t"] = answer
        return await provider.poll(channel_of(server.url("")), job("t"))


async def test_a_result_that_cannot_be_read_is_asked_for_again(
    provider: HttpProvider, fake: FakeBizyair, channel: Channel
) -> None:
    name = await made(provider, channel)
    fake.finish()
    acts: tuple[Act, ...] = ("html", "broken", "drop", "refuse")
    for act in acts:
        fake.faults.append(Fault("list", act, times=FOREVER, code=30015))
        assert isinstance(await provider.poll(channel, job(name)), Unreadable)
        fake.faults.clear()
    assert isinstance(await provider.poll(channel, job(name)), Succeeded)


async def test_absence_and_faults(provider: HttpProvider, fake: FakeBizyair, channel: Channel) -> None:
    assert await provider.poll(channel, job("never-made")) == NotFound()
    name = await made(provider, channel)
    acts: tuple[Act, ...] = ("html", "broken", "drop", "word")
    for act in acts:
        fake.faults.append(Fault("query", act, times=FOREVER, message="DREAMT"))
        assert isinstance(await provider.poll(channel, job(name)), Unreadable)
        fake.faults.clear()
    for act in acts[:3]:
        fake.faults.append(Fault("create", act, created=True))
        assert isinstance(await provider.submit(channel, submission(), Shelf()), Unknown)


REFUSED = {
    **dict.fromkeys((20015, 40025), ("invalid_request", False, False)),
    **dict.fromkeys((20224, 20251), ("invalid_request", True, False)),
    **dict.fromkeys((20049, 20050, 20051, 20052), ("upstream_refused", True, False)),
    **dict.fromkeys((30039, 30040, 30015, 30016, 30018, 50600, 50604), ("capacity", False, True)),
}


@pytest.mark.parametrize("status", [None, 200, 400, 500])
@pytest.mark.parametrize("code", REFUSED)
async def test_each_code_means(provider: HttpProvider, china: FakeBizyair, code: int, status: int | None) -> None:
    channel = channel_of(china.base_url)
    said: int | str = str(code) if status == 400 else code
    china.faults.append(Fault("create", "refuse", code=said, status=status, message="because"))
    outcome = await provider.submit(channel, submission(), Shelf())
    assert isinstance(outcome, Refused)
    assert (outcome.error.code, outcome.elsewhere, outcome.capacity) == REFUSED[code]
    assert outcome.error.message == "because"


async def test_the_rules_of_the_upstream(provider: HttpProvider, fake: FakeBizyair, channel: Channel) -> None:
    gone = await provider.submit(channel, submission(call("99999")), Shelf())
    assert isinstance(gone, Refused)
    assert (gone.elsewhere, gone.spared) == (True, True)
    fake.max_parallel = 0
    full = await provider.submit(channel, submission(), Shelf())
    assert isinstance(full, Refused)
    assert (full.capacity, full.retry_after) == (True, 1.0)
    assert fake.jobs == {}


async def test_an_empty_500_is_unknown(provider: HttpProvider, fake: FakeBizyair, channel: Channel) -> None:
    """BizyAir says so of wrong types, which we never send; from anywhere else it says nothing."""
    fake.faults.append(Fault("create", "shape", code="nothing", status=500))
    assert isinstance(await provider.submit(channel, submission(), Shelf()), Unknown)


async def test_what_it_cannot_do_and_a_ping(provider: HttpProvider, fake: FakeBizyair, channel: Channel) -> None:
    assert isinstance(await provider.look_up(channel, job("t")), Unreadable)
    assert isinstance(await provider.report(channel), Unreadable)
    assert await provider.ping(channel) == "HTTP 200"
    with pytest.raises(GatewayError) as caught:
        await provider.ping(msgspec.structs.replace(channel, api_key="wrong"))
    assert caught.value.code == "authentication"


def test_a_callback_has_the_secret_where_there_is_one(provider: HttpProvider) -> None:
    channel = channel_of("https://api.bizyair.cn")
    assert provider.read_callback(channel, {}, b"{}"), "its address is a secret, and it only wakes"
    signed = msgspec.structs.replace(channel, webhook_secret="s3cret")
    for name in ("authorization", "x-bizyair-task-authorization"):
        assert provider.read_callback(signed, {name: "Bearer s3cret"}, b"{}")
        assert not provider.read_callback(signed, {name: "Bearer s3crets"}, b"{}")
    assert not provider.read_callback(signed, {}, b"{}")
