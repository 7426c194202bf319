"""A job in each form, from its create to its file, and whatever may go wrong on the way."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from telecine.nouns.request import Reference
from telecine.providers.base import Channel, Job, Provider, Source
from telecine.providers.outcomes import (
    Accepted,
    Failed,
    Finished,
    NeverSent,
    NotFound,
    Refused,
    Running,
    Succeeded,
    Unknown,
    Unreadable,
)
from tests.providers.openai.requests import PNG, job, picture, submission, text
from tests.providers.stand_ins import Shelf
from tests.upstreams.faults import FOREVER, Act, Fault
from tests.upstreams.relay import API_KEY, FakeRelay, Form


async def begun(provider: Provider, channel: Channel) -> Job:
    outcome = await provider.submit(channel, submission(), Shelf())
    assert isinstance(outcome, Accepted)
    return job(outcome.upstream_id)


async def content(provider: Provider, channel: Channel, outcome: Any) -> bytes:
    (output,) = outcome.outputs
    return b"".join([chunk async for chunk in provider.collect(channel, output)])


async def test_a_video_from_its_create_to_its_file(
    *, provider: Provider, fake: FakeRelay, channel: Channel, form: Form
) -> None:
    private = Channel("r", channel.base_url, api_key=API_KEY, options=channel.options, allow_private=True)
    if form == "chat":
        outcome = await provider.submit(channel, submission(), Shelf())
        assert isinstance(outcome, Finished)
        assert outcome.upstream_id in fake.jobs
        assert await content(provider, private, outcome.result) == fake.file
        return
    running = await begun(provider, channel)
    assert await provider.poll(channel, running) == Running(0, started=False)
    fake.begin(progress=40)
    assert await provider.poll(channel, running) == Running(40)
    fake.finish()
    done = await provider.poll(channel, running)
    assert isinstance(done, Succeeded)
    assert await content(provider, private, done) == fake.file


async def test_a_failure_is_told(*, provider: Provider, fake: FakeRelay, channel: Channel, form: Form) -> None:
    if form == "chat":
        fake.autofinish(None)
        asyncio.get_running_loop().call_later(0.05, fake.fail, None, "内容违规 here")
        refused = await provider.submit(channel, submission(), Shelf())
        assert isinstance(refused, Refused)
        assert (refused.error.code, refused.elsewhere) == ("content_policy", False)
        assert "内容违规" in refused.error.message
        return
    running = await begun(provider, channel)
    fake.fail(message="GPU on fire")
    failed = await provider.poll(channel, running)
    assert isinstance(failed, Failed)
    assert (failed.error.code, failed.error.message) == ("upstream_failed", "GPU on fire")


@pytest.mark.parametrize("created", [False, True])
@pytest.mark.parametrize("act", ["html", "broken", "drop"])
async def test_no_readable_answer_is_unknown(
    *, provider: Provider, fake: FakeRelay, channel: Channel, act: Act, created: bool
) -> None:
    fake.faults.append(Fault("create", act, created=created))
    outcome = await provider.submit(channel, submission(), Shelf())
    assert isinstance(outcome, Unknown)
    assert "127.0.0.1" not in outcome.reason
    assert len(fake.jobs) == created


@pytest.mark.parametrize(
    ("code", "error", "elsewhere", "capacity"),
    [
        ("invalid_value", "invalid_request", False, False),
        ("moderation_blocked", "content_policy", False, False),
        ("invalid_api_key", "upstream_refused", True, False),
        ("insufficient_quota", "upstream_refused", True, False),
        ("rate_limit_exceeded", "capacity", False, True),
    ],
)
async def test_a_refusal_is_one_in_every_form(
    *, provider: Provider, fake: FakeRelay, channel: Channel, code: str, error: str, elsewhere: bool, capacity: bool
) -> None:
    fake.faults.append(Fault("create", "refuse", code=code))
    outcome = await provider.submit(channel, submission(), Shelf())
    assert isinstance(outcome, Refused)
    assert (outcome.error.code, outcome.elsewhere, outcome.capacity) == (error, elsewhere, capacity)
    assert fake.jobs == {}


async def test_a_wrong_key_is_refused_and_told_by_a_ping(provider: Provider, fake: FakeRelay, channel: Channel) -> None:
    wrong = Channel("r", channel.base_url, api_key="wrong", options=channel.options)
    outcome = await provider.submit(wrong, submission(), Shelf())
    assert isinstance(outcome, Refused)
    assert outcome.elsewhere
    assert await provider.ping(channel) == "HTTP 200, 1 models"


@pytest.mark.parametrize("act", ["drop", "html", "broken", "word", "refuse"])
async def test_what_a_query_says_unreadably_ends_nothing(
    *, provider: Provider, fake: FakeRelay, channel: Channel, form: Form, act: Act
) -> None:
    if form == "chat":
        return  # nobody asks about a chat
    running = await begun(provider, channel)
    fake.faults.append(Fault("query", act, message="dreamt", code="server_error", times=FOREVER))
    assert isinstance(await provider.poll(channel, running), Unreadable)
    fake.faults.clear()
    assert isinstance(await provider.poll(channel, running), Running)
    assert isinstance(await provider.poll(channel, job("video_0")), NotFound)


async def test_a_success_without_a_link_is_one_where_files_lie_behind_our_key(
    *, provider: Provider, fake: FakeRelay, channel: Channel, form: Form
) -> None:
    if form == "chat":
        return
    running = await begun(provider, channel)
    fake.links = False
    try:
        fake.finish()
        outcome = await provider.poll(channel, running)
    finally:
        fake.links = True
    if form == "unified":
        assert outcome == Unreadable("a success without a link")
        assert isinstance(await provider.poll(channel, running), Succeeded)
    else:
        assert await content(provider, channel, outcome) == fake.file


async def test_nothing_listening_means_never_sent(provider: Provider, channel: Channel) -> None:
    nobody = Channel("n", "http://127.0.0.1:9", api_key=API_KEY, options=channel.options)
    assert isinstance(await provider.submit(nobody, submission(), Shelf()), NeverSent)


async def test_a_stored_picture_reaches_it(
    *, provider: Provider, fake: FakeRelay, channel: Channel, form: Form
) -> None:
    outcome = await provider.submit(channel, submission(picture(prompt="a fox runs")), Shelf(first=PNG))
    assert isinstance(outcome, Accepted | Finished)
    (made,), (sent,) = fake.jobs.values(), fake.creates
    if form == "official":
        assert [part.content for _, part in made.files] == [PNG]
        return
    held = {"unified": lambda: sent["images"][0], "new-api": lambda: sent["image"]}.get(
        form, lambda: sent["messages"][0]["content"][1]["image_url"]["url"]
    )()
    assert held.startswith("data:image/png;base64,iVBOR")


async def test_a_remix_follows_its_source(*, provider: Provider, fake: FakeRelay, channel: Channel, form: Form) -> None:
    first = await provider.submit(channel, submission(), Shelf())
    assert isinstance(first, Accepted | Finished)
    fake.finish()
    request = text(operation="remix", prompt="a cat", source=Reference(task=1))
    source = Source(first.upstream_id, text())
    made = await provider.submit(channel, submission(request, source=source), Shelf())
    assert isinstance(made, Accepted | Finished)
    sent = fake.creates[-1]
    if form == "chat":
        assert [one["role"] for one in sent["messages"]] == ["user", "assistant", "user"]
        assert [str(first.upstream_id) in str(one) for one in sent["messages"]] == [False, True, False]
        assert sent["messages"][2]["content"] == "a cat"
    else:
        assert (sent, list(fake.jobs.values())[-1].remixed_from) == ({"prompt": "a cat"}, first.upstream_id)


async def test_a_chat_that_breaks_off_leaves_it_unknown(
    *, provider: Provider, fake: FakeRelay, channel: Channel, form: Form
) -> None:
    if form != "chat":
        return
    fake.broken_chat = True
    try:
        assert isinstance(await provider.submit(channel, submission(), Shelf()), Unknown)
    finally:
        fake.broken_chat = False
    assert len(fake.jobs) == 1
