from __future__ import annotations

import json
import re
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telecine.dialects.bodies import MAX_UNKNOWN, Known, parse_object, present, strings, typed
from telecine.nouns.errors import GatewayError


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    depth: int


class Outer(msgspec.Struct):
    model: str | None = None
    inner: Inner | None = None
    many: list[Inner] = []


KNOWN = Known.of(Outer)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{",
        b'{"a":1,}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b"{'a':1}",
        b'{"a":1} // comment',
        b'{"a":"\xff"}',
        b'\xff\xfe{\x00"\x00}\x00',
        b'{"a":' + b"1" * 5000 + b"}",
        b'{"a":' + b"[" * 65 + b"]" * 65 + b"}",
        b'{"a":' + b"[" * 90_000,
        b'{"a":[' + b"0," * 100_001 + b"0]}",
    ],
    ids=lambda content: content[:24].decode("latin-1"),
)
def test_what_is_not_a_sound_object_is_refused(content: bytes) -> None:
    with pytest.raises(GatewayError) as caught:
        parse_object(content)
    assert (caught.value.code, caught.value.param) == ("invalid_request", None)


@pytest.mark.parametrize(
    ("content", "path", "what"),
    [
        (b'{"prompt":"\\ud800"}', "prompt", "half of a surrogate pair (\\ud800)"),
        (b'{"a":[1,{"b":"x\\uDEAD"}]}', "a[1].b", "half of a surrogate pair (\\udead)"),
        (b'{"\\ud800":1}', "\ufffd", "half of a surrogate pair"),
        (b'{"x":{"\\udc00 ":1}}', "x.\ufffd ", "half of a surrogate pair"),
        (b'{"a":"\\u0000"}', "a", "a NUL character"),
        (b'{"a":{"b\\u0000":1}}', "a.b\ufffd", "a NUL character"),
    ],
)
def test_what_is_no_text_is_named(content: bytes, path: str, what: str) -> None:
    with pytest.raises(GatewayError) as caught:
        parse_object(content)
    assert (caught.value.code, caught.value.param) == ("invalid_request", path)
    assert what in caught.value.message


def test_text_that_only_looks_like_it_is_taken() -> None:
    content = b'{"a":"\\ud83d\\ude00","b":"\\\\ud800 \\\\u0000"}'
    assert parse_object(content).fields == {"a": "😀", "b": "\\ud800 \\u0000"}


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (b'{"model":"a","model":"b"}', "model"),
        (b'{"model":"a","mod\\u0065l":"b"}', "model"),
        (b'{"x":{"y":[{"z":1,"z":1}]}}', "z"),
        (b'{"\\ud800":1,"\\ud800":2}', "?"),
    ],
)
def test_a_key_that_is_there_twice_is_refused_at_any_depth(content: bytes, key: str) -> None:
    with pytest.raises(GatewayError) as caught:
        parse_object(content)
    assert caught.value.param == key


def test_a_million_duplicate_keys_do_not_hold_the_reader_up() -> None:
    content = b"{" + b",".join(b'"k%d":0' % number for number in range(90_000)) + b',"k89999":1}'
    began = time.thread_time()
    with pytest.raises(GatewayError, match="there twice"):
        parse_object(content)
    assert time.thread_time() - began < 1


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("twice")
    return dict(pairs)


def _refuse(word: str) -> None:
    raise ValueError(word)


def _escaped(text: str) -> st.SearchStrategy[str]:
    """`text` as JSON, each character as itself or as an escape."""
    plain = [json.dumps(one, ensure_ascii=False)[1:-1] for one in text]
    coded = ["".join(f"\\u{unit:04X}" for unit in memoryview(one.encode("utf-16-le")).cast("H")) for one in text]
    return st.tuples(*map(st.sampled_from, zip(plain, coded, strict=True))).map(lambda found: f'"{"".join(found)}"')


_texts = st.text(':,"\\{}[]\n\x7fa宇😀', max_size=4).flatmap(_escaped)
_numbers = st.sampled_from(["-0", "-0.0", "1E5", "1e400", "0.1e-400", "5.0", str(2**64), "9" * 40, "9" * 400 + ".5"])
_NO_TEXT = re.compile("[\0\ud800-\udfff]").search
_spaces = st.sampled_from(["", " ", "\n\t"])
_written = st.recursive(
    _texts | _numbers | st.sampled_from(["null", "true", "NaN", '"\\ud800"', '"\\u0000"', "01", ""]),
    lambda inner: (
        st.tuples(_spaces, st.lists(inner, max_size=4)).map(lambda parts: f"[{f',{parts[0]}'.join(parts[1])}]")
        | st.tuples(_spaces, st.lists(st.tuples(_texts, inner), max_size=4)).map(
            lambda parts: "{" + ",".join(f"{name}{parts[0]}:{parts[0]}{value}" for name, value in parts[1]) + "}"
        )
    ),
    max_leaves=12,
)


@settings(max_examples=500, deadline=None)
@given(_written)
def test_a_body_is_read_as_the_strict_reader_of_the_stdlib_reads_it(written: str) -> None:
    content = f'{{"a":{written}}}'.encode()
    try:
        wanted = json.loads(content, object_pairs_hook=_pairs, parse_constant=_refuse)
    except ValueError:
        wanted = None
    sound = wanted is not None and not any(map(_NO_TEXT, strings(wanted)))
    try:
        found = parse_object(content)
    except GatewayError:
        assert not sound
    else:
        assert sound
        assert repr(found.fields) == repr(wanted)
        unknown = found.unknown(KNOWN)
        assert {name: bytes(raw) for name, raw in unknown.items()} == {"a": written.encode()}


@pytest.mark.parametrize("depth", [63, 64])
@pytest.mark.parametrize("inner", [b"", b"{}", b"0", b'"a"'])
def test_a_body_may_be_nested_64_deep(depth: int, inner: bytes) -> None:
    content = b'{"a":' + b"[" * (depth - 1) + inner + b"]" * (depth - 1) + b"}"
    if depth == 64 and inner == b"{}":
        with pytest.raises(GatewayError, match="nested more than 64 deep"):
            parse_object(content)
    else:
        parse_object(content)


@pytest.mark.parametrize(
    "name", ["callback", "Call-Back", "call_\nback", "hookUrl", "webhooks", "API_BASE", "ENDPOINT"]
)
def test_an_unknown_name_that_says_where_to_call_is_found_at_any_depth(name: str) -> None:
    fields = {"future": [{"call": 1, "back": 2}, {"a": {"b": [{name: "x"}]}}]}
    with pytest.raises(GatewayError, match="says where to call") as caught:
        parse_object(json.dumps(fields).encode()).unknown(KNOWN)
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", name)


def test_names_that_say_so_only_side_by_side_are_passed_on() -> None:
    fields = {"future": {"call": 1, "back": {"end": 2, "point": 3}}}
    assert parse_object(json.dumps(fields).encode()).unknown(KNOWN).keys() == {"future"}


def test_escapes_that_mean_something_are_kept() -> None:
    body = parse_object(rb'{"a":"\u5b87\ud83d\ude00\\u0000"}')
    assert body.fields == {"a": "宇😀\\u0000"}


def test_unknown_fields_keep_their_bytes() -> None:
    body = parse_object(b'{"model":"m", "future": { "a" : 1.50 , "b":[ ] } ,"x":"" }')
    unknown = body.unknown(KNOWN)
    assert {name: bytes(value) for name, value in unknown.items()} == {
        "future": b'{ "a" : 1.50 , "b":[ ] }',
        "x": b'""',
    }


@pytest.mark.parametrize("name", ["Model", "MODEL", "INNER", "mAny"])
def test_an_unknown_key_that_differs_only_in_case_is_refused(name: str) -> None:
    body = parse_object(json.dumps({"model": "m", name: "x"}).encode())
    with pytest.raises(GatewayError) as caught:
        body.unknown(KNOWN)
    assert caught.value.param == name


def test_unknown_fields_are_bounded() -> None:
    body = parse_object(json.dumps({"future": "x" * MAX_UNKNOWN}).encode())
    with pytest.raises(GatewayError) as caught:
        body.unknown(KNOWN)
    assert caught.value.code == "too_large"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": 1}, "model"),
        ({"inner": {"depth": "x"}}, "inner.depth"),
        ({"inner": {}}, "inner.depth"),
        ({"inner": {"depth": 1, "width": 1}}, "inner.width"),
        ({"many": [{"depth": 1}, {"depth": None}]}, "many[1].depth"),
        ({"many": {}}, "many"),
    ],
)
def test_a_wrong_type_is_named_by_its_path(fields: object, param: str) -> None:
    with pytest.raises(GatewayError) as caught:
        typed(fields, Outer)
    assert caught.value.param == param
    assert param in caught.value.message


def test_empty_means_absent_at_any_depth() -> None:
    assert present({"a": "", "b": None, "c": {"d": "", "e": 0}, "f": [{"g": ""}, False]}) == {
        "c": {"e": 0},
        "f": [{}, False],
    }


def test_ten_megabytes_of_base64_are_read_quickly() -> None:
    content = json.dumps({"image": "A" * 14_000_000, "future": 1}).encode()
    began = time.thread_time()
    body = parse_object(content)
    assert time.thread_time() - began < 1
    assert bytes(body.unknown(Known(["image"]))["future"]) == b"1"
