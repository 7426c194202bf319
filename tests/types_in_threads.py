"""What a test runs in fresh processes: whether threads ever build a msgspec type, and whether they survive it.

`python -m tests.types_in_threads race NAME` decodes one type first from many threads at once; `serve FOLDER` runs a
server through what it does in threads, and prints the types that one of them had to build.
"""

from __future__ import annotations

import json
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
from msgspec import _utils

DECODED = ("telecine.providers.sandbox.jobs:SandboxJob", "telecine.config.file:Config")
"""What threads decode."""
_NEW = "new"
_BUILDS = vars(_utils)["get_class_annotations"].__code__
"""What msgspec calls for each type that it builds, and for no other."""
_BODY = (
    b'{"tokens": {"input": 1}, "error": {"code": "internal", "message": "m"}, "channels": [{"name": "c"}], "keys": []}'
)


class Inner(msgspec.Struct):
    """A type that nobody has decoded before."""

    one: int


class New(msgspec.Struct):
    """The same."""

    inner: Inner | None = None


def built(during: Any) -> list[str]:
    """The types that msgspec builds while `during()` runs, in this thread and in those that start meanwhile."""
    found: list[str] = []

    def watch(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code is _BUILDS:
            thread = threading.current_thread().name
            found.append(f"{thread} {frame.f_locals['obj'].__qualname__}")

    threading.setprofile(watch)
    sys.setprofile(watch)
    try:
        during()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return found


def type_of(name: str) -> Any:
    """The type `module:name`, imported as the server does."""
    if name == _NEW:
        return New
    module, _, attribute = name.partition(":")
    __import__("telecine.server.gateway")
    return getattr(sys.modules[module], attribute)


def decode(kind: Any) -> None:
    """One decode; that the value is not whole does not matter, for the type is built before."""
    with suppress(msgspec.ValidationError):
        msgspec.json.decode(_BODY, type=kind)


def race(name: str) -> None:
    """Decode a type first from many threads at once, and say what of it was not built yet."""
    kind = type_of(name)
    sys.setswitchinterval(1e-6)
    ready: list[bool] = []

    def run() -> None:
        while not ready:
            pass
        for _ in range(20):
            decode(kind)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    ready.append(True)
    for thread in threads:
        thread.join()
    print("survived")  # noqa: T201


def serve(folder: Path) -> None:
    """A server with the sandbox, a reload and a large body, and what its threads built."""
    from tests.server.live import ADMIN_KEY, LiveServer

    def run() -> None:
        with LiveServer(folder) as server:
            prompts = ("a fox [[tokens:input=5]]", "a fox [[fail:content_policy]]", "a fox", "x" * 200_000)
            for prompt in prompts:
                made = server.call("POST", "/v1/tasks", {"model": "kling-v2-5-turbo", "prompt": prompt})
                if made.status == 200:
                    server.ended(made.json["id"])
            server.call("POST", "/admin/v1/reload", key=ADMIN_KEY)

    print(json.dumps([one for one in built(run) if not one.startswith(("MainThread", "LiveServer"))]))  # noqa: T201


if __name__ == "__main__":
    if sys.argv[1] == "race":
        race(sys.argv[2])
    elif sys.argv[1] == "built":
        kind = type_of(sys.argv[2])
        print(json.dumps(built(lambda: decode(kind))))  # noqa: T201
    else:
        serve(Path(sys.argv[2]))
