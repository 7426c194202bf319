"""Edits, extensions and characters, in OpenAI's form and the relays', over the house of fakes."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from telecine.dialects.openai import OPENAI, RELAY
from telecine.nouns.errors import TaskError
from telecine.nouns.ids import CHARACTER, tsk_id, video_id
from telecine.nouns.ids import RELAY as WITH_MODEL
from telecine.nouns.parameters import CharacterParameters
from telecine.nouns.request import GenerationRequest, MediaInput, Reference
from telecine.nouns.task import Output
from telecine.tasks.view import View
from telecine.webhooks.delivery import Tidings
from tests.dialects.house import NOW, House, picture

CLIP, URL = "https://clips.test/a.mp4", "https://pictures.test/a.png"
TEXT = GenerationRequest(operation="text_to_video", model="sora-2-pro", prompt="a cat", duration=8.0, size="1280x720")
CHARACTER_MADE = GenerationRequest(
    operation="create_character", model="sora-2", parameters=CharacterParameters(name="Mara", timestamps="1,3")
)


@pytest.fixture
def house() -> House:
    return House(OPENAI)


def request(operation: str, **fields: Any) -> GenerationRequest:
    given = {"operation": operation, "model": "sora-2", "prompt": "b", **fields}
    return GenerationRequest(**given)


@pytest.mark.parametrize("form", ["{id}", "video_{b}", "tsk_{b}", "sora-2-pro:task_{b}"])
@pytest.mark.parametrize("nested", [True, False])
async def test_an_edit_of_ones_own_video(house: House, form: str, nested: bool) -> None:
    source = house.tasks.done(TEXT).task.id
    name = form.format(id=source, b=tsk_id(source).removeprefix("tsk_"))
    body = {"prompt": "b", "video": {"id": name} if nested else name}
    answer = await house.call("POST", "/v1/videos/edits", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["remixed_from_video_id"] == video_id(source)
    assert house.request == request(
        "edit_video", model="sora-2-pro", duration=8.0, size="1280x720", source=Reference(task=source)
    )


async def test_an_extension_is_as_long_as_it_says(house: House) -> None:
    source = house.tasks.done(TEXT).task.id
    form = {"prompt": "b", "seconds": "16", "video[id]": video_id(source)}
    answer = await house.call("POST", "/v1/videos/extensions", data=form)
    assert (answer.status_code, answer.json()["seconds"]) == (200, "16")
    assert house.request == request(
        "extend", model="sora-2-pro", duration=16.0, size="1280x720", source=Reference(task=source)
    )


@pytest.mark.parametrize(
    ("path", "operation", "said"),
    [("/v1/videos/edits", "edit_video", {}), ("/v1/videos/extensions", "extend", {"seconds": 8})],
)
async def test_a_video_of_ones_own_making(house: House, path: str, operation: str, said: dict[str, Any]) -> None:
    await house.call("POST", path, json={"prompt": "b", "video": CLIP, "model": "sora-2-pro", **said})
    clip = MediaInput("video", url=CLIP)
    duration = 8.0 if said else None
    assert house.request == request(operation, model="sora-2-pro", duration=duration, inputs=(clip,))


@pytest.mark.parametrize("path", ["edits", "{id}/remix"])
async def test_nobody_here_knows_how_long_an_extension_is_that_is_made_again(house: House, path: str) -> None:
    source = house.tasks.done(msgspec.structs.replace(TEXT, operation="extend")).task.id
    body = {"prompt": "b"} | ({"video": video_id(source)} if path == "edits" else {})
    answer = await house.call("POST", f"/v1/videos/{path.format(id=source)}", json=body)
    assert (answer.status_code, house.request.duration) == (200, None), answer.text


async def test_a_video_that_comes_as_a_file(house: House) -> None:
    content = picture()  # the house of fakes looks at nothing but pictures
    answer = await house.call(
        "POST", "/v1/videos/edits", data={"prompt": "b"}, files={"video": ("a.mp4", content, "video/mp4")}
    )
    assert answer.status_code == 200, answer.text
    assert house.media.stored == [("video", content)]
    assert [(one.role, one.object_key) for one in house.request.inputs] == [("video", "in/1")]


async def test_pictures_of_an_edit_are_references(house: House) -> None:
    await house.call("POST", "/v1/videos/edits", json={"prompt": "b", "video": CLIP, "input_reference": URL})
    assert [one.role for one in house.request.inputs] == ["video", "reference"]


@pytest.mark.parametrize(
    ("path", "body", "status", "param"),
    [
        ("edits", {"video": CLIP}, 400, "prompt"),
        ("edits", {"prompt": "b"}, 400, "video"),
        ("edits", {"prompt": "b", "video": {"name": "x"}}, 400, "video"),
        ("edits", {"prompt": "b", "video": {"id": "x", "url": CLIP}}, 400, "video"),
        ("edits", {"prompt": "b", "video": 5}, 400, "video"),
        ("edits", {"prompt": "b", "video": {}}, 400, "video"),
        ("edits", {"prompt": "b", "video": "http://127.0.0.1/a.mp4"}, 400, "video"),
        ("edits", {"prompt": "b", "video": "data:video/mp4;base64,*"}, 400, "video"),
        ("edits", {"prompt": "b", "video": "MINE", "seconds": 4}, 400, "seconds"),
        ("edits", {"prompt": "b", "video": CLIP, "seconds": 1}, 400, "seconds"),
        ("edits", {"prompt": "b", "video": "MINE", "model": "sora-2"}, 400, "model"),
        ("extensions", {"prompt": "b", "video": "MINE", "seconds": 5}, 400, "seconds"),
        ("extensions", {"prompt": "b", "video": CLIP, "input_reference": URL}, 400, "input_reference"),
        *((path, {"prompt": "b", "video": name}, status, "video")
          for path in ("edits", "extensions")
          for name, status in (("OTHERS", 404), ("PICTURE", 404), ("QUEUED", 400), ("video_0000000000000", 404))),
    ],
)  # fmt: skip
async def test_bad_input_is_refused_by_name(
    house: House, path: str, body: dict[str, Any], status: int, param: str
) -> None:
    names = {
        "MINE": house.tasks.done(TEXT).task.id,
        "OTHERS": house.tasks.done(TEXT, account_id=2).task.id,
        "PICTURE": house.tasks.done(GenerationRequest(operation="text_to_image", model="sora-2", prompt="a")).task.id,
        "QUEUED": house.tasks.add(TEXT).task.id,
    }
    video = body.get("video")
    sent = {**body, "video": video_id(names[video])} if isinstance(video, str) and video in names else body
    answer = await house.call("POST", f"/v1/videos/{path}", json=sent)
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param), answer.text
    assert house.untouched


async def test_a_file_and_an_id_are_two_videos(house: House) -> None:
    form = {"prompt": "b", "video": video_id(house.tasks.done(TEXT).task.id)}
    answer = await house.call("POST", "/v1/videos/edits", data=form, files={"video": ("a.mp4", b"x", "video/mp4")})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "video")
    assert house.untouched


def character(house: House, text: str = "") -> View:
    """A character that is there; `text` is what its upstream says of it."""
    view = house.tasks.add(CHARACTER_MADE, state="succeeded", started_at=NOW + 1, ended_at=NOW + 9)
    told = Output(task_id=view.task.id, index=0, kind="text", state="stored", text=text)
    house.tasks.views[view.task.id] = msgspec.structs.replace(view, outputs=(told,))
    return house.tasks.views[view.task.id]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": "Mara", "video": CLIP}, {"inputs": (MediaInput("video", url=CLIP),)}),
        ({"name": "Mara", "url": CLIP, "model": "sora-2-pro"},
         {"inputs": (MediaInput("video", url=CLIP),), "model": "sora-2-pro"}),
        ({"name": "Mara", "metadata": {"a": "b"}, "video": {"url": CLIP}, "webhook_url": "https://me.test/h"},
         {"inputs": (MediaInput("video", url=CLIP),), "metadata": {"a": "b"}, "callback_url": "https://me.test/h"}),
    ],
)  # fmt: skip
async def test_a_character_of_a_video(house: House, body: dict[str, Any], expected: dict[str, Any]) -> None:
    answer = await house.call("POST", "/v1/videos/characters", json=body)
    (task_id,) = house.tasks.views
    assert answer.json() == {
        "id": CHARACTER.write(task_id),
        "object": "character",
        "model": expected.get("model", "sora-2"),
        "status": "queued",
        "created_at": 1763700000,
        "name": "Mara",
    }
    parameters = CharacterParameters(name="Mara")
    given = {"operation": "create_character", "model": "sora-2", "parameters": parameters, **expected}
    assert house.request == GenerationRequest(**given)


async def test_a_character_of_a_file_in_a_form(house: House) -> None:
    answer = await house.call(
        "POST", "/v1/videos/characters", data={"name": "Mara"}, files={"video": ("a.mp4", picture(), "video/mp4")}
    )
    assert answer.status_code == 200, answer.text
    assert [one.object_key for one in house.request.inputs] == ["in/1"]


async def test_a_character_is_read(house: House) -> None:
    said = {"id": "ch_1", "username": "mara.sees", "permalink": "https://s.test/mara.sees",
            "profile_picture_url": "https://s.test/mara.png"}  # fmt: skip
    view = character(house, json.dumps(said))
    for name in (CHARACTER.write(view.task.id), str(view.task.id)):
        found = (await house.call("GET", f"/v1/videos/characters/{name}")).json()
        assert found == {
            "id": CHARACTER.write(view.task.id),
            "object": "character",
            "model": "sora-2",
            "status": "completed",
            "created_at": 1763700000,
            "name": "Mara",
            **{name: said[name] for name in ("username", "permalink", "profile_picture_url")},
        }
    task_id = view.task.id
    face = Output(task_id=task_id, index=1, part="cover", kind="image", state="stored", object_key="k")
    house.tasks.views[task_id] = msgspec.structs.replace(view, outputs=(*view.outputs, face))
    kept = (await house.call("GET", f"/v1/videos/characters/{task_id}")).json()
    assert kept["profile_picture_url"] == house.media.link(face)
    unreadable = await house.call("GET", f"/v1/videos/characters/{character(house, 'mara').task.id}")
    assert "username" not in unreadable.json()


async def test_what_is_no_character_of_ones_own_is_not_there(house: House) -> None:
    video, others = house.tasks.done(TEXT).task.id, house.tasks.add(CHARACTER_MADE, account_id=2).task.id
    for name in (video_id(video), CHARACTER.write(others), "char_1"):
        answer = await house.call("GET", f"/v1/videos/characters/{name}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    made = character(house).task.id
    assert (await house.call("GET", f"/v1/videos/{CHARACTER.write(made)}")).status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"video": CLIP}, 400, "name"),
        ({"name": "Mara"}, 400, "video"),
        ({"name": "x" * 129, "video": CLIP}, 400, "name"),
        ({"name": "Mara", "video": CLIP, "url": CLIP}, 400, "video"),
        ({"name": "Mara", "url": "video_0000000000000"}, 400, "url"),
        ({"name": "Mara", "from_task": CLIP}, 400, "from_task"),
        ({"name": "Mara", "from_task": "video_0000000000000"}, 404, "from_task"),
        ({"name": "Mara", "video": CLIP, "timestamps": "1,9"}, 400, "timestamps"),
        ({"name": "Mara", "video": "http://127.0.0.1/a.mp4"}, 400, "video"),
    ],
)
async def test_bad_input_for_a_character_is_refused_by_name(
    house: House, body: dict[str, Any], status: int, param: str
) -> None:
    answer = await house.call("POST", "/v1/videos/characters", json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (status, param), answer.text
    assert house.untouched


async def test_relays_characters_are_told_once_they_are_there() -> None:
    house = House(RELAY)
    source = house.tasks.done(TEXT)
    body = {"from_task": WITH_MODEL.write(source.task.id, "sora-2-pro"), "timestamps": "1,3"}
    answer = await house.call("POST", "/sora/v1/characters", json=body)
    assert answer.status_code == 200, answer.text
    assert house.tasks.waits == [55.0]
    made = house.request
    assert (made.model, made.source, made.parameters) == (
        "sora-2-pro", Reference(task=source.task.id), CharacterParameters(timestamps="1,3"),
    )  # fmt: skip
    bad = await house.call("POST", "/sora/v1/characters", json={"url": "nowhere"})
    assert (bad.status_code, bad.json()["error"]["param"]) == (400, "url")
    assert bad.json()["error"]["message_zh"]


async def test_a_character_that_came_to_nothing_is_an_error_to_relays(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(RELAY)

    async def failed(_principal: Any, task_id: int, _seconds: float) -> View:
        view = house.tasks.views[task_id]
        task = msgspec.structs.replace(view.task, state="failed", error=TaskError("content_policy", "No faces."))
        return msgspec.structs.replace(view, task=task)

    monkeypatch.setattr(house.tasks, "wait", failed)
    answer = await house.call("POST", "/sora/v1/characters", json={"url": CLIP})
    assert (answer.status_code, answer.json()["error"]["message"]) == (400, "No faces.")


async def test_rows_of_the_relays_form_follow_up_too() -> None:
    house = House(RELAY)
    source = house.tasks.done(TEXT)
    name = WITH_MODEL.write(source.task.id, "sora-2-pro")
    for path in ("edits", "extensions"):
        answer = await house.call("POST", f"/relay/v1/videos/{path}", json={"prompt": "b", "video": name})
        assert answer.json()["id"].startswith("sora-2-pro:task_"), answer.text


async def test_a_hook_is_told_of_a_character(house: House) -> None:
    view = character(house)
    for dialect in (OPENAI, RELAY):
        assert dialect.announce is not None
        message = dialect.announce(view, Tidings("task.succeeded", NOW + 9), house.edge)
        assert message is not None
        assert msgspec.json.decode(message.body)["object"] == "character"
