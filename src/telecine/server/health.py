"""`GET /healthz`, `GET /readyz` and `GET /metrics`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from hmac import compare_digest
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from telecine.clock import Clock
from telecine.loops import Pulse
from telecine.nouns.errors import GatewayError
from telecine.server.metrics import Metrics
from telecine.server.needs import Needs
from telecine.server.recent import Recent
from telecine.store.database import Database
from telecine.tasks.engine import Engine
from telecine.upkeep.figures import Figures, states

_SILENT_SECONDS: Final = 15.0
_FRESH_SECONDS: Final = 5.0


class Health:
    """Whether this process can serve, and its figures."""

    def __init__(
        self,
        database: Database,
        engine: Engine,
        needs: Needs,
        clock: Clock,
        metrics: Metrics,
        *,
        measure: Callable[[], Awaitable[Figures]],
        key: Callable[[], str | None],
        pulses: Callable[[], tuple[Pulse, ...]],
        working: bool,
    ) -> None:
        """`pulses` says how the loops of the process fare; `key` is what the figures are shown for, where that is not
        None."""
        self._database = database
        self._engine = engine
        self._needs = needs
        self._clock = clock
        self._metrics = metrics
        self._measure = measure
        self._key = key
        self._pulses = pulses
        self._counted = Recent(self._count, _FRESH_SECONDS, clock)
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
        """Database and engine answer, every loop goes on, creates have what they need; 503 naming what is not so."""
        checks = {
            "database": await self._database_answers(),
            "engine": self._engine_answers(),
            "loops": not any(one.stalled for one in self._pulses()),
            **await self._needs.met(),
        }
        good = all(checks.values())
        return JSONResponse({"status": "ok" if good else "unavailable", "checks": checks}, 200 if good else 503)

    async def metrics(self, request: Request) -> Response:
        """Everything in Prometheus' text format; what is counted in the records, as it was a few seconds ago at most.

        Raises GatewayError (`authentication`) without the key that it asks for.
        """
        key = self._key()
        if key is not None and not compare_digest(
            request.headers.get("authorization", "").encode(), b"Bearer " + key.encode()
        ):
            raise GatewayError("authentication", "The metrics need their own key, as 'Authorization: Bearer <key>'.")
        await self._counted.get()
        self._metrics.steps.set(self._engine.running)
        return Response(generate_latest(self._metrics.registry), media_type=CONTENT_TYPE_LATEST)

    async def _database_answers(self) -> bool:
        try:
            await self._database.rows(select(1))
        except (SQLAlchemyError, OSError):
            return False
        return True

    def _engine_answers(self) -> bool:
        last = self._engine.last_claim
        return not self._working or (last is not None and self._clock.elapsed() - last < _SILENT_SECONDS)

    async def _count(self) -> None:
        there, slots = await states(self._database)
        measured = await self._measure()
        figures = self._metrics
        figures.tasks.clear()
        for state, number in there.items():
            figures.tasks.labels(state).set(number)
        for name, used in slots.items():
            figures.slots.labels(name).set(used)
        figures.tell(measured)
