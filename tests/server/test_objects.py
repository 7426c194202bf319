"""What an object says is what is: what the upstream is asked for until there is a file, and then what the file is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.live import LiveServer, kling_channel
from tests.server.receiver import Receiver
from tests.server.test_novel_values import openai_channel
from tests.upstreams.kling import API_KEY, FakeKling
from tests.upstreams.openai_videos import FakeOpenAI

VIDEOS, TEXT = "/v1/videos", "/kling/v1/videos/text2video"
KLING = {"model": "kling-v2-5-turbo", "prompt": "a boat"}
SORA = {"model": "sora-2", "prompt": "a boat"}
LATER = {"prompt": "a boat [[delay:90]]"}
PICTURE = {"input_reference": "https://pictures.test/a.png"}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("objects")) as server:
        yield server


def shown(server: LiveServer, body: dict[str, Any]) -> tuple[Any, Any]:
    """(seconds, size) of a new video, which says the same when it is read."""
    answer = server.call("POST", VIDEOS, body)
    assert answer.status == 200, answer
    again = server.call("GET", f"{VIDEOS}/{answer.json['id']}").json
    assert (again["seconds"], again["size"]) == (answer.json["seconds"], answer.json["size"])
    return again["seconds"], again["size"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (SORA, ("4", "720x1280")),
        ({**SORA, "aspect_ratio": "16:9"}, ("4", "1280x720")),
        ({**SORA, "aspectRatio": "16:9", "resolution": "1080p", "seconds": "8"}, ("8", "1920x1080")),
        ({**SORA, "size": "16x9"}, ("4", "1280x720")),
        ({**SORA, "size": "1792x1024"}, ("4", "1792x1024")),
        ({**SORA, **PICTURE}, ("4", None)),
        ({**KLING, "aspect_ratio": "9:16"}, ("5", "720x1280")),
        ({**KLING, "duration": 10}, ("10", "1280x720")),
    ],
)
def test_the_sandbox_is_asked_for_what_is_shown(
    sandbox: LiveServer, body: dict[str, Any], expected: tuple[Any, Any]
) -> None:
    assert shown(sandbox, {**body, **LATER}) == expected


def test_kling_is_asked_for_what_is_shown(folder: Path) -> None:
    with (
        FakeKling(video=(96, 96, 3)).in_thread() as kling,
        LiveServer(folder, kling_channel(kling.base_url, API_KEY)) as server,
    ):
        for more, expected in (
            ({}, ("5", "1280x720")),
            ({"aspect_ratio": "9:16"}, ("5", "720x1280")),
            ({"aspect_ratio": "1:1", "resolution": "1080p", "seconds": 10}, ("10", "1080x1080")),
            ({"size": "9x16"}, ("5", "720x1280")),
            (PICTURE, ("5", None)),
        ):
            assert shown(server, {**KLING, **more}) == expected
        kling.finish()
        made = server.call("GET", VIDEOS).json["data"][1]["id"]
        assert server.ended(made)["status"] == "succeeded"
        video = server.call("GET", f"{VIDEOS}/{made}").json
        assert (video["seconds"], video["size"]) == ("3", "96x96")
        data = server.call("GET", f"{TEXT}/{made}").json["data"]
        assert data["task_result"]["videos"][0]["duration"] == "3"


def test_openai_is_asked_for_what_is_shown(folder: Path) -> None:
    with (
        FakeOpenAI(video=(64, 64, 2)).in_thread() as fake,
        LiveServer(folder, openai_channel(fake.base_url, private=True)) as server,
    ):
        for more, expected in (
            ({}, ("4", "720x1280")),
            ({"aspect_ratio": "16:9"}, ("4", "1280x720")),
            ({"metadata": {"aspectRatio": "16:9", "resolution": "720p"}}, ("4", "1280x720")),
            ({"aspect_ratio": "7:4", "seconds": "8"}, ("8", "1792x1024")),
        ):
            assert shown(server, {**SORA, **more}) == expected
        fake.autofinish(0.1)
        made = server.call("POST", VIDEOS, {**SORA, "aspect_ratio": "16:9"}).json["id"]
        assert server.ended(made)["status"] == "succeeded"
        video = server.call("GET", f"{VIDEOS}/{made}").json
        assert (video["seconds"], video["size"]) == ("2", "64x64")
        again = server.call("POST", f"{VIDEOS}/{made}/remix", {"prompt": "more", "model": "sora-2", "seconds": "2"})
        assert again.status == 200, again


def test_webhooks_say_what_the_object_says(folder: Path) -> None:
    with (
        Receiver().in_thread() as receiver,
        FakeKling(video=(96, 96, 3)).in_thread() as kling,
        LiveServer(folder, kling_channel(kling.base_url, API_KEY)) as server,
    ):
        kling.autofinish(0.2)
        body = {**KLING, "aspect_ratio": "9:16", "seconds": 10, "webhook_url": receiver.url}
        made = server.call("POST", VIDEOS, body).json["id"]
        server.ended(made)
        told = receiver.wait(3)
        assert {(one["seconds"], one["size"]) for one in told[:-1]} == {("10", "720x1280")}
        assert (told[-1]["status"], told[-1]["seconds"], told[-1]["size"]) == ("completed", "3", "96x96")
        own = {"model_name": "kling-v2-5-turbo", "prompt": "a", "duration": "10", "callback_url": receiver.url}
        server.ended(server.call("POST", TEXT, own).json["data"]["task_id"])
        assert receiver.wait(6)[-1]["task_result"]["videos"][0]["duration"] == "3"
