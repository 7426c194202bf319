"""The verbs of an OpenAI Videos channel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final
from urllib.parse import quote

from telecine.clock import Clock
from telecine.net.client import Client, FetchError, Stream
from telecine.net.urls import origin_of
from telecine.nouns.billed import Billed
from telecine.nouns.errors import invalid
from telecine.nouns.request import GenerationRequest
from telecine.providers.base import (
    CancelOutcome,
    Channel,
    Job,
    LookUpOutcome,
    MediaReader,
    NeverSent,
    NotCancellable,
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
from telecine.providers.openai.answers import link_of, pinged, polled, root, submitted
from telecine.providers.openai.form import File, encode, pairs_of
from telecine.providers.openai.translate import Draft, billed_of, translate
from telecine.providers.openai.words import CONTENT, SPEAKS
from telecine.wires.openai import MAX_IMAGES, PATH, RETENTION

_MAX_FILE: Final = 4 * 1024**3
_MAX_OBJECT: Final = 1024 * 1024
_PAGES: Final = ("text/", "application/json", "application/xml", "application/problem+json")
"""Content types of an error page that came with status 200."""


class OpenAIProvider:
    """Implements telecine.providers.base.Provider for `/v1/videos`; the base URL may end in `/v1` or not."""

    name = "openai"
    terms = Terms()
    speaks = SPEAKS
    telling: Telling | None = None
    traits = Traits(
        look_up=False,
        unique_handle=False,
        cancel=False,
        visibility_lag=0.0,
        submit_timeout=60.0,
        deadline=3600.0,
        retention=RETENTION,
        poll_floor=2.0,
        usual=60.0,
    )

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    def traits_of(self, operation: str, model: str) -> Traits:
        """The same for all that it can do."""
        return self.traits

    async def open(self) -> None:
        """Nothing outlives a request."""

    async def close(self) -> None:
        """As with `open`."""

    def check(self, request: GenerationRequest, model: str) -> Billed:
        """What the Videos API bills by. Raises GatewayError where it cannot express `request`."""
        return billed_of(translate(request, model), request)

    async def prepare(self, channel: Channel, submission: Submission, media: MediaReader) -> bytes | None:
        """Nothing is needed: pictures travel in the create itself."""
        return None

    async def submit(self, channel: Channel, submission: Submission, media: MediaReader) -> SubmitOutcome:
        """Send the create or the remix, once. Raises GatewayError before anything is sent where it does not fit,
        FetchError where a picture cannot be had now.

        Some relays know the `Idempotency-Key`; nothing here relies on it.
        """
        source = submission.source
        draft = translate(submission.request, submission.model, source.request if source else None)
        remix = submission.request.operation == "remix"
        name = source.upstream_id if source else None
        if remix and name is None:
            raise invalid("The upstream's video that is to be remixed is not known any more.", "source")
        url = f"{root(channel)}{PATH}" + (f"/{_quoted(name)}/remix" if remix and name else "")
        kind, body = ("application/json", draft.encode()) if remix else await _filled(draft, media)
        try:
            reply = await self._client.request(
                "POST",
                url,
                headers={"content-type": kind, "idempotency-key": submission.handle, **_signed(channel)},
                body=body,
                timeout=self.traits.submit_timeout,
                allow_private=True,  # the operator chose this address
                fresh=True,
                before_send=submission.before_send,
            )
        except FetchError as error:
            return Unknown(error.reason) if error.sent else NeverSent(error.reason)
        return submitted(reply, channel, submission.request.operation, self._clock.now())

    async def poll(self, channel: Channel, job: Job) -> PollOutcome:
        """Ask for the video."""
        name = job.upstream_id
        if name is None:
            return Unreadable("the upstream's id of the job is not known")
        url = f"{root(channel)}{PATH}/{_quoted(name)}"
        try:
            reply = await self._client.request("GET", url, headers=_signed(channel), allow_private=True)
        except FetchError as error:
            return Unreadable(error.reason)
        return polled(reply, channel, name, self._clock.now())

    async def poll_many(self, channel: Channel, jobs: Sequence[Job]) -> Mapping[str, PollOutcome]:
        """Never called yet."""
        return {}

    async def look_up(self, channel: Channel, job: Job) -> LookUpOutcome:
        """Never called: `traits.look_up` is False."""
        return Unreadable("the OpenAI Videos API knows no handle of ours")

    async def collect(self, channel: Channel, output: UpstreamOutput) -> AsyncIterator[bytes]:
        """The file, as it comes. Raises FetchError, with the status where it is gone.

        Some relays answer `/content` with the URL in JSON; that is followed once.
        """
        marked = output.url.startswith(CONTENT)
        url = f"{root(channel)}{PATH}/{_quoted(output.url.removeprefix(CONTENT))}/content" if marked else output.url
        for again in (True, False):
            ours = origin_of(url) == origin_of(channel.base_url)
            async with self._client.stream(
                url,
                headers=_signed(channel) if ours else None,
                max_bytes=_MAX_FILE,
                allow_private=channel.allow_private,
                trusted=ours,
            ) as answer:
                if answer.status != 200:
                    raise FetchError(f"the file answers with HTTP {answer.status}", status=answer.status)
                kind = answer.headers.get("content-type", "").lower()
                there = await _link(answer) if again and kind.startswith("application/json") else None
                if there is None:
                    if kind.startswith(_PAGES):
                        raise FetchError("the upstream sent a page in the place of the file", status=answer.status)
                    async for chunk in answer.chunks:
                        yield chunk
                    return
            url = there

    async def cancel(self, channel: Channel, job: Job) -> CancelOutcome:
        """OpenAI documents no way to cancel."""
        return NotCancellable()

    async def report(self, channel: Channel) -> ReportOutcome:
        """Only the costs of a whole organisation can be asked for, with an admin key: a channel's key cannot."""
        return Unreadable("this upstream does not tell what an account has used")

    async def ping(self, channel: Channel) -> str:
        """Ask for the list of models, which costs nothing. Raises GatewayError and FetchError."""
        url = f"{root(channel)}/v1/models"
        return pinged(await self._client.request("GET", url, headers=_signed(channel), allow_private=True), channel)

    def read_callback(self, channel: Channel, headers: Mapping[str, str], body: bytes) -> bool:
        """Never: the Videos API calls nobody by a URL of the request."""
        return False


def _signed(channel: Channel) -> dict[str, str]:
    return {"authorization": f"Bearer {channel.api_key}"} if channel.api_key else {}


def _quoted(name: str) -> str:
    """An id in a path; relays have colons in theirs."""
    return quote(name, safe=":")


async def _link(answer: Stream) -> str | None:
    """The URL in a JSON object; None where there is none, or too much of it."""
    body = b""
    async for chunk in answer.chunks:
        body += chunk
        if len(body) > _MAX_OBJECT:
            return None
    return link_of(body)


async def _filled(draft: Draft, media: MediaReader) -> tuple[str, bytes]:
    """The form of `draft` with its pictures: a single one may stay a URL, several go as files in their order."""
    pairs = [*draft.fields.items(), *pairs_of(draft.passed)]
    if len(draft.pictures) == 1 and draft.pictures[0].object_key is None and draft.pictures[0].url is not None:
        pairs.append(("input_reference[image_url]", draft.pictures[0].url))
        return encode(pairs)
    files: list[File] = []
    room = MAX_IMAGES
    for item in draft.pictures:
        content = await media.read(item, room)
        room -= len(content)
        files.append(File("input_reference", content))
    return await asyncio.to_thread(encode, pairs, files) if files else encode(pairs)
