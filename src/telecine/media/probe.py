"""What a file really is, and pictures made from it. Every function here runs in a worker process.

A file is known by its first bytes, never by its name, and only by the decoder that those bytes call for: a text file
that names other files (HLS, concat) is no media, whatever FFmpeg could make of it. It must also decode: a picture
whole, a clip at least one frame.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from telecine.workers import DeclinedError

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream
    from PIL.Image import Image

POSTER_SIDE: Final = 1280
TILES: Final = (4, 4)
"""Columns and rows of a spritesheet."""
TILE_SIDE: Final = 320
_HEAD: Final = 4096
_JPEG_QUALITY: Final = 85
_MOST_PIXELS: Final = 100_000_000
_POSTER_AT: Final = 0.1
"""Part of the clip that is over at the poster's frame: the first frame is often black."""
_POSTER_LATEST: Final = 1.0


class NotMediaError(DeclinedError):
    """The file is none of the media that we take, or is damaged."""


class Probe(msgspec.Struct, frozen=True):
    """What a file is. Sizes as shown, upright; `duration` in seconds; None where there is no such thing."""

    content_type: str
    kind: Literal["image", "video", "audio"]
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    frame_rate: float | None = None


class _Form(msgspec.Struct, frozen=True):
    """A file format: its type, and the one decoder that may open it (Pillow's name, or else FFmpeg's demuxer)."""

    content_type: str
    pillow: str | None = None
    demuxer: str = ""


_PREFIXES: Final = (
    (b"\xff\xd8\xff", _Form("image/jpeg", "JPEG")),
    (b"\x89PNG\r\n\x1a\n", _Form("image/png", "PNG")),
    (b"GIF87a", _Form("image/gif", "GIF")),
    (b"GIF89a", _Form("image/gif", "GIF")),
    (b"OggS", _Form("audio/ogg", demuxer="ogg")),
    (b"fLaC", _Form("audio/flac", demuxer="flac")),
    (b"ID3", _Form("audio/mpeg", demuxer="mp3")),
)
_RIFF: Final = {b"WEBP": _Form("image/webp", "WEBP"), b"WAVE": _Form("audio/wav", demuxer="wav")}
_MP4: Final = _Form("video/mp4", demuxer="mov")
_QUICKTIME: Final = _Form("video/quicktime", demuxer="mov")
# ISO base media files that are pictures, which neither Pillow nor a browser's video element shows as video.
_STILL_BRANDS: Final = frozenset({b"avif", b"avis", b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"})


def probe(path: Path) -> Probe:
    """What the file at `path` is. Raises NotMediaError."""
    form = _form(path)
    if form.pillow is not None:
        width, height = _picture(path, form).size
        return Probe(form.content_type, "image", width, height)
    with _opened(path, form) as container:
        video = _video(container)
        if video is None:
            return _probe_audio(container, form)
        frame = next(container.decode(video), None)
        if frame is None:
            raise NotMediaError("the video has no frame that can be decoded")
        turned = abs(frame.rotation) in (90, 270)
        width, height = (frame.height, frame.width) if turned else (frame.width, frame.height)
        rate = video.average_rate or video.guessed_rate
        duration = _duration(container, video.index)
        return Probe(form.content_type, "video", width, height, duration, float(rate) if rate else None)


def poster(path: Path, target: Path) -> None:
    """Write a frame from near the start, or the picture itself, to `target` as JPEG. Raises NotMediaError."""
    form = _form(path)
    if form.pillow is not None:
        shown = _picture(path, form)
    else:
        with _opened(path, form) as container:
            video = _video_of(container)
            duration = _duration(container, video.index) or 0.0
            shown = _frame_at(container, video, min(duration * _POSTER_AT, _POSTER_LATEST))
    shown.thumbnail((POSTER_SIDE, POSTER_SIDE))
    save(shown, target)


def spritesheet(path: Path, target: Path) -> None:
    """Write a grid of evenly spaced frames to `target` as JPEG, row by row. Raises NotMediaError."""
    from PIL import Image

    form = _form(path)
    if form.pillow is not None:
        raise NotMediaError("a picture has no spritesheet")
    columns, rows = TILES
    sheet: Image.Image | None = None
    with _opened(path, form) as container:
        video = _video_of(container)
        duration = _duration(container, video.index) or 0.0
        for index in range(columns * rows):
            tile = _frame_at(container, video, duration * (index + 0.5) / (columns * rows))
            tile.thumbnail((TILE_SIDE, TILE_SIDE))
            if sheet is None:
                sheet = Image.new("RGB", (tile.width * columns, tile.height * rows))
            row, column = divmod(index, columns)
            sheet.paste(tile, (column * (sheet.width // columns), row * (sheet.height // rows)))
    if sheet is not None:
        save(sheet, target)


def picture(path: Path) -> Image:
    """The whole picture at `path`, upright, in RGB on white. Raises NotMediaError, also for what is no picture."""
    form = _form(path)
    if form.pillow is None:
        raise NotMediaError("it is no picture")
    return _picture(path, form)


def _form(path: Path) -> _Form:
    """The format that the first bytes tell. Raises NotMediaError."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    for prefix, form in _PREFIXES:
        if head.startswith(prefix):
            return form
    found = None
    if head[:4] == b"RIFF":
        found = _RIFF.get(head[8:12])
    elif head[4:8] == b"ftyp":
        found = _iso_form(head[8:12])
    elif head[4:8] in (b"moov", b"mdat", b"wide"):  # QuickTime before 2001
        found = _QUICKTIME
    elif head[:4] == b"\x1a\x45\xdf\xa3":
        webm = b"webm" in head[:64]  # EBML's document type, in its header (RFC 8794, section 11.2.4)
        found = _Form("video/webm" if webm else "video/x-matroska", demuxer="matroska,webm")
    elif len(head) > 2 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2:  # frame sync, and layer III
        found = _Form("audio/mpeg", demuxer="mp3")
    if found is None:
        raise NotMediaError("it is no image, video or audio of a known format")
    return found


def _iso_form(brand: bytes) -> _Form | None:
    if brand in _STILL_BRANDS:
        return None
    return _QUICKTIME if brand == b"qt  " else _MP4


def _picture(path: Path, form: _Form) -> Image:
    """The whole picture, upright, in RGB on white. Raises NotMediaError."""
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = _MOST_PIXELS
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=[form.pillow or ""]) as picture:
                picture.load()
                upright = ImageOps.exif_transpose(picture)
        if upright.has_transparency_data:
            ground = Image.new("RGBA", upright.size, "white")
            upright = Image.alpha_composite(ground, upright.convert("RGBA"))
        return upright.convert("RGB")
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise NotMediaError(f"the picture has more than {_MOST_PIXELS} pixels") from None
    except Exception:  # decoders raise anything for a damaged file
        raise NotMediaError("the picture is damaged") from None


@contextmanager
def _opened(path: Path, form: _Form) -> Iterator[InputContainer]:
    """The file, opened by the one demuxer that fits. What FFmpeg raises becomes NotMediaError."""
    import av

    try:
        with av.open(str(path), format=form.demuxer, options={"protocol_whitelist": "file"}) as container:
            yield container
    except (av.FFmpegError, UnicodeError, OverflowError):
        raise NotMediaError("the file is damaged") from None


def _video(container: InputContainer) -> VideoStream | None:
    """The first moving picture; the cover of an album is none."""
    from av.stream import Disposition

    moving = (stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic)
    return next(moving, None)


def _video_of(container: InputContainer) -> VideoStream:
    video = _video(container)
    if video is None:
        raise NotMediaError("sound has no picture")
    return video


def _probe_audio(container: InputContainer, form: _Form) -> Probe:
    if not container.streams.audio:
        raise NotMediaError("the file has neither picture nor sound")
    stream = container.streams.audio[0]
    if next(container.decode(stream), None) is None:
        raise NotMediaError("the file has no sound that can be decoded")
    content_type = form.content_type.replace("video/", "audio/").replace("quicktime", "mp4")
    return Probe(content_type, "audio", duration=_duration(container, stream.index))


def _duration(container: InputContainer, index: int) -> float | None:
    """Seconds; where the file does not say (what browsers record), to the end of its last packet."""
    import av

    stream = container.streams[index]
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if container.duration is not None:
        return container.duration / av.time_base
    last: float | None = None
    container.seek(0)
    for packet in container.demux(stream):
        if packet.pts is not None and packet.time_base is not None:
            last = max(last or 0.0, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    return last


def _frame_at(container: InputContainer, video: VideoStream, seconds: float) -> Image:
    """The frame shown at `seconds` from the start, upright; the last one where there is none so late."""
    import av

    start = float((video.start_time or 0) * (video.time_base or 0))
    container.seek(int((start + seconds) * av.time_base))
    shown: VideoFrame | None = None
    for shown in container.decode(video):
        if shown.pts is None or shown.time >= start + seconds:
            break
    if shown is None:
        raise NotMediaError("the video has no frame that can be decoded")
    picture: Image = shown.to_image()  # type: ignore[no-untyped-call]
    return picture.rotate(shown.rotation, expand=True) if shown.rotation else picture


def save(picture: Image, target: Path) -> None:
    """Write it to `target` as JPEG."""
    picture.save(target, "JPEG", quality=_JPEG_QUALITY, progressive=True)
