"""A web interface that speaks generate and feed, against a Telecine whose upstream is another Telecine in that form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.server.live import KEY, OTHER_KEY, LiveServer, eventually

_FILES = '[network]\nallow_private = ["127.0.0.1/32"]\n'
SHORT = '[[models]]\nname = "chirp-v4"\ndefault_duration = 4\n'
"""What is heard is not what is tested."""
PATIENT = "[limits]\nfirst_step = 1200\n"
"""A refusal answers the create only within it, by a clock that runs twenty times as fast here."""
PRICES = """
[[prices]]
model = "chirp-*"
unit = "track"
price = 0.10

[[prices]]
model = "suno_lyrics"
unit = "call"
price = 0.01
"""
SONG = {"prompt": "[Verse] A paper boat", "mv": "chirp-v4", "title": "Boat", "tags": "folk"}


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("upstream"), _FILES + SHORT + PATIENT) as found:
        yield found


@pytest.fixture(scope="module")
def server(upstream: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    channel = f"""{_FILES}
[[channels]]
name = "songs"
provider = "suno"
base_url = "{upstream.address}"
api_key = "{KEY}"
models = ["chirp-*", "suno_lyrics"]
options = {{ form = "generate" }}
{PRICES}{PATIENT}"""
    with LiveServer(tmp_path_factory.mktemp("suno"), channel, speed=20) as found:
        yield found


def generated(server: LiveServer, body: dict[str, Any], path: str = "/suno/generate") -> list[str]:
    answer = server.call("POST", path, body)
    assert answer.status == 200, answer
    return [clip["id"] for clip in answer.json["clips"]]


def fed(server: LiveServer, names: list[str]) -> list[dict[str, Any]]:
    """The clips, once each has ended."""

    def read() -> Any:
        answer = server.call("GET", f"/suno/feed/{','.join(names)}")
        assert (answer.status, [clip["id"] for clip in answer.json]) == (200, names), answer
        return answer.json if all(clip["status"] in ("complete", "error") for clip in answer.json) else None

    found: list[dict[str, Any]] = eventually(read, "the end of the clips", 60.0)
    return found


def test_a_song_goes_on_and_is_put_together(server: LiveServer, upstream: LiveServer) -> None:
    first = generated(server, SONG)
    clips = fed(server, first)
    assert [clip["status"] for clip in clips] == ["complete"] * 2, clips
    assert {clip["metadata"]["tags"] for clip in clips} == {"folk"}
    sound = server.call("GET", clips[1]["audio_url"], key=None)
    assert (sound.status, sound.headers["content-type"]) == (200, "audio/mpeg")
    more = {**SONG, "prompt": "[Outro] Gone", "continue_clip_id": first[1], "continue_at": 2}
    second = generated(server, more)
    assert [clip["status"] for clip in fed(server, second)] == ["complete"] * 2
    answer = server.call("POST", "/suno/generate/concat", {"clip_id": second[0], "is_infill": False})
    assert answer.status == 200, answer
    (whole,) = fed(server, [answer.json["id"]])
    assert whole["status"] == "complete", whole
    assert whole["metadata"]["duration"] == pytest.approx(6.0, abs=0.2)
    tasks = server.call("GET", "/v1/tasks?limit=3").json["data"]
    assert [one["cost"]["charged"] for one in tasks] == ["0.100000", "0.200000", "0.200000"], "by the track"
    asked = upstream.call("GET", "/v1/tasks?limit=3").json["data"]
    assert [one["operation"] for one in asked] == ["suno:concat", "music", "music"]
    assert server.call("GET", f"/suno/feed/{first[0]}", key=OTHER_KEY).json == []
    refused = server.call("POST", "/suno/generate/concat", {"clip_id": second[0]}, key=OTHER_KEY)
    assert (refused.status, "clip_id" in refused.json["error"]["message"]) == (404, True)


def test_a_song_that_fails_and_one_that_is_refused(server: LiveServer) -> None:
    failing = {"gpt_description_prompt": "a boat [[fail:content_policy]]", "mv": "chirp-v4"}
    for clip in fed(server, generated(server, failing, "/suno/generate/description-mode")):
        assert (clip["status"], clip["metadata"]["error_type"]) == ("error", "content_policy")
    answer = server.call("POST", "/suno/generate", {**SONG, "prompt": "la [[refuse:content_policy]]"})
    assert (answer.status, answer.json["error"]["code"]) == (400, "content_policy"), answer


def test_music_is_an_operation_of_our_own_api(upstream: LiveServer) -> None:
    """As long as is asked for, with words or without."""
    said = {"lyrics": "[Verse] A paper boat", "style": "folk", "title": "Boat"}
    for parameters, parts in ((said, {"main", "cover", "lyrics"}), ({"instrumental": True}, {"main", "cover"})):
        body = {"model": "chirp-v4", "operation": "music", "prompt": "a boat", "duration": 3, "parameters": parameters}
        made = upstream.call("POST", "/v1/tasks", {**body, "count": 2})
        assert made.status == 200, made
        task = upstream.ended(made.json["id"])
        assert (task["status"], {one["part"] for one in task["outputs"]}) == ("succeeded", parts)
        songs = [one for one in task["outputs"] if one["part"] == "main"]
        assert [round(one["duration"]) for one in songs] == [3, 3]


def test_lyrics(server: LiveServer) -> None:
    name = server.call("POST", "/suno/generate/lyrics/", {"prompt": "a paper boat"}).json["id"]
    told = server.until(f"/suno/lyrics/{name}", lambda found: found["status"] in ("complete", "error"), 60)
    assert (told["status"], "paper boat" in told["text"]) == ("complete", True)
