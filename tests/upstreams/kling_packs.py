"""The fake Kling's resource packs, and `GET /account/costs` (Kling, account information)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal

import msgspec

from tests.upstreams.kling_jobs import envelope

_YEAR: Final = 365 * 86400 * 1000


@dataclass
class FakePack:
    """One pack. Times are milliseconds, as on the wire."""

    id: str
    total: Decimal
    remaining: Decimal
    bought_at: int
    type: Literal["decreasing_total", "constant_period"] = "decreasing_total"
    expired: bool = False

    def told(self) -> dict[str, Any]:
        """As `/account/costs` lists it; quantities are JSON numbers."""
        status = "expired" if self.expired else "online" if self.remaining else "runOut"
        return {
            "resource_pack_name": f"pack {self.id}",
            "resource_pack_id": self.id,
            "resource_pack_type": self.type,
            "total_quantity": float(self.total),
            "remaining_quantity": float(self.remaining),
            "purchase_time": self.bought_at,
            "effective_time": self.bought_at,
            "invalid_time": self.bought_at + _YEAR,
            "status": status,
        }


class Packs:
    """What an account has bought. Jobs deduct from the oldest pack that has not expired and has something left."""

    def __init__(self) -> None:
        self.packs: dict[str, FakePack] = {}
        self.buy("p1", 1000)
        self.late = False
        """What is deducted does not show before `settle`: the vendor's figures are up to 12 hours late."""
        self.spacing = 1.0
        """Seconds (of the machine's clock) between two questions, at least; others are refused with 1302."""
        self.asked: list[Mapping[str, str]] = []
        """The query strings of all questions."""
        self._pending: list[Decimal] = []
        self._last = 0.0

    def buy(self, name: str, total: int, at: float = 0.0) -> FakePack:
        """Add a pack that was bought `at` (seconds since the Unix epoch; 0: a day ago)."""
        bought_at = int((at or time.time() - 86400) * 1000)
        self.packs[name] = FakePack(name, Decimal(total), Decimal(total), bought_at)
        return self.packs[name]

    def deduct(self, units: Decimal | str) -> None:
        """Take the units of a finished job, or of somebody else's."""
        self._pending.append(Decimal(units))
        if not self.late:
            self.settle()

    def settle(self) -> None:
        """Let everything that was deducted show."""
        while self._pending:
            units = self._pending.pop(0)
            for pack in sorted(self.packs.values(), key=lambda one: one.bought_at):
                taken = Decimal(0) if pack.expired else min(units, pack.remaining)
                pack.remaining -= taken
                units -= taken

    def answer(self, query: Mapping[str, str]) -> bytes | tuple[int, str]:
        """The body, or the error code and its message. `start_time` and `end_time` are about the purchase."""
        self.asked.append(dict(query))
        now, last = time.monotonic(), self._last
        self._last = now
        if last and now - last < self.spacing:
            return 1302, "request rate exceeds 1 per second"
        try:
            start, end = int(query["start_time"]), int(query["end_time"])
        except (KeyError, ValueError):
            return 1201, "start_time and end_time are required, in milliseconds"
        name = query.get("resource_pack_name")
        told = [pack.told() for pack in self.packs.values() if start <= pack.bought_at <= end]
        found = [pack for pack in told if name in (None, pack["resource_pack_name"])]
        return envelope(0, "SUCCEED", {"code": 0, "msg": "", "resource_pack_subscribe_infos": found})


def costs(*packs: dict[str, Any], **data: Any) -> bytes:
    """An answer of `/account/costs` with these packs, for what a fake would never say."""
    whole = {"resource_pack_id": "p1", "total_quantity": 100.0, "remaining_quantity": 99.7, "status": "online"}
    listed = [whole | pack for pack in packs]
    return msgspec.json.encode(
        {"code": 0, "message": "SUCCEED", "data": {"code": 0, "resource_pack_subscribe_infos": listed} | data}
    )
