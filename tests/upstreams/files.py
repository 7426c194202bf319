"""A file server over a real socket that misbehaves on demand."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass, field
from typing import Literal, Self

Fault = Literal["", "drop", "cut", "reset", "stall", "silent", "drip"]

_DRIP = 0.02
"""Seconds between two pieces of a file that drips."""


@dataclass
class Answer:
    """What one path answers, `delay` seconds after it was asked. Faults:

    `drop`: the request is read and the connection closed; `silent`: read, and nothing ever comes;
    `cut`, `reset`, `stall`: half of the body comes, then an orderly close, a reset, or nothing more;
    `drip`: the body comes in pieces of `piece` bytes, one every 20 ms.
    """

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    fault: Fault = ""
    chunked: bool = False
    delay: float = 0
    piece: int = 1


@dataclass
class Asked:
    """One request as it came; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class FileServer:
    """`async with FileServer() as server`; then `server.answers["/a.mp4"] = Answer(...)`."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.host = host
        self.port = port
        self.answers: dict[str, Answer] = {}
        self.asked: list[Asked] = []
        self.connections = 0
        self._tls = tls
        self._handlers: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, self.host, self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for handler in self._handlers:
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)

    def url(self, path: str, host: str | None = None) -> str:
        scheme = "https" if self._tls else "http"
        return f"{scheme}://{host or self.host}:{self.port}{path}"

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        handler = asyncio.create_task(self._serve(reader, writer))
        self._handlers.add(handler)
        handler.add_done_callback(self._handlers.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (asked := await _read(reader)) is not None:
                self.asked.append(asked)
                if not await self._answer(self.answers.get(asked.path, Answer(status=404)), writer):
                    return
            writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _answer(self, answer: Answer, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection may be used again."""
        if answer.fault == "drop":
            return False
        if answer.fault == "silent":
            await asyncio.Event().wait()
        await asyncio.sleep(answer.delay)
        length = {"transfer-encoding": "chunked"} if answer.chunked else {"content-length": str(len(answer.body))}
        lines = [f"{name}: {value}" for name, value in (length | answer.headers).items()]
        writer.write("\r\n".join([f"HTTP/1.1 {answer.status} Whatever", *lines, "", ""]).encode())
        if answer.fault == "drip":
            for start in range(0, len(answer.body), answer.piece):
                writer.write(answer.body[start : start + answer.piece])
                await writer.drain()
                await asyncio.sleep(_DRIP)
            return False
        body = answer.body[: len(answer.body) // 2] if answer.fault else answer.body
        if answer.chunked:
            writer.write(b"%x\r\n%s\r\n" % (len(body), body) if body else b"")
            writer.write(b"" if answer.fault else b"0\r\n\r\n")
        else:
            writer.write(body)
        await writer.drain()
        if answer.fault == "stall":
            await asyncio.Event().wait()
        if answer.fault == "reset":
            writer.transport.abort()
        return not answer.fault


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    """One request; None for what is no HTTP, such as a TLS greeting."""
    first = await reader.readexactly(1)
    if not first.isalpha():
        return None
    head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    start, *lines = head.split("\r\n")
    method, path, _ = start.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(method, path, headers, body)
