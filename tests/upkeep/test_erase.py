"""Erasure: nothing that a client sent or got stays, every entry of the ledger does."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import insert, select, text, update

from telecine.accounts import audit
from telecine.accounts.principal import Principal
from telecine.config import PriceConfig
from telecine.media.storage import Storage, input_key, output_key
from telecine.nouns.errors import GatewayError
from telecine.nouns.request import MediaInput
from telecine.nouns.task import Facts, Handle, Task
from telecine.providers.outcomes import Running
from telecine.store import tables
from telecine.tasks.writes import Mark
from telecine.tasks.writes.handles import keep_handles
from telecine.upkeep.erase import Erasure
from telecine.upkeep.kept import KeptJobs
from tests.records import reading, snapshot, writing
from tests.server.live import ADMIN_KEY, OTHER_KEY, LiveServer, kling_channel
from tests.tasks.scripted import DONE, House, text_to_video
from tests.upstreams.kling import API_KEY, FakeKling

WORDS = "words-that-must-be-forgotten"
SAID = msgspec.json.encode(Facts.of("vendor", {"title": WORDS}))


class Killed(BaseException):
    """Stands for SIGKILL: nothing of the erasure runs after it."""


class Bob:
    """A house with an account to erase."""

    def __init__(self, folder: Path) -> None:
        price = PriceConfig(model="kling-v2-5-turbo", unit="call", price=Decimal("0.5"))
        self.house = House(folder, prices=(price,))
        self.house.provider.polls = [DONE]
        self.storage = Storage.on_disk(folder / "media")
        self.folder = folder
        self.who = Principal(0, None, "bob")
        self.kills: list[int] = []

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Bob]:
        async with self.house.opened():
            info, _ = await self.house.keys.create(WORDS, account="bob")
            self.who = Principal(await self.house.keys.account("bob"), int(info.id), "bob")
            yield self

    def erasure(self) -> Erasure:
        async def forget(keys: Sequence[str]) -> None:
            for key in keys:
                await self.storage.delete(key)
            if self.kills and not self.kills.pop():
                raise Killed

        async def find(prefix: str) -> AsyncIterator[Sequence[str]]:
            async for page in self.storage.list(prefix):
                yield [one.key for one in page]

        async def cancel(task_id: int) -> None:
            await self.house.database.write(Mark(task_id, self.house.clock.now(), cancel=True, delete=True))

        house = self.house
        return Erasure(
            house.database,
            house.clock,
            house.keys,
            forget=forget,
            find=find,
            cancel=cancel,
            forget_jobs=KeptJobs(house.database, {}).forget,
        )

    async def task(self, name: str = WORDS) -> Task:
        key = await self.place(input_key(self.who.account_id, "png"))
        request = text_to_video(
            prompt=WORDS, external_id=name, metadata={WORDS: WORDS}, inputs=(MediaInput("image", object_key=key),)
        )
        view = await self.house.tasks.create(self.who, request, "tasks")
        await self.place(output_key(self.who.account_id, view.task.id, 0, "mp4"))
        return view.task

    async def place(self, key: str) -> str:
        file = self.folder / "file"
        file.write_bytes(WORDS.encode())
        await self.storage.put_file(key, file, "image/png")
        file.unlink()
        return key

    async def everything(self) -> bytes:
        """Every byte of every column of every row, and of every file."""
        found = b""
        async with reading(self.house.database) as connection:
            for table in tables.metadata.sorted_tables:
                found += repr((await connection.execute(select(table))).all()).encode()
        return found + b"".join(file.read_bytes() for file in self.files())

    def files(self) -> list[Path]:
        return [file for file in (self.folder / "media").rglob("*") if file.is_file()]

    async def entries(self) -> list[Any]:
        async with reading(self.house.database) as connection:
            table = tables.ledger_entries
            return list((await connection.execute(select(table).order_by(table.c.ref_id, table.c.kind))).all())


@pytest.fixture
async def bob(tmp_path: Path) -> AsyncIterator[Bob]:
    async with Bob(tmp_path).opened() as one:
        yield one


async def test_what_upstreams_call_the_accounts_things_is_forgotten(bob: Bob) -> None:
    await bob.task()
    await bob.house.pass_time(30)
    mine = bob.who.account_id
    kept: Any = {"provider": "scripted", "kind": "voice", "upstream_id": WORDS, "channel": "main", "address": ""}
    async with writing(bob.house.database) as connection:
        await connection.run_sync(keep_handles, [Handle(account_id=one, **kept) for one in (mine, mine + 1)])
        assert len((await connection.execute(select(tables.handles))).all()) == 4
    await bob.erasure().erase("bob")
    async with reading(bob.house.database) as connection:
        assert list((await connection.execute(select(tables.handles.c.account_id))).scalars()) == [mine + 1]


async def test_everything_goes_but_the_ledger(bob: Bob) -> None:
    for number in range(3):
        await bob.task(f"{WORDS}-{number}")
    await bob.house.pass_time(60, 5)
    async with writing(bob.house.database) as connection:
        await connection.execute(update(tables.events).values(detail=WORDS))
        await connection.execute(update(tables.attempts).values(error_message=WORDS))
        await connection.execute(update(tables.tasks).values(facts=SAID))
        await connection.execute(update(tables.outputs).values(facts=SAID, text=WORDS))
        await connection.execute(
            insert(tables.webhook_endpoints).values(
                id=1,
                account_id=bob.who.account_id,
                url=f"https://{WORDS}",
                events="[]",
                secret=WORDS.encode(),
                old_secrets=WORDS,
                active=True,
                created_at=1.0,
                changed_at=1.0,
            )
        )
        await connection.execute(
            insert(tables.deliveries).values(
                id=1,
                task_id=0,
                account_id=bob.who.account_id,
                endpoint_id=1,
                line="",
                sequence=1,
                type="",
                url=f"https://{WORDS}",
                body=WORDS.encode(),
                state="pending",
                tries=0,
                created_at=1.0,
            )
        )
        await connection.execute(
            insert(tables.delivery_tries).values(delivery_id=1, number=1, at=1.0, latency_ms=1, answer=WORDS.encode())
        )
    before = await bob.entries()
    assert len(before) == 6
    assert WORDS.encode() in await bob.everything()
    done = await bob.erasure().erase("bob")
    assert (done.tasks, done.running, done.done) == (3, 0, True)
    assert done.pseudonym.startswith("erased-")
    assert WORDS.encode() not in await bob.everything()
    assert b"'bob'" not in await bob.everything()
    assert bob.files() == []
    assert await bob.entries() == before
    async with reading(bob.house.database) as connection:
        assert await connection.run_sync(audit.check) == []
        charged = await connection.execute(text("SELECT model, charged FROM tasks"))
        assert [tuple(one) for one in charged.all()] == [("kling-v2-5-turbo", 500_000)] * 3
    with pytest.raises(GatewayError, match="no account 'bob'"):
        await bob.erasure().erase("bob")


async def test_a_librarys_file_goes_with_the_account_and_not_with_a_task(bob: Bob) -> None:
    library = await bob.place(input_key(bob.who.account_id, "png"))
    item = MediaInput("image", object_key=library, asset_id=7)
    ended = await bob.house.tasks.create(bob.who, text_to_video(inputs=(item,)), "tasks")
    await bob.house.pass_time(60, 5)
    bob.house.provider.polls = [Running()]
    await bob.house.tasks.create(bob.who, text_to_video(inputs=(item,)), "tasks")
    done = await bob.erasure().erase("bob", force=True)
    assert (done.tasks, done.running) == (1, 1), ended
    assert await bob.storage.size(library) is not None, "what still runs may need it"
    bob.house.provider.polls = [DONE]
    await bob.house.pass_time(60, 5)
    assert (await bob.erasure().erase("bob", force=True)).done
    assert bob.files() == []


@pytest.mark.parametrize("survived", range(3))
async def test_killed_in_the_middle_it_goes_on(bob: Bob, survived: int) -> None:
    await bob.task()
    await bob.house.pass_time(60, 5)
    await bob.task("second")
    await bob.house.pass_time(60, 5)
    await bob.place(input_key(bob.who.account_id, "png"))
    bob.kills = [0, *([1] * survived)]
    try:
        await bob.erasure().erase("bob")
    except Killed:
        assert await bob.house.keys.list() == []
    else:
        assert survived == 2
    bob.kills.clear()
    if survived == 1:
        await bob.erasure().resume()  # as the next start does
    elif survived == 0:
        await bob.erasure().erase("bob")
    assert WORDS.encode() not in await bob.everything()
    assert bob.files() == []


async def test_what_runs_is_a_reason_to_refuse_unless_forced(bob: Bob) -> None:
    bob.house.provider.polls = [Running()]
    task = await bob.task()
    with pytest.raises(GatewayError, match="1 task") as caught:
        await bob.erasure().erase("bob")
    assert caught.value.code == "conflict"
    assert WORDS.encode() in await bob.everything()
    done = await bob.erasure().erase("bob", force=True)
    assert (done.running, done.done) == (1, False)
    bob.house.provider.polls = [DONE]
    await bob.house.pass_time(60, 5)
    await bob.erasure().resume()
    assert WORDS.encode() not in await bob.everything()
    assert bob.files() == []
    found = await bob.house.reads.task(task.id)
    assert found is not None
    assert found[0].charged == 500_000  # the upstream did the work


async def test_what_a_late_request_made_is_swept_too(bob: Bob) -> None:
    erasure = bob.erasure()
    await erasure.erase("bob")
    await bob.task()  # its key was checked a moment before
    await bob.house.pass_time(60, 5)
    await erasure.resume()
    assert WORDS.encode() not in await bob.everything()
    bob.house.clock.advance(3700)
    await erasure.resume()
    async with reading(bob.house.database) as connection:
        assert (await connection.execute(select(tables.erasures.c.done_at))).scalar_one() is not None


async def test_the_operators_own_account_stays(bob: Bob) -> None:
    await bob.house.keys.create("boss", account="ops", admin=True)
    for name in ("default", "ops"):
        with pytest.raises(GatewayError, match="operator's own"):
            await bob.erasure().erase(name, force=True)
    with pytest.raises(GatewayError, match="no account"):
        await bob.erasure().erase("nobody")


def test_over_the_api(folder: Path, kling: FakeKling) -> None:
    kling.autofinish(0.05)
    with LiveServer(folder, kling_channel(kling.base_url, API_KEY)) as server:
        body = {"model": "kling-v2-5-turbo", "prompt": WORDS}
        task = server.call("POST", "/v1/tasks", body, key=OTHER_KEY).json["id"]
        server.until(f"/v1/tasks/{task}", lambda found: found["status"] == "succeeded", key=OTHER_KEY)
        link = server.call("GET", f"/v1/tasks/{task}", key=OTHER_KEY).json["outputs"][0]["url"]
        assert server.call("GET", link, key=None).status == 200
        assert server.call("POST", "/admin/v1/accounts/other/erase", {}, key=OTHER_KEY).status == 403
        shown = server.call("GET", "/admin/v1/accounts/other", key=ADMIN_KEY).json
        assert (shown["tasks"], shown["keys"]) == (1, 1)
        done = server.call("POST", "/admin/v1/accounts/other/erase", {}, key=ADMIN_KEY).json
        assert done["done"]
        assert server.call("GET", f"/v1/tasks/{task}", key=OTHER_KEY).status == 401
        assert server.call("GET", link, key=None).status == 404
        assert server.files("*.mp4") == []
        names = [one["name"] for one in server.call("GET", "/admin/v1/accounts", key=ADMIN_KEY).json["data"]]
        assert names == ["default", done["pseudonym"]]
    with closing(sqlite3.connect(server.data / "telecine.db")) as database:
        assert WORDS not in "\n".join(database.iterdump())


def folder_says(data: Path, words: str) -> list[str]:
    """The files of a data folder in which `words` stand, free pages and write-ahead logs included."""
    return sorted(
        str(file.relative_to(data))
        for file in data.rglob("*")
        if file.is_file() and (words.encode() in file.read_bytes() or words in file.name)
    )


def test_no_file_says_it_any_more_when_it_is_said_to_be_done(folder: Path) -> None:
    """The sandbox keeps jobs in files of its own; SQLite keeps deleted rows in free pages and in its log."""
    with LiveServer(folder) as server:
        for number in range(12):
            body = {"model": "storyboard-1", "prompt": f"{WORDS} {number} {'x' * 2400}", "size": "64x64"}
            assert server.call("POST", "/v1/tasks", body, key=OTHER_KEY).status in (200, 201)
        video = {"model": "sora-2", "prompt": f"{WORDS} [[fail:content_policy]]"}
        task = server.call("POST", "/v1/tasks", video, key=OTHER_KEY).json["id"]
        server.until(f"/v1/tasks/{task}", lambda found: found["status"] == "failed", key=OTHER_KEY)
        mine = server.call("POST", "/v1/tasks", {"model": "sora-2", "prompt": "mine"}).json["id"]
        server.ended(mine)
        server.until("/v1/tasks?status=succeeded&limit=100", lambda found: len(found["data"]) == 12, key=OTHER_KEY)
        assert {"telecine.db-wal"} < set(folder_says(server.data, WORDS))
        assert _sandbox_jobs(server.data) == 14
        assert server.call("POST", "/admin/v1/accounts/other/erase", {}, key=ADMIN_KEY).json["done"]
        assert folder_says(server.data, WORDS) == []
        assert _sandbox_jobs(server.data) == 1
        left = [path.name for path in (server.data / "sandbox").iterdir() if not path.name.startswith("jobs.db")]
        assert len(left) == 1, "what was drawn for the other account's job"


def _sandbox_jobs(data: Path) -> int:
    with closing(sqlite3.connect(data / "sandbox" / "jobs.db")) as jobs:
        return int(jobs.execute("SELECT count(*) FROM jobs").fetchone()[0])


async def test_an_erasure_is_not_done_while_somebody_reads_what_was(bob: Bob) -> None:
    await bob.task()
    await bob.house.pass_time(60, 5)
    async with snapshot(bob.house.database) as connection:
        assert (await connection.execute(select(tables.tasks.c.id))).all()
        done = await bob.erasure().erase("bob")
        assert (done.running, done.logged, done.done) == (0, True, False)
    done = await bob.erasure().erase("bob")
    assert (done.logged, done.done) == (False, True)
    assert folder_says(bob.folder, WORDS) == []
