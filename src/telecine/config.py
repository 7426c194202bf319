"""The configuration file and the environment, validated once at start."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

import msgspec

DEFAULT_PORT: Final = 8024  # 24 frames a second
_KEY_LENGTH: Final = 22  # 128 bits in base 64


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

    def __repr__(self) -> str:
        return f"KeyConfig({self.name!r})"


class NetworkConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[network]`: private networks (CIDR) that callbacks and media may reach in spite of the guard."""

    allow_private: tuple[str, ...] = ()


class LimitsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[limits]`. Sizes in bytes, times in seconds."""

    body: int = 512 * 1024 * 1024
    json_body: int = 64 * 1024 * 1024
    first_step: float = 10.0
    """How long a create waits for its first step before it answers `queued`."""
    unreachable: float = 600.0
    """How long a task whose channels cannot be reached is tried again before it fails."""
    shutdown: float = 30.0
    """How long steps under way may go on after a stop signal."""


class RetentionConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[retention]`: how long signed links stay valid, in days."""

    link_days: int = 7


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    public_url: str | None = None
    channels: tuple[ChannelConfig, ...] = ()
    pools: tuple[PoolConfig, ...] = ()
    keys: tuple[KeyConfig, ...] = ()
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

    def __repr__(self) -> str:
        return f"Settings(data={str(self.data)!r})"


def load(data: Path | None = None, file: Path | None = None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Settings from the command line's choices, the environment and the file. Raises ConfigError."""
    file = file or _path(environment.get("TELECINE_CONFIG"))
    config = read(file, environment) if file else Config()
    if url := environment.get("TELECINE_PUBLIC_URL"):
        config = msgspec.structs.replace(config, public_url=url)
    admin_key = environment.get("TELECINE_ADMIN_KEY") or None
    if admin_key is not None and len(admin_key) < _KEY_LENGTH:
        raise ConfigError(f"TELECINE_ADMIN_KEY is too short to be safe: use {_KEY_LENGTH} random characters or more.")
    return Settings(
        data=data or _path(environment.get("TELECINE_DATA")) or Path("data"),
        config=config,
        admin_key=admin_key,
        secret_key=environment.get("TELECINE_SECRET_KEY") or None,
        database_url=environment.get("TELECINE_DATABASE_URL") or None,
    )


def read(file: Path, environment: Mapping[str, str] = os.environ) -> Config:
    """The configuration in `file`, with its `env:` and `file:` secrets read. Raises ConfigError."""
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
        config = msgspec.convert(raw, Config)
    except OSError as error:
        raise ConfigError(f"The configuration file {file} cannot be read: {error.strerror}.") from None
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
    return config


def _check(config: Config) -> None:
    for what, names in (
        ("channel", [channel.name for channel in config.channels]),
        ("pool", [pool.name for pool in config.pools]),
        ("key", [key.name for key in config.keys]),
    ):
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise ConfigError(f"There is more than one {what} named '{min(twice)}'; names must be unique.")
    pools = {pool.name for pool in config.pools}
    for channel in config.channels:
        wanted = [channel.pool, *(entry.pool for entry in channel.models if isinstance(entry, ModelMap))]
        for pool in wanted:
            if pool is not None and pool not in pools:
                raise ConfigError(f"Channel '{channel.name}' uses the pool '{pool}', which no [[pools]] defines.")
        if channel.weight < 1:
            raise ConfigError(f"Channel '{channel.name}' has weight {channel.weight}; it must be 1 or more.")
    for key in config.keys:
        if len(key.key) < _KEY_LENGTH:
            raise ConfigError(f"Key '{key.name}' is too short to be safe: use {_KEY_LENGTH} random characters or more.")


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
        except OSError as error:
            raise ConfigError(f"The {owner} reads its secret from {rest}: {error.strerror}.") from None
    return value


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None
