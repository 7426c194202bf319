"""What is taken away of a request, and what stays, field by field of every struct."""

from __future__ import annotations

from typing import Any, get_args

import msgspec
import pytest

from telecine.nouns.operations import OPERATIONS
from telecine.nouns.parameters import (
    ChangeParameters,
    EffectsParameters,
    ImageParameters,
    Parameters,
    VideoParameters,
    WorkflowParameters,
    billed_fields,
    only_billed,
)
from telecine.nouns.request import GenerationRequest, MediaInput

WORDS = "a word of the client's own"
STRUCTS: tuple[type[msgspec.Struct], ...] = get_args(Parameters)
BILLED: dict[type[msgspec.Struct], set[str]] = {
    VideoParameters: {"mode", "motion", "speed"},
    ImageParameters: {"series", "quality", "input_fidelity", "partial_images", "speed"},
    ChangeParameters: {"style", "factor", "speed"},
    EffectsParameters: {"mode"},
    WorkflowParameters: {"makes"},
}
NAMES = {"external_id", "metadata"}
"""What its client calls the task by; it goes with the account."""


def every(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """A value for each field of `kind`, other than its default."""
    return {field.name: value(msgspec.inspect.type_info(field.type)) for field in msgspec.structs.fields(kind)}


def value(kind: Any) -> Any:  # noqa: PLR0911  one return a type
    match kind:
        case msgspec.inspect.Metadata(type=inner):
            return value(inner)
        case msgspec.inspect.UnionType(types):
            return value(next(one for one in types if not isinstance(one, msgspec.inspect.NoneType)))
        case msgspec.inspect.StrType() | msgspec.inspect.AnyType():
            return WORDS
        case msgspec.inspect.BoolType():
            return True
        case msgspec.inspect.IntType():
            return 7
        case msgspec.inspect.FloatType():
            return 0.5
        case msgspec.inspect.VarTupleType(item_type=item):
            return (value(item),)
        case msgspec.inspect.DictType():
            return {WORDS: WORDS}
        case msgspec.inspect.StructType(cls=cls):
            return cls(**every(cls))
        case msgspec.inspect.LiteralType(values=values):
            return values[0]
        case msgspec.inspect.BytesType():
            return WORDS.encode()
        case msgspec.inspect.AnyType():
            return WORDS
        case msgspec.inspect.RawType():
            return msgspec.Raw(b"1")
    raise AssertionError(kind)


@pytest.mark.parametrize("kind", STRUCTS, ids=lambda one: one.__name__)
def test_of_parameters_only_what_changes_the_price_stays(kind: type[msgspec.Struct]) -> None:
    whole = kind(**every(kind))
    for field in msgspec.structs.fields(kind):
        assert getattr(whole, field.name) != field.default, field.name
    bare = only_billed(whole)
    kept = {name for name in kind.__struct_fields__ if getattr(bare, name) == getattr(whole, name)}
    assert kept == billed_fields(kind)
    assert kept == BILLED.get(kind, set())


@pytest.mark.parametrize("parameters", STRUCTS, ids=lambda one: one.__name__)
def test_of_a_request_only_what_changes_the_price_stays(parameters: type[msgspec.Struct]) -> None:
    whole = every(GenerationRequest) | {"parameters": parameters(**every(parameters)), "blanked": False}
    request = GenerationRequest(**whole)
    blank = request.blank()
    kept = {name for name in whole if getattr(blank, name) == getattr(request, name)} - {"parameters"}
    assert kept - NAMES == {
        "operation", "model", "count", "size", "aspect_ratio", "resolution", "duration", "audio",
    } == billed_fields(GenerationRequest)  # fmt: skip
    assert blank.blanked
    assert blank.parameters == only_billed(request.parameters)  # type: ignore[type-var]
    assert type(blank.parameters) is parameters


def test_what_was_taken_away_stays_away_and_older_requests_can_be_read() -> None:
    request = GenerationRequest("text_to_video", "m", "a boat", inputs=(MediaInput("image", url="https://x.y/z"),))
    blank = request.blank()
    assert blank.blank() == blank
    assert msgspec.json.decode(msgspec.json.encode(blank), type=GenerationRequest) == blank
    older = b'{"operation":"remix","model":"m","parameters":{"type":"video","mode":"pro","shots":[]}}'
    assert msgspec.json.decode(older, type=GenerationRequest).operation == "remix"


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda one: one.name)
def test_the_table_of_operations_is_in_order(operation: Any) -> None:
    assert operation.parameters is None or operation.parameters in STRUCTS
    assert operation.follows <= OPERATIONS.keys()
    assert operation.follows or not operation.needs_source
    for slot in operation.inputs.values():
        assert slot.most is None or slot.least <= slot.most
