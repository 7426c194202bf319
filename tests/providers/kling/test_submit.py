"""What a create may lead to."""

from __future__ import annotations

import asyncio

import jwt
import msgspec
import pytest

from telecine.net.client import Client, FetchError
from telecine.nouns.errors import GatewayError
from telecine.providers.base import Channel, Provider
from telecine.providers.http import HttpProvider
from telecine.providers.kling import KLING
from telecine.providers.outcomes import (
    Accepted,
    Failed,
    Found,
    NeverSent,
    NotFound,
    Refused,
    Running,
    Unknown,
    Unreadable,
)
from tests.clock import HandClock
from tests.providers.kling.requests import FRAME, job, picture, submission
from tests.providers.stand_ins import Shelf
from tests.upstreams.files import Answer, FileServer
from tests.upstreams.kling import ACCESS_KEY, API_KEY, SECRET_KEY, FakeKling, Fault

HERE = {"elsewhere": False, "capacity": False}
ELSEWHERE = {"elsewhere": True, "capacity": False}
FULL = {"elsewhere": False, "capacity": True}


@pytest.mark.parametrize(
    ("code", "error", "where"),
    [
        *(
            (code, "upstream_refused", ELSEWHERE)
            for code in (1000, 1001, 1002, 1003, 1004, 1100, 1101, 1102, 1103, 1304)
        ),
        *((code, "invalid_request", HERE) for code in (1200, 1201)),
        (1202, "upstream_refused", ELSEWHERE),
        (1203, "invalid_request", ELSEWHERE),
        *((code, "content_policy", HERE) for code in (1300, 1301)),
        *((code, "capacity", FULL) for code in (1302, 1303)),
        (5001, "capacity", {"elsewhere": True, "capacity": True}),
    ],
)
async def test_each_error_code_is_a_refusal_of_its_kind(
    *, provider: Provider, fake: FakeKling, channel: Channel, code: int, error: str, where: dict[str, bool]
) -> None:
    fake.faults.append(Fault("create", "refuse", code=code, message="so it is", retry_after=7))
    outcome = await provider.submit(channel, submission(), Shelf())
    assert isinstance(outcome, Refused)
    assert {"elsewhere": outcome.elsewhere, "capacity": outcome.capacity} == where
    assert (outcome.error.code, outcome.error.message, outcome.retry_after) == (error, "so it is", 7.0)
    assert fake.jobs == {}


@pytest.mark.parametrize(
    ("status", "error", "where"),
    [
        (400, "invalid_request", HERE),
        (403, "upstream_refused", ELSEWHERE),
        (429, "capacity", FULL),
        (200, "upstream_refused", HERE),
    ],
)
async def test_an_undocumented_code_goes_by_its_status(
    *, provider: Provider, fake: FakeKling, channel: Channel, status: int, error: str, where: dict[str, bool]
) -> None:
    fake.faults.append(Fault("create", "refuse", code=1999, status=status, message=""))
    outcome = await provider.submit(channel, submission(), Shelf())
    assert isinstance(outcome, Refused)
    assert {"elsewhere": outcome.elsewhere, "capacity": outcome.capacity} == where
    assert outcome.error.code == error
    assert "1999" in outcome.error.message or "capacity" in error


UNKNOWN = [
    Fault("create", "refuse", code=5000),
    Fault("create", "refuse", code=5002),
    Fault("create", "refuse", code=5002, status=400),
    Fault("create", "refuse", code=1999, status=500),
    Fault("create", "refuse", code=5000, status=200),
    *(Fault("create", "refuse", code=1200, status=status) for status in (408, 409, 499)),
    Fault("create", "refuse", code=0, status=500),
    Fault("create", "refuse", code=0, status=200),
    Fault("create", "html"),
    Fault("create", "html", status=408),
    Fault("create", "html", created=True),
    Fault("create", "broken"),
    Fault("create", "broken", created=True),
    Fault("create", "drop"),
    Fault("create", "drop", created=True),
]


@pytest.mark.parametrize("fault", UNKNOWN, ids=lambda fault: f"{fault.act}-{fault.code}-{fault.status}-{fault.created}")
async def test_whatever_cannot_be_read_after_sending_is_unknown(
    provider: Provider, fake: FakeKling, channel: Channel, fault: Fault
) -> None:
    fake.faults.append(Fault(**vars(fault)))
    outcome = await provider.submit(channel, submission(), Shelf())
    assert isinstance(outcome, Unknown)
    assert "127.0.0.1" not in outcome.reason
    found = await provider.look_up(channel, job())
    assert isinstance(found, Found if fault.created else NotFound)


async def test_no_answer_in_time_is_unknown(
    client: Client, clock: HandClock, fake: FakeKling, channel: Channel
) -> None:
    vendor = KLING
    hasty = msgspec.structs.replace(vendor, traits=msgspec.structs.replace(vendor.traits, submit_timeout=0.2))

    fake.hold("accepted")
    outcome = await HttpProvider(hasty, client, clock).submit(channel, submission(), Shelf())
    assert outcome == Unknown("no answer in time")
    assert fake.count("accepted") == 1


async def test_nothing_listening_means_never_sent(provider: Provider, fake: FakeKling, channel: Channel) -> None:
    await asyncio.to_thread(fake.stop)
    assert isinstance(await provider.submit(channel, submission(), Shelf()), NeverSent)
    assert isinstance(await provider.poll(channel, job("1")), Unreadable)


async def test_nothing_is_sent_without_a_picture_that_cannot_be_had(
    provider: Provider, fake: FakeKling, channel: Channel
) -> None:
    late = Shelf(p=FetchError("the picture's host is away"))
    with pytest.raises(FetchError, match="the picture's host is away"):
        await provider.submit(channel, submission(picture(FRAME)), late)
    large = Shelf(p=GatewayError("too_large", "too large", param="inputs"))
    with pytest.raises(GatewayError):
        await provider.submit(channel, submission(picture(FRAME)), large)
    assert fake.journal == []


async def test_the_same_handle_twice_is_one_job(provider: Provider, fake: FakeKling, channel: Channel) -> None:
    first = await provider.submit(channel, submission(), Shelf())
    assert isinstance(first, Accepted)
    second = await provider.submit(channel, submission(), Shelf())
    assert second == Unknown("a job with this handle already exists")
    found = await provider.look_up(channel, job())
    assert found == Found(first.upstream_id, Running(started=False))
    assert fake.count("accepted") == 1


async def test_each_submit_is_one_request_on_a_connection_of_its_own(provider: Provider) -> None:
    async with FileServer() as server:
        channel = Channel("k", server.url(""), api_key="key")
        await provider.poll(channel, job("1"))
        server.answers["/v1/videos/text2video"] = Answer(status=500, fault="reset", body=b"{}")
        await provider.submit(channel, submission(), Shelf())
        await provider.submit(channel, submission(), Shelf())
        assert [asked.method for asked in server.asked] == ["GET", "POST", "POST"]
        assert server.connections == 3


async def test_messages_name_neither_host_nor_key(provider: Provider, fake: FakeKling, channel: Channel) -> None:
    keys = msgspec.structs.replace(channel, access_key=ACCESS_KEY, secret_key=SECRET_KEY, webhook_secret="whsec_AAAA")
    token = jwt.encode({"iss": "x"}, SECRET_KEY, algorithm="HS256")
    private = (API_KEY, API_KEY.upper(), ACCESS_KEY, SECRET_KEY, "whsec_AAAA", token, fake.base_url, "127.0.0.1")
    said = "key " + " , ".join(private) + "\nis wrong " + "x" * 1000
    fake.faults.append(Fault("create", "refuse", code=1002, message=said))
    outcome = await provider.submit(keys, submission(), Shelf())
    assert isinstance(outcome, Refused)
    assert not any(one in outcome.error.message for one in private)
    assert outcome.error.message.startswith("key *** , ***")
    assert "is wrong xxx" in outcome.error.message
    assert len(outcome.error.message) == 500

    accepted = await provider.submit(keys, submission(), Shelf())
    assert isinstance(accepted, Accepted)
    fake.fail(message=said)
    failed = await provider.poll(keys, job(accepted.upstream_id))
    assert isinstance(failed, Failed)
    assert failed.error.message == outcome.error.message
