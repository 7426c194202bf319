"""The verbs of a vendor that is spoken to over HTTP: one machine for all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec

from telecine.clock import Clock
from telecine.net.client import Client, FetchError, Reply
from telecine.net.forms import Form
from telecine.net.spool import Spool
from telecine.nouns.billed import Billed
from telecine.nouns.errors import invalid
from telecine.nouns.request import GenerationRequest
from telecine.providers.base import Channel, Job, MediaReader, Provider, Submission, Traits
from telecine.providers.http.answers import (
    decoded,
    done,
    named,
    pinged,
    polled,
    refused,
    reported,
    stopping_refused,
    submitted,
)
from telecine.providers.http.body import JSON, Draft, filled, translate
from telecine.providers.http.facts import BEHIND, HttpOptions, Many, Op, Vendor
from telecine.providers.http.files import stream
from telecine.providers.http.lists import Lists
from telecine.providers.http.shelves import Filling, names_in
from telecine.providers.outcomes import (
    CancelOutcome,
    Found,
    LookUpOutcome,
    NeverSent,
    NotCancellable,
    NotFound,
    PollOutcome,
    Refused,
    ReportOutcome,
    SubmitOutcome,
    Unknown,
    Unreadable,
    UpstreamOutput,
)

_ANSWERING: Final = 30.0
"""Seconds for the answer to a question."""
_UPLOADING: Final = 300.0
"""The same, where a file goes with it."""
_MOST_SHAPES: Final = 1024
"""Shapes of requests that are remembered: clients choose them."""


class HttpProvider(Provider):
    """A provider by what a vendor states."""

    def __init__(self, vendor: Vendor, client: Client, clock: Clock) -> None:
        self.vendor = vendor
        self.name = vendor.name
        self.terms = vendor.terms
        self.speaks = vendor.speaks.union(*(one.speaks for one in vendor.later))
        self.telling = vendor.account.telling if vendor.account is not None else None
        self._client = client
        self._clock = clock
        self._signed = vendor.auth(clock)
        self._lists = Lists(self._ask, clock)
        self._billed: dict[tuple[str, bytes | None], Billed] = {}
        """By model and shape, what requests come to that the vendor can express."""

    def traits_of(self, operation: str, model: str, channel: Channel | None = None) -> Traits:
        """Those of the operation, else the vendor's; as the channel's options change them."""
        vendor = self.vendor.generation(model)
        op = vendor.op(operation, model)
        traits = (op.traits if op is not None else None) or vendor.traits
        traits = traits if op is None or channel is None else op.adjusted(traits, channel)
        alone = channel is not None and not channel.option(HttpOptions).lists
        return msgspec.structs.replace(traits, listed=False) if alone else traits

    def check(self, request: GenerationRequest, model: str, channel: Channel | None = None) -> Billed:
        """What the vendor bills by. Raises GatewayError where it cannot express `request`."""
        vendor = self.vendor.generation(model)
        shape = request.shape(vendor.free)
        billed = self._billed.get((model, shape))
        if billed is None:
            draft = translate(vendor, request, model)
            billed = draft.op.billed(draft)
            if shape is not None:
                if len(self._billed) >= _MOST_SHAPES:
                    self._billed.clear()
                self._billed[model, shape] = billed
        return billed

    async def prepare(
        self, channel: Channel, submission: Submission, media: MediaReader
    ) -> bytes | Refused | NeverSent | None:
        """Upload files of a client's library, and ask what has to be asked before the create, where there is anything.
        Raises as `submit` does."""
        vendor, request = self.vendor.generation(submission.model), submission.request
        op = vendor.op(request.operation, submission.model)
        if op is not None and op.shelf is not None and op.shelf.wanted(channel):
            return await Filling(self._ask, self._clock, vendor, op.shelf, channel, submission, media).names()
        if op is None or op.before is None:
            return None
        draft = translate(vendor, request, submission.model, submission.source, submission.named)
        question = op.before.question(draft, submission.handle)
        if question is None:
            return None
        try:
            reply = await self._ask(channel, *question)
        except FetchError as error:
            return NeverSent(error.reason)
        said = decoded(reply.body) if 200 <= reply.status < 300 else None
        name = named(op.before.made(said)) if said is not None else None
        if name is not None:
            return name.encode()
        outcome = refused(draft.vendor, reply, channel)
        return outcome if isinstance(outcome, Refused) else NeverSent(outcome.reason)

    async def submit(self, channel: Channel, submission: Submission, media: MediaReader) -> SubmitOutcome:
        """Send the create, once. Raises GatewayError before anything is sent where the request or its media do not
        fit, FetchError where a file of it cannot be had now."""
        vendor, request = self.vendor.generation(submission.model), submission.request
        draft = translate(vendor, request, submission.model, submission.source, submission.named)
        method, url = self._url(channel, draft.create or draft.op.create, **_followed(draft))
        lasts = draft.op.answer is None  # what is done when it is answered has no name, and nothing to call about
        if vendor.handle and lasts:
            draft.body[vendor.handle] = submission.handle
        if vendor.callback and submission.callback_url and lasts:
            draft.body[vendor.callback] = submission.callback_url
        if draft.op.shelf is not None and submission.prepared is not None:
            draft.kept = names_in(submission.prepared)
        if draft.op.before is not None and submission.prepared is not None:
            draft.body[draft.op.before.field] = submission.prepared.decode()
        body = await filled(draft, media)
        headers = self._signed(channel)
        if isinstance(body, bytes):
            headers = {"content-type": JSON, **headers}
        headers = {**headers, **vendor.headers(channel, submission.callback_url)}
        if vendor.handle_header:
            headers = {**headers, vendor.handle_header: submission.handle}
        try:
            reply = await self._client.request(
                method,
                url,
                headers=headers,
                body=body,
                timeout=self.traits_of(request.operation, submission.model, channel).submit_timeout,
                allow_private=True,  # the operator chose this address
                fresh=True,
                before_send=submission.before_send,
                spool=submission.spool,
            )
        except FetchError as error:
            return Unknown(error.reason) if error.sent else NeverSent(error.reason)
        if draft.op.plain is not None and 200 <= reply.status < 300:
            reply = msgspec.structs.replace(reply, body=draft.op.plain(reply.body))
        return submitted(vendor.making(draft.op), draft.op, reply, channel, self._clock.now())

    async def poll(self, channel: Channel, job: Job) -> PollOutcome:
        """Ask by the vendor's own id."""
        if job.upstream_id is None:
            return Unreadable("the upstream's id of the job is not known")
        found = await self._query(channel, job, job.upstream_id, _polls)
        return found.outcome if isinstance(found, Found) else found

    async def look_up(self, channel: Channel, job: Job) -> LookUpOutcome:
        """Ask by our handle, where the query takes that in the place of the id."""
        if not self.traits_of(job.operation, job.model).look_up:
            return Unreadable("this upstream knows no handle of ours")
        vendor = self.vendor.generation(job.model)
        op = vendor.op(job.operation, job.model)
        if op is not None and op.search is not None:
            return await self._lists.with_handle(vendor.making(op), channel, op.search, job.handle)
        return await self._query(channel, job, job.handle, lambda op: op.look_up or _polls(op))

    async def _query(self, channel: Channel, job: Job, name: str, path: Callable[[Op], str]) -> LookUpOutcome:
        """The job, at whichever of its paths it is; not found only where each of them says so."""
        vendor = self.vendor.generation(job.model)
        op = vendor.op(job.operation, job.model)
        if op is None:
            return Unreadable("this upstream knows no such operation")
        outcome: LookUpOutcome = NotFound()
        for way in (op, *op.ways):
            told = await self._query_at(channel, job, name, way, path(way))
            if isinstance(told, Found):
                return told
            outcome = outcome if isinstance(told, NotFound) else told
        return outcome

    async def _query_at(self, channel: Channel, job: Job, name: str, op: Op, path: str) -> LookUpOutcome:
        vendor, results = self.vendor.generation(job.model).making(op), None
        try:
            reply = await self._ask(channel, path, None, job.spool, id=name)
            if op.results and done(vendor, reply):
                results = await self._ask(channel, op.results, None, job.spool, id=name)
        except FetchError as error:
            return Unreadable(error.reason)
        return polled(vendor, reply, channel, name=name, handle=job.handle, now=self._clock.now(), more=results)

    async def poll_many(self, channel: Channel, jobs: Sequence[Job]) -> Mapping[str, PollOutcome]:
        """Ask each list once about all of its jobs."""
        groups: dict[str, tuple[Vendor, Many, list[Job]]] = {}
        for job in jobs if channel.option(HttpOptions).lists else ():
            vendor = self.vendor.generation(job.model)
            op = vendor.op(job.operation, job.model)
            for way in (op, *op.ways) if op is not None and job.upstream_id is not None else ():
                if way.many is not None:
                    groups.setdefault(way.many.ask, (vendor, way.many, []))[2].append(job)
        found: dict[str, PollOutcome] = {}
        for vendor, many, group in groups.values():
            rest = [job for job in group if job.handle not in found]
            found |= await self._lists.outcomes(vendor, channel, many, rest) if rest else {}
        return found

    async def collect(self, channel: Channel, output: UpstreamOutput) -> AsyncIterator[bytes]:
        """The file, as it comes. Raises FetchError, with the status where it is gone."""
        vendor, url = self.vendor, output.url
        if vendor.content and url.startswith(BEHIND):
            _, url = self._url(channel, vendor.content, id=url.removeprefix(BEHIND))
        async for chunk in stream(
            self._client, url, channel, self._signed(channel) if vendor.content else None, vendor.link
        ):
            yield chunk

    async def cancel(self, channel: Channel, job: Job) -> CancelOutcome:
        """Ask the upstream to stop the job in each of its ways; whether it has, the next poll says. It cannot, where it
        refuses them all."""
        op = self.vendor.generation(job.model).op(job.operation, job.model)
        outcome: CancelOutcome = NotCancellable()
        for way in op.stops if op is not None and job.upstream_id is not None else ():
            try:
                refused = stopping_refused(await self._ask(channel, way, None, id=job.upstream_id or ""))
            except FetchError:
                refused = False
            outcome = outcome if refused else Unreadable("it was asked to stop the job")
        return outcome

    async def report(self, channel: Channel) -> ReportOutcome:
        """Ask what the account has used, where the vendor tells."""
        account = self.vendor.account
        if account is None:
            return Unreadable("this upstream does not tell what an account has used")
        try:
            reply = await self._ask(channel, f"GET {account.ask(self._clock.now())}", None)
        except FetchError as error:
            return Unreadable(error.reason)
        return reported(self.vendor, account, reply)

    async def ping(self, channel: Channel) -> str:
        """Ask something that costs nothing. Raises GatewayError and FetchError."""
        return pinged(self.vendor, await self._pinged(channel), channel)

    async def hear(self, channel: Channel, path: str, **names: str) -> Reply:
        """The answer to a question that changes nothing. Raises FetchError."""
        return await self._ask(channel, f"GET {path}", None, None, **names)

    async def models(self, channel: Channel) -> Sequence[str] | None:
        """The names in the answer to `ping`, where the vendor's has them. Raises GatewayError and FetchError."""
        listed = self.vendor.listed
        if listed is None:
            return None
        reply = await self._pinged(channel)
        pinged(self.vendor, reply, channel)
        return [name for name in listed(decoded(reply.body)) if isinstance(name, str)]

    async def _pinged(self, channel: Channel) -> Reply:
        body = self.vendor.ping_body
        return await self._ask(channel, f"{'GET' if body is None else 'POST'} {self.vendor.ping}", body)

    def read_callback(self, channel: Channel, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether the vendor's rule finds it genuine."""
        return self.vendor.genuine(channel, headers, body, self._clock.now())

    async def _ask(self, channel: Channel, path: str, body: Any, spool: Spool | None = None, **names: str) -> Reply:
        """One question that may be repeated, with JSON or a form. Raises FetchError."""
        method, url = self._url(channel, path, **names)
        headers = self._signed(channel)
        content = body if body is None or isinstance(body, Form) else msgspec.json.encode(body)
        if isinstance(content, bytes):
            headers = {"content-type": JSON, **headers}
        patience = _UPLOADING if isinstance(body, Form) else _ANSWERING
        return await self._client.request(
            method, url, headers=headers, body=content, timeout=patience, allow_private=True, spool=spool
        )

    def _url(self, channel: Channel, path: str, **names: str) -> tuple[str, str]:
        """(method, URL), with the names that stand in braces in `path`."""
        method, _, rest = path.partition(" ")
        rest = self.vendor.spelt(channel, rest)
        for name, value in names.items():
            # Relays have colons in their ids, and commas between several; a model may be several steps of a path.
            rest = rest.replace(f"{{{name}}}", quote(value, safe=":/" if name == "model" else ":,"))
        return method, self.vendor.root(channel) + rest


def _polls(op: Op) -> str:
    return op.poll or f"GET {op.create.partition(' ')[2]}/{{id}}"


def _followed(draft: Draft) -> dict[str, str]:
    """What the path of the create names. Raises GatewayError where the upstream does not know what is followed up:
    without it, it would make something else, for money."""
    names = {"model": draft.model}
    if "{model}" in draft.op.create and not {"", ".", ".."}.isdisjoint(draft.model.split("/")):
        raise invalid("The model's name is no path.", "model")
    source, in_path = draft.source, "{source}" in draft.op.create
    if (source is None and draft.request.source is not None) or (
        in_path and (source is None or not source.upstream_id)
    ):
        raise invalid("What is to be followed up is not known to the upstream any more.", "source")
    if in_path and source is not None and source.upstream_id is not None:
        names["source"] = source.upstream_id
    return names
