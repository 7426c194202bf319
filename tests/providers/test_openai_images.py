"""Pictures at OpenAI and at relays: what is sent, what is believed, and what comes of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from telecine.net.client import Client
from telecine.net.spool import Spool, Spooled
from telecine.nouns.billed import Billed
from telecine.nouns.errors import GatewayError
from telecine.nouns.parameters import ImageParameters
from telecine.nouns.request import GenerationRequest, MediaInput, Native
from telecine.nouns.task import Tokens, Usage
from telecine.providers.base import Channel, Submission
from telecine.providers.http import HttpProvider
from telecine.providers.openai import OPENAI
from telecine.providers.outcomes import Finished, Refused, Unknown, UpstreamOutput
from telecine.providers.relay.chat import CHAT
from telecine.wires.openai_images import ImageFacts, ImagesFacts, ImagesUsage, TokenDetails
from tests.clock import HandClock
from tests.providers.stand_ins import NOW, Shelf
from tests.upstreams.faults import Act
from tests.upstreams.files import Answer, FileServer
from tests.upstreams.openai_images import API_KEY, FakeImages, Fault, Form, drawn

PNG = drawn("64x64")
SHELF = Shelf(a=PNG, b=PNG, m=PNG)
A, B, MASK = (MediaInput(role, object_key=key) for role, key in (("image", "a"), ("image", "b"), ("mask", "m")))  # type: ignore[arg-type]


@pytest.fixture
async def fake() -> AsyncIterator[FakeImages]:
    async with FakeImages() as running:
        yield running


@pytest.fixture
async def provider() -> AsyncIterator[HttpProvider]:
    client = Client()
    yield HttpProvider(OPENAI, client, HandClock(NOW))
    await client.close()


@pytest.fixture
def channel(fake: FakeImages) -> Channel:
    return Channel("main", f"{fake.base_url}/v1", api_key=API_KEY, allow_private=True)


def wanted(*inputs: MediaInput, operation: str | None = None, **fields: Any) -> GenerationRequest:
    name = operation or ("image_to_image" if inputs else "text_to_image")
    return GenerationRequest(**({"operation": name, "model": "m", "prompt": "a boat", "inputs": inputs} | fields))


async def submitted(
    provider: HttpProvider, channel: Channel, request: GenerationRequest, spool: Spool | None = None, model: str = ""
) -> Any:
    submission = Submission(request, model or "gpt-image-2", "h1", None, spool=spool)
    return await provider.submit(channel, submission, SHELF)


def bytes_of(output: UpstreamOutput) -> bytes:
    content = output.content
    return content.path.read_bytes() if isinstance(content, Spooled) else content or b""


async def test_pictures_come_with_the_answer(
    provider: HttpProvider, channel: Channel, fake: FakeImages, tmp_path: Path
) -> None:
    async with Spool(tmp_path) as spool:
        outcome = await submitted(provider, channel, wanted(count=2, size="512x512"), spool)
        assert isinstance(outcome, Finished)
        assert [bytes_of(one) for one in outcome.result.outputs] == [drawn("512x512", 0), drawn("512x512", 1)]
    assert outcome.upstream_id is None
    assert outcome.result.usage == Usage(images=2, tokens=Tokens(input=50, output=1000))
    assert outcome.result.facts is not None
    assert outcome.result.facts.read("openai", ImagesFacts) == ImagesFacts(
        "opaque", "png", "high", "64x64", ImagesUsage(1050, 50, 1000, TokenDetails(40, 10))
    )
    assert fake.jobs[0].fields == {"model": "gpt-image-2", "prompt": "a boat", "n": 2, "size": "512x512"}


async def test_unfinished_pictures_come_in_a_stream(
    provider: HttpProvider, channel: Channel, fake: FakeImages, tmp_path: Path
) -> None:
    fake.size = "512x512"  # so large that files are split off the events
    asked = ImageParameters(partial_images=2)
    async with Spool(tmp_path) as spool:
        for inputs in ((), (A,)):
            outcome = await submitted(provider, channel, wanted(*inputs, parameters=asked), spool)
            assert isinstance(outcome, Finished)
            assert [one.part for one in outcome.result.outputs] == ["main", "partial", "partial"]
            expected = [drawn("512x512"), drawn("512x512", 7), drawn("512x512", 7)]
            assert [bytes_of(one) for one in outcome.result.outputs] == expected
            assert outcome.result.usage == Usage(images=1, tokens=Tokens(input=50, output=1000))
    assert [job.fields["partial_images"] for job in fake.jobs] == [2, "2"]
    fake.faults.append(Fault("create", "refuse", code="moderation_blocked"))
    assert isinstance(await submitted(provider, channel, wanted(parameters=asked)), Refused)
    for request, model in ((wanted(parameters=asked, count=2), "gpt-image-2"), (wanted(parameters=asked), "flux")):
        await submitted(provider, channel, request, model=model)
        assert "stream" not in fake.asked[-1].fields


_PARTLY = b'data: {"type": "image_generation.partial_image", "b64_json": "AAAA"}\n\n'


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (_PARTLY, Unknown),
        (b'data: {"error": {"code": "moderation_blocked", "message": "no"}}\n\n', Refused),
        (b'data: {"error": {"code": "server_error", "message": "no"}}\n\n', Unknown),
        (b'data: {"error": {"code": "rate_limit_exceeded", "message": "no"}}\n\n', Refused),
        (_PARTLY + b'data: {"error": {"code": "rate_limit_exceeded", "message": "no"}}\n\n', Unknown),
        (_PARTLY + b'data: {"error": {"code": "moderation_blocked", "message": "no"}}\n\n', Refused),
        (b"", Unknown),
    ],
)
async def test_a_stream_without_a_picture(provider: HttpProvider, said: bytes, expected: type) -> None:
    async with FileServer() as server:
        server.answers["/v1/images/generations"] = Answer(said, headers={"content-type": "text/event-stream"})
        asked = wanted(parameters=ImageParameters(partial_images=1))
        outcome = await submitted(provider, Channel("s", server.url(""), api_key="k"), asked)
    assert isinstance(outcome, expected)


@pytest.mark.parametrize("form", ["url", "data"])
async def test_pictures_come_in_other_ways(
    provider: HttpProvider, channel: Channel, fake: FakeImages, form: Form
) -> None:
    fake.form = form
    outcome = await submitted(provider, channel, wanted())
    (made,) = outcome.result.outputs
    if form == "data":
        assert bytes_of(made) == PNG
        return
    assert made.expires_at == NOW + 3600
    assert made.facts.read("openai", ImageFacts) == ImageFacts("A boat, revised")
    assert b"".join([chunk async for chunk in provider.collect(channel, made)]) == PNG


async def test_pictures_are_edited_as_files(provider: HttpProvider, channel: Channel, fake: FakeImages) -> None:
    await submitted(provider, channel, wanted(A, parameters=ImageParameters(input_fidelity="high", quality="low")))
    await submitted(provider, channel, wanted(A, B, MASK, count=2))
    await submitted(provider, channel, wanted(A, operation="image_variation", prompt="", count=2), model="dall-e-2")
    one, several, varied = fake.jobs
    assert (one.verb, one.fields["input_fidelity"], one.fields["quality"]) == ("edits", "high", "low")
    assert [(name, part.content, part.content_type) for name, part in one.files] == [("image", PNG, "image/png")]
    assert [name for name, _ in several.files] == ["mask", "image[]", "image[]"]
    assert several.fields == {"model": "gpt-image-2", "prompt": "a boat", "n": "2"}
    assert (varied.verb, varied.fields) == ("variations", {"model": "dall-e-2", "n": "2"})
    assert [name for name, _ in varied.files] == ["image"]


@pytest.mark.parametrize(
    ("fields", "model", "expected"),
    [
        ({}, "gpt-image-2", ({}, Billed())),
        ({}, "dall-e-3", ({}, Billed.sized(1024, 1024))),
        ({"size": "1536*1024"}, "gpt-image-1", ({"size": "1536x1024"}, Billed.sized(1536, 1024))),
        ({"aspect_ratio": "3:2"}, "gpt-image-1-mini", ({"size": "1536x1024"}, Billed.sized(1536, 1024))),
        ({"aspect_ratio": "1:1", "resolution": "512p"}, "dall-e-2", ({"size": "512x512"}, Billed.sized(512, 512))),
        ({"aspect_ratio": "16:9"}, "gpt-image-2", ({"size": "1824x1024"}, Billed.sized(1824, 1024))),
        ({"resolution": "2k"}, "flux", ({"size": "1440x1440"}, Billed.sized(1440, 1440))),
        (
            {
                "aspect_ratio": "16:9",
                "resolution": "2k",
                "native": Native(
                    "openai", {}, own={"aspect_ratio": ("aspect_ratio", "16:9"), "resolution": ("size", "2K")}
                ),
            },
            "gemini-3-pro-image-preview",
            ({"aspect_ratio": "16:9", "size": "2K"}, Billed(size="2K", aspect_ratio="16:9")),
        ),
        (
            {"parameters": ImageParameters(quality="high", style="vivid", user="u1", partial_images=2)},
            "dall-e-3",
            ({"quality": "high", "style": "vivid", "user": "u1"}, replace(Billed.sized(1024, 1024), quality="high")),
        ),
    ],
)
async def test_a_frame_becomes(
    provider: HttpProvider, fields: dict[str, Any], model: str, expected: tuple[dict[str, Any], Billed]
) -> None:
    async with FileServer() as server:
        channel = Channel("s", server.url("/v1"), api_key="k")
        await submitted(provider, channel, wanted(**fields), model=model)
        (asked,) = server.asked
    body, billed = expected
    assert (asked.path, json.loads(asked.body)) == (
        "/v1/images/generations",
        {"model": model, "prompt": "a boat"} | body,
    )
    assert provider.check(wanted(**fields), model) == billed


@pytest.mark.parametrize(
    ("request_", "model", "param"),
    [
        (wanted(prompt=" "), "gpt-image-2", "prompt"),
        (wanted(aspect_ratio="16:9"), "gpt-image-1", "aspect_ratio"),
        (wanted(resolution="4k"), "dall-e-3", "resolution"),
        (wanted(negative_prompt="fog"), "gpt-image-2", "negative_prompt"),
        (wanted(duration=5.0), "gpt-image-2", "duration"),
        (wanted(parameters=ImageParameters(input_fidelity="high")), "gpt-image-1", "parameters.input_fidelity"),
        (wanted(A, operation="image_variation"), "dall-e-2", "prompt"),
        (wanted(native=Native("openai", {"complexity": msgspec.Raw(b'"high"')})), "gpt-image-2", "complexity"),
        (wanted(native=Native("kling", {"x": msgspec.Raw(b"1")})), "gpt-image-2", "x"),
        (wanted(operation="try_on"), "gpt-image-2", "operation"),
    ],
)
def test_what_it_cannot_express_is_refused_by_name(
    provider: HttpProvider, request_: GenerationRequest, model: str, param: str
) -> None:
    with pytest.raises(GatewayError) as caught:
        provider.check(request_, model)
    assert caught.value.param == param


@pytest.mark.parametrize(
    "said",
    [
        {"created": 1, "data": []},
        {"created": 1, "data": [{"b64_json": ""}, {"url": "nowhere"}, {"b64_json": "not base64!"}]},
        {"created": 1},
        {"error": {"message": "try later", "type": "server_error"}},
    ],
)
async def test_an_answer_without_a_picture_may_have_been_billed(provider: HttpProvider, said: Any) -> None:
    async with FileServer() as server:
        body = msgspec.json.encode(said)
        server.answers["/v1/images/generations"] = Answer(body, headers={"content-type": "application/json"})
        outcome = await submitted(provider, Channel("s", server.url(""), api_key="k"), wanted())
    assert isinstance(outcome, Unknown)


async def test_faults_and_refusals(provider: HttpProvider, channel: Channel, fake: FakeImages) -> None:
    acts: tuple[Act, ...] = ("html", "broken", "drop")
    for act in acts:
        fake.faults.append(Fault("create", act, created=True))
        assert isinstance(await submitted(provider, channel, wanted()), Unknown)
    expected = [
        ("moderation_blocked", "content_policy", False, False),
        ("invalid_value", "invalid_request", False, False),
        ("insufficient_quota", "upstream_refused", True, False),
        ("rate_limit_exceeded", "capacity", False, True),
        ("model_not_found", "invalid_request", True, False),
    ]
    for code, meant, elsewhere, full in expected:
        fake.faults.append(Fault("create", "refuse", code=code))
        outcome = await submitted(provider, channel, wanted())
        assert isinstance(outcome, Refused)
        assert (outcome.error.code, outcome.elsewhere, outcome.capacity) == (meant, elsewhere, full)
    assert len(fake.jobs) == len(acts)
    traits = provider.traits_of("text_to_image", "gpt-image-2", channel)
    assert (traits.synchronous, traits.look_up, traits.unique_handle, traits.submit_timeout) == (
        True, False, False, 600.0,
    )  # fmt: skip


@pytest.mark.parametrize("form", ["b64", "url", "data"])
async def test_geminis_pictures_come_in_a_chat(
    provider: HttpProvider, channel: Channel, fake: FakeImages, form: Form, tmp_path: Path
) -> None:
    fake.form, fake.size = form, "512x512"
    client = Client()
    chat = HttpProvider(CHAT, client, HandClock(NOW))
    async with Spool(tmp_path) as spool:
        asked = wanted(A, aspect_ratio="16:9", resolution="2k")
        outcome = await submitted(chat, channel, asked, spool, model="google/gemini-3-pro-image")
        assert isinstance(outcome, Finished)
        (made,) = outcome.result.outputs
        assert form == "url" or bytes_of(made) == drawn("512x512")
        assert (made.kind, bool(made.url)) == ("image", form == "url")
    assert outcome.result.usage == Usage(images=1, tokens=Tokens(input=7, output=1290))
    (job,) = fake.jobs
    text, shown = job.fields["messages"][0]["content"]
    assert (text["text"], shown["image_url"]["url"][:15]) == ("a boat", "data:image/png;")
    assert job.fields["image_config"] == {"aspect_ratio": "16:9", "image_size": "2K"}
    await submitted(chat, channel, wanted(), model="flux-pro")
    assert fake.asked[-1].verb == "generations"
    await client.close()
