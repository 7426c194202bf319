"""The model catalogue, by model and operation: one data file that validation, `GET /v1/models`, the sandbox, prices and
the command line all read."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

import msgspec

from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.operations import OPERATIONS, Kind, check
from telecine.nouns.request import GenerationRequest, Novel


class Ability(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a model can do of some of its operations. Empty: the catalogue does not limit the field."""

    operations: tuple[str, ...]
    """Names in `telecine.nouns.operations.OPERATIONS`."""
    sizes: tuple[str, ...] = ()
    """`WIDTHxHEIGHT` in pixels."""
    default_size: str = "1280x720"
    aspect_ratios: tuple[str, ...] = ()
    resolutions: tuple[str, ...] = ()
    modes: Mapping[str, str] = {}
    """By the word of a mode, the resolution that it stands for, where a vendor sells resolutions so."""
    durations: tuple[int, ...] = ()
    """Seconds."""
    default_duration: int = 5
    frame_rate: int = 24
    max_count: int = 1
    max_prompt: int = 2500
    """Characters."""
    max_images: int = 2


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One public model name. What it can do may differ by operation."""

    name: str
    vendor: str
    created: int
    """Unix seconds; what `GET /v1/models` shows."""
    abilities: tuple[Ability, ...]
    """What it is known for first."""
    aliases: tuple[str, ...] = ()

    @property
    def main(self) -> Ability:
        """What counts where nobody has said which operation."""
        return self.abilities[0]

    @property
    def operations(self) -> tuple[str, ...]:
        """All that it does."""
        return tuple(name for ability in self.abilities for name in ability.operations)

    @property
    def kind(self) -> Kind:
        """What it is known to make."""
        return OPERATIONS[self.operations[0]].makes

    @property
    def kinds(self) -> frozenset[Kind]:
        """All that it can make."""
        return frozenset(OPERATIONS[name].makes for name in self.operations)

    def ability(self, operation: str) -> Ability | None:
        """What it can do of one operation; None where that is nothing."""
        return next((one for one in self.abilities if operation in one.operations), None)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    models: tuple[Model, ...]


class Catalogue:
    """Models by name and alias; a reload changes which."""

    def __init__(self, models: Iterable[Model]) -> None:
        self.swap(models)

    def swap(self, models: Iterable[Model]) -> None:
        """Go on with these, all at once."""
        self.models = tuple(models)
        self._by_name = {name: model for model in self.models for name in (model.name, *model.aliases)}

    def find(self, name: str) -> Model | None:
        """The model with this name or alias. A name that a channel serves need not be in the catalogue."""
        return self._by_name.get(name)

    def alike(self, name: str, other: str) -> bool:
        """Whether two public names mean the same model."""
        return name == other or (self.find(name) is not None and self.find(name) is self.find(other))

    def ability(self, name: str, operation: str) -> Ability | None:
        """What the model with this name can do of one operation; None where nobody knows, or that is nothing."""
        model = self.find(name)
        return None if model is None else model.ability(operation)

    def check(self, request: GenerationRequest) -> None:
        """Raise GatewayError, naming the field, where the request asks for what its operation is not, or for what its
        model is known not to do."""
        model = self.find(request.model)
        if model is not None:
            self._check_model(request, model)
        check(request)

    def _check_model(self, request: GenerationRequest, model: Model) -> None:
        ability = model.ability(request.operation)
        if ability is None:
            raise GatewayError(
                "unsupported_parameter",
                f"'{model.name}' does not do {request.operation.replace('_', ' ')}; "
                f"it does: {', '.join(model.operations)}.",
                param="operation",
            )
        if len(request.prompt) > ability.max_prompt:
            raise invalid(f"The prompt has {len(request.prompt)} characters; at most {ability.max_prompt}.", "prompt")
        if not 1 <= request.count <= ability.max_count:
            raise invalid(f"'{model.name}' makes 1 to {ability.max_count} at a time.", "count")
        images = sum(1 for _ in request.with_role("image", "first_frame", "last_frame", "reference"))
        if images > ability.max_images:
            raise invalid(f"'{model.name}' takes at most {ability.max_images} images.", "inputs")
        known = request.native.novel if request.native is not None else {}
        for name, novel in self.strange(request).items():
            if name not in known:
                raise invalid(novel.objection, name)

    def strange(self, request: GenerationRequest) -> dict[str, Novel]:
        """By field, the values that the model is not known to have."""
        model = self.find(request.model)
        ability = None if model is None else model.ability(request.operation) or model.main
        if model is None or ability is None:
            return {}
        known: tuple[tuple[str, object, tuple[object, ...]], ...] = (
            ("duration", request.duration, ability.durations),
            ("size", request.size, ability.sizes),
            ("aspect_ratio", request.aspect_ratio, ability.aspect_ratios),
            ("resolution", request.resolution, ability.resolutions),
        )
        found = {}
        for name, value, allowed in known:
            if value is not None and allowed and value not in allowed:
                shown = f"{value:g}" if isinstance(value, float) else str(value)
                objection = f"'{model.name}' has no {name} {shown}; use one of: {', '.join(map(str, allowed))}."
                found[name] = Novel(shown, objection)
        return found


@cache
def load() -> Catalogue:
    """The catalogue that ships with Telecine."""
    text = files("telecine.nouns").joinpath("catalogue.toml").read_text(encoding="utf-8")
    return Catalogue(msgspec.convert(tomllib.loads(text), _File).models)
