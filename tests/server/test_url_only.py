"""An upstream that takes pictures as URLs alone has those that clients send inline from us, where it can reach us."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from telecine.media.links import OBJECT_SECONDS
from telecine.providers.kling import KLING
from telecine.server import rooms
from tests.dialects.house import base64_of, picture
from tests.server.live import LiveServer, kling_channel
from tests.upstreams.kling import API_KEY, FakeKling

PATH = "/kling/v1/videos/image2video"
PICTURE = picture()
INLINE = {"model_name": "kling-v2-5-turbo", "prompt": "a boat", "image": base64_of(PICTURE)}


@pytest.fixture(autouse=True)
def only_urls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "VENDORS", (replace(KLING, traits=replace(KLING.traits, url_only=True)),))


@pytest.fixture
def kling() -> Iterator[FakeKling]:
    with FakeKling().in_thread() as fake:
        yield fake


def test_an_inline_picture_becomes_a_link_that_ends(tmp_path: Path, kling: FakeKling) -> None:
    config = 'public_url = "{address}"\n' + kling_channel(kling.base_url, API_KEY)
    with LiveServer(tmp_path, config) as server:
        assert server.call("POST", PATH, INLINE).status == 200
        url = json.loads(kling.creates[-1])["image"]
        assert url.startswith(f"{server.address}/media/")
        had = server.call("GET", url, key=None)
        assert (had.status, had.content, had.headers["content-type"]) == (200, PICTURE, "image/jpeg")
        assert server.call("GET", f"{url}x", key=None).status == 403
        server.clock.leap(OBJECT_SECONDS + 1)
        assert server.call("GET", url, key=None).status == 403
        assert url.rsplit("/", 2)[1] not in server.log_text(), "the ticket opens the door by itself"


def test_a_picture_of_the_clients_own_stays_where_it_is(tmp_path: Path, kling: FakeKling) -> None:
    with LiveServer(tmp_path, kling_channel(kling.base_url, API_KEY)) as server:
        body = {**INLINE, "image": "https://pictures.example.com/a.png"}
        assert server.call("POST", PATH, body).status == 200
        assert json.loads(kling.creates[-1])["image"] == body["image"]


def test_without_a_public_address_it_is_refused_before_anything_is_stored(tmp_path: Path, kling: FakeKling) -> None:
    with LiveServer(tmp_path, kling_channel(kling.base_url, API_KEY)) as server:
        for path, body in [
            (PATH, INLINE),
            ("/v1/tasks", {"model": "kling-v2-5-turbo", "inputs": [{"role": "image", "data": INLINE["image"]}]}),
        ]:
            answer = server.call("POST", path, body)
            assert answer.status == 400
            assert "public_url" in answer.content.decode()
        assert (server.files(), server.count("tasks"), kling.creates) == ([], 0, [])
