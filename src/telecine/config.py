"""The configuration file and the environment, validated once at start."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from decimal import Decimal
from fnmatch import fnmatchcase
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Final

import msgspec

from telecine.config_values import problems, url_problem
from telecine.nouns.money import TOKEN_UNITS, Unit
from telecine.nouns.rate import rate_of
from telecine.nouns.strength import HOW, is_strong

DEFAULT_PORT: Final = 8024  # 24 frames a second


class ConfigError(Exception):
    """The configuration cannot be used; the message says what is wrong and what to do."""


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

    def __repr__(self) -> str:
        return f"ChannelConfig({self.name!r})"  # never the credentials

    def mapping(self, public: str) -> ModelMap | None:
        """How this channel serves the public model name, or None. Exact names go before globs."""
        glob: ModelMap | None = None
        for entry in self.models:
            item = ModelMap(entry) if isinstance(entry, str) else entry
            if item.public == public:
                return item
            if glob is None and any(mark in item.public for mark in "*?[") and fnmatchcase(public, item.public):
                glob = item
        return glob

    @property
    def names(self) -> list[str]:
        """The public names that are spelled out (no globs)."""
        entries = [entry if isinstance(entry, str) else entry.public for entry in self.models]
        return [name for name in entries if not any(mark in name for mark in "*?[")]


class PoolConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[[pools]]`: upstream slots that several channels or models share."""

    name: str
    slots: int


class KeyConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[[keys]]`: an API key that the operator chose."""

    name: str
    key: str
    account: str = "default"
    models: tuple[str, ...] | None = None
    admin: bool = False
    allow_unknown_parameters: bool = False
    """Fields that Telecine does not know may pass through although the account has a balance."""
    rate_limit: str | None = None
    """Requests in so much time, such as `600/minute`."""
    token_limit: str | None = None
    """Tokens in so much time, such as `100000/minute`; counted as tasks end, asked at the next create."""
    max_tasks_in_flight: int | None = None
    ips: tuple[str, ...] | None = None
    """Networks (CIDR) from which alone the key works."""
    budget: Decimal | None = None
    """What the key may spend in all, in the currency, holds included; `monthly_budget` by calendar month (UTC)."""
    monthly_budget: Decimal | None = None

    def __repr__(self) -> str:
        return f"KeyConfig({self.name!r})"


class AccountConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[[accounts]]`. `balance` is all that the file has granted, in the currency; without it spending is unlimited."""

    name: str
    balance: Decimal | None = None
    rate_limit: str | None = None
    """Requests of all its keys together in so much time."""
    token_limit: str | None = None
    """Tokens of all its keys together in so much time."""
    max_tasks_in_flight: int | None = None


class PriceConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[[prices]]`: one line of the price book, in the currency for one unit."""

    model: str
    unit: Unit
    price: Decimal
    when: dict[str, str | int | float | bool] = {}
    """Conditions on the request; of the lines that apply, the one with the most conditions wins. Token lines add up."""
    hold: Decimal | None = None
    """Units to hold at create, in the place of those that the request tells."""


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
    unreachable: float = 600.0
    """How long a task whose channels cannot be reached, or are left alone for other trouble, waits before it fails."""
    failovers: Annotated[int, msgspec.Meta(ge=0)] = 0
    """How often a job that failed at its upstream is tried on another channel, for the same charge."""
    shutdown: float = 30.0
    """How long steps under way may go on after a stop signal."""
    require_price: bool = False
    """Refuse models that have no price line, instead of serving them for nothing."""
    failed_authentication: int = 20
    """Requests without a valid key that one address may send in a minute; above that they are answered 429."""


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


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    public_url: str | None = None
    currency: str = "USD"
    """Set once: amounts are not converted when it changes."""
    allow_unmetered: bool = False
    """Serve other machines although a real channel has no prices."""
    channels: tuple[ChannelConfig, ...] = ()
    pools: tuple[PoolConfig, ...] = ()
    keys: tuple[KeyConfig, ...] = ()
    accounts: tuple[AccountConfig, ...] = ()
    prices: tuple[PriceConfig, ...] = ()
    network: NetworkConfig = NetworkConfig()
    limits: LimitsConfig = LimitsConfig()
    retention: RetentionConfig = RetentionConfig()


class Settings(msgspec.Struct, frozen=True):
    """What a start needs: the file's content, and what the environment or the command line adds."""

    data: Path
    config: Config
    admin_key: str | None = None
    secret_key: str | None = None
    database_url: str | None = None
    file: Path | None = None
    """Where `config` was read, to be read again on a reload."""
    environment: Mapping[str, str] = msgspec.field(default_factory=lambda: os.environ)

    def __repr__(self) -> str:
        return f"Settings(data={str(self.data)!r})"


def load(data: Path | None = None, file: Path | None = None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the command line's choices, the environment and the file. Raises ConfigError."""
    file = file or _path(environment.get("TELECINE_CONFIG"))
    config = read(file, environment) if file else with_environment(Config(), environment)
    admin_key = environment.get("TELECINE_ADMIN_KEY") or None
    if admin_key is not None and not is_strong(admin_key):
        raise ConfigError(f"TELECINE_ADMIN_KEY is too easy to guess to be safe: {HOW}.")
    return Settings(
        data=data or _path(environment.get("TELECINE_DATA")) or Path("data"),
        config=config,
        admin_key=admin_key,
        secret_key=environment.get("TELECINE_SECRET_KEY") or None,
        database_url=environment.get("TELECINE_DATABASE_URL") or None,
        file=file,
        environment=environment,
    )


def with_environment(config: Config, environment: Mapping[str, str]) -> Config:
    """`config` with what the environment says in place of the file. Raises ConfigError."""
    url = environment.get("TELECINE_PUBLIC_URL") or config.public_url
    if url is not None and (problem := url_problem(url)):
        raise ConfigError(f"The public_url '{url}' {problem}.")
    return msgspec.structs.replace(config, public_url=url)


def read(file: Path, environment: Mapping[str, str] = os.environ) -> Config:
    """The configuration in `file`, with what the environment adds and its secrets read. Raises ConfigError."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"The configuration file {file} cannot be read: {error.strerror}.") from None
    return parse(content, file, environment)


def parse(content: bytes, file: Path, environment: Mapping[str, str]) -> Config:
    """The same for `content`, which was read from `file`."""
    try:
        raw = tomllib.loads(content.decode(), parse_float=Decimal)
        config = msgspec.convert(raw, Config)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"The configuration file {file} is not valid: {error}") from None
    config = msgspec.structs.replace(
        config,
        channels=tuple(
            msgspec.structs.replace(
                channel,
                **{
                    name: _secret(getattr(channel, name), environment, f"channel '{channel.name}'")
                    for name in ("api_key", "access_key", "secret_key", "webhook_secret")
                },
            )
            for channel in config.channels
        ),
        keys=tuple(
            msgspec.structs.replace(key, key=_secret(key.key, environment, f"key '{key.name}'") or "")
            for key in config.keys
        ),
    )
    _check(config)
    return with_environment(config, environment)


def _check(config: Config) -> None:
    for problem in problems(config):
        raise ConfigError(problem)
    pools = {pool.name for pool in config.pools}
    for channel in config.channels:
        wanted = [channel.pool, *(entry.pool for entry in channel.models if isinstance(entry, ModelMap))]
        for pool in wanted:
            if pool is not None and pool not in pools:
                raise ConfigError(f"Channel '{channel.name}' uses the pool '{pool}', which no [[pools]] defines.")
    _check_prices(config)
    _check_rates(config)
    _check_limits(config)
    _check_retention(config.retention)


_CONDITIONS: Final = frozenset(
    {"mode", "audio", "operation", "resolution", "size", "aspect_ratio", "duration", "count"}
)


def _check_prices(config: Config) -> None:
    seen: dict[tuple[str, frozenset[tuple[str, object]]], list[PriceConfig]] = {}
    for line in config.prices:
        if unknown := line.when.keys() - _CONDITIONS:
            raise ConfigError(
                f"A price of '{line.model}' depends on '{min(unknown)}'; "
                f"prices can depend on: {', '.join(sorted(_CONDITIONS))}."
            )
        same = seen.setdefault((line.model, frozenset(line.when.items())), [])
        for other in same:
            _check_together(other, line)
        same.append(line)
        if line.hold is not None and not (line.hold.is_finite() and line.hold >= 0):
            raise ConfigError(f"The hold of a price of '{line.model}' must be a number of units, 0 or more.")


def _check_together(one: PriceConfig, other: PriceConfig) -> None:
    """Of two lines of one model under the same conditions, both can count only where they add up."""
    if one.unit == other.unit or not (one.unit in TOKEN_UNITS and other.unit in TOKEN_UNITS):
        raise ConfigError(
            f"Two prices of '{one.model}' exclude each other: {_line(one)}, {_line(other)}. Under the same conditions "
            "only lines of different token units add up; take one away, or give it conditions of its own."
        )


def _line(line: PriceConfig) -> str:
    conditions = ", ".join(f"{name} = {value}" for name, value in sorted(line.when.items()))
    return f"{line.price} a {line.unit}" + (f" when {conditions}" if conditions else "")


def _check_rates(config: Config) -> None:
    for what, ones in (("Channel", config.channels), ("Key", config.keys), ("Account", config.accounts)):
        for one in ones:
            for field in ("rate_limit", "token_limit"):
                rate = getattr(one, field, None)  # a channel has no limit of tokens
                if rate is not None:
                    _check_with(rate_of, rate, f"{what} '{one.name}' has a {field} that")


def _check_limits(config: Config) -> None:
    for key in config.keys:
        for network in key.ips or ():
            _check_with(ip_network, network, f"Key '{key.name}' has an entry in ips that")
    for network in config.network.trusted_proxies:
        _check_with(ip_network, network, "[network] trusted_proxies has an entry that")


def _check_retention(retention: RetentionConfig) -> None:
    if 0 < retention.outputs_days < retention.link_days:
        raise ConfigError("[retention] outputs_days is shorter than link_days: links would lead nowhere.")


def _check_with(check: Callable[[str], object], text: str, what: str) -> None:
    try:
        check(text)
    except ValueError as error:
        raise ConfigError(f"{what} is not valid: {error}.") from None


def _secret(value: str | None, environment: Mapping[str, str], owner: str) -> str | None:
    """The secret behind `env:NAME` or `file:PATH`; other text is the secret itself."""
    if value is None:
        return None
    kind, _, rest = value.partition(":")
    if kind == "env":
        if not environment.get(rest):
            raise ConfigError(f"The {owner} reads its secret from ${rest}, which is not set.")
        return environment[rest]
    if kind == "file":
        try:
            return Path(rest).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:  # ValueError: bytes that are no text, or no path
            reason = (error.strerror if isinstance(error, OSError) else None) or "it cannot be read as text"
            raise ConfigError(f"The {owner} reads its secret from {rest!r}: {reason}.") from None
    return value


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None
