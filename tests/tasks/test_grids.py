"""Pictures that were asked for as a grid are shown together, once they are kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from telecine.net.client import FetchError
from telecine.nouns.parameters import ImageParameters
from telecine.nouns.request import GenerationRequest
from telecine.providers.outcomes import Finished, Succeeded, UpstreamOutput
from telecine.tasks.view import View
from telecine.webhooks.delivery import Message, Tidings
from tests.tasks.conftest import records
from tests.tasks.scripted import House

FOUR = tuple(UpstreamOutput(f"https://files.example/{number}.png", "image") for number in range(4))
OWN = UpstreamOutput("https://files.example/all.png", "image", item=0, part="grid")
REQUEST = GenerationRequest(
    "text_to_image", "midjourney", "a paper boat", count=4, parameters=ImageParameters(grid=True)
)


@pytest.fixture(autouse=True, params=["sqlite"])
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is written is written by steps that are tested on every database."""
    yield from records(request, monkeypatch)


async def made(house: House, *outputs: UpstreamOutput, request: GenerationRequest = REQUEST) -> View:
    house.provider.submits = [Finished(Succeeded(outputs))]
    view = await house.tasks.create(house.me, request, "tasks")
    await house.engine.drain()
    return await house.tasks.get(house.me, view.task.id)


async def test_four_pictures_become_a_grid_as_well(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        view = await made(house, *FOUR)
        assert [(one.part, one.item, one.state) for one in view.outputs] == [
            *(("main", number, "stored") for number in range(4)),
            ("grid", 0, "stored"),
        ]
        assert house.shelf.drawn == [tuple(one.object_key or "" for one in view.outputs[:4])]
        await house.tasks.delete(house.me, view.task.id)
        await house.pass_time(8 * 86400, 86400)
        assert view.outputs[4].object_key in house.shelf.forgotten


@pytest.mark.parametrize(
    ("outputs", "request_"),
    [
        ((*FOUR, OWN), REQUEST),
        (FOUR[:1], REQUEST),
        (FOUR, msgspec.structs.replace(REQUEST, parameters=None)),
    ],
    ids=["its upstream made one", "one picture", "none was asked for"],
)
async def test_none_is_drawn(tmp_path: Path, outputs: tuple[UpstreamOutput, ...], request_: GenerationRequest) -> None:
    async with House(tmp_path).opened() as house:
        view = await made(house, *outputs, request=request_)
        assert (view.task.state, len(view.outputs), house.shelf.drawn) == ("succeeded", len(outputs), [])


async def test_one_that_cannot_be_drawn_fails_nothing(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.shelf.undrawable = True
        view = await made(house, *FOUR)
        assert (view.task.state, len(view.outputs)) == ("succeeded", 4)


async def test_it_is_drawn_once_the_last_of_them_is_kept(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        house.shelf.failures = [FetchError("later") for _ in range(12)]
        view = await made(house, *FOUR)
        for _ in range(20):  # tries are ever farther apart, give or take a fifth
            await house.pass_time(4)
            view = await house.tasks.get(house.me, view.task.id)
            if len(view.outputs) == 5:
                break
            assert house.shelf.drawn == []
        assert (view.task.state, view.outputs[4].part, len(house.shelf.drawn)) == ("succeeded", "grid", 1)


async def test_whoever_is_told_of_the_end_is_told_of_it(tmp_path: Path) -> None:
    told: list[tuple[str, int]] = []

    def announce(view: View, tidings: Tidings) -> Message | None:
        told.append((tidings.type, len(view.outputs)))
        return None

    async with House(tmp_path, announcers={"tasks": announce}).opened() as house:
        await made(house, *FOUR, request=msgspec.structs.replace(REQUEST, callback_url="https://app.example/hook"))
    assert told[-1] == ("task.succeeded", 5)
