"""An upstream that lies, breaks or is gone, seen through the whole server.

Whatever it does: a running job never becomes a failed one for it, no task stays without an end, no job is made twice,
and neither answers nor logs name the upstream's address or key.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from telecine.nouns.ids import parse_task_id
from tests.server.live import Answer, LiveServer, eventually, kling_channel
from tests.upstreams.kling import API_KEY, FakeKling, Fault
from tests.upstreams.trap import trap

TEXT = "/kling/v1/videos/text2video"
DAY = 86400.0
NEXT_POLL = 250.0
"""Seconds within which a running job is asked about again, whatever it has said."""
SETTLED = 100.0
"""Seconds after which an upstream surely knows what became of a create."""
_names = itertools.count()


@pytest.fixture(scope="module")
def kling() -> Iterator[FakeKling]:
    """Shared by the tests of this file; each looks at the jobs that it made."""
    with FakeKling(file_bytes=20_000).in_thread() as fake:
        yield fake


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, kling: FakeKling) -> Iterator[LiveServer]:
    # A refusal answers the create only within `first_step`, by a clock that runs sixty times as fast here.
    config = kling_channel(kling.base_url, API_KEY) + "\n[limits]\nfirst_step = 300\n"
    with LiveServer(tmp_path_factory.mktemp("faults"), config, speed=60) as found:
        yield found
        assert_nothing_private(found.log_text(), kling)


@pytest.fixture(autouse=True)
def _honest_again(request: pytest.FixtureRequest) -> Iterator[None]:
    """No fault of one test is left to the next."""
    yield
    if "kling" in request.fixturenames:
        fake: FakeKling = request.getfixturevalue("kling")
        left, fake.faults[:] = list(fake.faults), []
        assert not [fault for fault in left if fault.times < 1000], left


def assert_nothing_private(text: str, kling: FakeKling) -> None:
    for private in (API_KEY, f":{kling.port}", "/files/", "nginx"):
        assert private not in text


def created(server: LiveServer, **more: Any) -> Answer:
    """A create in Kling's dialect under a name of its own."""
    name = f"task-{next(_names)}"
    body = {"model_name": "kling-v2-5-turbo", "prompt": "a", "duration": "5", "external_task_id": name, **more}
    return server.call("POST", TEXT, body)


def task_of(answer: Answer) -> str:
    assert answer.status == 200, answer
    assert answer.json["data"]["task_status"] == "submitted"
    return str(answer.json["data"]["task_id"])


def handle_of(server: LiveServer, task: str) -> str:
    """The name of the task's last attempt at the upstream."""
    (handle,) = server.rows("SELECT handle FROM attempts WHERE task_id = ? ORDER BY number DESC", task)[0]
    return str(handle)


def jobs_of(server: LiveServer, kling: FakeKling, task: str) -> list[str]:
    """The upstream ids of every job that was made for the task."""
    handles = {handle for (handle,) in server.rows("SELECT handle FROM attempts WHERE task_id = ?", task)}
    return [job.task_id for job in list(kling.jobs.values()) if job.handle in handles]


def succeeds_with_one_job(server: LiveServer, kling: FakeKling, task: str) -> None:
    """The task ends well once the upstream has done its job, and there is exactly one job."""
    jobs = eventually(lambda: jobs_of(server, kling, task), "a job upstream")
    kling.finish(jobs[0])
    server.clock.leap(NEXT_POLL)
    found = server.ended(task)
    assert (found["status"], found["error"]) == ("succeeded", None)
    assert server.call("GET", f"/v1/videos/{task}/content").content == kling.file
    assert jobs_of(server, kling, task) == jobs
    assert_nothing_private(server.call("GET", f"{TEXT}/{task}").content.decode(), kling)


# What the upstream says to a create.

# Kling's code: what an OpenAI caller gets (status, code, type), and what a Kling caller does (status, code).
REFUSALS: dict[int, tuple[tuple[int, str, str], tuple[int, int]]] = {
    # The upstream's own account, or a path that it has not: whoever asks cannot mend that.
    **dict.fromkeys((1000, 1001, 1002, 1003, 1004, 1100, 1101, 1102, 1103, 1202, 1304), (
        (400, "upstream_refused", "invalid_request_error"), (400, 1201)
    )),
    **dict.fromkeys((1200, 1201, 1203), ((400, "invalid_request", "invalid_request_error"), (400, 1200))),
    **dict.fromkeys((1300, 1301), ((400, "content_policy_violation", "invalid_request_error"), (400, 1301))),
}  # fmt: skip


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refusal_reaches_the_caller_in_its_own_words(server: LiveServer, kling: FakeKling, code: int) -> None:
    ours, theirs = REFUSALS[code]
    said = f"no: {kling.base_url}/kling/v1/videos/text2video, {API_KEY}, at 127.0.0.1"
    answers = []
    for path, model in (("/v1/videos", "model"), (TEXT, "model_name")):
        server.clock.leap(60)  # a channel in trouble is left alone for a while
        kling.faults.append(Fault("create", "refuse", code=code, message=said))
        answers.append(server.call("POST", path, {model: "kling-v2-5-turbo", "prompt": "a"}))
    error = answers[0].json["error"]
    assert (answers[0].status, error["code"], error["type"]) == ours
    assert (answers[1].status, answers[1].json["code"]) == theirs
    assert list(answers[1].json) == ["code", "message", "request_id"]
    for answer, message in zip(answers, (error["message"], answers[1].json["message"]), strict=True):
        assert answer.headers["x-should-retry"] == "false"
        assert "no: " in message, "what the upstream said is passed on"
        assert "127.0.0.1" not in message
        assert "/kling/v1" not in message
        assert_nothing_private(answer.content.decode(), kling)
    for task in server.call("GET", "/v1/tasks?limit=2").json["data"]:
        assert (task["status"], task["error"]["code"]) == ("failed", ours[1].removesuffix("_violation"))
        assert_nothing_private(str(task), kling)


@pytest.mark.parametrize("code", [1302, 1303, 5001])
def test_a_full_upstream_is_waited_for(server: LiveServer, kling: FakeKling, code: int) -> None:
    """Neither dialect's caller sees anything of it."""
    kling.faults.append(Fault("create", "refuse", code=code, times=2, retry_after=1))
    succeeds_with_one_job(server, kling, task_of(created(server)))
    kling.faults.append(Fault("create", "refuse", code=code))
    video = server.call("POST", "/v1/videos", {"model": "kling-v2-5-turbo", "prompt": "a"})
    assert (video.status, video.json["status"]) == (200, "queued")
    succeeds_with_one_job(server, kling, str(parse_task_id(video.json["id"])))


def test_a_slow_upstream_does_not_hold_its_caller(folder: Path, kling: FakeKling) -> None:
    """Past `first_step` the answer is that the task is queued; its step goes on."""
    with LiveServer(folder, kling_channel(kling.base_url, API_KEY, "[limits]\nfirst_step = 0.2")) as server:
        kling.hold("create")
        try:
            task = task_of(created(server))
            kling.wait_held("create")
        finally:
            kling.release("create")
        succeeds_with_one_job(server, kling, task)


@pytest.mark.parametrize("made", [True, False])
@pytest.mark.parametrize("act", ["drop", "html", "broken"])
def test_an_unreadable_answer_to_a_create(server: LiveServer, kling: FakeKling, act: Any, made: bool) -> None:
    """Looked up by our handle: the job is there, or it is sent again under the same one."""
    kling.faults.append(Fault("create", act, created=made))
    task = task_of(created(server))
    assert server.call("GET", f"/v1/videos/{task}").json["status"] == "queued"
    server.clock.leap(SETTLED)
    succeeds_with_one_job(server, kling, task)


@pytest.mark.parametrize("code", [5000, 5002])
def test_an_internal_error_may_have_made_a_job(server: LiveServer, kling: FakeKling, code: int) -> None:
    kling.faults.append(Fault("create", "refuse", code=code))
    task = task_of(created(server))
    server.clock.leap(SETTLED)
    succeeds_with_one_job(server, kling, task)


def test_an_upstream_that_never_answers_a_create_readably(server: LiveServer, kling: FakeKling) -> None:
    """It is sent three times under one handle, and then given up."""
    before = kling.count("dropped")
    kling.faults.append(Fault("create", "html", times=3))
    task = task_of(created(server))
    for number in (1, 2, 3):
        kling.wait_noted("dropped", count=before + number)
        server.clock.leap(SETTLED)
    found = server.ended(task)
    assert (found["status"], found["error"]["code"]) == ("failed", "upstream_failed")
    assert jobs_of(server, kling, task) == []


# What it says of a running job.

LIES = [
    Fault("query", "html"),
    Fault("query", "html", status=200),
    Fault("query", "html", status=404),
    Fault("query", "broken"),
    Fault("query", "drop"),
    Fault("query", "word", message="succeeded"),
    Fault("query", "word", message="FAILED"),
    Fault("query", "word", message=""),
    *(Fault("query", "refuse", code=code) for code in (1000, 1101, 1201, 1203, 1301, 1302, 5000, 5001)),
    Fault("query", "refuse", code=1203, status=200),
    Fault("query", "refuse", code=1, status=500, message="task failed"),
]


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: f"{lie.act}-{lie.message or lie.status or lie.code}")
def test_a_lie_never_fails_a_running_job(server: LiveServer, kling: FakeKling, lie: Fault) -> None:
    task = task_of(created(server))
    (job,) = jobs_of(server, kling, task)
    kling.begin(job)
    server.clock.leap(NEXT_POLL)
    server.until(f"{TEXT}/{task}", lambda found: found["data"]["task_status"] == "processing")
    kling.faults.append(Fault(**{**vars(lie), "times": 3}))
    for _ in range(4):  # the last of them is told the truth
        asked = kling.queries
        server.clock.leap(NEXT_POLL)
        eventually(lambda: kling.queries > asked, "another query")  # noqa: B023  called at once
        assert server.call("GET", f"{TEXT}/{task}").json["data"]["task_status"] == "processing"
    succeeds_with_one_job(server, kling, task)


def test_a_job_that_fails_is_failed_with_its_reason(server: LiveServer, kling: FakeKling) -> None:
    task = task_of(created(server))
    kling.fail(handle_of(server, task), f"broke at {kling.base_url} with {API_KEY}")
    server.clock.leap(NEXT_POLL)
    found = server.ended(task)
    assert (found["status"], found["error"]["code"]) == ("failed", "upstream_failed")
    assert found["error"]["message"].startswith("broke at ")
    assert_nothing_private(str(found), kling)
    video = server.call("GET", f"/v1/videos/{task}").json
    assert (video["status"], video["error"]["code"]) == ("failed", "upstream_failed")


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
def test_a_file_that_does_not_come_at_once(server: LiveServer, kling: FakeKling, fault: Fault) -> None:
    kling.faults.append(Fault(**vars(fault)))
    succeeds_with_one_job(server, kling, task_of(created(server)))


def test_a_link_that_has_expired_is_asked_for_anew(server: LiveServer, kling: FakeKling) -> None:
    kling.link_uses = 1
    try:
        kling.faults.append(Fault("file", "cut"))  # which is the one use
        task = task_of(created(server))
        succeeds_with_one_job(server, kling, task)
        job = kling.jobs[jobs_of(server, kling, task)[0]]
        codes = [entry.code for entry in kling.entries("download") if entry.task_id == job.task_id]
        assert codes == [0, 403, 200]
        assert job.link == 2
    finally:
        kling.link_uses = None


def test_a_redirect_to_a_private_address_is_never_followed(server: LiveServer, kling: FakeKling) -> None:
    with trap() as (address, asked):
        target = f"{address}/latest/meta-data"
        kling.faults.append(Fault("file", "redirect", message=target, times=3))
        task = task_of(created(server))
        kling.finish(handle_of(server, task))
        server.clock.leap(NEXT_POLL)
        found = server.ended(task)
    assert found["status"] == "succeeded", "the video exists, and has been paid for"
    assert asked == []
    assert server.call("GET", f"/v1/videos/{task}").json["status"] == "completed"
    path = f"/v1/videos/{task}/content"
    eventually(lambda: server.call("GET", path).content == kling.file, "the file, once its link is good")


# When there is no end in sight.


@pytest.mark.parametrize("lie", [None, Fault("query", "html", times=1 << 30)], ids=["processing", "html"])
def test_endless_work_ends_with_the_upstreams_memory_and_not_before(
    folder: Path, kling: FakeKling, lie: Fault | None
) -> None:
    with LiveServer(folder, kling_channel(kling.base_url, API_KEY), speed=60) as server:
        task, late = task_of(created(server)), task_of(created(server))
        for one in (task, late):
            kling.begin(handle_of(server, one))
            server.until(f"{TEXT}/{one}", lambda found: found["data"]["task_status"] == "processing")
        if lie is not None:
            kling.faults.append(lie)
        for days in (0.1, 1.0, 10.0, 15.0):
            asked = kling.queries
            server.clock.leap(days * DAY)
            eventually(lambda: kling.queries >= asked + 2, "a query for each")  # noqa: B023  called at once
            for one in (task, late):
                assert server.call("GET", f"{TEXT}/{one}").json["data"]["task_status"] == "processing"
        kling.faults.clear()
        server.clock.leap(DAY)
        kling.finish(handle_of(server, late))
        assert server.ended(late)["status"] == "succeeded", "a late success is a success"
        if lie is not None:
            kling.faults.append(lie)
        server.clock.leap(4 * DAY)
        found = server.ended(task)
        assert (found["status"], found["error"]["code"]) == ("failed", "expired")


def test_an_unplugged_upstream_and_its_return(server: LiveServer, kling: FakeKling) -> None:
    """A task that runs and one that cannot even be sent both go on by themselves."""
    runs = task_of(created(server))
    kling.stop()
    try:
        waits = task_of(created(server))
        assert kling.count("accepted") == len(kling.jobs)
        unreadable = "SELECT * FROM events WHERE task_id = ? AND type = 'unreadable'"
        for number in (1, 2):
            server.clock.leap(NEXT_POLL / 2)
            eventually(lambda: len(server.rows(unreadable, runs)) >= number, "a query in vain")  # noqa: B023
        assert server.call("GET", f"{TEXT}/{waits}").json["data"]["task_status"] == "submitted"
    finally:
        kling.start()
    for task in (runs, waits):
        succeeds_with_one_job(server, kling, task)


def test_an_upstream_that_stays_unplugged(folder: Path) -> None:
    with FakeKling().in_thread() as gone:
        pass
    config = kling_channel(gone.base_url, API_KEY, "[limits]\nunreachable = 30.0")
    with LiveServer(folder, config, speed=60) as server:
        found = server.ended(task_of(created(server)))
        assert (found["status"], found["error"]["code"]) == ("failed", "upstream_failed")
        assert "could not be reached" in found["error"]["message"]
        assert_nothing_private(str(found) + server.log_text(), gone)
