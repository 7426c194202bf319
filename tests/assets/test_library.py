"""Files of libraries: added, read, found, changed, deleted; whose they are, and what they count."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.requests import Request

from telecine.accounts.principal import Principal
from telecine.assets.asset import Changes, Filter, GroupChanges, Wanted
from telecine.assets.library import AT_ONCE
from telecine.dialects.assets.adding import added
from telecine.media.links import Signer
from telecine.nouns.errors import GatewayError
from telecine.nouns.request import MediaInput
from tests.assets.house import BOTH, ME, OTHER, House
from tests.media.fakes import BMP, HTML, MP4, PNG, WAV, chunked, files_in


async def refused(call: Awaitable[object]) -> GatewayError:
    with pytest.raises(GatewayError) as caught:
        await call
    return caught.value


@BOTH
async def test_a_file_is_looked_at_stored_and_counted(house: House) -> None:
    made = await house.add(MP4, name="clip")
    assert (made.state, made.kind, made.content_type, made.name) == ("ready", "video", "video/mp4", "clip")
    assert (made.width, made.height, made.duration, made.bytes, len(made.sha256 or "")) == (1280, 720, 5.0, 5012, 64)
    folder, _, name = (made.object_key or "").rpartition("/")
    assert folder == f"a1/s{made.id}"
    assert house.files == sorted([f"{folder}/{name}", f"{folder}/{name[:-4]}.poster.jpg"])
    assert made == await house.assets.get(ME, made.id)
    assert await house.totals() == (1, 5012, 0)
    assert files_in(house.tmp) == []


@BOTH
async def test_anothers_file_is_not_there(house: House) -> None:
    mine, group = await house.add(), await house.assets.groups.create(ME, "faces")
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: house.assets.get(OTHER, mine.id),
        lambda: house.assets.update(OTHER, mine.id, Changes(name="x")),
        lambda: house.assets.remove(OTHER, mine.id),
        lambda: house.assets.groups.get(OTHER, group.id),
        lambda: house.assets.groups.update(OTHER, group.id, GroupChanges(name="x")),
        lambda: house.assets.groups.remove(OTHER, group.id),
        lambda: house.add(principal=OTHER, group_id=group.id),
        lambda: house.assets.add_url(OTHER, "https://example.com/a.png", Wanted(group_id=group.id)),
    ]
    for call in calls:
        assert (await refused(call())).code == "not_found"
    theirs = await house.add(principal=OTHER)
    assert (await refused(house.assets.update(OTHER, theirs.id, Changes(group_id=group.id)))).code == "not_found"
    assert (await refused(house.assets.resolve(OTHER, mine.id))).code == "not_found"
    assert (await house.assets.list(OTHER, Filter(limit=5))).assets == (theirs,)
    assert (await house.assets.groups.list(OTHER, Filter(limit=5))).groups == ()
    assert await house.totals(2) == (1, len(PNG), 0)


async def test_it_becomes_an_input_in_the_role_of_its_kind(house: House) -> None:
    made, sound = await house.add(), await house.add(WAV)
    assert await house.assets.resolve(ME, made.id) == MediaInput(
        "image",
        object_key=made.object_key,
        content_type="image/png",
        bytes=len(PNG),
        sha256=made.sha256,
        width=640,
        height=480,
        asset_id=made.id,
    )
    assert (await house.assets.resolve(ME, sound.id)).role == "audio"


async def test_what_cannot_be_an_input_is_refused(house: House) -> None:
    waiting, gone = await house.assets.add_url(ME, "https://example.com/a.png", Wanted()), await house.add()
    await house.assets.remove(ME, gone.id)
    error = await refused(house.assets.resolve(ME, waiting.id))
    assert (error.code, error.message) == ("conflict", "The asset 'a.png' is not ready yet.")
    assert (await refused(house.assets.resolve(ME, gone.id))).code == "not_found"


async def test_what_is_no_media_or_another_kind_leaves_nothing(house: House) -> None:
    for content, kind, words in (
        (HTML, None, "needs an image, a video or a sound that can be read"),
        (MP4, "image", "needs an image, not a video"),
        (BMP, None, "is of the type image/bmp"),
    ):
        error = await refused(house.add(content, kind=kind))
        assert (error.code, error.param) == ("invalid_request", "file")
        assert words in error.message
    house.bounded(asset_size=1000)
    assert (await refused(house.add(MP4))).code == "too_large"
    house.decoders.crashing = True
    assert (await refused(house.add())).code == "capacity"
    assert (house.files, files_in(house.tmp), await house.totals()) == ([], [], (0, 0, 0))


async def test_bad_names_are_refused_before_anything_is_read(house: House) -> None:
    read = False

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        read = True
        yield PNG

    for name in ("", "  ", "a\0b", "x" * 201):
        error = await refused(house.assets.add(ME, body(), Wanted(name=name)))
        assert (error.code, error.param) == ("invalid_request", "name")
    house.bounded(assets=0)
    assert (await refused(house.assets.add(ME, body(), Wanted()))).param == "quota"
    assert not read


@BOTH
async def test_pages_searches_and_filters(house: House) -> None:
    group = await house.assets.groups.create(ME, "Faces", about="who plays", type="AIGC")
    first = await house.add(name="Mara 100%", group_id=group.id)
    second, third = await house.add(MP4, name="mara walks"), await house.add(name="A_tree")

    async def found(**wanted: object) -> list[int]:
        return [one.id for one in (await house.assets.list(ME, Filter(**{"limit": 9, **wanted}))).assets]  # type: ignore[arg-type]

    assert await found() == [third.id, second.id, first.id]
    assert await found(search="MARA") == [second.id, first.id]
    assert await found(search="0%") == [first.id]
    assert await found(search="a_") == [third.id]
    assert await found(search="\\") == []
    assert await found(kinds=("video",)) == [second.id]
    assert await found(groups=(group.id,)) == [first.id]
    assert await found(states=("failed",)) == []
    page = await house.assets.list(ME, Filter(limit=2, counted=True))
    assert (len(page.assets), page.has_more, page.total) == (2, True, 3)
    rest = await house.assets.list(ME, Filter(limit=2, after=second.id))
    assert ([one.id for one in rest.assets], rest.has_more, rest.total) == ([first.id], False, None)
    assert await found(offset=2) == [first.id]
    groups = await house.assets.groups.list(ME, Filter(limit=1, search="face", types=("AIGC",), counted=True))
    assert (groups.groups, groups.has_more, groups.total) == ((group,), False, 1)


@BOTH
async def test_renamed_moved_and_out_of_its_group(house: House) -> None:
    group, made = await house.assets.groups.create(ME, "faces"), await house.add(name="a")
    house.clock.advance(5)
    moved = await house.assets.update(ME, made.id, Changes(name=" b ", group_id=group.id))
    assert (moved.name, moved.group_id, moved.updated_at - moved.created_at) == ("b", group.id, 5)
    named = await house.assets.groups.update(ME, group.id, GroupChanges(about="who", type=None))
    assert named == await house.assets.groups.get(ME, group.id)
    assert await house.assets.groups.remove(ME, group.id) == named
    assert (await house.assets.get(ME, made.id)).group_id is None
    assert (await refused(house.assets.update(ME, made.id, Changes(group_id=group.id)))).code == "not_found"


async def test_a_deleted_file_counts_no_more_and_its_bytes_stay_for_now(house: House) -> None:
    made = await house.add()
    await house.assets.remove(ME, made.id)
    assert (await refused(house.assets.get(ME, made.id))).code == "not_found"
    assert (await refused(house.assets.remove(ME, made.id))).code == "not_found"
    assert (await house.assets.list(ME, Filter(limit=5))).assets == ()
    assert (await house.totals(), house.files) == ((0, 0, len(PNG)), [made.object_key])
    assert await house.assets.served(made.id) is None


async def test_deleting_does_not_make_room_without_end(house: House) -> None:
    """Else an account could fill the disk with what it deletes."""
    house.bounded(asset_bytes=len(PNG))
    for _ in range(2):
        made = await house.add()
        await house.assets.remove(ME, made.id)
    error = await refused(house.add())
    assert (error.code, error.param) == ("permission", "quota")
    assert "were deleted still lie in the library" in error.message


@BOTH
async def test_a_quota_holds_however_many_come_at_once(house: House) -> None:
    house.bounded(assets=3)
    twin = house.twin()
    answers = await asyncio.gather(*(one.add() for one in (house, twin) * 4), return_exceptions=True)
    await twin.database.close()
    errors = [one for one in answers if isinstance(one, GatewayError)]
    assert len(errors) == 5
    assert {(one.code, one.param) for one in errors} == {("permission", "quota")}
    assert await house.totals() == (3, 3 * len(PNG), 0)
    assert len(house.files) == 3
    house.bounded(assets=100, asset_bytes=5 * len(PNG))
    answers = await asyncio.gather(*(house.add() for _ in range(5)), return_exceptions=True)
    assert sum(isinstance(one, GatewayError) for one in answers) == 3
    assert await house.totals() == (5, 5 * len(PNG), 0)
    assert await house.totals(2) == (0, 0, 0)


async def test_a_body_that_cannot_fit_is_not_read_to_its_end(house: House) -> None:
    await house.add()
    house.bounded(asset_bytes=50)
    assert (await refused(house.add(MP4))).param == "quota", "it may have become less"
    house.bounded(asset_bytes=1000)
    error = await refused(house.add(MP4))
    assert (error.code, error.param) == ("permission", "quota")
    error = await refused(house.assets.add(ME, chunked(MP4), Wanted(), size=5012))
    assert (error.code, error.param) == ("permission", "quota")
    assert (await house.assets.quota(ME)).bytes == len(PNG)


async def test_one_account_sends_so_many_files_at_once(house: House) -> None:
    read: list[Principal] = []

    def call(who: Principal) -> Any:
        async def receive() -> dict[str, Any]:
            read.append(who)
            return {"type": "http.request", "body": PNG, "more_body": False}

        request = Request({"type": "http", "headers": [(b"content-type", b"image/png")]}, receive)
        edge = SimpleNamespace(assets=house.assets)
        return SimpleNamespace(request=request, principal=who, edge=edge, query=lambda _: None)

    async with AsyncExitStack() as held:
        for _ in range(AT_ONCE):
            await held.enter_async_context(house.assets.sending(ME))
        waiting = asyncio.create_task(added(call(ME)))
        assert (await added(call(OTHER))).account_id == 2
        assert read == [OTHER]
    assert (await waiting).account_id == 1


async def test_links_are_signed_and_end_with_the_file(house: House) -> None:
    made = await house.add(MP4)
    file, poster = house.assets.link(made), house.assets.link(made, "poster")
    assert file is not None
    assert poster is not None
    assert (file.rpartition("/")[2], poster.rpartition("/")[2]) == ("file.mp4", "poster.jpg")
    signer = Signer(b"s" * 32, "http://gateway")
    _, _, _, _, identity, ticket, name = file.split("/")
    assert signer.verify(identity, ticket, name, house.clock.now()) == (made.id, None, "file")
    assert signer.verify(identity, ticket, "poster.jpg", house.clock.now()) is None
    served = await house.assets.served(made.id)
    assert served is not None
    assert (served.object_key, served.poster_key) == (made.object_key, made.poster_key)
