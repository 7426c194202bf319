"""Install them: `make dev` does, and goes on where npm's registry cannot be reached."""

from __future__ import annotations

import subprocess
import sys

from tests.npm.packages import installed

if __name__ == "__main__":
    try:
        installed()
    except (ImportError, subprocess.SubprocessError) as error:
        sys.stderr.write(f"npm's packages are not here ({error}); tests of clients in JavaScript are skipped.\n")
