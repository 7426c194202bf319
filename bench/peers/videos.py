"""OpenAI's Videos API, as an upstream that costs almost nothing; the same for each gateway."""

from __future__ import annotations

import itertools

from bench.mock import Mock, reply
from tests.upstreams.clip import mp4

FILE_BYTES = 100_000_000
DONE = b"a film that is done"
"""A prompt with this in it makes a job that has ended when its create is answered."""


class Videos(Mock):
    """Jobs never end, but for those of `DONE`; each has the same file of 100 MB, a real video."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers = itertools.count(1)
        self._file = reply(mp4(64, 64, 1, FILE_BYTES), b"video/mp4")

    def answer(self, head: bytes, body: bytes) -> bytes:
        method, path, _ = head.split(b" ", 2)
        if method == b"GET" and path.endswith(b"/content"):
            return self._file
        if method == b"POST":
            done = DONE in body
            return self._video(b"%s_%d" % (b"done" if done else b"video", next(self._numbers)))
        return self._video(path.rpartition(b"/")[2].partition(b"?")[0])

    def _video(self, name: bytes) -> bytes:
        state = b'"completed","progress":100' if name.startswith(b"done") else b'"in_progress","progress":1'
        return reply(
            b'{"id":"%s","object":"video","created_at":1763700000,"completed_at":null,"expires_at":null,"error":null,'
            b'"model":"sora-2","status":%s,"seconds":"4","size":"720x1280","prompt":null,"remixed_from_video_id":null}'
            % (name, state)
        )
