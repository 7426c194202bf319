"""The lock on a data directory."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from telecine.server.lock import Holder, LockedError, hold, read


def test_nobody_holds_what_was_never_held(tmp_path: Path) -> None:
    assert read(tmp_path) is None


def test_the_holder_says_who_it_is_and_where(tmp_path: Path) -> None:
    with hold(tmp_path, "serve") as lock:
        assert read(tmp_path) == Holder(os.getpid(), "serve", "")
        lock.note("http://127.0.0.1:8024")
        assert read(tmp_path) == Holder(os.getpid(), "serve", "http://127.0.0.1:8024")
        lock.note("http://[::1]:1")
        assert read(tmp_path) == Holder(os.getpid(), "serve", "http://[::1]:1")
    assert read(tmp_path) is None


def test_a_second_holder_is_refused_and_told_where_the_first_listens(tmp_path: Path) -> None:
    with hold(tmp_path, "serve") as lock:
        lock.note("http://127.0.0.1:8024")
        with pytest.raises(LockedError, match=r"already serves .* at http://127\.0\.0\.1:8024"):
            hold(tmp_path, "serve", patience=60).__enter__()
    with hold(tmp_path, "serve"):
        pass


def test_a_server_waits_for_a_command_to_end(tmp_path: Path) -> None:
    held, release = threading.Event(), threading.Event()

    def command() -> None:
        with hold(tmp_path, "command"):
            held.set()
            release.wait(10)

    thread = threading.Thread(target=command)
    thread.start()
    try:
        assert held.wait(10)
        with pytest.raises(LockedError, match=r"A telecine command .* try again when it has ended"):
            hold(tmp_path, "serve").__enter__()
        threading.Timer(0.4, release.set).start()
        with hold(tmp_path, "serve", patience=10):
            assert read(tmp_path) == Holder(os.getpid(), "serve")
    finally:
        release.set()
        thread.join(10)


def test_a_look_at_the_lock_keeps_nobody_from_taking_it(tmp_path: Path) -> None:
    looking = threading.Event()

    def look() -> None:
        while not looking.is_set():
            read(tmp_path)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for _ in range(50):
            with hold(tmp_path, "serve"):
                pass
    finally:
        looking.set()
        thread.join(10)


def test_a_kill_releases_it_whatever_the_file_says(tmp_path: Path) -> None:
    program = (
        "import sys, time, pathlib\n"
        "from telecine.server.lock import hold\n"
        "with hold(pathlib.Path(sys.argv[1]), 'serve') as lock:\n"
        "    lock.note('http://127.0.0.1:1')\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)]) as process:
        until = time.monotonic() + 20
        while (holder := read(tmp_path)) is None or not holder.address:
            assert time.monotonic() < until
            time.sleep(0.01)
        assert holder == Holder(process.pid, "serve", "http://127.0.0.1:1")
        process.kill()
        process.wait(10)
    assert (tmp_path / "lock").read_bytes()
    assert read(tmp_path) is None
    with hold(tmp_path, "serve"):
        pass


def test_what_another_program_wrote_into_the_file_is_no_holder(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("12345\n")
    assert read(tmp_path) is None
    with hold(tmp_path, "command"):
        (tmp_path / "lock").write_text("nonsense")
        assert read(tmp_path) == Holder(0, "command")
        with pytest.raises(LockedError, match="Another process is using"):
            hold(tmp_path, "serve").__enter__()
