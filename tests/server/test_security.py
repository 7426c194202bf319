"""Whose is what: keys, accounts, signed links, and what may never be told."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.live import ADMIN_KEY, KEY, NARROW_KEY, OTHER_KEY, Answer, LiveServer, eventually, kling_channel
from tests.server.pictures import picture
from tests.server.process import KEY as PROCESS_KEY
from tests.server.process import OTHER_KEY as PROCESS_OTHER_KEY
from tests.server.process import ServerProcess
from tests.server.receiver import Receiver
from tests.server.test_ssrf import Everywhere
from tests.upstreams.kling import API_KEY, FakeKling, Fault

TEXT = "/kling/v1/videos/text2video"
WEBHOOK_SECRET = "whsec_c2VjcmV0LW9mLXRoZS13ZWJob29rcw=="
WEEK = 7 * 86400.0


@pytest.fixture(scope="module")
def kling() -> Iterator[FakeKling]:
    with FakeKling().in_thread() as fake:
        yield fake


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, kling: FakeKling) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("security"), kling_channel(kling.base_url, API_KEY)) as found:
        yield found


@pytest.fixture(scope="module")
def done(server: LiveServer, kling: FakeKling) -> str:
    """The id of a task that has succeeded."""
    answer = server.call("POST", TEXT, {"model_name": "kling-v2-5-turbo", "prompt": "a", "external_task_id": "mine"})
    kling.finish()
    task = str(answer.json["data"]["task_id"])
    assert server.ended(task)["status"] == "succeeded"
    return task


def without_id(answer: Answer, *names: str) -> str:
    """The body without what differs from request to request."""
    text = answer.content.decode().replace(answer.headers["x-request-id"], "")
    for name in names:
        text = text.replace(name, "")
    return text


ROUTES = [
    ("GET", "/v1/videos/{}"),
    ("GET", "/v1/videos/{}/content"),
    ("GET", "/v1/videos/{}/content?variant=thumbnail"),
    ("POST", "/v1/videos/{}/remix"),
    ("DELETE", "/v1/videos/{}"),
    ("GET", "/v1/tasks/{}"),
    ("POST", "/v1/tasks/{}/cancel"),
    ("GET", TEXT + "/{}"),
    ("GET", "/v1/videos/text2video/{}"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_another_accounts_task_is_as_if_it_were_not(server: LiveServer, done: str, method: str, path: str) -> None:
    nobodys = str(int(done) ^ 1)
    theirs = server.call(method, path.format(done), {"prompt": "b"}, key=OTHER_KEY)
    nothing = server.call(method, path.format(nobodys), {"prompt": "b"}, key=OTHER_KEY)
    assert theirs.status == nothing.status == 404
    assert without_id(theirs, done) == without_id(nothing, nobodys)
    assert server.call("GET", f"/v1/videos/{done}").json["status"] == "completed"


def test_another_accounts_tasks_are_not_listed_nor_found_by_name(server: LiveServer, done: str) -> None:
    for path in ("/v1/videos", "/v1/tasks", TEXT):
        assert server.call("GET", path, key=OTHER_KEY).json["data"] == []
        assert len(server.call("GET", path).json["data"]) == 1
    assert server.call("GET", f"{TEXT}/mine").status == 200
    assert server.call("GET", f"{TEXT}/mine", key=OTHER_KEY).status == 404
    pages = server.call("GET", f"/v1/tasks?after={done}", key=OTHER_KEY)
    assert (pages.status, pages.json["data"]) == (200, [])


def test_a_name_is_unique_within_its_account_only(server: LiveServer, done: str, kling: FakeKling) -> None:
    body = {"model_name": "kling-v2-5-turbo", "prompt": "a", "external_task_id": "mine"}
    assert server.call("POST", TEXT, {**body, "prompt": "another"}).status == 400
    other = server.call("POST", TEXT, body, key=OTHER_KEY)
    assert other.status == 200
    assert server.call("GET", f"{TEXT}/mine", key=OTHER_KEY).json["data"]["task_id"] != done
    assert server.call("GET", f"{TEXT}/mine").json["data"]["task_id"] == done
    kling.finish()
    server.until(f"{TEXT}/mine", lambda found: found["data"]["task_status"] == "succeed", key=OTHER_KEY)
    assert server.call("DELETE", f"/v1/videos/{other.json['data']['task_id']}", key=OTHER_KEY).status == 200


def test_keys_expire_and_are_revoked(server: LiveServer) -> None:
    def made(**more: Any) -> tuple[str, str]:
        answer = server.call("POST", "/admin/v1/keys", {"name": f"k{time.time()}", **more}, key=ADMIN_KEY)
        assert answer.status == 201
        return answer.json["id"], answer.json["key"]

    _, short = made(expires_at=server.clock.now() + 500)
    identity, long = made()
    for key in (short, long):
        assert server.call("GET", "/v1/videos", key=key).status == 200
    server.clock.leap(600)
    for path, code in (("/v1/videos", "invalid_api_key"), ("/v1/tasks", "authentication")):
        expired = server.call("GET", path, key=short)
        assert (expired.status, expired.json["error"]["code"]) == (401, code)
        assert "expired" in expired.json["error"]["message"]
    assert server.call("GET", TEXT, key=short).json["code"] == 1002

    assert server.call("DELETE", f"/admin/v1/keys/{identity}", key=ADMIN_KEY).status == 200
    revoked = server.call("POST", TEXT, {"prompt": "a"}, key=long)
    assert (revoked.status, revoked.json["code"]) == (401, 1002)
    assert "revoked" in revoked.json["message"]

    listed = server.call("GET", "/admin/v1/keys", key=ADMIN_KEY).content.decode()
    for key in (short, long, KEY, OTHER_KEY, ADMIN_KEY):
        assert key not in listed


def test_administration_needs_an_admin_key(server: LiveServer) -> None:
    for method, path in (
        ("GET", "/admin/v1/keys"),
        ("POST", "/admin/v1/keys"),
        ("DELETE", "/admin/v1/keys/tests"),
        ("GET", "/admin/v1/channels"),
        ("POST", "/admin/v1/channels/kling-main/test"),
        ("POST", "/admin/v1/channels/kling-main/probe"),
    ):
        assert server.call(method, path, {"name": "mine", "admin": True}).status == 403
        assert server.call(method, path, {"name": "mine", "admin": True}, key=None).status == 401
    channels = server.call("GET", "/admin/v1/channels", key=ADMIN_KEY).content.decode()
    assert "kling-main" in channels
    assert API_KEY not in channels


def test_keys_are_taken_wherever_clients_put_them(server: LiveServer) -> None:
    for headers in ({"x-api-key": KEY}, {"x-goog-api-key": KEY}, {"mj-api-secret": KEY}, {"authorization": KEY}):
        assert server.call("GET", "/v1/models", key=None, headers=headers).status == 200
    for secret in (KEY, f"Bearer {KEY}"):  # new-api's clients put something else where a key usually is
        headers = {"authorization": "Bearer midjourney-proxy", "mj-api-secret": secret}
        assert server.call("GET", "/mj/task/queue", key=None, headers=headers).status == 200
    alone = {"authorization": "Bearer midjourney-proxy"}
    assert server.call("GET", "/mj/task/queue", key=None, headers=alone).status == 401
    assert server.call("GET", f"/v1/models?key={KEY}", key=None).status == 200
    assert server.call("GET", "/v1/models?key=nobody", key=None).status == 401
    assert server.call("GET", "/v1/models", key=NARROW_KEY).json["data"] == [], "its one model has no channel here"


@pytest.mark.parametrize(
    "path",
    ["/docsx", "/docs/", "/docs/../v1/models", "/healthz/../v1/models", "/healthzx", "/metrics/", "/media", "//"],
)
def test_only_what_is_public_needs_no_key(server: LiveServer, path: str) -> None:
    assert server.call("GET", path, key=None).status == 401


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/docs/style.css"])
def test_what_is_public(server: LiveServer, path: str) -> None:
    assert server.call("GET", path, key=None).status in (200, 503)


# Links to media.


def link_to(server: LiveServer, task: str) -> str:
    return str(server.call("GET", f"/v1/videos/{task}").json["url"]).removeprefix(server.address)


def test_a_link_needs_no_key_and_is_a_file_like_any_other(server: LiveServer, done: str, kling: FakeKling) -> None:
    path = link_to(server, done)
    whole = server.call("GET", path, key=None)
    assert (whole.status, whole.content) == (200, kling.file)
    size, tag = len(kling.file), whole.headers["etag"]
    assert re.fullmatch('"[^"]+"', tag)
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert whole.headers["content-security-policy"] == "sandbox"
    assert (whole.headers["accept-ranges"], whole.headers["content-length"]) == ("bytes", str(size))

    head = server.call("HEAD", path, key=None)
    assert (head.status, head.content) == (200, b"")
    assert (head.headers["content-length"], head.headers["etag"]) == (str(size), tag)
    for asked, part in (
        ("bytes=0-9", slice(0, 10)),
        ("bytes=100-", slice(100, None)),
        ("bytes=-7", slice(size - 7, None)),
        (f"bytes=5-{size * 2}", slice(5, None)),
    ):
        ranged = server.call("GET", path, key=None, headers={"range": asked})
        assert (ranged.status, ranged.content) == (206, kling.file[part])
        start, stop, _ = part.indices(size)
        assert ranged.headers["content-range"] == f"bytes {start}-{stop - 1}/{size}"
    past = server.call("GET", path, key=None, headers={"range": f"bytes={size}-"})
    assert (past.status, past.headers["content-range"]) == (416, f"bytes */{size}")
    stale = server.call("GET", path, key=None, headers={"range": "bytes=0-9", "if-range": '"another"'})
    assert (stale.status, stale.content) == (200, kling.file)
    same = server.call("GET", path, key=None, headers={"if-none-match": tag})
    assert (same.status, same.content) == (304, b"")

    own = server.call("GET", f"/v1/videos/{done}/content", headers={"range": "bytes=0-9"})
    assert (own.status, own.content, own.headers["etag"]) == (206, kling.file[:10], tag)
    poster = server.call("GET", f"/v1/tasks/{done}").json["outputs"][0]["poster_url"]
    assert server.call("GET", poster, key=None).headers["content-type"] == "image/jpeg"


def test_no_byte_of_a_link_can_be_changed(server: LiveServer, done: str) -> None:
    path = link_to(server, done)
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    for index, character in enumerate(path):
        following = digits[(digits.index(character) + 1) % len(digits)] if character in digits else "a"
        for other in {character.upper(), following, "-", "%00", ""} - {character}:
            forged = path[:index] + other + path[index + 1 :]
            if forged.startswith("/media/"):
                assert server.call("GET", forged, key=None).status in (403, 404), forged
    prefix, ticket, name = path.rsplit("/", 2)
    server.clock.leap(60)  # what has been refused so far is forgotten
    poster = server.call("GET", f"/v1/tasks/{done}").json["outputs"][0]["poster_url"].removeprefix(server.address)
    for forged in (
        f"{prefix}/{ticket}/poster.jpg",
        f"{prefix}/{poster.split('/')[-2]}/{name}",
        f"{prefix}/{ticket}/file.mp4.exe",
        f"{prefix}/{ticket}/../{ticket}/{name}x",
        f"{prefix}/{ticket}/..%2f..%2f..%2fetc%2fpasswd",
        f"{prefix}/{ticket}",
        prefix,
        "/media/",
        "/media/../telecine.db",
        "/media/..%2ftelecine.db",
    ):
        assert server.call("GET", forged, key=None).status in (401, 403, 404), forged
    assert server.call("GET", path, key=None).status == 200


def test_a_link_expires_and_a_new_one_is_handed_out(server: LiveServer, done: str) -> None:
    video = server.call("GET", f"/v1/videos/{done}").json
    assert server.clock.now() + WEEK - 1 < video["expires_at"] <= server.clock.now() + WEEK + 86400
    old = link_to(server, done)
    server.clock.leap(video["expires_at"] - server.clock.now() - 600)
    assert server.call("GET", old, key=None).status == 200
    server.clock.leap(WEEK)
    gone = server.call("GET", old, key=None)
    assert (gone.status, gone.json["error"]["code"]) == (403, "permission")
    assert gone.headers["cache-control"] == "no-store"
    fresh = link_to(server, done)
    assert fresh != old
    assert server.call("GET", fresh, key=None).status == 200


def test_a_deleted_videos_link_is_dead_at_once_and_its_files_go(
    folder: Path, kling: FakeKling, server: LiveServer
) -> None:
    with LiveServer(folder, kling_channel(kling.base_url, API_KEY)) as own:
        task = own.call("POST", TEXT, {"model_name": "kling-v2-5-turbo", "prompt": "a"}).json["data"]["task_id"]
        kling.finish()
        own.ended(task)
        path = link_to(own, task)
        assert len(own.files()) == 2
        assert own.call("DELETE", f"/v1/videos/{task}").status == 200
        assert own.call("GET", path, key=None).status == 404
        own.clock.leap(WEEK + 2 * 86400)
        eventually(lambda: not own.files(), "the end of files to which no link can be valid any more")


# Where the server may be sent.


def test_a_name_of_a_private_address_is_never_dialled(folder: Path) -> None:
    """The literal and a name that surely is private are refused at once; any other name only once it is resolved."""
    with Receiver().in_thread() as receiver, LiveServer(folder) as server:
        for client in (server.gateway._client, server.gateway._fetcher, server.gateway._messenger):
            client._resolver = Everywhere("127.0.0.1")
        body = {"model_name": "kling-v2-5-turbo", "prompt": "a [[fail:content_policy]]"}
        for host in ("localhost", "127.0.0.1"):
            refused = server.call("POST", TEXT, {**body, "callback_url": f"http://{host}:{receiver.port}/hook"})
            assert (refused.status, refused.json["code"]) == (400, 1201)
            assert "callback_url" in refused.json["message"]
        hidden = f"http://hooks.example:{receiver.port}/hook"
        answer = server.call("POST", "/v1/videos", {"prompt": "a", "input_reference": hidden})
        assert (answer.status, answer.json["error"]["param"]) == (400, "input_reference")
        task = server.call("POST", TEXT, {**body, "callback_url": hidden}).json["data"]["task_id"]
        assert server.ended(task)["error"]["code"] == "content_policy"
        tried = "SELECT reason FROM deliveries WHERE tries > 0"
        assert eventually(lambda: server.rows(tried), "a try")[0] == ("the address is not allowed",)
        assert receiver.bodies == []


# What may never be told.


def test_no_secret_is_in_any_answer_or_log(folder: Path) -> None:
    with FakeKling(webhook_secret=WEBHOOK_SECRET).in_thread() as kling:
        process = ServerProcess(folder, kling.base_url, API_KEY, channel=f'webhook_secret = "{WEBHOOK_SECRET}"')
        stranger = "sk-a-key-that-nobody-has-0123456789"
        said: list[Any] = []
        with process:
            create = {"model_name": "kling-v2-5-turbo", "prompt": "a prompt of theirs"}
            said.append(process.call("POST", TEXT, create))
            kling.finish()
            task = said[0][1]["data"]["task_id"]
            found = process.until(f"/v1/videos/{task}", lambda video: video["status"] == "completed")
            process.call("GET", found["url"].removeprefix(process.address))
            kling.faults.append(Fault("create", "refuse", code=1002, message=f"{API_KEY} at {kling.base_url} is bad"))
            said.append(process.call("POST", "/v1/videos", {"prompt": "b", "model": "kling-v2-5-turbo"}))
            kling.faults.append(Fault("create", "html", created=True))
            said.append(process.call("POST", TEXT, {**create, "external_task_id": "again"}))
            said.append(process.call("POST", TEXT, create, key=stranger))
            said.append(process.call("GET", f"/v1/models?key={PROCESS_KEY}", key=""))
            said.append(process.call("POST", "/callbacks/some-token", {}))
            said.append(process.call("GET", "/media/0/secret-ticket/file.mp4"))
            said.append(process.call("POST", "/v1/videos", {"prompt": "c", "input_reference": picture().hex()}))
            said.append(process.call("GET", "/metrics"))
            assert process.stop() == 0
        log = (folder / "stderr.log").read_text()
        (token,) = re.findall(r'"path":"(/callbacks[^"]*)"', log)
        private = [PROCESS_KEY, PROCESS_OTHER_KEY, API_KEY, WEBHOOK_SECRET, stranger, f":{kling.port}", "some-token"]
        private += ["secret-ticket", found["url"].split("/")[-2], (folder / "data" / "secret.key").read_text()]
    assert log.count('"event":"request"') > 10
    assert token == "/callbacks"
    assert "a prompt of theirs" not in log
    assert "Traceback" not in log
    for one in private:
        assert one not in log
        assert one not in str(said)


@pytest.mark.parametrize(
    "wanted",
    [
        {"name": "a\x00b"},
        {"name": ""},
        {"name": "ok", "account": ""},
        {"name": "ok", "account": "a/b"},
        {"name": "ok", "account": "erased-me"},
        {"name": "ok", "account": "a" * 5000},
    ],
)
def test_no_account_is_made_that_could_not_be_shown_paid_into_or_erased(
    server: LiveServer, wanted: dict[str, str]
) -> None:
    before = server.call("GET", "/admin/v1/accounts", key=ADMIN_KEY).json
    answer = server.call("POST", "/admin/v1/keys", wanted, key=ADMIN_KEY)
    assert answer.status == 400, answer
    assert (
        "1 to 100 printable characters" in answer.json["error"]["message"]
        or "erased-" in answer.json["error"]["message"]
    )
    assert server.call("GET", "/admin/v1/accounts", key=ADMIN_KEY).json["data"] == before["data"]
