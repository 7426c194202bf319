"""Patterns of model names: what they match, which says more, and which meet."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telecine.nouns.globs import is_glob, matches, overlap, specificity


@pytest.mark.parametrize(
    ("pattern", "name", "does"),
    [
        ("sora-2", "sora-2", True),
        ("sora-2", "sora-2-pro", False),
        ("*", "", True),
        ("sora-*", "sora-2-pro", True),
        ("sora-?", "sora-2", True),
        ("sora-?", "sora-22", False),
        ("sora-[12]", "sora-2", True),
        ("SORA-*", "sora-2", False),
        ("odd[1", "odd[1", True),
    ],
)
def test_what_a_pattern_matches(pattern: str, name: str, does: bool) -> None:
    assert matches(pattern, name) is does


def test_what_spells_out_more_says_more() -> None:
    globs = ["*", "?*", "*-*", "so*", "sora-*", "sora-*-pro", "sora-?-pro", "sora-[0-9]-pro*"]
    assert sorted(globs, key=specificity) == globs
    assert [is_glob(one) for one in (*globs, "sora-2")] == [True] * len(globs) + [False]


@pytest.mark.parametrize(
    ("one", "other", "do"),
    [
        ("flux-*", "*", True),
        ("flux-*-pro", "flux-1*", True),
        ("flux-*", "sora-*", False),
        ("*-pro", "flux-*", True),
        ("*-pro", "flux-?", False),
        ("a*b*c", "*x", False),
        ("kling-v[12]", "kling-v2", True),
        ("x" * 3000, "*" + "x" * 2000, True),
    ],
)
def test_which_patterns_meet(one: str, other: str, do: bool) -> None:
    assert overlap(one, other) is overlap(other, one) is do


@given(st.text("ab*?", max_size=5), st.text("ab*?", max_size=5))
def test_they_meet_where_a_name_is_matched_by_both(one: str, other: str) -> None:
    names = ("".join(letters) for size in range(9) for letters in product("ab", repeat=size))
    assert overlap(one, other) == any(matches(one, name) and matches(other, name) for name in names)
