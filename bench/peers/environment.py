"""What the peers are installed into."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def install(place: Path) -> None:
    """LiteLLM and Node by pip, Portkey by npm: hashes are checked, and nothing is built or run meanwhile."""
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    pip: list[Path | str] = [place / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    lock = HERE / "requirements.lock"
    subprocess.run([*pip, "--require-hashes", "--only-binary", ":all:", "-r", lock], check=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, place)
    npm: list[Path | str] = [place / "bin" / "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    # The registry may be reached by what our environment says; nothing that could read it runs yet.
    env = os.environ | {"PATH": f"{place / 'bin'}:{os.environ['PATH']}"}
    subprocess.run(npm, cwd=place, check=True, env=env)


def clean(place: Path) -> dict[str, str]:
    """The variables that a peer is run with: none of ours, so no secret."""
    return {"PATH": f"{place / 'bin'}:/usr/bin:/bin", "HOME": str(place), "LANG": "C.UTF-8"}
