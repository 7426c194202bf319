"""`telecine config check` finds what a start refuses, and warns of what nothing is refused for."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import msgspec
import pytest

from tests.cli.house import telecine

KLING = '[[channels]]\nname = "k"\nprovider = "kling"\nbase_url = "http://127.0.0.1:9"\napi_key = "k"\n'
PRICE = '[[prices]]\nmodel = "{}"\nunit = "call"\nprice = 1\n'
VALID = "The file is valid. No server runs to compare it with.\n"


def check(folder: Path, text: str, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
    (folder / "telecine.toml").write_text(text)
    return telecine("config", "check", "telecine.toml", *options, cwd=folder, **env)


@pytest.mark.parametrize(
    ("text", "options", "told"),
    [
        ('public_url = "https://a.example"\n' + KLING, (), "line 2 (models): Other machines could spend"),
        (KLING, ("--host", "0.0.0.0"), "line 1 (models): Other machines could spend"),  # noqa: S104
        (
            KLING + 'models = ["kling-v1"]\n' + PRICE.format("kling-2"),
            (),
            "line 6 (models): There are prices, but none",
        ),
        (KLING.replace("api_key", "secret_key"), (), "line 1 (api_key): Channel 'k' has no credential"),
        (
            KLING + "wieght = 2\n",
            (),
            "line 6 (wieght): unknown field `wieght`; did you mean `weight`? Allowed here: name,",
        ),
        (
            PRICE.format("x").replace('"call"', '"calls"'),
            (),
            "'calls' is not known; did you mean `call`? Allowed here:",
        ),
        ("[[channels]", (), "is not valid"),
    ],
)
def test_what_a_start_refuses_is_refused_with_its_place(
    tmp_path: Path, text: str, options: tuple[str, ...], told: str
) -> None:
    done = check(tmp_path, text, "--offline", *options)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert told in done.stderr
    if not options:
        started = telecine("serve", "--port", "0", "--config", "telecine.toml", cwd=tmp_path)
        assert (started.returncode, started.stderr) == (2, done.stderr)
        assert not (tmp_path / "data" / "telecine.db").exists()


def test_a_variable_that_is_not_set_is_told_with_the_key_that_wants_it(tmp_path: Path) -> None:
    done = check(tmp_path, KLING.replace('api_key = "k"', 'api_key = "env:NOT_SET"'), "--offline")
    assert done.returncode == 2
    assert "line 5 (api_key): The channel 'k' reads its secret from $NOT_SET, which is not set." in done.stderr


@pytest.mark.parametrize("name", ["TELECINE_SECRET_KEY", "TELECINE_ADMIN_KEY"])
def test_a_secret_of_the_environment_that_a_start_refuses_is_refused(tmp_path: Path, name: str) -> None:
    done = check(tmp_path, "", "--offline", **{name: "secret"})
    assert (done.returncode, f"{name} is too easy to guess" in done.stderr) == (2, True), done.stderr
    started = telecine("serve", "--port", "0", "--config", "telecine.toml", cwd=tmp_path, **{name: "secret"})
    assert (started.returncode, started.stderr) == (2, done.stderr)


def test_warnings_are_told_and_change_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        there = KLING.replace('"k"\n', '"there"\n', 1).replace(":9", f":{port}")
        nowhere = there.replace("there", "nowhere").replace(f"127.0.0.1:{port}", "no-such-host.invalid")
        account = '[[accounts]]\nname = "studio"\nunlimited = true\n'
        text = KLING + there + nowhere + PRICE.format("*") + PRICE.format("").replace('""', '"kling-*"') + account
        done = check(tmp_path, text)
        assert (done.returncode, done.stdout) == (0, ""), done.stderr
        lines = done.stderr.splitlines()
        assert lines[0] == "warning: The account 'studio' may spend without limit, as the file says."
        assert lines[1] == "warning: The base_url of channel 'k' cannot be reached from here: Connection refused."
        assert lines[2].startswith("warning: The base_url of channel 'nowhere' cannot be reached from here: ")
        assert "no-such-host" not in done.stderr
        assert lines[3] + "\n" == VALID
        listener.settimeout(20)
        connection, _ = listener.accept()
        with connection:
            assert connection.recv(1) == b""  # opened, and nothing sent
    sandbox = '[[channels]]\nname = "s"\nprovider = "sandbox"\nmodels = ["sora-2"]\n'
    done = check(tmp_path, sandbox + PRICE.format("sora2"), "--json", TELECINE_CONFIG="telecine.toml")
    told = msgspec.json.decode(done.stdout)
    assert (done.returncode, told["valid"], [one["level"] for one in told["warnings"]]) == (0, True, ["warning"])
    assert told["warnings"][0]["what"].endswith("the nearest is 'sora-2'.")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["telecine.toml"]


def test_the_file_is_that_of_the_environment_or_missing(tmp_path: Path) -> None:
    assert telecine("config", "check", cwd=tmp_path).returncode == 2
    (tmp_path / "a.toml").write_text("")
    done = telecine("config", "check", cwd=tmp_path, TELECINE_CONFIG="a.toml")
    assert (done.returncode, done.stderr) == (0, VALID)
    missing = telecine("config", "check", "b.toml", cwd=tmp_path)
    assert (missing.returncode, "cannot be read" in missing.stderr) == (2, True)


def test_the_currency_of_the_books_counts_though_no_server_runs(installed: Path) -> None:
    done = check(installed.parent, 'currency = "EUR"\n')
    assert done.returncode == 2
    assert "line 1 (currency): This installation counts in USD" in done.stderr
