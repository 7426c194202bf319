"""The configuration of a start or a reload: the file, with its secrets read, and what the environment adds."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from telecine.config.checks import check, check_origin
from telecine.config.explain import explained
from telecine.config.file import Config, ConfigError
from telecine.config.lines import located
from telecine.config.models import problems
from telecine.config.values import url_problem
from telecine.config.workflows import with_workflows
from telecine.nouns.amounts import check_texts
from telecine.nouns.secrets import HOW, is_strong

_BUILT: Final = msgspec.json.Decoder(Config)
"""Made here, for a reload decodes in a thread: see the decoder of sandbox jobs."""


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
    """`config` with what the environment says in place of the file. Raises ConfigError where these do not agree."""
    given = environment.get("TELECINE_PUBLIC_URL")
    url = given or config.public_url
    if url is not None and (problem := url_problem(url)):
        raise ConfigError(f"The public_url '{url}' {problem}.", *(() if given else ("public_url",)))
    config = msgspec.structs.replace(config, public_url=url)
    check_origin(config)
    return config


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
        return _parsed(content, file, environment)
    except ConfigError as error:
        raise located(error, file, content) from None


def _parsed(content: bytes, file: Path, environment: Mapping[str, str]) -> Config:
    try:
        raw = tomllib.loads(content.decode(), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"The configuration file {file} is not valid: {error}.") from None
    if (wrong := check_texts(raw, Config)) is not None:
        raise ConfigError(f"{wrong[1]}.", *wrong[0])
    try:
        config = msgspec.convert(_dated(raw), Config)
    except msgspec.ValidationError as error:
        raise explained(error) from None
    for wrong_model in problems(config):
        raise wrong_model
    config = with_workflows(_with_secrets(config, environment), file.parent)
    check(config)
    return with_environment(config, environment)


def _with_secrets(config: Config, environment: Mapping[str, str]) -> Config:
    """`config` with what `env:` and `file:` stand for. Raises ConfigError."""

    def secret(value: str | None, owner: str, *path: str | int) -> str | None:
        try:
            return _secret(value, environment, owner)
        except ConfigError as error:
            raise ConfigError(str(error), *path) from None

    channels = [
        msgspec.structs.replace(
            channel,
            **{
                name: secret(getattr(channel, name), f"channel '{channel.name}'", "channels", number, name)
                for name in ("api_key", "access_key", "secret_key", "webhook_secret")
            },
        )
        for number, channel in enumerate(config.channels)
    ]
    keys = [
        msgspec.structs.replace(
            key,
            key=secret(key.key, f"key '{key.name}'", "keys", number, "key") or "",
            **{
                name: secret(getattr(key, name), f"key '{key.name}'", "keys", number, name)
                for name in ("access_key", "secret_key")
            },
        )
        for number, key in enumerate(config.keys)
    ]
    return msgspec.structs.replace(
        config,
        channels=tuple(channels),
        keys=tuple(keys),
        metrics_key=secret(config.metrics_key, "metrics_key", "metrics_key"),
    )


def _dated(raw: dict[str, Any]) -> dict[str, Any]:
    """`raw` with each `expires` as a date-time with an offset: a date is its beginning, and what has none is UTC."""
    for section in ("keys", "accounts"):
        listed = raw.get(section)
        for number, entry in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(entry, dict) and "expires" in entry:
                try:
                    entry["expires"] = _moment(entry["expires"], f"[[{section}]] '{entry.get('name')}'")
                except ConfigError as error:
                    raise ConfigError(str(error), section, number, "expires") from None
    return raw


def _moment(value: object, owner: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        moment = None
    if isinstance(moment, date) and not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    if not isinstance(moment, datetime):
        raise ConfigError(f"{owner}: expires must be a date or a date-time, such as 2027-01-31T18:00:00Z.")
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


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
