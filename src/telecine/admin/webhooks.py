"""`/v1/webhooks` and `/v1/deliveries`: where an account wants its news sent, and what became of each of them.

A key sees and changes what belongs to its own account; anything else is `not_found`, an administrator's included.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, get_args

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from telecine.dialects.base import Media, principal_of
from telecine.dialects.bodies import json_response, read_object, typed
from telecine.dialects.lookup import whole
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.ids import from_base32, parse_task_id, to_base32, tsk_id
from telecine.webhooks.deliverer import Deliverer
from telecine.webhooks.delivery import line_of
from telecine.webhooks.endpoints import Endpoint, Endpoints
from telecine.webhooks.log import DeliveryLog, DeliveryState, Logged
from telecine.webhooks.signing import secret_of

_MOST: Final = 100
_MOST_EVENTS: Final = 20


class NewWebhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/webhooks`. Without `events` it hears of everything."""

    url: str
    events: tuple[str, ...] | None = None


class ChangedWebhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`PATCH /v1/webhooks/{id}`: what is absent stays."""

    url: str | None = None
    events: tuple[str, ...] | None = None
    active: bool | None = None


class WebhookObject(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An endpoint. `secret` is there only in the answer that makes it. Times are seconds since the Unix epoch.

    `inactive_reason` says why it was switched off where its owner did not do that.
    """

    id: str
    object: str
    url: str
    events: tuple[str, ...]
    active: bool
    inactive_reason: str | None = None
    paused_until: float | None = None
    """Until when it is left alone because it has failed; `paused_reason` says how."""
    paused_reason: str | None = None
    created_at: float
    previous_secret_until: float | None = None
    """Until when deliveries carry a signature with the secret before the last rotation too."""
    secret: str | None = None


class OwnSecret(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`PUT /v1/webhooks/secret`: `whsec_…`, as Standard Webhooks, and Kling's console, write one."""

    secret: Annotated[str, msgspec.Meta(max_length=200)]


class SecretObject(msgspec.Struct, frozen=True):
    """The secret that signs what goes to the `webhook_url` or `callback_url` of a request; shown this once."""

    secret: str
    previous_secret_until: float | None
    object: str = "webhook.secret"


class DeliveryAttempt(msgspec.Struct, frozen=True):
    """One try: begun `at` that time; `reason` says why no answer came."""

    number: int
    at: float
    status: int | None
    latency_ms: int
    reason: str | None
    answer: str | None


class DeliveryObject(msgspec.Struct, frozen=True, kw_only=True):
    """One delivery and its last try. `answer` is the beginning of what the receiver said.

    While the receiver is left alone, `paused_until` and `paused_reason` say so, and `next_try_at` is no earlier.
    `attempts`, every try, is there only where one delivery is read.
    """

    id: str
    object: str = "delivery"
    task: str | None
    webhook: str | None
    """None where the request itself named the URL."""
    type: str
    url: str
    state: DeliveryState
    tries: int
    status: int | None
    reason: str | None
    latency_ms: int | None
    answer: str | None
    body: str
    redelivery_of: str | None
    created_at: float
    delivered_at: float | None
    next_try_at: float | None
    paused_until: float | None
    paused_reason: str | None
    attempts: list[DeliveryAttempt] | UnsetType = UNSET


class Page(msgspec.Struct, frozen=True):
    """A list; the next page begins after `last_id`."""

    data: list[Any]
    has_more: bool = False
    last_id: str | None = None
    object: str = "list"


class Webhooks:
    """The handlers."""

    def __init__(self, endpoints: Endpoints, log: DeliveryLog, deliverer: Deliverer, media: Media) -> None:
        self._endpoints = endpoints
        self._log = log
        self._deliverer = deliverer
        self._media = media

    @property
    def routes(self) -> list[Route]:
        """Every route, fixed words before ids."""
        return [
            Route("/v1/webhooks", self.create, methods=["POST"]),
            Route("/v1/webhooks", self.list, methods=["GET"]),
            Route("/v1/webhooks/secret/rotate", self.rotate_own, methods=["POST"]),
            Route("/v1/webhooks/secret", self.set_own, methods=["PUT"]),
            Route("/v1/webhooks/{id}", self.retrieve, methods=["GET"]),
            Route("/v1/webhooks/{id}", self.change, methods=["PATCH"]),
            Route("/v1/webhooks/{id}", self.delete, methods=["DELETE"]),
            Route("/v1/webhooks/{id}/rotate", self.rotate, methods=["POST"]),
            Route("/v1/webhooks/{id}/test", self.test, methods=["POST"]),
            Route("/v1/webhooks/{id}/deliveries", self.deliveries_of, methods=["GET"]),
            Route("/v1/deliveries", self.deliveries, methods=["GET"]),
            Route("/v1/deliveries/{id}", self.delivery, methods=["GET"]),
            Route("/v1/deliveries/{id}/redeliver", self.redeliver, methods=["POST"]),
        ]

    async def create(self, request: Request) -> Response:
        """Make an endpoint; the answer is the only place where its secret appears until it is rotated."""
        wanted = typed((await read_object(request)).fields, NewWebhook)
        self._check(wanted.url, wanted.events)
        endpoint, secret = await self._endpoints.create(_account(request), wanted.url, wanted.events)
        return json_response(self._shown(endpoint, secret), 201)

    async def list(self, request: Request) -> Response:
        """The account's endpoints."""
        return json_response(Page([self._shown(one) for one in await self._endpoints.list(_account(request))]))

    async def retrieve(self, request: Request) -> Response:
        """One endpoint."""
        return json_response(self._shown(await self._endpoint(request)))

    async def change(self, request: Request) -> Response:
        """Change an endpoint's URL, its events, or whether it is told of anything new."""
        wanted = typed((await read_object(request)).fields, ChangedWebhook)
        self._check(wanted.url, wanted.events)
        changed = await self._endpoints.change(
            _account(request), _hook_id(request), url=wanted.url, events=wanted.events, active=wanted.active
        )
        if wanted.url is not None or wanted.active:  # it is to be tried as it is now, whatever it did before
            self._deliverer.reset(changed.account_id, changed.id)
        return json_response(self._shown(changed))

    async def delete(self, request: Request) -> Response:
        """Remove an endpoint, and give up what waits for it."""
        gone = await self._endpoints.delete(_account(request), _hook_id(request))
        return json_response({"id": _hook_name(gone.id), "object": "webhook", "deleted": True})

    async def rotate(self, request: Request) -> Response:
        """A new secret; for 24 hours the old one signs too, also after another rotation."""
        endpoint, secret = await self._endpoints.rotate(_account(request), _hook_id(request))
        return json_response(self._shown(endpoint, secret))

    async def rotate_own(self, request: Request) -> Response:
        """A new secret for the URLs that requests name themselves."""
        endpoint, secret = await self._endpoints.rotate_own(_account(request))
        return json_response(SecretObject(secret, endpoint.previous_until))

    async def set_own(self, request: Request) -> Response:
        """A secret that the receivers behind those URLs know already, as where they were called by a vendor."""
        wanted = typed((await read_object(request)).fields, OwnSecret)
        try:
            secret = secret_of(wanted.secret)
        except ValueError:
            message = "secret: must be 'whsec_' and 24 to 64 random bytes in base64."
            raise invalid(message, "secret") from None
        endpoint, shown = await self._endpoints.set_own(_account(request), secret)
        return json_response(SecretObject(shown, endpoint.previous_until))

    async def test(self, request: Request) -> Response:
        """Send the endpoint an event of the type `webhook.test`; the delivery tells what came of it."""
        endpoint = await self._endpoint(request)
        sent = await self._log.test(endpoint, {"object": "webhook", "id": _hook_name(endpoint.id)})
        self._deliverer.nudge()
        return json_response(self._delivery(sent), 202)

    async def deliveries_of(self, request: Request) -> Response:
        """The deliveries to one endpoint, newest first."""
        endpoint = await self._endpoint(request)
        return await self._page(request, endpoint.id)

    async def deliveries(self, request: Request) -> Response:
        """`GET /v1/deliveries?task=&state=&limit=&after=`, newest first."""
        return await self._page(request, None)

    async def delivery(self, request: Request) -> Response:
        """One delivery, with all its tries."""
        one = await self._logged(request)
        attempts = [
            DeliveryAttempt(tried.number, tried.at, tried.status, tried.latency_ms, tried.reason, _text(tried.answer))
            for tried in await self._log.tries(one.id)
        ]
        return json_response(replace(self._delivery(one), attempts=attempts))

    async def redeliver(self, request: Request) -> Response:
        """Send a delivery once more, under the same `webhook-id`."""
        old = await self._logged(request)
        endpoint = await self._endpoints.get(old.account_id, old.endpoint_id) if old.endpoint_id else None
        fresh = await self._log.redeliver(old, endpoint)
        self._deliverer.nudge()
        return json_response(self._delivery(fresh), 202)

    async def _page(self, request: Request, endpoint_id: int | None) -> Response:
        query = request.query_params
        state = query.get("state") or None
        if state is not None and state not in get_args(DeliveryState):
            raise invalid(f"state: must be one of {', '.join(get_args(DeliveryState))}.", "state")
        task, after = query.get("task") or None, query.get("after") or None
        found, more = await self._log.list(
            _account(request),
            limit=whole(request, "limit", 20, _MOST),
            task_id=_parsed(parse_task_id(task), task, "task") if task else None,
            endpoint_id=endpoint_id,
            state=state,
            after=_parsed(_number(after, "dlv"), after, "after") if after else None,
        )
        data = [self._delivery(one) for one in found]
        return json_response(Page(data, more, data[-1].id if data else None))

    async def _endpoint(self, request: Request) -> Endpoint:
        return await self._endpoints.get(_account(request), _hook_id(request))

    async def _logged(self, request: Request) -> Logged:
        number = _number(request.path_params["id"], "dlv")
        if number is None:
            raise GatewayError("not_found", "There is no such delivery, or it is not yours.", param="id")
        return await self._log.get(_account(request), number)

    def _check(self, url: str | None, events: tuple[str, ...] | None) -> None:
        if url is not None:
            self._media.check_url(url, param="url")
        if events is not None and len(events) > _MOST_EVENTS:
            raise invalid(f"events: at most {_MOST_EVENTS}.", "events")

    def _shown(self, endpoint: Endpoint, secret: str | None = None) -> WebhookObject:
        pause = self._deliverer.pause(line_of(endpoint.account_id, endpoint.id, ""))
        return WebhookObject(
            id=_hook_name(endpoint.id),
            object="webhook",
            url=endpoint.url or "",
            events=endpoint.events,
            active=endpoint.active,
            inactive_reason=endpoint.inactive_reason,
            paused_until=None if pause is None else pause.until,
            paused_reason=None if pause is None else pause.reason,
            created_at=endpoint.created_at,
            previous_secret_until=endpoint.previous_until,
            secret=secret,
        )

    def _delivery(self, one: Logged) -> DeliveryObject:
        pause = self._deliverer.pause(one.line) if one.due is not None and not one.asked else None
        return DeliveryObject(
            id=f"dlv_{to_base32(one.id)}",
            task=tsk_id(one.task_id) if one.task_id else None,
            webhook=_hook_name(one.endpoint_id) if one.endpoint_id else None,
            type=one.type,
            url=one.url,
            state=one.state,
            tries=one.tries,
            status=one.status,
            reason=one.reason,
            latency_ms=one.latency_ms,
            answer=_text(one.answer),
            body=one.body.decode("utf-8", "replace"),
            redelivery_of=None if one.redelivery_of is None else f"dlv_{to_base32(one.redelivery_of)}",
            created_at=one.created_at,
            delivered_at=one.delivered_at,
            next_try_at=one.due if pause is None or one.due is None else max(one.due, pause.until),
            paused_until=None if pause is None else pause.until,
            paused_reason=None if pause is None else pause.reason,
        )


def _account(request: Request) -> int:
    return principal_of(request).account_id


def _hook_name(number: int) -> str:
    return f"whk_{to_base32(number)}"


def _hook_id(request: Request) -> int:
    number = _number(request.path_params["id"], "whk")
    if number is None:
        raise GatewayError("not_found", "There is no such webhook, or it is not yours.", param="id")
    return number


def _number(text: str, prefix: str) -> int | None:
    head, _, digits = text.partition("_")
    return from_base32(digits) if head == prefix else None


def _parsed(number: int | None, text: str, param: str) -> int:
    if number is None:
        raise invalid(f"{param}: '{text[:128]}' is no such id.", param)
    return number


def _text(answer: bytes | None) -> str | None:
    return None if answer is None else answer.decode("utf-8", "replace")
