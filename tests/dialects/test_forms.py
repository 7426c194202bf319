from __future__ import annotations

import pytest

from telecine.dialects.forms import nest
from telecine.nouns.errors import GatewayError


@pytest.mark.parametrize(
    ("pairs", "fields"),
    [
        ([("prompt", "a"), ("seconds", "4")], {"prompt": "a", "seconds": "4"}),
        ([("metadata[k]", "v"), ("metadata[l]", "w")], {"metadata": {"k": "v", "l": "w"}}),
        ([("images[]", "a"), ("images[]", "b")], {"images": ["a", "b"]}),
        ([("nested[a]", "x"), ("nested[b][]", "1"), ("nested[b][]", "2")], {"nested": {"a": "x", "b": ["1", "2"]}}),
        ([("input_reference[image_url]", "https://a")], {"input_reference": {"image_url": "https://a"}}),
        ([("images", "a"), ("images", "b")], {"images": ["a", "b"]}),
        ([("a[0]", "x"), ("a[1]", "y")], {"a": ["x", "y"]}),
        ([("a[0][b]", "x"), ("a[0][c]", "y"), ("a[1][b]", "z")], {"a": [{"b": "x", "c": "y"}, {"b": "z"}]}),
        ([("a[][b]", "x"), ("a[][c]", "y"), ("a[][b]", "z")], {"a": [{"b": "x", "c": "y"}, {"b": "z"}]}),
    ],
)
def test_bracket_keys_make_objects_and_lists(pairs: list[tuple[str, str]], fields: object) -> None:
    assert nest(pairs, ("images",)) == fields


@pytest.mark.parametrize(
    "pairs",
    [
        [("prompt", "a"), ("prompt", "b")],
        [("a[b]", "1"), ("a[b]", "2")],
        [("a", "1"), ("a[b]", "2")],
        [("a[b]", "1"), ("a", "2")],
        [("a[]", "1"), ("a[b]", "2")],
        [("a[b]", "1"), ("a[]", "2")],
        [("a[7]", "1")],
        [("a[99999999999999]", "1")],
        [("a[0]", "1"), ("a[0]", "2")],
        [("a[0]", "1"), ("a[0][b]", "2")],
        [("[a]", "1")],
        [("a]b", "1")],
        [("a[b", "1")],
        [("a[b]c", "1")],
        [("", "1")],
        [("a" + "[b]" * 8, "1")],
        [("a", "x\0")],
    ],
)
def test_names_that_contradict_each_other_are_refused(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(GatewayError) as caught:
        nest(pairs)
    assert caught.value.code == "invalid_request"
