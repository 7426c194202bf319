"""What every request has to say before it is served: a host, a path, a body that can be read; and callers who leave."""

from __future__ import annotations

import gzip
import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.server.live import ADMIN_KEY, KEY, LiveServer, eventually
from tests.upstreams.kling import FakeKling

KLING, OPENAI, TASKS = "/kling/v1/videos/text2video", "/v1/videos", "/v1/tasks"
BODY = {"model": "sora-2", "prompt": "a [[fail:content_policy]]"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("entry")) as one:
        yield one


def raw(server: LiveServer, message: bytes) -> bytes:
    """All that is answered to `message` until the connection is closed."""
    where = urlsplit(server.address)
    with socket.create_connection((where.hostname or "", where.port or 0), 10) as caller:
        caller.sendall(message)
        found = b""
        while chunk := caller.recv(65536):
            found += chunk
        return found


@pytest.mark.parametrize("path", ["/healthz", OPENAI, KLING, TASKS])
@pytest.mark.parametrize(
    "hosts",
    [b"", b"host: a\r\nhost: a\r\n", b"Host: a\r\nHOST: b\r\n"],
)
def test_a_request_names_one_host(server: LiveServer, path: str, hosts: bytes) -> None:
    answer = raw(server, b"GET %s HTTP/1.1\r\n%s\r\n" % (path.encode(), hosts))
    assert answer.startswith(b"HTTP/1.1 400 ")
    body = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert "Host" in (body["message"] if path == KLING else body["error"]["message"])


@pytest.mark.parametrize("host", ["a", "a:80", "[::1]:8024", "", "a.example.com:", "xn--bcher-kva.example"])
def test_hosts_that_are_right(server: LiveServer, host: str) -> None:
    answer = raw(server, f"GET /healthz HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_http_1_0_needs_no_host(server: LiveServer) -> None:
    assert raw(server, b"GET /healthz HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "path",
    ["//v1/videos", "/v1//videos", "/v1/videos/", "///v1///videos//", "//kling//v1/videos/text2video/", "/v1/tasks//"],
)
def test_paths_with_doubled_or_trailing_slashes_find_their_route(server: LiveServer, path: str) -> None:
    body = {**BODY, "model_name": "sora-2"} if "kling" in path else BODY
    answer = server.call("POST", path, body)
    assert answer.status == 200, answer
    assert ("task_status" in str(answer.json)) == ("kling" in path)
    assert server.call("GET", f"{path}?limit=1" if "kling" not in path else path).status == 200


@pytest.mark.parametrize("path", ["//healthz", "/healthz/", "//", "/docs//style.css", "/openapi.json/"])
def test_so_do_those_that_need_no_key_but_open_they_are_in_one_spelling_only(server: LiveServer, path: str) -> None:
    assert server.call("GET", path).status == 200
    assert server.call("GET", path, key=None).status == 401


def test_signed_links_find_their_file(server: LiveServer) -> None:
    task = server.call("POST", TASKS, {"model": "storyboard-1", "prompt": "a boat"}).json["id"]
    link = server.ended(task)["outputs"][0]["url"].removeprefix(server.address)
    for path in (link, f"{link}/", link.replace("/media/", "/media//")):
        assert server.call("GET", path, key=None).status == 200


@pytest.mark.parametrize("path", ["//admin/v1/keys", "/admin//v1/keys", "///admin/v1/keys/", "/admin/v1/keys//"])
def test_and_they_open_no_door(server: LiveServer, path: str) -> None:
    assert server.call("GET", path, key=None).status == 401
    assert server.call("GET", path).status == 403
    assert server.call("GET", path, key=ADMIN_KEY).status == 200


@pytest.mark.parametrize("path", ["//media/../v1/tasks", "/media//", "/healthz/../v1/tasks", "/%2Fv1/tasks"])
def test_nor_is_a_key_forgotten_on_the_way(server: LiveServer, path: str) -> None:
    assert server.call("GET", path, key=None).status in (401, 403, 404)


def test_errors_of_such_paths_are_in_their_dialects_envelope(server: LiveServer) -> None:
    assert list(server.call("POST", "//kling//v1/videos/text2video", {}).json) == ["code", "message", "request_id"]
    assert server.call("GET", "/v1//videos/0/").json["error"]["type"] == "invalid_request_error"


def test_what_is_percent_encoded_keeps_its_slashes(server: LiveServer) -> None:
    found = server.call("GET", "/v1/models/a%2F%2Fb")
    assert (found.status, "a//b" in found.content.decode()) == (404, True)


ROUTES = {OPENAI: BODY, KLING: {"model_name": "sora-2", "prompt": "a"}, TASKS: BODY, "/v1/webhooks": {"url": "x"}}


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("coding", ["gzip", "br", "deflate", "GZIP, identity"])
def test_a_compressed_body_is_told_what_to_do(server: LiveServer, path: str, coding: str) -> None:
    body = gzip.compress(json.dumps(ROUTES[path]).encode())
    answer = server.call("POST", path, body, headers={"content-encoding": coding})
    assert answer.status == 415
    assert "send it as it is" in answer.content.decode()
    assert answer.headers["accept-encoding"] == "identity"
    assert answer.headers["x-should-retry"] == "false"


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    ("coded", "told"),
    [
        (lambda text: text.encode("utf-8-sig"), "UTF-8 mark"),
        (lambda text: text.encode("utf-16"), "UTF-16"),
        (lambda text: text.encode("utf-16-le"), "UTF-16"),
        (lambda text: text.encode("utf-16-be"), "UTF-16"),
        (lambda text: gzip.compress(text.encode()), "gzip"),
    ],
)
def test_so_is_one_that_does_not_say_so_and_one_in_another_encoding(
    server: LiveServer, path: str, coded: Any, told: str
) -> None:
    answer = server.call("POST", path, coded(json.dumps(ROUTES[path])))
    assert answer.status == 400
    assert told in answer.content.decode()
    assert "send it" in answer.content.decode()


def test_identity_is_no_compression(server: LiveServer) -> None:
    assert server.call("POST", OPENAI, BODY, headers={"content-encoding": "identity"}).status == 200


HEADS = {
    "json": b"content-type: application/json\r\ncontent-length: 1000\r\n\r\n{",
    "chunks": b'content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n3\r\n{"a\r\n',
    "large": b"content-type: application/json\r\ncontent-length: 9000000\r\n\r\n{" + b" " * 3_000_000,
    "form": b"content-type: multipart/form-data; boundary=x\r\ncontent-length: 10000\r\n\r\n"
    b'--x\r\ncontent-disposition: form-data; name="prompt"\r\n\r\nab',
    "file": b"content-type: multipart/form-data; boundary=x\r\ncontent-length: 9000000\r\n\r\n"
    b'--x\r\ncontent-disposition: form-data; name="input_reference"; filename="a"\r\n\r\n' + b"a" * 3_000_000,
    "pairs": b"content-type: application/x-www-form-urlencoded\r\ncontent-length: 1000\r\n\r\nprompt=a",
}


@pytest.mark.parametrize("how", ["closes", "resets"])
def test_a_caller_who_leaves_in_mid_body_is_no_error(tmp_path: Path, how: str) -> None:
    with LiveServer(tmp_path) as server:
        where = urlsplit(server.address)
        wanted = 0
        for path in ROUTES:
            for head in HEADS.values():
                with socket.create_connection((where.hostname or "", where.port or 0), 10) as caller:
                    key = f"POST {path} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {KEY}\r\n"
                    caller.sendall(key.encode() + head)
                    time.sleep(0.02)
                    if how == "resets":
                        caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                wanted += 1

        def left() -> bool:
            told = [one for one in server.logs if one["event"] == "request" and one["status"] in (499, 400)]
            return len(told) >= wanted

        eventually(left, "each in the log")
        assert not [one for one in server.logs if one["log_level"] in ("error", "critical")]
        assert sum(one.get("status") == 499 for one in server.logs) > wanted / 2
        assert server.count("tasks") == 0
        assert 'status="499"' in server.call("GET", "/metrics", key=None).content.decode()


def test_files_and_their_headers_are_open_to_scripts(server: LiveServer, kling: FakeKling) -> None:
    task = server.call("POST", TASKS, {"model": "storyboard-1", "prompt": "a boat"}).json["id"]
    server.ended(task)
    link = server.call("GET", f"{TASKS}/{task}").json["outputs"][0]["url"]
    for method, asked, status in (("GET", {"range": "bytes=0-9"}, 206), ("HEAD", {}, 200), ("GET", {}, 200)):
        with closing(server.connect()) as connection:
            connection.request(method, link.removeprefix(server.address), headers={"origin": "https://a.b", **asked})
            answer = connection.getresponse()
            answer.read()
        exposed = set((answer.getheader("access-control-expose-headers") or "").split(", "))
        assert answer.status == status
        there = {name.lower() for name, _ in answer.getheaders()}
        wanted = {"content-length", "content-disposition", "etag", "accept-ranges"}
        assert wanted | ({"content-range"} if status == 206 else set()) <= there
        assert {*wanted, "content-range", "retry-after", "x-request-id"} <= exposed
