"""HTTP as the commands need it: one request at a time, from the standard library."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import nullcontext
from typing import IO, Any, Final
from urllib.parse import urlsplit

import msgspec

from telecine.cli.failure import FAILED, REFUSED, USAGE, Failure, Unreachable
from telecine.cli.pieces import Piece
from telecine.cli.texts import text
from telecine.cli.wire import Refusal

_SECONDS: Final = 120.0
"""The longest silence: a create waits for the upload and the task's first step."""
_MOST_ERROR_BYTES: Final = 64 * 1024


class Http:
    """Requests to the API at `base`, each with a fresh `token`. `local`: on this machine, so never through a proxy."""

    def __init__(self, base: str, token: Callable[[], str], *, local: bool) -> None:
        self.base = base.rstrip("/")
        if urlsplit(self.base).scheme not in ("http", "https"):
            raise Failure(text("unreachable", url=base, reason="not an http(s) URL"), USAGE)
        self.local = local
        self._token = token
        proxies = [urllib.request.ProxyHandler({})] if local else []
        self._opener = urllib.request.build_opener(*proxies, _NoRedirect())  # a redirect would carry the key away
        self._downloads = urllib.request.build_opener(*proxies)

    def call(self, method: str, path: str, body: object = None) -> bytes:
        """The body of a good answer; a `Piece` goes out as it is. Raises Unreachable, and Failure with the server's
        message."""
        with body.opened() if isinstance(body, Piece) else nullcontext() as content:
            return self._call(method, path, body, content)

    def _call(self, method: str, path: str, body: object, content: IO[bytes] | None) -> bytes:
        headers = {"authorization": f"Bearer {self._token()}", "accept": "application/json"}
        data: Any = content
        if isinstance(body, Piece):
            headers |= {"content-type": body.content_type, "content-length": str(body.size)}
        elif body is not None:
            data = msgspec.json.encode(body)
            headers["content-type"] = "application/json"
        request = urllib.request.Request(self.base + path, data, headers, method=method)  # noqa: S310  checked above
        with self._open(self._opener, request) as response:
            try:
                return response.read()
            except (OSError, http.client.HTTPException) as error:
                raise self._unreachable(error, sent=True) from None

    def download(self, url: str) -> IO[bytes]:
        """The open body of the file at `url`. The key is not sent: signed links need none, and others must not see it.

        Raises Unreachable and Failure.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https"):
            raise Failure(text("unreachable", url=url, reason="not an http(s) URL"))
        if self.local and parts.path.startswith("/media/"):
            # The link names the public URL, which this machine may not be able to reach.
            url = f"{self.base}{parts.path}"
        return self._open(self._downloads, urllib.request.Request(url))  # noqa: S310  checked above

    def _open(self, opener: urllib.request.OpenerDirector, request: urllib.request.Request) -> IO[bytes]:
        try:
            response: IO[bytes] = opener.open(request, timeout=_SECONDS)
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(error) from None
        except urllib.error.URLError as error:
            raise self._unreachable(error.reason, sent=not isinstance(error.reason, ConnectionRefusedError)) from None
        except (OSError, http.client.HTTPException) as error:
            raise self._unreachable(error, sent=True) from None
        return response

    def _unreachable(self, error: object, *, sent: bool) -> Unreachable:
        reason = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
        return Unreachable(text("unreachable", url=self.base, reason=reason), sent=sent)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def _refusal(error: urllib.error.HTTPError) -> Failure:
    """A 5xx that says nothing readable is a proxy's or a server's that is starting: as good as not reached."""
    try:
        message = msgspec.json.decode(error.read(_MOST_ERROR_BYTES), type=Refusal).error.message
    except (msgspec.DecodeError, OSError, http.client.HTTPException):
        message = f"HTTP {error.code} {error.reason}".strip()
        if error.code >= 500:
            return Unreachable(message, sent=True)
    return Failure(message, REFUSED if error.code < 500 else FAILED)
