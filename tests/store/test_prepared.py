"""Statements that are compiled once write what they would write if compiled at each execution."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Double,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    bindparam,
    case,
    create_engine,
    event,
    insert,
    select,
    text,
    update,
)

from telecine.store import tables
from telecine.store.inserts import upsert
from telecine.store.prepared import Prepared

_S, _P = tables.schedule, tables.spending
_T = Table(
    "notes",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("made_at", Double, server_default=text("0")),
    Column("note", Text),
)
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
    _T.create(engine)
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


def test_what_no_row_says_is_null_in_the_statement_and_no_default(connection: Connection) -> None:
    said: list[str] = []
    event.listen(connection, "before_cursor_execute", lambda *given: said.append(given[2]))
    adding, row = Prepared(insert(_T)), {"id": 0, "name": "a", "made_at": None, "note": None}
    adding.run(connection, [{**row, "id": 1}, {**row, "id": 2, "note": "here"}])
    adding.run(connection, [{**row, "id": 3}])
    assert [text.count("NULL") for text in said] == [1, 2]
    rows = connection.execute(select(_T).order_by(_T.c.id)).all()
    assert [tuple(row) for row in rows] == [(1, "a", None, None), (2, "a", None, "here"), (3, "a", None, None)]
    Prepared(update(_T).where(_T.c.id == bindparam("b_id"))).run(
        connection, [{"b_id": 2, "note": None, "made_at": 5.0}]
    )
    assert connection.execute(select(_T.c.note, _T.c.made_at).where(_T.c.id == 2)).one() == (None, 5.0)
