"""Shares: one holder alone has the whole, two share it, and who comes late does not wait for the end of the others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telecine.shares import Shares


async def settled() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


def begin(shares: Shares[str], holder: str, number: int = 1, size: int = 1) -> list[asyncio.Task[None]]:
    return [asyncio.create_task(shares.take(holder, size)) for _ in range(number)]


def served(tasks: list[asyncio.Task[None]]) -> int:
    return sum(task.done() for task in tasks)


async def end(*many: list[asyncio.Task[None]]) -> None:
    for tasks in many:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("most", [1, 2, 8, 128, 1024])
async def test_one_alone_has_the_whole_and_another_need_not_wait_for_it(most: int) -> None:
    shares: Shares[str] = Shares(most)
    noisy = begin(shares, "noisy", 3 * most)
    await settled()
    assert served(noisy) == most
    quiet = begin(shares, "quiet")
    await settled()
    assert served(quiet) == 1, "while every one of the noisy one's still hangs"
    await end(noisy, quiet)


@pytest.mark.parametrize(("most", "crowd"), [(64, 2), (256, 3), (1024, 5)])
async def test_many_noisy_ones_leave_a_place_for_one_more(most: int, crowd: int) -> None:
    shares: Shares[str] = Shares(most)
    noisy = []
    for number in range(crowd):  # one after the other: each takes all that it can get
        noisy.append(begin(shares, f"noisy {number}", 2 * most))
        await settled()
    assert served(noisy[0]) == most
    assert [served(one) > 0 for one in noisy] == [True] * crowd
    quiet = begin(shares, "quiet")
    await settled()
    assert served(quiet) == 1
    await end(*noisy, quiet)


async def test_those_who_want_much_come_to_have_the_same() -> None:
    shares: Shares[str] = Shares(64)
    first = begin(shares, "first", 1000)
    await settled()
    second = begin(shares, "second", 1000)
    await settled()
    assert shares.held("first") == 64
    for _ in range(64):
        shares.give("first")
        await settled()
    assert abs(shares.held("first") - shares.held("second")) <= 1
    assert shares.used >= 64, "and nothing lies idle"
    await end(first, second)


async def test_turns_alternate_where_there_is_one_place_and_nothing_to_spare() -> None:
    shares: Shares[str] = Shares(1, 0)
    order: list[str] = []

    async def one(holder: str) -> None:
        async with shares.place(holder):
            order.append(holder)
            await asyncio.sleep(0)

    noisy = [asyncio.create_task(one("noisy")) for _ in range(50)]
    await settled()
    others = [asyncio.create_task(one(name)) for name in ("a", "b", "a", "b")]
    await asyncio.gather(*noisy, *others)
    last = max(index for index, name in enumerate(order) if name != "noisy")
    assert last < 10, "two turns each, among those of the noisy one"
    assert order.count("noisy") == 50
    between = order[order.index("a") : last]
    assert "noisy" in between, "who had come first has a turn too"


async def test_each_holders_own_come_in_their_order() -> None:
    shares: Shares[str] = Shares(1, 0)
    order: list[int] = []

    async def one(number: int) -> None:
        async with shares.place("me"):
            order.append(number)

    await asyncio.gather(*(one(number) for number in range(20)))
    assert order == list(range(20))


async def test_a_large_wish_is_not_overtaken_for_ever() -> None:
    shares: Shares[str] = Shares(10, 0)
    await shares.take("a", 6)
    large = begin(shares, "b", size=10)
    small = begin(shares, "a")
    await settled()
    assert (served(large), served(small)) == (0, 0)
    shares.give("a", 6)
    await settled()
    assert served(large) == 1
    shares.give("b", 10)
    await settled()
    assert served(small) == 1


async def test_who_goes_leaves_nothing_behind() -> None:
    shares: Shares[str] = Shares(1, 0)
    await shares.take("a")
    waiting = begin(shares, "b", 3)
    await settled()
    assert shares.waiting("b") == 3
    waiting[0].cancel()
    await settled()
    assert shares.waiting("b") == 2
    shares.give("a")
    waiting[1].cancel()  # its turn has come in this very moment
    await settled()
    assert waiting[1].cancelled()
    assert served(waiting[2:]) == 1
    shares.give("b")
    assert shares.used == 0
    assert shares.free == 1


async def test_an_error_in_the_block_gives_the_place_back() -> None:
    shares: Shares[str] = Shares(1, 0)
    with pytest.raises(ValueError, match="mine"):
        async with shares.place("a"):
            raise ValueError("mine")
    assert shares.used == 0


async def test_at_once_or_not_at_all() -> None:
    shares: Shares[str] = Shares(2)
    assert [shares.try_take("a") for _ in range(3)] == [True, True, False]
    assert shares.full() == ["a"]
    assert shares.try_take("b")
    assert shares.free == 0
    assert not shares.try_take("c")
    waiting = begin(shares, "c")
    await settled()
    shares.give("a")
    assert not shares.try_take("a"), "it was somebody's turn who had waited"
    await settled()
    assert served(waiting) == 1


def test_a_copy_is_taken_from_without_effect() -> None:
    shares: Shares[str] = Shares(2)
    shares.add("a")
    copied = shares.copy()
    assert copied.try_take("a")
    assert not copied.try_take("a")
    assert shares.held("a") == 1


def test_what_has_begun_is_counted_whether_there_is_room_or_not() -> None:
    shares: Shares[str] = Shares(1)
    for _ in range(5):
        shares.add("a")
    assert (shares.used, shares.free) == (5, 0)
    assert not shares.try_take("b")
    for _ in range(5):
        shares.give("a")
    assert shares.try_take("b")


class Model:
    """Takes, gives and cancels as told, and checks what must always hold."""

    def __init__(self, most: int, spare: int | None) -> None:
        self.shares: Shares[int] = Shares(most, spare)
        self.most = most
        self.waiting: dict[int, tuple[int, int, asyncio.Task[None]]] = {}
        self.held: list[tuple[int, int]] = []
        self.numbers: Iterator[int] = count()

    async def take(self, holder: int, size: int) -> None:
        task = asyncio.create_task(self.shares.take(holder, size))
        self.waiting[next(self.numbers)] = (holder, size, task)
        await self.look()

    async def give(self, pick: int) -> None:
        if self.held:
            self.shares.give(*self.held.pop(pick % len(self.held)))
            await self.look()

    async def cancel(self, pick: int, *, late: bool) -> None:
        if not self.waiting:
            return
        holder, size, task = self.waiting.pop(list(self.waiting)[pick % len(self.waiting)])
        if late and self.held:
            self.shares.give(*self.held.pop(0))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled():
            self.held.append((holder, size))
        await self.look()

    async def look(self) -> None:
        await settled()
        for number, (holder, size, task) in list(self.waiting.items()):
            if task.done():
                self.held.append((holder, size))
                del self.waiting[number]
        assert self.shares.used == sum(size for _, size in self.held)
        assert self.shares.used <= self.most + self.shares.spare
        for holder in range(4):
            mine = sum(size for one, size in self.held if one == holder)
            assert self.shares.held(holder) == mine
            assert mine <= self.most, "no one has more than the whole"
            assert self.shares.waiting(holder) == sum(one == holder for one, _, _ in self.waiting.values())
        assert self.held or not self.waiting, "nobody waits for nothing"


steps = st.lists(
    st.one_of(
        st.tuples(st.just("take"), st.integers(0, 3), st.integers(1, 3)),
        st.tuples(st.just("give"), st.integers(0, 99), st.just(0)),
        st.tuples(st.just("cancel"), st.integers(0, 99), st.integers(0, 1)),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(most=st.integers(3, 9), spare=st.one_of(st.none(), st.integers(0, 4)), steps=steps)
def test_whatever_happens(most: int, spare: int | None, steps: list[tuple[str, int, int]]) -> None:
    async def run() -> None:
        model = Model(most, spare)
        for what, first, second in steps:
            if what == "take":
                await model.take(first, second)
            elif what == "give":
                await model.give(first)
            else:
                await model.cancel(first, late=bool(second))
        while model.held:
            await model.give(0)
        assert not model.waiting, "everybody has had a turn in the end"
        assert model.shares.used == 0

    asyncio.run(run())
