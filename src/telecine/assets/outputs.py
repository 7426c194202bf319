"""Files that tasks have made and libraries keep too: one object, which lies there for as long as either names it.

An output's row and an asset's row name the same key. Whoever deletes the file of an output leaves it where `shared`
finds it (a deleted task, retention, the sweep); whoever deletes that of an asset, where `of_output` does.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import msgspec
from sqlalchemy import Connection, RowMapping, select

from telecine.assets.asset import Asset
from telecine.media.intake import NOUNS
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.ids import tsk_id
from telecine.nouns.kinds import EXTENSIONS
from telecine.store import tables

_A: Final = tables.assets
_O: Final = tables.outputs
_T: Final = tables.tasks
_SAME: Final = (
    "kind", "object_key", "poster_key", "content_type", "bytes", "sha256", "width", "height", "duration", "frame_rate",
)  # fmt: skip


def as_asset(connection: Connection, asset: Asset, task_id: int, index: int, *, named: bool) -> Asset:
    """`asset`, ready, as the file of an output of its account's, which nobody takes away before this transaction ends.
    Where it is not `named`, it is called by its task.

    Raises GatewayError: `not_found` naming `task` or `output`, also for a file that is no longer kept; `conflict` for
    one that is not there yet; `invalid_request` for what no library keeps, or what is not of the asset's kind.
    """
    row = _output(connection, asset.account_id, task_id, index)
    if row["state"] == "pending":
        raise GatewayError("conflict", "The output is not stored yet; ask again in a while.", param="output")
    if row["state"] != "stored" or row["object_key"] is None:
        raise GatewayError("not_found", "The file of this output is no longer kept.", param="output")
    kind = row["kind"]
    if kind not in NOUNS or row["content_type"] not in EXTENSIONS:
        raise invalid(f"output: it is of the kind {kind}; a library keeps images, videos and sounds.", "output")
    if asset.kind is not None and asset.kind != kind:
        raise invalid(f"output: it is {NOUNS[kind]}, not {NOUNS[asset.kind]}.", "output")
    name = asset.name if named else f"{tsk_id(task_id)}-{index}.{EXTENSIONS[row['content_type']]}"
    same = {one: row[one] for one in _SAME}
    return msgspec.structs.replace(asset, **same, name=name, state="ready", task_id=task_id, output=index)


def _output(connection: Connection, account_id: int, task_id: int, index: int) -> RowMapping:
    """The row, locked with its task's. Raises GatewayError."""
    mine = (_T.c.id == task_id, _T.c.account_id == account_id, _T.c.deleted_at.is_(None))
    if connection.execute(select(_T.c.id).where(*mine).with_for_update(read=True)).first() is None:
        raise GatewayError("not_found", "There is no such task.", param="task")
    one = (_O.c.task_id == task_id, _O.c.index == index)
    row = connection.execute(select(_O).where(*one).with_for_update(read=True)).mappings().first()
    if row is None:
        raise GatewayError("not_found", f"The task has no output {index}.", param="output")
    return row


def shared(connection: Connection, task_ids: Collection[int]) -> frozenset[str]:
    """Where the files of these tasks lie that a library has too, deleted ones whose bytes are still there among
    them."""
    rows = connection.execute(select(_A.c.object_key, _A.c.poster_key).where(_A.c.task_id.in_(task_ids)))
    return frozenset(key for row in rows.all() for key in row if key is not None)


def of_output(connection: Connection, asset: Asset) -> bool:
    """Whether the file of `asset` is that of an output, too, which still has it; or of another asset, which has been
    made of the same output."""
    if asset.task_id is None:
        return False
    one = (_O.c.task_id == asset.task_id, _O.c.index == asset.output, _O.c.object_key == asset.object_key)
    if connection.execute(select(_O.c.index).where(*one)).first() is not None:
        return True
    others = (_A.c.task_id == asset.task_id, _A.c.object_key == asset.object_key, _A.c.id != asset.id)
    return connection.execute(select(_A.c.id).where(*others)).first() is not None
