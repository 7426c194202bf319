"""Who is asking: what a key turns into once it has been checked."""

from __future__ import annotations

import ipaddress
from typing import Literal

import msgspec

from telecine.config import KeyDialect, VideoFormat
from telecine.nouns.rate import Rate

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Owner = Literal["key", "account"]


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a key, or of an account, ready to be checked; None is no limit. Budgets in micro-units."""

    rate: Rate | None = None
    token_rate: Rate | None = None
    tasks: int | None = None
    """Tasks in flight at the same time."""
    networks: tuple[Network, ...] | None = None
    models: frozenset[str] | None = None
    """The public model names that may be used."""
    budget: int | None = None
    monthly_budget: int | None = None

    @property
    def budgeted(self) -> bool:
        """Whether what is spent is limited."""
        return self.budget is not None or self.monthly_budget is not None

    @property
    def at_create(self) -> bool:
        """Whether a create has something to check against the records."""
        return self.tasks is not None or self.budgeted


class Bound(msgspec.Struct, frozen=True):
    """Whose limits they are."""

    owner: Owner
    id: int | None
    bounds: Bounds


class Principal(msgspec.Struct, frozen=True):
    """The account and the key behind one request. Every read is limited to `account_id`."""

    account_id: int
    key_id: int | None
    name: str
    admin: bool = False
    metered: bool = False
    """The account has a balance, so what is spent is limited."""
    allow_unknown: bool = False
    """Fields that Telecine does not know may pass through all the same."""
    video_format: VideoFormat = "official"
    dialect: KeyDialect | None = None
    """Whose its requests are at paths that several dialects have; None: whosever they are without a key."""
    bounds: Bounds = Bounds()
    account_bounds: Bounds = Bounds()
    """Those of the account; a request has to stay within both."""

    @property
    def bound(self) -> tuple[Bound, Bound]:
        """The limits to be kept, by owner."""
        return Bound("key", self.key_id, self.bounds), Bound("account", self.account_id, self.account_bounds)

    @property
    def models(self) -> frozenset[str] | None:
        """The public model names that key and account allow; None means all."""
        lists = [one.bounds.models for one in self.bound if one.bounds.models is not None]
        return frozenset.intersection(*lists) if lists else None

    def may_use(self, *names: str) -> bool:
        """Whether the lists of key and account both admit a model by one of its `names`."""
        return all(one.bounds.models is None or not one.bounds.models.isdisjoint(names) for one in self.bound)

    def may_come_from(self, address: str) -> bool:
        """Whether the networks of key and account admit a client's address. With networks, only addresses are."""
        lists = [one.bounds.networks for one in self.bound if one.bounds.networks is not None]
        if not lists:
            return True
        try:
            there = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(there, ipaddress.IPv6Address) and there.ipv4_mapped is not None:
            there = there.ipv4_mapped
        return all(any(there in network for network in networks) for networks in lists)
