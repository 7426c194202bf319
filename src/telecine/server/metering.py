"""Whether strangers could spend what nobody counts, and in which currency it is counted."""

from __future__ import annotations

import ipaddress
import socket
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy import insert, select

from telecine.config import Config, ConfigError
from telecine.nouns.catalogue import Catalogue
from telecine.store import tables
from telecine.store.database import Database

_CURRENCY: Final = "currency"
_SHOWN: Final = 5


def unpriced(config: Config, catalogue: Catalogue) -> list[str]:
    """`channel: model` for each model of a real channel that no price line names.

    A glob counts as one: it serves names that no line can know. With `require_price`, what has no price is refused.
    """
    if config.limits.require_price:
        return []
    priced = {line.model for line in config.prices}
    found = []
    for channel in config.channels:
        if channel.provider == "sandbox" or channel.draining:
            continue
        for entry in channel.models:
            name = entry if isinstance(entry, str) else entry.public
            known = catalogue.find(name)
            if name not in priced and not (known is not None and known.name in priced):
                found.append(f"{channel.name}: {name}")
    return found


def check_metered(config: Config, catalogue: Catalogue) -> None:
    """Raise ConfigError where other machines could use a real channel for nothing."""
    if config.allow_unmetered or not (found := unpriced(config, catalogue)):
        return
    shown = ", ".join(found[:_SHOWN]) + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")
    raise ConfigError(
        f"Other machines could spend on models without a price ({shown}). Add [[prices]] for them, or set "
        "'require_price = true' in [limits] to refuse what has none, or 'allow_unmetered = true' at the top of the "
        "file to serve it for nothing, or serve this machine only (127.0.0.1, no public_url, no trusted_proxies)."
    )


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


def check_currency(settled: str, wanted: str) -> None:
    """Raise ConfigError where the file names another currency than the one of the books."""
    if settled != wanted:
        raise ConfigError(
            f'This installation counts in {settled}, and the configuration says currency = "{wanted}". A currency is '
            "set once, at the first start, because amounts are not converted: write the old one again, or start with "
            "new data."
        )


async def settle_currency(database: Database, wanted: str) -> None:
    """Note the currency at the first start; raise ConfigError where a later one names another."""
    row = tables.settings
    async with database.writing() as connection:
        settled = (await connection.execute(select(row.c.value).where(row.c.name == _CURRENCY))).scalar_one_or_none()
        if settled is None:
            await connection.execute(insert(row).values(name=_CURRENCY, value=wanted))
            return
    check_currency(settled, wanted)
