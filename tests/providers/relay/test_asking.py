"""Which form a relay is spoken to in: what its channel says, else what it answers when it is asked once."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from telecine.net.client import FetchError, Reply
from telecine.nouns.errors import GatewayError
from telecine.providers.base import Channel, Forms
from telecine.providers.http import FormedProvider
from telecine.providers.http.forms import serves
from telecine.providers.outcomes import Accepted, Finished, NeverSent, NotFound, Running, Unreadable
from telecine.providers.relay.table import RelayOptions
from tests.clock import HandClock
from tests.providers.openai.requests import job, submission, text
from tests.providers.stand_ins import Shelf
from tests.upstreams.faults import FOREVER, Fault
from tests.upstreams.relay import API_KEY, FORMS, FakeRelay, Form

PATH = "/v1/video/query?id={id}"
ASKED = "/v1/video/query"


def reply(status: int, body: object) -> Reply:
    return Reply(status, {}, body if isinstance(body, bytes) else msgspec.json.encode(body))


NO_PATH = "/v1/served-by-nobody/task_00000000000000000000000000"
INVALID = {"error": {"message": "Invalid URL (GET {})", "type": "invalid_request_error", "code": ""}}
PAGE = b"<!doctype html><title>New API</title>"


def invalid(path: str) -> Reply:
    return reply(404, msgspec.json.encode(INVALID).replace(b"{}", path.encode()))


@pytest.mark.parametrize(
    ("answer", "control", "fits"),
    [
        (reply(400, {"code": "task_not_exist", "message": "task_not_exist"}), invalid(NO_PATH), True),
        (reply(404, {"error": {"message": "Video not found", "code": "not_found"}}), invalid(NO_PATH), True),
        (reply(404, {"detail": "Video not found"}), reply(404, {"detail": "Not Found"}), True),
        (reply(200, {"code": "success", "data": None}), reply(200, PAGE), True),
        (invalid(ASKED), invalid(NO_PATH), False),
        (reply(404, {"detail": "Not Found"}), reply(404, {"detail": "Not Found"}), False),
        (reply(200, PAGE), reply(200, PAGE), False),
        (reply(404, b"404 page not found"), reply(404, b"404 page not found"), False),
        (reply(405, {"detail": "Method Not Allowed"}), reply(404, {"detail": "Not Found"}), False),
        (reply(502, b"<html>"), invalid(NO_PATH), None),
        (reply(500, {"error": {"message": "oh"}}), invalid(NO_PATH), None),
        (reply(401, {"error": {"message": "bad key"}}), reply(401, {"error": {"message": "bad key"}}), None),
        (reply(429, {"error": {"message": "slow down"}}), invalid(NO_PATH), None),
    ],
)
def test_a_path_is_served_where_it_is_answered_otherwise_than_any(answer: Reply, control: Reply, fits: bool) -> None:
    assert serves(answer, PATH, control) is fits


@pytest.fixture(scope="module")
def several() -> Iterator[FakeRelay]:
    with FakeRelay().in_thread() as fake:
        yield fake


@pytest.fixture
def relay(several: FakeRelay) -> FakeRelay:
    several.asked.clear()
    several.faults.clear()
    several.jobs.clear()
    return several


def channel(fake: FakeRelay, *serves: Form, key: str = API_KEY, form: Form | None = None) -> Channel:
    """A channel of its own to the relay, which serves nothing else from now on."""
    fake.serve(*serves)
    return Channel("-".join(serves) + key, fake.base_url, api_key=key, options=RelayOptions(form=form))


@pytest.mark.parametrize("form", FORMS)
async def test_it_is_asked_once_and_spoken_to_in_what_it_serves(
    provider: FormedProvider, relay: FakeRelay, form: Form
) -> None:
    there = channel(relay, form)
    traits = provider.traits_of("text_to_video", "sora-2", there)
    assert (traits.prepares, traits.synchronous, traits.submit_timeout) == (True, True, 3600.0)
    assert await provider.prepare(there, submission(), Shelf()) is None
    traits = provider.traits_of("text_to_video", "sora-2", there)
    assert (traits.prepares, traits.synchronous) == (False, form == "chat")
    asked = len(relay.asked)
    assert await provider.prepare(there, submission(), Shelf()) is None
    outcome = await provider.submit(there, submission(), Shelf())
    assert isinstance(outcome, Finished if form == "chat" else Accepted)
    assert len(relay.asked) == asked == (5 if form == "chat" else 4)
    assert await provider.forms(there) == Forms(form, (form,))


async def test_what_its_channel_says_needs_no_question(provider: FormedProvider, relay: FakeRelay) -> None:
    there = channel(relay, "unified", "new-api", form="new-api")
    assert not provider.traits_of("text_to_video", "sora-2", there).prepares
    assert await provider.forms(there) == Forms("new-api", ("unified", "new-api"), said=True)
    relay.asked.clear()
    relay.serve("new-api")
    assert isinstance(await provider.submit(there, submission(), Shelf()), Accepted)
    assert relay.asked == []
    with pytest.raises(GatewayError) as caught:
        provider.check(text(size="big"), "sora-2", msgspec.structs.replace(there, options=RelayOptions(form="chat")))
    assert caught.value.param == "size"


async def test_what_cannot_be_told_now_is_asked_again_later(
    provider: FormedProvider, relay: FakeRelay, clock: HandClock
) -> None:
    there = channel(relay, "unified")
    relay.faults.append(Fault("query", "refuse", code="server_error", times=FOREVER))
    assert (await provider.forms(there)).sure is False
    assert await provider.prepare(there, submission(), Shelf()) is None
    assert isinstance(await provider.poll(there, job("video_1")), Unreadable)
    assert provider.traits_of("text_to_video", "sora-2", there).prepares
    relay.faults.clear()
    asked = len(relay.asked)
    assert isinstance(await provider.poll(there, job("video_1")), Unreadable)
    assert len(relay.asked) == asked  # it rests
    clock.advance(61)
    assert await provider.prepare(there, submission(), Shelf()) is None
    assert not provider.traits_of("text_to_video", "sora-2", there).prepares


async def test_a_wrong_key_tells_nothing(provider: FormedProvider, relay: FakeRelay) -> None:
    assert await provider.forms(channel(relay, "unified", key="wrong")) == Forms(None, (), sure=False)


async def test_a_job_is_found_though_another_form_is_preferred_by_now(
    provider: FormedProvider, relay: FakeRelay
) -> None:
    there = channel(relay, "unified")
    assert await provider.prepare(there, submission(), Shelf()) is None
    outcome = await provider.submit(there, submission(), Shelf())
    assert isinstance(outcome, Accepted)
    relay.serve("new-api", "unified")
    assert isinstance(await provider.poll(there, job(outcome.upstream_id)), Running)
    await provider.forms(there)
    assert isinstance(await provider.poll(there, job("video_0")), NotFound)
    assert {path.partition("?")[0].rpartition("/")[0] for path in relay.asked[-2:]} == {
        "/v1/video", "/v1/video/generations",
    }  # fmt: skip


async def test_nobody_there_means_never_sent(provider: FormedProvider) -> None:
    nobody = Channel("n", "http://127.0.0.1:9", api_key=API_KEY, options=RelayOptions())
    assert isinstance(await provider.prepare(nobody, submission(), Shelf()), NeverSent)
    assert isinstance(await provider.poll(nobody, job("video_1")), Unreadable)
    with pytest.raises(FetchError):
        await provider.forms(nobody)
