"""Objects on disk: whole or not at all, under keys that lead nowhere else."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from telecine.media import spool
from telecine.media.storage import CHUNK, Storage, beside, input_key, output_key
from tests.media.fakes import chunked, files_in

KEY = output_key(7, 2**62, 0, "mp4")


@pytest.fixture(params=["disk", "elsewhere"])
def any_storage(request: pytest.FixtureRequest, root: Path) -> Storage:
    return Storage.on_disk(root) if request.param == "disk" else Storage(MemoryStore())


async def content(storage: Storage, key: str, start: int = 0, end: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in storage.read(key, start, end)])


def test_keys() -> None:
    assert KEY == "a7/t4611686018427387904/0.mp4"
    assert beside(KEY, "poster", "jpg") == "a7/t4611686018427387904/0.poster.jpg"
    assert input_key(7, "png") != input_key(7, "png")
    assert input_key(7, "png").startswith("a7/in/")


async def test_a_copy_lives_by_itself(any_storage: Storage, tmp_path: Path) -> None:
    source, target = tmp_path / "source", input_key(7, "mp4")
    source.write_bytes(b"bytes")
    await any_storage.put_file(KEY, source, "video/mp4")
    await any_storage.copy(KEY, target)
    await any_storage.delete(KEY)
    assert await content(any_storage, target) == b"bytes"
    with pytest.raises(FileNotFoundError):
        await any_storage.copy(KEY, target)
    for bad in (("../x", target), (target, "../x")):
        with pytest.raises(ValueError, match="no storage key"):
            await any_storage.copy(*bad)


async def test_put_read_size_delete(any_storage: Storage, tmp_path: Path) -> None:
    body = os.urandom(3 * CHUNK + 5)
    source = tmp_path / "source"
    source.write_bytes(body)
    assert await any_storage.size(KEY) is None
    await any_storage.put_file(KEY, source, "video/mp4")
    source.unlink()
    assert await any_storage.size(KEY) == len(body)
    assert await content(any_storage, KEY) == body
    assert await content(any_storage, KEY, 10, 20) == body[10:20]
    assert await content(any_storage, KEY, CHUNK - 1) == body[CHUNK - 1 :]
    assert await content(any_storage, KEY, 5, 5) == b""
    await any_storage.delete(KEY)
    await any_storage.delete(KEY)
    assert await any_storage.size(KEY) is None
    with pytest.raises(FileNotFoundError):
        await content(any_storage, KEY)


async def test_reading_takes_constant_memory(storage: Storage, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(8 * CHUNK))
    await storage.put_file(KEY, source, "video/mp4")
    sizes = [len(chunk) async for chunk in storage.read(KEY)]
    assert sizes == [CHUNK] * 8


async def test_putting_again_replaces(any_storage: Storage, tmp_path: Path) -> None:
    for body in (b"first", b"second"):
        source = tmp_path / body.decode()
        source.write_bytes(body)
        await any_storage.put_file(KEY, source, "video/mp4")
    assert await content(any_storage, KEY) == b"second"


async def test_a_reader_keeps_the_file_that_it_opened(storage: Storage, tmp_path: Path) -> None:
    for name, byte in (("old", b"o"), ("new", b"n")):
        (tmp_path / name).write_bytes(byte * CHUNK * 4)
    await storage.put_file(KEY, tmp_path / "old", "video/mp4")
    reading = storage.read(KEY)
    first = await anext(reading)
    await storage.put_file(KEY, tmp_path / "new", "video/mp4")
    rest = b"".join([chunk async for chunk in reading])
    assert set(first + rest) == set(b"o")
    assert set(await content(storage, KEY)) == set(b"n")


def modes(folder: Path) -> dict[Path, int]:
    return {path: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.rglob("*"))}


async def test_only_the_owner_may_look(storage: Storage, root: Path, folder: Path) -> None:
    async with spool.spool(chunked(b"x"), folder, 10) as file:
        assert modes(folder) == {folder: 0o700, file.path: 0o600}
        await storage.put_file(KEY, file.path, "video/mp4")
    assert sorted(modes(root).values()) == [0o600, 0o700, 0o700, 0o700]


async def test_without_hard_links_the_file_is_copied(
    storage: Storage, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuse)
    source = tmp_path / "source"
    source.write_bytes(b"copied")
    await storage.put_file(KEY, source, "video/mp4")
    source.write_bytes(b"changed")
    assert await content(storage, KEY) == b"copied"


async def test_a_failed_put_leaves_nothing(
    storage: Storage, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    source.write_bytes(b"x")

    def fail(self: Path, target: Path) -> Path:
        raise OSError("the disk has gone")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="the disk has gone"):
        await storage.put_file(KEY, source, "video/mp4")
    assert files_in(root) == []
    with pytest.raises(FileNotFoundError):
        await storage.put_file(KEY, tmp_path / "missing", "video/mp4")
    assert files_in(root) == []


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/etc/passwd",
        "../secret",
        "a1/../../secret",
        "a1/t2/../../../secret",
        "a1/t2/0.mp4/../../..",
        "a1/t2/..",
        "a1/t2/%2e%2e",
        "a1//t2/0.mp4",
        "a1/t2/0.mp4\n",
        "a1/t2/0.mp4\0",
        "a1/t2/.hidden",
        "a1\\t2\\0.mp4",
        "a1/in/short.png",
        "A1/T2/0.MP4",
        "a１/t2/0.mp4",
    ],
)
async def test_no_key_leads_out(any_storage: Storage, tmp_path: Path, key: str) -> None:
    source = tmp_path / "secret"
    source.write_bytes(b"x")
    for call in (
        any_storage.put_file(key, source, "video/mp4"),
        content(any_storage, key),
        any_storage.size(key),
        any_storage.delete(key),
    ):
        with pytest.raises(ValueError, match="no storage key"):
            await call
    with pytest.raises(ValueError, match="no storage key"):
        any_storage.local(key)
    assert source.read_bytes() == b"x"


async def test_the_local_file(storage: Storage, root: Path) -> None:
    assert storage.local(KEY) == root / KEY
    assert Storage(MemoryStore()).local(KEY) is None


async def test_borrowing_from_elsewhere_makes_a_copy_for_a_while(any_storage: Storage, folder: Path) -> None:
    async with spool.spool(chunked(b"hello"), folder, 5) as file:
        await any_storage.put_file(KEY, file.path, "video/mp4")
    async with spool.borrowed(any_storage, KEY, folder) as path:
        assert path.read_bytes() == b"hello"
    assert files_in(folder) == []
    with pytest.raises(FileNotFoundError):
        async with spool.borrowed(any_storage, output_key(7, 1, 0, "mp4"), folder):
            pass


def test_a_start_clears_what_a_kill_left(folder: Path) -> None:
    (folder / "leftover").write_bytes(b"x")
    spool.prepare(folder)
    assert files_in(folder) == []
