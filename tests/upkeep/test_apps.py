"""Workflows that are made while processes run: what one makes, all know, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from telecine.config import WorkflowConfig
from telecine.nouns.errors import GatewayError
from telecine.nouns.graph import graph_of
from telecine.nouns.workflow import Workflow
from telecine.nouns.workflows import Workflows
from telecine.store.database import Database
from telecine.upkeep.apps import Apps
from tests.clock import HandClock
from tests.nouns.test_workflow import GRAPH, STORY
from tests.postgres import Databases

SECTION = WorkflowConfig(web_app_id=7, name="leaflet", prompt=STORY)


class Process(Apps):
    """One of those that share the records."""

    def __init__(self, database: Database, configured: tuple[Workflow, ...] = ()) -> None:
        self.workflows, self.clock = Workflows(configured), HandClock()
        super().__init__(database, self.clock, self.workflows)

    @property
    def names(self) -> list[str]:
        return [one.name for one in self.workflows.all]


@pytest.fixture(params=["sqlite", "postgres"])
async def pair(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Database, Database]]:
    """The records, as two processes have them open."""
    databases: Databases | None = request.getfixturevalue("databases") if request.param == "postgres" else None
    name = databases.take() if databases is not None else ""
    url = databases.url(name) if databases is not None else f"sqlite:///{tmp_path / 'records.db'}"
    one, two = Database(url), Database(url)
    try:
        await one.open()
        await two.open()
        yield one, two
    finally:
        await one.close()
        await two.close()
        if databases is not None:
            databases.give_back([name])


async def test_what_one_process_makes_and_removes_the_other_knows(pair: tuple[Database, Database]) -> None:
    here, there = Process(pair[0]), Process(pair[1])
    made = await here.add(SECTION, graph_of(GRAPH))
    await there.add(WorkflowConfig(web_app_id=8, name="bizyairs-own"), None)
    await here.refresh()
    assert sorted(here.names) == sorted(there.names) == ["bizyairs-own", "leaflet"]
    assert there.workflows.find("leaflet") == made
    assert (await there.remove("leaflet")).name == "leaflet"
    await here.refresh()
    assert here.names == ["bizyairs-own"]
    with pytest.raises(GatewayError, match="no workflow 'leaflet'"):
        await here.remove("leaflet")


async def test_what_is_known_is_not_read_again(pair: tuple[Database, Database]) -> None:
    """Whatever the order in which the database lists them: a graph may be large."""
    here = Process(pair[0])
    await here.add(WorkflowConfig(web_app_id=7, name="second"), None)
    here.clock.advance(-10)
    await here.add(WorkflowConfig(web_app_id=8, name="first"), None)
    there = Process(pair[1])
    await there.refresh()
    known = there.workflows.all
    await there.refresh()
    assert there.workflows.all is known


async def test_two_cannot_make_the_same(pair: tuple[Database, Database]) -> None:
    here, there = Process(pair[0]), Process(pair[1])
    await here.add(SECTION, graph_of(GRAPH))
    for other in (SECTION, WorkflowConfig(web_app_id=7, name="other"), WorkflowConfig(web_app_id=9, name="leaflet")):
        with pytest.raises(GatewayError) as refused:  # one that this process has not heard of yet
            await there.add(other, None)
        assert refused.value.code == "conflict"


async def test_one_of_the_file_goes_before_it(pair: tuple[Database, Database]) -> None:
    here = Process(pair[0])
    await here.add(SECTION, graph_of(GRAPH))
    own = Workflow(web_app_id="7", name="of-the-file")
    other = Process(pair[1], (own,))
    await other.refresh()
    assert other.workflows.all == (own,)
    with pytest.raises(GatewayError, match="stands in the configuration file"):
        await other.remove("of-the-file")
    other.workflows.swap(())
    assert other.names == ["leaflet"]
