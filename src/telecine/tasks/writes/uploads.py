"""What upstreams call files of libraries that they keep too."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, and_, delete, select

from telecine.providers.base import Uploaded
from telecine.store import tables
from telecine.store.inserts import upsert

Where = tuple[int, str, str]
"""The file, and the channel with its address, and behind a `#` with the place there, where it has several."""
_T = tables.uploads


def find_upload(connection: Connection, where: Where, until: float) -> str | None:
    """What the file is called there, if it certainly is there `until` then."""
    row = connection.execute(select(_T.c.upstream_id, _T.c.expires_at).where(_at(where))).first()
    lasts = row is not None and (row.expires_at is None or row.expires_at > until)
    return row.upstream_id if row is not None and lasts else None


def keep_upload(connection: Connection, where: Where, made: Uploaded, now: float) -> None:
    """Remember it, in the place of whatever was. Nothing where the file is in no library any more."""
    mine = select(tables.assets.c.id).where(tables.assets.c.id == where[0]).with_for_update(key_share=True)
    if connection.execute(mine).first() is None:
        return
    row = dict(zip(("asset_id", "channel", "address"), where, strict=True))
    told = {"upstream_id": made.upstream_id, "expires_at": made.expires_at, "uploaded_at": now}
    upsert(connection, _T, [{**row, **told}])


def forget_upload(connection: Connection, where: Where) -> None:
    """Forget what it is called."""
    connection.execute(delete(_T).where(_at(where)))


def _at(where: Where) -> ColumnElement[bool]:
    asset_id, channel, address = where
    return and_(_T.c.asset_id == asset_id, _T.c.channel == channel, _T.c.address == address)
