"""What a Suno application does, against a running server: songs, lyrics, and a song that goes on.

With the sandbox behind it, and with both kinds of upstream.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import av
import pytest
from PIL import Image

from tests.server.live import KEY, OTHER_KEY, Answer, LiveServer, eventually
from tests.server.receiver import Receiver
from tests.upstreams.suno import API_KEY, FakeSuno

LYRICS = "[Verse]\nA paper boat goes down the stair"
SONG = {"mv": "chirp-v4", "prompt": LYRICS, "title": "Paper Boat", "tags": "folk, slow"}
_FILES = '\n[network]\nallow_private = ["127.0.0.1/32"]\n'


def channel(fake: FakeSuno) -> str:
    return f"""{_FILES}
[[channels]]
name = "songs"
provider = "suno"
base_url = "{fake.base_url}"
api_key = "{API_KEY}"
models = ["chirp-*", "suno_lyrics"]
"""


@pytest.fixture(scope="module", params=["sandbox", "new-api", "Suno-API"])
def fake(request: pytest.FixtureRequest) -> Iterator[FakeSuno | None]:
    """Both kinds of upstream; and none, for the sandbox."""
    if request.param == "sandbox":
        yield None
        return
    with FakeSuno(relay=request.param == "new-api", seconds=3.0).in_thread() as one:
        one.autofinish(0.3)
        yield one


@pytest.fixture(scope="module")
def server(fake: FakeSuno | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    config = _FILES if fake is None else channel(fake)
    with LiveServer(tmp_path_factory.mktemp("suno"), config) as found:
        yield found


def submitted(server: LiveServer, body: dict[str, Any], action: str = "music") -> str:
    answer = server.call("POST", f"/suno/submit/{action}", body)
    assert (answer.status, answer.json["code"]) == (200, "success"), answer
    return str(answer.json["data"])


def done(server: LiveServer, name: str) -> dict[str, Any]:
    """The task as a request for many shows it, once it has ended."""

    def read() -> Any:
        answer = server.call("POST", "/suno/fetch", {"ids": [name]})
        assert (answer.status, answer.json["code"]) == (200, "success"), answer
        (task,) = answer.json["data"]
        return task if task["status"] in ("SUCCESS", "FAILURE") else None

    found: dict[str, Any] = eventually(read, "the end of the task", 60.0)
    assert found["status"] == "SUCCESS", found
    assert found == server.call("GET", f"/suno/fetch/{name}").json["data"]
    return found


def seconds(server: LiveServer, url: str) -> float:
    """How long a song is that anybody can fetch."""
    file = server.call("GET", url, key=None)
    assert (file.status, file.headers["content-type"]) == (200, "audio/mpeg")
    with av.open(io.BytesIO(file.content), "r") as sound:
        assert sound.format.name == "mp3"
        return (sound.duration or 0) / av.time_base


def refused(answer: Answer, status: int) -> str:
    assert answer.status == status, answer
    assert answer.json["code"] != "success"
    assert answer.json["data"] is None
    return str(answer.json["message"])


def test_a_song_from_beginning_to_end(server: LiveServer) -> None:
    with Receiver().in_thread() as hook:
        name = submitted(server, {**SONG, "notify_hook": hook.url})
        task = done(server, name)
        eventually(lambda: any(body["status"] == "SUCCESS" for body in hook.bodies), "the hook hears of the end")
        told = next(body for body in hook.bodies if body["status"] == "SUCCESS")
    assert (told["task_id"], told["action"]) == (name, "MUSIC")
    assert [clip["id"] for clip in told["data"]] == [clip["id"] for clip in task["data"]]
    assert (task["action"], task["progress"], task["fail_reason"]) == ("MUSIC", "100%", "")
    assert task["submit_time"] <= task["start_time"] <= task["finish_time"]
    one, two = task["data"]
    assert one["id"] != two["id"]
    assert one["audio_url"] != two["audio_url"]
    for clip in (one, two):
        assert (clip["title"], clip["status"], clip["metadata"]["tags"]) == ("Paper Boat", "complete", "folk, slow")
        assert clip["metadata"]["prompt"] == LYRICS
        assert seconds(server, clip["audio_url"]) == pytest.approx(clip["metadata"]["duration"], abs=0.1)
        picture = server.call("GET", clip["image_url"], key=None)
        with Image.open(io.BytesIO(picture.content)) as cover:
            assert cover.format == "PNG"
    assert refused(server.call("GET", f"/suno/fetch/{name}", key=OTHER_KEY), 400)


def test_a_song_goes_on_from_a_clip_of_ones_own(server: LiveServer, fake: FakeSuno | None) -> None:
    first = submitted(server, SONG)
    clip = done(server, first)["data"][1]["id"]
    more = {**SONG, "prompt": "[Outro] And nobody is there", "continue_clip_id": clip, "continue_at": 2.5}
    second = submitted(server, {**more, "task_id": first})
    for made in done(server, second)["data"]:
        assert made["metadata"]["audio_prompt_id"] == clip
    shown = server.call("GET", f"/v1/tasks/{second}").json
    assert (shown["operation"], shown["status"]) == ("music", "succeeded")
    strangers = [(clip, OTHER_KEY), ("00000000-0000-4000-8000-000000000000", KEY), ("06xx1njwc558w00", KEY)]
    if fake is not None:
        before, there = list(fake.jobs.values())[-2:]
        sent = {name: there.body[name] for name in ("continue_clip_id", "continue_at", "task_id")}
        assert sent == {"continue_clip_id": before.clips[1], "continue_at": 2.5, "task_id": before.task_id}
        third = submitted(server, {**more, "continue_clip_id": there.clips[0]})  # as the upstream calls it
        done(server, third)
        assert fake.creates[-1]["continue_clip_id"] == there.clips[0]
        strangers.append((there.clips[0], OTHER_KEY))
    asked = 0 if fake is None else len(fake.creates)
    for strange, key in strangers:
        answer = server.call("POST", "/suno/submit/music", {**more, "continue_clip_id": strange}, key=key)
        assert "continue_clip_id" in refused(answer, 400)
    assert asked == (0 if fake is None else len(fake.creates))


def test_a_song_by_a_description(server: LiveServer) -> None:
    name = submitted(server, {"gpt_description_prompt": "a shanty of paper boats", "mv": "chirp-v4"})
    for clip in done(server, name)["data"]:
        assert clip["title"]
        assert clip["metadata"]["prompt"]
        assert clip["metadata"]["gpt_description_prompt"] == "a shanty of paper boats"


def test_lyrics(server: LiveServer) -> None:
    name = submitted(server, {"prompt": "a paper boat"}, "lyrics")
    task = done(server, name)
    assert task["action"] == "LYRICS"
    assert task["data"]["title"]
    assert "paper boat" in task["data"]["text"]
    assert task["data"]["status"] == "complete"
