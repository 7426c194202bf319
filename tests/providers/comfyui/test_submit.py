"""What a ComfyUI is sent, and what its answer to that means."""

from __future__ import annotations

import uuid
from typing import Any, cast

import pytest
from msgspec.structs import replace

from telecine.net.client import FetchError
from telecine.nouns.billed import Billed
from telecine.nouns.errors import GatewayError
from telecine.nouns.parameters import WorkflowParameters
from telecine.nouns.request import GenerationRequest, MediaInput
from telecine.providers.base import Channel
from telecine.providers.comfyui import ComfyProvider
from telecine.providers.outcomes import Accepted, NeverSent, Refused, SubmitOutcome, Unknown
from tests.providers.comfyui.conftest import channel_of
from tests.providers.comfyui.requests import BOOK, HANDLE, clip, graph, job, node, submission, workflow
from tests.providers.stand_ins import Shelf
from tests.upstreams.comfyui import FakeComfy, Fault
from tests.upstreams.comfyui_graphs import png
from tests.upstreams.faults import Act
from tests.upstreams.refusals import MESSAGE, SHAPES, TOLD

LEAK = "no: {base}/prompt with {key}"


async def sent(provider: ComfyProvider, channel: Channel, **fields: Any) -> SubmitOutcome:
    return await provider.submit(channel, submission(**fields), Shelf())


async def test_the_filled_graph_goes_out_under_an_id_that_we_chose(
    provider: ComfyProvider, fake: FakeComfy, channel: Channel
) -> None:
    values = {"3:KSampler.steps": 9, "5:EmptyLatentImage.batch_size": 3}
    told = submission(workflow(output="9"), prompt="a whale", seed=7, parameters=WorkflowParameters(values))
    before: list[int] = []
    told = replace(told, before_send=lambda: before.append(fake.count("accepted")))
    outcome = await provider.submit(channel, told, Shelf())
    (body,) = fake.creates
    name = body["prompt_id"]
    assert outcome == Accepted(name)
    assert str(uuid.UUID(name)) == name
    assert before == [0], "the lease was looked at right before it went out"
    assert body["prompt"]["6"]["inputs"] == {"text": "a whale", "clip": ["4", 1]}
    assert (body["prompt"]["3"]["inputs"]["seed"], body["prompt"]["3"]["inputs"]["steps"]) == (7, 9)
    assert body["prompt"]["5"]["inputs"]["batch_size"] == 3
    assert body["prompt"]["4"].items() >= BOOK["4"].items()
    assert body["extra_data"] == {"telecine": {"handle": HANDLE, "output": "9"}}
    assert provider.check(told.request, "picture-book") == Billed(count=3)


@pytest.mark.parametrize("operation", ["text_to_image", "workflow"])
def test_nothing_but_workflows_of_ours_run_there(provider: ComfyProvider, operation: str) -> None:
    with pytest.raises(GatewayError) as caught:
        provider.check(GenerationRequest(operation=operation, model="m", prompt="a"), "m")
    assert (caught.value.code, caught.value.param) == ("unsupported_parameter", "model")


async def test_a_workflow_that_is_gone_is_sent_nowhere(
    provider: ComfyProvider, fake: FakeComfy, channel: Channel
) -> None:
    with pytest.raises(GatewayError) as caught:
        await provider.submit(channel, replace(submission(), workflow=None), Shelf())
    assert (caught.value.code, fake.creates) == ("invalid_request", [])


async def test_what_before_send_raises_is_let_through(
    provider: ComfyProvider, fake: FakeComfy, channel: Channel
) -> None:
    def stale() -> None:
        raise KeyError("lease")

    with pytest.raises(KeyError):
        await provider.submit(channel, replace(submission(), before_send=stale), Shelf())
    assert fake.creates == []


STEPS = node("KSampler", **{**BOOK["3"]["inputs"], "steps": 0})
LOADER = node("CheckpointLoaderSimple", ckpt_name="mine.safetensors")
TEXTLESS = node("CLIPTextEncode", "The page", clip=["4", 1])
ENDLESS = node("VAEDecode", samples=["3", 0], vae=["4", 2])


@pytest.mark.parametrize(
    ("nodes", "elsewhere", "said"),
    [
        (graph(n3=STEPS), False, "KSampler [3], steps: Value 0 smaller"),
        (graph(n4=LOADER), True, "CheckpointLoaderSimple [4], ckpt_name: Value not in list"),
        (graph(n6=node("BizyAir_NanoBananaPro", prompt="")), True, "Node 'BizyAir_NanoBananaPro' not found"),
        (graph(n6=TEXTLESS), False, "The page (CLIPTextEncode) [6], text: Required"),
        (graph(n9=ENDLESS), False, "Prompt has no outputs"),
        (graph(n10=node("LoadImage", image="gone.png")), True, "LoadImage [10], image: Custom validation failed"),
    ],
)
async def test_a_graph_that_it_does_not_take(
    provider: ComfyProvider, fake: FakeComfy, channel: Channel, *, nodes: Any, elsewhere: bool, said: str
) -> None:
    """What only this server lacks, another may have; it says nothing against the channel."""
    outcome = await sent(provider, channel, flow=workflow(nodes, prompt=None, seed=None, count=None, inputs=[]))
    assert isinstance(outcome, Refused)
    assert said in outcome.error.message
    assert (outcome.error.code, outcome.elsewhere, outcome.spared) == ("invalid_request", elsewhere, elsewhere)
    assert not any(name in outcome.error.message for name in ("sd15", "sdxl")), "what is there is nobody's business"
    assert fake.jobs == []


async def test_a_refusal_in_any_shape(provider: ComfyProvider, fake: FakeComfy, channel: Channel) -> None:
    for shape in SHAPES:
        fake.faults.append(Fault("create", "shape", code=shape, message=MESSAGE))
        outcome = await sent(provider, channel)
        assert isinstance(outcome, Refused), shape
        assert shape not in TOLD or MESSAGE in outcome.error.message, shape
    assert fake.jobs == []


@pytest.mark.parametrize(
    ("status", "code", "elsewhere", "capacity"),
    [
        (401, "upstream_refused", True, False),
        (403, "upstream_refused", True, False),
        (404, "invalid_request", True, False),
        (413, "invalid_request", False, False),
        (429, "capacity", False, True),
    ],
)
async def test_what_a_proxy_in_front_says(
    provider: ComfyProvider,
    fake: FakeComfy,
    channel: Channel,
    *,
    status: int,
    code: str,
    elsewhere: bool,
    capacity: bool,
) -> None:
    said = LEAK.format(base=fake.base_url, key=fake.api_key)
    fake.faults.append(Fault("create", "shape", code="text", status=status, message=said, retry_after=3))
    outcome = await sent(provider, channel)
    assert isinstance(outcome, Refused)
    assert (outcome.error.code, outcome.elsewhere, outcome.capacity) == (code, elsewhere, capacity)
    assert outcome.retry_after == 3.0
    assert "no: " in outcome.error.message
    assert not any(private in outcome.error.message for private in (fake.api_key, "127.0.0.1", str(fake.port)))


@pytest.mark.parametrize("made", [True, False])
@pytest.mark.parametrize("act", ["drop", "html", "broken"])
async def test_an_answer_that_cannot_be_read_is_unknown(
    provider: ComfyProvider, fake: FakeComfy, channel: Channel, act: Act, made: bool
) -> None:
    fake.faults.append(Fault("create", act, created=made))
    assert isinstance(await sent(provider, channel), Unknown)
    found = await provider.look_up(channel, job(None))
    assert (type(found).__name__, len(fake.jobs)) == (("Found", 1) if made else ("NotFound", 0))


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_an_error_of_its_own_is_unknown(
    provider: ComfyProvider, fake: FakeComfy, channel: Channel, status: int
) -> None:
    fake.faults.append(Fault("create", "html", status=status))
    assert isinstance(await sent(provider, channel), Unknown)


async def test_what_cannot_be_reached_was_never_sent(provider: ComfyProvider) -> None:
    async with FakeComfy() as fake:
        gone = channel_of(fake)
    assert isinstance(await provider.submit(gone, submission(), Shelf()), NeverSent)
    told = submission(clip(), inputs=(MediaInput("image", object_key="a.png"),))
    assert isinstance(await provider.prepare(gone, told, Shelf(**{"a.png": b"x"})), NeverSent)


# Files that the request brings.


async def test_a_picture_is_uploaded_under_the_name_of_its_content(
    provider: ComfyProvider, fake: FakeComfy, channel: Channel
) -> None:
    told = submission(clip(), inputs=(MediaInput("image", object_key="a", content_type="image/jpeg"),))
    shelf = Shelf(a=png(64, 64))
    prepared = await provider.prepare(channel, told, shelf)
    assert prepared == await provider.prepare(channel, told, shelf), "again, it is the same file"
    ((name, content),) = fake.pictures.items()
    assert (content, name[:9], name[-4:], len(name)) == (png(64, 64), "telecine/", ".jpg", 77)
    outcome = await provider.submit(channel, replace(told, prepared=cast(bytes, prepared)), Shelf())
    assert isinstance(outcome, Accepted)
    (body,) = fake.creates
    assert body["prompt"]["10"]["inputs"]["image"] == name


@pytest.mark.parametrize(
    ("item", "name"),
    [
        (MediaInput("image", object_key="a", content_type="image/webp", sha256="ab"), "ab.webp"),
        (MediaInput("audio", object_key="a", content_type="audio/wav", sha256="ab"), "ab.wav"),
        (MediaInput("video", url="https://a.test/b/c.MP4?d=e.f", object_key="a", sha256="ab"), "ab.mp4"),
        (MediaInput("video", url="https://a.test/b.c/d", object_key="a", sha256="ab"), "ab.bin"),
        (MediaInput("video", url="https://a.test/b.c%00", object_key="a", sha256="ab"), "ab.bin"),
        (MediaInput("image", object_key="a", sha256="ab"), "ab.bin"),
    ],
)
async def test_a_file_has_the_ending_of_its_kind(
    provider: ComfyProvider, fake: FakeComfy, channel: Channel, item: MediaInput, name: str
) -> None:
    """Nodes that load files offer those with the endings that they know."""
    told = submission(clip(), inputs=(MediaInput("image", object_key="a"),))
    request = replace(told.request, inputs=(replace(item, fills="10:LoadImage.image"),))
    await provider.prepare(channel, replace(told, request=request), Shelf(a=b"x"))
    assert list(fake.pictures) == [f"telecine/{name}"]


async def test_another_file_of_that_name_is_left_as_it_is(
    provider: ComfyProvider, fake: FakeComfy, channel: Channel
) -> None:
    """Half of it, from an upload that was cut off, say; some job may be reading it."""
    picture = MediaInput("image", object_key="a", content_type="image/png", sha256="ab")
    fake.pictures["telecine/ab.png"] = b"half"
    prepared = await provider.prepare(channel, submission(clip(), inputs=(picture,)), Shelf(a=b"whole"))
    assert prepared == b'{"10:LoadImage.image":"telecine/ab (1).png"}'
    assert fake.pictures == {"telecine/ab.png": b"half", "telecine/ab (1).png": b"whole"}


async def test_nothing_to_upload(provider: ComfyProvider, channel: Channel) -> None:
    assert await provider.prepare(channel, submission(), Shelf()) is None


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault("upload", "refuse", status=413, code="too_large"), Refused),
        (Fault("upload", "refuse", status=401, code="x"), Refused),
        (Fault("upload", "html"), NeverSent),
        (Fault("upload", "drop"), NeverSent),
        (Fault("upload", "broken"), NeverSent),
    ],
)
async def test_an_upload_that_fails_makes_no_job(
    provider: ComfyProvider, fake: FakeComfy, channel: Channel, fault: Fault, kind: type
) -> None:
    fake.faults.append(Fault(**vars(fault)))
    told = submission(clip(), inputs=(MediaInput("image", object_key="a"),))
    assert isinstance(await provider.prepare(channel, told, Shelf(a=b"x")), kind)
    assert (fake.creates, fake.pictures) == ([], {})


async def test_a_file_that_cannot_be_had_is_raised_before_anything_is_sent(
    provider: ComfyProvider, fake: FakeComfy, channel: Channel
) -> None:
    told = submission(clip(), inputs=(MediaInput("image", object_key="a"),))
    with pytest.raises(FetchError):
        await provider.prepare(channel, told, Shelf(a=FetchError("not now")))
    assert (fake.creates, fake.pictures) == ([], {})
