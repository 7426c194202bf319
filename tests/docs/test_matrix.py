"""The tables of what each vendor takes are made of what it states."""

from __future__ import annotations

from pathlib import Path

import pytest

from telecine.providers.http import Vendor
from telecine.providers.known import VENDORS

DOCUMENT = Path(__file__).parents[2] / "docs" / "providers.md"


def table(vendor: Vendor) -> str:
    """Neutral fields by operation, and the field on the wire that says each."""
    told: dict[str, dict[str, str]] = {}
    for operation, op in vendor.ops.items():
        for neutral, field in op.fields.items():
            name = field if isinstance(field, str) else field.name
            told.setdefault(neutral, {})[operation] = f"`{name}`" if name else "yes"
    head = ["", *(operation.replace("_", " ") for operation in vendor.ops)]
    lines = [head, ["---"] * len(head)]
    lines += [
        [f"`{neutral.replace('|', '`, `inputs.')}`", *(cells.get(operation, "no") for operation in vendor.ops)]
        for neutral, cells in told.items()
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


GENERATIONS = [(vendor.name, one) for vendor in VENDORS for one in (vendor, *vendor.later, *vendor.forms.values())]


@pytest.mark.parametrize(("name", "vendor"), GENERATIONS)
def test_the_document_has_what_the_vendor_states(name: str, vendor: Vendor) -> None:
    assert name == vendor.name
    assert table(vendor) in DOCUMENT.read_text(encoding="utf-8"), f"\n{table(vendor)}\n"
