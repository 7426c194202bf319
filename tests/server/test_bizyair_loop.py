"""BizyAir's dialect, served by one Telecine, and consumed by the provider of another: both speak the same wire."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dialects.bizyair.test_live import (
    ASYNC,
    BOOK,
    CHINA,
    CHINA_MODELS,
    CLIP,
    CONFIG,
    ENDPOINT,
    NAMED,
    PROMPT,
    book,
    checked,
    ended,
    written,
)
from tests.server.live import KEY, LiveServer, eventually
from tests.server.receiver import Receiver


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """The one that stands where BizyAir would."""
    with LiveServer(written(tmp_path_factory.mktemp("there")), CONFIG) as found:
        yield found


def channel(there: LiveServer, mode: str) -> str:
    return f"""
public_url = "{{address}}"

[network]
allow_private = ["127.0.0.0/8"]

[[channels]]
name = "there"
provider = "bizyair"
base_url = "{there.address}"
api_key = "{KEY}"
webhook_secret = "secret-of-the-callbacks-0123456789"
models = ["{BOOK}", {{ public = "clip", upstream = "{CLIP}" }}, {{ public = "o2", upstream = "{NAMED}" }}, "*/*"]
options = {{ mode = "{mode}" }}

[[workflows]]
web_app_id = {CLIP}
name = "clip"
prompt = "16:WanVideoTextEncode.positive_prompt"
duration = "16:WanVideoTextEncode.seconds"
makes = "video"

[[workflows]]
web_app_id = "{NAMED}"
name = "o2"
prompt = "prompt"
"""


@pytest.fixture(scope="module", params=["async", "webhook", "sync"])
def here(request: pytest.FixtureRequest, there: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The one that clients speak to; it has nothing but the other, which it asks in one of the three modes."""
    with LiveServer(tmp_path_factory.mktemp(request.param), channel(there, request.param)) as found:
        yield found


def last(there: LiveServer) -> Any:
    """What the other one says of its newest task."""
    (number,) = there.rows("SELECT max(id) FROM tasks")[0]
    return ended(there, f"{CHINA}/outputs?requestId={number}")


def test_five_pictures_go_round(there: LiveServer, here: LiveServer) -> None:
    before = there.count("tasks")
    result = here.call("POST", f"{CHINA}/create", book()).json
    checked(here, result, "image/png", ".png", 5)
    assert there.count("tasks") == before + 1
    theirs = last(there)
    assert result["cost_times"] == theirs["cost_times"]
    assert [one["cost_time"] for one in result["outputs"]] == [one["cost_time"] for one in theirs["outputs"]]
    assert there.address not in str(result)


def test_a_clip_goes_round(there: LiveServer, here: LiveServer) -> None:
    values = {"16:WanVideoTextEncode.positive_prompt": "a boat", "16:WanVideoTextEncode.seconds": 1}
    answer = here.call("POST", f"{CHINA}/create", {"web_app_id": CLIP, "input_values": values}, headers=ASYNC)
    name = answer.json["requestId"]
    assert ended(here, f"{CHINA}/detail?requestId={name}")["status"] == "Success"
    checked(here, here.call("GET", f"{CHINA}/outputs?requestId={name}").json["data"], "video/mp4", ".mp4", 1)


def test_a_failure_goes_round(there: LiveServer, here: LiveServer) -> None:
    answer = here.call("POST", f"{CHINA}/create", book("[[fail:upstream_failed]] a boat"))
    theirs = last(there)
    assert (answer.status, answer.json["status"], answer.json["outputs"]) == (200, "Failed", [])
    assert answer.json["message"] == theirs["message"]


def test_a_refusal_goes_round(there: LiveServer, here: LiveServer) -> None:
    before = there.count("tasks")
    answer = here.call("POST", f"{CHINA}/create", book(more={"99:KSampler.seed": 1}))
    assert (answer.status, answer.json["code"], answer.json["status"]) == (400, 20015, False), answer
    assert "99:KSampler.seed" in answer.json["message"]
    assert there.count("tasks") == before


def test_a_model_of_the_modelzoo_goes_round(there: LiveServer, here: LiveServer) -> None:
    with Receiver().in_thread() as receiver:
        headers = {"X-Bizyair-Task-WebHook-Url": receiver.url}
        name = here.call("POST", f"{CHINA_MODELS}/{ENDPOINT}", {"prompt": "a boat"}, headers=headers).json["request_id"]
        (body,) = receiver.wait(1)
    assert (body["request_id"], body["status"], len(body["outputs"]["images"])) == (name, "Success", 1)
    assert body["outputs"]["images"][0].startswith(here.address)
    assert server_model(there) == ENDPOINT


def test_a_model_of_the_modelzoo_is_called_in_other_words(there: LiveServer, here: LiveServer) -> None:
    task = here.ended(here.call("POST", "/v1/tasks", {"model": "o2", "prompt": "a boat"}).json["id"])
    assert (task["status"], task["operation"], len(task["outputs"])) == ("succeeded", "workflow", 1)
    assert server_model(there) == NAMED
    by_endpoint = here.call("POST", f"{CHINA_MODELS}/{NAMED}", {"prompt": "a boat"}).json["request_id"]
    assert here.ended(by_endpoint)["model"] == "o2"
    answer = here.call("POST", f"{CHINA_MODELS}/{NAMED}", {"prompt": "a boat", "mode": "pro"})
    assert (answer.status, answer.json["code"]) == (400, 20015), answer


def server_model(there: LiveServer) -> str:
    ((model,),) = there.rows("SELECT model FROM tasks ORDER BY id DESC LIMIT 1")
    return str(model)


def test_a_cancel_goes_round(there: LiveServer, tmp_path: Path) -> None:
    with LiveServer(tmp_path, channel(there, "async")) as here:
        before = there.count("tasks")
        answer = here.call("POST", f"{CHINA}/create", book(f"[[delay:3600]] {PROMPT}"), headers=ASYNC)
        eventually(lambda: there.count("tasks") == before + 1, "the job")
        here.call("PUT", f"{CHINA}/interrupt?requestId={answer.json['requestId']}")
        assert ended(here, f"{CHINA}/detail?requestId={answer.json['requestId']}")["status"] == "Canceled"
        assert last(there)["status"] == "Canceled"
