"""The admin API of models, `/admin/v1/models`: what is known, what is served and by whom, and what an upstream has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from telecine.accounts.prices import PriceBook
from telecine.config import Config
from telecine.dialects.bodies import json_response
from telecine.net.client import FetchError
from telecine.nouns.catalogue import Ability, Catalogue
from telecine.nouns.errors import GatewayError
from telecine.nouns.text import handy
from telecine.providers.base import Lister
from telecine.routing.router import Router

_MOST: Final = 2000
"""Names that are told of an upstream; relays have hundreds."""
_LONGEST: Final = 200
"""Characters of a name; what is longer is none."""


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A model. `source`: where it is known from, the catalogue as shipped, `[[models]]` of the file, or nothing but a
    channel's own list (then it has no abilities, and only its upstream judges what is asked of it)."""

    object: str = "model"
    name: str
    vendor: str | None
    aliases: list[str]
    abilities: list[Ability]
    channels: list[str]
    priced: bool
    source: Literal["catalogue", "file", "channel"]


class ModelInfos(msgspec.Struct, frozen=True):
    """Every model that is known or served, by name."""

    data: list[ModelInfo]
    object: str = "list"


class Discovered(msgspec.Struct, frozen=True):
    """A name that an upstream has. `served`: under that name a request would run on this channel; `known`: the
    catalogue says what it can do."""

    name: str
    served: bool
    known: bool


class Discovery(msgspec.Struct, frozen=True):
    """What the upstream of a channel says that it has."""

    channel: str
    data: list[Discovered]
    object: str = "list"


class ModelAdmin:
    """The handlers. `running`: the configuration that runs; `prices`: the book as it is now."""

    def __init__(
        self, catalogue: Catalogue, router: Router, running: Callable[[], Config], prices: Callable[[], PriceBook]
    ) -> None:
        self._catalogue = catalogue
        self._router = router
        self._running = running
        self._prices = prices

    @property
    def routes(self) -> list[Route]:
        """Every route."""
        return [
            Route("/admin/v1/models", self.list, methods=["GET"]),
            Route("/admin/v1/models/{name:path}", self.read, methods=["GET"]),
            Route("/admin/v1/channels/{name}/discover", self.discover, methods=["POST"]),
        ]

    async def list(self, _: Request) -> Response:
        """All that the catalogue knows or a channel serves, workflows too."""
        names = sorted({one.name for one in self._catalogue.models} | set(self._router.names()))
        return json_response(ModelInfos([self._info(name) for name in names]))

    async def read(self, request: Request) -> Response:
        """One by its name, or another name of it."""
        name = request.path_params["name"]
        known = self._catalogue.find(name)
        if known is None and not self._router.serving(name):
            raise GatewayError("not_found", f"There is no model '{name[:128]}'.", param="name")
        return json_response(self._info(name if known is None else known.name))

    async def discover(self, request: Request) -> Response:
        """Ask the channel's upstream which models it has."""
        name = request.path_params["name"]
        found = self._router.channel(name)
        if found is None:
            raise GatewayError("not_found", f"There is no channel '{name[:128]}'.", param="name")
        channel, provider = found
        try:
            named = await provider.models(channel) if isinstance(provider, Lister) else None
        except FetchError as error:
            raise GatewayError("upstream_failed", f"The upstream of '{name}' cannot be asked: {error}.") from None
        if named is None:
            raise GatewayError("unsupported_parameter", f"The upstream of '{name}' does not tell which models it has.")
        serving, known = self._router.serving, self._catalogue.find
        told = sorted({one for one in named if handy(one, _LONGEST)})[:_MOST]
        return json_response(
            Discovery(name, [Discovered(one, name in serving(one), known(one) is not None) for one in told])
        )

    def _info(self, name: str) -> ModelInfo:
        known = self._catalogue.find(name)
        said = any(section.name == name for section in self._running().models)
        return ModelInfo(
            name=name,
            vendor=known.vendor or None if known else None,
            aliases=list(known.aliases) if known else [],
            abilities=list(known.abilities) if known else [],
            channels=list(self._router.serving(name)),
            priced=bool(self._prices().of(name)),
            source="file" if said else "catalogue" if known else "channel",
        )
