"""The house put together: every room made once, opened in order, closed in reverse."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Final

import structlog

from telecine.accounts import pairs
from telecine.accounts.holders import DEFAULT_ACCOUNT
from telecine.accounts.prices import PriceBook
from telecine.accounts.principal import Principal
from telecine.clock import Clock, SystemClock
from telecine.config import Config, Settings, models_of
from telecine.dialects.base import Edge
from telecine.dialects.dialect import Dialect
from telecine.dialects.room import Room
from telecine.dialects.served import DIALECTS
from telecine.dialects.streams import Streams, Waits
from telecine.loops import LEAVING, Loop, Loops
from telecine.media import spool
from telecine.server import rooms
from telecine.server.address import Proxies
from telecine.server.application import application
from telecine.server.connections import Connections, Patience, room_for_connections
from telecine.server.gate import Gate
from telecine.server.health import Health
from telecine.server.metrics import Metrics
from telecine.server.needs import Needs
from telecine.server.setup import FirstRun, Setup, advise, check_file
from telecine.tasks.advance import advance
from telecine.tasks.engine import Engine
from telecine.tasks.service import TaskService
from telecine.tasks.view import View
from telecine.tasks.writes.rebuild import rebuild
from telecine.tasks.writes.recovery import free_overdue_slots, recover, wake_lines
from telecine.tasks.writes.slipped import bring_back
from telecine.upkeep.kept import KeptJobs
from telecine.upkeep.metering import keep_currency
from telecine.upkeep.upkeep import Upkeep
from telecine.webhooks.delivery import Message, Tidings
from telecine.webhooks.sealing import reseal

_log = structlog.get_logger(__name__)

_MAINTENANCE_SECONDS: Final = 5.0
_DELIVERIES: Final = 5.0
_CLOSING: Final = 5.0
"""Seconds that a stop leaves: to webhooks under way, and to each room that is closed."""


class Gateway:
    """One process of Telecine: `async with gateway.opened():` while `gateway.app` serves."""

    left: Sequence[str] = ()
    """What did not stop in its time, once this has been closed."""

    def __init__(self, settings: Settings, clock: Clock | None = None, *, work: bool = True, make: bool = True) -> None:
        """`work` False serves requests without running any step. `make` False opens what is there, and neither makes an
        installation nor any key; without a file, it leaves alone what the file says. Raises ConfigError."""
        check_file(settings)
        self._work, self._make = work, make
        self.address = ""
        """The URL at which this process listens, once it does; links start with it unless `public_url` is set."""
        self.exposed = False
        """Other machines can reach it, so what they could spend has to be counted."""
        self.stranded: dict[str, int] = {}
        """Tasks that the start found at channels, by name, that this process cannot ask."""
        self.patience = Patience()
        """With clients; read once requests are answered."""
        base = rooms.ground(settings, clock or SystemClock(), self._public_url, make=make)
        self._settings, self._clock, self._secret, self._database = settings, base.clock, base.secret, base.database
        self._house = house = rooms.house(base, lambda: self.context.prices, lambda: self.context.limits)
        self._client, self._fetcher = house.upstreams.client, house.files.fetcher
        self._router, self._providers = house.upstreams.router, house.upstreams.providers
        self._messenger, self._deliverer = house.hooks.messenger, house.hooks.deliverer
        self._endpoints, self._keys = house.hooks.endpoints, house.books.keys
        self._metrics = Metrics()
        self.context = rooms.context(house, self._announce)
        self.engine = Engine(self.context, most=1024 if work else 0)
        self.engine.lateness = self._metrics.lateness.observe
        self.tasks = TaskService(self.context, self.engine, base.known)
        self._setup = Setup(base, lambda: self.exposed, make=make)
        self.upkeep = self._keeping()
        self.loops = self._looping()
        room = room_for_connections()
        self._proxies = Proxies(settings.config.network.trusted_proxies)
        self.connections = Connections(room, lambda: self.app.limits.connections_per_site, self._proxies, self._metrics)
        self._edge = self._edge_with(room)
        self._local_account = 0
        self.app: Gate = self._gate()

    def _keeping(self) -> Upkeep:
        """What runs by itself, and the configuration that it reads again."""
        house = self._house
        return Upkeep(
            self._settings,
            self.context,
            self.engine,
            storage=house.files.storage,
            keys=self._keys,
            check=self._setup.check,
            write=self._setup.write,
            swap=self._swap,
            forget_jobs=KeptJobs(self._database, self._providers).forget,
            pulses=lambda: self.loops.pulses,
        )

    def _edge_with(self, connections: int) -> Edge:
        """What dialects reach the house by."""
        house, limits = self._house, self._settings.config.limits
        return Edge(
            self.tasks,
            house.files.service,
            house.ground.known,
            self._models,
            self._clock.now,
            house.books.statement,
            public_url=self._public_url,
            workflows=house.upstreams.workflows,
            streams=Streams(limits.event_streams, connections // 2),
            waits=Waits(connections // 4),  # the others are for requests
            room=Room(2 * limits.json_body),
            sealed=self._endpoints.sealed,
            opened=self._endpoints.opened,
            assets=house.files.assets,
        )

    def _gate(self) -> Gate:
        """All that answers requests."""
        config = self._settings.config
        return Gate(
            application(self._house, self._edge, self.tasks, self.upkeep, self._health()),
            dialects=DIALECTS,
            keys=self._keys,
            secret=self._secret,
            local_account=lambda: self._local_account,
            tokens=self.context.tokens,
            limits=config.limits,
            clock=self._clock,
            metrics=self._metrics,
            proxies=self._proxies,
            patience=lambda: self.patience,
            media_origin=config.media_origin,
        )

    def _health(self) -> Health:
        return Health(
            self._database,
            self.engine,
            Needs(self._database, self._house.files.storage, self._settings.data, self._clock),
            self._clock,
            self._metrics,
            measure=self.upkeep.measure,
            key=lambda: self.upkeep.running.metrics_key,
            pulses=lambda: self.loops.pulses,
            working=self._work,
        )

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[FirstRun]:
        """Open the rooms, work until the block ends, then stop: finish the steps under way, leave the rest.

        Yields the keys that a first start made.
        """
        config, house = self._settings.config, self._house
        self._setup.check(config)
        spool.prepare(self._settings.data / "tmp")
        await self._database.open(make=self._make)
        try:
            await keep_currency(self._database, config.currency)
            self._local_account = await self._keys.account(DEFAULT_ACCOUNT)
            first_run = await self._setup.first_keys(self._keys)
            await self.upkeep.begin()
            advise(config)
            await self._go_on()
            await pairs.reseal(self._database, self._secret.derive_all(pairs.SEALED))
            await reseal(self._database, self._secret.derive_all("webhook secrets"))
            await self._endpoints.refresh()
            await house.upstreams.apps.refresh()
            self.stranded = await self.upkeep.stranded()
            if self._work:
                await house.files.arrivals.begin()
            for provider in self._providers.values():
                await provider.open()
            self.loops.start()
            try:
                yield first_run
            finally:
                self.left = [*self.left, *await self.engine.stop(self._settings.config.limits.shutdown)]
                self.left = [*self.left, *await self.loops.stop(LEAVING)]
                self.left = [*self.left, *await house.files.arrivals.stop()]
                patience = min(self._settings.config.limits.shutdown, _DELIVERIES)
                self.left = [*self.left, *await self._deliverer.stop(patience)]
        finally:
            await self._close()

    async def _go_on(self) -> None:
        """Whatever a start finds goes on: what stands in no schedule, what was under way, what a clock that was ahead
        has put off."""
        now = self._clock.now()
        if lost := await rebuild(self._database, now):
            _log.warning("schedule_rebuilt", tasks=lost)
        await recover(self._database, self._router.pools)
        tasks = await bring_back(self._database, now, self.context.link_seconds)
        deliveries = await self._deliverer.bring_back()
        if tasks or deliveries:
            _log.warning("brought_back", tasks=tasks, deliveries=deliveries)

    async def _close(self) -> None:
        """Close every room. One that cannot be closed in time is named in the log and left."""
        closing = {
            **{name: provider.close for name, provider in self._providers.items()},
            "workers": self._house.ground.workers.close,
            "client": self._client.close,
            "fetcher": self._fetcher.close,
            "messenger": self._messenger.close,
            "database": self._database.close,
        }
        for name, close in closing.items():
            try:
                async with asyncio.timeout(_CLOSING):
                    await close()
            except TimeoutError:
                _log.error("left_behind", tasks=[name], seconds=_CLOSING)
                self.left = [*self.left, name]
            except Exception:
                _log.exception("close_failed", room=name)

    def _looping(self) -> Loops:
        """What this process does again and again."""
        steps = self.engine.run(advance)
        fresh = (self._endpoints.loop, self._house.upstreams.apps.loop)
        if not self._work:
            return Loops(fresh)
        every = _MAINTENANCE_SECONDS
        maintenance = Loop("maintenance", self._maintain, self._clock, every=every, first=every)
        own = (*fresh, self._deliverer.loop, maintenance, self._house.files.arrivals.loop)
        return Loops((*steps, *own, *self.upkeep.loops))

    @property
    def stop_seconds(self) -> float:
        """How long a stop may take, at most, once requests have ended."""
        closing = (5 + len(self._providers)) * _CLOSING
        return self._settings.config.limits.shutdown + _DELIVERIES + 3 * LEAVING + closing

    def end_streams(self) -> None:
        """Whoever follows a task is to come back later: this process is about to end."""
        self.context.closing = True
        self.context.watch.wake()

    def local_token(self) -> str:
        """A token with which the command line on this machine may speak to this process."""
        return self._secret.local_token(self._clock.now())

    def _swap(self, config: Config) -> None:
        """Go on with `config`, which is in the records, in one step."""
        known = self._house.ground.known
        known.swap(models_of(config.models))
        prices = PriceBook(config.prices, known)
        self._router.swap(config)
        self._house.upstreams.workflows.swap(config.flows)
        self.context.limits = self.app.limits = config.limits
        self._edge.streams.most = config.limits.event_streams
        self.context.prices = prices
        self._keys.check_anew()
        self.engine.nudge()
        advise(config)

    async def _maintain(self) -> None:
        """What is looked after every few seconds."""
        freed = await free_overdue_slots(self._database, self._clock.now())
        if freed + await wake_lines(self._database, self._clock.now()):
            self.engine.nudge()

    def _announce(self, dialect: Dialect, view: View, news: Tidings) -> Message | None:
        return dialect.announce(view, news, self._edge) if dialect.announce is not None else None

    def _public_url(self) -> str:
        return (self._settings.config.public_url or self.address).rstrip("/")

    def _models(self, principal: Principal) -> list[str]:
        """What the caller can use: not what would be refused for want of a price."""
        return [name for name in self._router.names() if principal.may_use(name) and self._offered(name)]

    def _offered(self, model: str) -> bool:
        book = self.context.prices
        wanted = self.context.limits.require_price or (book and self._router.sells(model))
        return not wanted or bool(book.of(model))
