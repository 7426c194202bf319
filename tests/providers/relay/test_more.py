"""Edits, extensions, references and characters at a relay, in each form that has them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from telecine.nouns.errors import GatewayError
from telecine.nouns.parameters import CharacterParameters, VideoParameters
from telecine.nouns.request import GenerationRequest, MediaInput, Native, Novel, Reference
from telecine.providers.base import Channel, Provider, Source
from telecine.providers.http.body import translate
from telecine.providers.outcomes import Accepted, Finished, Refused, Succeeded
from telecine.providers.relay.chat import CHAT
from telecine.providers.relay.newapi import NEW_API
from telecine.providers.relay.official import OFFICIAL
from telecine.providers.relay.unified import UNIFIED
from tests.providers.openai.requests import PNG, job, submission, text
from tests.providers.stand_ins import Shelf
from tests.upstreams.relay import FakeRelay, Form

CLIP = MediaInput("video", object_key="clip")
LINK = "https://example.com/clip.mp4"
OWN = Native("openai", {}, own={"seed": ("metadata[seed]", "7")})
NOVEL = Native("openai", {}, novel={"size": Novel("huge", "size: is none.")})
RATIO = Native("openai", {}, own={"aspect_ratio": ("aspectRatio", "1:1")})
NAMED = CharacterParameters(name="Mr Fox")
ANN = MediaInput("reference", object_key="first")


def unknown(**fields: Any) -> GenerationRequest:
    """Of a client of the same dialect, with fields that nobody here knows."""
    return text(native=Native("openai", {name: msgspec.Raw(msgspec.json.encode(one)) for name, one in fields.items()}))


def of_source(operation: str, **fields: Any) -> GenerationRequest:
    return text(operation=operation, source=Reference(task=1), **fields)


@pytest.mark.parametrize(
    ("operation", "fields", "body"),
    [("edit_video", {}, {}), ("extend", {"duration": 16.0}, {"seconds": "16"})],
)
async def test_a_video_of_its_own_goes_on(
    *, provider: Provider, fake: FakeRelay, channel: Channel, form: Form, operation: str, fields: Any, body: Any
) -> None:
    first = await provider.submit(channel, submission(), Shelf())
    assert isinstance(first, Accepted | Finished)
    fake.finish()
    request = of_source(operation, prompt="at night", **fields)
    sent = submission(request, source=Source(first.upstream_id, text()))
    if form == "chat" and operation == "extend":
        with pytest.raises(GatewayError) as caught:
            await provider.submit(channel, sent, Shelf())
        assert caught.value.param == "operation"
        return
    made = await provider.submit(channel, sent, Shelf())
    assert isinstance(made, Accepted | Finished), made
    if form != "chat":
        assert fake.creates[-1] == {"prompt": "at night", "video[id]": first.upstream_id} | body
        fake.finish()
        assert isinstance(await provider.poll(channel, job(made.upstream_id, operation)), Succeeded)


async def test_a_file_goes_on(*, provider: Provider, fake: FakeRelay, channel: Channel, form: Form) -> None:
    request = text(operation="edit_video", prompt="at night", inputs=(CLIP,))
    if form == "chat":
        with pytest.raises(GatewayError) as caught:
            provider.check(request, "sora-2", channel)
        assert caught.value.param == "inputs.video"
        return
    shelf = Shelf(clip=fake.file)
    made = await provider.submit(channel, submission(request), shelf)
    assert isinstance(made, Accepted), made
    assert shelf.limits == [100 * 1024 * 1024]
    ((name, part),) = fake.jobs[made.upstream_id].files
    assert (name, part.filename, part.content_type, part.content) == ("video", "video.mp4", "video/mp4", fake.file)


def test_what_nobody_here_knows_and_is_free_goes_on_as_it_came() -> None:
    draft = translate(NEW_API, unknown(fps=24, metadata={"cfg": 0.5, "camera": {"pan": 1}}), "sora-2")
    assert {name: bytes(raw) for name, raw in draft.passed.items()} == {"fps": b"24"}
    assert draft.body["metadata"] == {"cfg": 0.5, "camera": {"pan": 1}}


@pytest.mark.parametrize("made_here", [True, False])
def test_an_edit_is_never_shorter_than_its_video(made_here: bool) -> None:
    """A client's word for the length would be what is paid for."""
    source = {"source": Reference(task=1)} if made_here else {"inputs": (CLIP,)}
    request = text(operation="edit_video", prompt="at night", duration=1.0, **source)
    known = Source("video_1", text(duration=8.0)) if made_here else None
    with pytest.raises(GatewayError) as caught:
        translate(OFFICIAL, request, "sora-2", known)
    assert caught.value.param == "duration"


async def test_several_references_reach_it(
    *, provider: Provider, fake: FakeRelay, channel: Channel, form: Form
) -> None:
    request = text(operation="reference_to_video", inputs=(ANN, ANN))
    made = await provider.submit(channel, submission(request), Shelf(first=PNG))
    assert isinstance(made, Accepted | Finished)
    sent = fake.creates[-1]
    if form == "official":
        assert [name for name, _ in fake.jobs[str(made.upstream_id)].files] == ["input_reference"] * 2
    elif form == "chat":
        assert [one["type"] for one in sent["messages"][0]["content"]] == ["text", "image_url", "image_url"]
    else:
        assert len(sent["images"]) == 2


async def test_a_character_is_made_of_a_file(
    *, provider: Provider, fake: FakeRelay, channel: Channel, form: Form
) -> None:
    if form == "chat":
        return
    request = text(operation="create_character", prompt="", inputs=(CLIP,), parameters=NAMED)
    made = await provider.submit(channel, submission(request), Shelf(clip=fake.file))
    assert isinstance(made, Finished), made
    (output,) = made.result.outputs
    assert (output.kind, output.upstream_id) == ("text", made.upstream_id)
    assert msgspec.json.decode(output.text or "") == fake.characters[str(made.upstream_id)]
    asked = await provider.poll(channel, job(made.upstream_id, "create_character"))
    assert asked == made.result


@pytest.mark.parametrize("source", [False, True])
async def test_a_character_is_made_of_a_span(
    *, provider: Provider, fake: FakeRelay, channel: Channel, form: Form, source: bool
) -> None:
    if form == "chat":
        return
    span = CharacterParameters(timestamps="1,3")
    fields: dict[str, Any] = {"inputs": (MediaInput("video", url=LINK),)}
    told, body = None, {"timestamps": "1,3", "url": LINK}
    if source:
        first = await provider.submit(channel, submission(), Shelf())
        assert isinstance(first, Accepted)
        fields, told = {"source": Reference(task=1)}, Source(first.upstream_id)
        body = {"timestamps": "1,3", "from_task": first.upstream_id}
    request = text(operation="create_character", prompt="", parameters=span, **fields)
    made = await provider.submit(channel, submission(request, source=told), Shelf())
    assert isinstance(made, Finished), made
    assert fake.creates[-1] == body
    known, face = made.result.outputs
    assert msgspec.json.decode(known.text or "")["username"] == "fox.1234"
    assert (face.kind, face.part) == ("image", "cover")


async def test_what_follows_up_nothing_that_is_there_is_refused_where_it_was_made(
    *, provider: Provider, fake: FakeRelay, channel: Channel, form: Form
) -> None:
    if form == "chat":
        return
    request = of_source("edit_video", prompt="at night")
    outcome = await provider.submit(channel, submission(request, source=Source("video_0", text())), Shelf())
    assert isinstance(outcome, Refused)
    assert outcome.error.code == "invalid_request"
    with pytest.raises(GatewayError) as caught:
        await provider.submit(channel, submission(request, source=Source(None, text())), Shelf())
    assert caught.value.param == "source"
    assert fake.jobs == {}


@pytest.mark.parametrize(
    ("fields", "unified", "newapi"),
    [
        ({}, {}, {}),
        ({"duration": 8.0}, {"duration": 8}, {"duration": 8.0}),
        ({"size": "1280x720"}, {"orientation": "landscape", "size": "small"}, {"width": 1280, "height": 720}),
        ({"aspect_ratio": "9:16"}, {"orientation": "portrait", "size": "small"}, {"width": 720, "height": 1280}),
        ({"aspect_ratio": "4:7"}, {"orientation": "portrait", "size": "large"}, {"width": 1024, "height": 1792}),
        ({"resolution": "720p"}, {"orientation": "portrait", "size": "small"}, {"width": 720, "height": 1280}),
        ({"size": "1920x1080"}, {"orientation": "landscape", "size": "large"}, {"width": 1920, "height": 1080}),
        (
            {"aspect_ratio": "16:9", "resolution": "1080P"},
            {"orientation": "landscape", "size": "large"},
            {"metadata": {"aspectRatio": "16:9", "resolution": "1080P"}},
        ),
        ({"resolution": "1080p"}, {"size": "large"}, {"metadata": {"resolution": "1080p"}}),
        ({"seed": 7}, {}, {"seed": 7}),
        ({"native": OWN, "seed": 7}, {"seed": 7}, {"seed": 7}),
        ({"native": NOVEL, "size": "huge"}, {"size": "huge"}, {"size": "huge"}),
        ({"native": RATIO, "aspect_ratio": "1:1"}, {"aspectRatio": "1:1"}, {"metadata": {"aspectRatio": "1:1"}}),
    ],
)
def test_each_field_has_its_place(fields: Any, unified: Any, newapi: Any) -> None:
    for vendor, body in ((UNIFIED, unified), (NEW_API, newapi)):
        assert translate(vendor, text(**fields), "sora-2").body == {"model": "sora-2", "prompt": "a fox"} | body


def test_what_a_client_says_to_the_vendor_behind_new_api_reaches_it() -> None:
    native = Native("openai", {"metadata": msgspec.Raw(b'{"fancy": [1], "watermark": true}')})
    request = text(native=native, parameters=VideoParameters(watermark=False))
    assert translate(NEW_API, request, "sora-2").body["metadata"] == {"fancy": [1], "watermark": False}


@pytest.mark.parametrize("inputs", [(ANN,), (ANN, ANN)])
def test_references_are_never_taken_for_frames(inputs: Any) -> None:
    for vendor in (UNIFIED, NEW_API):
        draft = translate(vendor, text(operation="reference_to_video", inputs=inputs), "veo3.1-components")
        assert draft.body["images"] == [""] * len(inputs)
        assert "image" not in draft.body


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        ({"aspect_ratio": "16:9"}, {"aspect_ratio": "16:9"}),
        ({"aspect_ratio": "16:9", "resolution": "1080p"}, {"aspect_ratio": "16:9", "size": "1080P"}),
        ({"size": "1280x720"}, {"aspect_ratio": "16:9", "size": "720P"}),
    ],
)
def test_other_models_are_told_a_ratio(fields: Any, body: Any) -> None:
    assert translate(UNIFIED, text(**fields), "veo3.1").body == {"model": "veo3.1", "prompt": "a fox"} | body


@pytest.mark.parametrize(
    ("vendor", "request_", "param"),
    [
        (UNIFIED, text(size="500x500"), "size"),
        (UNIFIED, text(size="huge"), "size"),
        (UNIFIED, text(size="1280x720", aspect_ratio="9:16"), "aspect_ratio"),
        (UNIFIED, text(resolution="4k"), "resolution"),
        (UNIFIED, text(aspect_ratio="1:1"), "aspect_ratio"),
        (UNIFIED, text(duration=2.5), "duration"),
        (UNIFIED, text(audio=True), "audio"),
        (UNIFIED, text(operation="music"), "operation"),
        (NEW_API, text(size="1280x720", aspect_ratio="9:16"), "aspect_ratio"),
        (NEW_API, text(audio=True), "audio"),
        (NEW_API, text(native=Native("openai", {"metadata": msgspec.Raw(b'{"Duration": 20}')})), "metadata.Duration"),
        (NEW_API, unknown(metadata={"model_name": "kling-v3"}), "metadata.model_name"),
        (NEW_API, unknown(metadata={"parameters": {"Duration": 20}}), "metadata.parameters.Duration"),
        (OFFICIAL, unknown(metadata={"mode": "pro"}), "metadata.mode"),
        (OFFICIAL, unknown(generate_audio=True), "generate_audio"),
        (OFFICIAL, unknown(**{"extra[frames]": 240}), "extra[frames]"),
        (UNIFIED, unknown(extra_body={"input": {"n": 4}}), "extra_body.input.n"),
        (CHAT, unknown(frames=240), "frames"),
        (CHAT, text(duration=4.0), "duration"),
        (CHAT, text(size="1280x720"), "size"),
        (CHAT, text(negative_prompt="rain"), "negative_prompt"),
        (CHAT, text(prompt=" "), "prompt"),
        (OFFICIAL, text(operation="edit_video", size="1280x720", source=Reference(task=1), inputs=(CLIP,)), "source"),
        (OFFICIAL, text(operation="extend", duration=2.5, inputs=(CLIP,)), "duration"),
        (OFFICIAL, text(operation="reference_to_video", inputs=(ANN, CLIP)), "inputs.video"),
        (
            OFFICIAL,
            text(operation="create_character", prompt="", parameters=CharacterParameters(name="A")),
            "inputs.video",
        ),
    ],
)
def test_what_a_form_cannot_say_is_refused_by_name(vendor: Any, request_: GenerationRequest, param: str) -> None:
    with pytest.raises(GatewayError) as caught:
        translate(vendor, request_, "sora-2")
    assert caught.value.param == param
