"""Every route that is served, from every room."""

from __future__ import annotations

import time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from telecine import __version__
from telecine.admin.accounts import Accounts
from telecine.admin.configuration import Configuration
from telecine.admin.keys import Admin
from telecine.admin.models import ModelAdmin
from telecine.admin.money import Money
from telecine.admin.webhooks import Webhooks
from telecine.admin.workflows import WorkflowAdmin
from telecine.dialects.base import Edge
from telecine.dialects.served import DIALECTS
from telecine.media.links import MEDIA_PATH, OBJECT_PATH
from telecine.server.callbacks import callback_route
from telecine.server.docs_page import docs_routes
from telecine.server.health import Health
from telecine.server.rooms import House
from telecine.server.routes import Routes
from telecine.server.strict import strict
from telecine.tasks.service import TaskService
from telecine.upkeep.upkeep import MASK, Upkeep
from telecine.webhooks.log import DeliveryLog


def application(house: House, edge: Edge, tasks: TaskService, upkeep: Upkeep, health: Health) -> Routes:
    """The application within the gate; routes match in their order. `edge` is what dialects reach the house by."""
    files = house.files.service
    routes: list[Route] = [
        *health.routes,
        *docs_routes(),
        Route("/", _front, name="front"),
        *(route for dialect in DIALECTS for route in dialect.routes),
        *_management(house, upkeep),
        callback_route(tasks, house.upstreams.router),
        Route(MEDIA_PATH, files.endpoint(tasks.output, house.files.assets.served), name="media"),
        Route(OBJECT_PATH, files.serve_object, name="objects"),
    ]
    app = Routes([strict(one) for one in routes])
    app.state.edge = edge
    return app


def _management(house: House, upkeep: Upkeep) -> list[Route]:
    base, hooks, books = house.ground, house.hooks, house.books
    log = DeliveryLog(base.database, base.clock, base.ids)
    return [
        *Admin(books.keys, house.upstreams.router, time.perf_counter).routes,
        *Money(books.balances, books.statement, lambda: books.prices().lines).routes,
        *Configuration(upkeep.configuration, upkeep.measure, base.secret.derive(MASK)).routes,
        *ModelAdmin(base.known, house.upstreams.router, lambda: upkeep.running, books.prices).routes,
        *WorkflowAdmin(house.upstreams.apps, house.upstreams.workflows, house.upstreams.router.serving).routes,
        *Accounts(base.database, upkeep.erasure, books.keys).routes,
        *Webhooks(hooks.endpoints, log, hooks.deliverer, house.files.service).routes,
    ]


async def _front(_: Request) -> Response:
    return JSONResponse({"name": "telecine", "version": __version__, "health": "/readyz", "models": "/v1/models"})
