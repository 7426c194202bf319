"""Upstreams that take every job and never end one, unless told otherwise: Kling's wire, and Suno's with its lists."""

from __future__ import annotations

import itertools
import json
import re
import time

from bench.mock import Mock, reply
from tests.upstreams.clip import mp4

_NUMBERS = itertools.count(814570891207524415)
_PAGE = re.compile(rb"pageSize=(\d+)(?:&pageNum=(\d+))?")
_ABSENT = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"


class Upstream(Mock):
    """Kling: creates are answered with a new task id, queries with `processing`. It takes webhooks too, at `/hook`."""

    def __init__(self, *, polls: int = 0, seconds: float = 0, lists: bool = False) -> None:
        """A job ends at its so-many-th poll, or so many seconds after its create. `lists`: it answers those too."""
        super().__init__()
        self.creates = 0
        self.polls = 0
        self.quick_polls = 0
        """Those of jobs that do not hang."""
        self.hanging = ""
        """What hangs of jobs whose prompts say "slow": `submit`, `poll` or `result`; then those of the others come."""
        self.results = 0
        """Those that were asked for and came."""
        self.hooks = 0
        self.successes = 0
        """All webhooks, and those of them that tell of a success."""
        self.clip = b"clip" if not (polls or seconds) else mp4(64, 64, 1, None)
        self._ends, self._lasts, self._lists = polls, seconds, lists
        self._slow: set[bytes] = set()
        self._jobs: dict[bytes, tuple[float, int]] = {}
        """When each was made, and how often it was asked for."""

    def answer(self, head: bytes, body: bytes) -> bytes:
        method, path, _ = head.split(b" ", 2)
        if path == b"/hook":
            self.hooks += 1
            self.successes += b'"succeed"' in body
            return reply(b"{}")
        if method == b"POST":
            return self._create(body)
        kind, job = path.rsplit(b"/", 2)[1:]
        if kind == b"result":
            return self._result(job)
        if page := _PAGE.search(job):
            return self._list(int(page[1]), int(page[2] or 1)) if self._lists else _ABSENT
        return self._query(job) if job in self._jobs else _ABSENT

    def _query(self, job: bytes) -> bytes:
        self.polls += 1
        if self.hanging != "result" and job in self._slow:
            return b""
        self.quick_polls += 1
        made, asked = self._jobs[job]
        self._jobs[job] = made, asked + 1
        return _kling(self._told(job))

    def _create(self, body: bytes) -> bytes:
        self.creates += 1
        job = b"%d" % next(_NUMBERS)
        self._jobs[job] = time.monotonic(), 0
        if self.hanging and b'"slow ' in body:
            self._slow.add(job)
            if self.hanging == "submit":
                return b""
        return _kling(b'{"task_id":"%s","task_status":"submitted","task_info":{},"created_at":1,"updated_at":1}' % job)

    def _list(self, size: int, page: int) -> bytes:
        newest = itertools.islice(reversed(self._jobs), (page - 1) * size, page * size)
        return _kling(b"[%s]" % b",".join(map(self._told, newest)))

    def _told(self, job: bytes) -> bytes:
        made, asked = self._jobs[job]
        over = self._lasts and time.monotonic() - made >= self._lasts
        if over or (self._ends and asked >= self._ends) or self.hanging == "result":
            link = b"%s/result/%s" % (self.base_url.encode(), job)
            videos = b'{"videos":[{"id":"1","url":"%s","duration":"5"}]}' % link
            state = b'"task_status":"succeed","final_unit_deduction":"1","task_result":%s' % videos
        else:
            state = b'"task_status":"processing"'
        return b'{"task_id":"%s",%s,"task_info":{},"created_at":1,"updated_at":1}' % (job, state)

    def _result(self, job: bytes) -> bytes:
        if job in self._slow:
            return b""
        self.results += 1
        return reply(self.clip, b"video/mp4")


def _kling(data: bytes) -> bytes:
    return reply(b'{"code":0,"message":"SUCCEED","request_id":"r","data":%s}' % data)


class Songs(Mock):
    """Suno: songs that are never done. `told` counts the tasks that the answers to questions tell of."""

    def __init__(self) -> None:
        super().__init__()
        self.told = 0

    def answer(self, head: bytes, body: bytes) -> bytes:
        if b"/submit/" in head:
            return reply(b'{"code":"success","message":"","data":"song-%d"}' % next(_NUMBERS))
        asked = json.loads(body)["ids"] if body else [head.split(b" ", 2)[1].rsplit(b"/", 1)[1].decode()]
        self.told += len(asked)
        told: list[dict[str, object]] = [
            {"task_id": one, "action": "MUSIC", "status": "IN_PROGRESS", "data": []} for one in asked
        ]
        return reply(json.dumps({"code": "success", "message": "", "data": told if body else told[0]}).encode())
