"""Songs and lyrics over a whole server: made by the sandbox, and by a Suno behind it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from telecine.nouns.ids import parse_output_id, parse_task_id
from tests.server.live import KEY, LiveServer
from tests.server.receiver import Receiver
from tests.upstreams.suno import API_KEY, FakeSuno

MUSIC, LYRICS, FETCH = "/suno/submit/music", "/suno/submit/lyrics", "/suno/fetch"
LOOPBACK = '[network]\nallow_private = ["127.0.0.0/8"]\n'
SONG = {"gpt_description_prompt": "a shanty about a paper boat", "mv": "chirp-v4"}


@pytest.fixture(scope="module", params=["sandbox", "suno"])
def behind(request: pytest.FixtureRequest) -> Iterator[FakeSuno | None]:
    """What makes the songs; None for the sandbox."""
    if request.param == "sandbox":
        yield None
        return
    with FakeSuno(videos=True).in_thread() as fake:
        fake.autofinish(0.2)
        yield fake


@pytest.fixture(scope="module")
def server(behind: FakeSuno | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    channel = ""
    if behind is not None:
        channel = f"""
[[channels]]
name = "suno-main"
provider = "suno"
base_url = "{behind.base_url}"
api_key = "{API_KEY}"
models = ["chirp-*", "suno_lyrics"]
"""
    with LiveServer(tmp_path_factory.mktemp("suno"), LOOPBACK + channel) as found:
        yield found


def submitted(server: LiveServer, path: str, body: dict[str, Any]) -> str:
    answer = server.call("POST", path, body)
    assert (answer.status, answer.json["code"], answer.json["message"]) == (200, "success", ""), answer
    return str(answer.json["data"])


def ended(server: LiveServer, name: str) -> Any:
    """The task, once its word of status says that it has ended."""
    over = ("SUCCESS", "FAILURE")
    return server.until(f"{FETCH}/{name}", lambda found: found["data"]["status"] in over, 60)["data"]


@pytest.fixture(scope="module")
def song(server: LiveServer) -> Any:
    """A finished song."""
    task = ended(server, submitted(server, MUSIC, SONG))
    assert task["status"] == "SUCCESS", task
    return task


def test_a_song_comes_as_two_clips_whole(server: LiveServer, behind: FakeSuno | None, song: Any) -> None:
    assert (song["action"], song["progress"], song["fail_reason"]) == ("MUSIC", "100%", "")
    assert song["submit_time"] <= song["start_time"] <= song["finish_time"]
    assert len({clip["id"] for clip in song["data"]}) == len(song["data"]) == 2
    for clip in song["data"]:
        assert parse_output_id(clip["id"]) is not None
        assert (clip["status"], bool(clip["title"] or behind)) == ("complete", True)
        sound, cover = (server.call("GET", clip[name], key=None) for name in ("audio_url", "image_url"))
        assert (sound.status, sound.headers["content-type"]) == (200, "audio/mpeg")
        assert (cover.status, cover.headers["content-type"].partition("/")[0]) == (200, "image")
        assert clip["metadata"]["duration"] > 0
        assert clip["metadata"]["gpt_description_prompt"] == SONG["gpt_description_prompt"]
        assert bool(clip["video_url"]) == (behind is not None)
        assert (clip["user_id"], clip["handle"], clip["display_name"]) == ("", "", "")
    if behind is not None:
        assert str(behind.base_url) not in str(song)


def test_it_is_read_in_other_dialects_and_in_a_batch(server: LiveServer, song: Any) -> None:
    number = parse_task_id(song["task_id"])
    neutral = server.call("GET", f"/v1/tasks/{song['task_id']}").json
    assert (neutral["operation"], neutral["dialect"], parse_task_id(neutral["id"])) == ("music", "suno", number)
    batch = server.call("POST", FETCH, {"ids": ["nobody's", song["task_id"], neutral["id"]]}).json
    assert [one["task_id"] for one in batch["data"]] == [song["task_id"]] * 2
    assert server.call("GET", f"/v1/videos/{number}").status == 404


def test_a_clip_goes_on(server: LiveServer, behind: FakeSuno | None, song: Any) -> None:
    clip = song["data"][1]
    body = {"prompt": "[Chorus] on", "mv": "chirp-v4", "continue_clip_id": clip["id"], "continue_at": 0.5}
    task = ended(server, submitted(server, MUSIC, {**body, "task_id": song["task_id"]}))
    assert task["status"] == "SUCCESS", task
    assert [one["metadata"]["audio_prompt_id"] for one in task["data"]] == [clip["id"]] * 2
    if behind is not None:
        asked = behind.creates[-1]
        ours, theirs = next(iter(behind.jobs.values())), asked["continue_clip_id"]
        assert theirs == [*ours.clips][1]
        assert (asked["task_id"], asked["continue_at"], asked["prompt"]) == (ours.task_id, 0.5, "[Chorus] on")


def test_a_clip_of_nobody_does_not(server: LiveServer) -> None:
    before = server.count("tasks")
    answer = server.call("POST", MUSIC, {"prompt": "la", "continue_clip_id": "0d3bcf4c-8a0b-4d2e-9c0e-000000000001"})
    assert (answer.status, answer.json["code"], answer.json["data"]) == (400, "invalid_request", None), answer
    assert server.count("tasks") == before


def test_lyrics_are_written(server: LiveServer) -> None:
    task = ended(server, submitted(server, LYRICS, {"prompt": "a paper boat"}))
    assert (task["action"], task["status"]) == ("LYRICS", "SUCCESS")
    assert (task["data"]["id"], task["data"]["status"]) == (task["task_id"], "complete")
    assert len(task["data"]["text"]) > 10


def test_a_hook_is_told_of_each_status(server: LiveServer) -> None:
    with Receiver().in_thread() as receiver:
        name = submitted(server, LYRICS, {"prompt": "a paper boat", "notify_hook": receiver.url})
        task = ended(server, name)
        bodies = receiver.wait(2)
    assert {body["task_id"] for body in bodies} == {name}
    assert bodies[0]["status"] == "SUBMITTED"
    assert receiver.bodies[-1]["status"] in ("IN_PROGRESS", "SUCCESS")
    assert task["notify_hook"] == receiver.url


def test_what_is_wrong_is_told_in_its_envelope(server: LiveServer) -> None:
    wrong = (
        (MUSIC, {"prompt": "la"}, "nobody-s-key-of-the-tests-0123456789", (401, "invalid_request")),
        (MUSIC, b"{", None, (401, "invalid_request")),
        (MUSIC, {"prompt": "la", "mv": "no-such-model"}, KEY, (404, "not_found")),
        ("/suno/submit/concat", {"clip_id": "x"}, KEY, (400, "invalid_request")),
        ("/suno/submit/persona", {"clip_id": "x"}, KEY, (404, "not_found")),
    )
    for path, body, key, expected in wrong:
        answer = server.call("POST", path, body, key=key)
        assert (answer.status, answer.json["code"], answer.json["data"]) == (*expected, None), answer
