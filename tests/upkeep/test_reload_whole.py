"""A reload counts whole or not at all, never silences the next one, and pays nobody twice."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.house import good
from tests.cli.house import server as cli_server
from tests.records import writing
from tests.server.live import ADMIN_KEY, LiveServer, eventually, kling_channel
from tests.server.process import ServerProcess
from tests.upkeep.test_reload import CREATE, PATH, lines_until, reload
from tests.upstreams.kling import API_KEY, FakeKling

LATE = "late-key-w4tL0n8qZ2xV7bK3"


@pytest.fixture
def other() -> Iterator[FakeKling]:
    with FakeKling(api_key="key-of-the-other-account").in_thread() as fake:
        yield fake


def creates(kling: FakeKling) -> int:
    return len(kling.creates)


@pytest.mark.parametrize("unknown", [True, False])
def test_a_new_address_gets_none_of_the_old_ones_jobs(
    folder: Path, kling: FakeKling, other: FakeKling, unknown: bool
) -> None:
    config = kling_channel(kling.base_url, API_KEY) + "[limits]\nfirst_step = 0.2"
    with LiveServer(folder, config, patient=False) as server:
        if unknown:
            kling.hold("accepted")
        task = server.call("POST", PATH, CREATE).json["data"]["task_id"]
        text = server._file.read_text().replace(API_KEY, other.api_key)
        server._file.write_text(text)
        reload(server, (kling.base_url, other.base_url))
        eventually(lambda: kling.jobs, "the job at the old address")
        if unknown:
            kling.release("accepted", drop=True)
        kling.begin()
        kling.finish()
        assert server.ended(task)["status"] == "succeeded"
        assert (creates(kling), len(kling.jobs), creates(other), other.queries) == (1, 1, 0, 0)
        server.call("POST", PATH, CREATE)
        assert (creates(kling), creates(other)) == (1, 1)


def counts(server: LiveServer) -> tuple[Any, ...]:
    return (
        server.rows("SELECT name, revoked_at IS NULL FROM keys ORDER BY name"),
        server.rows("SELECT name, limited, balance FROM accounts ORDER BY name"),
        server.rows("SELECT name, slots FROM pools"),
        server.rows("SELECT name, active FROM channels"),
        server.count("config_revisions"),
        server.count("ledger_entries"),
    )


NEWS = f"""
[[keys]]
name = "late"
key = "{LATE}"
account = "late"
[[accounts]]
name = "late"
balance = 5
[[pools]]
name = "p"
slots = 3
"""


@pytest.mark.parametrize("table", ["keys", "ledger_entries", "config_revisions", "pools"])
def test_what_cannot_be_written_as_a_whole_is_not_written(
    folder: Path, kling: FakeKling, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    with LiveServer(folder, kling_channel(kling.base_url, API_KEY), patient=False) as server:
        before = counts(server)
        gone = server._file.read_text().replace('name = "narrow"', 'name = "small"')
        server._file.write_text(gone + NEWS)

        async def broken() -> None:
            async with writing(server.gateway.context.database) as connection:
                await connection.exec_driver_sql(
                    f"CREATE TRIGGER broken BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'no'); END"
                )

        async def mended() -> None:
            async with writing(server.gateway.context.database) as connection:
                await connection.exec_driver_sql("DROP TRIGGER broken")

        server.run(broken())
        assert server.run(server.gateway.upkeep.reload("SIGHUP")) is None
        assert counts(server) == before
        assert server.call("GET", "/v1/models", key=LATE).status == 401
        assert any(entry["event"] == "config_reload_failed" for entry in server.logs)
        assert server.run(server.gateway.upkeep.reload("SIGHUP")) is None
        server.run(mended())
        made = server.run(server.gateway.upkeep.reload("SIGHUP"))
        assert made is not None
        assert server.call("GET", "/v1/models", key=LATE).status == 200
        assert server.rows("SELECT limited, balance FROM accounts WHERE name = 'late'") == [(1, 5_000_000)]
        assert server.count("config_revisions") == 2


def test_a_name_that_no_key_can_have_changes_nothing(folder: Path, kling: FakeKling) -> None:
    with LiveServer(folder, kling_channel(kling.base_url, API_KEY), patient=False) as server:
        before = counts(server)
        server._file.write_text(server._file.read_text().replace('name = "narrow"', f'name = "{"n" * 101}"'))
        answer = server.call("POST", "/admin/v1/config/reload", key=ADMIN_KEY)
        assert (answer.status, "name of the key" in answer.json["error"]["message"]) == (400, True)
        assert counts(server) == before


def test_the_keys_file_may_not_repeat_the_admin_key_of_the_environment(folder: Path) -> None:
    file = folder / "telecine.toml"
    file.write_text(f'[[keys]]\nname = "a"\nkey = "{LATE}"\n')
    with (
        pytest.raises(AssertionError, match="TELECINE_ADMIN_KEY"),
        cli_server(folder / "data", "--config", str(file), TELECINE_ADMIN_KEY=LATE),
    ):
        pass


def test_sighup_is_heard_after_one_that_failed_in_an_unforeseen_way(tmp_path: Path, kling: FakeKling) -> None:
    with ServerProcess(tmp_path, kling.base_url, API_KEY, channel='models = ["kling-v1"]') as process:
        file, running = process._config, process._process
        assert running is not None
        good = file.read_text()
        file.write_text("a = " + "[" * 100_000)  # the parser of TOML runs out of stack
        running.send_signal(signal.SIGHUP)
        lines_until(process, "config_reload_failed")
        file.write_text(good.replace('["kling-v1"]', '["kling-v1", "kling-v2-5-turbo"]'))
        running.send_signal(signal.SIGHUP)
        lines_until(process, "config_reloaded")
        process.until("/v1/models", lambda found: len(found["data"]) == 2)


def test_a_start_says_loudly_whom_it_cannot_ask(folder: Path, kling: FakeKling) -> None:
    with LiveServer(folder, kling_channel(kling.base_url, API_KEY), patient=False) as server:
        assert server.call("POST", PATH, CREATE).status == 200
    with LiveServer(folder, kling_channel("http://127.0.0.1:9", API_KEY), patient=False) as server:
        (said,) = [entry for entry in server.logs if entry["event"] == "channels_missing"]
        assert (said["log_level"], said["tasks"]) == ("error", {"kling-main": 1})
        assert server.gateway.stranded == {"kling-main": 1}
        metrics = server.call("GET", "/metrics").content
        assert b'telecine_tasks_stranded{channel="kling-main"} 1.0' in metrics
        doctor = server.call("GET", "/admin/v1/doctor", key=ADMIN_KEY).json
        assert [one["level"] for one in doctor["data"] if "'kling-main', which" in one["what"]] == ["bad"]
    with LiveServer(folder, kling_channel(kling.base_url, API_KEY, "draining = true"), patient=False) as server:
        assert server.gateway.stranded == {}
        assert server.call("POST", PATH, CREATE).status == 404
        kling.begin()
        kling.finish()
        eventually(lambda: server.rows("SELECT state FROM tasks") == [("succeeded",)], "the old job, collected")
        assert server.call("GET", "/admin/v1/channels", key=ADMIN_KEY).json["data"][0]["draining"]


def test_the_banner_says_so_too(folder: Path) -> None:
    file = folder / "telecine.toml"
    file.write_text('[[channels]]\nname = "box"\nprovider = "sandbox"\n')
    where = ("--data", folder / "data", "--config", file)
    with cli_server(folder / "data", "--config", str(file)):
        good("generate", "a boat [[delay:500]]", "--no-wait", *where, cwd=folder)
    file.write_text(file.read_text().replace('"box"', '"other"'))
    with cli_server(folder / "data", "--config", str(file), LC_ALL="zh_CN.UTF-8"):
        assert "警告：渠道 “box”" in (folder / "serve.log").read_text()
    with cli_server(folder / "data", "--config", str(file)):
        assert "WARNING: nobody asks about 1 task(s) at the channel 'box'" in (folder / "serve.log").read_text()
