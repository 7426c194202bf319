"""What clients send inline: only what its role needs is kept, and nothing of what fails."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.requests import ClientDisconnect

from telecine.media.intake import Intake
from telecine.media.storage import Storage
from telecine.net.guard import AddressPolicy
from telecine.nouns.errors import GatewayError
from telecine.nouns.request import Role
from tests.media.fakes import BMP, HTML, MP4, PNG, WAV, FakeDecoders, chunked, files_in


@pytest.fixture
def intake(storage: Storage, decoders: FakeDecoders, folder: Path) -> Intake:
    return Intake(storage, decoders, AddressPolicy(), folder)


async def test_an_image_is_stored(intake: Intake, root: Path, folder: Path) -> None:
    item = await intake.store(7, "first_frame", chunked(PNG), param="image", max_bytes=len(PNG))
    assert item.object_key is not None
    assert item.object_key.startswith("a7/in/")
    assert item.object_key.endswith(".png")
    assert (item.role, item.url, item.content_type, item.bytes) == ("first_frame", None, "image/png", len(PNG))
    assert (item.width, item.height) == (640, 480)
    assert item.sha256 == hashlib.sha256(PNG).hexdigest()
    assert (root / item.object_key).read_bytes() == PNG
    assert files_in(folder) == []


async def test_a_large_file_is_batched(intake: Intake, root: Path) -> None:
    body = PNG + bytes(3 * 1024 * 1024 + 11)
    item = await intake.store(7, "image", chunked(body, 64 * 1024), param="image", max_bytes=2**23)
    assert item.object_key is not None
    assert (root / item.object_key).read_bytes() == body
    assert item.sha256 == hashlib.sha256(body).hexdigest()


async def test_a_type_without_a_name_is_kept_without_one(intake: Intake) -> None:
    item = await intake.store(7, "image", chunked(BMP), param="image", max_bytes=1000)
    assert item.object_key is not None
    assert item.object_key.endswith(".bin")


@pytest.mark.parametrize(
    ("role", "body"),
    [
        *(
            (role, PNG)
            for role in (
                "image",
                "first_frame",
                "last_frame",
                "reference",
                "scene",
                "style",
                "mask",
                "person",
                "garment",
            )
        ),
        ("video", MP4),
        ("audio", WAV),
    ],
)
async def test_each_role_takes_its_kind_and_no_other(intake: Intake, root: Path, role: Role, body: bytes) -> None:
    assert (await intake.store(7, role, chunked(body), param="it", max_bytes=10_000)).role == role
    kept = files_in(root)
    for other in {PNG, MP4, WAV, HTML, b""} - {body}:
        with pytest.raises(GatewayError) as caught:
            await intake.store(7, role, chunked(other), param="it", max_bytes=10_000)
        assert (caught.value.code, caught.value.param) == ("invalid_request", "it")
    assert files_in(root) == kept


async def test_when_our_own_decoder_fails_the_file_is_not_blamed(
    intake: Intake, decoders: FakeDecoders, root: Path, folder: Path
) -> None:
    decoders.crashing = True
    with pytest.raises(GatewayError) as caught:
        await intake.store(7, "image", chunked(PNG), param="image", max_bytes=1000)
    assert caught.value.code == "capacity"
    assert files_in(root) == files_in(folder) == []


async def test_too_large(intake: Intake, root: Path, folder: Path) -> None:
    with pytest.raises(GatewayError) as caught:
        await intake.store(7, "image", chunked(PNG), param="mask", max_bytes=len(PNG) - 1)
    assert (caught.value.code, caught.value.param) == ("too_large", "mask")
    assert files_in(root) == files_in(folder) == []


async def test_an_endless_body_is_not_written_to_its_end(intake: Intake, folder: Path) -> None:
    given = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given
        while True:
            given += 1
            yield bytes(100_000)

    with pytest.raises(GatewayError):
        await intake.store(7, "image", endless(), param="image", max_bytes=2_500_000)
    assert given == 26
    assert files_in(folder) == []


async def test_a_client_that_hangs_up_leaves_nothing(intake: Intake, root: Path, folder: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield PNG + bytes(2_000_000)
        assert len(files_in(folder)) == 1
        raise ClientDisconnect

    with pytest.raises(ClientDisconnect):
        await intake.store(7, "image", broken(), param="image", max_bytes=10_000_000)
    assert files_in(root) == files_in(folder) == []


async def test_a_cancellation_while_bytes_come_leaves_nothing(intake: Intake, root: Path, folder: Path) -> None:
    waiting = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield PNG + bytes(2_000_000)
        waiting.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(intake.store(7, "image", slow(), param="image", max_bytes=10_000_000))
    await waiting.wait()
    assert len(files_in(folder)) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert files_in(root) == files_in(folder) == []


@pytest.mark.parametrize("turns", range(12))
async def test_a_cancellation_at_any_moment_leaves_nothing(
    intake: Intake, root: Path, folder: Path, turns: int
) -> None:
    """The writing thread cannot be stopped, so it must not outlive its file either."""
    body = PNG + bytes(3_000_000)
    task = asyncio.create_task(intake.store(7, "image", chunked(body, 500_000), param="image", max_bytes=10_000_000))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert files_in(root) == files_in(folder) == []


async def test_a_cancellation_while_it_is_looked_at_leaves_nothing(
    intake: Intake, decoders: FakeDecoders, root: Path, folder: Path
) -> None:
    decoders.stuck = True
    task = asyncio.create_task(intake.store(7, "image", chunked(PNG), param="image", max_bytes=1000))
    await decoders.probed.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert files_in(root) == files_in(folder) == []


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example/x",
        "http://u:p@a.example/",
        "http://10.0.0.1/",
        "http://[::1]/",
        "http://127.1/",
        "x",
        "https://a/" + "x" * 9000,
    ],
)
def test_urls_that_we_would_never_fetch(intake: Intake, url: str) -> None:
    with pytest.raises(GatewayError) as caught:
        intake.check_url(url, param="image_url")
    assert (caught.value.code, caught.value.param) == ("invalid_request", "image_url")


def test_urls_that_may_be_fetched(storage: Storage, decoders: FakeDecoders, folder: Path) -> None:
    intake = Intake(storage, decoders, AddressPolicy(["10.0.0.0/8"]), folder)
    for url in ("https://a.example/x.png?y=1", "http://10.0.0.1/", "http://8.8.8.8/"):
        intake.check_url(url, param="image_url")
