"""Both languages say the same things."""

from __future__ import annotations

from string import Formatter

import pytest

from telecine.cli.texts import _TEXTS, language


def _fields(template: str) -> set[str]:
    return {field for _, field, _, _ in Formatter().parse(template) if field is not None}


@pytest.mark.parametrize("name", list(_TEXTS))
def test_both_languages_fill_in_the_same_values(name: str) -> None:
    english, chinese = _TEXTS[name]
    assert english
    assert _fields(english) == _fields(chinese)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LC_ALL": "en_US.UTF-8", "LANG": "zh_CN.UTF-8"}, "en"),
        ({"LC_ALL": "", "LC_MESSAGES": "zh_TW", "LANG": "C"}, "zh"),
    ],
)
def test_the_language_is_the_environments(environment: dict[str, str], expected: str) -> None:
    assert language(environment) == expected
