"""Our own API takes no query parameter that its document does not name: a slip of the pen must not widen a list."""

from __future__ import annotations

import re
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from telecine.dialects.lookup import refuse_unknown
from telecine.server.described import OWN

_KIND: Final = re.compile(r":\w+\}")


def strict(route: Route) -> Route:
    """`route`, refusing unknown query parameters where it is of the management API; a dialect's rows see to theirs."""
    path = _KIND.sub("}", route.path)
    methods = route.methods or set()
    found = [one for one in OWN if one.path == path and one.method in methods]
    if not found:
        return route
    (operation,) = found
    known = [one.name for one in operation.query]
    handle = route.endpoint

    async def checked(request: Request) -> Response:
        refuse_unknown(request, known)
        answer: Response = await handle(request)
        return answer

    route.endpoint = checked
    return route
