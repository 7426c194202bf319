"""A server inside the test process: the real one on a real socket, in a thread of its own, with time that runs fast."""

from __future__ import annotations

import asyncio
import http.client
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, Self, TypeVar
from urllib.parse import urlsplit

import msgspec
import uvloop
from msgspec.structs import replace
from structlog.testing import capture_logs

from telecine.config import Settings, load
from telecine.server.gateway import Gateway
from telecine.server.run import Ready, address_of, answer, bind
from tests import records
from tests.clock import FastClock
from tests.worker_pool import keep_workers

KEY = "key-of-the-live-tests-0123456789"
OTHER_KEY = "key-of-another-account-0123456789"
NARROW_KEY = "key-that-may-use-one-model-0123456789"
ADMIN_KEY = "key-of-the-administrator-0123456789"

_KEYS = f"""
[[keys]]
name = "tests"
key = "{KEY}"

[[keys]]
name = "other"
key = "{OTHER_KEY}"
account = "other"

[[keys]]
name = "narrow"
key = "{NARROW_KEY}"
models = ["sora-2"]

[[keys]]
name = "boss"
key = "{ADMIN_KEY}"
admin = true
"""
_TROUBLE = (
    "request_failed",
    "machine_trouble",
    "step_failed",
    "loop_failed",
    "loop_ended",
    "left_behind",
    "close_failed",
)

T = TypeVar("T")
keep_workers()


class Answer(NamedTuple):
    """One answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


class LeapClock(FastClock):
    """A fast clock that can also leap: whoever sleeps, wakes no sooner, but finds that much more time gone."""

    def __init__(self, speed: float, epoch: float) -> None:
        super().__init__(speed, epoch)
        self._leapt = 0.0

    def now(self) -> float:
        return super().now() + self._leapt

    def elapsed(self) -> float:
        return super().elapsed() + self._leapt

    def leap(self, seconds: float) -> None:
        self._leapt += seconds


class LiveServer:
    """`with LiveServer(folder) as server`; `config` is what the file says besides the keys.

    `{address}` in it becomes the server's own URL. Errors that the server only logs fail the test at the end of the
    block, unless `calm` is False. A refusal answers its create within ten seconds of the machine's time, not of the
    server's, where half a second of a busy machine would be too long, unless `patient` is False.
    """

    def __init__(
        self, folder: Path, config: str = "", *, speed: float = 20.0, calm: bool = True, patient: bool = True
    ) -> None:
        self.data = folder / "data"
        self._file = folder / "telecine.toml"
        self._config = config
        self._calm = calm
        self._patience = speed if patient and speed > 1 and "first_step" not in config else 1
        self.clock = LeapClock(speed, time.time())
        self.logs: Sequence[Mapping[str, Any]] = []
        self.address = ""
        self._thread = threading.Thread(target=self._run, name="LiveServer", daemon=True)
        self._listening = threading.Event()
        self._failure: BaseException | None = None

    def __enter__(self) -> Self:
        self._capture = capture_logs()
        self.logs = self._capture.__enter__()
        self._thread.start()
        assert self._listening.wait(30), "the server did not start"
        if self._failure is not None:
            self._capture.__exit__(None, None, None)
            raise self._failure
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(60)
        self._capture.__exit__(None, None, None)
        assert not self._thread.is_alive(), "the server did not stop"
        if self._failure is not None:
            raise self._failure
        troubles = [entry for entry in self.logs if entry["event"] in _TROUBLE]
        assert not (self._calm and troubles), troubles

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._serve())
        except BaseException as error:  # told to the test, in its own thread
            self._failure = error
        finally:
            self._listening.set()

    async def _serve(self) -> None:
        self.loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        with bind("127.0.0.1", 0) as listener:
            records.begin(self.data / "telecine.db")
            text = self._config.replace("{address}", address_of(listener)) + _KEYS
            await asyncio.to_thread(self._file.write_text, text, encoding="utf-8")
            self.gateway = Gateway(self._settings(), self.clock)

            def ready(told: Ready) -> None:
                self.address = told.address
                self._listening.set()

            await answer(self.gateway, listener, self._stop, ready)

    def _settings(self) -> Settings:
        settings = load(self.data, self._file, {})
        limits = settings.config.limits
        patient = replace(limits, first_step=limits.first_step * self._patience)
        return replace(settings, config=replace(settings.config, limits=patient))

    # What tests do.

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = KEY,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request; a body that is no bytes is sent as JSON. `path` may be a whole URL of this server."""
        sent = {"content-type": "application/json", **({"authorization": f"Bearer {key}"} if key else {})}
        content = body if body is None or isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        with closing(self.connect()) as connection:
            connection.request(method, path.removeprefix(self.address), content, {**sent, **(headers or {})})
            return received(connection)

    def connect(self) -> http.client.HTTPConnection:
        """A connection of one's own."""
        where = urlsplit(self.address)
        return http.client.HTTPConnection(where.hostname or "", where.port, timeout=30)

    def until(self, path: str, good: Callable[[Any], bool], seconds: float = 30.0, *, key: str = KEY) -> Any:
        """Read `path` until `good` holds for the JSON of the answer."""

        def read() -> Any:
            found = self.call("GET", path, key=key)
            assert found.status == 200, found
            return good(found.json) and found.json

        return eventually(read, f"{path} as it should be", seconds)

    def ended(self, task: str, seconds: float = 30.0) -> Any:
        """The task as `/v1/tasks` shows it, once it has ended. Any dialect's id will do."""
        return self.until(f"/v1/tasks/{task}", lambda found: found["status"] not in ("queued", "running"), seconds)

    def count(self, table: str) -> int:
        """Rows in the database, read from its file."""
        (number,) = self.rows(f"SELECT count(*) FROM {table}")[0]  # noqa: S608  a name that the test chose
        return int(number)

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self.data / 'telecine.db'}?mode=ro", uri=True)) as connection:
            return connection.execute(statement, values).fetchall()

    def files(self, pattern: str = "*") -> list[Path]:
        """What the storage holds."""
        return sorted(path for path in (self.data / "media").rglob(pattern) if path.is_file())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """`work` on the server's own loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def log_text(self) -> str:
        """All that was logged so far."""
        return "\n".join(msgspec.json.encode(entry, enc_hook=str).decode() for entry in self.logs)


def eventually(condition: Callable[[], T], what: str, seconds: float = 20.0) -> T:
    """What `condition` answers once that is true; fails, saying `what` never came, after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.01)
    return found


def received(connection: http.client.HTTPConnection) -> Answer:
    """The answer to the request that was just sent."""
    reply = connection.getresponse()
    content = reply.read()
    return Answer(reply.status, {name.lower(): value for name, value in reply.getheaders()}, content)


def kling_channel(base_url: str, api_key: str, more: str = "") -> str:
    """A configuration with one Kling channel, whose files lie on this machine."""
    return f"""
[network]
allow_private = ["127.0.0.1/32"]

[[channels]]
name = "kling-main"
provider = "kling"
base_url = "{base_url}/kling"
api_key = "{api_key}"
models = ["kling-*"]
{more}
"""
