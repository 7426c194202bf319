"""The names that clients give, of any characters: found again by a query, or refused by name at the create."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.server.live import ADMIN_KEY, LiveServer

TEXT, OWN = "/kling/v1/videos/text2video", "/v1/tasks"
KLING = {"model_name": "kling-v1", "prompt": "a boat [[delay:90]]"}
NAMES = [
    "order/2026/7", "/", "a/", "/a", "//", "a//b", "a/../b", "...", "what?", "100%", "%2F", "%25", "a b", " a ", "#1",
    "a;b=c&d", "第一单/二", "\U0001f600", "é", "10001", "000123", "99999999999999999999", "video_order", "tsk_1", "a:b",
    "Content", "events", "a\\b", "'\"<>", "+", "x" * 256, "船" * 256,
]  # fmt: skip
CONTROL = ["a\x00b", "\x07", "line\nbreak", "tab\t", "\x7f", "\x85", "\r"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("names")) as found:
        yield found


def test_a_task_is_found_by_any_name_that_was_taken(server: LiveServer) -> None:
    for name in NAMES:
        made = server.call("POST", TEXT, {**KLING, "external_task_id": name})
        assert made.status == 200, (name, made)
        found = server.call("GET", f"{TEXT}/{quote(name, safe='')}")
        assert found.status == 200, (name, found)
        assert found.json["data"]["task_id"] == made.json["data"]["task_id"], name
        assert found.json["data"]["task_info"] == {"external_task_id": name}
        listed = server.call("GET", f"{OWN}?external_id={quote(name, safe='')}").json["data"]
        assert [one["external_id"] for one in listed] == [name]
    assert server.call("GET", f"{OWN}?external_id=nobody").json["data"] == []
    alone = server.call("GET", f"{OWN}?external_id=a&status=queued")
    assert (alone.status, alone.json["error"]["param"]) == (400, "status")


@pytest.mark.parametrize("name", [*CONTROL, ".", "..", "x" * 257])
def test_what_could_not_be_asked_for_is_refused_by_name(server: LiveServer, name: str) -> None:
    before = server.count("tasks")
    answer = server.call("POST", TEXT, {**KLING, "external_task_id": name})
    assert (answer.status, answer.json["code"]) == (400, 1201)
    assert "external_task_id" in answer.json["message"]
    answer = server.call("POST", OWN, {"model": "kling-v1", "prompt": "a", "external_id": name})
    assert (answer.status, answer.json["error"]["param"]) == (400, "external_id")
    assert server.count("tasks") == before


def test_the_id_of_a_task_is_no_name_of_another(server: LiveServer) -> None:
    first = server.call("POST", TEXT, KLING).json["data"]["task_id"]
    answer = server.call("POST", TEXT, {**KLING, "external_task_id": first})
    assert (answer.status, answer.json["code"]) == (400, 1201)
    assert "external_task_id" in answer.json["message"]


@pytest.mark.parametrize("control", ["%00", "%0a", "%07", "%7f", "%C2%85"])
def test_nothing_of_a_url_brings_a_control_character_to_the_records(server: LiveServer, control: str) -> None:
    for path in (f"{TEXT}/{control}", f"/v1/videos/a{control}", f"{OWN}/{control}", f"/v1/webhooks/{control}",
                 f"/v1/models/{control}", f"/callbacks/{control}", f"/v1/deliveries/{control}"):  # fmt: skip
        assert server.call("GET", path).status == 404, path
    for method, path in (("PATCH", f"/admin/v1/keys/{control}"), ("DELETE", f"/admin/v1/keys/{control}")):
        assert server.call(method, path, {}, key=ADMIN_KEY).status == 404, path
    for path, name in (
        (OWN, "model"), (OWN, "key_name"), (OWN, "status"), (OWN, "after"), (OWN, "external_id"),
        ("/v1/videos", "after"), ("/v1/deliveries", "task"), ("/v1/account/entries", "after"),
    ):  # fmt: skip
        answer = server.call("GET", f"{path}?{name}=x{control}")
        assert (answer.status, answer.json["error"]["param"]) == (400, name), path


@pytest.mark.parametrize("name", CONTROL)
def test_no_other_name_has_one_either(server: LiveServer, name: str) -> None:
    bodies: list[tuple[str, dict[str, Any], str]] = [
        ("/v1/videos", {"prompt": "a", "metadata": {name: "x"}}, "metadata"),
        ("/v1/videos", {"prompt": "a", "model": f"sora{name}"}, "model"),
        (OWN, {"model": "kling-v1", "prompt": "a", "metadata": {name: "x"}}, "metadata"),
    ]
    for path, body, param in bodies:
        answer = server.call("POST", path, body)
        assert answer.status == 400, (path, body, answer)
        assert answer.json["error"]["param"].startswith(param)
    answer = server.call("POST", "/admin/v1/keys", {"name": name}, key=ADMIN_KEY)
    assert (answer.status, answer.json["error"]["param"]) == (400, "name")
    accounts = server.call("POST", "/admin/v1/keys", {"name": "k", "account": name}, key=ADMIN_KEY)
    assert accounts.status == 400
