"""Who is asking: what a key turns into once it has been checked."""

from __future__ import annotations

import msgspec


class Principal(msgspec.Struct, frozen=True):
    """The account and the key behind one request. Every read is limited to `account_id`."""

    account_id: int
    key_id: int | None
    name: str
    admin: bool = False
    models: frozenset[str] | None = None
    """The public model names that the key may use; None means all."""

    def may_use(self, model: str) -> bool:
        """Whether the key's allow-list admits `model`."""
        return self.models is None or model in self.models
