"""The admin API of what runs, and what is wrong with it: `/admin/v1/config` and `/admin/v1/doctor`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from telecine.accounts.principal import Principal
from telecine.config import ConfigError, catalogue_of
from telecine.dialects.bodies import json_response
from telecine.nouns.errors import invalid
from telecine.upkeep.doctor import findings
from telecine.upkeep.figures import Figures
from telecine.upkeep.reload import Reload, Revision, masked
from telecine.upkeep.rules import advice


class Configuration:
    """The handlers. `mask` is the key of the digests that stand for secrets."""

    def __init__(self, reload: Reload, measure: Callable[[], Awaitable[Figures]], mask: bytes) -> None:
        self._reload = reload
        self._measure = measure
        self._mask = mask

    @property
    def routes(self) -> list[Route]:
        """Every route."""
        return [
            Route("/admin/v1/config", self.running_config, methods=["GET"]),
            Route("/admin/v1/config/reload", self.reload, methods=["POST"]),
            Route("/admin/v1/config/revisions", self.revisions, methods=["GET"]),
            Route("/admin/v1/doctor", self.doctor, methods=["GET"]),
        ]

    async def running_config(self, _: Request) -> Response:
        """What runs, with a keyed digest in place of each secret."""
        return json_response(masked(self._reload.running, self._mask))

    async def reload(self, request: Request) -> Response:
        """Read the configuration file again. 400 where it is not right; nothing has changed then."""
        principal: Principal = request.scope["principal"]
        try:
            made = await self._reload.reload(principal.name)
        except ConfigError as error:
            raise invalid(str(error)) from None
        found = advice(self._reload.running, catalogue_of(self._reload.running))
        warnings = [str(one) for one in found if one.level == "warning"]
        return json_response(
            {"object": "config.reload", "revision": _told(made) if made else None, "warnings": warnings}
        )

    async def revisions(self, _: Request) -> Response:
        """The newest revisions first."""
        return json_response({"object": "list", "data": [_told(one) for one in await self._reload.revisions()]})

    async def doctor(self, _: Request) -> Response:
        """What was looked at and what was found."""
        found = findings(await self._measure())
        return json_response({"object": "list", "ok": not any(one.wrong for one in found), "data": found})


def _told(revision: Revision) -> dict[str, Any]:
    lines = [str(change) for change in revision.changes]
    return {"object": "config.revision", **msgspec.structs.asdict(revision), "lines": lines}
