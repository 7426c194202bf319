"""`telecine ledger`, `prices` and `accounts deposit|balances`, with and without a server."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from tests.cli.house import Served, good, telecine

RULES = ["sums", "open holds", "unsettled ends", "ends", "charges", "budgets", "holds", "owners", "outcomes"]


def test_money_is_deposited_listed_and_checked(served: Served, tmp_path: Path) -> None:
    where = ("--data", served.data)
    good("keys", "create", "rich", "--account", "rich", "--new-account", *where, cwd=tmp_path)
    for _ in range(2):
        told = good("accounts", "deposit", "rich", "12.5", "--ref", "one", *where, cwd=tmp_path)
        assert told == "The account 'rich' has 12.500000 USD, of which 12.500000 can be spent.\n"
    good("accounts", "deposit", "rich", *where, "--", "-2.5", cwd=tmp_path)
    again = telecine("accounts", "deposit", "rich", "1", "--ref", "one", *where, cwd=tmp_path)
    assert (again.returncode, again.stderr) == (4, "error: 'one' was a deposit of 12.500000.\n")
    rows = good("accounts", "balances", *where, cwd=tmp_path).splitlines()
    assert rows[0].split() == ["NAME", "BALANCE", "HELD", "SPENT", "AVAILABLE"]
    assert ["rich", "10.000000", "0.000000", "0.000000", "10.000000"] in [row.split() for row in rows]
    assert ["default", "0.000000", "0.000000"] in [row.split() for row in rows]  # without a limit
    entries = msgspec.json.decode(good("ledger", "entries", "--account", "rich", "--json", *where, cwd=tmp_path))
    assert [one["amount"] for one in entries["data"]] == ["-2.500000", "12.500000"]
    assert "-2.500000" in good("ledger", "entries", "--limit", "1", *where, cwd=tmp_path)
    shown = good("ledger", "check", *where, cwd=tmp_path)
    assert [line.split("  ")[0].strip() for line in shown.splitlines()] == ["RULE", *RULES]


@pytest.mark.parametrize("amount", ["ten", "0", "0.0000001"])
def test_what_is_no_amount_is_refused(served: Served, tmp_path: Path, amount: str) -> None:
    done = telecine("accounts", "deposit", "default", amount, "--data", served.data, cwd=tmp_path)
    assert done.returncode == 4
    assert "amount" in done.stderr


def test_an_account_that_is_not_there_is_not_made(served: Served, tmp_path: Path) -> None:
    done = telecine("accounts", "deposit", "nobody", "5", "--data", served.data, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (4, "error: There is no account 'nobody'.\n")


def test_the_check_needs_no_server_and_tells_what_is_wrong(installed: Path) -> None:
    clean = msgspec.json.decode(good("ledger", "check", "--json", "--data", installed, cwd=installed.parent))
    assert clean["ok"] is True
    assert [(one["rule"], one["problems"]) for one in clean["rules"]] == [(rule, 0) for rule in RULES]
    with closing(sqlite3.connect(installed / "telecine.db")) as database, database:
        database.execute("UPDATE accounts SET balance = 5 WHERE name = 'default'")
    done = telecine("ledger", "check", "--data", installed, cwd=installed.parent)
    assert done.returncode == 1
    assert "sums: account default: balance is 5, its entries sum to 0\n" in done.stdout
    done = telecine("ledger", "check", "--json", "--data", installed, cwd=installed.parent)
    assert (done.returncode, msgspec.json.decode(done.stdout)["ok"]) == (1, False)


def test_prices_are_listed(installed: Path) -> None:
    file = installed.parent / "telecine.toml"
    file.write_text(
        '[[prices]]\nmodel = "kling-v1"\nunit = "second"\nprice = 0.07\nwhen = { mode = "pro", duration = 5 }\n'
        '[[prices]]\nmodel = "kling-v1"\nunit = "second"\nprice = 0.035\n'
    )
    rows = good("prices", "list", "--data", installed, "--config", file, cwd=installed.parent).splitlines()
    assert [row.split() for row in rows] == [
        ["MODEL", "UNIT", "PRICE", "WHEN"],
        ["kling-v1", "second", "0.070000", "mode=pro,", "duration=5"],
        ["kling-v1", "second", "0.035000"],
    ]
