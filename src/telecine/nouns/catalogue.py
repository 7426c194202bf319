"""The model catalogue: one data file that validation, `GET /v1/models`, the sandbox and the console all read."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files

import msgspec

from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.operations import Kind
from telecine.nouns.request import GenerationRequest, Novel


class Model(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one public model name can do. Empty lists mean that the catalogue does not limit the field."""

    name: str
    vendor: str
    kind: Kind
    operations: tuple[str, ...]
    created: int
    """Unix seconds; what `GET /v1/models` shows."""
    aliases: tuple[str, ...] = ()
    sizes: tuple[str, ...] = ()
    """`WIDTHxHEIGHT` in pixels."""
    default_size: str = "1280x720"
    aspect_ratios: tuple[str, ...] = ()
    resolutions: tuple[str, ...] = ()
    durations: tuple[int, ...] = ()
    """Seconds."""
    default_duration: int = 5
    frame_rate: int = 24
    max_count: int = 1
    max_prompt: int = 2500
    """Characters."""
    max_images: int = 2


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    models: tuple[Model, ...]


class Catalogue:
    """Models by name and alias."""

    def __init__(self, models: Iterable[Model]) -> None:
        self.models = tuple(models)
        self._by_name = {name: model for model in self.models for name in (model.name, *model.aliases)}

    def find(self, name: str) -> Model | None:
        """The model with this name or alias. A name that a channel serves need not be in the catalogue."""
        return self._by_name.get(name)

    def check(self, request: GenerationRequest) -> None:
        """Raise GatewayError, naming the field, where the request asks for what its model is known not to do."""
        model = self.find(request.model)
        if model is None:
            return
        if request.operation not in model.operations:
            raise GatewayError(
                "unsupported_parameter",
                f"'{model.name}' does not do {request.operation.replace('_', ' ')}; "
                f"it does: {', '.join(model.operations)}.",
                param="operation",
            )
        if len(request.prompt) > model.max_prompt:
            raise invalid(f"The prompt has {len(request.prompt)} characters; at most {model.max_prompt}.", "prompt")
        if not 1 <= request.count <= model.max_count:
            raise invalid(f"'{model.name}' makes 1 to {model.max_count} at a time.", "count")
        images = sum(1 for _ in request.with_role("image", "first_frame", "last_frame", "reference"))
        if images > model.max_images:
            raise invalid(f"'{model.name}' takes at most {model.max_images} images.", "inputs")
        known = request.native.novel if request.native is not None else {}
        for name, novel in self.strange(request).items():
            if name not in known:
                raise invalid(novel.objection, name)

    def strange(self, request: GenerationRequest) -> dict[str, Novel]:
        """By field, the values that the model is not known to have."""
        model = self.find(request.model)
        if model is None:
            return {}
        known: dict[str, tuple[object, ...]] = {
            "duration": model.durations,
            "size": model.sizes,
            "aspect_ratio": model.aspect_ratios,
            "resolution": model.resolutions,
        }
        found = {}
        for name, allowed in known.items():
            value = getattr(request, name)
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


def alike(name: str, other: str) -> bool:
    """Whether two public names mean the same model."""
    known = load()
    return name == other or (known.find(name) is not None and known.find(name) is known.find(other))
