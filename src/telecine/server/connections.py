"""How many connections may be open, and how long each may keep us waiting. Nobody needs a key to open one."""

from __future__ import annotations

import resource
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec

from telecine.server.address import Proxies, site_of
from telecine.server.metrics import Metrics

_MOST_FILES: Final = 65_536
"""Descriptors that are ever asked for: more connections than that would not fit into the memory."""
_LEAST_FREE: Final = 128


class Patience(msgspec.Struct, frozen=True):
    """How long a client may take, in seconds."""

    head: float = 20.0
    """For the first byte of a connection, and from a request's first byte to the end of its headers."""
    idle: float = 30.0
    """Between the requests of a connection."""
    body: float = 30.0
    """For a request's body, and a second more for each `rate` bytes that have come."""
    rate: float = 8 * 1024.0
    unread: float = 120.0
    """For taking any of an answer. One that is being read may take for ever."""


class Connections:
    """Counts those that are open, in all and by site. Not thread-safe: one event loop opens and closes them all."""

    def __init__(self, most: int, per_site: Callable[[], int], proxies: Proxies, metrics: Metrics) -> None:
        """No site gets more than half of `most`; the trusted `proxies` bring many sites, so these are not limited."""
        self._most = most
        self._per_site = per_site
        self._proxies = proxies
        self._metrics = metrics
        self._all = 0
        self._sites: dict[str, int] = {}

    def open(self, address: str) -> bool:
        """Whether one more may be had from `address`; it counts until `close`, also where it may not."""
        site = None if self._proxies.trusts(address) else site_of(address)
        full = "total" if self._all >= self._most else None
        if full is None and site is not None and self._sites.get(site, 0) >= self._most_per_site():
            full = "site"
        if full is not None:
            self._metrics.refused.labels(full).inc()
        self._all += 1
        self._metrics.connections.set(self._all)
        if site is not None:
            self._sites[site] = self._sites.get(site, 0) + 1
        return full is None

    def _most_per_site(self) -> int:
        return min(self._per_site(), max(1, self._most // 2))

    def close(self, address: str) -> None:
        """The other end of `open`."""
        self._all -= 1
        self._metrics.connections.set(self._all)
        if self._proxies.trusts(address):
            return
        site = site_of(address)
        left = self._sites[site] - 1
        if left:
            self._sites[site] = left
        else:
            del self._sites[site]


def raise_file_limit() -> None:
    """Let this process open as many files as it may ask for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(ValueError, OSError):  # macOS has a lower limit that it does not tell
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def room_for_connections() -> int:
    """Connections for which there are descriptors, with a quarter left for upstreams, files and the database."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = _MOST_FILES if soft == resource.RLIM_INFINITY else min(soft, _MOST_FILES)
    return max(1, files - max(_LEAST_FREE, files // 4))
