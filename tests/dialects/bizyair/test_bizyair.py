"""BizyAir's dialect: the modes of a create, what headers and bodies mean, every object field for field, its codes."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
import pytest

from telecine.dialects.bizyair import BIZYAIR, MODELS, SDK_MODELS
from telecine.nouns.errors import GatewayError, TaskError
from telecine.nouns.ids import UUID, tsk_id
from telecine.nouns.operations import Kind
from telecine.nouns.parameters import WorkflowParameters
from telecine.nouns.request import GenerationRequest, MediaInput
from telecine.nouns.task import Facts, Output, State, Usage
from telecine.tasks.idempotency import fingerprint
from telecine.tasks.view import Place, View
from telecine.webhooks.delivery import Tidings
from telecine.wires import bizyair as wire
from tests.dialects.house import NOW, House

CHINA, ABROAD = "/w/v1/webapp/task/openapi", "/v1/webapp/task/openapi"
ROOTS = (CHINA, ABROAD, f"/bizyair{CHINA}", f"/bizyair{ABROAD}")
CHINA_MODELS, ABROAD_MODELS, SDK = "/x/v1/modelzoo/tasks/openapi", "/v1/modelzoo/tasks/openapi", "/v1/modelzoo/tasks"
MODEL_ROOTS = (CHINA_MODELS, ABROAD_MODELS, f"/bizyair{CHINA_MODELS}", f"/bizyair{ABROAD_MODELS}")
SDK_ROOTS = (SDK, f"/bizyair{SDK}")
APP = 37429
TEXT = {"17:BizyAir_NanoBananaPro.prompt": "a paper boat"}
VALUES = {**TEXT, "18:LoadImage.image": "https://pictures.test/a.png"}
BODY = {"web_app_id": APP, "suppress_preview_output": False, "input_values": VALUES}
BOOK = GenerationRequest(
    operation="workflow",
    model="37429",
    inputs=(MediaInput("image", url="https://pictures.test/a.png", fills="18:LoadImage.image"),),
    parameters=WorkflowParameters(input_values=TEXT, web_app_id="37429"),
)
HOOK = "https://me.test/h"
FIVE: tuple[Kind, ...] = ("image",) * 5
ASYNC = {"X-Bizyair-Task-Async": "enable"}
DONE = Tidings("task.succeeded", NOW)
# 12:40:00 in Shanghai.
CREATED, STARTED, ENDED, EXPIRES = (
    "2025-11-21 12:40:00", "2025-11-21 12:40:02", "2025-11-21 12:40:41", "2025-12-06 00:00:00",
)  # fmt: skip


@pytest.fixture
def house(monkeypatch: pytest.MonkeyPatch) -> House:
    """A house whose channels can run anything."""
    found = House(BIZYAIR, MODELS, SDK_MODELS)
    monkeypatch.setattr(found.tasks, "check", lambda *_: None)
    return found


def made(house: House, *kinds: Kind, facts: bool = False, said: wire.CostTimes | None = None, **changes: Any) -> View:
    """A finished task with one output of each of `kinds`."""
    changes = {"form": "bizyair:app", **changes}
    view = house.tasks.add(BOOK, dialect="bizyair", state="succeeded", started_at=NOW + 2, ended_at=NOW + 41.229,
                           **changes)  # fmt: skip
    task = msgspec.structs.replace(view.task, facts=Facts.of("bizyair", said) if said is not None else None)
    outputs = tuple(
        Output(
            task_id=task.id, index=number, item=number, kind=kind, state="stored", object_key="k",
            text="Es war einmal" if kind == "text" else None,
            facts=Facts.of("bizyair", wire.Output(cost_time=38757 + number)) if facts else None,
        )
        for number, kind in enumerate(kinds)
    )  # fmt: skip
    house.tasks.views[task.id] = View(task, outputs)
    return house.tasks.views[task.id]


def announced(house: House, view: View, news: Tidings = DONE) -> tuple[Any, dict[str, str]]:
    message = BIZYAIR.announce(view, news, house.edge) if BIZYAIR.announce is not None else None
    assert message is not None
    return msgspec.json.decode(message.body), dict(message.headers)


async def created(house: House, headers: dict[str, str] | None = None, **body: Any) -> Any:
    return await house.call("POST", f"{CHINA}/create", json={**BODY, **body}, headers=headers or ASYNC)


@pytest.mark.parametrize("root", ROOTS)
async def test_an_asynchronous_create_is_answered_with_both_names_of_its_id(house: House, root: str) -> None:
    answer = await house.call("POST", f"{root}/create", json=BODY, headers=ASYNC)
    (view,) = house.tasks.views.values()
    name = str(uuid.UUID(UUID.write(view.task.id)))
    assert (answer.status_code, answer.json()) == (202, {"requestId": name, "request_id": name})
    assert (house.request, view.task.form) == (BOOK, "bizyair:app")
    assert house.tasks.waits == []


async def test_a_synchronous_create_waits_and_answers_the_result(house: House) -> None:
    answer = await created(house, {"X-Nothing": "1"})
    assert (answer.status_code, house.tasks.waits) == (200, [3600.0])
    assert answer.json()["status"] == "Queuing"  # the house has no time: what is so far, and its id to ask by
    assert answer.json()["request_id"] == str(uuid.UUID(answer.json()["request_id"]))


async def test_a_word_other_than_enable_waits_too(house: House) -> None:
    assert (await created(house, {"X-Bizyair-Task-Async": "disable"})).status_code == 200


async def test_a_webhook_create_wins_over_an_asynchronous_one(house: House) -> None:
    headers = {
        "X-BizyAir-Task-WebHook-Url": HOOK, "X-BizyAir-Task-Authorization": "Bearer of-the-receiver",
        "X-Bizyair-Task-Tenant": "seven", "X-BizyAir-Log-Mask-Fields": "prompt", **ASYNC,
    }  # fmt: skip
    answer = await created(house, headers)
    assert (answer.status_code, set(answer.json())) == (202, {"requestId", "request_id"})
    request = house.request
    assert request.callback_url == HOOK
    assert request.callback_headers is not None
    assert b"of-the-receiver" not in request.callback_headers
    view = made(house, "image")
    task = msgspec.structs.replace(view.task, request=request)
    body, told = announced(house, View(task, view.outputs))
    assert body == (await house.call("GET", f"{CHINA}/outputs?requestId={task.id}")).json()["data"]
    assert told == {
        "authorization": "Bearer of-the-receiver", "x-bizyair-task-authorization": "Bearer of-the-receiver",
        "x-bizyair-task-tenant": "seven",
    }  # fmt: skip


async def test_headers_for_a_callback_are_kept_only_where_there_is_one(house: House) -> None:
    await created(house, {**ASYNC, "X-Bizyair-Task-Tenant": "seven", "X-Bizyair-Task-Authorization": "Bearer t"})
    assert house.request.callback_headers is None


async def test_another_try_may_seal_its_headers_anew(house: House) -> None:
    hook = {"X-BizyAir-Task-WebHook-Url": HOOK}
    for header in ("one", "two"):
        await created(house, {**hook, "X-Bizyair-Task-Try": header})
    one, two = (fingerprint(request, "bizyair") for request in house.tasks.created)
    assert one == two


@pytest.mark.parametrize(
    "headers",
    [
        {"X-BizyAir-Task-WebHook-Url": HOOK, "X-Bizyair-Task-Note": "x" * 9000},
        {"X-BizyAir-Task-WebHook-Url": HOOK, **{f"X-Bizyair-Task-{n}": "x" for n in range(40)}},
        {"X-BizyAir-Task-WebHook-Url": HOOK, "X-Bizyair-Task-Note": b"\xe9"},
        {"X-BizyAir-Task-WebHook-Url": "http://127.0.0.1/h"},
        {"X-BizyAir-Task-WebHook-Url": "ftp://me.test/h"},
    ],
)
async def test_headers_that_cannot_be_kept_are_refused(house: House, headers: dict[str, Any]) -> None:
    answer = await created(house, headers)
    assert (answer.status_code, answer.json()["code"]) == (400, 20015), answer.text
    assert "izy" in answer.json()["message"]
    assert house.untouched


@pytest.mark.parametrize(
    ("body", "code", "named"),
    [
        ({"input_values": VALUES}, 20015, "web_app_id"),
        ({**BODY, "web_app_id": None}, 20015, "web_app_id"),
        ({**BODY, "web_app_id": "the-book"}, 20015, "web_app_id"),
        ({**BODY, "web_app_id": [APP]}, 20015, "web_app_id"),
        ({**BODY, "web_app_id": True}, 20015, "web_app_id"),
        ({**BODY, "web_app_id": -1}, 20015, "web_app_id"),
        ({"web_app_id": APP}, 40025, "input_values"),
        ({**BODY, "input_values": {}}, 40025, "input_values"),
        ({**BODY, "input_values": None}, 40025, "input_values"),
        ({**BODY, "input_values": [1]}, 40025, "input_values"),
        ({**BODY, "suppress_preview_output": "yes"}, 20015, "suppress_preview_output"),
        ({**BODY, "webAppId": APP}, 20015, "web_app_id"),
        ({**BODY, "webhook_url": HOOK}, 20015, "webhook_url"),
        ({**BODY, "input_values": {"18:LoadImage.image": "http://127.0.0.1/a.png"}}, 20015, "18:LoadImage.image"),
        ({**BODY, "input_values": {"18:LoadImage.image": "file:///etc/passwd"}}, 20015, "18:LoadImage.image"),
        ({**BODY, "input_values": {"5:A.list": [{"a": "http://127.0.0.1"}]}}, 20015, "5:A.list"),
        ({**BODY, "more": "http://127.0.0.1/a"}, 20015, "more"),
        (b"{", 20015, "JSON"),
        (b"[]", 20015, "object"),
        (b'{"web_app_id": 1, "web_app_id": 2}', 20015, "web_app_id"),
    ],
)
@pytest.mark.parametrize("headers", [ASYNC, {}, {"X-BizyAir-Task-WebHook-Url": HOOK}])
async def test_a_create_that_cannot_be_is_refused_with_bizyairs_code(
    house: House, body: Any, code: int, named: str, headers: dict[str, str]
) -> None:
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    answer = await house.call("POST", f"{CHINA}/create", content=content, headers=headers)
    told = answer.json()
    assert (answer.status_code, told["code"], told["status"], told["data"]) == (400, code, False, None), told
    assert named in told["message"]
    assert house.untouched


async def test_every_field_of_a_create_is_carried(house: House) -> None:
    """`suppress_preview_output` leaves out what is left out here in any case."""
    await created(house, web_app_id=str(APP), suppress_preview_output=True, priority={"of": "nobody"})
    request = house.request
    assert request.native is not None
    assert (request.native.dialect, set(request.native.fields)) == ("bizyair", {"priority"})
    assert msgspec.structs.replace(request, native=None) == BOOK
    assert set(wire.CreateTask.__struct_fields__) == set(BODY)


async def test_values_reach_the_workflow_as_they_were_written(house: House) -> None:
    values = {"3:KSampler.cfg": 7.0, "3:KSampler.seed": 2**63 + 1, "4:A.on": False, "5:A.text": "", "6:A.list": [None]}
    await created(house, input_values=values)
    parameters = house.request.parameters
    assert isinstance(parameters, WorkflowParameters)
    assert msgspec.json.encode(parameters.input_values) == msgspec.json.encode(values)


async def test_five_pictures_come_in_the_documented_object(house: House) -> None:
    """Field for field as the document has it."""
    said = wire.CostTimes(
        inference_cost_time=38992, running_cost_time=41211, total_cost_time=41229, real_cpu_cost_time=1,
        real_total_cost_time=1,
    )  # fmt: skip
    view = made(house, *FIVE, facts=True, said=said)
    body, headers = announced(house, view)
    assert (list(body), headers) == (
        ["type", "status", "created_at", "updated_at", "executed_at", "running_at", "ended_at", "expired_at",
         "request_id", "outputs", "cost_times"], {},
    )  # fmt: skip
    assert body == {
        "type": "API", "status": "Success", "created_at": CREATED, "updated_at": ENDED, "executed_at": CREATED,
        "running_at": STARTED, "ended_at": ENDED, "expired_at": EXPIRES, "request_id": UUID.write(view.task.id),
        "outputs": [
            {"object_url": f"https://media.test/{n}/file.mp4", "output_ext": ".mp4", "cost_time": 38757 + n,
             "audit_status": 2, "error_type": "NOT_ERROR"} for n in range(5)
        ],
        "cost_times": {"inference_cost_time": 38992, "running_cost_time": 41211, "total_cost_time": 41229,
                       "real_cpu_cost_time": 1, "real_total_cost_time": 1},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("computed", "real"),
    [
        (None, {"real_cpu_cost_time": 39229, "real_total_cost_time": 39229}),
        (38.5, {"real_cpu_cost_time": 0, "real_gpu_cost_time": 38500, "real_total_cost_time": 38500}),
    ],
)
async def test_times_are_our_own_where_the_vendor_has_said_none(
    house: House, computed: float | None, real: dict[str, int]
) -> None:
    view = made(house, "video", usage=Usage(compute_seconds=computed))
    body, _ = announced(house, view)
    took = {"inference_cost_time": 39229, "running_cost_time": 41229, "total_cost_time": 41229}
    assert body["cost_times"] == {**took, **real}
    assert body["outputs"][0]["cost_time"] == 39229


def at(root: str, view: View, what: str) -> str:
    """The path of `what` of a task: by query in China's form, else by path."""
    name = UUID.write(view.task.id)
    if root.endswith(CHINA):
        return f"{root}/{what}?requestId={name}"
    return f"{root}/{name}" + ("" if what == "detail" else f"/{what}")


@pytest.mark.parametrize("root", ROOTS)
async def test_detail_shows_the_state_in_an_envelope(house: House, root: str) -> None:
    view = made(house, "image")
    answer = await house.call("GET", at(root, view, "detail"))
    assert (answer.status_code, answer.json()) == (200, {
        "code": 20000, "message": "Ok", "status": True, "data": {
            "type": "API", "status": "Success", "created_at": CREATED, "updated_at": ENDED, "executed_at": CREATED,
            "running_at": STARTED, "ended_at": ENDED, "expired_at": EXPIRES, "request_id": UUID.write(view.task.id),
            "inference_cost_time": 39229,
        },
    })  # fmt: skip


@pytest.mark.parametrize("root", ROOTS)
async def test_outputs_shows_the_result_in_an_envelope(house: House, root: str) -> None:
    view = made(house, "image", "video")
    answer = await house.call("GET", at(root, view, "outputs"))
    assert answer.json() == {"code": 20000, "message": "Ok", "status": True, "data": announced(house, view)[0]}
    assert [one["object_url"] for one in answer.json()["data"]["outputs"]] == [
        f"https://media.test/{number}/file.mp4" for number in range(2)
    ]


@pytest.mark.parametrize("verb", ["cancel", "interrupt"])
@pytest.mark.parametrize("root", ROOTS)
async def test_cancel_and_interrupt_end_a_task(house: House, root: str, verb: str) -> None:
    view = house.tasks.add(BOOK, dialect="bizyair")
    answer = await house.call("PUT", at(root, view, verb))
    told = answer.json()
    assert (answer.status_code, told["code"], told["data"]["status"]) == (200, 20000, "Canceled")
    assert house.tasks.views[view.task.id].task.state == "cancelled"


async def test_a_query_takes_either_name_and_every_form_of_an_id(house: House) -> None:
    view = house.tasks.add(BOOK, dialect="bizyair")
    for query in (f"request_id={UUID.write(view.task.id)}", f"requestId={tsk_id(view.task.id)}"):
        answer = await house.call("GET", f"{CHINA}/detail?{query}")
        assert (answer.status_code, answer.json()["data"]["request_id"]) == (200, UUID.write(view.task.id))


@pytest.mark.parametrize("path", ["detail", "outputs", "cancel", "interrupt"])
@pytest.mark.parametrize("name", ["", "no-id", "0377a10b-525e-850b-8200-000000000000", "e55ddf64-b3a0-d89fsf246f41"])
async def test_what_is_nobodys_or_anothers_is_a_parameter_that_is_wrong(house: House, path: str, name: str) -> None:
    view = house.tasks.add(BOOK, dialect="bizyair", account_id=2)
    method = "PUT" if path in ("cancel", "interrupt") else "GET"
    for one in (name, UUID.write(view.task.id)):
        answer = await house.call(method, f"{CHINA}/{path}?requestId={one}")
        assert (answer.status_code, answer.json()["code"], answer.json()["status"]) == (400, 20015, False), answer.text
    assert house.tasks.views[view.task.id].task.state == "queued"


async def test_who_waits_is_told_how_many_wait_before(house: House) -> None:
    view = house.tasks.add(BOOK, dialect="bizyair")
    house.tasks.line[view.task.id] = Place(4, 60)
    data = (await house.call("GET", f"{CHINA}/detail?requestId={view.task.id}")).json()["data"]
    assert data == {
        "type": "API", "status": "Queuing", "created_at": CREATED, "updated_at": CREATED, "executed_at": CREATED,
        "expired_at": EXPIRES, "request_id": UUID.write(view.task.id), "queueInfo": {"queue_count": 3},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("state", "started", "word", "message"),
    [
        ("queued", None, "Queuing", None),
        ("running", None, "Queuing", None),
        ("running", NOW + 1, "Running", None),
        ("collecting", NOW + 1, "Running", None),
        ("reconciling", NOW + 1, "Running", None),
        ("failed", NOW + 1, "Failed", "the GPU has burnt"),
        ("cancelled", None, "Canceled", "The task was cancelled."),
    ],
)
async def test_a_task_that_has_failed_is_http_200_and_code_20000(
    house: House, state: State, started: float | None, word: str, message: str | None
) -> None:
    ended = NOW + 9 if state in ("failed", "cancelled") else None
    error = TaskError("upstream_failed", "the GPU has burnt") if state == "failed" else None
    view = house.tasks.add(BOOK, dialect="bizyair", state=state, started_at=started, ended_at=ended, error=error)
    for path in ("detail", "outputs"):
        answer = await house.call("GET", f"{CHINA}/{path}?requestId={view.task.id}")
        told = answer.json()
        assert (answer.status_code, told["code"], told["status"]) == (200, 20000, True)
        assert (told["data"]["status"], told["data"].get("message")) == (word, message)
    assert told["data"]["outputs"] == []
    if message is not None:
        body, _ = announced(house, view, Tidings(f"task.{state}", NOW))
        assert (body["status"], body["message"], body["outputs"]) == (word, message, [])


async def test_a_callback_comes_at_the_end_alone(house: House) -> None:
    view = house.tasks.add(BOOK, dialect="bizyair", state="running", started_at=NOW + 1, progress=40)
    assert BIZYAIR.announce is not None
    assert [BIZYAIR.announce(view, Tidings(f"task.{one}", NOW), house.edge) for one in ("running", "progress")] == [
        None, None,
    ]  # fmt: skip


async def test_a_text_is_a_link_that_holds_it_and_what_is_lost_says_so(house: House) -> None:
    view = made(house, "text", "image")
    text, picture = (msgspec.structs.replace(one, object_key=None) for one in view.outputs)
    view = View(
        view.task, (msgspec.structs.replace(text, state="pending"), msgspec.structs.replace(picture, state="lost"))
    )
    first, second = announced(house, view)[0]["outputs"]
    assert (first["object_url"], first["output_ext"], first["error_type"]) == (
        "data:text/plain;charset=utf-8;base64,RXMgd2FyIGVpbm1hbA==", ".txt", "NOT_ERROR",
    )  # fmt: skip
    assert (second["object_url"], second["output_ext"], second["error_type"]) == ("", "", "FILE_LOST")


@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        (GatewayError("not_found", "There is no such model.", param="model"), 404, 20224),
        (GatewayError("permission", "This key may not.", param="model"), 403, 20224),
        (GatewayError("invalid_request", "No such input.", param="parameters.input_values"), 400, 20015),
        (GatewayError("unsupported_parameter", "Not here.", param="prompt"), 400, 20015),
        (GatewayError("insufficient_balance", "No money."), 402, 20049),
        (GatewayError("rate_limited", "Slowly."), 429, 50600),
        (GatewayError("capacity", "All is full."), 429, 30039),
        (GatewayError("content_policy", "Not that."), 400, 20015),
        (GatewayError("upstream_refused", "Not there."), 400, 20015),
        (GatewayError("upstream_failed", "Broken."), 502, 50000),
        (GatewayError("unavailable", "Nobody is there."), 503, 30015),
        (GatewayError("conflict", "Twice.", param="Idempotency-Key"), 409, 20015),
        (GatewayError("internal", "Oh."), 500, 50000),
    ],
)
async def test_a_refusal_has_bizyairs_code(house: House, refusal: GatewayError, status: int, code: int) -> None:
    house.tasks.refusal = refusal
    for headers in (ASYNC, {"x-nothing": "1"}):
        answer = await created(house, headers)
        told = answer.json()
        assert (answer.status_code, told["code"], told["status"], set(told)) == (
            status, code, False, {"code", "message", "status", "data"},
        )  # fmt: skip
    assert "parameters." not in told["message"]


# The ModelZoo.

MODEL = "ace-step/text-to-audio"
SONG = {"lyrics": "la", "tags": "lofi", "duration": 30, "seed": 4}


@pytest.mark.parametrize("root", MODEL_ROOTS + SDK_ROOTS)
async def test_a_modelzoo_create_is_answered_in_both_forms(house: House, root: str) -> None:
    answer = await house.call("POST", f"{root}/{MODEL}", json=SONG)
    (view,) = house.tasks.views.values()
    name = UUID.write(view.task.id)
    assert (answer.status_code, answer.json()) == (200, {
        "code": 20000, "message": "Ok", "status": True, "data": {"request_id": name}, "request_id": name,
    })  # fmt: skip
    assert house.request == GenerationRequest(
        operation="workflow", model=MODEL, parameters=WorkflowParameters(SONG, MODEL)
    )
    assert view.task.form == "bizyair:model"


@pytest.mark.parametrize("root", MODEL_ROOTS + SDK_ROOTS)
async def test_a_modelzoo_query_shows_outputs_as_an_object_of_lists(house: House, root: str) -> None:
    view = made(house, "image", "image", "video", "audio", "text", form="bizyair:model")
    answer = await house.call("GET", f"{root}/{UUID.write(view.task.id)}")
    outputs = {
        "texts": ["Es war einmal"], "images": ["https://media.test/0/file.mp4", "https://media.test/1/file.mp4"],
        "videos": ["https://media.test/2/file.mp4"], "audios": ["https://media.test/3/file.mp4"], "meshes": [],
        "archives": [],
    }  # fmt: skip
    bare = {"request_id": UUID.write(view.task.id), "status": "Success", "executed_at": STARTED, "ended_at": ENDED,
            "outputs": outputs}  # fmt: skip
    assert (answer.status_code, answer.json()) == (
        200, {**bare, "code": 20000, "message": "Ok", "data": {**bare, "message": None}},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("state", "started", "word"),
    [
        ("queued", None, "Pending"),
        ("running", NOW + 1, "Running"),
        ("collecting", NOW + 1, "Saving"),
        ("failed", NOW + 1, "Failed"),
        ("cancelled", None, "Failed"),
    ],
)
async def test_the_words_of_the_modelzoo(house: House, state: State, started: float | None, word: str) -> None:
    ended = NOW + 9 if state in ("failed", "cancelled") else None
    error = TaskError("upstream_failed", "Third-party api response error.") if state == "failed" else None
    view = house.tasks.add(BOOK, dialect="bizyair", state=state, started_at=started, ended_at=ended, error=error)
    told = (await house.call("GET", f"{CHINA_MODELS}/{view.task.id}")).json()
    assert (told["code"], told["status"], told["data"]["status"]) == (20000, word, word)
    assert told["outputs"] == told["data"]["outputs"] == ({} if ended else None)
    if error is not None:
        assert told["message"] == told["data"]["message"] == error.message
    sdk = (await house.call("GET", f"{SDK}/{view.task.id}")).json()
    assert sdk["data"]["status"] == ("Queuing" if word == "Pending" else word)


async def test_a_modelzoo_webhook(house: House) -> None:
    headers = {"X-Bizyair-Task-WebHook-Url": HOOK, "X-Bizyair-Task-Authorization": "t"}
    await house.call("POST", f"{CHINA_MODELS}/{MODEL}", json=SONG, headers=headers)
    assert house.request.callback_url == HOOK
    body, told = announced(house, made(house, "audio", form="bizyair:model"))
    assert (list(body), told) == (
        ["request_id", "status", "created_at", "executed_at", "ended_at", "outputs", "cost_times"], {},
    )  # fmt: skip
    assert body["cost_times"] == {"total_cost_time": 41229, "inference_duration": 39229}
    assert (body["created_at"], body["outputs"]["audios"]) == (CREATED, ["https://media.test/0/file.mp4"])
    error = TaskError("upstream_failed", "No image generated.")
    failed = house.tasks.add(BOOK, dialect="bizyair", form="bizyair:model", state="failed", started_at=NOW + 1,
                             ended_at=NOW + 2, error=error)  # fmt: skip
    body, _ = announced(house, failed, Tidings("task.failed", NOW))
    assert (body["status"], body["message"], body["outputs"]) == ("Failed", "No image generated.", {})


@pytest.mark.parametrize(
    ("path", "body", "told", "named"),
    [
        (MODEL, b"[]", (400, 20015), "object"),
        (MODEL, {"callback_url": HOOK}, (400, 20015), "callback_url"),
        (MODEL, {"image_urls": ["http://127.0.0.1/a.png"]}, (400, 20015), "image_urls"),
        ("no-endpoint", SONG, (404, 20224), "endpoint"),
        (f"a/{'b' * 300}", SONG, (404, 20224), "endpoint"),
    ],
)
async def test_a_modelzoo_create_that_cannot_be_is_refused(
    house: House, path: str, body: Any, told: tuple[int, int], named: str
) -> None:
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    answer = await house.call("POST", f"{CHINA_MODELS}/{path}", content=content)
    found = answer.json()
    assert (answer.status_code, found["code"], found["status"]) == (*told, False), found
    assert named in found["message"]
    assert house.untouched
