"""Whether anybody answers at the addresses of channels: a connection is opened and closed, and nothing is sent."""

from __future__ import annotations

import socket
import threading
import time
from typing import Final
from urllib.parse import urlsplit

from telecine.config import Config
from telecine.providers.known import TERMS
from telecine.upkeep.rules import Advice

_SECONDS: Final = 3.0
_PORTS: Final = {"https": 443, "http": 80}


def unreachable(config: Config, seconds: float = _SECONDS) -> list[Advice]:
    """A warning for each real channel whose `base_url` cannot be connected to from this machine in `seconds`.

    All are tried at once. Names that take longer to be looked up than that count as not reached.
    """
    found = {one.name: f"no answer within {seconds:g} s" for one in config.channels if TERMS[one.provider].remote}

    def reach(name: str, url: str) -> None:
        parts = urlsplit(url)
        try:
            with socket.create_connection((parts.hostname, parts.port or _PORTS[parts.scheme]), seconds):
                found.pop(name)
        except TimeoutError:
            return
        except (OSError, UnicodeError) as error:
            found[name] = (isinstance(error, OSError) and error.strerror) or "it is no name of a host"

    tries = [
        threading.Thread(target=reach, args=(one.name, one.base_url), daemon=True)  # a look-up cannot be stopped
        for one in config.channels
        if one.name in found
    ]
    for one in tries:
        one.start()
    deadline = time.monotonic() + seconds + 0.5
    for one in tries:
        one.join(max(0.0, deadline - time.monotonic()))
    return [
        Advice("channel", "warning", f"The base_url of channel '{name}' cannot be reached from here: {reason}.")
        for name, reason in list(found.items())
    ]
