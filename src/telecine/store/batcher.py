"""Concurrent units that arrive while a batch is under way go together in the next one. It is what makes durability
cheap: a commit costs the same for one row and for a hundred."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from typing import Generic, TypeVar

UnitT = TypeVar("UnitT")
ResultT = TypeVar("ResultT")
Run = Callable[[Sequence[UnitT]], Awaitable[Sequence[ResultT | Exception]]]


class BatchError(Exception):
    """The batch was cut short: its units may or may not have been run."""

    def __init__(self) -> None:
        super().__init__("the batch was cut short")


class Batcher(Generic[UnitT, ResultT]):
    """Runs units in batches, one batch at a time.

    `run` takes the units of a batch and answers one result, or one exception, for each. When it raises, nothing of the
    batch has happened; the units are then run one by one, so that only a bad one fails. Units therefore have no side
    effects of their own. At most one unit with the same `key` is in a batch (None: no restriction). An error of which
    `common` says that no unit is to blame for it is told to all: each of them would only wait for the same again.
    """

    def __init__(
        self,
        run: Run[UnitT, ResultT],
        *,
        key: Callable[[UnitT], Hashable | None] = lambda _: None,
        common: Callable[[Exception], bool] = lambda _: False,
        most: int = 256,
    ) -> None:
        self._run = run
        self._key = key
        self._common = common
        self._most = most
        self._waiting: deque[tuple[UnitT, asyncio.Future[ResultT]]] = deque()
        self._worker: asyncio.Task[None] | None = None

    async def submit(self, unit: UnitT) -> ResultT:
        """The result of `unit`, once its batch is done. Raises what the unit raised, and BatchError.

        A caller that is cancelled meanwhile does not undo its unit.
        """
        future: asyncio.Future[ResultT] = asyncio.get_running_loop().create_future()
        self._waiting.append((unit, future))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._drain(), name="batcher")
        return await future

    async def close(self) -> None:
        """Return when nothing waits any more."""
        while self._worker is not None and not self._worker.done():
            await asyncio.wait([self._worker])

    async def _drain(self) -> None:
        while self._waiting:
            batch = self._next_batch()
            try:
                results = await self._outcomes([unit for unit, _ in batch])
                told = list(zip(batch, results, strict=True))
            except BaseException as error:  # whoever waits must hear of it: nobody else ever would tell them
                self._abandon(batch, error)
                if not isinstance(error, Exception):
                    self._abandon(self._waiting, error)
                    self._waiting.clear()
                    raise
                continue
            for (_, future), result in told:
                if future.done():  # whoever waited has gone away
                    continue
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)

    async def _outcomes(self, units: Sequence[UnitT]) -> Sequence[ResultT | Exception]:
        try:
            return await self._run(units)
        except Exception as error:
            if len(units) == 1 or self._common(error):
                return [error] * len(units)
            return [result for unit in units for result in await self._outcomes([unit])]
        except asyncio.CancelledError as error:
            if (worker := asyncio.current_task()) is not None and worker.cancelling():
                raise
            raise BatchError from error  # one that a library let escape: nobody wants this worker to end

    @staticmethod
    def _abandon(batch: Iterable[tuple[UnitT, asyncio.Future[ResultT]]], error: BaseException) -> None:
        for _, future in batch:
            if not future.done():
                lost = BatchError()
                lost.__cause__ = error
                future.set_exception(lost)

    def _next_batch(self) -> list[tuple[UnitT, asyncio.Future[ResultT]]]:
        batch: list[tuple[UnitT, asyncio.Future[ResultT]]] = []
        held_back: list[tuple[UnitT, asyncio.Future[ResultT]]] = []
        keys: set[Hashable] = set()
        while self._waiting and len(batch) < self._most:
            item = self._waiting.popleft()
            key = self._key(item[0])
            if key is not None and key in keys:
                held_back.append(item)
                continue
            keys.add(key)
            batch.append(item)
        self._waiting.extendleft(reversed(held_back))
        return batch
