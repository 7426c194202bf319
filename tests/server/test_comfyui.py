"""Workflows on a ComfyUI, through the whole house: what it makes, and whatever it does wrong.

A running job never becomes a failed one for what its server says or does, no task stays without an end, no job is made
twice, and neither answers nor logs name the server's address or key.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from telecine.nouns.ids import parse_task_id, uuid_form
from tests.server.comfy import FLOWS, NETWORK, channel, written
from tests.server.live import Answer, LiveServer, eventually
from tests.upstreams.comfyui import FOREVER, FakeComfy, Fault
from tests.upstreams.comfyui_graphs import png
from tests.upstreams.comfyui_jobs import FakePrompt

APPS = "/w/v1/webapp/task/openapi"
API_KEY = "key-of-the-proxy-in-front-0123456789"
DAY = 86400.0
NEXT_POLL = 250.0
"""Seconds within which a running job is asked about again, whatever it has said."""
SETTLED = 100.0
"""Seconds after which an upstream surely knows what became of a create."""
_PRICES = """
[[prices]]
model = "picture-book"
unit = "image"
price = 0.01

[[prices]]
model = "clip"
unit = "call"
price = 0.2

[[prices]]
model = "vo*"
unit = "call"
price = 0.01

[[prices]]
model = "words"
unit = "call"
price = 0.01
"""


@pytest.fixture(scope="module")
def comfy() -> Iterator[FakeComfy]:
    """Shared by the tests of this file; each looks at the jobs that it made."""
    with FakeComfy(api_key=API_KEY).in_thread() as fake:
        yield fake


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, comfy: FakeComfy) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("comfy")
    written(folder)
    config = NETWORK + FLOWS + channel(comfy) + _PRICES + "\n[limits]\nfirst_step = 1200\n"
    with LiveServer(folder, config, speed=60) as found:
        yield found
        assert_nothing_private(found.log_text(), comfy)


@pytest.fixture(autouse=True)
def _honest_again(comfy: FakeComfy) -> Iterator[None]:
    """No fault of one test is left to the next."""
    yield
    left, comfy.faults[:] = list(comfy.faults), []
    comfy.most_waiting = None
    assert not [fault for fault in left if fault.times < 1000], left


def assert_nothing_private(text: str, comfy: FakeComfy) -> None:
    for private in (API_KEY, f":{comfy.port}", "/view", "nginx"):
        assert private not in text


def created(server: LiveServer, **more: Any) -> Answer:
    server.clock.leap(60)  # a channel in trouble is left alone for a while
    body = {"model": "picture-book", "operation": "workflow", "prompt": "a boat", **more}
    return server.call("POST", "/v1/tasks", body)


def task_of(answer: Answer) -> str:
    assert answer.status == 200, answer
    return str(answer.json["id"])


def jobs_of(server: LiveServer, comfy: FakeComfy, task: str) -> list[FakePrompt]:
    """Every job that was made for the task."""
    rows = server.rows("SELECT handle FROM attempts WHERE task_id = ?", parse_task_id(task))
    names = {uuid_form(int(handle)) for (handle,) in rows}
    return [job for job in comfy.jobs[:] if job.handle in names]


def the_job(server: LiveServer, comfy: FakeComfy, task: str) -> FakePrompt:
    (job,) = eventually(lambda: jobs_of(server, comfy, task), "a job upstream")
    return job


def succeeds_with_one_job(server: LiveServer, comfy: FakeComfy, task: str, made: int = 1) -> Any:
    """The task ends well once its server has done its job; `made` jobs were made in all."""
    jobs = eventually(lambda: [one for one in jobs_of(server, comfy, task) if one.waiting], "a job upstream")
    comfy.finish(jobs[0].task_id)
    server.clock.leap(NEXT_POLL)
    found = server.ended(task)
    assert (found["status"], found["error"]) == ("succeeded", None)
    assert len(jobs_of(server, comfy, task)) == made
    files = [server.call("GET", one["url"]).content for one in found["outputs"]]
    assert files == [png(64, 64, index) for index in range(len(files))]
    assert_nothing_private(str(found), comfy)
    return found


# What it makes.


def test_five_pictures_of_a_book(server: LiveServer, comfy: FakeComfy) -> None:
    task = task_of(created(server, count=5, parameters={"input_values": {"3:KSampler.steps": 9}}))
    job = the_job(server, comfy, task)
    assert (job.graph["6"]["inputs"]["text"], job.graph["3"]["inputs"]["steps"]) == ("a boat", 9)
    found = succeeds_with_one_job(server, comfy, task)
    assert [(one["content_type"], one["width"]) for one in found["outputs"]] == [("image/png", 64)] * 5
    assert found["cost"]["charged"] == "0.050000"
    assert found["usage"]["images"] == 5


def test_a_clip_of_ones_own_picture(server: LiveServer, comfy: FakeComfy) -> None:
    picture = png(320, 320)
    data = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    body = {"model": "clip", "operation": "workflow", "inputs": [{"role": "image", "data": data}]}
    task = task_of(server.call("POST", "/v1/tasks", body))
    job = the_job(server, comfy, task)
    assert comfy.pictures[job.graph["10"]["inputs"]["image"]] == picture
    comfy.finish(job.task_id)
    server.clock.leap(NEXT_POLL)
    found = server.ended(task)
    assert ([one["content_type"] for one in found["outputs"]], found["cost"]["charged"]) == (["video/mp4"], "0.200000")


def test_a_bizyair_script_changes_its_host_and_nothing_else(server: LiveServer, comfy: FakeComfy) -> None:
    """The same body as at BizyAir, a title in the place of a class as well, in both ways that scripts wait."""
    values = {"6:The page.text": "a whale", "5:EmptyLatentImage.batch_size": 5}
    body = {"web_app_id": 37429, "suppress_preview_output": False, "input_values": values}
    comfy.autofinish(0.05)
    try:
        waited = server.call("POST", f"{APPS}/create", body)
        told = server.call("POST", f"{APPS}/create", body, headers={"X-Bizyair-Task-Async": "enable"})
        assert (waited.status, told.status) == (200, 202)
        ask = f"requestId={told.json['requestId']}"
        server.clock.leap(NEXT_POLL)
        server.until(f"{APPS}/detail?{ask}", lambda found: found["data"]["status"] == "Success")
    finally:
        comfy.autofinish(None)
    for made in (waited.json, server.call("GET", f"{APPS}/outputs?{ask}").json["data"]):
        assert [one["output_ext"] for one in made["outputs"]] == [".png"] * 5
        links = [one["object_url"] for one in made["outputs"]]
        assert [server.call("GET", link).content for link in links] == [png(64, 64, index) for index in range(5)]
    assert (waited.json["type"], waited.json["status"]) == ("API", "Success")
    refused = server.call(
        "POST", f"{APPS}/create", {**body, "input_values": {"4:CheckpointLoaderSimple.ckpt_name": "x"}}
    )
    assert (refused.status, refused.json["code"]) == (400, 20015), "nobody has declared that"
    assert {job.graph["6"]["inputs"]["text"] for job in comfy.jobs[-2:]} == {"a whale"}


def test_an_upload_that_fails_is_tried_again(server: LiveServer, comfy: FakeComfy) -> None:
    picture = png(320, 320, 1)
    data = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    comfy.faults += [Fault("upload", "html"), Fault("upload", "refuse", code="x", status=429, retry_after=1)]
    body = {"model": "clip", "operation": "workflow", "inputs": [{"role": "image", "data": data}]}
    server.clock.leap(60)
    task = task_of(server.call("POST", "/v1/tasks", body))
    job = the_job(server, comfy, task)
    assert comfy.pictures[job.graph["10"]["inputs"]["image"]] == picture
    comfy.finish(job.task_id)
    server.clock.leap(NEXT_POLL)
    assert server.ended(task)["status"] == "succeeded"


@pytest.mark.parametrize(
    ("model", "made", "charged"),
    [
        ("voice", [("audio", "main"), ("text", "text")], "0.010000"),
        ("words", [("text", "main")], "0.010000"),
    ],
)
def test_sounds_and_words(server: LiveServer, comfy: FakeComfy, *, model: str, made: Any, charged: str) -> None:
    task = task_of(created(server, model=model, prompt="a boat"))
    comfy.finish(the_job(server, comfy, task).task_id)
    server.clock.leap(NEXT_POLL)
    found = server.ended(task)
    assert (found["status"], found["error"]) == ("succeeded", None)
    assert [(one["kind"], one["part"]) for one in found["outputs"]] == made
    assert found["outputs"][-1]["text"] == "a boat"
    assert found["cost"]["charged"] == charged


def test_a_star_serves_workflows_and_no_other_models(server: LiveServer, comfy: FakeComfy) -> None:
    answer = server.call("POST", "/v1/tasks", {"model": "sora-2", "prompt": "a"})
    assert (answer.status, answer.json["error"]["code"]) == (404, "not_found")
    assert [one["id"] for one in server.call("GET", "/v1/models").json["data"]] == [
        "clip",
        "picture-book",
        "voice",
        "words",
    ]


def test_progress_of_a_running_job(server: LiveServer, comfy: FakeComfy) -> None:
    task = task_of(created(server))
    job = the_job(server, comfy, task)
    eventually(lambda: comfy.sockets, "a socket")
    comfy.begin(job.task_id)
    comfy.step("9", 0, 1, job.task_id)
    server.clock.leap(NEXT_POLL)
    server.until(f"/v1/tasks/{task}", lambda found: found["status"] == "running" and found["progress"] > 50)
    succeeds_with_one_job(server, comfy, task)


# What it says to a create.


@pytest.mark.parametrize("code", ["prompt_outputs_failed_validation", "missing_node_type"])
def test_a_refusal_reaches_the_caller_in_its_own_words(server: LiveServer, comfy: FakeComfy, code: str) -> None:
    said = f"no: {comfy.base_url}/prompt, {API_KEY}, at 127.0.0.1"
    comfy.faults.append(Fault("create", "refuse", code=code, message=said))
    answer = created(server)
    assert (answer.status, answer.json["error"]["code"]) == (400, "invalid_request")
    assert "no: " in answer.json["error"]["message"]
    assert "127.0.0.1" not in answer.json["error"]["message"]
    assert_nothing_private(answer.content.decode(), comfy)


def test_a_full_server_is_waited_for(server: LiveServer, comfy: FakeComfy) -> None:
    comfy.faults.append(Fault("create", "shape", code="text", status=429, times=2, retry_after=1))
    succeeds_with_one_job(server, comfy, task_of(created(server)))


@pytest.mark.parametrize("made", [True, False])
@pytest.mark.parametrize("act", ["drop", "html", "broken"])
def test_an_unreadable_answer_to_a_create(server: LiveServer, comfy: FakeComfy, act: Any, made: bool) -> None:
    """Looked up by the id that we chose: the job is there, or it is sent again under the same one."""
    comfy.faults.append(Fault("create", act, created=made))
    task = task_of(created(server))
    server.clock.leap(SETTLED)
    succeeds_with_one_job(server, comfy, task)


def test_a_server_that_never_answers_a_create_readably(server: LiveServer, comfy: FakeComfy) -> None:
    """It is sent three times under one id, and then given up."""
    before = comfy.count("dropped")
    comfy.faults.append(Fault("create", "html", times=3))
    task = task_of(created(server))
    for number in (1, 2, 3):
        comfy.wait_noted("dropped", timeout=20, count=before + number)
        server.clock.leap(SETTLED)
    found = server.ended(task)
    assert (found["status"], found["error"]["code"]) == ("failed", "upstream_failed")
    assert jobs_of(server, comfy, task) == []


# What it says of a running job.

LIES = [
    *(Fault("query", "html", status=status) for status in (None, 200, 404)),
    Fault("query", "broken"),
    Fault("query", "drop"),
    *(Fault("query", "word", message=word) for word in ("succeeded", "FAILED", "")),
    Fault("query", "refuse", code="x", status=500, message="task failed"),
    Fault("query", "refuse", code="x", status=404, message="Job not found"),
    Fault("query", "refuse", code="x", status=200, message="failed"),
]


def test_a_lie_never_fails_a_running_job(server: LiveServer, comfy: FakeComfy) -> None:
    task = task_of(created(server))
    job = the_job(server, comfy, task)
    comfy.begin(job.task_id)
    server.clock.leap(NEXT_POLL)
    server.until(f"/v1/tasks/{task}", lambda found: found["status"] == "running")
    for lie in LIES:
        comfy.faults.append(Fault(**{**vars(lie), "times": 2}))
        for _ in range(2):
            asked = comfy.queries
            server.clock.leap(NEXT_POLL)
            eventually(lambda: comfy.queries > asked, "another query")  # noqa: B023  called at once
        eventually(lambda: not comfy.faults, f"all of {lie} told")
        assert server.call("GET", f"/v1/tasks/{task}").json["status"] == "running", lie
    succeeds_with_one_job(server, comfy, task)


def test_a_node_that_breaks_is_the_reason(server: LiveServer, comfy: FakeComfy) -> None:
    task = task_of(created(server))
    job = the_job(server, comfy, task)
    comfy.fail(job.task_id, f"broke at {comfy.base_url} with {API_KEY}", node="3")
    server.clock.leap(NEXT_POLL)
    found = server.ended(task)
    assert (found["status"], found["error"]["code"]) == ("failed", "upstream_failed")
    assert found["error"]["message"].startswith("KSampler [3]: broke at ")
    assert found["cost"]["charged"] in (None, "0.000000")
    assert_nothing_private(str(found), comfy)


# A server that is started anew.


def test_a_restart_loses_the_queue_and_the_job_is_sent_again(server: LiveServer, comfy: FakeComfy) -> None:
    task = task_of(created(server))
    for number in (1, 2):
        job = eventually(lambda: [one for one in jobs_of(server, comfy, task) if one.waiting], "a job")[0]
        if number == 2:
            comfy.begin(job.task_id)
        comfy.restart()
        server.clock.leap(NEXT_POLL)
        eventually(lambda: len(jobs_of(server, comfy, task)) == number + 1, "it is sent again")  # noqa: B023
    assert len({job.handle for job in jobs_of(server, comfy, task)}) == 3
    succeeds_with_one_job(server, comfy, task, made=3)


def test_a_server_that_loses_every_job(server: LiveServer, comfy: FakeComfy) -> None:
    task = task_of(created(server))
    for number in (1, 2, 3, 4):
        eventually(lambda: len(jobs_of(server, comfy, task)) == number, f"job {number}")  # noqa: B023
        comfy.restart()
        server.clock.leap(NEXT_POLL)
    found = server.ended(task)
    assert (found["status"], found["error"]["code"]) == ("failed", "upstream_failed")
    assert "lost the job" in found["error"]["message"]


def test_an_unplugged_server_and_its_return(server: LiveServer, comfy: FakeComfy) -> None:
    """It keeps its queue: only its network was away."""
    runs = task_of(created(server))
    job = the_job(server, comfy, runs)
    comfy.stop()
    try:
        unreadable, number = "SELECT * FROM events WHERE task_id = ? AND type = 'unreadable'", parse_task_id(runs)
        for times in (1, 2):
            server.clock.leap(NEXT_POLL / 2)
            eventually(lambda: len(server.rows(unreadable, number)) >= times, "a query in vain")  # noqa: B023
        assert server.call("GET", f"/v1/tasks/{runs}").json["status"] in ("queued", "running")
    finally:
        comfy.start()
    assert job.waiting
    succeeds_with_one_job(server, comfy, runs)
    comfy.stop()
    try:
        waits = task_of(created(server))
        assert jobs_of(server, comfy, waits) == []
    finally:
        comfy.start()
    server.clock.leap(NEXT_POLL)
    succeeds_with_one_job(server, comfy, waits)


# Stopping a job.


def test_cancelling_stops_our_job_and_no_other(server: LiveServer, comfy: FakeComfy) -> None:
    runs = task_of(created(server))
    other = the_job(server, comfy, runs)
    comfy.begin(other.task_id)
    waits = task_of(created(server))
    job = the_job(server, comfy, waits)
    assert server.call("POST", f"/v1/tasks/{waits}/cancel").status == 200
    server.clock.leap(NEXT_POLL)
    assert server.ended(waits)["status"] == "cancelled"
    assert (job.state, other.state) == ("deleted", "running")
    assert server.call("POST", f"/v1/tasks/{runs}/cancel").status == 200
    server.clock.leap(NEXT_POLL)
    assert server.ended(runs)["status"] == "cancelled"
    assert other.state == "interrupted"


# What becomes of its files.


@pytest.mark.parametrize(
    "fault",
    [
        *(Fault("file", "status", status=status) for status in (403, 404, 500)),
        Fault("file", "html"),
        Fault("file", "html", status=200),
        Fault("file", "drop", times=2),
        Fault("file", "cut"),
        Fault("file", "redirect", message="http://127.0.0.2:1/latest/meta-data"),
    ],
    ids=lambda fault: f"{fault.act}-{fault.status or ''}",
)
def test_a_file_that_does_not_come_at_once(server: LiveServer, comfy: FakeComfy, fault: Fault) -> None:
    comfy.faults.append(Fault(**vars(fault)))
    succeeds_with_one_job(server, comfy, task_of(created(server, count=1)))


def test_files_that_are_gone_for_good(server: LiveServer, comfy: FakeComfy) -> None:
    """Somebody has tidied up before they were fetched: there is nothing to charge for."""
    task = task_of(created(server, count=1))
    job = the_job(server, comfy, task)
    comfy.finish(job.task_id)
    comfy.clear()
    downloads = comfy.count("download")
    server.clock.leap(NEXT_POLL)
    eventually(lambda: comfy.count("download") > downloads, "a look for the file")
    for _ in range(12):
        if server.call("GET", f"/v1/tasks/{task}").json["status"] == "failed":
            break
        downloads = comfy.count("download")
        server.clock.leap(3600)
        eventually(
            lambda: (
                comfy.count("download") > downloads  # noqa: B023  called at once
                or server.call("GET", f"/v1/tasks/{task}").json["status"] == "failed"
            ),
            "another look",
        )
    found = server.ended(task)
    assert (found["status"], found["error"]["code"]) == ("failed", "upstream_failed")
    assert found["cost"]["charged"] in (None, "0.000000")


# When there is no end in sight.


@pytest.mark.parametrize("lie", [None, Fault("query", "html", times=FOREVER)], ids=["running", "html"])
def test_endless_work_ends_with_the_servers_memory_and_not_before(
    tmp_path: Path, comfy: FakeComfy, lie: Fault | None
) -> None:
    written(tmp_path)
    with LiveServer(tmp_path, NETWORK + FLOWS + channel(comfy), speed=60) as server:
        task = task_of(created(server))
        job = the_job(server, comfy, task)
        comfy.begin(job.task_id)
        server.clock.leap(NEXT_POLL)
        server.until(f"/v1/tasks/{task}", lambda found: found["status"] == "running")
        if lie is not None:
            comfy.faults.append(Fault(**vars(lie)))
        for days in (0.1, 1.0, 5.5):
            asked = comfy.queries
            server.clock.leap(days * DAY)
            eventually(lambda: comfy.queries >= asked + 1, "a query")  # noqa: B023  called at once
            assert server.call("GET", f"/v1/tasks/{task}").json["status"] == "running"
        server.clock.leap(2 * DAY)
        found = server.ended(task)
        assert (found["status"], found["error"]["code"]) == ("failed", "expired")
        comfy.interrupt(job.task_id)


# Several servers behind one model.


def test_several_servers(tmp_path: Path, comfy: FakeComfy) -> None:
    """What one of them lacks (a node, a checkpoint, a file), the next may have, and it is given the picture too. Jobs
    that the first has no room for go there as well, and the others wait."""
    written(tmp_path)
    picture = png(320, 320, 3)
    data = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    with FakeComfy().in_thread() as second:
        first = channel(comfy, "first", "priority = 2\nmax_in_flight = 1")
        both = first + channel(second, "second", "priority = 1\nmax_in_flight = 1")
        with LiveServer(tmp_path, NETWORK + FLOWS + both, speed=60) as server:
            comfy.faults.append(Fault("create", "refuse", code="missing_node_type", message="Node not found."))
            body = {"model": "clip", "operation": "workflow", "inputs": [{"role": "image", "data": data}]}
            task = task_of(server.call("POST", "/v1/tasks", body))
            (job,) = eventually(lambda: second.jobs, "a job at the second")
            assert second.pictures[job.graph["10"]["inputs"]["image"]] == picture
            second.finish()
            server.clock.leap(NEXT_POLL)
            assert server.ended(task)["status"] == "succeeded"
            assert jobs_of(server, comfy, task) == []
            tasks = [task_of(created(server)) for _ in range(3)]
            mine = the_job(server, comfy, tasks[0])
            eventually(lambda: len(second.jobs) == 2, "the second has the next")
            assert jobs_of(server, comfy, tasks[2]) == []
            comfy.finish(mine.task_id)
            server.clock.leap(NEXT_POLL)
            assert server.ended(tasks[0])["status"] == "succeeded"
            eventually(lambda: jobs_of(server, comfy, tasks[2]), "the third has its turn")
            for fake in (comfy, second):
                fake.finish()
            server.clock.leap(NEXT_POLL)
            assert {server.ended(one)["status"] for one in tasks} == {"succeeded"}
