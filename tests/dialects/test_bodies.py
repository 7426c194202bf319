from __future__ import annotations

import json
import time

import msgspec
import pytest

from telecine.dialects.bodies import MAX_UNKNOWN, Known, parse_object, present, typed
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
    began = time.perf_counter()
    with pytest.raises(GatewayError, match="there twice"):
        parse_object(content)
    assert time.perf_counter() - began < 1


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
    began = time.perf_counter()
    body = parse_object(content)
    assert time.perf_counter() - began < 1
    assert bytes(body.unknown(Known(["image"]))["future"]) == b"1"
