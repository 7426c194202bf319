"""A file of an account's library outlives every task that refers to it; a file that came with a task goes with it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import select

from telecine.config import AccountConfig, PriceConfig
from telecine.nouns.errors import GatewayError
from telecine.nouns.request import GenerationRequest, MediaInput
from telecine.store import tables
from telecine.tasks.writes import forgetting
from tests.records import writing
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


async def uses(house: House) -> list[tuple[int, int]]:
    """Which tasks are noted as users of which files."""
    table = tables.asset_uses.c
    rows = await house.database.rows(select(table.task_id, table.asset_id).order_by(table.task_id, table.asset_id))
    return [tuple(row) for row in rows]


async def test_who_uses_it_is_noted_with_the_task_and_until_that_is_forgotten(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.polls = [DONE]
        twice = text_to_video(inputs=(LIBRARY, msgspec.structs.replace(LIBRARY, asset_id=78)))
        first = (await house.tasks.create(house.me, twice, "tasks")).task.id
        assert await uses(house) == [(first, 77), (first, 78)]
        await house.pass_time(60)
        again = (await house.tasks.retry(house.me, first)).task.id
        assert await uses(house) == [(first, 77), (first, 78), (again, 77), (again, 78)]
        await house.tasks.delete(house.me, first)
        await house.pass_time(8 * 86400, 7200)
        assert await uses(house) == [(again, 77), (again, 78)]
        async with writing(house.database) as connection:
            requests = {again: twice}
            await connection.run_sync(lambda held: forgetting.blank(held, requests, 0.0))
        assert await uses(house) == []


async def test_a_draft_uses_what_it_was_completed_with(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        draft = (await house.tasks.create(house.me, text_to_video(inputs=(LIBRARY,)), "tasks", draft=True)).task.id
        assert await uses(house) == [(draft, 77)]
        other = text_to_video(inputs=(msgspec.structs.replace(LIBRARY, asset_id=78),))
        await house.tasks.complete(house.me, draft, other)
        assert await uses(house) == [(draft, 78)]


async def test_nobody_uses_it_whose_create_was_refused(tmp_path: Path) -> None:
    async with House(tmp_path, prices=[PriceConfig(model="*", unit="call", price=Decimal(1))]).opened() as house:
        await house.keys.create("a", text="a" * 30, account="film")
        await house.configure(accounts=[AccountConfig("film", budget=Decimal("0.5"))])
        with pytest.raises(GatewayError, match="budget"):
            await house.tasks.create(await house.keys.check("a" * 30), REQUEST, "tasks")
        assert await uses(house) == []


async def test_a_create_that_comes_to_nothing_leaves_it(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.objection = GatewayError("unsupported_parameter", "no last frames here")
        with pytest.raises(GatewayError):
            await house.tasks.create(house.me, REQUEST, "tasks")
        assert house.shelf.forgotten == ["a1/in/own.png"]
