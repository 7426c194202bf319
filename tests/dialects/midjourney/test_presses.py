"""Midjourney's dialect: what is done with a task that is done, by its buttons and by the first server's actions."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from telecine.dialects.midjourney import MIDJOURNEY
from telecine.nouns.ids import UUID
from telecine.nouns.parameters import ChangeParameters, ImageParameters, VideoParameters
from telecine.nouns.request import GenerationRequest, Native, Reference
from telecine.nouns.task import Facts, State
from telecine.tasks.idempotency import Idempotency
from telecine.tasks.view import View
from telecine.wires.midjourney import Said
from telecine.wires.midjourney.buttons import Button, read
from tests.dialects.house import NOW, House, base64_of, picture

CAT = GenerationRequest(
    operation="text_to_image",
    model="midjourney",
    prompt="a cat",
    count=4,
    parameters=ImageParameters(grid=True),
    native=Native("midjourney", {}, {}, {"prompt": ("prompt", "a cat --s 9")}),
)
LINES = "1️⃣ a paper boat --ar 16:9\n\n2. two boats\n3) 3 boats\n4️⃣ a harbour"
THEIRS = "MJ::JOB::variation::2::f00d"
FAVOURITE = "MJ::BOOKMARK::f00d"


@pytest.fixture
def house() -> House:
    return House(MIDJOURNEY)


def done(
    house: House, *, pictures: int = 4, said: Said | None = None, request: GenerationRequest = CAT, **more: Any
) -> View:
    """A task that is done, with so many pictures."""
    view = house.tasks.add(request, state="succeeded", started_at=NOW + 2, ended_at=NOW + 60, outputs=pictures)
    outputs = tuple(replace(one, kind="image") for one in view.outputs)
    facts = None if said is None else Facts.of("midjourney", said)
    return put(house, View(replace(view.task, facts=facts, **more), outputs))


def put(house: House, view: View) -> View:
    house.tasks.views[view.task.id] = view
    return view


def described(house: House) -> View:
    view = done(house, pictures=1, request=GenerationRequest("describe", "midjourney", inputs=()))
    (output,) = view.outputs
    return put(house, View(view.task, (replace(output, kind="text", text=LINES),)))


async def sent(house: House, path: str, **body: Any) -> tuple[int, dict[str, Any]]:
    answer = await house.call("POST", f"/mj/submit/{path}", json=body)
    told: dict[str, Any] = answer.json()
    return answer.status_code, told


async def buttons(house: House, view: View) -> list[str]:
    answer = await house.call("GET", f"/mj/task/{view.task.id}/fetch")
    return [one["customId"] for one in answer.json()["buttons"]]


def change(**given: Any) -> ChangeParameters:
    return ChangeParameters(**given)


@pytest.mark.parametrize(
    ("path", "body", "operation", "parameters"),
    [
        ("change", {"action": "UPSCALE", "index": 2}, "upscale", change(index=2)),
        ("change", {"action": "variation", "index": "3"}, "vary", change(index=3, grid=True)),
        ("change", {"action": "REROLL"}, "reroll", change(grid=True)),
        ("simple-change", {"content": "U4"}, "upscale", change(index=4)),
        ("simple-change", {"content": "v1"}, "vary", change(index=1, grid=True)),
        ("simple-change", {"content": "R"}, "reroll", change(grid=True)),
    ],
)
async def test_change_and_simple_change(
    house: House, path: str, body: dict[str, Any], operation: str, parameters: ChangeParameters
) -> None:
    view = done(house)
    named = {"content": f"{view.task.id} {body['content']}"} if "content" in body else {"taskId": str(view.task.id)}
    status, told = await sent(house, path, **body | named, state="mine", notifyHook="https://me.test/h")
    assert (status, told["code"]) == (200, 1)
    request = house.tasks.created[-1]
    assert (request.operation, request.parameters, request.model) == (operation, parameters, "midjourney")
    assert (request.count, request.prompt) == (1 if operation == "upscale" else 4, "a cat")
    assert (request.source, request.callback_url) == (Reference(task=view.task.id), "https://me.test/h")
    assert request.metadata == {"state": "mine"}
    made = (await house.call("GET", f"/mj/task/{told['result']}/fetch")).json()
    action = {"upscale": "UPSCALE", "vary": "VARIATION", "reroll": "REROLL"}[operation]
    assert (made["action"], made["parentId"], made["prompt"]) == (action, str(view.task.id), "a cat --s 9")


async def test_action_every_button_of_ours_does_what_it_says(house: House) -> None:
    seen = set()
    for view in (done(house), done(house, pictures=1, sandbox=True)):
        for custom_id in await buttons(house, view):
            press = read(custom_id)
            assert press is not None
            status, told = await sent(house, "action", taskId=str(view.task.id), customId=custom_id)
            assert (status, told["code"]) == (200, 21 if press.asks else 1), custom_id
            given = house.tasks.created[-1].parameters
            does = {"animate": "image_to_video"}.get(press.does, press.does)
            assert (house.tasks.created[-1].operation, getattr(given, "custom_id", None)) == (does, None)
            for name in ("index", "style", "factor", "strength", "direction", "motion"):
                if (value := getattr(press, name)) is not None:
                    assert getattr(given, name) == value
            made = house.tasks.views[int(told["result"])].task
            assert (made.form, made.state) == (f"midjourney:{does}", "draft" if press.asks else "queued")
            seen.add(press.does)
    assert seen == {"upscale", "vary", "reroll", "zoom", "pan", "inpaint", "animate"}


async def test_buttons_are_those_that_can_be_pressed(house: House) -> None:
    kinds = {
        "a grid": (done(house), 9),
        "one picture": (done(house, pictures=1), 9),
        "one of the sandbox's": (done(house, pictures=1, sandbox=True), 14),
        "a description": (described(house), 5),
        "the first server's grid": (done(house, pictures=1, said=Said()), 9),
        "nothing left": (done(house, pictures=0), 0),
        "not done": (house.tasks.add(CAT), 0),
    }
    assert {name: len(await buttons(house, view)) for name, (view, _) in kinds.items()} == {
        name: count for name, (_, count) in kinds.items()
    }


async def test_action_at_a_midjourney_upstream_presses_its_own_button(house: House) -> None:
    view = done(house, said=Said(buttons=[Button(THEIRS, label="V2"), Button(FAVOURITE)]))
    assert await buttons(house, view) == [THEIRS, FAVOURITE]
    await sent(house, "action", taskId=str(view.task.id), customId=THEIRS, chooseSameChannel=True)
    assert (house.tasks.created[-1].operation, house.tasks.created[-1].prompt) == ("vary", ""), (
        "its own words are there already"
    )
    assert house.tasks.created[-1].parameters == change(index=2, custom_id=THEIRS, grid=True)
    await sent(house, "action", taskId=str(view.task.id), customId=FAVOURITE)
    assert (house.tasks.created[-1].operation, house.tasks.created[-1].parameters) == (
        "midjourney:action",
        change(custom_id=FAVOURITE),
    )


async def test_action_draws_a_line_of_a_description_or_describes_again(house: House) -> None:
    view = described(house)
    for number, words in enumerate(("a paper boat", "two boats", "3 boats", "a harbour"), 1):
        await sent(house, "action", taskId=str(view.task.id), customId=f"MJ::Job::PicReader::{number}")
        assert (house.tasks.created[-1].operation, house.tasks.created[-1].prompt) == ("text_to_image", words)
    body = {"taskId": str(view.task.id), "customId": "MJ::Picread::Retry"}
    answer = await house.call("POST", "/mj/submit/action", json=body, headers={"idempotency-key": "once"})
    status, told = answer.status_code, answer.json()
    assert house.tasks.said[-1] == Idempotency("once"), "sent again, it is the same task"
    assert (status, house.tasks.views[int(told["result"])].task.retry_of) == (200, view.task.id)
    assert (await sent(house, "action", taskId=str(view.task.id), customId="MJ::Job::PicReader::5"))[0] == 400


async def test_the_very_same_upscale_is_told_with_its_task(house: House) -> None:
    view = done(house)
    body = {"taskId": str(view.task.id), "action": "UPSCALE", "index": 2}
    _, first = await sent(house, "change", **body)
    status, again = await sent(house, "change", **body)
    assert (status, again["code"], again["result"]) == (200, 21, first["result"])
    assert again["properties"] == {"status": "SUBMITTED", "imageUrl": None}
    assert len(house.tasks.created) == 1
    _, other = await sent(house, "change", **body | {"index": 3})
    made = house.tasks.views[int(first["result"])]
    put(house, View(replace(made.task, state="failed"), ()))
    _, anew = await sent(house, "change", **body)
    assert (other["code"], anew["code"]) == (1, 1)


async def test_modal_a_region_is_completed_with_its_mask(house: House) -> None:
    view = done(house, pictures=1)
    custom_id = next(one for one in await buttons(house, view) if "Inpaint" in one)
    _, told = await sent(house, "action", taskId=str(view.task.id), customId=custom_id)
    assert (told["code"], told["properties"]) == (21, {"remix": True, "finalPrompt": "a cat --s 9"})
    waiting = (await house.call("GET", f"/mj/task/{told['result']}/fetch")).json()
    assert (waiting["status"], waiting["action"], waiting["buttons"]) == ("MODAL", "INPAINT", [])
    status, refused = await sent(house, "modal", taskId=told["result"], prompt="a moon")
    assert (status, refused["code"]) == (400, 4)
    assert refused["description"].startswith("maskBase64: is required")
    mask = f"data:image/png;base64,{base64_of(picture(form='PNG'))}"
    status, taken = await sent(house, "modal", taskId=told["result"], prompt="a moon --no sun", maskBase64=mask)
    assert (status, taken["code"], taken["result"]) == (200, 1, told["result"])
    request = house.tasks.created[-1]
    assert (request.operation, request.prompt, request.negative_prompt) == ("inpaint", "a moon", "sun")
    assert ([one.role for one in request.inputs], request.source) == (["mask"], Reference(task=view.task.id))
    status, refused = await sent(house, "modal", taskId=told["result"], prompt="a moon", maskBase64=mask)
    assert (status, refused["code"]) == (409, 4)


async def test_modal_a_custom_zoom_says_how_far(house: House) -> None:
    view = done(house, pictures=1)
    custom_id = next(one for one in await buttons(house, view) if "CustomZoom" in one)
    _, told = await sent(house, "action", taskId=str(view.task.id), customId=custom_id)
    for prompt in ("a cat", "a cat --zoom 3", "a cat --zoom far", "a cat --zoom 0.9"):
        assert (await sent(house, "modal", taskId=told["result"], prompt=prompt))[0] == 400
    body = {
        "prompt": "a cat at sea --ar 16:9 --zoom 1.5",
        "mode": "TURBO",
        "state": "s",
        "notifyHook": "https://me.test/h",
    }
    await sent(house, "modal", taskId=told["result"], **body)
    request = house.tasks.created[-1]
    assert (request.prompt, request.aspect_ratio) == ("a cat at sea", "16:9")
    assert request.parameters == change(factor=1.5, speed="turbo", grid=True)
    assert (request.metadata, request.callback_url) == ({"state": "s"}, "https://me.test/h")
    assert request.native is not None
    assert request.native.own["prompt"] == ("prompt", "a cat at sea --ar 16:9")


@pytest.mark.parametrize("how", [{"enableRemix": True}, {"accountFilter": {"remix": True}}])
async def test_remixing_asks_for_a_new_prompt_first(house: House, how: dict[str, Any]) -> None:
    view = done(house)
    custom_id = f"MJ::JOB::variation::2::{UUID.write(view.task.id)}"
    _, told = await sent(house, "action", taskId=str(view.task.id), customId=custom_id, **how)
    assert told["code"] == 21
    await sent(house, "modal", taskId=told["result"], prompt="a dog")
    assert (house.tasks.created[-1].operation, house.tasks.created[-1].prompt) == ("vary", "a dog")
    auto = {"accountFilter": {"remix": True, "remixAutoConsidered": True}}
    assert (await sent(house, "action", taskId=str(view.task.id), customId=custom_id, **auto))[1]["code"] == 1


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("change", {"action": "UPSCALE"}, "index"),
        ("change", {"action": "UPSCALE", "index": 5}, "index"),
        ("change", {"action": "PAN", "index": 1}, "action"),
        ("change", {"index": 1}, "action"),
        ("change", {"taskId": None, "action": "REROLL"}, "taskId"),
        ("simple-change", {"content": "12 U5"}, "content"),
        ("simple-change", {"content": "U1"}, "content"),
        ("simple-change", {}, "content"),
        ("action", {}, "customId"),
        ("action", {"customId": "MJ::JOB::upsample::1::" + UUID.write(7)}, "customId"),
        ("action", {"customId": THEIRS}, "customId"),
        ("action", {"customId": FAVOURITE}, "customId"),
        ("action", {"customId": "MJ::Job::PicReader::1"}, "customId"),
        ("modal", {"taskId": None}, "taskId"),
    ],
)
async def test_bad_input_names_its_field(house: House, path: str, body: dict[str, Any], field: str) -> None:
    view = done(house)
    status, told = await sent(house, path, **{"taskId": str(view.task.id)} | body)
    assert (status, told["code"], told["error"]["param"]) == (400, 4, field)
    assert told["description"].startswith(field)
    assert house.tasks.created == []


@pytest.mark.parametrize(
    ("state", "account", "status", "code"),
    [("running", 1, 409, 4), ("failed", 1, 409, 4), ("draft", 1, 409, 4), ("succeeded", 2, 404, 3)],
)
async def test_only_a_task_of_ones_own_that_is_done_can_be_gone_on_from(
    house: House, state: State, account: int, status: int, code: int
) -> None:
    view = house.tasks.add(CAT, state=state, account_id=account, started_at=NOW, outputs=4)
    for path, body in (
        ("change", {"taskId": str(view.task.id), "action": "REROLL"}),
        ("simple-change", {"content": f"{view.task.id} R"}),
        ("action", {"taskId": str(view.task.id), "customId": f"MJ::JOB::reroll::0::{UUID.write(view.task.id)}::SOLO"}),
    ):
        told = await sent(house, path, **body)
        assert (told[0], told[1]["code"], told[1]["error"]["param"]) == (status, code, "taskId")
    assert house.tasks.created == []
    gone = await sent(house, "modal", taskId="7", prompt="a")
    assert (gone[0], gone[1]["code"]) == (404, 3)


async def test_videos_of_a_picture_are_asked_for_with_its_number(house: House) -> None:
    view = done(house, pictures=1, sandbox=True)
    custom_id = next(one for one in await buttons(house, view) if "animate_low" in one)
    await sent(house, "action", taskId=str(view.task.id), customId=custom_id, mode="FAST")
    assert house.tasks.created[-1].parameters == VideoParameters(motion="low", index=1, speed="fast")
    assert (house.tasks.created[-1].count, house.tasks.created[-1].source) == (4, Reference(task=view.task.id))
