"""Who may have what, and what it costs: all that can be told without storing anything."""

from __future__ import annotations

from collections.abc import Sequence

from telecine.accounts.priced import Priced
from telecine.accounts.prices import Quote
from telecine.accounts.principal import Principal
from telecine.nouns.billed import Billed
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.money import MOST_MICROS, amount_of
from telecine.nouns.request import GenerationRequest
from telecine.nouns.task import Output, Task
from telecine.nouns.text import check_plain
from telecine.nouns.workflow import OPERATION
from telecine.routing.router import Route
from telecine.tasks.candidates import routes_of
from telecine.tasks.context import Context
from telecine.tasks.references import owns


def owned(principal: Principal, found: tuple[Task, tuple[Output, ...]] | None) -> tuple[Task, tuple[Output, ...]]:
    """The task that was found, with its outputs, if the caller may see it. Raises GatewayError (`not_found`)."""
    if found is None or found[0].deleted_at is not None or not owns(principal, found[0]):
        raise not_found()
    return found


def not_found() -> GatewayError:
    """The error for a task that is gone, was never there, or is another account's: which of these is nobody's
    business."""
    return GatewayError("not_found", "There is no such task, or it is not yours.", param="id")


def check_names(request: GenerationRequest) -> None:
    """Raise GatewayError for a name that could not be kept, or that no path could hold."""
    check_plain(request.model, "model")
    external_id = request.external_id
    if external_id is None:
        return
    check_plain(external_id, "external_id")
    if not 1 <= len(external_id) <= 256:
        raise invalid("The external id must have 1 to 256 characters.", "external_id")
    if external_id in (".", ".."):  # clients resolve these before they send them, even percent-encoded
        raise invalid(f"external_id: '{external_id}' means something else in a path; choose another.", "external_id")


def understood(context: Context, request: GenerationRequest) -> GenerationRequest:
    """`request` as a call of the workflow that its model is; any other as it is. Raises GatewayError, of an app that
    nobody serves before anything is said of its inputs."""
    if request.operation == OPERATION and not context.router.serves(request.model):
        raise context.router.nobody(request.model)
    return context.workflows.understood(request)


def admit(context: Context, catalogue: Catalogue, principal: Principal, request: GenerationRequest) -> list[Route]:
    """The channels that could run the request. Raises GatewayError."""
    router = context.router
    if not router.serves(request.model):
        raise router.nobody(request.model)
    known = catalogue.find(request.model)
    if not principal.may_use(request.model, known.name if known else request.model):
        raise GatewayError("permission", f"This key may not use the model '{request.model}'.", param="model")
    catalogue.check(request)
    if principal.metered and not principal.allow_unknown and request.native and request.native.fields:
        name = min(request.native.fields)
        raise GatewayError(
            "unsupported_parameter",
            f"The field '{name}' is not known here, and could change what the job costs; leave it out, "
            "or ask the operator for a key with allow_unknown_parameters.",
            param=name,
        )
    if principal.metered and not principal.allow_unknown and context.workflows.takes_anything(request):
        raise GatewayError(
            "unsupported_parameter",
            f"What '{request.model}' may be given is not declared here, and could change what the job costs; ask the "
            "operator to declare its inputs, or for a key with allow_unknown_parameters.",
            param="parameters.input_values",
        )
    context.tokens.check(principal, context.now())
    return routes_of(router, request)


def quote(context: Context, principal: Principal, routes: Sequence[Route], request: GenerationRequest) -> Quote | None:
    """What the request will cost; None where it is free. Raises GatewayError where it may not be free.

    Where there are prices at all, what a real channel would do without one is refused: names that only a glob of a
    channel serves are known no sooner.
    """
    router = context.router
    charging = [route for route in routes if router.charges(route.channel.name)]
    if not charging:
        return None
    billed = [route.billed for route in charging]
    named = _named(request, billed) if principal.metered and context.prices else {}
    found = context.prices.quote(Priced.of(request), billed, named)
    sold = any(router.is_real(route.channel.name) for route in charging)
    if found is None and (context.limits.require_price or (context.prices and sold)):
        raise GatewayError("permission", f"The model '{request.model}' has no price yet.", param="model")
    if found is not None and found.hold > MOST_MICROS:
        raise invalid(f"The job would cost {amount_of(found.hold)}; no job may cost that much: ask for less.")
    return found


def _named(request: GenerationRequest, billed: Sequence[Billed]) -> dict[str, str]:
    """The values that nobody here knows, of fields that prices depend on: an account with a balance may have what the
    price book names, and nothing else, or it would have the dear variant at the price of the cheap one."""
    novel = request.native.novel if request.native is not None else {}
    plain = {name.removeprefix("parameters."): one.value for name, one in novel.items()}
    unjudged = {name: str(getattr(one, name)) for one in billed for name in one.unjudged}
    dear = ("mode", "audio", "duration", "size", "resolution")
    return unjudged | {name: value for name, value in plain.items() if name in dear}
