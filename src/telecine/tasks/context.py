"""What every step works with, and the two ways in which a step ends: a committed change, or a rest."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Final, Protocol
from weakref import WeakValueDictionary

import msgspec
import structlog
from sqlalchemy.exc import DataError, IntegrityError, ProgrammingError, SQLAlchemyError

from telecine.accounts.prices import PriceBook
from telecine.accounts.tokens import TokenMeter
from telecine.clock import Clock
from telecine.config import LimitsConfig
from telecine.net.spool import Spool, Spooled
from telecine.nouns.ids import IdSource
from telecine.nouns.request import MediaInput, Role
from telecine.nouns.task import Output, Task
from telecine.nouns.workflows import Workflows
from telecine.providers.base import Channel, MediaReader, Provider
from telecine.routing.router import Router
from telecine.store.batcher import BatchError
from telecine.store.database import CommitUnknownError, Database
from telecine.store.inserts import DRAWS
from telecine.tasks.news import news_of
from telecine.tasks.pace import Pace
from telecine.tasks.reads import TaskReads
from telecine.tasks.steps import Kind, Place, kind_of
from telecine.tasks.view import View
from telecine.tasks.watch import Watch
from telecine.tasks.writes import Alternative, Change, Event, Rest, StaleError, Start, Step
from telecine.webhooks.delivery import Delivery, Message, Tidings
from telecine.webhooks.endpoints import Endpoint

_AGAIN: Final = 1.0
_LATEST_AGAIN: Final = 30.0
"""Seconds between two tries to commit a step: between the first ones, and at most."""
_PASSING: Final = (SQLAlchemyError, CommitUnknownError, BatchError, OSError)
_IN_VAIN: Final = (IntegrityError, DataError, ProgrammingError)
"""What a database can do to a commit, and of that what it says of the statement, so that it will say it again."""
_log = structlog.get_logger(__name__)

Growth = tuple[float, float, float, float]
"""How far a picture grows up, down, left and right: as shares of its own height and width."""
Announce = Callable[[View, Tidings], Message | None]
"""What a receiver is sent of what has happened to a task; None for nothing."""


def _nobody(_account: int, _news: str) -> Sequence[Endpoint]:
    return ()


def _unsealed(_headers: Mapping[str, str], _task: int) -> bytes | None:
    raise LookupError("nothing here can seal the headers of a webhook")


def _unheard() -> None:
    return None


class Library(Protocol):
    """Where outputs are kept. Implemented by `media/`."""

    async def keep(self, provider: Provider, channel: Channel, output: Output, account_id: int) -> Output:
        """Stream one output to storage; the output as stored. Raises FetchError when it cannot be had now."""
        ...

    def spool(self) -> Spool:
        """Where the files go that come inside one answer."""
        ...

    async def take(self, key: str, content: Spooled | bytes) -> None:
        """Store a file that came inside an answer, whole or not at all. Raises what the storage raises."""
        ...

    async def forget(self, keys: Sequence[str]) -> None:
        """Delete stored files; those that are gone already do not matter."""
        ...

    async def put(self, key: str, content: bytes) -> None:
        """Store a small document, whole or not at all. Raises what the storage raises."""
        ...

    async def get(self, key: str) -> bytes | None:
        """What was `put` there; None where there is nothing."""
        ...

    async def grid(self, keys: Sequence[str], output: Output, account_id: int) -> Output:
        """The pictures under `keys` as one, kept as `output`. Raises FetchError where none can be drawn, OSError."""
        ...

    async def canvas(self, key: str, growth: Growth, account_id: int, roles: Sequence[Role]) -> list[MediaInput]:
        """The picture under `key` on a larger ground, of which all that is new is transparent: an input for each of
        `roles`. Raises FetchError where it cannot be drawn, and FileNotFoundError."""
        ...

    async def hole(self, key: str, size: tuple[int, int], account_id: int) -> MediaInput:
        """The mask under `key` in that size, transparent where it is so, or else light. Raises as `canvas` does."""
        ...

    async def duplicate(self, key: str, target: str) -> None:
        """Keep the file under `key` under `target` as well. Raises FileNotFoundError, and what the storage raises."""
        ...

    async def copy(self, account_id: int, keys: Sequence[str]) -> list[str]:
        """The same files under new keys of the account. Raises FileNotFoundError, and then has copied nothing."""
        ...

    def reading(
        self, account_id: int, aside: Callable[[], AbstractAsyncContextManager[None]]
    ) -> AbstractAsyncContextManager[MediaReader]:
        """Access to the media of a request of this account, for as long as the block lasts.

        Whatever waits for a client's own server does so within an `aside()`.
        """
        ...


class Context(msgspec.Struct, kw_only=True):
    """The rooms that steps may enter. One per process."""

    database: Database
    reads: TaskReads
    router: Router
    library: Library
    clock: Clock
    ids: IdSource
    limits: LimitsConfig
    prices: PriceBook
    owner: str
    """Who holds the leases of this process."""
    announcers: dict[str, Announce]
    """By dialect that has webhooks of its own: what they tell."""
    neutral: Announce | None = None
    """How all other webhooks tell what has happened; None sends none."""
    sealed: Callable[[Mapping[str, str], int], bytes | None] = _unsealed
    """The headers of a message as a delivery of the task with this id keeps them."""
    subscribed: Callable[[int, str], Sequence[Endpoint]] = _nobody
    """The endpoints of an account that want to hear of a type of event."""
    told: Callable[[], None] = _unheard
    """Called once a step with webhooks has been committed."""
    callback_url: Callable[[str], str | None]
    """The URL at which a provider may call back for an attempt's token; None without a public URL."""
    link_seconds: float
    """How long links stay valid; the files of a deleted task go after that."""
    workflows: Workflows = msgspec.field(default_factory=Workflows)
    tokens: TokenMeter = msgspec.field(default_factory=TokenMeter)
    """The tokens that tasks of limited keys and accounts have taken."""
    pace: Pace = msgspec.field(default_factory=Pace)
    watch: Watch = msgspec.field(default_factory=Watch)
    closing: bool = False
    """Whoever follows a task has to come back later: this process is about to end."""
    leases: dict[int, float] = msgspec.field(default_factory=dict)
    """Until when this process surely holds the lease of each task whose step runs, by the clock's `elapsed`."""
    awaited: dict[int, Task] = msgspec.field(default_factory=dict)
    """The tasks whose clients wait for their first step, as this process has last committed them."""
    uncut: set[int] = msgspec.field(default_factory=set)
    """Tasks whose step is not to be stopped where its lease is lost: its one request goes out, or what it knows, and
    nobody else, is being committed. It ends by that commit."""
    uploading: WeakValueDictionary[tuple[int, str, str], asyncio.Lock] = msgspec.field(
        default_factory=WeakValueDictionary
    )
    """Who uploads a file of a library to a channel's upstream right now."""
    places: dict[int, Place] = msgspec.field(default_factory=dict)
    """What each task whose step runs holds of the places that accounts share."""

    def now(self) -> float:
        """Seconds since the Unix epoch."""
        return self.clock.now()

    def check_lease(self, task_id: int) -> None:
        """Raise StaleError unless this process surely still holds the task: called before what cannot be repeated."""
        if self.leases.get(task_id, float("-inf")) <= self.clock.elapsed():
            raise StaleError(f"the lease of task {task_id} has run out")

    @asynccontextmanager
    async def aside(self, task_id: int) -> AsyncIterator[None]:
        """Wait for something without keeping others from a step. Raises StaleError where that took the lease."""
        place = self.places.get(task_id)
        async with place.aside() if place is not None else nullcontext():
            yield
        self.check_lease(task_id)

    async def go_on(self, task: Task, kind: Kind | None = None) -> None:
        """Wait for a place for the next step of a task whose last step was of another kind; by its state, or `kind`."""
        place = self.places.get(task.id)
        if place is not None:
            await place.move(kind or kind_of(task.state))

    def moved(self, before: Task, change: Change, event: str | None = None, detail: str | None = None) -> Change:
        """`change` with its version raised, its event, and the webhooks that its new status causes."""
        task = msgspec.structs.replace(change.task, version=before.version + 1)
        if task.ended or task.state == "queued":  # there is no job any more that the preview is of
            task = msgspec.structs.replace(task, preview_url=None)
        change = msgspec.structs.replace(change, task=task)
        news = news_of(before, task)
        if event is not None:
            change = msgspec.structs.replace(change, event=Event(event, self.now(), detail, news))
        if news is not None:
            told = self.deliveries(task, (*change.outputs, *change.new_outputs), news)
            change = msgspec.structs.replace(change, deliveries=told)
        return change

    def deliveries(self, task: Task, outputs: tuple[Output, ...], news: str = "task.queued") -> tuple[Delivery, ...]:
        """The webhooks that tell `news` of `task` to whoever asked for them: its request, its account's endpoints."""
        gone = task.deleted_at is not None
        if gone and not task.ended:
            return ()
        # Whoever deletes a running task still hears of its end, and so of its charge; its outputs are to be buried.
        view, url = View(task, () if gone else outputs), task.request.callback_url
        own, tidings = self.announcers.get(task.dialect), Tidings(news, self.now())
        wanted: list[tuple[int, str, Message | None]] = []
        if url is not None and own is not None:
            wanted.append((0, url, own(view, tidings)))
        if self.neutral is not None:
            urls = [(one.id, one.url) for one in self.subscribed(task.account_id, news) if one.url is not None]
            if url is not None and own is None:
                urls.append((0, url))
            message = self.neutral(view, tidings) if urls else None
            wanted += [(endpoint, where, message) for endpoint, where in urls]
        return tuple(
            Delivery(
                id=self.ids.next(self.now()),
                task_id=task.id,
                account_id=task.account_id,
                endpoint_id=endpoint,
                sequence=task.version,
                type=news,
                url=where,
                body=message.body,
                headers=self.sealed(message.headers, task.id) if message.headers else None,
                created_at=self.now(),
            )
            for endpoint, where, message in wanted
            if message is not None
        )

    async def commit(
        self,
        change: Change,
        *,
        due: float | None = None,
        keep_lease: bool = False,
        buried: bool = False,
        surely: bool = False,
    ) -> None:
        """Commit one step. Without `due` and `keep_lease` nothing is left to do for the task. Raises StaleError.

        A task that was deleted while it ran still has its burial before it, unless this step is the burial.
        `surely`: what the step has learnt is known nowhere else, and may have been paid for. It is tried until it is
        committed, or until the records say that the task is no longer this process's.
        """
        if due is None and not keep_lease and change.task.deleted_at is not None and not buried:
            due = self.now()
        step = Step(
            change=change,
            owner=self.owner,
            now=self.now(),
            token=secrets.randbits(62),
            due=due,
            keep_lease=keep_lease,
        )
        await self.write(step, surely=surely)

    async def write(self, step: Step | Start, *, surely: bool = False) -> Alternative | None:
        """Commit a step, and tell whoever watches its task. Raises StaleError."""
        self.uncut.add(step.key)
        try:
            if isinstance(step, Start):
                begun: Alternative | None = await self.database.write(step)
                self._committed(begun.change.task if begun is not None else None, step.key)
                return begun
            await self._persist(step, surely=surely)
        finally:
            self.uncut.discard(step.key)
        self._committed(step.change.task, step.key)
        if step.change.deliveries:
            self.told()
        return None

    def _committed(self, task: Task | None, task_id: int) -> None:
        """Tell whoever watches the task, or waits for its first step. None: its row is as it was."""
        if task is not None and task_id in self.awaited:
            self.awaited[task_id] = task
        self.watch.changed(task_id)

    async def _persist(self, step: Step, *, surely: bool) -> None:
        """Commit a step, again and again where the database cannot take it now: while the lease lasts, or `surely`."""
        pause, draws = _AGAIN, DRAWS
        while True:
            try:
                await self.database.write(step)
            except StaleError:
                raise
            except Exception as error:
                if isinstance(error, IntegrityError) and step.change.deliveries and draws > 1:
                    draws -= 1
                    step = self._redrawn(step)  # another process has drawn the id of one of its webhooks
                    continue
                late = self.clock.elapsed() + pause >= self.leases.get(step.key, float("-inf"))
                passes = isinstance(error, _PASSING) and not isinstance(error, _IN_VAIN)
                if not surely and (late or not passes):
                    raise
                _log.exception("commit_failed", task=step.key, again=pause)
            else:
                return
            await self.clock.sleep(pause)
            pause = min(2 * pause, _LATEST_AGAIN) if surely else pause

    def _redrawn(self, step: Step) -> Step:
        """`step` with other ids for its webhooks."""
        told = tuple(msgspec.structs.replace(one, id=self.ids.next(one.created_at)) for one in step.change.deliveries)
        return msgspec.structs.replace(step, change=msgspec.structs.replace(step.change, deliveries=told))

    async def rest(self, task_id: int, seconds: float) -> None:
        """Give the lease back and come again in `seconds`; nothing else has changed."""
        await self.rest_all({task_id: seconds})

    async def rest_all(self, seconds: Mapping[int, float]) -> None:
        """The same for tasks, each in its own time."""
        now = self.now()
        due = {task_id: now + wait for task_id, wait in seconds.items()}
        await self.database.write(Rest(due, self.owner, now))
