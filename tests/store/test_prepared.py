"""Statements that are compiled once write what they would write if compiled at each execution."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Connection,
    Double,
    Integer,
    LargeBinary,
    Text,
    bindparam,
    case,
    create_engine,
    event,
    insert,
    select,
    update,
)

from telecine.store import tables
from telecine.store.inserts import upsert
from telecine.store.prepared import Prepared

_S, _P = tables.schedule, tables.spending
_ROWS = [
    {"task_id": one, "account_id": 7, "kind": "poll", "due": 1.5, "rank": 0, "weight": 1, "woken": woken}
    for one, woken in ((1, False), (2, True))
]
_RELEASE = Prepared(
    update(_S)
    .where(_S.c.task_id == bindparam("b_id"))
    .values(due=case((_S.c.woken, bindparam("b_now")), else_=bindparam("b_due")), kind="collect", woken=False)
)


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    tables.metadata.create_all(engine)
    with engine.connect() as connection:
        yield connection


def test_rows_differ_and_what_the_statement_says_is_the_same_in_all(connection: Connection) -> None:
    Prepared(insert(_S)).run(connection, _ROWS)
    _RELEASE.run(connection, [{"b_due": 9.0, "b_id": one, "b_now": 3} for one in (1, 2)])
    rows = connection.execute(select(_S.c.task_id, _S.c.due, _S.c.kind, _S.c.woken, _S.c.pool).order_by(_S.c.task_id))
    assert [tuple(row) for row in rows] == [(1, 9.0, "collect", False, None), (2, 3.0, "collect", False, None)]


def test_other_columns_are_another_statement_and_no_rows_are_none(connection: Connection) -> None:
    said: list[str] = []
    event.listen(connection, "before_cursor_execute", lambda *given: said.append(given[2]))
    adding = Prepared(insert(_S))
    adding.run(connection, [])
    adding.run(connection, _ROWS[:1])
    adding.run(connection, [{**_ROWS[1], "pool": "main"}])
    assert len(set(said)) == len(said) == 2
    assert connection.execute(select(_S.c.pool).where(_S.c.task_id == 2)).scalar_one() == "main"


def test_a_missing_value_is_an_error(connection: Connection) -> None:
    with pytest.raises(KeyError):
        _RELEASE.run(connection, [{"b_due": 9.0, "b_id": 1, "b_now": 3.0}, {"b_due": 9.0, "b_id": 2}])


def test_what_is_added_grows_and_the_rest_is_replaced(connection: Connection) -> None:
    row = {"owner": "key", "id": 1, "month": 202611, "committed": 5}
    for committed in (5, 7, -2):
        upsert(connection, _P, [{**row, "committed": committed}], added=frozenset({"committed"}))
    assert connection.execute(select(_P.c.committed)).scalars().all() == [10]
    upsert(connection, _P, [{**row, "committed": 3}])
    assert connection.execute(select(_P.c.committed)).scalars().all() == [3]


def test_the_drivers_take_whatever_the_tables_hold() -> None:
    """A column of another type, a moment or a JSON, would need what SQLAlchemy does for it."""
    plain = {BigInteger, Boolean, Double, Integer, LargeBinary, Text}
    assert {type(column.type) for table in tables.metadata.tables.values() for column in table.c} <= plain
