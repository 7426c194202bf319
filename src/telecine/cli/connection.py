"""The server that a command speaks to: a remote one, the one that holds the data, or one inside this process.

Only `telecine serve` makes an installation: where there is none, a command says so, and leaves everything as it was.

A command that works on tasks (`generate`) lets others use its server while it runs. When it ends under their hands,
they find the next one, or become it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, TYPE_CHECKING, Final, TypeVar

import msgspec

from telecine.cli.failure import NOWHERE, UNREACHABLE, USAGE, Failure, Unreachable
from telecine.cli.options import Target
from telecine.cli.texts import text

if TYPE_CHECKING:
    from telecine.cli.http import Http
    from telecine.config import Settings
    from telecine.server.lock import Holder, Lock

_PATIENCE: Final = 10.0
"""Seconds to wait for a process that holds the data and does not answer yet."""
_RETRY: Final = 0.05

Answer = TypeVar("Answer")


@contextmanager
def connect(target: Target, *, work: bool = False) -> Iterator[Connection]:
    """The connection for one command. `work`: where no server runs, run the tasks' steps too. Raises Failure."""
    with ExitStack() as stack:
        yield Connection(target, stack, work=work)


class Connection:
    """Calls to the API, whoever answers them."""

    def __init__(self, target: Target, stack: ExitStack, *, work: bool) -> None:
        self.target = target
        self._stack = stack
        self._work = work
        self._borrowed = False
        """The server belongs to another command and goes away with it."""
        self.inside = False
        """The server is in this process: it works no longer than the command."""
        self._http = self._remote(target.server) if target.server else self._local()

    def call(self, method: str, path: str, body: object = None) -> bytes:
        """The body of a good answer. Raises Unreachable, and Failure with the server's message."""
        try:
            return self._http.call(method, path, body)
        except Unreachable as error:
            if not self._borrowed or (error.sent and method != "GET"):
                raise
        self._http = self._local()
        return self._http.call(method, path, body)

    def ask(self, answer: type[Answer], method: str, path: str, body: object = None) -> Answer:
        """The same, decoded. Raises Unreachable and Failure."""
        return decode(answer, self.call(method, path, body))

    def download(self, url: str) -> IO[bytes]:
        """The open body of a file. Raises Unreachable and Failure."""
        return self._http.download(url)

    def _remote(self, server: str) -> Http:
        key = self.target.key
        if not key:
            raise Failure(text("key_needed"), USAGE)
        return _http(server, lambda: key, local=False)

    def _local(self) -> Http:
        """The server that holds the data, or one that holds it from now on."""
        from telecine.server.lock import LockedError, hold

        settings = _settings(self.target)
        deadline = time.monotonic() + _PATIENCE
        while True:
            holder = _holder(settings)
            if holder is None:
                check_installed(settings)
                try:
                    lock = self._stack.enter_context(hold(settings.data, "generate" if self._work else "command"))
                except LockedError as late:
                    holder = late.holder
                else:
                    return self._begin(settings, lock)
            elif holder.address and holder.role != "command":  # a command that is over at once lends nothing
                self._borrowed = holder.role != "serve"
                return _http(holder.address, _local_token(settings), local=True)
            if time.monotonic() > deadline:
                raise Failure(str(LockedError(settings.data, holder)), UNREACHABLE)
            time.sleep(_RETRY)

    def _begin(self, settings: Settings, lock: Lock) -> Http:
        from telecine.cli.inside import InsideGateway

        gateway = InsideGateway(settings, lock, work=self._work)
        self._stack.callback(gateway.stop)
        ready = gateway.start()
        self._borrowed, self.inside = False, True
        return _http(ready.address, _local_token(settings), local=True)


def _http(base: str, token: Callable[[], str], *, local: bool) -> Http:
    from telecine.cli.http import Http  # which loads all of TLS

    return Http(base, token, local=local)


def decode(answer: type[Answer], content: bytes) -> Answer:
    """`content` as the API's `answer`. Raises Failure for what is no such thing."""
    try:
        return msgspec.json.decode(content, type=answer)
    except msgspec.DecodeError as error:
        raise Failure(f"This is no answer of a Telecine server: {error}") from None


def _settings(target: Target) -> Settings:
    from telecine.config import ConfigError, load

    try:
        return load(target.data, target.config)
    except ConfigError as error:
        raise Failure(str(error), USAGE) from None


def check_installed(settings: Settings) -> None:
    """Raise Failure where no server was ever started on these data, or where their secret is gone. Makes nothing."""
    from telecine.server.installation import is_installed, mark_of

    try:
        there = is_installed(settings)
    except OSError as error:
        raise Failure(f"{error.filename}: {error.strerror}", USAGE) from None
    if not there:
        raise Failure(text("nowhere", data=settings.data.absolute(), mark=mark_of(settings).name), NOWHERE)
    _local_token(settings)


def _holder(settings: Settings) -> Holder | None:
    from telecine.server.lock import read

    try:
        return read(settings.data)
    except OSError as error:
        raise Failure(f"{error.filename}: {error.strerror}", USAGE) from None


def _local_token(settings: Settings) -> Callable[[], str]:
    """A fresh token for each request: each lives for minutes only, and a task may take longer."""
    from telecine.accounts.secret import load_secret
    from telecine.config import ConfigError

    try:
        secret = load_secret(settings.data, settings.secret_key, make=False)
    except ConfigError as error:
        raise Failure(str(error), USAGE) from None
    return lambda: secret.local_token(time.time())
