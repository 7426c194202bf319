"""Files on their way into the library: small ones whole, large ones in parts, each sent again where it gets lost."""

from __future__ import annotations

import hashlib
import math
import mimetypes
import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

from telecine.cli.connection import Connection
from telecine.cli.failure import INTERRUPTED, REFUSED, USAGE, Failure, Unreachable
from telecine.cli.pieces import Piece
from telecine.cli.texts import text
from telecine.cli.watching import Display
from telecine.cli.wire import Asset, PartDone, Upload

WHOLE: Final = 16 * 1024 * 1024
"""Bytes of the largest file that goes in one request."""
ROOT: Final = "/v1/assets"
_TRIES: Final = 5
_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 4.0
_BINARY: Final = "application/octet-stream"


def upload(
    connection: Connection, path: Path, said: Mapping[str, str], shown: Display, resume: str | None = None
) -> Asset:
    """The file at `path`, as the library has it; `said`: its `name`, `group` and `kind`. `resume`: the id of an upload
    that was broken off, to go on with. Raises Failure."""
    try:
        size = path.stat().st_size
        if size <= WHOLE and resume is None:
            kind = mimetypes.guess_type(path.name)[0] or ""
            kind = kind if kind.startswith(("image/", "video/", "audio/")) else _BINARY
            body = Piece(path, 0, size, kind, lambda done: shown.show("uploading", 100 * done / max(size, 1)))
            return connection.ask(Asset, "POST", f"{ROOT}?{urlencode(said)}", body)
        begun = _begun(connection, size, said, resume)
        with _resumed_later(connection, path, begun.id):
            _parts(connection, path, begun, shown)
            digest = _sha256(path)
            return connection.ask(Asset, "POST", f"{ROOT}/uploads/{begun.id}/complete", {"sha256": digest})
    except OSError as error:
        raise Failure(text("no_file_there", path=path, reason=error.strerror or error), USAGE) from None


def _begun(connection: Connection, size: int, said: Mapping[str, str], resume: str | None) -> Upload:
    """A new upload, or the one that was broken off. Raises Failure where that is of another file."""
    if resume is None:
        return connection.ask(Upload, "POST", f"{ROOT}/uploads", {**said, "bytes": size})
    begun = connection.ask(Upload, "GET", f"{ROOT}/uploads/{quote(resume.removeprefix('asset://'), safe='')}")
    if begun.bytes != size:
        raise Failure(text("other_file", id=begun.id, bytes=begun.bytes), USAGE)
    return begun


@contextmanager
def _resumed_later(connection: Connection, path: Path, upload_id: str) -> Iterator[None]:
    """Whoever breaks it off is told how to go on."""
    try:
        yield
    except (KeyboardInterrupt, Unreachable) as error:
        later = text("upload_kept", id=upload_id, path=shlex.quote(str(path)), where=connection.target.arguments)
        if isinstance(error, Unreachable):
            raise Failure(f"{error} {later}", error.code) from None
        raise Failure(later, INTERRUPTED) from None


def _parts(connection: Connection, path: Path, begun: Upload, shown: Display) -> None:
    """Send every part that is not there. What does not get through is sent again, a few times: the server has it once.
    Raises Failure and OSError."""
    size, there = begun.bytes, {one.number for one in begun.parts}

    def told(start: int, done: int) -> None:
        shown.show("uploading", 100 * (start + done) / size)

    for number in range(1, math.ceil(size / begun.part_size) + 1):
        if number in there:
            continue
        start = (number - 1) * begun.part_size
        body = Piece(path, start, min(begun.part_size, size - start), _BINARY, partial(told, start))
        for left in reversed(range(_TRIES)):
            try:
                connection.ask(PartDone, "PUT", f"{ROOT}/uploads/{begun.id}/parts/{number}", body)
                break
            except Unreachable:
                if not left:
                    raise
                time.sleep(_PAUSE)


def ready(connection: Connection, asset: Asset, shown: Display) -> Asset:
    """`asset`, once the server has looked at it. Raises Failure where it cannot be used."""
    pause = _PAUSE / 4
    while asset.coming:
        shown.show("processing", None)
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
        asset = connection.ask(Asset, "GET", f"{ROOT}/{asset.id}")
    if asset.status == "failed":
        raise Failure(text("asset_failed", id=asset.id, reason=asset.error.message if asset.error else ""), REFUSED)
    return asset


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
