"""What single values of the configuration may be, and which names may stand in it twice (none).

Everything is looked at before anything is applied: what is found wrong here would be found by the database, or by a
request, when it is too late to refuse the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from math import isfinite
from typing import Final
from urllib.parse import urlsplit

from telecine.config.file import ChannelConfig, Config, KeyConfig
from telecine.nouns.money import MOST_MICROS, micros_of
from telecine.nouns.names import check_account_name, check_name
from telecine.nouns.strength import HOW, is_strong

_MOST: Final = 2**31 - 1
"""What a column of whole numbers takes."""
_MOST_BYTES: Final = 2**40
_MOST_SECONDS: Final = 366 * 86400
_MOST_DAYS: Final = 36_500
_MOST_WEIGHT: Final = 1_000_000
_CREDENTIALS: Final = ("api_key", "access_key", "secret_key", "webhook_secret")


def problems(config: Config) -> Iterator[str]:
    """What is wrong with the values of `config`, a sentence each."""
    yield from _names(config)
    yield from _twice(config)
    for channel in config.channels:
        yield from _channel(channel)
    for pool in config.pools:
        yield from _whole(f"slots of pool '{pool.name}'", pool.slots, 0)
    for key in config.keys:
        yield from _key(key)
    for line in config.prices:
        if not line.model.strip():
            yield "A price names no model; write the public name of one."
    if not 1 <= len(config.currency) <= 16 or not config.currency.isprintable() or " " in config.currency:
        yield f'currency = "{config.currency}" is none; write its code, such as "USD".'
    if config.metrics_key is not None and not is_strong(config.metrics_key):
        yield f"The metrics_key is too easy to guess to be safe: {HOW}."
    yield from _limits(config)


def url_problem(url: str) -> str | None:
    """Why `url` cannot be an address that paths are put behind; None where it can."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("https", "http") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or not url.isprintable() or " " in url:
        return "must be an address such as https://host.example, with https:// or http:// and a host"
    return "must end before any '?' or '#'" if "?" in url or "#" in url else None


def _names(config: Config) -> Iterator[str]:
    named: tuple[tuple[str, Iterable[str], Callable[[str], str]], ...] = (
        ("channel", (one.name for one in config.channels), check_name),
        ("pool", (one.name for one in config.pools), check_name),
        ("key", (one.name for one in config.keys), check_name),
        ("account", (one.name for one in config.accounts), check_account_name),
        ("account", (one.account for one in config.keys), check_account_name),
    )
    for what, names, check in named:
        for name in names:
            try:
                check(name)
            except ValueError as error:
                yield f"The name of the {what} {name[:120]!r} {error}."


def _twice(config: Config) -> Iterator[str]:
    for what, names in (
        ("channel", [one.name for one in config.channels]),
        ("pool", [one.name for one in config.pools]),
        ("key", [one.name for one in config.keys]),
        ("account", [one.name for one in config.accounts]),
    ):
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            yield f"There is more than one {what} named '{min(twice)}'; names must be unique."
    seen: dict[str, str] = {}
    for key in config.keys:
        if (other := seen.setdefault(key.key, key.name)) != key.name:
            yield f"The keys '{other}' and '{key.name}' have the same text; give each one of its own."


def _channel(channel: ChannelConfig) -> Iterator[str]:
    name = f"channel '{channel.name}'"
    if not channel.models and not channel.draining:
        yield f'The {name} serves no models; name some, write ["*"] for all, or set draining = true.'
    for entry in channel.models:
        public = entry if isinstance(entry, str) else entry.public
        if not public.strip() or (not isinstance(entry, str) and entry.upstream is not None and not entry.upstream):
            yield f"The {name} has a model without a name; write one."
        if not isinstance(entry, str):
            yield from _whole(f"slots of the model '{public}' of {name}", entry.slots, 1)
    yield from _whole(f"max_in_flight of {name}", channel.max_in_flight, 0)
    yield from _whole(f"daily_cap of {name}", channel.daily_cap, 1)
    yield from _whole(f"weight of {name}", channel.weight, 1, _MOST_WEIGHT)
    yield from _amount(f"unit_cost of {name}", channel.unit_cost)
    for field in _CREDENTIALS:
        text = getattr(channel, field)
        if text is not None and not (text and text.isascii() and text.isprintable() and text == text.strip()):
            yield (
                f"The {field} of {name} is empty, or has a line break, a blank at its end or another character that no "
                "header takes; write it in one line, as the vendor shows it."
            )


def _key(key: KeyConfig) -> Iterator[str]:
    if not (key.key.isascii() and key.key.isprintable() and " " not in key.key):
        yield f"Key '{key.name}' has a line break, a blank or another character that no header takes; {HOW}."
    elif not is_strong(key.key):
        yield f"Key '{key.name}' is too easy to guess to be safe: {HOW}, or leave it to `telecine keys create`."


def _limits(config: Config) -> Iterator[str]:
    limits, retention = config.limits, config.retention
    for name in ("body", "json_body"):
        yield from _whole(f"[limits] {name}", getattr(limits, name), 1, _MOST_BYTES)
    yield from _whole("[limits] failed_authentication", limits.failed_authentication, 1)
    yield from _whole("[limits] failovers", limits.failovers, 0)
    for name in ("first_step", "unreachable", "shutdown"):
        seconds = getattr(limits, name)
        if not (isfinite(seconds) and 0 <= seconds <= _MOST_SECONDS):
            yield f"[limits] {name} is {seconds}; it must be a number of seconds, 0 or more, and no more than a year."
    for name in retention.__struct_fields__:
        yield from _whole(f"[retention] {name}", getattr(retention, name), 1 if name == "link_days" else 0, _MOST_DAYS)


def _whole(what: str, number: int | None, least: int, most: int = _MOST) -> Iterator[str]:
    if number is not None and not least <= number <= most:
        wanted = f"{least} or more" if number < least else f"{most} or less"
        yield f"The {what} is {number}; it must be {wanted}."


def _amount(what: str, amount: Decimal | None) -> Iterator[str]:
    if amount is None:
        return
    try:
        micros = micros_of(amount)
    except ValueError as error:
        yield f"The {what} is not valid: {error}."
        return
    if micros < 0:
        yield f"The {what} is negative."
    elif micros > MOST_MICROS:
        yield f"The {what} is {amount}; it must be at most a thousand million."
