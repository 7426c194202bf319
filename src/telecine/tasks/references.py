"""What a request follows up or is made with: whose it is, and the one place where it is known.

A reference of another account's, to a task or to an id of an upstream, is `not_found`, as is one to what was deleted.
An id that nobody here knows is passed on only where the client's vendor documents things made elsewhere, and then
never if it is another account's here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec.structs import replace

from telecine.accounts.principal import Principal
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.operations import OPERATIONS, check_source
from telecine.nouns.request import GenerationRequest, Reference, ReferenceKind
from telecine.nouns.task import Attempt, Handle, Output, Task
from telecine.nouns.text import handy
from telecine.providers.base import MOST_ID, SOLE, Source
from telecine.routing.router import Place
from telecine.tasks.context import Context
from telecine.tasks.reads import Work

_KINDS: Final[dict[str, ReferenceKind]] = {
    "video": "clip",
    "audio": "clip",
    "image": "image",
    "text": "text",
    "file": "file",
}
"""By kind of output, what a reference calls it."""
_THINGS: Final = frozenset(one.called for one in OPERATIONS.values() if one.called is not None)
"""What a reference calls by another name than that of a file."""
_FIELDS: Final = {"voice": "parameters.voices", "element": "parameters.elements", "clip": "parameters.sound"}
"""Where a reference of a kind stands in a request, where it is not its source."""


def owns(principal: Principal, task: Task) -> bool:
    """Whether the task is the caller's to see."""
    return principal.admin or task.account_id == principal.account_id


async def resolve(
    context: Context, principal: Principal, request: GenerationRequest
) -> tuple[GenerationRequest, Place | None]:
    """`request` with its source found, and the place that it has to keep to; None where it may run anywhere.

    Raises GatewayError: `not_found` for what does not exist or is not the caller's, `invalid_request` where it is
    nothing that the operation follows up, or where no place knows all of it.
    """
    places: set[Place] = set()
    for reference in request.references:
        param = "source" if reference is request.source else _FIELDS.get(reference.kind, "source")
        found, place = await find(context, principal, reference, param)
        if reference is request.source:
            if found.task is not None and (made := await context.reads.task(found.task)) is not None:
                check_source(request.operation, made[0].operation)
            request = replace(request, source=found)
        if place is not None:
            places.add(place)
    if len(places) > 1:
        raise invalid("What this refers to was made on different channels, and none of them knows all of it.", "source")
    return request, next(iter(places), None)


async def find(
    context: Context, principal: Principal, reference: Reference, param: str = "source"
) -> tuple[Reference, Place | None]:
    """What `reference` means, as we number it, and where that is known. Raises GatewayError (`not_found`) naming the
    field in which it stands."""
    if reference.task is not None and (found := await _own(context, principal, reference)) is not None:
        return found
    if reference.upstream_id is not None and handy(reference.upstream_id, MOST_ID):
        handle = await context.reads.handle(principal.account_id, reference)
        if handle is not None:
            named = replace(reference, task=handle.task_id, output=handle.output)
            if handle.task_id is None:
                return named, _at(handle)
            if await _own(context, principal, named) is not None:
                return named, _at(handle)
        elif reference.elsewhere and not await context.reads.is_handle(reference):
            return reference.said, None
    message = f"{param.rpartition('.')[2]}: what this refers to does not exist, or it is not yours."
    raise GatewayError("not_found", message, param=param)


async def _own(context: Context, principal: Principal, reference: Reference) -> tuple[Reference, Place | None] | None:
    """The reference to a task of the caller's, and where that ran last; None where there is no such task or output."""
    work = await context.reads.work(reference.task) if reference.task is not None else None
    if work is None or work.task.deleted_at is not None or not owns(principal, work.task):
        return None
    if reference.kind in _THINGS and OPERATIONS[work.task.operation].called != reference.kind:
        return None
    if reference.output is not None or reference.item is not None:
        output = _output(work, reference)
        if output is None or not output.main:  # no upstream goes on from a cover
            return None
        reference = replace(reference, output=output.index, item=None)
    return reference, _at(work.attempt)


async def place_of(context: Context, task: Task) -> Place | None:
    """The place that the steps of `task` keep to; None where it may run anywhere."""
    for reference in task.request.references:
        if reference.task is not None:
            work = await context.reads.work(reference.task)
            place = _at(work.attempt) if work is not None else None
        else:
            place = _at(await context.reads.handle(task.account_id, reference))
        if place is not None:
            return place
    return None


async def source_of(context: Context, task: Task) -> Source | None:
    """What `task` follows up, as its upstream knows it. Routing keeps to its channel, so its ids mean something there.

    None where it follows up nothing, or where the upstream never named that.
    """
    reference = task.request.source
    if reference is None:
        return None
    if reference.task is None:
        named = reference.upstream_id
        return Source(named) if reference.kind == "task" else Source(None, output_id=named)
    work = await context.reads.work(reference.task)
    if work is None or work.attempt is None:
        return None
    output = _output(work, reference)
    named = output.upstream_id if output is not None else None
    item, attempt, task = output.item if output is not None else None, work.attempt, work.task
    source = Source(attempt.upstream_id, task.request, named, attempt.model, item, task.facts)
    return None if source.upstream_id is None and source.output_id is None else source


async def named_of(context: Context, task: Task) -> Mapping[str, str]:
    """By the name that its client wrote, what an upstream calls the outputs of ours that `task` is made with beside its
    source; as `SOLE` the one thing that a source has made which is named as a whole. What it never named is left
    out."""
    found: dict[str, str] = {}
    for reference in task.request.references:
        if reference is task.request.source:
            found |= await _sole(context, reference)
            continue
        if reference.task is None or reference.upstream_id is None:
            continue
        work = await context.reads.work(reference.task)
        if work is None or work.task.account_id != task.account_id:  # no name of ours: it only looks like one
            continue
        output = _output(work, reference)
        if output is not None and output.upstream_id is not None:
            found[reference.upstream_id] = output.upstream_id
    return found


def job_handle(task: Task, attempt: Attempt) -> tuple[Handle, ...]:
    """What names the job of `attempt`; nothing where its upstream did not name it."""
    if attempt.upstream_id is None:
        return ()
    return (_handle(task, attempt, "task", attempt.upstream_id),)


def output_handles(task: Task, attempt: Attempt, outputs: Iterable[Output]) -> tuple[Handle, ...]:
    """What names those of `outputs` that their upstream has named; companions go by the name of their main part."""
    called = OPERATIONS[task.operation].called
    return tuple(
        _handle(task, attempt, called or _KINDS[one.kind], one.upstream_id, one.index)
        for one in outputs
        if one.main and one.upstream_id is not None
    )


def _handle(task: Task, attempt: Attempt, kind: ReferenceKind, name: str, output: int | None = None) -> Handle:
    return Handle(
        account_id=task.account_id,
        provider=attempt.provider,
        kind=kind,
        upstream_id=name,
        channel=attempt.channel,
        address=attempt.address,
        task_id=task.id,
        output=output,
    )


def _output(work: Work, reference: Reference) -> Output | None:
    if reference.item is not None:
        return next((one for one in work.outputs if one.main and one.item == reference.item), None)
    return next((one for one in work.outputs if one.index == reference.output), None)


async def _sole(context: Context, source: Reference) -> dict[str, str]:
    if source.task is None or source.output is not None:
        return {}
    work = await context.reads.work(source.task)
    made = [one for one in work.outputs if one.main] if work is not None else []
    name = made[0].upstream_id if len(made) == 1 else None
    return {} if name is None else {SOLE: name}


def _at(there: Attempt | Handle | None) -> Place | None:
    return None if there is None else Place(there.channel, there.address)
