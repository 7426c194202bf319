"""The request of a task that has ended, once more."""

from __future__ import annotations

from msgspec.structs import replace

from telecine.accounts.holders import stand_in
from telecine.accounts.principal import Principal
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.request import GenerationRequest
from telecine.nouns.task import Task
from telecine.tasks.context import Context


async def once_more(context: Context, principal: Principal, before: Task) -> tuple[Principal, GenerationRequest]:
    """Who pays for a retry of `before`, and what is asked for, with files of its own. Raises GatewayError."""
    if not before.ended:
        raise GatewayError("conflict", "The task has not ended yet; cancel it first.", param="id", may_retry=False)
    request = before.request
    if request.blanked:
        raise invalid("What the task was made from is no longer kept; send the request anew.", "id")
    owner = principal
    if before.account_id != principal.account_id:
        payer, now = before.account_id, context.now()
        owner = await context.database.read(lambda connection: stand_in(connection, principal, payer, now))
    own = request.own_keys  # what is a library's stays where it is
    try:
        copied = iter(await context.library.copy(before.account_id, own))
    except FileNotFoundError:
        raise invalid("The files that the task was made from are gone; send the request anew.", "inputs") from None
    inputs = [replace(one, object_key=next(copied)) if one.object_key in own else one for one in request.inputs]
    return owner, replace(request, inputs=tuple(inputs), external_id=None)
