"""What a configuration has to be like for a gateway, and what is worth a warning.

One list for all who ask: a start and a reload refuse by it, `telecine config check` tells beforehand what they would
refuse, and `telecine doctor` what is worth a warning.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from telecine.accounts.holders import DEFAULT_ACCOUNT
from telecine.accounts.prices import PriceBook
from telecine.config import ChannelConfig, Config, ConfigError, Settings
from telecine.config.explain import nearest
from telecine.config.values import url_problem
from telecine.net.guard import AddressPolicy
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.globs import is_glob, matches, overlap
from telecine.nouns.operations import OPERATIONS, counts
from telecine.providers.base import Terms
from telecine.providers.known import TERMS
from telecine.routing.router import channels_of
from telecine.upkeep.metering import check_metered, check_priced, is_published

_SHOWN: Final = 5


class Advice(msgspec.Struct, frozen=True):
    """What nothing is refused for. `do` says what can be done about it."""

    about: Literal["prices", "accounts", "channel"]
    level: Literal["warning", "info"]
    what: str
    do: str = ""

    def __str__(self) -> str:
        return f"{self.what} {self.do}".strip()


def check_rules(settings: Settings, config: Config, catalogue: Catalogue, *, exposed: bool) -> None:
    """Raise ConfigError for what a gateway started with `settings` could not run, or should not.

    `exposed`: it listens where other machines can reach it.
    """
    check_config(config)
    for number, key in enumerate(config.keys):
        if key.key == settings.admin_key:
            said = f"The key '{key.name}' is the one in TELECINE_ADMIN_KEY; take one of the two away."
            raise ConfigError(said, "keys", number, "key")
    check_priced(config, catalogue)
    if exposed or is_published(config):
        check_metered(config, catalogue)


def check_config(config: Config) -> None:
    """Raise ConfigError for what only a gateway can find wrong with the channels and networks of `config`."""
    policy(config.network.allow_private)
    for number, channel in enumerate(config.channels):
        at = ("channels", number)
        terms = TERMS.get(channel.provider)
        if terms is None:
            raise ConfigError(
                f"Channel '{channel.name}' names the provider '{channel.provider}'; these exist: {', '.join(TERMS)}.",
                *(*at, "provider"),
            )
        if terms.remote and (problem := url_problem(channel.base_url)):
            raise ConfigError(f"The base_url of channel '{channel.name}' {problem}.", *at, "base_url")
        _check_options(channel, terms, *at, "options")
        if terms.credential and not _signs_in(channel):
            said = f"Channel '{channel.name}' has no credential; {terms.credential}."
            raise ConfigError(said, *at, "api_key")


def _check_options(channel: ChannelConfig, terms: Terms, *at: str | int) -> None:
    """Raise ConfigError for options that the channel's provider does not have."""
    if not channel.options:
        return
    if terms.options is None:
        raise ConfigError(f"The provider '{channel.provider}' of channel '{channel.name}' takes no options.", *at)
    try:
        msgspec.convert(channel.options, terms.options)
    except msgspec.ValidationError as error:
        known = ", ".join(terms.options.__struct_fields__)
        said = f"The options of channel '{channel.name}' cannot be used: {error}. There are: {known}."
        raise ConfigError(said, *at) from None


def policy(allowed: tuple[str, ...]) -> AddressPolicy:
    """Which private addresses are open. Raises ConfigError."""
    try:
        return AddressPolicy(allowed)
    except ValueError as error:
        said = f"[network] allow_private must list networks such as 10.0.0.0/8: {error}."
        raise ConfigError(said, "network", "allow_private") from None


def advice(config: Config, catalogue: Catalogue) -> list[Advice]:
    """What is worth a warning in `config`, which has passed the rules."""
    return [
        *_unmatched(config, catalogue),
        *_uncounted(config, catalogue),
        *_hidden(config, catalogue),
        *_unlimited(config),
        *_idle(config),
        *(
            Advice(
                "channel",
                "warning",
                f"The channel '{one.name}' has no api_key.",
                "Add it, unless its upstream asks for none.",
            )
            for one in config.channels
            if TERMS[one.provider].remote and not TERMS[one.provider].keyless and not _signs_in(one)
        ),
    ]


def _signs_in(channel: ChannelConfig) -> bool:
    return bool(channel.api_key or (channel.access_key and channel.secret_key))


def _unmatched(config: Config, catalogue: Catalogue) -> Iterator[Advice]:
    served = _served(config, catalogue)
    spelled = sorted(name for name in served if not is_glob(name))
    for model in dict.fromkeys(line.model for line in config.prices):
        if any(overlap(model, one) for one in served):
            continue
        near = nearest(model, spelled)
        yield Advice(
            "prices",
            "warning",
            f"The price of '{model}' matches no model that is served"
            + (f"; the nearest is '{near}'." if near else "."),
            "Correct the line's model, or take the line away.",
        )


def _uncounted(config: Config, catalogue: Catalogue) -> Iterator[Advice]:
    """Lines by a unit of which their model makes none: in the end their jobs are charged nothing."""
    for line in config.prices:
        model = catalogue.find(line.model)
        if model is None or any(counts(line.unit, makes) for makes in model.kinds):
            continue
        usual = sorted({OPERATIONS[name].unit for name in model.operations})
        yield Advice(
            "prices",
            "warning",
            f"The price of '{line.model}' is by {line.unit}, of which it makes none, so its jobs are charged nothing.",
            f"Price it by {' or '.join(usual)}.",
        )


def _hidden(config: Config, catalogue: Catalogue) -> Iterator[Advice]:
    """Globs of real channels that serve known models which have no price: creates of those are refused."""
    if not config.prices:
        return
    book = PriceBook(config.prices, catalogue)
    for channel in config.channels:
        if TERMS[channel.provider].free or TERMS[channel.provider].graphs or channel.draining:
            continue
        known = [one.name for one in catalogue.models if one.name not in channel.names and channel.mapping(one.name)]
        if found := [name for name in known if not book.of(name)]:
            shown = ", ".join(found[:_SHOWN]) + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")
            yield Advice(
                "prices",
                "info",
                f"The channel '{channel.name}' serves by a glob what has no price, and is refused when it is asked "
                f"for: {shown}.",
                "Add [[prices]] for what you sell.",
            )


def _unlimited(config: Config) -> Iterator[Advice]:
    for account in config.accounts if config.prices else ():
        if account.unlimited and account.name != DEFAULT_ACCOUNT:
            yield Advice(
                "accounts", "warning", f"The account '{account.name}' may spend without limit, as the file says."
            )


def _idle(config: Config) -> Iterator[Advice]:
    """Workflows that nothing runs, and channels that have none of what they are said to serve."""
    graphs = {one.name for one in config.workflows if one.file is not None}
    for channel in config.channels:
        for name in channel.names if TERMS[channel.provider].graphs else ():
            if name not in graphs:
                what = f"The channel '{channel.name}' serves '{name}', which is no workflow of this file."
                do = "Add its [[workflows]], unless `telecine workflows add` has made it."
                yield Advice("channel", "info", what, do)
    for one in config.workflows:
        runs = [channel for channel in channels_of(config) if one.file or not TERMS[channel.provider].graphs]
        if not any(channel.mapping(one.name) for channel in runs):
            what = f"The workflow '{one.name}' is served by no channel."
            yield Advice("channel", "warning", what, "Add its name to the models of one.")


def _served(config: Config, catalogue: Catalogue) -> set[str]:
    """The public names that clients may send, and the globs of real channels, which may stand for any."""
    found: set[str] = set()
    for channel in channels_of(config):
        for entry in channel.models:
            public = entry if isinstance(entry, str) else entry.public
            known = catalogue.find(public)
            found |= {known.name, *(known.aliases if public == known.name else ())} if known is not None else set()
            if is_glob(public):
                names = {name for one in catalogue.models for name in (one.name, *one.aliases)}
                names |= {one.name for one in config.workflows}
                found |= {name for name in names if matches(public, name)}
            if not is_glob(public) or TERMS[channel.provider].remote:
                found.add(public)
    return found
