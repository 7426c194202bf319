from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from telecine.dialects.tasks import TASKS
from telecine.nouns.errors import GatewayError, TaskError
from telecine.nouns.ids import tsk_id, video_id
from telecine.nouns.parameters import CameraMove, ImageParameters, Point, Shot, VideoParameters
from telecine.nouns.request import GenerationRequest, MediaInput, Reference
from telecine.nouns.task import Usage
from telecine.tasks.idempotency import Idempotency
from telecine.tasks.view import Place
from telecine.webhooks.delivery import Tidings
from tests.dialects.house import NOW, House, base64_of, picture

URL = "https://pictures.test/a.png"
TEXT = GenerationRequest(operation="text_to_video", model="kling-v1", prompt="a cat")


def request(**fields: Any) -> GenerationRequest:
    """What `{"model": "kling-v1", "prompt": "a cat"}` becomes, with `fields` changed."""
    return GenerationRequest(**{"operation": "text_to_video", "model": "kling-v1", "prompt": "a cat", **fields})


@pytest.fixture
def house() -> House:
    return House(TASKS)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, request()),
        ({"operation": "text_to_video"}, request()),
        ({"model": "storyboard-1"}, request(model="storyboard-1", operation="text_to_image")),
        ({"negative_prompt": "dogs"}, request(negative_prompt="dogs")),
        ({"inputs": [{"role": "first_frame", "url": URL}]},
         request(operation="image_to_video", inputs=(MediaInput("first_frame", url=URL),))),
        ({"inputs": [{"role": "image", "url": URL},
                     {"role": "mask", "url": URL, "trajectory": [{"x": 1, "y": 2}]}]},
         request(operation="image_to_video",
                 inputs=(MediaInput("image", url=URL), MediaInput("mask", url=URL, trajectory=(Point(1, 2),))))),
        ({"model": "storyboard-1", "count": 4}, request(model="storyboard-1", operation="text_to_image", count=4)),
        ({"size": "1280x720"}, request(size="1280x720")),
        ({"aspect_ratio": "16:9"}, request(aspect_ratio="16:9")),
        ({"resolution": "1080p"}, request(resolution="1080p")),
        ({"duration": 10}, request(duration=10.0)),
        ({"seed": 5}, request(seed=5)),
        ({"seed": 2**64 - 1}, request(seed=2**64 - 1)),
        ({"seed": -(2**63), "count": 1.0}, request(seed=-(2**63))),
        ({"seed": 1234.0, "duration": 5.0}, request(seed=1234, duration=5.0)),
        ({"parameters": {"elements": [7.0], "shots": [{"index": 1.0, "prompt": "a", "duration": 5}]}},
         request(parameters=VideoParameters(elements=(7,), shots=(Shot(1, "a", 5.0),)))),
        ({"inputs": [{"role": "image", "url": URL}, {"role": "first_frame", "url": URL}]},
         request(operation="image_to_video", inputs=(MediaInput("first_frame", url=URL),))),
        ({"audio": False}, request(audio=False)),
        ({"parameters": {"mode": "pro", "cfg_scale": 0.5, "watermark": True, "multi_shot": True,
                         "shot_type": "customize", "voices": ["v"], "elements": [7],
                         "shots": [{"index": 1, "prompt": "a", "duration": 5}],
                         "camera": {"type": "simple", "pan": 1}}},
         request(parameters=VideoParameters(
             mode="pro", cfg_scale=0.5, watermark=True, multi_shot=True, shot_type="customize", voices=("v",),
             elements=(7,), shots=(Shot(1, "a", 5.0),), camera=CameraMove("simple", pan=1.0)))),
        ({"model": "storyboard-1", "parameters": {"watermark": True}},
         request(model="storyboard-1", operation="text_to_image", parameters=ImageParameters(watermark=True))),
        ({"parameters": {}}, request()),
        ({"webhook_url": "https://me.test/h"}, request(callback_url="https://me.test/h")),
        ({"external_id": "mine"}, request(external_id="mine")),
        ({"metadata": {"a": ""}}, request(metadata={"a": ""})),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else "",
)  # fmt: skip
async def test_every_field_lands_in_its_place(house: House, body: dict[str, Any], expected: GenerationRequest) -> None:
    answer = await house.call("POST", "/v1/tasks", json={"model": "kling-v1", "prompt": "a cat", **body})
    assert answer.status_code == 200, answer.text
    assert house.request == expected


@pytest.mark.parametrize("prefix", ["", "data:image/jpeg;base64,"])
async def test_inline_data_are_stored(house: House, prefix: str) -> None:
    inputs = [{"role": "reference", "data": prefix + base64_of(picture())}]
    answer = await house.call("POST", "/v1/tasks", json={"model": "kling-v1", "inputs": inputs})
    assert answer.status_code == 200, answer.text
    assert house.media.stored == [("inputs[0].data", picture())]
    assert house.request.inputs[0].object_key == "in/1"


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"model": None}, 400, "invalid_request", "model"),
        ({"model": "gpt-9"}, 404, "not_found", "model"),
        ({"prompt": None}, 400, "invalid_request", "prompt"),
        ({"future": 1}, 400, "invalid_request", "future"),
        ({"operation": "conjure"}, 400, "invalid_request", "operation"),
        ({"operation": "remix"}, 400, "invalid_request", "operation"),
        ({"operation": "text_to_image", "model": "kling-v2-6"}, 400, "unsupported_parameter", "operation"),
        ({"count": 0}, 400, "invalid_request", "count"),
        ({"count": 2}, 400, "invalid_request", "count"),
        ({"size": "big"}, 400, "invalid_request", "size"),
        ({"aspect_ratio": "4:3"}, 400, "invalid_request", "aspect_ratio"),
        ({"resolution": "best"}, 400, "invalid_request", "resolution"),
        ({"duration": "5"}, 400, "invalid_request", "duration"),
        ({"duration": -1}, 400, "invalid_request", "duration"),
        ({"duration": 7}, 400, "invalid_request", "duration"),
        ({"seed": 2**64}, 400, "invalid_request", "seed"),
        ({"seed": 1.5}, 400, "invalid_request", "seed"),
        ({"count": 1.5}, 400, "invalid_request", "count"),
        ({"size": "1280x720", "aspect_ratio": "9:16"}, 400, "invalid_request", "aspect_ratio"),
        ({"size": "1280x720", "resolution": "1080p"}, 400, "invalid_request", "resolution"),
        ({"resolution": "720p", "parameters": {"mode": "pro"}}, 400, "invalid_request", "resolution"),
        ({"size": "1920x1080", "parameters": {"mode": "std"}}, 400, "invalid_request", "size"),
        ({"audio": "on"}, 400, "invalid_request", "audio"),
        ({"parameters": {"mode": "x"}}, 400, "invalid_request", "parameters.mode"),
        ({"parameters": {"colour": "x"}}, 400, "invalid_request", "parameters.colour"),
        ({"parameters": {"camera": {"type": "simple", "spin": 1}}}, 400, "invalid_request", "parameters.camera.spin"),
        ({"parameters": {"shots": [{"index": 1, "prompt": "a"}]}}, 400, "invalid_request",
         "parameters.shots[0].duration"),
        ({"parameters": {"shots": [{"index": 1, "prompt": "a", "duration": -1}]}}, 400, "invalid_request",
         "parameters.shots[0].duration"),
        ({"model": "storyboard-1", "parameters": {"mode": "std"}}, 400, "invalid_request", "parameters.mode"),
        ({"webhook_url": "ftp://x"}, 400, "invalid_request", "webhook_url"),
        ({"metadata": {"a": 1}}, 400, "invalid_request", "metadata[...]"),
        ({"inputs": [{"role": "image"}]}, 400, "invalid_request", "inputs[0]"),
        ({"inputs": [{"role": "image", "url": URL, "data": "AAAA"}]}, 400, "invalid_request", "inputs[0]"),
        ({"inputs": [{"role": "image", "asset": "a1"}]}, 404, "not_found", "inputs[0].asset"),
        ({"inputs": [{"role": "hero", "url": URL}]}, 400, "invalid_request", "inputs[0].role"),
        ({"inputs": [{"role": "image", "url": "ftp://x"}]}, 400, "invalid_request", "inputs[0].url"),
        ({"inputs": [{"role": "image", "data": "*"}]}, 400, "invalid_request", "inputs[0].data"),
        ({"inputs": [{"role": "image", "data": ""}]}, 400, "invalid_request", "inputs[0].data"),
        ({"inputs": [{"role": "image", "data": "AAAA"}]}, 400, "invalid_request", "inputs[0].data"),
        ({"inputs": [{"role": "image", "url": URL}] * 21}, 400, "invalid_request", "inputs"),
        ({"inputs": [{"role": "image", "url": URL}] * 3}, 400, "invalid_request", "inputs"),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else "",
)  # fmt: skip
async def test_bad_input_is_refused_by_path(
    house: House, body: dict[str, Any], status: int, code: str, param: str
) -> None:
    answer = await house.call("POST", "/v1/tasks", json={"model": "kling-v1", "prompt": "a", **body})
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "param"}
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)
    assert house.untouched


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"model":"a","model":"b"}'])
async def test_malformed_json_is_refused(house: House, content: bytes) -> None:
    answer = await house.call("POST", "/v1/tasks", content=content)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")


async def test_a_finished_task_is_answered_field_for_field(house: House) -> None:
    view = house.tasks.done(
        msgspec.structs.replace(TEXT, external_id="mine", metadata={"a": "b"}), usage=Usage(seconds=5.0)
    )
    expected = {
        "id": tsk_id(view.task.id),
        "object": "task",
        "status": "succeeded",
        "progress": 100,
        "operation": "text_to_video",
        "model": "kling-v1",
        "dialect": "tasks",
        "created_at": NOW,
        "started_at": NOW + 1,
        "ended_at": NOW + 9,
        "queue": None,
        "cancel_requested": False,
        "retry_of": None,
        "preview_url": None,
        "outputs": [
            {
                "id": f"{tsk_id(view.task.id)[4:]}00",
                "index": 0,
                "kind": "video",
                "item": 0,
                "part": "main",
                "url": "https://media.test/0/file.mp4",
                "content_type": "video/mp4",
                "bytes": 3,
                "width": 1280,
                "height": 720,
                "duration": 5.041,
                "sha256": "ab",
                "poster_url": "https://media.test/0/poster.mp4",
                "text": None,
            }
        ],
        "usage": {"seconds": 5.0},
        "cost": {"held": "0.000000", "charged": "0.000000", "currency": "USD"},
        "error": None,
        "external_id": "mine",
        "metadata": {"a": "b"},
    }
    for name in (tsk_id(view.task.id), str(view.task.id), video_id(view.task.id)):
        assert (await house.call("GET", f"/v1/tasks/{name}")).json() == expected
    assert TASKS.announce is not None
    message = TASKS.announce(view, Tidings("task.succeeded", NOW + 9), house.edge)
    assert message is not None
    assert msgspec.json.decode(message.body) == {
        "type": "task.succeeded",
        "timestamp": "2025-11-21T04:40:09.250000+00:00",
        "data": expected,
    }


async def test_a_failed_task_says_why(house: House) -> None:
    view = house.tasks.add(TEXT, state="failed", error=TaskError("content_policy", "No."), ended_at=NOW)
    found = (await house.call("GET", f"/v1/tasks/{view.task.id}")).json()
    assert (found["status"], found["error"]) == ("failed", {"code": "content_policy", "message": "No."})


async def test_lists_can_be_filtered_and_paged(house: House) -> None:
    names = [tsk_id(house.tasks.add(TEXT).task.id) for _ in range(3)]
    done = tsk_id(house.tasks.done(GenerationRequest(operation="text_to_image", model="storyboard-1")).task.id)
    house.tasks.add(TEXT, account_id=2)
    page = (await house.call("GET", "/v1/tasks?limit=2")).json()
    assert [one["id"] for one in page["data"]] == [done, names[2]]
    assert (page["object"], page["has_more"], page["last_id"]) == ("list", True, names[2])
    rest = (await house.call("GET", f"/v1/tasks?after={names[2]}")).json()
    assert ([one["id"] for one in rest["data"]], rest["has_more"]) == ([names[1], names[0]], False)
    assert len((await house.call("GET", "/v1/tasks?status=succeeded")).json()["data"]) == 1
    assert len((await house.call("GET", "/v1/tasks?model=kling-v1")).json()["data"]) == 3
    assert (await house.call("GET", "/v1/tasks?status=failed")).json()["last_id"] is None


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("limit=0", "limit"),
        ("status=done", "status"),
        ("after=x", "after"),
        ("created_after=yesterday", "created_after"),
        ("created_before=-1", "created_before"),
        ("created_before=1e5", "created_before"),
        ("created_before=1969-12-31", "created_before"),
        ("created_before=2025-13-01", "created_before"),
        ("created_before=0001-01-01T00:00:00%2B14:00", "created_before"),
    ],
)
async def test_a_bad_query_is_refused(house: House, query: str, param: str) -> None:
    answer = await house.call("GET", f"/v1/tasks?{query}")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


@pytest.mark.parametrize("wait", ["61", "-1", "x", "nan", "1e1", "99999999999999999999"])
async def test_a_bad_wait_is_refused(house: House, wait: str) -> None:
    answer = await house.call("GET", f"/v1/tasks/{tsk_id(house.tasks.add(TEXT).task.id)}?wait={wait}")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "wait")


async def test_lists_can_be_filtered_by_key_and_time(house: House) -> None:
    await house.call("GET", "/v1/tasks?key_name=demo&created_after=1763700000.5&created_before=1763800000")
    assert house.tasks.filters == {"key": "demo", "created_after": 1763700000.5, "created_before": 1763800000.0}
    await house.call("GET", "/v1/tasks?key_name=&created_after=")
    assert house.tasks.filters == {"key": None, "created_after": None, "created_before": None}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2025-11-21", 1763683200.0),
        ("2025-11-21T04:40", 1763700000.0),
        ("2025-11-21T04:40:00.5Z", 1763700000.5),
        ("2025-11-21T12:40:00%2B08:00", 1763700000.0),
        ("2025-11-21T12:40:00+08:00", 1763700000.0),  # a plus that nobody has escaped is a space
        ("2025-11-20 23:40:00-05:00", 1763700000.0),
    ],
)
async def test_times_may_be_iso_8601(house: House, text: str, seconds: float) -> None:
    answer = await house.call("GET", f"/v1/tasks?created_after={text}")
    assert answer.status_code == 200, answer.text
    assert house.tasks.filters["created_after"] == seconds


async def test_what_is_no_time_is_told_how_to_write_one(house: House) -> None:
    answer = await house.call("GET", "/v1/tasks?created_after=yesterday")
    message = answer.json()["error"]["message"]
    assert all(form in message for form in ("seconds", "2025-11-21", "2025-11-21T04:40:00Z", "UTC"))


async def test_a_task_can_be_cancelled(house: House) -> None:
    view = house.tasks.add(TEXT)
    answer = await house.call("POST", f"/v1/tasks/{tsk_id(view.task.id)}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert answer.json()["cancellation"] == "cancelled"


async def test_a_place_in_line_is_shown(house: House) -> None:
    view = house.tasks.add(TEXT)
    name = tsk_id(view.task.id)
    assert (await house.call("GET", f"/v1/tasks/{name}")).json()["queue"] is None
    house.tasks.line[view.task.id] = Place(3, 40)
    place = {"position": 3, "estimated_seconds": 40}
    assert (await house.call("GET", f"/v1/tasks/{name}")).json()["queue"] == place
    assert (await house.call("GET", "/v1/tasks")).json()["data"][0]["queue"] == place


async def test_a_read_can_wait_for_the_end(house: House) -> None:
    waiting, done = tsk_id(house.tasks.add(TEXT).task.id), tsk_id(house.tasks.done(TEXT).task.id)
    for query in ("", "?wait=0", "?wait=30", "?wait=0.5", "?wait=60"):
        for name in (waiting, done):
            assert (await house.call("GET", f"/v1/tasks/{name}{query}")).json()["id"] == name
    assert house.tasks.waits == [30.0, 0.5, 60.0]


async def test_a_retry_makes_a_new_task(house: House) -> None:
    done, living = house.tasks.done(TEXT), house.tasks.add(TEXT)
    answer = await house.call("POST", f"/v1/tasks/{tsk_id(done.task.id)}/retry", headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["retry_of"]) == (200, tsk_id(done.task.id))
    assert answer.json()["id"] != tsk_id(done.task.id)
    assert house.tasks.said == [Idempotency("k")]
    answer = await house.call("POST", f"/v1/tasks/{tsk_id(living.task.id)}/retry")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")


@pytest.mark.parametrize(("method", "tail"), [("GET", ""), ("GET", "?wait=5"), ("POST", "/cancel"), ("POST", "/retry")])
async def test_what_is_not_ones_own_does_not_exist(house: House, method: str, tail: str) -> None:
    other = house.tasks.add(TEXT, account_id=2).task.id
    for name in (tsk_id(other), "nonsense", "123"):
        answer = await house.call(method, f"/v1/tasks/{name}{tail}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("code", ["authentication", "insufficient_balance", "conflict", "upstream_failed"])
async def test_errors_keep_our_own_words(house: House, code: Any) -> None:
    house.tasks.refusal = GatewayError(code, "m")
    answer = await house.call("POST", "/v1/tasks", json={"model": "kling-v1"})
    assert answer.status_code == house.tasks.refusal.status
    assert answer.json() == {"error": {"code": code, "message": "m", "param": None}}


@pytest.mark.parametrize("named", ["task", "video", "output"])
async def test_a_source_is_named_by_any_id_of_ours(house: House, named: str) -> None:
    source = house.tasks.done(request(model="sora-2", duration=8.0, size="1280x720"), dialect="kling")
    told = await house.call("GET", f"/v1/tasks/{source.task.id}")
    given = {
        "task": {"task": str(source.task.id)},
        "video": {"task": video_id(source.task.id)},
        "output": {"output": told.json()["outputs"][0]["id"]},
    }[named]
    body = {"model": "sora-2", "operation": "remix", "prompt": "a dog", "source": given}
    answer = await house.call("POST", "/v1/tasks", json=body)
    assert answer.status_code == 200, answer.text
    reference = Reference(task=source.task.id, output=0 if named == "output" else None)
    assert house.request == request(
        model="sora-2", operation="remix", prompt="a dog", duration=8.0, size="1280x720", source=reference
    )


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({}, "source"),
        ({"task": "tsk_1", "output": "x"}, "source"),
        ({"task": "no-id"}, "source.task"),
        ({"output": "no-id"}, "source.output"),
        ({"output": ""}, "source.output"),
        ({"upstream_id": "a\u0000b"}, "source.upstream_id"),
        ({"upstream_id": "a" * 513}, "source.upstream_id"),
        ({"upstream_id": "a", "kind": "moon"}, "source.kind"),
        ({"id": "a"}, "source.id"),
    ],
)
async def test_a_source_that_names_nothing_is_refused(house: House, given: dict[str, Any], param: str) -> None:
    body = {"model": "kling-v1", "operation": "remix", "prompt": "a", "source": given}
    answer = await house.call("POST", "/v1/tasks", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert house.untouched


@pytest.mark.parametrize(
    ("fields", "param"), [({"model": "kling-v2-5-turbo"}, "model"), ({"model": "kling-v1", "duration": 10}, "duration")]
)
async def test_a_remix_cannot_change_what_is_its_sources(house: House, fields: dict[str, Any], param: str) -> None:
    source = house.tasks.done(request(duration=5.0))
    body = {"operation": "remix", "prompt": "a", "source": {"task": tsk_id(source.task.id)}, **fields}
    answer = await house.call("POST", "/v1/tasks", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert house.untouched


async def test_a_source_of_another_account_is_not_there(house: House) -> None:
    source = house.tasks.done(request(), account_id=99)
    body = {"model": "kling-v1", "operation": "remix", "prompt": "a", "source": {"task": tsk_id(source.task.id)}}
    answer = await house.call("POST", "/v1/tasks", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert house.untouched
