"""A still made into a clip: the camera moves across it while a time code runs. Runs in a worker.

Cropping a larger frame in a filter graph copies no pixels, and the time code is written straight into the luma plane:
a 4 s clip of 1280x720 costs about 0.3 s of CPU, most of it x264's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Final

from telecine.providers.sandbox import lettering
from telecine.providers.sandbox.jobs import SandboxJob

if TYPE_CHECKING:
    from av import AudioFrame, VideoFrame
    from PIL.Image import Image

ROOM: Final = 1.15
"""How much larger than the clip the still is, each way."""
_BLACK: Final = 22
"""Luma of the time code's ground; its digits are 235, white in the limited range."""
_NEUTRAL: Final = b"\x80"
_SOUND_RATE: Final = 44_100
_X264: Final = {"preset": "ultrafast", "crf": "24"}


def still_size(width: int, height: int) -> tuple[int, int]:
    """The size of the still for a clip of this size; even, as 4:2:0 needs."""
    return round(width * ROOM / 2) * 2, round(height * ROOM / 2) * 2


def yuv(still: Image) -> VideoFrame:
    """The picture as a frame of a video."""
    import av

    raw: VideoFrame = av.VideoFrame.from_image(still)  # type: ignore[no-untyped-call]
    return raw.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")


def moving(still: Image, job: SandboxJob, frames: int, index: int = 0) -> Iterator[VideoFrame]:
    """So many frames of a camera that moves across `still`: from one corner to the other, gently at both ends, and for
    the clip with another number from another corner. Where it is to end as it begins, it comes back."""
    times = 2 if job.loop else 1
    eased = f"(1-cos({times}*PI*n/{max(frames - 1, 1)}))/2"
    if job.motion == "low":
        eased = f"(0.35+0.3*{eased})"
    across, down = (f"(1-{eased})" if index & side else eased for side in (1, 2))
    camera = _Camera(yuv(still), job.width, job.height, job.frame_rate, (across, down))
    return map(camera.shoot, range(frames))


def encode(
    shots: Iterable[VideoFrame], target: Path, job: SandboxJob, sound: Iterable[AudioFrame] | None = None
) -> None:
    """Write an H.264 MP4 of `shots` under a time code, which browsers play while it loads."""
    import av
    from av.video.frame import PictureType

    width, height, frame_rate = job.width, job.height, job.frame_rate
    code = TimeCode(width, height, frame_rate)
    with av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=frame_rate, options=_X264)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.thread_count = 1  # the other core is the server's
        stream.gop_size = frame_rate  # a player can go to any second at once
        context = stream.codec_context
        context.color_primaries = context.color_trc = context.colorspace = 1  # ITU-R BT.709
        context.color_range = 1  # limited
        heard = container.add_stream("aac", rate=_SOUND_RATE, layout="stereo") if sound is not None else None
        for number, shot in enumerate(shots):
            shot.make_writable()
            code.burn(shot, number)
            shot.pts, shot.time_base, shot.pict_type = number, Fraction(1, frame_rate), PictureType.NONE
            container.mux(stream.encode(shot))
        container.mux(stream.encode(None))
        if heard is not None:
            for frame in sound or ():
                container.mux(heard.encode(frame))
            container.mux(heard.encode(None))


class _Camera:
    """Crops one large frame; `path` is how far it is across and down at frame `n`, from 0 to 1."""

    def __init__(self, frame: VideoFrame, width: int, height: int, frame_rate: int, path: tuple[str, str]) -> None:
        from av.filter import Graph

        self._frame = frame
        self._graph = Graph()
        source = self._graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, frame_rate)
        )
        crop = self._graph.add("crop", f"w={width}:h={height}:x='(iw-ow)*{path[0]}':y='(ih-oh)*{path[1]}'")
        sink = self._graph.add("buffersink")
        source.link_to(crop)
        crop.link_to(sink)
        self._graph.configure()

    def shoot(self, number: int) -> VideoFrame:
        """The frame with this number, in memory of its own."""
        self._frame.pts = number
        self._graph.push(self._frame)
        shot = self._graph.pull()
        shot.make_writable()
        return shot  # type: ignore[return-value]


class TimeCode:
    """HH:MM:SS:FF at the bottom of a frame, from digits drawn once."""

    def __init__(self, width: int, height: int, frame_rate: int) -> None:
        from PIL import Image, ImageDraw

        self._frame_rate = frame_rate
        size = max(8, min(round(min(width, height) * 0.045), int(width * 0.9 / 6.4)))
        font = lettering.font(lettering.MONO, size)
        self._cell, self._rows = round(font.getlength("0")), round(size * 1.3)
        self._glyphs: dict[str, list[bytes]] = {}
        for character in " 0123456789:":
            glyph = Image.new("L", (self._cell, self._rows), _BLACK)
            at = (self._cell / 2, self._rows / 2)
            ImageDraw.Draw(glyph).text(at, character, fill=235, font=font, anchor="mm")
            pixels = glyph.tobytes()
            self._glyphs[character] = [
                pixels[start : start + self._cell] for start in range(0, len(pixels), self._cell)
            ]
        # One blank either side; even numbers, so that the chroma below fits.
        self._columns = 13 * self._cell
        self._left = max(0, (width - self._columns) // 4 * 2)
        self._top = max(0, int(height * 0.94 - self._rows) // 2 * 2)
        self._fits = self._left + self._columns <= width and self._top + self._rows <= height

    def text(self, number: int) -> str:
        """The time of the frame with this number."""
        seconds, frames = divmod(number, self._frame_rate)
        return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}:{frames:02}"

    def burn(self, frame: VideoFrame, number: int) -> None:
        """Write it into `frame`, which must be yuv420p and writable. A frame too small for it stays as it is."""
        if not self._fits:
            return
        glyphs = [self._glyphs[character] for character in f" {self.text(number)} "]
        luma, *chroma = frame.planes
        pixels, stride = memoryview(luma).cast("B"), luma.line_size
        for row in range(self._rows):
            start = (self._top + row) * stride + self._left
            pixels[start : start + self._columns] = b"".join(glyph[row] for glyph in glyphs)
        grey = _NEUTRAL * (self._columns // 2)
        for plane in chroma:
            pixels, stride = memoryview(plane).cast("B"), plane.line_size
            for row in range(self._top // 2, (self._top + self._rows) // 2):
                start = row * stride + self._left // 2
                pixels[start : start + len(grey)] = grey
