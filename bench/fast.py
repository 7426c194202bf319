"""`telecine serve` with a clock that runs faster: `python -m bench.fast DATA CONFIG SPEED`."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from telecine.config import load
from telecine.server import logs
from telecine.server.run import serve
from tests.clock import FastClock

if __name__ == "__main__":
    data, config, speed = sys.argv[1:]
    logs.configure("info")
    serve(load(Path(data), Path(config)), "127.0.0.1", 0, lambda _: None, FastClock(float(speed), time.time()))
