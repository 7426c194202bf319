"""Our own API takes no query parameter that its document does not name: a slip of the pen must not widen a list."""

from __future__ import annotations

import re
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from telecine.nouns.errors import invalid
from telecine.server.described import OPERATIONS
from telecine.server.operation import Group, Operation

_OWN: Final[frozenset[Group]] = frozenset({"tasks", "webhooks", "account", "admin"})
_KIND: Final = re.compile(r":\w+\}")
_MOST_SHOWN: Final = 64


def strict(route: Route) -> Route:
    """`route`, refusing unknown query parameters where it is of our own API; others are as lenient as their vendors."""
    path = _KIND.sub("}", route.path)
    methods = route.methods or set()
    found = [one for one in OPERATIONS if one.group in _OWN and one.path == path and one.method in methods]
    if not found:
        return route
    (operation,) = found
    handle = route.endpoint

    async def checked(request: Request) -> Response:
        _refuse_unknown(request, operation)
        answer: Response = await handle(request)
        return answer

    return Route(route.path, checked, methods=[operation.method], name=route.name)


def _refuse_unknown(request: Request, operation: Operation) -> None:
    """Raise GatewayError (`invalid_request`) naming what is unknown. `key` may carry the caller's API key."""
    known = [one.name for one in operation.query]
    unknown = [name[:_MOST_SHOWN] for name in request.query_params if name not in known]
    if request.scope.get("key_in_query"):
        unknown = [name for name in unknown if name != "key"]
    if not unknown:
        return
    named = ", ".join(f"'{name}'" for name in unknown[:5])
    there = f"These are known here: {', '.join(known)}." if known else "None is known here."
    if "key" in unknown:
        there += " 'key' carries an API key, and only where no header does"
        there += "; to filter by key, write key_name." if "key_name" in known else "."
    raise invalid(f"Unknown query parameter: {named}. {there}", unknown[0])
