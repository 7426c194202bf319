"""How a command ends when it does not end well."""

from __future__ import annotations

from typing import Final

FAILED: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3
REFUSED: Final = 4
NOWHERE: Final = 5
"""There is no installation where the command looked for one."""
TIMED_OUT: Final = 124
INTERRUPTED: Final = 130


class Failure(Exception):  # noqa: N818  it is what the command's user calls it
    """Ends the command with one line on stderr and an exit code."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


class Unreachable(Failure):
    """No answer. `sent` False means that the server certainly did not get the request."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message, UNREACHABLE)
        self.sent = sent


def why_unopened(error: Exception) -> str:
    """What kept the data from being opened, and what to do about it where that is known."""
    from telecine.server.trouble import trouble_of

    trouble = trouble_of(error)
    if trouble is None:
        return first_line(error)
    return f"{trouble.what} ({first_line(error).rstrip('.')}). {trouble.advice}, then start again."


def first_line(error: Exception) -> str:
    """What went wrong, without what libraries add below it."""
    return str(error).partition("\n")[0] or type(error).__name__
