"""Where files are kept: objects under keys, on local disk now, in any store that obstore knows later."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import shutil
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Self

import obstore
from obstore.store import LocalStore, from_url

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import ObjectStore

CHUNK: Final = 256 * 1024
_PAGE: Final = 500
_BLOCK: Final = 4096
_UPLOADS_AT_ONCE: Final = 4  # parts of 5 MiB that one upload holds in memory
_ANSWER: Final = "answer"
_CONTENT: Final = "content"
_HERE: Final = "stored:"
_KEY: Final = re.compile(
    r"a\d{1,19}/(?:t\d{1,19}/\d{1,9}|in/[0-9a-z]{16,64}|s\d{1,19}/[0-9a-z]{2,64})(?:\.[0-9a-z]{1,16}){1,2}", re.ASCII
)


def output_key(account_id: int, task_id: int, index: int, extension: str) -> str:
    """Where the file of one output lies."""
    return f"a{account_id}/t{task_id}/{index}.{extension}"


def input_key(account_id: int, extension: str) -> str:
    """A new place for a file that a client sent inline."""
    return f"a{account_id}/in/{secrets.token_hex(16)}.{extension}"


def asset_key(account_id: int, asset_id: int, extension: str) -> str:
    """A new place for a file of an account's library."""
    return f"a{account_id}/s{asset_id}/{secrets.token_hex(16)}.{extension}"


def part_key(account_id: int, asset_id: int, number: int) -> str:
    """A new place for one part of such a file, while it comes."""
    return f"a{account_id}/s{asset_id}/part{number}.{secrets.token_hex(8)}.bin"


def asset_of(key: str) -> int | None:
    """Whose file of a library lies under `key`, or beside it; None where it is none of a library."""
    folder = key.split("/")[1]
    return int(folder[1:]) if folder[0] == "s" else None


def answer_key(account_id: int, task_id: int, number: int) -> str:
    """Where what an upstream has answered to the attempt with this number lies, until the records have it."""
    return f"a{account_id}/t{task_id}/{number}.{_ANSWER}.json"


def is_answer(key: str) -> bool:
    """Whether that is what lies under `key`."""
    return f".{_ANSWER}." in key


def content_key(account_id: int, task_id: int, index: int) -> str:
    """Where a file lies that came inside an answer, until the output is stored."""
    return f"a{account_id}/t{task_id}/{index}.{_CONTENT}.bin"


def is_content(key: str) -> bool:
    """Whether that is what lies under `key`."""
    return f".{_CONTENT}." in key


def link_to(key: str) -> str:
    """What an output has in the place of its upstream's link where its file lies under `key`, as it came."""
    return f"{_HERE}{key}"


def linked(url: str | None) -> str | None:
    """The key in such a link; None for the upstream's own."""
    return url.removeprefix(_HERE) if url is not None and url.startswith(_HERE) else None


def owner_of(key: str) -> int:
    """The account that the object at `key` belongs to."""
    return int(key.partition("/")[0][1:])


def beside(key: str, what: str, extension: str) -> str:
    """Where what we made from the file at `key` lies: `a1/t2/0.mp4` has its poster at `a1/t2/0.poster.jpg`."""
    return f"{key.rpartition('.')[0]}.{what}.{extension}"


class Stored(NamedTuple):
    """One object, and when it was stored (seconds since the Unix epoch)."""

    key: str
    at: float


class Storage:
    """Objects by key. No key leads out of the root: any that is not one of ours raises ValueError."""

    def __init__(self, store: ObjectStore, root: Path | None = None) -> None:
        """`root` is the folder behind a local `store`."""
        self._store = store
        self._root = root

    @property
    def root(self) -> Path | None:
        """The folder, where it is one."""
        return self._root

    async def check(self) -> None:
        """Write something to the disk and take it away again; ask a remote store for something. Raises what that
        raises."""
        if self._root is not None:
            await asyncio.to_thread(_try, self._root)
        else:
            await self.size("a0/t0/0.probe")

    @classmethod
    def on_disk(cls, root: Path) -> Self:
        """Storage in a local folder, made where it is missing."""
        root = root.absolute()
        root.parent.mkdir(parents=True, exist_ok=True)
        root.mkdir(mode=0o700, exist_ok=True)
        return cls(LocalStore(prefix=root), root)

    @classmethod
    def at(cls, url: str) -> Self:
        """Storage behind a URL such as `s3://bucket/prefix`; credentials come from the environment."""
        return cls(from_url(url))

    async def put_file(self, key: str, path: Path, content_type: str) -> None:
        """Store a copy of the file at `path`, whole or not at all; what was under `key` before is replaced.

        On local disk the copy may share its blocks with `path` (a hard link): delete `path`, do not write to it.
        """
        _check(key)
        if self._root is not None:
            await asyncio.to_thread(_place, path, self._root, key)
            return
        await obstore.put_async(
            self._store,
            key,
            path,
            attributes={"Content-Type": content_type},
            max_concurrency=_UPLOADS_AT_ONCE,
        )

    async def copy(self, key: str, target: str) -> None:
        """Store what is under `key` under `target` too. Raises FileNotFoundError."""
        _check(key)
        _check(target)
        if self._root is not None:
            await asyncio.to_thread(_place_again, self._root / key, self._root, target)
            return
        await obstore.copy_async(self._store, key, target)

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """The bytes from `start` up to `end` (exclusive), in chunks of 256 KiB. Raises FileNotFoundError."""
        _check(key)
        if start == end:
            return
        options: GetOptions = {"range": {"offset": start} if end is None else (start, end)}
        result = await obstore.get_async(self._store, key, options=options)
        async for chunk in result.stream(min_chunk_size=CHUNK):
            yield bytes(chunk)

    async def size(self, key: str) -> int | None:
        """Bytes under `key`; None where there is nothing."""
        _check(key)
        try:
            return (await obstore.head_async(self._store, key))["size"]
        except FileNotFoundError:
            return None

    async def delete(self, key: str) -> None:
        """Remove what is under `key`, if anything is."""
        _check(key)
        with suppress(FileNotFoundError):
            await obstore.delete_async(self._store, key)

    async def list(self, prefix: str = "") -> AsyncGenerator[list[Stored], None]:
        """What is kept under `prefix` (`a1/`), in pages of at most 500; files that are none of ours are left out."""
        async for page in obstore.list(self._store, prefix or None, chunk_size=_PAGE):
            yield [Stored(one["path"], one["last_modified"].timestamp()) for one in page if _KEY.fullmatch(one["path"])]

    def local(self, key: str) -> Path | None:
        """The file itself, to be read only; None where the storage is not a local disk."""
        _check(key)
        return None if self._root is None else self._root / key


def _check(key: str) -> None:
    if not _KEY.fullmatch(key):
        raise ValueError("that is no storage key")


def _place(source: Path, root: Path, key: str) -> None:
    """Make the file appear under its name in one step and survive a power cut."""
    target = root / key
    for folder in (target.parent.parent, target.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        try:
            os.link(source, draft)
        except OSError:  # another file system, or one without links
            shutil.copyfile(source, draft)
        _sync(draft)
        draft.replace(target)
        _sync(target.parent)
    finally:
        draft.unlink(missing_ok=True)


def _try(root: Path) -> None:
    draft = root / f".probe.{secrets.token_hex(8)}"
    try:
        draft.write_bytes(bytes(_BLOCK))
        _sync(draft)
    finally:
        draft.unlink(missing_ok=True)


def _place_again(source: Path, root: Path, key: str) -> None:
    os.utime(source)  # the copy shares its age, and nobody has a row for it yet
    _place(source, root, key)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
