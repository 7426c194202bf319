"""Who uses a data directory now: a lock of the operating system on `data/lock`, which even a kill releases.

The file says which process holds it and where it listens. What it says counts only while the lock is held; the file
itself is never removed, because a lock on a removed file protects nothing.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

import msgspec

_FILE: Final = "lock"
_RETRY: Final = 0.05
_MOST_BYTES: Final = 4096

Role = Literal["serve", "generate", "command"]
"""A server; a command that works on tasks while it runs; a command that is over at once."""


class Holder(msgspec.Struct, frozen=True):
    """The process that holds the lock. `address` is empty until it listens."""

    pid: int
    role: Role
    address: str = ""


class LockedError(Exception):
    """Another process holds the lock; `holder` is None where it has not yet said who it is."""

    def __init__(self, data: Path, holder: Holder | None) -> None:
        self.holder = holder
        if holder is None:
            message = f"Another process is using {data}."
        elif holder.role == "serve":
            where = f" at {holder.address}" if holder.address else ""
            message = f"Telecine already serves {data}{where} (process {holder.pid})."
        else:
            message = f"A telecine command (process {holder.pid}) is using {data}; try again when it has ended."
        super().__init__(message)


class Lock:
    """The lock, held. Made by `hold`."""

    def __init__(self, descriptor: int, role: Role) -> None:
        self._descriptor = descriptor
        self._role = role

    def note(self, address: str) -> None:
        """Say where this process listens."""
        content = msgspec.json.encode(Holder(os.getpid(), self._role, address))
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, content, 0)


@contextmanager
def hold(data: Path, role: Role, patience: float = 0.0) -> Iterator[Lock]:
    """Hold the lock of `data` for the length of the block, waiting for it `patience` seconds.

    Raises LockedError, at once where a server holds it. `data` exists.
    """
    descriptor = os.open(data / _FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _acquire(descriptor, data, time.monotonic() + patience)
        lock = Lock(descriptor, role)
        lock.note("")
        try:
            yield lock
        finally:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def read(data: Path) -> Holder | None:
    """Who holds the lock of `data`; None where nobody does, whatever the file says."""
    try:
        descriptor = os.open(data / _FILE, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _content(descriptor) or Holder(0, "command")  # it has only just begun
    else:
        return None
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, data: Path, deadline: float) -> None:
    # A reader's trial and a holder that has just begun both look like a lock held for an instant.
    settled = time.monotonic() + 5 * _RETRY
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _content(descriptor)
        else:
            return
        now = time.monotonic()
        if now >= settled and (now >= deadline or (holder is not None and holder.role == "serve")):
            raise LockedError(data, holder)
        time.sleep(_RETRY)


def _content(descriptor: int) -> Holder | None:
    try:
        return msgspec.json.decode(os.pread(descriptor, _MOST_BYTES, 0), type=Holder)
    except msgspec.DecodeError:
        return None
