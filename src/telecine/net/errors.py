"""What goes wrong between us and a peer."""

from __future__ import annotations

from typing import Final

LATE: Final = "no answer in time"


class FetchError(Exception):
    """A request that brought no usable answer. The message names neither host nor key, so it may reach a client.

    `sent` is False only where nothing can have reached the peer; `status` is set where it answered.
    """

    def __init__(self, reason: str, *, sent: bool = True, status: int | None = None, refused: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent
        self.status = status
        self.refused = refused
        """We refused the address or the URL: trying again will not help."""


class BrokenError(FetchError):
    """The connection ended before the answer did, or what came was none."""

    def __init__(self) -> None:
        super().__init__("the connection broke before the answer was whole")
