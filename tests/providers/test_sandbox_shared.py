"""The sandbox under many jobs: equal ones are drawn once, and those that wait ask to be left alone."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from telecine.nouns.parameters import ImageParameters
from telecine.nouns.request import GenerationRequest, MediaInput
from telecine.providers.base import Submission
from telecine.providers.outcomes import Accepted, Cancelled, Running, Succeeded
from telecine.providers.sandbox.jobs import Jobs, SandboxJob
from telecine.providers.sandbox.provider import SandboxProvider
from telecine.workers import Workers
from tests.clock import HandClock
from tests.providers.test_sandbox import CHANNEL, IMAGE, Shelf, files, finished, job_of, picture, poll

CLIP = GenerationRequest(
    "image_to_video", "m", "a fox", size="64x64", duration=0.2, inputs=(MediaInput("image", object_key="a1/in/1"),)
)
LONG = GenerationRequest("text_to_video", "m", "a fox", size="1280x720", duration=100.0)
"""Nobody waits for its end."""
SONG = GenerationRequest("music", "some-music", "a paper boat", duration=0.5)


class Made:
    """A sandbox, and what it was asked for: one handle after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "sandbox"
        self.clock = HandClock()
        self.workers = Workers(1)
        self.sandbox = SandboxProvider(self.folder, self.clock, self.workers)

    async def submit(self, handle: str, request: GenerationRequest, content: bytes = b"", account_id: int = 1) -> None:
        submission = Submission(request, request.model, handle, None, account_id=account_id)
        assert await self.sandbox.submit(CHANNEL, submission, Shelf(content)) == Accepted(handle)

    def drawings(self) -> list[str]:
        """For which jobs something is being drawn."""
        names = [task.get_name().split() for task in asyncio.all_tasks()]
        return sorted(name[1] for name in names if name[0] == "sandbox")

    def same(self, one: str, other: str) -> bool:
        """Whether the first files of two jobs are one."""
        first, second = (next(iter(self.folder.glob(f"{handle}.0.*"))) for handle in (one, other))
        return first.samefile(second)


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Made]:
    made = Made(tmp_path)
    yield made
    await made.sandbox.close()
    await made.workers.close()


@pytest.mark.parametrize("request_", [IMAGE, CLIP, SONG, replace(IMAGE, count=2)])
async def test_what_was_drawn_is_not_drawn_again(made: Made, request_: GenerationRequest) -> None:
    await made.submit("7", request_, picture("teal"))
    first = await finished(made.sandbox, "7")
    again = replace(request_, prompt=f"{request_.prompt} [[delay:5]]")  # neither directives nor what is not drawn count
    await made.submit("8", again if request_ is IMAGE else request_, picture("teal"))
    made.clock.advance(5)
    second = await poll(made.sandbox, "8")
    assert made.drawings() == []
    assert isinstance(first, Succeeded)
    assert isinstance(second, Succeeded)
    assert second.usage == first.usage
    assert [one.url for one in second.outputs] == [one.url.replace("7/", "8/") for one in first.outputs]
    assert await files(made.sandbox, "8") == await files(made.sandbox, "7") if request_ is not SONG else True
    assert made.same("7", "8")
    await made.sandbox.forget(["7"])
    assert await poll(made.sandbox, "8") == second
    if request_ is not SONG:
        assert all(await files(made.sandbox, "8")), "a file goes with the last job that has it"


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": "a wolf"},
        {"model": "n"},
        {"size": "64x66"},
        {"duration": 0.3},
        {"count": 2},
        {"content": picture("red")},
        {"account_id": 2},
    ],
)
async def test_what_differs_is_drawn_for_itself(made: Made, changes: dict[str, Any]) -> None:
    """Accounts share nothing: how long a job takes would tell one what another has asked for."""
    await made.submit("7", CLIP, picture("teal"))
    assert isinstance(await finished(made.sandbox, "7"), Succeeded)
    content, account_id = changes.pop("content", picture("teal")), changes.pop("account_id", 1)
    await made.submit("8", replace(CLIP, **changes), content, account_id)
    assert isinstance(await poll(made.sandbox, "8"), Running)
    assert made.drawings() == ["8"]
    assert isinstance(await finished(made.sandbox, "8"), Succeeded)
    assert not made.same("7", "8")


async def test_who_forgets_what_was_drawn_draws_anew(made: Made) -> None:
    await made.submit("7", IMAGE)
    await finished(made.sandbox, "7")
    await made.sandbox.forget(["7"])
    await made.submit("8", IMAGE)
    assert isinstance(await poll(made.sandbox, "8"), Running)
    assert made.drawings() == ["8"]


async def test_what_is_not_drawn_does_not_count(made: Made) -> None:
    await made.submit("7", replace(IMAGE, negative_prompt="fog", seed=1))
    await finished(made.sandbox, "7")
    await made.submit("8", replace(IMAGE, seed=2, parameters=ImageParameters(watermark=True)))
    assert isinstance(await poll(made.sandbox, "8"), Succeeded)


async def test_equal_jobs_that_come_together_are_drawn_once(made: Made) -> None:
    for number in range(20):
        await made.submit(str(number), IMAGE)
    drawn = set()
    for number in range(20):
        await poll(made.sandbox, str(number))
        drawn |= set(made.drawings())
    assert drawn == {"0"}
    await finished(made.sandbox, "0")
    assert all([isinstance(await poll(made.sandbox, str(number)), Succeeded) for number in range(20)])
    assert made.same("0", "19")


async def test_who_waits_for_a_drawing_that_is_stopped_has_its_own(made: Made) -> None:
    await made.submit("7", LONG)
    await made.submit("8", LONG)
    for handle in ("7", "8"):
        assert isinstance(await poll(made.sandbox, handle), Running)
    assert made.drawings() == ["7"]
    assert await made.sandbox.cancel(CHANNEL, job_of("7")) == Cancelled()
    assert made.drawings() == []
    assert isinstance(await poll(made.sandbox, "8"), Running)
    assert made.drawings() == ["8"]


async def test_files_that_are_gone_are_drawn_again(made: Made) -> None:
    await made.submit("7", IMAGE)
    await finished(made.sandbox, "7")
    (made.folder / "7.0.png").unlink()
    await made.submit("8", IMAGE)
    assert isinstance(await finished(made.sandbox, "8"), Succeeded)
    assert isinstance(await finished(made.sandbox, "7"), Succeeded)
    assert made.same("7", "8")


async def test_a_restart_draws_nothing_again(made: Made) -> None:
    await made.submit("7", IMAGE)
    await finished(made.sandbox, "7")
    await made.sandbox.close()
    made.sandbox = SandboxProvider(made.folder, made.clock, made.workers)
    await made.submit("8", IMAGE)
    assert isinstance(await poll(made.sandbox, "8"), Succeeded)
    assert made.same("7", "8")


async def test_a_job_that_waits_says_when_to_ask(made: Made) -> None:
    await made.submit("7", replace(IMAGE, prompt="[[delay:100]]"))
    waits = []
    for seconds in (0, 50, 47, 2):
        made.clock.advance(seconds)
        outcome = await poll(made.sandbox, "7")
        assert isinstance(outcome, Running)
        waits.append(outcome.retry_after)
    assert waits == [10, 10, pytest.approx(3), pytest.approx(1)]


async def test_who_stands_behind_others_is_asked_about_later(made: Made) -> None:
    await made.submit("first", IMAGE)
    await finished(made.sandbox, "first")  # so that it is known how long a drawing takes
    waits = []
    for number in range(6):
        await made.submit(str(number), replace(LONG, prompt=str(number)))
        outcome = await poll(made.sandbox, str(number))
        assert isinstance(outcome, Running)
        waits.append(outcome.retry_after or 0.0)
    assert waits[0] == 0
    assert waits == sorted(waits)
    assert waits[5] == pytest.approx(5 * waits[1])
    await made.submit("other", IMAGE, account_id=2)
    outcome = await poll(made.sandbox, "other")
    assert isinstance(outcome, Running)
    assert not outcome.retry_after, "its account has a queue of its own"


async def test_what_a_failed_transaction_wrote_is_taken_back(tmp_path: Path) -> None:
    """What comes together is one transaction; whoever is not to blame for its failure is served all the same."""
    jobs = Jobs(tmp_path / "jobs")
    error = ValueError("of one alone")
    tries = []

    def fail(with_: Exception) -> None:
        tries.append(with_)
        raise with_

    job = SandboxJob("7", "image", "m", "a fox", 64, 64, 1, 0, 24, False, 0.0)
    asked = [partial(fail, error), partial(jobs.create, job), partial(fail, sqlite3.OperationalError("disk full"))]
    outcomes = await asyncio.gather(*(jobs.run(call) for call in asked), return_exceptions=True)
    assert outcomes[:2] == [error, None]
    assert isinstance(outcomes[2], OSError)
    assert "disk full" not in str(outcomes[2])
    assert len(tries) == 4, "together, and then each alone"
    assert await Jobs(tmp_path / "jobs").run(partial(jobs.read, "7")) == job
    await jobs.close()


def test_a_worker_imports_only_what_draws() -> None:
    """Each has to start before the first picture comes, and stays."""
    code = "import sys, telecine.providers.sandbox.render; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"aiohttp", "sqlalchemy", "starlette", "av", "PIL"} & set(loaded)
