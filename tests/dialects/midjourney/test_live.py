"""Midjourney's dialect over a whole server, whose sandbox draws."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.dialects.house import base64_of, picture
from tests.server.live import OTHER_KEY, LiveServer, eventually
from tests.server.receiver import Receiver

PICTURE = f"data:image/jpeg;base64,{base64_of(picture())}"
PROMPT = "a paper boat --ar 16:9 --v 7 --no birds"
NEAR = '[network]\nallow_private = ["127.0.0.0/8"]\n'
SMALL = '[[models]]\nname = "midjourney"\ndefault_size = "96x96"\nsizes = []\n'
"""What is drawn is not what is tested."""
ENDED = ("SUCCESS", "FAILURE")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("midjourney")
    with LiveServer(folder, NEAR + SMALL) as found:
        yield found


def submitted(server: LiveServer, path: str, body: dict[str, Any]) -> str:
    answer = server.call("POST", path, body)
    assert (answer.status, answer.json["code"]) == (200, 1), answer
    return str(answer.json["result"])


def ended(server: LiveServer, name: str) -> Any:
    return server.until(f"/mj/task/{name}/fetch", lambda task: task["status"] in ENDED, 60)


def local(link: str) -> str:
    """The path and query of a link, of which the host is ours."""
    parts = urlsplit(link)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


@pytest.fixture(scope="module")
def drawn(server: LiveServer) -> Iterator[tuple[Any, list[Any]]]:
    """A grid that was wanted fast, and what its hook was told."""
    with Receiver().in_thread() as receiver:
        body = {"prompt": PROMPT, "notifyHook": receiver.url, "state": "mine"}
        task = ended(server, submitted(server, "/mj-fast/mj/submit/imagine", body))
        eventually(lambda: any(one["status"] == "SUCCESS" for one in receiver.bodies), "the end")
        yield task, list(receiver.bodies)


def test_imagine_makes_a_grid_of_four(drawn: tuple[Any, list[Any]]) -> None:
    task, _ = drawn
    assert (task["status"], task["progress"], task["failReason"]) == ("SUCCESS", "100%", None)
    assert (task["prompt"], task["state"], task["mode"]) == (PROMPT, "mine", "FAST")
    assert len(task["imageUrls"]) == 4


def test_notify_hook_is_told_each_change_in_order_and_the_end_last(drawn: tuple[Any, list[Any]]) -> None:
    task, told = drawn
    order = ["SUBMITTED", "IN_PROGRESS", "SUCCESS"]
    assert [one["status"] for one in told] == sorted((one["status"] for one in told), key=order.index)
    percents = [int(one["progress"].rstrip("%")) for one in told]
    assert percents == sorted(percents)
    assert told[-1].keys() == task.keys()
    same = ("id", "status", "prompt", "state", "finishTime")
    assert [told[-1][name] for name in same] == [task[name] for name in same]
    assert local(told[-1]["imageUrl"]).startswith(f"/mj/image/{task['id']}?ticket=")


def test_image_by_id_opens_to_a_link_and_to_a_key_alone(server: LiveServer, drawn: tuple[Any, list[Any]]) -> None:
    link = local(drawn[0]["imageUrl"])
    shown = server.call("GET", link, key=None)
    assert (shown.status, shown.headers["content-type"].partition("/")[0]) == (200, "image")
    part = server.call("GET", link, key=None, headers={"range": "bytes=0-3"})
    assert (part.status, part.content) == (206, shown.content[:4])
    plain = link.partition("?")[0]
    assert server.call("GET", plain).content == shown.content
    assert [server.call("GET", path, key=None).status for path in (plain, f"{plain}?ticket=x", f"{plain}?ticket=")] == [
        401,
        403,
        403,
    ]
    assert server.call("GET", plain, key=OTHER_KEY).status == 404


def test_every_submit_comes_to_its_task(server: LiveServer) -> None:
    """Videos take their time to be drawn: those are in the loop."""
    bodies: dict[str, tuple[str, dict[str, Any]]] = {
        "BLEND": ("submit/blend", {"base64Array": [PICTURE, PICTURE], "dimensions": "LANDSCAPE"}),
        "EDIT": ("submit/edits", {"prompt": "a hat", "image": PICTURE}),
        "RETEXTURE": ("submit/retexture", {"prompt": "of marble", "image": PICTURE}),
        "DESCRIBE": ("submit/describe", {"base64": PICTURE}),
        "SHORTEN": ("submit/shorten", {"prompt": "a very, very old paper boat that sails"}),
        "SWAP_FACE": ("insight-face/swap", {"sourceBase64": PICTURE, "targetBase64": PICTURE}),
    }
    names = {action: submitted(server, f"/mj/{path}", body) for action, (path, body) in bodies.items()}
    listed = {"ids": list(names.values())}

    def all_ended() -> Any:
        tasks = server.call("POST", "/mj/task/list-by-condition", listed).json
        return tasks if all(task["status"] in ENDED for task in tasks) else None

    tasks = {task["action"]: task for task in eventually(all_ended, "the end of all", 60)}
    assert {action: (task["id"], task["status"], task["failReason"]) for action, task in tasks.items()} == {
        action: (name, "SUCCESS", None) for action, name in names.items()
    }
    assert [len(tasks[action]["imageUrls"]) for action in ("BLEND", "EDIT", "RETEXTURE")] == [4, 4, 4]
    assert len(tasks["DESCRIBE"]["properties"]["finalPrompt"].strip().splitlines()) >= 4
    assert len(tasks["SHORTEN"]["properties"]["finalPrompt"]) > 0
    assert (tasks["DESCRIBE"]["imageUrl"], tasks["SWAP_FACE"]["imageUrls"]) == (None, None)


def test_a_picture_that_was_uploaded_has_a_link_that_is_good(server: LiveServer) -> None:
    answer = server.call("POST", "/mj/submit/upload-discord-images", {"base64Array": [PICTURE]})
    (link,) = answer.json["result"]
    assert server.call("GET", local(link), key=None).content == picture()
    task = ended(server, submitted(server, "/mj/submit/imagine", {"prompt": f"{link} in gold"}))
    assert (task["status"], task["prompt"]) == ("SUCCESS", "in gold")
