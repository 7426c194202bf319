"""A file of a library is uploaded to a channel's upstream once, for all tasks that use it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import insert, select

from telecine.config import ChannelConfig
from telecine.net.client import FetchError
from telecine.nouns.errors import GatewayError
from telecine.nouns.request import MediaInput
from telecine.providers.base import Channel, EachAnew, MediaReader, Submission, Uploaded
from telecine.providers.outcomes import NeverSent, Refused
from telecine.store import tables
from tests.records import writing
from tests.tasks.scripted import TRAITS, House, Scripted, refusal, text_to_video

CAT = MediaInput("first_frame", object_key="a1/s7/cat.png", sha256="ab", asset_id=7)
OWN = MediaInput("first_frame", object_key="a1/in/own.png", sha256="ab")


class Uploading(Scripted):
    """Uploads the first input of each request before it sends that."""

    def __init__(self) -> None:
        super().__init__(traits=replace(TRAITS, prepares=True))
        self.outcomes: list[Any] = []
        """What uploads come to; a name that counts them where nothing is left."""
        self.lasting: float | None = None
        self.uploads = 0
        self.gone = False

    async def prepare(self, channel: Channel, submission: Submission, media: MediaReader) -> Any:
        (item,) = submission.request.inputs
        if self.gone:
            self.gone = False
            await submission.uploads.forget(item)
        found = await submission.uploads.name_of(item, self._put)
        return found.encode() if isinstance(found, str) else found

    async def _put(self) -> Uploaded | Refused | NeverSent:
        self.uploads += 1
        await asyncio.sleep(0)
        if self.outcomes:
            outcome = self.outcomes.pop(0)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome  # type: ignore[no-any-return]
        return Uploaded(f"file-{self.uploads}", self.lasting)

    @property
    def named(self) -> list[str]:
        """What the jobs called their file."""
        return [(one.prepared or b"").decode() for one in self.sent]


def house_of(folder: Path, provider: Uploading, *channels: str) -> House:
    """With a channel at an address of its own for each of the names."""
    given = [
        ChannelConfig(name=one, provider="scripted", base_url=f"https://{one}.example", priority=-number)
        for number, one in enumerate(channels or ("main",))
    ]
    return House(folder, given, [provider])


async def kept_in(house: House) -> None:
    """Put the file into the library of the house."""
    row: dict[str, Any] = {
        "id": CAT.asset_id,
        "account_id": house.me.account_id,
        "name": "cat",
        "state": "ready",
        "bytes": 9,
    }
    row |= {"tries": 0, "created_at": 0.0, "updated_at": 0.0}
    async with writing(house.database) as connection:
        await connection.execute(insert(tables.assets).values(row))


async def make(house: House, item: MediaInput = CAT) -> Any:
    return await house.tasks.create(house.me, text_to_video(operation="image_to_video", inputs=(item,)), "tasks")


async def test_once_for_all_tasks(tmp_path: Path) -> None:
    provider = Uploading()
    async with house_of(tmp_path, provider).opened() as house:
        await kept_in(house)
        await asyncio.gather(*(make(house) for _ in range(3)))
        await make(house)
        assert (provider.uploads, provider.named) == (1, ["file-1"] * 4)


@pytest.mark.one_process("nothing is left for another one")
async def test_what_came_with_a_request_goes_with_it(tmp_path: Path) -> None:
    provider = Uploading()
    async with house_of(tmp_path, provider).opened() as house:
        await make(house, OWN)
        await make(house, OWN)
        assert provider.named == ["file-1", "file-2"]


@pytest.mark.one_process("nothing is left for another one")
async def test_one_that_is_about_to_go_is_uploaded_anew(tmp_path: Path) -> None:
    provider = Uploading()
    async with house_of(tmp_path, provider).opened() as house:
        await kept_in(house)
        provider.lasting = house.clock.now() + 3600
        await make(house)
        house.clock.advance(2900)
        await make(house)
        assert provider.uploads == 1
        house.clock.advance(200)
        provider.lasting = None
        await make(house)
        house.clock.advance(1e9)
        await make(house)
        assert provider.named == ["file-1", "file-1", "file-2", "file-2"]


@pytest.mark.one_process("nothing is left for another one")
async def test_each_channel_has_its_own(tmp_path: Path) -> None:
    provider = Uploading()
    async with house_of(tmp_path, provider, "one", "two").opened() as house:
        await kept_in(house)
        await make(house)
        house.trouble("one", 60)
        await make(house)
        assert provider.named == ["file-1", "file-2"]
        rows = await house.database.rows(select(tables.uploads).order_by(tables.uploads.c.channel))
        assert [(row.channel, row.address, row.upstream_id) for row in rows] == [
            ("one", "https://one.example", "file-1"), ("two", "https://two.example", "file-2"),
        ]  # fmt: skip


@pytest.mark.one_process("nothing is left for another one")
async def test_what_the_upstream_has_no_more_is_uploaded_anew(tmp_path: Path) -> None:
    provider = Uploading()
    async with house_of(tmp_path, provider).opened() as house:
        await kept_in(house)
        await make(house)
        provider.gone = True
        await make(house)
        assert provider.named == ["file-1", "file-2"]


@pytest.mark.one_process("nothing is left for another one")
@pytest.mark.parametrize(
    ("outcome", "message"),
    [
        (Refused(refusal()), "refused"),
        (GatewayError("too_large", "The file is larger than that."), "larger"),
    ],
)
async def test_an_upload_that_is_refused_refuses_the_task(tmp_path: Path, outcome: Any, message: str) -> None:
    provider = Uploading()
    provider.outcomes = [outcome]
    async with house_of(tmp_path, provider).opened() as house:
        await kept_in(house)
        with pytest.raises(GatewayError, match=message):
            await make(house)
        await make(house)
        assert (provider.uploads, provider.named) == (2, ["file-2"]), "nothing was remembered"


@pytest.mark.parametrize("outcome", [NeverSent("no connection"), FetchError("cut short")])
async def test_an_upload_that_does_not_get_through_is_tried_again(tmp_path: Path, outcome: Any) -> None:
    provider = Uploading()
    provider.outcomes = [outcome]
    async with house_of(tmp_path, provider).opened() as house:
        await kept_in(house)
        await make(house)
        await house.pass_time(60)
        assert (provider.uploads, provider.named) == (2, ["file-2"])


@pytest.mark.one_process("nothing is left for another one")
async def test_a_file_that_leaves_the_library_takes_its_names_along(tmp_path: Path) -> None:
    provider = Uploading()
    async with house_of(tmp_path, provider).opened() as house:
        await kept_in(house)
        await make(house)
        async with writing(house.database) as connection:
            await connection.execute(tables.asset_uses.delete())
            await connection.execute(tables.assets.delete())
        assert not await house.database.rows(select(tables.uploads))
        await make(house)
        assert not await house.database.rows(select(tables.uploads)), "and nothing is kept of one that is in none"


async def test_where_nothing_is_remembered_each_is_uploaded() -> None:
    names = iter(["a", "b"])

    async def put() -> Uploaded:
        return Uploaded(next(names))

    anew = EachAnew()
    assert [await anew.name_of(CAT, put), await anew.name_of(CAT, put)] == ["a", "b"]
    await anew.forget(CAT)
