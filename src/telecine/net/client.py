"""The one HTTP client. Providers, media and webhooks send everything through it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Literal

import msgspec
from yarl import URL

from telecine.net.connections import Connections, Peer, peer
from telecine.net.errors import BrokenError, FetchError
from telecine.net.exchange import Answer, Message, exchange, head_of
from telecine.net.forms import Form, Multipart
from telecine.net.guard import AddressPolicy
from telecine.net.inlined import LONG, InlineError, split
from telecine.net.names import Resolver
from telecine.net.spool import Spool, Spooled
from telecine.net.urls import divided, joined, origin_of, sent_as

__all__ = ["Client", "FetchError", "Reply", "Stream", "checked"]
MAX_REPLY: Final = 16 * 1024 * 1024
CONNECT_SECONDS: Final = 10.0
STALL_SECONDS: Final = 30.0
_Use = Literal["answers", "once", "heads", "files"]
"""What a connection is for: requests that may be repeated, one that may not, one of whose answer only the head counts,
files as they come."""
_KEPT: Final = 10.0
_KEPT_FOR_ANSWERS: Final = 60.0
"""Seconds for which a connection is kept when nothing is asked: longer than from a job's one poll to its next."""
_LINGER: Final = 2.0
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
# What may follow a redirect to another origin; anything else could be a credential of the first.
_PORTABLE: Final = frozenset({"accept", "accept-encoding", "range"})


class Reply(msgspec.Struct, frozen=True):
    """A whole answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    files: Mapping[str, Spooled] = {}
    """What stood inside the body as base64, by the names that stand there now; see `Client.request`."""

    @property
    def retry_after(self) -> float | None:
        """`Retry-After` in seconds: a number, or a date (RFC 9110, section 10.2.3) as seen from the answer's own."""
        given = self.headers.get("retry-after")
        if given is None:
            return None
        try:
            seconds = float(given)
        except ValueError:
            then, now = _moment(given), _moment(self.headers.get("date", ""))
            return max(0.0, (then - now).total_seconds()) if then and now else None
        return max(0.0, seconds) if math.isfinite(seconds) else None


class Stream(msgspec.Struct, frozen=True):
    """An answer whose body is still to be read; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


def _moment(text: str) -> datetime | None:
    """An HTTP date; None where it is none."""
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except ValueError:
        return None


def checked(url: str, policy: AddressPolicy) -> URL:
    """`url` parsed. Raises FetchError for other schemes, credentials in it, and addresses and names not permitted.

    Path and query go out as they are written (telecine.net.urls.sent_as).
    """
    to, _ = _led(url)
    if not policy.permits_host(to.host):
        raise FetchError("the address is not allowed", sent=False, refused=True)
    return sent_as(url)


def _led(url: str) -> tuple[Peer, str]:
    """Where `url` leads, and its path as it goes out. Whether that may be dialled is judged when it is. Raises
    FetchError."""
    try:
        beginning, path = divided(url)
        to = peer(beginning)
    except ValueError:
        raise FetchError("the URL is malformed", sent=False, refused=True) from None
    if not to.plain:
        raise FetchError("only plain http and https URLs are fetched", sent=False, refused=True)
    return to, path


class Client:
    """Sends requests. Needs a running event loop from the first request on; `close` when done.

    Streams have connections of their own. How many are open at a time is for the callers to bound, who share that
    fairly (telecine.shares.Shares): a queue in here would serve whoever asks for the most.

    `stall` is how many seconds a streamed body may stay silent, `linger` how many the beginning of a body that is cut
    may take; `resolver` asks something else than the system.
    """

    def __init__(
        self,
        policy: AddressPolicy | None = None,
        *,
        resolver: Resolver | None = None,
        stall: float = STALL_SECONDS,
        linger: float = _LINGER,
    ) -> None:
        self.policy = policy or AddressPolicy()
        self._resolver = resolver
        self._stall = stall
        self._linger = linger
        self._connections: dict[tuple[bool, _Use], Connections] = {}

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Form | None = None,
        timeout: float = 30.0,
        max_bytes: int = MAX_REPLY,
        allow_private: bool = False,
        fresh: bool = False,
        cut: bool = False,
        before_send: Callable[[], None] | None = None,
        spool: Spool | None = None,
    ) -> Reply:
        """One request and its whole answer; redirects are not followed. A `Form` brings its content type along.

        `cut`: the answer is its status. Of the body, which may break, drip or never end, the first `max_bytes` that
        come within `linger` seconds are kept, as they were sent.

        `fresh` opens a connection of its own: a request that must not be repeated never meets a kept-alive connection
        that the peer has just closed. Raises FetchError; `sent=False` means that nothing left this machine.

        `before_send` is called once the connection stands, right before the first byte of the request: what it raises
        is raised, and nothing is sent.

        `spool`: long base64 strings of a JSON answer go there as they come (`telecine.net.inlined`), and `max_bytes`
        counts what is left of it.
        """
        use: _Use = "heads" if cut else "once" if fresh else "answers"
        with ExitStack() as files:
            answer = await self._asked(
                method,
                url,
                headers=headers or {},
                body=await body.opened(files) if isinstance(body, Form) else body,
                timeout=timeout,
                allow_private=allow_private,
                use=use,
                before_send=before_send,
            )
            try:
                if not cut:
                    return await _whole(answer, max_bytes, spool)
                return Reply(answer.status, answer.headers, await _beginning(answer, max_bytes, self._linger))
            finally:
                answer.leave()

    @asynccontextmanager
    async def stream(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = 3600.0,
        max_bytes: int,
        allow_private: bool = False,
        trusted: bool = False,
        redirects: int = 3,
    ) -> AsyncIterator[Stream]:
        """GET `url`, following at most `redirects`, each checked as the first; the body in chunks of constant memory.

        `trusted`: the operator chose the origin of `url`, so that may be private; where it redirects to may not.
        Raises FetchError, also while the chunks are read: too large, cut short, or silent for 30 seconds. A redirect
        to another origin takes none of the caller's headers along but `Accept` and `Range`.
        """
        sent = {"accept-encoding": "identity"} | {name.lower(): value for name, value in (headers or {}).items()}
        here = url
        for _ in range(redirects + 1):
            private = allow_private or (trusted and origin_of(here) == origin_of(url))
            answer = await self._asked(
                "GET", here, headers=sent, timeout=timeout, silence=self._stall, allow_private=private, use="files"
            )
            try:
                location = answer.headers.get("location")
                if answer.status not in _REDIRECTS or location is None:
                    yield Stream(answer.status, answer.headers, _pieces(answer, max_bytes))
                    return
            finally:
                answer.leave()
            there = joined(here, location)
            if origin_of(there) != origin_of(here):
                sent = {name: value for name, value in sent.items() if name in _PORTABLE}
            here = there
        raise FetchError("too many redirects", refused=True)

    async def _asked(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        timeout: float,
        allow_private: bool,
        use: _Use,
        body: bytes | Multipart | None = None,
        silence: float | None = None,
        before_send: Callable[[], None] | None = None,
    ) -> Answer:
        """The head of the answer. A GET is sent again where the peer has just closed a connection that was kept."""
        to, path = _led(url)
        # To connect ends before `timeout` does, so that a peer that never accepts counts as never sent.
        connect = min(CONNECT_SECONDS, timeout * 0.9)
        ends = asyncio.get_running_loop().time() + timeout
        try:
            head = head_of(method, to.written, path, headers, body, last=use == "once")
        except ValueError:  # a line break in a header
            raise FetchError("the request is malformed", sent=False, refused=True) from None
        message = Message(head, body, before_send, ends, connect, silence, use != "heads")
        connections = self._connections_for(allow_private, use)
        try:
            return await exchange(connections, to, message)
        except BrokenError:
            if method != "GET" or use == "once":
                raise
            return await exchange(connections, to, message)

    def _connections_for(self, allow_private: bool, use: _Use) -> Connections:
        known = self._connections.get((allow_private, use))
        if known is None:
            kept = 0.0 if use == "once" else _KEPT_FOR_ANSWERS if use == "answers" else _KEPT
            known = Connections(self.policy.opened() if allow_private else self.policy, self._resolver, kept)
            self._connections[allow_private, use] = known
        return known

    async def close(self) -> None:
        """Close every connection."""
        known, self._connections = list(self._connections.values()), {}
        for connections in known:
            await connections.close()


async def _pieces(answer: Answer, max_bytes: int) -> AsyncIterator[bytes]:
    """The body. Raises FetchError past `max_bytes`; and where the end is missing."""
    too_large = FetchError(f"the answer is larger than {max_bytes} bytes", refused=True)
    if (answer.length or 0) > max_bytes:
        raise too_large
    total = 0
    while True:
        piece = await answer.read()
        if not piece:
            return
        total += len(piece)
        if total > max_bytes:
            raise too_large
        yield piece


async def _whole(answer: Answer, max_bytes: int, spool: Spool | None) -> Reply:
    """The answer; files in it go to `spool`, where they have room."""
    short = "content-encoding" not in answer.headers and 0 <= (answer.length or -1) <= LONG
    if spool is None or short:
        return Reply(answer.status, answer.headers, b"".join([piece async for piece in _pieces(answer, max_bytes)]))
    try:
        body, files = await split(_pieces(answer, spool.most), spool, max_bytes)
    except InlineError as error:
        raise FetchError(str(error)) from None
    return Reply(answer.status, answer.headers, body, files)


async def _beginning(answer: Answer, most: int, seconds: float) -> bytes:
    """What comes of the first `most` bytes of the body."""
    content = b""
    with suppress(FetchError, TimeoutError):
        async with asyncio.timeout(seconds):
            while len(content) < most and (piece := await answer.read()):
                content += piece
    return content[:most]
