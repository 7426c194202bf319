"""Counts of units, as upstreams write them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from telecine.nouns.money import units_of


@pytest.mark.parametrize(("text", "units"), [("2.5", Decimal("2.5")), ("0", Decimal(0)), ("1e3", Decimal(1000))])
def test_a_count_is_read_exactly(text: str, units: Decimal) -> None:
    assert units_of(text) == units


@pytest.mark.parametrize("text", [None, "", "None", "a few", "NaN", "sNaN", "Infinity", "-1", "1e10", "1e999999"])
def test_what_is_no_plausible_count_is_none(text: str | None) -> None:
    assert units_of(text) is None
