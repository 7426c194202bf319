"""JSON fields as the OpenAI SDKs write them into forms: `metadata[k]`, `tags[]`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import msgspec

from telecine.net.forms import Pair
from telecine.nouns.errors import GatewayError


def pairs_of(fields: Mapping[str, msgspec.Raw]) -> list[Pair]:
    """JSON fields as the OpenAI SDKs write them: scalars as text, numbers as they were written, a field that is null
    not at all.

    Raises GatewayError (`unsupported_parameter`) naming the first field that would mean something else when it is read.
    """
    found: list[Pair] = []
    for name, raw in fields.items():
        value = json.loads(bytes(raw), parse_int=str, parse_float=str)
        if lost := _lost(value):
            raise GatewayError(
                "unsupported_parameter",
                f"'{name[:64]}' holds {lost}, which the form that this upstream takes cannot say. Leave it out.",
                param=name[:64],
            )
        found += _flat(name, value)
    return found


def _lost(value: Any) -> str | None:
    """What of `value` a form loses, or says so that it is read in another way; None where nothing is."""
    if isinstance(value, dict):
        if all(one is None for one in value.values()):
            return "an empty object"
        if any("[" in name or "]" in name or not name for name in value):
            return "a name with brackets, or none"
        return next(filter(None, map(_lost, value.values())), None)
    if isinstance(value, list):
        return _lost_of_list(value)
    return None


def _lost_of_list(items: list[Any]) -> str | None:
    kinds = {dict if isinstance(one, dict) else list if isinstance(one, list) else str for one in items}
    if not items or None in items:
        return "null in a list" if items else "an empty list"
    if len(kinds) > 1 or kinds == {list}:
        return "a list in a list" if kinds == {list} else "a list of unlike things"
    return _lost_of_objects(items) if kinds == {dict} else None


def _lost_of_objects(items: list[dict[str, Any]]) -> str | None:
    """A reader begins the next object where a name comes again that the one before it has."""
    if any(isinstance(one, dict | list) for item in items for one in item.values()):
        return "lists or objects within a list of objects"
    names = [[name for name, one in item.items() if one is not None] for item in items]
    if not all(names) or any(now[0] not in before for before, now in pairwise(names)):
        return "a list of objects that do not begin alike"
    return next(filter(None, map(_lost, items)), None)


def _flat(name: str, value: Any) -> Iterator[Pair]:
    match value:
        case None:
            return
        case bool():
            yield name, "true" if value else "false"
        case dict():
            for key, one in value.items():
                yield from _flat(f"{name}[{key}]", one)
        case list():
            for one in value:
                yield from _flat(f"{name}[]", one)
        case _:
            yield name, value
