"""Files inside JSON answers: taken out as they come, whatever the chunks; the rest is left as it was."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from telecine.net.client import Client, FetchError
from telecine.net.guard import AddressPolicy
from telecine.net.inlined import LONG, InlineError, _Splitter, content_of, split
from telecine.net.spool import Spool, Spooled
from tests.media.fakes import files_in
from tests.upstreams.server import ThreadedServer

MOST = 1024 * 1024
BIG = random.Random(7).randbytes(3 * LONG + 1)  # noqa: S311  no secret
SMALL = b"\x89PNG small"


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


async def parted(content: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def read(folder: Path, content: bytes, size: int = 4096, most: int = MOST) -> tuple[Any, list[bytes]]:
    """The JSON that is left, names as their files' numbers, and the files."""
    async with Spool(folder) as spool:
        body, files = await split(parted(content, size), spool, most)
        for number, name in enumerate(files):
            body = body.replace(name.encode(), f"#{number}".encode())
        for one in files.values():
            assert one.sha256 == hashlib.sha256(one.path.read_bytes()).hexdigest()
            assert one.bytes == one.path.stat().st_size
        found = [one.path.read_bytes() for one in files.values()]
    assert files_in(folder) == []
    return json.loads(body), found


@pytest.mark.parametrize("size", [97, 4093, 65536, 10**9])
async def test_files_are_told_from_what_stands_around_them(tmp_path: Path, size: int) -> None:
    answer = {"id": 'a "quoted" \\ id', "data": [{"b64_json": text(BIG)}, {"b64_json": text(SMALL)}], "n": [1.5, None]}
    left, files = await read(tmp_path, json.dumps(answer).encode(), size)
    assert files == [BIG]
    answer["data"] = [{"b64_json": "#0"}, {"b64_json": text(SMALL)}]
    assert left == answer


async def test_wherever_an_answer_is_cut(tmp_path: Path) -> None:
    content = json.dumps({"é\\": '\\"\u2028', "b": text(BIG)}).replace("/", "\\/").encode()
    async with Spool(tmp_path) as spool:
        splitter = _Splitter(spool, MOST)
        for at in range(len(content)):
            splitter.feed(content[at : at + 1])
        left = json.loads(splitter.end())
        (file,) = splitter.files.values()
        assert left == {"é\\": '\\"\u2028', "b": next(iter(splitter.files))}
        assert file.path.read_bytes() == BIG


async def test_an_answer_that_is_cut_short_within_a_file(tmp_path: Path) -> None:
    content = json.dumps({"b": text(BIG)}).encode()
    with pytest.raises(InlineError, match="ends within a file"):
        await read(tmp_path, content[:90_000])
    assert files_in(tmp_path) == []


@pytest.mark.parametrize(
    "spell",
    [
        lambda data: data,
        lambda data: data.replace("/", "\\/"),
        lambda data: data.replace("+", "\\u002b").replace("=", "\\u003D"),
        lambda data: "\\n".join(data[at : at + 76] for at in range(0, len(data), 76)),
        lambda data: data.replace("+", "-").replace("/", "_"),
        lambda data: data.rstrip("="),
        lambda data: f"data:image/png;base64,{data}",
    ],
    ids=["plain", "slashes", "escapes", "lines", "url-safe", "no padding", "data url"],
)
async def test_however_base64_is_spelt(tmp_path: Path, spell: Any) -> None:
    for size in (997, 10**9):
        assert await read(tmp_path, b'{"b":"%s"}' % spell(text(BIG)).encode(), size) == ({"b": "#0"}, [BIG])


@pytest.mark.parametrize(
    "value", ["words and words " * LONG, "https://files.example/" + "a" * 2 * LONG, "data:text/plain," + "a" * 2 * LONG]
)
async def test_long_texts_stay(tmp_path: Path, value: str) -> None:
    left, files = await read(tmp_path, json.dumps({"lyrics": value}).encode(), most=10**7)
    assert (left, files) == ({"lyrics": value}, [])


async def test_what_is_left_is_bounded(tmp_path: Path) -> None:
    with pytest.raises(InlineError, match="larger than 1048576 bytes"):
        await read(tmp_path, json.dumps(["some words " * MOST]).encode())


@pytest.mark.parametrize("spoilt", ["!", "=A", "\\t", "\\u0000"])
async def test_a_damaged_file_makes_the_answer_unreadable(tmp_path: Path, spoilt: str) -> None:
    content = text(BIG[: 3 * LONG])
    with pytest.raises(InlineError, match="no base64"):
        await read(tmp_path, f'["{content[:-8]}{spoilt}{content[-8:]}"]'.encode())
    assert files_in(tmp_path) == []


def test_the_content_of_a_field() -> None:
    file = Spooled(Path("x"), 1, "")
    assert content_of("file:1", {"file:1": file}) is file
    assert content_of(text(SMALL), {}) == SMALL
    assert content_of(f"data:image/png;base64,{text(SMALL)}", {}) == SMALL
    assert content_of(text(SMALL).rstrip("="), {}) == SMALL
    assert content_of("https://files.example/a.png", {}) is None
    assert content_of("file:2", {"file:1": file}) is None


class Generator(ThreadedServer):
    """Answers with a JSON object that has `megabytes` of a file in it, made as it is sent."""

    def __init__(self, megabytes: int) -> None:
        super().__init__()
        self.megabytes = megabytes

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "application/json"})
        await response.prepare(request)
        await response.write(b'{"data":[{"b64_json":"')
        part = base64.b64encode(bytes(range(256)) * 3 * 1024)
        for _ in range(self.megabytes * 4 // 3):
            await response.write(part)
        await response.write(b'"}],"id":"j1"}')
        return response


async def test_the_client_splits_an_answer(tmp_path: Path) -> None:
    client = Client(AddressPolicy(["127.0.0.0/8"]))
    with Generator(2).in_thread() as server:
        async with Spool(tmp_path) as spool:
            reply = await client.request("GET", server.base_url, spool=spool, max_bytes=1000)
            (name,) = reply.files
            assert json.loads(reply.body) == {"data": [{"b64_json": name}], "id": "j1"}
            assert reply.files[name].bytes == 2 * 4 // 3 * 3 * 1024 * 256
        async with Spool(tmp_path, most=1000) as spool:
            with pytest.raises(FetchError, match="larger than 1000 bytes"):
                await client.request("GET", server.base_url, spool=spool)
    assert files_in(tmp_path) == []
    await client.close()


MEASURE = """
import asyncio, resource, sys
from pathlib import Path
from telecine.net.client import Client
from telecine.net.guard import AddressPolicy
from telecine.net.spool import Spool

async def main():
    client = Client(AddressPolicy(["127.0.0.0/8"]))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with Spool(Path(sys.argv[2])) as spool:
        reply = await client.request("GET", sys.argv[1], spool=spool, timeout=300)
        (file,) = reply.files.values()
    await client.close()
    print(file.bytes, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)

asyncio.run(main())
"""


def test_an_answer_of_200_megabytes_takes_no_memory(tmp_path: Path) -> None:
    with Generator(200).in_thread() as server:
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, server.base_url, str(tmp_path)], capture_output=True, text=True, check=True
        )
    size, kilobytes = map(int, done.stdout.split())
    assert size > 200_000_000
    assert kilobytes < 24 * 1024
