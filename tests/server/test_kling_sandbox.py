"""Every operation of Kling's dialect on the sandbox: what a client of Kling asks for is made without Kling."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from telecine.dialects.kling.operation import Operation
from telecine.dialects.kling.routes import OPERATIONS
from telecine.wires.kling.calls import IDENTIFY_FACE, RECOGNIZE_IMAGE
from tests.dialects.house import picture
from tests.server.live import LiveServer
from tests.upstreams.clip import mp4, wav

EXAMPLES = "https://example.com/"
DRAWN = [op for op in OPERATIONS if op.title not in ("text2video", "image2video", "omni-video", "generations")]
"""What the sandbox draws of the prompt or of one picture, whoever asks for it, is drawn in tests enough."""


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and says nothing of it."""

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the files of the examples are."""
    folder: Path = tmp_path_factory.mktemp("files")
    for name in ("boat.png", "lighthouse.png", "cat.png", "person.png", "coat.png"):
        (folder / name).write_bytes(picture(form="PNG"))
    (folder / "boat.mp4").write_bytes(mp4(320, 320, 1, None))
    for name in ("boat.mp3", "words.mp3"):
        (folder / name).write_bytes(wav(2))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join(20)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    config = '[network]\nallow_private = ["127.0.0.0/8"]\n'
    with LiveServer(tmp_path_factory.mktemp("kling"), config) as found:
        yield found


def made(server: LiveServer, path: str, body: dict[str, Any]) -> Any:
    answer = server.call("POST", f"/kling{path}", body)
    assert answer.status == 200, answer
    one = f"/kling{path}/{answer.json['data']['task_id']}"
    over = ("succeed", "failed")
    data = server.until(one, lambda found: found["data"]["task_status"] in over, 60)["data"]
    assert data["task_status"] == "succeed", data
    return data


@pytest.fixture(scope="module")
def clip(server: LiveServer) -> str:
    data = made(server, "/v1/videos/text2video", {"model_name": "kling-v1", "prompt": "a boat"})
    return str(data["task_result"]["videos"][0]["id"])


@pytest.mark.parametrize("op", DRAWN, ids=lambda op: op.title)
def test_every_operation_is_made(server: LiveServer, files: str, clip: str, op: Operation) -> None:
    text = msgspec.json.encode(op.example).decode().replace(EXAMPLES, files)
    body = msgspec.json.decode(text)
    if op.source in body:
        session = server.call("POST", IDENTIFY_FACE.path, {"video_id": clip}).json if op.goes_on == "session" else None
        body[op.source] = clip if session is None else session["data"]["session_id"]
    result = made(server, op.path.path, body)["task_result"]
    (kind,) = result.keys() & {"videos", "images", "audios"}
    assert all(value for one in result[kind] for name, value in one.items() if name.startswith("url"))


def test_the_calls_answer_at_once(server: LiveServer, files: str, clip: str) -> None:
    faces = server.call("POST", IDENTIFY_FACE.path, {"video_id": clip}).json["data"]
    assert [(one["face_id"], one["end_time"]) for one in faces["face_data"]] == [("0", 5000)]
    seen = server.call("POST", RECOGNIZE_IMAGE.path, {"image": f"{files}boat.png"}).json
    assert [one["type"] for one in seen["data"]["task_result"]["images"]] == ["object_seg"]
