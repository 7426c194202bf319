"""Drafts: tasks that wait for their client, from the hold to the second call, or to their end without it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from telecine.accounts.principal import Principal
from telecine.config import AccountConfig, ChannelConfig, KeyConfig, LimitsConfig
from telecine.nouns.errors import GatewayError, TaskError
from telecine.nouns.request import GenerationRequest, MediaInput, Reference
from telecine.nouns.task import Task
from telecine.store.database import Write
from telecine.tasks.idempotency import Idempotency
from telecine.tasks.view import Filter, View
from telecine.tasks.writes import Complete, StaleError
from telecine.webhooks.delivery import Message, Tidings
from tests.records import reading
from tests.tasks.scripted import DONE, House, Scripted, text_to_video
from tests.tasks.test_money import bank

FIVE = text_to_video(duration=5.0)
TOY = text_to_video(model="toys")
TEN = text_to_video(duration=10.0, prompt="a paper boat at night")


async def drafted(house: House, request: GenerationRequest = FIVE) -> int:
    view = await house.tasks.create(house.me, request, "tasks", draft=True)
    assert (view.task.status, view.outputs) == ("draft", ())
    return view.task.id


async def task_of(house: House, task_id: int) -> Task:
    return (await house.tasks.get(house.me, task_id)).task


async def news(house: House, task_id: int) -> list[str]:
    return [one["news"] for one in await house.timeline(task_id) if one["news"] is not None]


async def test_a_draft_waits_and_is_held_for(tmp_path: Path) -> None:
    async with bank(tmp_path) as one:
        task_id = await drafted(one.house)
        await one.house.pass_time(3000, 60)
        task = await task_of(one.house, task_id)
        assert (task.status, task.held, task.channel) == ("draft", 350_000, None)
        assert await one.figures() == (1_000_000, 350_000, 0)
        assert one.house.provider.sent == []


@pytest.mark.parametrize(
    ("request_", "held", "entries"),
    [
        (TEN, 700_000, [("hold", 0, 350_000), ("adjust", 0, 350_000), ("charge", -350_000, -700_000)]),
        (replace(FIVE, prompt="another"), 350_000, [("hold", 0, 350_000), ("charge", -350_000, -350_000)]),
    ],
    ids=["longer", "as long"],
)
async def test_completed_it_runs_and_is_charged(
    tmp_path: Path, request_: GenerationRequest, held: int, entries: list[tuple[str, int, int]]
) -> None:
    async with bank(tmp_path) as one:
        task_id = await drafted(one.house)
        view = await one.house.tasks.complete(one.house.me, task_id, request_)
        assert (view.task.id, view.task.state, view.task.held) == (task_id, "running", held)
        assert view.task.request == request_
        assert await one.figures() == (1_000_000, held, 0)
        assert [sent.request for sent in one.house.provider.sent] == [request_]
        one.house.provider.polls = [DONE]
        await one.house.pass_time(60)
        task = await task_of(one.house, task_id)
        assert (task.status, task.charged) == ("succeeded", 350_000)
        assert await one.figures() == (650_000, 0, 350_000)
        assert sorted(await one.entries(), key=lambda entry: entry[0][0], reverse=True) == sorted(
            entries, key=lambda entry: entry[0][0], reverse=True
        )
        assert await news(one.house, task_id) == ["task.draft", "task.queued", "task.running", "task.succeeded"]


async def test_a_smaller_job_gives_back_at_once(tmp_path: Path) -> None:
    async with bank(tmp_path, "0.70") as one:
        task_id = await drafted(one.house, TEN)
        with pytest.raises(GatewayError):
            await one.house.tasks.create(one.house.me, FIVE, "tasks")
        await one.house.tasks.complete(one.house.me, task_id, FIVE)
        assert await one.figures() == (700_000, 350_000, 0)
        assert ("adjust", 0, -350_000) in await one.entries()


async def test_what_the_account_cannot_cover_stays_a_draft(tmp_path: Path) -> None:
    async with bank(tmp_path, "0.60") as one:
        task_id = await drafted(one.house)
        with pytest.raises(GatewayError) as caught:
            await one.house.tasks.complete(one.house.me, task_id, TEN)
        assert (caught.value.code, "0.350000 more" in caught.value.message) == ("insufficient_balance", True)
        task = await task_of(one.house, task_id)
        assert (task.status, task.held, task.request) == ("draft", 350_000, FIVE)
        assert await one.figures() == (600_000, 350_000, 0)
        await one.house.tasks.complete(one.house.me, task_id, FIVE)
        assert (await task_of(one.house, task_id)).status == "queued"


async def test_between_models_with_a_price_and_without_one(tmp_path: Path) -> None:
    sandbox = ChannelConfig(name="toy", provider="sandbox", models=("toys",))
    main = ChannelConfig(name="main", provider="scripted", models=(FIVE.model,))
    providers = (Scripted(), Scripted("sandbox"))
    async with bank(tmp_path, channels=(main, sandbox), providers=providers) as one:
        for first, second in ((FIVE, TOY), (TOY, FIVE)):
            task_id = await drafted(one.house, first)
            held = (await task_of(one.house, task_id)).held
            view = await one.house.tasks.complete(one.house.me, task_id, second)
            assert (held, view.task.held) == ((350_000, 0) if first is FIVE else (0, 350_000))
            await one.figures()
        for provider in providers:
            provider.polls = [DONE]
        await one.house.pass_time(60)
        assert await one.figures() == (650_000, 0, 350_000)


async def test_nobody_completes_it_in_time(tmp_path: Path) -> None:
    async with bank(tmp_path) as one:
        task_id = await drafted(one.house)
        await one.house.pass_time(3700, 60)
        task = await task_of(one.house, task_id)
        assert (task.status, task.charged) == ("failed", 0)
        assert task.error == TaskError("expired", "The draft was not completed in time.")
        assert await one.figures() == (1_000_000, 0, 0)
        assert await news(one.house, task_id) == ["task.draft", "task.failed"]
        with pytest.raises(GatewayError) as caught:
            await one.house.tasks.complete(one.house.me, task_id, FIVE)
        assert caught.value.code == "conflict"


async def test_how_long_it_waits_is_configured(tmp_path: Path) -> None:
    async with House(tmp_path, limits=LimitsConfig(draft=20.0)).opened() as house:
        task_id = await drafted(house)
        await house.pass_time(19)
        assert (await task_of(house, task_id)).status == "draft"
        await house.pass_time(3)
        assert (await task_of(house, task_id)).status == "failed"


@pytest.mark.parametrize("deleted", [False, True])
async def test_cancelled_its_hold_ends(tmp_path: Path, deleted: bool) -> None:
    async with bank(tmp_path) as one:
        task_id = await drafted(one.house)
        end = one.house.tasks.delete if deleted else one.house.tasks.cancel
        assert (await end(one.house.me, task_id)).cancellation == "cancelled"
        assert await one.figures() == (1_000_000, 0, 0)
        assert await news(one.house, task_id) == ["task.draft", "task.cancelled"]
        with pytest.raises(GatewayError):
            await one.house.tasks.complete(one.house.me, task_id, FIVE)


async def test_a_completion_that_is_sent_again_changes_nothing(tmp_path: Path) -> None:
    async with bank(tmp_path) as one:
        task_id = await drafted(one.house)
        answers = await asyncio.gather(
            *(one.house.tasks.complete(one.house.me, task_id, TEN) for _ in range(3)), return_exceptions=True
        )
        assert [isinstance(answer, View) and answer.task.id == task_id for answer in answers] == [True] * 3
        assert len(one.house.provider.sent) == 1
        assert await one.figures() == (1_000_000, 700_000, 0)
        with pytest.raises(GatewayError) as caught:
            await one.house.tasks.complete(one.house.me, task_id, FIVE)
        assert (caught.value.code, caught.value.may_retry) == ("conflict", False)


async def test_two_completions_at_once_are_one(tmp_path: Path) -> None:
    async with bank(tmp_path) as one:
        task_id = await drafted(one.house)
        answers = await asyncio.gather(
            *(one.house.tasks.complete(one.house.me, task_id, wanted) for wanted in (FIVE, TEN)), return_exceptions=True
        )
        (refused,) = (answer for answer in answers if isinstance(answer, GatewayError))
        assert refused.code == "conflict"
        assert len(one.house.provider.sent) == 1
        await one.figures()


async def test_the_create_of_a_draft_that_is_sent_again_answers_with_it(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        key = Idempotency("k")
        first = await house.tasks.create(house.me, FIVE, "tasks", draft=True, idempotency=key)
        again = await house.tasks.create(house.me, FIVE, "tasks", draft=True, idempotency=key)
        assert again.task.id == first.task.id
        with pytest.raises(GatewayError) as caught:
            await house.tasks.create(house.me, FIVE, "tasks", idempotency=key)
        assert caught.value.code == "conflict"


async def test_files_that_are_replaced_go(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        pictures = [MediaInput("image", object_key=f"a1/in/{n * 20}.png", sha256=n) for n in "ab"]
        old, new = (
            text_to_video(operation="image_to_video", inputs=(picture,), prompt=picture.sha256 or "")
            for picture in pictures
        )
        task_id = await drafted(house, old)
        await house.tasks.complete(house.me, task_id, new)
        assert house.shelf.forgotten == [pictures[0].object_key]
        with pytest.raises(GatewayError):
            await house.tasks.complete(house.me, task_id, old)
        assert house.shelf.forgotten == [pictures[0].object_key] * 2


async def test_only_the_key_that_made_it_completes_it(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        task_id = await drafted(house)
        other = Principal(house.me.account_id, 99, "other")
        with pytest.raises(GatewayError) as caught:
            await house.tasks.complete(other, task_id, FIVE)
        assert caught.value.code == "permission"
        with pytest.raises(GatewayError) as caught:
            await house.tasks.complete(Principal(house.me.account_id + 1, None, "stranger"), task_id, FIVE)
        assert caught.value.code == "not_found"


async def test_limits_count_a_draft_once(tmp_path: Path) -> None:
    async with bank(tmp_path, "100") as one:
        house = one.house
        await house.configure(
            accounts=[AccountConfig(name="default", unlimited=True)],
            keys=[KeyConfig(name="k", key="x" * 40, max_tasks_in_flight=1)],
        )
        who = await house.keys.check("x" * 40)
        assert who is not None
        house.me = who
        task_id = await drafted(house)
        with pytest.raises(GatewayError, match="in flight"):
            await house.tasks.create(who, FIVE, "tasks")
        await house.tasks.complete(who, task_id, TEN)
        assert (await task_of(house, task_id)).state == "running"


async def test_lists_tell_drafts_from_what_is_queued(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        task_id = await drafted(house)
        found = await house.tasks.list(house.me, Filter(limit=5, statuses=("draft",)))
        assert [view.task.id for view in found.views] == [task_id]
        assert (await house.tasks.list(house.me, Filter(limit=5, statuses=("queued",)))).views == ()


async def test_webhooks_tell_of_it(tmp_path: Path) -> None:
    def told(view: View, news: Tidings) -> Message:
        return Message(msgspec.json.encode(view.task.status))

    async with House(tmp_path, announcers={"tasks": told}).opened() as house:
        task_id = await drafted(house, replace(FIVE, callback_url="https://hooks.example/x"))
        await house.tasks.complete(house.me, task_id, replace(TEN, callback_url="https://hooks.example/x"))
        async with reading(house.database) as connection:
            rows = await connection.exec_driver_sql("SELECT body FROM deliveries ORDER BY sequence")
            assert [msgspec.json.decode(row.body) for row in rows.all()][:2] == ["draft", "queued"]


@pytest.mark.parametrize("end", ["expired", "cancelled"])
async def test_tried_again_it_is_a_draft_again(tmp_path: Path, end: str) -> None:
    async with bank(tmp_path) as one:
        task_id = await drafted(one.house)
        if end == "cancelled":
            await one.house.tasks.cancel(one.house.me, task_id)
        else:
            await one.house.pass_time(3700, 60)
        again = (await one.house.tasks.retry(one.house.me, task_id)).task
        assert (again.status, again.retry_of, again.held) == ("draft", task_id, 350_000)
        assert one.house.provider.sent == []
        await one.house.tasks.complete(one.house.me, again.id, TEN)
        assert [sent.request for sent in one.house.provider.sent] == [TEN]


async def test_a_completed_task_that_is_tried_again_is_no_draft(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        task_id = await drafted(house)
        house.trouble("main", 3600)
        await house.tasks.complete(house.me, task_id, TEN)
        await house.tasks.cancel(house.me, task_id)
        assert (await house.tasks.retry(house.me, task_id)).task.status == "queued"


@pytest.mark.parametrize("onto", [True, False])
async def test_what_a_draft_follows_up_is_what_its_completion_says(tmp_path: Path, onto: bool) -> None:
    async with House(tmp_path).opened() as house:
        house.provider.polls = [DONE]
        source = (await house.tasks.create(house.me, FIVE, "tasks")).task
        await house.pass_time(30)
        remix = text_to_video(operation="remix", model="sora-2", source=Reference(task=source.id))
        first, second = (FIVE, remix) if onto else (remix, TEN)
        task_id = await drafted(house, first)
        await house.tasks.complete(house.me, task_id, second)
        task = await task_of(house, task_id)
        assert (task.request, task.source_task) == (second, source.id if onto else None)
        assert (await house.tasks.complete(house.me, task_id, second)).task.id == task_id, "sent again"


async def test_files_of_a_completion_that_was_committed_unheard_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer to COMMIT was lost, and a step has gone on with the task before anybody looked."""
    async with House(tmp_path).opened() as house:
        picture = MediaInput("image", object_key=f"a1/in/{'a' * 20}.png", sha256="a")
        task_id = await drafted(house)
        write = house.database.write

        async def unheard(one: Write) -> Any:
            answer = await write(one)
            if isinstance(one, Complete):
                raise StaleError("the task has moved on")
            return answer

        monkeypatch.setattr(house.database, "write", unheard)
        wanted = text_to_video(operation="image_to_video", inputs=(picture,))
        assert (await house.tasks.complete(house.me, task_id, wanted)).task.request == wanted
        assert house.shelf.forgotten == []
