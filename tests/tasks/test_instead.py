"""Follow-ups on channels that have no such thing: the pictures of their source go on as files of their own."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec import Raw
from msgspec.structs import replace

from telecine.accounts.principal import Principal
from telecine.config import ChannelConfig, LimitsConfig, PriceConfig
from telecine.net.client import FetchError
from telecine.nouns.billed import Billed
from telecine.nouns.errors import GatewayError
from telecine.nouns.parameters import ChangeParameters, ExpandParameters, ImageParameters, VideoParameters
from telecine.nouns.request import GenerationRequest, MediaInput, Native, Reference
from telecine.nouns.task import Output, Task
from telecine.providers.base import Channel, Provider
from telecine.providers.outcomes import Finished, Succeeded, UpstreamOutput
from telecine.tasks.candidates import routes_of
from telecine.tasks.idempotency import Idempotency
from telecine.tasks.instead import ways
from telecine.tasks.view import View
from tests.tasks.conftest import records
from tests.tasks.scripted import House, Scripted, Shelf, billed_of

MODEL = "pictures"  # which nobody knows
ANY = (ChannelConfig(name="main", provider="scripted", models=("*",)),)
EDITS = ("text_to_image", "image_to_image")
REQUEST = GenerationRequest(
    "text_to_image", MODEL, "a paper boat", count=4, aspect_ratio="1:1", parameters=ImageParameters(grid=True)
)
FOUR = Finished(Succeeded(tuple(UpstreamOutput(f"https://files.example/{number}.png", "image") for number in range(4))))
MASK = MediaInput("mask", object_key="a1/in/mask.png", sha256="cd")


@pytest.fixture(autouse=True, params=["sqlite", "two"])
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is written is written by steps that are tested on every database."""
    yield from records(request, monkeypatch)


class Able(Scripted):
    """A provider that has some operations alone."""

    def __init__(self, can: Collection[str]) -> None:
        super().__init__()
        self.can = can
        self.submits = [FOUR]

    def check(self, request: GenerationRequest, model: str, channel: Channel | None = None) -> Billed:
        if request.operation not in self.can:
            raise GatewayError("unsupported_parameter", f"no {request.operation} here", param="operation")
        return billed_of(request)


class Album(Shelf):
    """A shelf that says how large its pictures are."""

    async def keep(self, provider: Provider, channel: Channel, output: Output, account_id: int) -> Output:
        kept = await super().keep(provider, channel, output, account_id)
        key = (kept.object_key or "").replace("mp4", "png")
        return replace(kept, object_key=key, content_type="image/png", sha256="ab", width=100, height=100)


def house_of(folder: Path, can: Collection[str] = EDITS, prices: tuple[PriceConfig, ...] = ()) -> House:
    house = House(folder, ANY, [able := Able(can)], prices=prices, limits=LimitsConfig(first_step=20.0))
    house.provider, house.shelf = able, Album()
    for one in house.contexts:
        one.library = house.shelf
    return house


async def imagined(house: House) -> View:
    view = await house.tasks.create(house.me, REQUEST, "tasks")
    await house.engine.drain()
    return await house.tasks.get(house.me, view.task.id)


def follow(view: View, operation: str, prompt: str = "", count: int = 4, **given: object) -> GenerationRequest:
    parameters = ChangeParameters(**given)  # type: ignore[arg-type]
    return GenerationRequest(
        operation, MODEL, prompt, count=count, source=Reference(task=view.task.id), parameters=parameters
    )


async def made(house: House, request: GenerationRequest) -> View:
    view = await house.tasks.create(house.me, request, "tasks")
    await house.engine.drain()
    return await house.tasks.get(house.me, view.task.id)


def picture(view: View, number: int) -> str:
    return view.outputs[number - 1].object_key or ""


async def test_one_of_four_is_a_task_of_its_own_and_free(tmp_path: Path) -> None:
    async with house_of(tmp_path, prices=(PriceConfig(MODEL, "image", Decimal("0.04")),)).opened() as house:
        first = await imagined(house)
        sent = len(house.provider.sent)
        view = await made(house, follow(first, "upscale", index=2, count=1))
        (output,) = view.outputs
        assert (view.task.state, view.task.operation, view.task.channel) == ("succeeded", "upscale", None)
        assert (view.task.source_task, view.task.held, view.task.charged) == (first.task.id, 0, None)
        assert (output.state, output.width, output.sha256, output.content_type) == ("stored", 100, "ab", "image/png")
        own = f"{picture(first, 2)}+copy"
        assert house.shelf.duplicated == [(own, f"a{house.me.account_id}/t{view.task.id}/0.png")]
        assert len(house.provider.sent) == sent, "no upstream is asked"
        assert [one["type"] for one in await house.timeline(view.task.id)] == ["queued", "succeeded"]
        await house.tasks.delete(house.me, first.task.id)
        await house.pass_time(8 * 86400, 86400)
        assert picture(first, 2) in house.shelf.forgotten
        again = await house.tasks.get(house.me, view.task.id)
        assert again.outputs[0].state == "stored"
        assert not {own, again.outputs[0].object_key} & {*house.shelf.forgotten}


async def test_what_a_channel_objects_to_is_no_reason_to_have_it_free(tmp_path: Path) -> None:
    """Where the operation is there, and a field alone is refused."""

    class Strict(Able):
        def check(self, request: GenerationRequest, model: str, channel: Channel | None = None) -> Billed:
            if request.operation == "upscale" and request.native is not None:
                raise GatewayError("unsupported_parameter", "no such field here", param="sharpness")
            return super().check(request, model, channel)

    async with house_of(tmp_path, (*EDITS, "upscale")).opened() as house:
        house.provider.__class__ = Strict
        first = await imagined(house)
        asked = replace(follow(first, "upscale", index=1, count=1), native=Native("tasks", {"sharpness": Raw(b"1")}))
        with pytest.raises(GatewayError, match="no such field here"):
            await house.tasks.create(house.me, asked, "tasks")


async def test_what_a_client_sends_is_never_had_as_it_is_and_a_retry_of_what_was_is(tmp_path: Path) -> None:
    can = [*EDITS, "upscale"]
    async with house_of(tmp_path, can).opened() as house:
        sent = MediaInput("image", object_key="a1/in/own.png", sha256="cd")
        asked = GenerationRequest("upscale", MODEL, inputs=(sent,), parameters=ChangeParameters(as_is=True))
        view = await made(house, asked)
        assert (view.task.channel, len(house.provider.sent)) == ("main", 1), "its upstream is asked, and paid"
        can.remove("upscale")
        house.provider.submits = [FOUR]
        first = await imagined(house)
        one = await made(house, follow(first, "upscale", index=2, count=1))
        again = await house.tasks.retry(house.me, one.task.id)
        await house.engine.drain()
        again = await house.tasks.get(house.me, again.task.id)
        assert (again.task.state, again.task.held, again.task.channel) == ("succeeded", 0, None)
        assert again.task.source_task == first.task.id


@pytest.mark.parametrize(("grids", "slots"), [(True, 1), (False, 4)])
@pytest.mark.one_process("nothing is begun")
async def test_a_grid_is_one_job_only_where_its_upstream_makes_grids(tmp_path: Path, grids: bool, slots: int) -> None:
    async with house_of(tmp_path).opened() as house:
        house.provider.traits = replace(house.provider.traits, grids=grids)
        (route,) = routes_of(house.context.router, REQUEST)
        assert route.weight == slots


async def test_a_full_disk_only_delays_it_and_a_picture_that_is_gone_ends_it(tmp_path: Path) -> None:
    async with house_of(tmp_path).opened() as house:
        first = await imagined(house)
        house.shelf.refusing = True
        waiting = await made(house, follow(first, "upscale", index=1, count=1))
        gone = await made(house, follow(first, "upscale", index=2, count=1))
        assert (waiting.task.state, gone.task.state) == ("queued", "queued")
        house.shelf.refusing = False
        house.shelf.forgotten.append(f"{picture(first, 2)}+copy")
        await house.pass_time(6)
        states = [(await house.tasks.get(house.me, one.task.id)).task.state for one in (waiting, gone)]
        assert states == ["succeeded", "failed"]


async def test_a_variation_is_an_edit_of_that_picture(tmp_path: Path) -> None:
    async with house_of(tmp_path).opened() as house:
        first = await imagined(house)
        view = await made(house, follow(first, "vary", index=3))
        request = house.provider.sent[-1].request
        assert (request.operation, request.prompt, request.count) == ("image_to_image", "a paper boat", 4)
        assert (request.source, request.parent, request.aspect_ratio) == (None, first.task.id, "1:1")
        assert [(one.role, one.object_key) for one in request.inputs] == [("image", f"{picture(first, 3)}+copy")]
        assert request.parameters == ImageParameters(grid=True)
        assert (view.task.state, view.task.source_task, len(view.outputs)) == ("succeeded", first.task.id, 5)
        again = await house.tasks.retry(house.me, view.task.id)
        assert again.task.request.follows == first.task.id


async def test_a_reroll_is_the_sources_own_request_again(tmp_path: Path) -> None:
    async with house_of(tmp_path).opened() as house:
        first = await imagined(house)
        await made(house, follow(first, "reroll", "a paper crane"))
        request = house.provider.sent[-1].request
        assert (request.operation, request.prompt, request.count) == ("text_to_image", "a paper crane", 4)
        assert (request.parent, request.aspect_ratio, request.seed) == (first.task.id, "1:1", None)


@pytest.mark.parametrize("can", [EDITS, (*EDITS, "expand")], ids=["edits", "expands"])
async def test_zoom_and_pan_expand_the_picture_or_edit_a_larger_one(tmp_path: Path, can: tuple[str, ...]) -> None:
    async with house_of(tmp_path, can).opened() as house:
        first = await imagined(house)
        await made(house, follow(first, "zoom", index=1, factor=1.5))
        zoomed = house.provider.sent[-1].request
        await made(house, follow(first, "pan", index=1, direction="left"))
        panned = house.provider.sent[-1].request
        if "expand" in can:
            assert zoomed.parameters == ExpandParameters(up=0.25, down=0.25, left=0.25, right=0.25)
            assert panned.parameters == ExpandParameters(left=0.5)
        else:
            assert house.shelf.grown == [(0.25, 0.25, 0.25, 0.25), (0.0, 0.0, 0.5, 0.0)]
            assert [(one.operation, one.aspect_ratio) for one in (zoomed, panned)] == [
                ("image_to_image", "1:1"),
                ("image_to_image", "3:2"),
            ]
            assert [one.role for one in zoomed.inputs] == ["image", "mask"]


@pytest.mark.one_process("nothing is begun")
async def test_a_zoom_to_another_ratio_grows_two_sides_more(tmp_path: Path) -> None:
    async with house_of(tmp_path).opened() as house:
        first = await imagined(house)
        for ratio, factor, growth in (
            ("2:1", 1.0, (0.0, 0.0, 0.5, 0.5)),
            ("1:2", 1.5, (1.0, 1.0, 0.25, 0.25)),
            ("1:1", 1.5, (0.25, 0.25, 0.25, 0.25)),
        ):
            asked = replace(follow(first, "zoom", index=1, factor=factor), aspect_ratio=ratio)
            expanded, edited = ways(asked, first.task, first.outputs, draft=False)
            assert (edited.growth, edited.request.aspect_ratio) == (growth, ratio)
            assert (expanded.request.operation, expanded.request.aspect_ratio) == ("expand", None)
        with pytest.raises(GatewayError, match="factor"):
            ways(follow(first, "zoom", index=1, factor=1.0), first.task, first.outputs, draft=False)


async def test_a_draft_is_completed_with_its_mask(tmp_path: Path) -> None:
    async with house_of(tmp_path, prices=(PriceConfig(MODEL, "image", Decimal("0.04")),)).opened() as house:
        first = await imagined(house)
        asked = follow(first, "inpaint", index=4)
        draft = await house.tasks.create(house.me, asked, "tasks", draft=True)
        assert (draft.task.state, draft.task.operation, draft.task.held) == ("draft", "inpaint", 160_000)
        assert draft.task.request == asked, "until it is known what is done"
        with pytest.raises(GatewayError, match="mask") as refused:
            await house.tasks.complete(house.me, draft.task.id, draft.task.request)
        assert refused.value.param == "inputs.mask"
        whole = replace(draft.task.request, inputs=(MASK,), prompt="a moon")
        await house.tasks.complete(house.me, draft.task.id, whole)
        await house.engine.drain()
        view = await house.tasks.get(house.me, draft.task.id)
        request = house.provider.sent[-1].request
        assert (view.task.state, request.operation, request.prompt) == ("succeeded", "image_to_image", "a moon")
        assert [(one.role, one.object_key) for one in request.inputs] == [
            ("image", f"{picture(first, 4)}+copy"),
            ("mask", "a1/in/mask.png+hole"),
        ]
        assert "a1/in/mask.png" in house.shelf.forgotten, "the client's own, which nothing refers to"


async def test_a_mask_of_the_library_is_opened_too_and_stays_there(tmp_path: Path) -> None:
    async with house_of(tmp_path).opened() as house:
        first = await imagined(house)
        asked = follow(first, "inpaint", "a moon", index=4)
        await made(house, replace(asked, inputs=(replace(MASK, asset_id=7),)))
        masks = [(one.object_key, one.asset_id) for one in house.provider.sent[-1].request.with_role("mask")]
        assert masks == [("a1/in/mask.png+hole", None)]
        assert "a1/in/mask.png" not in house.shelf.forgotten
        with pytest.raises(GatewayError, match="no URL") as refused:
            await made(house, replace(asked, inputs=(MediaInput("mask", url="https://example.com/mask.png"),)))
        assert refused.value.param == "inputs.mask"


async def test_a_picture_begins_a_video(tmp_path: Path) -> None:
    async with house_of(tmp_path, (*EDITS,)).opened() as house:
        first = await imagined(house)
        asked = replace(follow(first, "image_to_video"), parameters=VideoParameters(index=2, motion="low"))
        (way,) = ways(asked, first.task, first.outputs, draft=False)
        assert (way.request.source, way.request.parameters) == (None, VideoParameters(motion="low"))
        assert [(one.role, one.object_key) for one in way.request.inputs] == [("first_frame", picture(first, 2))]


@pytest.mark.parametrize(
    ("operation", "given", "code", "says"),
    [
        ("vary", {}, "invalid_request", "4 pictures"),
        ("vary", {"index": 5}, "invalid_request", "no number 5"),
        ("upscale", {"index": 1, "style": "subtle"}, "unsupported_parameter", "no upscale here"),
        ("zoom", {"index": 1, "factor": 1.0}, "invalid_request", "factor"),
        ("pan", {"index": 1}, "invalid_request", "direction"),
        ("inpaint", {"index": 1}, "invalid_request", "mask"),
    ],
)
@pytest.mark.one_process("nothing is begun")
async def test_what_cannot_be_done_is_said_by_name(
    tmp_path: Path, operation: str, given: dict[str, Any], code: str, says: str
) -> None:
    async with house_of(tmp_path).opened() as house:
        first = await imagined(house)
        with pytest.raises(GatewayError, match=says) as refused:
            await house.tasks.create(house.me, follow(first, operation, **given), "tasks")
        assert refused.value.code == code
        assert house.shelf.forgotten == []


@pytest.mark.one_process("nothing is begun")
async def test_only_whose_it_is_goes_on_from_it(tmp_path: Path) -> None:
    async with house_of(tmp_path).opened() as house:
        first = await imagined(house)
        other = Principal(await house.keys.account("other"), None, "other")
        for who in (other, house.me):
            if who is house.me:
                await house.tasks.delete(who, first.task.id)
            with pytest.raises(GatewayError) as refused:
                await house.tasks.create(who, follow(first, "upscale", index=1), "tasks")
            assert (refused.value.code, refused.value.param) == ("not_found", "source")


@pytest.mark.one_process("nothing is begun")
async def test_a_source_that_is_not_done_cannot_be_gone_on_from(tmp_path: Path) -> None:
    async with house_of(tmp_path).opened() as house:
        first = await imagined(house)
        running: Task = replace(first.task, state="running")
        with pytest.raises(GatewayError, match="not done"):
            ways(follow(first, "vary", index=1), running, first.outputs, draft=False)


@pytest.mark.one_process("nothing is begun")
async def test_a_picture_that_is_gone_leaves_nothing_behind(tmp_path: Path) -> None:
    async with house_of(tmp_path).opened() as house:
        first = await imagined(house)
        house.shelf.forgotten = [picture(first, 1)]
        with pytest.raises(GatewayError, match="gone"):
            await house.tasks.create(house.me, follow(first, "upscale", index=1), "tasks")
        house.shelf.failures = [FetchError("later")]


async def test_the_same_follow_up_sent_again_is_the_same_task(tmp_path: Path) -> None:
    async with house_of(tmp_path).opened() as house:
        first = await imagined(house)
        asked, once = follow(first, "vary", index=1), Idempotency("once")
        views = [await house.tasks.create(house.me, asked, "tasks", idempotency=once) for _ in range(2)]
        assert views[0].task.id == views[1].task.id
        assert house.shelf.forgotten == []
        with pytest.raises(GatewayError, match="another request"):
            await house.tasks.create(house.me, follow(first, "vary", index=2), "tasks", idempotency=once)
