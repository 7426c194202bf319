"""What the machine does to a server: a full disk, a locked database, a PostgreSQL that restarts; seen from outside."""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from telecine.server.described import ENTRIES
from tests import postgres
from tests.server.pictures import picture
from tests.server.process import KEY, ServerProcess
from tests.upstreams.kling import API_KEY, FakeKling

MODEL = "kling-v2-5-turbo"
KLING, OPENAI, TASKS = "/kling/v1/videos/text2video", "/v1/videos", "/v1/tasks"
CREATES = {
    KLING: {"model_name": MODEL, "prompt": "a"},
    OPENAI: {"model": MODEL, "prompt": "a"},
    TASKS: {"model": MODEL, "prompt": "a"},
}
ADMIN_KEY = "key-of-the-administrator-0123456789"
BOUNDARY = "an-end-of-a-part"
MIB = 1024 * 1024


class Reply(NamedTuple):
    """One answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


def reply(
    process: ServerProcess, method: str, path: str, content: bytes | None = None, *, kind: str = "", key: str = KEY
) -> Reply:
    """What is answered to one request."""
    with closing(process.connect()) as connection:
        headers = {"authorization": f"Bearer {key}", "content-type": kind or "application/json"}
        connection.request(method, path, content, headers)
        answer = connection.getresponse()
        return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())


def create(process: ServerProcess, path: str) -> Reply:
    return reply(process, "POST", path, json.dumps(CREATES[path]).encode())


def upload(process: ServerProcess, size: int = 3 * MIB) -> Reply:
    """A create with a file of `size` bytes, a picture with something behind it."""
    file = picture() + bytes(size)
    parts = [
        f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in CREATES[OPENAI].items()
    ]
    head = f'--{BOUNDARY}\r\ncontent-disposition: form-data; name="input_reference"; filename="a.jpg"\r\n\r\n'.encode()
    content = b"".join([*parts, head, file, f"\r\n--{BOUNDARY}--\r\n".encode()])
    return reply(process, "POST", OPENAI, content, kind=f"multipart/form-data; boundary={BOUNDARY}")


def clean(answer: Reply, path: str) -> None:
    """Fails unless `answer` is a 503 in the envelope of the dialect at `path` that says when to come back."""
    assert answer.status == 503, answer
    assert int(answer.headers["retry-after"]) >= 1
    assert "internal" not in answer.content.decode().lower()
    if path == KLING:
        assert answer.json["code"] == 5001
        message = answer.json["message"]
    else:
        assert answer.json["error"]["code"] == "unavailable"
        message = answer.json["error"]["message"]
    assert "again" in message
    assert "sqlite" not in message


def eventually(good: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not good():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.05)


def unready(process: ServerProcess, **checks: bool) -> None:
    """`/readyz` comes to say what creates need and do not have."""

    def told() -> bool:
        status, answer = process.call("GET", "/readyz")
        return status == 503 and checks.items() <= answer["checks"].items()

    eventually(told, f"not ready, for {checks}")


def works(process: ServerProcess) -> None:
    """Creates in every dialect, and a file, are taken and end well; nobody has done anything for it."""
    for path in CREATES:
        eventually(lambda: create(process, path).status == 200, f"a create at {path}")  # noqa: B023
    eventually(lambda: upload(process).status == 200, "an upload")
    over = ("succeeded", "failed")
    seen = process.until(f"{TASKS}?limit=100", lambda page: all(one["status"] in over for one in page["data"]), 30)
    assert {one["status"] for one in seen["data"]} == {"succeeded"}
    eventually(lambda: process.call("GET", "/readyz")[0] == 200, "ready again")


@pytest.fixture(autouse=True)
def _uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.11 keeps a compiled module of which only a part could be written, for all who import it later."""
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")


@pytest.fixture
def kling() -> Iterator[FakeKling]:
    with FakeKling().in_thread() as fake:
        fake.autofinish(0.05)
        yield fake


@contextmanager
def no_room(process: ServerProcess) -> Iterator[None]:
    """No file of the process may grow, as on a full disk."""
    _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1024, hard))
    try:
        yield
    finally:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))


def test_files_that_cannot_grow(tmp_path: Path, kling: FakeKling) -> None:
    """Its log among them: that loses lines, and stops nobody."""
    with ServerProcess(tmp_path, kling.base_url, API_KEY) as process:
        made = create(process, TASKS).json["id"]
        with no_room(process):
            for path in CREATES:
                clean(create(process, path), path)
            clean(upload(process), OPENAI)
            clean(reply(process, "DELETE", f"{OPENAI}/{made}"), OPENAI)
            clean(reply(process, "POST", "/v1/webhooks", b'{"url": "https://example.com/hook"}'), TASKS)
            assert reply(process, "GET", f"{TASKS}/{made}").status == 200
            unready(process, writes=False, storage=False)
        works(process)
        assert "request_failed" not in process.log


SPACE = 128 * MIB


@contextmanager
def small_disk(folder: Path) -> Iterator[list[str]]:
    """A command that runs another one with a disk of its own at `folder`, which is gone when that ends."""
    folder.mkdir()
    unshare, sh = shutil.which("unshare"), shutil.which("sh")
    if unshare is None or sh is None:
        pytest.skip("there is no unshare")
    own = [unshare, "--user", "--map-root-user", "--mount", sh, "-c"]
    mount = f"mount -t tmpfs -o size={SPACE} none '{folder}'"
    if subprocess.run([*own, mount], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody make a small disk")
    yield [*own, f'{mount} && exec "$@"', "sh"]


def fill(process: ServerProcess) -> Path:
    """Fill the disk of `process` to the last byte; the file that did it."""
    file = Path(f"/proc/{process.pid}/root{process.data}/filler")
    with suppress(OSError), file.open("wb", buffering=0) as target:
        for size in (MIB, 4096, 1):
            with suppress(OSError):
                while target.write(bytes(size)) == size:
                    pass
    return file


def test_a_full_disk(tmp_path: Path, kling: FakeKling) -> None:
    with (
        small_disk(tmp_path / "data") as inside,
        ServerProcess(tmp_path, kling.base_url, API_KEY, inside=inside) as process,
    ):
        assert create(process, TASKS).status == 200
        filler = fill(process)
        for path in CREATES:
            answers = (create(process, path) for _ in range(2000))  # the log has some room left, or begins anew
            clean(next(one for one in answers if one.status != 200), path)
        clean(upload(process), OPENAI)
        unready(process, room=False, writes=False, storage=False)
        filler.unlink()
        works(process)
        assert "request_failed" not in process.log


def serve(data: Path, *, most: int | None = None, database: str = "", inside: tuple[str, ...] = ()) -> tuple[int, str]:
    """`telecine serve` that is expected to end by itself: its exit status and what it said. No file that it writes
    may have more than `most` bytes."""
    script = (
        "import resource, sys\n"
        + (f"resource.setrlimit(resource.RLIMIT_FSIZE, ({most}, {most}))\n" if most is not None else "")
        + "from telecine.cli.app import main\n"
        + f"sys.argv = ['telecine', 'serve', '--port', '0', '--data', {str(data)!r}]\nmain()\n"
    )
    done = subprocess.run(
        [*inside, sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "TELECINE_DATABASE_URL": database, "LC_ALL": "C"},
        cwd=data.parent,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("most", [0, 30, 40_000])
def test_a_start_without_room_says_so_in_a_line_and_leaves_nothing_that_stops_the_next(
    tmp_path: Path, kling: FakeKling, most: int
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    status, said = serve(data, most=most)
    assert status == 1
    assert said.count("\n") == 1, said
    assert said.startswith(f"error: The data in {data} cannot be opened: the disk ")
    assert said.endswith(", then start again.\n")
    with ServerProcess(tmp_path, kling.base_url, API_KEY) as process:
        works(process)


def test_a_database_that_is_locked(tmp_path: Path, kling: FakeKling) -> None:
    """For longer than anybody waits; then it goes on by itself."""
    with ServerProcess(tmp_path, kling.base_url, API_KEY, options=("--busy", "200")) as process:
        assert create(process, TASKS).status == 200
        with closing(sqlite3.connect(process.data / "telecine.db", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            began = time.monotonic()
            for path in CREATES:
                answer = create(process, path)
                clean(answer, path)
                assert "locked" in answer.content.decode()
            alone = (time.monotonic() - began) / len(CREATES)
            clean(upload(process), OPENAI)
            with ThreadPoolExecutor(20) as callers:
                began = time.monotonic()
                for path, answer in callers.map(lambda path: (path, create(process, path)), [*CREATES] * 20):
                    clean(answer, path)
                took = time.monotonic() - began
            assert took < 60 * alone / 2, "nobody waits for the others' waits, one after the other"
            assert process.call("GET", f"{TASKS}?limit=5")[0] == 200
            unready(process, writes=False)
            other.execute("ROLLBACK")
        works(process)
        assert "request_failed" not in process.log


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    with postgres.running() as data:
        yield data


def speaks_everywhere(process: ServerProcess) -> None:
    """No route answers a fault of the machine with anything but its dialect's own words; most need the records."""
    unavailable = 0
    for one in ENTRIES:
        path = re.sub(r"{\w+(:path)?}", "1", one.path)
        content = json.dumps(one.example or {}).encode() if one.method in ("POST", "PUT", "PATCH") else None
        answer = reply(process, one.method, path, content, key=ADMIN_KEY)
        assert answer.status not in (500, 502), (path, answer)
        if answer.status >= 400:
            assert isinstance(answer.json, dict), (path, answer)
        if answer.status == 503 and path != "/readyz":
            assert "retry-after" in answer.headers, path
            unavailable += 1
    assert unavailable > len(ENTRIES) / 3


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_postgresql_that_restarts(tmp_path: Path, kling: FakeKling, cluster: Path, mode: str) -> None:
    url = asyncio.run(postgres.create(cluster, f"restarts_{mode}"))
    more = f'[[keys]]\nname = "boss"\nkey = "{ADMIN_KEY}"\nadmin = true'
    with ServerProcess(tmp_path, kling.base_url, API_KEY, channel=more, options=("--database", url)) as process:
        assert process.call("GET", "/admin/v1/keys", key=ADMIN_KEY)[0] == 200
        assert create(process, TASKS).status == 200
        postgres.control(cluster, "stop", mode)
        try:
            for path in CREATES:
                answer = create(process, path)
                clean(answer, path)
                assert str(cluster) not in answer.content.decode()
                clean(reply(process, "GET", path), path)
            clean(upload(process), OPENAI)
            speaks_everywhere(process)
            unready(process, database=False, writes=False)
            status, said = serve(tmp_path / "another", database=url)
            assert (status, said.count("\n")) == (1, 1), said
            assert "the database cannot be reached" in said
        finally:
            postgres.control(cluster, "start", mode)
        works(process)
        assert "request_failed" not in process.log
