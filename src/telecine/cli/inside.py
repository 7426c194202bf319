"""A gateway inside the command's own process, for when no server runs."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from concurrent.futures import Future

from telecine.cli.failure import NOWHERE, USAGE, Failure, why_unopened
from telecine.cli.texts import text
from telecine.config import ConfigError, Settings
from telecine.server import logs
from telecine.server.gateway import Gateway
from telecine.server.lock import Lock
from telecine.server.run import Ready, answer, bind
from telecine.store.database import NoRecordsError


class InsideGateway:
    """Answers on a free port of the loopback address, in a thread, between `start` and `stop`."""

    def __init__(self, settings: Settings, lock: Lock, *, work: bool) -> None:
        self._settings = settings
        self._lock = lock
        self._work = work
        self._ready: Future[Ready] = Future()
        self._stopping = False
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="telecine-gateway", daemon=True)

    def start(self) -> Ready:
        """Returns once requests are answered. Raises Failure."""
        logs.configure("error", json=False)
        self._thread.start()
        try:
            return self._ready.result()
        except ConfigError as error:
            raise Failure(str(error), USAGE) from None
        except NoRecordsError:
            raise Failure(text("no_records", data=self._settings.data.absolute()), NOWHERE) from None
        except Exception as error:
            raise Failure(text("unopened", data=self._settings.data, reason=why_unopened(error))) from error

    def stop(self) -> None:
        """Finish the steps under way and leave the rest to the next start."""
        self._stopping = True
        if self._loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has closed by itself
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        if self._stopping:  # Ctrl-C came before there was a loop to tell
            return
        with bind("127.0.0.1", 0) as listener:
            await answer(Gateway(self._settings, work=self._work, make=False), listener, self._stop, self._started)

    def _started(self, ready: Ready) -> None:
        self._lock.note(ready.address)
        self._ready.set_result(ready)
