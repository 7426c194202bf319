"""Names looked up in threads of their own, which are as many as lookups are under way."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Protocol


class Resolver(Protocol):
    """Whoever knows the addresses of names: of each, its `host` is a literal address."""

    async def resolve(self, host: str, port: int, family: socket.AddressFamily) -> Sequence[Mapping[str, Any]]:
        """The addresses of `host`. Raises OSError, and UnicodeError for what cannot be asked for."""
        ...


class Names:
    """Asks the system. A name whose servers never answer keeps a thread for long: were it one of the few that files
    and everything else go through, a stranger's URLs could stop all of that. The threads end with the process."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[dict[str, str]]:
        """The addresses of `host`. Raises OSError, and UnicodeError for what cannot be asked for."""
        found: Future[list[Any]] = Future()

        def ask() -> None:
            if not found.set_running_or_notify_cancel():  # nobody waits any more
                return
            try:
                answer = socket.getaddrinfo(
                    host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG
                )
            except Exception as error:
                found.set_exception(error)
            else:
                found.set_result(answer)

        threading.Thread(target=ask, name=f"name {host}"[:40], daemon=True).start()
        return [{"host": _literal(*one)} for one in await asyncio.wrap_future(found)]


def _literal(
    family: socket.AddressFamily, _kind: object, _protocol: object, _name: object, address: tuple[Any, ...]
) -> str:
    scoped = family == socket.AF_INET6 and len(address) > 3 and address[3]
    return f"{address[0].partition('%')[0]}%{address[3]}" if scoped else str(address[0])
