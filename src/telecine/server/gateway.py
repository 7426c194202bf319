"""The house put together: every room made once, opened in order, closed in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from typing import Final

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from telecine import __version__
from telecine.accounts import configured
from telecine.accounts.balances import Balances
from telecine.accounts.holders import DEFAULT_ACCOUNT
from telecine.accounts.keys import Keys
from telecine.accounts.prices import PriceBook
from telecine.accounts.principal import Principal
from telecine.accounts.secret import load_secret
from telecine.accounts.statement import Statement
from telecine.admin.accounts import Accounts
from telecine.admin.configuration import Configuration
from telecine.admin.keys import Admin
from telecine.admin.money import Money
from telecine.admin.webhooks import Webhooks
from telecine.clock import Clock, SystemClock
from telecine.config import Config, ConfigError, KeyConfig, PriceConfig, Settings, located
from telecine.dialects.base import Edge
from telecine.dialects.dialect import Dialect
from telecine.dialects.room import Room
from telecine.dialects.served import DIALECTS
from telecine.dialects.streams import Streams, Waits
from telecine.dialects.tasks import TASKS
from telecine.loops import LEAVING, Loop, Loops
from telecine.media import spool
from telecine.media.collect import Collector
from telecine.media.intake import Intake
from telecine.media.library import MediaLibrary
from telecine.media.links import MEDIA_PATH, OBJECT_PATH, Signer
from telecine.media.reader import Reader
from telecine.media.service import MediaService
from telecine.media.sheets import Sheets
from telecine.media.storage import Storage
from telecine.media.worker_decoders import WorkerDecoders
from telecine.net.client import Client
from telecine.nouns import catalogue
from telecine.nouns.ids import IdSource
from telecine.providers.base import Provider
from telecine.providers.http import HttpProvider
from telecine.providers.known import VENDORS
from telecine.providers.sandbox import SandboxProvider
from telecine.routing.records import record_channels
from telecine.routing.router import Router, channel_of, channels_of, pools_of
from telecine.server.address import Proxies
from telecine.server.callbacks import callback_route
from telecine.server.connections import Connections, Patience, room_for_connections
from telecine.server.docs_page import docs_routes
from telecine.server.gate import Gate
from telecine.server.health import Health
from telecine.server.metrics import Metrics
from telecine.server.needs import Needs
from telecine.server.routes import Routes
from telecine.server.strict import strict
from telecine.store.database import Database
from telecine.tasks.advance import advance
from telecine.tasks.context import Context
from telecine.tasks.engine import Engine
from telecine.tasks.reads import TaskReads
from telecine.tasks.service import TaskService
from telecine.tasks.view import View
from telecine.tasks.writes.rebuild import rebuild
from telecine.tasks.writes.recovery import free_overdue_slots, recover, set_pools, wake_lines
from telecine.tasks.writes.slipped import bring_back
from telecine.upkeep.kept import KeptJobs
from telecine.upkeep.metering import check_currency, database_url, keep_currency
from telecine.upkeep.rules import advice, check_config, check_rules, policy
from telecine.upkeep.upkeep import MASK, Upkeep
from telecine.webhooks.deliverer import Deliverer
from telecine.webhooks.delivery import Message, Tidings
from telecine.webhooks.endpoints import Endpoints
from telecine.webhooks.log import DeliveryLog
from telecine.webhooks.sealing import reseal
from telecine.workers import Workers

_log = structlog.get_logger(__name__)

_MAINTENANCE_SECONDS: Final = 5.0
_DELIVERIES: Final = 5.0
_CLOSING: Final = 5.0
"""Seconds that a stop leaves: to webhooks under way, and to each room that is closed."""


class FirstRun(msgspec.Struct, frozen=True):
    """The keys that the first start made; nothing will ever show them again."""

    admin_key: str | None
    api_key: str | None


class Gateway:
    """One process of Telecine: `async with gateway.opened():` while `gateway.app` serves."""

    left: Sequence[str] = ()
    """What did not stop in its time, once this has been closed."""

    def __init__(self, settings: Settings, clock: Clock | None = None, *, work: bool = True, make: bool = True) -> None:
        """`work` False serves requests without running any step. `make` False opens what is there, and neither makes an
        installation nor any key; without a file, it leaves alone what the file says. Raises ConfigError."""
        config, data = settings.config, settings.data
        self._settings, self._work, self._make = settings, work, make
        self._clock = clock = clock or SystemClock()
        self._secret = load_secret(data, settings.secret_key, make=make)
        self.address = ""
        """The URL at which this process listens, once it does; links start with it unless `public_url` is set."""
        self.exposed = False
        """Other machines can reach it, so what they could spend has to be counted."""
        self.stranded: dict[str, int] = {}
        """Tasks that the start found at channels, by name, that this process cannot ask."""
        known = catalogue.load()
        self._ids = ids = IdSource()
        self._located(check_config, config)
        addresses = policy(config.network.allow_private)

        self._database = Database(
            database_url(settings),
            shared_clock=isinstance(clock, SystemClock),
        )
        self._client = Client(addresses)
        self._fetcher = Client(addresses)  # of inputs: clients' slow servers take no connection from providers
        self._workers = Workers()
        self._sandbox = SandboxProvider(data / "sandbox", clock, self._workers)
        self._providers: dict[str, Provider] = {
            "sandbox": self._sandbox,
            **{one.name: HttpProvider(one, self._client, clock) for one in VENDORS},
        }
        self._router = Router(config, self._providers, known, clock)

        self._scratch = data / "tmp"
        storage = Storage.on_disk(data / "media")
        decoders = WorkerDecoders(self._workers)
        link_seconds = config.retention.link_days * 86400
        self.media = MediaService(
            storage,
            Intake(storage, decoders, addresses, self._scratch),
            Signer(self._secret.derive_all("media links"), config.media_origin or self._public_url, link_seconds),
            Sheets(storage, decoders, self._scratch),
            clock,
        )
        self.keys = Keys(self._database, clock, ids)
        self._messenger = Client(addresses)  # of its own, so that slow receivers take no connection from providers
        self._endpoints = Endpoints(self._database, clock, ids, self._secret.derive_all("webhook secrets"))
        self._deliverer = Deliverer(self._database, self._messenger, clock, self._endpoints)
        self._webhooks = Webhooks(self._endpoints, DeliveryLog(self._database, clock, ids), self._deliverer, self.media)
        self.context = Context(
            database=self._database,
            reads=TaskReads(self._database),
            router=self._router,
            library=MediaLibrary(
                storage,
                Collector(storage, WorkerDecoders(self._workers, paid=True), self._scratch),
                Reader(storage, self._fetcher, decoders, self._scratch, link=_object_links(config, self.media)),
            ),
            clock=clock,
            ids=ids,
            limits=config.limits,
            prices=PriceBook(config.prices, known),
            owner=secrets.token_hex(8),
            announcers={
                one.name: partial(self._announce, one) for one in DIALECTS if one.announce and one is not TASKS
            },
            neutral=partial(self._announce, TASKS),
            sealed=self._endpoints.sealed,
            subscribed=self._endpoints.subscribed,
            told=self._deliverer.nudge,
            callback_url=lambda token: f"{self._public_url()}/callbacks/{token}" if config.public_url else None,
            link_seconds=float(link_seconds + 86400),
        )
        self.engine = Engine(self.context, most=1024 if work else 0)
        self.tasks = TaskService(self.context, self.engine, known)
        self._metrics = Metrics()
        connections = room_for_connections()
        self._proxies = Proxies(config.network.trusted_proxies)
        self.patience = Patience()
        """With clients; read once requests are answered."""
        self.connections = Connections(
            connections, lambda: self.app.limits.connections_per_site, self._proxies, self._metrics
        )
        self.engine.lateness = self._metrics.lateness.observe
        self.upkeep = Upkeep(
            settings,
            self.context,
            self.engine,
            storage=storage,
            keys=self.keys,
            check=self._check,
            write=self._write,
            swap=self._swap,
            forget_jobs=KeptJobs(self._database, self._providers).forget,
            pulses=lambda: self.loops.pulses,
        )
        self.loops = self._looping()
        self._health = Health(
            self._database,
            self.engine,
            Needs(self._database, storage, data, clock),
            clock,
            self._metrics,
            measure=self.upkeep.measure,
            key=lambda: self.upkeep.running.metrics_key,
            pulses=lambda: self.loops.pulses,
            working=work,
        )
        self._balances = Balances(self._database, self.keys, clock, ids)
        self._statement = Statement(
            self._database,
            self._balances,
            clock,
            currency=config.currency,
            prices=self._prices,
        )
        self._edge = Edge(
            self.tasks,
            self.media,
            known,
            self._models,
            clock.now,
            self._statement,
            streams=Streams(config.limits.event_streams, connections // 2),
            waits=Waits(connections // 4),  # the others are for requests
            room=Room(2 * config.limits.json_body),
        )
        self._local_account = 0
        self.app: Gate = self._application()

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[FirstRun]:
        """Open the rooms, work until the block ends, then stop: finish the steps under way, leave the rest.

        Yields the keys that a first start made.
        """
        self._check(self._settings.config)
        spool.prepare(self._scratch)
        await self._database.open(make=self._make)
        try:
            await keep_currency(self._database, self._settings.config.currency)
            first_run = await self._set_up()
            await self._go_on()
            await reseal(self._database, self._secret.derive_all("webhook secrets"))
            await self._endpoints.refresh()
            self.stranded = await self.upkeep.stranded()
            for provider in self._providers.values():
                await provider.open()
            self.loops.start()
            try:
                yield first_run
            finally:
                self.left = [*self.left, *await self.engine.stop(self._settings.config.limits.shutdown)]
                self.left = [*self.left, *await self.loops.stop(LEAVING)]
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
        rooms = {
            **{name: provider.close for name, provider in self._providers.items()},
            "workers": self._workers.close,
            "client": self._client.close,
            "fetcher": self._fetcher.close,
            "messenger": self._messenger.close,
            "database": self._database.close,
        }
        for name, close in rooms.items():
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
        if not self._work:
            return Loops((self._endpoints.loop,))
        every = _MAINTENANCE_SECONDS
        maintenance = Loop("maintenance", self._maintain, self._clock, every=every, first=every)
        own = (self._endpoints.loop, self._deliverer.loop, maintenance)
        return Loops((*steps, *own, *self.upkeep.loops))

    @property
    def stop_seconds(self) -> float:
        """How long a stop may take, at most, once requests have ended."""
        return self._settings.config.limits.shutdown + _DELIVERIES + 3 * LEAVING + (5 + len(self._providers)) * _CLOSING

    def end_streams(self) -> None:
        """Whoever follows a task is to come back later: this process is about to end."""
        self.context.closing = True
        self.context.watch.wake()

    def local_token(self) -> str:
        """A token with which the command line on this machine may speak to this process."""
        return self._secret.local_token(self._clock.now())

    async def _set_up(self) -> FirstRun:
        """Keys and channels as the configuration has them; at the very first start, keys to begin with."""
        given = self._given(self._settings.config)
        self._local_account = await self.keys.account(DEFAULT_ACCOUNT)
        made = FirstRun(None, None)
        if self._make and not await self.keys.any():
            admin = api = None
            if not any(key.admin for key in given):
                _, admin = await self.keys.create("admin", admin=True, source="first_run")
            if all(key.admin for key in given):
                _, api = await self.keys.create("first", source="first_run")
            made = FirstRun(admin, api)
        await self.upkeep.begin()
        self._advise(self._settings.config)
        return made

    def _given(self, config: Config) -> list[KeyConfig]:
        """The keys that the operator chose."""
        given = list(config.keys)
        if self._settings.admin_key:
            given.append(KeyConfig(name="TELECINE_ADMIN_KEY", key=self._settings.admin_key, admin=True))
        return given

    def _check(self, config: Config) -> None:
        """Raise ConfigError for what this process, as it is reached and with the books that it has, cannot run."""
        known = catalogue.load()
        self._located(lambda one: check_rules(self._settings, one, known, exposed=self.exposed), config)
        self._located(lambda one: check_currency(self._settings.config.currency, one.currency), config)

    def _located(self, check: Callable[[Config], None], config: Config) -> None:
        """Let `check` raise ConfigError with the line of the file that is at fault."""
        try:
            check(config)
        except ConfigError as error:
            raise located(error, self._settings.file) from None

    def _advise(self, config: Config) -> None:
        """Log what nothing is refused for, and somebody should know."""
        for one in advice(config, catalogue.load()):
            if one.level == "warning":
                _log.warning("config_warning", about=one.about, what=str(one))

    async def _write(self, connection: AsyncConnection, config: Config) -> None:
        """Bring the records in line with `config`, which has been checked, in the caller's transaction."""
        now = self._clock.now()
        await set_pools(connection, pools_of(config))  # pools before accounts: see `telecine.store.locks`
        if self._make or self._settings.file is not None:
            await configured.sync(
                connection, config.accounts, self._given(config), priced=bool(config.prices), ids=self._ids, now=now
            )
        await record_channels(connection, ((one.provider, channel_of(one)) for one in channels_of(config)), now)

    def _swap(self, config: Config) -> None:
        """Go on with `config`, which is in the records, in one step."""
        prices = PriceBook(config.prices, catalogue.load())
        self._router.swap(config)
        self.context.limits = self.app.limits = config.limits
        self._edge.streams.most = config.limits.event_streams
        self.context.prices = prices
        self.keys.check_anew()
        self.engine.nudge()
        self._advise(config)

    async def _maintain(self) -> None:
        """What is looked after every few seconds."""
        freed = await free_overdue_slots(self._database, self._clock.now())
        if freed + await wake_lines(self._database, self._clock.now()):
            self.engine.nudge()

    def _announce(self, dialect: Dialect, view: View, news: Tidings) -> Message | None:
        return dialect.announce(view, news, self._edge) if dialect.announce is not None else None

    def _public_url(self) -> str:
        return (self._settings.config.public_url or self.address).rstrip("/")

    def _prices(self, model: str) -> list[PriceConfig]:
        return self.context.prices.of(model)

    def _models(self, principal: Principal) -> list[str]:
        """What the caller can use: not what would be refused for want of a price."""
        return [name for name in self._router.names() if principal.may_use(name) and self._offered(name)]

    def _offered(self, model: str) -> bool:
        book = self.context.prices
        wanted = self.context.limits.require_price or (book.lines and self._router.sells(model))
        return not wanted or bool(book.of(model))

    def _application(self) -> Gate:
        routes = [
            *self._health.routes,
            *docs_routes(),
            Route("/", _front, name="front"),
            *(route for dialect in DIALECTS for route in dialect.routes),
            *Admin(self.keys, self._router, time.perf_counter).routes,
            *Money(self._balances, self._statement, lambda: self.context.prices.lines).routes,
            *Configuration(self.upkeep.configuration, self.upkeep.measure, self._secret.derive(MASK)).routes,
            *Accounts(self._database, self.upkeep.erasure, self.keys).routes,
            *self._webhooks.routes,
            callback_route(self.tasks, self._router),
            Route(MEDIA_PATH, self.media.endpoint(self.tasks.output), name="media"),
            Route(OBJECT_PATH, self.media.serve_object, name="objects"),
        ]
        app = Routes([strict(one) for one in routes])
        app.state.edge = self._edge
        return Gate(
            app,
            dialects=DIALECTS,
            keys=self.keys,
            secret=self._secret,
            local_account=lambda: self._local_account,
            tokens=self.context.tokens,
            limits=self._settings.config.limits,
            clock=self._clock,
            metrics=self._metrics,
            proxies=self._proxies,
            patience=lambda: self.patience,
            media_origin=self._settings.config.media_origin,
        )


def _object_links(config: Config, media: MediaService) -> Callable[[str], str] | None:
    """How upstreams are given what clients have sent, where they can reach this machine."""
    return media.object_link if config.media_origin or config.public_url else None


async def _front(_: Request) -> Response:
    return JSONResponse({"name": "telecine", "version": __version__, "health": "/readyz", "models": "/v1/models"})
