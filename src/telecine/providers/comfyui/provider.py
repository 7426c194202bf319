"""ComfyUI as a provider: the verbs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final
from urllib.parse import quote, urlencode

import msgspec

from telecine.clock import Clock
from telecine.net.client import Client, FetchError
from telecine.nouns.billed import Billed
from telecine.nouns.errors import ErrorCode, GatewayError
from telecine.nouns.ids import uuid_form
from telecine.nouns.request import GenerationRequest
from telecine.nouns.workflow import OPERATION, TAKEN, billed
from telecine.providers.base import Channel, Job, MediaReader, Provider, Submission, Terms, Traits
from telecine.providers.comfyui.asking import Asking
from telecine.providers.comfyui.jobs import Seen, ended, extra_of
from telecine.providers.comfyui.outputs import query_of
from telecine.providers.comfyui.progress import Progress
from telecine.providers.comfyui.refusals import refused
from telecine.providers.comfyui.uploads import MOST_UPLOAD, upload
from telecine.providers.http.answers import decoded, named
from telecine.providers.http.body import JSON
from telecine.providers.http.getters import at
from telecine.providers.outcomes import (
    Accepted,
    Cancelled,
    CancelOutcome,
    Failed,
    Found,
    LookUpOutcome,
    Lost,
    NeverSent,
    NotCancellable,
    NotFound,
    PollOutcome,
    Refused,
    Running,
    SubmitOutcome,
    Succeeded,
    Unknown,
    Unreadable,
    UpstreamOutput,
)
from telecine.providers.scrub import scrubbed
from telecine.providers.take import Take

_KEPT: Final = 7 * 86400.0
"""Seconds for which a server is believed to keep a job: it keeps 10,000 of them until it is started anew."""
_MOST_FILE: Final = 4 * 1024**3


class ComfyProvider(Provider):
    """Sockets are dialled when there are jobs. It bills nothing, calls nobody, and is asked about one job at a time.

    A `prompt_id` is not refused a second time, but nobody bills a job that runs twice; and after "not found", which is
    said of all that the server has, there is none.
    """

    name = "comfyui"
    terms = Terms(graphs=True, keyless=True)
    traits = Traits(
        retention=_KEPT,
        look_up=True,
        unique_handle=True,
        cancel=True,
        prepares=True,
        usual=30.0,
        poll_floor=1.0,
        polls_free=True,
    )

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._asking = Asking(client, clock)
        self._progress = Progress(client.policy.opened(), clock)  # the operator chose these addresses

    def traits_of(self, operation: str, model: str, channel: Channel | None = None) -> Traits:
        """The same for all workflows."""
        return self.traits

    async def close(self) -> None:
        """Close them."""
        await self._progress.close()

    def check(self, request: GenerationRequest, model: str, channel: Channel | None = None) -> Billed:
        """What the workflow's values come to. Raises GatewayError for whatever is no workflow with a graph of ours."""
        if request.operation != OPERATION or getattr(request.parameters, "digest", None) is None:
            what = "an app that has no file here" if request.operation == OPERATION else "anything but workflows"
            raise GatewayError(
                "unsupported_parameter",
                f"ComfyUI cannot run {what}. Name a workflow of this installation as the model.",
                param="model",
            )
        take = Take(request, self.speaks)
        take.all_of(TAKEN)
        take.refuse_rest(self.name)
        return billed(request)

    async def prepare(
        self, channel: Channel, submission: Submission, media: MediaReader
    ) -> bytes | Refused | NeverSent | None:
        """Upload the files that the request brings; by input, the names that they have there. Each has the name of its
        content, so that whatever is uploaded again is the same file."""
        names: dict[str, str] = {}
        for item in submission.request.inputs:
            if item.fills is None:
                continue
            found = await upload(self._asking, channel, item, await media.as_upload(item, MOST_UPLOAD))
            if not isinstance(found, str):
                return found
            names[item.fills] = found
        return msgspec.json.encode(names) if names else None

    async def submit(self, channel: Channel, submission: Submission, media: MediaReader) -> SubmitOutcome:
        """Send the filled graph, once, under an id that we chose. Raises GatewayError where it does not fit."""
        workflow, parameters = submission.workflow, submission.request.parameters
        if workflow is None:
            raise GatewayError("invalid_request", "The workflow is no longer configured.", param="model")
        files = msgspec.json.decode(submission.prepared or b"{}", type=dict[str, str])
        graph = workflow.filled(getattr(parameters, "input_values", {}), files)
        name = _name(submission.handle)
        body = {
            "prompt": graph,
            "prompt_id": name,
            "client_id": self._progress.name,
            "extra_data": extra_of(submission.handle, workflow.output),
        }
        self._listen(channel)
        self._progress.expect(name, len(graph))
        try:
            reply = await self._client.request(
                "POST",
                self._asking.url(channel, "/prompt"),
                headers={"content-type": JSON, **self._asking.headers(channel)},
                body=msgspec.json.encode(body),
                timeout=self.traits.submit_timeout,
                allow_private=True,
                fresh=True,
                before_send=submission.before_send,
            )
        except FetchError as error:
            return Unknown(error.reason) if error.sent else NeverSent(error.reason)
        said = decoded(reply.body) if 200 <= reply.status < 300 else None
        found = named(at("prompt_id")(said))
        if found != name:
            self._progress.forget(name)
        if found is None:
            return refused(reply, channel, graph)
        self._progress.expect(found, len(graph))
        return Accepted(found)

    async def poll(self, channel: Channel, job: Job) -> PollOutcome:
        """Ask where it is. What is in neither queue nor history, a restart has taken; nobody bills it."""
        name = job.upstream_id or _name(job.handle)
        seen = await self._asking.about(channel, name, lately=True)
        if isinstance(seen, NotFound):
            self._progress.forget(name)
            return Lost("its server was started anew, or somebody took it out of its lists", unbilled=True)
        return self._verdict(channel, seen) if isinstance(seen, Seen) else seen

    async def look_up(self, channel: Channel, job: Job) -> LookUpOutcome:
        """The same, by our id, which is also that of the job unless its server is old."""
        seen = await self._asking.about(channel, _name(job.handle), job.handle)
        return Found(seen.name, self._verdict(channel, seen)) if isinstance(seen, Seen) else seen

    def _verdict(self, channel: Channel, seen: Seen) -> Running | Succeeded | Failed:
        if seen.state in ("pending", "running"):
            self._listen(channel)
            return Running(self._progress.of(seen.name), started=seen.state == "running")
        self._progress.forget(seen.name)
        return ended(seen, channel)

    def _listen(self, channel: Channel) -> None:
        self._progress.listen(channel, self._asking.url(channel, "/ws"), self._asking.headers(channel))

    async def collect(self, channel: Channel, output: UpstreamOutput) -> AsyncIterator[bytes]:
        """The file as it was saved. Raises FetchError, with the status where it is gone."""
        url = self._asking.url(channel, f"/view?{urlencode(query_of(output.url))}")
        async with self._client.stream(
            url,
            headers=self._asking.headers(channel),
            max_bytes=_MOST_FILE,
            allow_private=channel.allow_private,
            trusted=True,
        ) as answer:
            if answer.status != 200:
                raise FetchError(f"the file answers with HTTP {answer.status}", status=answer.status)
            if answer.headers.get("content-type", "").startswith("text/html"):
                raise FetchError("the upstream sent a page in the place of the file", status=answer.status)
            async for chunk in answer.chunks:
                yield chunk

    async def cancel(self, channel: Channel, job: Job) -> CancelOutcome:
        """Take the job out of the queue, or interrupt it, and nothing else; then look what has become of it."""
        name = job.upstream_id or _name(job.handle)
        try:
            reply = await self._asking.ask(channel, "POST", f"/api/jobs/{quote(name, safe='')}/cancel")
            if not isinstance(at("cancelled")(decoded(reply.body)), bool):
                await self._stop(channel, name, ours=name == _name(job.handle))
        except FetchError as error:
            return Unreadable(error.reason)
        seen = await self._asking.about(channel, name)
        if isinstance(seen, NotFound) or (isinstance(seen, Seen) and seen.state == "stopped"):
            self._progress.forget(name)
            return Cancelled()
        if isinstance(seen, Unreadable):
            return seen
        going_on = seen.state == "pending" or (seen.state == "running" and name == _name(job.handle))
        return Unreadable("the job is being stopped") if going_on else NotCancellable()

    async def _stop(self, channel: Channel, name: str, *, ours: bool) -> None:
        """In a ComfyUI without `/api/jobs/{id}/cancel`. One that is so old that it has not even taken an id of ours
        interrupts whatever runs, and that may be another's job by then: it is never asked to. Raises FetchError."""
        seen = await self._asking.about(channel, name)
        if isinstance(seen, Seen) and seen.state == "pending":
            await self._asking.ask(channel, "POST", "/queue", {"delete": [name]})
            seen = await self._asking.about(channel, name)
        if isinstance(seen, Seen) and seen.state == "running" and ours:
            await self._asking.ask(channel, "POST", "/interrupt", {"prompt_id": name})

    async def ping(self, channel: Channel) -> str:
        """Ask what it is. Raises GatewayError and FetchError."""
        reply = await self._asking.ask(channel, "GET", "/system_stats")
        said = decoded(reply.body) if reply.status == 200 else None
        if said is not None and isinstance(said.get("system"), dict):
            version = at("system.comfyui_version")(said)
            return f"HTTP 200, ComfyUI {scrubbed(version, channel)[:40] if isinstance(version, str) else ''}".rstrip()
        if reply.status in (401, 403):
            code: ErrorCode = "authentication" if reply.status == 401 else "permission"
            raise GatewayError(code, f"HTTP {reply.status}: the proxy in front does not let us in")
        raise GatewayError("upstream_failed", f"HTTP {reply.status}: this is no ComfyUI")


def _name(handle: str) -> str:
    """The `prompt_id` for a handle: newer versions take nothing but a UUID in lower case."""
    return uuid_form(int(handle))
