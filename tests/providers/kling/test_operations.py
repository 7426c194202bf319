"""Each operation at Kling: a job from its create to its files, and everything that may go wrong on the way."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, Final

import pytest

from telecine.providers.base import Channel, Provider
from telecine.providers.kling import KLING
from telecine.providers.kling.operation import Row
from telecine.providers.outcomes import (
    Accepted,
    Failed,
    Found,
    NeverSent,
    NotFound,
    Refused,
    Running,
    Succeeded,
    Unknown,
    Unreadable,
)
from tests.providers.kling.operations import HANDLE, POLLED, example, job, submission, title
from tests.providers.stand_ins import Shelf
from tests.upstreams.kling import FOREVER, FakeKling, Fault

KINDS: Final = {"videos": "video", "images": "image", "audios": "audio"}
CREATES: Final = (
    Fault("create", "drop"),
    Fault("create", "drop", created=True),
    Fault("create", "html", status=502),
    Fault("create", "html", status=502, created=True),
    Fault("create", "broken", created=True),
    Fault("create", "refuse", code=5000),
    Fault("create", "refuse", code=5002),
)
"""After which nobody knows what became of the create."""
REFUSALS: Final = {
    1002: "upstream_refused",
    1101: "upstream_refused",
    1201: "invalid_request",
    1203: "invalid_request",
    1301: "content_policy",
    1302: "capacity",
    1303: "capacity",
}
QUERIES: Final = (
    Fault("query", "drop"),
    Fault("query", "html", status=503),
    Fault("query", "broken"),
    Fault("query", "word", message="thinking"),
    Fault("query", "refuse", code=5001),
)
"""Which are no verdict on a job."""


@pytest.fixture(params=POLLED, ids=title)
def row(request: pytest.FixtureRequest) -> Row:
    found: Row = request.param
    return found


async def test_a_job_from_its_create_to_its_files(
    provider: Provider, fake: FakeKling, channel: Channel, row: Row
) -> None:
    request = example(row)
    provider.check(request, request.model)
    outcome = await provider.submit(channel, submission(request, "https://gate.example/c/1"), Shelf())
    assert isinstance(outcome, Accepted), outcome
    kept = fake.jobs[outcome.upstream_id]
    assert f"/v1/{kept.path}" == row.path.path
    assert (kept.body["external_task_id"], kept.body["callback_url"]) == (HANDLE, "https://gate.example/c/1")
    assert "model" not in kept.body
    named = job(request, outcome.upstream_id)

    assert await provider.poll(channel, named) == Running(started=False)
    fake.begin()
    assert await provider.poll_many(channel, [named]) == {HANDLE: Running()}
    fake.finish()
    done = await provider.poll(channel, named)
    assert isinstance(done, Succeeded)
    assert (await provider.poll_many(channel, [named])) == {HANDLE: done}
    assert {one.kind for one in done.outputs} == {KINDS[kept.made]}
    assert done.usage.units == kept.units
    for output in done.outputs:
        assert [chunk async for chunk in provider.collect(channel, output)]
    if provider.traits_of(request.operation, request.model).look_up:
        assert await provider.look_up(channel, job(request)) == Found(outcome.upstream_id, done)
    else:
        assert isinstance(await provider.look_up(channel, job(request)), Unreadable)


def test_a_list_tells_whole_what_was_taken_of_packs_and_of_money() -> None:
    taken: list[dict[str, Any]] = [
        {"final_unit_deduction": "3.5"},
        {"final_balance_deduction": {"quota": "0.3", "list_price": "0.35"}},
        {},
    ]
    jobs = [{"task_id": str(number), "task_status": "succeed", **one} for number, one in enumerate(taken)]
    many = KLING.ops["text_to_video"].many
    assert many is not None
    assert [one["task_id"] for one in many.items({"data": jobs})] == ["0", "1"], "the last is asked for by itself"


async def test_each_refusal(provider: Provider, fake: FakeKling, channel: Channel, row: Row) -> None:
    request = example(row)
    for code, expected in REFUSALS.items():
        fake.faults.append(Fault("create", "refuse", code=code, message="no, because"))
        outcome = await provider.submit(channel, submission(request), Shelf())
        assert isinstance(outcome, Refused), code
        assert (outcome.error.code, outcome.capacity) == (expected, code in (1302, 1303)), code
    assert not fake.jobs


async def test_each_fault_of_a_create_is_unknown_and_is_looked_up(
    provider: Provider, fake: FakeKling, channel: Channel, row: Row
) -> None:
    request = example(row)
    traits = provider.traits_of(request.operation, request.model)
    assert traits.look_up == traits.unique_handle == row.path.named
    for fault in CREATES:
        fake.faults.append(replace(fault))
        outcome = await provider.submit(channel, submission(request), Shelf())
        assert isinstance(outcome, Unknown), fault
        found = await provider.look_up(channel, job(request))
        if not row.path.named:
            assert isinstance(found, Unreadable)
        elif fault.created:
            assert isinstance(found, Found)
            again = await provider.submit(channel, submission(request), Shelf())
            assert again == Unknown("a job with this handle already exists")
        else:
            assert found == NotFound()
        fake.forget()
    await asyncio.to_thread(fake.stop)
    assert isinstance(await provider.submit(channel, submission(request), Shelf()), NeverSent)


async def test_each_fault_of_a_query_is_no_verdict(
    provider: Provider, fake: FakeKling, channel: Channel, row: Row
) -> None:
    request = example(row)
    outcome = await provider.submit(channel, submission(request), Shelf())
    assert isinstance(outcome, Accepted)
    named = job(request, outcome.upstream_id)
    for fault in QUERIES:
        fake.faults.append(replace(fault, times=FOREVER))
        assert isinstance(await provider.poll(channel, named), Unreadable), fault
        fake.faults.clear()
    assert await provider.poll(channel, job(request, "814570891207529999")) == NotFound()
    fake.fail(message="Failure to pass the risk control system")
    failed = await provider.poll(channel, named)
    assert isinstance(failed, Failed)
    assert failed.error.code == "content_policy"
