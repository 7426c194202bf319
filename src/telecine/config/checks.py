"""What a configuration has to be like beyond the types of its values."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from ipaddress import ip_network
from typing import Final

from telecine.config.file import Config, ConfigError, ModelMap, PriceConfig, RetentionConfig
from telecine.nouns.money import TOKEN_UNITS, micros_of
from telecine.nouns.rate import rate_of

KEY_LENGTH: Final = 22  # 128 bits in base 64


def check(config: Config) -> None:
    """Raise ConfigError for what no installation could run."""
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
    _check_prices(config)
    _check_rates(config)
    _check_limits(config)
    _check_retention(config.retention)
    for key in config.keys:
        if len(key.key) < KEY_LENGTH:
            raise ConfigError(f"Key '{key.name}' is too short to be safe: use {KEY_LENGTH} random characters or more.")


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
        _check_amount(line.price, f"A price of '{line.model}'")
        if line.hold is not None and not (line.hold.is_finite() and line.hold >= 0):
            raise ConfigError(f"The hold of a price of '{line.model}' must be a number of units, 0 or more.")
    for account in config.accounts:
        if account.balance is not None:
            _check_amount(account.balance, f"The balance of account '{account.name}'")


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
    for what, name, most in (
        *(("key", key.name, key.max_tasks_in_flight) for key in config.keys),
        *(("account", account.name, account.max_tasks_in_flight) for account in config.accounts),
    ):
        if most is not None and most < 1:
            raise ConfigError(f"max_tasks_in_flight of {what} '{name}' must be 1 or more.")
    for channel in config.channels:
        if channel.daily_cap is not None and channel.daily_cap < 1:
            raise ConfigError(f"daily_cap of channel '{channel.name}' must be 1 or more.")
    for key in config.keys:
        for network in key.ips or ():
            _check_with(ip_network, network, f"Key '{key.name}' has an entry in ips that")
        for budget in (key.budget, key.monthly_budget):
            if budget is not None:
                _check_amount(budget, f"A budget of key '{key.name}'")
    for network in config.network.trusted_proxies:
        _check_with(ip_network, network, "[network] trusted_proxies has an entry that")


def _check_retention(retention: RetentionConfig) -> None:
    for name in RetentionConfig.__struct_fields__:
        if getattr(retention, name) < (1 if name == "link_days" else 0):
            raise ConfigError(f"[retention] {name} is too small.")
    if 0 < retention.outputs_days < retention.link_days:
        raise ConfigError("[retention] outputs_days is shorter than link_days: links would lead nowhere.")


def _check_with(check: Callable[[str], object], text: str, what: str) -> None:
    try:
        check(text)
    except ValueError as error:
        raise ConfigError(f"{what} is not valid: {error}.") from None


def _check_amount(amount: Decimal, what: str) -> None:
    try:
        micros = micros_of(amount)
    except ValueError as error:
        raise ConfigError(f"{what} is not valid: {error}.") from None
    if micros < 0:
        raise ConfigError(f"{what} is negative.")
