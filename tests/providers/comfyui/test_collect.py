"""The files of a workflow, and what can go wrong with them."""

from __future__ import annotations

import pytest

from telecine.net.client import FetchError
from telecine.providers.base import Channel
from telecine.providers.comfyui import ComfyProvider
from telecine.providers.outcomes import Accepted, Succeeded, UpstreamOutput
from tests.providers.comfyui.requests import job, submission
from tests.providers.stand_ins import Shelf
from tests.upstreams.comfyui import FakeComfy, Fault
from tests.upstreams.files import Answer, FileServer


async def output(provider: ComfyProvider, fake: FakeComfy, channel: Channel) -> UpstreamOutput:
    made = await provider.submit(channel, submission(), Shelf())
    assert isinstance(made, Accepted)
    fake.finish()
    outcome = await provider.poll(channel, job(made.upstream_id))
    assert isinstance(outcome, Succeeded)
    return outcome.outputs[0]


async def collected(provider: ComfyProvider, channel: Channel, one: UpstreamOutput) -> bytes:
    return b"".join([chunk async for chunk in provider.collect(channel, one)])


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault("file", "status", status=403), 403),
        (Fault("file", "status", status=404), 404),
        (Fault("file", "status", status=500), 500),
        (Fault("file", "html", status=200), 200),
        (Fault("file", "drop", times=2), None),
        (Fault("file", "cut"), None),
    ],
    ids=lambda fault: f"{fault.act}-{fault.status}" if isinstance(fault, Fault) else None,
)
async def test_a_file_that_does_not_come(
    provider: ComfyProvider, fake: FakeComfy, channel: Channel, fault: Fault, status: int | None
) -> None:
    one = await output(provider, fake, channel)
    fake.faults.append(Fault(**vars(fault)))
    with pytest.raises(FetchError) as caught:
        await collected(provider, channel, one)
    assert caught.value.status == status
    assert await collected(provider, channel, one) == fake.file, "the next try has it"


async def test_a_file_that_was_tidied_away(provider: ComfyProvider, fake: FakeComfy, channel: Channel) -> None:
    one = await output(provider, fake, channel)
    fake.clear()
    with pytest.raises(FetchError) as caught:
        await collected(provider, channel, one)
    assert caught.value.status == 404


async def test_a_redirect_into_a_private_network_is_not_followed(
    provider: ComfyProvider, fake: FakeComfy, channel: Channel
) -> None:
    one = await output(provider, fake, channel)
    async with FileServer() as server:
        server.answers["/secret"] = Answer(b"secret")
        fake.faults.append(Fault("file", "redirect", message=server.url("/secret")))
        with pytest.raises(FetchError):
            await collected(provider, channel, one)
        assert server.asked == []


async def test_names_are_asked_for_as_they_are(provider: ComfyProvider, fake: FakeComfy, channel: Channel) -> None:
    name = "二 & 三=a+b #1?.png"
    fake.files["output", "a/b", name] = b"content"
    one = UpstreamOutput(
        "comfyui:filename=%E4%BA%8C+%26+%E4%B8%89%3Da%2Bb+%231%3F.png&subfolder=a%2Fb&type=output", "image"
    )
    assert await collected(provider, channel, one) == b"content"
