"""What the sandbox has worker processes do. Nothing here is imported by the server but the functions' names."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from telecine.providers.sandbox.jobs import SandboxJob
from telecine.providers.sandbox.recipes import CALLS, CHANGED, GROWN
from telecine.workers import DeclinedError

if TYPE_CHECKING:
    from PIL.Image import Image

_LONGEST: Final = 3600.0
"""Seconds: what says that it lasts longer is taken to say nothing."""


def measure(path: Path, look: str) -> tuple[int, int, float]:
    """(width, height, seconds) of a picture, upright, of a video or of a sound. Raises DeclinedError for what is
    none."""
    from telecine.providers.sandbox import storyboard

    if look == "image":
        return (*storyboard.read_picture(path).size, 0.0)
    import av

    try:
        with av.open(str(path), "r") as container:
            seconds = (container.duration or 0) / av.time_base
            seconds = seconds if 0 < seconds <= _LONGEST else 0.0
            if look == "audio":
                next(container.decode(audio=0))
                return 0, 0, seconds
            frame = next(container.decode(video=0))
            return frame.width, frame.height, seconds
    except Exception:  # decoders raise anything for a broken file
        raise DeclinedError(f"it is no {'sound' if look == 'audio' else 'video'} that can be read") from None


def render(job: SandboxJob, inputs: list[Path], targets: list[Path]) -> float:
    """Draw the job's outputs, each appearing whole under its name; the seconds that it took. Raises DeclinedError."""
    from telecine.providers.sandbox import tune

    began = time.perf_counter()
    for index, target in enumerate(targets):
        part = target.with_name(f"{target.name}.{os.getpid()}.part")
        try:
            match target.suffix:
                case ".mp4":
                    _film(job, index, inputs, part)
                case ".mp3":
                    tune.encode(job, index, part)
                case ".wav":
                    tune.encode_plain(job, index % job.count, part)
                case _:
                    # Covers come behind the songs that they are of, and what shows a picture on the way behind that.
                    still = _still(job, index % job.count, inputs, job.width, job.height)
                    _save(_unfinished(still, job, index // job.count), job, target.suffix, part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    return time.perf_counter() - began


def _still(job: SandboxJob, index: int, inputs: list[Path], width: int, height: int) -> Image:
    from telecine.providers.sandbox import changes, collage, storyboard

    if job.draws in CHANGED:
        return changes.changed(job, index, inputs, width, height)
    if job.picture or job.draws == "moved":
        return storyboard.fitted(inputs[0], width, height)
    seen = [collage.picture(path, one.look) for path, one in zip(inputs, job.given, strict=True) if one.look != "audio"]
    if job.draws in CALLS:
        return storyboard.fit(seen[0], width, height)
    if job.draws in GROWN:
        return collage.grown(job, index, seen[0], width, height)
    if seen:
        return collage.side_by_side(job, index, seen, width, height)
    return storyboard.frame(job, index, width, height)


def _unfinished(still: Image, job: SandboxJob, stage: int) -> Image:
    """A picture as it is at one of the stages on the way to it; 0 when it is done."""
    from PIL import ImageFilter

    if not stage or not job.partial:
        return still
    left = (job.partial + 1 - stage) / (job.partial + 1)
    return still.filter(ImageFilter.BoxBlur(min(still.size) * left / 16))


def _save(still: Image, job: SandboxJob, suffix: str, part: Path) -> None:
    match suffix:
        case ".jpg":
            still.convert("RGB").save(part, "JPEG", quality=job.compression)
        case ".webp":
            still.save(part, "WEBP", quality=job.compression, method=0)
        case _:
            still.save(part, "PNG", compress_level=4)


def _film(job: SandboxJob, index: int, inputs: list[Path], part: Path) -> None:
    from telecine.providers.sandbox import clip, collage, footage, sound

    heard = next((path for path, one in zip(inputs, job.given, strict=False) if one.look == "audio"), None)
    voice = sound.of(job, heard) if heard is not None or (job.draws == "voiced" and job.text) else None
    first = job.given[0] if job.given else None
    if job.draws not in ("edited", "extended", "voiced") or first is None or first.look != "video":
        frames = max(1, round(job.duration * job.frame_rate))
        still = _still(job, index, inputs, *clip.still_size(job.width, job.height))
        clip.encode(clip.moving(still, job, frames, index), part, job, voice)
    elif job.draws == "extended":
        clip.encode(footage.extended(inputs[0], job, first.seconds), part, job)
    else:
        shots = footage.shots(inputs[0], job, job.duration)
        if job.draws == "edited":
            pairs = zip(inputs[1:], job.given[1:], strict=True)
            pictures = [collage.picture(path, one.look) for path, one in pairs if one.look != "audio"]
            shots = footage.banded(shots, footage.Band(job, pictures))
        clip.encode(shots, part, job, voice)


def seconds_for(job: SandboxJob) -> float:
    """A generous limit on the time that rendering takes, on a slow machine that does other things as well."""
    frames = job.duration * job.frame_rate if job.kind == "video" else job.count * 8
    sound = job.duration * job.count if job.kind == "audio" else 0.0
    return 30.0 + sound * 0.5 + job.width * job.height * frames * 60e-9
