"""An upstream that may speak in one of several forms: its channel says which, or it is asked once what it serves.

It is asked about a job that nobody has, by the path of each form, and by a path that no upstream has. Who answers the
first otherwise than the last, readably, serves that form. Such questions cost nothing, and no answer is guessed at:
what cannot be told now is asked again later, and until then the first form is spoken.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Final

from msgspec.structs import replace

from telecine.clock import Clock
from telecine.net.client import Client, FetchError, Reply
from telecine.nouns.billed import Billed
from telecine.nouns.errors import GatewayError
from telecine.nouns.request import GenerationRequest
from telecine.providers.base import Channel, Forms, Job, MediaReader, Provider, Submission, Traits
from telecine.providers.complaint import complaint_of
from telecine.providers.http.answers import decoded
from telecine.providers.http.facts import Vendor
from telecine.providers.http.provider import HttpProvider
from telecine.providers.outcomes import (
    CancelOutcome,
    LookUpOutcome,
    NeverSent,
    NotCancellable,
    NotFound,
    PollOutcome,
    Refused,
    SubmitOutcome,
    Unreadable,
    UpstreamOutput,
)

_NOBODY: Final = "task_00000000000000000000000000"
"""The id of no job."""
_NOWHERE: Final = "/v1/served-by-nobody/{id}"
_REST: Final = 60.0
"""Seconds after which an upstream that told nothing is asked again."""
_SHUT: Final = frozenset({401, 403, 407, 408, 425, 429})
"""Statuses of answers that are about who asks, or about now."""


def serves(reply: Reply, path: str, control: Reply) -> bool | None:
    """Whether an upstream that answers so has `path`, as seen from its answer to a path that it surely has not. None:
    that cannot be told now."""
    if reply.status >= 500 or reply.status in _SHUT:
        return None
    if reply.status == 405 or (decoded(reply.body) is None and complaint_of(reply.body) is None):
        return False
    return _gist(reply, path) != _gist(control, _NOWHERE)


def _gist(reply: Reply, path: str) -> tuple[object, ...]:
    """What an answer says, whatever path it repeats."""
    said, asked = complaint_of(reply.body), path.replace("{id}", _NOBODY)
    if said is None:
        return reply.status, decoded(reply.body) is None
    message = said.message.replace(asked, "").replace(asked.partition("?")[0], "")
    return reply.status, said.words, message


class FormedProvider(Provider):
    """A provider whose upstreams are spoken to in one of `vendor.forms` each."""

    def __init__(self, vendor: Vendor, client: Client, clock: Clock) -> None:
        self.vendor = vendor
        self.name = vendor.name
        self.terms = vendor.terms
        self.speaks = vendor.speaks
        self._forms = {name: HttpProvider(one, client, clock) for name, one in vendor.forms.items()}
        self._first = next(iter(self._forms))
        self._clock = clock
        self._served: dict[tuple[str, str], tuple[str, ...]] = {}
        """By channel and address, the forms that are served there, as far as that is sure."""
        self._rests: dict[tuple[str, str], float] = {}
        self._asking: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def open(self) -> None:
        """Nothing outlives a request but what has been found out."""
        await self._forms[self._first].open()

    async def close(self) -> None:
        """The same."""
        await self._forms[self._first].close()

    def _known(self, channel: Channel) -> tuple[str, ...]:
        """The forms that are surely served, the one to be spoken first; none where nobody knows."""
        said = self.vendor.form(channel)
        return (said,) if said is not None else self._served.get((channel.name, channel.address), ())

    def _spoken(self, channel: Channel | None) -> HttpProvider:
        known = self._known(channel) if channel is not None else ()
        return self._forms[known[0] if known else self._first]

    def traits_of(self, operation: str, model: str, channel: Channel | None = None) -> Traits:
        """Those of the form. Where that is still to be found out, it is before a submit; and what another process has
        sent may be answered as late as in any form."""
        traits = self._spoken(channel).traits_of(operation, model, channel)
        if channel is None or self._known(channel):
            return traits
        all_of = [form.traits_of(operation, model, channel) for form in self._forms.values()]
        return replace(
            traits,
            prepares=True,
            synchronous=any(one.synchronous for one in all_of),
            submit_timeout=max(one.submit_timeout for one in all_of),
        )

    def check(self, request: GenerationRequest, model: str, channel: Channel | None = None) -> Billed:
        """As the form has it; where nobody knows which that is, as the first has it that can express it."""
        known = self._known(channel) if channel is not None else ()
        first, *others = known[:1] or self._forms
        try:
            return self._forms[first].check(request, model, channel)
        except GatewayError:
            for name in others:
                with suppress(GatewayError):
                    return self._forms[name].check(request, model, channel)
            raise

    async def prepare(
        self, channel: Channel, submission: Submission, media: MediaReader
    ) -> bytes | Refused | NeverSent | None:
        """Find out which form it is, so that what follows is known before anything is sent that cannot be repeated; and
        do what that does before. Raises as HttpProvider's does."""
        try:
            await self._find(channel)
        except FetchError as error:
            return NeverSent(error.reason)
        return await self._spoken(channel).prepare(channel, submission, media)

    async def submit(self, channel: Channel, submission: Submission, media: MediaReader) -> SubmitOutcome:
        """Send the create, in the one form. Raises as HttpProvider's does."""
        return await self._spoken(channel).submit(channel, submission, media)

    async def poll(self, channel: Channel, job: Job) -> PollOutcome:
        """Ask in the form that is spoken. Where that was found out, it may be another one by now than when the job was
        made: what one does not know, the others are asked about."""
        try:
            known = await self._find(channel)
        except FetchError as error:
            return Unreadable(error.reason)
        if not known:
            return Unreadable("nobody knows in which form this upstream is to be asked")
        outcome: PollOutcome = NotFound()
        for name in known:
            outcome = await self._forms[name].poll(channel, job)
            if not isinstance(outcome, NotFound):
                break
        return outcome

    async def poll_many(self, channel: Channel, jobs: Sequence[Job]) -> Mapping[str, PollOutcome]:
        """By the lists of the form, where it has any."""
        return await self._spoken(channel).poll_many(channel, jobs) if self._known(channel) else {}

    async def look_up(self, channel: Channel, job: Job) -> LookUpOutcome:
        """As the form does."""
        return await self._spoken(channel).look_up(channel, job)

    async def collect(self, channel: Channel, output: UpstreamOutput) -> AsyncIterator[bytes]:
        """The file, as it comes. Raises FetchError."""
        async for chunk in self._spoken(channel).collect(channel, output):
            yield chunk

    async def cancel(self, channel: Channel, job: Job) -> CancelOutcome:
        """As the form does."""
        return await self._spoken(channel).cancel(channel, job) if self._known(channel) else NotCancellable()

    async def ping(self, channel: Channel) -> str:
        """What all forms have in common. Raises GatewayError and FetchError."""
        return await self._spoken(channel).ping(channel)

    async def models(self, channel: Channel) -> Sequence[str] | None:
        """What all forms have in common. Raises GatewayError and FetchError."""
        return await self._spoken(channel).models(channel)

    def read_callback(self, channel: Channel, headers: Mapping[str, str], body: bytes) -> bool:
        """As the form has it."""
        return self._spoken(channel).read_callback(channel, headers, body)

    async def forms(self, channel: Channel) -> Forms:
        """Ask anew which forms are served. Raises FetchError."""
        served, sure = await self._ask(channel)
        said = self.vendor.form(channel)
        if served and sure:
            self._served[channel.name, channel.address] = served
        return Forms(said or (served[0] if served else None), served, said=said is not None, sure=sure)

    async def _find(self, channel: Channel) -> tuple[str, ...]:
        """The forms that are surely served; the upstream is asked where nobody knows. Raises FetchError."""
        place = channel.name, channel.address
        async with self._asking[place]:
            if not self._known(channel) and self._clock.elapsed() >= self._rests.get(place, 0.0):
                served, _ = await self._ask(channel)
                if served:
                    self._served[place] = served
                else:
                    self._rests[place] = self._clock.elapsed() + _REST
        return self._known(channel)

    async def _ask(self, channel: Channel) -> tuple[tuple[str, ...], bool]:
        """The forms that are surely served, and whether that is all that could be found out. Raises FetchError."""
        control = await self._forms[self._first].hear(channel, _NOWHERE, id=_NOBODY)
        found: dict[str, bool | None] = {}
        for name, form in self._forms.items():
            path = form.vendor.sign
            if path:
                found[name] = serves(await form.hear(channel, path, id=_NOBODY), path, control)
        served = tuple(name for name, fits in found.items() if fits)
        sure = None not in found.values()
        if sure and not served and await self._answers(channel):
            served = tuple(name for name, form in self._forms.items() if not form.vendor.sign)
        return served, sure

    async def _answers(self, channel: Channel) -> bool:
        """Whether it is an upstream of this kind at all."""
        try:
            await self.ping(channel)
        except GatewayError:
            return False
        return True
