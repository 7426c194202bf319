"""A BizyAir that lies, breaks or is gone, seen through the whole server.

Whatever it does: a running job never becomes a failed one for it, no job is made twice, and neither answers nor logs
name its address or key. Nobody can ask it what became of a create: one without an answer is told as unknown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.server.live import KEY, LiveServer, eventually
from tests.server.test_bizyair import bizyair_channel
from tests.upstreams.bizyair import API_KEY, PAGE, FakeBizyair, Fault
from tests.upstreams.trap import trap

DAY = 86400.0
NEXT_POLL = 250.0
"""Seconds within which a running job is asked about again, whatever it has said."""
ONE = {
    "model": str(PAGE),
    "operation": "workflow",
    "parameters": {"input_values": {"17:BizyAir_NanoBananaPro.prompt": "a paper boat"}},
}
"""An app that makes one picture."""


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeBizyair]:
    """Shared by the tests of this file; each looks at the jobs that it made."""
    with FakeBizyair().in_thread() as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, fake: FakeBizyair) -> Iterator[LiveServer]:
    # A refusal answers the create only within `first_step`, by a clock that runs sixty times as fast here.
    config = bizyair_channel(fake) + "\n[limits]\nfirst_step = 1200\nunreachable = 86400\n"
    with LiveServer(tmp_path_factory.mktemp("faults"), config, speed=60) as found:
        yield found
        assert_nothing_private(found.log_text(), fake)


@pytest.fixture(autouse=True)
def _honest_again(fake: FakeBizyair) -> Iterator[None]:
    """No fault of one test is left to the next."""
    yield
    left, fake.faults[:] = list(fake.faults), []
    assert not [fault for fault in left if fault.times < 1000], left


def assert_nothing_private(text: str, fake: FakeBizyair) -> None:
    for private in (API_KEY, f":{fake.port}", "nginx"):
        assert private not in text


def job_of(fake: FakeBizyair, before: int) -> str:
    """The one job that was made after so many."""
    (name,) = list(fake.jobs)[before:]
    return name


def begun(server: LiveServer, fake: FakeBizyair) -> tuple[str, str]:
    """A new task and its job."""
    before = len(fake.jobs)
    answer = server.call("POST", "/v1/tasks", ONE)
    assert (answer.status, answer.json["status"]) == (200, "queued"), answer
    eventually(lambda: len(fake.jobs) > before, "a job")
    return str(answer.json["id"]), job_of(fake, before)


def succeeds(server: LiveServer, fake: FakeBizyair, task: str, job: str) -> dict[str, Any]:
    """The task, which ends well once the upstream has done its job; nothing more was made for it."""
    jobs = len(fake.jobs)
    fake.finish(job)
    server.clock.leap(NEXT_POLL)
    found: dict[str, Any] = server.ended(task)
    assert (found["status"], found["error"]) == ("succeeded", None)
    for output in found["outputs"]:
        assert server.call("GET", output["url"]).status == 200
    assert len(fake.jobs) == jobs
    assert_nothing_private(str(found), fake)
    return found


# What it says to a create.

REFUSALS = {
    **dict.fromkeys((20015, 40025, 20224, 20251), "invalid_request"),
    **dict.fromkeys((20049, 20050, 20051, 20052), "upstream_refused"),
}


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refusal_reaches_the_caller(server: LiveServer, fake: FakeBizyair, code: int) -> None:
    server.clock.leap(60)  # a channel in trouble is left alone for a while
    said = f"no: {fake.base_url}/w/v1/webapp/task/openapi/create, {API_KEY}, at 127.0.0.1"
    fake.faults.append(Fault("create", "refuse", code=code, message=said))
    before = len(fake.jobs)
    answer = server.call("POST", "/v1/tasks", ONE)
    assert (answer.status, answer.json["error"]["code"]) == (400, REFUSALS[code]), answer
    assert answer.headers["x-should-retry"] == "false"
    assert "no: " in answer.json["error"]["message"], "what the upstream said is passed on"
    assert "127.0.0.1" not in answer.json["error"]["message"]
    assert "/w/v1" not in answer.json["error"]["message"]
    assert_nothing_private(answer.content.decode(), fake)
    assert len(fake.jobs) == before
    server.clock.leap(60)


@pytest.mark.parametrize("code", [30039, 30040, 30015, 50600])
def test_a_full_upstream_is_waited_for(server: LiveServer, fake: FakeBizyair, code: int) -> None:
    fake.faults.append(Fault("create", "refuse", code=code, times=2, retry_after=1))
    succeeds(server, fake, *begun(server, fake))


@pytest.mark.parametrize("made", [True, False])
@pytest.mark.parametrize("act", ["drop", "html", "broken"])
def test_an_unreadable_answer_to_a_create_is_told_as_unknown(
    server: LiveServer, fake: FakeBizyair, act: Any, made: bool
) -> None:
    before = len(fake.jobs)
    fake.faults.append(Fault("create", act, created=made))
    answer = server.call("POST", "/v1/tasks", ONE)
    assert (answer.status, answer.json["error"]["code"]) == (502, "submission_unknown"), answer
    assert answer.headers["x-should-retry"] == "false"
    server.clock.leap(NEXT_POLL)
    succeeds(server, fake, *begun(server, fake))
    assert len(fake.jobs) == before + made + 1, "it is never sent again"


def test_where_the_operator_allows_it_an_unknown_create_is_sent_again(folder: Path, fake: FakeBizyair) -> None:
    with LiveServer(folder, bizyair_channel(fake, more="resubmit = true"), speed=60) as server:
        before = len(fake.jobs)
        fake.faults.append(Fault("create", "drop", created=True))
        task = server.call("POST", "/v1/tasks", ONE).json["id"]
        eventually(lambda: len(fake.jobs) == before + 2, "the second job")
        succeeds(server, fake, task, list(fake.jobs)[-1])


# What it says of a running job.

LIES = [
    Fault("query", "html"),
    Fault("query", "html", status=200),
    Fault("query", "html", status=404),
    Fault("query", "broken"),
    Fault("query", "drop"),
    Fault("query", "word", message="Succeeded"),
    Fault("query", "word", message="Dead"),
    Fault("query", "word", message=""),
    *(Fault("query", "refuse", code=code) for code in (20015, 20052, 20224, 30015)),
    Fault("query", "refuse", code=20015, status=404, message="task not found"),
    Fault("query", "refuse", code=50000, status=500, message="task failed"),
    Fault("query", "word", message="Success"),  # which has made nothing
]


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: f"{lie.act}-{lie.message or lie.status or lie.code}")
def test_a_lie_never_fails_a_running_job(server: LiveServer, fake: FakeBizyair, lie: Fault) -> None:
    task, job = begun(server, fake)
    fake.begin(job)
    server.clock.leap(NEXT_POLL)
    server.until(f"/v1/tasks/{task}", lambda found: found["status"] == "running")
    fake.faults.append(Fault(**{**vars(lie), "times": 3}))
    for _ in range(4):  # the last of them is told the truth
        asked = fake.queries
        server.clock.leap(NEXT_POLL)
        eventually(lambda: fake.queries > asked, "another query")  # noqa: B023  called at once
        assert server.call("GET", f"/v1/tasks/{task}").json["status"] == "running"
    succeeds(server, fake, task, job)


@pytest.mark.parametrize("act", ["html", "broken", "drop", "refuse"])
def test_results_that_cannot_be_read_are_asked_for_again(server: LiveServer, fake: FakeBizyair, act: Any) -> None:
    task, job = begun(server, fake)
    fake.faults.append(Fault("list", act, times=2, code=30015))
    fake.finish(job)
    server.clock.leap(NEXT_POLL)
    eventually(lambda: not fake.faults, "both questions")
    succeeds(server, fake, task, job)


def test_a_job_that_fails_is_failed_with_its_reason(server: LiveServer, fake: FakeBizyair) -> None:
    task, job = begun(server, fake)
    fake.fail(job, f"broke at {fake.base_url} with {API_KEY}")
    server.clock.leap(NEXT_POLL)
    found = server.ended(task)
    assert (found["status"], found["error"]["code"]) == ("failed", "upstream_failed")
    assert found["error"]["message"].startswith("broke at ")
    assert found["cost"]["charged"] == "0.000000"
    assert_nothing_private(str(found), fake)


# What becomes of its files.


@pytest.mark.parametrize(
    "fault",
    [
        Fault("file", "status", status=403),
        Fault("file", "status", status=404),
        Fault("file", "status", status=500),
        Fault("file", "html"),
        Fault("file", "html", status=200),
        Fault("file", "drop"),
        Fault("file", "cut"),
        Fault("file", "drip", seconds=0.03),
    ],
    ids=lambda fault: f"{fault.act}-{fault.status or ''}",
)
def test_a_file_that_does_not_come_at_once(server: LiveServer, fake: FakeBizyair, fault: Fault) -> None:
    fake.faults.append(Fault(**vars(fault)))
    found = succeeds(server, fake, *begun(server, fake))
    assert [one["content_type"] for one in found["outputs"]] == ["image/png"]


def test_a_link_that_has_expired_is_asked_for_anew(server: LiveServer, fake: FakeBizyair) -> None:
    fake.link_uses = 1
    try:
        fake.faults.append(Fault("file", "cut"))  # which is the one use
        task, job = begun(server, fake)
        succeeds(server, fake, task, job)
        assert [entry.code for entry in fake.entries("download") if entry.task_id == job] == [0, 403, 200]
        assert fake.jobs[job].link == 2
    finally:
        fake.link_uses = None


def test_a_redirect_to_a_private_address_is_never_followed(server: LiveServer, fake: FakeBizyair) -> None:
    with trap() as (address, asked):
        target = f"{address}/latest/meta-data"
        fake.faults.append(Fault("file", "redirect", message=target, times=3))
        task, job = begun(server, fake)
        fake.finish(job)
        server.clock.leap(NEXT_POLL)
        found = server.ended(task)
    assert found["status"] == "succeeded", "the picture exists, and has been paid for"
    assert asked == []


# Where a create is answered with the result.


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory, fake: FakeBizyair) -> Iterator[LiveServer]:
    config = bizyair_channel(fake, "sync") + "\n[limits]\nfirst_step = 1200\n"
    with LiveServer(tmp_path_factory.mktemp("sync"), config, speed=60) as found:
        yield found
        assert_nothing_private(found.log_text(), fake)


@pytest.fixture
def quick(fake: FakeBizyair) -> Iterator[FakeBizyair]:
    """Whose jobs end by themselves."""
    fake.autofinish(0.05)
    yield fake
    fake.autofinish(None)


@pytest.mark.parametrize("act", ["drop", "html", "broken"])
def test_a_result_that_never_comes_is_told_as_unknown(waiting: LiveServer, quick: FakeBizyair, act: Any) -> None:
    before = len(quick.jobs)
    quick.faults.append(Fault("create", act, created=True))
    answer = waiting.call("POST", "/v1/tasks", ONE)
    assert (answer.status, answer.json["error"]["code"]) == (502, "submission_unknown"), answer
    waiting.clock.leap(NEXT_POLL)
    assert waiting.call("POST", "/v1/tasks", ONE).status == 200
    assert len(quick.jobs) == before + 2, "it is never sent again"


def test_a_result_whose_link_expires_is_asked_for_by_its_id(waiting: LiveServer, quick: FakeBizyair) -> None:
    quick.link_uses = 1
    try:
        before = len(quick.jobs)
        quick.faults.append(Fault("file", "cut"))  # which is the one use
        task = waiting.call("POST", "/v1/tasks", ONE).json["id"]
        assert waiting.ended(task)["status"] == "succeeded"
        job = job_of(quick, before)
        assert [entry.code for entry in quick.entries("download") if entry.task_id == job] == [0, 403, 200]
    finally:
        quick.link_uses = None


def test_a_result_that_is_a_failure_is_one(waiting: LiveServer, fake: FakeBizyair) -> None:
    before = len(fake.jobs)
    with closing(waiting.connect()) as connection:
        connection.request("POST", "/v1/tasks", json.dumps(ONE), {"authorization": f"Bearer {KEY}"})
        eventually(lambda: len(fake.jobs) > before, "a job")
        fake.fail(job_of(fake, before), "node 17 gave up")
        task = json.loads(connection.getresponse().read())["id"]
    waiting.clock.leap(NEXT_POLL)
    found = waiting.ended(task)
    assert (found["status"], found["error"]["message"]) == ("failed", "node 17 gave up")


# When there is no end in sight.


def test_endless_work_ends_with_the_upstreams_memory_and_not_before(folder: Path, fake: FakeBizyair) -> None:
    with LiveServer(folder, bizyair_channel(fake), speed=60) as server:
        (task, _), (late, its) = begun(server, fake), begun(server, fake)
        fake.begin()
        server.clock.leap(NEXT_POLL)
        for one in (task, late):
            server.until(f"/v1/tasks/{one}", lambda found: found["status"] == "running")
        for days in (0.1, 1.0, 5.0, 5.0):
            asked = fake.queries
            server.clock.leap(days * DAY)
            eventually(lambda: fake.queries >= asked + 2, "a query for each")  # noqa: B023  called at once
            for one in (task, late):
                assert server.call("GET", f"/v1/tasks/{one}").json["status"] == "running"
        fake.finish(its)
        server.clock.leap(DAY)
        assert server.ended(late)["status"] == "succeeded", "a late success is a success"
        server.clock.leap(3 * DAY)
        found = server.ended(task)
        assert (found["status"], found["error"]["code"]) == ("failed", "expired")


def test_an_unplugged_upstream_and_its_return(server: LiveServer, fake: FakeBizyair) -> None:
    """A task that runs and one that cannot even be sent both go on by themselves."""
    runs, job = begun(server, fake)
    before = len(fake.jobs)
    fake.stop()
    try:
        waits = server.call("POST", "/v1/tasks", ONE).json["id"]
        unreadable = "SELECT * FROM events WHERE type = 'unreadable'"
        noted = len(server.rows(unreadable))
        server.clock.leap(NEXT_POLL / 2)
        eventually(lambda: len(server.rows(unreadable)) > noted, "a query in vain")
    finally:
        fake.start()
    eventually(lambda: len(fake.jobs) > before, "the job of the other")
    succeeds(server, fake, waits, job_of(fake, before))
    succeeds(server, fake, runs, job)


def test_an_upstream_that_stays_unplugged(folder: Path) -> None:
    with FakeBizyair().in_thread() as gone:
        pass
    with LiveServer(folder, bizyair_channel(gone) + "[limits]\nunreachable = 30.0", speed=60) as server:
        answer = server.call("POST", "/v1/tasks", ONE)
        found = server.ended(answer.json["id"])
        assert (found["status"], found["error"]["code"]) == ("failed", "upstream_failed")
        assert_nothing_private(str(found) + server.log_text(), gone)
