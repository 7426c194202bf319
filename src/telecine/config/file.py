"""What a configuration file may say, section by section."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

import msgspec

from telecine.nouns.globs import is_glob, matches
from telecine.nouns.money import Unit
from telecine.nouns.workflow import Workflow

DEFAULT_PORT: Final = 8024  # 24 frames a second


class ConfigError(Exception):
    """The configuration cannot be used; the message says what is wrong and what to do.

    `path`: the setting that is at fault, from the top of the file: `"channels", 0, "models"`. Without one, the message
    stands for itself.
    """

    def __init__(self, problem: str, *path: str | int) -> None:
        super().__init__(problem)
        self.path = path


class ModelMap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One public model name and what the upstream calls it; `slots` is what one job of it takes from the pool."""

    public: str
    upstream: str | None = None
    pool: str | None = None
    slots: int = 1


class ChannelConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[[channels]]`: one configured account at a provider."""

    name: str
    provider: str
    base_url: str = ""
    api_key: str | None = None
    access_key: str | None = None
    secret_key: str | None = None
    webhook_secret: str | None = None
    models: tuple[str | ModelMap, ...] = ("*",)
    max_in_flight: int | None = None
    pool: str | None = None
    priority: int = 0
    weight: int = 1
    allow_private: bool = False
    resubmit: bool = False
    """Submit again after an unknown outcome even where that may pay twice."""
    rate_limit: str | None = None
    """Submits in so much time, such as `60/minute`; tasks above it wait."""
    daily_cap: int | None = None
    """Submits in one day (UTC); tasks above it wait for the next."""
    priced: bool = False
    """The sandbox only: its tasks cost what the price book says."""
    unit_cost: Decimal | None = None
    """What one unit of the upstream's own accounting costs us, in the currency, to read margins by."""
    draining: bool = False
    """It takes no new tasks; those that run on it are still asked about and collected."""
    options: dict[str, Any] = {}
    """What only its provider understands."""

    def __repr__(self) -> str:
        return f"ChannelConfig({self.name!r})"  # never the credentials

    def mapping(self, public: str) -> ModelMap | None:
        """How this channel serves the public model name, or None. Exact names go before globs."""
        glob: ModelMap | None = None
        for entry in self.models:
            item = ModelMap(entry) if isinstance(entry, str) else entry
            if item.public == public:
                return item
            if glob is None and matches(item.public, public):
                glob = item
        return glob

    @property
    def names(self) -> list[str]:
        """The public names that are spelled out (no globs)."""
        entries = [entry if isinstance(entry, str) else entry.public for entry in self.models]
        return [name for name in entries if not is_glob(name)]


class PoolConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[[pools]]`: upstream slots that several channels or models share."""

    name: str
    slots: int


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What bounds a key, or all keys of an account together; None is no limit. Budgets are in the currency."""

    rate_limit: str | None = None
    """Requests in so much time, such as `600/minute`."""
    token_limit: str | None = None
    """Tokens in so much time, such as `100000/minute`; counted as tasks end, asked at the next create."""
    max_tasks_in_flight: int | None = None
    ips: tuple[str, ...] | None = None
    """Networks (CIDR) from which alone requests are taken."""
    budget: Decimal | None = None
    """What may be spent in all, holds included."""
    monthly_budget: Decimal | None = None
    """The same for one calendar month, UTC."""


class HolderConfig(Limits, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the file says of keys and of accounts alike."""

    models: tuple[str, ...] | None = None
    """The public model names that may be used; None means all."""
    expires: datetime | None = None
    """From when on it no longer works."""


VideoFormat = Literal["official", "relay"]
"""How `/v1/videos` answers where the request does not say: as OpenAI does, or as relays do, with their ids."""

KeyDialect = Literal["ima"]
"""Whose a request is at a path that several dialects have, as its client has been told nothing of `/ima`."""


class KeyConfig(HolderConfig, frozen=True, forbid_unknown_fields=True):
    """`[[keys]]`: an API key that the operator chose."""

    name: str
    key: str
    account: str = "default"
    admin: bool = False
    access_key: str | None = None
    """With `secret_key`, the pair with which its client may sign tokens of its own, as Kling's do."""
    secret_key: str | None = None
    allow_unknown_parameters: bool = False
    """Fields that Telecine does not know may pass through although the account has a balance."""
    video_format: VideoFormat = "official"
    dialect: KeyDialect | None = None

    def __repr__(self) -> str:
        return f"KeyConfig({self.name!r})"


class AccountConfig(HolderConfig, frozen=True, forbid_unknown_fields=True):
    """`[[accounts]]`. `balance` is all that the file has granted, in the currency."""

    name: str
    balance: Decimal | None = None
    unlimited: bool = False
    """It spends without having a balance. Without either, an account that is made where there are prices has nothing.
    """
    assets: int | None = None
    """Files that its library may hold; None as `[limits]` says."""
    asset_bytes: int | None = None
    """The same for the bytes of all of them."""


class PriceConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[[prices]]`: one line of the price book, in the currency for one unit. `model`: a public name, or a glob."""

    model: str
    unit: Unit
    price: Decimal
    when: dict[str, str | int | float | bool] = {}
    """Conditions on the request; of the lines that apply, the one with the most conditions wins. Token lines add up."""
    hold: Decimal | None = None
    """Units to hold at create where the request does not tell how many there will be, or more than it tells."""
    most: Decimal | None = None
    """Units that a job is charged for at the very most, whatever its upstream says."""


class ModelConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[[models]]`: a model that the catalogue does not have, or what it has wrong of one. What is left out stays as it
    is; sections of one name add up."""

    name: str
    operations: tuple[str, ...] = ()
    """What it does, and what the rest of this section is about; all that the model is known to do where left out."""
    vendor: str | None = None
    created: int | None = None
    """Seconds since the Unix epoch."""
    aliases: tuple[str, ...] = ()
    """Other names of it, beside those that the catalogue has."""
    sizes: tuple[str, ...] | None = None
    """`WIDTHxHEIGHT` in pixels; of this and of what follows, an empty list is no limit."""
    default_size: str | None = None
    aspect_ratios: tuple[str, ...] | None = None
    resolutions: tuple[str, ...] | None = None
    modes: dict[str, str] | None = None
    """By the word of a mode, the resolution that it stands for."""
    durations: tuple[int, ...] | None = None
    """Seconds."""
    default_duration: int | None = None
    frame_rate: int | None = None
    max_count: int | None = None
    max_prompt: int | None = None
    """Characters."""
    max_images: int | None = None


class WorkflowConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[[workflows]]`: an app that is a model of its own. An input is named as `93:CLIPTextEncode.text`: the node's id,
    its class or title, the field."""

    web_app_id: int | str
    """Its number at BizyAir; for one's own graph any that no other has."""
    name: str
    """The public model name."""
    file: str | None = None
    """The graph in ComfyUI's API format; relative to the configuration file. Without one, BizyAir alone has the app."""
    inputs: tuple[str, ...] = ()
    """What clients may set, beside the inputs named below."""
    prompt: str | None = None
    negative_prompt: str | None = None
    image: str | None = None
    images: tuple[str, ...] = ()
    """For the pictures behind the first."""
    width: str | None = None
    height: str | None = None
    seed: str | None = None
    count: str | int | None = None
    """The input that says how many results there are; a number where there are always so many."""
    duration: str | None = None
    """In seconds."""
    output: str | None = None
    """The id of the node whose files are the result."""
    makes: Literal["image", "video", "audio"] | None = None
    """What it makes, where the graph does not tell."""


class ReadWorkflow(WorkflowConfig, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same, once its file has been read."""

    workflow: Workflow


class NetworkConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[network]`, lists of networks (CIDR)."""

    allow_private: tuple[str, ...] = ()
    """Private networks that callbacks and media may reach in spite of the guard."""
    trusted_proxies: tuple[str, ...] = ()
    """Proxies that are believed about their clients' addresses (`X-Forwarded-For`)."""


class LimitsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[limits]`. Sizes in bytes, times in seconds."""

    body: int = 512 * 1024 * 1024
    json_body: int = 64 * 1024 * 1024
    first_step: float = 10.0
    """How long a create waits for its first step before it answers `queued`."""
    draft: float = 3600.0
    """How long a draft waits for its client before it fails, and what is held for it is free."""
    unreachable: float = 600.0
    """How long a task whose channels cannot be reached, or are left alone for other trouble, waits before it fails."""
    failovers: Annotated[int, msgspec.Meta(ge=0)] = 0
    """How often a job that failed at its upstream is tried on another channel, for the same charge."""
    shutdown: float = 30.0
    """How long steps under way may go on after a stop signal."""
    require_price: bool = False
    """Refuse models that have no price line, instead of serving them for nothing."""
    connections_per_site: Annotated[int, msgspec.Meta(ge=1)] = 1024
    """Open connections from one address (IPv6: its /64) that is no trusted proxy; more are answered 503."""
    failed_authentication: int = 20
    """Requests without a valid key that one address may send in a minute; above that they are answered 429."""
    assets: int = 10_000
    """Files that the library of one account may hold, where the account says nothing else."""
    asset_bytes: int = 100 * 1024**3
    """The same for the bytes of all of them together."""
    asset_size: int = 2 * 1024**3
    """Bytes of one of them."""
    event_streams: int = 100
    """Streams of events that one account may hold open at a time; above that they are answered 429."""


class RetentionConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[retention]`, in days. Except for links, 0 keeps for ever, as the ledger always is."""

    link_days: int = 7
    """How long signed links stay valid."""
    bodies_days: int = 7
    """Prompts, vendor fields and inputs of tasks that have ended, and the bodies of webhooks."""
    events_days: int = 30
    """The timelines of tasks."""
    deliveries_days: int = 30
    """The log of webhooks."""
    outputs_days: int = 0
    """The files that tasks made."""
    assets_days: int = 0
    """The files of libraries, since they were added."""


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    public_url: str | None = None
    media_origin: str | None = None
    """The origin at which links to files are written, in the place of `public_url`; nothing else is served there."""
    metrics_key: str | None = None
    """What `/metrics` asks for as a bearer token; without it, it asks for nothing."""
    currency: str = "USD"
    """Set once: amounts are not converted when it changes."""
    allow_unmetered: bool = False
    """Serve other machines although a real channel has no prices."""
    channels: tuple[ChannelConfig, ...] = ()
    pools: tuple[PoolConfig, ...] = ()
    keys: tuple[KeyConfig, ...] = ()
    accounts: tuple[AccountConfig, ...] = ()
    prices: tuple[PriceConfig, ...] = ()
    models: tuple[ModelConfig, ...] = ()
    workflows: tuple[WorkflowConfig, ...] = ()
    network: NetworkConfig = NetworkConfig()
    limits: LimitsConfig = LimitsConfig()
    retention: RetentionConfig = RetentionConfig()

    @property
    def flows(self) -> tuple[Workflow, ...]:
        """The workflows, as they were read."""
        return tuple(one.workflow for one in self.workflows if isinstance(one, ReadWorkflow))
