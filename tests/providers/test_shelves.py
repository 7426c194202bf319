"""Files of clients' libraries that an upstream keeps, at IMA: by link or in a form, once, and asked about before each
job."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace

from telecine.net.client import Client, FetchError
from telecine.nouns.request import GenerationRequest, MediaInput
from telecine.providers.base import Channel, Provider, Put, Submission, Uploaded, no_address
from telecine.providers.http import provider_of
from telecine.providers.ima import IMA
from telecine.providers.ima.options import ImaOptions
from telecine.providers.outcomes import NeverSent, Refused
from tests.clock import HandClock
from tests.providers.stand_ins import NOW, Shelf
from tests.upstreams.faults import Act, Fault
from tests.upstreams.ima import API_KEY, FakeIma

CAT = MediaInput("first_frame", object_key="cat", asset_id=7, content_type="image/png")
DANCE = MediaInput("video", object_key="dance", asset_id=8, content_type="video/mp4")
OWN = MediaInput("first_frame", object_key="own")
PNG = b"\x89PNG and so on"


class Remembered:
    """What is remembered, by file and place."""

    def __init__(self) -> None:
        self.names: dict[tuple[int | None, str], str] = {}

    async def name_of(self, item: MediaInput, put: Put, place: str = "") -> str | Refused | NeverSent:
        where = item.asset_id, place
        if where not in self.names:
            made = await put()
            if not isinstance(made, Uploaded):
                return made
            self.names[where] = made.upstream_id
        return self.names[where]

    async def forget(self, item: MediaInput, place: str = "") -> None:
        self.names.pop((item.asset_id, place), None)


class Unreachable(Shelf):
    """Media of an installation that nobody can reach."""

    async def as_url(self, item: MediaInput) -> str:
        raise no_address(item.role)


class Quick(HandClock):
    """Whose sleeper moves it on."""

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)


@pytest.fixture
def clock() -> Quick:
    return Quick(NOW)


@pytest.fixture
async def provider(clock: Quick) -> AsyncIterator[Provider]:
    client = Client()
    yield provider_of(IMA, client, clock)
    await client.close()


@pytest.fixture
async def fake() -> AsyncIterator[FakeIma]:
    async with FakeIma() as running:
        yield running


def submission(*inputs: MediaInput, model: str = "ima-pro", uploads: Any = None, **more: Any) -> Submission:
    operation = "reference_to_video" if inputs[0].role == "video" else "image_to_video"
    request = GenerationRequest(operation=operation, model=model, prompt="a boat", inputs=inputs)
    return Submission(request, model, "42", None, uploads=uploads or Remembered(), **more)


async def sent(
    provider: Provider, fake: FakeIma, one: Submission, media: Shelf | None = None, options: ImaOptions | None = None
) -> Any:
    """What came of it: the body of the create, or what stood in its way."""
    where = Channel("ima", fake.base_url, api_key=API_KEY, options=options or ImaOptions())
    media = media or Shelf(cat=PNG, dance=b"....ftyp", own=PNG)
    prepared = await provider.prepare(where, one, media)
    if isinstance(prepared, Refused | NeverSent):
        return prepared
    await provider.submit(where, replace(one, prepared=prepared), media)
    return fake.creates[-1]


@pytest.mark.parametrize("style", ["videos", "content"])
async def test_a_file_is_uploaded_once(provider: Provider, fake: FakeIma, style: Any) -> None:
    uploads = Remembered()
    for _ in range(2):
        body = await sent(provider, fake, submission(CAT, uploads=uploads), options=ImaOptions(style=style))
        (asset,) = fake.library.assets.values()
        assert f"asset://{asset.asset_id}" in json.dumps(body)
    assert asset.said == {"asset_type": "Image", "model": "ima-pro-upload", "url": "https://media.test/cat"}
    assert len(fake.jobs) == fake.library.asked == 2


async def test_it_goes_in_a_form_where_nobody_can_fetch_it(provider: Provider, fake: FakeIma) -> None:
    body = await sent(provider, fake, submission(CAT), Unreachable(cat=PNG), ImaOptions(asset_group="group-1"))
    (asset,) = fake.library.assets.values()
    assert (asset.content, asset.said.get("group_id")) == (PNG, "group-1")
    assert body["images"] == [f"asset://{asset.asset_id}"]
    traits = provider.traits_of("image_to_video", "ima-pro", Channel("ima", "https://a.test", options=ImaOptions()))
    assert traits.prepared(submission(CAT).request), "which takes a transaction of its own"
    assert not traits.prepared(submission(OWN).request)


async def test_each_model_takes_files_of_its_own_library(provider: Provider, fake: FakeIma) -> None:
    uploads = Remembered()
    for model in ("ima-pro", "ima-pro-fast", "seedance-2.0", "ima-pro-cn"):
        await sent(provider, fake, submission(DANCE, model=model, uploads=uploads))
    assert len(fake.jobs) == 4
    said = [(one.said["model"], one.said["asset_type"]) for one in fake.library.assets.values()]
    assert said == [("ima-pro-upload", "Video"), ("seedance-upload", "Video"), ("ima-pro-upload-cn", "Video")]


async def test_what_is_no_file_of_a_library_stays_a_link(provider: Provider, fake: FakeIma) -> None:
    assert (await sent(provider, fake, submission(OWN)))["images"] == ["https://media.test/own"]
    body = await sent(provider, fake, submission(CAT), options=ImaOptions(assets=False))
    assert (body["images"], fake.library.assets) == (["https://media.test/cat"], {})


async def test_one_that_is_gone_is_uploaded_anew(provider: Provider, fake: FakeIma) -> None:
    uploads = Remembered()
    await sent(provider, fake, submission(CAT, uploads=uploads))
    fake.library.assets.clear()
    body = await sent(provider, fake, submission(CAT, uploads=uploads))
    assert body["images"] == [f"asset://{one}" for one in fake.library.assets]
    assert len(fake.jobs) == 2


async def test_one_that_is_looked_at_is_waited_for(provider: Provider, fake: FakeIma, clock: Quick) -> None:
    fake.library.next_status, fake.library.looks = "Processing", 3
    await sent(provider, fake, submission(CAT))
    assert (len(fake.jobs), clock.now() - NOW) == (1, 6.0)
    fake.library.looks = 1000
    with pytest.raises(FetchError, match="still looks"):
        await sent(provider, fake, submission(CAT))


async def test_one_that_is_no_good_is_refused_by_name(provider: Provider, fake: FakeIma) -> None:
    fake.library.next_status, uploads = "Failed", Remembered()
    outcome = await sent(provider, fake, submission(CAT, uploads=uploads))
    assert isinstance(outcome, Refused)
    assert outcome.error.message == "The upstream cannot use the first frame: the face is not clear"
    assert (outcome.error.code, outcome.error.param) == ("invalid_request", "inputs.first_frame")
    assert (uploads.names, fake.jobs) == ({}, {})


@pytest.mark.parametrize("skip", [0, 1])
@pytest.mark.parametrize("act", ["drop", "html", "broken"])
async def test_what_cannot_be_uploaded_or_told_now_is_never_sent(
    provider: Provider, fake: FakeIma, act: Act, skip: int
) -> None:
    fake.faults.append(Fault("upload", act, skip=skip))
    assert isinstance(await sent(provider, fake, submission(CAT)), NeverSent)
    assert (fake.jobs, fake.faults) == ({}, [])


async def test_an_upload_that_is_refused_refuses_the_job(provider: Provider, fake: FakeIma) -> None:
    fake.faults.append(Fault("upload", "refuse", code="quota_not_enough", status=403, message="no room"))
    outcome = await sent(provider, fake, submission(CAT))
    assert isinstance(outcome, Refused)
    assert (outcome.error.message, outcome.elsewhere, fake.jobs) == ("no room", True, {})
