"""What a dialect may reach of the rest of the house."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from typing import Literal, Protocol, cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from telecine.accounts.balances import Balance
from telecine.accounts.principal import Principal
from telecine.accounts.statement import EntryPage, KeyStanding
from telecine.assets.library import Assets
from telecine.config import LimitsConfig, PriceConfig
from telecine.dialects.room import Room
from telecine.dialects.streams import Streams, Waits
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.rate import Windows
from telecine.nouns.request import GenerationRequest, MediaInput, Reference, Role
from telecine.nouns.task import Output
from telecine.nouns.workflows import Workflows
from telecine.tasks.events import News
from telecine.tasks.idempotency import HEADER, Idempotency
from telecine.tasks.view import Filter, Owner, Page, Place, View


class Tasks(Protocol):
    """Tasks, as a dialect may use them. Another account's task is `not_found` everywhere."""

    async def create(
        self,
        principal: Principal,
        request: GenerationRequest,
        dialect: str,
        *,
        form: str | None = None,
        idempotency: Idempotency | None = None,
        draft: bool = False,
    ) -> View:
        """Validate, store, and wait (10 s at most) for the first step. Raises GatewayError.

        `form` is the path that makes it, as `kling:text2video`, where lists go by that.
        A refusal by the upstream within the wait is raised too, and leaves a failed task that says why.
        A request that was sent before, by its `idempotency` or its external id, gets the answer of the task that it
        made then; the media stored for it are deleted again. Raises `conflict` where they stand for another request.
        """
        ...

    async def complete(self, principal: Principal, task_id: int, request: GenerationRequest) -> View:
        """Queue a draft (`create` with `draft`) with `request` in the place of its own, checked and priced anew; then
        wait as `create` does. Raises GatewayError, and then it stays a draft.

        Sent again, the same request is answered with the task as it is by then.
        """
        ...

    async def retry(self, principal: Principal, task_id: int, *, idempotency: Idempotency | None = None) -> View:
        """Make a new task from the request of one that has ended; `create` says the rest."""
        ...

    def check(self, principal: Principal, request: GenerationRequest) -> None:
        """Raise what `create` would, as far as that can be told without storing anything.

        Dialects call it before they store inline media, so that a request that cannot be served leaves nothing
        behind; its inputs are placeholders then, with a role and at most a URL.
        """
        ...

    async def get(self, principal: Principal, task_id: int) -> View: ...

    async def shown(self, task_id: int) -> View:
        """The task, for whoever shows a ticket for it. Raises GatewayError (`not_found`)."""
        ...

    async def source(self, principal: Principal, reference: Reference) -> View | None:
        """The task that made what `reference` means; None where none of ours did. Raises GatewayError (`not_found`)."""
        ...

    async def find_external(self, principal: Principal, external_id: str) -> View:
        """The task that the client named `external_id`. Raises GatewayError (`not_found`)."""
        ...

    async def list(self, principal: Principal, wanted: Filter) -> Page:
        """One page of the account's tasks, of every account's for an administrator."""
        ...

    async def wait(self, principal: Principal, task_id: int, seconds: float) -> View:
        """The task once it has ended, or as it is after `seconds`."""
        ...

    async def owners(self, principal: Principal, views: Sequence[View]) -> dict[int, Owner]:
        """By task id, whose the tasks are; nothing for who is no administrator."""
        ...

    async def places(self, views: Sequence[View]) -> dict[int, Place]:
        """By task id, the place of each task that stands in line for an upstream slot."""
        ...

    def news(self, principal: Principal, task_id: int, after: int = 0) -> AsyncGenerator[News | None]:
        """The task's events behind the one with the number `after`, as they happen, until the task ends.

        None comes every second without any. Raises GatewayError (`not_found`) at the first.
        """
        ...

    async def cancel(self, principal: Principal, task_id: int) -> View:
        """Cancel a queued task at once; ask the upstream to stop a running one. `View.cancellation` says what came
        of it; a task that has ended stays as it is."""
        ...

    async def delete(self, principal: Principal, task_id: int) -> View:
        """Put a tombstone on the task (and cancel it where it still runs, as `cancel` does); it is `not_found` from
        then on. Those who are told of its news still hear of its end, without outputs."""
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

    def link(self, output: Output, variant: Literal["file", "poster"] = "file", *, until: float = 0.0) -> str | None:
        """A signed public URL, good until `until` at the least (seconds since the Unix epoch) and for as long as all
        are; the upstream's own while the file is not stored; None where there is nothing."""
        ...

    def link_expires_at(self, output: Output) -> float | None:
        """Seconds since the Unix epoch until which `link` certainly works."""
        ...

    def object_link(self, key: str) -> str:
        """A signed public URL of what `store` stored under `key`, good for some hours."""
        ...

    def object_of(self, url: str) -> str | None:
        """The key of what an `object_link` that is still good leads to; None for any other URL."""
        ...

    def read_object(self, key: str) -> AsyncGenerator[bytes]:
        """The bytes under `key`, in chunks. Raises FileNotFoundError where they are gone."""
        ...

    def ticket(self, name: str) -> str:
        """What opens the thing with this name to whoever has no key, for as long as links are good."""
        ...

    def admits(self, name: str, ticket: str) -> bool:
        """Whether `ticket` made this one for `name`, and it is still good."""
        ...

    def read(self, output: Output) -> AsyncGenerator[bytes]:
        """The bytes of a stored output, in chunks. Raises FileNotFoundError where it is gone."""
        ...

    async def serve(
        self, request: Request, output: Output, variant: Literal["file", "poster", "spritesheet"]
    ) -> Response:
        """The bytes, with `Range`, `ETag` and the right type, in constant memory. Raises GatewayError (`not_found`)."""
        ...


class Accounts(Protocol):
    """Money, as a dialect may show it: the caller's own, and the price book."""

    currency: str

    @property
    def prices(self) -> Callable[[str], Sequence[PriceConfig]]:
        """Finds the lines of the price book for a public model name; none where it is free."""
        ...

    async def balance(self, principal: Principal) -> Balance:
        """The balance of the caller's account."""
        ...

    async def key(self, principal: Principal, since: float | None = None, until: float | None = None) -> KeyStanding:
        """The caller's key, and what it has spent from `since` until before `until` (seconds since the Unix epoch)."""
        ...

    async def entries(self, *, account_id: int, limit: int, after: str | None = None) -> EntryPage:
        """One page of an account's ledger. Raises GatewayError (`not_found`) where `after` is no entry of it."""
        ...


def _unsealed(_headers: Mapping[str, str], _account: int) -> bytes | None:
    raise LookupError("nothing here can seal the headers of a webhook")


def _unopened(_sealed: bytes | None, _account: int) -> dict[str, str] | None:
    return None


class _Nothing:
    def __getattr__(self, name: str) -> object:
        raise LookupError("nothing here keeps assets")


class Edge(msgspec.Struct, frozen=True):
    """All that a dialect's handlers may reach. The server puts it on `request.app.state.edge`."""

    tasks: Tasks
    media: Media
    catalogue: Catalogue
    models: Callable[[Principal], Sequence[str]]
    """The public model names that this caller can use now, sorted."""
    now: Callable[[], float]
    accounts: Accounts
    assets: Assets = msgspec.field(default_factory=lambda: cast(Assets, _Nothing()))
    """The files that accounts keep, to refer to in requests."""
    public_url: Callable[[], str] = str
    """Where clients reach us, without a slash at its end."""
    workflows: Workflows = msgspec.field(default_factory=Workflows)
    """The apps that are models: by name, and by the number of the app."""
    asked: Windows = msgspec.field(default_factory=Windows)
    """What callers have asked where a protocol says how often they may, counted in the memory of this process."""
    streams: Streams = msgspec.field(default_factory=lambda: Streams(LimitsConfig().event_streams))
    """What callers follow at this moment."""
    waits: Waits = msgspec.field(default_factory=Waits)
    """Whose requests wait for the end of a task."""
    room: Room = msgspec.field(default_factory=Room)
    """For large bodies; `bodies.read_object` takes it."""
    sealed: Callable[[Mapping[str, str], int], bytes | None] = _unsealed
    """The headers that a client wants its webhooks to have, as its account's requests keep them; None for none."""
    opened: Callable[[bytes | None, int], dict[str, str] | None] = _unopened
    """What `sealed` sealed for that account; None where it was sealed with a key that is no longer here."""


def edge_of(request: Request) -> Edge:
    """The edge that serves `request`."""
    edge: Edge = request.app.state.edge
    return edge


def principal_of(request: Request) -> Principal:
    """Who sent `request`; the server's key check put it there."""
    principal: Principal = request.scope["principal"]
    return principal


def idempotency_of(request: Request) -> Idempotency:
    """What `request` says about having been sent before. Raises GatewayError (`invalid_request`) for a bad key."""
    return Idempotency.read(request.headers.get(HEADER), request.headers.get("x-stainless-retry-count"))


def header(headers: Mapping[str, str], name: str) -> str | None:
    """One header, None where it is absent or empty."""
    return headers.get(name) or None
