"""Kling's new generation as clients speak it: what a body means, what is refused and where, and what is answered."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from telecine.dialects.bodies import Body, parse_object
from telecine.dialects.kling2 import KLING2
from telecine.dialects.kling2.create import OPERATIONS
from telecine.dialects.served import DIALECTS
from telecine.nouns.catalogue import load
from telecine.nouns.errors import GatewayError, TaskError
from telecine.nouns.ids import output_id, video_id
from telecine.nouns.parameters import VideoParameters
from telecine.nouns.request import GenerationRequest, MediaInput
from telecine.nouns.task import State, Usage
from telecine.webhooks.delivery import Tidings
from tests.dialects.house import NOW, REQUEST_ID, House, base64_of, picture

URL = "https://pictures.test/a.jpg"
CLIP = "https://pictures.test/a.mp4"
MODEL = "kling-3.0"
TEXT, IMAGE, MOTION = OPERATIONS
FRAME = {"type": "first_frame", "url": URL}
PROMPT = {"type": "prompt", "text": "a cat"}
MOVED = [{"type": "image", "url": URL}, {"type": "video", "url": CLIP}]
FACING = {"character_orientation": "video"}


def body_of(fields: dict[str, Any]) -> Body:
    return parse_object(msgspec.json.encode(fields))


def request_of(operation: str, **fields: Any) -> GenerationRequest:
    return GenerationRequest(operation=operation, model=MODEL, **fields)


@pytest.fixture
def house() -> House:
    return House(KLING2)


SEVERAL = VideoParameters(multi_shot=True, shot_type="intelligence")


@pytest.mark.parametrize(
    ("operation", "fields", "meant", "media"),
    [
        (TEXT, {"prompt": "a cat"}, request_of("text_to_video", prompt="a cat"), []),
        (
            TEXT,
            {
                "prompt": "a cat",
                "settings": {
                    "multi_shot": True, "audio": "native", "resolution": "4k", "aspect_ratio": "1:1", "duration": 7,
                },
                "options": {
                    "callback_url": "https://me.test/h",
                    "external_task_id": "mine",
                    "watermark_info": {"enabled": False},
                },
            },
            request_of(
                "text_to_video",
                prompt="a cat",
                audio=True,
                resolution="4k",
                aspect_ratio="1:1",
                duration=7.0,
                callback_url="https://me.test/h",
                external_id="mine",
                parameters=msgspec.structs.replace(SEVERAL, watermark=False),
            ),
            [],
        ),
        (
            TEXT,
            {"prompt": "a cat", "settings": {"multi_shot": False, "audio": "off", "duration": "5", "resolution": ""}},
            request_of(
                "text_to_video", prompt="a cat", audio=False, duration=5.0, parameters=VideoParameters(multi_shot=False)
            ),
            [],
        ),
        (
            IMAGE,
            {"contents": [PROMPT, FRAME, {"type": "last_frame", "url": "aGk="}], "settings": {"aspect_ratio": "1:1"}},
            request_of("image_to_video", prompt="a cat"),
            [("first_frame", URL, None), ("last_frame", None, "aGk=")],
        ),
        (
            IMAGE,
            {"contents": [FRAME, {"type": "element", "element_id": 7}, {"type": "element", "element_id": "8"}]},
            request_of("image_to_video", parameters=VideoParameters(elements=(7, 8))),
            [("first_frame", URL, None)],
        ),
        (
            MOTION,
            {"contents": MOVED, "settings": {**FACING, "audio": "off", "resolution": "1080p"}},
            request_of(
                "motion_control",
                resolution="1080p",
                parameters=VideoParameters(orientation="video", keep_sound=False),
            ),
            [("image", URL, None), ("video", CLIP, None)],
        ),
    ],
)  # fmt: skip
def test_what_a_body_means(operation: Any, fields: dict[str, Any], meant: GenerationRequest, media: list[Any]) -> None:
    found, sources = operation.parse(MODEL, body_of(fields), load())
    assert found == meant
    assert [(one.role, one.url, one.data) for one in sources] == media


@pytest.mark.parametrize(
    ("operation", "fields", "param"),
    [
        (TEXT, {}, "prompt"),
        (TEXT, {"prompt": ""}, "prompt"),
        (TEXT, {"prompt": "a" * 3073}, "prompt"),
        (TEXT, {"prompt": 7}, "prompt"),
        (TEXT, {"prompt": "a", "settings": "4k"}, "settings"),
        (TEXT, {"prompt": "a", "settings": {"duration": "long"}}, "settings.duration"),
        (TEXT, {"prompt": "a", "settings": {"duration": -1}}, "settings.duration"),
        (TEXT, {"prompt": "a", "settings": {"multi_shot": "yes"}}, "settings.multi_shot"),
        (TEXT, {"prompt": "a", "settings": {"Duration": 5}}, "settings.Duration"),
        (TEXT, {"prompt": "a", "settings": {"aspectRatio": "1:1"}}, "settings.aspectRatio"),
        (TEXT, {"prompt": "a", "settings.duration": 5}, "settings.duration"),
        (TEXT, {"prompt": "a", "Settings": {}}, "Settings"),
        (TEXT, {"prompt": "a", "options": {"webhook": "https://a/"}}, "webhook"),
        (TEXT, {"prompt": "a", "options": {"watermark_info": {"enabled": 2}}}, "options.watermark_info.enabled"),
        (TEXT, {"prompt": "a", "options": {"watermark_info": {"text": "me"}}}, "options.watermark_info.text"),
        (IMAGE, {}, "contents"),
        (IMAGE, {"contents": [PROMPT]}, "contents"),
        (IMAGE, {"contents": {"type": "prompt"}}, "contents"),
        (IMAGE, {"contents": [FRAME, FRAME]}, "contents"),
        (IMAGE, {"contents": [FRAME, PROMPT, PROMPT]}, "contents"),
        (IMAGE, {"contents": [FRAME, {"type": "prompt", "text": "a" * 3073}]}, "prompt"),
        (IMAGE, {"contents": [{"type": "first_frame"}]}, "contents[0].url"),
        (IMAGE, {"contents": [{"url": URL}]}, "contents[0].type"),
        (IMAGE, {"contents": [{**FRAME, "weight": 1}]}, "contents[0].weight"),
        (IMAGE, {"contents": [{"type": "first_frame", "url": "data:image/png;base64,aGk="}]}, "contents[0].url"),
        (IMAGE, {"contents": [FRAME, *({"type": "element", "element_id": one} for one in range(4))]}, "contents"),
        (IMAGE, {"contents": [FRAME, {"type": "element"}]}, "contents"),
        (IMAGE, {"contents": [FRAME, {"type": "element", "element_id": "x"}]}, "contents[].element_id"),
        (MOTION, {"contents": MOVED}, "settings.character_orientation"),
        (MOTION, {"contents": MOVED[:1], "settings": FACING}, "contents"),
        (MOTION, {"contents": MOVED[1:], "settings": FACING}, "contents"),
    ],
)
def test_what_is_refused(operation: Any, fields: dict[str, Any], param: str) -> None:
    with pytest.raises(GatewayError) as caught:
        operation.parse(MODEL, body_of(fields), load())
    assert caught.value.param == param


def test_what_only_kling_knows_is_kept_as_it_came() -> None:
    more = {"type": "depth", "url": URL}
    element = {"type": "element", "element_id": 7, "id": "boy"}
    fields = {
        "contents": [FRAME, more, element],
        "settings": {"fps": 60, "resolution": "8k", "audio": "ambient", "duration": 2.5},
        "options": {"priority": "high"},
        "seed": 7,
    }
    found, _ = IMAGE.parse(MODEL, body_of(fields), load())
    assert found.native is not None
    assert {name: msgspec.json.decode(raw) for name, raw in found.native.fields.items()} == {
        "seed": 7, "settings.fps": 60, "options.priority": "high", "contents[]": [more],
    }  # fmt: skip
    assert {name: one.value for name, one in found.native.novel.items()} == {
        "resolution": "8k", "audio": "ambient", "duration": "2.5",
    }  # fmt: skip
    assert found.native.own == {"parameters.elements": ("contents", msgspec.json.encode([element]).decode())}
    assert found.parameters == VideoParameters(elements=(7,))
    words = {"character_orientation": "camera", "audio": "louder"}
    found, _ = MOTION.parse(MODEL, body_of({"contents": MOVED, "settings": words}), load())
    assert found.native is not None
    assert set(found.native.novel) == {"parameters.orientation", "parameters.keep_sound"}


@pytest.mark.parametrize("root", ["/kling", ""])
async def test_a_create_is_answered_as_documented(house: House, root: str) -> None:
    body = {"contents": [PROMPT, {"type": "first_frame", "url": base64_of(picture())}]}
    answer = await house.call("POST", f"{root}/image-to-video/{MODEL}", json=body)
    (task_id,) = house.tasks.views
    data = {"id": str(task_id), "status": "submitted", "create_time": 1763700000250, "update_time": 1763700000250}
    assert answer.json() == {
        "code": 0, "message": "SUCCEED", "request_id": REQUEST_ID, "data": {**data, "external_id": ""},
    }  # fmt: skip
    stored = MediaInput(
        "first_frame", object_key="in/1", content_type="image/jpeg", bytes=len(picture()), width=320, height=320
    )
    assert house.request == request_of("image_to_video", prompt="a cat", inputs=(stored,))
    assert house.tasks.views[task_id].task.form == "kling2:image-to-video"


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "about"),
    [
        (f"/text-to-video/{MODEL}", {"prompt": "a", "settings": {"duration": 99}}, 400, 1201, "settings.duration"),
        (f"/image-to-video/{MODEL}", {"contents": [PROMPT]}, 400, 1201, "contents: "),
        ("/text-to-video/kling-9.9", {"prompt": "a"}, 404, 1203, "kling-9.9"),
        (f"/text-to-video/{MODEL}", [], 400, 1200, "object"),
        (
            f"/image-to-video/{MODEL}",
            {"contents": [{"type": "first_frame", "url": base64_of(picture(200, 200))}]},
            400,
            1201,
            "contents[0].url: 200x200",
        ),
        ("/tasks", {"limit": 501}, 400, 1201, "limit"),
        ("/tasks", {"filters": [{"key": "model", "values": []}]}, 400, 1201, "filters[0].key"),
        ("/tasks", {"filters": [{"key": "status", "values": ["succeed"]}]}, 400, 1201, "filters: "),
        ("/tasks", {"cursor": "x"}, 400, 1201, "cursor"),
        ("/tasks", {"cursor": f"{2**63}-1"}, 400, 1201, "cursor"),
        ("/tasks", {"start_time": "2", "end_time": "1"}, 400, 1201, "end_time"),
    ],
)
async def test_errors_are_klings(*, house: House, path: str, body: Any, status: int, code: int, about: str) -> None:
    answer = await house.call("POST", f"/kling{path}", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert list(answer.json()) == ["code", "message", "request_id"]
    assert about in answer.json()["message"]
    assert house.untouched


async def test_a_wrong_method_and_a_wrong_question_are_told_in_klings_way(house: House) -> None:
    for method, path, code in (
        ("GET", f"/text-to-video/{MODEL}", 1202),
        ("DELETE", "/tasks?task_ids=1", 1202),
        ("GET", "/tasks", 1201),
        ("GET", "/kling/tasks?task_ids=1&external_task_ids=1", 1201),
        ("GET", "/tasks?task_ids=" + ",".join(map(str, range(501))), 1200),
    ):
        answer = await house.call(method, path)
        assert answer.json()["code"] == code, path


WANTED = request_of("text_to_video", prompt="a cat", external_id="mine")


async def test_a_finished_task_is_answered_field_for_field(house: House) -> None:
    view = house.tasks.done(WANTED, usage=Usage(seconds=5.0, units="3.5"), companions=("watermark",))
    expected = {
        "id": str(view.task.id),
        "status": "succeeded",
        "create_time": 1763700000250,
        "update_time": 1763700009250,
        "external_id": "mine",
        "message": "",
        "outputs": [
            {
                "type": "video",
                "id": output_id(view.task.id, 0),
                "url": "https://media.test/0/file.mp4",
                "watermark_url": "https://media.test/1/file.mp4",
                "duration": "5.041",
            }
        ],
        "billing": [{"charge_type": "unit", "amount": "3.5", "package_type": "video"}],
    }
    answer = await house.call("GET", f"/kling/tasks?task_ids={view.task.id}")
    assert answer.json() == {"code": 0, "message": "SUCCEED", "request_id": REQUEST_ID, "data": [expected]}
    assert (await house.call("GET", "/tasks?external_task_ids=mine,other")).json()["data"] == [expected]
    assert KLING2.announce is not None
    message = KLING2.announce(view, Tidings("task.succeeded", NOW + 9), house.edge)
    assert message is not None
    assert msgspec.json.decode(message.body) == expected
    assert KLING2.announce(view, Tidings("task.progress", NOW), house.edge) is None


async def test_tasks_are_answered_in_the_order_of_the_question(house: House) -> None:
    """In any form of their ids, whatever dialect made them, but for what is another's or has no word here."""
    first = house.tasks.add(WANTED, dialect="openai")
    second = house.tasks.add(GenerationRequest("text_to_image", "kling-v2"), state="running", started_at=NOW + 2)
    other = house.tasks.add(WANTED, account_id=2)
    song = house.tasks.add(GenerationRequest("lyrics", "suno_lyrics"))
    asked = [second.task.id, 12, video_id(first.task.id), other.task.id, song.task.id, second.task.id, "nothing"]
    found = (await house.call("GET", "/tasks", params={"task_ids": ",".join(map(str, asked))})).json()["data"]
    assert [(one["id"], one["status"]) for one in found] == [
        (str(second.task.id), "processing"),
        (str(first.task.id), "submitted"),
    ]
    assert (await house.call("GET", "/tasks?task_ids=12")).json()["data"] == []


@pytest.mark.parametrize(
    ("state", "status", "message"),
    [
        ("queued", "submitted", ""),
        ("collecting", "processing", ""),
        ("succeeded", "succeeded", ""),
        ("failed", "failed", "settings.duration: Not this."),
        ("cancelled", "failed", ""),
    ],
)
async def test_only_documented_words_are_sent(house: House, state: State, status: str, message: str) -> None:
    error = TaskError("invalid_request", "Not this.", "duration") if state == "failed" else None
    view = house.tasks.add(WANTED, state=state, started_at=NOW if state == "collecting" else None, error=error)
    (data,) = (await house.call("GET", f"/tasks?task_ids={view.task.id}")).json()["data"]
    assert (data["status"], data["message"], data["outputs"]) == (status, message, [])


async def test_lists_go_on_by_their_cursor(house: House) -> None:
    views = [house.tasks.add(WANTED) for _ in range(3)]
    views.append(house.tasks.done(GenerationRequest("text_to_image", "kling-v2")))
    house.tasks.add(GenerationRequest("lyrics", "suno_lyrics"))
    house.tasks.add(WANTED, account_id=2)
    ids = [str(view.task.id) for view in reversed(views)]

    async def listed(**body: Any) -> dict[str, Any]:
        found: dict[str, Any] = (await house.call("POST", "/kling/tasks", json=body)).json()["data"]
        return found

    first = await listed(limit=3)
    assert [one["id"] for one in first["result"]] == ids[:3]
    assert (first["count"], first["has_more"]) == (3, True)
    rest = await listed(cursor=first["next_cursor"], start_time="1", end_time="2")
    assert [one["id"] for one in rest["result"]] == ids[3:]
    assert (rest["has_more"], rest["next_cursor"]) == (False, "")
    assert [one["id"] for one in (await listed())["result"]] == ids
    for filters, wanted in (
        ([{"key": "status", "values": ["succeeded"]}], ids[:1]),
        ([{"key": "status", "values": ["submitted", "processing"]}], ids[1:]),
        ([{"key": "product_type", "values": ["image"]}], ids[:1]),
        ([{"key": "product_type", "values": ["video", "try_on"]}], ids[1:]),
        ([{"key": "product_type", "values": ["image"]}, {"key": "status", "values": ["failed"]}], []),
    ):
        assert [one["id"] for one in (await listed(filters=filters))["result"]] == wanted, filters
    await listed(start_time="1763700000250", end_time=1763700000250)
    after, before = house.tasks.filters["created_after"], house.tasks.filters["created_before"]
    assert after < NOW < before


def test_it_is_served_before_what_its_paths_lie_in() -> None:
    assert KLING2 in DIALECTS
    paths = {route.path for route in KLING2.routes}
    assert {"/tasks", "/kling/tasks", "/text-to-video/{model}", "/kling/motion-control/{model}"} <= paths
