"""Processes of ours that begin with everything imported: half of what a short command costs is its imports.

A process of its own has imported it all, once a session, and forks whenever one is wanted. What it forks is as good as
one that was started: its own process, with the arguments, the environment, the folder and the streams that it was
given, ended by signals, with an exit status. What imports themselves do, `tests/cli/test_imports.py` looks at in
processes that are started. Where there is no pidfd (anything but Linux) they are started here too.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO, Final

TELECINE: Final = "telecine"
CHILD: Final = "tests.server.child"
"""What can be run, as one would run it with `python -m`."""
_MAINS: Final = {TELECINE: "telecine.cli.app:main", CHILD: "tests.server.child:main"}
_ROOT: Final = Path(__file__).parents[1]
_MOST: Final = 1 << 20
"""Bytes of an order, with its environment."""


def start(
    what: str,
    arguments: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    stdout: int | IO[str] = subprocess.PIPE,
    stderr: int | IO[str] = subprocess.PIPE,
) -> Process:
    """`python -m what arguments`, under way; it heeds Ctrl-C, even where the suite does not."""
    if not hasattr(os, "pidfd_open"):
        return subprocess.Popen(
            [sys.executable, "-m", what, *arguments],
            cwd=cwd,
            env=env,
            stdout=stdout,
            stderr=stderr,
            text=True,
            preexec_fn=_heed_ctrl_c,  # noqa: PLW1509  no thread of this suite holds a lock that it needs
        )
    order = {"what": what, "argv": [what, *arguments], "cwd": str(cwd), "env": dict(env)}
    return Forked(order, stdout, stderr)


class Forked:
    """What of `subprocess.Popen` the tests use."""

    def __init__(self, order: Mapping[str, object], stdout: int | IO[str], stderr: int | IO[str]) -> None:
        self.args = order["argv"]
        self.returncode: int | None = None
        self.stdout, out = _stream(stdout)
        self.stderr, err = _stream(stderr)
        with Path(os.devnull).open() as nothing:
            self.pid = _nursery().fork(order, [nothing.fileno(), out, err])
        for given, end in ((stdout, out), (stderr, err)):
            if given == subprocess.PIPE:
                os.close(end)
        self._ended = os.pidfd_open(self.pid)

    def poll(self) -> int | None:
        """The exit status, or minus the signal that ended it; None while it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """The same, once it has ended. Raises `subprocess.TimeoutExpired`."""
        status = self._look(timeout)
        if status is None:
            raise subprocess.TimeoutExpired(str(self.args), timeout or 0.0)
        return status

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """All that it writes until it has ended. Raises `subprocess.TimeoutExpired`."""
        told = ["", ""]

        def read(index: int, stream: IO[str]) -> None:
            told[index] = stream.read()

        streams = [(index, one) for index, one in enumerate((self.stdout, self.stderr)) if one is not None]
        readers = [threading.Thread(target=read, args=one, daemon=True) for one in streams]
        for reader in readers:
            reader.start()
        self.wait(timeout)
        for reader in readers:
            reader.join(timeout)
        self._close()
        return told[0], told[1]

    def send_signal(self, number: int) -> None:
        """Nothing where it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def __enter__(self) -> Forked:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        self.wait()

    def _close(self) -> None:
        for stream in (self.stdout, self.stderr):
            if stream is not None:
                stream.close()

    def _look(self, timeout: float | None) -> int | None:
        if self.returncode is not None:
            return self.returncode
        waiting = select.poll()
        waiting.register(self._ended, select.POLLIN)
        if not waiting.poll(None if timeout is None else timeout * 1000):
            return None
        self.returncode = os.waitstatus_to_exitcode(_nursery().status(self.pid))
        os.close(self._ended)
        return self.returncode


Process = Forked | subprocess.Popen[str]


class _Nursery:
    """The process that forks, as this one sees it. What it has forked are its children: it alone knows how they end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.forks", str(theirs.fileno())],
                cwd=_ROOT,
                env={**os.environ, "LC_ALL": "C.UTF-8"},
                pass_fds=[theirs.fileno()],
                # Pipes, as what it forks has: an object that writes to a file would look for its place in it.
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )

    def fork(self, order: Mapping[str, object], files: list[int]) -> int:
        """The process's id."""
        with self._lock:
            socket.send_fds(self._socket, [json.dumps(order).encode()], files)
            return self._answer()

    def status(self, pid: int) -> int:
        """As `os.waitpid` says it, of one that has ended."""
        with self._lock:
            self._socket.send(json.dumps({"ended": pid}).encode())
            return self._answer()

    def _answer(self) -> int:
        told = self._socket.recv(64)
        assert told, self._process.communicate()[1]
        return int(told)


@cache
def _nursery() -> _Nursery:
    return _Nursery()


def _stream(wanted: int | IO[str]) -> tuple[IO[str] | None, int]:
    """What is read here, and what is written to there."""
    if isinstance(wanted, int):
        assert wanted == subprocess.PIPE
        ours, theirs = os.pipe()
        return os.fdopen(ours, encoding="utf-8"), theirs
    return None, wanted.fileno()


def _heed_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _main() -> None:
    """Fork until nobody asks for it any more; in what was forked, be what was asked for."""
    link = socket.socket(fileno=int(sys.argv[1]))
    for name in _MAINS.values():
        importlib.import_module(name.partition(":")[0])
    commands = importlib.import_module("telecine.cli")
    for module in pkgutil.iter_modules(commands.__path__, "telecine.cli."):
        importlib.import_module(module.name)
    gc.collect()
    gc.freeze()
    while run := _serve(link):
        if callable(run):
            run()
            return


def _serve(link: socket.socket) -> Callable[[], None] | bool:
    """Do what is asked next: True when it is done, False where nobody asks, and in a process that was forked what it is
    to do."""
    asked, files, _, _ = socket.recv_fds(link, _MOST, 3)
    if not asked:
        return False
    order = json.loads(asked)
    if "ended" in order:
        link.send(str(os.waitpid(order["ended"], 0)[1]).encode())
        return True
    if pid := os.fork():
        for file in files:
            os.close(file)
        link.send(str(pid).encode())
        return True
    link.close()
    for file, stream in zip(files, (0, 1, 2), strict=True):
        os.dup2(file, stream)
        os.close(file)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    time.tzset()
    tempfile.tempdir = None
    sys.argv[:] = order["argv"]
    _heed_ctrl_c()
    main: Callable[[], None] = pkgutil.resolve_name(_MAINS[order["what"]])
    return main


if __name__ == "__main__":
    _main()
