"""What a job of the sandbox that is done offers: files by their numbers, texts, and what it took."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from telecine.nouns.task import Facts, Usage
from telecine.providers.base import Succeeded, UpstreamOutput
from telecine.providers.sandbox.jobs import SandboxJob
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
    if job.kind == "text":
        said = Facts.of("suno", Lyrics(title=job.title))
        yield UpstreamOutput(kind="text", text=job.lyrics or "", facts=said)
        return
    until = job.created_at + RETENTION
    for index in range(job.count):
        url = f"sandbox:{job.handle}/{index}"
        if job.kind != "audio":
            yield UpstreamOutput(url, job.kind, expires_at=until)
            continue
        said = Facts.of("suno", Clip(title=job.title, metadata=ClipMetadata(tags=job.style, prompt=job.lyrics or "")))
        cover = f"sandbox:{job.handle}/{job.count + index}"
        yield UpstreamOutput(url, "audio", expires_at=until, item=index, facts=said)
        yield UpstreamOutput(cover, "image", expires_at=until, item=index, part="cover")
        if job.lyrics is not None:
            yield UpstreamOutput(kind="text", item=index, part="lyrics", text=job.lyrics)
