"""Six upstreams that misbehave, and the servers in front of them, which are killed again and again."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from chaos.forms import COMPOSED, GRID, IMAGE, NEW, ROUTED, UNITS, VIDEO
from chaos.upstreams import SUBMIT_TIMEOUT, ImaUpstream, KlingUpstream, MidjourneyUpstream, OpenAIUpstream, Upstream
from chaos.verdict import PRICE
from tests import postgres
from tests.server.process import KEY, OTHER_KEY, ServerProcess
from tests.upstreams.kling import API_KEY as KLING_KEY
from tests.upstreams.openai_videos import API_KEY as OPENAI_KEY

KEYS = {"default": KEY, "other": OTHER_KEY}
"""The API key of each account."""
BALANCE = 100_000
_SECRET = "whsec_c2VjcmV0LW9mLXRoZS13ZWJob29rcw=="  # noqa: S105  of a fake
_SPEED = 20.0
"""Of the server's clock. Much faster, and the leases of steps run out under the hands of a busy machine: what is then
given up as unknown was never sent."""
_SPEED_OF_TWO = 4.0
"""Of two: a lease that runs out is the other's at once, and two take their time to start."""
_KLING = json.dumps([VIDEO, COMPOSED, NEW, IMAGE])
_JOB_SECONDS = 0.4
_TICK = 0.25
_MOST_FAULTS = 6
"""At one upstream at a time: it shall also get something done."""
_KILLS_PER_DOWN = 5
"""How many kills there are for each time that an upstream is down."""
_ORDERLY = 0.25
"""The share of kills that ask the server to stop (SIGTERM) and wait until it has."""
_PORTS = range(20_000, 30_000)
"""Outside of those that connections going out get, so that nobody takes one while its owner is down."""


class World:
    """The upstreams and the server; two servers where the records are in PostgreSQL, which share them and the media.
    Entering it starts them; leaving ends everything."""

    def __init__(self, folder: Path, chance: random.Random, *, on_postgres: bool = False) -> None:
        self._chance = chance
        # Files of different sizes, so that a file tells which upstream it came from. The first signs its callbacks.
        self.klings = [KlingUpstream(file_bytes=5000, webhook_secret=_SECRET), KlingUpstream(file_bytes=6000)]
        self._openai = OpenAIUpstream("official", file_bytes=7000)
        self._relay = OpenAIUpstream("official", file_bytes=8000)  # the other forms tell no length of a file
        self._midjourney, self._ima = MidjourneyUpstream(), ImaUpstream()
        self._folder = folder
        self._on_postgres = on_postgres
        self._database = ""
        self._speed = _SPEED_OF_TWO if on_postgres else _SPEED
        self._servers: list[ServerProcess] = []
        self._open = ExitStack()
        self._down: tuple[Upstream, float] | None = None
        self.kills = 0
        self.stops = 0
        """How many of the kills were orderly."""
        self._bad_stops: list[str] = []
        self.downs = 0
        self.breaks: list[float] = []
        """When the server was killed or an upstream taken down, by the machine's clock."""
        self.passed = 0.0
        """For how long the trouble has gone on, in seconds in which the server was up: a busy machine starts slowly."""

    @property
    def upstreams(self) -> dict[str, Upstream]:
        """By the name of the channel."""
        return {
            "kling-main": self.klings[0],
            "kling-spare": self.klings[1],
            "openai-main": self._openai,
            "relay-main": self._relay,
            "midjourney-main": self._midjourney,
            "ima-main": self._ima,
        }

    @property
    def addresses(self) -> list[str]:
        """Where the servers are."""
        return [server.address for server in self._servers]

    def machine_time(self, moment: float) -> float:
        """By the machine's clock, what is `moment` by the server's, which runs faster."""
        epoch = self._servers[0].epoch
        return epoch + (moment - epoch) / self._speed

    def __enter__(self) -> World:
        if self._on_postgres:
            host = self._open.enter_context(postgres.running())
            self._database = asyncio.run(postgres.create(host, "chaos"))
        for fake in self.upstreams.values():
            fake.autofinish(_JOB_SECONDS)
            fake.port = _free_port()
            fake.start()
            self._open.callback(fake.stop)
        self._serve("one")
        if self._on_postgres:
            self._serve("two")
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def _serve(self, name: str) -> None:
        """Start a server with a folder of its own. The second has the first one's clock, secret and media."""
        folder, port = self._folder / name, _free_port()
        folder.mkdir()
        server = ServerProcess(
            folder,
            self.klings[0].base_url,
            KLING_KEY,
            channel=self._rest(),
            top=f'public_url = "http://127.0.0.1:{port}"',
            port=port,
            speed=self._speed,
            options=["--database", self._database, "--submit-timeout", str(SUBMIT_TIMEOUT)],
        )
        if self._servers:
            first = self._servers[0]
            server.epoch = first.epoch
            server.data.mkdir()
            shutil.copy(first.data / "secret.key", server.data)
            (server.data / "media").symlink_to(first.data / "media")
        self._servers.append(server)
        self._open.enter_context(server)

    def trouble(self, kills: int, seconds: float) -> None:
        """For at least `seconds`: upset the upstreams all the time, take one down now and then, and kill the server at
        `kills` random moments."""
        killing = sorted(self._chance.uniform(0.1, 1.0) * seconds for _ in range(kills))
        taking = sorted(self._chance.uniform(0.1, 0.9) * seconds for _ in range(-(-kills // _KILLS_PER_DOWN)))
        before = time.monotonic()
        try:
            while self.passed < seconds or killing:
                now = time.monotonic()
                self.passed, before = self.passed + now - before, now
                self._upset()
                if taking and self.passed >= taking[0] and self._down is None:
                    taking.pop(0)
                    self._take_down()
                if killing and self.passed >= killing[0]:
                    killing.pop(0)
                    self._kill()
                    before = time.monotonic()
                time.sleep(min(_TICK, max(0.01, killing[0] - self.passed)) if killing else _TICK)
            self._bring_back(at_once=True)
        finally:
            self.passed = seconds  # nobody shall wait for more

    def _upset(self) -> None:
        for upstream in self.upstreams.values():
            if len(upstream.faults) < _MOST_FAULTS:
                upstream.upset(self._chance)
            upstream.act_up(self._chance)
        self._bring_back()

    def _kill(self) -> None:
        server = self._chance.choice(self._servers)
        self.breaks.append(time.time())
        if self._chance.random() < _ORDERLY:
            self.stops += 1
            if status := server.stop():
                self._bad_stops.append(f"asked to stop, the server ended with {status}")
            self.breaks.append(time.time())
        else:
            server.kill()
        self.kills += 1
        server.start()

    def _take_down(self) -> None:
        """One upstream refuses connections, for up to a minute and a half by the server's clock."""
        upstream = self._chance.choice(list(self.upstreams.values()))
        self.breaks.append(time.time())
        upstream.stop()
        self._down = upstream, time.monotonic() + self._chance.uniform(0.5, 1.5)
        self.downs += 1

    def _bring_back(self, *, at_once: bool = False) -> None:
        if self._down is not None and (at_once or time.monotonic() >= self._down[1]):
            self._down[0].start()
            self._down = None

    def calm(self) -> None:
        """No more faults: what is under way may end."""
        for upstream in self.upstreams.values():
            upstream.soon(upstream.faults.clear)

    def check_ledger(self) -> str:
        """Stop the servers in an orderly way and run `telecine ledger check` on their data; empty where that is clean
        and every stop was."""
        for server in self._servers:
            if status := server.stop():
                self._bad_stops.append(f"the server ended with {status}")
        if self._bad_stops:
            return "; ".join(self._bad_stops)
        command = [sys.executable, "-m", "telecine", "ledger", "check", "--data", str(self._folder / "one" / "data")]
        command += ["--config", str(self._folder / "one" / "telecine.toml")]
        environment = {**os.environ, "TELECINE_DATABASE_URL": self._database}
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
        return f"{done.stdout}{done.stderr}" if done.returncode else ""

    def _rest(self) -> str:
        """Everything in the configuration besides the first channel."""
        return f"""
webhook_secret = "{_SECRET}"
max_in_flight = 20
models = {_KLING}

[[channels]]
name = "kling-spare"
provider = "kling"
base_url = "{self.klings[1].base_url}"
api_key = "{KLING_KEY}"
allow_private = true
max_in_flight = 20
models = {_KLING}

[[channels]]
name = "openai-main"
provider = "openai"
base_url = "{self._openai.base_url}/v1"
api_key = "{OPENAI_KEY}"
allow_private = true
max_in_flight = 20
models = [{{ public = "{VIDEO}", upstream = "sora-2" }}]

[[channels]]
name = "relay-main"
provider = "relay"
base_url = "{self._relay.base_url}"
api_key = "{OPENAI_KEY}"
allow_private = true
max_in_flight = 20
models = [{{ public = "{VIDEO}", upstream = "sora-2" }}]
options = {{ form = "official" }}

[[channels]]
name = "midjourney-main"
provider = "midjourney"
base_url = "{self._midjourney.base_url}"
api_key = "{self._midjourney.api_key}"
allow_private = true
max_in_flight = 20
models = ["{GRID}"]

[[channels]]
name = "ima-main"
provider = "ima"
base_url = "{self._ima.base_url}"
api_key = "{self._ima.api_key}"
allow_private = true
max_in_flight = 20
models = ["{ROUTED}"]

[[accounts]]
name = "default"
balance = {BALANCE}

[[accounts]]
name = "other"
balance = {BALANCE}

{_prices()}
[limits]
failovers = 1
unreachable = 3600
shutdown = 3
"""


def _prices() -> str:
    return "".join(
        f'[[prices]]\nmodel = "{model}"\nunit = "{unit}"\nprice = {PRICE}\n' for model, unit in UNITS.items()
    )


def _free_port() -> int:
    """A port at which nobody listens: not by the seed, or two runs with the same one would want the same ports."""
    while True:
        port = random.SystemRandom().choice(_PORTS)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
