"""Forms as they go out: read by another's parser, streamed from the disk, closed whatever happens."""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import BodyPartReader, web

from telecine.net.client import Client, FetchError
from telecine.net.forms import File, Form
from telecine.net.guard import AddressPolicy

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


class Reader:
    """A server that reads forms, and what it has read."""

    def __init__(self) -> None:
        self.parts: list[tuple[str | None, str | None, str | None, int, bytes]] = []
        self.length: int | None = None
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        self.length = request.content_length
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            size, start = 0, b""
            while chunk := await part.read_chunk(64 * 1024):
                size, start = size + len(chunk), start or chunk[:1024]
            self.parts.append((part.name, part.filename, part.headers.get("content-type"), size, start))
        return web.Response()


@pytest.fixture
async def reader() -> AsyncIterator[Reader]:
    reader = Reader()
    app = web.Application(client_max_size=1 << 30)
    app.router.add_post("/", reader.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    reader.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    yield reader
    await runner.cleanup()


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    made = Client(AddressPolicy(["127.0.0.1/32"]))
    yield made
    await made.close()


def file(folder: Path, name: str, content: bytes) -> File:
    path = folder / name
    path.write_bytes(content)
    return File("input_reference", path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (PNG, "image/png png"),
        (b"\xff\xd8\xff\xe0jpeg", "image/jpeg jpg"),
        (b"GIF89a", "image/gif gif"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp webp"),
        (b"", "application/octet-stream bin"),
    ],
)
async def test_what_is_sent_is_read_as_it_was(
    reader: Reader, client: Client, tmp_path: Path, content: bytes, told: str
) -> None:
    kind, extension = told.split()
    pairs = (("model", "sora-2"), ("metadata[k]", "ü\r\n--x"), ('na"me\r\n', ""), ("prompt", "\ud800"))
    reply = await client.request("POST", reader.url, body=Form(pairs, (file(tmp_path, "a", content),)), fresh=True)
    assert reply.status == 200
    assert [(name, filename, kind, start) for name, filename, kind, _, start in reader.parts] == [
        ("model", None, None, b"sora-2"),
        ("metadata[k]", None, None, "ü\r\n--x".encode()),
        ("na%22me%0D%0A", None, None, b""),
        ("prompt", None, None, b"?"),
        ("input_reference", f"input_reference.{extension}", kind, content),
    ]


async def test_files_are_streamed_and_their_length_is_told(reader: Reader, client: Client, tmp_path: Path) -> None:
    size = 64 * 1024 * 1024
    files = tuple(file(tmp_path, name, PNG) for name in ("a", "b"))
    for one in files:
        with one.path.open("r+b") as sparse:
            sparse.truncate(size)
    tracemalloc.start()
    try:
        await client.request("POST", reader.url, body=Form((("model", "m"),), files), fresh=True)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [part[3] for part in reader.parts] == [1, size, size]
    assert reader.length is not None
    assert 2 * size < reader.length < 2 * size + 2000
    assert most < size // 4


async def test_what_cannot_be_read_is_never_sent(reader: Reader, client: Client, tmp_path: Path) -> None:
    with pytest.raises(FetchError) as caught:
        await client.request("POST", reader.url, body=Form((), (File("image", tmp_path / "gone"),)))
    assert not caught.value.sent
    assert "gone" not in caught.value.reason
    assert not reader.parts


async def test_files_are_closed_where_nobody_listens(client: Client, tmp_path: Path, monkeypatch: Any) -> None:
    opened: list[Any] = []
    really = Path.open

    def opening(self: Path, *args: Any, **more: Any) -> Any:
        opened.append(really(self, *args, **more))
        return opened[-1]

    one = file(tmp_path, "a", PNG)
    monkeypatch.setattr(Path, "open", opening)
    with pytest.raises(FetchError) as caught:
        await client.request("POST", "http://127.0.0.1:9/", body=Form((), (one,)), fresh=True)
    assert not caught.value.sent
    assert [stream.closed for stream in opened] == [True]
