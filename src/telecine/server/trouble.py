"""What a machine does to a server: a full disk, a database that is locked, stopped or starting. None of it is the
request's fault or ours, all of it passes: whoever asks is told to come back, and the operator is told what to do."""

from __future__ import annotations

import errno
import sqlite3
import sys
from collections.abc import Iterator
from typing import Final

import msgspec
import obstore.exceptions
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from telecine.nouns.errors import GatewayError
from telecine.store.database import CommitUnknownError

RETRY_SECONDS: Final = 10.0
"""A guess, for nobody knows when somebody makes room."""


class Trouble(msgspec.Struct, frozen=True):
    """One kind. `what` is for callers, `advice` for the operator."""

    what: str
    advice: str


FULL: Final = Trouble("the disk is full", "Make room on the disk that holds the data")
LOCKED: Final = Trouble(
    "the database is locked by another process", "End what holds it (a backup, a shell with an open transaction)"
)
DATABASE: Final = Trouble(
    "the database cannot be reached", "See that it runs, that its URL is right, and that it accepts more connections"
)
READONLY: Final = Trouble(
    "the disk or the database cannot be written to",
    "See that it is mounted to be written to, and who owns the files",
)
BROKEN: Final = Trouble("the disk cannot be read or written", "See what the system's log says about the disk")
FILES: Final = Trouble("too many files are open", "Raise the limit of open files (ulimit -n)")
STORAGE: Final = Trouble("the storage of files does not answer", "See that it can be reached and written to")

_ERRNOS: Final = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), FULL),
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), READONLY),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), FILES),
    errno.EIO: BROKEN,
}
_SQLITE: Final = {
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_BUSY: LOCKED,
    sqlite3.SQLITE_LOCKED: LOCKED,
    sqlite3.SQLITE_PROTOCOL: LOCKED,
    sqlite3.SQLITE_READONLY: READONLY,
    sqlite3.SQLITE_PERM: READONLY,
    sqlite3.SQLITE_CANTOPEN: READONLY,
    sqlite3.SQLITE_IOERR: BROKEN,
    sqlite3.SQLITE_NOMEM: BROKEN,
}
# SQLSTATE, or its class (PostgreSQL, appendix A).
_STATES: Final = {
    "53100": FULL,
    "55P03": LOCKED,
    "25006": READONLY,
    "08": DATABASE,
    "53": DATABASE,
    "57": DATABASE,
    "58": BROKEN,
}


def trouble_of(error: BaseException) -> Trouble | None:
    """The trouble behind `error`; None where it is something else: a bug, or what a request itself has done."""
    found = [trouble for one in _behind(error) if (trouble := _trouble(one)) is not None]
    return found[-1] if found else None  # the innermost knows best


def unavailable(error: BaseException, trouble: Trouble) -> GatewayError:
    """What a caller is told. A request whose commit may have happened must not be sent again blindly."""
    unknown = trouble is not FULL and any(isinstance(one, CommitUnknownError) for one in _behind(error))
    what = "It is not known whether the request was recorded; look before you send it again" if unknown else "Try again"
    return GatewayError(
        "unavailable",
        f"The gateway cannot serve this now: {trouble.what}. {what} in a little while.",
        retry_after=RETRY_SECONDS,
        may_retry=not unknown,
    )


def _behind(error: BaseException) -> Iterator[BaseException]:
    """`error` and what it was raised from, the outermost first."""
    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = [one.orig if isinstance(one, DBAPIError) else None, one.__cause__]
        waiting += [found for found in inner if isinstance(found, BaseException)]
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions


def _trouble(error: BaseException) -> Trouble | None:
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return _STATES.get(state) or _STATES.get(state[:2])
    if isinstance(error, sqlite3.Error):
        return _SQLITE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
    if isinstance(error, obstore.exceptions.BaseError):
        return FULL if "(os error 28)" in str(error) else STORAGE
    if isinstance(error, OSError) and not isinstance(error, ConnectionError):
        return _ERRNOS.get(error.errno or 0)
    # Without PostgreSQL nothing loads its driver, nor can that fail.
    driver = getattr(sys.modules.get("asyncpg"), "InterfaceError", ConnectionError)
    lost = isinstance(error, (ConnectionError, PoolTimeoutError, CommitUnknownError, driver))
    return DATABASE if lost or (isinstance(error, DBAPIError) and error.connection_invalidated) else None
