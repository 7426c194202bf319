"""An IMA that lies, breaks or is gone, seen through the whole server.

Whatever it does: a running job never becomes a failed one for it, no job is made twice, and neither answers nor logs
name its address or key. Nobody can ask it what became of a create: one without an answer is told as unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.server.live import Answer, LiveServer, eventually
from tests.upstreams.ima import API_KEY, FakeIma, Fault
from tests.upstreams.suno_jobs import png
from tests.upstreams.trap import trap

DAY = 86400.0
NEXT_POLL = 250.0
"""Seconds within which a running job is asked about again, whatever it has said."""
MODELS = {"image": "gemini-3-pro-image-preview", "videos": "clips", "content": "clips-in-contents"}
"""By what an upstream calls each kind of task, the model by which it is made."""


def config(fake: FakeIma, *, limits: str = "") -> str:
    """One channel for each style."""
    channels = "".join(
        f"""
[[channels]]
name = "ima-{style}"
provider = "ima"
base_url = "{fake.base_url}/v1"
api_key = "{API_KEY}"
models = {models}
options = {{ style = "{style}" }}
"""
        for style, models in {
            "videos": f'["gemini-*", "midjourney", {{ public = "{MODELS["videos"]}", upstream = "ima-pro" }}]',
            "content": f'[{{ public = "{MODELS["content"]}", upstream = "ima-pro" }}]',
        }.items()
    )
    return f'[network]\nallow_private = ["127.0.0.1/32"]\n{channels}\n[limits]\nfirst_step = 1200\n{limits}'


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeIma]:
    """Shared by the tests of this file; each looks at the jobs that it made."""
    with FakeIma().in_thread() as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, fake: FakeIma) -> Iterator[LiveServer]:
    # A refusal answers the create only within `first_step`, by a clock that runs sixty times as fast here.
    text = config(fake, limits="unreachable = 86400\n")
    with LiveServer(tmp_path_factory.mktemp("faults"), text, speed=60) as found:
        yield found
        assert_nothing_private(found.log_text(), fake)


@pytest.fixture(autouse=True)
def _honest_again(fake: FakeIma) -> Iterator[None]:
    """No fault of one test is left to the next."""
    yield
    left, fake.faults[:] = list(fake.faults), []
    assert not [fault for fault in left if fault.times < 1000], left


def assert_nothing_private(text: str, fake: FakeIma) -> None:
    for private in (API_KEY, f":{fake.port}", "/files/", "nginx"):
        assert private not in text


def created(server: LiveServer, style: str = "videos") -> Answer:
    kind = "image" if style == "image" else "video"
    body = {"model": MODELS[style], "prompt": "a paper boat", "operation": f"text_to_{kind}"}
    return server.call("POST", "/v1/tasks", body)


def begun(server: LiveServer, fake: FakeIma, style: str = "videos") -> tuple[str, str]:
    """A new task and its job."""
    before = len(fake.jobs)
    answer = created(server, style)
    assert (answer.status, answer.json["status"]) == (200, "queued"), answer
    eventually(lambda: len(fake.jobs) > before, "a job")
    (job,) = list(fake.jobs)[before:]
    return str(answer.json["id"]), job


def succeeds(server: LiveServer, fake: FakeIma, task: str, job: str) -> dict[str, Any]:
    """The task, which ends well once the upstream has done its job; nothing more was made for it."""
    jobs = len(fake.jobs)
    fake.finish(job)
    server.clock.leap(NEXT_POLL)
    found: dict[str, Any] = server.ended(task)
    assert (found["status"], found["error"]) == ("succeeded", None)
    assert [server.call("GET", output["url"]).status for output in found["outputs"]] == [200]
    assert len(fake.jobs) == jobs
    assert_nothing_private(str(found), fake)
    return found


@pytest.mark.parametrize("style", list(MODELS))
def test_each_kind_of_job_is_made_once_and_kept(server: LiveServer, fake: FakeIma, style: str) -> None:
    task, job = begun(server, fake, style)
    assert fake.jobs[job].style == style
    found = succeeds(server, fake, task, job)
    assert [one["content_type"] for one in found["outputs"]] == ["image/png" if style == "image" else "video/mp4"]


def test_four_pictures_and_one_of_them_made_larger(server: LiveServer, fake: FakeIma) -> None:
    def drawn(**said: Any) -> Any:
        before = len(fake.jobs)
        answer = server.call("POST", "/v1/tasks", {"model": "midjourney", **said})
        assert answer.status == 200, answer
        eventually(lambda: len(fake.jobs) > before, "a job")
        fake.finish()
        server.clock.leap(NEXT_POLL)
        task = server.ended(answer.json["id"])
        assert task["status"] == "succeeded", task
        return task

    grid = drawn(prompt="a paper boat")
    assert [(one["item"], one["part"]) for one in grid["outputs"]] == [*((n, "main") for n in range(4)), (0, "grid")]
    larger = drawn(operation="upscale", source={"output": grid["outputs"][2]["id"]})
    assert [one["part"] for one in larger["outputs"]] == ["main"]
    parent, job = list(fake.jobs.values())[-2:]
    assert job.body == {"taskId": parent.task_id, "action": "UPSCALE", "index": 3}


def test_a_file_of_the_library_is_uploaded_once_and_anew_where_it_is_gone(server: LiveServer, fake: FakeIma) -> None:
    """Nobody can reach this installation, so that it goes in a form."""
    asset = server.call("POST", "/v1/assets", png(), headers={"content-type": "image/png"}).json
    server.until(f"/v1/assets/{asset['id']}", lambda found: found["status"] == "ready")
    body = {"model": MODELS["videos"], "prompt": "a boat", "inputs": [{"role": "first_frame", "asset": asset["id"]}]}
    kept = fake.library.assets
    names: list[str] = []
    for gone in (False, False, True):
        if gone:
            kept.clear()
        before = len(fake.jobs)
        answer = server.call("POST", "/v1/tasks", body)
        assert answer.status == 200, answer
        eventually(lambda: len(fake.jobs) > before, "a job")  # noqa: B023  called at once
        (job,) = list(fake.jobs.values())[before:]
        assert [one.content for one in kept.values()] == [png()]
        assert job.body["images"] == [f"asset://{name}" for name in kept]
        names += kept
        succeeds(server, fake, answer.json["id"], job.task_id)
    assert names[0] == names[1] != names[2]


# What it says to a create.

REFUSALS = {
    ("invalid_request", 400): "invalid_request",
    ("400", 200): "invalid_request",
    ("insufficient_user_quota", 403): "upstream_refused",
    ("model_not_found", 503): "invalid_request",
    ("prompt_blocked", 400): "content_policy",
}


@pytest.mark.parametrize(("code", "status"), REFUSALS)
def test_a_refusal_reaches_the_caller(server: LiveServer, fake: FakeIma, code: str, status: int) -> None:
    server.clock.leap(60)  # a channel in trouble is left alone for a while
    said = f"no: {fake.base_url}/v1/videos, {API_KEY}, at 127.0.0.1"
    fake.faults.append(Fault("create", "refuse", code=code, status=status, message=said))
    before = len(fake.jobs)
    answer = created(server)
    assert (answer.status, answer.json["error"]["code"]) == (400, REFUSALS[code, status]), answer
    assert answer.headers["x-should-retry"] == "false"
    assert "no: " in answer.json["error"]["message"], "what the upstream said is passed on"
    assert "127.0.0.1" not in answer.json["error"]["message"]
    assert_nothing_private(answer.content.decode(), fake)
    assert len(fake.jobs) == before
    server.clock.leap(60)


def test_a_full_upstream_is_waited_for(server: LiveServer, fake: FakeIma) -> None:
    fake.faults.append(Fault("create", "refuse", code="429", status=429, times=2, retry_after=1))
    succeeds(server, fake, *begun(server, fake))


@pytest.mark.parametrize(
    ("fault", "made"),
    [
        (Fault("create", "drop", created=True), True),
        (Fault("create", "drop"), False),
        (Fault("create", "html", created=True), True),
        (Fault("create", "broken", created=True), True),
        (Fault("create", "refuse", code="500", status=500, message="status_code=500, task_id is empty"), False),
        (Fault("create", "refuse", code="500", status=200, message="status_code=500, task_id is empty"), False),
    ],
    ids=lambda one: f"{one.act}-{one.status or one.created}" if isinstance(one, Fault) else "",
)
def test_an_unreadable_answer_to_a_create_is_told_as_unknown(
    server: LiveServer, fake: FakeIma, fault: Fault, made: bool
) -> None:
    before = len(fake.jobs)
    fake.faults.append(Fault(**vars(fault)))
    answer = created(server)
    assert (answer.status, answer.json["error"]["code"]) == (502, "submission_unknown"), answer
    assert answer.headers["x-should-retry"] == "false"
    server.clock.leap(NEXT_POLL)
    succeeds(server, fake, *begun(server, fake))
    assert len(fake.jobs) == before + made + 1, "it is never sent again"


# What it says of a running job.

LIES = [
    Fault("query", "html"),
    Fault("query", "html", status=200),
    Fault("query", "html", status=404),
    Fault("query", "broken"),
    Fault("query", "drop"),
    Fault("query", "word", message="dreaming"),
    Fault("query", "word", message=""),
    Fault("query", "word", message="completed"),  # which has made nothing
    *(Fault("query", "refuse", code=code, status=200) for code in ("500", "task_not_exist")),
    Fault("query", "refuse", code="task_not_exist"),
    Fault("query", "refuse", code="500", status=500, message="task failed"),
]


def test_no_lie_fails_a_running_job(server: LiveServer, fake: FakeIma) -> None:
    task, job = begun(server, fake)
    fake.begin(job)
    server.clock.leap(NEXT_POLL)
    server.until(f"/v1/tasks/{task}", lambda found: found["status"] == "running")
    for lie in LIES:
        asked = fake.queries
        fake.faults.append(Fault(**vars(lie)))
        server.clock.leap(100)
        eventually(lambda: fake.queries > asked, f"a query that is told {lie}")  # noqa: B023  called at once
        assert server.call("GET", f"/v1/tasks/{task}").json["status"] == "running", lie
    succeeds(server, fake, task, job)


def test_a_job_that_fails_is_failed_with_its_reason(server: LiveServer, fake: FakeIma) -> None:
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
        Fault("file", "status", status=500),
        Fault("file", "html", status=200),
        Fault("file", "drop"),
        Fault("file", "cut"),
    ],
    ids=lambda fault: f"{fault.act}-{fault.status or ''}",
)
def test_a_file_that_does_not_come_at_once(server: LiveServer, fake: FakeIma, fault: Fault) -> None:
    fake.faults.append(Fault(**vars(fault)))
    succeeds(server, fake, *begun(server, fake))


def test_a_link_that_has_expired_is_asked_for_anew(server: LiveServer, fake: FakeIma) -> None:
    fake.link_uses = 1
    try:
        fake.faults.append(Fault("file", "cut"))  # which is the one use
        task, job = begun(server, fake)
        succeeds(server, fake, task, job)
        assert [entry.code for entry in fake.entries("download") if entry.task_id == job] == [0, 403, 200]
        assert fake.jobs[job].link == 2
    finally:
        fake.link_uses = None


def test_a_redirect_to_a_private_address_is_never_followed(server: LiveServer, fake: FakeIma) -> None:
    with trap() as (address, asked):
        fake.faults.append(Fault("file", "redirect", message=f"{address}/latest/meta-data", times=3))
        task, job = begun(server, fake)
        fake.finish(job)
        server.clock.leap(NEXT_POLL)
        found = server.ended(task)
    assert found["status"] == "succeeded", "the video exists, and has been paid for"
    assert asked == []


# Where a create is answered with the result.


@pytest.mark.parametrize("how", ["base64", "url"])
def test_a_picture_in_the_answer_to_its_create_is_kept(server: LiveServer, fake: FakeIma, how: str) -> None:
    before, fake.at_once = len(fake.jobs), how
    try:
        task = server.ended(created(server, "image").json["id"])
    finally:
        fake.at_once = ""
    assert (task["status"], len(task["outputs"])) == ("succeeded", 1)
    assert server.call("GET", task["outputs"][0]["url"]).content[:4] == b"\x89PNG"
    assert len(fake.jobs) == before + 1


# When there is no end in sight.


def test_an_unplugged_upstream_and_its_return(server: LiveServer, fake: FakeIma) -> None:
    """A task that runs and one that cannot even be sent both go on by themselves."""
    runs, job = begun(server, fake)
    before = len(fake.jobs)
    fake.stop()
    try:
        waits = created(server).json["id"]
        unreadable = "SELECT * FROM events WHERE type = 'unreadable'"
        noted = len(server.rows(unreadable))
        server.clock.leap(NEXT_POLL / 2)
        eventually(lambda: len(server.rows(unreadable)) > noted, "a query in vain")
    finally:
        fake.start()
    eventually(lambda: len(fake.jobs) > before, "the job of the other")
    succeeds(server, fake, waits, list(fake.jobs)[before])
    succeeds(server, fake, runs, job)


def test_endless_work_ends_with_the_upstreams_memory_and_not_before(server: LiveServer, fake: FakeIma) -> None:
    (task, _), (late, its) = begun(server, fake), begun(server, fake)
    fake.begin()
    server.clock.leap(NEXT_POLL)
    for one in (task, late):
        server.until(f"/v1/tasks/{one}", lambda found: found["status"] == "running")
    asked = fake.queries
    server.clock.leap(0.5 * DAY)
    eventually(lambda: fake.queries >= asked + 2, "a query for each")
    for one in (task, late):
        assert server.call("GET", f"/v1/tasks/{one}").json["status"] == "running"
    fake.finish(its)
    server.clock.leap(0.2 * DAY)
    assert server.ended(late)["status"] == "succeeded", "a late success is a success"
    server.clock.leap(DAY)
    found = server.ended(task)
    assert (found["status"], found["error"]["code"]) == ("failed", "expired")
