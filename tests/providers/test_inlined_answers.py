"""A vendor whose answers bring files: they are on disk when the outcome is known, and small ones in it."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from msgspec.structs import replace

from telecine.net.client import Client
from telecine.net.inlined import LONG, content_of
from telecine.net.spool import Spool, Spooled
from telecine.nouns.request import GenerationRequest
from telecine.providers.base import Channel, Submission
from telecine.providers.http import HttpProvider
from telecine.providers.http.facts import Told, Vendor
from telecine.providers.outcomes import Finished, Refused, Succeeded, Unknown, UpstreamOutput
from telecine.providers.suno import SUNO
from tests.clock import HandClock
from tests.media.fakes import files_in
from tests.providers.stand_ins import NOW, Shelf
from tests.upstreams.server import ThreadedServer

LARGE, SMALL = b"large" * LONG, b"small"


def drawn(told: Told) -> Succeeded | str:
    """The pictures of an answer."""
    contents = [content_of(one["b64_json"], told.files) for one in told.job["data"]]
    if None in contents:
        return "a picture that cannot be read"
    return Succeeded(tuple(UpstreamOutput(kind="image", content=one) for one in contents))


PICTURES = replace(
    SUNO,
    made=lambda said: said["id"],
    job=lambda said: said,
    fine=lambda said: True,
    at_once=lambda job: True,
    outputs=drawn,
)


class Painter(ThreadedServer):
    """Answers with two pictures; `damage` stands in the larger one. `says` is answered in their place."""

    damage = ""
    says: Any = None

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if self.says is not None:
            return web.json_response(self.says)
        large = base64.b64encode(LARGE).decode() + self.damage
        small = base64.b64encode(SMALL).decode()
        return web.json_response({"id": "p1", "status": "SUCCESS", "data": [{"b64_json": large}, {"b64_json": small}]})


AT_ONCE = replace(
    PICTURES,
    made=lambda said: None,
    at_once=None,
    ops={
        "music": replace(
            SUNO.ops["music"], answer=lambda told: drawn(told) if told.job.get("data") else "an answer without pictures"
        )
    },
)
"""The same, where the answer is the result, and names no job."""


async def sent(folder: Path, painter: Painter, vendor: Vendor = PICTURES) -> tuple[object, list[bytes]]:
    """The outcome of a submit, and the files that it brought."""
    client = Client()
    provider = HttpProvider(vendor, client, HandClock(NOW))
    channel = Channel("main", painter.base_url, api_key="k")
    async with painter, Spool(folder) as spool:
        request = GenerationRequest(operation="music", model="chirp-v4", prompt="rain")
        submission = Submission(request, "chirp-v4", "h1", None, spool=spool)
        outcome = await provider.submit(replace(channel, base_url=painter.base_url), submission, Shelf())
        await client.close()
        outputs = outcome.result.outputs if isinstance(outcome, Finished) else ()
        return outcome, [
            one.content.path.read_bytes() if isinstance(one.content, Spooled) else one.content or b"" for one in outputs
        ]


async def test_files_of_an_answer_are_on_disk(tmp_path: Path) -> None:
    outcome, found = await sent(tmp_path, Painter())
    assert isinstance(outcome, Finished)
    assert (outcome.upstream_id, found) == ("p1", [LARGE, SMALL])
    assert files_in(tmp_path) == []


async def test_a_damaged_one_makes_the_outcome_unknown(tmp_path: Path) -> None:
    painter = Painter()
    painter.damage = "!"
    outcome, _ = await sent(tmp_path, painter)
    assert outcome == Unknown("a file in the answer is no base64")
    assert files_in(tmp_path) == []


async def test_an_answer_that_is_the_result_needs_no_job(tmp_path: Path) -> None:
    outcome, found = await sent(tmp_path, Painter(), AT_ONCE)
    assert isinstance(outcome, Finished)
    assert (outcome.upstream_id, found) == (None, [LARGE, SMALL])


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        ({"data": []}, Unknown),
        ({"id": "p1", "status": "SUCCESS"}, Unknown),
        ({"error": {"code": "server_error", "message": "later"}}, Unknown),
        ({"error": {"code": "moderation_blocked", "message": "no"}}, Refused),
        ("nothing", Unknown),
    ],
)
async def test_one_without_a_result_may_have_been_billed(tmp_path: Path, says: Any, expected: type) -> None:
    painter = Painter()
    painter.says = says
    outcome, _ = await sent(tmp_path, painter, AT_ONCE)
    assert isinstance(outcome, expected)
