"""`telecine tasks`, `keys` and `channels`, with and without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from telecine import __version__
from telecine.server.lock import read
from tests.cli.house import Served, good, telecine


def test_keys_are_made_listed_and_revoked(served: Served, tmp_path: Path) -> None:
    made = telecine(
        "keys", "create", "bob", "--model", "sora-2", "--expires", "30d", "--data", served.data, cwd=tmp_path
    )
    assert made.returncode == 0
    key = made.stdout.strip()
    assert key.startswith("sk-tc-")
    listed = good("keys", "list", "--data", served.data, cwd=tmp_path)
    assert key not in listed
    assert "bob" in listed
    bob = next(
        one
        for one in _data(good("keys", "list", "--json", "--data", served.data, cwd=tmp_path))
        if one["name"] == "bob"
    )
    assert (bob["models"], bob["admin"], bob["account"]) == (["sora-2"], False, "default")
    assert bob["expires_at"] - bob["created_at"] == pytest.approx(30 * 86400, abs=60)
    assert (
        good("keys", "revoke", "bob", "--data", served.data, cwd=tmp_path)
        == f"Key 'bob' ({bob['id']}) has been revoked.\n"
    )
    again = telecine("keys", "revoke", "bob", "--data", served.data, cwd=tmp_path)
    assert (again.returncode, again.stderr) == (4, "error: There is no key 'bob'.\n")
    signing = good(
        "keys",
        "create",
        "eve",
        "--jwt",
        "--video-format",
        "relay",
        "--dialect",
        "ima",
        "--data",
        served.data,
        cwd=tmp_path,
    ).split()
    assert [len(one) > 30 for one in signing] == [True, True, True]
    (eve,) = (
        one
        for one in _data(good("keys", "list", "--json", "--data", served.data, cwd=tmp_path))
        if one["name"] == "eve"
    )
    assert (eve["access_key"], eve["video_format"], eve["dialect"]) == (signing[1], "relay", "ima")


def test_keys_and_accounts_are_bound_and_changed(served: Served, tmp_path: Path) -> None:
    def run(*command: object) -> str:
        return good(*map(str, command), "--data", served.data, cwd=tmp_path)

    limits = ("--rate-limit", "9/minute", "--token-limit", "7/hour", "--max-tasks", "3", "--ip", "127.0.0.0/8")
    made = msgspec.json.decode(
        run(
            "keys",
            "create",
            "ann",
            "--account",
            "anns",
            "--new-account",
            *limits,
            "--budget",
            "20.5",
            "--monthly-budget",
            5,
            "--json",
        )
    )
    assert made["limits"] == {
        "rate_limit": "9/minute",
        "token_limit": "7/hour",
        "max_tasks_in_flight": 3,
        "ips": ["127.0.0.0/8"],
        "budget": "20.500000",
        "monthly_budget": "5.000000",
    }
    told = run("keys", "update", "ann", "--unset", "ip", "--unset", "budget", "--max-tasks", 4, "--model", "sora-2")
    assert told.startswith(f"Key 'ann' ({made['id']}) has been changed.\nmodels:       sora-2\n")
    assert "max_tasks_in_flight: 4\n" in told
    assert not {"budget:", "ips:"} & set(told.split())
    assert made["key"] not in told
    told = run("accounts", "update", "anns", "--expires", "30d", "--monthly-budget", "100")
    assert told.startswith("The account 'anns' has been changed.\nexpires:")
    assert "monthly_budget: 100.000000\n" in run("accounts", "show", "anns")
    assert good("accounts", "update", "anns", "--expires=0s", "--data", served.data, cwd=tmp_path)
    late = telecine("tasks", "list", "--server", served.address, "--key", made["key"], cwd=tmp_path)
    assert (late.returncode, late.stderr) == (4, "error: The account of this API key has expired.\n")


def test_a_bound_that_cannot_be_is_refused(served: Served, tmp_path: Path) -> None:
    for options, code, why in (
        (("--unset", "name"), 2, "--unset name: it must be one of model, expires,"),
        (("--unset", "budget", "--budget", "5"), 2, "--budget and --unset budget exclude each other."),
        (("--rate-limit", "often"), 4, "rate_limit is not valid"),
        (("--budget", "-1"), 4, "budget is negative."),
    ):
        done = telecine("accounts", "update", "default", *options, "--data", served.data, cwd=tmp_path)
        assert (done.returncode, why in done.stderr) == (code, True), done.stderr


def test_a_key_works_until_it_is_revoked(served: Served, tmp_path: Path) -> None:
    made = good(
        "keys", "create", "eve", "--account", "eves", "--new-account", "--json", "--data", served.data, cwd=tmp_path
    )
    eve = msgspec.json.decode(made)
    theirs = ("tasks", "list", "--server", served.address, "--key", eve["key"])
    assert telecine(*theirs, cwd=tmp_path).stderr == "No tasks.\n"
    good("keys", "revoke", eve["id"], "--data", served.data, cwd=tmp_path)
    refused = telecine(*theirs, cwd=tmp_path)
    assert (refused.returncode, refused.stderr) == (4, "error: This API key has been revoked.\n")


@pytest.mark.parametrize("given", ["soon", "30", "-1d", "１d"])
def test_a_time_that_is_none_is_wrong_usage(data: Path, given: str) -> None:
    done = telecine("keys", "create", "bob", f"--expires={given}", "--data", data, cwd=data.parent, COLUMNS="200")
    assert done.returncode == 2
    assert "90s, 15m, 12h, 30d or 8w" in done.stderr
    assert not data.exists()


def test_tasks_are_listed_shown_and_cancelled(served: Served, tmp_path: Path) -> None:
    task_id = good("generate", "a boat [[delay:50]]", "--no-wait", "--data", served.data, cwd=tmp_path).strip()
    assert task_id.startswith("tsk_")
    listed = _data(good("tasks", "list", "--model", "sora-2", "--json", "--data", served.data, cwd=tmp_path))
    assert task_id in [one["id"] for one in listed]
    assert task_id in good("tasks", "list", "--data", served.data, cwd=tmp_path)
    shown = good("tasks", "show", task_id, "--data", served.data, cwd=tmp_path)
    assert f"id:           {task_id}\n" in shown
    assert "model:        sora-2\n" in shown
    early = telecine("tasks", "download", task_id, "--data", served.data, cwd=tmp_path)
    assert early.returncode == 4
    assert f"The task {task_id} has no files yet" in early.stderr
    cancelled = good("tasks", "cancel", task_id, "--data", served.data, cwd=tmp_path)
    assert cancelled == f"The task {task_id} is cancelled.\n"
    late = good("tasks", "cancel", task_id, "--data", served.data, cwd=tmp_path)
    assert late == f"The task {task_id} has already ended: cancelled.\n"


def test_everything_works_without_a_server_but_runs_no_task(installed: Path) -> None:
    where = installed.parent
    left = telecine("generate", "a boat", "--no-wait", "--data", installed, cwd=where)
    task_id = left.stdout.strip()
    assert f"The task {task_id} waits for the next `telecine serve`." in left.stderr
    assert good("keys", "create", "bob", "--data", installed, cwd=where).startswith("sk-tc-")
    cancelled = good("tasks", "cancel", task_id, "--data", installed, cwd=where)
    assert cancelled.startswith(f"The task {task_id} has been asked to stop; ")
    assert read(installed) is None


def test_a_task_that_is_not_there_is_refused(served: Served, tmp_path: Path) -> None:
    for command in ("show", "cancel", "download"):
        done = telecine("tasks", command, "tsk_0000000000001", "--data", served.data, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (4, "error: There is no such task, or it is not yours.\n")


def test_channels_are_listed_and_tested(served: Served, tmp_path: Path) -> None:
    assert [one["name"] for one in _data(good("channels", "list", "--json", "--data", served.data, cwd=tmp_path))] == [
        "sandbox"
    ]
    assert "sandbox" in good("channels", "list", "--data", served.data, cwd=tmp_path)
    assert "The sandbox is ready." in good("channels", "test", "--data", served.data, cwd=tmp_path)
    assert "speaks to its upstreams in one form." in good("channels", "probe", "--data", served.data, cwd=tmp_path)
    unknown = telecine("channels", "test", "nope", "--data", served.data, cwd=tmp_path)
    assert (unknown.returncode, unknown.stderr) == (4, "error: There is no channel 'nope'.\n")


def test_models_are_listed_and_shown(served: Served, tmp_path: Path) -> None:
    listed = _data(good("models", "list", "--json", "--data", served.data, cwd=tmp_path))
    assert ["sandbox"] in [one["channels"] for one in listed if one["name"] == "kling-v3"]
    shown = good("models", "show", "kling-v3", "--data", served.data, cwd=tmp_path)
    assert "text_to_video" in shown
    assert "durations:" in shown
    silent = telecine("models", "discover", "sandbox", "--data", served.data, cwd=tmp_path)
    assert (silent.returncode, "does not tell" in silent.stderr) == (4, True)


def test_a_channel_that_does_not_answer_is_exit_code_1(installed: Path) -> None:
    file = installed.parent / "telecine.toml"
    file.write_text(
        '[[channels]]\nname = "kling"\nprovider = "kling"\nbase_url = "http://127.0.0.1:9"\n'
        'api_key = "not-a-real-one"\nallow_private = true\n[[channels]]\nname = "sandbox"\nprovider = "sandbox"\n'
    )
    done = telecine("channels", "test", "--json", "--data", installed, "--config", file, cwd=installed.parent)
    assert done.returncode == 1, done.stderr
    assert [(one["name"], one["ok"]) for one in _data(done.stdout)] == [("kling", False), ("sandbox", True)]
    assert "not-a-real-one" not in done.stdout + done.stderr


def test_the_version_and_the_help(tmp_path: Path) -> None:
    assert good("--version", cwd=tmp_path) == f"telecine {__version__}\n"
    for command in (["serve"], ["generate"], ["tasks", "list"]):
        told = good(*command, "--help", cwd=tmp_path, COLUMNS="200")
        assert "--data" in told
        assert "--config" in told
    assert telecine("nonsense", cwd=tmp_path).returncode == 2
    assert list(tmp_path.iterdir()) == []


def _data(printed: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = msgspec.json.decode(printed)["data"]
    return found
