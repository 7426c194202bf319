"""Workflows as models, on a running server with the sandbox behind it: from every dialect, and what is refused."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from telecine.nouns.ids import parse_task_id
from tests.server.live import ADMIN_KEY, LiveServer
from tests.server.pictures import picture

FLOWS = Path(__file__).parents[2] / "docs" / "workflows"
CONFIG = """
[[channels]]
name = "sandbox"
provider = "sandbox"
priced = true
models = ["*"]

[[channels]]
name = "apps"
provider = "sandbox"
models = ["4711"]

[[workflows]]
web_app_id = 37429
name = "picture-book"
file = "picture-book.json"
inputs = ["3:KSampler.cfg"]
prompt = "6:CLIPTextEncode.text"
negative_prompt = "7:CLIPTextEncode.text"
width = "5:EmptyLatentImage.width"
height = "5:EmptyLatentImage.height"
seed = "3:KSampler.seed"
count = "5:EmptyLatentImage.batch_size"

[[workflows]]
web_app_id = 37430
name = "clip"
file = "clip.json"
prompt = "5:CLIPTextEncode.text"
image = "1:LoadImage.image"
width = "12:WanImageToVideo.width"
height = "12:WanImageToVideo.height"
duration = "10:PrimitiveInt.value"

[[prices]]
model = "picture-book"
unit = "image"
price = 0.02

[[prices]]
model = "clip"
unit = "second"
price = 0.1
"""
SMALL = {"size": "64x64"}
STORY = "6:CLIPTextEncode.text"
PAGES = "5:EmptyLatentImage.batch_size"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("flows")
    for file in FLOWS.glob("*.json"):
        shutil.copy(file, folder)
    with LiveServer(folder, CONFIG) as found:
        yield found


def made(server: LiveServer, **body: Any) -> Any:
    """The task that `POST /v1/tasks` makes, once it has ended well."""
    answer = server.call("POST", "/v1/tasks", body)
    assert answer.status == 200, answer
    found = server.ended(answer.json["id"])
    assert found["status"] == "succeeded", found
    return found


def cost(task: Any) -> tuple[str, str]:
    return task["cost"]["held"], task["cost"]["charged"]


def test_an_app_makes_the_pictures_of_its_batch(server: LiveServer) -> None:
    task = made(server, model="picture-book", prompt="a paper boat", **SMALL)
    assert (task["operation"], task["model"]) == ("workflow", "picture-book")
    assert [(one["width"], one["height"]) for one in task["outputs"]] == [(64, 64)] * 5
    assert len({one["sha256"] for one in task["outputs"]}) == 5
    assert cost(task) == ("0.100000", "0.100000")


def test_a_client_says_how_many(server: LiveServer) -> None:
    for count in (1, 2):
        task = made(server, model="picture-book", prompt="a boat", count=count, **SMALL)
        assert len(task["outputs"]) == count
        assert cost(task)[1] == f"0.0{2 * count}0000"


def test_input_values_say_all_that_is_declared_and_are_billed(server: LiveServer) -> None:
    values = {STORY: "a kite", PAGES: 3, "5:EmptyLatentImage.width": 64, "5:Pages.height": 64, "3:KSampler.cfg": 5}
    task = made(server, model="picture-book", parameters={"input_values": values})
    assert [(one["width"], one["height"]) for one in task["outputs"]] == [(64, 64)] * 3
    assert cost(task)[1] == "0.060000"


@pytest.mark.parametrize("prompt", ["https://me.test/a.png\nin blue", "file: a boat", "http://10.0.0.1 is my router"])
def test_a_prompt_may_begin_as_a_url_does(server: LiveServer, prompt: str) -> None:
    task = made(server, model="picture-book", parameters={"input_values": {STORY: prompt, PAGES: 1}}, **SMALL)
    assert len(task["outputs"]) == 1


def test_a_clip_of_a_page(server: LiveServer) -> None:
    page = base64.b64encode(picture("PNG", (96, 64))).decode()
    inputs = [{"role": "image", "data": page}]
    task = made(server, model="clip", prompt="it rocks", inputs=inputs, duration=1, size="96x64")
    (output,) = task["outputs"]
    assert (output["content_type"], output["duration"]) == ("video/mp4", 1.0)
    assert (output["width"], output["height"]) == (96, 64)
    assert cost(task) == ("0.100000", "0.100000")
    values = {"1:LoadImage.image": f"data:image/png;base64,{page}", "10:PrimitiveInt.value": 1}
    again = made(server, model="clip", size="96x64", parameters={"input_values": values})
    assert again["outputs"][0]["duration"] == 1.0


def test_openai_and_kling_call_a_workflow(server: LiveServer) -> None:
    body = {"model": "clip", "prompt": "it rocks", "seconds": 1, "size": "96x64"}
    video = server.call("POST", "/v1/videos", body)
    assert video.status == 200, video
    assert server.ended(video.json["id"])["operation"] == "workflow"
    shown = server.call("GET", f"/v1/videos/{video.json['id']}").json
    assert (shown["status"], shown["seconds"], shown["size"], shown["prompt"]) == (
        "completed",
        "1",
        "96x64",
        "it rocks",
    )
    assert shown["id"] in [one["id"] for one in server.call("GET", "/v1/videos").json["data"]]

    other = "/kling/v1/videos/text2video"
    assert server.call("GET", f"{other}/{video.json['id']}").json["data"]["task_status"] == "succeed"
    pictures = made(server, model="picture-book", prompt="a boat", count=1, **SMALL)
    assert server.call("GET", f"{other}/{pictures['id']}").status == 404
    ours = {one["task_id"] for one in server.call("GET", other).json["data"]}
    assert str(parse_task_id(video.json["id"])) in ours
    assert str(parse_task_id(pictures["id"])) not in ours

    path = "/kling/v1/videos/image2video"
    body = {"model_name": "clip", "image": base64.b64encode(picture()).decode(), "prompt": "it rocks", "duration": "1"}
    kling = server.call("POST", path, body)
    assert kling.json["code"] == 0, kling
    task = kling.json["data"]["task_id"]
    assert server.ended(task)["status"] == "succeeded"
    data = server.call("GET", f"{path}/{task}").json["data"]
    assert (data["task_status"], data["task_result"]["videos"][0]["duration"]) == ("succeed", "1")


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"model": "picture-book", "operation": "text_to_video", "prompt": "a"}, "unsupported_parameter", "operation"),
        ({"model": "picture-book", "prompt": "a", "duration": 5}, "unsupported_parameter", "duration"),
        ({"model": "picture-book", "prompt": "a", "draft": True}, "unsupported_parameter", "draft"),
        ({"model": "picture-book", "count": 101, "prompt": "a"}, "invalid_request", "count"),
        ({"model": "picture-book", "count": 3, "parameters": {"input_values": {PAGES: 5}}}, "invalid_request", "count"),
        ({"model": "picture-book", "parameters": {"input_values": {"9:SaveImage.filename_prefix": "x"}}}, None, None),
        ({"model": "picture-book", "parameters": {"input_values": {STORY: ["6", 0]}}}, None, None),
        ({"model": "picture-book", "parameters": {"input_values": {STORY: "../../x"}}}, None, None),
        ({"model": "picture-book", "parameters": {"input_values": []}}, "invalid_request", None),
        ({"model": "picture-book", "parameters": {"values": {}}}, "invalid_request", None),
        ({"model": "clip", "parameters": {"input_values": {"1:LoadImage.image": "theirs.png"}}}, None, None),
        ({"model": "clip", "parameters": {"input_values": {"1:LoadImage.image": "http://127.0.0.1/a"}}}, None, None),
        ({"model": "clip", "parameters": {"input_values": {"1:LoadImage.image": "file:///etc/passwd"}}}, None, None),
        ({"model": "clip", "parameters": {"input_values": {"1:LoadImage.image": "data:x;base64,!"}}}, None, None),
        (
            {"model": "clip", "inputs": [{"role": "mask", "url": "https://me.test/m.png"}]},
            "unsupported_parameter",
            None,
        ),
        ({"model": "storyboard-1", "operation": "workflow", "prompt": "a"}, "unsupported_parameter", "operation"),
        ({"model": "37429", "operation": "workflow"}, "not_found", "model"),
    ],
)
def test_bad_input_is_refused_and_nothing_is_kept(
    server: LiveServer, body: dict[str, Any], code: str | None, param: str | None
) -> None:
    before = (server.count("tasks"), len(server.files()))
    answer = server.call("POST", "/v1/tasks", body)
    error = answer.json["error"]
    assert (answer.status, error["code"]) == (404 if code == "not_found" else 400, code or "invalid_request"), error
    assert param is None or error["param"] == param
    assert (server.count("tasks"), len(server.files())) == before


def test_an_app_that_nobody_has_named_is_the_model_of_its_number(server: LiveServer) -> None:
    values = {"17:BizyAir_NanoBananaPro.prompt": "a boat", "5:EmptyLatentImage.batch_size": 2}
    task = made(server, model="4711", operation="workflow", parameters={"input_values": values})
    assert len(task["outputs"]) == 2


def test_the_same_key_joins_the_same_call(server: LiveServer) -> None:
    body = {"model": "picture-book", "prompt": "once", "count": 1, **SMALL}
    first, again = (server.call("POST", "/v1/tasks", body, headers={"Idempotency-Key": "book-1"}) for _ in range(2))
    assert first.json["id"] == again.json["id"]
    other = server.call("POST", "/v1/tasks", {**body, "prompt": "twice"}, headers={"Idempotency-Key": "book-1"})
    assert other.status == 409


def test_a_retry_makes_the_same_again(server: LiveServer) -> None:
    task = made(server, model="picture-book", prompt="a boat", count=2, **SMALL)
    again = server.call("POST", f"/v1/tasks/{task['id']}/retry")
    assert again.status == 200, again
    found = server.ended(again.json["id"])
    assert [one["sha256"] for one in found["outputs"]] == [one["sha256"] for one in task["outputs"]]


def test_models_list_workflows(server: LiveServer) -> None:
    names = [one["id"] for one in server.call("GET", "/v1/models").json["data"]]
    assert {"picture-book", "clip"} <= set(names)


def test_the_admin_api_shows_and_checks_workflows(server: LiveServer) -> None:
    listed = server.call("GET", "/admin/v1/workflows", key=ADMIN_KEY).json["data"]
    assert [(one["name"], one["makes"], one["count"], one["nodes"]) for one in listed] == [
        ("picture-book", "image", 5, 7),
        ("clip", "video", 1, 13),
    ]
    shown = server.call("GET", "/admin/v1/workflows/37429", key=ADMIN_KEY).json
    assert shown["channels"] == ["sandbox"]
    assert {"name": PAGES, "value": 5, "field": "count"} in shown["inputs"]
    assert server.call("GET", "/admin/v1/workflows/nothing", key=ADMIN_KEY).status == 404
    assert server.call("GET", "/admin/v1/workflows").status == 403
    graph = {"1": {"class_type": "CLIPTextEncode", "inputs": {"text": "a", "clip": ["9", 0]}}}
    wanted = {"workflow": {"web_app_id": 1, "name": "new", "prompt": "2:CLIPTextEncode.text"}, "graph": graph}
    checked = server.call("POST", "/admin/v1/workflows/check", wanted, key=ADMIN_KEY).json
    assert (checked["ok"], len(checked["problems"]), checked["settable"]) == (False, 2, ["1:CLIPTextEncode.text"])
    good = {"workflow": {"web_app_id": 1, "name": "new", "prompt": "1:CLIPTextEncode.text"}}
    graph["1"]["inputs"] = {"text": "a"}
    assert server.call("POST", "/admin/v1/workflows/check", {**good, "graph": graph}, key=ADMIN_KEY).json["ok"]
    editor: dict[str, Any] = {"nodes": [], "links": []}
    assert not server.call("POST", "/admin/v1/workflows/check", {**good, "graph": editor}, key=ADMIN_KEY).json["ok"]


def test_a_workflow_is_made_called_and_removed_while_the_server_runs(server: LiveServer) -> None:
    graph = json.loads((FLOWS / "picture-book.json").read_text())
    wanted = {"workflow": {"web_app_id": 7, "name": "leaflet", "prompt": STORY, "count": PAGES}, "graph": graph}

    def sent(method: str, path: str, body: Any = None) -> Any:
        return server.call(method, f"/admin/v1/workflows{path}", body, key=ADMIN_KEY)

    assert server.call("POST", "/v1/tasks", {"model": "leaflet", "prompt": "a"}).status == 404
    info = sent("POST", "", wanted)
    assert (info.status, info.json["source"], info.json["channels"]) == (201, "api", ["sandbox"])
    task = made(server, model="leaflet", prompt="a leaf", count=2, parameters={"input_values": {}})
    assert len(task["outputs"]) == 2
    assert sent("POST", "", wanted).status == 409
    for more in ({"name": "picture-book"}, {"web_app_id": 37429}, {"name": "37429"}):
        assert sent("POST", "", {**wanted, "workflow": {**wanted["workflow"], **more}}).status == 409
    for more in ({"prompt": "66:A.b"}, {"name": "kling-v1"}, {"file": "x.json"}, {"nothing": 1}):
        refused = sent("POST", "", {**wanted, "workflow": {**wanted["workflow"], "name": "other", **more}})
        assert refused.status == 400, refused
    assert sent("POST", "", {**wanted, "graph": {"nodes": []}}).status == 400
    assert sent("DELETE", "/picture-book").status == 409
    assert sent("DELETE", "/leaflet").json["name"] == "leaflet"
    assert sent("DELETE", "/leaflet").status == 404
    assert server.call("POST", "/v1/tasks", {"model": "leaflet", "prompt": "a"}).status == 404


def test_a_workflow_that_was_made_is_there_after_a_start_and_the_file_goes_before_it(tmp_path: Path) -> None:
    graph = json.loads((FLOWS / "picture-book.json").read_text())
    wanted = {"workflow": {"web_app_id": 7, "name": "leaflet", "prompt": STORY}, "graph": graph}
    with LiveServer(tmp_path) as server:
        assert server.call("POST", "/admin/v1/workflows", wanted, key=ADMIN_KEY).status == 201
    shutil.copy(FLOWS / "clip.json", tmp_path)
    section = '[[workflows]]\nweb_app_id = 8\nname = "clip"\nfile = "clip.json"\n'
    with LiveServer(tmp_path, section) as server:
        found = server.call("GET", "/admin/v1/workflows", key=ADMIN_KEY).json["data"]
        assert [(one["name"], one["source"]) for one in found] == [("clip", "file"), ("leaflet", "api")]
        file = tmp_path / "telecine.toml"
        file.write_text(file.read_text().replace('"clip"\n', '"leaflet"\n', 1))
        assert server.call("POST", "/admin/v1/config/reload", key=ADMIN_KEY).status == 200
        found = server.call("GET", "/admin/v1/workflows", key=ADMIN_KEY).json["data"]
        assert [(one["name"], one["source"]) for one in found] == [("leaflet", "file")]
        file.write_text(file.read_text().replace("web_app_id = 8", 'web_app_id = 8\nprompt = "77:Nothing.text"'))
        refused = server.call("POST", "/admin/v1/config/reload", key=ADMIN_KEY)
        assert (refused.status, "'leaflet'" in refused.json["error"]["message"]) == (400, True)
        assert "'77'" in refused.json["error"]["message"]
        assert server.call("GET", "/admin/v1/workflows/leaflet", key=ADMIN_KEY).json["web_app_id"] == "8"


def test_a_key_joins_its_task_although_the_graph_has_changed_meanwhile(tmp_path: Path) -> None:
    graph = json.loads((FLOWS / "picture-book.json").read_text())
    file = tmp_path / "book.json"
    file.write_text(json.dumps(graph))
    section = f'[[workflows]]\nweb_app_id = 7\nname = "leaflet"\nfile = "book.json"\nprompt = "{STORY}"\n'
    with LiveServer(tmp_path, section) as server:
        body, headers = {"model": "leaflet", "prompt": "a leaf"}, {"Idempotency-Key": "leaf-1"}
        first = server.call("POST", "/v1/tasks", body, headers=headers)
        graph["90"] = {"class_type": "Note", "inputs": {}}
        file.write_text(json.dumps(graph))
        reloaded = server.call("POST", "/admin/v1/config/reload", key=ADMIN_KEY).json
        assert "workflows 'leaflet' changed: file book.json" in reloaded["revision"]["lines"][0]
        again = server.call("POST", "/v1/tasks", body, headers=headers)
        assert (again.status, again.json["id"]) == (200, first.json["id"])


def test_a_task_whose_workflow_is_gone_before_it_is_sent_fails_and_costs_nothing(tmp_path: Path) -> None:
    graph = json.loads((FLOWS / "picture-book.json").read_text())
    wanted = {"workflow": {"web_app_id": 7, "name": "leaflet", "prompt": STORY}, "graph": graph}
    channel = (
        '[[channels]]\nname = "shut"\nprovider = "sandbox"\npriced = true\nmodels = ["leaflet"]\nmax_in_flight = 0\n'
    )
    price = '[[prices]]\nmodel = "leaflet"\nunit = "image"\nprice = 1\n'
    with LiveServer(tmp_path, channel + price) as server:
        assert server.call("POST", "/admin/v1/workflows", wanted, key=ADMIN_KEY).status == 201
        task = server.call("POST", "/v1/tasks", {"model": "leaflet", "prompt": "a leaf"}).json
        assert (task["status"], task["cost"]["held"]) == ("queued", "5.000000")
        assert server.call("DELETE", "/admin/v1/workflows/leaflet", key=ADMIN_KEY).status == 200
        file = tmp_path / "telecine.toml"
        file.write_text(file.read_text().replace("max_in_flight = 0", "max_in_flight = 1"))
        assert server.call("POST", "/admin/v1/config/reload", key=ADMIN_KEY).status == 200
        ended = server.ended(task["id"])
        assert (ended["status"], ended["error"]["code"]) == ("failed", "invalid_request")
        assert "no longer configured" in ended["error"]["message"]
        assert ended["cost"]["charged"] == "0.000000"
