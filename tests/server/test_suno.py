"""Two songs, through the whole house: made with Suno, kept here, and one of them goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.live import LiveServer
from tests.upstreams.suno import API_KEY, FakeSuno


@pytest.fixture
def suno() -> Iterator[FakeSuno]:
    with FakeSuno(videos=True).in_thread() as fake:
        fake.autofinish(0.1)
        yield fake


def config(fake: FakeSuno) -> str:
    return f"""
[network]
allow_private = ["127.0.0.1/32"]

[[channels]]
name = "suno-main"
provider = "suno"
base_url = "{fake.base_url}"
api_key = "{API_KEY}"
models = ["chirp-*", "suno_lyrics"]
"""


def done(server: LiveServer, body: dict[str, Any]) -> dict[str, Any]:
    answer = server.call("POST", "/v1/tasks", body)
    assert answer.status == 200, answer
    server.clock.leap(250)
    found: dict[str, Any] = server.ended(answer.json["id"])
    assert (found["status"], found["error"]) == ("succeeded", None)
    return found


def test_songs_lyrics_and_a_song_that_goes_on(tmp_path: Path, suno: FakeSuno) -> None:
    with LiveServer(tmp_path, config(suno), speed=60) as server:
        song = {"model": "chirp-v4", "operation": "music", "prompt": "a paper boat", "count": 2}
        found = done(server, song)
        main = [one for one in found["outputs"] if one["part"] == "main"]
        assert [one["content_type"] for one in main] == ["audio/mpeg", "audio/mpeg"]
        parts = sorted((one["item"], one["part"]) for one in found["outputs"])
        assert parts == sorted((item, part) for item in (0, 1) for part in ("main", "cover", "video", "lyrics"))
        assert all(server.call("GET", one["url"]).status == 200 for one in found["outputs"] if one.get("url"))
        (first,) = suno.jobs.values()
        more = {"parameters": {"lyrics": "la", "continue_at": 0.5}, "source": {"output": main[1]["id"]}}
        done(server, {"model": "chirp-v4", "operation": "music", **more})
        assert list(suno.jobs.values())[1].body["continue_clip_id"] == first.clips[1]
        words = done(server, {"model": "suno_lyrics", "operation": "lyrics", "prompt": "a boat"})
        assert [(one["kind"], one["text"][:7]) for one in words["outputs"]] == [("text", "[Verse]")]
        assert suno.base_url.rpartition(":")[2] not in server.log_text()
