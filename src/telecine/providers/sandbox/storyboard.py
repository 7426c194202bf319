"""The pictures that the sandbox draws: a prompt as a storyboard frame, or a given picture made to fit."""

from __future__ import annotations

from colorsys import hls_to_rgb, rgb_to_hls
from math import gcd
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple
from zlib import crc32

from telecine.providers.sandbox import lettering
from telecine.providers.sandbox.jobs import SandboxJob
from telecine.workers import DeclinedError

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

Colour = tuple[int, int, int]
_MOST_PIXELS: Final = 64_000_000
_HALF: Final = 128
_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")


class Palette(NamedTuple):
    """The colours of one frame: the background from top to bottom, and the one that stands out."""

    top: Colour
    bottom: Colour
    accent: Colour


_PALETTES: Final = (
    Palette((30, 42, 66), (9, 11, 20), (120, 180, 255)),
    Palette((56, 36, 54), (14, 9, 18), (255, 150, 170)),
    Palette((26, 54, 54), (7, 14, 16), (110, 230, 200)),
    Palette((62, 46, 30), (17, 11, 8), (255, 190, 105)),
    Palette((42, 38, 72), (11, 9, 22), (180, 160, 255)),
    Palette((38, 54, 34), (10, 14, 9), (180, 225, 120)),
)
_INK: Final = (240, 242, 246)


def read_picture(path: Path) -> Image:
    """The picture in `path`, upright, in RGB. Raises DeclinedError for what is no picture, or a huge one."""
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = _MOST_PIXELS // 2  # Pillow raises from twice this number on
    try:
        with Image.open(path, formats=_FORMATS) as picture:
            picture.load()
            upright = ImageOps.exif_transpose(picture)
            if "transparency" in upright.info or upright.mode in ("RGBA", "LA", "PA"):
                upright = upright.convert("RGBA")
                ground = Image.new("RGBA", upright.size, "white")
                upright = Image.alpha_composite(ground, upright)
            return upright.convert("RGB")
    except Exception:  # decoders raise anything for a broken file
        raise DeclinedError("the first frame is no picture that can be read") from None


def read_mask(path: Path) -> Image:
    """What a mask covers, in white on black: what is transparent in it, or, where nothing is, what is light.

    OpenAI's masks are transparent where a picture is drawn anew, those of Midjourney's clients white. Raises
    DeclinedError.
    """
    from PIL import Image, ImageOps

    opaque = read_picture(path).convert("L")
    with Image.open(path, formats=_FORMATS) as mask:
        transparent = mask.mode in ("RGBA", "LA", "PA") or "transparency" in mask.info
        alpha = ImageOps.exif_transpose(mask).convert("RGBA").getchannel("A") if transparent else None
    if alpha is not None and any(alpha.histogram()[:_HALF]):
        return alpha.point([255 if value < _HALF else 0 for value in range(256)])
    return opaque.point([255 if value >= _HALF else 0 for value in range(256)])


def fitted(path: Path, width: int, height: int) -> Image:
    """The picture in `path` scaled until it covers the size, what sticks out cut off evenly. Raises DeclinedError."""
    return fit(read_picture(path), width, height)


def fit(picture: Image, width: int, height: int) -> Image:
    """The same for a picture that has been read."""
    from PIL import Image, ImageOps

    return ImageOps.fit(picture, (width, height), Image.Resampling.BICUBIC)


def frame(job: SandboxJob, index: int, width: int, height: int) -> Image:
    """The prompt as a storyboard frame. Where `width` and `height` exceed the job's, the frame lies in the middle, so
    that all of it stays in view wherever the camera is."""
    from PIL import ImageDraw

    colours = palette(job, index)
    picture = _background(colours, width, height)
    draw = ImageDraw.Draw(picture, "RGBA")
    # Each crop of the job's size leaves out at most what the canvas has more; the same again on the other side.
    left, top = width - job.width, height - job.height
    box = (left, top, width - left, height - top)
    unit = min(box[2] - box[0], box[3] - box[1]) / 100
    _marks(draw, box, unit, colours.accent)
    if unit * 2.6 >= 5:
        _labels(draw, box, unit, colours.accent, _words(job, index))
    _prompt(draw, box, unit, job.text)
    return picture


def ground(job: SandboxJob, index: int, width: int, height: int) -> Image:
    """What stands behind given pictures."""
    return _background(palette(job, index), width, height)


def lit(job: SandboxJob, index: int, width: int, height: int) -> Image:
    """A light ground, of a colour that differs with the number of the result."""
    from PIL import Image, ImageOps

    slope = Image.linear_gradient("L").resize((width, height), Image.Resampling.BICUBIC)
    colours = palette(job, index)
    return ImageOps.colorize(slope, colours.accent, colours.top)


def caption(picture: Image, box: tuple[int, int, int, int], text: str) -> None:
    """`text` in the middle of a part of `picture`, as large as fits."""
    from PIL import ImageDraw

    room = (round((box[2] - box[0]) * 0.9), round((box[3] - box[1]) * 0.8))
    setting = lettering.fit(text, *room, largest=max(6, room[1] // 2), smallest=6)
    draw = ImageDraw.Draw(picture, "RGBA")
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2 - (len(setting.lines) - 1) * setting.leading / 2
    for number, line in enumerate(setting.lines):
        draw.text((x, y + number * setting.leading), line, fill=(*_INK, 255), font=setting.font, anchor="mm")


def palette(job: SandboxJob, index: int) -> Palette:
    """The colours of the result with this number; of a job that makes something once more, turned on by it."""
    found = _PALETTES[(crc32(job.text.encode()) + index) % len(_PALETTES)]
    return found if not job.turn else Palette(*(_turned(one, job.turn / 360) for one in found))


def _turned(colour: Colour, by: float) -> Colour:
    """The colour with another hue, `by` so much of the whole circle."""
    hue, light, saturation = rgb_to_hls(*(part / 255 for part in colour))
    red, green, blue = hls_to_rgb((hue + by) % 1.0, light, saturation)
    return round(red * 255), round(green * 255), round(blue * 255)


def _background(palette: Palette, width: int, height: int) -> Image:
    from PIL import Image, ImageOps

    slope = Image.linear_gradient("L").resize((width, height), Image.Resampling.BICUBIC)
    ground = ImageOps.colorize(slope, palette.top, palette.bottom)
    # A soft light from above; radial_gradient runs from 0 in the middle to 179 where its circle meets the sides.
    light = [round(40 * max(0.0, 1 - value / 179) ** 2) for value in range(256)]
    reach = (int(width * 1.6), int(height * 1.8))
    glow = Image.radial_gradient("L").resize(reach, Image.Resampling.BICUBIC).point(light)
    ground.paste(palette.accent, (-int(width * 0.3), -int(height * 0.9)), glow)
    return ground


def _marks(draw: ImageDraw, box: tuple[int, int, int, int], unit: float, accent: Colour) -> None:
    """The frame's thin border, its corners, and ticks at the middle of each side."""
    thin = max(1, round(unit * 0.2))
    edge, arm = unit * 4, unit * 6
    left, top, right, bottom = box[0] + edge, box[1] + edge, box[2] - edge, box[3] - edge
    draw.rectangle((left, top, right, bottom), outline=(255, 255, 255, 38), width=thin)
    for x, along in ((left, arm), (right, -arm)):
        for y, down in ((top, arm), (bottom, -arm)):
            draw.line((x, y, x + along, y), fill=(*accent, 220), width=thin * 2)
            draw.line((x, y, x, y + down), fill=(*accent, 220), width=thin * 2)
    middle_x, middle_y, tick = (left + right) / 2, (top + bottom) / 2, unit * 1.5
    for y in (top, bottom):
        draw.line((middle_x, y - tick, middle_x, y + tick), fill=(255, 255, 255, 90), width=thin)
    for x in (left, right):
        draw.line((x - tick, middle_y, x + tick, middle_y), fill=(255, 255, 255, 90), width=thin)


def _labels(
    draw: ImageDraw, box: tuple[int, int, int, int], unit: float, accent: Colour, words: tuple[str, str, str, str]
) -> None:
    """Small words in the four corners: top left and right, bottom left and right."""
    margin = unit * 7.5
    left, top, right, bottom = box[0] + margin, box[1] + margin, box[2] - margin, box[3] - margin
    room = int((right - left) * 0.48)
    size = max(5, round(unit * 2.6))
    upper = top + size * 0.8  # baselines
    places = ((left, upper, "ls"), (right, upper, "rs"), (left, bottom, "ls"), (right, bottom, "rs"))
    for word, (x, y, anchor), ink in zip(words, places, (accent, _INK, _INK, _INK), strict=True):
        setting = lettering.fit(word, room, round(size * lettering.LEADING), size, max(5, size // 2))
        draw.text((x, y), setting.lines[0] if setting.lines else "", fill=(*ink, 190), font=setting.font, anchor=anchor)


def _words(job: SandboxJob, index: int) -> tuple[str, str, str, str]:
    common = gcd(job.width, job.height)
    across, down = job.width // common, job.height // common
    shape = f" · {across}:{down}" if max(across, down) <= 32 else ""
    lengths = {"video": f"{job.duration:g} s · {job.frame_rate} fps", "audio": f"{job.duration:g} s · {index + 1}"}
    length = lengths.get(job.kind, f"{index + 1} / {job.count}")
    return "TELECINE SANDBOX", job.model, f"{job.width} × {job.height}{shape}", length


def _prompt(draw: ImageDraw, box: tuple[int, int, int, int], unit: float, text: str) -> None:
    width, height = box[2] - box[0], box[3] - box[1]
    room = (int(width - 22 * unit), int(height - 36 * unit))
    setting = lettering.fit(text or "…", *room, largest=max(6, round(unit * 8)), smallest=max(6, round(unit * 2.4)))
    x = (box[0] + box[2]) / 2
    y = (box[1] + box[3]) / 2 - (len(setting.lines) - 1) * setting.leading / 2
    shade = max(1, round(unit * 0.25))
    for number, line in enumerate(setting.lines):
        for offset, ink in ((shade, (0, 0, 0, 110)), (0, (*_INK, 255))):
            at = (x, y + number * setting.leading + offset)
            draw.text(at, line, fill=ink, font=setting.font, anchor="mm")
