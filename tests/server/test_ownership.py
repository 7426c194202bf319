"""Another account's key finds nothing and changes nothing, whatever route it tries.

The routes come from the application itself: one that is new and takes an id has to answer 404 here (403 where it is an
administrator's), or be named below with the reason why it need not.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from telecine.nouns.ids import parse_task_id, video_id
from tests.server.live import ADMIN_KEY, KEY, OTHER_KEY, LiveServer, kling_channel
from tests.server.test_openapi import routes
from tests.upstreams.kling import API_KEY, FakeKling

NOT_OWNED = {
    "/media/{output}/{ticket}/{name}": "the signed ticket is the right",
    "/media/{account}/{folder}/{ticket}/{name}": "so it is for what an upstream is to fetch",
    "/callbacks/{token}": "the token is the right, and it only wakes the task",
    "/v1/models/{name:path}": "models belong to nobody",
    **{
        f"{root}/{made}/{{model}}": "so it is where one is asked for"
        for root in ("/kling", "")
        for made in ("text-to-video", "image-to-video", "motion-control")
    },
}
REFUSED = {
    "/admin/": 403,
    "/suno/lyrics": 404,
    "/suno/feed": 200,  # what is not one's own is left out of it
    "/suno/": 400,
    "/ima/mj/": 404,
    "/ima/": 400,
    "/v1/video/generations": 400,
    "/sora/v1/videos": 400,
    "/v1/webapp/": 400,
    "/v1/modelzoo/": 400,
    "/x/": 400,
}
"""To some, a task that is not there is an error of the request."""
TABLES = ("tasks", "attempts", "outputs", "events", "webhook_endpoints", "ledger_entries")
DELIVERIES = "SELECT id, endpoint_id, url, redelivery_of FROM deliveries ORDER BY id"  # their tries go on


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder: Path = tmp_path_factory.mktemp("owned")
    with FakeKling().in_thread() as kling, LiveServer(folder, kling_channel(kling.base_url, API_KEY)) as server:
        kling.autofinish(0.05)
        yield server


@pytest.fixture(scope="module")
def names(server: LiveServer) -> list[str]:
    """The names of everything that the first account has, in every form."""
    kling = {"model_name": "kling-v2-5-turbo", "prompt": "a boat", "external_task_id": "mine"}
    made = server.call("POST", "/kling/v1/videos/text2video", kling).json["data"]["task_id"]
    task = server.ended(made)["id"]
    number = parse_task_id(made)
    assert number is not None
    found = [made, task, video_id(number), "mine"]
    hook = server.call("POST", "/v1/webhooks", {"url": "https://hooks.example/x"}).json["id"]
    sent = server.call("POST", f"/v1/webhooks/{hook}/test").json["id"]
    return [*found, hook, sent]


def calls(server: LiveServer) -> list[tuple[str, str]]:
    return [
        (method, route.path)
        for route in routes(server)
        if "{" in route.path
        for method in sorted((route.methods or {"GET"}) - {"HEAD"})
    ]


def test_no_route_shows_or_changes_what_is_another_accounts(server: LiveServer, names: list[str]) -> None:
    before = [server.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in TABLES]  # noqa: S608  our own names
    sent = server.rows(DELIVERIES)
    tried = 0
    for (method, path), name in itertools.product(calls(server), names):
        if path in NOT_OWNED:
            continue
        filled = re.sub(r"\{\w+(:\w+)?\}", name, path)
        body = {"active": False} if method == "PATCH" else {"prompt": "mine now"}
        reply = server.call(method, filled, body, key=OTHER_KEY)
        plain, names_model = path.removeprefix("/bizyair"), method == "POST" and "modelzoo" in path
        refused = next((status for start, status in REFUSED.items() if plain.startswith(start)), 404)
        refused = 404 if names_model else refused
        assert reply.status == refused, (method, filled, reply)
        assert not any(word in reply.content.decode() for word in ("a boat", "hooks.example")), filled
        tried += 1
    after = [server.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in TABLES]  # noqa: S608  our own names
    assert after == before
    assert server.rows(DELIVERIES) == sent
    assert tried > 60


def test_the_owner_finds_them_all(server: LiveServer, names: list[str]) -> None:
    """Or else the 404s above would say nothing."""
    made, task, video, external, hook, sent = names
    for path in (
        f"/v1/tasks/{task}",
        f"/v1/videos/{video}",
        f"/v1/videos/{video}/content",
        f"/kling/v1/videos/text2video/{external}",
        f"/v1/videos/text2video/{made}",
        f"/v1/webhooks/{hook}",
        f"/v1/webhooks/{hook}/deliveries",
        f"/v1/deliveries/{sent}",
    ):
        assert server.call("GET", path, key=KEY).status == 200, path


def test_lists_hold_nothing_of_another_account(server: LiveServer, names: list[str]) -> None:
    for path in ("/v1/tasks", "/v1/videos", "/v1/webhooks", "/v1/deliveries", "/kling/v1/videos/text2video"):
        assert server.call("GET", path, key=OTHER_KEY).json["data"] == [], path
        assert server.call("GET", path, key=KEY).json["data"] != [], path


def test_administration_is_for_administrators(server: LiveServer) -> None:
    admin = [(method, path) for method, path in calls(server) if path.startswith("/admin/")]
    admin += [("GET", "/admin/v1/keys"), ("POST", "/admin/v1/keys"), ("GET", "/admin/v1/channels")]
    for method, path in admin:
        filled = re.sub(r"\{\w+(:\w+)?\}", "tests", path)
        assert server.call(method, filled, {"name": "x"}, key=OTHER_KEY).status == 403, (method, path)
    assert len(server.call("GET", "/admin/v1/keys", key=ADMIN_KEY).json["data"]) == 4


def test_what_need_not_be_owned_still_exists(server: LiveServer) -> None:
    assert NOT_OWNED.keys() <= {path for _, path in calls(server)}
