"""`python -m bench.two [--seconds 10] [--processes 2]`: lives of tasks on one PostgreSQL that several processes share.

A life is a create with its hold, a slot of a pool, the submit, a poll, the result with its charge, and now and then a
cancel; callbacks wake tasks all the while. The upstream is a script in the process, so that what is measured is the
records. It prints the lives in a second, and how often the database gave up a transaction for the sake of another one.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import structlog
from msgspec.structs import replace
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from telecine.clock import SystemClock
from telecine.config import ChannelConfig, LimitsConfig, PriceConfig
from telecine.providers.outcomes import Accepted
from telecine.store import tables
from telecine.tasks.writes import Mark
from tests.postgres import create, running
from tests.records import reading
from tests.tasks import scripted

_CLIENTS = 16
_CHANNELS = (ChannelConfig(name="main", provider="scripted", max_in_flight=40),)
_COLLISIONS = ("40001", "40P01")


async def _live(url: str, seconds: float) -> dict[str, int]:
    """One process: what its clients and its database saw in so many seconds."""
    scripted.database_url = lambda _: url
    house = scripted.House(
        Path(tempfile.mkdtemp()),
        _CHANNELS,
        clock=SystemClock(),  # type: ignore[arg-type]
        prices=(PriceConfig(model="kling-v2-5-turbo", unit="second", price=Decimal("0.01")),),
        limits=LimitsConfig(first_step=1),
    )
    house.provider.traits = replace(scripted.TRAITS, poll_floor=0.05, usual=0.05)
    house.provider.submits, house.provider.polls = [Accepted("u")], [scripted.DONE]
    seen: Counter[str] = Counter()
    transaction = house.database._transaction

    async def counted(writes: Sequence[Any], *, again: bool) -> Any:
        try:
            return await transaction(writes, again=again)
        except DBAPIError as error:
            code = getattr(error.orig, "sqlstate", None)
            seen["collisions" if code in _COLLISIONS else "other errors"] += 1
            raise

    house.database._transaction = counted  # type: ignore[method-assign]
    async with house.opened():
        engine = asyncio.create_task(house.running())
        end = asyncio.get_running_loop().time() + seconds
        made: list[int] = []

        async def client(number: int) -> None:
            turn = 0
            while asyncio.get_running_loop().time() < end:
                turn += 1
                try:
                    request = scripted.text_to_video(prompt=f"{number} {turn}")
                    view = await house.tasks.create(house.me, request, "tasks")
                    seen["creates"] += 1
                    made.append(view.task.id)
                    if turn % 10 == 0:
                        await house.database.write(Mark(view.task.id, house.clock.now(), cancel=True))
                except Exception:
                    seen["client errors"] += 1

        async def wake() -> None:
            """What callbacks of upstreams do, to tasks that may be anybody's."""
            while made and asyncio.get_running_loop().time() < end:
                await asyncio.sleep(0.01)
                with contextlib.suppress(DBAPIError):
                    await house.engine.schedule(random.choice(made[-60:]), house.clock.now())  # noqa: S311

        first = await house.tasks.create(house.me, scripted.text_to_video(), "tasks")
        made.append(first.task.id)
        await asyncio.gather(*(client(number) for number in range(_CLIENTS)), *(wake() for _ in range(4)))
        engine.cancel()
        await asyncio.gather(engine, return_exceptions=True)
    return dict(seen)


def _process(url: str, seconds: float, answers: Any) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    answers.put(asyncio.run(_live(url, seconds)))


async def _prepare(host: Path) -> str:
    url = await create(host, "two")
    scripted.database_url = lambda _: url
    async with scripted.House(Path(tempfile.mkdtemp()), _CHANNELS).opened():  # so that none of them is the first
        return url


async def _ended(url: str) -> int:
    scripted.database_url = lambda _: url
    house = scripted.House(Path(tempfile.mkdtemp()))
    try:
        async with reading(house.database) as connection:
            query = select(func.count()).select_from(tables.tasks).where(tables.tasks.c.ended_at.is_not(None))
            return int((await connection.execute(query)).scalar_one())
    finally:
        await house.database.close()


def main() -> None:
    """Measure once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    with running() as host:
        url = asyncio.run(_prepare(host))
        context = multiprocessing.get_context("spawn")
        answers = context.Queue()
        started = [context.Process(target=_process, args=(url, given.seconds, answers)) for _ in range(given.processes)]
        for one in started:
            one.start()
        seen: Counter[str] = Counter()
        for _ in started:
            seen.update(answers.get())
        for one in started:
            one.join()
        lives = asyncio.run(_ended(url)) / given.seconds
    print(f"{given.processes} processes: {lives:,.0f} lives/s, {dict(seen)}")


if __name__ == "__main__":
    main()
