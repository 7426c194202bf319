"""Channels, and the choice among them."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import msgspec

from telecine.clock import Clock
from telecine.config import ChannelConfig, Config, ModelMap
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.money import Price, cost, micros_of, units_of
from telecine.nouns.rate import UNLIMITED, Quota, rate_of
from telecine.nouns.request import GenerationRequest
from telecine.nouns.terms import Terms
from telecine.providers.base import Channel, Provider
from telecine.routing.circuit import Circuit

_MOST_MICROS = 10**15
"""A thousand million; an upstream that names a higher cost is not believed."""


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
    terms: Terms
    """What the upstream will be asked for, as far as prices depend on it."""
    quota: Quota = UNLIMITED


class Router:
    """The configured channels, and what is known of their health in this process."""

    def __init__(self, config: Config, providers: Mapping[str, Provider], catalogue: Catalogue, clock: Clock) -> None:
        self._catalogue = catalogue
        self._providers = providers
        self._clock = clock
        self._configs: dict[str, ChannelConfig] = {}
        self._channels: dict[str, Channel] = {}
        self._leaving: dict[str, tuple[ChannelConfig, Channel]] = {}
        """Removed while this process runs: no new tasks, but those that they run are still asked about."""
        self._circuits: dict[str, Circuit] = {}
        self.pools: dict[str, int] = {}
        self.swap(config)
        self._known = {model.name for model in catalogue.models}

    def swap(self, config: Config) -> None:
        """Go on with the channels and pools of `config`, all at once.

        Attempts that run on a channel that is no longer there are still polled and collected; those on one whose
        credential has changed, with the new one. Where it or the address has changed, the circuit begins closed.
        """
        channels = config.channels or (ChannelConfig(name="sandbox", provider="sandbox", models=("*",)),)
        names = {channel.name for channel in channels}
        before = self._leaving | {name: (known, self._channels[name]) for name, known in self._configs.items()}
        self._leaving = {name: known for name, known in before.items() if name not in names}
        self._configs = {channel.name: channel for channel in channels}
        self._channels = {channel.name: _channel(channel) for channel in channels}
        for name, (_, known) in before.items():
            if name in names and _reached_by(known) != _reached_by(self._channels[name]):
                self._circuits.pop(name, None)
        self.pools = pools_of(config)

    @property
    def leaving(self) -> Sequence[str]:
        """Channels that were removed while this process ran."""
        return tuple(self._leaving)

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
        """A channel by name, with its provider, also one that is leaving; None where it was gone before the start."""
        config = self._configs.get(name)
        if config is not None:
            return self._channels[name], self._providers[config.provider]
        left = self._leaving.get(name)
        return (left[1], self._providers[left[0].provider]) if left else None

    def resubmits(self, name: str) -> bool:
        """Whether the operator accepts that this channel may be paid twice after an unknown submit."""
        config = self._known_as(name)
        return config is not None and config.resubmit

    def charges(self, name: str) -> bool:
        """Whether tasks of this channel cost what the price book says."""
        config = self._known_as(name)
        return config is None or config.provider != "sandbox" or config.priced

    def cost(self, name: str, units: str | None) -> int | None:
        """What `units` of the upstream's own accounting cost us, in micro-units; None where nobody can tell."""
        config = self._known_as(name)
        count = units_of(units)
        if config is None or config.unit_cost is None or count is None:
            return None
        found = cost(Price("call", micros_of(config.unit_cost)), count)
        return found if found < _MOST_MICROS else None

    def _known_as(self, name: str) -> ChannelConfig | None:
        left = self._leaving.get(name)
        return self._configs.get(name) or (left[0] if left else None)

    def serves(self, model: str) -> bool:
        """Whether any channel serves the public model name, or the name that it is an alias of."""
        return any(self._mapping(config, model) for config in self._configs.values())

    def candidates(
        self, request: GenerationRequest, *, only: str | None = None, without: str | None = None
    ) -> list[Route]:
        """The channels that can run `request`, best first; never empty.

        `only` keeps to one channel (a follow-up stays with its channel); `without` puts the one tried last at the end.
        Raises GatewayError: `not_found` for a model that nobody serves, or what the first provider objects to when
        none can express the request.
        """
        routes: list[tuple[tuple[bool, bool, float, float], Route]] = []
        objection: GatewayError | None = None
        for config in self._configs.values():
            mapping = self._mapping(config, request.model)
            if mapping is None or (only is not None and config.name != only):
                continue
            try:
                route = self._route(config, mapping, request)
            except GatewayError as error:
                objection = objection or error
                continue
            # Weighted order without replacement: the smallest of random ** (1 / weight) comes last.
            share = -(random.random() ** (1 / config.weight))  # noqa: S311  load sharing, not a secret
            routes.append(
                ((config.name == without, self.circuit(config.name).pause() > 0, -config.priority, share), route)
            )
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
        """How the channel would run `request`. Raises GatewayError where it cannot."""
        model = mapping.upstream or (request.model if any(mark in mapping.public for mark in "*?[") else mapping.public)
        pool = mapping.pool or config.pool or config.name
        provider = self._providers[config.provider]
        route = Route(
            channel=self._channels[config.name],
            provider=provider,
            model=model,
            pool=pool,
            slots=self.pools.get(pool),
            weight=mapping.slots * (request.count if request.operation.endswith("_image") else 1),
            terms=provider.check(request, model),
            quota=Quota(rate_of(config.rate_limit) if config.rate_limit else None, config.daily_cap),
        )
        _fits(route)
        return route

    def nobody(self, model: str, only: str | None = None) -> GatewayError:
        """The error for a model that no channel serves, naming those that exist."""
        if only is not None:
            return GatewayError("not_found", "The channel that made the source is no longer configured.", param="model")
        names = self.names()
        shown = ", ".join(names[:40]) + (", …" if len(names) > 40 else "")
        return GatewayError("not_found", f"There is no model '{model}'. These exist: {shown}.", param="model")

    def circuit(self, name: str) -> Circuit:
        """What this process knows of the channel's health."""
        return self._circuits.setdefault(name, Circuit(self._clock))


def _fits(route: Route) -> None:
    """Raise GatewayError for a job that would wait for ever. A pool of no slots is one that was shut on purpose."""
    if route.slots and route.weight > route.slots:
        raise invalid(f"This takes {route.weight} slots at once, and its channel has {route.slots}.", "count")


def pools_of(config: Config) -> dict[str, int]:
    """The slots of every pool; a channel's own `max_in_flight` is one too."""
    own = {one.name: one.max_in_flight for one in config.channels if one.max_in_flight is not None}
    return {pool.name: pool.slots for pool in config.pools} | own


def _channel(config: ChannelConfig) -> Channel:
    return Channel(
        name=config.name,
        base_url=config.base_url.rstrip("/"),
        api_key=config.api_key,
        access_key=config.access_key,
        secret_key=config.secret_key,
        webhook_secret=config.webhook_secret,
        allow_private=config.allow_private,
    )


def _reached_by(channel: Channel) -> tuple[str | None, ...]:
    return (channel.base_url, channel.api_key, channel.access_key, channel.secret_key)
