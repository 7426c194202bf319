"""The verbs of a Kling channel."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final
from urllib.parse import quote

from telecine.clock import Clock
from telecine.net.client import Client, FetchError
from telecine.nouns.billed import Billed
from telecine.nouns.request import GenerationRequest, MediaInput
from telecine.providers.base import (
    CancelOutcome,
    Channel,
    Found,
    Job,
    LookUpOutcome,
    MediaReader,
    NeverSent,
    NotCancellable,
    NotFound,
    PollOutcome,
    ReportOutcome,
    Submission,
    SubmitOutcome,
    Telling,
    Terms,
    Traits,
    Unknown,
    Unreadable,
    UpstreamOutput,
)
from telecine.providers.kling.answers import pinged, polled, reported, submitted
from telecine.providers.kling.credentials import Tokens, genuine
from telecine.providers.kling.translate import Draft, translate
from telecine.providers.kling.words import SPEAKS
from telecine.wires.kling import COSTS, COSTS_LAG, MAX_IMAGE, PATHS, RETENTION, DynamicMask, Trajectory

_MAX_FILE: Final = 4 * 1024**3
_PAGES: Final = ("text/", "application/json", "application/xml", "application/problem+json")
"""Content types of an error page that came with status 200."""
_OLDEST_PACK: Final = 400 * 86400.0
"""The costs are asked for by the time at which a pack was bought; packs are valid for up to a year."""


class KlingProvider:
    """Implements telecine.providers.base.Provider for the legacy generation of Kling's API, at Kling or at a relay
    that passes it through (`https://relay.example/kling`)."""

    name = "kling"
    terms = Terms(credential="Kling needs an api_key, or access_key and secret_key")
    speaks = SPEAKS
    telling: Telling | None = Telling(lag=COSTS_LAG, retention=RETENTION)
    traits = Traits(
        look_up=True,
        unique_handle=True,
        cancel=False,
        visibility_lag=30.0,
        submit_timeout=60.0,
        deadline=3600.0,
        retention=RETENTION,
        poll_floor=5.0,  # as the Vercel AI SDK polls it
    )

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._tokens = Tokens(clock)

    def traits_of(self, operation: str, model: str) -> Traits:
        """The same for all that it can do."""
        return self.traits

    async def open(self) -> None:
        """Nothing outlives a request."""

    async def close(self) -> None:
        """As with `open`."""

    def check(self, request: GenerationRequest, model: str) -> Billed:
        """What Kling bills by. Raises GatewayError where it cannot express `request`."""
        return translate(request, model).billed

    async def prepare(self, channel: Channel, submission: Submission, media: MediaReader) -> bytes | None:
        """Nothing is needed: pictures travel in the create itself."""
        return None

    async def submit(self, channel: Channel, submission: Submission, media: MediaReader) -> SubmitOutcome:
        """Send the create. Raises GatewayError before anything is sent where the request or its media do not fit,
        FetchError where a picture cannot be had now."""
        draft = translate(submission.request, submission.model)
        draft.body.external_task_id = submission.handle
        draft.body.callback_url = submission.callback_url
        body = await _filled(draft, media)
        try:
            reply = await self._client.request(
                "POST",
                _url(channel, submission.request.operation),
                headers={"content-type": "application/json", **self._tokens.headers(channel)},
                body=body,
                timeout=self.traits.submit_timeout,
                allow_private=True,  # the operator chose this address
                fresh=True,
                before_send=submission.before_send,
            )
        except FetchError as error:
            return Unknown(error.reason) if error.sent else NeverSent(error.reason)
        return submitted(reply, channel)

    async def poll(self, channel: Channel, job: Job) -> PollOutcome:
        """Ask by Kling's own id."""
        found = await self._query(channel, job, job.upstream_id or job.handle)
        return found.outcome if isinstance(found, Found) else found

    async def poll_many(self, channel: Channel, jobs: Sequence[Job]) -> Mapping[str, PollOutcome]:
        """Never called yet."""
        return {}

    async def look_up(self, channel: Channel, job: Job) -> LookUpOutcome:
        """Ask by `external_task_id`, which the query takes in the place of the id."""
        return await self._query(channel, job, job.handle)

    async def _query(self, channel: Channel, job: Job, name: str) -> LookUpOutcome:
        url = f"{_url(channel, job.operation)}/{quote(name, safe='')}"
        try:
            reply = await self._client.request("GET", url, headers=self._tokens.headers(channel), allow_private=True)
        except FetchError as error:
            return Unreadable(error.reason)
        answer = polled(reply, channel, self._clock.now())
        if isinstance(answer, Unreadable | NotFound):
            return answer
        data, outcome = answer
        external = data.task_info.external_task_id if data.task_info else None
        if data.task_id != name and not (name == job.handle and external in (None, "", name)):
            return Unreadable("an answer about another job")
        return Found(data.task_id, outcome)

    async def collect(self, channel: Channel, output: UpstreamOutput) -> AsyncIterator[bytes]:
        """The file, as it comes. Raises FetchError, with the status where the link has expired."""
        async with self._client.stream(output.url, max_bytes=_MAX_FILE, allow_private=channel.allow_private) as answer:
            if answer.status != 200:
                raise FetchError(f"the file answers with HTTP {answer.status}", status=answer.status)
            if answer.headers.get("content-type", "").lower().startswith(_PAGES):
                raise FetchError("the upstream sent a page in the place of the file", status=answer.status)
            async for chunk in answer.chunks:
                yield chunk

    async def cancel(self, channel: Channel, job: Job) -> CancelOutcome:
        """Kling documents no way to cancel."""
        return NotCancellable()

    async def report(self, channel: Channel) -> ReportOutcome:
        """Ask for the account's resource packs."""
        now = self._clock.now()
        times = f"start_time={int((now - _OLDEST_PACK) * 1000)}&end_time={int(now * 1000)}"
        url = f"{channel.base_url.rstrip('/')}{COSTS}?{times}"
        try:
            reply = await self._client.request("GET", url, headers=self._tokens.headers(channel), allow_private=True)
        except FetchError as error:
            return Unreadable(error.reason)
        return reported(reply)

    async def ping(self, channel: Channel) -> str:
        """Ask for one line of the list of jobs, which costs nothing. Raises GatewayError and FetchError."""
        url = f"{_url(channel, 'text_to_video')}?pageNum=1&pageSize=1"
        reply = await self._client.request("GET", url, headers=self._tokens.headers(channel), allow_private=True)
        return pinged(reply, channel)

    def read_callback(self, channel: Channel, headers: Mapping[str, str], body: bytes) -> bool:
        """Check the Standard Webhooks signature (Kling, callback protocol); header names in lower case.

        Kling signs only where a secret was made in its console, so without one every callback counts as genuine.
        """
        if not channel.webhook_secret:
            return True
        return genuine(channel.webhook_secret, headers, body, self._clock.now())


def _url(channel: Channel, operation: str) -> str:
    return channel.base_url.rstrip("/") + PATHS[operation]


async def _filled(draft: Draft, media: MediaReader) -> bytes:
    """The JSON of `draft` with its pictures."""
    body = draft.body
    body.image = await _picture(draft.image, media)
    body.image_tail = await _picture(draft.image_tail, media)
    body.static_mask = await _picture(draft.static_mask, media)
    body.dynamic_masks = [
        DynamicMask(await _picture(mask, media) or "", [Trajectory(point.x, point.y) for point in mask.trajectory])
        for mask in draft.dynamic_masks
    ]
    return await asyncio.to_thread(draft.encode) if draft.stored else draft.encode()


async def _picture(item: MediaInput | None, media: MediaReader) -> str | None:
    """A URL as it is, a stored picture as raw base64."""
    if item is None:
        return None
    if item.object_key is None and item.url is not None:
        return item.url
    content = await media.read(item, MAX_IMAGE)
    return (await asyncio.to_thread(base64.b64encode, content)).decode("ascii")
