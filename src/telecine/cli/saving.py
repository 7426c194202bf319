"""A task's files, brought to disk whole or not at all."""

from __future__ import annotations

import hashlib
import mimetypes
import tempfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import IO, Final

from telecine.cli.connection import Connection
from telecine.cli.failure import REFUSED, USAGE, Failure, Unreachable
from telecine.cli.texts import text
from telecine.cli.wire import Output, Task

_CHUNK: Final = 256 * 1024

Progress = Callable[[int, int | None], None]
"""(bytes so far, all of them where that is known)."""


def save(
    connection: Connection, task: Task, wanted: Path | None, *, force: bool, progress: Progress = lambda _, __: None
) -> list[tuple[Path, Output]]:
    """Save every output of a task that has succeeded; a companion that is lost is left out. Raises Failure."""
    if task.status != "succeeded":
        raise Failure(text("not_ready", id=task.id, status=text(task.status)), REFUSED)
    saved = []
    for output in task.outputs:
        path = _name(wanted, task, output)
        if output.url is None and output.text is None:
            if output.part != "main":
                continue
            raise Failure(text("lost", index=output.index, id=task.id))
        check_free([path], force=force)
        with connection.download(output.url) if output.url else BytesIO((output.text or "").encode()) as source:
            _fetch(source, path, output, progress)
        saved.append((path, output))
    return saved


def names(wanted: Path, count: int) -> list[Path]:
    """`wanted`, or as many numbered names as there are files."""
    if count == 1:
        return [wanted]
    return [wanted.with_stem(f"{wanted.stem}-{number}") for number in range(1, count + 1)]


def check_free(paths: list[Path], *, force: bool) -> None:
    """Raise Failure where one of `paths` cannot be written, so that nothing is paid for that cannot be kept."""
    for path in paths:
        if path.exists() and not force:
            raise Failure(text("exists", path=path), USAGE)
        if not path.parent.is_dir():
            raise Failure(text("no_folder", path=path.parent), USAGE)


def _name(wanted: Path | None, task: Task, output: Output) -> Path:
    if wanted is None or wanted.is_dir():
        extension = mimetypes.guess_extension(output.content_type or "") or ".bin"
        wanted = (wanted or Path()) / f"{task.id}{extension}"
    path = names(wanted, len(task.outputs))[output.index]
    own = mimetypes.guess_extension(output.content_type or "") if output.part != "main" else None
    return path.with_suffix(own) if own else path


def _fetch(source: IO[bytes], path: Path, output: Output, progress: Progress) -> None:
    """Through a file beside `path` that takes its name once it is whole. Raises Failure."""
    from http.client import HTTPException  # which loads all of TLS

    digest = hashlib.sha256()
    done = 0
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as part:
            partial = Path(part.name)
            try:
                while chunk := source.read(_CHUNK):
                    part.write(chunk)
                    digest.update(chunk)
                    done += len(chunk)
                    progress(done, output.bytes)
                part.flush()
                if output.sha256 is not None and digest.hexdigest() != output.sha256:
                    raise Failure(text("damaged", path=path))
                partial.chmod(0o644)
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)
    except HTTPException as error:
        raise Unreachable(f"{path}: {str(error) or type(error).__name__}", sent=True) from None
    except OSError as error:
        raise Failure(f"{path}: {error.strerror or error}") from None
