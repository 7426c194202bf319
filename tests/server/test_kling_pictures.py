"""Kling's pictures and sounds through the whole house: in its own words and in others', at a Kling that takes packs."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from tests.server.live import Answer, LiveServer, eventually, kling_channel
from tests.server.pictures import picture
from tests.server.receiver import Receiver
from tests.upstreams.kling import API_KEY, FakeJob, FakeKling

PATH = "/v1/images/generations"
PHOTO = base64.b64encode(picture("PNG", (320, 320))).decode()
INLINE = f"data:image/png;base64,{PHOTO}"
ACCESS_KEY, SECRET_KEY = "access-key-of-a-kling-client", "7Yq2vXk9Lw3RzT8bNc5HdJf4GmPs6QaE"
CONFIG = f"""
[[channels]]
name = "fitting-room"
provider = "kling"
base_url = "{{kling}}"
api_key = "{API_KEY}"
models = ["kolors-*"]

[[channels]]
name = "drawn-here"
provider = "sandbox"
models = ["gpt-image-1"]

[[prices]]
model = "kling-image-o1"
unit = "image"
price = 0.01

[[prices]]
model = "*"
unit = "call"
price = 0

[[keys]]
name = "signer"
key = "key-of-the-signer-b7d1f0c2a9e84365"
access_key = "{ACCESS_KEY}"
secret_key = "{SECRET_KEY}"
"""


@pytest.fixture(scope="module")
def kling() -> Iterator[FakeKling]:
    with FakeKling().in_thread() as fake:
        yield fake


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, kling: FakeKling) -> Iterator[LiveServer]:
    config = 'public_url = "{address}"\n' + kling_channel(kling.base_url, API_KEY, CONFIG.format(kling=kling.base_url))
    with LiveServer(tmp_path_factory.mktemp("pictures"), config) as found:
        yield found


def newest(kling: FakeKling) -> FakeJob:
    return list(kling.jobs.values())[-1]


def slots(server: LiveServer, job: FakeJob) -> int:
    """How many the attempt that made the job took."""
    ((weight,),) = server.rows("SELECT weight FROM attempts WHERE upstream_id = ?", job.task_id)
    return int(weight)


def klings(answer: Answer) -> str:
    """The id of the task that was made; fails unless the answer is in Kling's words."""
    assert (answer.status, answer.json.get("code"), answer.json.get("message")) == (200, 0, "SUCCEED"), answer
    assert answer.json["data"]["task_status"] == "submitted"
    name: str = answer.json["data"]["task_id"]
    return name


def test_the_shared_path_is_klings_where_the_body_says_so(server: LiveServer, kling: FakeKling) -> None:
    name = klings(
        server.call("POST", PATH, {"model_name": "kling-v3", "prompt": "a boat", "external_task_id": "image_1"})
    )
    assert (newest(kling).path, newest(kling).body["prompt"]) == ("images/generations", "a boat")
    for path in (f"{PATH}/{name}", f"{PATH}/image_1", f"/kling{PATH}/{name}"):
        assert server.call("GET", path).json["data"]["task_id"] == name, path
    assert name in [one["task_id"] for one in server.call("GET", PATH).json["data"]]
    klings(server.call("POST", PATH, {"model_name": "kling-v3", "model": "kling-v3", "prompt": "a boat"}))
    refused = server.call("POST", PATH, {"model_name": "kling-v3"})
    assert (refused.status, refused.json["code"]) == (400, 1201), refused
    assert server.call("GET", f"{PATH}?pageSize=0").json["code"] == 1201
    kling.finish()


def test_a_client_that_signs_its_tokens_need_not_name_a_model(server: LiveServer, kling: FakeKling) -> None:
    now = int(time.time())
    token = jwt.encode({"iss": ACCESS_KEY, "exp": now + 10**6, "nbf": now - 5}, SECRET_KEY, algorithm="HS256")
    klings(server.call("POST", PATH, {"prompt": "signed"}, key=token))
    assert newest(kling).body["prompt"] == "signed"
    kling.finish()


def test_it_is_openais_everywhere_else(server: LiveServer) -> None:
    answer = server.call("POST", PATH, {"model": "gpt-image-1", "prompt": "a boat", "size": "1024x1024"})
    assert (answer.status, list(answer.json["data"][0])) == (200, ["b64_json"]), answer
    refused = server.call("POST", PATH, {"prompt": ""})
    assert (refused.status, refused.json["error"]["type"]) == (400, "invalid_request_error"), refused
    later = server.call("POST", f"{PATH}?async=true", {"model": "gpt-image-1", "prompt": "a boat"})
    assert later.status == 202, later
    name = later.json["id"]
    assert name.startswith("image_")
    assert server.call("GET", f"{PATH}/{name}").json["id"] == name
    assert server.call("DELETE", PATH).status == 405


@pytest.mark.parametrize(
    ("body", "path", "sent"),
    [
        ({"size": "1536x1024", "n": 2}, "images/generations", {"aspect_ratio": "3:2", "resolution": "1k", "n": 2}),
        ({"size": "2048x2048"}, "images/generations", {"aspect_ratio": "1:1", "resolution": "2k"}),
    ],
)
def test_an_openai_client_draws_at_kling(
    server: LiveServer, kling: FakeKling, body: dict[str, Any], path: str, sent: dict[str, Any]
) -> None:
    kling.autofinish(0.05)
    answer = server.call("POST", PATH, {"model": "kling-v3", "prompt": "a boat", **body})
    kling.autofinish(None)
    assert (answer.status, len(answer.json["data"])) == (200, body.get("n", 1)), answer
    job = newest(kling)
    assert job.path == path
    assert {name: job.body.get(name) for name in sent} == sent
    assert slots(server, job) == body.get("n", 1)


def test_an_openai_client_edits_several_pictures_at_kling(server: LiveServer, kling: FakeKling) -> None:
    kling.autofinish(0.05)
    body = {"model": "kling-v2-1", "prompt": "both", "images": [{"image_url": INLINE}, {"image_url": INLINE}]}
    answer = server.call("POST", "/v1/images/edits", body)
    kling.autofinish(None)
    assert answer.status == 200, answer
    job = newest(kling)
    assert (job.path, len(job.body["subject_image_list"])) == ("images/multi-image2image", 2)


def test_our_own_form_tries_clothes_on_and_makes_sounds(server: LiveServer, kling: FakeKling) -> None:
    kling.autofinish(0.05)
    worn = server.call(
        "POST",
        "/v1/tasks",
        {
            "model": "kolors-virtual-try-on-v1-5",
            "inputs": [{"role": "person", "data": PHOTO}, {"role": "garment", "data": PHOTO}],
        },
    )
    assert worn.json["operation"] == "try_on", worn
    dressed = server.ended(worn.json["id"])
    assert [one["content_type"] for one in dressed["outputs"]] == ["image/png"], dressed
    assert (newest(kling).path, newest(kling).body["cloth_image"]) == ("images/kolors-virtual-try-on", PHOTO)
    heard = server.call("POST", "/v1/tasks", {"model": "kling-text-to-audio", "prompt": "rain", "duration": 3})
    assert heard.json["operation"] == "sound", heard
    done = server.ended(heard.json["id"])
    kling.autofinish(None)
    assert [one["content_type"] for one in done["outputs"]] == ["audio/mpeg", "audio/wav"], done
    said = server.call("GET", f"/kling/v1/audio/text-to-audio/{heard.json['id']}").json["data"]
    (sound,) = said["task_result"]["audios"]
    assert sound["url_mp3"].startswith(server.address)
    assert sound["url_wav"].startswith(server.address)
    assert sound["duration_mp3"] == "1"
    assert "model_name" not in newest(kling).body


def test_a_series_is_held_for_at_its_longest_and_charged_as_it_is(server: LiveServer, kling: FakeKling) -> None:
    with Receiver().in_thread() as receiver:
        body = {
            "model_name": "kling-image-o1",
            "prompt": "a story",
            "result_type": "series",
            "series_amount": "auto",
            "callback_url": receiver.url,
        }
        name = klings(server.call("POST", "/kling/v1/images/omni-image", body))
        held = server.call("GET", f"/v1/tasks/{name}").json
        assert held["cost"]["held"] == "0.090000"
        assert slots(server, newest(kling)) == 9
        kling.finish()
        done = server.ended(name)
        assert (done["cost"]["charged"], len(done["outputs"])) == ("0.030000", 3)
        told = eventually(lambda: [one for one in receiver.bodies if one["task_status"] == "succeed"], "the callback")
    (last,) = told
    assert (last["task_id"], last["final_unit_deduction"]) == (name, newest(kling).units)
    result = server.call("GET", f"/kling/v1/images/omni-image/{name}").json["data"]["task_result"]
    assert result["result_type"] == "series"
    assert [one["index"] for one in result["series_images"]] == [0, 1, 2]
    assert server.call("GET", result["series_images"][0]["url"], key=None).status == 200


def test_what_the_account_has_is_told_as_kling_tells_packs(server: LiveServer) -> None:
    path = "/account/costs?start_time=0&end_time=4102444800000"
    answer = server.call("GET", path)
    assert answer.status == 200, answer
    assert answer.json["data"]["code"] == 0
    (pack,) = answer.json["data"]["resource_pack_subscribe_infos"]
    assert pack["status"] == "online"
