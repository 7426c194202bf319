"""Pictures that are made of kept ones: a grid, a larger ground, a mask."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from telecine.media.collect import Collector
from telecine.media.pictures import Pictures
from telecine.media.storage import Storage, output_key
from telecine.net.client import FetchError
from telecine.nouns.task import Output
from tests.media.fakes import HTML, FakeDecoders, FakeSeen, files_in

COLOURS = ("red", "lime", "blue", "yellow")


class Decoders(FakeDecoders):
    async def probe(self, path: Path, account_id: int) -> FakeSeen:
        with Image.open(path) as one:
            return FakeSeen(f"image/{one.format}".lower(), "image", *one.size)


@pytest.fixture
def pictures(storage: Storage, folder: Path) -> Pictures:
    return Pictures(storage, Collector(storage, Decoders(), folder), folder)


async def put(storage: Storage, folder: Path, index: int, one: Image.Image | bytes) -> str:
    key, file = output_key(7, 55, index, "png"), folder / f"{index}.png"
    content = io.BytesIO()
    if isinstance(one, bytes):
        content.write(one)
    else:
        one.save(content, "PNG")
    file.write_bytes(content.getvalue())
    await storage.put_file(key, file, "image/png")
    file.unlink()
    return key


def read(root: Path, key: str | None) -> Image.Image:
    assert key is not None
    with Image.open(root / key) as one:
        return one.convert("RGBA")


async def test_four_pictures_are_shown_as_one(pictures: Pictures, storage: Storage, root: Path, folder: Path) -> None:
    shown = [Image.new("RGB", (60, 40), one) for one in COLOURS]
    keys = [await put(storage, folder, index, one) for index, one in enumerate(shown)]
    output = Output(task_id=55, index=4, part="grid", kind="image")
    made = await pictures.grid(keys, output, 7)
    assert (made.state, made.object_key, made.width, made.height) == ("stored", "a7/t55/4.jpg", 120, 80)
    assert (made.content_type, made.part) == ("image/jpeg", "grid")
    sheet = read(root, made.object_key)
    corners = [sheet.getpixel(at) for at in ((30, 20), (90, 20), (30, 60), (90, 60))]
    for corner, one in zip(corners, shown, strict=True):
        wanted = one.getpixel((0, 0))
        assert isinstance(corner, tuple)
        assert isinstance(wanted, tuple)
        assert max(abs(a - b) for a, b in zip(corner[:3], wanted, strict=True)) < 12
    assert await pictures.grid(keys, output, 7) == made, "drawn again, it is the same file"
    assert files_in(folder) == []


async def test_pictures_of_other_forms_are_whole_in_it(
    pictures: Pictures, storage: Storage, root: Path, folder: Path
) -> None:
    sizes = ((40, 40), (80, 40), (3000, 1500))
    keys = [await put(storage, folder, index, Image.new("RGB", one, "red")) for index, one in enumerate(sizes)]
    made = await pictures.grid(keys, Output(task_id=55, index=3, part="grid", kind="image"), 7)
    assert (made.width, made.height) == (80, 80)


async def test_a_picture_on_a_larger_ground_has_no_more_pixels(
    pictures: Pictures, storage: Storage, root: Path, folder: Path
) -> None:
    key = await put(storage, folder, 0, Image.new("RGB", (120, 80), "red"))
    image, mask = await pictures.canvas(key, (0.5, 0.5, 0.5, 0.5), 7, ("image", "mask"))
    assert (image.role, image.width, image.height, image.content_type) == ("image", 120, 80, "image/png")
    assert (mask.role, mask.sha256) == ("mask", image.sha256)
    assert image.object_key != mask.object_key
    drawn = read(root, image.object_key)
    assert drawn.getpixel((60, 40)) == (255, 0, 0, 255)
    assert [drawn.getpixel(at) for at in ((10, 10), (110, 70))] == [(0, 0, 0, 0)] * 2
    (wider,) = await pictures.canvas(key, (0, 0, 0.5, 0), 7, ("image",))
    assert wider.width is not None
    assert wider.height is not None
    assert wider.width * wider.height <= 120 * 80
    assert abs(wider.width / wider.height - 2.25) < 0.05
    drawn = read(root, wider.object_key)
    assert drawn.getpixel((5, 20)) == (0, 0, 0, 0)
    assert drawn.getpixel((wider.width - 5, 20)) == (255, 0, 0, 255)


async def test_a_mask_is_open_where_it_is_light_or_transparent(
    pictures: Pictures, storage: Storage, root: Path, folder: Path
) -> None:
    light = Image.new("RGB", (20, 20), "black")
    light.paste("white", (10, 0, 20, 20))
    clear = Image.new("RGBA", (20, 20), "white")
    clear.paste((0, 0, 0, 0), (10, 0, 20, 20))
    for index, one in enumerate((light, clear)):
        made = await pictures.hole(await put(storage, folder, index, one), (40, 40), 7)
        drawn = read(root, made.object_key).getchannel("A")
        assert (made.role, drawn.size, drawn.getpixel((5, 20)), drawn.getpixel((35, 20))) == ("mask", (40, 40), 255, 0)


async def test_what_is_no_picture_or_gone_is_said_so(
    pictures: Pictures, storage: Storage, root: Path, folder: Path
) -> None:
    key = await put(storage, folder, 0, HTML)
    output = Output(task_id=55, index=4, part="grid", kind="image")
    with pytest.raises(FetchError):
        await pictures.grid([key, key], output, 7)
    with pytest.raises(FetchError):
        await pictures.canvas(key, (1, 1, 1, 1), 7, ("image",))
    with pytest.raises(FetchError):
        await pictures.hole(key, (10, 10), 7)
    with pytest.raises(FileNotFoundError):
        await pictures.grid([output_key(7, 55, 9, "png")], output, 7)
    assert files_in(root) == [key]
    assert files_in(folder) == []
