"""Channels, and the choice among them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from telecine.circuit import Circuit
from telecine.clock import Clock
from telecine.config import ChannelConfig, Config, ModelMap
from telecine.nouns.billed import Billed
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.globs import is_glob
from telecine.nouns.money import MOST_MICROS, Price, cost, micros_of, units_of
from telecine.nouns.rate import UNLIMITED, Quota, rate_of
from telecine.nouns.task import Attempt
from telecine.nouns.workflows import Workflows
from telecine.providers.base import Channel, Provider, Terms

_MOST_SERVED: Final = 1024
"""Names that are remembered: where a channel serves any, clients choose them."""
Standing = Literal["here", "leaving", "unknown"]
"""Of a place where attempts run: configured now; only asked about what runs there; not known to this process."""
Fits = Callable[[Provider, Channel, str], Billed]
"""What is asked for, as that channel would bill it, by the upstream's name of the model. Raises GatewayError where the
channel cannot do it."""


class Place(NamedTuple):
    """A channel's name and its address: what jobs are known by."""

    channel: str
    address: str


class Route(msgspec.Struct, frozen=True):
    """One channel that can run a request, and how."""

    channel: Channel
    provider: Provider
    model: str
    """The upstream's name of the model."""
    pool: str
    slots: int | None
    """The size of the pool; None: without limit."""
    billed: Billed
    """What the upstream will be asked for, as far as prices depend on it."""
    weight: int = 1
    """Slots that this job takes."""
    quota: Quota = UNLIMITED


class Router:
    """The configured channels, and what is known of their health in this process."""

    def __init__(
        self,
        config: Config,
        providers: Mapping[str, Provider],
        catalogue: Catalogue,
        clock: Clock,
        workflows: Workflows | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._providers = providers
        self._clock = clock
        self._configs: dict[str, ChannelConfig] = {}
        self._channels: dict[str, Channel] = {}
        self._former: dict[Place, tuple[ChannelConfig, Channel]] = {}
        """Removed, or moved to another address, while this process runs: no new tasks, but those that run there are
        still asked about there, with the credential that was good there."""
        self._circuits: dict[Place, Circuit] = {}
        self.pools: dict[str, int] = {}
        self.public = bool(config.media_origin or config.public_url)
        """Upstreams can fetch files here; as with the address itself, a start decides that."""
        self._workflows = workflows or Workflows(config.flows)
        self._served_of = self._workflows.all
        self.swap(config)
        self._known = {model.name for model in catalogue.models}

    def swap(self, config: Config) -> None:
        """Go on with the channels and pools of `config`, all at once.

        Attempts keep the address that they were sent to: those on a channel that is no longer there, or that has moved,
        are still asked about where they are; those on one whose credential has changed, with the new one. Where the
        address or the credential has changed, the circuit begins closed.
        """
        before = {_place(self._channels[name]): (known, self._channels[name]) for name, known in self._configs.items()}
        before = self._former | before
        self._configs = {one.name: one for one in channels_of(config)}
        self._channels = {one.name: channel_of(one, self._terms(one).options) for one in channels_of(config)}
        now = {_place(one): one for one in self._channels.values()}
        self._former = {place: known for place, known in before.items() if place not in now}
        for place, channel in now.items():
            known = before.get(place)
            if place in self._circuits and (known is None or _credentials(known[1]) != _credentials(channel)):
                del self._circuits[place]
        self.pools = pools_of(config)
        self._served: dict[str, list[tuple[ChannelConfig, ModelMap]]] = {}

    @property
    def configs(self) -> Sequence[ChannelConfig]:
        """The channels as configured."""
        return tuple(self._configs.values())

    def names(self) -> list[str]:
        """Every public model name that some channel serves, sorted."""
        spelled = {name for channel in self._open for name in channel.names}
        known = self._known | {one.name for one in self._workflows.all}
        return sorted(name for name in spelled | known if self._by_name(name))

    def _by_name(self, name: str) -> bool:
        """Whether a channel serves just that name."""
        return any(channel.mapping(name) is not None and self._runs(channel, name) for channel in self._open)

    def _runs(self, config: ChannelConfig, model: str) -> bool:
        """Whether the provider of a channel can run it at all."""
        if not self._terms(config).graphs:
            return True
        workflow = self._workflows.find(model)
        return workflow is not None and workflow.graph is not None

    @property
    def _open(self) -> Iterator[ChannelConfig]:
        """The channels that take new tasks."""
        return (config for config in self._configs.values() if not config.draining)

    def channel(self, name: str) -> tuple[Channel, Provider] | None:
        """A configured channel by name, with its provider."""
        config = self._configs.get(name)
        return (self._channels[name], self._providers[config.provider]) if config is not None else None

    def of(self, attempt: Attempt) -> tuple[Channel, Provider] | None:
        """The channel that `attempt` runs on, at the address that it was sent to, with its provider.

        None where this process does not know one: its job must not be looked for, nor sent, anywhere else.
        """
        return self.at(attempt.channel, attempt.address, attempt.provider)

    def at(self, name: str, address: str, provider: str) -> tuple[Channel, Provider] | None:
        """The same of whatever was sent there."""
        found = self._at(name, address)
        return (found[1], self._providers[provider]) if found is not None and found[0].provider == provider else None

    def standing(self, name: str, address: str, provider: str) -> Standing:
        """What attempts sent there can expect of this process."""
        found = self._at(name, address)
        if found is None or found[0].provider != provider:
            return "unknown"
        return "here" if found[0] is self._configs.get(name) else "leaving"

    def _at(self, name: str, address: str) -> tuple[ChannelConfig, Channel] | None:
        channel = self._channels.get(name)
        if channel is not None and channel.address == address:
            return self._configs[name], channel
        return self._former.get(Place(name, address))

    def provider(self, name: str) -> Provider | None:
        """The provider of a channel that is, or was while this process ran, called `name`."""
        config = self._known_as(name)
        return self._providers[config.provider] if config is not None else None

    def resubmits(self, name: str) -> bool:
        """Whether the operator accepts that this channel may be paid twice after an unknown submit."""
        config = self._known_as(name)
        return config is not None and config.resubmit

    def charges(self, name: str) -> bool:
        """Whether tasks of this channel cost what the price book says."""
        config = self._known_as(name)
        return config is None or config.priced or not self._terms(config).free

    def is_real(self, name: str) -> bool:
        """Whether a job on this channel can cost money: its provider bills for it."""
        config = self._known_as(name)
        return config is None or not self._terms(config).free

    def sells(self, model: str) -> bool:
        """Whether a real channel serves the public model name."""
        return any(not self._terms(one).free and self._mapping(one, model) for one in self._open)

    def cost(self, name: str, units: str | None) -> int | None:
        """What `units` of the upstream's own accounting cost us, in micro-units; None where nobody can tell."""
        config = self._known_as(name)
        count = units_of(units)
        if config is None or config.unit_cost is None or count is None:
            return None
        found = cost(Price("call", micros_of(config.unit_cost)), count)
        return found if found < MOST_MICROS else None

    def _known_as(self, name: str) -> ChannelConfig | None:
        left = [config for (former, _), (config, _) in self._former.items() if former == name]
        return self._configs.get(name) or (left[-1] if left else None)

    def serves(self, model: str) -> bool:
        """Whether any channel serves the public model name, or the name that it is an alias of."""
        return bool(self._serving(model))

    def serving(self, model: str) -> list[str]:
        """The names of the channels that serve the public model name."""
        return [config.name for config, _ in self._serving(model)]

    def choose(
        self,
        model: str,
        fits: Fits,
        *,
        slots: Callable[[Route], int] = lambda _: 1,
        fewer: bool = False,
        after: Place | None = None,
        without: str | None = None,
    ) -> list[Route]:
        """The channels of the public name `model` that `fits` does not object to, best first; never empty.

        `slots`: how many a job takes of a pool, where its channel says nothing else; `fewer`: at the most, so that it
        takes the whole of a smaller pool.
        `after` keeps to the channel and the address of what is followed up: it is known nowhere else.
        `without` puts the channel that was tried last at the end.
        Raises GatewayError: `not_found` for a model that nobody serves, or the first objection when every channel has
        one.
        """
        routes: list[tuple[tuple[bool, bool, float, float], Route]] = []
        objection: GatewayError | None = None
        for config, mapping in self._serving(model):
            if after is not None and _place(self._channels[config.name]) != after:
                continue
            try:
                route = self._route(config, mapping, model, fits)
                route = msgspec.structs.replace(route, weight=_weight(route, mapping.slots * slots(route), fewer=fewer))
            except GatewayError as error:
                objection = objection or error
                continue
            # Weighted order without replacement: the smallest of random ** (1 / weight) comes last.
            share = -(random.random() ** (1 / config.weight))  # noqa: S311  load sharing, not a secret
            routes.append(
                ((config.name == without, self.circuit(config.name).pause() > 0, -config.priority, share), route)
            )
        if not routes:
            raise objection or self.nobody(model, followed=after is not None)
        return [route for _, route in sorted(routes, key=lambda item: item[0])]

    def _serving(self, model: str) -> list[tuple[ChannelConfig, ModelMap]]:
        """The channels that take new tasks of the public name `model`; looked for once for each configuration."""
        if self._served_of is not self._workflows.all:
            self._served, self._served_of = {}, self._workflows.all
        found = self._served.get(model)
        if found is None:
            if len(self._served) >= _MOST_SERVED:
                self._served.clear()
            found = [(one, mapping) for one in self._open if (mapping := self._mapping(one, model)) is not None]
            self._served[model] = found
        return found

    def _mapping(self, config: ChannelConfig, model: str) -> ModelMap | None:
        if not self._runs(config, model):
            return None
        mapping = config.mapping(model)
        if mapping is None and (known := self._catalogue.find(model)) is not None:
            mapping = config.mapping(known.name)
        made_here = mapping and not self._terms(config).remote and model not in config.names
        if made_here and self._workflows.find(model) is None and not self._catalogue.find(model):
            return None
        return mapping

    def _terms(self, config: ChannelConfig) -> Terms:
        return self._providers[config.provider].terms

    def _route(self, config: ChannelConfig, mapping: ModelMap, model: str, fits: Fits) -> Route:
        """How the channel would do it, in one slot. Raises GatewayError where it cannot."""
        name = mapping.upstream or (model if is_glob(mapping.public) else mapping.public)
        pool = mapping.pool or config.pool or config.name
        channel, provider = self._channels[config.name], self._providers[config.provider]
        return Route(
            channel=channel,
            provider=provider,
            model=name,
            pool=pool,
            slots=self.pools.get(pool),
            billed=fits(provider, channel, name),
            quota=Quota(rate_of(config.rate_limit) if config.rate_limit else None, config.daily_cap),
        )

    def nobody(self, model: str, *, followed: bool = False) -> GatewayError:
        """The error for a model that no channel serves, naming those that exist."""
        if followed:
            message = (
                "The channel that made the source is the only one that knows it, and is no longer configured, takes no "
                f"new tasks, or has no model '{model}'."
            )
            return GatewayError("not_found", message, param="source")
        names = sorted(self.names(), key=lambda one: -_alike(one, model))  # the likeliest first
        shown = ", ".join(names[:40]) + (", …" if len(names) > 40 else "")
        return GatewayError("not_found", f"There is no model '{model}'. These exist: {shown}.", param="model")

    def circuit(self, name: str) -> Circuit:
        """What this process knows of the health of the channel called `name`, where it is now."""
        channel = self._channels.get(name)
        return self._circuit(Place(name, channel.address if channel else ""))

    def circuit_of(self, attempt: Attempt) -> Circuit:
        """The same of the channel that `attempt` runs on, where it was when it was sent."""
        return self._circuit(Place(attempt.channel, attempt.address))

    def _circuit(self, place: Place) -> Circuit:
        found = self._circuits.get(place)
        if found is None:
            found = self._circuits[place] = Circuit(self._clock)
        return found


def _weight(route: Route, wanted: int, *, fewer: bool) -> int:
    """The slots of a job that wants so many. Raises GatewayError for one that would wait for ever. A pool of no slots
    is one that was shut on purpose."""
    if not route.slots or wanted <= route.slots:
        return wanted
    if fewer:
        return route.slots
    raise invalid(f"This takes {wanted} slots at once, and its channel has {route.slots}.", "count")


def channels_of(config: Config) -> Sequence[ChannelConfig]:
    """The channels that `config` means: without any, a sandbox that serves every model."""
    return config.channels or (ChannelConfig(name="sandbox", provider="sandbox", models=("*",)),)


def pools_of(config: Config) -> dict[str, int]:
    """The slots of every pool; a channel's own `max_in_flight` is one too."""
    own = {one.name: one.max_in_flight for one in config.channels if one.max_in_flight is not None}
    return {pool.name: pool.slots for pool in config.pools} | own


def channel_of(config: ChannelConfig, options: type[msgspec.Struct] | None = None) -> Channel:
    """What its provider may know of the channel."""
    return Channel(
        name=config.name,
        base_url=config.base_url.rstrip("/"),
        api_key=config.api_key,
        access_key=config.access_key,
        secret_key=config.secret_key,
        webhook_secret=config.webhook_secret,
        allow_private=config.allow_private,
        options=None if options is None else msgspec.convert(config.options, options),
    )


def _place(channel: Channel) -> Place:
    return Place(channel.name, channel.address)


def _credentials(channel: Channel) -> tuple[str | None, ...]:
    return (channel.base_url, channel.api_key, channel.access_key, channel.secret_key)


def _alike(name: str, other: str) -> int:
    """With how many of the same characters both begin."""
    return next((at for at, (one, two) in enumerate(zip(name, other, strict=False)) if one != two), len(name))
