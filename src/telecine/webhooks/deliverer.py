"""Sends what is due, tries again with growing pauses for 24 hours, and keeps the order of each task's news."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Final

import msgspec
import structlog
from sqlalchemy import Double, Integer, and_, bindparam, exists, or_, select, update

from telecine.clock import Clock
from telecine.loops import LEAVING, Loop, end
from telecine.net.client import Client, FetchError
from telecine.shares import Shares
from telecine.store import tables
from telecine.store.batcher import Batcher
from telecine.store.database import Database
from telecine.store.distinct import distinct
from telecine.store.locks import in_order
from telecine.webhooks.delivery import TEST, asked_for, line_of, of_line
from telecine.webhooks.endpoints import Endpoints
from telecine.webhooks.lines import AT_ONCE, Lines, Pause
from telecine.webhooks.signing import headers_of
from telecine.webhooks.tries import GONE, Outcome, Try, record

_log = structlog.get_logger(__name__)

TRY_SECONDS: Final = 15.0
GIVE_UP_SECONDS: Final = 24 * 3600.0
ANSWER_BYTES: Final = 1024
"""How much of a receiver's answer is kept."""
_TAKEN: Final = 4 * TRY_SECONDS
"""Seconds for which nobody else sends what a process has taken: far longer than a try may last."""
_FIRST_PAUSE: Final = 5.0
_LONGEST_PAUSE: Final = 3600.0
_AT_ONCE: Final = 256
"""For one account alone."""
_PAGE: Final = 2 * AT_ONCE
"""Deliveries that are read at a time: what waits behind a line that is full would be read for nothing."""
_TICK: Final = 1.0
_SWEEP: Final = 60.0
_RECORD_AGAIN: Final = 1.0
_RECORD_LATEST: Final = 30.0

_D = tables.deliveries


class _Due(msgspec.Struct, frozen=True):
    id: int
    task_id: int
    account_id: int
    endpoint_id: int
    line: str
    type: str
    url: str
    body: bytes
    headers: bytes | None
    tries: int
    redelivery_of: int | None
    created_at: float
    due: float

    @property
    def turn(self) -> tuple[int, int]:
        """What only one delivery at a time may be under way for: this keeps the order of a task's news."""
        ordered = self.task_id and self.redelivery_of is None
        return (self.task_id, self.endpoint_id) if ordered else (-self.id, 0)

    @property
    def asked(self) -> bool:
        return asked_for(self.type, self.redelivery_of, self.tries)


# As `asked_for` says it.
_ASKED: Final = and_(_D.c.tries == 0, or_(_D.c.type == TEST, _D.c.redelivery_of.is_not(None)))
_ELDER: Final = _D.alias()
_WAITS: Final = exists().where(of_line(_ELDER), _ELDER.c.sequence < _D.c.sequence)
_DUE: Final = (
    select(*(_D.c[name] for name in _Due.__struct_fields__))
    .where(
        _D.c.due <= bindparam("b_now", type_=Double),
        _D.c.id.not_in(bindparam("b_sending", expanding=True)),
        _D.c.line.not_in(bindparam("b_full", expanding=True)),
        or_(_D.c.line.not_in(bindparam("b_closed", expanding=True)), _ASKED),
        or_(_D.c.redelivery_of.is_not(None), ~_WAITS),
    )
    .order_by(_D.c.due, _D.c.id)
    .limit(bindparam("b_limit", type_=Integer))
)
"""What is due, is not under way, and has no unfinished elder of the same task and endpoint before it."""
_ACCOUNTS: Final = distinct(_D.c.account_id, _D.c.due.is_not(None)).c.value
_DUE_OF_OTHERS: Final = _DUE.where(
    _D.c.account_id.in_(select(_ACCOUNTS).where(_ACCOUNTS.not_in(bindparam("b_sated", expanding=True))))
)
"""The same where some accounts may send no more: what thousands of deliveries of theirs are is not even read."""


class Deliverer:
    """One per process. What it is sending it holds in memory; on PostgreSQL, where others look at the same deliveries,
    it also takes each one before it sends it.

    `client` should be one of its own, so that slow receivers take no connection from providers.
    """

    def __init__(self, database: Database, client: Client, clock: Clock, endpoints: Endpoints) -> None:
        self._database = database
        self._client = client
        self._clock = clock
        self._endpoints = endpoints
        self._lines = Lines(clock)
        self._shares: Shares[int] = Shares(_AT_ONCE)
        self._sending: set[int] = set()
        self._turns: set[tuple[int, int]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._outcomes: Batcher[Outcome, bool] = Batcher(lambda some: database.change(partial(record, outcomes=some)))
        self._left = False
        """Whether the last look has left anything: then the end of any delivery may be what it waits for."""
        self.loop = Loop("deliveries", self._turn, clock, every=_TICK)
        """Sends what falls due."""
        self._swept = 0.0

    def nudge(self) -> None:
        """A delivery may have fallen due: look soon."""
        self.loop.nudge()

    def pause(self, line: str) -> Pause | None:
        """Why the receiver behind `line` is left alone now, and until when."""
        return self._lines.pause(line)

    def reset(self, account_id: int, endpoint_id: int) -> None:
        """End a pause of the endpoint: its owner has changed something."""
        self._lines.reset(line_of(account_id, endpoint_id, ""))
        self.nudge()

    async def _turn(self) -> None:
        await self.send_due()
        if self._clock.now() >= self._swept + _SWEEP:
            await self.give_up_stale()

    async def send_due(self) -> int:
        """Begin to send what is due now and may be sent; how many."""
        begun, self._left = 0, True
        while (room := min(_PAGE, self._shares.free)) > 0:
            shut = self._shut()
            due = await self._due(room, *shut)
            started = sum(1 for one in due if self._begin(one))
            begun += started
            # A whole page may belong to few lines or accounts, which are full now: look behind them.
            if len(due) < room or (not started and self._shut() == shut):
                self._left = started < len(due) or any(shut)
                break
        return begun

    def _shut(self) -> tuple[list[int], list[str], list[str]]:
        """The accounts and the lines on which nothing may be sent now, and those lines on which only what a person
        asked for may."""
        return self._shares.full(), self._lines.full(), self._lines.closed()

    async def give_up_stale(self) -> None:
        """End what has waited for a day behind a receiver that still takes nothing; it gets no try of its own."""
        self._swept = now = self._clock.now()
        broken = self._lines.broken()
        if not broken:
            return
        stale = and_(
            _D.c.state == "pending",
            _D.c.due.is_not(None),
            _D.c.line.in_(broken),
            _D.c.created_at < now - GIVE_UP_SECONDS,
            _D.c.id.not_in(self._sending),
        )
        ended = update(_D).where(_D.c.id.in_(in_order(_D.c.id, stale, skip=True)))
        values = {"state": "failed", "due": None, "reason": "the receiver took nothing for a day"}
        await self._database.change(lambda to: to.execute(ended.values(values)))

    async def bring_back(self) -> int:
        """Make due now what is due later than any try sets, because a clock was ahead; how many. Called by a start."""
        now = self._clock.now()
        late = update(_D).where(_D.c.state == "pending", _D.c.due > now + _LONGEST_PAUSE + _SWEEP)
        return await self._database.change(lambda to: to.execute(late.values(due=now)).rowcount)

    async def drain(self) -> None:
        """Send all that is due, one after the other where order asks for it. For tests."""
        while await self.send_due() or self._tasks:
            if self._tasks:
                await asyncio.wait(list(self._tasks))

    async def stop(self, grace: float) -> list[str]:
        """Let the tries under way finish for `grace` seconds; the names of those that heeded no cancel.

        What is cut short is sent by the next start: a receiver that has not answered may then have it twice.
        """
        if self._tasks:
            await asyncio.wait(list(self._tasks), timeout=grace)
        return await end(self._tasks, LEAVING)

    def _begin(self, one: _Due) -> bool:
        if one.turn in self._turns or not self._shares.try_take(one.account_id):
            return False
        if not self._lines.take(one.line, one.id, asked=one.asked):
            self._shares.give(one.account_id)
            return False
        self._sending.add(one.id)
        self._turns.add(one.turn)
        task = asyncio.create_task(self._send(one), name=f"delivery {one.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True

    async def _due(self, room: int, sated: list[int], full: list[str], closed: list[str]) -> list[_Due]:
        given = {
            "b_now": self._clock.now(),
            "b_sending": list(self._sending),
            "b_full": full,
            "b_closed": closed,
            "b_limit": room,
        }
        query, given = (_DUE_OF_OTHERS, given | {"b_sated": sated}) if sated else (_DUE, given)
        return [_Due(*row) for row in await self._database.rows(query, given)]

    async def _send(self, one: _Due) -> None:
        outcome, more = None, True
        try:
            if await self._taken(one):
                outcome = await self._try(one)
                more = await self._record_surely(one, outcome)
        except Exception:
            _log.exception("delivery_not_sent", delivery=one.id)
        finally:
            # Neither a test nor an answer as plain as 410 says that the receiver is in trouble.
            trouble = outcome is not None and one.type != TEST and not outcome.gone
            self._lines.give(
                one.line,
                one.id,
                well=outcome is not None and outcome.well,
                failure=outcome.failure if outcome is not None and trouble else None,
            )
            self._shares.give(one.account_id)
            self._turns.discard(one.turn)
            self._sending.discard(one.id)
            if more or self._left:
                self.nudge()

    async def _taken(self, one: _Due) -> bool:
        """Whether no other process sends `one`. Should this one die, it is due again after a while."""
        if self._database.sqlite:  # nobody else is there
            return True
        mine = update(_D).where(_D.c.id == one.id, _D.c.state == "pending", _D.c.due == one.due)
        taken = mine.values(due=self._clock.now() + _TAKEN)
        return await self._database.change(lambda to: to.execute(taken).rowcount) > 0

    async def _try(self, one: _Due) -> Try | None:
        """One try; None where the endpoint is gone."""
        now = self._clock.now()
        keys = await self._endpoints.secrets(one.account_id, one.endpoint_id)
        if keys is None:
            return None
        if not keys:  # the operator may yet bring back the key of the installation
            return Try(now, 0, reason="the webhook's secret cannot be opened")
        own = self._endpoints.opened(one.headers, one.task_id)
        if own is None:
            return Try(now, 0, reason="the webhook's headers cannot be opened")
        signed = headers_of(one.redelivery_of or one.id, one.body, now, keys)
        started = time.perf_counter()
        try:
            reply = await self._client.request(
                "POST",
                one.url,
                headers={
                    **own,
                    "content-type": "application/json; charset=utf-8",
                    "accept-encoding": "identity",  # its answer is kept as it comes
                    **signed,
                },
                body=one.body,
                timeout=TRY_SECONDS,
                max_bytes=ANSWER_BYTES,
                cut=True,
            )
        except FetchError as error:
            return Try(now, _milliseconds(started), reason=error.reason)
        reason = GONE if reply.status == 410 else None
        return Try(now, _milliseconds(started), reply.status, reason, reply.body, reply.retry_after or 0.0)

    async def _record_surely(self, one: _Due, outcome: Try | None) -> bool:
        """Record what came of a try, again and again where the database cannot take it now: it would be sent anew.

        Whether newer news of its task wait for it.
        """
        pause = _RECORD_AGAIN
        while True:
            try:
                return await self._record(one, outcome)
            except Exception:
                _log.exception("delivery_not_recorded", delivery=one.id)
                await self._clock.sleep(pause)
                pause = min(2 * pause, _RECORD_LATEST)

    async def _record(self, one: _Due, outcome: Try | None) -> bool:
        if outcome is None:
            return await self._outcomes.submit(Outcome(one.id, None, "failed"))
        now = self._clock.now()
        pause = min(max(_FIRST_PAUSE * 2.0 ** min(one.tries, 16), outcome.retry_after), _LONGEST_PAUSE)
        # Whoever sends a test waits for what comes of it, and sends another one when something has been mended.
        given_up = outcome.gone or one.type == TEST or now + pause > one.created_at + GIVE_UP_SECONDS
        state = "delivered" if outcome.well else "failed" if given_up else "pending"
        more = await self._outcomes.submit(Outcome(one.id, outcome, state, now + pause if state == "pending" else None))
        if outcome.gone and one.endpoint_id:  # Standard Webhooks: 410 asks the sender to disable the endpoint
            await self._endpoints.switch_off(one.account_id, one.endpoint_id, one.url, GONE)
        return more


def _milliseconds(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)
