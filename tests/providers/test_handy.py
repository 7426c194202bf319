"""What an upstream names is kept and sent back as it is, so a name that no database and no URL can hold is none."""

from __future__ import annotations

import json

import pytest

from telecine.net.client import Reply
from telecine.providers.base import Accepted, Channel, Succeeded, Unknown, Unreadable
from telecine.providers.kling import answers as kling
from telecine.providers.openai import answers as openai
from telecine.providers.openai.words import CONTENT
from tests.providers.stand_ins import NOW

CHANNEL = Channel("c", "https://upstream.example")
BAD = ["nul\x00id", "line\nid", "\x7f", "half\ud800", "x" * 513]
LINKS = ["https://files.example/a\x00.mp4", "https://files.example/" + "a" * 9000, "https://files.example/a\nb"]


def reply(body: object) -> Reply:
    return Reply(200, {}, json.dumps(body).encode())


@pytest.mark.parametrize("name", BAD)
def test_an_accepted_job_without_a_name_that_can_be_kept_is_unknown(name: str) -> None:
    body = {"code": 0, "message": "ok", "request_id": "r", "data": {"task_id": name, "task_status": "submitted"}}
    assert isinstance(kling.submitted(reply(body), CHANNEL), Unknown)
    made = openai.submitted(reply({"id": name, "status": "queued"}), CHANNEL, "text_to_video", NOW)
    assert isinstance(made, Unknown)


@pytest.mark.parametrize("name", ["task_1", "x" * 512, "日本", 17, 2**63])
def test_a_name_that_can_be_kept_is(name: str | int) -> None:
    made = openai.submitted(reply({"id": name, "status": "queued"}), CHANNEL, "text_to_video", NOW)
    assert made == Accepted(str(name))


@pytest.mark.parametrize("link", LINKS)
def test_a_link_that_cannot_be_kept_is_none(link: str) -> None:
    video = {"id": "v\x00", "url": link, "duration": "5"}
    data = {"task_id": "t", "task_status": "succeed", "task_result": {"videos": [video]}}
    assert isinstance(kling.polled(reply({"code": 0, "message": "ok", "data": data}), CHANNEL, NOW), Unreadable)
    video["url"] = "https://files.example/a.mp4"
    told = kling.polled(reply({"code": 0, "message": "ok", "data": data}), CHANNEL, NOW)
    assert isinstance(told, tuple)
    assert isinstance(told[1], Succeeded)
    assert told[1].outputs[0].upstream_id is None
    done = openai.polled(reply({"id": "v", "status": "completed", "url": link}), CHANNEL, "v", NOW)
    assert isinstance(done, Succeeded)
    assert done.outputs[0].url == f"{CONTENT}v"  # its other way to the file
