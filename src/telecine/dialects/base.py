"""The seam between client wire formats and the rest of the house."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Literal, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from telecine.accounts.principal import Principal
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import GatewayError
from telecine.nouns.request import GenerationRequest, MediaInput, Role
from telecine.nouns.task import Output
from telecine.tasks.view import Page, View


class Tasks(Protocol):
    """Tasks, as a dialect may use them. Another account's task is `not_found` everywhere."""

    async def create(self, principal: Principal, request: GenerationRequest, dialect: str) -> View:
        """Validate, store, and wait (10 s at most) for the first step. Raises GatewayError.

        A refusal by the upstream within the wait is raised too, and leaves a failed task that says why.
        """
        ...

    def check(self, principal: Principal, request: GenerationRequest) -> None:
        """Raise what `create` would, as far as that can be told without storing anything.

        Dialects call it before they store inline media, so that a request that cannot be served leaves nothing
        behind; its inputs are placeholders then, with a role and at most a URL.
        """
        ...

    async def get(self, principal: Principal, task_id: int) -> View: ...

    async def find_external(self, principal: Principal, external_id: str) -> View:
        """The task that the client named `external_id`. Raises GatewayError (`not_found`)."""
        ...

    async def list(
        self,
        principal: Principal,
        *,
        limit: int,
        after: int | None = None,
        offset: int = 0,
        ascending: bool = False,
        operations: Sequence[str] = (),
        statuses: Sequence[str] = (),
        model: str | None = None,
        kind: Literal["video", "image", "audio"] | None = None,
    ) -> Page: ...

    async def cancel(self, principal: Principal, task_id: int) -> View:
        """Cancel a queued task at once; ask the upstream to stop a running one."""
        ...

    async def delete(self, principal: Principal, task_id: int) -> View:
        """Put a tombstone on the task (and cancel it where it still runs); it is `not_found` from then on."""
        ...


class Media(Protocol):
    """Media that clients send inline, and links to what we keep."""

    async def store(
        self, principal: Principal, role: Role, chunks: AsyncIterator[bytes], *, param: str, max_bytes: int
    ) -> MediaInput:
        """Stream an inline file to storage and look at what it is.

        Raises GatewayError: `invalid_request` naming `param` for what is no image, video or sound; `too_large`.
        """
        ...

    async def discard(self, inputs: Sequence[MediaInput]) -> None:
        """Delete what `store` kept for a request that then came to nothing."""
        ...

    def check_url(self, url: str, *, param: str) -> None:
        """Raise GatewayError (`invalid_request` naming `param`) for a URL that we would never fetch."""
        ...

    def link(self, output: Output, variant: Literal["file", "poster"] = "file") -> str | None:
        """A signed public URL; the upstream's own while the file is not stored; None where there is nothing."""
        ...

    def link_expires_at(self, output: Output) -> float | None:
        """Seconds since the Unix epoch until which `link` certainly works."""
        ...

    async def serve(
        self, request: Request, output: Output, variant: Literal["file", "poster", "spritesheet"]
    ) -> Response:
        """The bytes, with `Range`, `ETag` and the right type, in constant memory. Raises GatewayError (`not_found`)."""
        ...


class Edge(msgspec.Struct, frozen=True):
    """All that a dialect's handlers may reach. The server puts it on `request.app.state.edge`."""

    tasks: Tasks
    media: Media
    catalogue: Catalogue
    models: Callable[[Principal], Sequence[str]]
    """The public model names that this caller can use now, sorted."""
    now: Callable[[], float]


class Dialect(msgspec.Struct, frozen=True):
    """One wire format: its routes, its error envelope, and its own webhook body where the protocol has one."""

    name: str
    prefixes: tuple[str, ...]
    """Paths under which errors are rendered in this dialect's envelope."""
    routes: Sequence[BaseRoute]
    render_error: Callable[[GatewayError, str], Response]
    """(error, request id) -> response."""
    callback_body: Callable[[View, Media], bytes] | None = None


def edge_of(request: Request) -> Edge:
    """The edge that serves `request`."""
    edge: Edge = request.app.state.edge
    return edge


def principal_of(request: Request) -> Principal:
    """Who sent `request`; the server's key check put it there."""
    principal: Principal = request.scope["principal"]
    return principal


def header(headers: Mapping[str, str], name: str) -> str | None:
    """One header, None where it is absent or empty."""
    return headers.get(name) or None
