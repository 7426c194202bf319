"""Given videos made into others: under a band with the prompt and pictures, or going on. Runs in a worker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from telecine.providers.sandbox import clip, storyboard
from telecine.providers.sandbox.jobs import SandboxJob
from telecine.workers import DeclinedError

if TYPE_CHECKING:
    from av import VideoFrame
    from PIL.Image import Image

_BAND: Final = 0.18
"""The share of a frame's height that a band has."""


class Band:
    """What stands over the top of every frame: the prompt, and pictures on its right."""

    def __init__(self, job: SandboxJob, pictures: Sequence[Image] = ()) -> None:
        from PIL import ImageOps

        rows = max(2, round(job.height * _BAND) // 2 * 2)
        ground = storyboard.ground(job, 0, job.width, rows)
        right = job.width
        for one in pictures:
            small = ImageOps.contain(one, (job.width // 4, rows))
            right -= small.width
            if right < job.width // 3:
                break
            ground.paste(small, (right, (rows - small.height) // 2))
        storyboard.caption(ground, (0, 0, max(right, job.width // 3), rows), job.text)
        self._frame = clip.yuv(ground)

    def burn(self, frame: VideoFrame) -> None:
        """Write it into `frame`, which must be yuv420p, writable and as wide."""
        for ours, theirs in zip(self._frame.planes, frame.planes, strict=True):
            source, target = memoryview(ours).cast("B"), memoryview(theirs).cast("B")
            for row in range(ours.height):
                start, at = row * ours.line_size, row * theirs.line_size
                target[at : at + ours.width] = source[start : start + ours.width]


def shots(path: Path, job: SandboxJob, seconds: float) -> Iterator[VideoFrame]:
    """The frames of the video in `path`, of the job's size and rate, the last one repeated so that they last for
    `seconds`. Raises DeclinedError for what is no video."""
    frames = max(1, round(seconds * job.frame_rate))
    number, last = 0, None
    for last in islice(_decoded(path, job), frames):
        yield last
        number += 1
    if last is None:
        raise DeclinedError("the video has no frames")
    for _ in range(frames - number):
        yield last


def extended(path: Path, job: SandboxJob, seconds: float) -> Iterator[VideoFrame]:
    """The video in `path`, which lasts for `seconds`, and then from its last frame on as much as the job still lasts,
    under the prompt."""
    still = None
    for last in shots(path, job, seconds):
        still = last
        yield last
    if still is None:
        return
    picture: Image = still.to_image()  # type: ignore[no-untyped-call]
    frames = max(1, round((job.duration - seconds) * job.frame_rate))
    band = Band(job) if job.text else None
    room = clip.still_size(job.width, job.height)
    for shot in clip.moving(picture.resize(room), job, frames):
        if band is not None:
            band.burn(shot)
        yield shot


def banded(frames: Iterator[VideoFrame], band: Band) -> Iterator[VideoFrame]:
    """`frames` with the band over each."""
    for frame in frames:
        frame.make_writable()
        band.burn(frame)
        yield frame


def _decoded(path: Path, job: SandboxJob) -> Iterator[VideoFrame]:
    import av
    from av.filter import Graph

    graph = Graph()
    try:
        with av.open(str(path), "r") as container:
            stream = container.streams.video[0]
            stream.thread_count = 1
            source = graph.add_buffer(template=stream)
            size = f"{job.width}:{job.height}"
            last = source
            for name, given in (
                ("scale", f"{size}:force_original_aspect_ratio=increase:out_color_matrix=bt709:out_range=tv"),
                ("crop", size),
                ("setsar", "1"),
                ("fps", str(job.frame_rate)),
                ("format", "yuv420p"),
            ):
                step = graph.add(name, given)
                last.link_to(step)
                last = step
            sink = graph.add("buffersink")
            last.link_to(sink)
            graph.configure()
            for frame in container.decode(stream):
                graph.push(frame)
                yield from _pulled(graph)
            graph.push(None)
            yield from _pulled(graph)
    except DeclinedError:
        raise
    except (av.FFmpegError, IndexError, ValueError):
        raise DeclinedError("the video cannot be read") from None


def _pulled(graph: object) -> Iterator[VideoFrame]:
    while True:
        try:
            frame = graph.pull()  # type: ignore[attr-defined]
        except (BlockingIOError, EOFError):
            return
        frame.time_base = frame.time_base or Fraction(1, 24)
        yield frame
