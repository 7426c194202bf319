"""Files over HTTP, asked for through a real server."""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import uvicorn
from msgspec.structs import replace
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from telecine.media.collect import Collector
from telecine.media.formats import Variant
from telecine.media.intake import Intake
from telecine.media.library import MediaLibrary
from telecine.media.links import MEDIA_PATH, OBJECT_PATH, OBJECT_SECONDS, WEEK, Signer
from telecine.media.reader import Reader
from telecine.media.serve import serve
from telecine.media.service import MediaService
from telecine.media.sheets import Sheets
from telecine.media.storage import CHUNK, Storage, answer_key
from telecine.net.client import Client
from telecine.net.guard import AddressPolicy
from telecine.nouns.errors import GatewayError
from telecine.nouns.kinds import EXTENSIONS
from telecine.nouns.operations import Kind
from telecine.nouns.request import MediaInput
from telecine.nouns.task import Output
from tests.clock import HandClock
from tests.media.fakes import MOMENT, MP4, PNG, FakeDecoders, chunked, files_in

PENDING = Output(task_id=2**60 + 77, index=0, upstream_url="https://upstream.example/x.mp4", upstream_expires_at=5.0)


@pytest.fixture
def clock() -> HandClock:
    return HandClock(MOMENT)


@pytest.fixture
async def output(storage: Storage, decoders: FakeDecoders, folder: Path) -> Output:
    return await Collector(storage, decoders, folder).collect(chunked(MP4), PENDING, account_id=7)


@pytest.fixture
def service(storage: Storage, decoders: FakeDecoders, folder: Path, clock: HandClock) -> MediaService:
    return MediaService(
        storage,
        Intake(storage, decoders, AddressPolicy(), folder),
        Signer(b"k" * 32, ""),
        Sheets(storage, decoders, folder),
        clock,
    )


class Web:
    """The media endpoint on a real socket, and what it finds."""

    def __init__(self, base: str, session: aiohttp.ClientSession, outputs: dict[tuple[int, int], Output]) -> None:
        self.base = base
        self.session = session
        self.outputs = outputs

    async def get(self, path: str | None, method: str = "GET", **headers: str) -> tuple[int, Any, bytes]:
        """(status, headers, body); `If_None_Match="…"` sends `If-None-Match`."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.request(method, f"{self.base}{path}", headers=sent) as answer:
            return answer.status, answer.headers, await answer.read()


@pytest.fixture
async def web(service: MediaService, output: Output) -> AsyncIterator[Web]:
    outputs = {(output.task_id, output.index): output}

    async def find(task_id: int, index: int) -> Output | None:
        return outputs.get((task_id, index))

    app = Starlette(
        routes=[
            Route(MEDIA_PATH, service.endpoint(find), methods=["GET", "HEAD"]),
            Route(OBJECT_PATH, service.serve_object, methods=["GET", "HEAD"]),
        ]
    )
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    running = asyncio.create_task(server.serve([listener]))
    port = listener.getsockname()[1]
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        yield Web(f"http://127.0.0.1:{port}", session, outputs)
    server.should_exit = True
    await running


# -- the file ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["file", "text"])
async def test_what_is_no_media_is_a_download(
    web: Web, service: MediaService, *, storage: Storage, decoders: FakeDecoders, folder: Path, kind: Kind
) -> None:
    page = b"<script>alert(1)</script>"
    wanted = Output(task_id=5, index=0, kind=kind)
    kept = await Collector(storage, decoders, folder).collect(chunked(page), wanted, account_id=7)
    web.outputs[5, 0] = kept
    status, headers, body = await web.get(service.link(kept))
    assert (status, body, headers["content-type"]) == (200, page, "application/octet-stream")
    assert headers["content-disposition"].startswith("attachment; ")
    assert headers["x-content-type-options"] == "nosniff"
    for variant in ("poster", "spritesheet"):
        status, _, _ = await web.get(service._signer.make(kept, variant, service._signer.expiry(MOMENT)))
        assert status == 404


async def test_the_whole_file(web: Web, service: MediaService, output: Output) -> None:
    status, headers, body = await web.get(service.link(output))
    assert (status, body) == (200, MP4)
    assert headers["content-type"] == "video/mp4"
    assert headers["content-length"] == str(len(MP4))
    assert headers["accept-ranges"] == "bytes"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "sandbox"
    assert headers["cache-control"] == "private, max-age=86400, immutable"
    assert headers["content-disposition"].startswith('inline; filename="')
    assert headers["content-disposition"].endswith('.mp4"')
    assert headers["etag"] == f'"{hashlib.sha256(MP4).hexdigest()[:32]}-file"'


async def test_head_sends_no_body(web: Web, service: MediaService, output: Output) -> None:
    _, expected, _ = await web.get(service.link(output))
    status, headers, body = await web.get(service.link(output), "HEAD", Range="bytes=0-4")
    assert (status, body) == (200, b"")
    for name in ("content-length", "content-type", "etag", "accept-ranges"):
        assert headers[name] == expected[name]


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=100-", 100, len(MP4)),
        ("bytes=-5", len(MP4) - 5, len(MP4)),
        ("bytes=-999999", 0, len(MP4)),
        (f"bytes={len(MP4) - 1}-", len(MP4) - 1, len(MP4)),
        ("bytes=10-999999", 10, len(MP4)),
        ("Bytes= 3-4 ", 3, 5),
    ],
)
async def test_one_range(web: Web, service: MediaService, output: Output, *, asked: str, start: int, end: int) -> None:
    status, headers, body = await web.get(service.link(output), Range=asked)
    assert (status, body) == (206, MP4[start:end])
    assert headers["content-range"] == f"bytes {start}-{end - 1}/{len(MP4)}"
    assert headers["content-length"] == str(end - start)


@pytest.mark.parametrize("asked", [f"bytes={len(MP4)}-", "bytes=999999-1000000", "bytes=-0"])
async def test_a_range_past_the_end(web: Web, service: MediaService, output: Output, asked: str) -> None:
    status, headers, body = await web.get(service.link(output), Range=asked)
    assert (status, body) == (416, b"")
    assert headers["content-range"] == f"bytes */{len(MP4)}"


@pytest.mark.parametrize(
    "asked",
    [
        "bytes=0-1,4-5",
        "bytes=5-1",
        "bytes=-",
        "bytes=a-b",
        "bytes=1",
        "items=0-1",
        "bytes=１-２",
        "bytes=0-" + "9" * 30,
    ],
)
async def test_a_range_that_we_do_not_serve_means_the_whole(
    web: Web, service: MediaService, output: Output, asked: str
) -> None:
    status, headers, body = await web.get(service.link(output), Range=asked)
    assert (status, body) == (200, MP4)
    assert "content-range" not in headers


async def test_if_range(web: Web, service: MediaService, output: Output) -> None:
    link = service.link(output)
    tag = (await web.get(link))[1]["etag"]
    assert (await web.get(link, Range="bytes=0-4", If_Range=tag))[0] == 206
    for other in ('"another"', f"W/{tag}", "Wed, 21 Oct 2025 07:28:00 GMT"):
        status, _, body = await web.get(link, Range="bytes=0-4", If_Range=other)
        assert (status, body) == (200, MP4)


async def test_if_none_match(web: Web, service: MediaService, output: Output) -> None:
    link = service.link(output)
    tag = (await web.get(link))[1]["etag"]
    for condition in (tag, f"W/{tag}", "*", f'"x", {tag}'):
        status, headers, body = await web.get(link, If_None_Match=condition, Range="bytes=0-4")
        assert (status, body, headers["etag"]) == (304, b"", tag)
        assert "cache-control" in headers
    for condition in ('"x"', tag.replace("-file", "-poster"), tag.strip('"')):
        assert (await web.get(link, If_None_Match=condition))[0] == 200


async def test_types_that_are_not_listed_are_downloads(web: Web, service: MediaService, output: Output) -> None:
    place = (output.task_id, output.index)
    for content_type in ("text/html", "image/svg+xml", "application/javascript", None):
        web.outputs[place] = replace(output, content_type=content_type)
        _, headers, _ = await web.get(service.link(web.outputs[place]))
        assert headers["content-type"] == "application/octet-stream"
        assert headers["content-disposition"].startswith("attachment; ")
        assert headers["x-content-type-options"] == "nosniff"
    for content_type, extension in EXTENSIONS.items():
        web.outputs[place] = replace(output, content_type=content_type)
        _, headers, _ = await web.get(service.link(web.outputs[place]))
        assert headers["content-type"] == content_type
        assert headers["content-disposition"].startswith("inline; ")
        assert headers["content-disposition"].endswith(f'.{extension}"')


async def test_a_client_that_hangs_up_ends_the_reading(
    web: Web, service: MediaService, output: Output, tmp_path: Path
) -> None:
    """Read by a client that stops after the first bytes: the server must let go of the file."""
    large = tmp_path / "large"
    await asyncio.to_thread(large.write_bytes, bytes(64 * CHUNK))
    await service._storage.put_file(output.object_key or "", large, "video/mp4")
    read = 0
    ended = asyncio.Event()
    original = service._storage.read

    async def watched(key: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        nonlocal read
        try:
            async for chunk in original(key, start, end):
                read += len(chunk)
                yield chunk
        finally:
            ended.set()

    service._storage.read = watched  # type: ignore[method-assign]
    async with web.session.get(f"{web.base}{service.link(output)}") as answer:
        await answer.content.readexactly(1000)
        answer.close()
    await asyncio.wait_for(ended.wait(), 20)
    assert read < 64 * CHUNK


# -- posters and spritesheets --------------------------------------------------------------------------------------


async def test_the_poster(web: Web, service: MediaService, output: Output) -> None:
    link = service.link(output, "poster")
    assert link is not None
    assert link.endswith("/poster.jpg")
    status, headers, body = await web.get(link)
    assert (status, body) == (200, b"poster of %d bytes" % len(MP4))
    assert headers["content-type"] == "image/jpeg"
    assert headers["content-disposition"].endswith('-poster.jpg"')
    assert headers["etag"] != (await web.get(service.link(output)))[1]["etag"]


async def test_the_spritesheet_is_made_once(
    web: Web, service: MediaService, output: Output, *, decoders: FakeDecoders, root: Path, folder: Path
) -> None:
    link = service._signer.make(output, "spritesheet", service._signer.expiry(MOMENT))
    assert not [name for name in files_in(root) if "spritesheet" in name]
    answers = await asyncio.gather(*(web.get(link) for _ in range(5)))
    assert {(status, body) for status, _, body in answers} == {(200, b"sheet of %d bytes" % len(MP4))}
    assert decoders.sheets == 1
    assert [name for name in files_in(root) if "spritesheet" in name] == [f"a7/t{output.task_id}/0.spritesheet.jpg"]
    assert files_in(folder) == []
    status, _, body = await web.get(link, Range="bytes=0-4")
    assert (status, body, decoders.sheets) == (206, b"sheet", 1)


async def test_a_forgotten_video_leaves_no_spritesheet(
    web: Web,
    service: MediaService,
    output: Output,
    *,
    storage: Storage,
    decoders: FakeDecoders,
    root: Path,
    folder: Path,
) -> None:
    await web.get(service._signer.make(output, "spritesheet", service._signer.expiry(MOMENT)))
    library = MediaLibrary(
        storage, Collector(storage, decoders, folder), Reader(storage, Client(), decoders, folder), folder
    )
    await library.forget([key for key in (output.object_key, output.poster_key) if key])
    assert files_in(root) == []


@pytest.mark.parametrize("variant", ["file", "poster", "spritesheet"])
async def test_what_is_not_there_is_not_found(
    service: MediaService, storage: Storage, output: Output, variant: Variant
) -> None:
    request = Request({"type": "http", "method": "GET", "headers": []})
    image = replace(output, kind="image", object_key=None, poster_key=None)
    gone = replace(output, object_key="a9/t9/0.mp4", poster_key="a9/t9/0.poster.jpg")
    for missing in (PENDING, image, gone):
        with pytest.raises(GatewayError) as caught:
            await service.serve(request, missing, variant)
        assert caught.value.code == "not_found"
    with pytest.raises(GatewayError):
        await serve(request, storage, gone, variant)


# -- links ---------------------------------------------------------------------------------------------------------


def test_links_before_anything_is_stored(service: MediaService) -> None:
    assert service.link(PENDING) == "https://upstream.example/x.mp4"
    assert service.link(PENDING, "poster") is None
    assert service.link_expires_at(PENDING) == 5.0
    for url in (None, "", "file:///tmp/x", "sandbox:1", "data:video/mp4;base64,AA"):
        assert service.link(replace(PENDING, upstream_url=url)) is None


def test_no_link_to_a_poster_that_is_not_there(service: MediaService, output: Output) -> None:
    assert service.link(replace(output, poster_key=None), "poster") is None


def test_what_is_promised_is_kept(service: MediaService, output: Output, clock: HandClock) -> None:
    """The answer's expiry, asked up to a minute after the link, at every moment of a day."""
    for second in range(0, 86_400, 37):
        clock.set(MOMENT + second)
        _, _, identity, ticket, name = (service.link(output) or "").split("/")
        clock.advance(59)
        promised = service.link_expires_at(output)
        assert promised is not None
        assert promised >= clock.now() + WEEK
        assert service._signer.verify(identity, ticket, name, promised - 0.001)


async def test_bad_links(web: Web, service: MediaService, output: Output, clock: HandClock) -> None:
    link = service.link(output) or ""
    spoilt: list[Callable[[], str]] = [
        lambda: link.replace("/file.mp4", "/poster.mp4"),
        lambda: link.replace("-", "-a"),
        lambda: "/media/a/b/c",
    ]
    for spoil in spoilt:
        status, headers, body = await web.get(spoil())
        assert status == 403
        assert b'"permission"' in body
        assert headers["cache-control"] == "no-store"
    clock.advance(9 * 86_400)
    assert (await web.get(link))[0] == 403
    clock.set(MOMENT)
    assert (await web.get(link))[0] == 200


async def test_deleted_tasks_are_not_found(web: Web, service: MediaService, output: Output) -> None:
    link = service.link(output)
    web.outputs.clear()
    status, _, body = await web.get(link)
    assert status == 404
    assert b'"not_found"' in body


async def test_the_service_takes_in_files(service: MediaService, root: Path) -> None:
    class Somebody:
        account_id = 9

    item = await service.store(Somebody(), "image", chunked(PNG), param="image", max_bytes=1000)
    assert item.object_key is not None
    assert item.object_key.startswith("a9/in/")
    with pytest.raises(GatewayError):
        service.check_url("http://127.0.0.1/", param="image")


def test_the_service_is_what_dialects_expect(service: MediaService) -> None:
    from telecine.dialects.base import Media

    media: Media = service
    assert media.link(PENDING)


# -- what clients have sent, for upstreams ---------------------------------------------------------------------------


@pytest.fixture
async def key(service: MediaService) -> str:
    class Me:
        account_id = 7

    item = await service.store(Me(), "image", chunked(PNG), param="x", max_bytes=1000)
    assert item.object_key is not None
    return item.object_key


async def test_an_object_by_its_link(web: Web, service: MediaService, key: str) -> None:
    link = service.object_link(key)
    assert link.endswith(key.rpartition("/")[2])
    status, headers, body = await web.get(link)
    assert (status, headers["content-type"], body) == (200, "image/png", PNG)
    assert (headers["x-content-type-options"], headers["content-security-policy"]) == ("nosniff", "sandbox")
    status, _, body = await web.get(link, Range="bytes=0-7")
    assert (status, body) == (206, PNG[:8])
    assert (await web.get(link, "HEAD"))[2] == b""
    assert (await web.get(link, If_None_Match=headers["etag"]))[0] == 304


async def test_a_link_to_an_object_ends_within_hours_and_cannot_be_changed(
    web: Web, service: MediaService, storage: Storage, clock: HandClock, key: str
) -> None:
    link = service.object_link(key)
    other = link.replace("/a7/", "/a8/")
    assert [(await web.get(one))[0] for one in (link, other, link[:-4] + "x.png", f"{link}x")] == [200, 403, 403, 403]
    clock.advance(OBJECT_SECONDS - 1)
    assert (await web.get(link))[0] == 200
    clock.advance(2)
    assert (await web.get(link))[0] == 403
    await storage.delete(key)
    assert (await web.get(service.object_link(key)))[0] == 404


async def test_what_a_failed_request_brought_goes_and_what_is_a_librarys_stays(
    service: MediaService, storage: Storage, key: str
) -> None:
    await service.discard([MediaInput("image", object_key=key, asset_id=7)])
    assert await storage.size(key) == len(PNG)
    await service.discard([MediaInput("image", object_key=key)])
    assert await storage.size(key) is None


async def test_small_documents_appear_whole_and_are_forgotten(
    storage: Storage, decoders: FakeDecoders, folder: Path
) -> None:
    reader = Reader(storage, Client(), decoders, folder)
    library = MediaLibrary(storage, Collector(storage, decoders, folder), reader, folder)
    key = answer_key(7, 2**60, 12345)
    assert await library.get(key) is None
    for content in (b"{}", b"[1]"):
        await library.put(key, content)
        assert await library.get(key) == content
    await library.forget([key])
    assert await library.get(key) is None
    assert files_in(folder) == []
