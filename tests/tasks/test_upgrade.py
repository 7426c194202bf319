"""Records of the first schema are brought up to the newest one, with what is in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from telecine.store import database as store
from telecine.store import tables
from tests.postgres import create
from tests.records import writing
from tests.tasks import scripted
from tests.tasks.scripted import DONE, House, text_to_video

pytestmark = pytest.mark.one_process("one of them brings the schema up to date")

_ZEROS: dict[type, Any] = {int: 0, float: 0.0, str: "", bytes: b"{}", bool: False}
_STATES = ("queued", "submitting", "running", "reconciling", "collecting", "succeeded")
_KINDS = ["submit", "submit", "poll", "poll", "collect", "collect"]
_DONE = 50
"""A task for which nothing is left to do."""
_LINE = "ix_schedule_pool_rank_task_id"


def _row(table: sa.Table, **values: Any) -> dict[str, Any]:
    """A row with `values`, and with nothing in all other columns."""
    zeros = {one.name: _ZEROS[one.type.python_type] for one in table.columns if not one.nullable}
    return {**zeros, **values}


def _first(connection: sa.Connection) -> None:
    """The first schema: an account, a task of it in each state, all due; a row of a task that is
    gone, and a task that is done."""
    config = Config()
    config.set_main_option("script_location", str(Path(store.__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "0001")
    old = sa.MetaData()
    old.reflect(connection)
    accounts, tasks, schedule = (old.tables[name] for name in ("accounts", "tasks", "schedule"))
    connection.execute(sa.insert(accounts), _row(accounts, id=7, name="default", balance=5, source="admin"))
    request = msgspec.json.encode(text_to_video())
    for number, state in enumerate(_STATES, 1):
        task = _row(tasks, id=number, version=1, account_id=7, state=state, request=request, dialect="tasks")
        task.update(model="kling-v2-5-turbo", operation="text_to_video", kind="video")
        connection.execute(sa.insert(tasks), task)
        connection.execute(sa.insert(schedule), _row(schedule, task_id=number, due=1e10 + number, weight=1))
    connection.execute(sa.insert(schedule), _row(schedule, task_id=99, due=1e10, weight=1))
    connection.execute(sa.insert(tasks), {**task, "id": _DONE, "started_at": 1.0})
    for index in range(2):
        made = _row(old.tables["outputs"], task_id=_DONE, index=index, state="stored", kind="image")
        connection.execute(sa.insert(old.tables["outputs"]), made)


async def test_records_of_the_first_schema_live_on(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    if request.node.callspec.params["database"] == "postgres":
        url = await create(request.getfixturevalue("postgres"), "of_the_first_schema")
    before = store.Database(url)
    await before.change(_first)
    await before.close()
    monkeypatch.setattr(scripted, "database_url", lambda folder: url)
    house = House(tmp_path)
    async with house.opened():
        row = tables.schedule.c
        async with writing(house.database) as connection:
            rows = (await connection.execute(sa.select(row.account_id, row.kind).order_by(row.task_id))).all()
            indexes = await connection.run_sync(lambda sync: sa.inspect(sync).get_indexes("schedule"))
            waits = await connection.run_sync(lambda sync: sa.inspect(sync).get_columns("schedule"))
            accounts = (await connection.execute(sa.select(tables.accounts))).mappings().one()
            buried = (await connection.execute(sa.select(tables.tasks.c.id, tables.tasks.c.buried_at))).all()
            await connection.execute(sa.delete(tables.schedule).where(row.task_id != 1))
            await connection.execute(sa.update(tables.schedule).values(due=house.clock.now()))
        assert dict(buried) == {**dict.fromkeys(range(1, 7)), _DONE: 0.0}, "who stands in the schedule is not buried"
        assert [tuple(one) for one in rows] == [*((7, kind) for kind in _KINDS), (0, "collect")]
        assert {one["name"] for one in indexes} == {one.name for one in tables.schedule.indexes}
        (line,) = (one for one in indexes if one["name"] == _LINE)
        assert any(name.endswith("_where") for name in line.get("dialect_options", {})), "still of those who wait only"
        assert {one["name"] for one in waits if one["nullable"]} == {one.name for one in row if one.nullable}
        assert (accounts["balance"], accounts["unlimited"]) == (5, False)
        house.provider.polls = [DONE]
        await house.pass_time(60, 10)
        done = await house.reads.task(_DONE)
        assert done is not None
        assert [(one.item, one.part, one.text, one.facts) for one in done[1]] == [
            (0, "main", None, None),
            (1, "main", None, None),
        ]
        found = await house.reads.task(1)
        assert found is not None
        assert (found[0].state, found[0].account_id) == ("succeeded", 7)
