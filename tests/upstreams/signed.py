"""A strict server of signed links, as object stores are: the signature is over the bytes of the request line."""

from __future__ import annotations

import base64
import hashlib
import hmac
from urllib.parse import quote

from tests.upstreams.files import Answer, FileServer

_SECRET = b"secret of the object store"
_MARK = "&Signature="


class SignedServer(FileServer):
    """`link(target)` signs a path with its query as it is written; any other spelling of it is answered with 403."""

    def __init__(self) -> None:
        super().__init__()
        self.content = b"the file"
        self.refused: list[str] = []

    def link(self, target: str) -> str:
        """The URL of `target`, which ends in a signature of `+`, `/` and `=`, percent-encoded."""
        given = f"{target}{'&' if '?' in target else '?'}Expires=1"
        return self.url(f"{given}{_MARK}{_signature(given)}")

    async def _answer(self, answer: Answer, writer: object) -> bool:
        asked = self.asked[-1].path
        given, mark, signature = asked.partition(_MARK)
        if asked not in self.answers:
            good = bool(mark) and hmac.compare_digest(signature, _signature(given))
            answer = Answer(self.content) if good else Answer(b"SignatureDoesNotMatch", 403)
            if not good:
                self.refused.append(asked)
        return await super()._answer(answer, writer)  # type: ignore[arg-type]


def _signature(given: str) -> str:
    digest = hmac.new(_SECRET, given.encode(), hashlib.sha256).digest()
    return quote("+/" + base64.b64encode(digest).decode(), safe="")
