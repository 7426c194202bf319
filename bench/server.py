"""The server under test: a process of its own, measured by the operating system."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Self

KEY = "bench-key-w4tL0n8qZ2xV7bK3mR9cT1"
NOISY_KEY = "bench-key-of-a-noisy-neighbour-5hJ2"


class Server:
    """`telecine serve` on fresh data, with one Kling channel at `upstream` (or the sandbox)."""

    def __init__(self, upstream: str | None = None, *, channel: str = "", top: str = "") -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="telecine-bench-")
        self.data = Path(self._folder.name) / "data"
        config = Path(self._folder.name) / "telecine.toml"
        text = top + f'[[keys]]\nname = "noisy"\nkey = "{NOISY_KEY}"\naccount = "noisy"\n'
        text += f'[[keys]]\nname = "bench"\nkey = "{KEY}"\nadmin = true\n'
        if upstream is not None:
            text += (
                f'[[channels]]\nname = "kling"\nprovider = "kling"\nbase_url = "{upstream}"\napi_key = "k"\n{channel}\n'
            )
        config.write_text(text, encoding="utf-8")
        self._command = [sys.executable, "-m", "telecine", "serve", "--port", "0"]
        self._command += ["--data", str(self.data), "--config", str(config)]
        self._process: subprocess.Popen[bytes] | None = None
        self.address = ""
        self.ready_seconds = 0.0

    def __enter__(self) -> Self:
        started = time.perf_counter()
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not self._answers():
            time.sleep(0.005)
            if self._process.poll() is not None:
                raise RuntimeError("the server ended; run it by hand to see why: " + " ".join(self._command))
        self.ready_seconds = time.perf_counter() - started
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        self._folder.cleanup()

    def restart(self) -> None:
        """Stop it in an orderly way and start it again on the same data."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()
        self.__enter__()

    @property
    def cpu(self) -> float:
        """Seconds of CPU that the process has used."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def memory(self) -> float:
        """Resident memory in MB, children included."""
        assert self._process is not None
        pids = [self._process.pid]
        for child in Path(f"/proc/{self._process.pid}/task").glob("*/children"):
            pids += [int(pid) for pid in child.read_text().split()]
        return sum(_resident(pid) for pid in pids) / 1e6

    def metrics(self) -> dict[str, float]:
        """The server's own figures, by name with labels."""
        with urllib.request.urlopen(f"{self.address}/metrics") as answer:  # noqa: S310  our own server
            lines = answer.read().decode().splitlines()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}

    def _answers(self) -> bool:
        try:
            self.address = json.loads((self.data / "lock").read_bytes())["address"]
            with urllib.request.urlopen(f"{self.address}/readyz", timeout=1) as answer:  # noqa: S310  our own server
                return bool(answer.status == 200)
        except (OSError, ValueError, KeyError):
            return False


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
