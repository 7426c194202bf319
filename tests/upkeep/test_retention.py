"""What is no longer kept. Times are moved by hand; files get the times that they would have."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from sqlalchemy import func, insert, select, text, update

from telecine.assets.purge import Purge
from telecine.config import RetentionConfig
from telecine.dialects.base import Media
from telecine.dialects.kling import render as kling_form
from telecine.dialects.openai import render as openai_form
from telecine.dialects.tasks import render as tasks_form
from telecine.media.storage import Storage, answer_key, content_key, input_key, link_to, output_key
from telecine.nouns import catalogue
from telecine.nouns.errors import GatewayError, TaskError
from telecine.nouns.ids import IdSource
from telecine.nouns.parameters import Shot, VideoParameters
from telecine.nouns.request import MediaInput, Native
from telecine.nouns.task import Facts, Output, Task
from telecine.providers.outcomes import Failed, Succeeded, UpstreamOutput
from telecine.store import tables
from telecine.tasks.view import View
from telecine.tasks.writes import forgetting
from telecine.upkeep.kept import KeptJobs
from telecine.upkeep.retention import BATCH, Retention, first_id
from telecine.upkeep.sweep import Sweep
from telecine.webhooks.log import DeliveryLog
from tests.records import reading, writing
from tests.tasks.scripted import DONE, House, text_to_video

DAY = 86400.0
PROMPT = "a prompt that nobody keeps for ever"
REQUEST = text_to_video(
    prompt=PROMPT,
    negative_prompt=PROMPT,
    size="1280x720",
    duration=5.0,
    parameters=VideoParameters(mode="pro", shots=(Shot(1, PROMPT, 2.0),)),
    native=Native("kling", {"secret": msgspec.Raw(b'"a prompt that nobody keeps for ever"')}),
    metadata={"order": "7"},
)


class Killed(BaseException):
    """Stands for SIGKILL: nothing of the round runs after it."""


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    small = House(tmp_path)
    small.provider.polls = [DONE]
    async with small.opened():
        yield small


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage.on_disk(tmp_path / "media")


def retention(house: House, storage: Storage, **days: int) -> Retention:
    async def nothing() -> int:
        return 0

    kept = KeptJobs(house.database, {"sandbox": house.shelf, "scripted": house.provider})
    return Retention(
        house.database, storage, house.clock, lambda: RetentionConfig(**days), nothing, forget_jobs=kept.forget
    )


async def done(house: House, request: Any = REQUEST) -> Task:
    view = await house.tasks.create(house.me, replace(request, native=None), "tasks")
    await house.pass_time(60, 5)
    found = await house.reads.task(view.task.id)
    assert found is not None
    assert found[0].state == "succeeded"
    body = msgspec.json.encode(request)
    async with writing(house.database) as connection:
        await connection.execute(update(tables.tasks).where(tables.tasks.c.id == view.task.id).values(request=body))
    return replace(found[0], request=request)


async def rows(house: House, query: str) -> list[Any]:
    async with reading(house.database) as connection:
        return list((await connection.execute(text(query))).all())


async def place(storage: Storage, house: House, folder: Path, key: str, age: float = 0.0) -> str:
    file = folder / "file"
    file.write_bytes(b"content")
    await storage.put_file(key, file, "video/mp4")
    file.unlink()
    local = storage.local(key)
    assert local is not None
    os.utime(local, (house.clock.now() - age,) * 2)
    return key


async def test_prompts_and_inputs_go_and_old_tasks_still_render(house: House, storage: Storage, tmp_path: Path) -> None:
    key = await place(storage, house, tmp_path, input_key(house.me.account_id, "png"))
    task = await done(house, replace(REQUEST, inputs=(MediaInput("image", object_key=key),)))
    young = await done(house)
    async with writing(house.database) as connection:
        await connection.execute(update(tables.attempts).values(prepared=PROMPT.encode()))
    house.clock.advance(7 * DAY - 90)
    await retention(house, storage).prune()
    found = await house.reads.task(task.id)
    other = await house.reads.task(young.id)
    assert found is not None
    assert other is not None
    request = found[0].request
    assert PROMPT.encode() not in msgspec.json.encode(request)
    assert (request.size, request.duration, request.metadata) == ("1280x720", 5.0, {"order": "7"})
    assert isinstance(request.parameters, VideoParameters)
    assert request.parameters.mode == "pro"
    assert other[0].request.prompt == PROMPT
    assert await storage.size(key) is None
    assert (await rows(house, "SELECT count(*) FROM attempts WHERE prepared IS NULL")) == [(1,)]
    renders_everywhere(View(*found))
    with pytest.raises(GatewayError, match="no longer kept"):
        await house.tasks.retry(house.me, task.id)


async def test_a_librarys_file_outlives_the_inputs_of_old_tasks(house: House, storage: Storage, tmp_path: Path) -> None:
    own, library = [await place(storage, house, tmp_path, input_key(house.me.account_id, "png")) for _ in range(2)]
    inputs = (MediaInput("image", object_key=own), MediaInput("last_frame", object_key=library, asset_id=7))
    task = await done(house, replace(REQUEST, inputs=inputs))
    house.clock.advance(8 * DAY)
    await retention(house, storage).prune()
    found = await house.reads.task(task.id)
    assert found is not None
    assert found[0].request.inputs == ()
    assert [await storage.size(key) for key in (own, library)] == [None, len(b"content")]


async def test_what_may_repeat_the_prompt_goes_with_it_and_codes_stay(house: House, storage: Storage) -> None:
    house.provider.polls = [Failed(TaskError("content_policy", f"the prompt '{PROMPT}' is bad"))]
    view = await house.tasks.create(house.me, REQUEST, "tasks")
    await house.pass_time(60, 5)
    async with writing(house.database) as connection:
        await connection.execute(update(tables.attempts).values(provider="sandbox", handle="in-the-sandbox"))
    house.clock.advance(8 * DAY)
    await retention(house, storage).prune()
    for table in ("tasks", "attempts", "events"):
        assert PROMPT not in str(await rows(house, f"SELECT * FROM {table}")), table  # noqa: S608
    assert house.shelf.forgotten == ["in-the-sandbox"]
    found = await house.reads.task(view.task.id)
    assert found is not None
    assert found[0].error == TaskError("content_policy", "What was said of it is no longer kept.")
    assert await rows(house, "SELECT error_code FROM attempts") == [("content_policy",)]
    assert ("main",) in await rows(house, "SELECT detail FROM events WHERE type = 'submitting'")


def renders_everywhere(view: View) -> None:
    media: Media = NoLinks()  # type: ignore[assignment]  # no render needs more
    assert msgspec.json.encode(tasks_form.task_object(view, media))
    assert msgspec.json.encode(kling_form.task_data(view, media))
    assert msgspec.json.encode(openai_form.video(view, media, catalogue.load()))


class NoLinks:
    """Media whose files are gone."""

    def link(self, output: Output, variant: str = "file") -> str | None:
        return None

    def link_expires_at(self, output: Output) -> float | None:
        return None


async def test_a_round_takes_small_bites_and_goes_on_after_a_kill(
    house: House, storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = house.clock.now() - 40 * DAY
    events = [
        {"task_id": first_id(old) + number, "sequence": 1, "type": "queued", "at": old}
        for number in range(2 * BATCH + 1)
    ]
    fresh = {"task_id": first_id(house.clock.now()), "sequence": 1, "type": "queued", "at": house.clock.now()}
    async with writing(house.database) as connection:
        await connection.execute(insert(tables.events), [*events, fresh])
    pauses: list[float] = []
    sleep = house.clock.sleep

    async def killed(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(seconds)
        if len(pauses) == 2:
            raise Killed

    monkeypatch.setattr(house.clock, "sleep", killed)
    pruning = retention(house, storage)
    with pytest.raises(Killed):
        await pruning.prune()
    assert await count(house, tables.events) == 2
    gone = await retention(house, storage).prune()
    assert gone["events"] == 1
    assert await count(house, tables.events) == 1
    assert all(seconds > 0 for seconds in pauses)


async def count(house: House, table: Any) -> int:
    async with reading(house.database) as connection:
        return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


async def test_webhooks_lose_their_bodies_and_then_go(house: House, storage: Storage) -> None:
    now = house.clock.now()
    common = {
        "task_id": 1,
        "account_id": 1,
        "endpoint_id": 0,
        "line": "",
        "sequence": 1,
        "type": "task.succeeded",
        "url": "https://example.com",
        "body": b"{}",
        "tries": 1,
        "created_at": 0.0,
    }
    async with writing(house.database) as connection:
        await connection.execute(
            insert(tables.deliveries),
            [
                {**common, "id": first_id(now - 8 * DAY), "state": "delivered"},
                {**common, "id": first_id(now - 31 * DAY), "state": "failed"},
                {**common, "id": first_id(now - 31 * DAY) + 1, "state": "pending"},
                {**common, "id": first_id(now - 6 * DAY), "state": "delivered"},
            ],
        )
        tried = {"at": 0.0, "latency_ms": 1, "answer": b"x"}
        await connection.execute(
            insert(tables.delivery_tries),
            [{**tried, "delivery_id": first_id(now - age * DAY), "number": n} for age in (8, 31, 6) for n in (1, 2)],
        )
    await retention(house, storage).prune()
    left = await rows(house, "SELECT state, length(body) FROM deliveries ORDER BY id")
    assert [tuple(one) for one in left] == [("pending", 2), ("delivered", 0), ("delivered", 2)]
    tries = await rows(house, "SELECT number, answer IS NULL FROM delivery_tries ORDER BY delivery_id, number")
    assert [tuple(one) for one in tries] == [(1, True), (2, True), (1, False), (2, False)]
    log = DeliveryLog(house.database, house.clock, IdSource())
    blank = next(one for one in (await log.list(1, limit=10))[0] if not one.body)
    with pytest.raises(GatewayError, match="no longer kept"):
        await log.redeliver(blank, None)


async def test_outputs_are_kept_for_ever_unless_told_otherwise(house: House, storage: Storage, tmp_path: Path) -> None:
    task = await done(house)
    key = await place(storage, house, tmp_path, output_key(house.me.account_id, task.id, 0, "mp4"))
    house.clock.advance(400 * DAY)
    await retention(house, storage).prune()
    assert await storage.size(key) == 7
    gone = await retention(house, storage, outputs_days=30).prune()
    assert gone["outputs"] == 1
    assert await storage.size(key) is None
    assert [tuple(one) for one in await rows(house, "SELECT state, object_key, upstream_url FROM outputs")] == [
        ("lost", None, None)
    ]
    found = await house.reads.task(task.id)
    assert found is not None
    renders_everywhere(View(*found))


async def test_texts_are_outputs_and_facts_go_with_the_prompt(house: House, storage: Storage) -> None:
    said = Facts.of("vendor", {"title": PROMPT})
    sung = UpstreamOutput(kind="text", text="la la", facts=said)
    house.provider.polls = [Succeeded((sung,), facts=said)]
    task = await done(house)
    house.clock.advance(8 * DAY)
    await retention(house, storage).prune()
    found = await house.reads.task(task.id)
    assert found is not None
    assert (found[0].facts, found[1][0].facts, found[1][0].text) == (None, None, "la la")
    gone = await retention(house, storage, outputs_days=7).prune()
    assert gone["outputs"] == 1
    found = await house.reads.task(task.id)
    assert found is not None
    assert (found[1][0].state, found[1][0].text) == ("lost", None)
    renders_everywhere(View(*found))


async def test_a_kill_between_files_and_rows_loses_neither(
    house: House, storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = await done(house)
    key = await place(storage, house, tmp_path, output_key(house.me.account_id, task.id, 0, "mp4"))
    house.clock.advance(400 * DAY)
    pruning = retention(house, storage, outputs_days=30)

    def killed(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(forgetting, "lose", killed)
        with pytest.raises(Killed):
            await pruning.prune()
    assert await storage.size(key) is None
    assert (await retention(house, storage, outputs_days=30).prune())["outputs"] == 1


async def shelved(house: House, task_id: int, key: str, poster: str | None = None) -> None:
    """Have a library keep the first file of a task."""
    row: dict[str, Any] = {"id": 7, "account_id": house.me.account_id, "name": "a", "state": "ready", "bytes": 7}
    row |= {"object_key": key, "poster_key": poster, "task_id": task_id, "output": 0, "tries": 0}
    async with writing(house.database) as connection:
        await connection.execute(insert(tables.assets).values(row | {"created_at": 0.0, "updated_at": 0.0}))


async def test_a_file_that_a_library_has_too_stays_where_its_task_has_it_no_more(
    house: House, storage: Storage, tmp_path: Path
) -> None:
    mine, task, other = house.me.account_id, await done(house), await done(house)
    key = await place(storage, house, tmp_path, output_key(mine, task.id, 0, "mp4"))
    poster = await place(storage, house, tmp_path, f"a{mine}/t{task.id}/0.poster.jpg")
    sheet = await place(storage, house, tmp_path, f"a{mine}/t{task.id}/0.spritesheet.jpg")
    own = await place(storage, house, tmp_path, output_key(mine, other.id, 0, "mp4"))
    await shelved(house, task.id, key, poster)
    house.clock.advance(400 * DAY)
    assert (await retention(house, storage, outputs_days=30).prune())["outputs"] == 2
    assert [await storage.size(one) for one in (key, poster, own)] == [7, 7, None]
    assert {one.object_key for one in await rows(house, "SELECT object_key FROM outputs")} == {None}
    sweep = Sweep(house.database, storage, house.clock, draft=lambda: 3600.0)
    assert await sweep.run() == 1, "the sheet, which is made anew for whoever asks"
    assert [await storage.size(one) for one in (key, poster, sheet)] == [7, 7, None]
    async with writing(house.database) as connection:
        await connection.execute(tables.assets.delete())
    assert await sweep.run() == 2
    assert await storage.size(key) is None


async def test_a_file_that_its_library_has_no_more_stays_where_its_task_has_it(
    house: House, storage: Storage, tmp_path: Path
) -> None:
    task = await done(house)
    key = await place(storage, house, tmp_path, output_key(house.me.account_id, task.id, 0, "mp4"))
    await shelved(house, task.id, key)
    async with writing(house.database) as connection:
        now = house.clock.now()
        await connection.execute(update(tables.assets).values(deleted_at=now, due=now))
    house.clock.advance(20 * DAY)
    assert await Purge(house.database, storage, house.clock, lambda: 7 * DAY).run() == 1
    assert await rows(house, "SELECT id FROM assets") == []
    assert await storage.size(key) == 7
    house.clock.advance(400 * DAY)
    assert (await retention(house, storage, outputs_days=30).prune())["outputs"] == 1
    assert await storage.size(key) is None


async def test_objects_that_no_row_names_are_swept_after_a_day(house: House, storage: Storage, tmp_path: Path) -> None:
    mine = house.me.account_id
    used = await place(storage, house, tmp_path, input_key(mine, "png"))
    task = await done(house, replace(REQUEST, inputs=(MediaInput("image", object_key=used),)))
    made = await place(storage, house, tmp_path, output_key(mine, task.id, 0, "mp4"))
    poster = await place(storage, house, tmp_path, f"a{mine}/t{task.id}/0.poster.jpg")
    lost = [
        await place(storage, house, tmp_path, output_key(mine, task.id, 1, "mp4")),
        await place(storage, house, tmp_path, output_key(mine, 12345, 0, "mp4")),
        await place(storage, house, tmp_path, input_key(mine, "png")),
        await place(storage, house, tmp_path, input_key(99, "png")),
        await place(storage, house, tmp_path, answer_key(mine, task.id, 0)),
        await place(storage, house, tmp_path, content_key(mine, task.id, 0)),  # what it was is stored
        await place(storage, house, tmp_path, content_key(mine, 12345, 0)),
    ]
    still = await done(house)
    content = await place(storage, house, tmp_path, content_key(mine, still.id, 0))
    async with writing(house.database) as connection:
        pending = update(tables.outputs).where(tables.outputs.c.task_id == still.id)
        await connection.execute(pending.values(state="pending", object_key=None, upstream_url=link_to(content)))
    sweep = Sweep(house.database, storage, house.clock, draft=lambda: 3600.0)
    house.clock.advance(DAY - 120)
    assert await sweep.run() == 0
    house.clock.advance(240)
    assert await sweep.run() == len(lost)
    assert [await storage.size(one) for one in lost] == [None] * len(lost)
    assert [await storage.size(one) for one in (used, made, poster, content)] == [7] * 4


async def test_files_that_came_with_a_completion_belong_to_their_task(
    house: House, storage: Storage, tmp_path: Path
) -> None:
    """They are younger than their task by as long as that was a draft."""
    task = (await house.tasks.create(house.me, replace(REQUEST, native=None), "tasks", draft=True)).task
    house.clock.advance(3500)
    used = await place(storage, house, tmp_path, input_key(house.me.account_id, "png"))
    wanted = replace(REQUEST, native=None, inputs=(MediaInput("image", object_key=used),))
    await house.tasks.complete(house.me, task.id, wanted)
    house.clock.advance(DAY + 120)
    assert await Sweep(house.database, storage, house.clock, draft=lambda: 3600.0).run() == 0
    assert await storage.size(used) == 7


async def test_an_answer_waits_for_its_task_however_long_that_takes(
    house: House, storage: Storage, tmp_path: Path
) -> None:
    task = (await house.tasks.create(house.me, replace(REQUEST, native=None), "tasks")).task
    mine = house.me.account_id
    kept = [
        await place(storage, house, tmp_path, answer_key(mine, task.id, 1)),
        await place(storage, house, tmp_path, content_key(mine, task.id, 0)),
    ]
    sweep = Sweep(house.database, storage, house.clock, draft=lambda: 3600.0)
    house.clock.advance(DAY + 120)
    assert await sweep.run() == 0
    await house.pass_time(60, 5)
    assert await sweep.run() == len(kept)
