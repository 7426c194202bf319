"""Write `requirements.lock` of the folder in which it runs anew, from its `requirements.in`: `make lock` does."""

from __future__ import annotations

import subprocess

_PIP = "uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate"

if __name__ == "__main__":
    how = [*_PIP.split(), "--no-header", "-o", "requirements.lock", "requirements.in"]
    subprocess.run(how, check=True)  # noqa: S603  what it runs is written above
