"""Amounts that are written as texts: plain decimal digits, and nothing else that Python would read as a number.

`1_000`, ` 5 `, `1e3`, `+5`, `NaN` and the digits of other scripts are refused: each means something else to somebody.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache
from typing import Any, Final

import msgspec

_PLAIN: Final = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,20})?")
_HOW: Final = "write plain digits, such as 12.5"
Path = tuple[str | int, ...]


def decimal_of(text: str) -> Decimal:
    """The number that `text` writes. Raises ValueError."""
    if _PLAIN.fullmatch(text) is None:
        raise ValueError(f"'{text[:40]}' is no amount: {_HOW}")
    return Decimal(text)


def check_texts(raw: object, kind: type[msgspec.Struct]) -> tuple[Path, str] | None:
    """Where in `raw`, from which a `kind` is to be made, a number is written as a text that is not plain, and what is
    wrong with it; None where all is well. msgspec itself takes whatever `Decimal` does."""
    return _search(raw, _described(kind), ())


@cache
def _described(kind: type[msgspec.Struct]) -> msgspec.inspect.Type:
    return msgspec.inspect.type_info(kind)


def _search(raw: Any, kind: msgspec.inspect.Type, path: Path) -> tuple[Path, str] | None:
    match kind:
        case msgspec.inspect.DecimalType() if isinstance(raw, str):
            try:
                decimal_of(raw)
            except ValueError as error:
                return path, str(error)
        case msgspec.inspect.UnionType(types) if not any(isinstance(one, msgspec.inspect.StrType) for one in types):
            return next((found for one in types if (found := _search(raw, one, path)) is not None), None)
        case msgspec.inspect.StructType(fields=fields) if isinstance(raw, dict):
            parts = [(raw[one.encode_name], one.type, one.encode_name) for one in fields if one.encode_name in raw]
            return next((found for part, one, name in parts if (found := _search(part, one, (*path, name)))), None)
        case msgspec.inspect.VarTupleType(item_type=item) | msgspec.inspect.ListType(item_type=item):
            listed = enumerate(raw) if isinstance(raw, list) else ()
            return next((found for number, part in listed if (found := _search(part, item, (*path, number)))), None)
    return None
