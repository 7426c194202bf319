"""What a job of the sandbox that is done offers: files by their numbers, texts, and what it took."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from telecine.nouns.task import Facts, Usage
from telecine.providers.outcomes import Succeeded, UpstreamOutput
from telecine.providers.sandbox.jobs import SandboxJob
from telecine.providers.sandbox.recipes import CALLS, WORDS
from telecine.wires.openai import Character
from telecine.wires.openai_images import PARTIAL
from telecine.wires.suno import Clip, ClipMetadata, Lyrics

RETENTION: Final = 30 * 86400.0
"""Seconds for which jobs and their files are kept."""


def result(job: SandboxJob) -> Succeeded:
    """The job's outputs and usage."""
    lasts = job.kind in ("video", "audio")
    usage = Usage(
        seconds=job.duration * job.count if lasts else None,
        images=job.count if job.kind == "image" else None,
        tokens=job.tokens,
        compute_seconds=job.compute_seconds,
    )
    return Succeeded(tuple(_outputs(job)), usage)


def _outputs(job: SandboxJob) -> Iterator[UpstreamOutput]:
    if job.draws in CALLS:
        yield from _call(job)
        return
    if job.kind == "text":
        said = None if job.draws in WORDS else Facts.of("suno", Lyrics(title=job.title))
        yield UpstreamOutput(kind="text", text=job.lyrics or "", facts=said)
        return
    until = job.created_at + RETENTION
    for index in range(job.count):
        url = f"sandbox:{job.handle}/{index}"
        if job.draws == "sound":
            yield UpstreamOutput(url, "audio", expires_at=until, item=index)
            plain = f"sandbox:{job.handle}/{job.count + index}"
            yield UpstreamOutput(plain, "audio", expires_at=until, item=index, part="wav")
            continue
        if job.kind != "audio":
            yield UpstreamOutput(url, job.kind, expires_at=until)
            for stage in range(1, job.partial + 1):
                shown = f"sandbox:{job.handle}/{job.count * stage + index}"
                yield UpstreamOutput(shown, "image", expires_at=until, part=PARTIAL)
            continue
        said = Facts.of("suno", Clip(title=job.title, metadata=ClipMetadata(tags=job.style, prompt=job.lyrics or "")))
        cover = f"sandbox:{job.handle}/{job.count + index}"
        yield UpstreamOutput(url, "audio", expires_at=until, item=index, facts=said)
        yield UpstreamOutput(cover, "image", expires_at=until, item=index, part="cover")
        if job.lyrics is not None:
            yield UpstreamOutput(kind="text", item=index, part="lyrics", text=job.lyrics)


def _call(job: SandboxJob) -> Iterator[UpstreamOutput]:
    """What a call has found, and a picture of it, as Kling's calls and the relays' characters are told; what goes on
    from it names it by the job."""
    if job.draws == "character":
        text = msgspec.json.encode(Character(username=job.title)).decode()
        yield UpstreamOutput(kind="text", text=text, upstream_id=job.handle)
        return
    faces = job.draws == "faces"
    name, part = ("0", "face") if faces else ("object_seg", "cutout")
    told: dict[str, object] = {"type": name, "is_contain": True}
    if faces:
        told = {"face_id": name, "start_time": 0, "end_time": round(job.duration * 1000)}
    text = msgspec.json.encode([told]).decode()
    yield UpstreamOutput(kind="text", text=text, upstream_id=job.handle if faces else None, item=0)
    url, until = f"sandbox:{job.handle}/0", job.created_at + RETENTION
    yield UpstreamOutput(url, "image", name, until, item=0, part=part)
