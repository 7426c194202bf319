"""The least that each operation can be asked for with: what it cannot be without, and nothing else."""

from __future__ import annotations

from telecine.nouns.operations import OPERATIONS
from telecine.nouns.request import GenerationRequest, MediaInput, Reference, Role

URL = "https://a.test/b"


def roles(name: str) -> list[Role]:
    """The roles of the inputs that the operation needs."""
    operation = OPERATIONS[name]
    return [role for role, slot in operation.inputs.items() for _ in range(slot.least)] + [*operation.needs[:1]]


def least(name: str) -> GenerationRequest:
    """A request of nobody's model for what the operation `name` makes of a boat."""
    source = Reference(task=1) if OPERATIONS[name].needs_source else None
    inputs = tuple(MediaInput(role, url=URL) for role in roles(name))
    return GenerationRequest(name, "nobodys", "a boat", inputs=inputs, source=source)
