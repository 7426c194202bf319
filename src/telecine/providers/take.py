"""Take or refuse: an adapter takes the fields that it can express, and any field that is set and not taken is refused
by name. That is what makes every dialect and provider combine without a field being lost in silence."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import msgspec

from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.request import GenerationRequest, MediaInput, Native, Role

# Fields that say nothing about what is generated, so no upstream needs to take them.
_OURS: Final = frozenset(
    {"operation", "model", "callback_url", "callback_headers", "external_id", "metadata", "native", "count"}
    | {"parent"}
)
_SHOWN: Final = frozenset({"parameters.grid"})
"""What is done here with the results, whoever makes them."""
# The one short advisory list: hints that may drop without making the result wrong.
ADVISORY: Final = frozenset(
    {
        "seed",
        "parameters.cfg_scale",
        "parameters.user",  # says who asks, and nothing of what is made
        "parameters.safety_identifier",
        "parameters.speed",  # how soon; no price counts it but one of an upstream that is told it
        "parameters.partial_images",  # OpenAI documents that the final picture may come without them
    }
)


_WHO: Final = "user"
"""As most vendors call who asks, for whom it is advisory (`parameters.user`)."""
_ABSENT: Final = (b"null", b'""', b"[]", b"{}")
"""What says nothing: some clients write every field that they know."""


def whole(seconds: float, title: str, param: str = "duration") -> str:
    """Seconds as text, for an upstream that counts whole ones. Raises GatewayError for anything else."""
    if seconds <= 0 or not float(seconds).is_integer():
        raise invalid(f"{title} counts whole seconds; {seconds:g} is none.", param)
    return str(int(seconds))


class Take:
    """Hands out the fields of one request and remembers which were taken."""

    def __init__(self, request: GenerationRequest, speaks: frozenset[str] = frozenset()) -> None:
        """`speaks`: the dialects whose clients say what only the upstream may know."""
        self._request = request
        native = request.native
        self._native = native if native is not None and native.dialect in speaks else None
        self._taken: set[str] = set()

    @property
    def speaks(self) -> bool:
        """Whether the client's dialect is the upstream's, and what only the two of them know is there."""
        return self._native is not None

    def field(self, name: str) -> Any:
        """The value of one core field, now taken."""
        self._taken.add(name)
        return getattr(self._request, name)

    def parameter(self, name: str) -> Any:
        """The value of one vendor parameter, now taken; None where it is not set."""
        self._taken.add(f"parameters.{name}")
        return getattr(self._request.parameters, name, None)

    def all_of(self, names: frozenset[str]) -> None:
        """These fields are taken, by their neutral names (`prompt`, `parameters.mode`, `inputs.mask`)."""
        self._taken |= names

    def novel(self, name: str) -> str | None:
        """What the client wrote into the field `name`, where nobody but this upstream may know it."""
        found = self._native.novel.get(name) if self._native is not None else None
        return None if found is None else found.value

    def own(self, name: str) -> tuple[str, str] | None:
        """The field and the text that a client of this upstream's dialect said the field `name` with, where kept."""
        return self._native.own.get(name) if self._native is not None else None

    def own_text(self, name: str) -> str | None:
        """What the client wrote into the field `name`, where this upstream may take it as it is."""
        own = self.own(name)
        return own[1] if own is not None else self.novel(name)

    def inputs(self, *roles: Role) -> list[MediaInput]:
        """The inputs with one of `roles`, now taken."""
        self._taken.update(f"inputs.{role}" for role in roles)
        return list(self._request.with_role(*roles))

    def untaken(self) -> list[str]:
        """The names of the fields that are set, not taken and not advisory."""
        request = self._request
        names = [name for name, default in _defaults(GenerationRequest) if getattr(request, name) != default]
        names += sorted({f"inputs.{item.role}" for item in request.inputs})
        if request.count != 1:
            names.append("count")
        parameters = request.parameters
        if parameters is not None:
            names += [
                f"parameters.{name}"
                for name, default in _defaults(type(parameters))
                if getattr(parameters, name) != default
            ]
        return [name for name in names if name not in self._taken | ADVISORY | _SHOWN]

    def refuse_rest(self, provider: str) -> None:
        """Raise `unsupported_parameter` for the first field that nobody took.

        Fields that a dialect does not know pass through to a provider that speaks it.
        """
        native = self._request.native
        if native is not None and self._native is None:
            _refuse(native, provider)
        for name in self.untaken():
            raise GatewayError(
                "unsupported_parameter",
                f"The provider '{provider}' cannot honour '{name.rpartition('.')[2]}' for this operation. "
                "Leave it out, or use a model whose channel supports it.",
                param=name,
            )


def _refuse(native: Native, provider: str) -> None:
    """Raise GatewayError for what only an upstream of the client's own dialect may understand."""
    for name, novel in native.novel.items():
        raise GatewayError("invalid_request", novel.objection, param=name)
    for name in sorted(native.fields):
        if name != _WHO and bytes(native.fields[name]) not in _ABSENT:
            raise GatewayError(
                "unsupported_parameter",
                f"The field '{name}' is not known here, and the provider '{provider}' speaks another wire format. "
                "Leave it out.",
                param=name,
            )


@cache
def _defaults(kind: type[msgspec.Struct]) -> tuple[tuple[str, Any], ...]:
    """The fields that a provider has to take, with the value that means "not asked for". Looking them up is slow."""
    return tuple(
        (field.name, field.default)
        for field in msgspec.structs.fields(kind)
        if field.name not in _OURS | {"parameters", "inputs"}
    )
