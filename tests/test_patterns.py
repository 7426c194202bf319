"""No text freezes the server: every regular expression reads a megabyte of its worst input in no time worth a word."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from tests.patterns import known, uncompiled


async def outcome(*patterns: str) -> tuple[int, str]:
    """(exit code, the last pattern that was begun) of a run over `patterns`, or over all that telecine has."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.patterns", *patterns, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    said, wrong = await process.communicate()
    assert b"Error" not in wrong, wrong.decode()
    return process.returncode or 0, said.decode().splitlines()[-1]


async def test_every_pattern_is_linear() -> None:
    assert await outcome() == (0, "done")


@pytest.mark.parametrize(
    "pattern",
    [r"eyJ[\w-]+\.[\w-]+\.[\w-]*", r"\s*https?:", r"^(.*?)(?: - at `\$(.*)`)?$", r"\[\[\s*(\w+)\s*:\s*([^\[\]]*?)\]\]"],
)
async def test_a_pattern_that_is_not_would_be_found(pattern: str) -> None:
    code, last = await outcome(pattern)
    assert code < 0
    assert last == pattern


def test_new_patterns_are_seen() -> None:
    assert "telecine.providers.scrub:_RUN" in known()
    assert len(known()) > 20
    assert uncompiled() == []
