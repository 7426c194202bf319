"""What finding a route and a dialect costs, by how many there are: ours, and a list that is gone through beside it."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, MutableMapping
from typing import Any

from msgspec.structs import replace
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from bench.process import ROOT
from bench.table import Row

_NUMBERS = (1, 40, 150, 400)
_DIALECTS = (1, 10, 100)
_TURNS = 3000


async def routes(python: str) -> list[Row]:
    """For each number of routes, in a process of the tree that is measured."""
    process = await asyncio.create_subprocess_exec(
        python, "-m", "bench.routes", cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    found = json.loads((await process.communicate())[0])
    return [Row(name, figures) for name, figures in found.items()]


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


async def _measured() -> dict[str, dict[str, float]]:
    from telecine.server.routes import Routes

    found = {}
    for number in _NUMBERS:
        table = [Route(f"/family{one // 4}/things{one % 4}/{{id}}", _nothing) for one in range(number)]
        paths = [f"/family{one // 4}/things{one % 4}/17" for one in range(number)]
        ours, theirs = await _cost(Routes(table), paths), await _cost(Router(table), paths)
        found[f"a request among {number} routes"] = {"µs": ours, "/s": 1e6 / ours, "µs with Starlette's list": theirs}
    return found | {f"its dialect among {number}": _claimed(number) for number in _DIALECTS}


def _claimed(number: int) -> dict[str, float]:
    """Microseconds to find the dialect of a request, each asked for in turn; older trees have only the list."""
    from telecine.dialects import dialect
    from telecine.dialects.served import DIALECTS

    many = [replace(DIALECTS[0], claimed=(dialect.Claim(f"/dialect{one}"),)) for one in range(number)]
    scopes: list[dict[str, Any]] = [
        {"type": "http", "path": f"/dialect{one}/things/17", "headers": []} for one in range(number)
    ]
    listed = dialect.by_claim(many)
    ways: dict[str, Callable[[dict[str, Any]], object]] = {}
    if hasattr(dialect, "Claims"):
        ways["µs"] = dialect.Claims(many).of
    ways["µs with a list"] = lambda scope: next(one for claim, one in listed if claim.holds(scope))
    found = {}
    for name, way in ways.items():
        began = time.process_time()
        for turn in range(_TURNS):
            way(scopes[turn % number])
        found[name] = (time.process_time() - began) / _TURNS * 1e6
    return found


if __name__ == "__main__":
    json.dump(asyncio.run(_measured()), sys.stdout)
