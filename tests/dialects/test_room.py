from __future__ import annotations

import asyncio

import pytest

from telecine.dialects.room import Room
from telecine.nouns.errors import GatewayError

ME, NOISY, QUIET = 1, 2, 3


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_no_more_is_taken_than_there_is_and_the_first_come_first() -> None:
    room = Room(10)
    assert await room.take(ME, 6) == 6
    large, small = asyncio.create_task(room.take(ME, 10)), asyncio.create_task(room.take(ME, 1))
    await settled()
    assert not large.done()
    assert not small.done(), "or a large one would wait for ever"
    room.give(ME, 6)
    await settled()
    assert large.done()
    assert not small.done()
    room.give(ME, await large)
    assert await small == 1


async def test_what_is_larger_than_the_room_takes_all_of_it() -> None:
    room = Room(10)
    assert await room.take(ME, 1000) == 10
    room.give(ME, 10)
    assert await room.take(ME, 10) == 10


async def test_who_waits_too_long_or_goes_leaves_room_for_the_next() -> None:
    room = Room(10, seconds=0.05)
    taken = await room.take(ME, 10)
    gone = asyncio.create_task(room.take(ME, 10))
    await settled()
    gone.cancel()
    with pytest.raises(GatewayError) as caught:
        await room.take(ME, 10)
    assert (caught.value.code, caught.value.retry_after) == ("capacity", 5)
    room.give(ME, taken)
    assert [await room.take(ME, 5), await room.take(ME, 5)] == [5, 5]


async def test_a_place_given_to_one_who_has_just_gone_is_given_back() -> None:
    room = Room(10)
    taken = await room.take(ME, 10)
    gone = asyncio.create_task(room.take(ME, 10))
    await settled()
    room.give(ME, taken)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert await asyncio.wait_for(room.take(ME, 10), 20) == 10


async def test_one_accounts_large_bodies_make_another_wait_for_one_of_them_at_most() -> None:
    room = Room(10)
    taken = [await room.take(NOISY, 5), await room.take(NOISY, 5)]
    noisy = [asyncio.create_task(room.take(NOISY, 5)) for _ in range(50)]
    await settled()
    quiet = asyncio.create_task(room.take(QUIET, 5))
    await settled()
    assert not quiet.done()
    room.give(NOISY, taken[0])
    await settled()
    assert quiet.done()
    assert not any(one.done() for one in noisy), "all those who had come before"
    for one in noisy:
        one.cancel()
    await asyncio.gather(*noisy, return_exceptions=True)
