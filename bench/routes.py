"""What finding a route costs, by how many there are: ours, and Starlette's list beside it."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import MutableMapping
from typing import Any

from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from bench.process import ROOT
from bench.table import Row

_NUMBERS = (1, 40, 150, 400)
_TURNS = 3000


async def routes(python: str) -> list[Row]:
    """For each number of routes, in a process of the tree that is measured."""
    process = await asyncio.create_subprocess_exec(
        python, "-m", "bench.routes", cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    found = json.loads((await process.communicate())[0])
    return [Row(f"a request among {number} routes", found[str(number)]) for number in _NUMBERS]


async def _nothing(_: object) -> Response:
    return Response()


async def _receive() -> MutableMapping[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _send(_: MutableMapping[str, Any]) -> None:
    return


async def _cost(app: ASGIApp, paths: list[str]) -> float:
    """Microseconds a request, the routes asked for in turn."""
    began = time.process_time()
    for turn in range(_TURNS):
        scope = {"type": "http", "method": "GET", "path": paths[turn % len(paths)], "headers": [], "root_path": ""}
        await app(scope, _receive, _send)
    return (time.process_time() - began) / _TURNS * 1e6


async def _measured() -> dict[int, dict[str, float]]:
    from telecine.server.routes import Routes

    found = {}
    for number in _NUMBERS:
        table = [Route(f"/family{one // 4}/things{one % 4}/{{id}}", _nothing) for one in range(number)]
        paths = [f"/family{one // 4}/things{one % 4}/17" for one in range(number)]
        ours, theirs = await _cost(Routes(table), paths), await _cost(Router(table), paths)
        found[number] = {"µs": ours, "/s": 1e6 / ours, "µs with Starlette's list": theirs}
    return found


if __name__ == "__main__":
    json.dump(asyncio.run(_measured()), sys.stdout)
