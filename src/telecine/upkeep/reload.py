"""A new configuration while the server runs: validated, compared, applied in one step, and recorded.

Guarantees: a file that is not right, and one that could not be written into the records as a whole, changes nothing; no
configuration runs without its revision. What runs goes on with what the records say of it (its price, its pool, its
model, its address), asks its upstream with the newest credential for that address, and is not left alone when its
channel is removed. What a process can only read at its start is told as such. No difference ever holds a secret.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal
from urllib.parse import urlsplit, urlunsplit

import msgspec
from sqlalchemy import Connection, func, insert, select

from telecine.clock import Clock
from telecine.config import Config, ConfigError, ModelConfig, ReadWorkflow, Settings, WorkflowConfig, parse
from telecine.nouns.money import TOKEN_UNITS
from telecine.store import tables
from telecine.store.database import Database
from telecine.store.locks import lock_whole

_SECRET_WORDS: Final = ("key", "secret", "token", "password")
_NO_SECRETS: Final = frozenset({"token_limit"})
_AT_START: Final = frozenset({"public_url", "media_origin", "network", "retention.link_days"})
"""What is read only when a process starts."""


class Change(msgspec.Struct, frozen=True):
    """One difference. `section` as the file calls it; `fields` says what has changed, never a secret."""

    section: str
    name: str
    what: Literal["added", "removed", "changed"]
    fields: tuple[str, ...] = ()
    at_start: bool = False
    """It counts only after the next start."""

    def __str__(self) -> str:
        line = f"{self.section} '{self.name}' {self.what}" if self.name else f"{self.section} {self.what}"
        line += f": {', '.join(self.fields)}" if self.fields else ""
        return line + (" (from the next start on)" if self.at_start else "")


class Revision(msgspec.Struct, frozen=True):
    """A configuration that ran. `at` in seconds since the Unix epoch, `sha256` of the file."""

    number: int
    at: float
    actor: str
    sha256: str
    changes: tuple[Change, ...]


class Reload:
    """Reads the file again. `check` raises ConfigError for what only this process can find wrong.

    `write` brings the records in line with a configuration, in the transaction that also notes its revision; `swap`
    goes on with it in memory, after that has been committed. It may not fail.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        clock: Clock,
        *,
        check: Callable[[Config], None],
        write: Callable[[Connection, Config], None],
        swap: Callable[[Config], None],
    ) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._check = check
        self._write = write
        self._swap = swap
        self._one = asyncio.Lock()
        self.running = settings.config
        self._providers = providers_of(settings.config)

    async def reload(self, actor: str) -> Revision | None:
        """Go on with what the file says now; None where that is what runs already. Raises ConfigError.

        `actor`: who asked for it.
        """
        async with self._one:
            config, digest = await asyncio.to_thread(self._read)
            self._check(config)
            changes = tuple(difference(self.running, config))
            check_providers(self._providers, config)
            if not changes:
                return None

            def write(connection: Connection) -> Revision:
                lock_whole(connection, tables.config_revisions)
                self._write(connection, config)
                return self._record(connection, actor, digest, changes)

            made = await self._database.change(write)
            self._swap(config)
            self._providers |= providers_of(config)
            self.running = config
            return made

    async def begin(self) -> None:
        """Bring the records in line with the configuration of this start; it is noted as a revision where it is not
        the one that ran last."""
        digest = None if self._settings.file is None else await asyncio.to_thread(lambda: self._read()[1])

        def write(connection: Connection) -> None:
            lock_whole(connection, tables.config_revisions)
            self._write(connection, self.running)
            if digest is not None and _newest(connection) != digest:
                self._record(connection, "start", digest, ())

        await self._database.change(write)

    async def revisions(self, limit: int = 100) -> list[Revision]:
        """The newest revisions first."""
        table = tables.config_revisions
        return [
            Revision(number, at, actor, sha256, msgspec.json.decode(changes, type=tuple[Change, ...]))
            for number, at, actor, sha256, changes in await self._database.rows(
                select(table).order_by(table.c.number.desc()).limit(limit)
            )
        ]

    def _read(self) -> tuple[Config, str]:
        file = self._settings.file
        if file is None:
            raise ConfigError("The server was started without a configuration file; there is nothing to read again.")
        try:
            content = file.read_bytes()
        except OSError as error:
            raise ConfigError(f"The configuration file {file} cannot be read: {error.strerror}.") from None
        return parse(content, file, self._settings.environment), hashlib.sha256(content).hexdigest()

    def _record(self, connection: Connection, actor: str, digest: str, changes: tuple[Change, ...]) -> Revision:
        table = tables.config_revisions
        last = connection.execute(select(func.max(table.c.number))).scalar() or 0
        made = Revision(last + 1, self._clock.now(), actor[:200], digest, changes)
        row = {**msgspec.structs.asdict(made), "changes": msgspec.json.encode(changes).decode()}
        connection.execute(insert(table).values(row))
        return made


def _newest(connection: Connection) -> str | None:
    """The digest of the file that ran last."""
    table = tables.config_revisions.c
    found: str | None = connection.execute(select(table.sha256).order_by(table.number.desc()).limit(1)).scalar()
    return found


def providers_of(config: Config) -> dict[str, str]:
    """By channel, its provider."""
    return {channel.name: channel.provider for channel in config.channels}


def check_providers(known: Mapping[str, str], config: Config) -> None:
    """Raise ConfigError where a channel, whose name stands for one provider as long as jobs may run on it, changes it.

    `known`: the providers of the channels that run, or have run.
    """
    for number, channel in enumerate(config.channels):
        if known.get(channel.name, channel.provider) != channel.provider:
            raise ConfigError(
                f"Channel '{channel.name}' cannot change its provider while jobs may run on it; "
                "give the new one a name of its own.",
                *("channels", number, "provider"),
            )


def masked(config: Config, key: bytes) -> Config:
    """`config` with a keyed digest in place of each secret, so that two can be compared by whoever has `key`."""

    def mask(text: str | None) -> str | None:
        return None if text is None else hmac.new(key, text.encode(), hashlib.sha256).hexdigest()

    def hide(one: Any) -> Any:
        hidden = {name: mask(getattr(one, name)) for name in one.__struct_fields__ if is_secret(name)}
        return msgspec.structs.replace(one, **hidden)

    return msgspec.structs.replace(
        config,
        channels=tuple(map(hide, config.channels)),
        keys=tuple(map(hide, config.keys)),
        metrics_key=mask(config.metrics_key),
        workflows=tuple(map(_told, config.workflows)),
    )


def is_secret(field: str) -> bool:
    """Whether a field's value must never be shown. New fields that sound like it are taken for secrets."""
    return field not in _NO_SECRETS and any(word in field for word in _SECRET_WORDS)


def difference(old: Config, new: Config) -> list[Change]:
    """What `new` says other than `old`, of the same currency: another one is refused (`metering.check_currency`)."""
    found: list[Change] = []
    for section in ("channels", "pools", "keys", "accounts"):
        found += _listed(section, *({one.name: one for one in getattr(config, section)} for config in (old, new)))
    found += _listed("workflows", *({one.name: _told(one) for one in config.workflows} for config in (old, new)))
    found += _listed("models", *(_sections(config.models) for config in (old, new)))
    found += _listed("prices", *({_price_name(line): line for line in config.prices} for config in (old, new)))
    for section in ("network", "limits", "retention"):
        found += _table(section, getattr(old, section), getattr(new, section))
    for name in ("public_url", "media_origin", "allow_unmetered"):
        if getattr(old, name) != getattr(new, name):
            fields = (f"{_shown(getattr(old, name))} → {_shown(getattr(new, name))}",)
            found.append(Change(name, "", "changed", fields, at_start=name in _AT_START))
    if old.metrics_key != new.metrics_key:
        found.append(Change("metrics_key", "", "changed"))
    return found


def _told(one: WorkflowConfig) -> WorkflowConfig:
    """A workflow with a digest in the place of its graph."""
    if not isinstance(one, ReadWorkflow):
        return one
    plain = {name: getattr(one, name) for name in WorkflowConfig.__struct_fields__}
    if one.workflow.digest is not None:
        plain["file"] = f"{one.file} ({one.workflow.digest[:12]})"
    return WorkflowConfig(**plain)


def _sections(models: tuple[ModelConfig, ...]) -> dict[str, ModelConfig]:
    """By what tells a section from the others: one model may have several."""
    return {f"{one.name} ({', '.join(one.operations)})" if one.operations else one.name: one for one in models}


def _price_name(line: Any) -> str:
    """What tells a line from the others: token lines stand side by side."""
    conditions = ", ".join(f"{name} = {value}" for name, value in sorted(line.when.items()))
    name = f"{line.model} by {line.unit}" if line.unit in TOKEN_UNITS else str(line.model)
    return f"{name} ({conditions})" if conditions else name


def _listed(section: str, old: dict[str, Any], new: dict[str, Any]) -> list[Change]:
    found = [Change(section, name, "removed") for name in old if name not in new]
    for name, one in new.items():
        if name not in old:
            found.append(Change(section, name, "added"))
        elif fields := _fields(old[name], one):
            found.append(Change(section, name, "changed", tuple(text for _, text in fields)))
    return found


def _table(section: str, old: Any, new: Any) -> list[Change]:
    return [
        Change(section, name, "changed", (text,), at_start=bool({section, f"{section}.{name}"} & _AT_START))
        for name, text in _fields(old, new)
    ]


def _fields(old: Any, new: Any) -> list[tuple[str, str]]:
    found = []
    for name in new.__struct_fields__:
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            told = "changed" if is_secret(name) else f"{_shown(before)} → {_shown(after)}"
            found.append((name, f"{name} {told}"))
    return found


def _shown(value: object) -> str:
    """A value for people; a URL without what may be a password in it."""
    if value is None:
        return "nothing"
    if isinstance(value, str) and "://" in value:
        parts = urlsplit(value)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_shown, value)) + "]"
    if isinstance(value, msgspec.Struct):
        said = msgspec.to_builtins(value)
        return str({name: one for name, one in said.items() if one is not None})
    return str(value)
