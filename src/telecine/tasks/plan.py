"""What a request comes to: the channels that may run it, or what is done in its place where none can."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec.structs import replace

from telecine.accounts.prices import Quote
from telecine.accounts.principal import Principal
from telecine.nouns.billed import Billed, common
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import GatewayError
from telecine.nouns.request import GenerationRequest
from telecine.routing.router import Route
from telecine.tasks.admit import admit, quote
from telecine.tasks.candidates import routes_of
from telecine.tasks.context import Context
from telecine.tasks.instead import Instead, brought, ways
from telecine.tasks.pick import picks
from telecine.tasks.references import find, resolve

_LACKING: Final = frozenset({"operation", "source"})
"""What is objected to where a channel has no such operation, or cannot follow up what is not its own."""


class Plan(msgspec.Struct, frozen=True):
    """How a request is done."""

    asked: GenerationRequest
    """The request, with what it refers to found."""
    routes: tuple[Route, ...]
    """Of what is done; none where no upstream is asked."""
    cost: Quote | None
    instead: Instead | None = None
    """What is done in its place."""

    @property
    def billed(self) -> Billed:
        """What all channels agree on."""
        return common([route.billed for route in self.routes]) if self.routes else Billed()

    async def request(self, context: Context, account_id: int) -> GenerationRequest:
        """What is done, with files of its own: those that are not the asked one's have been made now. Raises
        GatewayError, and then has made none."""
        return self.asked if self.instead is None else await brought(context, account_id, self.instead)


async def planned(
    context: Context, catalogue: Catalogue, principal: Principal, request: GenerationRequest, *, draft: bool = False
) -> Plan:
    """How `request` is done; of a `draft` how it would be. Raises GatewayError."""
    if picks(request):  # once more, with a file of its own
        return Plan(request, (), None)
    try:
        asked, routes = await _routed(context, catalogue, principal, request)
    except GatewayError as error:
        if error.code != "unsupported_parameter" or request.source is None:
            raise
        objection = error
    else:
        return Plan(asked, tuple(routes), quote(context, principal, routes, asked))
    reference, _ = await find(context, principal, request.source)
    work = await context.reads.work(reference.task) if reference.task is not None else None
    if work is None:
        raise objection
    asked = replace(request, source=reference)
    for way in ways(asked, work.task, work.outputs, draft=draft):
        if picks(way.request) and objection.param not in _LACKING:
            break  # a channel has the operation: what it objects to is no reason to have it free
        if picks(way.request):
            return Plan(asked, (), None, way)
        try:
            found, routes = await _routed(context, catalogue, principal, way.request)
        except GatewayError:
            continue
        return Plan(asked, tuple(routes), quote(context, principal, routes, found), way)
    raise objection


async def _routed(
    context: Context, catalogue: Catalogue, principal: Principal, request: GenerationRequest
) -> tuple[GenerationRequest, list[Route]]:
    """`request` with what it refers to found, and the channels that may run it. Raises GatewayError."""
    routes = admit(context, catalogue, principal, request)
    if not request.references:
        return request, routes
    request, place = await resolve(context, principal, request)
    return request, routes if place is None else routes_of(context.router, request, after=place)
