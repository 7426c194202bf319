"""The workflows that were made through the admin API, kept in the records. Those of the file go before them."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from telecine.clock import Clock
from telecine.config import WorkflowConfig
from telecine.config.workflows import MOST_BYTES, problems, workflow_of
from telecine.loops import Loop
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.graph import Graph, Node
from telecine.nouns.workflow import Workflow
from telecine.nouns.workflows import Workflows
from telecine.store import tables
from telecine.store.database import Database

_MOST: Final = 1000
_FRESH: Final = 5.0
"""Seconds after which what another process has made is known here."""
_TABLE: Final = tables.workflows
# Made here, for types are built when they are first decoded.
_section: Final = msgspec.json.Decoder(WorkflowConfig).decode
_graph: Final = msgspec.json.Decoder(dict[str, Node]).decode


class Apps:
    """One per process. `refresh` once before use; `loop` runs while they are in use."""

    def __init__(self, database: Database, clock: Clock, workflows: Workflows) -> None:
        self._database = database
        self._clock = clock
        self._workflows = workflows
        self._known: dict[tuple[str, float], Workflow] = {}
        self.loop = Loop("workflows", self.refresh, clock, every=_FRESH, first=_FRESH)
        """Follows what other processes make."""

    async def refresh(self) -> None:
        """Read what there is by now."""
        there = {(name, at) for name, at in await self._database.rows(select(_TABLE.c.name, _TABLE.c.made_at))}
        if there == self._known.keys():  # in whatever order a database has them
            return
        rows = await self._database.rows(select(_TABLE).order_by(_TABLE.c.made_at, _TABLE.c.name))
        self._known = {(row.name, row.made_at): _read(row) for row in rows}
        self._workflows.keep(self._known.values())

    async def add(self, section: WorkflowConfig, graph: Graph | None) -> Workflow:
        """A new workflow. Raises GatewayError: `invalid_request` naming what is not there, `conflict` where its name or
        its number is another's."""
        workflow = workflow_of(section, graph)
        if found := problems(workflow, self._workflows.known):
            raise invalid(" ".join(found), "workflow")
        if section.file is not None:
            raise invalid("file: send the graph itself.", "workflow.file")
        content = None if graph is None else msgspec.json.encode(graph).decode()
        if content is not None and len(content) > MOST_BYTES:
            raise GatewayError("too_large", f"The graph has more than {MOST_BYTES} bytes.", param="graph")
        for name in (workflow.name, workflow.web_app_id):
            if self._workflows.find(name) is not None or self._workflows.by_app(name) is not None:
                raise _taken(name)
        if len(self._known) >= _MOST:
            raise GatewayError("conflict", f"There are {_MOST} workflows already; remove one first.")
        row = {
            "name": workflow.name,
            "web_app_id": workflow.web_app_id,
            "section": msgspec.json.encode(section).decode(),
            "graph": content,
            "made_at": self._clock.now(),
        }
        try:
            await self._database.change(lambda connection: connection.execute(insert(_TABLE).values(row)))
        except IntegrityError:
            raise _taken(workflow.name) from None
        await self.refresh()
        return workflow

    async def remove(self, name: str) -> Workflow:
        """Take a workflow away that was made here. Raises GatewayError: `not_found`, `conflict` for one of the file."""

        def gone(connection: Connection) -> int:
            return connection.execute(delete(_TABLE).where(_TABLE.c.name == name)).rowcount

        workflow = self._workflows.find(name)
        if not await self._database.change(gone):
            if workflow is None:
                raise GatewayError("not_found", f"There is no workflow '{name[:128]}'.", param="name")
            raise GatewayError("conflict", f"The workflow '{name}' stands in the configuration file; change that.")
        before = next((one for (known, _), one in self._known.items() if known == name), workflow)
        await self.refresh()
        if before is None:
            raise GatewayError("not_found", f"There is no workflow '{name[:128]}'.", param="name")
        return before


def _read(row: Any) -> Workflow:
    return workflow_of(_section(row.section), None if row.graph is None else _graph(row.graph))


def _taken(name: str) -> GatewayError:
    return GatewayError("conflict", f"'{name}' is the name or the number of a workflow already; choose another.")
