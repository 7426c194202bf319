"""What the sandbox has worker processes do. Nothing here is imported by the server but the functions' names."""

from __future__ import annotations

import os
import time
from pathlib import Path

from telecine.providers.sandbox.jobs import SandboxJob


def picture_size(path: Path) -> tuple[int, int]:
    """(width, height) of the picture, upright. Raises DeclinedError for what is no picture."""
    from telecine.providers.sandbox import storyboard

    return storyboard.read_picture(path).size


def render(job: SandboxJob, picture: Path | None, targets: list[Path]) -> float:
    """Draw the job's outputs, each appearing whole under its name; the seconds that it took. Raises DeclinedError."""
    from telecine.providers.sandbox import clip, storyboard, tune

    began = time.perf_counter()
    for index, target in enumerate(targets):
        part = target.with_name(f"{target.name}.{os.getpid()}.part")
        try:
            if target.suffix == ".mp4":
                room = clip.still_size(job.width, job.height)
                drawn = storyboard.frame(job, index, *room) if picture is None else storyboard.fitted(picture, *room)
                clip.encode(drawn, part, job)
            elif target.suffix == ".mp3":
                tune.encode(job, index, part)
            else:
                of = index % job.count  # covers come behind the songs that they are of
                storyboard.frame(job, of, job.width, job.height).save(part, "PNG", compress_level=4)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    return time.perf_counter() - began


def seconds_for(job: SandboxJob) -> float:
    """A generous limit on the time that rendering takes, on a slow machine that does other things as well."""
    frames = job.duration * job.frame_rate if job.kind == "video" else job.count * 8
    sound = job.duration * job.count if job.kind == "audio" else 0.0
    return 30.0 + sound * 0.5 + job.width * job.height * frames * 60e-9
