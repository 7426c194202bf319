"""The house put together: every room made once, opened in order, closed in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import Final

import msgspec
import structlog
from sqlalchemy import insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from telecine import __version__
from telecine.accounts.keys import DEFAULT_ACCOUNT, Keys
from telecine.accounts.prices import PriceBook
from telecine.accounts.principal import Principal
from telecine.accounts.secret import load_secret
from telecine.clock import Clock, SystemClock
from telecine.config import Config, ConfigError, KeyConfig, Settings
from telecine.dialects.base import Dialect, Edge, Media
from telecine.dialects.kling import KLING
from telecine.dialects.openai import OPENAI
from telecine.dialects.tasks import TASKS
from telecine.media import spool
from telecine.media.collect import Collector
from telecine.media.intake import Intake
from telecine.media.library import MediaLibrary
from telecine.media.links import MEDIA_PATH, Signer
from telecine.media.reader import Reader
from telecine.media.service import MediaService
from telecine.media.sheets import Sheets
from telecine.media.storage import Storage
from telecine.media.worker_decoders import WorkerDecoders
from telecine.net.client import Client
from telecine.net.guard import AddressPolicy
from telecine.nouns import catalogue
from telecine.nouns.errors import GatewayError
from telecine.nouns.ids import IdSource
from telecine.providers.base import Provider
from telecine.providers.kling import KlingProvider
from telecine.providers.sandbox import SandboxProvider
from telecine.routing.router import Router
from telecine.server.admin import Admin
from telecine.server.callbacks import callback_route
from telecine.server.gate import Gate, render
from telecine.server.health import Health
from telecine.server.metrics import Metrics
from telecine.store import tables
from telecine.store.database import Database
from telecine.tasks.advance import advance
from telecine.tasks.context import Announce, Context
from telecine.tasks.engine import Engine
from telecine.tasks.reads import TaskReads
from telecine.tasks.recovery import free_overdue_slots, recover, wake_lines
from telecine.tasks.service import TaskService
from telecine.tasks.view import View
from telecine.webhooks.deliverer import Deliverer
from telecine.workers import Workers

_log = structlog.get_logger(__name__)

DIALECTS: Final[tuple[Dialect, ...]] = (KLING, TASKS, OPENAI)
"""In the order of their routes; the last one renders the errors of paths that belong to none."""
_MAINTENANCE_SECONDS: Final = 5.0


class FirstRun(msgspec.Struct, frozen=True):
    """The keys that the first start made; nothing will ever show them again."""

    admin_key: str | None
    api_key: str | None


class Gateway:
    """One process of Telecine: `async with gateway.opened():` while `gateway.app` serves."""

    def __init__(self, settings: Settings, clock: Clock | None = None, *, work: bool = True) -> None:
        """`work` False serves requests without running any step. Raises ConfigError."""
        config, data = settings.config, settings.data
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._settings = settings
        self._work = work
        self._clock = clock = clock or SystemClock()
        self._secret = load_secret(data, settings.secret_key)
        self.address = ""
        """The URL at which this process listens, once it does; links start with it unless `public_url` is set."""
        known = catalogue.load()
        ids = IdSource()
        policy = _policy(config.network.allow_private)

        self._database = Database(settings.database_url or f"sqlite+aiosqlite:///{(data / 'telecine.db').absolute()}")
        self._client = Client(policy)
        self._workers = Workers()
        self._sandbox = SandboxProvider(data / "sandbox", clock, self._workers)
        providers: dict[str, Provider] = {"sandbox": self._sandbox, "kling": KlingProvider(self._client, clock)}
        _check_providers(config, providers)
        self._router = Router(config, providers, known, clock)

        self._scratch = data / "tmp"
        storage = Storage.on_disk(data / "media")
        decoders = WorkerDecoders(self._workers)
        link_seconds = config.retention.link_days * 86400
        self.media = MediaService(
            storage,
            Intake(storage, decoders, policy, self._scratch),
            Signer(self._secret.derive("media links"), self._public_url, link_seconds),
            Sheets(storage, decoders, self._scratch),
            clock,
        )
        self.keys = Keys(self._database, clock, ids)
        self._deliverer = Deliverer(self._database, self._client, clock)
        self.context = Context(
            database=self._database,
            reads=TaskReads(self._database),
            router=self._router,
            library=MediaLibrary(
                storage,
                Collector(storage, decoders, self._scratch),
                Reader(storage, self._client, decoders, self._scratch),
            ),
            clock=clock,
            ids=ids,
            limits=config.limits,
            prices=PriceBook(config.prices, known),
            owner=secrets.token_hex(8),
            announcers=_announcers(self.media),
            callback_url=lambda token: f"{self._public_url()}/callbacks/{token}" if config.public_url else None,
            link_seconds=float(link_seconds + 86400),
        )
        self.engine = Engine(self.context, advance, most=1024 if work else 0)
        self.tasks = TaskService(self.context, self.engine, known)
        self._metrics = Metrics()
        self.engine.lateness = self._metrics.lateness.observe
        self._health = Health(self._database, self.engine, storage, clock, self._metrics, working=work)
        self._edge = Edge(self.tasks, self.media, known, self._models, clock.now)
        self._local_account = 0
        self.app: ASGIApp = self._application()

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[FirstRun]:
        """Open the rooms, work until the block ends, then stop: finish the steps under way, leave the rest.

        Yields the keys that a first start made.
        """
        spool.prepare(self._scratch)
        await self._database.open()
        try:
            first_run = await self._set_up()
            await recover(self._database, self._router.pools)
            loops = [self.engine.run(), self._deliverer.run(), self._maintain()] if self._work else []
            running = [asyncio.create_task(loop) for loop in loops]
            try:
                yield first_run
            finally:
                await self.engine.stop(self._settings.config.limits.shutdown)
                for task in running:
                    task.cancel()
                await asyncio.gather(*running, return_exceptions=True)
                await self._deliverer.stop()
        finally:
            await self._sandbox.close()
            await self._workers.close()
            await self._client.close()
            await self._database.close()

    def local_token(self) -> str:
        """A token with which the command line on this machine may speak to this process."""
        return self._secret.local_token(self._clock.now())

    async def _set_up(self) -> FirstRun:
        """Keys and channels as the configuration has them; at the very first start, keys to begin with."""
        given = list(self._settings.config.keys)
        if self._settings.admin_key:
            given.append(KeyConfig(name="TELECINE_ADMIN_KEY", key=self._settings.admin_key, admin=True))
        self._local_account = await self.keys.account(DEFAULT_ACCOUNT)
        await self._record_channels()
        made = FirstRun(None, None)
        if not await self.keys.any():
            admin = api = None
            if not any(key.admin for key in given):
                _, admin = await self.keys.create("admin", admin=True, source="first_run")
            if all(key.admin for key in given):
                _, api = await self.keys.create("first", source="first_run")
            made = FirstRun(admin, api)
        await self.keys.sync(given)
        return made

    async def _record_channels(self) -> None:
        now = self._clock.now()
        async with self._database.writing() as connection:
            await connection.execute(update(tables.channels).values(active=False))
            there = set((await connection.execute(select(tables.channels.c.name))).scalars())
            for config in self._router.configs:
                row = {"provider": config.provider, "base_url": config.base_url, "active": True, "updated_at": now}
                if config.name in there:
                    await connection.execute(
                        update(tables.channels).where(tables.channels.c.name == config.name).values(row)
                    )
                else:
                    await connection.execute(insert(tables.channels).values(name=config.name, created_at=now, **row))

    async def _maintain(self) -> None:
        """What is looked after every few seconds."""
        while True:
            await self._clock.sleep(_MAINTENANCE_SECONDS)
            try:
                freed = await free_overdue_slots(self._database, self._clock.now())
                if freed + await wake_lines(self._database, self._clock.now()):
                    self.engine.nudge()
            except (SQLAlchemyError, OSError):
                _log.exception("maintenance_failed")

    def _public_url(self) -> str:
        return (self._settings.config.public_url or self.address).rstrip("/")

    def _models(self, principal: Principal) -> list[str]:
        return [name for name in self._router.names() if principal.may_use(name)]

    def _application(self) -> ASGIApp:
        routes = [
            *self._health.routes,
            Route("/", _front, name="front"),
            *(route for dialect in DIALECTS for route in dialect.routes),
            *Admin(self.keys, self._router, time.perf_counter).routes,
            callback_route(self.tasks, self._router),
            Route(MEDIA_PATH, self.media.endpoint(self.tasks.output), name="media"),
        ]
        app = Starlette(routes=routes, exception_handlers={GatewayError: _rendered, HTTPException: _rendered})
        app.router.redirect_slashes = False
        app.state.edge = self._edge
        return Gate(
            app,
            dialects=DIALECTS,
            keys=self.keys,
            secret=self._secret,
            local_account=lambda: self._local_account,
            limits=self._settings.config.limits,
            clock=self._clock,
            metrics=self._metrics,
        )


def _policy(allowed: tuple[str, ...]) -> AddressPolicy:
    try:
        return AddressPolicy(allowed)
    except ValueError as error:
        raise ConfigError(f"[network] allow_private must list networks such as 10.0.0.0/8: {error}.") from None


def _check_providers(config: Config, providers: Mapping[str, Provider]) -> None:
    for channel in config.channels:
        if channel.provider not in providers:
            raise ConfigError(
                f"Channel '{channel.name}' names the provider '{channel.provider}'; "
                f"these exist: {', '.join(sorted(providers))}."
            )
        if channel.provider != "sandbox" and not channel.base_url.startswith(("https://", "http://")):
            raise ConfigError(f"Channel '{channel.name}' needs a base_url that starts with https:// or http://.")


def _announcers(media: MediaService) -> dict[str, Announce]:
    """How each dialect that has webhooks of its own tells a status."""
    found: dict[str, Announce] = {}
    for dialect in DIALECTS:
        if (body := dialect.callback_body) is not None:
            found[dialect.name] = partial(_announce, body, media)
    return found


def _announce(body: Callable[[View, Media], bytes], media: MediaService, view: View) -> bytes:
    return body(view, media)


def _rendered(request: Request, error: Exception) -> Response:
    return render(error, request.scope)


async def _front(_: Request) -> Response:
    return JSONResponse({"name": "telecine", "version": __version__, "health": "/readyz", "models": "/v1/models"})
