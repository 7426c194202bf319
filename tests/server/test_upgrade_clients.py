"""Real clients that offer h2c with each request."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.server.live import KEY, LiveServer

LARGE = {"model": "storyboard-1", "prompt": "一艘纸船 " + "and a boat " * 150, "metadata": {"note": "x" * 400}}
SMALL = {"model": "storyboard-1", "prompt": "a boat"}


def program(name: str, package: str) -> str:
    """Where it is; skips the test where it is not, but on the machines that have to have it."""
    found = shutil.which(name)
    if found is None:
        reason = f"there is no '{name}' here (Debian: {package})"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def test_javas_own_client(sandbox: LiveServer) -> None:
    before = sandbox.count("tasks")
    java = program("java", "default-jdk-headless")
    source = Path(__file__).with_name("JavaClient.java")
    done = subprocess.run(
        [java, "-Xmx64m", str(source), sandbox.address, KEY, "/v1/tasks", *map(json.dumps, (LARGE, SMALL))],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = [line.split(" ", 2) for line in done.stdout.splitlines()]
    assert [(version, status) for version, status, _ in answers] == [("HTTP_1_1", "200")] * 5, done.stdout
    assert "storyboard-1" in answers[-1][2]
    requests = [row[0].decode() for row in sandbox.rows("SELECT request FROM tasks ORDER BY id")[before:]]
    prompts = [json.loads(one)["prompt"] for one in requests]
    assert prompts == [LARGE["prompt"]] * 2 + [SMALL["prompt"]] * 2


@pytest.mark.parametrize("chunked", [False, True])
def test_curl(sandbox: LiveServer, chunked: bool) -> None:
    curl = program("curl", "curl")
    more = ["-H", "transfer-encoding: chunked"] if chunked else []
    done = subprocess.run(
        [
            *(curl, "-sS", "--http2", "-H", f"authorization: Bearer {KEY}", "-H", "content-type: application/json"),
            *(*more, "-w", "\n%{http_code} %{http_version}", "-d", json.dumps(LARGE), f"{sandbox.address}/v1/tasks"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if "the installed libcurl version does not support this" in done.stderr:
        pytest.skip("this curl knows no HTTP/2")
    answer, _, told = done.stdout.rpartition("\n")
    assert (told, json.loads(answer)["status"] in ("queued", "running", "succeeded")) == ("200 1.1", True)
