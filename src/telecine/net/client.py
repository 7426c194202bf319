"""The one HTTP client. Providers, media and webhooks send everything through it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Literal

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver
from yarl import URL

from telecine.net.asking import AskingRequest, ask_before
from telecine.net.forms import Form
from telecine.net.guard import AddressPolicy, AddressRefusedError, GuardedResolver
from telecine.net.heads import HeadFirstConnector
from telecine.net.inlined import LONG, InlineError, split
from telecine.net.spool import Spool, Spooled
from telecine.net.urls import joined, origin_of, sent_as

MAX_REPLY: Final = 16 * 1024 * 1024
CONNECT_SECONDS: Final = 10.0
STALL_SECONDS: Final = 30.0
CHUNK: Final = 256 * 1024
_USER_AGENT: Final = "telecine"
_Use = Literal["answers", "once", "heads", "files"]
"""What a connection is for: requests that may be repeated, one that may not, one of whose answer only the head counts,
files as they come."""
_LINGER: Final = 2.0
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
# What may follow a redirect to another origin; anything else could be a credential of the first.
_PORTABLE: Final = frozenset({"accept", "accept-encoding", "range"})


class FetchError(Exception):
    """A request that brought no usable answer. The message names neither host nor key, so it may reach a client.

    `sent` is False only where nothing can have reached the peer; `status` is set where it answered.
    """

    def __init__(self, reason: str, *, sent: bool = True, status: int | None = None, refused: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent
        self.status = status
        self.refused = refused
        """We refused the address or the URL: trying again will not help."""


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

    aiohttp asks the resolver about names only, so literals are checked here, as aiohttp will dial them (`raw_host`).
    Path and query go out as they are written (telecine.net.urls.sent_as).
    """
    try:
        target = sent_as(url)
        host = target.raw_host
        plain = target.user is None and target.password is None
    except ValueError:
        raise FetchError("the URL is malformed", sent=False, refused=True) from None
    if target.scheme not in ("http", "https") or not host or not plain:
        raise FetchError("only plain http and https URLs are fetched", sent=False, refused=True)
    if not (policy.permits(host) if _is_literal(host) else policy.permits_name(host)):
        raise FetchError("the address is not allowed", sent=False, refused=True)
    return target


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
        resolver: AbstractResolver | None = None,
        stall: float = STALL_SECONDS,
        linger: float = _LINGER,
    ) -> None:
        self.policy = policy or AddressPolicy()
        self._opened = self.policy.opened()
        self._resolver = resolver
        self._stall = stall
        self._linger = linger
        self._sessions: dict[tuple[bool, _Use], aiohttp.ClientSession] = {}

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
        limits = _limits(timeout, None)  # an upstream may think in silence for as long as the caller waits
        ask_before(before_send)
        async with (
            _readable(body) as data,
            self._open(
                method,
                url,
                headers=headers,
                body=data,
                limits=limits,
                allow_private=allow_private,
                use="heads" if cut else "once" if fresh else "answers",
            ) as response,
        ):
            if cut:
                return Reply(response.status, _lower(response), await _beginning(response, max_bytes, self._linger))
            if spool is not None and not _is_short(response):
                return await _split(response, spool, max_bytes)
            content = bytearray()
            async for chunk in _chunks(response, max_bytes):
                content += chunk
            return Reply(response.status, _lower(response), bytes(content))

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
        limits = _limits(timeout, self._stall)
        here = url
        for _ in range(redirects + 1):
            private = allow_private or (trusted and origin_of(here) == origin_of(url))
            async with self._open(
                "GET", here, headers=sent, limits=limits, allow_private=private, use="files"
            ) as response:
                location = response.headers.get("location")
                if response.status not in _REDIRECTS or location is None:
                    yield Stream(response.status, _lower(response), _chunks(response, max_bytes))
                    return
            there = joined(here, location)
            if origin_of(there) != origin_of(here):
                sent = {name: value for name, value in sent.items() if name in _PORTABLE}
            here = there
        raise FetchError("too many redirects", refused=True)

    @asynccontextmanager
    async def _open(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None,
        limits: aiohttp.ClientTimeout,
        allow_private: bool,
        use: _Use,
        body: bytes | aiohttp.MultipartWriter | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        target = checked(url, self._policy_for(allow_private))
        session = self._session(allow_private, use)
        with _translated():
            response = await session.request(
                method, target, headers=headers, data=body, timeout=limits, allow_redirects=False
            )
        async with response:  # not inside `_translated`: what the caller's own code raises stays what it is
            yield response

    def _policy_for(self, allow_private: bool) -> AddressPolicy:
        return self._opened if allow_private else self.policy

    def _session(self, allow_private: bool, use: _Use) -> aiohttp.ClientSession:
        session = self._sessions.get((allow_private, use))
        if session is None:
            resolver = GuardedResolver(self._policy_for(allow_private), self._resolver)
            connector = (
                HeadFirstConnector(resolver=resolver, limit=0, force_close=True)
                if use == "once"
                else HeadFirstConnector(resolver=resolver, limit=0, keepalive_timeout=10)
            )
            session = aiohttp.ClientSession(
                connector=connector,
                auto_decompress=use != "heads",
                request_class=AskingRequest,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"user-agent": _USER_AGENT},
                trust_env=False,
                max_line_size=16 * 1024,
                max_field_size=16 * 1024,
            )
            self._sessions[allow_private, use] = session
        return session

    async def close(self) -> None:
        """Close every connection."""
        sessions, self._sessions = list(self._sessions.values()), {}
        for session in sessions:
            await session.close()


@asynccontextmanager
async def _readable(body: bytes | Form | None) -> AsyncIterator[bytes | aiohttp.MultipartWriter | None]:
    """What aiohttp reads of `body`. Raises FetchError where a file of it is gone."""
    if not isinstance(body, Form):
        yield body
        return
    async with AsyncExitStack() as stack:
        try:
            data = await stack.enter_async_context(body.opened())
        except OSError:
            raise FetchError("a file that was to be sent cannot be read", sent=False) from None
        yield data


@contextmanager
def _translated() -> Iterator[None]:
    """Turns whatever aiohttp raises into a FetchError that names nothing of the peer's."""
    try:
        yield
    except aiohttp.ClientConnectorDNSError as error:
        refused = isinstance(error.os_error, AddressRefusedError)
        reason = "the address is not allowed" if refused else "the host name cannot be resolved"
        raise FetchError(reason, sent=False, refused=refused) from None
    except aiohttp.ClientSSLError:
        raise FetchError("no trusted TLS connection", sent=False) from None
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise FetchError("no connection", sent=False) from None
    except (TimeoutError, asyncio.IncompleteReadError):
        raise FetchError("no answer in time") from None
    except aiohttp.InvalidURL:
        raise FetchError("the URL is malformed", sent=False, refused=True) from None
    except (aiohttp.ClientError, OSError, EOFError):
        raise FetchError("the connection broke before the answer was whole") from None
    except ValueError:  # a line break in a header: aiohttp refuses to write it
        raise FetchError("the request is malformed", sent=False, refused=True) from None


def _limits(total: float, silence: float | None) -> aiohttp.ClientTimeout:
    """Connecting always ends before `total` does, so that a peer that never accepts counts as never sent."""
    return aiohttp.ClientTimeout(total=total, connect=min(CONNECT_SECONDS, total * 0.9), sock_read=silence)


def _is_literal(host: str) -> bool:
    """As aiohttp's own `is_ip_address`: these hosts it dials without asking the resolver."""
    return ":" in host or host.replace(".", "").isdigit()


async def _chunks(response: aiohttp.ClientResponse, max_bytes: int) -> AsyncIterator[bytes]:
    """The body. Raises FetchError past `max_bytes`; aiohttp itself raises where Content-Length is not reached."""
    too_large = FetchError(f"the answer is larger than {max_bytes} bytes", refused=True)
    if response.method != "HEAD" and (response.content_length or 0) > max_bytes:
        raise too_large
    total = 0
    while True:
        with _translated():
            chunk = await response.content.read(CHUNK)
        if not chunk:
            return
        total += len(chunk)
        if total > max_bytes:
            raise too_large
        yield chunk


def _is_short(response: aiohttp.ClientResponse) -> bool:
    """Whether the body surely has no room for a file; a compressed one may have."""
    return "content-encoding" not in response.headers and 0 <= (response.content_length or -1) <= LONG


async def _split(response: aiohttp.ClientResponse, spool: Spool, max_bytes: int) -> Reply:
    """The answer with its files in `spool`."""
    try:
        body, files = await split(_chunks(response, spool.most), spool, max_bytes)
    except InlineError as error:
        raise FetchError(str(error)) from None
    except OSError:
        raise FetchError("a file in the answer could not be written") from None
    return Reply(response.status, _lower(response), body, files)


async def _beginning(response: aiohttp.ClientResponse, most: int, seconds: float) -> bytes:
    """What comes of the first `most` bytes of the body; the connection is dropped with the rest."""
    content = b""
    with suppress(FetchError, TimeoutError):
        async with asyncio.timeout(seconds):
            with _translated():
                while len(content) < most and (chunk := await response.content.read(most - len(content))):
                    content += chunk
    if not response.content.at_eof():
        response.close()
    return content


def _lower(response: aiohttp.ClientResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}
