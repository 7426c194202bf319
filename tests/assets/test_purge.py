"""What goes of libraries, and when: in use, linked, abandoned, too old, killed halfway."""

from __future__ import annotations

import time
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from structlog.testing import capture_logs

from telecine.assets.asset import Wanted
from telecine.assets.figures import Libraries, libraries
from telecine.assets.purge import Purge, erase, lost
from telecine.assets.writes import note_uses
from telecine.media.storage import Storage
from telecine.nouns.errors import GatewayError
from telecine.store import tables
from telecine.upkeep.retention import first_id
from telecine.upkeep.sweep import Sweep
from tests.assets.house import BOTH, ME, House
from tests.media.fakes import MP4, PNG, chunked
from tests.records import writing

LINKS = 8 * 86400.0
TASK = 77


def purge(house: House, storage: Storage | None = None) -> Purge:
    return Purge(house.database, storage or house.storage, house.clock, lambda: LINKS)


async def using(house: House, asset_id: int, **task: Any) -> None:
    """A task that refers to the file."""
    row = {
        "account_id": 1, "version": 1, "state": "running", "dialect": "tasks", "operation": "text_to_video",
        "kind": "video", "model": "m", "request": b"{}", "priority": 0, "progress": 0, "attempts": 0, "created_at": 0,
        "cancel_refused": False, "sandbox": False, "held": 0,
    }  # fmt: skip
    async with writing(house.database) as connection:
        await connection.execute(insert(tables.tasks).values(id=TASK, **{**row, **task}))
        await connection.run_sync(note_uses, [(TASK, asset_id)])


async def test_bytes_stay_until_no_link_to_them_works(house: House) -> None:
    made, kept = await house.add(MP4), await house.add()
    await house.assets.remove(ME, made.id)
    house.clock.advance(LINKS - 60)
    assert await purge(house).run() == 0
    assert len(house.files) == 3
    house.clock.advance(3700)
    assert await purge(house).run() == 1
    assert (house.files, await house.totals()) == ([kept.object_key], (1, len(PNG), 0))
    assert await purge(house).run() == 0


@BOTH
async def test_bytes_stay_until_the_last_task_that_uses_them_has_ended(house: House) -> None:
    made = await house.add()
    await using(house, made.id)
    await house.assets.remove(ME, made.id)
    house.clock.advance(LINKS + 86400)
    assert await purge(house).run() == 0
    assert house.files == [made.object_key]
    async with writing(house.database) as connection:
        await connection.execute(update(tables.tasks).values(state="failed", ended_at=house.clock.now()))
    house.clock.advance(3601)
    assert await purge(house).run() == 1
    assert (house.files, await house.totals()) == ([], (0, 0, 0))
    assert await house.database.rows(select(tables.asset_uses)) == []


@BOTH
async def test_an_upload_that_nobody_goes_on_with_is_taken_away(house: House) -> None:
    begun = await house.assets.uploads.create(ME, len(PNG), Wanted())
    await house.assets.uploads.put(ME, begun.asset.id, 1, chunked(PNG))
    house.clock.advance(86300)
    assert await purge(house).run() == 0
    await house.assets.uploads.put(ME, begun.asset.id, 1, chunked(PNG))
    house.clock.advance(86300)
    assert await purge(house).run() == 0, "more has come"
    assert len(house.files) == 1
    house.clock.advance(200)
    assert await purge(house).run() == 1, "no link was ever made to it"
    assert (house.files, await house.totals()) == ([], (0, 0, 0))
    with pytest.raises(GatewayError):
        await house.assets.uploads.get(ME, begun.asset.id)


async def test_files_that_are_too_old_are_deleted_as_their_owner_would(house: House) -> None:
    await house.add()
    house.clock.advance(30 * 86400)
    young = await house.add()
    await purge(house).run(first_id(house.clock.now() - 7 * 86400))
    assert await house.totals() == (1, len(PNG), len(PNG))
    house.clock.advance(LINKS)
    await purge(house).run()
    assert (house.files, await house.totals()) == ([young.object_key], (1, len(PNG), 0))


class Dying(Storage):
    """Deletes one object, and then the process dies."""

    async def delete(self, key: str) -> None:
        await super().delete(key)
        raise KeyboardInterrupt


async def test_a_kill_between_leaves_what_the_next_round_finishes(house: House) -> None:
    made = await house.add(MP4)
    await house.assets.remove(ME, made.id)
    house.clock.advance(LINKS)
    with pytest.raises(KeyboardInterrupt):
        await purge(house, Dying.on_disk(house.root)).run()
    assert len(house.files) == 1
    assert await purge(house).run() == 1
    assert (house.files, await house.totals()) == ([], (0, 0, 0))


async def test_a_sweep_takes_what_is_lost_and_nothing_else(house: House) -> None:
    made = await house.add(MP4)
    stray = f"a1/s{made.id}/{'0' * 32}.png"
    await house.storage.copy(made.object_key or "", stray)
    sweep = Sweep(house.database, house.storage, house.clock, draft=lambda: 3600.0)
    house.clock.set(time.time() + 3600)
    assert await sweep.run() == 0, "its row may be on its way"
    house.clock.advance(86400)
    assert await sweep.run() == 1
    assert sorted([made.object_key, made.poster_key]) == house.files  # type: ignore[type-var]


@BOTH
async def test_objects_that_no_row_names_are_lost(house: House) -> None:
    made, begun = await house.add(MP4), await house.assets.uploads.create(ME, 9, Wanted())
    await house.assets.uploads.put(ME, begun.asset.id, 1, chunked(b"123456789"))
    stray = [f"a1/s{made.id}/{'0' * 32}.png", f"a1/s{begun.asset.id}/part1.{'0' * 16}.bin", f"a1/s5/{'0' * 32}.png"]
    keys = [*house.files, *stray]
    assert len(keys) == 6
    assert await house.database.read(lambda connection: lost(connection, keys)) == stray


@BOTH
async def test_an_erased_account_has_no_library(house: House) -> None:
    group = await house.assets.groups.create(ME, "faces")
    made = await house.add(name="Mara", group_id=group.id)
    await using(house, made.id)
    theirs = await house.add(principal=house.other)
    await house.database.change(lambda connection: erase(connection, 1, now=house.clock.now(), gone=False))
    assert await house.column(made.id, "name", "group_id", "object_key") == ("", None, made.object_key)
    with pytest.raises(GatewayError):
        await house.assets.get(ME, made.id)
    for _ in range(2):
        await house.database.change(lambda connection: erase(connection, 1, now=house.clock.now(), gone=True))
    left = await house.database.rows(select(tables.assets.c.id))
    assert [row.id for row in left] == [theirs.id]
    assert await house.database.rows(select(tables.asset_groups)) == []
    assert (await house.totals(), await house.totals(2)) == ((0, 0, 0), (1, len(PNG), 0))


@BOTH
async def test_a_wrong_total_is_put_right_and_told(house: House) -> None:
    made, gone = await house.add(MP4), await house.add()
    await house.add(principal=house.other)
    await house.assets.remove(ME, gone.id)
    with capture_logs() as logs:
        await purge(house).run()
        assert logs == []
        async with writing(house.database) as connection:
            await connection.execute(update(tables.asset_totals).values(files=9, bytes=9, leaving=9))
        await purge(house).run()
        assert [(one["event"], one["accounts"]) for one in logs] == [("libraries_recounted", [1, 2])]
    assert (await house.totals(), await house.totals(2)) == ((1, made.bytes, len(PNG)), (1, len(PNG), 0))


@BOTH
async def test_what_libraries_come_to(house: House) -> None:
    made = await house.add(MP4)
    await house.assets.add_url(ME, "https://example.com/a.png", Wanted())
    await house.assets.remove(house.other, (await house.add(principal=house.other)).id)
    house.clock.advance(60)
    found = await house.database.read(lambda connection: libraries(connection, house.clock.now()))
    assert found == Libraries(2, made.bytes, len(PNG), 1, 61.0)
