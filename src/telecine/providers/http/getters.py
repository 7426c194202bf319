"""Where things stand in decoded JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Getter = Callable[[Any], Any]
"""Finds something; None where it is not there."""


def at(path: str) -> Getter:
    """What stands at a path of names, such as `data.task_id`."""
    names = tuple(path.split("."))

    def find(value: Any) -> Any:
        for name in names:
            if not isinstance(value, dict):
                return None
            value = value.get(name)
        return value

    return find


def rows(path: str) -> Callable[[Any], list[Any]]:
    """The objects in the list at a path."""
    find = at(path)

    def listed(value: Any) -> list[Any]:
        found = find(value)
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []

    return listed


def says(path: str, *values: str | int) -> Callable[[Any], bool]:
    """Whether one of `values` stands at a path."""
    find = at(path)
    wanted = {(type(value), value) for value in values}

    def said(value: Any) -> bool:
        found = find(value)
        return isinstance(found, str | int) and (type(found), found) in wanted

    return said
