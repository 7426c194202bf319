"""An in-memory house behind real dialect routes: fakes of everything that `Edge` reaches, and a client to call them."""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, cast

import httpx2
import msgspec
from PIL import Image
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from telecine.accounts.balances import Balance
from telecine.accounts.principal import Principal
from telecine.accounts.statement import EntryPage, KeyStanding
from telecine.assets.library import Assets
from telecine.config import PriceConfig
from telecine.dialects.base import Edge
from telecine.dialects.dialect import Dialect
from telecine.dialects.lookup import made_by
from telecine.dialects.rows import Create
from telecine.nouns import catalogue
from telecine.nouns.errors import GatewayError, TaskError, invalid
from telecine.nouns.ids import EPOCH_MS, RANDOM_BITS
from telecine.nouns.operations import OPERATIONS, makes_of
from telecine.nouns.request import GenerationRequest, MediaInput, Reference, Role
from telecine.nouns.task import Output, State, Task, Usage
from telecine.tasks.events import News
from telecine.tasks.idempotency import Idempotency
from telecine.tasks.view import Filter, Owner, Page, Place, View

NOW = 1763700000.25
REQUEST_ID = "e5577399-0114-4538-a12b-52cbd2bf9683"


def picture(width: int = 320, height: int = 320, form: str = "JPEG") -> bytes:
    """A whole picture."""
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(buffer, form)
    return buffer.getvalue()


def base64_of(content: bytes) -> str:
    """Raw base64, as Kling wants it."""
    return base64.b64encode(content).decode()


class FakeTasks:
    """Tasks in a list. `created` holds every request that came through."""

    def __init__(self) -> None:
        self.views: dict[int, View] = {}
        self.created: list[GenerationRequest] = []
        self.lists: list[dict[str, Any]] = []
        self.filters: dict[str, Any] = {}
        self.said: list[Idempotency | None] = []
        self.waits: list[float] = []
        self.line: dict[int, Place] = {}
        self.refusal: GatewayError | None = None
        self.at_once = False
        """Whether the upstream is already at work when `create` answers."""

    def check(self, principal: Principal, request: GenerationRequest) -> None:
        known = catalogue.load()
        if known.find(request.model) is None:
            names = ", ".join(model.name for model in known.models)
            raise GatewayError("not_found", f"The model '{request.model}' does not exist; use: {names}.", param="model")
        known.check(request)
        for name, novel in (request.native.novel if request.native is not None else {}).items():
            raise invalid(novel.objection, name)  # no channel here speaks the client's own dialect

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
        self.said.append(idempotency)
        self.check(principal, request)
        if self.refusal is not None:
            raise self.refusal
        used = {view.task.external_id for view in self.views.values()} - {None}
        if request.external_id in used:
            raise GatewayError("conflict", f"'{request.external_id}' has been used before.", param="external_id")
        self.created.append(request)
        if self.at_once:
            return self.add(request, dialect=dialect, form=form, state="running", started_at=NOW + 3)
        state: State = "draft" if draft else "queued"
        return self.add(request, dialect=dialect, form=form, account_id=principal.account_id, state=state)

    async def complete(self, principal: Principal, task_id: int, request: GenerationRequest) -> View:
        view = await self.get(principal, task_id)
        if view.task.state != "draft":
            raise GatewayError("conflict", "It is no draft.", param="id")
        self.created.append(request)
        done = msgspec.structs.replace(
            view.task, state="queued", request=request, model=request.model, operation=request.operation
        )
        self.views[task_id] = View(done, (), view.poll_after)
        return self.views[task_id]

    async def retry(self, principal: Principal, task_id: int, *, idempotency: Idempotency | None = None) -> View:
        before = (await self.get(principal, task_id)).task
        if not before.ended:
            raise GatewayError("conflict", "It has not ended yet.", param="id")
        self.said.append(idempotency)
        made = self.add(before.request, dialect=before.dialect, account_id=before.account_id)
        view = View(msgspec.structs.replace(made.task, retry_of=task_id), (), made.poll_after)
        self.views[made.task.id] = view
        return view

    async def wait(self, principal: Principal, task_id: int, seconds: float) -> View:
        self.waits.append(seconds)
        return await self.get(principal, task_id)

    async def owners(self, principal: Principal, views: Sequence[View]) -> dict[int, Owner]:
        return {view.task.id: Owner("tests", "k") for view in views} if principal.admin else {}

    async def places(self, views: Sequence[View]) -> dict[int, Place]:
        return {view.task.id: self.line[view.task.id] for view in views if view.task.id in self.line}

    def add(
        self,
        request: GenerationRequest,
        *,
        dialect: str = "tasks",
        form: str | None = None,
        account_id: int = 1,
        state: State = "queued",
        started_at: float | None = None,
        ended_at: float | None = None,
        progress: int = 0,
        outputs: int = 0,
        companions: Sequence[str] = (),
        error: TaskError | None = None,
        usage: Usage | None = None,
        poll_after: float | None = 2.5,
    ) -> View:
        """Put a task there in any state."""
        task_id = (int(NOW * 1000) - EPOCH_MS << RANDOM_BITS) + len(self.views) + 1
        task = Task(
            id=task_id,
            account_id=account_id,
            key_id=None,
            dialect=dialect,
            form=form,
            operation=request.operation,
            model=request.model,
            request=request,
            external_id=request.external_id,
            source_task=request.source.task if request.source else None,
            state=state,
            progress=progress,
            created_at=NOW,
            started_at=started_at,
            ended_at=ended_at,
            error=error,
            usage=usage,
        )
        kept = tuple(
            Output(
                task_id=task_id,
                index=index,
                item=index,
                kind=makes_of(request),
                state="stored",
                object_key="k",
                poster_key="p",
                content_type="video/mp4",
                bytes=3,
                width=1280,
                height=720,
                duration=5.041,
                sha256="ab",
            )
            for index in range(outputs)
        )
        kept += tuple(
            Output(
                task_id=task_id,
                index=outputs + number,
                part=part,
                kind="image",
                state="stored",
                object_key="k",
                content_type="image/png",
                width=640,
                height=640,
            )
            for number, part in enumerate(companions)
        )
        view = View(task, kept, None if task.ended else poll_after)
        self.views[task_id] = view
        return view

    def done(self, request: GenerationRequest, **more: Any) -> View:
        """Put a finished task there."""
        return self.add(request, state="succeeded", started_at=NOW + 1, ended_at=NOW + 9, outputs=1, **more)

    async def get(self, principal: Principal, task_id: int) -> View:
        view = self.views.get(task_id)
        if view is None or view.task.account_id != principal.account_id:
            raise GatewayError("not_found", "There is no such task.", param="id")
        return view

    async def shown(self, task_id: int) -> View:
        if task_id not in self.views:
            raise GatewayError("not_found", "There is no such task.", param="id")
        return self.views[task_id]

    async def source(self, principal: Principal, reference: Reference) -> View | None:
        return None if reference.task is None else await self.get(principal, reference.task)

    async def find_external(self, principal: Principal, external_id: str) -> View:
        for view in self.views.values():
            if view.task.external_id == external_id and view.task.account_id == principal.account_id:
                return view
        raise GatewayError("not_found", "There is no such task.", param="id")

    async def list(self, principal: Principal, wanted: Filter) -> Page:
        told = msgspec.structs.asdict(wanted)
        self.lists.append({name: told[name] for name in ("limit", "after", "offset", "ascending")})
        self.filters = {name: told[name] for name in ("key", "created_after", "created_before")}
        form, operations, after = wanted.form, wanted.operations, wanted.after
        found = [
            view
            for _, view in sorted(self.views.items(), reverse=not wanted.ascending)
            if view.task.account_id == principal.account_id
            and (form is None or made_by(view.task, form, operations))
            and (form is not None or not operations or view.task.operation in operations)
            and (wanted.kind is None or OPERATIONS[view.task.operation].makes == wanted.kind)
            and (not wanted.statuses or view.task.status in wanted.statuses)
            and (wanted.source is None or view.task.source_task == wanted.source)
            and (wanted.model is None or view.task.model == wanted.model)
            and (after is None or (view.task.id > after if wanted.ascending else view.task.id < after))
        ][wanted.offset :]
        return Page(tuple(found[: wanted.limit]), len(found) > wanted.limit)

    async def news(self, principal: Principal, task_id: int, after: int = 0) -> AsyncGenerator[News | None]:
        view = await self.get(principal, task_id)
        if after < view.task.version:
            yield News(view.task.version, f"task.{view.task.status}", view)

    async def cancel(self, principal: Principal, task_id: int) -> View:
        view = await self.get(principal, task_id)
        task = msgspec.structs.replace(view.task, state="cancelled", ended_at=NOW + 1)
        self.views[task_id] = View(task)
        return View(task, cancellation="cancelled")

    async def delete(self, principal: Principal, task_id: int) -> View:
        view = await self.get(principal, task_id)
        del self.views[task_id]
        return view if view.task.ended else msgspec.structs.replace(view, cancellation="marked")


class FakeMedia:
    """Keeps what is stored in a list, and looks at pictures with Pillow."""

    def __init__(self) -> None:
        self.stored: list[tuple[str, bytes]] = []
        self.served: list[str] = []

    async def store(
        self, principal: Principal, role: Role, chunks: AsyncIterator[bytes], *, param: str, max_bytes: int
    ) -> MediaInput:
        content = b"".join([chunk async for chunk in chunks])
        if len(content) > max_bytes:
            raise GatewayError("too_large", f"'{param}' is larger than {max_bytes} bytes.", param=param)
        try:
            seen = Image.open(io.BytesIO(content))
        except OSError:
            raise invalid(f"What '{param}' holds is not an image.", param) from None
        self.stored.append((param, content))
        kind = f"image/{(seen.format or '').lower()}"
        return MediaInput(
            role,
            object_key=f"in/{len(self.stored)}",
            content_type=kind,
            bytes=len(content),
            width=seen.width,
            height=seen.height,
        )

    async def discard(self, inputs: Sequence[MediaInput]) -> None:
        kept = {item.object_key for item in inputs}
        self.stored = [one for number, one in enumerate(self.stored, 1) if f"in/{number}" not in kept]

    def check_url(self, url: str, *, param: str) -> None:
        if not url.startswith(("http://", "https://")) or "127.0.0.1" in url:
            raise invalid(f"The URL in '{param}' cannot be used.", param)

    def link(self, output: Output, variant: Literal["file", "poster"] = "file", *, until: float = 0.0) -> str | None:
        return f"https://media.test/{output.index}/{variant}.mp4" if output.state == "stored" else None

    def object_link(self, key: str) -> str:
        return f"https://media.test/{key}"

    def object_of(self, url: str) -> str | None:
        key = url.removeprefix("https://media.test/in/")
        return key if key != url and int(key) <= len(self.stored) else None

    async def read_object(self, key: str) -> AsyncGenerator[bytes]:
        yield self.stored[int(key) - 1][1]

    def ticket(self, name: str) -> str:
        return f"for-{name}"

    def admits(self, name: str, ticket: str) -> bool:
        return ticket == self.ticket(name)

    def link_expires_at(self, output: Output) -> float | None:
        return NOW + 3600.9

    async def read(self, output: Output) -> AsyncGenerator[bytes]:
        for chunk in (b"pic", b"ture", b"s!"):
            yield chunk

    async def serve(
        self, request: Request, output: Output, variant: Literal["file", "poster", "spritesheet"]
    ) -> Response:
        self.served.append(variant)
        return Response(b"bytes", media_type="video/mp4")


class FakeAssets:
    """The libraries of accounts, by the number of the asset: whose it is, and what."""

    def __init__(self) -> None:
        self.kept: dict[int, tuple[int, MediaInput | GatewayError]] = {}

    def add(self, number: int, role: Role = "image", *, account: int = 1, **more: Any) -> MediaInput:
        """Put a file there."""
        content = {"image": "image/png", "video": "video/mp4", "audio": "audio/mpeg"}[role]
        item = MediaInput(role, object_key=f"a{account}/{number}", content_type=content, sha256="5a", asset_id=number)
        self.kept[number] = account, msgspec.structs.replace(item, **{"width": 640, "height": 640, "bytes": 9, **more})
        return item

    async def resolve(self, principal: Principal, asset_id: int) -> MediaInput:
        owner, found = self.kept.get(asset_id, (0, None))
        if found is None or owner != principal.account_id:
            raise GatewayError("not_found", "There is no such asset.")
        if isinstance(found, GatewayError):
            raise found
        return found


class FakeAccounts:
    """The books of one account, which every caller has. Amounts in micro-units."""

    currency = "USD"

    def __init__(self) -> None:
        self.has = Balance("tests", 10_000_000, 350_000, 1_250_000, NOW - 86400)
        self.standing = KeyStanding("test", 1_250_000, 9_650_000, None)
        self.asked: list[tuple[float | None, float | None]] = []
        self.lines: list[PriceConfig] = []
        self.page = EntryPage([], False, None)
        self.paged: dict[str, Any] = {}

    def prices(self, model: str) -> list[PriceConfig]:
        return [line for line in self.lines if line.model == model]

    async def balance(self, principal: Principal) -> Balance:
        return self.has

    async def key(self, principal: Principal, since: float | None = None, until: float | None = None) -> KeyStanding:
        self.asked.append((since, until))
        return self.standing

    async def entries(self, *, account_id: int, limit: int, after: str | None = None) -> EntryPage:
        self.paged = {"account_id": account_id, "limit": limit, "after": after}
        return self.page


def bounded(dialect: Dialect, most: int) -> Dialect:
    """`dialect` with so many bytes at the most for a file within a request."""
    rows = tuple(msgspec.structs.replace(row, most=most) if isinstance(row, Create) else row for row in dialect.rows)
    return msgspec.structs.replace(dialect, rows=rows)


def _sealed(headers: Mapping[str, str], account: int) -> bytes | None:
    """Told back to the same account only, as the real ones are."""
    return msgspec.json.encode((account, dict(headers)))[::-1] if headers else None


def _opened(sealed: bytes | None, account: int) -> dict[str, str] | None:
    if sealed is None:
        return {}
    owner, headers = msgspec.json.decode(sealed[::-1], type=tuple[int, dict[str, str]])
    return headers if owner == account else None


class House:
    """One dialect (and, after it, others) on a bare application."""

    def __init__(self, *dialects: Dialect) -> None:
        self.tasks = FakeTasks()
        self.media = FakeMedia()
        self.assets = FakeAssets()
        self.accounts = FakeAccounts()
        self.now = NOW
        self.usable = [model.name for model in catalogue.load().models]
        self.edge = Edge(
            tasks=self.tasks,
            media=self.media,
            catalogue=catalogue.load(),
            models=lambda principal: self.usable,
            now=lambda: self.now,
            accounts=self.accounts,
            assets=cast(Assets, self.assets),
            public_url=lambda: "https://telecine.test",
            sealed=_sealed,
            opened=_opened,
        )

        async def refuse(request: Request, error: Exception) -> Response:
            assert isinstance(error, GatewayError)
            told: Dialect = request.scope.get("dialect", dialects[0])
            return told.render_error(error, REQUEST_ID)

        app = Starlette(
            routes=[route for dialect in dialects for route in dialect.routes],
            exception_handlers={GatewayError: refuse},
        )
        app.state.edge = self.edge
        self.app: ASGIApp = _Keyed(app, dialects)

    def client(self) -> AbstractAsyncContextManager[httpx2.AsyncClient]:
        """A client that raises whatever the application raises."""
        return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=self.app), base_url="http://telecine.test")

    async def call(self, method: str, path: str, **more: Any) -> httpx2.Response:
        """One call."""
        async with self.client() as client:
            return await client.request(method, path, **more)

    @property
    def request(self) -> GenerationRequest:
        """The one request that came through."""
        (found,) = self.tasks.created
        return found

    @property
    def untouched(self) -> bool:
        """Whether nothing was stored and no task was made."""
        return not self.tasks.created and not self.media.stored


class _Keyed:
    """Stands for the server's key check: the account is in a header."""

    def __init__(self, app: ASGIApp, dialects: Sequence[Dialect]) -> None:
        self._app = app
        self._dialects = dialects

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        account = dict(scope["headers"]).get(b"x-account", b"1")
        scope["principal"] = Principal(int(account), None, "test")
        scope["request_id"] = REQUEST_ID
        any(dialect.cut(scope) for dialect in self._dialects)
        await self._app(scope, receive, send)
