"""BizyAir's calls over a whole server: a picture book and a clip from the sandbox, in every mode and at every path."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.server.live import KEY, OTHER_KEY, Answer, LiveServer, eventually
from tests.server.receiver import Receiver

CHINA, ABROAD = "/w/v1/webapp/task/openapi", "/v1/webapp/task/openapi"
CHINA_MODELS, ABROAD_MODELS, SDK = "/x/v1/modelzoo/tasks/openapi", "/v1/modelzoo/tasks/openapi", "/v1/modelzoo/tasks"
ASYNC = {"X-Bizyair-Task-Async": "enable"}
BOOK, CLIP, ELSEWHERE, ENDPOINT = 37429, 41082, 50001, "bza-image-b-pro-official/text-to-image"
NAMED = "bza-image-o2-base/text-to-image"
PROMPT, PIXELS = "6:CLIPTextEncode.text", "5:EmptyLatentImage.width"
GRAPH: dict[str, Any] = {
    "3": {"class_type": "KSampler", "inputs": {"seed": 1, "cfg": 8.0, "positive": ["6", 0], "latent_image": ["5", 0]}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 128, "height": 128, "batch_size": 5}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a boat"}},
    "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "book", "images": ["3", 0]}},
}
VIDEO: dict[str, Any] = {
    "16": {"class_type": "WanVideoTextEncode", "inputs": {"positive_prompt": "a boat", "seconds": 1}},
    "30": {"class_type": "VHS_VideoCombine", "inputs": {"images": ["16", 0]}},
}
CONFIG = f"""
[network]
allow_private = ["127.0.0.0/8"]

[[channels]]
name = "drawn"
provider = "sandbox"
models = ["*", "{ELSEWHERE}", "{ENDPOINT}", "{NAMED}"]

[[workflows]]
web_app_id = {BOOK}
name = "picture-book"
file = "book.json"
prompt = "{PROMPT}"
width = "{PIXELS}"
height = "5:EmptyLatentImage.height"
count = "5:EmptyLatentImage.batch_size"
inputs = ["3:KSampler.seed"]

[[workflows]]
web_app_id = {CLIP}
name = "clip"
file = "clip.json"
prompt = "16:WanVideoTextEncode.positive_prompt"
duration = "16:WanVideoTextEncode.seconds"
"""
TIMES = ("created_at", "updated_at", "executed_at", "running_at", "ended_at")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(written(tmp_path_factory.mktemp("bizyair")), CONFIG) as found:
        yield found


def written(folder: Path) -> Path:
    """`folder` with the files of the workflows."""
    for name, graph in (("book.json", GRAPH), ("clip.json", VIDEO)):
        (folder / name).write_text(json.dumps(graph), encoding="utf-8")
    return folder


def book(text: str = "a paper boat", more: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"web_app_id": BOOK, "suppress_preview_output": False, "input_values": {PROMPT: text, **(more or {})}}


def begun(server: LiveServer, body: dict[str, Any], root: str = CHINA) -> str:
    """The id of a new task."""
    answer = server.call("POST", f"{root}/create", body, headers=ASYNC)
    assert (answer.status, answer.json["requestId"]) == (202, answer.json["request_id"]), answer
    return str(answer.json["request_id"])


def ended(server: LiveServer, path: str) -> Any:
    """What `path` shows once the task has ended."""
    return server.until(path, lambda told: told["data"]["status"] in ("Success", "Failed", "Canceled"))["data"]


def checked(server: LiveServer, result: Any, kind: str, extension: str, count: int) -> None:
    """`result` is the documented object, and its files are there."""
    keys = ["type", "status", *TIMES, "expired_at", "request_id", "outputs", "cost_times"]
    assert (list(result), result["type"], result["status"]) == (keys, "API", "Success")
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", result[one]) for one in TIMES)
    assert result["expired_at"].endswith(" 00:00:00")
    assert len(result["outputs"]) == count
    for one in result["outputs"]:
        assert list(one) == ["object_url", "output_ext", "cost_time", "audit_status", "error_type"]
        assert (one["output_ext"], one["audit_status"], one["error_type"]) == (extension, 2, "NOT_ERROR")
        assert one["object_url"].endswith(extension)
        file = server.call("GET", one["object_url"], key=None)
        assert (file.status, file.headers["content-type"]) == (200, kind)
    named = (
        "inference_cost_time",
        "running_cost_time",
        "total_cost_time",
        "real_cpu_cost_time",
        "real_total_cost_time",
    )
    assert all(isinstance(result["cost_times"][one], int) for one in named)


def test_create_synchronous_five_pictures(server: LiveServer) -> None:
    answer = server.call("POST", f"{CHINA}/create", book())
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    checked(server, answer.json, "image/png", ".png", 5)
    shown = server.call("GET", f"{CHINA}/outputs?requestId={answer.json['request_id']}").json["data"]
    assert shown == answer.json


def test_links_work_for_as_long_as_the_result_says(tmp_path: Path) -> None:
    """Who came from BizyAir keeps the link that a callback brought, and comes back on the fourteenth day."""
    with LiveServer(written(tmp_path), CONFIG) as server:
        result = server.call("POST", f"{CHINA}/create", book(more={"5:EmptyLatentImage.batch_size": 1})).json
        name = server.call("POST", f"{CHINA_MODELS}/{ENDPOINT}", {"prompt": "a"}).json["request_id"]
        told = server.until(f"{CHINA_MODELS}/{name}", lambda told: told["data"]["status"] == "Success")
        server.clock.leap(13.9 * 86400)
        for link in (result["outputs"][0]["object_url"], told["outputs"]["images"][0]):
            assert server.call("GET", link, key=None).status == 200
        server.clock.leap(3 * 86400)
        assert server.call("GET", result["outputs"][0]["object_url"], key=None).status == 403


def test_create_synchronous_video(server: LiveServer) -> None:
    body = {"web_app_id": str(CLIP), "input_values": {"16:WanVideoTextEncode.positive_prompt": "a paper boat"}}
    answer = server.call("POST", f"/bizyair{CHINA}/create", body)
    assert answer.status == 200, answer
    checked(server, answer.json, "video/mp4", ".mp4", 1)


def test_create_synchronous_of_who_hangs_up_goes_on(server: LiveServer) -> None:
    before = server.count("tasks")
    with closing(server.connect()) as connection:
        content = json.dumps(book("[[delay:20]] a boat")).encode()
        connection.request("POST", f"{CHINA}/create", content, {"authorization": f"Bearer {KEY}"})
        eventually(lambda: server.count("tasks") == before + 1, "the task")
    (number,) = server.rows("SELECT max(id) FROM tasks")[0]
    assert ended(server, f"{CHINA}/detail?requestId={number}")["status"] == "Success"


def test_create_synchronous_that_fails_is_http_200(server: LiveServer) -> None:
    answer = server.call("POST", f"{CHINA}/create", book("[[fail:content_policy]] a boat"))
    assert (answer.status, answer.json["status"], answer.json["outputs"]) == (200, "Failed", [])
    assert answer.json["message"]


@pytest.mark.parametrize("root", [CHINA, ABROAD, f"/bizyair{CHINA}", f"/bizyair{ABROAD}"])
def test_create_asynchronous_detail_and_outputs(server: LiveServer, root: str) -> None:
    name = begun(server, book(more={PIXELS: 64, "5:EmptyLatentImage.height": 96}), root)
    by_query = root.endswith(CHINA)
    detail = f"{root}/detail?requestId={name}" if by_query else f"{root}/{name}"
    data = ended(server, detail)
    assert (data["request_id"], data["status"], "outputs" in data) == (name, "Success", False)
    outputs = server.call("GET", f"{root}/outputs?requestId={name}" if by_query else f"{root}/{name}/outputs").json
    assert (outputs["code"], outputs["message"], outputs["status"]) == (20000, "Ok", True)
    checked(server, outputs["data"], "image/png", ".png", 5)


def test_create_with_a_webhook(server: LiveServer) -> None:
    class Hook(Receiver):
        async def handle(self, request: Any) -> Any:
            headers.append({name.lower(): value for name, value in request.headers.items()})
            return await super().handle(request)

    headers: list[dict[str, str]] = []
    with Hook(refusals=1).in_thread() as receiver:
        asked = {
            "X-BizyAir-Task-WebHook-Url": receiver.url, "X-BizyAir-Task-Authorization": "Bearer of-the-receiver",
            "X-Bizyair-Task-Tenant": "seven", **ASYNC,
        }  # fmt: skip
        answer = server.call("POST", f"{CHINA}/create", book(), headers=asked)
        assert answer.status == 202, answer
        name = answer.json["requestId"]
        (body,) = receiver.wait(1)
        checked(server, body, "image/png", ".png", 5)
        assert (body["request_id"], receiver.refused) == (name, [body])
    for one in headers:
        assert one["authorization"] == one["x-bizyair-task-authorization"] == "Bearer of-the-receiver"
        assert (one["x-bizyair-task-tenant"], "x-bizyair-task-async" in one) == ("seven", False)
    for records in server.data.glob("telecine.db*"):
        assert b"of-the-receiver" not in records.read_bytes()
    assert "of-the-receiver" not in server.log_text()


@pytest.mark.parametrize("verb", ["cancel", "interrupt"])
@pytest.mark.parametrize("root", [CHINA, ABROAD])
def test_cancel_and_interrupt(server: LiveServer, root: str, verb: str) -> None:
    name = begun(server, book("[[delay:600]] a boat"))
    path = f"{root}/{verb}?requestId={name}" if root == CHINA else f"{root}/{name}/{verb}"
    answer = server.call("PUT", path)
    assert (answer.status, answer.json["code"]) == (200, 20000), answer
    assert ended(server, f"{CHINA}/detail?requestId={name}")["status"] == "Canceled"


def test_an_app_that_nobody_has_named_is_the_model_of_its_number(server: LiveServer) -> None:
    body = {"web_app_id": ELSEWHERE, "input_values": {"17:BizyAir_NanoBananaPro.prompt": "a boat"}}
    name = begun(server, body)
    assert server.ended(name)["model"] == str(ELSEWHERE)
    data = server.call("GET", f"{CHINA}/outputs?requestId={name}").json["data"]
    checked(server, data, "image/png", ".png", 1)


@pytest.mark.parametrize("root", [CHINA_MODELS, ABROAD_MODELS, f"/bizyair{CHINA_MODELS}", SDK])
def test_modelzoo_create_and_query(server: LiveServer, root: str) -> None:
    body = {"prompt": "a paper boat", "sound": False, "image_urls": []}
    name = server.call("POST", f"{root}/{ENDPOINT}", body).json["data"]["request_id"]
    told = server.until(f"{root}/{name}", lambda told: told["data"]["status"] in ("Success", "Failed"))
    assert (told["code"], told["status"], told["outputs"]) == (20000, "Success", told["data"]["outputs"])
    assert {kind: len(found) for kind, found in told["outputs"].items()} == {
        "texts": 0, "images": 1, "videos": 0, "audios": 0, "meshes": 0, "archives": 0,
    }  # fmt: skip
    assert server.call("GET", told["outputs"]["images"][0], key=None).headers["content-type"] == "image/png"
    assert server.call("GET", f"/v1/tasks/{name}").json["model"] == ENDPOINT


def test_modelzoo_webhook(server: LiveServer) -> None:
    with Receiver().in_thread() as receiver:
        headers = {"X-Bizyair-Task-WebHook-Url": receiver.url}
        name = server.call("POST", f"{CHINA_MODELS}/{ENDPOINT}", {"prompt": "a boat"}, headers=headers).json[
            "request_id"
        ]
        (body,) = receiver.wait(1)
    keys = ["request_id", "status", "created_at", "executed_at", "ended_at", "outputs", "cost_times"]
    assert (list(body), body["request_id"], body["status"]) == (keys, name, "Success")
    assert list(body["cost_times"]) == ["total_cost_time", "inference_duration"]


def test_a_task_of_another_dialect_is_read_too(server: LiveServer) -> None:
    name = server.call("POST", "/v1/tasks", {"model": "picture-book", "prompt": "a boat", "count": 2}).json["id"]
    assert ended(server, f"{CHINA}/detail?requestId={name}")["status"] == "Success"
    assert len(server.call("GET", f"{CHINA}/outputs?requestId={name}").json["data"]["outputs"]) == 2


def test_a_key_for_once_makes_one_task(server: LiveServer) -> None:
    headers = {**ASYNC, "Idempotency-Key": "page-1"}
    first, second = (server.call("POST", f"{CHINA}/create", book(), headers=headers) for _ in range(2))
    assert first.json == second.json
    assert server.ended(first.json["requestId"])["status"] == "succeeded"
    assert server.call("POST", f"{CHINA}/create", book("another"), headers=headers).status == 409


@pytest.mark.parametrize(
    ("body", "told", "named"),
    [
        ({**book(), "web_app_id": "no-app"}, (400, 20015), "web_app_id"),
        ({"web_app_id": BOOK}, (400, 40025), "input_values"),
        ({"web_app_id": BOOK, "input_values": {}}, (400, 40025), "input_values"),
        (book(more={"99:KSampler.seed": 1}), (400, 20015), "99:KSampler.seed"),
        (book(more={"3:KSampler.nothing": 1}), (400, 20015), "3:KSampler.nothing"),
        (book(more={"3:KSampler.cfg": 7}), (400, 20015), "3:KSampler.cfg"),
        (book(more={PIXELS: "wide"}), (400, 20015), PIXELS),
        (book(more={PIXELS: [128]}), (400, 20015), PIXELS),
        (book("/etc/passwd"), (400, 20015), PROMPT),
        (book("http://192.168.0.1/a.png"), (400, 20015), PROMPT),
        (book(more={"5:EmptyLatentImage.batch_size": 1000}), (400, 20015), "batch_size"),
        ({**book(), "more": 1}, (400, 20015), "more"),
    ],
)
@pytest.mark.parametrize("headers", [ASYNC, {}])
def test_bad_input_has_bizyairs_code_and_leaves_nothing(
    server: LiveServer, body: Any, told: tuple[int, int], named: str, headers: dict[str, str]
) -> None:
    before = server.count("tasks"), server.count("attempts"), len(server.files())
    answer = server.call("POST", f"{CHINA}/create", body, headers=headers)
    assert (answer.status, answer.json["code"], answer.json["status"]) == (*told, False), answer
    assert named in answer.json["message"]
    assert (server.count("tasks"), server.count("attempts"), len(server.files())) == before


def test_what_is_another_accounts_is_not_there(server: LiveServer) -> None:
    name = begun(server, book("[[delay:600]] a boat"))

    def refused(answer: Answer) -> bool:
        return (answer.status, answer.json["code"], answer.json["status"]) == (400, 20015, False)

    for path in (f"{CHINA}/detail?requestId={name}", f"{CHINA}/outputs?requestId={name}", f"{ABROAD}/{name}",
                 f"{ABROAD}/{name}/outputs", f"{CHINA_MODELS}/{name}", f"{SDK}/{name}"):  # fmt: skip
        assert refused(server.call("GET", path, key=OTHER_KEY)), path
    for verb in ("cancel", "interrupt"):
        assert refused(server.call("PUT", f"{CHINA}/{verb}?requestId={name}", key=OTHER_KEY))
        assert refused(server.call("PUT", f"{ABROAD}/{name}/{verb}", key=OTHER_KEY))
    shown = server.call("GET", f"{CHINA}/detail?requestId={name}").json["data"]
    assert shown["status"] in ("Queuing", "Running")
    server.call("PUT", f"{CHINA}/cancel?requestId={name}")


def test_without_a_key_and_at_no_path_errors_are_bizyairs(server: LiveServer) -> None:
    for path, key, told in (
        (f"{CHINA}/create", None, (401, 20052)),
        (f"{ABROAD}/create", "nobody-s-key-of-the-tests-0123456789", (401, 20052)),
        (f"{CHINA_MODELS}/{ENDPOINT}", None, (401, 20052)),
        ("/w/v1/nothing", KEY, (404, 20015)),
        ("/bizyair/y/v1/wallet", KEY, (404, 20015)),
    ):
        answer = server.call("POST", path, book(), key=key)
        assert (answer.status, answer.json["code"], answer.json["data"]) == (*told, None), answer


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server whose only channel serves no app."""
    config = '[[channels]]\nname = "drawn"\nprovider = "sandbox"\nmodels = ["sora-2"]\n'
    with LiveServer(tmp_path_factory.mktemp("narrow"), config) as found:
        yield found


@pytest.mark.parametrize("headers", [ASYNC, {}])
def test_an_unknown_app_has_bizyairs_code(narrow: LiveServer, headers: dict[str, str]) -> None:
    for body in (book(), {**book(), "input_values": {"prompt": "named as no input is"}}):
        answer = narrow.call("POST", f"{CHINA}/create", body, headers=headers)
        assert (answer.status, answer.json["code"], narrow.count("tasks")) == (404, 20224, 0), answer
    answer = narrow.call("POST", f"{CHINA_MODELS}/{ENDPOINT}", {"prompt": "a"}, headers=headers)
    assert (answer.status, answer.json["code"], narrow.count("tasks")) == (404, 20224, 0), answer
