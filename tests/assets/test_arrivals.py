"""Files that are fetched from URLs, by a fetcher over real sockets, and by one process at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from telecine.assets.asset import Asset, Changes, Wanted
from telecine.nouns.errors import GatewayError
from telecine.shares import Shares
from tests.assets.house import BOTH, ME, House
from tests.media.fakes import HTML, MP4, PNG, files_in
from tests.upstreams.files import Answer, FileServer


@pytest.fixture
async def server() -> AsyncIterator[FileServer]:
    async with FileServer() as running:
        yield running


async def added(house: House, server: FileServer, path: str = "/a.png", **wanted: object) -> Asset:
    return await house.assets.add_url(ME, server.url(path), Wanted(**wanted))  # type: ignore[arg-type]


@BOTH
async def test_it_comes_is_looked_at_and_counted(house: House, server: FileServer) -> None:
    path = "/clips/My%20clip.mp4?signature=secret"
    server.answers[path] = Answer(MP4)
    noted = await added(house, server, path)
    assert (noted.state, noted.name, noted.object_key, await house.totals()) == (
        "processing",
        "My clip.mp4",
        None,
        (1, 0, 0),
    )
    await house.assets.update(ME, noted.id, Changes(name="renamed meanwhile"))
    await house.arrive()
    there = await house.assets.get(ME, noted.id)
    assert (there.state, there.kind, there.duration, there.bytes) == ("ready", "video", 5.0, len(MP4))
    assert (there.name, len(house.files), await house.totals()) == ("renamed meanwhile", 2, (1, len(MP4), 0))
    assert await house.column(noted.id, "url", "due") == (None, None), "the link may have been a secret"


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (Answer(HTML), None, "needs an image, a video or a sound that can be read"),
        (Answer(MP4), "image", "needs an image, not a video"),
        (Answer(b"", 404), None, "answers with HTTP 404"),
        (Answer(b"x" * 20_000), None, "larger than 9000 bytes"),
    ],
)
async def test_what_will_never_be_good_fails_at_once(
    house: House, server: FileServer, answer: Answer, kind: str | None, words: str
) -> None:
    house.bounded(asset_size=9000)
    server.answers["/a.png"] = answer
    noted = await added(house, server, kind=kind)
    await house.arrive()
    failed = await house.assets.get(ME, noted.id)
    assert failed.error is not None
    assert (failed.state, failed.error.code, words in failed.error.message) == ("failed", "invalid_request", True)
    assert (house.files, files_in(house.tmp), await house.totals()) == ([], [], (1, 0, 0))
    await house.assets.remove(ME, noted.id)
    assert await house.totals() == (0, 0, 0)


async def test_what_may_pass_is_tried_again_and_then_given_up(house: House, server: FileServer) -> None:
    server.answers["/a.png"] = Answer(b"", 503)
    noted = await added(house, server)
    for _ in range(7):
        await house.arrive()
        assert (await house.assets.get(ME, noted.id)).state == "processing"
        asked = len(server.asked)
        await house.arrive()
        assert len(server.asked) == asked, "not before its time"
        house.clock.advance(700)
    await house.arrive()
    failed = await house.assets.get(ME, noted.id)
    assert failed.error is not None
    assert (failed.state, failed.error.code, len(server.asked)) == ("failed", "upstream_failed", 8)


async def test_it_is_had_at_the_second_try(house: House, server: FileServer) -> None:
    server.answers["/a.png"] = Answer(PNG, fault="cut")
    noted = await added(house, server)
    await house.arrive()
    server.answers["/a.png"] = Answer(PNG)
    house.clock.advance(6)
    await house.arrive()
    assert (await house.assets.get(ME, noted.id)).state == "ready"
    assert files_in(house.tmp) == []


@BOTH
async def test_a_full_library_fails_it_and_keeps_nothing(house: House, server: FileServer) -> None:
    server.answers["/a.png"] = Answer(PNG)
    house.bounded(asset_bytes=len(PNG))
    first, second = await added(house, server), await added(house, server)
    await house.arrive()
    states = sorted([(await house.assets.get(ME, one.id)).state for one in (first, second)])
    assert (states, len(house.files), await house.totals()) == (["failed", "ready"], 1, (2, len(PNG), 0))


@pytest.mark.parametrize("url", ["http://169.254.169.254/meta", "http://10.0.0.1/a.png", "file:///etc/passwd", "x"])
async def test_urls_that_lead_inside_are_never_asked(house: House, url: str) -> None:
    with pytest.raises(GatewayError) as caught:
        await house.assets.add_url(ME, url, Wanted())
    assert (caught.value.code, caught.value.param) == ("invalid_request", "url")
    assert await house.totals() == (0, 0, 0)


async def test_deleted_while_it_comes(house: House, server: FileServer) -> None:
    server.answers["/a.png"] = Answer(PNG)
    noted = await added(house, server)
    (claimed,) = await house.arrivals._claimed()
    await house.assets.remove(ME, noted.id)
    await house.arrivals._see_to(claimed)
    assert (house.files, await house.totals()) == ([], (0, 0, 0))


@BOTH
async def test_only_the_last_claim_counts(house: House, server: FileServer) -> None:
    """A process that stood still for too long finds that another one has seen to it."""
    server.answers["/a.png"] = Answer(PNG)
    noted = await added(house, server)
    other = house.twin()
    house.decoders.stuck = True
    await house.arrivals.turn()
    await house.decoders.probed.wait()
    await other.arrivals.turn()
    assert len(server.asked) == 1, "it is leased"
    house.clock.advance(121)
    await other.arrive()
    assert (await house.assets.get(ME, noted.id)).state == "ready"
    await house.arrivals.stop()
    assert (len(house.files), await house.totals()) == (1, (1, len(PNG), 0))
    await other.database.close()


@BOTH
async def test_one_that_is_under_way_is_not_taken_by_others(house: House, server: FileServer) -> None:
    server.answers["/a.png"] = Answer(PNG)
    noted = await added(house, server)
    house.decoders.stuck = True
    await house.arrivals.turn()
    await house.decoders.probed.wait()
    for _ in range(3):
        house.clock.advance(100)
        await house.arrivals.turn()
    other = house.twin()
    await other.arrivals.turn()
    assert len(server.asked) == 1
    await house.arrivals.stop()
    await other.arrive()
    assert ((await house.assets.get(ME, noted.id)).state, len(server.asked)) == ("ready", 2)
    await other.database.close()


@BOTH
async def test_accounts_share_the_places(house: House, server: FileServer) -> None:
    house.arrivals._places = Shares(4)
    server.answers["/a.png"] = Answer(PNG)
    for _ in range(6):
        await added(house, server)
    house.decoders.stuck = True
    await house.arrivals.turn()
    assert len(house.arrivals._running) == 4
    house.clock.advance(1)
    theirs = await house.assets.add_url(house.other, server.url("/a.png"), Wanted())
    await house.arrivals.turn()
    assert theirs.id in house.arrivals._running
    await house.arrivals.stop()
    await asyncio.sleep(0)
    assert not house.arrivals._running
