"""Whether anybody could spend what nobody counts, and in which currency it is counted."""

from __future__ import annotations

import ipaddress
import socket
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import Connection, insert, select

from telecine.accounts.prices import PriceBook
from telecine.config import Config, ConfigError, Settings
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.globs import is_glob
from telecine.providers.known import TERMS
from telecine.store import tables
from telecine.store.database import Database

_CURRENCY: Final = "currency"
_SHOWN: Final = 5


def unpriced(config: Config, catalogue: Catalogue) -> list[tuple[int, str]]:
    """The number of each real channel that takes tasks with each model of it that no price line is for.

    A glob of a channel counts as a model only where there are no prices at all. Where there are, whatever it serves
    without one is refused when it is asked for, as nobody knows those names beforehand.
    """
    book = PriceBook(config.prices, catalogue)
    found = []
    for number, channel in enumerate(config.channels):
        if TERMS[channel.provider].free or channel.draining:
            continue
        names = [entry if isinstance(entry, str) else entry.public for entry in channel.models]
        found += [(number, name) for name in names if not book.of(name) and not (config.prices and is_glob(name))]
    return found


def check_priced(config: Config, catalogue: Catalogue) -> None:
    """Raise ConfigError where there are prices, and none for a model of a real channel."""
    if config.prices and (found := unpriced(config, catalogue)):
        raise ConfigError(
            f"There are prices, but none for {_shown(config, found)}. Add [[prices]] for each; "
            "'price = 0' says that a model is free.",
            *("channels", found[0][0], "models"),
        )


def check_metered(config: Config, catalogue: Catalogue) -> None:
    """Raise ConfigError where other machines could use a real channel for nothing: there are no prices."""
    if config.prices or config.allow_unmetered or config.limits.require_price:
        return
    if found := unpriced(config, catalogue):
        raise ConfigError(
            f"Other machines could spend on models without a price ({_shown(config, found)}). Add [[prices]] for "
            "them, or set 'require_price = true' in [limits] to refuse what has none, or 'allow_unmetered = true' at "
            "the top of the file to serve it for nothing, or serve this machine only (127.0.0.1, no public_url, no "
            "trusted_proxies).",
            *("channels", found[0][0], "models"),
        )


def _shown(config: Config, found: list[tuple[int, str]]) -> str:
    names = [f"{config.channels[number].name}: {name}" for number, name in found]
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")


def is_exposed(listener: socket.socket) -> bool:
    """Whether other machines can reach `listener`."""
    return not ipaddress.ip_address(str(listener.getsockname()[0]).partition("%")[0]).is_loopback


def is_published(config: Config) -> bool:
    """Whether, by the configuration, other machines come through a proxy, wherever the process itself listens."""
    host = urlsplit(config.public_url or "").hostname or "localhost"
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost" or host.endswith(".localhost")
    return not local or bool(config.network.trusted_proxies)


def check_currency(known: str, wanted: str) -> None:
    """Raise ConfigError where the file names another currency than the one of the books."""
    if known != wanted:
        raise ConfigError(
            f'This installation counts in {known}, and the configuration says currency = "{wanted}". A currency is '
            "set once, at the first start, because amounts are not converted: write the old one again, or start with "
            "new data.",
            "currency",
        )


async def known_currency(settings: Settings) -> str | None:
    """The currency of the books of an installation that nobody has open; None where it has none yet."""
    database = Database(database_url(settings))
    try:
        return await database.read(_kept)
    finally:
        await database.close()


def database_url(settings: Settings) -> str:
    """Where the records are, as an SQLAlchemy URL."""
    return settings.database_url or f"sqlite:///{(settings.data / 'telecine.db').absolute()}"


def _kept(connection: Connection) -> str | None:
    row = tables.settings.c
    found: str | None = connection.execute(select(row.value).where(row.name == _CURRENCY)).scalar_one_or_none()
    return found


async def keep_currency(database: Database, wanted: str) -> None:
    """Note the currency at the first start; raise ConfigError where a later one names another."""

    def keep(connection: Connection) -> str:
        known = _kept(connection)
        if known is None:
            connection.execute(insert(tables.settings).values(name=_CURRENCY, value=wanted))
        return known or wanted

    check_currency(await database.change(keep), wanted)
