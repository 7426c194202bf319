"""Where the packages are, and running a script that is to find them and none of ours."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.packages import kept

_HERE = Path(__file__).parent
_LOCK = _HERE / "requirements.lock"
_SECONDS = 120


def installed() -> Path:
    """The folder in which the packages of the lock file are, installed now where they were not. Raises
    subprocess.CalledProcessError where the registry cannot be reached."""
    return kept("clients", [_LOCK], _install)


def _install(folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    how = ["--require-hashes", "--only-binary", ":all:", "--target", str(folder), "-r", str(_LOCK)]
    subprocess.run([*pip, *how], check=True, timeout=_SECONDS)


def run(script: str, told: Any) -> Any:
    """What a script of this folder answers to `told`, both as JSON. It is given no variable of ours."""
    found = subprocess.run(
        [sys.executable, "-S", "-P", "-W", "error::SyntaxWarning", _HERE / script],  # -S: none of our own packages
        input=json.dumps(told),
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
        env={"PYTHONPATH": str(installed())},
    )
    if found.returncode != 0:
        raise AssertionError(found.stderr)
    return json.loads(found.stdout)
