"""Connections to peers: where one leads is judged whenever it is dialled, and nobody is asked while it is kept."""

from __future__ import annotations

import asyncio
import socket
import ssl
from functools import cache, lru_cache, partial
from typing import Any, Final, NamedTuple

from aiohappyeyeballs import start_connection

from telecine.net.connection import Connection
from telecine.net.errors import FetchError
from telecine.net.guard import AddressPolicy, AddressRefusedError, GuardedResolver
from telecine.net.names import Resolver
from telecine.net.urls import origin

_DELAY: Final = 0.25
"""Seconds after which the next address of a name is tried beside the one before it (RFC 8305, section 5)."""


class Peer(NamedTuple):
    """Where a connection leads, and how URLs and the header `Host` say it."""

    tls: bool
    host: str
    port: int
    written: str
    plain: bool
    """http or https, a host, and no credentials."""


@lru_cache(maxsize=512)
def peer(beginning: str) -> Peer:
    """The peer of URLs with this beginning. Raises ValueError for what is none."""
    url = origin(beginning)
    plain = url.scheme in ("http", "https") and bool(url.raw_host) and url.user is None and url.password is None
    return Peer(url.scheme == "https", url.raw_host or "", url.port or 0, url.host_port_subcomponent or "", plain)


class Connections:
    """Those that `policy` permits, each kept for `kept` seconds when nothing is asked."""

    def __init__(self, policy: AddressPolicy, resolver: Resolver | None, kept: float) -> None:
        self._resolver = GuardedResolver(policy, resolver)
        self._kept = kept
        self._idle: dict[Peer, dict[Connection, asyncio.TimerHandle]] = {}
        self._open: set[Connection] = set()

    async def take(self, to: Peer, seconds: float) -> Connection:
        """A connection, for whoever gives it back; a new one in so many seconds. Raises FetchError."""
        idle = self._idle.get(to)
        while idle:
            connection, timer = idle.popitem()
            timer.cancel()
            if connection.usable:
                return connection
        try:
            async with asyncio.timeout(seconds):
                connection = await self._dialled(to)
        except TimeoutError:
            raise FetchError("no connection", sent=False) from None
        self._open.add(connection)
        connection.closed.add_done_callback(partial(self._ended, to, connection))
        return connection

    def give(self, to: Peer, connection: Connection) -> None:
        """Keep a connection for the next request, or close it where none can follow."""
        if self._kept and connection.usable:
            timer = asyncio.get_running_loop().call_later(self._kept, connection.transport.abort)
            self._idle.setdefault(to, {})[connection] = timer
        else:
            connection.transport.abort()

    async def close(self) -> None:
        """Close every connection."""
        ending = list(self._open)
        for connection in ending:
            connection.transport.abort()
        if ending:
            await asyncio.wait([connection.closed for connection in ending])

    def _ended(self, to: Peer, connection: Connection, _: object) -> None:
        self._open.discard(connection)
        idle = self._idle.get(to, {})
        if (timer := idle.pop(connection, None)) is not None:
            timer.cancel()
        if not idle:
            self._idle.pop(to, None)

    async def _dialled(self, to: Peer) -> Connection:
        loop = asyncio.get_running_loop()
        addresses = await self._addresses(to)
        try:
            led = await start_connection(addresses, happy_eyeballs_delay=_DELAY, interleave=1)
        except OSError:
            raise FetchError("no connection", sent=False) from None
        try:
            security: dict[str, Any] = {"ssl": _context(), "server_hostname": to.host.rstrip(".")} if to.tls else {}
            return (await loop.create_connection(Connection, sock=led, **security))[1]
        except (ssl.SSLError, ssl.CertificateError):
            raise FetchError("no trusted TLS connection", sent=False) from None
        except OSError:
            raise FetchError("no connection", sent=False) from None

    async def _addresses(self, to: Peer) -> list[Any]:
        """Those that may be dialled, as sockets take them."""
        try:
            found = await self._resolver.resolve(to.host, to.port)
        except AddressRefusedError:
            raise FetchError("the address is not allowed", sent=False, refused=True) from None
        except OSError:
            raise FetchError("the host name cannot be resolved", sent=False) from None
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, to.port, 0, 0))
            if ":" in host
            else (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, to.port))
            for host in found
        ]


@cache
def _context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
