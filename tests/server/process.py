"""A server in a process of its own, to be killed."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self
from urllib.parse import urlsplit

from tests.forks import CHILD, Process, start

ROOT = Path(__file__).parents[2]
KEY = "key-of-the-kill-tests-0123456789"
OTHER_KEY = "key-of-another-account-0123456789"
_START_SECONDS = 30.0
"""A server that has not said its address by then is killed, and the test fails with what it wrote."""


class ServerProcess:
    """Starts, kills and starts again a server on the same data, with `provider` behind it at `upstream`."""

    def __init__(
        self,
        folder: Path,
        upstream: str,
        upstream_key: str,
        *,
        provider: str = "kling",
        channel: str = "",
        top: str = "",
        port: int = 0,
        speed: float = 60.0,
        options: Sequence[str] = (),
        inside: Sequence[str] = (),
    ) -> None:
        """`channel` continues the configuration after the first channel, `top` begins it; `options` are the child's,
        `inside` is the command that the whole is run by.
        `speed`: how many times as fast as the machine's the server's clock runs."""
        self.data = folder / "data"
        self._config = folder / "telecine.toml"
        self._config.write_text(
            f"""
{top}
[network]
allow_private = ["127.0.0.0/8"]

[[keys]]
name = "tests"
key = "{KEY}"

[[keys]]
name = "other"
key = "{OTHER_KEY}"
account = "other"

[[channels]]
name = "{provider}-main"
provider = "{provider}"
base_url = "{upstream}"
api_key = "{upstream_key}"
allow_private = true
{channel}
""",
            encoding="utf-8",
        )
        self._options = ["--port", str(port), *options]
        self._inside = inside
        self.epoch, self.speed = time.time(), speed
        self._process: Process | None = None
        self.address = ""

    def start(self) -> Self:
        """Start, and return once it answers."""
        errors = (self.data.parent / "stderr.log").open("a")
        arguments = [str(self.data), str(self._config), "--epoch", str(self.epoch), "--speed", str(self.speed)]
        self._process = self._begin([*arguments, *self._options], errors)
        errors.close()
        assert self._process.stdout is not None
        too_long = threading.Timer(_START_SECONDS, self._process.kill)
        too_long.start()
        self.address = self._process.stdout.readline().strip()
        too_long.cancel()
        assert self.address, (self.data.parent / "stderr.log").read_text()[-4000:]
        return self

    def _begin(self, arguments: Sequence[str], errors: IO[str]) -> Process:
        env = {**os.environ, "PYTHONUNBUFFERED": "1"}
        if not self._inside:
            return start(CHILD, arguments, cwd=ROOT, env=env, stderr=errors)
        command = [*self._inside, sys.executable, "-m", CHILD, *arguments]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True, env=env)

    @property
    def pid(self) -> int:
        """Of the process that runs."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """All that has been logged."""
        return (self.data.parent / "stderr.log").read_text(encoding="utf-8")

    def kill(self) -> None:
        """SIGKILL: nothing of the process runs after this."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        status = process.wait(timeout=30)
        assert process.stdout is not None
        process.stdout.close()
        return status

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self._end(signal.SIGKILL)

    def call(self, method: str, path: str, body: Any = None, *, key: str = KEY) -> tuple[int, Any]:
        """One request: the status and the JSON (or bytes) of the answer."""
        connection = self.send(method, path, body, key=key)
        try:
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        kind = answer.getheader("content-type", "")
        return answer.status, json.loads(content) if kind.startswith("application/json") else content

    def send(
        self, method: str, path: str, body: Any = None, *, key: str = KEY, headers: Mapping[str, str] | None = None
    ) -> http.client.HTTPConnection:
        """Send a request without waiting for its answer."""
        connection = self.connect()
        sent = {"authorization": f"Bearer {key}", "content-type": "application/json", **(headers or {})}
        connection.request(method, path, json.dumps(body) if body is not None else None, sent)
        return connection

    def connect(self) -> http.client.HTTPConnection:
        """A connection of one's own."""
        where = urlsplit(self.address)
        return http.client.HTTPConnection(where.hostname or "", where.port, timeout=30)

    def until(self, path: str, good: Callable[[Any], bool], seconds: float = 20.0) -> Any:
        """Read `path` until `good` holds for the answer."""
        deadline = time.monotonic() + seconds
        answer: Any = None
        while time.monotonic() < deadline:
            status, answer = self.call("GET", path)
            if status == 200 and good(answer):
                return answer
            time.sleep(0.03)
        raise AssertionError(f"{path} never became what it should be; last: {answer}")

    def files(self, pattern: str) -> list[Path]:
        """What the storage holds."""
        return sorted((self.data / "media").rglob(pattern))
