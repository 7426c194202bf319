"""What must hold of the books, each rule as statements that find only what breaks it.

Whatever is held for, its hold ends once and what it moved is counted; what entries of tasks say is compared with the
tasks as well.

They read every entry and every task that was ever priced, so they leave the comparing to the database.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    Text,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
    union_all,
)

from telecine.accounts.ledger import TASK
from telecine.nouns.money import TOKEN_UNITS, amount_of
from telecine.store import tables
from telecine.store.sums import parts, whole


class Problem(msgspec.Struct, frozen=True):
    """One thing that `check` found wrong."""

    rule: str
    subject: str
    detail: str


RULES: Final[dict[str, str]] = {
    "sums": "balances equal the sums of the entries",
    "open holds": "no open hold without a task that lives",
    "unsettled ends": "no ended task with an open hold",
    "ends": "every hold ends once, by as much as was held, and nothing ends without one",
    "charges": "tasks say what their entries say",
    "budgets": "what budgets count is what is held and was charged, by key and account and month",
    "holds": "every task with a price was held",
    "owners": "every entry is of its task's account and key, every end of its hold's",
    "outcomes": "successes are charged, failures are not",
}


def check(connection: Connection) -> list[Problem]:
    """Everything that must hold of the books and does not: the empty list is the good answer."""
    return [
        *_sums(connection),
        *_open_holds(connection),
        *_unsettled_ends(connection),
        *_ends(connection),
        *_charges(connection),
        *_budgets(connection),
        *_holds(connection),
        *_owners(connection),
        *_outcomes(connection),
    ]


def _sums(connection: Connection) -> list[Problem]:
    """Balances, held and spent sums equal the sums of the entries."""
    charge = _ENTRY.kind == "charge"
    columns = (_ENTRY.balance_delta, _ENTRY.held_delta, case((charge, -_ENTRY.balance_delta), else_=0))
    sums = [half for column in columns for half in parts(column)]
    found = connection.execute(select(_ENTRY.account_id, *sums).group_by(_ENTRY.account_id))
    should = {row[0]: [whole(*row[at : at + 2]) for at in (1, 3, 5)] for row in found.all()}
    account = tables.accounts.c
    rows = connection.execute(select(account.id, account.name, account.balance, account.held, account.spent))
    return [
        Problem("sums", f"account {name}", f"{what} is {is_}, its entries sum to {sum_}")
        for identity, name, *figures in rows.all()
        for what, is_, sum_ in zip(("balance", "held", "spent"), figures, should.get(identity, (0, 0, 0)), strict=True)
        if is_ != sum_
    ]


def _open_holds(connection: Connection) -> list[Problem]:
    """No open hold without a task that has not ended."""
    living = exists().where(_TASK.id == _task_of(_ENTRY), _TASK.ended_at.is_(None))
    rows = connection.execute(
        select(_ENTRY.ref_id).where(_ENTRY.ref_type == TASK, _ENTRY.kind == "hold", ~_ended(_ENTRY.ref_id), ~living)
    )
    return [_about(one, "open holds", "its hold is open, but it has ended or is gone") for one in rows.scalars()]


def _unsettled_ends(connection: Connection) -> list[Problem]:
    """No ended task with a hold that is still open."""
    rows = connection.execute(
        select(_TASK.id, _TASK.state).where(_TASK.held > 0, _TASK.charged.is_(None), _TASK.state.in_(_TERMINAL))
    )
    return [_about(one, "unsettled ends", f"it is {state}, but was never settled") for one, state in rows.all()]


def _ends(connection: Connection) -> list[Problem]:
    """Every hold ends once, by as much as was held, and nothing ends without one."""
    ends = func.sum(case((_ENTRY.kind.in_(_ENDS), 1), else_=0)).label("ends")
    holds = func.sum(case((_ENTRY.kind == "hold", 1), else_=0)).label("holds")
    left = func.sum(_ENTRY.held_delta).label("left")
    ref = (_ENTRY.ref_type, _ENTRY.ref_id)
    sums = select(*ref, holds, ends, left).where(_ENTRY.kind.in_(_MOVES)).group_by(*ref).subquery()
    rows = connection.execute(
        select(sums).where(
            or_(sums.c.holds != 1, sums.c.ends > 1, and_(sums.c.ends == 1, sums.c.left != 0), sums.c.left < 0)
        )
    )
    return [
        _about(ref, "ends", f"it was held {holds} times and ended {ends} times, and {int(left)} of it is left", kind)
        for kind, ref, holds, ends, left in rows.all()
    ]


def _charges(connection: Connection) -> list[Problem]:
    """What a task says it was charged is what its entries say."""
    booked = func.sum(-_ENTRY.balance_delta).label("booked")
    sums = (
        select(_ENTRY.ref_id, func.min(_task_of(_ENTRY)).label("task"), booked)
        .where(_ENTRY.ref_type == TASK, _ENTRY.kind.in_(_ENDS))
        .group_by(_ENTRY.ref_id)
        .subquery()
    )
    differ = (
        select(sums.c.ref_id, _TASK.charged, sums.c.booked)
        .outerjoin(tables.tasks, _TASK.id == sums.c.task)
        .where(_TASK.charged.is_distinct_from(cast(sums.c.booked, BigInteger)))
    )
    unbooked = select(_NAME, _TASK.charged).where(_TASK.charged.is_not(None), ~_ended(_NAME))
    rows = [*connection.execute(differ).all(), *((*row, None) for row in connection.execute(unbooked))]
    return [
        _about(ref, "charges", f"it says {said}, its entries say {None if booked is None else int(booked)}")
        for ref, said, booked in rows
    ]


def _budgets(connection: Connection) -> list[Problem]:
    """What the budgets of keys and accounts count in a month is what was held then, and what became of it."""
    hold = tables.ledger_entries.alias()
    month = _month(connection, hold.c.at).label("month")
    begun = _its_hold(hold)
    moved = (
        select(
            _ENTRY.account_id,
            _ENTRY.key_id,
            month,
            func.sum(_ENTRY.held_delta - _ENTRY.balance_delta).label("committed"),
        )
        .join(hold, begun)
        .where(_ENTRY.kind.in_(_MOVES))
        .group_by(_ENTRY.account_id, _ENTRY.key_id, month)
        .cte("moved")
    )
    kept, nothing = tables.spending.c, literal(0, BigInteger)
    both = union_all(
        select(kept.owner, kept.id, kept.month, kept.committed.label("counted"), nothing.label("booked")),
        select(literal("account"), moved.c.account_id, moved.c.month, nothing, moved.c.committed),
        select(literal("key"), moved.c.key_id, moved.c.month, nothing, moved.c.committed).where(
            moved.c.key_id.is_not(None)
        ),
    ).subquery()
    place = (both.c.owner, both.c.id, both.c.month)
    counted, booked = func.sum(both.c.counted), func.sum(both.c.booked)
    rows = connection.execute(select(*place, counted, booked).group_by(*place).having(counted != booked)).all()
    names = _names(connection) if rows else {}
    return [
        Problem(
            "budgets",
            f"{owner} {names.get((owner, identity), identity)}",
            f"in {month} {amount_of(int(count))} is counted, {amount_of(int(should))} was held and charged",
        )
        for owner, identity, month, count, should in rows
    ]


def _holds(connection: Connection) -> list[Problem]:
    """No task with a price that was never held; what is free has no price."""
    rows = connection.execute(
        select(_TASK.id, _TASK.state).where(_PRICED, ~_has(_NAME, "hold"), ~_has(_NAME, "charge"))
    )
    return [_about(one, "holds", f"it has a price and is {state}, but was never held") for one, state in rows.all()]


def _owners(connection: Connection) -> list[Problem]:
    """Whoever pays for a task is whose it is, and whoever's hold ends is who had it."""
    rows = connection.execute(
        select(_ENTRY.ref_id, _ENTRY.kind, _TASK.id)
        .outerjoin(tables.tasks, _TASK.id == _task_of(_ENTRY))
        .where(_ENTRY.ref_type == TASK, or_(_TASK.id.is_(None), _of_another(_TASK)))
    )
    hold = tables.ledger_entries.alias()
    others = connection.execute(
        select(_ENTRY.ref_type, _ENTRY.ref_id, _ENTRY.kind)
        .join(hold, _its_hold(hold))
        .where(_ENTRY.ref_type != TASK, _ENTRY.kind.in_(_ENDS), _of_another(hold.c))
    )
    return [
        *(
            _about(ref, "owners", f"its {kind} is of another account or key" if task else f"its {kind} is of no task")
            for ref, kind, task in rows.all()
        ),
        *(_about(ref, "owners", f"its {kind} is of another account or key", what) for what, ref, kind in others.all()),
    ]


def _outcomes(connection: Connection) -> list[Problem]:
    """What has succeeded was charged, if only nothing; what has not was not. The sandbox may succeed for nothing."""
    free = select(_TASK.id, _TASK.state).where(
        _TASK.state == "succeeded", _PRICED, _TASK.sandbox.is_(False), ~_has(_NAME, "charge")
    )
    paid = select(_TASK.id, _TASK.state).where(_TASK.state.in_(("failed", "cancelled")), _has(_NAME, "charge"))
    return [  # two statements: PostgreSQL cannot plan well for the two conditions in one
        *(_about(one, "outcomes", f"it is {state}, but was not charged") for one, state in connection.execute(free)),
        *(_about(one, "outcomes", f"it is {state}, and was charged") for one, state in connection.execute(paid)),
    ]


def _names(connection: Connection) -> dict[tuple[str, int], str]:
    """What accounts and keys are called, by (owner, id)."""
    found: dict[tuple[str, int], str] = {}
    for owner, table in (("account", tables.accounts), ("key", tables.keys)):
        rows = connection.execute(select(table.c.id, table.c.name))
        found.update({(owner, identity): name for identity, name in rows.all()})
    return found


def _month(connection: Connection, at: ColumnElement[float]) -> ColumnElement[int]:
    """The calendar month of a moment, as `spending.month_of` has it."""
    if connection.dialect.name == "sqlite":
        return cast(func.strftime("%Y%m", cast(at, BigInteger), "unixepoch"), Integer)
    return cast(func.to_char(func.timezone("UTC", func.to_timestamp(func.floor(at))), "YYYYMM"), Integer)


def _task_of(entry: Any) -> ColumnElement[int]:
    """The id of an entry's task; null for other entries, whose references are no numbers."""
    return case((entry.ref_type == TASK, cast(entry.ref_id, BigInteger)))


def _has(ref: ColumnElement[str], *kinds: str) -> ColumnElement[bool]:
    """Whether there is an entry of one of `kinds` for the task that is called `ref`."""
    other = tables.ledger_entries.alias().c
    return exists().where(other.ref_type == TASK, other.ref_id == ref, other.kind.in_(kinds))


def _ended(ref: ColumnElement[str]) -> ColumnElement[bool]:
    return _has(ref, *_ENDS)


def _its_hold(hold: FromClause) -> ColumnElement[bool]:
    """The hold of what an entry is for."""
    return and_(hold.c.ref_type == _ENTRY.ref_type, hold.c.ref_id == _ENTRY.ref_id, hold.c.kind == "hold")


def _of_another(owner: Any) -> ColumnElement[bool]:
    """Whether an entry is of another account or key than `owner`, a task or a hold."""
    return or_(owner.account_id != _ENTRY.account_id, owner.key_id.is_distinct_from(_ENTRY.key_id))


def _about(ref: object, rule: str, detail: str, kind: str = TASK) -> Problem:
    return Problem(rule, f"{kind} {ref}", detail)


_ENTRY: Final = tables.ledger_entries.c
_TASK: Final = tables.tasks.c
_NAME: Final = cast(_TASK.id, Text)
"""How entries call a task."""
_PRICED: Final = or_(
    _TASK.price_unit.is_not(None), *(_TASK[f"price_{kind}_tokens"].is_not(None) for kind in TOKEN_UNITS.values())
)
_ENDS: Final = ("charge", "release")
_MOVES: Final = ("hold", "adjust", *_ENDS)
_TERMINAL: Final = ("succeeded", "failed", "cancelled")
