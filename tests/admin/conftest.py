"""What the tests of the management API share with those of a running server."""

from __future__ import annotations

from tests.server.conftest import folder, kling, sandbox

__all__ = ["folder", "kling", "sandbox"]
