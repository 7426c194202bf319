"""The admin API under `/admin/v1`: keys and channels. The command line uses it; it needs an admin key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from telecine.accounts.holders import DEFAULT_ACCOUNT
from telecine.accounts.keys import Keys
from telecine.accounts.pairs import new_pair
from telecine.accounts.terms import NO_LIMITS, Changes
from telecine.circuit import State
from telecine.config import KeyDialect, Limits, VideoFormat
from telecine.dialects.bodies import json_response
from telecine.net.client import FetchError
from telecine.nouns.amounts import check_texts
from telecine.nouns.errors import GatewayError, invalid
from telecine.providers.base import Channel, Formed, Forms, Provider
from telecine.routing.router import Router

_UNSURE: Final = "It did not answer every question clearly: look at its key, and ask again."
_NOTHING: Final = "It serves none of the forms that are known here, as far as it can be told."
Asked = TypeVar("Asked", bound=msgspec.Struct)


class NewKey(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /admin/v1/keys`. `new_account`: the account is made where it does not exist. `expires_at` in seconds since
    the Unix epoch. `jwt`: it carries a pair with which its client may sign tokens of its own. `video_format`: how
    `/v1/videos` answers it. `dialect`: whose its requests are at paths that several have."""

    name: str
    account: str = DEFAULT_ACCOUNT
    new_account: bool = False
    models: list[str] | None = None
    expires_at: float | None = None
    admin: bool = False
    limits: Limits = NO_LIMITS
    jwt: bool = False
    video_format: VideoFormat = "official"
    dialect: KeyDialect | None = None


class ChannelInfo(msgspec.Struct, frozen=True):
    """A channel as it may be shown: never its credentials."""

    name: str
    provider: str
    base_url: str
    models: list[str]
    priority: int
    weight: int
    max_in_flight: int | None
    rate_limit: str | None
    daily_cap: int | None
    pool: str | None
    draining: bool
    """It takes no new tasks."""
    circuit: State
    paused_for: float
    """Seconds for which it is being left alone after trouble."""


class ChannelTest(msgspec.Struct, frozen=True):
    """What `POST /admin/v1/channels/{name}/test` found. `ms`: how long the upstream took to answer."""

    name: str
    ok: bool
    ms: float
    message: str


class ChannelProbe(msgspec.Struct, frozen=True):
    """What `POST /admin/v1/channels/{name}/probe` found: in which form its upstream is spoken to."""

    name: str
    form: str | None
    """None: its provider knows but one, or nothing could be found out and the first is tried."""
    said: bool
    """The channel says so; else it was found out."""
    serves: list[str]
    """The forms that the upstream surely serves."""
    message: str


class Admin:
    """The handlers."""

    def __init__(self, keys: Keys, router: Router, seconds: Callable[[], float]) -> None:
        self._keys = keys
        self._router = router
        self._seconds = seconds

    @property
    def routes(self) -> list[Route]:
        """Every route of the admin API."""
        return [
            Route("/admin/v1/keys", self.list_keys, methods=["GET"]),
            Route("/admin/v1/keys", self.create_key, methods=["POST"]),
            Route("/admin/v1/keys/{key:path}", self.change_key, methods=["PATCH"]),
            Route("/admin/v1/keys/{key:path}", self.revoke_key, methods=["DELETE"]),
            Route("/admin/v1/channels", self.list_channels, methods=["GET"]),
            Route("/admin/v1/channels/{name}/test", self.test_channel, methods=["POST"]),
            Route("/admin/v1/channels/{name}/probe", self.probe_channel, methods=["POST"]),
        ]

    async def list_keys(self, _: Request) -> Response:
        """Every key, without its text."""
        return json_response({"object": "list", "data": await self._keys.list()})

    async def create_key(self, request: Request) -> Response:
        """Make a key; the answer is the only place where its text, and the secret key of its pair, ever appear."""
        wanted = asked(await request.body(), NewKey)
        pair = new_pair() if wanted.jwt else None
        said = {one: getattr(wanted, one) for one in wanted.__struct_fields__ if one != "jwt"}
        info, text = await self._keys.create(**said, pair=pair)
        shown = {"key": text} if pair is None else {"key": text, "secret_key": pair.secret_key}
        return json_response({**msgspec.structs.asdict(info), **shown}, 201)

    async def change_key(self, request: Request) -> Response:
        """Change what bounds a key, by id or name, from its next request on."""
        return json_response(await self._keys.change(request.path_params["key"], asked(await request.body(), Changes)))

    async def revoke_key(self, request: Request) -> Response:
        """Revoke a key by id or name."""
        return json_response(await self._keys.revoke(request.path_params["key"]))

    async def list_channels(self, _: Request) -> Response:
        """The configured channels."""
        return json_response({"object": "list", "data": [self._info(config.name) for config in self._router.configs]})

    async def test_channel(self, request: Request) -> Response:
        """Ask the channel's upstream something that costs nothing."""
        name = request.path_params["name"]
        channel, provider = self._channel(name)
        started = self._seconds()
        try:
            message = await provider.ping(channel)
            ok = True
        except (GatewayError, FetchError) as error:
            message, ok = str(error), False
        return json_response(ChannelTest(name, ok, round((self._seconds() - started) * 1000, 1), message))

    async def probe_channel(self, request: Request) -> Response:
        """Ask the channel's upstream in which forms it may be spoken to."""
        name = request.path_params["name"]
        channel, provider = self._channel(name)
        if not isinstance(provider, Formed):
            message = f"The provider '{provider.name}' speaks to its upstreams in one form."
            return json_response(ChannelProbe(name, None, said=False, serves=[], message=message))
        try:
            found, trouble = await provider.forms(channel), ""
        except FetchError as error:
            found, trouble = Forms(None, sure=False), str(error)
        message = trouble or (_UNSURE if not found.sure else "" if found.served else _NOTHING)
        return json_response(ChannelProbe(name, found.spoken, found.said, list(found.served), message))

    def _channel(self, name: str) -> tuple[Channel, Provider]:
        found = self._router.channel(name)
        if found is None:
            raise GatewayError("not_found", f"There is no channel '{name}'.", param="name")
        return found

    def _info(self, name: str) -> ChannelInfo:
        config = next(config for config in self._router.configs if config.name == name)
        circuit = self._router.circuit(name)
        plain = {one: getattr(config, one) for one in ChannelInfo.__struct_fields__ if hasattr(config, one)}
        return ChannelInfo(
            **{**plain, "models": [one if isinstance(one, str) else one.public for one in config.models]},
            circuit=circuit.state,
            paused_for=round(circuit.pause(), 1),
        )


def asked(body: bytes, kind: type[Asked]) -> Asked:
    """What the body of a request asks for. Raises GatewayError (`invalid_request`)."""
    try:
        wrong = check_texts(msgspec.json.decode(body), kind)
        wanted = msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid(f"The body is not valid: {error}") from None
    if wrong is not None:
        raise invalid(f"{wrong[0][-1]}: {wrong[1]}.", str(wrong[0][-1]))
    return wanted
