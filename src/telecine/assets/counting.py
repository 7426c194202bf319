"""What libraries hold, counted in the transaction that changes it: one row an account, which is locked first."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, Select, case, func, or_, select, update

from telecine.assets.asset import Quota
from telecine.config import LimitsConfig
from telecine.nouns.errors import GatewayError
from telecine.store import tables
from telecine.store.inserts import insert_missing

_A: Final = tables.assets
_T: Final = tables.asset_totals
QUOTA: Final = "quota"
"""What errors name as their field where a library is full."""


def quota_of(connection: Connection, account_id: int, limits: LimitsConfig) -> Quota:
    """What the account keeps, and may."""
    account = tables.accounts.c
    said = connection.execute(select(account.assets, account.asset_bytes).where(account.id == account_id)).first()
    held = connection.execute(select(_T).where(_T.c.account_id == account_id)).first()
    return Quota(
        files=held.files if held else 0,
        bytes=held.bytes if held else 0,
        most_files=limits.assets if said is None or said.assets is None else said.assets,
        most_bytes=limits.asset_bytes if said is None or said.asset_bytes is None else said.asset_bytes,
        leaving=held.leaving if held else 0,
    )


def check(quota: Quota, *, files: int = 0, size: int = 0) -> None:
    """Raise GatewayError (`permission`, param `quota`) where so many more files or bytes are more than there may be."""
    if files and quota.files + files > quota.most_files:
        message = f"The library is full: it holds {quota.files} of {quota.most_files} files. Delete one first."
        raise GatewayError("permission", message, param=QUOTA, may_retry=False)
    if size and quota.bytes + size > quota.most_bytes:
        message = (
            f"The library is full: it holds {quota.bytes} of {quota.most_bytes} bytes, and this takes {size} more. "
            "Delete something first."
        )
        raise GatewayError("permission", message, param=QUOTA, may_retry=False)
    if size and quota.bytes + quota.leaving + size > 2 * quota.most_bytes:
        message = (
            f"Files of {quota.leaving} bytes that were deleted still lie in the library, until no link to them works "
            "any more. Add more once they are gone."
        )
        raise GatewayError("permission", message, param=QUOTA, may_retry=False)


def take(connection: Connection, account_id: int, limits: LimitsConfig, *, files: int = 0, size: int = 0) -> None:
    """Count so many more files and bytes. Raises GatewayError (`permission`) where there may be no more."""
    _lock(connection, account_id)
    check(quota_of(connection, account_id, limits), files=files, size=size)
    add(connection, account_id, files=files, size=size)


def add(connection: Connection, account_id: int, *, files: int = 0, size: int = 0, leaving: int = 0) -> None:
    """Count what is there anyway; less, where negative."""
    _lock(connection, account_id)
    connection.execute(
        update(_T)
        .where(_T.c.account_id == account_id)
        .values(files=_T.c.files + files, bytes=_T.c.bytes + size, leaving=_T.c.leaving + leaving)
    )


def recount(connection: Connection) -> list[int]:
    """Put right the totals that are not what the files of their accounts come to, which no totals should ever be: whose
    they are."""
    mine = _sums().subquery()
    told = ((_T.c.files, mine.c.files), (_T.c.bytes, mine.c.bytes), (_T.c.leaving, mine.c.leaving))
    differs = or_(*(counted != func.coalesce(real, 0) for counted, real in told))
    both = _T.outerjoin(mine, mine.c.account_id == _T.c.account_id)
    wrong = connection.execute(select(_T.c.account_id).select_from(both).where(differs).order_by(_T.c.account_id))
    accounts = list(wrong.scalars())
    for account_id in accounts:
        _lock(connection, account_id)
        row = connection.execute(_sums().where(_A.c.account_id == account_id)).mappings().first()
        real = {"files": 0, "bytes": 0, "leaving": 0} | ({} if row is None else dict(row))
        connection.execute(update(_T).where(_T.c.account_id == account_id).values(real))
    return accounts


def _sums() -> Select[Any]:
    living = _A.c.deleted_at.is_(None)
    return select(
        _A.c.account_id,
        func.sum(case((living, 1), else_=0)).label("files"),
        func.sum(case((living, _A.c.bytes), else_=0)).label("bytes"),
        func.sum(case((living, 0), else_=_A.c.bytes)).label("leaving"),
    ).group_by(_A.c.account_id)


def _lock(connection: Connection, account_id: int) -> None:
    insert_missing(connection, _T, [{"account_id": account_id, "files": 0, "bytes": 0, "leaving": 0}])
    connection.execute(select(_T.c.files).where(_T.c.account_id == account_id).with_for_update())
