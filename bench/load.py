"""A load of HTTP requests over kept-alive connections, as cheap as Python can send it."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from statistics import quantiles
from typing import NamedTuple
from urllib.parse import urlsplit

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Result(NamedTuple):
    """What a load found: requests a second, the latencies at 50 and 99 per cent (seconds), and the bodies."""

    rate: float
    p50: float
    p99: float
    bodies: list[bytes]
    errors: int


def request(method: str, path: str, key: str, body: bytes = b"", kind: str = "application/json") -> bytes:
    """One HTTP/1.1 request, as it goes over the wire."""
    head = f"{method} {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\n"
    if body:
        head += f"content-type: {kind}\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


async def exchange(address: str, message: bytes) -> bytes:
    """One request over a connection of its own; the body of the answer."""
    where = urlsplit(address)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        writer.write(message)
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        found = _LENGTH.search(head)
        return await reader.readexactly(int(found.group(1))) if found else b""
    finally:
        writer.close()


async def run(address: str, make: Callable[[int], bytes], count: int, connections: int) -> Result:
    """Send `make(0)` … `make(count - 1)` over `connections`, each waiting for its answer before the next."""
    where = urlsplit(address)
    numbers = iter(range(count))
    latencies: list[float] = []
    bodies: list[bytes] = []
    errors = 0

    async def one() -> None:
        nonlocal errors
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        for number in numbers:
            started = time.perf_counter()
            writer.write(make(number))
            head = await reader.readuntil(b"\r\n\r\n")
            found = _LENGTH.search(head)
            body = await reader.readexactly(int(found.group(1))) if found else b""
            latencies.append(time.perf_counter() - started)
            bodies.append(body)
            errors += head[9:10] != b"2"
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    seconds = time.perf_counter() - started
    cuts = quantiles(latencies, n=100)
    return Result(count / seconds, cuts[49], cuts[98], bodies, errors)
