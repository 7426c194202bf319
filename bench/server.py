"""The server under test: `telecine serve` of some checkout, as a process of its own."""

from __future__ import annotations

import json
import tempfile
import urllib.request
from pathlib import Path

from bench.process import Process

KEY = "bench-key-w4tL0n8qZ2xV7bK3mR9cT1"
NOISY_KEY = "bench-key-of-a-noisy-neighbour-5hJ2"


class Server(Process):
    """Fresh data, and one channel of `provider` at `upstream`, or the sandbox. `python` is the checkout's."""

    def __init__(
        self,
        python: str,
        upstream: str | None = None,
        *,
        provider: str = "kling",
        channel: str = "",
        top: str = "",
        speed: float = 1,
    ) -> None:
        """`channel` continues the channel in the configuration, `top` begins that; `speed`: how many times as fast as
        the machine's the server's clock runs."""
        self._folder = tempfile.TemporaryDirectory(prefix="telecine-bench-")
        self.data = Path(self._folder.name) / "data"
        config = Path(self._folder.name) / "telecine.toml"
        text = top + f'[[keys]]\nname = "noisy"\nkey = "{NOISY_KEY}"\naccount = "noisy"\n'
        text += f'[[keys]]\nname = "bench"\nkey = "{KEY}"\nadmin = true\n'
        if upstream is not None:
            text += f'[[channels]]\nname = "bench"\nprovider = "{provider}"\nbase_url = "{upstream}"\napi_key = "k"\n'
        config.write_text(text + channel, encoding="utf-8")
        command = [python, "-m", "telecine", "serve", "--port", "0", "--data", str(self.data), "--config", str(config)]
        if speed != 1:
            command = [python, "-m", "bench.fast", str(self.data), str(config), str(speed)]
        super().__init__(command, ready="/readyz")

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        self._folder.cleanup()

    def metrics(self) -> dict[str, float]:
        """The server's own figures, by name with labels."""
        with urllib.request.urlopen(f"{self.address}/metrics") as answer:  # noqa: S310  our own server
            lines = answer.read().decode().splitlines()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}

    def _answers(self) -> bool:
        try:
            self.address = json.loads((self.data / "lock").read_bytes())["address"]
        except (OSError, ValueError, KeyError):
            return False
        return super()._answers()
