"""`[[models]]`: what a file adds to the catalogue that ships with Telecine, or says otherwise than it does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from msgspec.structs import replace

from telecine.config.explain import nearest
from telecine.config.file import Config, ConfigError, ModelConfig
from telecine.nouns import catalogue
from telecine.nouns.catalogue import Ability, Catalogue, Model
from telecine.nouns.errors import GatewayError
from telecine.nouns.operations import OPERATIONS
from telecine.nouns.sizes import parse_ratio, parse_size

_CREATED: Final = 1763700000
"""When a model is said to have been made, of which nobody has said it, in seconds since the Unix epoch."""
_MOST: Final = 1_000_000
_NAME: Final = 200
_LIMITS: Final = tuple(name for name in Ability.__struct_fields__ if name != "operations")


def catalogue_of(config: Config) -> Catalogue:
    """The catalogue as `config` has it, which has been checked."""
    return Catalogue(models_of(config.models))


def models_of(sections: Iterable[ModelConfig]) -> list[Model]:
    """The models that ship with Telecine, and what `sections` say of them and of others."""
    found = {model.name: model for model in catalogue.load().models}
    for section in sections:
        found[section.name] = _changed(found.get(section.name), section)
    return list(found.values())


def _changed(model: Model | None, section: ModelConfig) -> Model:
    if model is None:
        model = Model(section.name, section.vendor or "", section.created or _CREATED, ())
    said = {name: value for name in _LIMITS if (value := getattr(section, name)) is not None}
    named = section.operations or model.operations
    abilities: list[Ability] = []
    for ability in model.abilities:
        mine = tuple(one for one in ability.operations if one in named)
        rest = tuple(one for one in ability.operations if one not in named)
        parts = [_limited(replace(ability, operations=mine), said)] if mine else []
        parts += [replace(ability, operations=rest)] if rest else []
        abilities += sorted(parts, key=lambda part: ability.operations.index(part.operations[0]))
    if new := tuple(one for one in dict.fromkeys(named) if one not in model.operations):
        abilities.append(_limited(Ability(new), said))
    return replace(
        model,
        vendor=section.vendor or model.vendor,
        created=section.created or model.created,
        aliases=tuple(dict.fromkeys((*model.aliases, *section.aliases))),
        abilities=tuple(abilities),
    )


def _limited(ability: Ability, said: dict[str, Any]) -> Ability:
    """`ability` with what was `said` of it. What holds where a client says nothing is one of what there is."""
    ability = replace(ability, **said)
    if ability.durations and ability.default_duration not in ability.durations:
        ability = replace(ability, default_duration=ability.durations[0])
    if ability.sizes and ability.default_size not in ability.sizes:
        ability = replace(ability, default_size=ability.sizes[0])
    return ability


def problems(config: Config) -> Iterator[ConfigError]:
    """What is wrong with the `[[models]]` of `config`."""
    if not config.models:
        return  # reading the catalogue takes longer than all else that a command does with a file
    shipped = catalogue.load()
    for number, section in enumerate(config.models):
        yield from _of_section(section, number, shipped, config.models[:number])
    names: dict[str, str] = {}
    for model in models_of(config.models):
        for name in (model.name, *model.aliases):
            other = names.setdefault(name, model.name)
            if other != model.name:
                number = next(index for index, one in enumerate(config.models) if one.name in (model.name, other))
                said = f"The models '{other}' and '{model.name}' have both the name '{name}'; take it from one of them."
                yield ConfigError(said, "models", number, "aliases")


def _of_section(
    section: ModelConfig, number: int, shipped: Catalogue, before: Iterable[ModelConfig]
) -> Iterator[ConfigError]:
    at = ("models", number)
    known = shipped.find(section.name)
    if not (section.name.isprintable() and section.name == section.name.strip() and 0 < len(section.name) <= _NAME):
        yield ConfigError(f"A model needs a name of 1 to {_NAME} characters, without blanks around it.", *at, "name")
    elif known is not None and known.name != section.name:
        said = f"'{section.name}' is another name of the model '{known.name}'; write that."
        yield ConfigError(said, *at, "name")
    elif known is None and not section.operations and section.name not in {one.name for one in before}:
        said = f"The catalogue has no model '{section.name}', so it needs operations, such as [\"text_to_video\"]."
        yield ConfigError(said, *at, "operations")
    for index, name in enumerate(section.operations):
        if name not in OPERATIONS:
            likely = nearest(name, OPERATIONS)
            said = f"There is no operation '{name[:64]}'; did you mean `{likely}`? There are: {', '.join(OPERATIONS)}."
            yield ConfigError(said, *at, "operations", index)
    for field, reads in (("sizes", parse_size), ("default_size", parse_size), ("aspect_ratios", parse_ratio)):
        value = getattr(section, field)
        for one in (value,) if isinstance(value, str) else value or ():
            try:
                reads(one)
            except GatewayError as error:
                yield ConfigError(f"{field} of the model '{section.name}': {error.message}", *at, field)
    for field in ("durations", "default_duration", "frame_rate", "max_count", "max_prompt", "max_images"):
        value = getattr(section, field)
        least = 0 if field == "max_images" else 1
        for one in (value,) if isinstance(value, int) else value or ():
            if not least <= one <= _MOST:
                said = f"{field} of the model '{section.name}' is {one}; it must be from {least} to {_MOST}."
                yield ConfigError(said, *at, field)
