"""The rooms of the house, each put together by itself, from the ground up. `Gateway` opens, joins and closes them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from functools import partial

import msgspec

from telecine.accounts.balances import Balances
from telecine.accounts.keys import Keys
from telecine.accounts.pairs import SEALED
from telecine.accounts.prices import PriceBook
from telecine.accounts.secret import Secret, load_secret
from telecine.accounts.statement import Statement
from telecine.assets.arrivals import Arrivals
from telecine.assets.library import Assets
from telecine.assets.shelf import Shelf
from telecine.clock import Clock, SystemClock
from telecine.config import LimitsConfig, Settings, catalogue_of
from telecine.dialects.dialect import Dialect
from telecine.dialects.served import DIALECTS
from telecine.dialects.tasks import TASKS
from telecine.media.collect import Collector
from telecine.media.intake import Intake
from telecine.media.library import MediaLibrary
from telecine.media.links import Signer
from telecine.media.reader import Reader
from telecine.media.service import MediaService
from telecine.media.sheets import Sheets
from telecine.media.storage import Storage
from telecine.media.worker_decoders import WorkerDecoders
from telecine.net.client import Client
from telecine.net.guard import AddressPolicy
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.ids import IdSource
from telecine.nouns.workflows import Workflows
from telecine.providers.base import Provider
from telecine.providers.comfyui import ComfyProvider
from telecine.providers.http import provider_of
from telecine.providers.known import VENDORS
from telecine.providers.sandbox.provider import SandboxProvider
from telecine.routing.router import Router
from telecine.store.database import Database
from telecine.store.sealing import Seal
from telecine.tasks.context import Context
from telecine.tasks.reads import TaskReads
from telecine.tasks.view import View
from telecine.upkeep.apps import Apps
from telecine.upkeep.metering import database_url
from telecine.upkeep.rules import policy
from telecine.webhooks.deliverer import Deliverer
from telecine.webhooks.delivery import Message, Tidings
from telecine.webhooks.endpoints import Endpoints
from telecine.workers import Workers

Announce = Callable[[Dialect, View, Tidings], Message | None]
_DAY = 86400


class Ground(msgspec.Struct, frozen=True):
    """What every room stands on."""

    settings: Settings
    clock: Clock
    secret: Secret
    ids: IdSource
    seal: Seal
    """What closes the secret keys of clients that sign their own tokens."""
    known: Catalogue
    addresses: AddressPolicy
    database: Database
    workers: Workers
    public_url: Callable[[], str]
    """At which clients and upstreams reach this installation; no slash at its end."""


class Upstreams(msgspec.Struct, frozen=True):
    """Who does the work, and which of them does it."""

    client: Client
    providers: Mapping[str, Provider]
    router: Router
    workflows: Workflows
    apps: Apps


class Files(msgspec.Struct, frozen=True):
    """Files of requests and results: kept, read and served."""

    storage: Storage
    fetcher: Client
    service: MediaService
    library: MediaLibrary
    assets: Assets
    arrivals: Arrivals


class Hooks(msgspec.Struct, frozen=True):
    """Webhooks, and what is sent to them."""

    messenger: Client
    endpoints: Endpoints
    deliverer: Deliverer


class Books(msgspec.Struct, frozen=True):
    """Who may spend, and what was spent."""

    keys: Keys
    balances: Balances
    statement: Statement
    prices: Callable[[], PriceBook]
    """As they are now."""


class House(msgspec.Struct, frozen=True):
    """The rooms below the tasks."""

    ground: Ground
    upstreams: Upstreams
    files: Files
    hooks: Hooks
    books: Books


def ground(settings: Settings, clock: Clock, public_url: Callable[[], str], *, make: bool) -> Ground:
    """`make` False opens what is there. Raises ConfigError where the secret of the installation is missing or weak."""
    secret = load_secret(settings.data, settings.secret_key, make=make)
    return Ground(
        settings=settings,
        clock=clock,
        secret=secret,
        ids=IdSource(),
        seal=Seal(secret.derive_all(SEALED)),
        known=catalogue_of(settings.config),
        addresses=policy(settings.config.network.allow_private),
        database=Database(database_url(settings), shared_clock=isinstance(clock, SystemClock)),
        workers=Workers(),
        public_url=public_url,
    )


def house(base: Ground, prices: Callable[[], PriceBook], limits: Callable[[], LimitsConfig]) -> House:
    """Every room on this ground. `prices` and `limits`: as they are now."""
    return House(base, _upstreams(base), _files(base, limits), _hooks(base), _books(base, prices))


def _upstreams(base: Ground) -> Upstreams:
    """The providers, over one client, and the router that knows their channels."""
    client, clock = Client(base.addresses), base.clock
    providers: dict[str, Provider] = {
        "sandbox": SandboxProvider(base.settings.data / "sandbox", clock, base.workers, base.known),
        "comfyui": ComfyProvider(client, clock),
        **{one.name: provider_of(one, client, clock) for one in VENDORS},
    }
    config, workflows = base.settings.config, Workflows(base.settings.config.flows, base.known)
    router = Router(config, providers, base.known, clock, workflows)
    return Upstreams(client, providers, router, workflows, Apps(base.database, clock, workflows))


def _files(base: Ground, limits: Callable[[], LimitsConfig]) -> Files:
    """Storage, and all that goes in and out of it."""
    config, scratch = base.settings.config, base.settings.data / "tmp"
    storage, decoders = Storage.on_disk(base.settings.data / "media"), WorkerDecoders(base.workers)
    fetcher = Client(base.addresses)  # of inputs: clients' slow servers take no connection from providers
    keys, days = base.secret.derive_all("media links"), config.retention.link_days
    service = MediaService(
        storage,
        Intake(storage, decoders, base.addresses, scratch),
        Signer(keys, config.media_origin or base.public_url, days * _DAY),
        Sheets(storage, decoders, scratch),
        base.clock,
    )
    # Upstreams are given links to what clients have sent only where they can reach this machine.
    reached = bool(config.media_origin or config.public_url)
    reader = Reader(storage, fetcher, decoders, scratch, link=service.object_link if reached else None)
    library = MediaLibrary(
        storage,
        Collector(storage, WorkerDecoders(base.workers, paid=True), scratch),
        reader,
        scratch,
    )
    shelf = Shelf(storage, decoders, scratch)
    assets = Assets(base.database, shelf, service, clock=base.clock, ids=base.ids, limits=limits)
    arrivals = Arrivals(base.database, shelf, reader, base.clock, limits)
    assets.told = arrivals.loop.nudge
    return Files(storage, fetcher, service, library, assets, arrivals)


def _hooks(base: Ground) -> Hooks:
    """The endpoints, and who sends to them."""
    messenger = Client(base.addresses)  # of its own, so that slow receivers take no connection from providers
    endpoints = Endpoints(base.database, base.clock, base.ids, base.secret.derive_all("webhook secrets"))
    return Hooks(messenger, endpoints, Deliverer(base.database, messenger, base.clock, endpoints))


def _books(base: Ground, prices: Callable[[], PriceBook]) -> Books:
    """Keys and money."""
    keys = Keys(base.database, base.clock, base.ids, base.seal)
    balances = Balances(base.database, keys, base.clock, base.ids)
    currency = base.settings.config.currency
    statement = Statement(
        base.database, balances, base.clock, currency=currency, prices=lambda model: prices().of(model)
    )
    return Books(keys, balances, statement, prices)


def context(there: House, announce: Announce) -> Context:
    """What steps may enter of all this. `announce`: how a dialect tells news."""
    base, config = there.ground, there.ground.settings.config
    own = [one for one in DIALECTS if one.announce is not None and one is not TASKS]
    return Context(
        database=base.database,
        reads=TaskReads(base.database),
        router=there.upstreams.router,
        workflows=there.upstreams.workflows,
        library=there.files.library,
        clock=base.clock,
        ids=base.ids,
        limits=config.limits,
        prices=PriceBook(config.prices, base.known),
        owner=secrets.token_hex(8),
        announcers={one.name: partial(announce, one) for one in own},
        neutral=partial(announce, TASKS),
        sealed=there.hooks.endpoints.sealed,
        subscribed=there.hooks.endpoints.subscribed,
        told=there.hooks.deliverer.nudge,
        callback_url=lambda token: f"{base.public_url()}/callbacks/{token}" if config.public_url else None,
        link_seconds=float((config.retention.link_days + 1) * _DAY),
    )
