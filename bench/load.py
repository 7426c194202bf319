"""A load of HTTP requests over kept-alive connections, as cheap as Python can send it."""

from __future__ import annotations

import asyncio
import math
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


def request(
    method: str, path: str, key: str, body: bytes = b"", *, kind: str = "application/json", more: str = ""
) -> bytes:
    """One HTTP/1.1 request, as it goes over the wire; `more` are header lines."""
    head = f"{method} {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\n{more}"
    if body:
        head += f"content-type: {kind}\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


async def exchange(address: str, message: bytes) -> bytes:
    """One request over a connection of its own; the body of the answer."""
    where = urlsplit(address)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    try:
        writer.write(message)
        return (await _answer(reader))[1]
    finally:
        writer.close()


async def download(address: str, message: bytes) -> int:
    """The bytes of an answer that nobody keeps, its head counted in; `message` has to ask for the connection's end."""
    where = urlsplit(address)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    writer.write(message)
    size = 0
    while part := await reader.read(1 << 20):
        size += len(part)
    writer.close()
    return size


async def _answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The head and the body of one answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    if found := _LENGTH.search(head):
        return head, await reader.readexactly(int(found.group(1)))
    body = b""
    while b"chunked" in head.lower() and (size := int(await reader.readline(), 16)):
        body += (await reader.readexactly(size + 2))[:-2]
    if b"chunked" in head.lower():
        await reader.readline()
    return head, body


async def run(
    address: str, make: Callable[[int], bytes], count: int, connections: int, seconds: float = math.inf
) -> Result:
    """Send `make(0)` … `make(count - 1)` over `connections`, each waiting for its answer before the next; none is sent
    after so many seconds."""
    where = urlsplit(address)
    numbers = iter(range(count))
    latencies: list[float] = []
    bodies: list[bytes] = []
    errors = 0
    began = time.perf_counter()

    async def one() -> None:
        nonlocal errors
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        for number in numbers:
            started = time.perf_counter()
            if started - began > seconds:
                break
            writer.write(make(number))
            head, body = await _answer(reader)
            latencies.append(time.perf_counter() - started)
            bodies.append(body)
            errors += head[9:10] != b"2"
        writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    cuts = quantiles(latencies, n=100, method="inclusive")
    return Result(len(bodies) / (time.perf_counter() - began), cuts[49], cuts[98], bodies, errors)
