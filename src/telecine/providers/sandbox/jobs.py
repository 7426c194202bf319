"""The sandbox's jobs: rows of a database of its own, so that a job outlives the process, and what is drawn in files.

`<root>/jobs.db` has the jobs, `<name>.input`, `<name>.input1` … what one is made of, and `<name>.<index>.<extension>`
is an output; `name` is the handle, with whatever means something in a path quoted.
Files appear whole or not at all. What is written is not synced to disk at once: a job that a power cut takes away is
found missing by its handle, and costs nobody anything.

Equal jobs of an account have equal files, so these are drawn once: the others' are links to them.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import sqlite3
import weakref
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

import msgspec
from msgspec.structs import replace

from telecine.nouns.errors import ErrorCode, TaskError
from telecine.nouns.operations import Kind
from telecine.nouns.task import Tokens
from telecine.providers.sandbox.recipes import Draws, Given
from telecine.store.batcher import Batcher

Result = TypeVar("Result")


class SandboxJob(msgspec.Struct, frozen=True):
    """Everything that is needed to draw the job and to answer for it. Times in seconds since the Unix epoch."""

    handle: str
    kind: Kind
    model: str
    text: str
    width: int
    height: int
    count: int
    duration: float
    frame_rate: int
    picture: bool
    """It begins with the picture in the input file."""
    created_at: float
    delay: float = 0.0
    fail: ErrorCode | None = None
    unreadable: int = 0
    """Polls that are still to bring no verdict."""
    tokens: Tokens | None = None
    """What it is to report."""
    undrawn: dict[str, Any] = {}
    """What the request says besides; a rehearsal takes it, and draws the same."""
    compute_seconds: float | None = None
    """How long a worker drew at it; None until it is drawn."""
    crashes: int = 0
    """Renderings that came to nothing."""
    cancelled: bool = False
    title: str = ""
    style: str = ""
    lyrics: str | None = None
    """Of a song: what is sung, if anything. Of lyrics, and of whatever else is a text: the text that is wanted."""
    account_id: int = 0
    """Whose it is: the workers are shared among accounts."""
    error: TaskError | None = None
    picture_sha256: str = ""
    draws: Draws = ""
    """What is made of what is given; the rest of the request says what `draws` needs beside that."""
    given: tuple[Given, ...] = ()
    """What it is made of, in the input files, where that is more than the picture that it begins with."""
    growth: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """By how much of its height a picture grows above and below, and of its width on the left and on the right."""

    form: str = "png"
    """How the file of a picture is named."""
    compression: int = 100
    """Its quality, per cent, where that can be said."""
    turn: int = 0
    """Of what makes something once more: by how many degrees of the circle its hues differ from what was made before.
    """
    strength: str = ""
    """How far a variation strays: `subtle` or `strong`."""
    motion: str = ""
    """How much moves in a video: `low`, `high`."""
    loop: bool = False
    """It ends where it begins."""
    partial: int = 0
    """How many pictures go with each that show it before it was done."""

    @property
    def extensions(self) -> tuple[str, ...]:
        """How its files are named: so many of the first as there are results, then so many of the next, which go with
        them."""
        if self.draws in ("faces", "objects"):
            return ("png",)
        if self.kind == "image":
            return (self.form, *("png" for _ in range(self.partial)))
        return ("mp3", "wav") if self.draws == "sound" else _EXTENSIONS[self.kind]

    @property
    def done_at(self) -> float:
        return self.created_at + self.delay

    @property
    def likeness(self) -> bytes:
        """The same for all jobs of the account for which the same is drawn: of all that does not shape it nothing."""
        alike = replace(self, handle="", created_at=0.0, delay=0.0, fail=None, unreadable=0, tokens=None, undrawn={})
        alike = replace(alike, compute_seconds=None, crashes=0, cancelled=False, lyrics=None, error=None)
        return hashlib.sha256(msgspec.json.encode(alike)).digest()


_EXTENSIONS: Final[dict[Kind, tuple[str, ...]]] = {
    "image": (),
    "video": ("mp4",),
    "audio": ("mp3", "png"),
    "text": (),
    "file": (),
}
_NAMED: Final = ("mp4", "png", "mp3", "wav", "jpg", "webp")
_SCHEMA: Final = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA secure_delete = ON;
CREATE TABLE IF NOT EXISTS jobs (handle TEXT PRIMARY KEY, created_at REAL, job BLOB, likeness BLOB) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS jobs_by_age ON jobs (created_at);
CREATE INDEX IF NOT EXISTS jobs_by_likeness ON jobs (likeness) WHERE likeness IS NOT NULL;
"""
"""`likeness` is set where something was drawn for the job itself that others may have too."""
_decode: Final = msgspec.json.Decoder(SandboxJob).decode
"""Made here, for threads use it: msgspec builds a type when it first decodes one, and crashes where two do so at once.
"""


class Jobs:
    """The jobs in one folder. Everything here but `run` blocks; `keep_input` goes to a thread, all else to `run`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._opened: sqlite3.Connection | None = None
        self._batcher = Batcher[Callable[[], Any], Any](lambda calls: asyncio.to_thread(self._together, calls))

    async def run(self, call: Callable[[], Result]) -> Result:
        """What `call` returns or raises, in a thread: one at a time, and all that come meanwhile in one transaction.
        Raises OSError where jobs cannot be read or written."""
        result: Result = await self._batcher.submit(call)
        return result

    async def close(self) -> None:
        """Return when nothing is under way any more."""
        await self._batcher.close()

    def _together(self, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        try:
            outcomes = [_outcome(call) for call in calls]
            if self._opened is not None:
                self._opened.commit()
        except sqlite3.Error:
            if self._opened is not None:
                self._opened.rollback()
            raise OSError("the sandbox's jobs cannot be read or written") from None
        return outcomes

    def read(self, handle: str) -> SandboxJob | None:
        """The job; None where there is none. Raises msgspec.DecodeError for a broken one."""
        if self._opened is None and not self._file.exists():
            return None
        row = self._database().execute("SELECT job FROM jobs WHERE handle = ?", (handle,)).fetchone()
        return None if row is None else _decode(row[0])

    def create(self, job: SandboxJob) -> None:
        """Keep a new job. A job that is there already stays as it is: it is the same one, sent again."""
        row = (job.handle, job.created_at, msgspec.json.encode(job))
        self._database().execute("INSERT OR IGNORE INTO jobs VALUES (?, ?, ?, NULL)", row)

    def change(self, handle: str, change: Callable[[SandboxJob], SandboxJob]) -> SandboxJob | None:
        """The job after `change`; None where there is none."""
        job = self.read(handle)
        if job is None:
            return None
        changed = change(job)
        if changed != job:
            row = (msgspec.json.encode(changed), handle)
            self._database().execute("UPDATE jobs SET job = ? WHERE handle = ?", row)
        return changed

    def drawn(self, job: SandboxJob, seconds: float) -> None:
        """Note that the job's files have been drawn, and in what time."""
        self.change(job.handle, lambda found: replace(found, compute_seconds=seconds))
        self._database().execute("UPDATE jobs SET likeness = ? WHERE handle = ?", (job.likeness, job.handle))

    def share(self, job: SandboxJob) -> SandboxJob:
        """`job` with the files of an equal one, as if they had been drawn for it, if any are there."""
        found = self._database().execute("SELECT handle FROM jobs WHERE likeness = ?", (job.likeness,)).fetchone()
        like = self.read(found[0]) if found is not None else None
        if like is None:
            return job
        try:
            for theirs, own in zip(self.outputs(like), self.outputs(job), strict=True):
                with suppress(FileExistsError):  # of a drawing that was stopped
                    own.hardlink_to(theirs)
        except OSError:  # they are gone, or have as many links as the disk allows
            self._database().execute("UPDATE jobs SET likeness = NULL WHERE handle = ?", found)
            return job
        return self.change(job.handle, lambda mine: replace(mine, compute_seconds=like.compute_seconds)) or job

    def outputs(self, job: SandboxJob) -> list[Path]:
        """Where the job's files lie, or will."""
        extensions = [one for one in job.extensions for _ in range(job.count)]
        return [self._named(job.handle, f"{index}.{extension}") for index, extension in enumerate(extensions)]

    def rendered(self, job: SandboxJob) -> bool:
        """Whether every output is there."""
        return all(path.exists() for path in self.outputs(job))

    def output(self, handle: str, index: int) -> Path | None:
        """One output, where it is there."""
        found = (self._named(handle, f"{index}.{extension}") for extension in _NAMED)
        return next((path for path in found if path.exists()), None)

    def input(self, handle: str, number: int = 0) -> Path:
        """Where what the job is made of lies: the picture that it begins with, or all that is given, by its number."""
        return self._named(handle, f"input{number or ''}")

    def inputs(self, job: SandboxJob) -> list[Path]:
        """All that it is made of."""
        return [self.input(job.handle, number) for number in range(len(job.given) or job.picture)]

    def keep_input(self, handle: str, file: Path, number: int = 0) -> tuple[Path, str]:
        """Keep a copy of that; the copy, and its SHA-256."""
        path = self.input(handle, number)
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        self._root.mkdir(parents=True, exist_ok=True)
        with file.open("rb") as source, part.open("wb") as copy:
            shutil.copyfileobj(source, copy)
        with part.open("rb") as copy:
            digest = hashlib.file_digest(copy, "sha256").hexdigest()
        part.replace(path)
        return path, digest

    def try_folder(self) -> None:
        """Raises OSError where no jobs can be written."""
        self._database().execute("DELETE FROM jobs WHERE handle = ''")

    def forget(self, handles: Iterable[str]) -> None:
        """Delete everything of these jobs; nothing where there is none."""
        handles = list(handles)
        if handles and self._file.exists():
            database = self._database()
            database.executemany("DELETE FROM jobs WHERE handle = ?", [(handle,) for handle in handles])
            database.commit()
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # so that nothing can be read of them any more
        names = {_quoted(handle) for handle in handles}
        for path in self._root.iterdir() if names and self._root.exists() else ():
            if path.name.partition(".")[0] in names:
                path.unlink(missing_ok=True)

    def sweep(self, before: float) -> None:
        """Forget the jobs made before this time (seconds since the Unix epoch)."""
        if self._file.exists():
            found = self._database().execute("SELECT handle FROM jobs WHERE created_at < ?", (before,))
            self.forget([handle for (handle,) in found.fetchall()])

    @property
    def _file(self) -> Path:
        return self._root / "jobs.db"

    def _database(self) -> sqlite3.Connection:
        if self._opened is None:
            self._root.mkdir(parents=True, exist_ok=True)
            opened = sqlite3.connect(self._file, check_same_thread=False)
            weakref.finalize(self, opened.close)
            opened.executescript(_SCHEMA)
            self._opened = opened
        return self._opened

    def _named(self, handle: str, suffix: str) -> Path:
        return self._root / f"{_quoted(handle)}.{suffix}"


def _outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except sqlite3.Error:  # of which nobody can say what it took back of what others have written
        raise
    except Exception as error:
        return error


def _quoted(handle: str) -> str:
    """`handle` as part of a file's name: no separators, no dots."""
    return quote(handle, safe="").replace(".", "%2E")
