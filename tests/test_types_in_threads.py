"""No thread builds a msgspec type: two that build the same one at once end the process, in native code."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.types_in_threads import DECODED


async def fresh(*words: str) -> tuple[int, str]:
    """(exit code, what it says last) of a new process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.types_in_threads", *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    said, wrong = await process.communicate()
    return process.returncode or 0, (said.decode().splitlines() or [wrong.decode()])[-1]


@pytest.mark.parametrize("name", DECODED)
async def test_a_type_that_threads_decode_is_built_at_import(name: str) -> None:
    assert await fresh("built", name) == (0, "[]")


async def test_a_type_that_is_not_would_be_found() -> None:
    code, said = await fresh("built", "new")
    assert (code, [one.split()[1] for one in json.loads(said)]) == (0, ["New", "Inner"])


@pytest.mark.parametrize("name", DECODED)
@pytest.mark.parametrize("number", range(2))
async def test_many_threads_may_decode_it_first(name: str, number: int) -> None:
    assert await fresh("race", name) == (0, "survived"), number


async def test_a_servers_threads_build_no_type(tmp_path: Path) -> None:
    assert await fresh("serve", str(tmp_path)) == (0, "[]")
