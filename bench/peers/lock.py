"""Write the lock files of the peers anew: `make lock` runs it, in this folder."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

_PIP = "uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate"
_NPM = "npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved --no-audit --no-fund"

if __name__ == "__main__":
    subprocess.run([*_PIP.split(), "--no-header", "-o", "requirements.lock", "requirements.in"], check=True)
    subprocess.run(_NPM.split(), check=True)
    file = Path("package-lock.json")
    said = json.loads(file.read_text(encoding="utf-8"))
    for package in said["packages"].values():
        package.pop("funding", None)  # addresses that nobody needs here
    file.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
