"""`telecine serve`: the first run, the lock, the end, the start after it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import msgspec
import pytest

from telecine.server.lock import read
from tests.cli.house import Served, environment, good, seconds_of, server, telecine


def _status(task_id: str, data: Path) -> str:
    status: str = msgspec.json.decode(good("tasks", "show", task_id, "--json", "--data", data, cwd=data.parent))[
        "status"
    ]
    return status


def test_the_curl_line_of_the_first_run_saves_a_video_as_pasted(served: Served, tmp_path: Path) -> None:
    line = next(line for line in served.printed.splitlines() if line.startswith("("))
    sh = shutil.which("sh")
    assert sh is not None
    done = subprocess.run(
        [sh, "-c", line], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "paper-boat.mp4\n", "")
    assert seconds_of(tmp_path / "paper-boat.mp4") == pytest.approx(4, abs=0.1)


def test_the_generate_line_of_the_first_run_works_as_pasted(served: Served, tmp_path: Path) -> None:
    line = next(line for line in served.printed.splitlines() if line.startswith("telecine generate"))
    assert str(served.data) in line
    arguments = re.findall(r'"[^"]*"|\S+', line)[1:]
    good(*(argument.strip('"') for argument in arguments), cwd=tmp_path)
    assert seconds_of(tmp_path / "paper-boat.mp4") == pytest.approx(4, abs=0.1)


def test_keys_are_printed_at_the_first_start_only(data: Path) -> None:
    with server(data) as first:
        assert first.key("admin key") != first.key("API key")
        assert first.end() == 0
    with server(data, LC_ALL="zh_CN.UTF-8") as second:
        assert "sk-tc-" not in second.printed
        assert second.printed == f"Telecine 正在 {second.address} 提供服务（数据目录：{data}）\n"
    assert "sk-tc-" not in (data.parent / "serve.log").read_text()
    kept = [path for path in data.rglob("*") if path.is_file()]
    assert not any(first.key("API key").encode() in path.read_bytes() for path in kept)


def test_an_operators_own_keys_take_the_place_of_the_first(data: Path) -> None:
    with server(data, TELECINE_ADMIN_KEY="an-admin-key-that-is-long-enough") as first:
        assert "admin key" not in first.printed
        done = telecine(
            "keys",
            "list",
            "--server",
            first.address,
            cwd=data.parent,
            TELECINE_API_KEY="an-admin-key-that-is-long-enough",
        )
        assert done.returncode == 0
        refused = telecine("keys", "list", "--server", first.address, "--key", first.key("API key"), cwd=data.parent)
        assert (refused.returncode, refused.stderr) == (4, "error: This needs an admin key.\n")


def test_a_second_server_on_the_same_data_is_refused_with_the_address_of_the_first(served: Served) -> None:
    done = telecine("serve", "--data", served.data, "--port", "0", cwd=served.data.parent)
    assert done.returncode == 1
    assert f"already serves {served.data} at {served.address} (process {served.process.pid})" in done.stderr


def test_a_port_in_use_is_told_and_the_data_is_free_again(served: Served, data: Path) -> None:
    port = served.address.rpartition(":")[2]
    done = telecine("serve", "--data", data, "--port", port, cwd=data.parent)
    assert done.returncode == 1
    assert f"Cannot listen at 127.0.0.1 port {port}: Address already in use." in done.stderr
    assert read(data) is None


@pytest.mark.parametrize(
    ("command", "content", "told"),
    [
        (["serve"], "colour = 1", "unknown field `colour`"),
        (["tasks", "list"], '[[channels]]\nname = "a"\nprovider = "nobody"\n', "names the provider 'nobody'"),
    ],
)
def test_a_wrong_configuration_is_told_in_one_line(
    installed: Path, command: list[str], content: str, told: str
) -> None:
    file = installed.parent / "telecine.toml"
    file.write_text(content)
    done = telecine(*command, "--data", installed, "--config", file, cwd=installed.parent)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_stop_signal_ends_well_and_the_next_start_finishes_what_is_left(data: Path) -> None:
    with server(data) as first:
        task_id = good(
            "generate", "[[delay:1]]", "-m", "storyboard-1", "--no-wait", "--data", data, cwd=data.parent
        ).strip()
        assert first.end(signal.SIGINT) == 0
    assert read(data) is None
    assert _status(task_id, data) in ("queued", "running")
    with server(data) as second:
        until = time.monotonic() + 20
        while _status(task_id, data) != "succeeded":
            assert time.monotonic() < until
        assert second.end() == 0
    good("tasks", "download", task_id, "-o", "boat.png", "--data", data, cwd=data.parent)


def test_requests_under_way_are_finished_and_a_second_signal_ends_at_once(data: Path) -> None:
    with server(data) as running:
        host, port = running.address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as unfinished:
            key = running.key("API key")
            head = f"POST /v1/tasks HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: 100\r\n\r\n{{"
            unfinished.sendall(head.encode())
            with socket.create_connection((host, int(port))) as other:  # when it is answered, the first has been read
                other.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
                assert other.recv(4096).startswith(b"HTTP/1.1 200")
            running.process.send_signal(signal.SIGTERM)
            with pytest.raises(subprocess.TimeoutExpired):
                running.process.wait(0.8)
            assert running.end(signal.SIGTERM) == 128 + signal.SIGTERM


def test_a_kill_frees_the_data(data: Path) -> None:
    with server(data) as killed:
        task_id = good("generate", "a boat", "-m", "storyboard-1", "--no-wait", "--data", data, cwd=data.parent).strip()
        assert killed.end(signal.SIGKILL) == -signal.SIGKILL
        assert msgspec.json.decode((data / "lock").read_bytes())["address"] == killed.address  # which proves nothing
        assert read(data) is None
    with server(data):
        until = time.monotonic() + 20
        while _status(task_id, data) != "succeeded":
            assert time.monotonic() < until


def test_the_data_are_for_their_owner_only(served: Served) -> None:
    assert served.data.stat().st_mode & 0o077 == 0
    assert (served.data / "secret.key").stat().st_mode & 0o077 == 0
    assert (served.data / "lock").stat().st_mode & 0o077 == 0


def test_a_server_is_light(served: Served) -> None:
    """Idle memory below 150 MB here (see docs for the figure): a heavy library on the start path adds 30 MB or more."""
    status = Path(f"/proc/{served.process.pid}/status")
    if not status.exists():
        status = Path(os.devnull)
    found = re.search(r"VmRSS:\s+(\d+)", status.read_text())
    assert found is None or int(found[1]) < 150_000
