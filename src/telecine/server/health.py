"""`GET /healthz`, `GET /readyz` and `GET /metrics`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from telecine.clock import Clock
from telecine.media.storage import Storage
from telecine.nouns.task import TERMINAL
from telecine.server.figures import Figures
from telecine.server.metrics import Metrics
from telecine.store import tables
from telecine.store.database import Database
from telecine.tasks.engine import Engine

_SILENT_SECONDS: Final = 15.0


class Health:
    """Whether this process can serve, and its figures."""

    def __init__(
        self,
        database: Database,
        engine: Engine,
        storage: Storage,
        clock: Clock,
        metrics: Metrics,
        *,
        measure: Callable[[], Awaitable[Figures]],
        working: bool,
    ) -> None:
        self._database = database
        self._engine = engine
        self._storage = storage
        self._clock = clock
        self._metrics = metrics
        self._measure = measure
        self._working = working

    @property
    def routes(self) -> list[Route]:
        """The three pages."""
        return [
            Route("/healthz", self.alive, name="healthz"),
            Route("/readyz", self.ready, name="readyz"),
            Route("/metrics", self.metrics, name="metrics"),
        ]

    async def alive(self, _: Request) -> Response:
        """The process answers."""
        return JSONResponse({"status": "ok"})

    async def ready(self, _: Request) -> Response:
        """Database, engine and storage answer; 503 naming the one that does not."""
        checks = {
            "database": await self._database_answers(),
            "engine": self._engine_answers(),
            "storage": await self._storage_answers(),
        }
        good = all(checks.values())
        return JSONResponse({"status": "ok" if good else "unavailable", "checks": checks}, 200 if good else 503)

    async def metrics(self, _: Request) -> Response:
        """Everything in Prometheus' text format."""
        await self._count()
        return Response(generate_latest(self._metrics.registry), media_type=CONTENT_TYPE_LATEST)

    async def _database_answers(self) -> bool:
        try:
            async with self._database.reading() as connection:
                await connection.execute(select(1))
        except (SQLAlchemyError, OSError):
            return False
        return True

    def _engine_answers(self) -> bool:
        last = self._engine.last_claim
        return not self._working or (last is not None and self._clock.now() - last < _SILENT_SECONDS)

    async def _storage_answers(self) -> bool:
        try:
            await self._storage.size("a0/t0/0.probe")
        except Exception:
            return False
        return True

    async def _count(self) -> None:
        figures = self._metrics
        async with self._database.reading() as connection:
            table = tables.tasks.c
            states = await connection.execute(
                select(table.state, func.count()).where(table.state.not_in(sorted(TERMINAL))).group_by(table.state)
            )
            figures.tasks.clear()
            for state, count in states.all():
                figures.tasks.labels(state).set(count)
            for name, used in (await connection.execute(select(tables.pools.c.name, tables.pools.c.used))).all():
                figures.slots.labels(name).set(used)
        figures.steps.set(self._engine.running)
        figures.tell(await self._measure())
