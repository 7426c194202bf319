"""The tables of what each vendor takes are made of what it states."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from telecine.providers.http import Vendor
from telecine.providers.http.facts import Field, Op, Picture
from telecine.providers.kling import KLING
from telecine.providers.kling.operation import Row
from telecine.providers.kling.vendor import TABLE as KLINGS
from telecine.providers.known import VENDORS
from telecine.providers.openai import OPENAI
from telecine.providers.openai_images import IMAGES

DOCUMENT = Path(__file__).parents[2] / "docs" / "providers.md"


WIDEST = 4
"""Operations side by side; more of them stand below each other."""


def table(vendor: Vendor) -> str:
    """Neutral fields by operation, and the field on the wire that says each."""
    return (
        side_by_side(vendor)
        if len(vendor.ops) <= WIDEST
        else below({operation.replace("_", " "): op for operation, op in vendor.ops.items()})
    )


def side_by_side(vendor: Vendor) -> str:
    told: dict[str, dict[str, str]] = {}
    for operation, op in vendor.ops.items():
        for neutral, field in op.fields.items():
            told.setdefault(neutral, {})[operation] = said(field)
    head = ["", *(operation.replace("_", " ") for operation in vendor.ops)]
    lines = [head, ["---"] * len(head)]
    lines += [
        [named(neutral), *(cells.get(operation, "no") for operation in vendor.ops)] for neutral, cells in told.items()
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def below(ops: Mapping[str, Op]) -> str:
    """A line for each, with its fields and what says them where that is called otherwise."""
    lines = ["| | takes |", "| --- | --- |"]
    for name, op in ops.items():
        fields = (
            named(neutral) + ("" if said(field) in (named(neutral.rpartition(".")[2]), "yes") else f" ({said(field)})")
            for neutral, field in op.fields.items()
        )
        lines.append(f"| {name} | {', '.join(fields)} |")
    return "\n".join(lines)


def named(neutral: str) -> str:
    return f"`{neutral.replace('|', '`, `inputs.')}`"


def said(field: str | Field | Picture) -> str:
    name = field if isinstance(field, str) else field.name
    return f"`{name}`" if name else "yes"


def by_path() -> str:
    """Kling's, whose operations may be at several paths."""
    return below({f"`POST {row.path.path}`: {_words(row)}": row.op for row in KLINGS})


def _words(row: Row) -> str:
    return ", ".join(name.replace("_", " ") for name in row.does)


def test_the_document_has_what_pictures_are_made_of() -> None:
    pictures = side_by_side(replace(OPENAI, ops=IMAGES))
    assert pictures in DOCUMENT.read_text(encoding="utf-8"), f"\n{pictures}\n"


GENERATIONS = [(vendor.name, one) for vendor in VENDORS for one in (vendor, *vendor.later, *vendor.forms.values())]


@pytest.mark.parametrize(("name", "vendor"), GENERATIONS)
def test_the_document_has_what_the_vendor_states(name: str, vendor: Vendor) -> None:
    assert name == vendor.name
    if vendor.speaks == OPENAI.speaks:  # pictures have a table of their own, which all forms have in common
        vendor = replace(vendor, ops={name: op for name, op in vendor.ops.items() if name not in IMAGES})
    if vendor.ops is not KLING.ops:
        assert table(vendor) in DOCUMENT.read_text(encoding="utf-8"), f"\n{table(vendor)}\n"
        return
    there = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("| `POST /v1/")]
    assert set(by_path().splitlines()[2:]) == set(there), f"\n{by_path()}\n"
