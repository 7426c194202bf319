"""What costs money when nobody looks at it, counted in the records. Metrics and `telecine doctor` both read it."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, Connection, case, func, literal_column, or_, select, text

from telecine.accounts.holders import DEFAULT_ACCOUNT, is_priced
from telecine.assets.figures import Libraries, libraries
from telecine.circuit import State
from telecine.clock import Clock, Slip
from telecine.loops import Pulse
from telecine.nouns.ids import made_at
from telecine.nouns.names import ERASED
from telecine.nouns.rate import limited_channel
from telecine.routing.router import Router
from telecine.store import tables
from telecine.store.database import Database
from telecine.store.sums import parts, whole
from telecine.upkeep.rules import Advice
from telecine.upkeep.spend import Spend

DAY: Final = 86400.0


class Count(msgspec.Struct, frozen=True):
    """How many, and how old the oldest is, in seconds."""

    number: int = 0
    age: float = 0.0


class Trouble(msgspec.Struct, frozen=True):
    """A channel whose circuit is not closed. `seconds`: for how long it is left alone now."""

    name: str
    seconds: float
    state: State = "open"


class GivenUp(msgspec.Struct, frozen=True):
    """Submissions of a channel whose outcome was still unknown when their task ended, or was submitted again."""

    channel: str
    week: int
    """Of the last seven days."""
    day: int


class Abroad(msgspec.Struct, frozen=True):
    """Tasks that have something left to do at channels which take no new ones, by channel."""

    draining: dict[str, int] = {}
    """Every channel that is configured so, also those without such a task."""
    leaving: dict[str, int] = {}
    """At channels removed, or moved to another address, while this process runs: it still asks them."""
    stranded: dict[str, int] = {}
    """At channels that this process cannot ask: they were removed or moved before it started."""


class Unlimited(msgspec.Struct, frozen=True):
    """An account that spends without having a balance. `said`: somebody wanted it so."""

    name: str
    said: bool


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """The state of one installation at one moment."""

    late: float
    """How late the most overdue step is, in seconds."""
    unknown: Count
    """Attempts whose submission has an unknown outcome."""
    given_up: tuple[GivenUp, ...]
    parked: Count
    """Holds of tasks that have been waiting for an upstream's word for more than a day."""
    parked_micros: int
    overdrawn: int = 0
    """Accounts that owe: what they hold exceeds their balance."""
    overdraft_micros: int = 0
    """What they owe together."""
    deliveries: Count
    lines: dict[str, Count]
    """Tasks that wait for a slot, by pool."""
    quotas: dict[str, Count] = {}
    """Tasks that wait for the rate or the daily cap of a channel, by channel."""
    shut: tuple[str, ...]
    """Pools that have no slots."""
    troubled: tuple[Trouble, ...]
    channels: tuple[str, ...] = ()
    abroad: Abroad
    outputs_pending: int
    """Files of tasks that have succeeded, not stored yet."""
    outputs_lost: int
    """Files that could not be stored, of tasks that ended in the last day."""
    disk_free: int
    disk_size: int
    """Bytes of the file system under the data."""
    skew: float | None
    """By how much the database's clock is ahead of ours, in seconds; None where it has none of its own."""
    slip: Slip = Slip()
    """What was done to the machine's clock while the process ran."""
    records_ahead: float = 0.0
    """By how much the newest task was made later than now, in seconds."""
    spend: tuple[Spend, ...]
    """Every configured channel."""
    loops: tuple[Pulse, ...] = ()
    """How what the process does again and again fares; nothing where it does no work."""
    libraries: Libraries = Libraries()
    """The files that accounts keep."""
    unlimited: tuple[Unlimited, ...] | None = None
    """Accounts but the operator's own; None where nothing costs anything."""
    advice: tuple[Advice, ...] = ()
    """What the configuration is to be warned of."""


async def measure(  # noqa: PLR0917  each of another kind
    database: Database,
    router: Router,
    clock: Clock,
    data: Path,
    spend: Sequence[Spend] = (),
    loops: tuple[Pulse, ...] = (),
    advice: Sequence[Advice] = (),
) -> Figures:
    """Look at everything once; `spend`, `loops` and `advice` have been looked at already."""
    now = clock.now()
    disk = await asyncio.to_thread(shutil.disk_usage, data)

    def look(connection: Connection) -> Figures:
        parked, micros = _parked(connection, now)
        overdrawn, overdraft = _overdrawn(connection)
        lines = _lines(connection, now)
        return Figures(
            late=_late(connection, now),
            unknown=_unknown(connection, now),
            given_up=_given_up(connection, now),
            parked=parked,
            parked_micros=micros,
            overdrawn=overdrawn,
            overdraft_micros=overdraft,
            deliveries=_deliveries(connection, now),
            lines={line: count for line, count in lines.items() if limited_channel(line) is None},
            quotas={name: count for line, count in lines.items() if (name := limited_channel(line)) is not None},
            shut=tuple(sorted(pool for pool, slots in router.pools.items() if slots < 1)),
            troubled=tuple(_troubled(router)),
            channels=tuple(one.name for one in router.configs),
            abroad=abroad(connection, router),
            outputs_pending=_outputs(connection, "pending", now - 365 * DAY),
            outputs_lost=_outputs(connection, "lost", now - DAY),
            disk_free=disk.free,
            disk_size=disk.total,
            skew=None if database.sqlite else _skew(connection, clock),
            slip=clock.slip(),
            records_ahead=_ahead(connection, now),
            spend=tuple(spend),
            loops=loops,
            libraries=libraries(connection, now),
            unlimited=_unlimited(connection) if is_priced(connection) else None,
            advice=tuple(advice),
        )

    return await database.snapshot(look)


# Written out, so that the planners see that an index on just these rows will do.
_UNKNOWN: Final[ColumnElement[bool]] = literal_column("attempts.state = 'unknown'")
_RECONCILING: Final[ColumnElement[bool]] = literal_column("tasks.state = 'reconciling'")
_UNDELIVERED: Final[ColumnElement[bool]] = literal_column("deliveries.state = 'pending'")
_NOT_STORED: Final[ColumnElement[bool]] = literal_column("outputs.state <> 'stored'")


def _troubled(router: Router) -> Iterator[Trouble]:
    for one in router.configs:
        circuit = router.circuit(one.name)
        if circuit.state != "closed":
            yield Trouble(one.name, circuit.pause(), circuit.state)


async def states(database: Database) -> tuple[dict[str, int], dict[str, int]]:
    """How many tasks are in each state but the last ones, and how many slots of each pool are taken."""
    table, pool = tables.tasks.c, tables.pools.c
    # `ended_at`, because there is an index on the few that it finds.
    living = select(table.state, func.count()).where(table.ended_at.is_(None)).group_by(table.state)
    both = (living, select(pool.name, pool.used))
    found, used = await database.snapshot(lambda connection: [connection.execute(one).all() for one in both])
    return dict(found), dict(used)


def _late(connection: Connection, now: float) -> float:
    due = tables.schedule.c.due  # 0: woken, whenever that was
    oldest = connection.execute(select(func.min(due)).where(due > 0)).scalar()
    return max(0.0, now - oldest) if oldest is not None else 0.0


def _unknown(connection: Connection, now: float) -> Count:
    table = tables.attempts.c
    return _count(
        connection,
        select(func.count(), func.min(func.coalesce(table.submitted_at, table.created_at))).where(
            _UNKNOWN, table.ended_at.is_(None)
        ),
        now,
    )


def _given_up(connection: Connection, now: float) -> tuple[GivenUp, ...]:
    """Without those that the upstream surely did not have in the end."""
    table = tables.attempts.c
    found = connection.execute(
        select(table.channel, func.count(), func.sum(case((table.ended_at >= now - DAY, 1), else_=0)))
        .where(
            _UNKNOWN,
            table.ended_at >= now - 7 * DAY,
            or_(table.error_code.is_(None), table.error_code == "submission_unknown"),
        )
        .group_by(table.channel)
        .order_by(table.channel)
    )
    return tuple(GivenUp(channel, week, int(day)) for channel, week, day in found.all())


def _parked(connection: Connection, now: float) -> tuple[Count, int]:
    table = tables.tasks.c
    which = (_RECONCILING, table.held > 0, table.created_at < now - DAY)
    found = _count(connection, select(func.count(), func.min(table.created_at)).where(*which), now)
    return found, whole(*connection.execute(select(*parts(table.held)).where(*which)).one())


def _overdrawn(connection: Connection) -> tuple[int, int]:
    table = tables.accounts.c
    which = (table.limited.is_(True), table.balance < table.held)
    number, *micros = (connection.execute(select(func.count(), *parts(table.held - table.balance)).where(*which))).one()
    return number, whole(*micros)


def _deliveries(connection: Connection, now: float) -> Count:
    table = tables.deliveries.c
    return _count(connection, select(func.count(), func.min(table.created_at)).where(_UNDELIVERED), now)


def _lines(connection: Connection, now: float) -> dict[str, Count]:
    row, task = tables.schedule.c, tables.tasks.c
    found = connection.execute(
        select(row.pool, func.count(), func.min(task.created_at))
        .join(tables.tasks, task.id == row.task_id)
        .where(row.pool.is_not(None))
        .group_by(row.pool)
    )
    return {pool: Count(number, max(0.0, now - oldest)) for pool, number, oldest in found.all()}


def abroad(connection: Connection, router: Router) -> Abroad:
    """Look through what is scheduled for tasks that need a channel which takes no new ones."""
    attempt, task = tables.attempts.c, tables.tasks.c
    under_way = select(task.attempt_id).where(  # nested, so that the planners begin with what is scheduled
        task.id.in_(select(tables.schedule.c.task_id)),
        task.state.not_in(("draft", "queued")),
        or_(task.ended_at.is_(None), task.deleted_at.is_(None)),
    )
    found = connection.execute(
        select(attempt.channel, attempt.address, attempt.provider, func.count().label("number"))
        .where(attempt.id.in_(under_way))
        .group_by(attempt.channel, attempt.address, attempt.provider)
    )
    draining = {one.name: 0 for one in router.configs if one.draining}
    leaving: Counter[str] = Counter()
    stranded: Counter[str] = Counter()
    for one in found.all():
        match router.standing(one.channel, one.address, one.provider):
            case "here":
                if one.channel in draining:
                    draining[one.channel] += one.number
            case "leaving":
                leaving[one.channel] += one.number
            case "unknown":
                stranded[one.channel] += one.number
    return Abroad(draining, dict(leaving), dict(stranded))


def _unlimited(connection: Connection) -> tuple[Unlimited, ...]:
    table = tables.accounts.c
    found = connection.execute(
        select(table.name, table.unlimited)
        .where(table.limited.is_(False), table.name != DEFAULT_ACCOUNT, table.name.not_like(f"{ERASED}%"))
        .order_by(table.name)
    )
    return tuple(Unlimited(name, said) for name, said in found.all())


def _outputs(connection: Connection, state: str, since: float) -> int:
    output, task = tables.outputs.c, tables.tasks.c
    found = connection.execute(
        select(func.count())
        .select_from(tables.outputs)
        .join(tables.tasks, task.id == output.task_id)
        .where(
            _NOT_STORED,
            output.state == state,
            task.state == "succeeded",
            task.ended_at >= since,
            task.deleted_at.is_(None),
        )
    )
    return found.scalar_one()


def _ahead(connection: Connection, now: float) -> float:
    newest = connection.execute(select(func.max(tables.tasks.c.id))).scalar()
    return max(0.0, made_at(newest) - now) if newest is not None else 0.0


def _skew(connection: Connection, clock: Clock) -> float:
    before = clock.now()
    theirs = connection.execute(text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one()
    return float(theirs) - (before + clock.now()) / 2


def _count(connection: Connection, query: Any, now: float) -> Count:
    number, oldest = connection.execute(query).one()
    return Count(number, max(0.0, now - oldest) if oldest is not None else 0.0)
