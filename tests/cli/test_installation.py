"""Only `telecine serve` makes an installation: elsewhere every other command says so, and makes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer

from telecine.cli.app import tree
from tests.cli.house import Served, good, server, telecine

ARGUMENTS = {
    "generate": ["a paper boat"],
    "tasks show": ["tsk_0000000000001"],
    "tasks download": ["tsk_0000000000001"],
    "tasks cancel": ["tsk_0000000000001"],
    "keys create": ["bob"],
    "keys update": ["bob", "--max-tasks", "3"],
    "keys revoke": ["bob"],
    "accounts show": ["bob"],
    "accounts create": ["bob"],
    "accounts update": ["bob", "--max-tasks", "3"],
    "accounts deposit": ["bob", "5"],
    "accounts erase": ["bob", "--yes"],
    "assets add": [__file__],
    "assets show": ["asset_0000000000001"],
    "assets rename": ["asset_0000000000001", "boat.png"],
    "assets remove": ["asset_0000000000001"],
    "models show": ["sora-2"],
    "models discover": ["relay"],
    "workflows show": ["picture-book"],
    "workflows add": [str(Path(__file__).parents[2] / "docs/workflows/picture-book.json")],
    "workflows remove": ["picture-book"],
}
"""What commands need besides their names."""
ELSEWHERE = {"serve", "config check", "workflows check"}
"""The one that makes an installation, and those that need none."""


def commands(command: Any, path: str = "") -> list[str]:
    found: list[str] = []
    for name, one in getattr(command, "commands", {}).items():
        here = f"{path} {name}".strip()
        found += commands(one, here) if hasattr(one, "commands") else [here]
    return found


@pytest.mark.parametrize("command", [one for one in commands(typer.main.get_command(tree())) if one not in ELSEWHERE])
def test_no_other_command_makes_one(tmp_path: Path, command: str) -> None:
    done = telecine(*command.split(), *ARGUMENTS.get(command, []), "--data", "dtaa", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (5, ""), done.stderr
    assert done.stderr == (
        f"error: There is no Telecine in {tmp_path}/dtaa: it has no telecine.db. Name its data directory with --data "
        "or TELECINE_DATA, or a server with --server; `telecine serve` makes a new one.\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("left", [(), ("lock",), ("media/x", "notes.txt"), ("secret.key",)])
def test_a_folder_of_something_else_is_left_as_it_is(tmp_path: Path, left: tuple[str, ...]) -> None:
    for name in left:
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / name).write_text("w4tL0n8qZ2xV7bK3mR9cT1")
    before = sorted(tmp_path.rglob("*"))
    done = telecine("doctor", cwd=tmp_path, LC_ALL="zh_CN.UTF-8")
    assert (done.returncode, done.stdout) == (5, "")
    assert f"{tmp_path}/data 中没有 Telecine：找不到 telecine.db" in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("command", ["doctor", "keys list", "generate boat", "config rotate-secret"])
@pytest.mark.parametrize("secret", [None, "Vx3kQ9mT7rZ1bN5cL0wY8pD2"])
def test_an_empty_file_of_the_name_is_no_installation(tmp_path: Path, command: str, secret: str | None) -> None:
    """Whoever asks `sqlite3 telecine.db` something in the wrong folder leaves one."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "telecine.db").touch()
    variables = {"TELECINE_SECRET_KEY": secret} if secret and "secret" not in command else {}
    done = telecine(*command.split(), cwd=tmp_path, **variables)
    assert (done.returncode, "it has no telecine.db" in done.stderr) == (5, True), done.stderr
    assert [one.name for one in (tmp_path / "data").iterdir()] == ["telecine.db"]


@pytest.mark.parametrize("command", ["doctor", "keys create bob", "generate boat", "config rotate-secret"])
def test_where_the_secret_is_gone_that_is_said_and_nothing_made(installed: Path, command: str) -> None:
    (installed / "secret.key").unlink()
    (installed / "lock").unlink()
    before = sorted(installed.rglob("*"))
    done = telecine(*command.split(), cwd=installed.parent)
    assert (done.returncode, "There is no secret key in" in done.stderr) == (2, True), done.stderr
    assert sorted(installed.rglob("*")) == before


@pytest.mark.parametrize("content", [b"", b"SQLite no more"])
def test_an_empty_database_is_none_and_gets_no_keys(tmp_path: Path, content: bytes) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "secret.key").write_text("w4tL0n8qZ2xV7bK3mR9cT1-and-more")
    (data / "telecine.db").write_bytes(content)
    for command in (["keys", "list"], ["generate", "a boat"]):
        done = telecine(*command, cwd=tmp_path)
        assert done.returncode == (1 if content else 5), done.stderr
        assert "sk-tc-" not in done.stdout + done.stderr


def test_another_database_is_looked_into(installed: Path) -> None:
    url = f"sqlite:///{installed.parent}/other.db"
    done = telecine("keys", "list", "--data", installed, cwd=installed.parent, TELECINE_DATABASE_URL=url)
    assert (done.returncode, "TELECINE_DATABASE_URL" in done.stderr) == (5, True), done.stderr
    missing = telecine("keys", "list", "--data", "nope", cwd=installed.parent, TELECINE_DATABASE_URL=url)
    assert (missing.returncode, "it has no media" in missing.stderr) == (5, True)


def test_where_a_server_was_started_everything_is_found(installed: Path, tmp_path: Path) -> None:
    for command in (["ledger", "check"], ["doctor"], ["config", "revisions"], ["config", "rotate-secret"]):
        good(*command, cwd=tmp_path, TELECINE_DATA=str(installed))


def test_a_server_elsewhere_needs_no_data_here(served: Served, tmp_path: Path) -> None:
    key = served.key("admin key")
    remote = ("--server", served.address)
    tmp_path.chmod(0o500)
    for command in (["keys", "list"], ["doctor"], ["ledger", "check"], ["tasks", "list"], ["accounts", "balances"]):
        good(*command, *remote, cwd=tmp_path, TELECINE_API_KEY=key, TELECINE_DATA="nowhere")
    tmp_path.chmod(0o700)
    assert list(tmp_path.iterdir()) == []


FILE = """
[[channels]]
name = "sandbox"
provider = "sandbox"
priced = true
[[accounts]]
name = "free"
unlimited = true
[[keys]]
name = "free"
key = "q7Jc0vD2mXk9LrT4sWbN8a"
account = "free"
[[prices]]
model = "*"
unit = "call"
price = 1
"""


def test_a_command_that_was_not_given_the_file_leaves_alone_what_it_says(data: Path) -> None:
    file = data.parent / "telecine.toml"
    file.write_text(FILE)
    with server(data, "--config", str(file)) as running:
        assert running.end() == 0
    where = ("--data", data)
    assert good("accounts", "create", "bob", *where, cwd=data.parent) == (
        "The account 'bob' was made; it has 0.000000 to spend.\n"
    )
    listed = good("keys", "list", *where, cwd=data.parent)
    assert [line.split()[-1].endswith("UTC") for line in listed.splitlines() if " free " in line] != []
    assert "unlimited" in good("accounts", "show", "free", *where, cwd=data.parent)
    told = good("doctor", *where, "--config", file, cwd=data.parent)
    assert "1 account(s) are unlimited, as was said: free." in told
