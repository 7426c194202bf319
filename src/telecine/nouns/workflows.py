"""The workflows of this installation, by name and by the number of their app."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from telecine.nouns import catalogue
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.filling import values_of
from telecine.nouns.parameters import WorkflowParameters
from telecine.nouns.request import GenerationRequest
from telecine.nouns.workflow import OPERATION, Workflow


class Workflows:
    """One per process; a reload changes what it holds. `known`: the models that are no workflows."""

    def __init__(self, workflows: Iterable[Workflow] = (), known: Catalogue | None = None) -> None:
        self.known = catalogue.load() if known is None else known
        self._kept: tuple[Workflow, ...] = ()
        self.swap(workflows)

    def swap(self, workflows: Iterable[Workflow]) -> None:
        """Go on with these of the configuration, all at once."""
        self._configured = tuple(workflows)
        self._join()

    def keep(self, workflows: Iterable[Workflow]) -> None:
        """Go on with these of the records, as far as no name or number of theirs is one of the configuration."""
        self._kept = tuple(workflows)
        self._join()

    def is_kept(self, workflow: Workflow) -> bool:
        """Whether it is one of the records, and not of the configuration."""
        return workflow not in self._configured

    def _join(self) -> None:
        taken = {name for one in self._configured for name in (one.name, one.web_app_id)}
        self.all = (*self._configured, *(one for one in self._kept if taken.isdisjoint((one.name, one.web_app_id))))
        """Another tuple whenever anything has changed."""
        self._by_name = {one.name: one for one in self.all}
        self._by_app = {one.web_app_id: one for one in self.all}

    def find(self, name: str) -> Workflow | None:
        """The workflow that is the model `name`."""
        return self._by_name.get(name)

    def by_app(self, web_app_id: str) -> Workflow | None:
        """The workflow with this number, in decimal. One that nobody has named is the model of its number, where a
        channel serves that."""
        return self._by_app.get(one_number(web_app_id))

    def graph_for(self, request: GenerationRequest) -> Workflow | None:
        """The workflow whose graph `request`, which was understood when it was made, is to run on; None where it needs
        none. Raises GatewayError (`invalid_request`) where the workflow is gone, or comes to something else by now than
        what was asked and paid for."""
        given = request.parameters
        if not isinstance(given, WorkflowParameters) or given.digest is None:
            return None
        workflow = self._by_name.get(request.model)
        if workflow is None or workflow.graph is None:
            raise invalid(f"The workflow '{request.model}' is no longer configured.", "model")
        if workflow.digest != given.digest:
            now = values_of(workflow, request)
            if replace(now, parameters=replace(given, input_values=_values(now))) != request:
                raise invalid(f"The workflow '{request.model}' has changed; send the request anew.", "model")
        return workflow

    def takes_anything(self, request: GenerationRequest) -> bool:
        """Whether `request` calls an app of which nobody here has said what may be set."""
        if request.operation != OPERATION:
            return False
        workflow = self._by_name.get(request.model)
        return workflow is None or (workflow.graph is None and not workflow.allowed)

    def understood(self, request: GenerationRequest) -> GenerationRequest:
        """`request` as a call of the workflow that its model is; any other as it is. Raises GatewayError."""
        workflow = self._by_name.get(request.model)
        if workflow is None:
            if request.operation != OPERATION or self.known.find(request.model) is not None:
                return request
            app = one_number(request.model)
            named = self._by_app.get(app)
            if named is not None:  # or what is declared and priced under its name would hold for nobody
                message = f"There is no model '{request.model[:200]}'; the app of that number is '{named.name}'."
                raise GatewayError("not_found", message, param="model")
            workflow = Workflow(web_app_id=app, name=app)
        return values_of(workflow, replace(request, model=workflow.name))


def one_number(app: str) -> str:
    """The number of an app as it is written: without zeros before it. Other texts as they are."""
    return (app.lstrip("0") or "0") if app.isascii() and app.isdecimal() else app


def _values(request: GenerationRequest) -> dict[str, Any]:
    return request.parameters.input_values if isinstance(request.parameters, WorkflowParameters) else {}
