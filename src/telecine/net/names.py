"""Names looked up in threads of their own, which are as many as lookups are under way."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress
from typing import Any, Final

from aiohttp.abc import AbstractResolver, ResolveResult

_NUMERIC: Final = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


class Names(AbstractResolver):
    """Asks the system. A name whose servers never answer keeps a thread for long: were it one of the few that files
    and everything else go through, a stranger's URLs could stop all of that. The threads end with the process."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of `host`. Raises OSError, and UnicodeError for what cannot be asked for."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[Any]] = loop.create_future()

        def tell(answer: list[Any] | BaseException) -> None:
            if found.done():
                return
            if isinstance(answer, BaseException):
                found.set_exception(answer)
            else:
                found.set_result(answer)

        def ask() -> None:
            answer: list[Any] | BaseException
            try:
                answer = socket.getaddrinfo(
                    host, port, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG
                )
            except Exception as error:
                answer = error
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(tell, answer)

        threading.Thread(target=ask, name=f"name {host}"[:40], daemon=True).start()
        return [_result(host, one) for one in await found]

    async def close(self) -> None:
        """Nothing is kept."""


def _result(host: str, found: tuple[socket.AddressFamily, int, int, str, tuple[Any, ...]]) -> ResolveResult:
    family, _, proto, _, address = found
    scoped = family == socket.AF_INET6 and len(address) > 3 and address[3]
    literal = f"{address[0].partition('%')[0]}%{address[3]}" if scoped else address[0]
    return ResolveResult(hostname=host, host=literal, port=address[1], family=family, proto=proto, flags=_NUMERIC)
