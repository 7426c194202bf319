"""A dialect as a table: which requests are its own, which of them need no key, and what its rows share."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

import httpx2
import msgspec
import pytest
from starlette.applications import Starlette

from telecine.dialects.call import Call
from telecine.dialects.dialect import Claim, Claims, Dialect, by_claim
from telecine.dialects.document import Query
from telecine.dialects.midjourney import MIDJOURNEY
from telecine.dialects.openai import OPENAI
from telecine.dialects.rows import Plain, ReadMany
from telecine.dialects.served import DIALECTS
from telecine.dialects.tasks import TASKS
from telecine.nouns.ids import DECIMAL, ID_FORMS, TSK
from telecine.nouns.request import GenerationRequest
from telecine.server.entry import Openness, tidy
from tests.dialects.house import House

TEXT = GenerationRequest(operation="text_to_video", model="kling-v1", prompt="a boat")


async def hello(call: Call) -> dict[str, str]:
    return {"dialect": call.dialect, "of": call.request.url.path}


def dialect(name: str, *claims: Claim, paths: tuple[str, ...], **more: Any) -> Dialect:
    """One that answers with its own name."""
    rows = tuple(Plain(path, "Say who it is", handle=hello) for path in paths)
    return Dialect(name=name, claimed=claims, rows=rows, errors=TASKS.errors, **more)


def scope(path: str, **headers: str) -> dict[str, Any]:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "headers": pairs}


VERB = dialect("verb", Claim("/v1/models/", re.compile(r"[^/]+:\w+")), paths=("/v1/models/{id}",))
HEADER = dialect("header", Claim("/v1/models", header="x-version"), paths=("/v1/models", "/v1/models/{id}"))
IDS = dialect(
    "ids",
    Claim("/v1/videos/", re.compile(r"[^/]+:task_[0-9a-z]+(/.*)?")),
    Claim("/relay"),
    paths=("/v1/videos/{id}",),
    roots=("", "/relay"),
)
BROAD = dialect("broad", Claim("/v1"), paths=("/v1/models", "/v1/models/{id}", "/v1/videos/{id}"))
FOUR = (VERB, HEADER, IDS, BROAD)
CASES = [
    ("/v1/models/gem:generate", {}, "verb"),
    ("/v1/models/gem", {}, "broad"),
    ("/v1/models/gem", {"x_version": "1"}, "header"),
    ("/v1/models", {"x_version": "1"}, "header"),
    ("/v1/models", {}, "broad"),
    ("/v1/videos/sora-2:task_06xx11d95wm5j", {}, "ids"),
    ("/v1/videos/video_06xx11d95wm5j", {}, "broad"),
    ("/relay/v1/videos/x", {}, "ids"),
]


@pytest.mark.parametrize(("path", "headers", "name"), CASES)
async def test_a_request_belongs_to_whoever_claims_it_most_narrowly(
    path: str, headers: dict[str, str], name: str
) -> None:
    """By the path's beginning, by a header, by the form of an id, by a verb; and its route is found there too."""
    asked = scope(path, **headers)
    claims = by_claim(FOUR)
    assert next(one.name for claim, one in claims if claim.holds(asked)) == name
    many = [dialect(f"other-{number}", Claim(f"/v1/other-{number}"), paths=()) for number in range(100)]
    found = Claims([*many, *FOUR]).of(asked)
    assert found is not None
    assert found.name == name
    assert Claims(FOUR).of(scope("/v")) is None
    assert name in [one.name for one in FOUR if one.claims(asked)]

    async def gate(scope: Any, receive: Any, send: Any) -> None:
        scope["dialect"] = next(one for claim, one in claims if claim.holds(scope))
        scope["principal"] = None
        await app(scope, receive, send)

    app = Starlette(routes=[route for one in FOUR for route in one.routes])
    app.state.edge = House(*FOUR).edge
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=gate), base_url="http://telecine.test") as client:
        answer = await client.get(path, headers={one.replace("_", "-"): value for one, value in headers.items()})
    assert answer.json() == {"dialect": name, "of": path}


def test_what_a_row_calls_open_needs_no_key() -> None:
    rows = (
        Plain("/mj/image/{id}", "A picture", handle=hello, open=True),
        Plain("/mj/task/{id}", "A task", handle=hello),
        Plain("/mj/motd", "A message", handle=hello, open=True),
    )
    one = Dialect(name="mj", claimed=(Claim("/mj"),), roots=("", "/mj-fast"), rows=rows, errors=TASKS.errors)
    assert one.open_paths == ("/mj/image/", "/mj/motd", "/mj-fast/mj/image/", "/mj-fast/mj/motd")
    openness = Openness(one.open_paths)
    for path, open_ in {
        "/mj/image/1": True,
        "/mj-fast/mj/image/1": True,
        "/mj/motd": True,
        "/mj/motd/x": False,
        "/mj/task/1": False,
        "/mj//image/1": False,  # in its one spelling only
        "/healthz": True,
        "/v1/tasks": False,
    }.items():
        asked = scope(path)
        tidy(asked, openness)
        assert asked["open"] is open_, path
    assert [entry.open for entry in one.entries if "task" in entry.path] == [False, False]


def test_some_paths_are_served_in_whatever_case_they_are_written() -> None:
    rows = (Plain("/v1/calls/look-at", "A call", handle=hello),)
    one = Dialect(
        name="k",
        claimed=(Claim("/k"),),
        roots=("/k", ""),
        rows=rows,
        folded=("/v1/calls/look-at",),
        errors=TASKS.errors,
    )
    for path, told in {
        "/k/v1/calls/Look-At": "/k/v1/calls/look-at",
        "/V1//calls/look-AT/": "/v1/calls/look-at",
        "/k/v1/calls/look-at": "/k/v1/calls/look-at",
        "/k/v1/calls/Look-At/X": "/k/v1/calls/Look-At/X",
        "/K/v1/Calls": "/K/v1/Calls",
    }.items():
        asked = scope(path)
        tidy(asked, Openness(), one.folded_paths)
        assert (asked["path"], asked["raw_path"]) == (told, told.encode()), path


def test_no_dialect_of_ours_opens_anything() -> None:
    assert [path for one in DIALECTS for path in one.open_paths] == []


@pytest.mark.parametrize("one", DIALECTS, ids=lambda one: f"{one.name} {one.rows[0].path}")
def test_the_table_of_each_is_whole(one: Dialect) -> None:
    """What it serves it claims, and its document has every path once."""
    paths = [(entry.method, entry.path) for entry in one.entries]
    assert len(set(paths)) == len(paths)
    assert one.id_form in ID_FORMS
    claims = by_claim(DIALECTS)
    for method, path in paths:
        asked = scope(path.replace("{", "").replace("}", "")) | {"method": method}
        winner = next(other for claim, other in claims if claim.holds(asked))
        assert Claims(DIALECTS).of(asked) is winner
        assert winner.name == one.name, path


async def test_a_wrong_method_is_405_unless_the_dialect_tells_it_in_its_own_way() -> None:
    strange = dialect("strange", Claim("/x"), paths=("/x",), every_method=True)
    plain = dialect("plain", Claim("/y"), paths=("/y",))
    house = House(strange, plain)
    answer = await house.call("DELETE", "/x")
    assert (answer.status_code, answer.json()["error"]["param"]) == (404, "method")
    assert (await house.call("DELETE", "/y")).status_code == 405
    assert (await house.call("HEAD", "/x")).status_code == 200


async def test_a_strict_dialect_refuses_parameters_that_no_row_names() -> None:
    one = dialect("own", Claim("/x"), paths=("/x",), strict=True)
    one = msgspec.structs.replace(one, rows=(msgspec.structs.replace(one.rows[0], query=(Query("a", "An a."),)),))
    house = House(one)
    assert (await house.call("GET", "/x?a=1")).status_code == 200
    answer = await house.call("GET", "/x?a=1&b=2")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "b")


async def test_many_are_read_at_once_and_strangers_are_left_out() -> None:
    row = ReadMany(
        "/many",
        "Read many",
        names=lambda _, body: body.fields["ids"],
        show=lambda _, views: [TSK.write(view.task.id) for view in views],
        most=5,
    )
    house = House(Dialect(name="many", claimed=(Claim("/many"),), rows=(row,), errors=TASKS.errors, id_form=TSK))
    mine = [house.tasks.add(TEXT).task.id for _ in range(2)]
    other = house.tasks.add(TEXT, account_id=2).task.id
    names = [DECIMAL.write(mine[1]), TSK.write(other), "nonsense", TSK.write(mine[0]), DECIMAL.write(mine[1])]
    answer = await house.call("POST", "/many", json={"ids": names})
    assert answer.json() == [TSK.write(mine[1]), TSK.write(mine[0])]
    answer = await house.call("POST", "/many", json={"ids": [str(number) for number in range(6)]})
    assert (answer.status_code, "at most" in answer.json()["error"]["message"]) == (400, True)


def test_a_reserved_word_is_no_id() -> None:
    one = dialect("words", Claim("/v1"), paths=("/v1/videos/{id}",), reserved=("/v1/videos/later",))
    paths = [route.path for route in one.routes]
    assert paths.index("/v1/videos/later") < paths.index("/v1/videos/{id}")
    assert not any("later" in entry.path for entry in one.entries)
    paths = [route.path for route in OPENAI.routes]
    assert paths.index("/v1/videos/edits") < paths.index("/v1/videos/{id}")


@pytest.mark.parametrize(
    ("path", "served", "said"),
    [
        ("/mj-fast/mj/submit/imagine", "/mj/submit/imagine", "fast"),
        ("//mj-turbo//mj/task/list/", "/mj/task/list", "turbo"),
        ("/mj/submit/imagine", "/mj/submit/imagine", None),
        ("/mj-slow/mj/submit/imagine", "/mj-slow/mj/submit/imagine", None),
        ("/mj-fast/v1/videos", "/mj-fast/v1/videos", None),
        ("/mj-fast/mj", "/mj-fast/mj", None),
        ("/mj-fast", "/mj-fast", None),
        ("/%6dj-fast/mj/submit/imagine", "/mj-fast/mj/submit/imagine", None),
    ],
)
def test_what_stands_ahead_of_a_root_says_something_and_is_cut_off(path: str, served: str, said: str | None) -> None:
    scope: dict[str, Any] = {"path": unquote(path), "raw_path": path.encode()}
    tidy(scope, Openness())
    assert MIDJOURNEY.cut(scope) is (said is not None)
    assert (scope["path"], scope.get("ahead")) == (served, said)
    assert said is None or scope["raw_path"] == served.encode()
