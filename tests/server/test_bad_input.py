"""What cannot be right is refused in the caller's own envelope, names what is wrong, and leaves nothing behind."""

from __future__ import annotations

import base64
import json
import socket
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from tests.server.live import ADMIN_KEY, KEY, NARROW_KEY, Answer, LiveServer, kling_channel, received
from tests.server.pictures import picture
from tests.upstreams.kling import API_KEY, FakeKling

CREATES = {
    "openai": "/v1/videos",
    "kling": "/kling/v1/videos/image2video",
    "bare-kling": "/v1/videos/image2video",
    "tasks": "/v1/tasks",
}
LIMIT, FORM_LIMIT = 512 * 1024, 1024 * 1024
PHOTO = picture("PNG", (320, 320))
MODEL = "kling-v2-5-turbo"


@pytest.fixture(scope="module")
def kling() -> Iterator[FakeKling]:
    with FakeKling().in_thread() as fake:
        yield fake


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, kling: FakeKling) -> Iterator[LiveServer]:
    limits = f"[limits]\nfailed_authentication = 100000\njson_body = {LIMIT}\nbody = {FORM_LIMIT}"
    with LiveServer(tmp_path_factory.mktemp("bad"), kling_channel(kling.base_url, API_KEY, limits)) as found:
        yield found


@pytest.fixture(autouse=True)
def _nothing_is_left_behind(server: LiveServer, kling: FakeKling) -> Iterator[None]:
    yield
    assert server.count("tasks") == server.count("attempts") == 0
    assert server.files() == []
    assert list((server.data / "tmp").iterdir()) == []
    assert kling.creates == []


def good(dialect: str, image: str | None = None) -> dict[str, Any]:
    """A body that would be taken, with `image` as it stands on the dialect's wire."""
    image = base64.b64encode(PHOTO).decode() if image is None else image
    if dialect == "openai":
        return {"model": MODEL, "prompt": "a", "input_reference": {"image_url": f"data:image/png;base64,{image}"}}
    if dialect == "tasks":
        return {"model": MODEL, "prompt": "a", "inputs": [{"role": "first_frame", "data": image}]}
    return {"model_name": MODEL, "prompt": "a", "image": image}


def refused(answer: Answer, dialect: str, status: int, code: int | str, param: str | None = None) -> str:
    """The message of an error in the envelope of `dialect`, which is as it should be; `param` names the field."""
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-should-retry"] == "false"
    body = answer.json
    if dialect.endswith("kling"):
        assert list(body) == ["code", "message", "request_id"]
        assert (body["code"], body["request_id"]) == (code, answer.headers["x-request-id"])
        assert param is None or param in body["message"]
        return str(body["message"])
    assert list(body) == ["error"]
    error = body["error"]
    assert list(error) == (
        ["message", "type", "param", "code"] if dialect == "openai" else ["code", "message", "param"]
    )
    assert error["code"] == code
    assert param is None or error["param"] == param
    assert error["message"]
    return str(error["message"])


def codes(kling: int, openai: str, tasks: str | None = None) -> dict[str, int | str]:
    return {"openai": openai, "kling": kling, "bare-kling": kling, "tasks": tasks or openai}


def test_tokens(server: LiveServer) -> None:
    """In Kling's own words: what its clients sign is refused as Kling refuses it."""
    pair = server.call("POST", "/admin/v1/keys", {"name": "signer", "jwt": True}, key=ADMIN_KEY).json
    now = int(server.clock.now())
    good = {"iss": pair["access_key"], "exp": now + 1800, "nbf": now - 5}
    for path in ("/kling/v1/videos/text2video", "/v1/videos/image2video", "/v1/videos", "/v1/tasks"):
        assert server.call("GET", path, key=jwt.encode(good, pair["secret_key"], "HS256")).status == 200, path
    for code, claims, secret in (
        (1000, {"iss": pair["access_key"]}, pair["secret_key"]),
        (1002, good, "another-secret-of-somebody-who-is-not-us"),
        (1002, good | {"iss": "nobody"}, pair["secret_key"]),
        (1003, good | {"nbf": now + 7200}, pair["secret_key"]),
        (1004, good | {"exp": now - 7200}, pair["secret_key"]),
    ):
        token = jwt.encode(claims, secret, "HS256")
        refused(server.call("GET", CREATES["kling"], key=token), "kling", 401, code)
        refused(server.call("GET", CREATES["openai"], key=token), "openai", 401, "invalid_api_key")


@pytest.mark.parametrize("dialect", CREATES)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_keys(server: LiveServer, dialect: str, method: str) -> None:
    path = CREATES[dialect]
    wrong = server.call(method, path, good(dialect), key="sk-wrong-0123456789-0123456789")
    refused(wrong, dialect, 401, codes(1002, "invalid_api_key", "authentication")[dialect])
    none = server.call(method, path, good(dialect), key=None)
    message = refused(none, dialect, 401, codes(1001, "invalid_api_key", "authentication")[dialect])
    assert "Bearer" in message
    for odd in ("Bearer", "Bearer ", "Basic a2V5", f"Bearer {KEY}x", f"Bearer {KEY[:-1]}", "Bearer 钥匙".encode()):
        answer = server.call(method, path, good(dialect), key=None, headers={"authorization": odd})  # type: ignore[dict-item]
        assert answer.status == 401, odd


@pytest.mark.parametrize("dialect", CREATES)
def test_models(server: LiveServer, dialect: str) -> None:
    name = "model_name" if dialect.endswith("kling") else "model"
    unknown = server.call("POST", CREATES[dialect], {**good(dialect), name: "veo-99"})
    code = codes(1203, "model_not_found", "not_found")[dialect]
    message = refused(unknown, dialect, 404, code, None if dialect.endswith("kling") else "model")
    assert "kling-v2-5-turbo" in message
    assert "sora-2" not in message, "only those that exist here"
    narrow = server.call("POST", CREATES[dialect], good(dialect), key=NARROW_KEY)
    assert MODEL in refused(narrow, dialect, 403, codes(1103, "permission")[dialect])


BROKEN_JSON = {
    "nothing": b"",
    "half": b'{"prompt": "a"',
    "comment": b'{"prompt": "a" // no\n}',
    "trailing comma": b'{"prompt": "a",}',
    "two values": b'{"prompt": "a"}{}',
    "a list": b'[{"prompt": "a"}]',
    "a string": b'"prompt"',
    "null": b"null",
    "not a number": b'{"prompt": "a", "seed": NaN}',
    "not UTF-8": b'{"prompt": "\xff\xfe"}',
    "UTF-16": '{"prompt": "a"}'.encode("utf-16"),
    "a form": b"prompt=a&model=sora-2",
    "XML": b"<prompt>a</prompt>",
    "100 deep": b'{"prompt": "a", "x": ' + b"[" * 100 + b"]" * 100 + b"}",
    "30000 deep": b'{"prompt": "a", "x": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "30000 deep and open": b"[" * 30_000,
    "a huge number": b'{"prompt": "a", "seed": ' + b"9" * 20_000 + b"}",
}


@pytest.mark.parametrize("dialect", CREATES)
@pytest.mark.parametrize("case", BROKEN_JSON)
def test_broken_json(server: LiveServer, dialect: str, case: str) -> None:
    answer = server.call("POST", CREATES[dialect], BROKEN_JSON[case])
    assert refused(answer, dialect, 400, codes(1200, "invalid_request")[dialect])


@pytest.mark.parametrize("dialect", CREATES)
@pytest.mark.parametrize(("escape", "said"), [("\\ud800", "half of a surrogate pair"), ("\\u0000", "a NUL character")])
def test_characters_that_are_no_text(server: LiveServer, dialect: str, escape: str, said: str) -> None:
    answer = server.call("POST", CREATES[dialect], f'{{"prompt": "a{escape}b"}}'.encode())
    message = refused(answer, dialect, 400, codes(1201, "invalid_request")[dialect], "prompt")
    assert said in message
    assert escape in message


@pytest.mark.parametrize("dialect", CREATES)
def test_keys_that_two_readers_would_read_differently(server: LiveServer, dialect: str) -> None:
    code = codes(1201, "invalid_request")[dialect]
    twice = json.dumps(good(dialect)).encode()[:-1] + b', "prompt": "b"}'
    refused(server.call("POST", CREATES[dialect], twice), dialect, 400, code, "prompt")
    cased = server.call("POST", CREATES[dialect], {**good(dialect), "Prompt": "b"})
    refused(cased, dialect, 400, code, "Prompt")


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("openai", {"prompt": 5}, "prompt"),
    ("openai", {"prompt": None}, "prompt"),
    ("openai", {"prompt": "   "}, "prompt"),
    ("openai", {"prompt": "x" * 2501}, "prompt"),
    ("openai", {"model": 7}, "model"),
    ("openai", {"seconds": []}, "seconds"),
    ("openai", {"seconds": "five"}, "seconds"),
    ("openai", {"seconds": -5}, "seconds"),
    ("openai", {"seconds": "7"}, "seconds"),
    ("openai", {"seconds": 1e999}, ""),
    ("openai", {"size": "wide"}, "size"),
    ("openai", {"size": "640x360"}, "size"),
    ("openai", {"n": "x"}, "n"),
    ("openai", {"n": 0}, "n"),
    ("openai", {"input_reference": 5}, "input_reference"),
    ("openai", {"input_reference": {"image": "x"}}, "input_reference"),
    ("openai", {"input_reference": "ftp://example.com/a.png"}, "input_reference"),
    ("openai", {"input_reference": "http://169.254.169.254/a.png"}, "input_reference"),
    ("openai", {"webhook_url": "http://10.0.0.1/"}, "webhook_url"),
    ("openai", {"metadata": "note"}, "metadata"),
    ("kling", {"prompt": 5}, "prompt"),
    ("kling", {"prompt": "x" * 2501}, "prompt"),
    ("kling", {"duration": {}}, "duration"),
    ("kling", {"duration": "five"}, "duration"),
    ("kling", {"cfg_scale": "high"}, "cfg_scale"),
    ("kling", {"cfg_scale": 1.5}, "cfg_scale"),
    ("kling", {"camera_control": {"type": "simple", "config": {"zoom": 11}}}, "camera_control.config.zoom"),
    ("kling", {"image": ["a"]}, "image"),
    ("kling", {"image": ""}, "image"),
    ("kling", {"image": "http://127.0.0.2/a.png"}, "image"),
    ("kling", {"image_tail": "http://[::1]/a.png"}, "image_tail"),
    ("kling", {"callback_url": "http://192.168.0.1/"}, "callback_url"),
    ("kling", {"callback_url": "javascript:alert(1)"}, "callback_url"),
    ("kling", {"external_task_id": "x" * 257}, "external_task_id"),
    ("kling", {"N": 2, "n": 2}, "n"),
    ("tasks", {"prompt": 5}, "prompt"),
    ("tasks", {"duration": "5"}, "duration"),
    ("tasks", {"duration": 7}, "duration"),
    ("tasks", {"count": 0}, "count"),
    ("tasks", {"operation": "extend"}, "operation"),
    ("tasks", {"colour": "red"}, "colour"),
    ("tasks", {"inputs": [{"role": "nose", "url": "https://example.com/a.png"}]}, "inputs[0].role"),
    ("tasks", {"inputs": [{"role": "first_frame"}]}, "inputs[0]"),
    ("tasks", {"inputs": [{"role": "first_frame", "url": "http://127.0.0.2/a.png"}]}, "inputs[0].url"),
    ("tasks", {"webhook_url": "http://localhost.localdomain:1/" + "x" * 9000}, "webhook_url"),
    ("tasks", {"parameters": {"mode": "ultra"}}, "parameters.mode"),
    ("tasks", {"external_id": "x" * 257}, "external_id"),
]


@pytest.mark.parametrize(("dialect", "change", "param"), WRONG)
def test_wrong_values_are_named(server: LiveServer, dialect: str, change: dict[str, Any], param: str) -> None:
    answer = server.call("POST", CREATES[dialect], {**good(dialect), **change})
    assert answer.status == 400, answer
    code = answer.json["code"] if dialect == "kling" else answer.json["error"]["code"]
    assert code in (1200, 1201, "invalid_request", "unsupported_parameter")
    refused(answer, dialect, 400, code, param or None)


def bomb() -> bytes:
    """A picture of 400 million pixels in 50 kB."""
    side = 20_000
    lines = zlib.compress(bytes(side * (side // 8 + 1)), 1)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)), (b"IDAT", lines), (b"IEND", b"")]
    framed = [
        struct.pack(">I", len(one)) + name + one + struct.pack(">I", zlib.crc32(name + one)) for name, one in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


PICTURES = {
    "no picture": base64.b64encode(b"hello, world! " * 100).decode(),
    "a page": base64.b64encode(b"<html><body>not a picture</body></html>").decode(),
    "half a PNG": base64.b64encode(PHOTO[: len(PHOTO) // 2]).decode(),
    "a PNG's first bytes": base64.b64encode(PHOTO[:30]).decode(),
    "half a JPEG's header": base64.b64encode(picture("JPEG", (320, 320))[:200]).decode(),
    "a bomb": base64.b64encode(bomb()).decode(),
    "no base64": "%%%not base64%%%",
    "bad padding": base64.b64encode(PHOTO).decode()[:-3] + "=" * 3,
}


@pytest.mark.parametrize("dialect", CREATES)
@pytest.mark.parametrize("case", PICTURES)
def test_what_is_no_picture(server: LiveServer, dialect: str, case: str) -> None:
    param = {"openai": "input_reference", "tasks": "inputs[0].data"}.get(dialect, "image")
    answer = server.call("POST", CREATES[dialect], good(dialect, PICTURES[case]))
    refused(answer, dialect, 400, codes(1201, "invalid_request")[dialect], param)


@pytest.mark.parametrize("dialect", ["kling", "bare-kling"])
def test_pictures_that_kling_would_not_take(server: LiveServer, dialect: str) -> None:
    for image, said in (
        (f"data:image/png;base64,{base64.b64encode(PHOTO).decode()}", "data:"),
        (base64.b64encode(picture("PNG", (299, 400))).decode(), "300"),
        (base64.b64encode(picture("PNG", (300, 760))).decode(), "2.5"),
        (base64.b64encode(picture("GIF", (320, 320))).decode(), ".png"),
    ):
        message = refused(server.call("POST", CREATES[dialect], good(dialect, image)), dialect, 400, 1201, "image")
        assert said in message
    body = {**good(dialect), "image_tail": PICTURES["no picture"]}
    refused(server.call("POST", CREATES[dialect], body), dialect, 400, 1201, "image_tail")


def form(*parts: tuple[str, str | None, bytes]) -> tuple[bytes, dict[str, str]]:
    """A multipart body of (name, file name, content), and its header."""
    lines = b""
    for name, file, content in parts:
        kind = f'; filename="{file}"\r\ncontent-type: image/png' if file is not None else ""
        lines += (
            f'--frontier\r\ncontent-disposition: form-data; name="{name}"{kind}\r\n\r\n'.encode() + content + b"\r\n"
        )
    return lines + b"--frontier--\r\n", {"content-type": "multipart/form-data; boundary=frontier"}


def test_forms(server: LiveServer) -> None:
    model, prompt = ("model", None, MODEL.encode()), ("prompt", None, b"a")
    photo = ("input_reference", "a.png", PHOTO)
    for parts, param in (
        ([model, prompt, ("input_reference", "a.png", b"no picture")], "input_reference"),
        ([model, prompt, ("input_reference", "a.png", PHOTO[:500])], "input_reference"),
        ([model, prompt, ("input_reference", "a.png", b"")], "input_reference"),
        ([model, prompt, ("mask", "a.png", PHOTO)], "mask"),
        ([model, photo], "prompt"),
        ([model, prompt, photo, ("seconds", None, b"five")], "seconds"),
        ([model, prompt, prompt, photo], "prompt"),
        ([model, prompt, photo, photo, photo, photo], "input_reference"),
    ):
        body, headers = form(*parts)
        answer = server.call("POST", "/v1/videos", body, headers=headers)
        code = answer.json["error"]["code"]
        assert code in ("invalid_request", "unsupported_parameter")
        refused(answer, "openai", 400, code, param)
    body, headers = form(model, prompt, photo)
    cut = server.call("POST", "/v1/videos", body[:-20], headers=headers)
    refused(cut, "openai", 400, "invalid_request")
    nonsense = server.call("POST", "/v1/videos", b"--other\r\n", headers=headers)
    refused(nonsense, "openai", 400, "invalid_request")
    without = server.call("POST", "/v1/videos", body, headers={"content-type": "multipart/form-data"})
    refused(without, "openai", 400, "invalid_request")


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("dialect", CREATES)
def test_bodies_over_the_limit(server: LiveServer, dialect: str, chunked: bool) -> None:
    content = json.dumps({**good(dialect), "prompt": "x" * LIMIT}).encode()
    connection = server.connect()
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    parts = [content[start : start + 8192] for start in range(0, len(content), 8192)]
    connection.request("POST", CREATES[dialect], iter(parts) if chunked else content, headers, encode_chunked=chunked)
    answer = received(connection)
    connection.close()
    assert str(LIMIT) in refused(answer, dialect, 413, codes(1201, "too_large")[dialect])


@pytest.mark.parametrize("chunked", [False, True])
def test_forms_over_the_limit(server: LiveServer, chunked: bool) -> None:
    photo = ("input_reference", "a.png", PHOTO + bytes(FORM_LIMIT))
    body, headers = form(("model", None, MODEL.encode()), ("prompt", None, b"a"), photo)
    connection = server.connect()
    sent = {"authorization": f"Bearer {KEY}", **headers}
    connection.request("POST", "/v1/videos", iter([body]) if chunked else body, sent, encode_chunked=chunked)
    refused(received(connection), "openai", 413, "too_large")
    connection.close()


@pytest.mark.parametrize("dialect", CREATES)
def test_headers_over_the_limit(server: LiveServer, dialect: str) -> None:
    large = {"x-large": "x" * 65_000, "x-more": "y" * 2_000}
    answer = server.call("POST", CREATES[dialect], good(dialect), headers=large)
    assert answer.status == 431
    assert "64 KiB" in answer.content.decode()


@pytest.mark.parametrize(
    ("head", "more"),
    [
        (b"GET /", b"x" * 65536),
        (b"GET / HTTP/1.1\r\nhost: a\r\nx-one: ", b"x" * 65536),
        (b"GET / HTTP/1.1\r\nhost: a\r\n", b"x: y\r\n" * 8192),
        (b"POST /v1/videos HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1;", b"x" * 65536),
        (b"POST /v1/videos HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n", b"x: y\r\n" * 8192),
    ],
    ids=["line", "header", "headers", "extension", "trailers"],
)
def test_a_request_that_never_ends_does_not_fill_the_memory(server: LiveServer, head: bytes, more: bytes) -> None:
    host, port = server.address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head)
        with pytest.raises(ConnectionError):
            connection.sendall(more * 1000)
    assert server.call("GET", "/healthz").status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("PUT", "/v1/videos"), ("PATCH", "/v1/videos/1"), ("POST", "/v1/videos/1/content"), ("PUT", "/v1/tasks"),
     ("DELETE", "/v1/tasks/1"), ("GET", "/v1/tasks/1/cancel"), ("POST", "/v1/models")],
)  # fmt: skip
def test_methods(server: LiveServer, method: str, path: str) -> None:
    answer = server.call(method, path, {})
    assert answer.status == 405
    assert answer.json["error"]["message"]
    assert answer.headers["allow"]


def test_methods_in_klings_words(server: LiveServer) -> None:
    for method, path in (("PUT", ""), ("DELETE", ""), ("POST", "/1"), ("DELETE", "/1")):
        answer = server.call(method, CREATES["kling"] + path, {})
        assert (answer.status, answer.json["code"]) == (404, 1202), "Kling documents 1202 for a wrong method"


def test_paths_and_pages(server: LiveServer) -> None:
    for path in ("/v1/nothing", "/kling/v1/nothing", "/kling", "/nothing", "/v1/videos/a/edits"):
        assert server.call("POST", path, {}).status == 404, path
    for path, param in (
        ("/v1/videos?limit=0", "limit"),
        ("/v1/videos?limit=x", "limit"),
        ("/v1/videos?order=up", "order"),
        ("/v1/videos?after=nobody", "after"),
        ("/v1/tasks?status=done", "status"),
        ("/v1/tasks?limit=101", "limit"),
    ):
        answer = server.call("GET", path)
        assert (answer.status, answer.json["error"]["param"]) == (400, param), path
    for query in ("pageNum=0", "pageNum=1001", "pageSize=501", "pageSize=-1"):
        answer = server.call("GET", f"{CREATES['kling']}?{query}")
        assert (answer.status, answer.json["code"]) == (400, 1201)


@pytest.mark.parametrize(
    "name", ["0", "9" * 18, "9" * 30, "video_", "video_!!", "tsk_0000000000000", "a:b", "%00", "%ff"]
)
def test_ids_of_nothing(server: LiveServer, name: str) -> None:
    for method, path, dialect, code in (
        ("GET", f"/v1/videos/{name}", "openai", "not_found"),
        ("GET", f"/v1/videos/{name}/content", "openai", "not_found"),
        ("POST", f"/v1/videos/{name}/remix", "openai", "not_found"),
        ("DELETE", f"/v1/videos/{name}", "openai", "not_found"),
        ("GET", f"/v1/tasks/{name}", "tasks", "not_found"),
        ("POST", f"/v1/tasks/{name}/cancel", "tasks", "not_found"),
        ("GET", f"/kling/v1/videos/text2video/{name}", "kling", 1203),
        ("GET", f"/kling/v1/videos/image2video/{name}", "kling", 1203),
    ):
        refused(server.call(method, path, {"prompt": "a"}), dialect, 404, code)
