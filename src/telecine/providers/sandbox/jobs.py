"""The sandbox's jobs: one JSON file each, so that a job outlives the process and any process can go on with it.

`<root>/<name>.json` is the job, `<name>.input` the picture that it begins with, `<name>.<index>.<png|mp4|mp3>` an
output; `name` is the handle, with whatever means something in a path quoted. Files appear whole or not at all. They are
not synced to disk: a sandbox job that a power cut takes away is found missing by its handle, and costs nobody anything.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from os import getpid, utime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec

from telecine.nouns.errors import ErrorCode, TaskError
from telecine.nouns.operations import Kind
from telecine.nouns.task import Tokens


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
    """Of a song: what is sung, if anything. Of lyrics: the text that is wanted."""
    account_id: int = 0
    """Whose it is: the workers are shared among accounts."""
    error: TaskError | None = None

    @property
    def done_at(self) -> float:
        return self.created_at + self.delay


_EXTENSIONS: Final[dict[Kind, tuple[str, ...]]] = {
    "image": ("png",),
    "video": ("mp4",),
    "audio": ("mp3", "png"),
    "text": (),
    "file": (),
}
"""By kind of job, its files: so many of the first as there are results, then so many of the next, which go with them.
"""
_decode: Final = msgspec.json.Decoder(SandboxJob).decode
"""Made here, for threads use it: msgspec builds a type when it first decodes one, and crashes where two do so at once.
"""


class Jobs:
    """The folder of jobs. Everything here blocks: call it from a thread."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()

    def read(self, handle: str) -> SandboxJob | None:
        """The job; None where there is none. Raises msgspec.DecodeError for a broken file."""
        try:
            return _decode(self._path(handle).read_bytes())
        except FileNotFoundError:
            return None

    def create(self, job: SandboxJob) -> None:
        """Keep a new job. A job that is there already stays as it is: it is the same one, sent again."""
        with self._lock:
            if not self._path(job.handle).exists():
                self._write(job)

    def change(self, handle: str, change: Callable[[SandboxJob], SandboxJob]) -> SandboxJob | None:
        """The job after `change`; None where there is none."""
        with self._lock:
            job = self.read(handle)
            if job is None:
                return None
            changed = change(job)
            if changed != job:
                self._write(changed)
            return changed

    def outputs(self, job: SandboxJob) -> list[Path]:
        """Where the job's files lie, or will."""
        extensions = [one for one in _EXTENSIONS[job.kind] for _ in range(job.count)]
        return [self._named(job.handle, f"{index}.{extension}") for index, extension in enumerate(extensions)]

    def rendered(self, job: SandboxJob) -> bool:
        """Whether every output is there."""
        return all(path.exists() for path in self.outputs(job))

    def output(self, handle: str, index: int) -> Path | None:
        """One output, where it is there."""
        found = (self._named(handle, f"{index}.{extension}") for extension in ("mp4", "png", "mp3"))
        return next((path for path in found if path.exists()), None)

    def input(self, handle: str) -> Path:
        """Where the picture lies that the job begins with, if it begins with one."""
        return self._named(handle, "input")

    def keep_input(self, handle: str, file: Path) -> Path:
        """Keep a copy of that picture."""
        path = self.input(handle)
        self._appear(path, file.read_bytes())
        return path

    def try_folder(self) -> None:
        """Write something and take it away again. Raises OSError where that is not possible."""
        path = self._root / ".ping"
        self._appear(path, b"")
        path.unlink(missing_ok=True)

    def forget(self, handle: str) -> None:
        """Delete everything of one job; nothing where there is none."""
        with self._lock:
            for part in self._root.glob(f"{_quoted(handle)}.*"):
                part.unlink(missing_ok=True)

    def sweep(self, before: float) -> None:
        """Forget the jobs made before this time (seconds since the Unix epoch)."""
        for path in self._root.glob("*.json"):
            if path.stat().st_mtime < before:
                for part in self._root.glob(f"{path.stem}.*"):
                    part.unlink(missing_ok=True)

    def _write(self, job: SandboxJob) -> None:
        path = self._path(job.handle)
        self._appear(path, msgspec.json.encode(job))
        with suppress(OSError):
            utime(path, (job.created_at, job.created_at))  # what `sweep` goes by, without reading the file

    def _appear(self, path: Path, content: bytes) -> None:
        self._root.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{getpid()}.{threading.get_ident()}.part")
        part.write_bytes(content)
        part.replace(path)

    def _path(self, handle: str) -> Path:
        return self._named(handle, "json")

    def _named(self, handle: str, suffix: str) -> Path:
        return self._root / f"{_quoted(handle)}.{suffix}"


def _quoted(handle: str) -> str:
    """`handle` as part of a file's name: no separators, no dots, nothing that `glob` takes for a pattern."""
    return quote(handle, safe="").replace(".", "%2E")
