"""Pictures in OpenAI's form: the official client against the sandbox, the same through a second server whose upstream
the first is, and an upstream that goes wrong."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import openai
import pytest
from PIL import Image

from tests.clients import packages
from tests.server.live import KEY, OTHER_KEY, LiveServer, eventually
from tests.server.pictures import picture
from tests.upstreams.openai_images import API_KEY, USAGE, FakeImages, Fault, drawn

GENERATIONS = "/v1/images/generations"
PHOTO = ("photo.png", picture("PNG", (128, 96)), "image/png")
PHOTO2 = ("other.jpg", picture("JPEG", (64, 64)), "image/jpeg")
CREATE = {"model": "drawing", "prompt": "a paper boat"}


class Pair(NamedTuple):
    """A server with the sandbox, and one before it."""

    there: LiveServer
    here: LiveServer
    fake: FakeImages


def config(there: str, fake: str) -> str:
    return f"""
[network]
allow_private = ["127.0.0.0/8"]

[[channels]]
name = "there"
provider = "openai"
base_url = "{there}/v1"
api_key = "{KEY}"
models = ["gpt-image-2", "dall-e-2", "dall-e-3"]

[[channels]]
name = "fake"
provider = "relay"
base_url = "{fake}"
api_key = "{API_KEY}"
models = [{{ public = "drawing", upstream = "gpt-image-1" }}]
options = {{ form = "official" }}

[[prices]]
model = "drawing"
unit = "image"
price = 0.04

[[prices]]
model = "drawing"
unit = "image"
price = 0.16
when = {{ quality = "high" }}

[[prices]]
model = "gpt-image-2"
unit = "image"
price = 0

[[prices]]
model = "dall-e-*"
unit = "image"
price = 0

[[accounts]]
name = "other"
balance = 1
"""


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with ExitStack() as stack:
        fake = stack.enter_context(FakeImages().in_thread())
        there = stack.enter_context(LiveServer(tmp_path_factory.mktemp("there")))
        text = config(there.address, fake.base_url)
        yield Pair(there, stack.enter_context(LiveServer(tmp_path_factory.mktemp("here"), text)), fake)


@pytest.fixture(params=["sandbox", "loop"])
def client(request: pytest.FixtureRequest, pair: Pair) -> Iterator[openai.OpenAI]:
    """The official client at either."""
    server = pair.there if request.param == "sandbox" else pair.here
    with openai.OpenAI(api_key=KEY, base_url=f"{server.address}/v1", max_retries=0) as found:
        yield found


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def decoded(text: str | None) -> Image.Image:
    assert text is not None
    return opened(base64.b64decode(text, validate=True))


def test_generate(client: openai.OpenAI, pair: Pair) -> None:
    made = client.images.generate(model="gpt-image-2", prompt="a paper boat", n=2, size="256x256", quality="low")
    assert made.data is not None
    assert [decoded(one.b64_json).size for one in made.data] == [(256, 256)] * 2
    assert [one.url for one in made.data] == [None, None]
    assert (made.size, made.output_format, made.quality) == ("256x256", "png", "low")
    linked = client.images.generate(model="dall-e-2", prompt="a paper boat", size="256x256")
    assert linked.data is not None
    (one,) = linked.data
    assert one.b64_json is None
    assert one.url is not None
    server = next(one_ for one_ in (pair.there, pair.here) if one.url.startswith(one_.address))
    assert opened(server.call("GET", one.url, key=None).content).size == (256, 256)


def test_edit_with_one_picture_and_with_several(client: openai.OpenAI, pair: Pair) -> None:
    one = client.images.edit(model="gpt-image-2", image=PHOTO, prompt="at night", size="256x256")
    several = client.images.edit(
        model="gpt-image-2", image=[PHOTO, PHOTO2], mask=PHOTO, prompt="at night", n=2, size="256x256"
    )
    assert [len(found.data or ()) for found in (one, several)] == [1, 2]
    assert decoded((one.data or [])[0].b64_json).size == (256, 256)
    newest = pair.there.rows("SELECT request FROM tasks ORDER BY id DESC LIMIT 1")[0][0]
    inputs = json.loads(newest)["inputs"]
    assert sorted(found["role"] for found in inputs) == ["image", "image", "mask"], "the loop loses none"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_variation(client: openai.OpenAI) -> None:
    made = client.images.create_variation(image=PHOTO, n=2, size="256x256", response_format="b64_json")
    assert [decoded(one.b64_json).size for one in made.data or ()] == [(256, 256)] * 2


def test_stream(client: openai.OpenAI) -> None:
    wanted: Any = {"model": "gpt-image-2", "prompt": "a boat", "size": "256x256"}
    made = list(client.images.generate(**wanted, stream=True, partial_images=2))
    assert [one.type for one in made[:-1]] == ["image_generation.partial_image"] * 2
    assert [one.partial_image_index for one in made[:-1]] == [0, 1]
    assert [decoded(one.b64_json).size for one in made[:-1]] == [(256, 256)] * 2
    assert made[-1].type == "image_generation.completed"
    assert (decoded(made[-1].b64_json).size, made[-1].size) == ((256, 256), "256x256")
    edited = list(client.images.edit(model="gpt-image-2", image=PHOTO, prompt="a boat", size="256x256", stream=True))
    assert edited[-1].type == "image_edit.completed"
    assert decoded(edited[-1].b64_json).size == (256, 256)


@pytest.mark.parametrize(("form", "kind"), [("webp", "WEBP"), ("jpeg", "JPEG")])
def test_formats(client: openai.OpenAI, form: Any, kind: str) -> None:
    made = client.images.generate(
        model="gpt-image-2", prompt="a boat", size="256x256", output_format=form, output_compression=50
    )
    assert decoded((made.data or [])[0].b64_json).format == kind
    assert made.output_format == form


def test_errors(client: openai.OpenAI, pair: Pair) -> None:
    before = pair.there.count("tasks"), pair.here.count("tasks")
    with pytest.raises(openai.BadRequestError) as bad:
        client.images.generate(model="gpt-image-2", prompt="a", n=11)
    assert bad.value.param == "n"
    with pytest.raises(openai.BadRequestError) as unreadable:
        client.images.edit(model="gpt-image-2", image=("a.png", b"no picture", "image/png"), prompt="a")
    assert unreadable.value.param == "image"
    with pytest.raises(openai.NotFoundError):
        client.images.generate(model="gpt-image-9", prompt="a")
    assert (pair.there.count("tasks"), pair.here.count("tasks")) == before
    with pytest.raises(openai.BadRequestError) as policy:
        client.images.generate(model="gpt-image-2", prompt="[[fail:content_policy]]")
    assert policy.value.code == "content_policy_violation"
    with pytest.raises(openai.APIError, match="content_policy"):
        list(client.images.generate(model="gpt-image-2", prompt="[[delay:5]] [[fail:content_policy]]", stream=True))


def test_the_previous_major_version_of_the_client(pair: Pair) -> None:
    given = {"address": pair.there.address, "key": KEY, "picture": base64.b64encode(PHOTO[1]).decode()}
    found = packages.run("images.py", given)
    assert found.pop("version").startswith("2.")
    assert found == {
        "made": ["PNG"],
        "size": "256x256",
        "linked": True,
        "edited": ["PNG", "PNG"],
        "varied": True,
        "streamed": [["image_generation.partial_image", "PNG"], ["image_generation.completed", "PNG"]],
        "failed": "content_policy_violation",
    }


def post(pair: Pair, key: str = KEY, headers: dict[str, str] | None = None, **fields: Any) -> Any:
    return pair.here.call("POST", GENERATIONS, CREATE | fields, key=key, headers=headers)


def left(pair: Pair) -> Decimal:
    """What the account has left, where nothing is held any more."""
    account = pair.here.call("GET", "/v1/account", key=OTHER_KEY).json
    assert account["held"] == "0.000000"
    return Decimal(account["balance"])


def test_what_it_costs_and_what_the_upstream_told(pair: Pair) -> None:
    had = left(pair)
    pair.fake.size = "512x512"  # so large that the files are split off the answer
    answer = post(pair, OTHER_KEY, n=2, quality="high").json
    pair.fake.size = "64x64"
    assert [base64.b64decode(one["b64_json"]) for one in answer["data"]] == [drawn("512x512", 0), drawn("512x512", 1)]
    assert (answer["usage"], answer["quality"], answer["background"]) == (USAGE, "high", "opaque")
    assert had - left(pair) == Decimal("0.32")
    assert post(pair, OTHER_KEY, response_format="url").json["data"][0]["url"].startswith(pair.here.address)
    assert had - left(pair) == Decimal("0.36")


def test_a_client_that_hangs_up_loses_nothing(pair: Pair) -> None:
    fake, before = pair.fake, len(pair.fake.jobs)
    fake.hold("accepted")
    with closing(pair.here.connect()) as connection:
        headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
        connection.request("POST", GENERATIONS, json.dumps(CREATE | {"prompt": "cut"}), headers)
        fake.wait_held("accepted")
    fake.release("accepted")
    answer = post(pair, headers={"x-stainless-retry-count": "1"}, prompt="cut")
    assert base64.b64decode(answer.json["data"][0]["b64_json"]) == drawn("64x64")
    assert len(fake.jobs) == before + 1
    again = [post(pair, headers={"idempotency-key": "k1"}, response_format=one) for one in ("url", "b64_json")]
    assert [list(one.json["data"][0]) for one in again] == [["url"], ["b64_json"]]
    assert len(fake.jobs) == before + 2


@pytest.mark.parametrize("act", ["drop", "html", "broken"])
def test_an_unknown_outcome_is_never_paid_twice(pair: Pair, act: Any) -> None:
    fake, before, had = pair.fake, len(pair.fake.jobs), left(pair)
    fake.faults.append(Fault("create", act, created=True))
    answer = post(pair, OTHER_KEY, prompt=f"unknown {act}")
    assert (answer.status, answer.json["error"]["code"]) == (502, "submission_unknown"), answer
    assert answer.headers["x-should-retry"] == "false"
    assert len(fake.jobs) == before + 1
    assert left(pair) == had


def test_refusals_and_what_was_never_sent(pair: Pair) -> None:
    had = left(pair)
    pair.fake.faults.append(Fault("create", "refuse", code="moderation_blocked", message="Not that boat."))
    answer = post(pair, OTHER_KEY, prompt="refused")
    assert (answer.status, answer.json["error"]["message"]) == (400, "Not that boat.")
    pair.fake.faults.append(Fault("create", "refuse", code="rate_limit_exceeded", retry_after=1))
    answer = post(pair, OTHER_KEY, prompt="full", n=1)
    assert answer.status == 200, "it waited, and was sent again"
    assert had - left(pair) == Decimal("0.04")


def test_what_is_asked_for_later(pair: Pair) -> None:
    answer = pair.here.call("POST", f"{GENERATIONS}?async=true", CREATE | {"prompt": "later"})
    assert answer.status == 202
    name = answer.json["id"]
    done = pair.here.until(f"{GENERATIONS}/{name}", lambda task: task["status"] == "completed")
    assert pair.here.call("GET", done["data"][0]["url"], key=None).content == drawn("64x64")
    assert pair.here.call("GET", f"{GENERATIONS}/{name}", key=OTHER_KEY).status == 404
    assert pair.here.ended(name)["operation"] == "text_to_image"
    assert pair.here.call("GET", f"/v1/videos/{name}").status == 404, "it is no video"


def test_a_kling_clients_ratio_becomes_a_size(pair: Pair) -> None:
    body = {"model": "drawing", "operation": "text_to_image", "prompt": "a boat", "aspect_ratio": "3:2"}
    task = pair.here.ended(pair.here.call("POST", "/v1/tasks", body).json["id"])
    assert task["status"] == "succeeded"
    assert pair.fake.asked[-1].fields["size"] == "1536x1024"
    assert (task["usage"]["images"], task["usage"]["tokens"]["output"]) == (1, 1000)


def stored(server: LiveServer) -> list[Path]:
    return server.files("*.content.*") + server.files("*.answer.*")


def test_nothing_of_the_answers_is_left(pair: Pair) -> None:
    eventually(lambda: not stored(pair.here), "what came with answers is gone once it is stored")
