"""The server as the process that the kill tests start and kill: `telecine serve` with a clock that runs faster.

Nothing else is different, but for `--blind`: Kling's provider then behaves as one whose upstream cannot be asked; and
for `--submit-timeout`: the seconds, by the machine's clock, for which a submit waits for its answer; and for `--busy`:
the milliseconds for which a statement waits for another process's lock.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from msgspec.structs import replace

from telecine.config import load
from telecine.providers.base import Channel, Traits
from telecine.providers.http import HttpProvider
from telecine.server import logs
from telecine.server.run import serve
from telecine.store import thread
from tests.clock import FastClock


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("config", type=Path)
    parser.add_argument("--epoch", type=float, required=True)
    parser.add_argument("--speed", type=float, default=60.0)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--database", default="")
    parser.add_argument("--submit-timeout", type=float)
    parser.add_argument("--busy", type=int, default=thread.BUSY)
    parser.add_argument("--blind", action="store_true")
    given = parser.parse_args()
    thread.BUSY = given.busy
    told = HttpProvider.traits_of

    def traits_of(provider: HttpProvider, operation: str, model: str, channel: Channel | None = None) -> Traits:
        traits = told(provider, operation, model, channel)
        if given.blind and provider.name == "kling":
            traits = replace(traits, look_up=False, unique_handle=False)
        if given.submit_timeout is not None:
            # The network's time is real: on the fast clock, a job may become visible so much later.
            lag = traits.visibility_lag + given.submit_timeout * given.speed
            traits = replace(traits, submit_timeout=given.submit_timeout, visibility_lag=lag)
        return traits

    HttpProvider.traits_of = traits_of  # type: ignore[method-assign,assignment]
    logs.configure("debug")
    serve(
        load(given.data, given.config, {"TELECINE_DATABASE_URL": given.database}),
        "127.0.0.1",
        given.port,
        lambda ready: print(ready.address, flush=True),  # noqa: T201  the test reads it
        FastClock(given.speed, given.epoch),
    )


if __name__ == "__main__":
    main()
