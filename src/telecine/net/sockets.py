"""What a server says over a websocket, as it comes. Dialled under the same rules as every request."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import aiohttp
from aiohttp.abc import ResolveResult

from telecine.net.client import CONNECT_SECONDS, FetchError, checked
from telecine.net.guard import AddressPolicy, AddressRefusedError, GuardedResolver

_MOST_MESSAGE: Final = 16 * 1024 * 1024
_HEARTBEAT: Final = 30.0
"""Seconds between two pings; a peer that does not answer one is gone."""


async def messages(policy: AddressPolicy, url: str, *, headers: Mapping[str, str]) -> AsyncIterator[str]:
    """The texts that come from `url`, which begins with http or https, until the peer ends it; bytes are passed over.

    Raises FetchError where there is no socket, or no more. No redirect is followed.
    """
    checked(url, policy)
    tracing = aiohttp.TraceConfig()
    tracing.on_request_redirect.append(_refuse)
    timeout = aiohttp.ClientTimeout(connect=CONNECT_SECONDS, total=None)
    connector = _Connector(policy)
    try:
        async with (
            aiohttp.ClientSession(
                connector=connector, timeout=timeout, trace_configs=[tracing], cookie_jar=aiohttp.DummyCookieJar()
            ) as session,
            session.ws_connect(url, headers=dict(headers), heartbeat=_HEARTBEAT, max_msg_size=_MOST_MESSAGE) as peer,
        ):
            async for message in peer:
                if message.type is aiohttp.WSMsgType.TEXT:
                    yield message.data
    except aiohttp.WSServerHandshakeError as error:
        raise FetchError("the upstream has no socket", status=error.status) from None
    except aiohttp.ClientConnectorDNSError as error:
        refused = isinstance(error.os_error, AddressRefusedError)
        raise FetchError("the host name cannot be resolved", sent=False, refused=refused) from None
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        raise FetchError("the socket broke") from None


async def _refuse(_session: Any, _context: Any, _params: Any) -> None:
    raise FetchError("a socket that leads elsewhere", refused=True)


class _Connector(aiohttp.TCPConnector):
    """Judges where the connection leads, by addresses that are dialled as they were judged."""

    def __init__(self, policy: AddressPolicy) -> None:
        super().__init__(limit=0, force_close=True)
        self._addresses = GuardedResolver(policy)

    async def _resolve_host(self, host: str, port: int, traces: Any = None) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=one,
                port=port,
                family=socket.AF_INET6 if ":" in one else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for one in await self._addresses.resolve(host, port)
        ]
