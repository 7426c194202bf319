"""The rows of a dialect's table: one method of one path each, what serves it, and what the document says of it.

A row owns what all rows of its kind do alike (idempotency, the room that a body takes, media that come with a request,
waiting); the dialect's functions only map between its wire and our nouns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from telecine.dialects.base import idempotency_of
from telecine.dialects.bodies import Body, json_response, read_object, release
from telecine.dialects.call import Call, awaited
from telecine.dialects.document import Described, Method, Query
from telecine.dialects.fields import renamed
from telecine.dialects.forms import is_form, read_form
from telecine.dialects.inline import Look, Source, keep_media
from telecine.dialects.lookup import missing, number
from telecine.dialects.waiting import Wait, answered, waited
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.ids import parse_task_id
from telecine.nouns.operations import Kind, makes_of
from telecine.nouns.request import GenerationRequest
from telecine.tasks.view import View

MAX_INLINE = 50 * 1024 * 1024
"""Bytes of one file that comes within a request, where its vendor documents no other limit."""

Find = Callable[[Call], Awaitable[View]]
Show = Callable[[Call, View], Any]
"""The answer that shows a task: a `Response`, or what becomes its JSON; it may be awaited."""
Parsed = tuple[GenerationRequest, list[Source]]
"""A request, and the media that it still lacks."""


class Row(Described, frozen=True):
    """One method of one path, which each of the dialect's roots goes before."""

    path: str
    summary: str
    method: Method = "GET"
    hidden: bool = False
    """Its path is in the document as another dialect's, whose requests are told apart by more than that."""

    ticket: bool = False
    """Its path needs no key where the query has a `ticket`, which the row checks itself (`Media.admits`)."""

    def described(self) -> dict[str, Any]:
        """What the document says, by the names of `Described`."""
        return {name: getattr(self, name) for name in Described.__struct_fields__}

    async def serve(self, call: Call) -> Response:
        """The answer. Raises GatewayError."""
        raise NotImplementedError

    async def answered(self, answer: Any) -> Response:
        """What a dialect's function gave, as a response."""
        found = await awaited(answer)
        return found if isinstance(found, Response) else json_response(found, self.status)


async def by_name(call: Call, name: str) -> View:
    """The task with this id, in any dialect's form. Raises GatewayError (`not_found`)."""
    task_id = parse_task_id(name)
    if task_id is None:
        raise missing(name)
    return await call.edge.tasks.get(call.principal, task_id)


async def by_id(call: Call) -> View:
    """The task that the path names, in any dialect's form. Raises GatewayError (`not_found`)."""
    return await by_name(call, call.id)


def making(*kinds: Kind) -> Find:
    """The same, for dialects that know only what makes one of `kinds`."""

    async def found(call: Call) -> View:
        view = await by_id(call)
        if makes_of(view.task.request) not in kinds:
            raise missing(call.id)
        return view

    return found


def _never(_: Body) -> bool:
    return False


def _plain(_call: Call, _body: Body) -> None:
    return None


class _Wanted(msgspec.Struct, frozen=True):
    """What a create asks for: the whole request, and how it is to be answered."""

    request: GenerationRequest
    draft: bool
    wait: Wait
    call: Call
    form: str | None


def at_once(_: Call) -> Wait:
    """The usual: the answer comes after the first step, and the end is asked for."""
    return Wait()


class Create(Row, frozen=True, kw_only=True):
    """Make a task: read the body, map it, settle its media, commit, and show the task after its first step."""

    method: Method = "POST"
    creates: bool = True
    parse: Callable[[Call, Body], Awaitable[Parsed] | Parsed]
    """Raises GatewayError naming the field."""
    show: Show
    source: Find | None = None
    """The task that it follows up, where the path names one: found before the body is read, and then `call.source`."""
    form: Callable[[Body], str | None] | str | None = None
    """The path that makes it, as `kling:text2video`, where lists go by that; where its body says it, how to tell."""
    most: int = MAX_INLINE
    """Bytes of one file that comes within the request."""
    look: Look | None = None
    """What the vendor would refuse of a stored file."""
    hook: Callable[[Body], str] | str = "callback_url"
    """The dialect's own name of the URL for webhooks; where there are several, how to tell by the body."""
    manner: Callable[[Call, Body], Any] = _plain
    """What the body says of the answer alone, which is then `call.manner`. Raises GatewayError."""
    wait: Callable[[Call], Wait] = at_once
    """Whether the answer waits for the end of the task. Raises GatewayError."""
    names: Mapping[str, str] = {}
    """What its body calls the fields that errors from below name (`source`, `inputs.video`), where it is not what the
    dialect calls them elsewhere."""
    repeatable: tuple[str, ...] | None = None
    """The fields of media in a form, which may be there more than once; None where the body is JSON only."""
    draft: Callable[[Body], bool] = _never
    """Whether the task is to wait for a second call that completes it."""

    async def serve(self, call: Call) -> Response:
        try:
            return await self._made(call)
        except GatewayError as error:
            raise renamed(error, self.names) from None

    async def _made(self, call: Call) -> Response:
        said = idempotency_of(call.request)
        if self.source is not None:
            call = msgspec.structs.replace(call, source=await self.source(call))
        wanted = await self._wanted(call)  # the create may wait for a while, and needs no more of the body
        call, wait, draft = wanted.call, wanted.wait, wanted.draft
        view = await call.edge.tasks.create(
            call.principal, wanted.request, call.dialect, form=wanted.form, idempotency=said, draft=draft
        )
        del wanted
        wait = Wait() if draft else wait  # nothing happens to a draft
        return await answered(call, view, wait, lambda found: self.answered(self.show(call, found)))

    async def _wanted(self, call: Call) -> _Wanted:
        """What the request asks for. The room that its body took is given back, and its files are gone."""
        request = call.request
        try:
            form = self.repeatable is not None and is_form(request)
            body = await (read_form(request, self.repeatable or ()) if form else read_object(request))
            parsed = await awaited(self.parse(call, body))
            hook = self.hook if isinstance(self.hook, str) else self.hook(body)
            call = msgspec.structs.replace(call, manner=self.manner(call, body))
            draft, wait = self.draft(body), self.wait(call)
            made_by = self.form(body) if callable(self.form) else self.form
            wanted = await keep_media(
                call.edge, call.principal, *parsed, max_bytes=self.most, look=self.look, hook=hook
            )
            return _Wanted(wanted, draft, wait, call, made_by)
        finally:
            await request.close()
            release(request.scope)

    def described(self) -> dict[str, Any]:
        return {**super().described(), "forms": self.repeatable is not None}


class Complete(Create, frozen=True, kw_only=True):
    """Complete a draft, which `source` finds: `parse` makes the whole request of what it was and what the body says,
    with the media that are not stored yet."""

    creates: bool = False
    source: Find = by_id

    async def serve(self, call: Call) -> Response:
        found = await self.source(call)
        wanted = await self._wanted(msgspec.structs.replace(call, source=found))
        call, wait = wanted.call, wanted.wait
        view = await call.edge.tasks.complete(call.principal, found.task.id, wanted.request)
        del wanted
        return await answered(call, view, wait, lambda after: self.answered(self.show(call, after)))


class Read(Row, frozen=True, kw_only=True):
    """Show one task."""

    show: Show
    find: Find = by_id
    wait: float = 0.0
    """Seconds that `?wait=` may keep the answer back until the task has ended: proxies in between cut longer silences.
    0 where the protocol has no such thing."""

    async def serve(self, call: Call) -> Response:
        seconds = (number(call.request, "wait", most=self.wait) or 0.0) if self.wait else 0.0
        view = await waited(call, await self.find(call), seconds)
        return await self.answered(self.show(call, view))

    def described(self) -> dict[str, Any]:
        found = super().described()
        if self.wait:
            schema = {"type": "number", "minimum": 0, "maximum": round(self.wait)}
            found["query"] = (*self.query, Query("wait", "Seconds to wait for the end.", schema))
        return found


class ReadMany(Row, frozen=True, kw_only=True):
    """Show the tasks that a body names, or a query where the method is GET, in its order; what is not there, or another
    account's, is left out."""

    method: Method = "POST"
    names: Callable[[Call, Body], Sequence[str]]
    """What they are called. Raises GatewayError."""
    find: Callable[[Call, str], Awaitable[View]] = by_name
    """The task that is called so. Raises GatewayError."""
    show: Callable[[Call, list[View]], Any]
    kinds: tuple[Kind, ...] = ()
    """What the tasks make that this dialect can show; nothing for whatever they make."""
    most: int = 100

    async def serve(self, call: Call) -> Response:
        body = Body({}) if self.method == "GET" else await read_object(call.request)
        names = list(dict.fromkeys(self.names(call, body)))
        release(call.request.scope)
        if len(names) > self.most:
            raise invalid(f"{len(names)} tasks at once; ask for {self.most} at most.")
        found = await asyncio.gather(*(self._one(call, name) for name in names))
        return await self.answered(self.show(call, [view for view in found if view is not None]))

    async def _one(self, call: Call, name: str) -> View | None:
        """Reads that arrive together share a statement."""
        try:
            view = await self.find(call, name)
        except GatewayError as error:
            if error.code != "not_found":
                raise
            return None
        return view if not self.kinds or makes_of(view.task.request) in self.kinds else None


class Cancel(Row, frozen=True, kw_only=True):
    """Cancel a task: at once where it is queued, else the upstream is asked to stop if it can."""

    method: Method = "POST"
    show: Show
    """`view.cancellation` says what came of it."""
    find: Find = by_id
    deletes: bool = False
    """The task is gone as well; one that has ended too."""

    async def serve(self, call: Call) -> Response:
        found, tasks = await self.find(call), call.edge.tasks
        end = tasks.delete if self.deletes else tasks.cancel
        return await self.answered(self.show(call, await end(call.principal, found.task.id)))


class Plain(Row, frozen=True, kw_only=True):
    """A row that is none of these: `handle` does it all."""

    handle: Callable[[Call], Awaitable[Any]]

    async def serve(self, call: Call) -> Response:
        return await self.answered(self.handle(call))
