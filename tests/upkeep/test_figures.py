"""What `/metrics` counts is cheap to count, counted once however many ask, and told to whoever may know."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import event

from telecine.config import Config, ConfigError, parse
from telecine.server.recent import Recent
from telecine.store.thread import Thread
from telecine.upkeep.figures import measure, states
from telecine.upkeep.reload import difference, masked
from tests.clock import HandClock
from tests.records import reading
from tests.server.live import ADMIN_KEY, KEY, LiveServer
from tests.tasks.scripted import House

METRICS_KEY = "key-of-the-scraper-0123456789"
LARGE = ("tasks", "attempts", "outputs", "deliveries", "events", "ledger_entries")
"""The tables that grow for as long as an installation runs."""


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with House(tmp_path).opened() as found:
        yield found


async def test_no_figure_looks_through_a_table_that_grows(house: House, tmp_path: Path) -> None:
    asked: list[tuple[str, object]] = []
    lister = house.database._lister
    assert isinstance(lister, Thread)
    engine = lister._engine

    def note(_c: object, _r: object, statement: str, parameters: object, *_: object) -> None:
        asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    await measure(house.database, house.router, house.clock, tmp_path)
    await states(house.database)
    event.remove(engine, "before_cursor_execute", note)
    queries = [(statement, values) for statement, values in asked if statement.startswith("SELECT")]
    assert len(queries) > 8
    async with reading(house.database) as connection:
        for statement, values in queries:
            plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)  # type: ignore[arg-type]
            for line in plan.all():
                step = str(line[-1])
                whole = step.startswith("SCAN") and step.split()[1] in LARGE
                assert not whole or " INDEX " in step, (step, statement)


async def test_a_dear_question_is_asked_once_and_its_answer_kept_for_a_while() -> None:
    clock, asked, go = HandClock(), 0, asyncio.Event()

    async def ask() -> int:
        nonlocal asked
        asked += 1
        await go.wait()
        return asked

    recent = Recent(ask, 5.0, clock)
    waiting = [asyncio.create_task(recent.get()) for _ in range(200)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    go.set()
    assert await asyncio.gather(*waiting[1:]) == [1] * 199
    clock.advance(4.9)
    assert await recent.get() == 1
    clock.advance(0.2)
    assert await recent.get() == 2
    clock.jump(-60)
    assert await recent.get() == 2
    clock.advance(5.1)
    assert await recent.get() == 3, "a clock that was set back keeps nothing for longer"


async def test_an_error_is_told_and_not_kept() -> None:
    wrong = [OSError("away")]

    async def ask() -> str:
        if wrong:
            raise wrong.pop()
        return "well"

    recent = Recent(ask, 5.0, HandClock())
    with pytest.raises(OSError, match="away"):
        await recent.get()
    assert await recent.get() == "well"


def test_metrics_ask_for_their_key_where_they_have_one(folder: Path) -> None:
    with LiveServer(folder, f'metrics_key = "{METRICS_KEY}"') as server:
        for key in (None, KEY, ADMIN_KEY, METRICS_KEY + "x", METRICS_KEY[:-1]):
            refused = server.call("GET", "/metrics", key=key)
            assert (refused.status, refused.json["error"]["code"]) == (401, "invalid_api_key")
        assert server.call("GET", "/metrics", key=METRICS_KEY).status == 200
        assert server.call("GET", "/v1/models", key=METRICS_KEY).status == 401
        assert METRICS_KEY not in server.call("GET", "/admin/v1/config", key=ADMIN_KEY).content.decode()
        assert METRICS_KEY not in server.log_text()


def test_the_key_is_a_secret_like_the_others(tmp_path: Path) -> None:
    file = tmp_path / "telecine.toml"
    config = parse(b'metrics_key = "env:SCRAPER"', file, {"SCRAPER": METRICS_KEY})
    assert config.metrics_key == METRICS_KEY
    assert METRICS_KEY not in str(masked(config, b"k"))
    (change,) = difference(Config(), config)
    assert (change.section, change.at_start, METRICS_KEY in str(change)) == ("metrics_key", False, False)
    for content in (b'metrics_key = "short"', b'metrics_key = "env:ABSENT"'):
        with pytest.raises(ConfigError, match="metrics_key"):
            parse(content, file, {})
