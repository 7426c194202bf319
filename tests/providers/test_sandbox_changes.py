"""What the sandbox makes of a picture that is there, and what it says of one: true, and seen in the files."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from msgspec.structs import replace
from PIL import Image, ImageDraw

from telecine.nouns.parameters import ChangeParameters, ImageParameters, VideoParameters
from telecine.nouns.request import GenerationRequest, Reference
from telecine.providers.base import Source
from telecine.providers.outcomes import Refused
from tests.providers.drawn import BLUE, RED, Sandbox, asked, frames, near, picture, standing, still

pytestmark = pytest.mark.asyncio(loop_scope="module")

GRID = GenerationRequest(
    "text_to_image", "m", "a boat", count=4, size="96x64", parameters=ImageParameters(grid=True, speed="turbo")
)
PARENT = Reference(task=7)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sandbox]:
    async with standing(tmp_path_factory.mktemp("sandbox")) as one:
        yield one


class Grid:
    """Four pictures, and the job that made them."""

    def __init__(self, source: Source, contents: list[bytes]) -> None:
        self.source = source
        self.contents = contents


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def grid(sandbox: Sandbox) -> Grid:
    _, contents = await sandbox.made(GRID)
    return Grid(Source(str(sandbox.number), GRID), contents)


def change(operation: str, count: int = 1, **parameters: Any) -> GenerationRequest:
    """One that goes on from the grid."""
    given = ChangeParameters(**parameters)
    return GenerationRequest(operation, "m", count=count, parameters=given, source=PARENT)


def sent(operation: str, *roles: Any, count: int = 1, **parameters: Any) -> GenerationRequest:
    """One of pictures that are sent."""
    request = asked(operation, *roles, size=None, prompt="", count=count)
    return replace(request, parameters=ChangeParameters(**parameters) if parameters else None)


def halves() -> bytes:
    """A picture that is red on the left, and white on the right."""
    image = Image.new("RGB", (120, 80), RED)
    ImageDraw.Draw(image).rectangle((60, 0, 119, 79), fill="white")
    return written(image)


def mask(*, transparent: bool) -> bytes:
    """What covers the right half."""
    image = Image.new("RGBA", (60, 40), "black")
    ImageDraw.Draw(image).rectangle((30, 0, 59, 39), fill=(0, 0, 0, 0) if transparent else "white")
    return written(image)


def written(image: Image.Image) -> bytes:
    content = io.BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


def apart(one: Image.Image, other: Image.Image) -> float:
    """How far two pictures of one size differ, on average."""
    pairs = zip(one.tobytes(), other.tobytes(), strict=True)
    return sum(abs(left - right) for left, right in pairs) / len(one.tobytes())


async def test_a_grid_is_four_different_pictures(grid: Grid) -> None:
    assert len(set(grid.contents)) == 4
    assert {still(one).size for one in grid.contents} == {(96, 64)}


@pytest.mark.parametrize("style", ["subtle", "creative"])
async def test_an_upscale_is_that_picture_and_larger(sandbox: Sandbox, grid: Grid, style: str) -> None:
    _, (content,) = await sandbox.made(change("upscale", index=3, style=style, factor=2), grid.source)
    assert still(content).size == (192, 128)
    nearness = [apart(still(content).resize((96, 64)), still(one)) for one in grid.contents]
    assert nearness.index(min(nearness)) == 2


async def test_an_output_names_the_picture_as_well_as_a_number(sandbox: Sandbox, grid: Grid) -> None:
    request = replace(change("upscale"), source=Reference(task=7, output=1))
    _, named = await sandbox.made(request, replace(grid.source, item=1))
    _, numbered = await sandbox.made(change("upscale", index=2), grid.source)
    _, first = await sandbox.made(change("upscale"), grid.source)
    assert named == numbered != first


async def test_variations_are_four_new_pictures_much_like_that_one(sandbox: Sandbox, grid: Grid) -> None:
    _, strong = await sandbox.made(change("vary", 4, index=2, strength="strong"), grid.source)
    _, subtle = await sandbox.made(change("vary", 4, index=2, strength="subtle"), grid.source)
    assert len({*strong, *subtle, *grid.contents}) == 12
    base = still(grid.contents[1])
    assert max(apart(still(one), base) for one in subtle) < min(apart(still(one), base) for one in strong)


async def test_a_reroll_is_the_same_request_with_other_pictures(sandbox: Sandbox, grid: Grid) -> None:
    outcome, contents = await sandbox.made(change("reroll", 4), grid.source)
    assert len({*contents, *grid.contents}) == 8
    assert {still(one).size for one in contents} == {(96, 64)}
    again = Source(str(sandbox.number))
    assert outcome.usage.images == 4
    _, more = await sandbox.made(change("reroll", 4), again)
    assert len({*contents, *more}) == 8


async def test_a_zoom_steps_back_from_the_picture(sandbox: Sandbox) -> None:
    _, (content,) = await sandbox.made(sent("zoom", "image", factor=2))
    shown = still(content)
    assert shown.size == (120, 160)
    assert near(shown.getpixel((60, 80)), RED)
    assert not near(shown.getpixel((20, 80)), RED)
    assert not near(shown.getpixel((60, 30)), RED)


async def test_a_zoom_may_have_another_shape_and_does_not_bend_the_picture(sandbox: Sandbox) -> None:
    request = replace(sent("zoom", "image", factor=1.5), aspect_ratio="2:1")
    shown = still((await sandbox.made(request))[1][0])
    assert shown.size == (240, 120)
    red = [(x, y) for x in range(240) for y in range(120) if near(shown.getpixel((x, y)), RED)]
    wide, high = (max(one[side] for one in red) - min(one[side] for one in red) + 1 for side in (0, 1))
    assert [wide, high] == pytest.approx([60, 80], abs=2)


@pytest.mark.parametrize(
    ("direction", "size", "inside", "outside"),
    [
        ("left", (180, 160), (150, 80), (20, 80)),
        ("right", (180, 160), (20, 80), (150, 80)),
        ("up", (120, 240), (60, 200), (60, 30)),
        ("down", (120, 240), (60, 30), (60, 200)),
    ],
)
async def test_a_pan_goes_on_to_that_side(
    sandbox: Sandbox, direction: str, size: Any, inside: Any, outside: Any
) -> None:
    shown = still((await sandbox.made(sent("pan", "image", direction=direction)))[1][0])
    assert shown.size == size
    assert near(shown.getpixel(inside), RED)
    assert not near(shown.getpixel(outside), RED)


@pytest.mark.parametrize(
    ("operation", "transparent"), [("inpaint", True), ("inpaint", False), ("image_to_image", True)]
)
async def test_what_the_mask_covers_is_drawn_anew_and_nothing_else(
    sandbox: Sandbox, operation: str, *, transparent: bool
) -> None:
    request = replace(sent(operation, "image", "mask", count=2), prompt="a gull", size="120x80")
    _, contents = await sandbox.made(request, image=halves(), mask=mask(transparent=transparent))
    before = still(halves())
    assert len(set(contents)) == 2
    for content in contents:
        shown = still(content)
        assert shown.crop((0, 0, 60, 80)).tobytes() == before.crop((0, 0, 60, 80)).tobytes()
        assert apart(shown.crop((60, 0, 120, 80)), before.crop((60, 0, 120, 80))) > 20


async def test_a_blend_has_something_of_each(sandbox: Sandbox) -> None:
    request = replace(asked("blend", "image", "image", count=2), aspect_ratio="1:1", size=None)
    _, contents = await sandbox.made(request, image=[picture(RED), picture(BLUE)])
    shown = [still(one).getpixel((40, 40)) for one in contents]
    assert shown[0] != shown[1]
    for red, _, blue in shown:  # type: ignore[misc]
        assert red > 60
        assert blue > 60
    assert still(contents[0]).size[0] == still(contents[0]).size[1]


async def test_another_texture_keeps_the_shapes(sandbox: Sandbox) -> None:
    shown = still((await sandbox.made(sent("midjourney:retexture", "image"), image=halves()))[1][0])
    assert shown.size == (120, 80)
    assert not near(shown.getpixel((30, 20)), RED)
    assert near(shown.getpixel((90, 20)), (255, 255, 255))


async def test_a_face_is_put_in_the_place_of_another(sandbox: Sandbox) -> None:
    request = sent("swap_face", "person", "image")
    shown = still((await sandbox.made(request, image=picture(RED), person=picture(BLUE)))[1][0])
    assert shown.size == (120, 160)
    assert near(shown.getpixel((60, 46)), BLUE)
    assert near(shown.getpixel((60, 140)), RED)


async def test_a_description_is_true(sandbox: Sandbox) -> None:
    outcome, contents = await sandbox.made(sent("describe", "image"), image=halves())
    (output,) = outcome.outputs
    assert contents == []
    lines = (output.text or "").split("\n\n")
    assert [line[0] for line in lines] == ["1", "2", "3", "4"]
    assert all("--ar 3:2" in line for line in lines)
    assert "120 x 80 pixels" in lines[0]
    assert all(word in lines[1] for word in ("red", "white", "50 %"))
    assert "landscape" in lines[2]


async def test_a_shorter_prompt_is_a_text(sandbox: Sandbox) -> None:
    outcome, _ = await sandbox.made(GenerationRequest("shorten", "m", "a boat in the fog"))
    assert [(one.kind, one.text) for one in outcome.outputs] == [
        ("text", "1\ufe0f\u20e3 boat fog\n\n2\ufe0f\u20e3 boat")
    ]


async def test_a_video_begins_with_that_picture_and_each_clip_goes_its_own_way(sandbox: Sandbox, grid: Grid) -> None:
    parameters = VideoParameters(motion="high", index=4, speed="fast")
    request = GenerationRequest("image_to_video", "m", count=2, duration=0.25, size="96x64", source=PARENT)
    request = replace(request, parameters=parameters)
    outcome, contents = await sandbox.made(request, grid.source)
    assert len(set(contents)) == 2
    assert outcome.usage.seconds == 0.5
    first = frames(contents[0])[0]
    nearness = [apart(first, still(one)) for one in grid.contents]
    assert nearness.index(min(nearness)) == 3
    extended = GenerationRequest("extend", "m", duration=0.25, parameters=VideoParameters(index=2), source=PARENT)
    _, (longer,) = await sandbox.made(extended, Source(str(sandbox.number), request))
    before, after = frames(contents[1]), frames(longer)
    assert len(after) == 12
    assert apart(before[3], after[3]) < apart(frames(contents[0])[3], after[3])


async def test_a_loop_ends_as_it_begins_and_little_moves_where_little_is_to(sandbox: Sandbox) -> None:
    plain = asked("image_to_video", "image", duration=0.5, prompt="")
    moves = {}
    ways = {"high": VideoParameters(motion="high"), "low": VideoParameters(motion="low")}
    for name, parameters in {**ways, "loop": VideoParameters(loop=True)}.items():
        _, (content,) = await sandbox.made(replace(plain, parameters=parameters), image=halves())
        shown = [one.crop((0, 0, 320, 120)) for one in frames(content)]
        moves[name] = apart(shown[0], shown[-1])
    assert moves["loop"] < moves["low"] < moves["high"]


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (change("upscale", index=5), "parameters.index"),
        (change("upscale", index=0), "parameters.index"),
        (replace(change("vary", index=1), source=Reference(task=8)), "source"),
        (replace(change("reroll"), source=Reference(task=8)), "source"),
        (sent("inpaint", "image"), "inputs.mask"),
        (sent("pan", "image", direction="inwards"), "parameters.direction"),
        (GenerationRequest("shorten", "m", "boat"), "prompt"),
    ],
    ids=["no such picture", "counted from 1", "a source of nobody", "nothing to reroll", "no mask", "no side", "short"],
)
async def test_what_cannot_be_changed_is_refused(
    sandbox: Sandbox, grid: Grid, request_: GenerationRequest, param: str
) -> None:
    outcome = await sandbox.submit(request_, grid.source if request_.source == PARENT else Source("gone"))
    assert isinstance(outcome, Refused)
    assert outcome.error.param == param


async def test_a_picture_that_cannot_be_read_is_not_described(sandbox: Sandbox) -> None:
    outcome = await sandbox.submit(sent("describe", "image"), image=b"<html>")
    assert isinstance(outcome, Refused)
    assert outcome.error.param == "inputs"


async def test_prices_see_how_it_is_asked_for(sandbox: Sandbox) -> None:
    check = sandbox.provider.check
    larger = check(change("upscale", style="creative", factor=4, speed="relax"), "m")
    assert (larger.style, larger.factor, larger.speed) == ("creative", 4, "relax")
    assert (larger.size, larger.aspect_ratio, larger.resolution) == (None, None, None)
    assert check(GRID, "m").speed == "turbo"
    clip = GenerationRequest("image_to_video", "m", parameters=VideoParameters(motion="low"), source=PARENT)
    assert (check(clip, "m").motion, check(clip, "m").size) == ("low", None)
    said = replace(sent("describe", "image"), parameters=ChangeParameters(speed="fast"))
    assert check(said, "m").speed == "fast"
