"""What changes assets within a transaction, in the rooms of this package and in those above it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, delete, update

from telecine.assets.asset import Asset
from telecine.assets.counting import add, take
from telecine.assets.rows import one_group, values_of
from telecine.config import LimitsConfig
from telecine.store import tables
from telecine.store.inserts import DRAWS, insert_missing, insert_new

_A: Final = tables.assets
_U: Final = tables.asset_uses


class TakenError(Exception):
    """Another file has drawn the same id."""


def insert_asset(
    connection: Connection,
    asset: Asset,
    limits: LimitsConfig,
    *,
    more: Mapping[str, Any] | None = None,
    draw: Callable[[], int] | None = None,
) -> Asset:
    """Insert a file and count it; as it was inserted. `more`: columns about its way here; `draw` gives other ids.

    Raises GatewayError (`permission`, `not_found` for its group), and TakenError where its id is taken and there is no
    other.
    """
    if asset.group_id is not None:
        one_group(connection, asset.account_id, asset.group_id, lock=True)
    for _ in range(DRAWS):
        if insert_new(connection, _A, {"due": None, "tries": 0, **values_of(asset), **(more or {})}):
            take(connection, asset.account_id, limits, files=1, size=asset.bytes)
            return asset
        if draw is None:
            break
        asset = msgspec.structs.replace(asset, id=draw())
    raise TakenError


def tombstone(connection: Connection, assets: Iterable[Asset], now: float) -> None:
    """Delete files, locked by now: they count no more, and somebody sees to their bytes."""
    for one in sorted(assets, key=lambda asset: asset.account_id):  # whoever locks several totals does so in this order
        connection.execute(update(_A).where(_A.c.id == one.id).values(deleted_at=now, due=now, url=None))
        add(connection, one.account_id, files=-1, size=-one.bytes, leaving=one.bytes)


def note_uses(connection: Connection, uses: Iterable[tuple[int, int]]) -> None:
    """Note which tasks refer to which files, by task id and asset id, in the transaction that makes the tasks."""
    rows = [{"task_id": task, "asset_id": asset} for task, asset in sorted(set(uses))]
    insert_missing(connection, _U, rows)


def drop_uses(connection: Connection, task_ids: Sequence[int]) -> None:
    """These tasks refer to nothing any more."""
    connection.execute(delete(_U).where(_U.c.task_id.in_(task_ids)))
