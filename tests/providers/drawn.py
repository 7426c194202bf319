"""A sandbox that stays, with pictures, clips and sounds to give it, and eyes for what it makes of them."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import av
from msgspec.structs import replace
from PIL import Image

from telecine.nouns.request import GenerationRequest, MediaInput, Role
from telecine.providers.base import Channel, Job, Source, Submission
from telecine.providers.outcomes import Accepted, Failed, Succeeded
from telecine.providers.sandbox.provider import SandboxProvider
from telecine.workers import Workers
from tests.clock import HandClock
from tests.providers import stand_ins

CHANNEL = Channel("sandbox", "")
VIDEO = GenerationRequest("text_to_video", "m", "a boat", size="320x180", duration=0.5)
RED, BLUE = (220, 30, 30), (30, 40, 220)


def picture(colour: tuple[int, int, int], size: tuple[int, int] = (120, 160)) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", size, colour).save(content, "PNG")
    return content.getvalue()


def sound(seconds: float) -> bytes:
    content = io.BytesIO()
    with av.open(content, "w", format="wav") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame("s16", "mono", round(8000 * seconds))
        frame.sample_rate = 8000
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return content.getvalue()


class Shelf(stand_ins.Shelf):
    """Has a file for each role, or several, one after the other; of what nobody said a red picture."""

    def __init__(self, **files: bytes | list[bytes]) -> None:
        super().__init__()
        self.files: dict[str, bytes | list[bytes]] = {
            "audio": sound(0.75),
            "garment": picture(BLUE),
            "last_frame": picture(BLUE),
            **files,
        }

    async def read(self, item: MediaInput, limit: int) -> bytes:
        found = self.files.get(item.role) or picture(RED)
        return found.pop(0) if isinstance(found, list) else found


class Sandbox:
    """A sandbox that stays, and what it was asked for."""

    def __init__(self, provider: SandboxProvider) -> None:
        self.provider = provider
        self.number = 0
        self.clip = b""

    async def submit(
        self, request: GenerationRequest, source: Source | None = None, **files: bytes | list[bytes]
    ) -> Any:
        self.number += 1
        shelf = Shelf(**({"video": self.clip} | files))
        submission = Submission(request, "m", str(self.number), None, source=source)
        return await self.provider.submit(CHANNEL, submission, shelf)

    async def made(
        self, request: GenerationRequest, source: Source | None = None, **files: bytes | list[bytes]
    ) -> tuple[Succeeded, list[bytes]]:
        """How it ended, and its files."""
        assert await self.submit(request, source, **files) == Accepted(str(self.number))
        job = Job(request.operation, "m", str(self.number), str(self.number), 0.0)
        for _ in range(2000):
            outcome = await self.provider.poll(CHANNEL, job)
            if isinstance(outcome, Succeeded):
                urls = [one for one in outcome.outputs if one.url]
                return outcome, [b"".join([part async for part in self.provider.collect(CHANNEL, one)]) for one in urls]
            assert not isinstance(outcome, Failed), outcome
            await asyncio.sleep(0.01)
        raise AssertionError("it never ended")


def asked(operation: str, *roles: Role, **fields: Any) -> GenerationRequest:
    inputs = tuple(MediaInput(role, url="https://a.test/b") for role in roles)
    return replace(VIDEO, operation=operation, inputs=inputs, **{"duration": None, **fields})


def still(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content)).convert("RGB")


def near(found: Any, colour: tuple[int, int, int]) -> bool:
    return all(abs(one - other) < 30 for one, other in zip(found, colour, strict=True))


def frames(content: bytes) -> list[Image.Image]:
    with av.open(io.BytesIO(content), "r") as container:
        return [frame.to_image() for frame in container.decode(video=0)]  # type: ignore[no-untyped-call]


def heard(content: bytes) -> float:
    """Seconds of sound."""
    with av.open(io.BytesIO(content), "r") as container:
        found = list(container.decode(audio=0))
        return sum(one.samples / one.sample_rate for one in found)


@asynccontextmanager
async def standing(folder: Path) -> AsyncIterator[Sandbox]:
    """A sandbox with one worker, and a clip that it has made."""
    workers = Workers(1)
    provider = SandboxProvider(folder, HandClock(), workers)
    one = Sandbox(provider)
    one.clip = (await one.made(VIDEO))[1][0]
    yield one
    await provider.close()
    await workers.close()
