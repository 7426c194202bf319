"""The media of a request, as providers read them."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from telecine.media.intake import Intake
from telecine.media.reader import Reader
from telecine.media.storage import Storage
from telecine.net.client import Client, FetchError
from telecine.net.guard import AddressPolicy
from telecine.nouns.errors import GatewayError
from telecine.nouns.request import MediaInput
from telecine.providers.base import MediaReader
from tests.media.fakes import HTML, MP4, PNG, FakeDecoders, chunked, files_in
from tests.upstreams.files import Answer, FileServer

LOCAL = AddressPolicy(["127.0.0.0/8"])


@pytest.fixture
async def server() -> AsyncIterator[FileServer]:
    async with FileServer() as running:
        yield running


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    made = Client(LOCAL, stall=0.1)
    yield made
    await made.close()


@pytest.fixture(params=["disk", "elsewhere"])
def store(request: pytest.FixtureRequest, root: Path) -> Storage:
    return Storage.on_disk(root) if request.param == "disk" else Storage(MemoryStore())


@pytest.fixture
def reader(store: Storage, client: Client, decoders: FakeDecoders, folder: Path) -> Reader:
    return Reader(store, client, decoders, folder, max_bytes=10_000)


async def whole(media: MediaReader, item: MediaInput, limit: int) -> bytes:
    """The file, as an adapter has it that uploads it."""
    return await asyncio.to_thread((await media.as_upload(item, limit)).read_bytes)


async def test_what_is_stored(reader: Reader, store: Storage, decoders: FakeDecoders, folder: Path) -> None:
    item = await Intake(store, decoders, LOCAL, folder).store(7, "image", chunked(PNG), param="x", max_bytes=1000)
    async with reader.scope(7) as scope:
        media: MediaReader = scope
        assert await whole(media, item, len(PNG)) == PNG
        assert (await media.as_upload(item)).read_bytes() == PNG
        with pytest.raises(GatewayError) as caught:
            await whole(media, item, len(PNG) - 1)
        assert (caught.value.code, caught.value.param) == ("too_large", "inputs")
    assert files_in(folder) == []
    assert item.object_key is not None
    assert await store.size(item.object_key) == len(PNG)


async def test_base64_of_what_is_stored_or_lies_at_a_url(
    store: Storage, client: Client, decoders: FakeDecoders, folder: Path, server: FileServer
) -> None:
    content = PNG + bytes(range(256)) * 8000  # some slices long, and no multiple of three
    stored = await Intake(store, decoders, LOCAL, folder).store(
        7, "image", chunked(content, 100_000), param="x", max_bytes=len(content)
    )
    server.answers["/p"] = Answer(content)
    async with Reader(store, client, decoders, folder).scope(7) as scope:
        for item in (stored, MediaInput("image", url=server.url("/p"))):
            assert await scope.as_base64(item, len(content)) == base64.b64encode(content).decode()
            with pytest.raises(GatewayError) as caught:
                await scope.as_base64(item, len(content) - 1)
            assert caught.value.code == "too_large"
            with pytest.raises(GatewayError):
                await scope.as_upload(item, len(content) - 1)
    assert files_in(folder) == []


async def test_a_url_of_what_is_stored(
    store: Storage, client: Client, decoders: FakeDecoders, folder: Path, server: FileServer
) -> None:
    item = await Intake(store, decoders, LOCAL, folder).store(7, "image", chunked(PNG), param="x", max_bytes=1000)
    reader = Reader(store, client, decoders, folder, link=lambda key: f"https://here.test/{key}")
    async with reader.scope(7) as scope:
        assert await scope.as_url(item) == f"https://here.test/{item.object_key}"
        assert await scope.as_url(MediaInput("image", url=server.url("/p"))) == server.url("/p"), "a client's own"
        assert item.object_key is not None
        await store.delete(item.object_key)
        with pytest.raises(GatewayError, match="no longer kept"):
            await scope.as_url(item)
    assert server.connections == 0


async def test_no_url_where_nobody_can_reach_this_machine(reader: Reader) -> None:
    async with reader.scope(7) as scope:
        assert await scope.as_url(MediaInput("image", url="https://there.test/x.png")) == "https://there.test/x.png"
        with pytest.raises(GatewayError, match="public_url") as caught:
            await scope.as_url(MediaInput("first_frame", object_key="a1/in/0123456789abcdef.png"))
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", "inputs.first_frame")


async def test_what_is_no_longer_stored(reader: Reader) -> None:
    async with reader.scope(7) as scope:
        with pytest.raises(GatewayError) as caught:
            await whole(scope, MediaInput("image", object_key="a1/in/0123456789abcdef.png"), 1000)
    assert (caught.value.code, caught.value.param) == ("invalid_request", "inputs")


async def test_what_lies_at_a_url(reader: Reader, server: FileServer, folder: Path) -> None:
    server.answers["/p"] = Answer(PNG)
    item = MediaInput("image", url=server.url("/p"))
    async with reader.scope(7) as scope:
        assert await whole(scope, item, 1000) == PNG
        path = await scope.as_upload(item)
        assert path.read_bytes() == PNG
        assert len(server.asked) == 1, "fetched once a scope"
    assert not path.exists()
    assert files_in(folder) == []


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(status=404), id="missing"),
        pytest.param(Answer(status=403), id="forbidden"),
        pytest.param(Answer(HTML), id="a-page"),
        pytest.param(Answer(MP4), id="another-kind"),
        pytest.param(Answer(b""), id="empty"),
        pytest.param(Answer(PNG + bytes(1000)), id="too-large"),
        pytest.param(Answer(PNG + bytes(1000), chunked=True), id="too-large-chunked"),
        pytest.param(Answer(status=302, headers={"location": "http://10.0.0.1/"}), id="sent-inside"),
    ],
)
async def test_what_can_never_be_used(reader: Reader, server: FileServer, folder: Path, answer: Answer) -> None:
    server.answers["/p"] = answer
    async with reader.scope(7) as scope:
        with pytest.raises(GatewayError) as caught:
            await whole(scope, MediaInput("image", url=server.url("/p")), 1000)
        assert (caught.value.code, caught.value.param) == ("invalid_request", "inputs")
        assert files_in(folder) == []


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(status=500), id="broken"),
        pytest.param(Answer(status=429), id="busy"),
        pytest.param(Answer(status=204), id="nothing"),
        pytest.param(Answer(PNG, fault="cut"), id="cut"),
        pytest.param(Answer(PNG, fault="stall"), id="stall"),
        pytest.param(Answer(fault="drop"), id="drop"),
    ],
)
async def test_trouble_that_may_pass(reader: Reader, server: FileServer, folder: Path, answer: Answer) -> None:
    server.answers["/p"] = answer
    item = MediaInput("image", url=server.url("/p"))
    async with reader.scope(7) as scope:
        with pytest.raises(FetchError) as caught:
            await whole(scope, item, 1000)
        assert not caught.value.refused
        assert files_in(folder) == []
        server.answers["/p"] = Answer(PNG)
        assert await whole(scope, item, 1000) == PNG, "the scope is still good"


async def test_a_crash_of_ours_is_not_the_files_fault(
    reader: Reader, server: FileServer, decoders: FakeDecoders, folder: Path
) -> None:
    server.answers["/p"] = Answer(PNG)
    decoders.crashing = True
    async with reader.scope(7) as scope:
        with pytest.raises(FetchError):
            await whole(scope, MediaInput("image", url=server.url("/p")), 1000)
    assert files_in(folder) == []


async def test_private_addresses_are_refused(
    store: Storage, decoders: FakeDecoders, folder: Path, server: FileServer
) -> None:
    client = Client()
    async with Reader(store, client, decoders, folder).scope(7) as scope:
        for host in ("127.0.0.1", "localhost"):
            with pytest.raises(GatewayError) as caught:
                await scope.as_upload(MediaInput("image", url=server.url("/p", host)))
            assert caught.value.code == "invalid_request"
    assert server.connections == 0
    await client.close()


async def test_what_drips_is_given_up_and_named(
    store: Storage, client: Client, decoders: FakeDecoders, folder: Path, server: FileServer
) -> None:
    server.answers["/p"] = Answer(PNG * 1000, fault="drip")
    async with Reader(store, client, decoders, folder, grace=0.1).scope(7) as scope:
        with pytest.raises(GatewayError) as caught:
            await scope.as_upload(MediaInput("image", url=server.url("/p")))
        assert (caught.value.code, caught.value.param) == ("invalid_request", "inputs")
        assert "image URL sends its file too slowly" in caught.value.message
        assert files_in(folder) == []


async def test_what_comes_slowly_but_comes_is_waited_for(
    store: Storage, client: Client, decoders: FakeDecoders, folder: Path, server: FileServer
) -> None:
    content = PNG * 200
    server.answers["/p"] = Answer(content, fault="drip", piece=1000)
    async with Reader(store, client, decoders, folder, grace=0.2).scope(7) as scope:
        assert await whole(scope, MediaInput("image", url=server.url("/p")), 100_000) == content
