"""A path that two dialects have: the body says whose a request is."""

from __future__ import annotations

from typing import Any

import pytest

from telecine.dialects.bodies import Body
from telecine.dialects.call import Call
from telecine.dialects.dialect import Claim, Claims, Dialect
from telecine.dialects.kling import KLING
from telecine.dialects.rows import Create, Plain
from telecine.dialects.shared import Shared
from telecine.dialects.tasks import TASKS
from telecine.nouns.errors import invalid
from telecine.nouns.request import GenerationRequest
from tests.dialects.house import House

PATH = "/pictures"


def create(name: str, needs: str) -> Create:
    """One that makes a task, whose body has to say `needs`."""

    def parse(_: Call, body: Body) -> Any:
        if needs not in body.fields:
            raise invalid(f"{needs}: is required.", needs)
        return GenerationRequest(operation="text_to_video", model="kling-v1", prompt=str(body.fields[needs])), []

    return Create(PATH, f"Make a picture for {name}", parse=parse, show=lambda call, _: {"dialect": call.dialect})


async def listed(call: Call) -> dict[str, str]:
    if call.query("page") is None:
        raise invalid("page: is required.", "page")
    return {"listed": call.dialect}


OTHER = Dialect(
    name="other",
    claimed=(Claim("/other"), Claim(PATH, method="GET")),
    roots=("/other", ""),
    lent=(("POST", PATH),),
    rows=(create("other", "text"), Plain(PATH, "List them", handle=listed)),
    errors=KLING.errors,
)
OWN = Dialect(
    name="own",
    claimed=(Claim(PATH),),
    rows=(
        Shared(
            **{name: getattr(create("own", "prompt"), name) for name in Create.__struct_fields__} | {"repeatable": ()},
            other=OTHER,
            others=lambda _, body: "model_name" in body.fields,
        ),
    ),
    errors=TASKS.errors,
)


@pytest.fixture
def house() -> House:
    return House(OWN, OTHER)


async def test_the_body_says_whose_a_request_is(house: House) -> None:
    assert (await house.call("POST", PATH, json={"prompt": "a"})).json() == {"dialect": "own"}
    assert (await house.call("POST", PATH, json={"text": "b", "model_name": "m"})).json() == {"dialect": "other"}
    assert (await house.call("POST", f"/other{PATH}", json={"text": "c"})).json() == {"dialect": "other"}
    assert [one.prompt for one in house.tasks.created] == ["a", "b", "c"]
    assert [view.task.dialect for view in house.tasks.views.values()] == ["own", "other", "other"]


async def test_each_tells_its_errors_in_its_own_envelope(house: House) -> None:
    own = await house.call("POST", PATH, json={"text": "b"})
    assert (own.status_code, own.json()["error"]["param"]) == (400, "prompt")
    other = await house.call("POST", PATH, json={"prompt": "b", "model_name": "m"})
    assert (other.status_code, other.json()["code"]) == (400, 1201)
    unread = await house.call("POST", PATH, content=b"{")
    assert (unread.status_code, unread.json()["error"]["code"]) == (400, "invalid_request")
    assert house.untouched


async def test_a_form_is_never_the_others(house: House) -> None:
    answer = await house.call("POST", PATH, files={"prompt": (None, "a"), "model_name": (None, "m")})
    assert answer.json() == {"dialect": "own"}


async def test_what_only_the_other_has_is_its_own(house: House) -> None:
    assert (await house.call("GET", f"{PATH}?page=1")).json() == {"listed": "other"}
    claims = Claims((OWN, OTHER))
    for method, whose in (("GET", OTHER), ("HEAD", OTHER), ("POST", OWN), ("DELETE", OWN)):
        assert claims.of({"type": "http", "path": PATH, "method": method, "headers": []}) is whose


def test_the_document_says_once_what_a_path_answers() -> None:
    assert {(one.method, one.path) for one in OTHER.entries} == {
        ("POST", f"/other{PATH}"),
        ("GET", f"/other{PATH}"),
        ("GET", PATH),
    }
    assert [(one.method, one.path) for one in OWN.entries] == [("POST", PATH)]
