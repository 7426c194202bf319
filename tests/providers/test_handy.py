"""What an upstream names is kept and sent back as it is, so a name that no database and no URL can hold is none."""

from __future__ import annotations

import json

import pytest

from telecine.net.client import Reply
from telecine.providers.base import Channel
from telecine.providers.http.answers import polled, submitted
from telecine.providers.http.facts import BEHIND, Vendor
from telecine.providers.kling import KLING
from telecine.providers.openai import OPENAI
from telecine.providers.outcomes import Accepted, Found, LookUpOutcome, SubmitOutcome, Succeeded, Unknown, Unreadable
from tests.providers.stand_ins import NOW

CHANNEL = Channel("c", "https://upstream.example")
BAD = ["nul\x00id", "line\nid", "\x7f", "half\ud800", "x" * 513]
LINKS = ["https://files.example/a\x00.mp4", "https://files.example/" + "a" * 9000, "https://files.example/a\nb"]


def reply(body: object) -> Reply:
    return Reply(200, {}, json.dumps(body).encode())


def made_of(vendor: Vendor, body: object) -> SubmitOutcome:
    return submitted(vendor, vendor.ops["text_to_video"], reply(body), CHANNEL, NOW)


def told_of(vendor: Vendor, body: object, name: str) -> LookUpOutcome:
    return polled(vendor, reply(body), CHANNEL, name=name, handle="h", now=NOW)


@pytest.mark.parametrize("name", BAD)
def test_an_accepted_job_without_a_name_that_can_be_kept_is_unknown(name: str) -> None:
    body = {"code": 0, "message": "ok", "request_id": "r", "data": {"task_id": name, "task_status": "submitted"}}
    assert isinstance(made_of(KLING, body), Unknown)
    made = made_of(OPENAI, {"id": name, "status": "queued"})
    assert isinstance(made, Unknown)


@pytest.mark.parametrize("name", ["task_1", "x" * 512, "日本", 17, 2**63])
def test_a_name_that_can_be_kept_is(name: str | int) -> None:
    made = made_of(OPENAI, {"id": name, "status": "queued"})
    assert made == Accepted(str(name))


@pytest.mark.parametrize("link", LINKS)
def test_a_link_that_cannot_be_kept_is_none(link: str) -> None:
    video = {"id": "v\x00", "url": link, "duration": "5"}
    data = {"task_id": "t", "task_status": "succeed", "task_result": {"videos": [video]}}
    assert isinstance(told_of(KLING, {"code": 0, "message": "ok", "data": data}, "t"), Unreadable)
    video["url"] = "https://files.example/a.mp4"
    told = told_of(KLING, {"code": 0, "message": "ok", "data": data}, "t")
    assert isinstance(told, Found)
    assert isinstance(told.outcome, Succeeded)
    assert told.outcome.outputs[0].upstream_id is None
    done = told_of(OPENAI, {"id": "v", "status": "completed", "url": link}, "v")
    assert isinstance(done, Found)
    assert isinstance(done.outcome, Succeeded)
    assert done.outcome.outputs[0].url == f"{BEHIND}v"  # its other way to the file
