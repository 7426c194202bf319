"""One wire format as a table: what it claims, its rows, its ids, its errors, and what it tells those who wait."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from telecine.dialects.base import Edge, edge_of
from telecine.dialects.call import Call
from telecine.dialects.document import Entry, Method, Sent
from telecine.dialects.errors import Errors
from telecine.dialects.lookup import refuse_unknown
from telecine.dialects.rows import Row
from telecine.nouns.errors import GatewayError
from telecine.nouns.ids import DECIMAL, IdForm
from telecine.tasks.view import View
from telecine.webhooks.delivery import PROGRESS, Message, Tidings

Announce = Callable[[View, Tidings, Edge], Message | None]
"""What is posted to the URL that a request named, for something that has happened to its task; None for nothing."""
_EVERY: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_RESERVED: Final = ("GET", "POST", "DELETE")
_CONVERTER: Final = re.compile(r":\w+\}")


def _plain(scope: Scope) -> str:
    """The method, which for a head alone is that of the whole."""
    method: str = scope.get("method", "GET")
    return "GET" if method == "HEAD" else method


class Claim(msgspec.Struct, frozen=True):
    """Requests that are a dialect's: under `prefix`; of those, where it says so, the ones whose path goes on in `form`
    (an id's form, a `:verb`), the ones that carry `header` (in lower case), and the ones with this method."""

    prefix: str
    form: re.Pattern[str] | None = None
    header: str | None = None
    method: str | None = None
    video_format: str | None = None
    """Only those whose key asks for its videos in this format; it is known once the key has been checked."""
    key: str | None = None
    """Only those whose key says that what several dialects have is this one's; known as late."""

    @property
    def narrow(self) -> bool:
        """The path's beginning alone does not decide."""
        return not all(one is None for one in (self.form, self.header, self.method, self.video_format, self.key))

    def holds(self, scope: Scope) -> bool:
        """Whether the request of `scope` is one of these."""
        path: str = scope["path"]
        if not path.startswith(self.prefix):
            return False
        if self.video_format is not None and getattr(scope.get("principal"), "video_format", None) != self.video_format:
            return False
        if self.key is not None and getattr(scope.get("principal"), "dialect", None) != self.key:
            return False
        if self.form is not None and not self.form.fullmatch(path, len(self.prefix)):
            return False
        if self.method is not None and _plain(scope) != self.method:
            return False
        return self.header is None or any(name == self.header.encode() for name, _ in scope["headers"])


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """One wire format. Each row is served under each of `roots`."""

    name: str
    title: str = ""
    """What the document calls it, and says of it; empty for what belongs to another dialect of the same name."""
    about: str = ""
    claimed: tuple[Claim, ...]
    """Where errors are rendered in this dialect's envelope. The longest prefix wins; of equal ones, the narrow."""
    roots: tuple[str, ...] = ("",)
    rows: tuple[Row, ...]
    lent: tuple[tuple[Method, str], ...] = ()
    """Methods of paths, with their root, that another dialect has too, whose table serves them and hands over what is
    this one's (`telecine.dialects.shared`)."""
    folded: tuple[str, ...] = ()
    """Paths that are served in whatever case they are written; these are in lower case."""
    ahead: Mapping[str, str] = {}
    """What may stand before the first of `roots` (`/mj-fast`), and what that says of a request (`Call.ahead`)."""
    reserved: tuple[str, ...] = ()
    """Paths at which no id stands, and nothing is served yet."""
    id_form: IdForm = DECIMAL
    """How it writes the id of a task."""
    errors: Errors
    announce: Announce | None = None
    """None for a protocol without webhooks of its own: a URL that a request names is told in our own form."""
    sent: tuple[Sent, ...] = ()
    """What `announce` posts, for the document."""
    strict: bool = False
    """Query parameters that no row names are refused: our own API; others are as lenient as their vendors."""
    every_method: bool = False
    """A wrong method is told in this dialect's own way, as something that is not there."""

    def claims(self, scope: Scope) -> bool:
        """Whether the request of `scope` is in this dialect, as far as it can tell alone."""
        return any(claim.holds(scope) for claim in self.claimed)

    def render_error(self, error: GatewayError, request_id: str) -> Response:
        """The answer that tells `error`."""
        return self.errors.render(error, request_id)

    @property
    def open_paths(self) -> tuple[str, ...]:
        """Paths that need no key, as far as their first variable."""
        return tuple(root + row.path.partition("{")[0] for root in self.roots for row in self.rows if row.open)

    @property
    def shown_paths(self) -> tuple[str, ...]:
        """Paths that need no key with a ticket, as far as their first variable."""
        return tuple(root + row.path.partition("{")[0] for root in self.roots for row in self.rows if row.ticket)

    def cut(self, scope: Scope) -> bool:
        """Take what stands ahead of a path's root off it; whether anything did."""
        path: str = scope["path"]
        first = path[: path.find("/", 1)]
        said = self.ahead.get(first)
        if said is None or not scope["raw_path"].startswith(f"{first}{self.roots[0]}/".encode()):
            return False
        scope["ahead"], scope["path"] = said, path[len(first) :]
        scope["raw_path"] = scope["raw_path"][len(first) :]
        return True

    @property
    def folded_paths(self) -> frozenset[str]:
        """Paths whose case does not matter."""
        return frozenset(root + path for root in self.roots for path in self.folded)

    @property
    def entries(self) -> list[Entry]:
        """What the document says."""
        rows = [(root, row) for root in self.roots for row in self.rows if self._serves(root, row) and not row.hidden]
        return [_entry(self.name, root, row) for root, row in rows]

    @property
    def routes(self) -> list[Route]:
        """One route for each path, whatever its methods, in the order of the rows."""
        paths: dict[str, dict[str, Row]] = {}
        for root in self.roots:
            for row in self.rows:
                if self._serves(root, row):
                    paths.setdefault(root + row.path, {})[row.method] = row
        narrow = any(claim.narrow for claim in self.claimed)
        kind = _Claimed if narrow else Route
        found = [kind(root + path, _reserved, methods=_RESERVED) for root in self.roots for path in self.reserved]
        for path, methods in paths.items():
            found.append(kind(path, self._served(methods), methods=_EVERY if self.every_method else list(methods)))
        for route in found:
            if isinstance(route, _Claimed):
                route.dialect = self
        return found

    def _serves(self, root: str, row: Row) -> bool:
        return (row.method, root + row.path) not in self.lent

    def _served(self, methods: Mapping[str, Row]) -> Callable[[Request], Awaitable[Response]]:
        known = (
            {name: [one.name for one in row.described()["query"]] for name, row in methods.items()}
            if self.strict
            else {}
        )

        async def serve(request: Request) -> Response:
            row = methods.get(_plain(request.scope))
            if row is None:
                raise GatewayError("not_found", f"The method {request.method} is not served here.", param="method")
            if self.strict:
                refuse_unknown(request, known[row.method])
            request.scope["creates"] = row.creates
            principal: Any = request.scope.get("principal")
            return await row.serve(Call(request, self.name, edge_of(request), principal))

        return serve


def each_status(body: Callable[[View, Edge], msgspec.Struct]) -> Announce:
    """Tells every new status with `body`; progress is no news to such a protocol."""

    def announce(view: View, news: Tidings, edge: Edge) -> Message | None:
        return None if news.type == PROGRESS else Message(msgspec.json.encode(body(view, edge)))

    return announce


class _Claimed(Route):
    """A route of a dialect that shares paths with others: it serves what is this dialect's and nothing else."""

    dialect: Dialect

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope.get("dialect", self.dialect) is not self.dialect:
            return Match.NONE, {}
        return super().matches(scope)


async def _reserved(request: Request) -> Response:
    raise GatewayError("not_found", f"'{request.url.path}' is not supported yet.")


def _entry(group: str, root: str, row: Row) -> Entry:
    return Entry(group, row.method, _CONVERTER.sub("}", root + row.path), row.summary, **row.described())


def by_claim(dialects: Sequence[Dialect]) -> list[tuple[Claim, Dialect]]:
    """Every claim, the one that wins first."""
    found = [(claim, dialect) for dialect in dialects for claim in dialect.claimed]
    return sorted(found, key=lambda one: (-len(one[0].prefix), not one[0].narrow))


class Claims:
    """Whose a request is, at a cost that does not grow with the number of dialects."""

    def __init__(self, dialects: Sequence[Dialect]) -> None:
        self._by_prefix: dict[str, list[tuple[Claim, Dialect]]] = {}
        for claim, dialect in by_claim(dialects):
            self._by_prefix.setdefault(claim.prefix, []).append((claim, dialect))
        self._lengths = sorted({len(prefix) for prefix in self._by_prefix}, reverse=True)

    def of(self, scope: Scope) -> Dialect | None:
        """The dialect of the request; None where nobody claims it."""
        path: str = scope["path"]
        for length in self._lengths:
            for claim, dialect in self._by_prefix.get(path[:length], ()):
                if not claim.narrow or claim.holds(scope):
                    return dialect
        return None
