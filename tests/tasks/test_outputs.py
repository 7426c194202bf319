"""What tasks make besides one file each: items in several forms, companions, texts, facts; and previews of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace

from telecine.config import ChannelConfig, PriceConfig
from telecine.net.client import FetchError
from telecine.nouns.task import Facts, Output, Task, Usage
from telecine.providers.base import Channel, Provider
from telecine.providers.outcomes import Failed, Finished, Running, Succeeded, UpstreamOutput
from telecine.tasks.outcomes import noted
from telecine.tasks.view import View, results
from tests.tasks.scripted import House, Shelf, refusal, text_to_video
from tests.tasks.test_money import bank

GONE = FetchError("the file answers with HTTP 404", status=404)
MODEL = "songs"  # which nobody knows, so that it may make several
ANY = (ChannelConfig(name="main", provider="scripted", models=("*",)),)
SECONDS = (PriceConfig(MODEL, "second", Decimal("0.01"), most=Decimal(1000)),)
CLIP = UpstreamOutput("https://files.example/clip.mp4", upstream_id="c1")
SOUND = UpstreamOutput("https://files.example/clip.mp3", "audio", "c1", item=0)
COVER = UpstreamOutput("https://files.example/cover.png", "image", part="cover")
LYRICS = UpstreamOutput(kind="text", part="lyrics", text="La la\nla 啦")


class Hall(Shelf):
    """A shelf on which some links lead nowhere; every clip is 120 s long."""

    def __init__(self, missing: Sequence[str] = ()) -> None:
        super().__init__()
        self.missing = set(missing)

    async def keep(self, provider: Provider, channel: Channel, output: Output, account_id: int) -> Output:
        if output.upstream_url in self.missing:
            raise GONE
        kept = await super().keep(provider, channel, output, account_id)
        return replace(kept, duration=120.0 if output.kind in ("video", "audio") else None)


def shelved(house: House, missing: Sequence[str] = ()) -> Hall:
    """Give every process of the house such a shelf."""
    hall = Hall(missing)
    for one in house.contexts:
        one.library = hall
    return hall


async def made(house: House, *outputs: UpstreamOutput, facts: Facts | None = None, count: int = 1) -> int:
    house.provider.submits = [Finished(Succeeded(outputs, facts=facts))]
    house.provider.polls = [Succeeded(outputs, facts=facts)]
    return (await house.tasks.create(house.me, text_to_video(model=MODEL, count=count), "tasks")).task.id


async def view_of(house: House, task_id: int) -> View:
    return await house.tasks.get(house.me, task_id)


def test_every_main_part_is_an_item_of_its_own_where_the_upstream_numbers_none() -> None:
    outputs = noted(1, (COVER, CLIP, COVER, LYRICS, CLIP, COVER))
    assert [(one.index, one.item, one.part) for one in outputs] == [
        (0, 0, "cover"),
        (1, 0, "main"),
        (2, 0, "cover"),
        (3, 0, "lyrics"),
        (4, 1, "main"),
        (5, 1, "cover"),
    ]


def test_items_that_the_upstream_numbers_keep_their_numbers() -> None:
    outputs = noted(1, (replace(CLIP, item=1), replace(SOUND, item=1), replace(COVER, item=0), CLIP))
    assert [one.item for one in outputs] == [1, 1, 0, 1]


def test_results_are_main_parts_of_a_kind_one_an_item() -> None:
    task = Task(
        id=1,
        account_id=1,
        key_id=None,
        dialect="tasks",
        operation="text_to_video",
        model="m",
        request=text_to_video(),
        created_at=0.0,
    )
    lost, second = replace(CLIP, item=0), replace(CLIP, item=0, url="https://files.example/again.mp4")
    outputs = noted(1, (lost, second, COVER, SOUND, replace(CLIP, item=1)))
    view = View(task, (replace(outputs[0], state="lost"), *outputs[1:]))
    assert [one.index for one in results(view, "video")] == [1, 4]
    assert [one.index for one in results(view, "audio")] == [3]
    assert results(view, "image") == []


async def test_a_clip_in_two_forms_with_companions_is_billed_once(tmp_path: Path) -> None:
    async with bank(tmp_path, "20", channels=ANY, prices=SECONDS) as one:
        shelved(one.house)
        first = (replace(CLIP, item=0), SOUND, replace(COVER, item=0), replace(LYRICS, item=0))
        second = tuple(replace(part, item=1) for part in first)
        task_id = await made(one.house, *first, *second, count=2)
        await one.house.pass_time(5)
        view = await view_of(one.house, task_id)
        assert (view.task.status, view.task.usage) == ("succeeded", Usage(seconds=240.0))
        assert view.task.charged == 2_400_000
        assert [output.state for output in view.outputs] == ["stored"] * 8


async def test_pictures_count_without_their_companions(tmp_path: Path) -> None:
    async with bank(tmp_path, "10", prices=(PriceConfig("storyboard-1", "image", Decimal("0.1")),)) as one:
        shelved(one.house)
        picture = UpstreamOutput("https://files.example/a.png", "image")
        result = Succeeded((picture, COVER, picture, COVER))
        one.house.provider.submits = [Finished(result)]
        request = text_to_video(operation="text_to_image", model="storyboard-1", count=3)
        view = await one.house.tasks.create(one.house.me, request, "tasks")
        await one.house.pass_time(5)
        task = (await view_of(one.house, view.task.id)).task
        assert (task.status, task.usage, task.charged) == ("succeeded", Usage(images=2), 200_000)


async def test_a_text_is_kept_inline_and_never_fetched(tmp_path: Path) -> None:
    async with House(tmp_path, ANY).opened() as house:
        hall = shelved(house)
        task_id = await made(house, replace(LYRICS, part="main"))
        await house.pass_time(5)
        view = await view_of(house, task_id)
        (output,) = view.outputs
        assert (view.task.status, output.state, output.text) == ("succeeded", "stored", LYRICS.text)
        content = (LYRICS.text or "").encode()
        assert (output.bytes, output.sha256) == (len(content), hashlib.sha256(content).hexdigest())
        assert (output.content_type, output.object_key, hall.kept) == ("text/plain", None, [])


async def test_a_lost_companion_leaves_the_task_succeeded(tmp_path: Path) -> None:
    async with House(tmp_path, ANY).opened() as house:
        shelved(house, [COVER.url])
        task_id = await made(house, CLIP, COVER)
        await house.pass_time(10)
        view = await view_of(house, task_id)
        assert (view.task.status, [one.state for one in view.outputs]) == ("succeeded", ["stored", "pending"])
        await house.pass_time(2 * 3600, 60)
        view = await view_of(house, task_id)
        assert (view.task.status, [one.state for one in view.outputs]) == ("succeeded", ["stored", "lost"])


async def test_companions_alone_are_no_result(tmp_path: Path) -> None:
    async with bank(tmp_path, "20", channels=ANY, prices=SECONDS) as one:
        shelved(one.house, [CLIP.url])
        task_id = await made(one.house, CLIP, COVER, LYRICS)
        await one.house.pass_time(60)
        assert (await view_of(one.house, task_id)).task.status == "running"
        await one.house.pass_time(4000, 60)
        view = await view_of(one.house, task_id)
        assert (view.task.status, view.task.charged) == ("failed", 0)


async def test_another_form_of_a_clip_is_not_waited_for(tmp_path: Path) -> None:
    async with House(tmp_path, ANY).opened() as house:
        shelved(house, [SOUND.url])
        task_id = await made(house, replace(CLIP, item=0), SOUND)
        await house.pass_time(10)
        assert (await view_of(house, task_id)).task.status == "succeeded"


async def test_two_forms_of_one_clip_are_not_the_two_that_were_asked_for(tmp_path: Path) -> None:
    async with House(tmp_path, ANY).opened() as house:
        late = replace(CLIP, item=1, url="https://files.example/second.mp4")
        shelved(house, [late.url])
        task_id = await made(house, replace(CLIP, item=0), SOUND, late, count=2)
        await house.pass_time(60)
        assert (await view_of(house, task_id)).task.status == "running"


async def test_facts_are_kept_beside_task_and_outputs(tmp_path: Path) -> None:
    whole, clip = Facts.of("suno", {"cost": 12}), Facts.of("suno", {"title": "Rain"})
    async with House(tmp_path, ANY).opened() as house:
        shelved(house)
        task_id = await made(house, replace(CLIP, facts=clip), COVER, facts=whole)
        await house.pass_time(5)
        view = await view_of(house, task_id)
        assert (view.task.status, view.task.facts) == ("succeeded", whole)
        assert [one.facts for one in view.outputs] == [clip, None]


def shown(url: str) -> Running:
    return Running(10, preview=UpstreamOutput(url, "image"))


async def test_a_preview_is_there_while_the_job_runs_alone(tmp_path: Path) -> None:
    async with House(tmp_path, ANY).opened() as house:
        shelved(house)
        house.provider.polls = [Running(10), shown("https://p.example/1.webp"), shown("https://p.example/2.webp")]
        task_id = (await house.tasks.create(house.me, text_to_video(), "tasks")).task.id
        seen = []
        for polls in ([], [], [], [Running(10)], [shown("file:///etc/passwd")], [shown("https://p/" + "x" * 9000)]):
            house.provider.polls += polls
            before = len(house.provider.polled)
            while len(house.provider.polled) == before:
                await house.pass_time(1)
            seen.append((await view_of(house, task_id)).task.preview_url)
        assert seen == [None, "https://p.example/1.webp", *["https://p.example/2.webp"] * 4]
        lines = await house.timeline(task_id)
        assert [one["news"] for one in lines if one["type"] == "progress"] == ["task.running", *["task.progress"] * 2]
        house.provider.polls = [Succeeded((CLIP,))]
        await house.pass_time(60)
        view = await view_of(house, task_id)
        assert (view.task.status, view.task.preview_url) == ("succeeded", None)


@pytest.mark.parametrize("cancelled", [False, True])
async def test_a_preview_goes_with_a_job_that_fails(tmp_path: Path, cancelled: bool) -> None:
    async with House(tmp_path, ANY).opened() as house:
        house.provider.polls = [shown("https://p.example/1.webp")]
        task_id = (await house.tasks.create(house.me, text_to_video(), "tasks")).task.id
        await house.pass_time(60)
        assert (await view_of(house, task_id)).task.preview_url is not None
        if cancelled:
            await house.tasks.cancel(house.me, task_id)
        house.provider.polls = [Failed(refusal("upstream_failed"))]
        await house.pass_time(60)
        task = (await view_of(house, task_id)).task
        assert (task.status, task.preview_url) == ("cancelled" if cancelled else "failed", None)
