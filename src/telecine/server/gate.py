"""The gate that every request passes: request id, CORS, limits, key, and the rendering of errors. Pure ASGI."""

from __future__ import annotations

import asyncio
import math
import re
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import parse_qsl

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from telecine.accounts.keys import Keys
from telecine.accounts.limits import RequestLimits, Standing
from telecine.accounts.principal import Principal
from telecine.accounts.secret import Secret
from telecine.accounts.tokens import TokenMeter
from telecine.clock import Clock
from telecine.config import LimitsConfig
from telecine.dialects.bodies import Allowance, release
from telecine.dialects.dialect import Claims, Dialect
from telecine.nouns.errors import GatewayError
from telecine.nouns.rate import Rate, Windows
from telecine.server.address import Proxies, host_of, site_of
from telecine.server.connections import Patience
from telecine.server.entry import Openness, check, check_target, needs_key, refuse_mark, shown, tidy, too_large
from telecine.server.metrics import Metrics
from telecine.server.trouble import trouble_of, unavailable
from telecine.wires.midjourney import KEY_HEADER, NO_KEY

_BEARER: Final = "bearer "
_TICKET: Final = re.compile(rb"(?:^|&)ticket=")

_log = structlog.get_logger(__name__)

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,128}")

_PREFLIGHT: Final = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS",
    "access-control-max-age": "86400",
    "vary": "access-control-request-headers",
}
_ALWAYS_ALLOWED: Final = (
    "authorization, content-type, idempotency-key, mj-api-secret, x-api-key, x-goog-api-key, anthropic-version, "
    "anthropic-beta, x-request-id"
)
_EXPOSED: Final = (
    "accept-ranges, content-disposition, content-length, content-range, etag, "
    "openai-poll-after-ms, retry-after, x-request-id, x-should-retry, x-ratelimit-limit-requests, "
    "x-ratelimit-remaining-requests, x-ratelimit-reset-requests, x-ratelimit-limit-tokens, "
    "x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens"
)
_CORS: Final = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", _EXPOSED.encode()),
)
_FAILURE_SECONDS: Final = 60


class Gate:
    """ASGI middleware around the whole application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        dialects: Sequence[Dialect],
        keys: Keys,
        secret: Secret,
        local_account: Callable[[], int],
        tokens: TokenMeter,
        limits: LimitsConfig,
        clock: Clock,
        metrics: Metrics,
        proxies: Proxies,
        patience: Callable[[], Patience],
        media_origin: str | None = None,
    ) -> None:
        """`media_origin` serves files and nothing else."""
        self._app = app
        self._keys = keys
        self._secret = secret
        self._local_account = local_account
        self.limits = limits
        """As the configuration says now."""
        self._clock = clock
        self._metrics = metrics
        self._proxies = proxies
        self._patience = patience
        self._media_host = host_of(media_origin) if media_origin else None
        self._requests = RequestLimits()
        self._tokens = tokens
        self._failures = Windows()
        self._fallback = dialects[-1]
        self._claims = Claims(dialects)
        self._folded = frozenset().union(*(dialect.folded_paths for dialect in dialects))
        self._shown = tuple(path for dialect in dialects for path in dialect.shown_paths)
        self._ahead = [dialect for dialect in dialects if dialect.ahead]
        self._openness = Openness([path for dialect in dialects for path in dialect.open_paths])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
        scope["request_id"] = request_id
        tidy(scope, self._openness, self._folded)
        if any(dialect.cut(scope) for dialect in self._ahead):
            scope["open"] = self._openness.of(scope["path"])
        if scope["path"].startswith(self._shown) and _TICKET.search(scope["query_string"]):
            scope["open"] = True  # its row judges the ticket
        scope["dialect"] = self._claims.of(scope) or self._fallback
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                raw = message["headers"] = [*message.get("headers", ()), (b"x-request-id", request_id.encode()), *_CORS]
                for what, standing in scope.get("standings", {}).items():
                    _tell(what, standing, MutableHeaders(raw=raw))
            await send(message)

        try:
            await self._serve(scope, receive, answer, headers)
        except ClientDisconnect:  # nobody reads this; nginx counts such requests under the same number
            if status == 0:
                await Response(status_code=499)(scope, receive, answer)
        except Exception as error:
            _tell_operator(error, request_id, shown(scope["path"]))
            if status == 0:
                await render(error, scope)(scope, receive, answer)
        finally:
            release(scope)
            seconds = time.perf_counter() - started
            self._metrics.answered(scope["dialect"].name, scope["method"], status, seconds)
            self._note(scope, status, seconds, request_id)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, headers: Headers) -> None:
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            wanted = headers.get("access-control-request-headers")
            allowed = f"{_ALWAYS_ALLOWED}, {wanted}" if wanted and len(wanted) < 2048 else _ALWAYS_ALLOWED
            reply = Response(status_code=204, headers={**_PREFLIGHT, "access-control-allow-headers": allowed})
            await reply(scope, receive, send)
            return
        check(scope, headers)
        check_target(scope)
        path: str = scope["path"]
        if self._media_host is not None and not path.startswith("/media/") and self._is_media(scope, headers):
            raise HTTPException(404)
        if needs_key(scope):
            principal = scope["principal"] = await self._authenticated(scope, headers)
            if (
                principal.video_format != "official" or principal.dialect is not None
            ):  # which of two dialects a path is, its key may decide
                scope["dialect"] = self._claims.of(scope) or self._fallback
            scope["standings"] = standings = {}
            now = self._clock.now()
            if (taken := self._tokens.standing(principal, now)) is not None:
                standings["tokens"] = taken
            if (standing := self._requests.count(principal, now)) is not None:
                standings["requests"] = standing
                if standing.refusal is not None:
                    raise standing.refusal
        allowance = scope["allowance"] = Allowance(self.limits.json_body, self.limits.body)
        await self._app(scope, self._limited(receive, scope, headers, allowance), send)

    def _is_media(self, scope: Scope, headers: Headers) -> bool:
        """Whether the request is for the origin of files. A proxy that ends TLS leaves the port in `Host` away."""
        return host_of(f"{scope['scheme']}://{headers.get('host', '')}") == self._media_host

    async def _authenticated(self, scope: Scope, headers: Headers) -> Principal:
        """Who asks. An address that keeps failing is told to wait; a valid key always works, because many callers may
        share an address. Raises GatewayError."""
        address = self._proxies.client_of(scope, headers)
        try:
            principal = await self._principal(scope, headers)
        except GatewayError as error:
            if error.code == "authentication":
                self._count_failure(site_of(address))
            raise
        if not principal.may_come_from(address):
            raise GatewayError("permission", "This key may not be used from your address.")
        return principal

    def _count_failure(self, site: str) -> None:
        now = self._clock.now()
        rate = Rate(self.limits.failed_authentication, _FAILURE_SECONDS)
        window = self._failures.of(site, now)
        if (wait := window.wait(rate, now)) > 0:
            message = "Too many requests without a valid API key came from your address; wait a little."
            raise GatewayError("rate_limited", message, retry_after=wait) from None
        window.take(now)

    async def _principal(self, scope: Scope, headers: Headers) -> Principal:
        text = _key_in_headers(headers)
        if text is None:
            text = _key_in_query(scope)
            scope["key_in_query"] = text is not None
        if text is None:
            raise GatewayError(
                "authentication",
                "No API key was sent. Send it as 'Authorization: Bearer <key>'.",
                param="authorization_missing",
            )
        if self._secret.is_local_token(text, self._clock.now()):
            return Principal(self._local_account(), None, "local", admin=True)
        principal = await self._keys.check(text)
        if scope["path"].startswith("/admin/") and not principal.admin:
            raise GatewayError("permission", "This needs an admin key.")
        return principal

    def _limited(self, receive: Receive, scope: Scope, headers: Headers, allowance: Allowance) -> Receive:
        """`receive` with the body's size bounded, and how long it keeps us waiting: what is slow here, or stands in
        line here, is not the client's. Raises GatewayError (`too_large`) and HTTPException (408).
        """
        length = headers.get("content-length", "")
        declared = int(length) if length.isascii() and length.isdigit() else 0
        patience, clock = self._patience(), asyncio.get_running_loop().time
        arrived: Callable[[], bool] = scope.get("arrived", bool)
        ours = needs_key(scope)  # the body of a callback only wakes a task, whatever it is
        seen, waited = 0, 0.0
        done = False

        async def limited() -> Message:
            nonlocal seen, waited, done
            if done:
                return await receive()
            if declared > allowance.most:
                raise too_large(allowance.most)
            if arrived():  # most bodies have, and a timer costs more than to take them
                message = await receive()
            else:
                began = clock()
                try:
                    async with asyncio.timeout(max(0.0, patience.body + seen / patience.rate - waited)):
                        message = await receive()
                except TimeoutError:
                    late = "The request's body did not arrive in time."
                    raise HTTPException(408, late, {"connection": "close"}) from None
                waited += clock() - began
            if ours and not seen:
                refuse_mark(message.get("body", b""))
            seen += len(message.get("body", b""))
            done = not message.get("more_body", False)
            if seen > allowance.most:
                raise too_large(allowance.most)
            return message

        return limited

    def _note(self, scope: Scope, status: int, seconds: float, request_id: str) -> None:
        """One line a request; reads and creates that went well are only of interest when looking for something."""
        quiet = status < 400 and (scope["method"] in ("GET", "HEAD") or scope.get("creates", False))
        principal: Principal | None = scope.get("principal")
        (_log.debug if quiet else _log.info)(
            "request",
            request_id=request_id,
            method=scope["method"],
            path=shown(scope["path"]),
            status=status,
            ms=round(seconds * 1000, 1),
            key=principal.name if principal else None,
        )


def render(error: Exception, scope: Scope) -> Response:
    """`error` in the envelope of the dialect that `scope` belongs to."""
    dialect: Dialect = scope["dialect"]
    known = as_gateway_error(error)
    response = dialect.render_error(known, scope["request_id"])
    if isinstance(error, HTTPException):
        response.status_code = error.status_code
        response.headers.update(error.headers or {})
    if known.retry_after is not None:
        response.headers["retry-after"] = str(max(1, math.ceil(known.retry_after)))
    if not known.may_retry or (response.status_code < 500 and response.status_code not in (408, 409, 429)):
        response.headers["x-should-retry"] = "false"
    return response


def as_gateway_error(error: Exception) -> GatewayError:
    """`error` as one of the taxonomy; what is not meant for callers becomes `internal` without its text."""
    if isinstance(error, GatewayError):
        return error
    if isinstance(error, HTTPException):
        if error.status_code == 404:
            return GatewayError("not_found", "There is nothing at this path. See the documentation for the routes.")
        return GatewayError("invalid_request", error.detail)
    if (trouble := trouble_of(error)) is not None:
        return unavailable(error, trouble)
    return GatewayError("internal", "Something went wrong in the gateway; the log has the details.", may_retry=False)


def _key_in_headers(headers: Headers) -> str | None:
    """The key, in whichever header the dialect's clients put it."""
    authorization = headers.get("authorization", "")
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() == "bearer" and rest.strip() not in {"", NO_KEY}:
        return rest.strip()
    for name in ("x-api-key", "x-goog-api-key", KEY_HEADER):
        value: str | None = headers.get(name)
        if value:
            return value[len(_BEARER) :].strip() if value.lower().startswith(_BEARER) else value
    return authorization if authorization and " " not in authorization else None


def _key_in_query(scope: Scope) -> str | None:
    """The key, where there is no header for it: Gemini's clients write `?key=`."""
    query: bytes = scope["query_string"]
    return next((value for name, value in parse_qsl(query.decode("latin-1")) if name == "key" and value), None)


def _tell(what: str, standing: Standing, headers: MutableHeaders) -> None:
    """OpenAI's names (API reference, "Rate limits in headers"): the reset is when the limit is back in its initial
    state, written as Go writes durations, and never too early."""
    headers[f"x-ratelimit-limit-{what}"] = str(standing.limit)
    headers[f"x-ratelimit-remaining-{what}"] = str(standing.remaining)
    headers[f"x-ratelimit-reset-{what}"] = _duration(standing.reset)


def _duration(seconds: float) -> str:
    milliseconds = math.ceil(seconds * 1000)
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:g}s"
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes}m{rest}s"


def _tell_operator(error: Exception, request_id: str, path: str) -> None:
    """One line for what befalls the machine; for what nobody has thought of, all that is known of it."""
    if isinstance(error, GatewayError | HTTPException):
        return
    if (trouble := trouble_of(error)) is not None:
        _log.error("machine_trouble", request_id=request_id, path=path, what=trouble.what, advice=trouble.advice)
    else:
        _log.exception("request_failed", request_id=request_id, path=path)
