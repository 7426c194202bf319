"""Who is asking: what a key turns into once it has been checked."""

from __future__ import annotations

import ipaddress

import msgspec

from telecine.nouns.rate import Rate

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a key and of its account; None is no limit. Budgets in micro-units."""

    rate: Rate | None = None
    account_rate: Rate | None = None
    token_rate: Rate | None = None
    account_token_rate: Rate | None = None
    tasks: int | None = None
    """Tasks in flight at the same time."""
    account_tasks: int | None = None
    networks: tuple[Network, ...] | None = None
    budget: int | None = None
    monthly_budget: int | None = None

    @property
    def budgeted(self) -> bool:
        """Whether what the key spends is limited."""
        return self.budget is not None or self.monthly_budget is not None

    @property
    def of_key(self) -> Bounds:
        """Those of the key alone, for what it does in another account's name."""
        return msgspec.structs.replace(self, account_rate=None, account_token_rate=None, account_tasks=None)

    @property
    def at_create(self) -> bool:
        """Whether a create has something to check against the records."""
        return self.tasks is not None or self.account_tasks is not None or self.budgeted


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
    models: frozenset[str] | None = None
    """The public model names that the key may use; None means all."""
    bounds: Bounds = Bounds()

    def may_use(self, model: str) -> bool:
        """Whether the key's allow-list admits `model`."""
        return self.models is None or model in self.models

    def may_come_from(self, address: str) -> bool:
        """Whether the key's networks admit the client's address. Without networks, any; with them, only addresses."""
        if self.bounds.networks is None:
            return True
        try:
            there = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(there, ipaddress.IPv6Address) and there.ipv4_mapped is not None:
            there = there.ipv4_mapped
        return any(there in network for network in self.bounds.networks)
