"""Files of a client's library on their way to an upstream that keeps them: each is uploaded once, and a job names it.

Whether it is still there and good is asked before each job; one that is gone is uploaded anew, one that the upstream
cannot use is refused by name, and one that it still looks at is waited for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

import msgspec

from telecine.clock import Clock
from telecine.net.client import FetchError, Reply
from telecine.net.forms import File, Form
from telecine.nouns.errors import GatewayError, TaskError
from telecine.nouns.kinds import EXTENSIONS
from telecine.nouns.request import MediaInput
from telecine.providers.base import Channel, MediaReader, Submission, Uploaded
from telecine.providers.complaint import complaint_in, complaint_of, text
from telecine.providers.http.answers import decoded, named, refused
from telecine.providers.http.facts import Shelf, Vendor
from telecine.providers.outcomes import NeverSent, Refused
from telecine.providers.scrub import scrubbed

Ask = Callable[[Channel, str, Any], Awaitable[Reply]]
_PAUSES: Final = (1.0, 2.0, 3.0, 4.0, 10.0)
"""Seconds between looks at a file that the upstream still looks at; after them its task comes again later."""
_GONE: Final = (400, 404)
"""Statuses of readable answers about a file that is not there."""
_TRIES: Final = 2
"""Uploads of a file for one job: it may be gone there, but not at once."""


class Filling(msgspec.Struct, frozen=True):
    """The files of one submission, on their way to the shelf of a vendor's upstream."""

    ask: Ask
    clock: Clock
    vendor: Vendor
    shelf: Shelf
    channel: Channel
    submission: Submission
    media: MediaReader

    async def names(self) -> bytes | Refused | NeverSent | None:
        """What `names_in` reads of the files of a library that the request has; None where it has none. Raises
        GatewayError and FetchError where they cannot be had, or are not good yet."""
        found: dict[int, str] = {}
        for item in self.submission.request.inputs:
            if item.asset_id is None or item.asset_id in found:
                continue
            name = await self._name(item)
            if not isinstance(name, str):
                return name
            found[item.asset_id] = self.shelf.name.replace("{id}", name)
        return msgspec.json.encode(found) if found else None

    async def _name(self, item: MediaInput) -> str | Refused | NeverSent:
        """The upstream's id of a file that is there and good."""
        uploads, place = self.submission.uploads, self.shelf.place(self.submission.model)
        for _ in range(_TRIES):
            name = await uploads.name_of(item, partial(self._put, item), place)
            wrong = await self._wrong(name) if isinstance(name, str) else name
            if wrong is None or isinstance(wrong, Refused | NeverSent):
                return wrong or name
            await uploads.forget(item, place)
            if wrong:
                message = f"The upstream cannot use the {item.role.replace('_', ' ')}: {wrong}"
                return Refused(TaskError("invalid_request", message, f"inputs.{item.role}"))
        return NeverSent("a file that was uploaded is not there")

    async def _put(self, item: MediaInput) -> Uploaded | Refused | NeverSent:
        body = await self._body(item)
        try:
            reply = await self.ask(self.channel, self.shelf.put, body)
        except FetchError as error:
            return NeverSent(error.reason)
        said = self._good(reply)
        name = named(self.shelf.made(said)) if said is not None else None
        if name is not None:
            return Uploaded(name)
        outcome = refused(self.vendor, reply, self.channel)
        return outcome if isinstance(outcome, Refused) else NeverSent(f"a file could not be uploaded: {outcome.reason}")

    async def _body(self, item: MediaInput) -> Any:
        """JSON with a link, or a form. Raises GatewayError and FetchError where the file cannot be had."""
        shelf, said = self.shelf, self.shelf.said(item, self.submission.model, self.channel)
        try:
            return {**said, shelf.link: await self.media.as_url(item)}
        except GatewayError as error:
            if error.code != "unsupported_parameter":  # which says that nobody can reach us
                raise
        path = await self.media.as_upload(item, shelf.most)
        return Form(tuple(said.items()), (File(shelf.file, path, None, EXTENSIONS.get(item.content_type or "")),))

    async def _wrong(self, name: str) -> str | NeverSent | None:
        """Why a file cannot be used; nothing where there is none; None where it is good. Raises FetchError where the
        upstream cannot tell yet."""
        status = self.shelf.status
        for pause in (0.0, *_PAUSES):
            if pause:
                await self.clock.sleep(pause)
            try:
                reply = await self.ask(self.channel, self.shelf.ask, self.shelf.asked(name))
            except FetchError as error:
                return NeverSent(error.reason)
            file = self.shelf.told(self._good(reply) or {})
            word = text(status.of(file))
            if word in status.done:
                return None
            if word in status.failed:
                reason = complaint_in(self.shelf.reason(file))
                return scrubbed(reason.message if reason is not None else "", self.channel) or "it gives no reason."
            if reply.status in _GONE and complaint_of(reply.body) is not None:
                return ""
            if word not in status.running:
                return NeverSent(f"HTTP {reply.status} in the place of a file that is kept there")
        raise FetchError("the upstream still looks at a file")

    def _good(self, reply: Reply) -> dict[str, Any] | None:
        said = decoded(reply.body) if 200 <= reply.status < 300 else None
        return said if said is not None and self.vendor.fine(said) else None


def names_in(prepared: bytes) -> Mapping[int, str]:
    """By the id of a file of a library, what a job calls it at the upstream."""
    return msgspec.json.decode(prepared, type=dict[int, str])
