"""A Kling upstream that costs almost nothing: it takes every job and never ends one, unless told otherwise."""

from __future__ import annotations

import asyncio
import itertools
import re
from typing import cast

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Upstream:
    """Answers creates with a new task id and queries with `processing`. `creates` and `polls` count."""

    def __init__(self) -> None:
        self.creates = 0
        self.polls = 0
        self.quick_polls = 0
        """Those of jobs that do not hang."""
        self.hanging = ""
        """What hangs of jobs whose prompts say "slow": `submit`, `poll` or `result`; then those of the others come."""
        self.results = 0
        """Those that were asked for and came."""
        self._slow: set[bytes] = set()
        self.base_url = ""
        self._numbers = itertools.count(814570891207524415)
        self._server: asyncio.Server | None = None

    async def start(self) -> Upstream:
        """Listen on a free port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", 0, backlog=4096)
        self.base_url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    def answer(self, head: bytes, body: bytes = b"") -> bytes:
        """The whole HTTP answer to one request; nothing where that hangs."""
        if head.startswith(b"POST"):
            self.creates += 1
            number = next(self._numbers)
            if self.hanging and b'"slow ' in body:
                self._slow.add(b"%d" % number)
                if self.hanging == "submit":
                    return b""
            data = b'{"task_id":"%d","task_status":"submitted","task_info":{},' % number
        else:
            kind, job = head.split(b" ", 2)[1].rsplit(b"/", 2)[1:]
            if kind == b"result":
                return self._result(job)
            self.polls += 1
            if self.hanging != "result" and job in self._slow:
                return b""
            self.quick_polls += 1
            data = b'{"task_id":"%s",%s"task_info":{},' % (job, self._state(job))
        body = b'{"code":0,"message":"SUCCEED","request_id":"r","data":' + data + b'"created_at":1,"updated_at":1}}'
        return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)

    def _state(self, number: bytes) -> bytes:
        if self.hanging != "result":
            return b'"task_status":"processing",'
        link = b"%s/result/%s" % (self.base_url.encode(), number)
        return b'"task_status":"succeed","task_result":{"videos":[{"id":"1","url":"%s","duration":"5"}]},' % link

    def _result(self, number: bytes) -> bytes:
        if number in self._slow:
            return b""
        self.results += 1
        return b"HTTP/1.1 200 OK\r\ncontent-type: video/mp4\r\ncontent-length: 4\r\n\r\nclip"


class _Connection(asyncio.Protocol):
    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            found = _LENGTH.search(head)
            size = end + 4 + (int(found.group(1)) if found else 0)
            if len(self._buffer) < size:
                return
            answer = self._upstream.answer(head, self._buffer[end + 4 : size])
            self._buffer = self._buffer[size:]
            if self._transport is not None and answer:
                self._transport.write(answer)
                if b"onnection: close" in head:
                    self._transport.close()
