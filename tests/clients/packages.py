"""Where the packages are, and running a script that is to find them and none of ours."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_LOCK = _HERE / "requirements.lock"
_SECONDS = 120


def installed() -> Path:
    """The folder in which the packages of the lock file are, installed now where they were not. Raises
    subprocess.CalledProcessError where the registry cannot be reached."""
    place = Path(sys.prefix) / "clients" / hashlib.sha256(_LOCK.read_bytes()).hexdigest()[:16]
    if place.is_dir():
        return place
    place.parent.mkdir(exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=place.parent))
    try:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
        how = ["--require-hashes", "--only-binary", ":all:", "--target", str(made), "-r", str(_LOCK)]
        subprocess.run([*pip, *how], check=True, timeout=_SECONDS)
        made.rename(place)
    except OSError:
        if not place.is_dir():  # another process was as fast
            raise
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return place


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
