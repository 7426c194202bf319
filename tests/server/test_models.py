"""Models that a configuration names: served, checked, listed and changed by a reload; and what an upstream has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.live import ADMIN_KEY, LiveServer
from tests.upstreams.openai_videos import API_KEY, FakeOpenAI

CHANNELS = """
[[channels]]
name = "sandbox"
provider = "sandbox"
models = ["*"]

[[channels]]
name = "relay"
provider = "openai"
base_url = "{address}/v1"
api_key = "{key}"
allow_private = true
models = ["veo-of-the-relay"]
"""
VEO = """
[[models]]
name = "veo-9"
vendor = "google"
operations = ["text_to_video"]
aliases = ["veo9"]
durations = [{seconds}]
"""


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeOpenAI]:
    with FakeOpenAI().in_thread() as fake:
        yield fake


def test_a_name_of_the_configuration_is_a_model(tmp_path: Path, upstream: FakeOpenAI) -> None:
    channels = CHANNELS.format(address=upstream.base_url, key=API_KEY)
    with LiveServer(tmp_path, channels + VEO.format(seconds="4, 8")) as server:

        def models(path: str = "") -> Any:
            return server.call("GET", f"/admin/v1/models{path}", key=ADMIN_KEY).json

        def reload(old: str, new: str) -> None:
            file = tmp_path / "telecine.toml"
            file.write_text(file.read_text().replace(old, new))
            assert server.call("POST", "/admin/v1/config/reload", key=ADMIN_KEY).status == 200

        owners = {one["id"]: one["owned_by"] for one in server.call("GET", "/v1/models").json["data"]}
        assert (owners["veo-9"], owners["veo-of-the-relay"]) == ("google", "telecine")
        body = {"model": "veo9", "prompt": "a kite [[delay:0]]", "seconds": "5"}
        refused = server.call("POST", "/v1/videos", body)
        assert (refused.status, refused.json["error"]["param"]) == (400, "seconds")
        assert "use one of: 4, 8" in refused.json["error"]["message"]
        made = server.call("POST", "/v1/videos", body | {"seconds": "4"}).json
        assert (made["model"], made["seconds"]) == ("veo9", "4")

        shown = models("/veo9")
        assert (shown["name"], shown["source"], shown["channels"]) == ("veo-9", "file", ["sandbox"])
        assert shown["abilities"][0]["durations"] == [4, 8]
        sources = {one["name"]: one["source"] for one in models()["data"]}
        assert [sources[one] for one in ("veo-of-the-relay", "sora-2", "veo-9")] == ["channel", "catalogue", "file"]
        assert "no model 'nothing'" in models("/nothing")["error"]["message"]
        assert server.call("GET", "/admin/v1/models").status == 403

        reload("durations = [4, 8]", "durations = [5]")
        assert server.call("POST", "/v1/videos", body).status == 200
        reload(VEO.format(seconds="5"), "")
        assert server.call("POST", "/v1/videos", body).status == 404

        asked = server.call("POST", "/admin/v1/channels/relay/discover", key=ADMIN_KEY)
        assert asked.json["data"] == [{"name": "sora-2", "served": False, "known": True}]
        silent = server.call("POST", "/admin/v1/channels/sandbox/discover", key=ADMIN_KEY)
        assert (silent.status, silent.json["error"]["code"]) == (400, "unsupported_parameter")
        assert server.call("POST", "/admin/v1/channels/nobody/discover", key=ADMIN_KEY).status == 404
