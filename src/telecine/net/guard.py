"""Which addresses may be dialled. The check runs on the resolved address, inside the resolver that the connection
uses, so a name that changes its answer between check and dial cannot slip through."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from typing import Final

from telecine.net.names import Names, Resolver

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# What `is_global` of Python 3.11 lets through and nobody should be sent to.
_NEVER = tuple(
    ipaddress.ip_network(text)
    for text in (
        "100.64.0.0/10",
        "168.63.129.16/32",  # a public address that inside Azure is the host's own wire server
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "2001::/23",
        "3fff::/20",
    )
)
# Link-local, and where clouds hand out the machine's own credentials. These open only to a network that lies within
# the one here: whoever allows all private addresses, or a carrier's network, has not meant them.
_GUARDED = tuple(
    ipaddress.ip_network(text)
    for text in (
        "169.254.0.0/16",  # link-local; metadata at most clouds
        "fe80::/10",
        "fd00:ec2::/32",  # metadata at Amazon, over IPv6
        "fd20:ce::254/128",  # at Google
        "100.100.100.200/32",  # at Alibaba
        "168.63.129.16/32",  # at Azure
        "192.0.0.192/32",  # at Oracle
    )
)
# All that IANA has handed out as global unicast so far; the rest of IPv6 is local, multicast or reserved.
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")


_HERE: Final = ("localhost",)
"""Names of this machine (RFC 6761), like every name under them."""
_INSIDE: Final = ("local", "internal", "home.arpa", "localdomain")
"""Names of a network of somebody's own (RFC 6762, ICANN's reserved `.internal`, RFC 8375), like those under them."""


class AddressRefusedError(OSError):
    """The name resolves only to addresses that we do not dial."""


class AddressPolicy:
    """Public addresses, and the networks that the operator allows; `private`: every private address besides."""

    def __init__(self, allowed: Iterable[str] = (), *, private: bool = False) -> None:
        self._allowed: tuple[Network, ...] = tuple(ipaddress.ip_network(text) for text in allowed)
        self._private = private

    def opened(self) -> AddressPolicy:
        """The same, with every private address; link-local ones and metadata stay shut unless they are named."""
        return AddressPolicy((str(one) for one in self._allowed), private=True)

    def permits_host(self, host: str) -> bool:
        """Whether the host of a URL may be dialled, or asked for: a literal address, or a name."""
        return self.permits(host) if is_literal(host) else self.permits_name(host)

    def permits_name(self, name: str) -> bool:
        """Whether the host `name` may lead anywhere: what surely never leads to a public address is judged before
        anybody asks for its address. The operator opens the names of this machine with its loopback network, and those
        of a private network with any private network.
        """
        name = name.rstrip(".").lower()
        if _under(name, _HERE):
            return self.permits("127.0.0.1") or self.permits("::1")
        return not _under(name, _INSIDE) or self._private or any(not one.is_global for one in self._allowed)

    def permits(self, text: str) -> bool:
        """Whether the literal address `text` may be dialled. Anything that is no address may not."""
        try:
            address = ipaddress.ip_address(text.partition("%")[0])
        except ValueError:
            return False
        forms = (address, _innermost(address))
        guarded = next((network for one in forms for network in _GUARDED if _inside(one, (network,))), None)
        if guarded is not None:
            return any(_inside(one, self._within(guarded)) for one in forms)
        return self._private or any(_inside(one, self._allowed) for one in forms) or _public(address)

    def _within(self, guarded: Network) -> tuple[Network, ...]:
        """The allowed networks that lie in `guarded`."""
        return tuple(one for one in self._allowed if one.version == guarded.version and _part(one, guarded))


def is_literal(host: str) -> bool:
    """Whether a host is dialled without asking anybody for its address."""
    return ":" in host or host.replace(".", "").isdigit()


def _under(name: str, zones: Iterable[str]) -> bool:
    return any(name == zone or name.endswith(f".{zone}") for zone in zones)


def _part(network: Network, whole: Network) -> bool:
    return network.network_address in whole and network.prefixlen >= whole.prefixlen


def _inside(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _innermost(address: Address) -> Address:
    """The IPv4 address that an IPv6 form carries (mapped, 6to4, NAT64, Teredo, compatible), else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    number = int(address)
    if number >> 32 in (0, 0x0064FF9B << 64):
        return ipaddress.IPv4Address(number & 0xFFFFFFFF)
    return address


def _public(address: Address) -> bool:
    """An IPv6 form that carries an IPv4 address is as public as the address that it carries."""
    inner = _innermost(address)
    if inner.version == 6 and inner not in _GLOBAL_UNICAST:
        return False
    return inner.is_global and not inner.is_multicast and not _inside(inner, _NEVER)


class GuardedResolver:
    """Resolves in a thread and keeps only the addresses that the policy permits."""

    def __init__(self, policy: AddressPolicy, inner: Resolver | None = None) -> None:
        self._policy = policy
        self._inner = inner or Names()

    async def resolve(self, host: str, port: int) -> list[str]:
        """The permitted addresses of `host`, or of the one that it is. Raises AddressRefusedError where there is none,
        OSError."""
        refusal = AddressRefusedError("the address is not public and not allowed")
        if not self._policy.permits_host(host):
            raise refusal
        if is_literal(host):
            return [host]
        try:
            found = await self._inner.resolve(host, port, socket.AF_UNSPEC)
        except UnicodeError as error:  # a label too long to be encoded as IDNA
            raise OSError("the name cannot be asked for") from error
        kept = [one["host"] for one in found if self._policy.permits(one["host"])]
        if not kept:
            raise refusal
        return kept
