"""Packages of other people that tests run, installed once for what their lock files say."""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path


def kept(kind: str, locks: Sequence[Path], install: Callable[[Path], object]) -> Path:
    """The folder in which the packages of `locks` are; where there is none yet, `install` fills an empty one, which
    then takes its place whole. Raises what `install` does."""
    name = hashlib.sha256(b"".join(lock.read_bytes() for lock in locks)).hexdigest()[:16]
    place = Path(sys.prefix) / kind / name
    if place.is_dir():
        return place
    place.parent.mkdir(exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=place.parent))
    try:
        install(made)
        made.rename(place)
    except OSError:
        if not place.is_dir():  # another process was as fast
            raise
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return place
