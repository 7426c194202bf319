"""A picture book and a clip through the whole house: made at BizyAir, in each of its modes, and kept here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.live import OTHER_KEY, LiveServer, eventually
from tests.upstreams.bizyair import API_KEY, BOOK, CLIP, PAGE, FakeBizyair

PROMPT = "17:BizyAir_NanoBananaPro.prompt"
PICTURE = "18:LoadImage.image"
SECRET = "secret-of-the-callbacks-0123456789"
VALUES = {"input_values": {PROMPT: "a paper boat"}}
FLOWS = f"""
[[workflows]]
web_app_id = {BOOK}
name = "picture-book"
prompt = "{PROMPT}"
count = 5
makes = "image"

[[workflows]]
web_app_id = {CLIP}
name = "clip"
prompt = "6:CLIPTextEncode.text"
image = "{PICTURE}"
duration = "20:PrimitiveInt.value"
makes = "video"

[[prices]]
model = "picture-book"
unit = "image"
price = 0.1

[[prices]]
model = "clip"
unit = "compute_second"
price = 0.01
most = 100

[[prices]]
model = "*"
price = 0
unit = "call"
"""


def bizyair_channel(fake: FakeBizyair, mode: str = "async", more: str = "") -> str:
    """A configuration with one BizyAir channel, and what it is to run."""
    return f"""
public_url = "{{address}}"

[network]
allow_private = ["127.0.0.1/32"]

[[accounts]]
name = "other"
unlimited = true

[[channels]]
name = "bizyair-main"
provider = "bizyair"
base_url = "{fake.base_url}"
api_key = "{API_KEY}"
webhook_secret = "{SECRET}"
models = ["picture-book", {{ public = "clip", upstream = "{CLIP}" }}, "{BOOK}", "{PAGE}", "*/*"]
options = {{ mode = "{mode}" }}
{more}
{FLOWS}"""


@pytest.fixture
def fake() -> Iterator[FakeBizyair]:
    with FakeBizyair().in_thread() as running:
        yield running


@pytest.fixture(params=["async", "webhook", "sync"])
def server(request: pytest.FixtureRequest, tmp_path: Path, fake: FakeBizyair) -> Iterator[LiveServer]:
    with LiveServer(tmp_path, bizyair_channel(fake, request.param), speed=60) as running:
        yield running


def made(server: LiveServer, fake: FakeBizyair, body: dict[str, Any]) -> dict[str, Any]:
    """The task, once its one job has ended well."""
    fake.autofinish(0.1)
    before = len(fake.jobs)
    answer = server.call("POST", "/v1/tasks", body)
    assert answer.status == 200, answer
    eventually(lambda: len(fake.jobs) > before, "a job")
    server.clock.leap(250)
    found: dict[str, Any] = server.ended(answer.json["id"])
    assert (found["status"], found["error"]) == ("succeeded", None)
    assert len(fake.jobs) == before + 1
    return found


def test_five_pictures_and_a_clip(server: LiveServer, fake: FakeBizyair) -> None:
    book = made(server, fake, {"model": "picture-book", "prompt": "a paper boat"})
    assert [one["content_type"] for one in book["outputs"]] == ["image/png"] * 5
    assert (book["cost"]["charged"], book["usage"]["images"]) == ("0.500000", 5)
    page = server.call("GET", book["outputs"][2]["url"])
    assert (page.status, page.content[:4]) == (200, b"\x89PNG")
    url = f"{server.address}{book['outputs'][2]['url'].removeprefix(server.address)}"
    clip = made(server, fake, {"model": "clip", "prompt": "it sails", "inputs": [{"role": "image", "url": url}]})
    assert [one["content_type"] for one in clip["outputs"]] == ["video/mp4"]
    assert (clip["usage"]["compute_seconds"], clip["cost"]["charged"]) == (38.992, "0.389920")
    sent = fake.creates[1]
    assert (sent["web_app_id"], sent["input_values"]) == (CLIP, {"6:CLIPTextEncode.text": "it sails", PICTURE: url})
    assert fake.creates[0]["input_values"] == {PROMPT: "a paper boat"}
    assert f":{fake.port}" not in server.log_text()
    assert SECRET not in server.log_text()


def test_an_app_that_nobody_named(server: LiveServer, fake: FakeBizyair) -> None:
    values = {"input_values": {PROMPT: "a paper boat", "3:KSampler.seed": 7}}
    page = made(server, fake, {"model": str(PAGE), "operation": "workflow", "parameters": values})
    assert len(page["outputs"]) == 1
    assert fake.creates[0] == {"web_app_id": PAGE, "suppress_preview_output": False, **values}
    assert server.call("GET", f"/v1/tasks/{page['id']}", key=OTHER_KEY).status == 404


@pytest.mark.parametrize("number", [f"{BOOK}", f"00{BOOK}"])
def test_the_number_of_a_named_app_is_no_way_around_its_price(
    server: LiveServer, fake: FakeBizyair, number: str
) -> None:
    """The channel would serve it, for nothing, with whatever inputs."""
    body = {"model": number, "operation": "workflow", "parameters": {"input_values": {"3:KSampler.steps": 900}}}
    answer = server.call("POST", "/v1/tasks", body)
    assert (answer.status, answer.json["error"]["param"]) == (404, "model"), answer
    told = {"web_app_id": number, "input_values": {"3:KSampler.steps": 900}}
    answer = server.call("POST", "/w/v1/webapp/task/openapi/create", told, headers={"X-Bizyair-Task-Async": "enable"})
    assert (answer.status, answer.json["code"]) == (400, 20015), answer
    assert (server.count("tasks"), fake.creates) == (0, [])


def test_no_list_of_urls_leads_into_our_own_network(server: LiveServer, fake: FakeBizyair) -> None:
    """Where a model takes several pictures: an upstream would be asked for them in our name."""
    values = {"prompt": "a boat", "image_urls": ["https://me.test/a.png", "http://169.254.169.254/latest"]}
    body = {"model": "ace-step/text-to-audio", "operation": "workflow", "parameters": {"input_values": values}}
    answer = server.call("POST", "/v1/tasks", body)
    assert (answer.status, answer.json["error"]["param"]) == (400, "image_urls"), answer
    answer = server.call("POST", "/x/v1/modelzoo/tasks/openapi/ace-step/text-to-audio", values)
    assert (answer.status, answer.json["code"]) == (400, 20015), answer
    assert (server.count("tasks"), fake.creates) == (0, [])


def test_a_model_of_the_zoo(server: LiveServer, fake: FakeBizyair) -> None:
    values = {"input_values": {"prompt": "a boat", "seconds": 30}}
    told = made(server, fake, {"model": "ace-step/text-to-audio", "operation": "workflow", "parameters": values})
    assert [one["kind"] for one in told["outputs"]] == ["audio", "text"]
    assert fake.creates == [{"prompt": "a boat", "seconds": 30}]


def test_a_file_that_came_inline_is_a_link_of_ours(server: LiveServer, fake: FakeBizyair) -> None:
    pixel = (
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
        "rkJggg=="
    )
    made(server, fake, {"model": "clip", "prompt": "it sails", "inputs": [{"role": "image", "data": pixel}]})
    link = fake.creates[0]["input_values"][PICTURE]
    assert link.startswith(f"{server.address}/media/")
    assert server.call("GET", link, key=None).content[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/videos", {"model": "clip", "prompt": "it sails", "seconds": "4"}),
        (
            "/kling/v1/videos/image2video",
            {"model_name": "clip", "prompt": "it sails", "image": "http://127.0.0.1:9/a.png", "duration": "4"},
        ),
    ],
    ids=["openai", "kling"],
)
def test_a_call_in_another_dialect(tmp_path: Path, fake: FakeBizyair, path: str, body: dict[str, Any]) -> None:
    with LiveServer(tmp_path, bizyair_channel(fake), speed=60) as server:
        answer = server.call("POST", path, body)
        assert answer.status == 200, answer
        eventually(lambda: fake.jobs, "a job")
        fake.finish()
        server.clock.leap(250)
        (task,) = server.call("GET", "/v1/tasks").json["data"]
        assert server.ended(task["id"])["status"] == "succeeded"
    picture = {PICTURE: body["image"]} if "image" in body else {}
    values = {"6:CLIPTextEncode.text": "it sails", "20:PrimitiveInt.value": 4, **picture}
    assert (fake.creates[0]["web_app_id"], fake.creates[0]["input_values"]) == (CLIP, values)


def test_a_callback_wakes_its_task_and_can_do_nothing_else(tmp_path: Path, fake: FakeBizyair) -> None:
    """Time hardly passes here: a poll by itself would be due in many minutes, so what comes was woken."""
    with LiveServer(tmp_path, bizyair_channel(fake, "webhook"), speed=0.01) as server:
        answer = server.call("POST", "/v1/tasks", {"model": str(PAGE), "operation": "workflow", "parameters": VALUES})
        (job,) = fake.jobs.values()
        assert job.hook is not None
        path = job.hook.removeprefix(server.address)
        lie = b'{"type":"API","status":"Failed","request_id":"x"}'
        for wrong in ({}, {"authorization": "Bearer another"}):
            assert server.call("POST", path, lie, key=None, headers=wrong).status == 401
        right = {"authorization": f"Bearer {SECRET}"}
        assert server.call("POST", path, lie, key=None, headers=right).status == 200
        fake.wait_noted("query", timeout=20)
        assert server.call("GET", f"/v1/tasks/{answer.json['id']}").json["status"] == "queued", "it is not believed"
        fake.begin()
        fake.finish()
        assert server.ended(answer.json["id"])["status"] == "succeeded"
        assert [entry.code for entry in fake.entries("callback")] == [200]
        assert fake.queries == 2


@pytest.mark.parametrize("begun", [False, True], ids=["that waits", "that runs"])
def test_a_job_is_cancelled(tmp_path: Path, fake: FakeBizyair, begun: bool) -> None:
    with LiveServer(tmp_path, bizyair_channel(fake), speed=60) as server:
        task = server.call("POST", "/v1/tasks", {"model": "picture-book", "prompt": "a"}).json["id"]
        eventually(lambda: fake.jobs, "a job")
        if begun:
            fake.begin()
        server.call("POST", f"/v1/tasks/{task}/cancel")
        found = server.ended(task)
        assert (found["status"], found["cost"]["charged"]) == ("cancelled", "0.000000")
        (job,) = fake.jobs.values()
        assert job.status == "Canceled"


def test_what_cannot_be_stopped_runs_on(tmp_path: Path, fake: FakeBizyair) -> None:
    fake.stoppable = False
    with LiveServer(tmp_path, bizyair_channel(fake), speed=60) as server:
        task = server.call("POST", "/v1/tasks", {"model": "picture-book", "prompt": "a"}).json["id"]
        eventually(lambda: fake.jobs, "a job")
        server.call("POST", f"/v1/tasks/{task}/cancel")
        fake.finish()
        assert server.ended(task)["status"] == "succeeded"


def test_what_may_not_be_shown_is_not_paid_for(tmp_path: Path, fake: FakeBizyair) -> None:
    with LiveServer(tmp_path, bizyair_channel(fake), speed=60) as server:
        tasks = []
        for audits in ((2, 3, 2, 3, 2), (3,) * 5):
            tasks.append(server.call("POST", "/v1/tasks", {"model": "picture-book", "prompt": "a"}).json["id"])
            eventually(lambda: len(fake.jobs) == len(tasks), "a job")
            list(fake.jobs.values())[-1].audits = audits
        fake.finish()
        server.clock.leap(250)
        some, none = (server.ended(task) for task in tasks)
        assert (len(some["outputs"]), some["cost"]["charged"]) == (3, "0.300000")
        assert (none["status"], none["error"]["code"]) == ("failed", "content_policy")
        assert none["cost"]["charged"] == "0.000000"
