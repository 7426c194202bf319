"""What single values of the configuration may be, and which names may stand in it twice (none).

Everything is looked at before anything is applied: what is found wrong here would be found by the database, or by a
request, when it is too late to refuse the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from math import isfinite
from typing import Final
from urllib.parse import urlsplit

from telecine.config.file import ChannelConfig, Config, ConfigError, KeyConfig
from telecine.nouns.money import MOST_MICROS, micros_of
from telecine.nouns.names import check_account_name, check_name
from telecine.nouns.secrets import HOW, is_strong

_MOST: Final = 2**31 - 1
"""What a column of whole numbers takes."""
_MOST_BYTES: Final = 2**40
_MOST_SECONDS: Final = 366 * 86400
_MOST_DAYS: Final = 36_500
_MOST_WEIGHT: Final = 1_000_000
_MOST_NAMED: Final = 128
"""Characters of an access key, as they are read from tokens."""
_LEAST_SIGNING: Final = 32
"""256 bits, as HS256 wants them (RFC 7518, 3.2)."""
_CREDENTIALS: Final = ("api_key", "access_key", "secret_key", "webhook_secret")


def problems(config: Config) -> Iterator[ConfigError]:
    """What is wrong with the values of `config`."""
    yield from _names(config)
    yield from _twice(config)
    for number, channel in enumerate(config.channels):
        yield from _channel(channel, number)
    for number, pool in enumerate(config.pools):
        yield from _whole(f"slots of pool '{pool.name}'", pool.slots, 0, at=("pools", number, "slots"))
    for number, key in enumerate(config.keys):
        yield from _key(key, number)
    for number, line in enumerate(config.prices):
        if not line.model.strip():
            yield ConfigError("A price names no model; write the public name of one.", "prices", number, "model")
    for number, account in enumerate(config.accounts):
        if account.unlimited and account.balance is not None:
            yield ConfigError(
                f"The account '{account.name}' is unlimited and has a balance; take one of the two away.",
                *("accounts", number, "unlimited"),
            )
        for name in ("assets", "asset_bytes"):
            number_of = getattr(account, name)
            at = ("accounts", number, name)
            yield from _whole(f"{name} of the account '{account.name}'", number_of, 0, _MOST_BYTES, at=at)
    if not 1 <= len(config.currency) <= 16 or not config.currency.isprintable() or " " in config.currency:
        yield ConfigError(f'currency = "{config.currency}" is none; write its code, such as "USD".', "currency")
    if config.metrics_key is not None and not is_strong(config.metrics_key):
        yield ConfigError(f"The metrics_key is too easy to guess to be safe: {HOW}.", "metrics_key")
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


def _names(config: Config) -> Iterator[ConfigError]:
    named: tuple[tuple[str, str, Sequence[str], Callable[[str], str], str], ...] = (
        ("channel", "channels", [one.name for one in config.channels], check_name, "name"),
        ("pool", "pools", [one.name for one in config.pools], check_name, "name"),
        ("key", "keys", [one.name for one in config.keys], check_name, "name"),
        ("account", "accounts", [one.name for one in config.accounts], check_account_name, "name"),
        ("account", "keys", [one.account for one in config.keys], check_account_name, "account"),
    )
    for what, section, names, check, field in named:
        for number, name in enumerate(names):
            try:
                check(name)
            except ValueError as error:
                yield ConfigError(f"The name of the {what} {name[:120]!r} {error}.", section, number, field)


def _twice(config: Config) -> Iterator[ConfigError]:
    for what, section, names in (
        ("channel", "channels", [one.name for one in config.channels]),
        ("pool", "pools", [one.name for one in config.pools]),
        ("key", "keys", [one.name for one in config.keys]),
        ("account", "accounts", [one.name for one in config.accounts]),
    ):
        for number, name in enumerate(names):
            if name in names[:number]:
                said = f"There is more than one {what} named '{name}'; names must be unique."
                yield ConfigError(said, section, number, "name")
    seen: dict[str, str] = {}
    for number, key in enumerate(config.keys):
        for field, text in (("key", key.key), ("access_key", key.access_key)):
            if text is not None and (other := seen.setdefault(text, key.name)) != key.name:
                what = "text" if field == "key" else field
                said = f"The keys '{other}' and '{key.name}' have the same {what}; give each one of its own."
                yield ConfigError(said, "keys", number, field)


def _channel(channel: ChannelConfig, number: int) -> Iterator[ConfigError]:
    name, at = f"channel '{channel.name}'", ("channels", number)
    if not channel.models and not channel.draining:
        said = f'The {name} serves no models; name some, write ["*"] for all, or set draining = true.'
        yield ConfigError(said, *at, "models")
    for index, entry in enumerate(channel.models):
        here = (*at, "models", index)
        public = entry if isinstance(entry, str) else entry.public
        if not public.strip() or (not isinstance(entry, str) and entry.upstream is not None and not entry.upstream):
            yield ConfigError(f"The {name} has a model without a name; write one.", *here)
        if not isinstance(entry, str):
            yield from _whole(f"slots of the model '{public}' of {name}", entry.slots, 1, at=here)
    yield from _whole(f"max_in_flight of {name}", channel.max_in_flight, 0, at=(*at, "max_in_flight"))
    yield from _whole(f"daily_cap of {name}", channel.daily_cap, 1, at=(*at, "daily_cap"))
    yield from _whole(f"weight of {name}", channel.weight, 1, _MOST_WEIGHT, at=(*at, "weight"))
    yield from _amount(f"unit_cost of {name}", channel.unit_cost, (*at, "unit_cost"))
    for field in _CREDENTIALS:
        text = getattr(channel, field)
        if text is not None and not (text and text.isascii() and text.isprintable() and text == text.strip()):
            yield ConfigError(
                f"The {field} of {name} is empty, or has a line break, a blank at its end or another character that no "
                "header takes; write it in one line, as the vendor shows it.",
                *(*at, field),
            )


def _key(key: KeyConfig, number: int) -> Iterator[ConfigError]:
    at = ("keys", number, "key")
    if not (key.key.isascii() and key.key.isprintable() and " " not in key.key):
        yield ConfigError(
            f"Key '{key.name}' has a line break, a blank or another character that no header takes; {HOW}.", *at
        )
    elif not is_strong(key.key):
        yield ConfigError(
            f"Key '{key.name}' is too easy to guess to be safe: {HOW}, or leave it to `telecine keys create`.", *at
        )
    yield from _pair(key, number)


def _pair(key: KeyConfig, number: int) -> Iterator[ConfigError]:
    """What is wrong with the pair that a key signs tokens with."""
    at, access_key, secret_key = ("keys", number), key.access_key, key.secret_key
    if access_key is None and secret_key is None:
        return
    if access_key is None or secret_key is None:
        missing = "access_key" if access_key is None else "secret_key"
        yield ConfigError(f"Key '{key.name}' has half a pair; add its {missing}, or take the other half away.", *at)
    elif key.admin:
        yield ConfigError(f"Key '{key.name}' is an admin key, which signs no tokens; take its pair away.", *at)
    elif not (1 <= len(access_key) <= _MOST_NAMED and access_key.isascii() and access_key.isprintable()):
        said = f"The access_key of key '{key.name}' must have 1 to {_MOST_NAMED} letters, digits and signs."
        yield ConfigError(said, *at, "access_key")
    elif len(secret_key) < _LEAST_SIGNING or not is_strong(secret_key):
        yield ConfigError(
            f"The secret_key of key '{key.name}' is too easy to guess to sign with: {HOW}, {_LEAST_SIGNING} characters "
            "or more.",
            *(*at, "secret_key"),
        )


def _limits(config: Config) -> Iterator[ConfigError]:
    limits, retention = config.limits, config.retention
    for name, least in (("body", 1), ("json_body", 1), ("asset_size", 1), ("assets", 0), ("asset_bytes", 0)):
        yield from _whole(f"[limits] {name}", getattr(limits, name), least, _MOST_BYTES, at=("limits", name))
    yield from _whole(
        "[limits] failed_authentication",
        limits.failed_authentication,
        1,
        at=("limits", "failed_authentication"),
    )
    yield from _whole("[limits] failovers", limits.failovers, 0, at=("limits", "failovers"))
    for name in ("first_step", "draft", "unreachable", "shutdown"):
        seconds = getattr(limits, name)
        if not (isfinite(seconds) and 0 <= seconds <= _MOST_SECONDS):
            yield ConfigError(
                f"[limits] {name} is {seconds}; it must be a number of seconds, 0 or more, and no more than a year.",
                *("limits", name),
            )
    for name in retention.__struct_fields__:
        least = 1 if name == "link_days" else 0
        yield from _whole(f"[retention] {name}", getattr(retention, name), least, _MOST_DAYS, at=("retention", name))


def _whole(
    what: str, number: int | None, least: int, most: int = _MOST, *, at: tuple[str | int, ...]
) -> Iterator[ConfigError]:
    if number is not None and not least <= number <= most:
        wanted = f"{least} or more" if number < least else f"{most} or less"
        yield ConfigError(f"The {what} is {number}; it must be {wanted}.", *at)


def _amount(what: str, amount: Decimal | None, at: tuple[str | int, ...]) -> Iterator[ConfigError]:
    if amount is None:
        return
    try:
        micros = micros_of(amount)
    except ValueError as error:
        yield ConfigError(f"The {what} is not valid: {error}.", *at)
        return
    if micros < 0:
        yield ConfigError(f"The {what} is negative.", *at)
    elif micros > MOST_MICROS:
        yield ConfigError(f"The {what} is {amount}; it must be at most a thousand million.", *at)
