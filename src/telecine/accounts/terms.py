"""What a key or an account may do: as an operator says it, as it is kept, and ready to be checked."""

from __future__ import annotations

import ipaddress
from decimal import Decimal
from typing import Any, Final, Self

import msgspec
from msgspec import UNSET, UnsetType

from telecine.accounts.principal import Bounds
from telecine.config import HolderConfig, Limits, fault_of
from telecine.nouns.errors import invalid
from telecine.nouns.money import amount_of, micros_of
from telecine.nouns.rate import rate_of

NO_LIMITS: Final = Limits()
_LATEST: Final = 1e12
_MOST_MODELS: Final = 1000


class ChangedLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits to be changed: what is left out stays as it is, and null takes a limit away."""

    rate_limit: str | UnsetType | None = UNSET
    token_limit: str | UnsetType | None = UNSET
    max_tasks_in_flight: int | UnsetType | None = UNSET
    ips: tuple[str, ...] | UnsetType | None = UNSET
    budget: Decimal | UnsetType | None = UNSET
    monthly_budget: Decimal | UnsetType | None = UNSET


class Changes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to change of a key or an account; what is left out stays, and null takes a bound away.

    `expires_at` in seconds since the Unix epoch; one that has passed shuts it at once.
    """

    models: tuple[str, ...] | UnsetType | None = UNSET
    expires_at: float | UnsetType | None = UNSET
    limits: ChangedLimits = ChangedLimits()


class AccountChanges(Changes, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same for an account. `unlimited`: whether it may spend without having a balance."""

    unlimited: bool | UnsetType = UNSET
    assets: int | UnsetType | None = UNSET
    """Files that its library may hold; None as the configuration says."""
    asset_bytes: int | UnsetType | None = UNSET
    """The same for the bytes of all of them."""


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What bounds a key, or all keys of an account together; None is no bound. `expires_at`: seconds since the Unix
    epoch."""

    models: tuple[str, ...] | None = None
    expires_at: float | None = None
    limits: Limits = NO_LIMITS

    @classmethod
    def configured(cls, said: HolderConfig) -> Self:
        """As the file says it."""
        limits = Limits(**{name: getattr(said, name) for name in Limits.__struct_fields__})
        expires_at = said.expires.timestamp() if said.expires is not None else None
        return cls(models=said.models, expires_at=expires_at, limits=limits)

    @classmethod
    def kept(cls, row: Any) -> Self:
        """From a row of `keys` or `accounts`."""
        limits = Limits(
            rate_limit=row["rate_limit"],
            token_limit=row["token_limit"],
            max_tasks_in_flight=row["max_tasks_in_flight"],
            ips=_listed(row["ips"]),
            budget=_decimal(row["budget"]),
            monthly_budget=_decimal(row["monthly_budget"]),
        )
        return cls(models=_listed(row["models"]), expires_at=row["expires_at"], limits=limits)

    def row(self) -> dict[str, Any]:
        """The columns of `keys` and `accounts`. Raises GatewayError (`invalid_request`) naming the field at fault."""
        limits = self.limits
        if (found := fault_of(limits)) is not None:
            raise invalid(f"{found[0]} {found[1]}.", found[0])
        if self.expires_at is not None and not 0 <= self.expires_at <= _LATEST:
            raise invalid("expires_at must be a time in seconds since the Unix epoch.", "expires_at")
        if self.models is not None and len(self.models) > _MOST_MODELS:
            raise invalid(f"models must have at most {_MOST_MODELS} names.", "models")
        return {
            "models": _text(self.models),
            "expires_at": self.expires_at,
            "rate_limit": limits.rate_limit,
            "token_limit": limits.token_limit,
            "max_tasks_in_flight": limits.max_tasks_in_flight,
            "ips": _text(limits.ips),
            "budget": micros_of(limits.budget) if limits.budget is not None else None,
            "monthly_budget": micros_of(limits.monthly_budget) if limits.monthly_budget is not None else None,
        }

    def changed(self, wanted: Changes) -> Terms:
        """These, with what is `wanted` in their place."""
        limits = msgspec.structs.replace(self.limits, **_given(wanted.limits))
        own = {name: value for name, value in _given(wanted).items() if name in {"models", "expires_at"}}
        return Terms(**{"models": self.models, "expires_at": self.expires_at, **own, "limits": limits})


def bounds_of(row: Any) -> Bounds:
    """What is to be checked, from a row of `keys` or `accounts`."""
    ips, models = _listed(row["ips"]), _listed(row["models"])
    return Bounds(
        rate=rate_of(row["rate_limit"]) if row["rate_limit"] else None,
        token_rate=rate_of(row["token_limit"]) if row["token_limit"] else None,
        tasks=row["max_tasks_in_flight"],
        networks=None if ips is None else tuple(ipaddress.ip_network(one) for one in ips),
        models=None if models is None else frozenset(models),
        budget=row["budget"],
        monthly_budget=row["monthly_budget"],
    )


def _given(changes: Changes | ChangedLimits) -> dict[str, Any]:
    found = {name: getattr(changes, name) for name in changes.__struct_fields__}
    return {name: value for name, value in found.items() if value is not UNSET}


def _listed(text: str | None) -> tuple[str, ...] | None:
    return msgspec.json.decode(text, type=tuple[str, ...]) if text is not None else None


def _text(names: tuple[str, ...] | None) -> str | None:
    return msgspec.json.encode(names).decode() if names is not None else None


def _decimal(micros: int | None) -> Decimal | None:
    return Decimal(amount_of(micros)) if micros is not None else None


NO_TERMS: Final = Terms().row()
"""The columns that bound keys and accounts, for one that has no bounds."""
