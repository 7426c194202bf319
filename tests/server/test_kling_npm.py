"""`kling-api` from npm, which signs its own tokens, against a running server with a Kling behind it."""

from __future__ import annotations

import os
import subprocess
import wave
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


def works(photo: str, sound: str) -> list[tuple[str, str, str, dict[str, Any]]]:
    """What its users may ask for: how it is asked for, how about, the operation at Kling, and with what."""
    text = {"prompt": "a paper boat", "model_name": "kling-v1-6"}
    return [
        ("textToVideo", "queryTextToVideoTask", "text2video", {**text, "mode": "pro", "external_task_id": "mine"}),
        ("imageToVideo", "queryImageToVideoTask", "image2video", {**text, "image": photo, "duration": "10"}),
        ("extendVideo", "queryExtendVideoTask", "video-extend", {"video_id": "$1.data.task_result.videos.0.id"}),
        (
            *("multiImageToVideo", "queryMultiImageToVideoTask", "multi-image2video"),
            {**text, "image_list": [{"image": photo}, {"image": photo}]},
        ),
        (
            *("omniVideo", "queryOmniVideoTask", "omni-video"),
            {"prompt": "<<<image_1>>> sails", "image_list": [{"image_url": photo, "type": "first_frame"}]},
        ),
        (
            "createAvatar",
            "queryAvatarTask",
            "avatar/image2video",
            {"image": photo, "sound_file": sound},
        ),
    ]


def test_its_users_have_only_another_host(server: LiveServer, kling: FakeKling2, tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(picture("JPEG", (480, 480)))
    sound = tmp_path / "sound.wav"
    with wave.open(str(sound), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(3 * 2 * 8000))
    calls: list[Any] = []
    for create, query, _, given in works(str(photo), str(sound)):
        calls += [[create, given], ["waitForVideoResult", f"${len(calls)}.data.task_id", f"@{query}", POLLING]]
    count = len(calls)
    calls += [["queryTextToVideoTask", "mine"], ["getAccountInfo", 0, 4_000_000_000_000]]
    calls += [["queryTextToVideoTask", "12"], ["textToVideo", {**works("", "")[0][3], "prompt": "another"}]]
    answers = called(server, *calls)
    refusals = [one["error"] for one in answers if "error" in one]
    assert [(one["code"], one["status"]) for one in refusals] == [(1203, 404), (1201, 400)], refusals
    told = [one["value"] for one in answers[:-2]]
    for (create, _, operation, _), made, done in zip(works("", ""), told[:count:2], told[1:count:2], strict=True):
        assert (made["code"], made["data"]["task_status"]) == (0, "submitted"), create
        (made_of,) = done["data"]["task_result"].values()
        assert all(server.call("GET", one["url"], key=None).status == 200 for one in made_of), create
        assert [job.operation for job in kling.jobs.values()].count(operation) == 1
    assert told[count]["data"] == told[1]["data"]
    assert told[count + 1]["data"]["resource_pack_subscribe_infos"][0]["status"] == "online"
    extended = next(job for job in kling.jobs.values() if job.operation == "video-extend")
    source = next(job for job in kling.jobs.values() if job.operation == "text2video")
    assert extended.body["video_id"] == f"v{source.task_id}", "Kling's own name of what it is to extend"


def test_a_wrong_secret_is_told_as_kling_tells_it(server: LiveServer, kling: FakeKling2) -> None:
    before = kling.count("accepted")
    (refused,) = called(server, ["textToVideo", {"prompt": "a"}], secret=f"not-{SECRET}")
    assert (refused["error"]["code"], refused["error"]["status"]) == (1002, 401)
    assert kling.count("accepted") == before
