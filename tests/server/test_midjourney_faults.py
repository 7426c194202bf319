"""Midjourney proxies that lie, break or are gone, seen through the whole server.

Whatever they do: a running job never becomes a failed one for it, no job is made twice, and neither answers nor logs
name an address or a key. An unknown submit is looked for in the list where there is one; nothing is sent again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.live import LiveServer, eventually
from tests.upstreams.midjourney import API_KEY, FakeMidjourney, Fault
from tests.upstreams.trap import trap

NEXT_POLL = 250.0
"""Seconds within which a running job is asked about again, whatever it has said."""
SETTLED = 150.0
"""Seconds after which it is settled that an upstream has no job by our handle."""
GRID = {"model": "midjourney", "prompt": "a paper boat"}


def channel(fake: FakeMidjourney, more: str = "") -> str:
    """A configuration with one channel, whose files lie on this machine."""
    return f"""
[network]
allow_private = ["127.0.0.1/32"]

[[channels]]
name = "mj"
provider = "midjourney"
base_url = "{fake.base_url}"
api_key = "{API_KEY}"
models = ["midjourney"]
{more}
"""


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeMidjourney]:
    """Shared by the tests of this file; each looks at the jobs that it made."""
    with FakeMidjourney(apart=False).in_thread() as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, fake: FakeMidjourney) -> Iterator[LiveServer]:
    # A refusal answers the create only within `first_step`, by a clock that runs sixty times as fast here.
    config = channel(fake) + "\n[limits]\nfirst_step = 1200\nunreachable = 86400\n"
    with LiveServer(tmp_path_factory.mktemp("faults"), config, speed=60) as found:
        yield found
        assert_nothing_private(found.log_text(), fake)


@pytest.fixture(autouse=True)
def _honest_again(fake: FakeMidjourney) -> Iterator[None]:
    """No fault of one test is left to the next."""
    yield
    left, fake.faults[:] = list(fake.faults), []
    assert not [fault for fault in left if fault.times < 1000], left


def assert_nothing_private(text: str, fake: FakeMidjourney) -> None:
    for private in (API_KEY, f":{fake.port}", "nginx"):
        assert private not in text


def begun(server: LiveServer, fake: FakeMidjourney) -> tuple[str, str]:
    """A new task and its job."""
    before = len(fake.jobs)
    answer = server.call("POST", "/v1/tasks", GRID)
    assert (answer.status, answer.json["status"]) == (200, "queued"), answer
    eventually(lambda: len(fake.jobs) > before, "a job")
    (job,) = list(fake.jobs)[before:]
    return str(answer.json["id"]), job


def succeeds(server: LiveServer, fake: FakeMidjourney, task: str, job: str) -> dict[str, Any]:
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

REFUSALS = {3: "upstream_refused", 4: "invalid_request", 9: "upstream_refused", 24: "content_policy"}


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refusal_reaches_the_caller(server: LiveServer, fake: FakeMidjourney, code: int) -> None:
    server.clock.leap(60)  # a channel in trouble is left alone for a while
    said = f"no: {fake.base_url}/mj/submit/imagine, {API_KEY}, at 127.0.0.1"
    fake.faults.append(Fault("create", "refuse", code=code, message=said))
    before = len(fake.jobs)
    answer = server.call("POST", "/v1/tasks", GRID)
    assert (answer.status, answer.json["error"]["code"]) == (400, REFUSALS[code]), answer
    assert answer.headers["x-should-retry"] == "false"
    assert "no: " in answer.json["error"]["message"], "what the upstream said is passed on"
    assert "127.0.0.1" not in answer.json["error"]["message"]
    assert_nothing_private(answer.content.decode(), fake)
    assert len(fake.jobs) == before
    server.clock.leap(60)


@pytest.mark.parametrize("code", [23, 30])
def test_a_full_queue_is_waited_for(server: LiveServer, fake: FakeMidjourney, code: int) -> None:
    fake.faults.append(Fault("create", "refuse", code=code, times=2, retry_after=1))
    succeeds(server, fake, *begun(server, fake))


@pytest.mark.parametrize("act", ["drop", "html", "broken"])
def test_a_job_whose_create_was_not_answered_is_found_in_the_list(
    server: LiveServer, fake: FakeMidjourney, act: Any
) -> None:
    fake.faults.append(Fault("create", act, created=True))
    fake.faults.append(Fault("list", "html"))
    task, job = begun(server, fake)
    succeeds(server, fake, task, job)
    assert fake.lists >= 2


def test_one_that_was_never_made_is_told_as_unknown_once_that_is_settled(
    server: LiveServer, fake: FakeMidjourney
) -> None:
    before = len(fake.jobs)
    fake.faults.append(Fault("create", "drop"))
    answer = server.call("POST", "/v1/tasks", GRID)
    server.clock.leap(SETTLED)
    found = server.ended(answer.json["id"])
    assert (found["status"], found["error"]["code"]) == ("failed", "submission_unknown")
    assert found["cost"]["charged"] == "0.000000"
    succeeds(server, fake, *begun(server, fake))
    assert len(fake.jobs) == before + 1, "it is never sent again"


# What it says of a running job.

LIES = [
    Fault("query", "html"),
    Fault("query", "html", status=200),
    Fault("query", "html", status=404),
    Fault("query", "broken"),
    Fault("query", "drop"),
    Fault("query", "word", message="success"),
    Fault("query", "word", message="DREAMT"),
    Fault("query", "word", message="SUCCESS"),  # which has made nothing
    *(Fault("query", "refuse", code=code) for code in (3, 4, 9)),
    Fault("query", "refuse", code=4, status=400, message="task_no_found"),
    Fault("query", "refuse", code=9, status=500, message="FAILURE"),
]


def test_no_lie_fails_a_running_job(server: LiveServer, fake: FakeMidjourney) -> None:
    """One job hears all of them: by the list that is asked about many, and when it is asked about alone."""
    task, job = begun(server, fake)
    for lie in LIES:
        fake.faults.append(Fault(**{**vars(lie), "times": 2}))
        asked = fake.queries
        server.clock.leap(NEXT_POLL)
        eventually(lambda: fake.queries > asked, "another query")  # noqa: B023  called at once
        assert server.call("GET", f"/v1/tasks/{task}").json["status"] in ("queued", "running"), lie
        fake.faults.clear()
    succeeds(server, fake, task, job)


def test_a_job_that_fails_is_failed_with_its_reason(server: LiveServer, fake: FakeMidjourney) -> None:
    for reason, code in (("broke at", "upstream_failed"), ("Banned prompt detected", "content_policy")):
        task, job = begun(server, fake)
        fake.fail(job, f"{reason} {fake.base_url} with {API_KEY}")
        server.clock.leap(NEXT_POLL)
        found = server.ended(task)
        assert (found["status"], found["error"]["code"]) == ("failed", code)
        assert found["error"]["message"].startswith(reason)
        assert found["cost"]["charged"] == "0.000000"
        assert_nothing_private(str(found), fake)


# What becomes of its files.


@pytest.mark.parametrize(
    "fault",
    [
        Fault("file", "status", status=403),
        Fault("file", "html", status=200),
        Fault("file", "drop"),
        Fault("file", "cut"),
    ],
    ids=lambda fault: f"{fault.act}-{fault.status or ''}",
)
def test_a_file_that_does_not_come_at_once(server: LiveServer, fake: FakeMidjourney, fault: Fault) -> None:
    fake.faults.append(Fault(**vars(fault)))
    found = succeeds(server, fake, *begun(server, fake))
    assert [one["content_type"] for one in found["outputs"]] == ["image/png"] * len(found["outputs"])


def test_links_that_have_expired_are_asked_for_anew(server: LiveServer, fake: FakeMidjourney) -> None:
    fake.link_uses = 1
    try:
        fake.faults.append(Fault("file", "cut"))  # which is the one use
        task, job = begun(server, fake)
        succeeds(server, fake, task, job)
        assert [entry.code for entry in fake.entries("download") if entry.task_id == job] == [0, 403, 200]
    finally:
        fake.link_uses = None


def test_a_redirect_to_a_private_address_is_never_followed(server: LiveServer, fake: FakeMidjourney) -> None:
    with trap() as (address, asked):
        fake.faults.append(Fault("file", "redirect", message=f"{address}/latest/meta-data", times=100))
        task, job = begun(server, fake)
        fake.finish(job)
        server.clock.leap(NEXT_POLL)
        found = server.ended(task)
        fake.faults.clear()
    assert found["status"] == "succeeded", "the pictures exist, and have been paid for"
    assert asked == []


# Callbacks, cancels, and an upstream that is gone.


def test_a_cancel_is_asked_for_and_believed_when_it_is_told(server: LiveServer, fake: FakeMidjourney) -> None:
    task, job = begun(server, fake)
    server.call("POST", f"/v1/tasks/{task}/cancel")
    eventually(lambda: [one for one in fake.entries("deleted") if one.task_id == job], "a cancel there")
    server.clock.leap(NEXT_POLL)
    assert server.ended(task)["status"] in ("cancelled", "failed")


def test_an_unplugged_upstream_and_its_return(server: LiveServer, fake: FakeMidjourney) -> None:
    """A task that runs and one that cannot even be sent both go on by themselves."""
    runs, job = begun(server, fake)
    before = len(fake.jobs)
    fake.stop()
    try:
        waits = server.call("POST", "/v1/tasks", GRID).json["id"]
        unreadable = "SELECT * FROM events WHERE type = 'unreadable'"
        noted = len(server.rows(unreadable))
        server.clock.leap(NEXT_POLL / 2)
        eventually(lambda: len(server.rows(unreadable)) > noted, "a query in vain")
    finally:
        fake.start()
    eventually(lambda: len(fake.jobs) > before, "the job of the other")
    (other,) = list(fake.jobs)[before:]
    succeeds(server, fake, waits, other)
    succeeds(server, fake, runs, job)


def test_a_change_that_is_told_wakes_its_task(folder: Path) -> None:
    """`notifyHook`, by a clock that nearly stands still: no poll falls due by itself. What it says is not believed."""
    with FakeMidjourney("new-api").in_thread() as fake:
        config = 'public_url = "{address}"\n' + channel(fake)
        with LiveServer(folder, config, speed=0.01) as server:
            task, job = begun(server, fake)
            fake.begin(job)
            server.until(f"/v1/tasks/{task}", lambda found: found["progress"] == 30)
            path = (fake.jobs[job].hook or "").removeprefix(server.address)
            assert path.startswith("/callbacks/")
            asked = fake.queries
            lie = {"id": job, "status": "FAILURE", "failReason": "so there"}
            assert server.call("POST", path, lie, key=None).status in (200, 204)
            eventually(lambda: fake.queries > asked, "a query of its own")
            assert server.call("GET", f"/v1/tasks/{task}").json["status"] == "running"
            fake.finish(job)
            assert server.ended(task)["status"] == "succeeded"
            assert_nothing_private(server.log_text(), fake)
