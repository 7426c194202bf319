"""The real command in real processes, on a data directory of the test's own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
import msgspec

from tests.forks import TELECINE, Process, start

COMMAND = (sys.executable, "-m", "telecine")


def environment(**more: str) -> dict[str, str]:
    """The caller's environment without what would steer the command."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TELECINE_", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C.UTF-8", **more}


def telecine(*arguments: str | Path, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """`telecine …`, run to its end. Never a traceback."""
    process = begin(*arguments, cwd=cwd, **env)
    try:
        told, complaint = process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    done = subprocess.CompletedProcess(list(arguments), process.wait(), told, complaint)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def good(*arguments: str | Path, cwd: Path, **env: str) -> str:
    """What `telecine …` prints where all goes well."""
    done = telecine(*arguments, cwd=cwd, **env)
    assert done.returncode == 0, done.stderr
    return done.stdout


def begin(*arguments: str | Path, cwd: Path, **env: str) -> Process:
    """`telecine …`, under way."""
    return start(TELECINE, list(map(str, arguments)), cwd=cwd, env=environment(**env))


class Served(msgspec.Struct):
    """A server under way."""

    process: Process
    data: Path
    printed: str
    """What it printed until it was ready."""
    address: str

    def key(self, name: str) -> str:
        """A key that the first start printed."""
        found = re.search(rf"^  {name}: (\S+)$", self.printed, re.MULTILINE)
        assert found, self.printed
        return found[1]

    def end(self, number: int = signal.SIGTERM) -> int:
        """The exit code after a signal."""
        self.process.send_signal(number)
        return self.process.wait(20)


@contextmanager
def server(data: Path, *arguments: str, **env: str) -> Iterator[Served]:
    """`telecine serve` on a free port, ended with the block."""
    with (data.parent / "serve.log").open("a") as log:
        process = start(
            TELECINE,
            ["serve", "--port", "0", "--data", str(data), *arguments],
            cwd=data.parent,
            env=environment(**env),
            stderr=log,
        )
    assert process.stdout is not None
    printed = ""
    try:
        while not (found := re.search(r"(http://\S+:\d+) [(提]", printed)):
            line = process.stdout.readline()
            assert line, (data.parent / "serve.log").read_text()
            printed += line
        yield Served(process, data, printed, found[1])
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(20)
        process.stdout.close()


def seconds_of(video: Path) -> float:
    """How long a video plays, every frame decoded."""
    with av.open(video) as container:
        stream = container.streams.video[0]
        assert stream.average_rate
        return float(sum(1 for _ in container.decode(stream)) / stream.average_rate)
