"""A provider that plays a script, a library that keeps nothing, and a house small enough for one test."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import replace
from sqlalchemy import select

from telecine.accounts import configured
from telecine.accounts.keys import Keys
from telecine.accounts.prices import PriceBook
from telecine.accounts.principal import Principal
from telecine.config import AccountConfig, ChannelConfig, Config, KeyConfig, LimitsConfig, PriceConfig
from telecine.loops import Loop
from telecine.media.storage import is_answer
from telecine.net.client import FetchError
from telecine.net.spool import Spool, Spooled
from telecine.nouns import catalogue
from telecine.nouns.billed import Billed
from telecine.nouns.errors import GatewayError, TaskError
from telecine.nouns.ids import IdSource
from telecine.nouns.parameters import VideoParameters
from telecine.nouns.request import GenerationRequest, MediaInput, Role
from telecine.nouns.task import Output
from telecine.providers.base import Channel, Job, MediaReader, Provider, Submission, Telling, Terms, Traits
from telecine.providers.outcomes import (
    Accepted,
    CancelOutcome,
    LookUpOutcome,
    NotCancellable,
    NotFound,
    PollOutcome,
    ReportOutcome,
    Running,
    SubmitOutcome,
    Succeeded,
    Unreadable,
    UpstreamOutput,
)
from telecine.providers.sandbox.provider import SandboxProvider
from telecine.routing.router import Router
from telecine.store import tables
from telecine.store.database import Database
from telecine.store.sealing import Seal
from telecine.tasks.advance import advance
from telecine.tasks.context import Announce, Context, Growth
from telecine.tasks.engine import Engine
from telecine.tasks.reads import TaskReads
from telecine.tasks.schedule import Advance
from telecine.tasks.service import TaskService
from telecine.tasks.writes.rebuild import rebuild
from telecine.tasks.writes.recovery import recover
from tests import records
from tests.clock import HandClock
from tests.records import writing

Answer = TypeVar("Answer")
SEAL = Seal(b"s" * 32)
DONE = Succeeded((UpstreamOutput("https://files.example/a.mp4", upstream_id="v1"),))
TRAITS = Traits(
    look_up=True,
    unique_handle=True,
    cancel=False,
    visibility_lag=30,
    submit_timeout=60,
    deadline=3600,
    retention=86400,
)


def sqlite_url(folder: Path) -> str:
    """A database of its own for each folder."""
    file = folder / "test.db"
    records.begin(file)
    return f"sqlite:///{file}"


database_url: Callable[[Path], str] = sqlite_url
"""Where houses keep their records; the suite runs once on SQLite and twice on PostgreSQL."""
two_processes = False
"""Whether the steps of a house are run by two processes, turn and turn about."""


class Scripted:
    """Answers what the test has put into its lists; the last entry of a list stays."""

    def __init__(self, name: str = "scripted", traits: Traits = TRAITS) -> None:
        self.name = name
        self.terms = SandboxProvider.terms if name == SandboxProvider.name else Terms()
        self.speaks: frozenset[str] = frozenset()
        self.telling: Telling | None = None
        self.traits = traits
        self.submits: list[SubmitOutcome | Exception | Callable[[], Any]] = [Accepted("u1")]
        self.polls: list[PollOutcome] = [Running()]
        self.look_ups: list[LookUpOutcome] = [NotFound()]
        self.cancels: list[CancelOutcome | Exception] = [NotCancellable()]
        self.reports: list[ReportOutcome | Exception] = [Unreadable("nothing is told")]
        self.objection: GatewayError | None = None
        self.sent: list[Submission] = []
        self.polled: list[Job] = []
        self.lists: list[Mapping[str, PollOutcome] | Exception] = [{}]
        """By handle, what the lists tell."""
        self.listed: list[list[Job]] = []
        self.asked_to_stop: list[Job] = []
        self.preparing: Callable[[], Any] | None = None

    def traits_of(self, operation: str, model: str, channel: Channel | None = None) -> Traits:
        return self.traits

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    def check(self, request: GenerationRequest, model: str, channel: Channel | None = None) -> Billed:
        if self.objection is not None:
            raise self.objection
        return billed_of(request)

    async def prepare(self, channel: Channel, submission: Submission, media: MediaReader) -> bytes | None:
        if self.preparing is not None:
            await self.preparing()
        return b"prepared"

    async def submit(self, channel: Channel, submission: Submission, media: MediaReader) -> SubmitOutcome:
        submission.before_send()
        self.sent.append(submission)
        outcome: Any = _next(self.submits)
        if callable(outcome):
            outcome = await outcome()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome  # type: ignore[no-any-return]

    async def poll(self, channel: Channel, job: Job) -> PollOutcome:
        self.polled.append(job)
        return _next(self.polls)

    async def poll_many(self, channel: Channel, jobs: Sequence[Job]) -> Mapping[str, PollOutcome]:
        self.listed.append(list(jobs))
        told = _next(self.lists)
        if isinstance(told, Exception):
            raise told
        return told

    async def look_up(self, channel: Channel, job: Job) -> LookUpOutcome:
        return _next(self.look_ups)

    async def collect(self, channel: Channel, output: UpstreamOutput) -> AsyncIterator[bytes]:
        yield b""

    async def cancel(self, channel: Channel, job: Job) -> CancelOutcome:
        self.asked_to_stop.append(job)
        outcome = _next(self.cancels)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def report(self, channel: Channel) -> ReportOutcome:
        told = _next(self.reports)
        if isinstance(told, Exception):
            raise told
        return told

    async def ping(self, channel: Channel) -> str:
        return "ok"

    def read_callback(self, channel: Channel, headers: Mapping[str, str], body: bytes) -> bool:
        return True


def _next(script: list[Answer]) -> Answer:
    return script.pop(0) if len(script) > 1 else script[0]


class Shelf:
    """A library that marks outputs as stored without storing them."""

    def __init__(self) -> None:
        self.failures: list[FetchError] = []
        self.forgotten: list[str] = []
        self.kept: list[Output] = []
        self.documents: dict[str, bytes] = {}
        """What upstreams have answered at once, until it is in the records."""
        self.refusing = False
        self.drawn: list[tuple[str, ...]] = []
        """The pictures of each grid that was drawn."""
        self.undrawable = False
        self.grown: list[Growth] = []
        self.duplicated: list[tuple[str, str]] = []
        self.folder = Path("/nowhere")

    async def keep(self, provider: Provider, channel: Channel, output: Output, account_id: int) -> Output:
        if self.failures:
            raise self.failures.pop(0)
        self.kept.append(output)
        return replace(
            output, state="stored", object_key=f"a{account_id}/t{output.task_id}/{output.index}.mp4", duration=5.0
        )

    async def forget(self, keys: Sequence[str]) -> None:
        for key in keys:
            if self.documents.pop(key, None) is None and not is_answer(key):
                self.forgotten.append(key)

    def spool(self) -> Spool:
        return Spool(self.folder)

    async def take(self, key: str, content: Spooled | bytes) -> None:
        if self.refusing:
            raise OSError("the disk is full")
        self.documents[key] = content.path.read_bytes() if isinstance(content, Spooled) else content

    async def put(self, key: str, content: bytes) -> None:
        if self.refusing:
            raise OSError("the disk is full")
        self.documents[key] = content

    async def get(self, key: str) -> bytes | None:
        return self.documents.get(key)

    async def grid(self, keys: Sequence[str], output: Output, account_id: int) -> Output:
        if self.undrawable:
            raise FetchError("the pictures cannot be shown together")
        key = f"a{account_id}/t{output.task_id}/{output.index}.jpg"
        self.drawn.append(tuple(keys))
        return replace(output, state="stored", object_key=key, content_type="image/jpeg")

    async def canvas(self, key: str, growth: Growth, account_id: int, roles: Sequence[Role]) -> list[MediaInput]:
        if key in self.forgotten:
            raise FileNotFoundError
        self.grown.append(growth)
        return [MediaInput(role, object_key=f"{key}+{role}") for role in roles]

    async def hole(self, key: str, size: tuple[int, int], account_id: int) -> MediaInput:
        return MediaInput("mask", object_key=f"{key}+hole", width=size[0], height=size[1])

    async def duplicate(self, key: str, target: str) -> None:
        if key in self.forgotten:
            raise FileNotFoundError
        if self.refusing:
            raise OSError("the disk is full")
        self.duplicated.append((key, target))

    async def copy(self, account_id: int, keys: Sequence[str]) -> list[str]:
        if any(key in self.forgotten for key in keys):
            raise FileNotFoundError
        return [f"{key}+copy" for key in keys]

    @asynccontextmanager
    async def reading(
        self, account_id: int, aside: Callable[[], AbstractAsyncContextManager[None]]
    ) -> AsyncIterator[MediaReader]:
        yield None  # type: ignore[misc]  # scripted providers read no media


class InTurn(Engine):
    """The engine of the process that serves the requests, and that of another one; when they `drain`, each step is run
    by whoever claims it first, and they take turns at that."""

    def __init__(self, context: Context, other: Context) -> None:
        super().__init__(context)
        self._other = Engine(other)

    def run(self, advance: Advance) -> tuple[Loop, ...]:
        return super().run(advance) + self._other.run(advance)

    async def drain(self) -> None:
        engines = [self, self._other]
        while True:
            engines.reverse()  # it is the other's turn
            claimed = [(await Engine.claim(one))[0] for one in engines]
            running = [step for one in engines for step in one._running.values()]
            if not any(claimed) and not running:
                return
            if running:
                await asyncio.wait(running)

    async def stop(self, grace: float) -> list[str]:
        return await super().stop(grace) + await self._other.stop(grace)


class House:
    """A database, an engine and a service around scripted providers. `opened` for use."""

    def __init__(
        self,
        folder: Path,
        channels: Sequence[ChannelConfig] = (ChannelConfig(name="main", provider="scripted"),),
        providers: Sequence[Scripted] = (),
        *,
        clock: HandClock | None = None,
        announcers: dict[str, Announce] | None = None,
        limits: LimitsConfig | None = None,
        prices: Sequence[PriceConfig] = (),
        shared_clock: bool = False,
    ) -> None:
        self.clock = clock or HandClock()
        self.provider = Scripted()
        known: dict[str, Provider] = {one.name: one for one in providers or (self.provider,)}
        self.shelf = Shelf()

        def process() -> Context:
            database = Database(database_url(folder), shared_clock=shared_clock)
            return Context(
                database=database,
                reads=TaskReads(database),
                router=Router(Config(channels=tuple(channels)), known, catalogue.load(), self.clock),
                library=self.shelf,
                clock=self.clock,
                ids=IdSource(),
                limits=limits or LimitsConfig(),
                prices=PriceBook(prices, catalogue.load()),
                owner=secrets.token_hex(4),
                announcers=announcers or {},
                callback_url=lambda token: None,
                link_seconds=7 * 86400.0,
            )

        self.context = process()
        self.database, self.reads, self.router = self.context.database, self.context.reads, self.context.router
        other = process() if two_processes else None
        self.contexts = (self.context,) if other is None else (self.context, other)
        """Of each process that runs steps; the first of them is who serves requests."""
        self.engine = Engine(self.context) if other is None else InTurn(self.context, other)
        self.loops = self.engine.run(advance)
        self.tasks = TaskService(self.context, self.engine, catalogue.load())
        self.keys = Keys(self.database, self.clock, self.context.ids, SEAL)
        self.me = Principal(0, None, "me")

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[House]:
        for one in self.contexts:
            await one.database.open()
        try:
            self.me = Principal(await self.keys.account("default"), None, "me")
            await rebuild(self.database, self.clock.now())
            await recover(self.database, self.router.pools)
            yield self
        finally:
            await self.engine.stop(1.0)
            for one in self.contexts:
                await one.database.close()

    async def running(self) -> None:
        """Run what is due until cancelled."""
        async with asyncio.TaskGroup() as group:
            for loop in self.loops:
                group.create_task(loop.run(), name=loop.name)

    async def configure(self, *, keys: Sequence[KeyConfig] = (), accounts: Sequence[AccountConfig] = ()) -> None:
        """What a start or a reload makes of these sections of the file."""
        async with writing(self.database) as connection:
            now = self.clock.now()
            await connection.run_sync(configured.sync, accounts, keys, ids=self.context.ids, seal=SEAL, now=now)
        self.keys.check_anew()

    def reload(self, config: Config) -> None:
        """Give every process these channels."""
        for one in self.contexts:
            one.router.swap(config)

    def trouble(self, channel: str, seconds: float) -> None:
        """Let every process leave a channel alone for so long."""
        for one in self.contexts:
            one.router.circuit(channel).trouble(0, seconds)

    def limit(self, limits: LimitsConfig) -> None:
        """Give every process these limits."""
        for one in self.contexts:
            one.limits = limits

    async def timeline(self, task_id: int) -> list[dict[str, Any]]:
        """The events of a task, oldest first."""
        event = tables.events.c
        query = select(tables.events).where(event.task_id == task_id).order_by(event.sequence)
        return [dict(row._mapping) for row in await self.database.rows(query)]

    async def pass_time(self, seconds: float, step: float = 1.0) -> None:
        """Move time on in small steps, running what falls due."""
        end = self.clock.now() + seconds
        while self.clock.now() < end:
            self.clock.advance(min(step, end - self.clock.now()))
            await self.engine.drain()


def billed_of(request: GenerationRequest) -> Billed:
    """What the scripted upstream bills by: what the request says itself."""
    mode = request.parameters.mode if isinstance(request.parameters, VideoParameters) else None
    return Billed(mode or "std", request.size, request.resolution, duration=request.duration, audio=bool(request.audio))


def text_to_video(**changes: Any) -> GenerationRequest:
    """A request that every scripted provider takes."""
    return replace(
        GenerationRequest(operation="text_to_video", model="kling-v2-5-turbo", prompt="a paper boat"), **changes
    )


def refusal(code: Any = "invalid_request") -> TaskError:
    return TaskError(code, f"refused: {code}")
