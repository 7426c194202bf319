"""Kling's dialect, served by one Telecine, and consumed by the provider of another, operation by operation: whatever
the table of one has, the other speaks."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any, Final

import pytest

from telecine.dialects.kling.operation import Operation
from telecine.dialects.kling.routes import OPERATIONS
from telecine.nouns.ids import parse_output_id, tsk_id
from telecine.wires.kling.calls import IDENTIFY_FACE, RECOGNIZE_IMAGE
from tests.server.live import KEY, LiveServer, kling_channel
from tests.server.pictures import picture as drawn
from tests.server.receiver import Receiver
from tests.upstreams.clip import mp4
from tests.upstreams.kling import API_KEY, FakeKling, Fault

TEXT: Final = "/kling/v1/videos/text2video"


def channel(address: str, key: str) -> str:
    return kling_channel(address, key).replace('["kling-*"]', '["kling-*", "kolors-*"]')


@pytest.fixture(scope="module")
def kling() -> Iterator[FakeKling]:
    with FakeKling(video=(64, 64, 1)).in_thread() as fake:
        fake.autofinish(0.05)
        yield fake


@pytest.fixture(scope="module")
def there(kling: FakeKling, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """The one that stands where Kling would."""
    with LiveServer(tmp_path_factory.mktemp("there"), channel(kling.base_url, API_KEY)) as found:
        yield found


@pytest.fixture(scope="module")
def here(there: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """The one that clients speak to; it has nothing but the other, which calls it back."""
    config = channel(there.address, KEY)
    with LiveServer(tmp_path_factory.mktemp("here"), f'public_url = "{{address}}"\n{config}') as found:
        yield found


@pytest.fixture(scope="module")
def clip(here: LiveServer) -> str:
    """The id of a video that was made here, and so there."""
    body = {"model_name": "kling-v1", "prompt": "a boat", "duration": "5"}
    answer = here.call("POST", TEXT, body)
    assert answer.status == 200, answer
    data = ended(here, f"{TEXT}/{answer.json['data']['task_id']}")
    (video,) = data["task_result"]["videos"]
    return str(video["id"])


def ended(server: LiveServer, path: str) -> Any:
    found = server.until(path, lambda said: said["data"]["task_status"] in ("succeed", "failed"), 60)
    return found["data"]


def example(op: Operation, here: LiveServer, clip: str) -> dict[str, Any]:
    """The example of an operation, with a source that there is."""
    if op.source not in op.example:
        return op.example
    return {**op.example, op.source: clip if op.goes_on == "clip" else faces(here, clip)["session_id"]}


def faces(server: LiveServer, clip: str) -> Any:
    answer = server.call("POST", IDENTIFY_FACE.path, {"video_id": clip})
    assert answer.status == 200, answer
    return answer.json["data"]


def newest(server: LiveServer) -> tuple[Any, ...]:
    return server.rows("SELECT form, operation, model, state FROM tasks ORDER BY id DESC LIMIT 1")[0]


@pytest.mark.parametrize("op", OPERATIONS, ids=lambda op: op.title)
def test_every_operation_goes_round(
    op: Operation, here: LiveServer, there: LiveServer, kling: FakeKling, clip: str
) -> None:
    body = example(op, here, clip)
    before = there.count("tasks")
    with Receiver().in_thread() as receiver:
        answer = here.call("POST", f"/kling{op.path.path}", {**body, "callback_url": receiver.url})
        assert answer.status == 200, answer
        data = ended(here, f"/kling{op.path.path}/{answer.json['data']['task_id']}")
        assert data["task_status"] == "succeed", data
        last = receiver.wait(1)
        while last[-1]["task_status"] != "succeed":
            last = receiver.wait(len(last) + 1)
    assert last[-1] == data
    assert there.count("tasks") == before + 1
    form, operation, model, state = newest(there)
    assert (form, state) == (op.path.form, "succeeded")
    assert (operation, model) == newest(here)[1:3]
    (made,) = [one for one in data["task_result"].values() if isinstance(one, list)]
    for one in made:
        links = [said for name, said in one.items() if name.startswith("url") and said]
        assert links
        for link in links:
            assert link.startswith(here.address)
            assert here.call("GET", link, key=None).status == 200
    listed = here.call("GET", f"/kling{op.path.path}?pageSize=1").json["data"]
    assert [one["task_id"] for one in listed] == [data["task_id"]]


@pytest.mark.parametrize("op", OPERATIONS, ids=lambda op: op.title)
def test_a_refusal_of_every_operation_goes_round(
    op: Operation, here: LiveServer, there: LiveServer, kling: FakeKling, clip: str
) -> None:
    body = example(op, here, clip)
    kling.faults.append(Fault("create", "refuse", code=1301, message="not this one"))
    answer = here.call("POST", op.path.path, {**body, "a_field_of_nobody": {"a": 1}})
    assert (answer.status, answer.json["code"]) == (400, 1301), answer
    assert "not this one" in answer.json["message"]
    assert b'"a_field_of_nobody":{"a":1}' in kling.creates[-1].replace(b" ", b""), "what we do not know passes through"
    assert newest(here)[3] == newest(there)[3] == "failed"


def test_what_answers_at_once_goes_round(here: LiveServer, there: LiveServer, kling: FakeKling, clip: str) -> None:
    found = faces(here, clip)
    assert (
        newest(here) == newest(there) == (IDENTIFY_FACE.form, "kling:identify_face", IDENTIFY_FACE.model, "succeeded")
    )
    (face,) = found["face_data"]
    assert (face["face_id"], face["end_time"], found["final_unit_deduction"]) == ("0", 5200, "0.05")
    seen = here.call("POST", RECOGNIZE_IMAGE.path, {"image": "https://example.com/boat.png"}).json["data"]
    assert [one["type"] for one in seen["task_result"]["images"]] == ["object_seg", "head_seg", "cloth_seg"]
    for link in (face["face_image"], seen["task_result"]["images"][0]["url"]):
        assert link.startswith(here.address)
        assert here.call("GET", link, key=None).status == 200
    kling.faults.append(Fault("create", "refuse", code=1301, message="not this one"))
    answer = here.call("POST", IDENTIFY_FACE.path, {"video_id": clip})
    assert (answer.status, answer.json["code"]) == (400, 1301), answer


def test_what_is_asked_for_in_our_own_form_is_done_at_kling(here: LiveServer, kling: FakeKling, clip: str) -> None:
    made = parse_output_id(clip)
    assert made is not None
    video, picture = ({"role": role, "url": "https://example.com/a"} for role in ("video", "image"))
    wanted: dict[str, dict[str, Any]] = {
        "videos/video-extend": {"model": "kling-v1", "operation": "extend", "source": {"task": tsk_id(made[0])}},
        "videos/omni-video": {"model": "kling-video-o1", "operation": "edit_video", "prompt": "a", "inputs": [video]},
        "videos/motion-control": {"model": "kling-v3", "operation": "motion_control", "inputs": [video, picture]},
    }
    for path, body in wanted.items():
        answer = here.call("POST", "/v1/tasks", body)
        assert answer.status == 200, answer
        assert here.ended(answer.json["id"])["status"] == "succeeded"
        job = list(kling.jobs.values())[-1]
        assert job.path == path
        if "source" in body:
            first = next(iter(kling.jobs.values()))
            assert job.body["video_id"] == f"v{first.task_id}", "a task stands for the one thing that it made"


def test_a_video_that_is_kept_here_is_refused_where_kling_could_not_fetch_it(there: LiveServer) -> None:
    """Of a picture it takes the bytes, of a video nothing but a link; and this server has no address to link to."""
    inline, picture = (base64.b64encode(one).decode() for one in (mp4(360, 360, 1, None), drawn("PNG")))
    path = "/kling/v1/videos/motion-control"
    body = {"image_url": picture, "character_orientation": "image", "mode": "std", "video_url": inline}
    before = there.files()
    answer = there.call("POST", path, body)
    assert (answer.status, answer.json["code"]) == (400, 1201), answer
    assert "video_url" in answer.json["message"]
    assert there.files() == before
    assert there.call("POST", path, {**body, "video_url": "https://example.com/a.mp4"}).status == 200


def test_a_failure_goes_round(here: LiveServer, kling: FakeKling) -> None:
    kling.autofinish(None)
    answer = here.call("POST", TEXT, {"model_name": "kling-v1", "prompt": "a boat"})
    kling.fail(message="Failure to pass the risk control system")
    kling.autofinish(0.05)
    data = ended(here, f"{TEXT}/{answer.json['data']['task_id']}")
    assert (data["task_status"], "task_result" in data) == ("failed", False)
    assert data["task_status_msg"] == "Failure to pass the risk control system"
