"""Write the lock file of npm's packages in a folder anew, without addresses: `python tools/lock_npm.py FOLDER`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

_NPM = "npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved --no-audit --no-fund"

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    subprocess.run(_NPM.split(), check=True, cwd=folder)  # noqa: S603  a command of our own
    file = folder / "package-lock.json"
    said = json.loads(file.read_text(encoding="utf-8"))
    for package in said["packages"].values():
        package.pop("funding", None)  # addresses that nobody needs here
    file.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
