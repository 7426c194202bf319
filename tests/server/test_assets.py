"""`/v1/assets` over a whole server: files that come in every way, found, changed, served and deleted."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from telecine.server.described import ENTRIES
from tests.server.live import ADMIN_KEY, OTHER_KEY, Answer, LiveServer, eventually
from tests.server.pictures import picture
from tests.server.test_bad_input import form
from tests.upstreams.clip import mp4, wav

PHOTO = picture("PNG", (320, 200))
CLIP = mp4(96, 64, 1, None)
MINE = (
    "SELECT id, account_id, group_id, name, created_at FROM assets WHERE deleted_at IS NULL ORDER BY 1",
    "SELECT * FROM asset_groups ORDER BY 1",
    "SELECT account_id, files FROM asset_totals ORDER BY 1",
)
"""What nobody but its account changes: what earlier tests have left behind is fetched, put together and buried."""
PART = 16 * 1024 * 1024
CONFIG = """
[network]
allow_private = ["127.0.0.1/32"]

[limits]
asset_size = 20000000
json_body = 65536
body = 65536

[[accounts]]
name = "other"
asset_bytes = 60000000
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("assets"), CONFIG) as found:
        yield found


def raw(server: LiveServer, content: bytes, query: str = "", kind: str = "image/png", key: str | None = None) -> Answer:
    """A file as the body itself."""
    more = {} if key is None else {"key": key}
    return server.call("POST", f"/v1/assets{query}", content, headers={"content-type": kind}, **more)


def ready(server: LiveServer, asset: dict[str, Any]) -> Any:
    """The file once it is there."""
    return server.until(f"/v1/assets/{asset['id']}", lambda found: found["status"] == "ready")


def test_a_file_as_the_body_is_served_by_a_signed_link(server: LiveServer) -> None:
    answer = raw(server, PHOTO, "?name=Mara&kind=image")
    made = answer.json
    assert (answer.status, made["object"], made["status"], made["name"]) == (201, "asset", "ready", "Mara")
    assert (made["content_type"], made["width"], made["height"], made["bytes"]) == ("image/png", 320, 200, len(PHOTO))
    assert (made["sha256"], made["poster_url"], made["error"]) == (hashlib.sha256(PHOTO).hexdigest(), None, None)
    whole = server.call("GET", made["url"], key=None)
    assert (whole.status, whole.headers["content-type"], whole.content == PHOTO) == (200, "image/png", True)
    part = server.call("GET", made["url"], key=None, headers={"range": "bytes=0-7"})
    assert (part.status, part.content) == (206, PHOTO[:8])
    assert server.call("GET", made["url"].replace("/file", "/poster"), key=None).status == 403
    assert server.call("GET", f"/v1/assets/{made['id']}/content").content == PHOTO
    assert server.call("GET", f"/v1/assets/{made['id']}/content?variant=poster").status == 404
    gone = server.call("DELETE", f"/v1/assets/{made['id']}")
    assert gone.json == {"id": made["id"], "object": "asset", "deleted": True}
    assert server.call("GET", made["url"], key=None).status == 404
    assert server.call("GET", f"/v1/assets/{made['id']}").status == 404


def test_a_form_with_a_clip_has_a_poster(server: LiveServer) -> None:
    group = server.call("POST", "/v1/assets/groups", {"name": "Rushes", "type": "AIGC"}).json
    body, headers = form(("group", None, group["id"].encode()), ("file", "walk.mp4", CLIP))
    made = server.call("POST", "/v1/assets", body, headers=headers).json
    assert (made["kind"], made["name"], made["group"], made["duration"]) == ("video", "walk.mp4", group["id"], 1.0)
    poster = server.call("GET", made["poster_url"], key=None)
    assert (poster.status, poster.headers["content-type"], poster.content[:3]) == (200, "image/jpeg", b"\xff\xd8\xff")
    assert server.call("GET", f"/v1/assets/{made['id']}/content?variant=poster").content == poster.content
    listed = server.call("GET", f"/v1/assets?group={group['id']}&kind=video&status=ready&search=WALK&limit=1").json
    assert ([one["id"] for one in listed["data"]], listed["has_more"]) == ([made["id"]], False)
    assert server.call("GET", f"/v1/assets?after={made['id']}&group={group['id']}").json["data"] == []
    changed = server.call("PATCH", f"/v1/assets/{made['id']}", {"name": "run", "group": None}).json
    assert (changed["name"], changed["group"], changed["bytes"]) == ("run", None, len(CLIP))
    named = server.call("PATCH", f"/v1/assets/groups/{group['id']}", {"description": "Day 3"}).json
    assert (named["name"], named["description"], named["type"]) == ("Rushes", "Day 3", "AIGC")
    assert server.call("GET", f"/v1/assets/groups/{group['id']}").json == named
    assert server.call("GET", "/v1/assets/groups?search=rush").json["data"] == [named]
    deleted = server.call("DELETE", f"/v1/assets/groups/{group['id']}").json
    assert deleted == {"id": group["id"], "object": "asset.group", "deleted": True}


def test_a_file_is_fetched_from_its_url_later(server: LiveServer) -> None:
    sound = raw(server, wav(1), kind="application/octet-stream").json
    answer = server.call("POST", "/v1/assets", {"url": sound["url"], "kind": "audio"})
    assert (answer.status, answer.json["url"], answer.json["name"]) == (201, None, "file.wav")
    there = ready(server, answer.json)
    assert (there["kind"], there["duration"], there["sha256"]) == ("audio", 1.0, sound["sha256"])
    failing = server.call("POST", "/v1/assets", {"url": f"{server.address}/nothing.png"}).json
    failed = server.until(f"/v1/assets/{failing['id']}", lambda found: found["status"] == "failed")
    assert failed["error"]["code"] == "invalid_request"
    assert "answers with HTTP 401" in failed["error"]["message"]


def test_a_large_file_comes_in_parts_and_goes_on_where_it_stopped(server: LiveServer) -> None:
    whole = PHOTO + bytes(PART)  # what follows a picture's end does not matter
    begun = server.call("POST", "/v1/assets/uploads", {"bytes": len(whole), "name": "large"})
    upload, path = begun.json, f"/v1/assets/uploads/{begun.json['id']}"
    assert (begun.status, upload["part_size"], upload["part_count"], upload["parts"]) == (201, PART, 2, [])
    binary = {"content-type": "application/octet-stream"}
    short = server.call("PUT", f"{path}/parts/2", b"x" * 9, headers=binary)
    assert (short.status, short.json["error"]["param"]) == (400, "number")
    long = server.call("PUT", f"{path}/parts/2", b"x" * (len(PHOTO) + 1), headers=binary)
    assert (long.status, long.json["error"]["message"]) == (413, f"Part 2 has {len(PHOTO)} bytes, and more came.")
    assert server.call("PUT", f"{path}/parts/3", b"x", headers=binary).json["error"]["param"] == "number"
    last = server.call("PUT", f"{path}/parts/2", whole[PART:], headers=binary)
    assert last.json == {"number": 2, "bytes": len(PHOTO), "sha256": hashlib.sha256(whole[PART:]).hexdigest()}
    for body in (b"{}", None):
        early = server.call("POST", f"{path}/complete", body)
        assert (early.status, early.json["error"]["message"]) == (400, "parts: 1 of 2 have not come.")
    assert [one["number"] for one in server.call("GET", path).json["parts"]] == [2]
    assert server.call("PUT", f"{path}/parts/1", whole[:PART], headers=binary).status == 200
    digest = hashlib.sha256(whole).hexdigest()
    for _ in range(2):
        assert server.call("POST", f"{path}/complete", {"sha256": digest}).json["id"] == upload["id"]
    there = ready(server, upload)
    assert (there["sha256"], there["bytes"], there["width"]) == (digest, len(whole), 320)
    assert server.call("PUT", f"{path}/parts/1", b"x", headers=binary).status == 409
    folder = server.data / "media"
    eventually(lambda: not any(one.is_file() for one in folder.rglob("part*")), "no part")
    server.call("DELETE", f"/v1/assets/{upload['id']}")


def test_a_full_library_refuses_by_name(server: LiveServer) -> None:
    key = OTHER_KEY
    for _ in range(3):
        begun = server.call("POST", "/v1/assets/uploads", {"bytes": 20_000_000}, key=key)
        assert begun.status == 201, "what is to come is counted"
    for answer in (
        server.call("POST", "/v1/assets/uploads", {"bytes": 1}, key=key),
        raw(server, PHOTO, key=key),
        server.call("POST", "/v1/assets", form(("file", "a.png", PHOTO))[0], headers=form()[1], key=key),
    ):
        assert (answer.status, answer.json["error"]["code"], answer.json["error"]["param"]) == (
            403,
            "permission",
            "quota",
        )
    quota = server.call("GET", "/v1/assets/quota", key=key).json
    assert (quota["files"], quota["bytes"], quota["most_bytes"], quota["most_files"]) == (3, 60000000, 60000000, 10000)
    assert server.call("DELETE", f"/v1/assets/{begun.json['id']}", key=key).status == 200
    assert server.call("GET", "/v1/assets/quota", key=key).json["files"] == 2


def test_sizes_that_cannot_be_name_their_field(server: LiveServer) -> None:
    for size, status in ((0, 400), (-1, 400), (2**40, 413)):
        answer = server.call("POST", "/v1/assets/uploads", {"bytes": size})
        assert (answer.status, answer.json["error"]["param"]) == (status, "bytes")


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "url"),
        ({"url": "x"}, "url"),
        ({"url": "http://169.254.169.254/latest"}, "url"),
        ({"url": "https://example.com/a.png", "kind": "text"}, "kind"),
        ({"url": "https://example.com/a.png", "group": "nobody"}, "group"),
        ({"url": "https://example.com/a.png", "group": "group_000000000000z"}, "id"),
        ({"url": "https://example.com/a.png", "name": "a\tb"}, "name"),
        ({"url": "https://example.com/a.png", "nom": "a"}, "nom"),
    ],
)
def test_bad_bodies_name_their_field(server: LiveServer, body: dict[str, Any], param: str) -> None:
    answer = server.call("POST", "/v1/assets", body)
    assert (answer.status in (400, 404), answer.json["error"]["param"]) == (True, param)


@pytest.mark.parametrize("query", ["limit=0", "after=x", "kind=text", "status=gone", "search=" + "x" * 201, "what=1"])
def test_bad_queries_name_their_parameter(server: LiveServer, query: str) -> None:
    answer = server.call("GET", f"/v1/assets?{query}")
    assert (answer.status, answer.json["error"]["param"]) == (400, query.partition("=")[0])


def test_bad_files_and_forms_are_refused_by_name(server: LiveServer) -> None:
    before = server.call("GET", "/v1/assets/quota").json
    for answer, status, param in (
        (raw(server, b"<html>"), 400, "body"),
        (raw(server, b""), 400, "body"),
        (raw(server, PHOTO, "?kind=video"), 400, "body"),
        (raw(server, bytes(20_000_001)), 413, "body"),
        (raw(server, bytes(22_000_000)), 413, "body"),
        (server.call("POST", "/v1/assets?name=x", {"url": "https://example.com/a.png"}), 400, "name"),
        *(
            (server.call("POST", "/v1/assets", form(*parts)[0], headers=form()[1]), 400, param)
            for parts, param in (
                ([("file", "a.html", b"<html>")], "file"),
                ([("name", None, b"x")], "file"),
                ([("file", "a.png", PHOTO), ("file", "b.png", PHOTO)], "file"),
                ([("picture", "a.png", PHOTO)], "file"),
                ([("file", "a.png", PHOTO), ("colour", None, b"red")], "colour"),
            )
        ),
    ):
        assert (answer.status, answer.json["error"]["param"]) == (status, param), answer
    assert server.call("GET", "/v1/assets/quota").json == before


def test_anothers_files_are_not_there(server: LiveServer) -> None:
    """Whatever its routes are, and whatever is sent there."""
    made, group = raw(server, PHOTO).json, server.call("POST", "/v1/assets/groups", {"name": "mine"}).json
    upload = server.call("POST", "/v1/assets/uploads", {"bytes": 10}).json
    before = [server.rows(statement) for statement in MINE]
    entries = [one for one in ENTRIES if one.group == "assets" and "{id}" in one.path]
    assert len(entries) == 10
    for entry, name in itertools.product(entries, (made["id"], group["id"], upload["id"])):
        path = entry.path.replace("{id}", name).replace("{number}", "1")
        answer = server.call(entry.method, path, {"active": False}, key=OTHER_KEY)
        assert answer.status == 404, (entry.method, path, answer)
    assert [server.rows(statement) for statement in MINE] == before
    assert server.call("GET", f"/v1/assets/uploads/{upload['id']}").json["parts"] == upload["parts"] == []
    assert server.call("DELETE", f"/v1/assets/uploads/{upload['id']}").status == 405, "an upload goes as any file does"
    listed = {one["id"] for one in server.call("GET", "/v1/assets", key=OTHER_KEY).json["data"]}
    assert not listed & {made["id"], upload["id"]}


def test_an_erased_account_leaves_no_file(server: LiveServer) -> None:
    accounts = "/admin/v1/accounts"
    bad = server.call("POST", accounts, {"name": "brief", "asset_bytes": -1}, key=ADMIN_KEY)
    assert (bad.status, bad.json["error"]["param"]) == (400, "asset_bytes")
    told = server.call("POST", accounts, {"name": "brief", "assets": 1}, key=ADMIN_KEY).json
    assert (told["assets"], told["asset_bytes"]) == (1, None)
    key = server.call("POST", "/admin/v1/keys", {"name": "brief", "account": "brief"}, key=ADMIN_KEY).json["key"]
    made = raw(server, PHOTO, "?name=Mara", key=key).json
    assert raw(server, PHOTO, key=key).json["error"]["param"] == "quota"
    assert server.call("PATCH", f"{accounts}/brief", {"assets": None}, key=ADMIN_KEY).json["assets"] is None
    assert server.call("GET", "/v1/assets/quota", key=key).json["most_files"] == 10000
    ((number,),) = server.rows("SELECT id FROM accounts WHERE name = 'brief'")
    folder = server.data / "media" / f"a{number}"
    assert len([one for one in folder.rglob("*") if one.is_file()]) == 1
    assert server.call("POST", "/admin/v1/accounts/brief/erase", {}, key=ADMIN_KEY).json["done"]
    assert [one for one in folder.rglob("*") if one.is_file()] == []
    assert server.call("GET", made["url"], key=None).status == 404
    assert server.rows("SELECT count(*) FROM asset_totals WHERE account_id = ?", number) == [(0,)]
