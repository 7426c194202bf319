"""A file that a task has made becomes one of the library without a copy: it lies there for as long as either has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from sqlalchemy import select, update

from telecine.accounts.principal import Principal
from telecine.assets.asset import Asset, Wanted
from telecine.assets.library import Assets
from telecine.assets.outputs import of_output
from telecine.config import LimitsConfig
from telecine.nouns.errors import GatewayError
from telecine.nouns.ids import tsk_id
from telecine.nouns.task import Output
from telecine.store import tables
from tests.records import writing
from tests.tasks.scripted import DONE, House, text_to_video


class Libraries(Assets):
    """Of a house, whose files nobody looks into."""

    def __init__(self, house: House, **limits: Any) -> None:
        nothing = cast(Any, None)
        super().__init__(
            house.database, nothing, nothing, clock=house.clock, ids=house.context.ids,
            limits=lambda: LimitsConfig(**limits),
        )  # fmt: skip


async def made(house: House, kind: str = "video", **changes: Any) -> int:
    """A task that has succeeded, with two files, the first of them with a poster."""
    keep = type(house.shelf).keep

    async def kept(provider: Any, channel: Any, output: Output, account_id: int) -> Output:
        stored = await keep(house.shelf, provider, channel, output, account_id)
        poster = f"a{account_id}/t{output.task_id}/0.poster.jpg" if output.index == 0 else None
        told = {"content_type": "video/mp4", "bytes": 100, "sha256": "ab", "width": 640, "height": 360}
        return msgspec.structs.replace(stored, poster_key=poster, **told)

    house.shelf.keep = kept  # type: ignore[method-assign]
    second = msgspec.structs.replace(DONE.outputs[0], url="https://files.example/b.mp4", upstream_id="v2")
    house.provider.polls = [msgspec.structs.replace(DONE, outputs=(DONE.outputs[0], second))]
    task_id = (await house.tasks.create(house.me, text_to_video(), "tasks")).task.id
    await house.pass_time(60, 5)
    if kind != "video" or changes:
        await change(house, task_id, kind=kind, **changes)
    return task_id


async def change(house: House, task_id: int, **columns: Any) -> None:
    """Have the first output of the task another row."""
    table = tables.outputs
    mine = (table.c.task_id == task_id, table.c.index == 0)
    async with writing(house.database) as connection:
        await connection.execute(update(table).where(*mine).values(columns))


async def test_it_is_the_same_file_and_counts(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        libraries, task_id = Libraries(house), await made(house)
        asset = await libraries.add_output(house.me, task_id, 0, Wanted())
        mine = house.me.account_id
        assert asset == Asset(
            id=asset.id, account_id=mine, name=f"{tsk_id(task_id)}-0.mp4", state="ready", kind="video",
            object_key=f"a{mine}/t{task_id}/0.mp4", poster_key=f"a{mine}/t{task_id}/0.poster.jpg",
            content_type="video/mp4", bytes=100, sha256="ab", width=640, height=360, duration=5.0,
            task_id=task_id, output=0, created_at=house.clock.now(), updated_at=house.clock.now(),
        )  # fmt: skip
        assert await libraries.get(house.me, asset.id) == asset
        found = await libraries.resolve(house.me, asset.id)
        assert (found.role, found.object_key, found.asset_id) == ("video", asset.object_key, asset.id)
        quota = await libraries.quota(house.me)
        assert (quota.files, quota.bytes) == (1, 100)
        named = await libraries.add_output(house.me, task_id, 1, Wanted(name="a boat", kind="video"))
        assert (named.name, named.poster_key) == ("a boat", None)
        assert len(house.shelf.kept) == 2, "nothing was stored anew"


@pytest.mark.one_process("nothing is run")
async def test_what_cannot_be_kept_is_refused_by_name(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        libraries, task_id = Libraries(house), await made(house)

        async def refused(who: Principal = house.me, task: int = task_id, index: int = 0, **wanted: Any) -> Any:
            with pytest.raises(GatewayError) as caught:
                await libraries.add_output(who, task, index, Wanted(**wanted))
            return caught.value.code, caught.value.param, caught.value.message

        other = Principal(await house.keys.account("other"), None, "other")
        assert (await refused(who=other))[:2] == ("not_found", "task")
        assert (await refused(task=12345))[:2] == ("not_found", "task")
        assert (await refused(index=7))[:2] == ("not_found", "output")
        assert await refused(kind="image") == ("invalid_request", "output", "output: it is a video, not an image.")
        assert (await refused(group_id=99))[0] == "not_found"
        await change(house, task_id, state="pending", object_key=None)
        assert (await refused())[:2] == ("conflict", "output")
        await change(house, task_id, state="lost")
        assert (await refused())[:2] == ("not_found", "output")
        await change(house, task_id, state="stored", object_key="a1/t1/0.bin", kind="file", content_type="text/plain")
        assert (await refused())[:2] == ("invalid_request", "output")
        small = Libraries(house, assets=0)
        with pytest.raises(GatewayError, match="full") as full:
            await small.add_output(house.me, task_id, 1, Wanted())
        assert (full.value.code, full.value.param) == ("permission", "quota")
        with pytest.raises(GatewayError, match="full"):
            await Libraries(house, asset_bytes=99).add_output(house.me, task_id, 1, Wanted())
        await house.tasks.delete(house.me, task_id)
        assert (await refused(index=1))[:2] == ("not_found", "task")
        quota = await libraries.quota(house.me)
        assert (quota.files, quota.bytes) == (0, 0)


async def test_it_outlives_its_task(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        libraries, task_id = Libraries(house), await made(house)
        asset = await libraries.add_output(house.me, task_id, 0, Wanted())
        twin = await libraries.add_output(house.me, task_id, 0, Wanted())
        assert await house.database.read(lambda connection: of_output(connection, asset)), "the task has it"
        await house.tasks.delete(house.me, task_id)
        await house.pass_time(9 * 86400, 7200)
        assert house.shelf.forgotten == [f"a{house.me.account_id}/t{task_id}/1.mp4"], "the other file of the task"
        table = tables.outputs.c
        rows = await house.database.rows(select(table.object_key).where(table.task_id == task_id))
        assert [row.object_key for row in rows] == [None, None], "the task has neither"
        assert (await libraries.resolve(house.me, asset.id)).object_key == asset.object_key
        served = await libraries.served(asset.id)
        assert served is not None
        assert (served.object_key, served.content_type) == (asset.object_key, "video/mp4")
        assert await house.database.read(lambda connection: of_output(connection, asset)), "another one has it"
        async with writing(house.database) as connection:
            await connection.execute(tables.assets.delete().where(tables.assets.c.id == twin.id))
        assert not await house.database.read(lambda connection: of_output(connection, asset)), "nobody else has it"
