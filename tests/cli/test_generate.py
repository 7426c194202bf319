"""`telecine generate`: from a prompt to a file, and every way in which it can end."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import time
from pathlib import Path

import av
import msgspec
import pytest
from PIL import Image

from telecine.server.lock import read
from tests.cli.house import COMMAND, Served, begin, environment, good, seconds_of, telecine


@pytest.fixture
def boat(tmp_path: Path) -> Path:
    path = tmp_path / "boat.png"
    Image.new("RGB", (640, 360), (20, 40, 160)).save(path)
    return path


def _first_pixel(video: Path) -> tuple[int, int, int]:
    with av.open(video) as container:
        image = next(container.decode(video=0)).to_image()  # type: ignore[no-untyped-call]
    red, green, blue = image.getpixel((image.width // 2, image.height // 2))
    return red, green, blue


def test_a_picture_becomes_a_video_of_the_asked_length(served: Served, boat: Path) -> None:
    done = telecine(
        "generate",
        "a paper boat on a night sea",
        "--model=kling-v2-5-turbo",
        "--image=boat.png",
        "--seconds=5",
        "-o",
        "boat.mp4",
        cwd=boat.parent,
        TELECINE_DATA=str(served.data),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Saved boat.mp4 (5 s, ")
    lines = done.stderr.splitlines()
    assert lines[0] == "sending"
    assert lines[1].endswith("(kling-v2-5-turbo)")
    assert lines[-2:] == ["succeeded", "downloading"]
    video = boat.parent / "boat.mp4"
    assert seconds_of(video) == pytest.approx(5, abs=0.1)
    assert video.stat().st_mode & 0o777 == 0o644
    red, green, blue = _first_pixel(video)
    assert blue > 100
    assert red < 60
    assert green < 80


def test_without_a_server_it_brings_its_own_and_json_is_the_task(installed: Path) -> None:
    done = telecine("generate", "a boat", "--seconds", "5", "--json", "--data", installed, cwd=installed.parent)
    assert done.returncode == 0, done.stderr
    assert "sk-tc-" not in done.stderr
    task = msgspec.json.decode(done.stdout)
    assert (task["object"], task["status"], task["model"]) == ("task", "succeeded", "kling-v3")
    video = installed.parent / f"{task['id']}.mp4"
    assert video.stat().st_size == task["outputs"][0]["bytes"]
    assert seconds_of(video) == pytest.approx(5, abs=0.1)
    assert read(installed) is None
    again = telecine("tasks", "show", task["id"], "--json", "--data", installed, cwd=installed.parent)
    assert {**msgspec.json.decode(again.stdout), "outputs": []} == {**task, "outputs": []}  # links name another port
    assert "sk-tc-" not in again.stderr


def test_commands_share_the_server_of_a_generate_and_outlive_it(installed: Path) -> None:
    first = begin("generate", "a boat", "-o", "1.png", "--data", installed, cwd=installed.parent)
    until = time.monotonic() + 20
    while (holder := read(installed)) is None or not holder.address:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert holder.role == "generate"
    second = begin("generate", "a ship [[delay:1]]", "-o", "2.png", "--data", installed, cwd=installed.parent)
    good("tasks", "list", "--data", installed, cwd=installed.parent)
    for process, name in ((first, "1.png"), (second, "2.png")):
        _, told = process.communicate(timeout=30)
        assert process.returncode == 0, told
        assert (installed.parent / name).read_bytes().startswith(b"\x89PNG")


def test_a_terminal_shows_a_bar(served: Served, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "generate", "a boat", "-o", "boat.png", "--data", str(served.data)],
        cwd=tmp_path,
        env=environment(TERM="xterm", COLUMNS="100"),
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while chunk := os.read(ours, 65536):
                shown += chunk
        except OSError:  # the terminal is gone with its last user
            pass
        finally:
            os.close(ours)
        assert process.stdout is not None
        assert process.stdout.read().startswith("Saved boat.png")
        assert process.wait(10) == 0
    assert "━".encode() in shown
    assert b"%" in shown
    assert b"running" in shown


def test_an_image_is_asked_for_by_its_name_and_several_are_numbered(served: Served, tmp_path: Path) -> None:
    (tmp_path / "b-1.png").write_text("not wanted any more")
    printed = good("generate", "a boat", "--count", "2", "-o", "b.png", "--force", "--data", served.data, cwd=tmp_path)
    assert printed.count("Saved") == 2
    for name in ("b-1.png", "b-2.png"):
        with Image.open(tmp_path / name) as image:
            assert image.size == (1280, 720)
    assert len(list(tmp_path.iterdir())) == 2


def test_an_operation_is_given_its_files_by_their_roles(served: Served, boat: Path) -> None:
    arguments = ("--operation=try_on", "--input=person=boat.png", "--input=garment=boat.png", "-o", "worn.png")
    done = telecine("generate", *arguments, "--data", served.data, cwd=boat.parent)
    assert done.returncode == 0, done.stderr
    assert "kolors-virtual-try-on-v1" in done.stderr
    with Image.open(boat.parent / "worn.png") as image:
        assert image.size == (768, 1024)


def test_a_picture_is_described_into_a_text(served: Served, boat: Path) -> None:
    arguments = ("--operation=describe", "--input=image=boat.png", "-o", "boat.txt", "--data", served.data)
    assert "Saved boat.txt" in good("generate", *arguments, cwd=boat.parent)
    assert "mostly blue, 640 x 360 pixels" in (boat.parent / "boat.txt").read_text(encoding="utf-8")


def test_nothing_is_overwritten_without_force_and_nothing_is_made_in_vain(served: Served, tmp_path: Path) -> None:
    (tmp_path / "boat.png").write_text("mine")
    before = good("tasks", "list", "--limit", "1", "--json", "--data", served.data, cwd=tmp_path)
    for name, told in (("boat.png", "boat.png exists already; use --force"), ("no/boat.png", "There is no folder no.")):
        done = telecine("generate", "a boat", "-o", name, "--data", served.data, cwd=tmp_path)
        assert done.returncode == 2
        assert told in done.stderr
    after = good("tasks", "list", "--limit", "1", "--json", "--data", served.data, cwd=tmp_path)
    assert [one["id"] for one in msgspec.json.decode(after)["data"]] == [
        one["id"] for one in msgspec.json.decode(before)["data"]
    ]
    assert (tmp_path / "boat.png").read_text() == "mine"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["x", "--model", "nope"], 4, "There is no model 'nope'."),
        (["x", "--model", "sora-2", "--seconds", "7"], 4, "'sora-2' has no duration 7"),
        (["[[refuse:content_policy]]"], 4, "refuse with 'content_policy'"),
        (["[[fail:content_policy]]"], 1, "failed: The prompt asked the sandbox to fail with 'content_policy'."),
        (["x", "--image", "missing.png"], 2, "The image missing.png cannot be read: No such file or directory."),
        (["x", *("--image", "https://example.com/a.png") * 3], 2, "--image may be given twice"),
        (["x", "--timeout", "0.3"], 124, "Not done after 0.3 seconds. The task tsk_"),
        (
            ["x", "--server", "http://127.0.0.1:9", "--key", "k"],
            3,
            "The server at http://127.0.0.1:9 cannot be reached",
        ),
        (["x", "--server", "http://127.0.0.1:9"], 2, "--server needs an API key"),
        (["x", "--server", "ftp://127.0.0.1", "--key", "k"], 2, "not an http(s) URL"),
        (["x", "--count", "0"], 2, "--count"),
        (["--seconds", "5"], 2, "Missing argument 'PROMPT'"),
        (["--operation", "expand", "--model", "kling-expand"], 4, "The operation expand needs an inputs.image."),
    ],
)
def test_every_other_end_has_its_code_and_says_why(
    served: Served, tmp_path: Path, arguments: list[str], code: int, told: str
) -> None:
    done = telecine("generate", *arguments, "--data", served.data, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_leaves_the_task_and_says_how_to_pick_it_up(served: Served, tmp_path: Path) -> None:
    process = begin("generate", "a boat [[delay:20]]", "-o", "a.png", "--data", served.data, cwd=tmp_path)
    assert process.stderr is not None
    assert process.stderr.readline() == "sending\n"
    made = process.stderr.readline()
    task_id = made.split()[1]
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=20)
    assert process.returncode == 130
    assert told.splitlines()[-1] == (
        f"The task {task_id} goes on. Pick it up with: telecine tasks download {task_id} --data {served.data}"
    )
    shown = good("tasks", "show", task_id, "--json", "--data", served.data, cwd=tmp_path)
    assert msgspec.json.decode(shown)["status"] in ("queued", "running")


def test_a_remote_server_needs_only_its_url_and_a_key(served: Served, tmp_path: Path) -> None:
    remote = {"TELECINE_URL": served.address, "TELECINE_API_KEY": served.key("API key")}
    task_id = good("generate", "a boat", "-m", "storyboard-1", "--no-wait", cwd=tmp_path, **remote).strip()
    assert task_id in good("tasks", "list", cwd=tmp_path, **remote)
    assert list(tmp_path.iterdir()) == []
