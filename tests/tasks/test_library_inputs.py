"""A file of an account's library outlives every task that refers to it; a file that came with a task goes with it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from telecine.nouns.errors import GatewayError
from telecine.nouns.request import GenerationRequest, MediaInput
from tests.tasks.scripted import DONE, House, text_to_video

OWN = MediaInput("first_frame", object_key="a1/in/own.png", sha256="ab")
LIBRARY = MediaInput("last_frame", object_key="a1/in/library.png", sha256="cd", asset_id=77)
REQUEST = text_to_video(inputs=(OWN, LIBRARY))


def test_what_is_a_requests_own() -> None:
    assert REQUEST.own_keys == ("a1/in/own.png",)
    assert msgspec.json.decode(msgspec.json.encode(REQUEST), type=GenerationRequest) == REQUEST
    assert msgspec.json.decode(b'{"role":"image","object_key":"k"}', type=MediaInput).asset_id is None, "older rows"


async def test_it_is_not_buried_with_a_deleted_task(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.polls = [DONE]
        view = await house.tasks.create(house.me, REQUEST, "tasks")
        await house.pass_time(60)
        await house.tasks.delete(house.me, view.task.id)
        await house.pass_time(8 * 86400, 7200)
        assert house.shelf.forgotten == [f"a{house.me.account_id}/t{view.task.id}/0.mp4", "a1/in/own.png"]


async def test_a_retry_refers_to_it_once_more_and_copies_what_is_its_own(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.polls = [DONE]
        first = await house.tasks.create(house.me, REQUEST, "tasks")
        await house.pass_time(60)
        again = await house.tasks.retry(house.me, first.task.id)
        own, library = again.task.request.inputs
        assert (own.object_key, library) == ("a1/in/own.png+copy", LIBRARY)


async def test_a_create_that_comes_to_nothing_leaves_it(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.objection = GatewayError("unsupported_parameter", "no last frames here")
        with pytest.raises(GatewayError):
            await house.tasks.create(house.me, REQUEST, "tasks")
        assert house.shelf.forgotten == ["a1/in/own.png"]
