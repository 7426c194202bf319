"""Where a request comes from."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

from telecine.accounts.principal import Network

_PREFIX_OF_ONE_SITE = 64
_USUAL_PORTS = (80, 443)


class Proxies:
    """The proxies that are believed about their clients (`[network] trusted_proxies`)."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks: tuple[Network, ...] = tuple(ipaddress.ip_network(one) for one in networks)

    def client_of(self, scope: Scope, headers: Headers) -> str:
        """The client's address: the socket's, or what trusted proxies say in `X-Forwarded-For`.

        That header is read from its end, and only as far as the proxies that wrote it are trusted: whatever stands
        before the first stranger may be the stranger's invention.
        """
        client = scope.get("client")
        address = str(client[0]) if client else ""
        forwarded = [part.strip() for line in headers.getlist("x-forwarded-for") for part in line.split(",")]
        while forwarded and self.trusts(address):
            address = forwarded.pop()
        return address

    def trusts(self, address: str) -> bool:
        """Whether `address` is that of one of them."""
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self._networks)


def host_of(url: str) -> tuple[str, int | None]:
    """The host and the port of `url`; None for the usual ports, which may be left out."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "", None
    return (parts.hostname or "").rstrip("."), None if port in _USUAL_PORTS else port


def site_of(address: str) -> str:
    """What shares a limit with `address`: an IPv6 client has all the addresses of its /64."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((int(found) >> 64 << 64, _PREFIX_OF_ONE_SITE)))
