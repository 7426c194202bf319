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
from telecine.nouns.rate import QUOTA_LINE, rate_of

_MOST_IN_FLIGHT: Final = 2**31 - 1  # what its column holds


def check(config: Config) -> None:
    """Raise ConfigError for what no installation could run."""
    for problem in problems(config):
        raise ConfigError(problem)
    for what, names in (
        ("channel", [channel.name for channel in config.channels]),
        ("pool", [pool.name for pool in config.pools]),
    ):
        if reserved := [name for name in names if name.startswith(QUOTA_LINE)]:
            raise ConfigError(f"A {what} cannot be named '{reserved[0]}': such names stand for the lines of quotas.")
    pools = {pool.name for pool in config.pools}
    for channel in config.channels:
        wanted = [channel.pool, *(entry.pool for entry in channel.models if isinstance(entry, ModelMap))]
        for pool in wanted:
            if pool is not None and pool not in pools:
                raise ConfigError(f"Channel '{channel.name}' uses the pool '{pool}', which no [[pools]] defines.")
    _check_prices(config)
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
        _check_amount(line.price, MOST_MICROS, f"A price of '{line.model}'")
        if line.hold is not None:
            _check_hold(line, line.hold)
        if line.most is not None:
            _check_most(line, line.most)
    for account in config.accounts:
        if account.balance is not None:
            _check_amount(account.balance, MOST_BUDGET, f"The balance of account '{account.name}'")


def _check_hold(line: PriceConfig, hold: Decimal) -> None:
    """Holds are bounded by what they come to as well: a create refuses more, and here nobody has to find that out."""
    what = f"The hold of a price of '{line.model}'"
    if not (hold.is_finite() and 0 <= hold <= MOST_UNITS):
        raise ConfigError(f"{what} must be a number of units, from 0 to {MOST_UNITS}.")
    if cost(Price(line.unit, micros_of(line.price)), hold) > MOST_MICROS:
        raise ConfigError(f"{what} comes to more than {MOST_MICROS // MICROS}, the most that one job may cost.")


def _check_most(line: PriceConfig, most: Decimal) -> None:
    what = f"The most of a price of '{line.model}'"
    if not (most.is_finite() and 0 < most <= MOST_UNITS):
        raise ConfigError(f"{what} must be a number of units, above 0 and up to {MOST_UNITS}.")
    if line.hold is not None and line.hold > most:
        raise ConfigError(f"{what} is less than its hold; what is held must not be more than what may be charged.")


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


def _check_limits(config: Config) -> None:
    for what, holders in (("Key", config.keys), ("Account", config.accounts)):
        for holder in holders:
            if (found := fault_of(holder)) is not None:
                raise ConfigError(f"{what} '{holder.name}': {found[0]} {found[1]}.")
    for channel in config.channels:
        if channel.rate_limit is not None:
            _check_with(rate_of, channel.rate_limit, f"Channel '{channel.name}' has a rate_limit that")
    for network in config.network.trusted_proxies:
        _check_with(ip_network, network, "[network] trusted_proxies has an entry that")


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
        raise ConfigError(f"media_origin must be an origin such as https://files.example.com, not '{origin}'.")
    if "@" in parts.netloc or parts.netloc.lower() == urlsplit(config.public_url or "").netloc.lower():
        raise ConfigError("media_origin must be another origin than public_url, and name no user.")


def _check_retention(retention: RetentionConfig) -> None:
    if 0 < retention.outputs_days < retention.link_days:
        raise ConfigError("[retention] outputs_days is shorter than link_days: links would lead nowhere.")


def _check_with(check: Callable[[str], object], text: str, what: str) -> None:
    try:
        check(text)
    except ValueError as error:
        raise ConfigError(f"{what} is not valid: {error}.") from None


def _check_amount(amount: Decimal, most: int, what: str) -> None:
    try:
        amount_within(amount, most)
    except ValueError as error:
        raise ConfigError(f"{what} {error}.") from None
