"""What passes through to a form keeps its meaning, or is refused by name."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai._qs import Querystring

from telecine.dialects.forms import nest
from telecine.nouns.errors import GatewayError
from telecine.nouns.request import Native
from telecine.providers.base import Provider
from telecine.providers.http.form import pairs_of
from tests.providers.openai.requests import text

KEPT: list[Any] = [
    True,
    False,
    0,
    -7,
    10**20,
    1.5,
    "",
    "true",
    'a\r\n"b"',
    {"a": {"b": {"c": "d"}}},
    {"a": [1, 2], "b": True, "c": None},
    [1, "x", False],
    [{"type": "text", "text": "a"}, {"type": "url", "url": "b"}],
    [{"x": 1, "y": 2}, {"x": 3}, {"x": 4, "z": 5}],
    {"a": [{"x": 1}]},
]
LOST: list[Any] = [
    {},
    [],
    [None],
    [1, None, 2],
    [[1, 2], [3]],
    [[]],
    [1, {"x": 1}],
    [{"x": 1}, {"y": 2}],
    [{"x": 1}, {}],
    [{"x": None}, {"x": 1}],
    [{"x": [1, 2]}, {"x": [3]}],
    {"a": {}},
    {"a": None},
    {"a": {"b": []}},
    {"a[b]": 1},
    {"": 1},
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text("abc ü", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3),
    max_leaves=8,
)


def raw(value: Any) -> dict[str, msgspec.Raw]:
    return {"field": msgspec.Raw(json.dumps(value).encode())}


def read(value: Any) -> Any:
    """`value` as whoever reads the form sees it: texts, and no fields that are null."""
    if isinstance(value, dict):
        return {name: read(one) for name, one in value.items() if one is not None}
    if isinstance(value, list):
        return [read(one) for one in value]
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("value", KEPT, ids=json.dumps)
def test_it_is_written_as_openais_own_client_does_and_read_as_it_was(value: Any) -> None:
    pairs = pairs_of(raw(value))
    assert pairs == Querystring().stringify_items({"field": value}, array_format="brackets")
    assert nest(pairs, ()) == {"field": read(value)}


@pytest.mark.parametrize("value", LOST, ids=json.dumps)
def test_what_a_form_cannot_say_is_refused_by_name(provider: Provider, value: Any) -> None:
    with pytest.raises(GatewayError) as caught:
        provider.check(text(native=Native("openai", raw(value))), "sora-2")
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", "field")


def test_null_means_absent() -> None:
    assert pairs_of(raw(None)) == []


@settings(max_examples=300, deadline=None)
@given(VALUES)
def test_nothing_changes_its_meaning_on_the_way(value: Any) -> None:
    try:
        pairs = pairs_of(raw(value))
    except GatewayError:
        return
    assert nest(pairs, ()) == ({} if value is None else {"field": read(value)})
