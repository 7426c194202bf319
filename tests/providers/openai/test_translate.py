"""What a request becomes on OpenAI's wire, and what is refused before anything is sent."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from telecine.nouns.errors import GatewayError
from telecine.nouns.parameters import CameraMove, VideoParameters
from telecine.nouns.request import GenerationRequest, MediaInput, Native, Reference
from telecine.providers.base import Channel, Provider, Source
from telecine.providers.outcomes import Accepted
from tests.providers.openai.requests import FRAME, MODEL, PNG, URL, drawn, picture, submission, text
from tests.providers.stand_ins import Shelf
from tests.upstreams.openai_videos import FakeOpenAI, FakeVideo

LAST = MediaInput("last_frame", object_key="last")
REFERENCE = MediaInput("reference", object_key="first")


@pytest.fixture
def sent(provider: Provider, fake: FakeOpenAI, channel: Channel) -> Any:
    """Submits a request, and gives the video that the upstream made of it."""

    async def send(request: GenerationRequest, media: Shelf | None = None, **more: Any) -> FakeVideo:
        outcome = await provider.submit(channel, submission(request, **more), media or Shelf())
        assert isinstance(outcome, Accepted), outcome
        return fake.jobs[outcome.upstream_id]

    return send


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({}, {}),
        ({"duration": 8.0}, {"seconds": "8"}),
        ({"size": "1280x720"}, {"size": "1280x720"}),
        ({"size": "1280X720", "aspect_ratio": "16:9", "resolution": "720P"}, {"size": "1280x720"}),
        ({"aspect_ratio": "16:9"}, {"size": "1280x720"}),
        ({"aspect_ratio": "9:16", "resolution": "720p"}, {"size": "720x1280"}),
        ({"aspect_ratio": "4:7"}, {"size": "1024x1792"}),
        ({"aspect_ratio": "7:4", "resolution": "1024p"}, {"size": "1792x1024"}),
        ({"resolution": "720p"}, {"size": "720x1280"}),
        ({"resolution": "1k"}, {"size": "1024x1792"}),
        ({"seed": 7, "metadata": {"a": "b"}, "external_id": "x", "callback_url": "https://a.example"}, {}),
        ({"parameters": VideoParameters(watermark=True)}, {"watermark": "true"}),
        ({"parameters": VideoParameters(watermark=False)}, {"watermark": "false"}),
    ],
)
async def test_each_field_has_its_place(sent: Any, fields: dict[str, Any], body: dict[str, str]) -> None:
    made = await sent(text(**fields))
    assert made.fields == {"model": MODEL, "prompt": "a fox"} | body
    assert (made.files, made.handle) == ([], "42")


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (text(operation="music"), "operation"),
        (text(prompt=" "), "prompt"),
        (text(duration=2.5), "duration"),
        (text(size="big"), "size"),
        (text(size="1280x720", aspect_ratio="9:16"), "aspect_ratio"),
        (text(size="1280x720", aspect_ratio="wide"), "aspect_ratio"),
        (text(size="1280x720", resolution="1080p"), "resolution"),
        (text(aspect_ratio="1:1"), "aspect_ratio"),
        (text(resolution="1080p"), "resolution"),
        (text(aspect_ratio="16:9", resolution="1k"), "resolution"),
        (text(negative_prompt="rain"), "negative_prompt"),
        (text(audio=True), "audio"),
        (text(count=2), "count"),
        (text(parameters=VideoParameters(mode="pro")), "parameters.mode"),
        (text(parameters=VideoParameters(camera=CameraMove("simple", zoom=1))), "parameters.camera"),
        (text(inputs=(FRAME,)), "inputs.first_frame"),
        (picture(LAST), "inputs"),
        (picture(FRAME, MediaInput("image", url=URL)), "inputs"),
        (picture(FRAME, LAST, LAST), "inputs"),
        (picture(FRAME, REFERENCE), "inputs"),
        (picture(MediaInput("mask", url=URL)), "inputs"),
        (text(operation="remix", inputs=(FRAME,)), "inputs.first_frame"),
        *(
            (text(native=Native("openai", {name: msgspec.Raw(b"1")})), name)
            for name in ("n", "Seconds", "seconds[]", " size", "model[x]", "quality")
        ),
    ],
)
async def test_what_it_cannot_express_is_refused_by_name(
    provider: Provider, request_: GenerationRequest, param: str
) -> None:
    with pytest.raises(GatewayError) as caught:
        provider.check(request_, MODEL)
    assert caught.value.param == param


async def test_a_stored_picture_travels_as_a_file(sent: Any) -> None:
    made = await sent(picture(size="1280x720"), Shelf(first=PNG))
    ((name, part),) = made.files
    assert (name, part.filename, part.content_type, part.content) == (
        "input_reference",
        "input_reference.png",
        "image/png",
        PNG,
    )
    assert made.fields == {"model": MODEL, "prompt": "a fox", "size": "1280x720"}


async def test_one_picture_elsewhere_stays_a_url(sent: Any) -> None:
    made = await sent(picture(MediaInput("image", url=URL)))
    assert made.fields["input_reference[image_url]"] == URL
    assert made.files == []


@pytest.mark.parametrize(
    ("inputs", "order"),
    [
        ((LAST, FRAME), ["image/png", "image/jpeg"]),
        ((REFERENCE, MediaInput("reference", object_key="last"), REFERENCE), ["image/png", "image/jpeg", "image/png"]),
        ((MediaInput("first_frame", url=URL), LAST), ["image/webp", "image/jpeg"]),
    ],
)
async def test_several_pictures_travel_in_order(sent: Any, inputs: tuple[MediaInput, ...], order: list[str]) -> None:
    shelf = Shelf(first=PNG, last=drawn("JPEG"), **{"": drawn("WEBP")})
    made = await sent(picture(*inputs), shelf)
    assert [part.content_type for _, part in made.files] == order
    assert {name for name, _ in made.files} == {"input_reference"}
    assert shelf.limits[-1] < shelf.limits[0]


async def test_what_a_client_of_the_same_dialect_adds_passes_through(sent: Any) -> None:
    fields = {
        "style": b'"anime"',
        "private": b"true",
        "big": b"12345678901234567890.50",
        "nothing": b"null",
        "character": b'{"url": "https://c.example", "span": [1, 3]}',
        "prompt": b'"another"',
        "input_reference": b'"x"',
        'odd"\r\nname': b'"1"',
    }
    native = Native("openai", {name: msgspec.Raw(raw) for name, raw in fields.items()})
    made = await sent(text(native=native))
    assert made.fields == {
        "model": MODEL,
        "prompt": "a fox",
        "style": "anime",
        "private": "true",
        "big": "12345678901234567890.50",
        "character[url]": "https://c.example",
        "character[span][]": ["1", "3"],
        "odd%22%0D%0Aname": "1",
    }


def test_what_a_client_of_another_dialect_adds_is_refused_by_name(provider: Provider) -> None:
    foreign = Native("kling", {"style": msgspec.Raw(b"1"), "n": msgspec.Raw(b"2")})
    with pytest.raises(GatewayError) as caught:
        provider.check(text(native=foreign), MODEL)
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", "n")


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({}, {"prompt": "a cat"}),
        ({"size": "720x1280"}, {"prompt": "a cat", "size": "720x1280"}),
        ({"native": Native("openai", {"tag": msgspec.Raw(b"[1]")})}, {"prompt": "a cat", "tag": [1]}),
    ],
)
async def test_a_remix_sends_its_prompt_and_what_changes(
    *, sent: Any, fake: FakeOpenAI, running: str, fields: dict[str, Any], body: dict[str, Any]
) -> None:
    fake.finish()
    source = Source(running, text(size="1280x720", duration=4.0))
    request = msgspec.structs.replace(
        text(size="1280x720", duration=4.0), operation="remix", prompt="a cat", source=Reference(task=1), **fields
    )
    made = await sent(request, source=source)
    assert (made.fields, made.remixed_from, made.handle) == (body, running, "42")


async def test_a_remix_of_nothing_is_refused_before_it_is_sent(
    provider: Provider, fake: FakeOpenAI, channel: Channel
) -> None:
    with pytest.raises(GatewayError) as caught:
        await provider.submit(channel, submission(text(operation="remix", source=Reference(task=1))), Shelf())
    assert caught.value.param == "source"
    assert fake.journal == []
