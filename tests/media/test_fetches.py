"""Clients' slow servers: one account's, and one host's, make nobody else wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from telecine.media.collect import Collector
from telecine.media.fetches import AT_ONCE, AT_ONCE_A_HOST
from telecine.media.library import DOWNLOADS, MediaLibrary
from telecine.media.reader import Reader
from telecine.media.storage import Storage
from telecine.net.client import Client
from telecine.net.guard import AddressPolicy
from telecine.nouns.request import MediaInput
from telecine.nouns.task import Output
from telecine.providers.base import Channel
from telecine.providers.http import HttpProvider
from telecine.providers.kling import KLING
from tests.clock import HandClock
from tests.media.fakes import MP4, PNG, FakeDecoders
from tests.upstreams.files import Answer, FileServer

LOCAL = AddressPolicy(["127.0.0.0/8"])
CHANNEL = Channel("kling", "http://127.0.0.1:1", allow_private=True)
NOISY, QUIET = 1, 2


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    made = Client(LOCAL)
    yield made
    await made.close()


@pytest.fixture
async def server() -> AsyncIterator[FileServer]:
    async with FileServer("0.0.0.0") as running:  # noqa: S104  127.0.0.1, 127.0.0.2 and so on are hosts of it
        running.answers["/slow"] = Answer(fault="silent")
        running.answers["/p"] = Answer(PNG)
        running.answers["/v"] = Answer(MP4)
        yield running


@pytest.fixture
def library(root: Path, folder: Path, decoders: FakeDecoders, client: Client) -> MediaLibrary:
    storage = Storage.on_disk(root)
    return MediaLibrary(
        storage, Collector(storage, decoders, folder), Reader(storage, client, decoders, folder), folder
    )


@asynccontextmanager
async def crowd(make: Callable[[int], Coroutine[Any, Any, Any]], number: int) -> AsyncIterator[list[asyncio.Task[Any]]]:
    """So many at once, none of which ends by itself."""
    tasks = [asyncio.create_task(make(one)) for one in range(number)]
    try:
        yield tasks
        assert not any(task.done() for task in tasks), "every one of them still hangs"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def reached(server: FileServer, number: int) -> None:
    """Wait until so many requests have come."""
    async with asyncio.timeout(30):
        while len(server.asked) < number:  # noqa: ASYNC110  another thing's count
            await asyncio.sleep(0.01)


async def read(library: MediaLibrary, account_id: int, url: str) -> bytes:
    async with library.reading(account_id) as media:
        return await asyncio.to_thread((await media.as_upload(MediaInput("image", url=url), 10_000)).read_bytes)


async def keep(library: MediaLibrary, client: Client, account_id: int, url: str) -> Output:
    output = Output(task_id=account_id, index=0, kind="video", upstream_url=url)
    return await library.keep(HttpProvider(KLING, client, HandClock()), CHANNEL, output, account_id)


@pytest.mark.parametrize("hosts", [1, 5, 200])
async def test_one_accounts_slow_inputs_make_another_account_wait_for_none(
    library: MediaLibrary, server: FileServer, hosts: int
) -> None:
    async with crowd(lambda one: read(library, NOISY, server.url("/slow", f"127.0.0.{one % hosts + 1}")), 300):
        await reached(server, min(AT_ONCE, hosts * AT_ONCE_A_HOST))
        for host in ("127.0.0.1", "127.0.0.201"):
            assert await read(library, QUIET, server.url("/p", host)) == PNG
        assert len(server.asked) == min(AT_ONCE, hosts * AT_ONCE_A_HOST) + 2, "all that one alone may have, and no more"


async def test_an_accounts_slow_host_leaves_it_its_others(library: MediaLibrary, server: FileServer) -> None:
    async with crowd(lambda _: read(library, NOISY, server.url("/slow", "127.0.0.1")), 300):
        await reached(server, AT_ONCE_A_HOST)
        assert await read(library, NOISY, server.url("/p", "127.0.0.2")) == PNG


async def test_one_accounts_slow_results_make_another_account_wait_for_none(
    library: MediaLibrary, client: Client, server: FileServer
) -> None:
    async with crowd(lambda _: keep(library, client, NOISY, server.url("/slow", "127.0.0.1")), 300):
        await reached(server, DOWNLOADS)
        assert (await keep(library, client, QUIET, server.url("/v", "127.0.0.1"))).state == "stored"
        assert len(server.asked) == DOWNLOADS + 1


async def test_results_and_inputs_wait_for_each_other_never(
    library: MediaLibrary, client: Client, server: FileServer
) -> None:
    async with crowd(lambda one: read(library, NOISY, server.url("/slow", f"127.0.0.{one + 1}")), 250):
        await reached(server, AT_ONCE)
        assert (await keep(library, client, NOISY, server.url("/v", "127.0.0.1"))).state == "stored"


async def test_nothing_is_kept_of_hosts_that_nobody_reads_from(library: MediaLibrary, server: FileServer) -> None:
    fetches = library._reader.fetches
    await read(library, QUIET, server.url("/p", "127.0.0.1"))
    assert fetches._hosts == {}
    assert fetches.all.used == 0
