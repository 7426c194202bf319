"""What is said of one operation."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

import msgspec

from telecine.nouns.kinds import Kind
from telecine.nouns.money import Unit
from telecine.nouns.reference import ReferenceKind
from telecine.nouns.request import Role


class Slot(msgspec.Struct, frozen=True):
    """How many inputs of a role an operation takes; `most` None is no limit of the operation itself."""

    least: int = 0
    most: int | None = None


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that can be asked for, and what is true of it whatever the model and the provider."""

    name: str
    makes: Kind
    """What its main part is, where the request does not say something else: see `makes_of`."""
    unit: Unit
    """What it is priced by where nobody says otherwise."""
    inputs: Mapping[Role, Slot] = {}
    """The roles that its inputs may have."""
    also: tuple[Role, ...] = ()
    """Roles that some channels take beside them; they judge that themselves."""
    needs: tuple[Role, ...] = ()
    """It cannot be without an input of one of these roles, the likeliest first; a source does as well, where it follows
    something up."""
    parameters: type[msgspec.Struct] | None = None
    """The struct of its parameters, whose fields say whether they change the price; None where it has none."""
    follows: frozenset[str] = frozenset()
    """The operations whose tasks or outputs it may follow up."""
    called: ReferenceKind | None = None
    """What a reference calls what it makes, where that is no file of its kind but a thing that lives upstream."""
    needs_source: bool = False
    """It cannot be without something that it follows up."""
    slots: Literal["one", "count"] = "one"
    """How many of a pool's slots it takes: one, or as many as there are to be outputs."""
    inferred: bool = True
    """It may be meant where nobody has named an operation."""
    several: bool = False
    """It is meant where a role has several inputs, and the model can do another operation with them as well."""

    @property
    def title(self) -> str:
        """Its name as a person would write it."""
        return self.name.rpartition(":")[2].replace("_", " ")

    def fits(self, roles: Collection[str]) -> bool:
        """Whether it can be made of inputs with exactly these roles."""
        told = set(roles)
        lacking = any(slot.least and role not in told for role, slot in self.inputs.items())
        if lacking or (self.needs and told.isdisjoint(self.needs)):
            return False
        return told <= self.inputs.keys() and bool(told) == bool(self.inputs)
