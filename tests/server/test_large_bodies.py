"""What large bodies cost: only those that may be large are taken, few at once, and nobody else waits for them."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from telecine.dialects import bodies
from telecine.dialects.room import Room
from tests.server.live import Answer, LiveServer
from tests.server.pictures import picture
from tests.server.test_bad_input import form
from tests.ticks import ROUNDS, Ticks

MIB = 1024 * 1024
JSON, FORM = 2 * MIB, 8 * MIB
PHOTO = picture("PNG", (320, 320))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    config = f"[limits]\njson_body = {JSON}\nbody = {FORM}"
    with LiveServer(tmp_path_factory.mktemp("large"), config, speed=1) as found:
        yield found


PATHS = ("/v1/webhooks", "/v1/tasks", "/kling/v1/videos/text2video", "/kling/v1/videos/image2video")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "multipart/form-data", "application/json", ""])
def test_only_forms_may_be_larger_than_json(server: LiveServer, path: str, kind: str) -> None:
    answer = server.call("POST", path, b"x" * (JSON + 1), headers={"content-type": kind})
    assert answer.status == 413
    assert str(JSON) in answer.content.decode()


@pytest.mark.parametrize(
    "kind",
    ["multipart/mixed; boundary=frontier", "multipart/form-datax; boundary=frontier", "multipart/", "text/plain"],
)
def test_only_what_is_a_form_is_one(server: LiveServer, kind: str) -> None:
    body, _ = form(("prompt", None, b"a"), ("input_reference", "a.png", bytes(JSON)))
    assert server.call("POST", "/v1/videos", body, headers={"content-type": kind}).status == 413


@pytest.mark.parametrize(
    "parts",
    [
        [("prompt", None, b"x" * (MIB + 1))],
        [(f"metadata[{number}]", None, b"x" * (MIB // 2)) for number in range(12)],
    ],
    ids=["one long", "many"],
)
def test_the_texts_of_a_form_are_short(server: LiveServer, parts: list[tuple[str, str | None, bytes]]) -> None:
    body, headers = form(*parts)
    answer = server.call("POST", "/v1/videos", body, headers=headers)
    assert (answer.status, answer.json["error"]["code"]) == (413, "too_large")


def test_a_form_of_one_line_is_short(server: LiveServer) -> None:
    kind = {"content-type": "application/x-www-form-urlencoded"}
    for body in (b"prompt=" + b"x" * (MIB + 1), b"&".join(b"f%d=" % number + b"x" * 100_000 for number in range(50))):
        assert server.call("POST", "/v1/videos", body, headers=kind).status == 413


def test_a_form_may_hold_a_long_data_url(server: LiveServer) -> None:
    photo = base64.b64encode(PHOTO + bytes(2 * MIB))  # what follows a picture's end does not matter
    prompt = ("prompt", None, b"a [[fail:content_policy]]")
    for name in ("input_reference", "input_reference[image_url]", "images[]"):
        body, headers = form(prompt, (name, None, b"data:image/png;base64," + photo))
        assert server.call("POST", "/v1/videos", body, headers=headers).status == 200, name
    assert server.gateway._edge.room.taken == 0


def test_many_large_bodies_at_once_are_held_a_few_at_a_time(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    most, room = 0, server.gateway._edge.room
    take = Room.take

    async def noted(self: Room, account_id: int, size: int) -> int:
        nonlocal most
        taken = await take(self, account_id, size)
        most = max(most, self.taken)
        return taken

    monkeypatch.setattr(Room, "take", noted)
    photo = base64.b64encode(PHOTO + bytes(JSON // 2)).decode()
    inputs = [{"role": "first_frame", "data": photo}]
    body = {"model": "sora-2", "prompt": "a [[fail:content_policy]]", "inputs": inputs}

    def create(_: int) -> Answer:
        return server.call("POST", "/v1/tasks", body)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(create, range(8)))
    assert [one.status for one in answers] == [200] * 8
    assert MIB < most <= 2 * JSON < 8 * len(photo)
    assert room.taken == 0, "what was refused or is done holds none"


def test_room_is_given_back_by_what_is_refused(server: LiveServer) -> None:
    for body in (b"x" * (JSON - 1), json.dumps({"prompt": "x" * (JSON - 100)}).encode()):
        for path in PATHS:
            assert server.call("POST", path, body).status == 400
    assert server.gateway._edge.room.taken == 0


def test_a_large_body_holds_nobody_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed, gaps = [], []
    parse = bodies.parse_object

    def noted(content: bytes) -> bodies.Body:
        parsed.append(threading.get_ident())
        return parse(content)

    monkeypatch.setattr(bodies, "parse_object", noted)
    photo = base64.b64encode(PHOTO + bytes(12 * MIB)).decode()
    inputs = [{"role": "first_frame", "data": photo}]
    body = json.dumps({"model": "sora-2", "prompt": "a [[fail:content_policy]]", "inputs": inputs}).encode()
    with LiveServer(folder, speed=1) as server:
        loop = server.run(ident())
        for _ in range(ROUNDS):
            ticks = Ticks()
            ticker = asyncio.run_coroutine_threadsafe(ticks.run(), server.loop)
            assert server.call("POST", "/v1/tasks", body).status == 200
            ticks.going = False
            ticker.result(20)
            gaps.append(ticks.longest)
            if ticks.longest < 0.5:
                break
    assert len(parsed) == len(gaps)
    assert loop not in parsed
    assert min(gaps) < 0.5, f"the loop was away for {gaps} s"


async def ident() -> int:
    return threading.get_ident()
