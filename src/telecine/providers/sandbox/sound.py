"""The sound of a video: a given one, or the tune of a text. Runs in a worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from telecine.providers.sandbox import tune
from telecine.providers.sandbox.jobs import SandboxJob
from telecine.workers import DeclinedError

if TYPE_CHECKING:
    from av import AudioFrame

RATE: Final = 44_100


def of(job: SandboxJob, path: Path | None) -> Iterator[AudioFrame]:
    """As much of the sound in `path` as the job lasts, or the tune of its text. Raises DeclinedError."""
    frames = tune.frames(job.text, 0, job.duration) if path is None else _decoded(path)
    import av

    resampler = av.AudioResampler(format="fltp", layout="stereo", rate=RATE)
    left, at = round(job.duration * RATE), 0
    for frame in frames:
        for one in resampler.resample(frame):
            if left <= 0:
                return
            one.pts, at, left = at, at + one.samples, left - one.samples
            yield one


def _decoded(path: Path) -> Iterator[AudioFrame]:
    import av

    try:
        with av.open(str(path), "r") as container:
            for frame in container.decode(audio=0):
                frame.pts = None
                yield frame
    except (av.FFmpegError, IndexError, ValueError):
        raise DeclinedError("the sound cannot be read") from None
