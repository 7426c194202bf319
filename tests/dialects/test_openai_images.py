"""OpenAI's Images API over the house of fakes: what a body becomes, what is refused by name, and how it is answered."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest
from starlette.datastructures import UploadFile

from telecine.accounts.principal import Principal
from telecine.dialects.bodies import Body, parse_object
from telecine.dialects.openai import IMAGES, OPENAI
from telecine.dialects.openai.image_render import images
from telecine.dialects.openai.images import Manner, Verb, parse_image
from telecine.dialects.openai.routes import told
from telecine.nouns import catalogue
from telecine.nouns.errors import GatewayError, TaskError
from telecine.nouns.ids import image_id
from telecine.nouns.parameters import ImageParameters
from telecine.nouns.request import GenerationRequest, MediaInput
from telecine.nouns.task import Facts, Output, Tokens, Usage
from telecine.tasks.view import View
from telecine.wires.openai_images import ImageFacts, ImagesFacts, ImagesUsage, TokenDetails
from tests.dialects.house import NOW, House, base64_of, picture

MODELS = catalogue.load()
URL, OTHER = "https://p.test/a.png", "https://p.test/b.png"
MADE = {"model": "gpt-image-2", "prompt": "a boat"}
PATHS: dict[Verb, str] = {
    "generation": "/v1/images/generations",
    "edit": "/v1/images/edits",
    "variation": "/v1/images/variations",
}


def parsed(verb: Verb, **fields: Any) -> tuple[GenerationRequest, list[tuple[str, str | None]]]:
    request, sources = parse_image(verb, parse_object(json.dumps({**MADE, **fields}).encode()), MODELS)
    return request, [(one.role, one.url) for one in sources]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"size": "auto", "quality": "auto", "background": "auto", "moderation": "auto"}, {}),
        ({"size": "1536x1024", "n": 2}, {"size": "1536x1024", "count": 2}),
        ({"size": "1536*1024"}, {"size": "1536x1024"}),
        ({"size": "16:9"}, {"aspect_ratio": "16:9"}),
        ({"size": "2K"}, {"resolution": "2k"}),
        ({"aspect_ratio": "3:2", "size": "4K"}, {"aspect_ratio": "3:2", "resolution": "4k"}),
        ({"quality": "high"}, {"parameters": ImageParameters(quality="high")}),
        (
            {"output_format": "webp", "output_compression": 80, "user": "u", "style": "vivid", "partial_images": 0},
            {"parameters": ImageParameters(output_format="webp", output_compression=80, user="u", style="vivid")},
        ),
        ({"n": "3", "seed": 7, "negative_prompt": "fog"}, {"count": 3, "seed": 7, "negative_prompt": "fog"}),
        ({"webhook_url": "https://me.test/h", "metadata": {"a": 1}},
         {"callback_url": "https://me.test/h", "metadata": {"a": "1"}}),
        ({"response_format": "url", "stream": True, "async": False, "prompt": "b"}, {"prompt": "b"}),
    ],
)  # fmt: skip
def test_a_generation_becomes(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    request, sources = parsed("generation", **fields)
    bare = GenerationRequest("text_to_image", "gpt-image-2", "a boat")
    assert msgspec.structs.replace(request, native=None) == msgspec.structs.replace(bare, **expected)
    assert sources == []


def test_pictures_are_edited_and_varied() -> None:
    request, sources = parsed("edit", image=[URL, {"image_url": OTHER}], mask={"image_url": URL})
    assert request.operation == "image_to_image"
    assert sources == [("image", URL), ("image", OTHER), ("mask", URL)]
    assert parsed("edit", images=[{"image_url": URL}])[1] == [("image", URL)]
    request, sources = parsed("generation", image=URL)
    assert (request.operation, sources) == ("image_to_image", [("image", URL)])
    varied, _ = parse_image("variation", parse_object(json.dumps({"image": URL}).encode()), MODELS)
    assert (varied.operation, varied.model, varied.prompt) == ("image_variation", "dall-e-2", "")
    made, _ = parse_image("generation", parse_object(b'{"prompt": "a"}'), MODELS)
    assert made.model == "gpt-image-2"


@pytest.mark.parametrize(
    ("verb", "fields", "param"),
    [
        ("generation", {"prompt": " "}, "prompt"),
        ("edit", {"prompt": "", "image": URL}, "prompt"),
        ("edit", {}, "image"),
        ("variation", {"prompt": ""}, "image"),
        ("edit", {"mask": URL}, "image"),
        ("edit", {"image": URL, "images": [OTHER]}, "image"),
        ("edit", {"image": [URL] * 17}, "image"),
        ("edit", {"image": URL, "mask": [URL, OTHER]}, "mask"),
        ("edit", {"image": "a.png"}, "image"),
        ("edit", {"image": {"file_id": "file-1"}}, "image.file_id"),
        ("edit", {"image": 7}, "image"),
        ("generation", {"n": 0}, "n"),
        ("generation", {"n": "two"}, "n"),
        ("generation", {"output_compression": 101}, "output_compression"),
        ("generation", {"partial_images": 4}, "partial_images"),
        ("generation", {"size": "1024x1024", "aspect_ratio": "16:9"}, "aspect_ratio"),
        ("generation", {"size": "16:9", "aspect_ratio": "1:1"}, "aspect_ratio"),
        ("generation", {"quality": ["high"]}, "quality"),
        ("generation", {"Quality": "high"}, "Quality"),
        ("generation", {"webhook_url": "https://a.test", "callback_url": "https://b.test"}, "webhook_url"),
        ("generation", {"base_url": "https://a.test"}, "base_url"),
    ],
)
def test_what_is_wrong_is_named(verb: Verb, fields: dict[str, Any], param: str) -> None:
    with pytest.raises(GatewayError) as caught:
        parsed(verb, **fields)
    assert caught.value.param == param


def test_one_list_of_pictures_under_two_names_is_refused() -> None:
    files = (("image", UploadFile(None)), ("image", UploadFile(None)))  # type: ignore[arg-type]
    with pytest.raises(GatewayError) as caught:
        parse_image("edit", Body({"prompt": "a"}, files=files, parts=frozenset({"prompt", "image", "image[]"})), MODELS)
    assert caught.value.param == "image"


def pictures(view: View, *, facts: Facts | None = None, partial: int = 0, stored: bool = True) -> View:
    """`view`, whose task has succeeded with as many pictures as were asked for."""
    made = [
        Output(
            task_id=view.task.id, index=number, item=number, kind="image", state="stored", content_type="image/png",
            object_key="k", width=640, height=480, facts=facts,
        )
        for number in range(view.task.request.count)
    ]  # fmt: skip
    made += [
        Output(task_id=view.task.id, index=9 + number, part="partial", kind="image", state="stored", object_key="k")
        for number in range(partial)
    ]
    if not stored:
        made = [msgspec.structs.replace(one, object_key=None, upstream_url="https://up.test/x") for one in made]
    return View(msgspec.structs.replace(view.task, state="succeeded", ended_at=NOW + 9), tuple(made))


class Drawn(House):
    """Its tasks have ended when their clients have waited for them."""

    def __init__(self, **made: Any) -> None:
        super().__init__(IMAGES, OPENAI)
        wait = self.tasks.wait

        async def waited(principal: Any, task_id: int, seconds: float) -> View:
            view = await wait(principal, task_id, seconds)
            error = made.get("error")
            if error is not None:
                ended = msgspec.structs.replace(view.task, state="failed", ended_at=NOW + 9, error=error)
                return View(ended)
            task = msgspec.structs.replace(view.task, usage=made.get("usage"), facts=made.get("facts"))
            told = {name: value for name, value in made.items() if name in {"partial", "stored"}}
            return pictures(View(task), facts=made.get("picture"), **told)

        self.tasks.wait = waited  # type: ignore[method-assign]

    async def post(self, verb: Verb, **fields: Any) -> Any:
        return await self.call("POST", PATHS[verb], json={**MADE, **fields})


BYTES = base64.b64encode(b"pictures!").decode()


async def test_files_stand_in_the_answer() -> None:
    house = Drawn(usage=Usage(images=2, tokens=Tokens(input=12, output=1000)))
    answer = await house.post("generation", n=2, quality="high")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "created": int(NOW + 9),
        "data": [{"b64_json": BYTES}, {"b64_json": BYTES}],
        "output_format": "png",
        "quality": "high",
        "size": "640x480",
        "usage": {
            "total_tokens": 1012,
            "input_tokens": 12,
            "output_tokens": 1000,
            "input_tokens_details": {"image_tokens": 0, "text_tokens": 12},
        },
    }
    assert house.tasks.waits == [590.0]


@pytest.mark.parametrize(
    ("fields", "linked"),
    [
        ({}, False),
        ({"model": "dall-e-3"}, True),
        ({"model": "dall-e-3", "response_format": "b64_json"}, False),
        ({"response_format": "url"}, True),
        ({"model": "storyboard-1"}, False),
    ],
)
async def test_files_or_links_by_the_model(fields: dict[str, Any], linked: bool) -> None:
    house = Drawn(picture=Facts.of("openai", ImageFacts("a boat \0, revised")))
    (one,) = (await house.post("generation", **fields)).json()["data"]
    shown = {"url": "https://media.test/0/file.mp4"} if linked else {"b64_json": BYTES}
    assert one == {**shown, "revised_prompt": "a boat \0, revised"}


async def test_a_variation_without_a_model_is_a_link() -> None:
    (one,) = (await Drawn().call("POST", PATHS["variation"], json={"image": URL})).json()["data"]
    assert list(one) == ["url"]


async def test_what_is_not_in_storage_is_a_link() -> None:
    answer = await Drawn(stored=False).post("generation")
    assert set(answer.json()["data"][0]) <= {"url"}


async def test_what_the_upstream_told_comes_first() -> None:
    usage = ImagesUsage(9, 4, 5, TokenDetails(3, 1), TokenDetails(5, 0))
    facts = Facts.of("openai", ImagesFacts(background="opaque", quality="low", size="1x1", usage=usage))
    answer = (await Drawn(facts=facts).post("edit", image=URL, quality="high")).json()
    assert (answer["background"], answer["quality"], answer["size"]) == ("opaque", "low", "640x480")
    assert answer["usage"] == {
        "total_tokens": 9,
        "input_tokens": 4,
        "output_tokens": 5,
        "input_tokens_details": {"image_tokens": 3, "text_tokens": 1},
        "output_tokens_details": {"image_tokens": 5, "text_tokens": 0},
    }
    house = Drawn(usage=Usage(tokens=Tokens(input=2, output=3)))
    answer = (await house.post("edit", image=URL)).json()
    assert answer["usage"] == {"total_tokens": 5, "input_tokens": 2, "output_tokens": 3}, "of which kind, nobody told"


def events_of(answer: Any) -> list[tuple[str, Any]]:
    """The events of a stream, without comments."""
    blocks = [block for block in answer.text.split("\n\n") if block and not block.startswith(":")]
    return [
        (lines[0].removeprefix("event: "), json.loads(lines[-1].removeprefix("data: ")))
        for block in blocks
        if (lines := block.split("\n"))
    ]


@pytest.mark.parametrize(("verb", "noun"), [("generation", "image_generation"), ("edit", "image_edit")])
async def test_a_stream_shows_what_was_seen_on_the_way(verb: Verb, noun: str) -> None:
    house = Drawn(partial=2, usage=Usage(tokens=Tokens(input=1, output=2)))
    more = {"image": URL} if verb == "edit" else {}
    answer = await house.post(verb, stream=True, partial_images=2, quality="low", n=2, **more)
    assert answer.headers["content-type"].startswith("text/event-stream")
    found = events_of(answer)
    partial, completed = f"{noun}.partial_image", f"{noun}.completed"
    assert [name for name, _ in found] == [partial, partial, completed, completed]
    about = {"created_at": int(NOW + 9), "size": "640x480", "quality": "low", "background": "auto",
             "output_format": "png", "b64_json": BYTES}  # fmt: skip
    assert found[1][1] == {"type": partial, "partial_image_index": 1, **about}
    assert found[2][1].pop("usage")["total_tokens"] == 3
    assert found[2][1] == {"type": completed, **about}


async def test_a_failure_is_an_error_and_in_a_stream_an_event() -> None:
    error = TaskError("content_policy", "No inputs like these.", "inputs.image")
    house = Drawn(error=error)
    answer = await house.post("edit", image=URL)
    told = {"message": "No inputs like these.", "type": "invalid_request_error", "param": "image"}
    expected = {"error": {**told, "code": "content_policy_violation"}}
    assert (answer.status_code, answer.json()) == (400, expected)


async def test_what_is_asked_for_later_is_a_task() -> None:
    house = House(IMAGES, OPENAI)
    for how in ("body", "query"):
        path = PATHS["generation"] + ("?async=true" if how == "query" else "")
        answer = await house.call("POST", path, json={**MADE, **({"async": True} if how == "body" else {})})
        assert answer.status_code == 202
    found = answer.json()
    assert (found["object"], found["status"], found["progress"], found["error"]) == ("image.task", "queued", 0, None)
    view = await house.tasks.get(Principal(1, None, "test"), list(house.tasks.views)[-1])
    assert found["id"] == found["task_id"] == image_id(view.task.id)
    house.tasks.views[view.task.id] = pictures(view)
    for path in ("/v1/images/generations", "/v1/images/edits", "/v1/images/tasks"):
        found = (await house.call("GET", f"{path}/{found['id']}")).json()
        assert (found["status"], found["data"]) == ("completed", [{"url": "https://media.test/0/file.mp4"}])
    assert told(house.tasks.views[view.task.id], house.edge).id == found["id"], "webhooks tell the same"
    film = house.tasks.done(GenerationRequest("text_to_video", "sora-2", "a"))
    assert (await house.call("GET", f"{PATHS['generation']}/{film.task.id}")).status_code == 404


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"response_format": "png"}, "response_format"),
        ({"stream": "perhaps"}, "stream"),
        ({"stream": True, "async": True}, "async"),
        ({"image": f"data:image/png;base64,{base64_of(b'no picture')}"}, "image"),
        ({"image": "http://127.0.0.1/a.png"}, "image"),
        ({"n": 11}, "n"),
        ({"model": "sora-2"}, "operation"),
    ],
)
async def test_a_refusal_leaves_nothing(fields: dict[str, Any], param: str) -> None:
    house = Drawn()
    answer = await house.post("generation", **fields)
    assert 400 <= answer.status_code < 500
    assert answer.json()["error"]["param"] == param
    assert house.untouched


async def test_forms_bring_files(tmp_path: Any) -> None:
    first, second = picture(64, 64, "PNG"), picture(32, 32, "PNG")
    house = Drawn()
    files = [("image[]", ("a.png", first)), ("image[]", ("b.png", second)), ("mask", ("m.png", first))]
    answer = await house.call("POST", PATHS["edit"], data={**MADE, "n": "2", "stream": "false"}, files=files)
    assert len(answer.json()["data"]) == 2
    assert [name for name, _ in house.media.stored] == ["image", "image", "mask"]
    assert [(one.role, one.width) for one in house.request.inputs] == [("image", 64), ("image", 32), ("mask", 64)]
    house = Drawn()
    answer = await house.call("POST", PATHS["edit"], data=MADE, files=[*files, ("image", ("c.png", first))])
    assert answer.json()["error"]["param"] == "image"
    assert house.untouched
    answer = await house.call("POST", PATHS["edit"], data={**MADE, "image": URL}, files=[("photo", ("a.png", first))])
    assert answer.json()["error"]["param"] == "photo"
    await house.call("POST", PATHS["edit"], data={**MADE, "image": URL})
    assert house.request.inputs == (MediaInput("image", url=URL),)


async def test_a_task_that_takes_too_long_is_told_of() -> None:
    house = House(IMAGES, OPENAI)
    answer = await house.call("POST", PATHS["generation"], json=MADE)
    (task_id,) = house.tasks.views
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert image_id(task_id) in answer.json()["error"]["message"]


@pytest.mark.parametrize(("after", "again"), [(0.0, True), (590.0, False)])
def test_what_is_surely_joined_may_be_sent_again(after: float, again: bool) -> None:
    house = House(IMAGES)
    view = house.tasks.add(GenerationRequest("text_to_image", "gpt-image-2", "a"))
    house.now = NOW + after
    with pytest.raises(GatewayError) as caught:
        images(view, house.edge, Manner("url"))
    assert caught.value.may_retry is again
