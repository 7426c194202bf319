"""What a configuration has to be like beyond the types of its values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from ipaddress import ip_network
from typing import Any, Final
from urllib.parse import urlsplit

from telecine.config.file import Config, ConfigError, Limits, ModelMap, PriceConfig, RetentionConfig
from telecine.config.values import problems
from telecine.nouns.money import (
    MICROS,
    MOST_BUDGET,
    MOST_MICROS,
    MOST_UNITS,
    TOKEN_UNITS,
    Price,
    amount_within,
    cost,
    micros_of,
)
from telecine.nouns.operations import apart
from telecine.nouns.rate import QUOTA_LINE, rate_of

_Path = tuple[str | int, ...]
"""Where a setting stands in the file; see `ConfigError`."""
_MOST_IN_FLIGHT: Final = 2**31 - 1  # what its column holds


def check(config: Config) -> None:
    """Raise ConfigError for what no installation could run."""
    for problem in problems(config):
        raise problem
    for what, section, names in (
        ("channel", "channels", [channel.name for channel in config.channels]),
        ("pool", "pools", [pool.name for pool in config.pools]),
    ):
        for number, name in enumerate(names):
            if name.startswith(QUOTA_LINE):
                said = f"A {what} cannot be named '{name}': such names stand for the lines of quotas."
                raise ConfigError(said, section, number, "name")
    _check_pools(config)
    _check_prices(config)
    _check_limits(config)
    _check_retention(config.retention)


def _check_pools(config: Config) -> None:
    pools = {pool.name for pool in config.pools}
    for number, channel in enumerate(config.channels):
        wanted = [
            (channel.pool, "pool"),
            *((one.pool, "models") for one in channel.models if isinstance(one, ModelMap)),
        ]
        for pool, field in wanted:
            if pool is not None and pool not in pools:
                raise ConfigError(
                    f"Channel '{channel.name}' uses the pool '{pool}', which no [[pools]] defines; "
                    f"these exist: {', '.join(sorted(pools)) or 'none'}.",
                    *("channels", number, field),
                )


_CONDITIONS: Final = frozenset(
    {"mode", "audio", "operation", "quality", "resolution", "size", "aspect_ratio", "duration", "count"}
    | {"speed", "style", "factor", "motion"}
)


def _check_prices(config: Config) -> None:
    seen: dict[tuple[str, frozenset[tuple[str, object]]], list[PriceConfig]] = {}
    for number, line in enumerate(config.prices):
        at = ("prices", number)
        if unknown := line.when.keys() - _CONDITIONS:
            raise ConfigError(
                f"A price of '{line.model}' depends on '{min(unknown)}'; "
                f"prices can depend on: {', '.join(sorted(_CONDITIONS))}.",
                *(*at, "when"),
            )
        same = seen.setdefault((line.model, frozenset(line.when.items())), [])
        for other in same:
            _check_together(other, line, at)
        same.append(line)
        _check_amount(line.price, MOST_MICROS, f"A price of '{line.model}'", (*at, "price"))
        if line.hold is not None:
            _check_hold(line, line.hold, (*at, "hold"))
        if line.most is not None:
            _check_most(line, line.most, (*at, "most"))
    for number, account in enumerate(config.accounts):
        if account.balance is not None:
            what, here = f"The balance of account '{account.name}'", ("accounts", number, "balance")
            _check_amount(account.balance, MOST_BUDGET, what, here)


def _check_hold(line: PriceConfig, hold: Decimal, at: _Path) -> None:
    """Holds are bounded by what they come to as well: a create refuses more, and here nobody has to find that out."""
    what = f"The hold of a price of '{line.model}'"
    if not (hold.is_finite() and 0 <= hold <= MOST_UNITS):
        raise ConfigError(f"{what} must be a number of units, from 0 to {MOST_UNITS}.", *at)
    if cost(Price(line.unit, micros_of(line.price)), hold) > MOST_MICROS:
        raise ConfigError(f"{what} comes to more than {MOST_MICROS // MICROS}, the most that one job may cost.", *at)


def _check_most(line: PriceConfig, most: Decimal, at: _Path) -> None:
    what = f"The most of a price of '{line.model}'"
    if not (most.is_finite() and 0 < most <= MOST_UNITS):
        raise ConfigError(f"{what} must be a number of units, above 0 and up to {MOST_UNITS}.", *at)
    if line.hold is not None and line.hold > most:
        said = f"{what} is less than its hold; what is held must not be more than what may be charged."
        raise ConfigError(said, *at)


def _check_together(one: PriceConfig, other: PriceConfig, at: _Path) -> None:
    """Of two lines of one model under the same conditions, both can count only where they add up, or where they are for
    different things: its pictures, and its videos."""
    if apart(one.unit, other.unit):
        return
    if one.unit == other.unit or not (one.unit in TOKEN_UNITS and other.unit in TOKEN_UNITS):
        raise ConfigError(
            f"Two prices of '{one.model}' exclude each other: {_line(one)}, {_line(other)}. Under the same conditions "
            "only lines of different token units add up; take one away, or give it conditions of its own.",
            *at,
        )


def _line(line: PriceConfig) -> str:
    conditions = ", ".join(f"{name} = {value}" for name, value in sorted(line.when.items()))
    return f"{line.price} a {line.unit}" + (f" when {conditions}" if conditions else "")


def _check_limits(config: Config) -> None:
    for what, section in (("Key", "keys"), ("Account", "accounts")):
        for number, holder in enumerate(getattr(config, section)):
            if (found := fault_of(holder)) is not None:
                raise ConfigError(f"{what} '{holder.name}': {found[0]} {found[1]}.", section, number, found[0])
    for number, channel in enumerate(config.channels):
        if channel.rate_limit is not None:
            what = f"Channel '{channel.name}' has a rate_limit that"
            _check_with(rate_of, channel.rate_limit, what, ("channels", number, "rate_limit"))
    for network in config.network.trusted_proxies:
        what = "[network] trusted_proxies has an entry that"
        _check_with(ip_network, network, what, ("network", "trusted_proxies"))


def fault_of(limits: Limits) -> tuple[str, str] | None:
    """The field that cannot be, and what is wrong with it, as the end of a sentence; None where all is well."""
    checks: tuple[tuple[str, Callable[[Any], object]], ...] = (
        ("rate_limit", _rate),
        ("token_limit", _rate),
        ("max_tasks_in_flight", _most),
        ("ips", _networks),
        ("budget", _budget),
        ("monthly_budget", _budget),
    )
    for name, wrong in checks:
        value = getattr(limits, name)
        try:
            if value is not None:
                wrong(value)
        except ValueError as error:
            return name, str(error)
    return None


def _rate(text: str) -> None:
    try:
        rate_of(text)
    except ValueError as error:
        raise ValueError(f"is not valid: {error}") from None


def _most(number: int) -> None:
    if not 1 <= number <= _MOST_IN_FLIGHT:
        raise ValueError(f"must be 1 or more, and at most {_MOST_IN_FLIGHT}")


def _networks(networks: Sequence[str]) -> None:
    try:
        for network in networks:
            ip_network(network)
    except ValueError as error:
        raise ValueError(f"is not valid: {error}") from None


def _budget(amount: Decimal) -> None:
    amount_within(amount, MOST_BUDGET)


def check_origin(config: Config) -> None:
    """Raise ConfigError unless `media_origin` is an origin, and another one than that of `public_url`."""
    origin = config.media_origin
    if origin is None:
        return
    parts = urlsplit(origin)
    if parts.scheme not in ("http", "https") or not parts.hostname or origin != f"{parts.scheme}://{parts.netloc}":
        raise ConfigError(
            f"media_origin must be an origin such as https://files.example.com, not '{origin}'.", "media_origin"
        )
    if "@" in parts.netloc or parts.netloc.lower() == urlsplit(config.public_url or "").netloc.lower():
        raise ConfigError("media_origin must be another origin than public_url, and name no user.", "media_origin")


def _check_retention(retention: RetentionConfig) -> None:
    if 0 < retention.outputs_days < retention.link_days:
        said = "[retention] outputs_days is shorter than link_days: links would lead nowhere."
        raise ConfigError(said, "retention", "outputs_days")


def _check_with(check: Callable[[str], object], text: str, what: str, at: _Path) -> None:
    try:
        check(text)
    except ValueError as error:
        raise ConfigError(f"{what} is not valid: {error}.", *at) from None


def _check_amount(amount: Decimal, most: int, what: str, at: _Path) -> None:
    try:
        amount_within(amount, most)
    except ValueError as error:
        raise ConfigError(f"{what} {error}.", *at) from None
