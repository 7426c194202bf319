"""A whole session as apps of Midjourney have it: on the sandbox, by way of a second server whose upstream that is, and
on a channel that makes pictures and knows nothing of Midjourney."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any, Final

import pytest
from PIL import Image

from telecine.wires.midjourney.buttons import Press, read
from tests.server.live import KEY, OTHER_KEY, LiveServer
from tests.server.pictures import picture
from tests.upstreams.openai_images import API_KEY, FakeImages

PROMPT: Final = "a paper boat --ar 1:1 --seed 7"
PICTURE: Final = f"data:image/png;base64,{base64.b64encode(picture('PNG', (64, 64))).decode()}"
SPEED: Final = 5.0
"""The one calls the other back, so that neither has to hurry."""
SMALL: Final = """
[network]
allow_private = ["127.0.0.0/8"]

[[models]]
name = "midjourney"
default_size = "128x128"
"""
CONFIG: Final = """
public_url = "{{address}}"

[network]
allow_private = ["127.0.0.0/8"]

[[channels]]
name = "main"
provider = "{provider}"
base_url = "{there}"
api_key = "{key}"
models = [{models}]

[[prices]]
model = "midjourney"
unit = "image"
price = 0.01

[[prices]]
model = "midjourney"
unit = "call"
price = 0.02
when = {{ operation = "describe" }}
"""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("sandbox"), SMALL, speed=SPEED) as found:
        yield found


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory, sandbox: LiveServer) -> Iterator[LiveServer]:
    config = CONFIG.format(provider="midjourney", there=sandbox.address, key=KEY, models='"midjourney"')
    with LiveServer(tmp_path_factory.mktemp("loop"), config, speed=SPEED) as found:
        yield found


@pytest.fixture(scope="module")
def images() -> Iterator[FakeImages]:
    with FakeImages(size="96x96").in_thread() as fake:
        yield fake


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory, images: FakeImages) -> Iterator[LiveServer]:
    """A channel that makes pictures, and edits some."""
    upstream = '{ public = "midjourney", upstream = "gpt-image-1" }'
    config = CONFIG.format(provider="openai", there=f"{images.base_url}/v1", key=API_KEY, models=upstream)
    with LiveServer(tmp_path_factory.mktemp("other"), config) as found:
        yield found


def submit(server: LiveServer, path: str, code: int = 1, **body: Any) -> str:
    """The id of the task that came of it."""
    answer = server.call("POST", f"/mj/submit/{path}", body)
    assert answer.status == 200, answer
    assert answer.json["code"] in {code, 22 if code == 1 else code}, answer
    result: str = answer.json["result"]
    return result


def ended(server: LiveServer, task: str) -> Any:
    """The task, which has succeeded."""
    waits = (server.call("GET", f"/v1/tasks/{task}?wait=30").json["ended_at"] for _ in range(30))
    assert any(waits), f"{task} did not end"
    found = server.call("GET", f"/mj/task/{task}/fetch").json
    assert found["status"] == "SUCCESS", found
    return found


def press(server: LiveServer, task: Any, code: int = 1, **does: Any) -> str:
    """The id of the task that came of the button that does that."""
    for one in task["buttons"]:
        found = read(one["customId"])
        if found is not None and all(getattr(found, name) == value for name, value in does.items()):
            return submit(server, "action", code, taskId=task["id"], customId=one["customId"])
    raise AssertionError((does, task["buttons"]))


def shown(server: LiveServer, url: str) -> Image.Image:
    """The picture behind a link, which needs no key."""
    answer = server.call("GET", url, key=None)
    assert answer.status == 200, (url, answer.status)
    found = Image.open(io.BytesIO(answer.content))
    found.load()
    return found


def test_a_whole_session(loop: LiveServer, sandbox: LiveServer) -> None:
    """What one of them is asked by a client, the other is by its provider, button by button."""
    server = loop
    grid = ended(server, submit(server, "imagine", prompt=PROMPT, state="mine"))
    assert (grid["action"], grid["prompt"], grid["state"], len(grid["imageUrls"])) == ("IMAGINE", PROMPT, "mine", 4)
    assert shown(server, grid["imageUrl"]).width > shown(server, grid["imageUrls"][0]["url"]).width
    single = ended(server, press(server, grid, does="upscale", index=2))
    assert (single["action"], single["parentId"]) == ("UPSCALE", grid["id"])
    assert press(server, grid, 21, does="upscale", index=2) == single["id"], "the very same is there"
    varied = ended(server, press(server, grid, does="vary", index=3))
    assert (varied["action"], len(varied["imageUrls"])) == ("VARIATION", 4)
    zoomed = ended(server, press(server, single, does="zoom", factor=2.0))
    assert (zoomed["action"], len(zoomed["imageUrls"])) == ("ZOOM", 4)
    pan = next(one["customId"] for one in single["buttons"] if "pan_left" in one["customId"])
    window = submit(server, "action", 21, taskId=single["id"], customId=pan, enableRemix=True)
    assert server.call("GET", f"/mj/task/{window}/fetch").json["status"] == "MODAL"
    assert submit(server, "modal", taskId=window, prompt="a harbour") == window
    panned = ended(server, window)
    assert (panned["action"], panned["prompt"], len(panned["imageUrls"])) == ("PAN", "a harbour", 4)
    told = ended(server, submit(server, "describe", base64=PICTURE))
    assert len(told["properties"]["finalPrompt"].splitlines()) >= 4
    assert read(told["buttons"][0]["customId"]) == Press(does="imagine", index=1)
    seed = server.call("GET", f"/mj/task/{grid['id']}/image-seed").json
    assert (seed["code"], seed["result"]) == (1, "7")
    there = sandbox.call("GET", "/mj/task/list").json
    assert [one["action"] for one in reversed(there)] == [
        *("IMAGINE", "UPSCALE", "VARIATION", "ZOOM", "PAN", "DESCRIBE"),
    ]
    assert {one["status"] for one in there} == {"SUCCESS"}


def test_a_session_on_a_channel_that_is_not_midjourney(other: LiveServer, images: FakeImages) -> None:
    grid = ended(other, submit(other, "imagine", prompt="a paper boat"))
    assert (images.jobs[-1].verb, images.jobs[-1].fields["n"], len(grid["imageUrls"])) == ("generations", 4, 4)
    whole = shown(other, grid["imageUrl"])
    assert (whole.size, whole.format) == ((192, 192), "JPEG")
    made, spent = len(images.jobs), other.call("GET", "/v1/account").json["spent"]
    single = ended(other, submit(other, "change", taskId=grid["id"], action="UPSCALE", index=2))
    one, again = (shown(other, url) for url in (single["imageUrl"], grid["imageUrls"][1]["url"]))
    assert (one.size, one.tobytes()) == (again.size, again.tobytes()), "the second of the four"
    assert (len(images.jobs), other.call("GET", "/v1/account").json["spent"]) == (made, spent), "nobody was asked"
    assert single["parentId"] == grid["id"]
    submit(other, "change", 21, taskId=grid["id"], action="UPSCALE", index=2)
    for name, verb, does in (
        ("vary", "edits", {"does": "vary", "index": 3}),
        ("reroll", "generations", {"does": "reroll"}),
    ):
        task = ended(other, press(other, grid, **does))
        job = images.jobs[-1]
        assert (job.verb, job.fields["prompt"], int(job.fields["n"]), len(task["imageUrls"])) == (
            verb, "a paper boat", 4, 4,
        ), name  # fmt: skip
    zoomed = ended(other, press(other, single, does="zoom", factor=2.0))
    edit = images.jobs[-1]
    assert (zoomed["action"], edit.verb, sorted(name for name, _ in edit.files)) == ("ZOOM", "edits", ["image", "mask"])
    window = press(other, single, 21, does="inpaint")
    refused = other.call("POST", "/mj/submit/modal", {"taskId": window, "prompt": "a moon"})
    assert (refused.status, refused.json["code"]) == (400, 4)
    assert submit(other, "modal", taskId=window, prompt="a moon", maskBase64=PICTURE) == window
    assert (ended(other, window)["action"], images.jobs[-1].fields["prompt"]) == ("INPAINT", "a moon")
    assert ended(other, press(other, single, does="pan", direction="left"))["action"] == "PAN"
    assert images.jobs[-1].fields["size"] == "1536x1024"
    described = other.call("POST", "/mj/submit/describe", {"base64": PICTURE})
    assert (described.status, described.json["code"]) == (400, 4), "no such thing here"
    theirs = other.call("POST", "/mj/submit/change", {"taskId": grid["id"], "action": "REROLL"}, key=OTHER_KEY)
    assert (theirs.status, theirs.json["code"]) == (404, 3)
