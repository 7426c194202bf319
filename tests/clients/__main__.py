"""Install them: `make dev` does."""

from __future__ import annotations

from tests.clients.packages import installed

if __name__ == "__main__":
    installed()
