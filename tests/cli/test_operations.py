"""`telecine config`, `accounts` and `doctor`."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from telecine.server.lock import read
from tests.cli.house import good, server, telecine

KEY = "a-key-that-nobody-may-see-0123456789"
FILE = f"""
[[channels]]
name = "sandbox"
provider = "sandbox"
[[keys]]
name = "demo"
key = "{KEY}"
account = "bob"
"""


def test_a_configuration_is_checked_reloaded_and_listed(data: Path) -> None:
    where, file = data.parent, data.parent / "telecine.toml"
    file.write_text(FILE)
    alone = telecine("config", "check", file, "--data", data, cwd=where)
    assert (alone.returncode, alone.stderr) == (0, "The file is valid. No server runs to compare it with.\n")
    assert not data.exists()
    with server(data, "--config", str(file)):
        same = telecine("config", "check", file, "--data", data, cwd=where)
        assert (same.stdout, same.stderr) == ("", "This is what runs already.\n")
        file.write_text(FILE.replace(KEY, KEY + "x") + "[limits]\nbody = 9\n")
        differs = telecine("config", "check", file, "--data", data, cwd=where)
        assert differs.returncode == 0, differs.stderr
        assert differs.stdout == "keys 'demo' changed: key changed\nlimits 'body' changed: body 536870912 → 9\n"
        done = telecine("config", "reload", "--data", data, cwd=where)
        assert (done.returncode, done.stdout) == (0, differs.stdout)
        assert done.stderr == "Reloaded; this is revision 2.\n"
        file.write_text('currency = "EUR"\n' + FILE)
        for command, code in ((("check", file), 2), (("reload",), 4)):
            refused = telecine("config", *command, "--data", data, cwd=where)
            assert (refused.returncode, refused.stdout) == (code, "")
            assert 'counts in USD, and the configuration says currency = "EUR"' in refused.stderr
        other = 'provider = "kling"\nbase_url = "http://127.0.0.1:9"\napi_key = "k"'
        file.write_text(FILE.replace('provider = "sandbox"', other))
        for command, code in ((("check", file), 2), (("reload",), 4)):
            refused = telecine("config", *command, "--data", data, cwd=where)
            assert (refused.returncode, refused.stdout) == (code, "")
            assert "cannot change its provider" in refused.stderr
        file.write_text("[[channels]")
        for command, code in ((("check", file), 2), (("reload",), 4)):
            refused = telecine("config", *command, "--data", data, cwd=where)
            assert refused.returncode == code
            assert "is not valid" in refused.stderr
        listed = good("config", "revisions", "--json", "--data", data, cwd=where)
        assert KEY not in listed
        assert [one["number"] for one in _data(listed)] == [2, 1]
        assert "key changed" in good("config", "revisions", "--data", data, cwd=where)
        held = telecine("config", "rotate-secret", "--data", data, cwd=where)
        assert held.returncode == 1
        assert "already serves" in held.stderr


def test_without_a_server_there_is_nothing_to_reload(installed: Path) -> None:
    done = telecine("config", "reload", "--data", installed, cwd=installed.parent)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        1,
        "error: No server runs there; the next start reads the file anyway.",
    )
    assert read(installed) is None


def test_an_account_is_erased(installed: Path) -> None:
    where = installed.parent
    left = telecine("keys", "create", "k", "--account", "bob", "--new-account", "--data", installed, cwd=where)
    assert left.returncode == 0
    names = [one["name"] for one in _data(good("accounts", "list", "--json", "--data", installed, cwd=where))]
    assert names == ["bob", "default"]
    assert "name:         bob\n" in good("accounts", "show", "bob", "--data", installed, cwd=where)
    asked = telecine("accounts", "erase", "bob", "--data", installed, cwd=where)
    assert asked.returncode == 1
    done = good("accounts", "erase", "bob", "--yes", "--data", installed, cwd=where)
    assert done.startswith("The account 'bob' is erased; its ledger is kept as 'erased-")
    gone = telecine("accounts", "erase", "bob", "--yes", "--data", installed, cwd=where)
    assert (gone.returncode, gone.stderr) == (4, "error: There is no account 'bob'.\n")


def test_the_doctor_and_a_rotation(installed: Path) -> None:
    where = installed.parent
    good("keys", "list", "--data", installed, cwd=where)
    found = _data(good("doctor", "--json", "--data", installed, cwd=where))
    assert {one["name"] for one in found} >= {"steps", "disk", "channel"}
    assert "STATE" in good("doctor", "--data", installed, cwd=where)
    key = (installed / "secret.key").read_text()
    assert good("config", "rotate-secret", "--data", installed, cwd=where) == (
        "There is a new secret key; 2 are good now. The next start uses it.\n"
    )
    assert (installed / "secret.key").read_text().split()[1] == key
    good("keys", "list", "--data", installed, cwd=where)
    environment = telecine(
        "config", "rotate-secret", "--data", installed, cwd=where, TELECINE_SECRET_KEY="from-the-environment-0123"
    )
    assert environment.returncode == 2


def test_the_doctor_exits_with_1_where_something_is_wrong(installed: Path) -> None:
    where = installed.parent
    telecine("generate", "a boat", "--no-wait", "--data", installed, cwd=where)
    with closing(sqlite3.connect(installed / "telecine.db")) as database, database:
        database.execute("UPDATE schedule SET due = 1000")
    done = telecine("doctor", "--data", installed, cwd=where)
    assert done.returncode == 1, done.stderr
    assert "The most overdue step is" in done.stdout


def _data(printed: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = msgspec.json.decode(printed)["data"]
    return found
