"""Refuse lock files that name an index or a download address, or a package without hashes."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
ADDRESS = re.compile(r"://|^\s*(-i|--index-url|--extra-index-url|--find-links|-f)\b|\s@\s")


def problems(file: Path) -> list[str]:
    """What is wrong with one of pip's lock files, a line each."""
    lines = file.read_text(encoding="utf-8").splitlines()
    found = [f"{file.name}:{number}: names an address" for number, line in enumerate(lines, 1) if ADDRESS.search(line)]
    pinned = [number for number, line in enumerate(lines) if re.match(r"[A-Za-z0-9]", line)]
    for number in pinned:
        if "==" not in lines[number]:
            found.append(f"{file.name}:{number + 1}: is not pinned")
        if number + 1 >= len(lines) or "--hash=sha256:" not in lines[number + 1]:
            found.append(f"{file.name}:{number + 1}: has no hash")
    return found if pinned else [f"{file.name}: pins nothing"]


def npm_problems(file: Path) -> list[str]:
    """What is wrong with one of npm's."""
    text = file.read_text(encoding="utf-8")
    packages = json.loads(text)["packages"]
    found = [f"{file.name}: {name} has no hash" for name, one in packages.items() if name and "integrity" not in one]
    return [*found, f"{file.name}: names an address"] if "://" in text else found


def main() -> int:
    """Exit status 1 where a lock file is not as it should be."""
    peers = ROOT / "bench" / "peers"
    files = [
        *sorted(ROOT.glob("*.lock")),
        peers / "requirements.lock",
        ROOT / "tests" / "clients" / "requirements.lock",
    ]
    found = [problem for file in files for problem in problems(file)]
    for folder in (peers, ROOT / "tests" / "npm"):
        found += npm_problems(folder / "package-lock.json")
    sys.stderr.writelines(f"{problem}\n" for problem in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
