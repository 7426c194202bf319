"""The pages of a relay's documents on videos, one after the other: what each sends is taken, and what each answers has
the keys that it documents. A test is named after its page."""

from __future__ import annotations

from typing import Any

import pytest

from telecine.dialects.openai import OPENAI, RELAY
from telecine.nouns.ids import RELAY as WITH_MODEL
from telecine.nouns.ids import video_id
from telecine.nouns.parameters import VideoParameters
from telecine.nouns.request import GenerationRequest, Reference
from tests.dialects.house import House, picture

# What a create answers there.
CREATED = {
    "id": "video_6048",
    "object": "video",
    "model": "sora_video2",
    "status": "queued",
    "progress": 0,
    "created_at": 1762181811,
    "seconds": "10",
    "size": "1280x720",
}
FORM = {"model": "sora-2", "prompt": "a cat", "seconds": "10", "size": "1280x720"}
TEXT = GenerationRequest(operation="text_to_video", model="sora-2", prompt="a cat")
PICTURE = {"input_reference": ("a.png", picture(form="PNG"), "image/png")}


@pytest.fixture
def house() -> House:
    return House(OPENAI)


def as_documented(found: dict[str, Any]) -> None:
    """Fails unless all documented keys are there, with values of their types."""
    for name, value in CREATED.items():
        assert type(found[name]) is type(value), name
    assert (found["object"], found["status"], found["progress"]) == ("video", "queued", 0)
    assert (found["seconds"], found["size"]) == ("10", "1280x720")


async def test_openai_creates_a_video_with_a_picture(house: House) -> None:
    answer = await house.call("POST", "/v1/videos", data=FORM, files=PICTURE)
    assert answer.status_code == 200, answer.text
    as_documented(answer.json())
    assert [one.role for one in house.request.inputs] == ["first_frame"]


async def test_openai_creates_a_video_with_a_picture_by_its_url(house: House) -> None:
    form = {**FORM, "input_reference": "https://pictures.test/a.png"}
    answer = await house.call("POST", "/v1/videos", files={name: (None, value) for name, value in form.items()})
    as_documented(answer.json())
    assert [one.url for one in house.request.inputs] == ["https://pictures.test/a.png"]


async def test_openai_creates_a_video_in_private_mode(house: House) -> None:
    form = {**FORM, "private": "true", "watermark": "ture"}
    answer = await house.call("POST", "/v1/videos", data=form, files=PICTURE)
    as_documented(answer.json())
    assert house.request.parameters == VideoParameters(private=True, watermark=True)


async def test_openai_creates_a_video_with_a_character(house: House) -> None:
    clip = "https://clips.test/a.mp4"
    form = {**FORM, "character_url": clip, "character_timestamps": "1,3"}
    answer = await house.call("POST", "/v1/videos", files={name: (None, value) for name, value in form.items()})
    as_documented(answer.json())
    assert house.request.parameters == VideoParameters(character_url=clip, character_timestamps="1,3")


async def test_openai_edits_a_video(house: House) -> None:
    """The page of this name is about remixes."""
    source = house.tasks.done(TEXT)
    body = {"prompt": "a dog", "size": "1280x720"}
    found = (await house.call("POST", f"/v1/videos/{video_id(source.task.id)}/remix", json=body)).json()
    assert found["remixed_from_video_id"] == video_id(source.task.id)
    assert (house.request.operation, house.request.source) == ("remix", Reference(task=source.task.id))


async def test_openai_queries_a_task() -> None:
    house = House(RELAY)
    source = house.tasks.add(TEXT)
    found = (await house.call("GET", f"/v1/videos/{WITH_MODEL.write(source.task.id, 'sora-2')}")).json()
    assert list(found) == ["id", "detail", "status", "status_update_time"]
    done = house.tasks.done(TEXT)
    found = (await house.call("GET", f"/v1/videos/{WITH_MODEL.write(done.task.id, 'sora-2')}")).json()
    assert {"id", "status", "video_url", "enhanced_prompt", "status_update_time"} <= found.keys()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_openai_downloads_a_video(house: House, method: str) -> None:
    name = video_id(house.tasks.done(TEXT).task.id)
    answer = await house.call(method, f"/v1/videos/{name}/content")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "video/mp4")


@pytest.mark.parametrize(
    ("model", "pictures", "operation", "roles"),
    [
        ("veo_3_1", 1, "image_to_video", ["first_frame"]),
        ("veo_3_1-fast", 2, "image_to_video", ["first_frame", "last_frame"]),
        ("veo_3_1-components", 3, "reference_to_video", ["reference"] * 3),
    ],
)
async def test_veo_creates_a_video_with_pictures(
    house: House, model: str, pictures: int, operation: str, roles: list[str]
) -> None:
    form = {"model": model, "prompt": "a cow flies", "seconds": "8", "size": "16x9", "watermark": "false"}
    files = [("input_reference", (f"{number}.png", picture(300 + number), "image/png")) for number in range(pictures)]
    answer = await house.call("POST", "/v1/videos", data=form, files=files)
    assert answer.status_code == 200, answer.text
    assert (answer.json()["seconds"], answer.json()["status"]) == ("8", "queued")
    found = house.request
    assert (found.operation, found.aspect_ratio) == (operation, "16:9")
    assert [one.role for one in found.inputs] == roles


async def test_veo_queries_and_downloads(house: House) -> None:
    wanted = GenerationRequest(operation="text_to_video", model="veo3.1", prompt="a cow flies")
    name = video_id(house.tasks.done(wanted).task.id)
    found = (await house.call("GET", f"/v1/videos/{name}")).json()
    assert (found["status"], found["model"], found["video_url"]) == (
        "completed", "veo3.1", "https://media.test/0/file.mp4",
    )  # fmt: skip
    assert (await house.call("GET", f"/v1/videos/{name}/content")).content == b"bytes"
