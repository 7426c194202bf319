"""`kling-api` from npm, which signs its own tokens, against a running server with a Kling behind it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.live import LiveServer, kling_channel
from tests.server.pictures import picture
from tests.upstreams.kling import API_KEY
from tests.upstreams.kling2 import FakeKling2

ACCESS, SECRET = "0f1e2d3c4b5a69788796a5b4c3d2e1f0", "s3cret-0f-the-cl1ent-that-nobody-else-kn0ws"
CONFIG = f"""
[[keys]]
name = "signed"
key = "kY9-of-the-clients-that-sign-0x7f31-q"
access_key = "{ACCESS}"
secret_key = "{SECRET}"
"""
POLLING = {"interval": 100, "timeout": 60_000, "showSpinner": False}


@pytest.fixture(scope="module")
def kling() -> Iterator[FakeKling2]:
    with FakeKling2(video=(64, 64, 5)).in_thread() as fake:
        fake.autofinish(0.1)
        yield fake


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, kling: FakeKling2) -> Iterator[LiveServer]:
    channel = kling_channel(kling.base_url, API_KEY, CONFIG)
    with LiveServer(tmp_path_factory.mktemp("npm"), channel) as found:
        yield found


def called(server: LiveServer, *calls: Any, secret: str = SECRET) -> list[Any]:
    """What the client answers to each call. Skipped where there is no Node, but where that has to be."""
    try:
        from tests.npm.packages import installed, run

        installed()
    except (ImportError, subprocess.SubprocessError) as error:
        reason = f"`make dev` installs Node and npm's packages: {error}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    told = {"baseUrl": server.address, "accessKey": ACCESS, "secretKey": secret, "calls": calls}
    found: list[Any] = run("kling.mjs", told)
    return found


def test_its_users_have_only_another_host(server: LiveServer, kling: FakeKling2, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(picture("JPEG", (480, 480)))
    text = {"prompt": "a paper boat", "model_name": "kling-v2-6", "mode": "pro", "external_task_id": "mine"}
    image = {"prompt": "it sails", "model_name": "kling-v2-6", "image": str(photo), "duration": "10"}
    answers = called(
        server,
        ["textToVideo", text],
        ["waitForVideoResult", "$0.data.task_id", "@queryTextToVideoTask", POLLING],
        ["queryTextToVideoTask", "mine"],
        ["imageToVideo", image],
        ["waitForVideoResult", "$3.data.task_id", "@queryImageToVideoTask", POLLING],
        ["getAccountInfo", 0, 4_000_000_000_000],
        ["queryTextToVideoTask", "12"],
        ["textToVideo", {**text, "prompt": "another"}],
    )
    assert all("value" in one for one in answers[:6]), answers
    made, done, named, _, moved, costs = (one["value"] for one in answers[:6])
    assert (made["code"], made["data"]["task_status"]) == (0, "submitted")
    assert done["data"]["task_status"] == moved["data"]["task_status"] == "succeed"
    assert named["data"] == done["data"]
    (video,) = done["data"]["task_result"]["videos"]
    assert server.call("GET", video["url"], key=None).content == kling.file
    assert [job.operation for job in kling.jobs.values()] == ["text2video", "image2video"]
    assert list(kling.jobs.values())[1].body["duration"] == "10"
    assert costs["data"]["resource_pack_subscribe_infos"][0]["status"] == "online"
    refusals = [one["error"] for one in answers[6:]]
    assert [(one["code"], one["status"]) for one in refusals] == [(1203, 404), (1201, 400)]


def test_a_wrong_secret_is_told_as_kling_tells_it(server: LiveServer, kling: FakeKling2) -> None:
    before = kling.count("accepted")
    (refused,) = called(server, ["textToVideo", {"prompt": "a"}], secret=f"not-{SECRET}")
    assert (refused["error"]["code"], refused["error"]["status"]) == (1002, 401)
    assert kling.count("accepted") == before
