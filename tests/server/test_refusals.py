"""One client's bad requests stop a channel for nobody, whatever the upstream's errors look like."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.live import ADMIN_KEY, OTHER_KEY, LiveServer, kling_channel
from tests.upstreams import kling
from tests.upstreams.bizyair import FakeBizyair
from tests.upstreams.faults import Fault
from tests.upstreams.kling import FakeKling
from tests.upstreams.openai_videos import FakeOpenAI
from tests.upstreams.refusals import MESSAGE, TOLD

_CREATES: dict[str, tuple[str, dict[str, Any]]] = {
    "kling": ("/v1/tasks", {"model": "kling-v2-5-turbo", "prompt": "a fox"}),
    "openai": ("/v1/tasks", {"model": "sora-2", "prompt": "a fox"}),
    "bizyair": (
        "/v1/tasks",
        {"model": "37429", "operation": "workflow", "parameters": {"input_values": {"6:CLIPTextEncode.text": "a fox"}}},
    ),
}


@pytest.fixture(scope="module", params=["kling", "openai", "bizyair"])
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, LiveServer]]:
    """An upstream with room for one job, and a server with that one channel."""
    folder: Path = tmp_path_factory.mktemp(request.param)
    fakes: dict[str, Any] = {"kling": FakeKling, "openai": FakeOpenAI, "bizyair": FakeBizyair}
    fake = fakes[request.param]()
    with fake.in_thread():
        if request.param == "kling":
            config = kling_channel(fake.base_url, kling.API_KEY, "max_in_flight = 1")
        else:
            config = kling_channel(fake.base_url, fake.api_key, "max_in_flight = 1")
            models = {"openai": "sora-*", "bizyair": "37429"}[request.param]
            config = config.replace("/kling", "").replace("kling-*", models).replace('"kling"', f'"{request.param}"')
        fake.autofinish(0.05)
        with LiveServer(folder, config) as server:
            yield fake, server


@pytest.mark.parametrize("status", [200, 400, 404, 418, 422])
def test_nobody_waits_for_anothers_bad_requests(house: tuple[Any, LiveServer], status: int) -> None:
    fake, server = house
    path, body = next(_CREATES[name] for name in _CREATES if name in type(fake).__name__.lower())
    told = 0
    for shape in ("fastapi", "errors", "msg", "string code", "new-api around another", "google", "bizyair"):
        assert shape in TOLD
        fake.faults.append(Fault("create", "shape", code=shape, status=status))
        refused = server.call("POST", path, body, key=OTHER_KEY)
        told += MESSAGE in refused.content.decode()
        assert refused.status < 500, refused
    assert told == 7
    for word in ("queued", "running", "succeeded"):
        assert server.call("GET", f"/v1/tasks?status={word}", key=OTHER_KEY).json["data"] == []
    (channel,) = server.call("GET", "/admin/v1/channels", key=ADMIN_KEY).json["data"]
    assert channel["circuit"] == "closed"
    made = server.call("POST", path, body)
    assert made.status == 200, made
    assert server.ended(made.json["id"])["status"] == "succeeded"
    assert fake.count("accepted") == len(fake.jobs)
