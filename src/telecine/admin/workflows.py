"""The admin API of workflows, `/admin/v1/workflows`. Those of the configuration file are only shown; the file changes
them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from telecine.config import WorkflowConfig
from telecine.config.workflows import problems, workflow_of
from telecine.dialects.bodies import json_response, read_object, typed
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.graph import graph_of
from telecine.nouns.kinds import Kind
from telecine.nouns.workflow import Workflow
from telecine.nouns.workflows import Workflows
from telecine.upkeep.apps import Apps


class InputInfo(msgspec.Struct, frozen=True):
    """An input that clients may set. `value`: what the graph has there; `field`: the field of a request that says
    it."""

    name: str
    value: Any = None
    field: str | None = None


class WorkflowInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow. `nodes` and `sha256` of its graph; without one, its upstream alone has it."""

    object: str = "workflow"
    name: str
    web_app_id: str
    makes: Kind | None
    count: int | None
    """Results, where the client says no number; None where nobody knows."""
    inputs: list[InputInfo]
    nodes: int | None
    sha256: str | None
    channels: list[str]
    source: Literal["file", "api"]


class WorkflowList(msgspec.Struct, frozen=True):
    """Every workflow."""

    data: list[WorkflowInfo]
    object: str = "list"


class WantedWorkflow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A section as the file has it, without its file, and the graph."""

    workflow: WorkflowConfig
    graph: dict[str, Any] | None = None


class WorkflowCheck(msgspec.Struct, frozen=True):
    """What is wrong with it, a sentence each, and the inputs of its graph that could be declared."""

    ok: bool
    problems: list[str]
    settable: list[str]
    object: str = "workflow.check"


class WorkflowAdmin:
    """The handlers. `serving`: the names of the channels that serve a model."""

    def __init__(self, apps: Apps, workflows: Workflows, serving: Callable[[str], Sequence[str]]) -> None:
        self._apps = apps
        self._workflows = workflows
        self._serving = serving

    @property
    def routes(self) -> list[Route]:
        """Every route."""
        return [
            Route("/admin/v1/workflows", self.list, methods=["GET"]),
            Route("/admin/v1/workflows", self.add, methods=["POST"]),
            Route("/admin/v1/workflows/check", self.check, methods=["POST"]),
            Route("/admin/v1/workflows/{name}", self.read, methods=["GET"]),
            Route("/admin/v1/workflows/{name}", self.remove, methods=["DELETE"]),
        ]

    async def list(self, _: Request) -> Response:
        """All of them, as configured."""
        return json_response(WorkflowList([self._info(one) for one in self._workflows.all]))

    async def read(self, request: Request) -> Response:
        """One by its name, or the number of its app."""
        name = request.path_params["name"]
        found = self._workflows.find(name) or self._workflows.by_app(name)
        if found is None:
            raise GatewayError("not_found", f"There is no workflow '{name[:128]}'.", param="name")
        return json_response(self._info(found))

    async def add(self, request: Request) -> Response:
        """Make one. 400 naming every node and field that does not exist, 409 where its name or number is another's."""
        wanted = typed((await read_object(request)).fields, WantedWorkflow)
        try:
            graph = None if wanted.graph is None else graph_of(wanted.graph)
        except ValueError as error:
            raise invalid(f"The graph {error}.", "graph") from None
        return json_response(self._info(await self._apps.add(wanted.workflow, graph)), 201)

    async def remove(self, request: Request) -> Response:
        """Take one away that was made here; tasks that have not been sent yet fail."""
        return json_response(self._info(await self._apps.remove(request.path_params["name"])))

    async def check(self, request: Request) -> Response:
        """Whether the configuration file could have it; nothing is kept."""
        wanted = typed((await read_object(request)).fields, WantedWorkflow)
        try:
            graph = None if wanted.graph is None else graph_of(wanted.graph)
        except ValueError as error:
            return json_response(WorkflowCheck(ok=False, problems=[f"The graph {error}."], settable=[]))
        workflow = workflow_of(wanted.workflow, graph)
        found = problems(workflow, self._workflows.known)
        return json_response(WorkflowCheck(ok=not found, problems=found, settable=workflow.settable()))

    def _info(self, one: Workflow) -> WorkflowInfo:
        return WorkflowInfo(
            name=one.name,
            web_app_id=one.web_app_id,
            makes=one.makes,
            count=one.batch({}) if one.graph is not None or isinstance(one.count, int) else None,
            inputs=[InputInfo(spot.key, one.default(spot.key), one.said_by(spot)) for spot in one.allowed],
            nodes=None if one.graph is None else len(one.graph),
            sha256=one.digest,
            channels=list(self._serving(one.name)),
            source="api" if self._workflows.is_kept(one) else "file",
        )
