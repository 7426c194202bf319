"""`telecine assets`: how files go into the library, and what is told of them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner, Result

from telecine.cli import uploading
from telecine.cli.app import tree
from telecine.cli.asking import frame_inputs, role_inputs
from telecine.cli.failure import REFUSED, UNREACHABLE, USAGE, Failure, Unreachable
from telecine.cli.options import Target
from telecine.cli.pieces import Piece
from telecine.cli.uploading import ready, upload
from telecine.cli.wire import Asset, Error, PartDone, Upload
from tests.cli.house import Served
from tests.server.pictures import picture

CONTENT = bytes(range(256)) * 100


class Server:
    """Takes what it is sent. `trouble`: how many parts get lost on their way."""

    def __init__(self, *states: str, trouble: int = 0) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.got: dict[str, bytes] = {}
        self.there: list[PartDone] = []
        self.target = Target(server="http://it.example")
        self._states = list(states)
        self._trouble = trouble

    def ask(self, answer: type[Any], method: str, path: str, body: Any = None) -> Any:
        self.asked.append((method, path, body))
        if isinstance(body, Piece):
            with body.opened() as file:
                self.got[path] = file.read()
        if answer is Upload:
            return Upload(id="asset_1", bytes=len(CONTENT), part_size=10_000, parts=self.there)
        if answer is PartDone:
            if self._trouble:
                self._trouble -= 1
                raise Unreachable("it is starting", sent=True)
            return PartDone(1)
        status = self._states.pop(0) if self._states else "ready"
        error = Error("no picture", "invalid_request") if status == "failed" else None
        return Asset(id="asset_1", name="a", status=status, created_at=0.0, error=error)


class Told:
    """What was shown."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, float | None]] = []

    def show(self, status: str, per_cent: float | None) -> None:
        self.shown.append((status, per_cent))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "cat.png"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits."""
    monkeypatch.setattr(uploading, "_PAUSE", 0.0)


@pytest.mark.parametrize(("start", "size"), [(0, len(CONTENT)), (0, 10), (25_590, 10), (100, 0), (9_999, 7_000)])
def test_a_piece_is_those_bytes_each_time(file: Path, start: int, size: int) -> None:
    told: list[int] = []
    piece = Piece(file, start, size, "image/png", told.append)
    for _ in range(2):
        told.clear()
        with piece.opened() as opened:
            assert opened.read(7) + opened.read() == CONTENT[start : start + size]
        assert told[-1] == size
        assert told == sorted(told)


def test_a_small_file_goes_whole(file: Path) -> None:
    server, told = Server(), Told()
    asset = upload(server, file, {"name": "the cat", "kind": "image"}, told)  # type: ignore[arg-type]
    ((method, path, body),) = server.asked
    assert (method, path, body.content_type) == ("POST", "/v1/assets?name=the+cat&kind=image", "image/png")
    assert server.got == {path: CONTENT}
    assert (asset.status, told.shown[-1]) == ("ready", ("uploading", 100.0))


def test_what_nobody_knows_goes_as_bytes(tmp_path: Path) -> None:
    path, server = tmp_path / "notes.txt", Server()
    path.write_bytes(b"")
    upload(server, path, {}, Told())  # type: ignore[arg-type]
    assert server.asked[0][2].content_type == "application/octet-stream"


@pytest.mark.usefixtures("patient")
def test_a_large_one_goes_in_parts(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploading, "WHOLE", 20_000)
    server, told = Server(trouble=2), Told()
    upload(server, file, {"name": "cat.png"}, told)  # type: ignore[arg-type]
    parts = [f"/v1/assets/uploads/asset_1/parts/{number}" for number in (1, 2, 3)]
    assert [path for method, path, _ in server.asked if method == "PUT"] == [parts[0]] * 3 + parts[1:]
    assert b"".join(server.got[path] for path in parts) == CONTENT
    assert server.asked[0][2] == {"name": "cat.png", "bytes": len(CONTENT)}
    assert server.asked[-1] == (
        "POST", "/v1/assets/uploads/asset_1/complete", {"sha256": hashlib.sha256(CONTENT).hexdigest()},
    )  # fmt: skip
    assert told.shown[-1] == ("uploading", 100.0)


@pytest.mark.usefixtures("patient")
def test_a_server_that_is_away_for_long_ends_it(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploading, "WHOLE", 20_000)
    with pytest.raises(Failure, match=r"cat\.png --resume asset_1 --server http://it\.example") as failed:
        upload(Server(trouble=5), file, {}, Told())  # type: ignore[arg-type]
    assert failed.value.code == UNREACHABLE


def test_one_that_was_broken_off_goes_on(file: Path) -> None:
    server = Server()
    server.there = [PartDone(1), PartDone(3)]
    upload(server, file, {}, Told(), "asset://asset_1")  # type: ignore[arg-type]
    assert [(method, path) for method, path, _ in server.asked] == [
        ("GET", "/v1/assets/uploads/asset_1"),
        ("PUT", "/v1/assets/uploads/asset_1/parts/2"),
        ("POST", "/v1/assets/uploads/asset_1/complete"),
    ]
    file.write_bytes(b"another one")
    with pytest.raises(Failure, match=f"another file: one of {len(CONTENT)} bytes"):
        upload(server, file, {}, Told(), "asset_1")  # type: ignore[arg-type]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"none\.png cannot be read"):
        upload(Server(), tmp_path / "none.png", {}, Told())  # type: ignore[arg-type]


@pytest.mark.usefixtures("patient")
def test_it_is_waited_for(file: Path) -> None:
    server, told = Server("processing", "processing", "ready"), Told()
    asset = upload(server, file, {}, told)  # type: ignore[arg-type]
    assert ready(server, asset, told).status == "ready"  # type: ignore[arg-type]
    assert told.shown[-1] == ("processing", None)
    with pytest.raises(Failure, match="cannot be used: no picture") as failed:
        ready(Server("failed"), asset, told)  # type: ignore[arg-type]
    assert failed.value.code == REFUSED


def test_generate_names_them_as_they_are() -> None:
    assert frame_inputs(["asset://asset_1"]) == [{"role": "first_frame", "url": "asset://asset_1"}]
    assert role_inputs(["video=asset://asset_2"]) == [{"role": "video", "url": "asset://asset_2"}]


def run(served: Served, *arguments: str | Path) -> Result:
    """A command in this process. Raises Failure, as `main` takes it."""
    where = ("--server", served.address, "--key", served.key("API key"))
    done = CliRunner().invoke(tree(str(arguments[0])), [*map(str, arguments), *where])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def test_a_file_is_added_found_renamed_used_and_removed(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small, large = tmp_path / "cat.png", tmp_path / "dog.png"
    small.write_bytes(picture("PNG", (320, 200)))
    large.write_bytes(picture("PNG", (480, 480)))
    added = run(served, "assets", "add", small)
    name = added.stdout.strip()
    assert name.startswith("asset://asset_")
    assert "Added 'cat.png' (320x200, " in added.stderr
    monkeypatch.setattr(uploading, "WHOLE", 1000)
    parted = msgspec.json.decode(run(served, "assets", "add", large, "--name", "the dog", "--json").stdout)
    assert (parted["name"], parted["width"], parted["status"]) == ("the dog", 480, "ready")
    assert parted["sha256"] == hashlib.sha256(large.read_bytes()).hexdigest()
    listed = run(served, "assets", "list", "--search", "DOG").stdout
    assert parted["id"] in listed
    assert name.removeprefix("asset://") not in listed
    assert "called 'a cat' now" in run(served, "assets", "rename", name, "a cat").stderr
    shown = run(served, "assets", "show", name).stdout
    assert "name:         a cat\n" in shown
    assert "file:         320x200, " in shown
    target = tmp_path / "boat.mp4"
    made = run(served, "generate", "it sails", "--image", name, "--seconds", "4", "--output", target)
    assert made.exit_code == 0
    assert target.stat().st_size > 1000
    task = msgspec.json.decode(run(served, "tasks", "list", "--json", "--limit", "1").stdout)["data"][0]
    kept = msgspec.json.decode(run(served, "assets", "add", "--task", task["id"], "--json").stdout)
    assert (kept["kind"], kept["sha256"]) == ("video", task["outputs"][0]["sha256"])
    assert "files:        3 / 10000" in run(served, "assets", "quota").stdout
    for one in (name, parted["id"], kept["id"]):
        assert "was removed" in run(served, "assets", "remove", one).stderr
    assert "No files in the library." in run(served, "assets", "list").stderr
    with pytest.raises(Failure, match="There is no"):
        run(served, "assets", "show", name)


@pytest.mark.parametrize(
    "arguments",
    [(), ("a.png", "--task", "tsk_1"), ("a.png", "b.png", "--name", "x"), ("a.png", "b.png", "--resume", "x")],
)
def test_wrong_usage_is_told_before_anybody_is_asked(arguments: tuple[str, ...]) -> None:
    nobody = ("--server", "http://127.0.0.1:9", "--key", "k")
    done = CliRunner().invoke(tree("assets"), ["assets", "add", *arguments, *nobody])
    assert isinstance(done.exception, Failure)
    assert done.exception.code == USAGE
