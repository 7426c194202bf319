"""What a file is, by its content: real files of every format, broken ones, and ones that pretend."""

from __future__ import annotations

import io
import struct
import zlib
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.audio.stream import AudioStream
from av.stream import Disposition
from av.video.stream import VideoStream
from PIL import Image

from telecine.media.probe import NotMediaError, Probe, poster, probe, spritesheet
from telecine.workers import WorkerError, Workers

COLOURS = ("red", "lime", "blue", "yellow")


def clip(
    path: Path,
    format_: str,
    codec: str,
    *,
    size: tuple[int, int] = (64, 48),
    seconds: int = 4,
    rate: int = 10,
    rotation: int = 0,
    **options: str,
) -> Path:
    """A clip that shows each of COLOURS for a quarter of its time."""
    with av.open(str(path), "w", format=format_, options=options) as container:
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        if rotation:
            stream.set_display_rotation(rotation)
        for number in range(seconds * rate):
            colour = COLOURS[number * len(COLOURS) // (seconds * rate)]
            frame = av.VideoFrame.from_image(Image.new("RGB", size, colour))  # type: ignore[no-untyped-call]
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def sound(path: Path, format_: str, codec: str, *, seconds: int = 2, cover: bool = False) -> Path:
    with av.open(str(path), "w", format=format_) as container:
        stream = container.add_stream(codec, rate=48000)
        assert isinstance(stream, AudioStream)
        formats = stream.codec_context.codec.audio_formats
        assert formats
        stream.codec_context.format = formats[0]
        stream.codec_context.layout = "stereo"
        if cover:
            art = container.add_stream("mjpeg")
            art.width, art.height, art.pix_fmt = 32, 32, "yuvj420p"
            art.disposition = Disposition.attached_pic
        samples = 1024
        resampler = av.AudioResampler(stream.codec_context.format, "stereo", 48000)
        for number in range(seconds * 48000 // samples):
            frame = av.AudioFrame(format="s16", layout="stereo", samples=samples)
            frame.sample_rate = 48000
            frame.pts = number * samples
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            for ready in resampler.resample(frame):
                container.mux(stream.encode(ready))
        container.mux(stream.encode(None))
        if cover:
            packet = av.Packet(encoded("JPEG"))
            packet.stream, packet.pts, packet.dts = art, 0, 0
            container.mux(packet)
    return path


def encoded(format_: str, size: tuple[int, int] = (40, 30), **options: object) -> bytes:
    content = io.BytesIO()
    picture = Image.effect_noise(size, 50).convert("RGB")
    picture.save(content, format_, **options)
    return content.getvalue()


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("format_", "content_type"),
    [("JPEG", "image/jpeg"), ("PNG", "image/png"), ("WEBP", "image/webp"), ("GIF", "image/gif")],
)
def test_pictures(tmp_path: Path, format_: str, content_type: str) -> None:
    path = written(tmp_path / "misnamed.mp4", encoded(format_))
    assert probe(path) == Probe(content_type, "image", 40, 30)


def test_a_picture_is_measured_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 90 degrees to show it
    path = written(tmp_path / "phone.jpg", encoded("JPEG", exif=exif))
    assert (probe(path).width, probe(path).height) == (30, 40)


@pytest.mark.parametrize(
    ("format_", "codec", "content_type"),
    [
        ("mp4", "libx264", "video/mp4"),
        ("mov", "libx264", "video/quicktime"),
        ("webm", "libvpx", "video/webm"),
        ("matroska", "libx264", "video/x-matroska"),
    ],
)
def test_clips(tmp_path: Path, format_: str, codec: str, content_type: str) -> None:
    seen = probe(clip(tmp_path / "misnamed.txt", format_, codec))
    assert (seen.content_type, seen.kind, seen.width, seen.height) == (content_type, "video", 64, 48)
    assert seen.duration == pytest.approx(4.0, abs=0.11)
    assert seen.frame_rate == pytest.approx(10)


@pytest.mark.parametrize(
    ("format_", "codec", "content_type"),
    [
        ("mp3", "libmp3lame", "audio/mpeg"),
        ("wav", "pcm_s16le", "audio/wav"),
        ("ipod", "aac", "audio/mp4"),
        ("mp4", "aac", "audio/mp4"),
        ("ogg", "libopus", "audio/ogg"),
        ("flac", "flac", "audio/flac"),
    ],
)
def test_sound(tmp_path: Path, format_: str, codec: str, content_type: str) -> None:
    seen = probe(sound(tmp_path / "misnamed.png", format_, codec))
    assert (seen.content_type, seen.kind, seen.width) == (content_type, "audio", None)
    assert seen.duration == pytest.approx(2.0, abs=0.1)


def test_an_mp3_without_tags_is_known_by_its_frames(tmp_path: Path) -> None:
    content = sound(tmp_path / "a.mp3", "mp3", "libmp3lame").read_bytes()
    size = int.from_bytes(bytes(content[6:10]))  # small enough that its seven-bit digits read as a number
    assert content[:3] == b"ID3"
    assert probe(written(tmp_path / "bare", content[10 + size :])).content_type == "audio/mpeg"


def test_a_cover_makes_no_song_a_video(tmp_path: Path) -> None:
    path = sound(tmp_path / "a.mp3", "mp3", "libmp3lame", cover=True)
    with av.open(str(path)) as container:
        assert container.streams.video
    assert probe(path).kind == "audio"
    with pytest.raises(NotMediaError, match="no picture"):
        poster(path, tmp_path / "poster.jpg")


def test_a_recording_without_a_length_is_measured(tmp_path: Path) -> None:
    path = clip(tmp_path / "live.webm", "webm", "libvpx", live="1")
    with av.open(str(path)) as container:
        assert container.duration is None
    assert probe(path).duration == pytest.approx(4.0, abs=0.11)


def test_a_turned_clip_is_measured_and_shown_upright(tmp_path: Path) -> None:
    path = clip(tmp_path / "phone.mp4", "mp4", "libx264", rotation=90)
    assert (probe(path).width, probe(path).height) == (48, 64)
    poster(path, tmp_path / "poster.jpg")
    with Image.open(tmp_path / "poster.jpg") as picture:
        assert picture.size == (48, 64)


def bomb() -> bytes:
    """A PNG of 30000x30000 pixels in a few bytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 30000, 30000, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "known format"),
        (b"<!doctype html><title>502 Bad Gateway</title>", "known format"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "known format"),
        (b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", "known format"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "known format"),
        (b"\0\0\0\x1cftypavif" + b"\0" * 64, "known format"),
        (encoded("BMP"), "known format"),
        (encoded("PNG")[:-300], "damaged"),
        (encoded("JPEG")[:-300], "damaged"),
        (encoded("WEBP")[:-300], "damaged"),
        (b"\x89PNG\r\n\x1a\n" + b"x" * 100, "damaged"),
        (b"\0\0\0\x18ftypisom" + b"v" * 5000, "damaged"),
        (b"\x1a\x45\xdf\xa3" + b"m" * 5000, "damaged"),
        (bomb(), "pixels"),
    ],
)
def test_what_is_no_media_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(NotMediaError, match=message) as caught:
        probe(written(tmp_path / "picture.png", content))
    assert str(tmp_path) not in str(caught.value)


def test_a_video_without_a_frame_is_refused(tmp_path: Path) -> None:
    path = clip(tmp_path / "a.mp4", "mp4", "libx264", movflags="+faststart")
    content = bytearray(path.read_bytes())
    start = content.index(b"mdat") + 4
    content[start:] = bytes(len(content) - start)
    with pytest.raises(NotMediaError):
        probe(written(tmp_path / "blank.mp4", bytes(content)))


def near(picture: Image.Image, at: tuple[float, float], colour: str) -> bool:
    found = picture.convert("RGB").getpixel((int(at[0]), int(at[1])))
    wanted = Image.new("RGB", (1, 1), colour).getpixel((0, 0))
    assert isinstance(found, tuple)
    assert isinstance(wanted, tuple)
    return all(abs(one - other) < 60 for one, other in zip(found, wanted, strict=True))


def test_a_poster_is_a_frame_near_the_start(tmp_path: Path) -> None:
    poster(clip(tmp_path / "a.mp4", "mp4", "libx264"), tmp_path / "poster")
    with Image.open(tmp_path / "poster") as picture:
        assert (picture.format, picture.size) == ("JPEG", (64, 48))
        assert near(picture, (32, 24), "red")


def test_a_poster_of_a_picture_is_small_and_on_white(tmp_path: Path) -> None:
    content = io.BytesIO()
    Image.new("RGBA", (2560, 800), (0, 0, 0, 0)).save(content, "PNG")
    poster(written(tmp_path / "a.png", content.getvalue()), tmp_path / "poster.jpg")
    with Image.open(tmp_path / "poster.jpg") as picture:
        assert (picture.format, picture.size) == ("JPEG", (1280, 400))
        assert near(picture, (600, 200), "white")


def test_a_spritesheet_shows_the_whole_clip(tmp_path: Path) -> None:
    spritesheet(clip(tmp_path / "a.mp4", "mp4", "libx264", size=(640, 480)), tmp_path / "sheet.jpg")
    with Image.open(tmp_path / "sheet.jpg") as sheet:
        assert (sheet.format, sheet.size) == ("JPEG", (4 * 320, 4 * 240))
        for row, colour in enumerate(COLOURS):
            assert all(near(sheet, (column * 320 + 160, row * 240 + 120), colour) for column in range(4)), colour


def test_a_picture_has_no_spritesheet(tmp_path: Path) -> None:
    with pytest.raises(NotMediaError, match="no spritesheet"):
        spritesheet(written(tmp_path / "a.png", encoded("PNG")), tmp_path / "sheet.jpg")


async def test_in_a_worker(tmp_path: Path) -> None:
    workers = Workers(1)
    try:
        assert (await workers.run(probe, written(tmp_path / "a", encoded("PNG")))).content_type == "image/png"
        with pytest.raises(WorkerError, match="known format") as caught:
            await workers.run(probe, written(tmp_path / "b", b"text"))
        assert caught.value.declined
    finally:
        await workers.close()
