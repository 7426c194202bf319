"""The page "picture book", followed word for word from its workflow files to five pictures and a clip."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.cli.house import Served, environment, seconds_of, server
from tests.docs.test_docs import DOCS, ROOT, blocks

PAGE: Final = "docs/picture-book.md"
CHINESE: Final = "docs/picture-book.zh-CN.md"
PATH: Final = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


def run(command: list[str], folder: Path, **env: str) -> str:
    """What a command prints, run in a folder that looks like a checkout."""
    env = environment(PATH=PATH, NO_PROXY="127.0.0.1", PYTHONDONTWRITEBYTECODE="1", **env)
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    """The server that the first half of the page comes to, and what was printed until it started."""
    folder = tmp_path_factory.mktemp("book")
    (folder / "docs").mkdir()
    shutil.copytree(ROOT / "docs" / "workflows", folder / "docs" / "workflows")
    _, *shell, _, _, _ = blocks(PAGE, "sh")
    with server(folder / "data") as served:
        yield served, run(["bash", "-euc", "\n".join(shell)], folder)


def test_the_check_and_the_section_are_as_shown(followed: tuple[Served, str]) -> None:
    _, printed = followed
    assert re.search(r"^5:EmptyLatentImage.batch_size +5", printed, re.MULTILINE)
    (shown,) = blocks(PAGE, "text")
    assert shown in printed


def test_the_commands_make_five_pictures_and_a_clip(followed: tuple[Served, str]) -> None:
    served, _ = followed
    folder = served.data.parent
    run(["bash", "-euc", blocks(PAGE, "sh")[-3]], folder)
    pages = [(folder / f"page-{number}.png").read_bytes() for number in range(1, 6)]
    assert len(set(pages)) == 5
    assert all(page.startswith(b"\x89PNG") for page in pages)
    assert seconds_of(folder / "boat.mp4") == pytest.approx(2.0, abs=0.05)


def test_the_application_makes_five_pictures_and_a_clip(followed: tuple[Served, str]) -> None:
    served, _ = followed
    folder, key = served.data.parent, served.key("API key")
    (python,) = blocks(PAGE, "python")
    run([sys.executable, "-c", python.replace("http://127.0.0.1:8024", served.address)], folder, TELECINE_API_KEY=key)
    assert len({(folder / f"story-{number}.png").read_bytes() for number in range(1, 6)}) == 5
    assert seconds_of(folder / "story.mp4") == pytest.approx(2.0, abs=0.05)
    own, theirs = (block.replace("http://127.0.0.1:8024", served.address) for block in blocks(PAGE, "sh")[-2:])
    task = json.loads(run(["bash", "-euc", own], folder, TELECINE_API_KEY=key))
    assert (task["status"], len(task["outputs"])) == ("succeeded", 2)
    result = json.loads(run(["bash", "-euc", theirs], folder, TELECINE_API_KEY=key))
    assert (result["status"], [one["output_ext"] for one in result["outputs"]]) == ("Success", [".png"] * 5)
    assert result["cost_times"]["total_cost_time"] >= 0


def test_the_server_lists_and_shows_what_was_added(followed: tuple[Served, str]) -> None:
    folder = followed[0].data.parent
    listed = run(["telecine", "workflows", "list"], folder)
    assert re.search(r"^picture-book +37429 +image +5 +7 .*sandbox +api *$", listed, re.MULTILINE), listed
    shown = run(["telecine", "workflows", "show", "clip"], folder)
    assert re.search(r"^makes: +video$", shown, re.MULTILINE)
    assert re.search(r"^10:PrimitiveInt.value +duration +4", shown, re.MULTILINE)
    wrong = ["telecine", "workflows", "add", "docs/workflows/clip.json", "--name", "again", "--prompt", "66:A.b"]
    refused = subprocess.run(wrong, cwd=folder, env=environment(PATH=PATH), capture_output=True, text=True, check=False)
    assert (refused.returncode, "there is no node '66'" in refused.stderr) == (4, True), refused.stderr
    shell = "telecine workflows add docs/workflows/clip.json --name again --json && telecine workflows remove again"
    printed = run(["bash", "-euc", shell], folder)
    assert json.loads(printed.splitlines()[0])["web_app_id"] == "2"
    assert "has been removed" in printed


def test_both_languages_say_the_same() -> None:
    assert blocks(PAGE) == blocks(CHINESE)
    headings = [re.findall(r"^#+", DOCS[name], re.MULTILINE) for name in (PAGE, CHINESE)]
    assert headings[0] == headings[1]
