"""Channels, and the choice among them."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import msgspec

from telecine.clock import Clock
from telecine.config import ChannelConfig, Config, ModelMap
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.request import GenerationRequest
from telecine.providers.base import Channel, Provider

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0
_LONGEST_ASKED = 3600.0


class Route(msgspec.Struct, frozen=True):
    """One channel that can run a request, and how."""

    channel: Channel
    provider: Provider
    model: str
    """The upstream's name of the model."""
    pool: str
    slots: int | None
    """The size of the pool; None: without limit."""
    weight: int
    """Slots that this job takes."""
    resubmit: bool


class Router:
    """The configured channels, and what is known of their health in this process."""

    def __init__(self, config: Config, providers: Mapping[str, Provider], catalogue: Catalogue, clock: Clock) -> None:
        self._catalogue = catalogue
        self._providers = providers
        self._clock = clock
        channels = config.channels or (ChannelConfig(name="sandbox", provider="sandbox", models=("*",)),)
        self._configs = {channel.name: channel for channel in channels}
        self._channels = {
            channel.name: Channel(
                name=channel.name,
                base_url=channel.base_url.rstrip("/"),
                api_key=channel.api_key,
                access_key=channel.access_key,
                secret_key=channel.secret_key,
                webhook_secret=channel.webhook_secret,
                allow_private=channel.allow_private,
            )
            for channel in channels
        }
        self.pools: dict[str, int] = {pool.name: pool.slots for pool in config.pools}
        self.pools |= {channel.name: channel.max_in_flight for channel in channels if channel.max_in_flight is not None}
        self._paused: dict[str, tuple[float, float]] = {}
        self._known = {model.name for model in catalogue.models}

    @property
    def configs(self) -> Sequence[ChannelConfig]:
        """The channels as configured."""
        return tuple(self._configs.values())

    def names(self) -> list[str]:
        """Every public model name that some channel serves, sorted."""
        spelled = {name for channel in self._configs.values() for name in channel.names}
        matched = {name for name in self._known if any(c.mapping(name) for c in self._configs.values())}
        return sorted(spelled | matched)

    def channel(self, name: str) -> tuple[Channel, Provider] | None:
        """A channel by name, with its provider; None where it is no longer configured."""
        config = self._configs.get(name)
        return (self._channels[name], self._providers[config.provider]) if config else None

    def resubmits(self, name: str) -> bool:
        """Whether the operator accepts that this channel may be paid twice after an unknown submit."""
        config = self._configs.get(name)
        return config is not None and config.resubmit

    def serves(self, model: str) -> bool:
        """Whether any channel serves the public model name, or the name that it is an alias of."""
        return any(self._mapping(config, model) for config in self._configs.values())

    def candidates(
        self, request: GenerationRequest, *, only: str | None = None, without: str | None = None
    ) -> list[Route]:
        """The channels that can run `request`, best first; never empty.

        `only` keeps to one channel (a follow-up stays with its channel); `without` puts one that has just failed last.
        Raises GatewayError: `not_found` for a model that nobody serves, or what the first provider objects to when
        none can express the request.
        """
        routes: list[tuple[tuple[bool, bool, float, float], Route]] = []
        objection: GatewayError | None = None
        for config in self._configs.values():
            mapping = self._mapping(config, request.model)
            if mapping is None or (only is not None and config.name != only):
                continue
            route = self._route(config, mapping, request)
            try:
                route.provider.check(request, route.model)
                _fits(route)
            except GatewayError as error:
                objection = objection or error
                continue
            # Weighted order without replacement: the smallest of random ** (1 / weight) comes last.
            share = -(random.random() ** (1 / config.weight))  # noqa: S311  load sharing, not a secret
            routes.append(((config.name == without, self.pause(config.name) > 0, -config.priority, share), route))
        if not routes:
            raise objection or self.nobody(request.model, only)
        return [route for _, route in sorted(routes, key=lambda item: item[0])]

    def _mapping(self, config: ChannelConfig, model: str) -> ModelMap | None:
        mapping = config.mapping(model)
        if mapping is None and (known := self._catalogue.find(model)) is not None:
            mapping = config.mapping(known.name)
        # A glob of the sandbox means every model of the catalogue: it renders nothing that nobody knows.
        if mapping and config.provider == "sandbox" and model not in config.names and not self._catalogue.find(model):
            return None
        return mapping

    def _route(self, config: ChannelConfig, mapping: ModelMap, request: GenerationRequest) -> Route:
        model = mapping.upstream or (request.model if any(mark in mapping.public for mark in "*?[") else mapping.public)
        pool = mapping.pool or config.pool or config.name
        return Route(
            channel=self._channels[config.name],
            provider=self._providers[config.provider],
            model=model,
            pool=pool,
            slots=self.pools.get(pool),
            weight=mapping.slots * (request.count if request.operation.endswith("_image") else 1),
            resubmit=config.resubmit,
        )

    def nobody(self, model: str, only: str | None = None) -> GatewayError:
        """The error for a model that no channel serves, naming those that exist."""
        if only is not None:
            return GatewayError("not_found", "The channel that made the source is no longer configured.", param="model")
        names = self.names()
        shown = ", ".join(names[:40]) + (", …" if len(names) > 40 else "")
        return GatewayError("not_found", f"There is no model '{model}'. These exist: {shown}.", param="model")

    def trouble(self, name: str, retry_after: float | None = None) -> float:
        """Note that a channel refused for its own reasons or could not be reached; seconds to leave it alone."""
        now = self._clock.now()
        _, last = self._paused.get(name, (0.0, _FIRST_PAUSE / 2))
        # Asked to wait for nothing, or for years, an upstream is not believed.
        asked = None if retry_after is None else min(max(retry_after, _FIRST_PAUSE), _LONGEST_ASKED)
        seconds = asked if asked is not None else min(last * 2, _LONGEST_PAUSE)
        self._paused[name] = (now + seconds, min(max(seconds, _FIRST_PAUSE), _LONGEST_PAUSE))
        return seconds

    def well(self, name: str) -> None:
        """Note that a channel has just accepted a job."""
        self._paused.pop(name, None)

    def pause(self, name: str) -> float:
        """Seconds for which a channel in trouble should be left alone."""
        until, _ = self._paused.get(name, (0.0, 0.0))
        return max(0.0, until - self._clock.now())


def _fits(route: Route) -> None:
    """Raise GatewayError for a job that would wait for ever. A pool of no slots is one that was shut on purpose."""
    if route.slots and route.weight > route.slots:
        raise invalid(f"This takes {route.weight} slots at once, and its channel has {route.slots}.", "count")
