"""A process that serves, measured by the operating system."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parent.parent


class Process:
    """Runs `command` until the block ends. `address` is where it serves, `ready` the path that answers once it does."""

    def __init__(
        self, command: Sequence[str], address: str = "", ready: str = "/", env: Mapping[str, str] | None = None
    ) -> None:
        self.address = address
        self.ready_seconds = 0.0
        self._command, self._ready, self._env = command, ready, env
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        started = time.perf_counter()
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(self._command, cwd=ROOT, env=self._env, stdout=quiet, stderr=quiet)
        while not self._answers():
            time.sleep(0.005)
            if self._process.poll() is not None:
                raise RuntimeError("the server ended; run it by hand to see why: " + " ".join(self._command))
        self.ready_seconds = time.perf_counter() - started
        return self

    def __exit__(self, *_: object) -> None:
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop it in an orderly way and start it again on the same data."""
        self._end(signal.SIGTERM)
        self.__enter__()

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}{self._ready}", timeout=1) as answer:  # noqa: S310  our own
                return bool(answer.status == 200)
        except (OSError, ValueError):
            return False

    @property
    def _proc(self) -> Path:
        assert self._process is not None
        return Path(f"/proc/{self._process.pid}")

    @property
    def cpu(self) -> float:
        """Seconds of CPU that the process has used, without its children."""
        return _seconds(self._proc)

    @property
    def loop_cpu(self) -> float:
        """Seconds of CPU that its main thread has used, where the event loop runs."""
        return _seconds(self._proc / "task" / self._proc.name)

    @property
    def memory(self) -> float:
        """Resident memory in MB, children included."""
        pids = [self._proc.name]
        for child in self._proc.glob("task/*/children"):
            pids += child.read_text().split()
        return sum(_resident(pid) for pid in pids) / 1e6


def _seconds(place: Path) -> float:
    fields = (place / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident(pid: str) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
