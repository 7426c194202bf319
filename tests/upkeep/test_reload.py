"""A new configuration under a server that runs."""

from __future__ import annotations

import signal
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from telecine.config import Config, ConfigError, parse
from telecine.upkeep.reload import difference, masked
from tests.server.live import ADMIN_KEY, LiveServer, kling_channel
from tests.server.process import ServerProcess
from tests.upstreams.kling import API_KEY, FakeKling

PATH = "/kling/v1/videos/text2video"
CREATE = {"model_name": "kling-v2-5-turbo", "prompt": "a paper boat", "duration": "5"}
SECRET = "a-secret-that-nobody-may-see"
OLD = f"""
[[channels]]
name = "main"
provider = "kling"
base_url = "https://user:{SECRET}@kling.example/api"
api_key = "{SECRET}-1"
[[channels]]
name = "old"
provider = "kling"
base_url = "https://old.example"
[[keys]]
name = "demo"
key = "{SECRET}-of-demo"
[[prices]]
model = "kling-v2-5-turbo"
unit = "second"
price = 0.07
when = {{ duration = 5, mode = "pro" }}
"""
NEW = f"""
[[channels]]
name = "main"
provider = "kling"
base_url = "https://user:{SECRET}2@kling.example/v2"
api_key = "{SECRET}-2"
max_in_flight = 5
models = ["kling-v2-5-turbo", {{ public = "fast", upstream = "kling-v3" }}]
[[pools]]
name = "p"
slots = 3
[[keys]]
name = "demo"
key = "{SECRET}-of-demo-2"
budget = 2.5
[[prices]]
model = "kling-v2-5-turbo"
unit = "second"
price = 0.08
when = {{ duration = 5, mode = "pro" }}
[limits]
body = 1000
[retention]
link_days = 3
"""


def config(text: str) -> Config:
    return parse(text.encode(), Path("telecine.toml"), {})


def test_the_difference_says_everything_but_secrets() -> None:
    lines = [str(one) for one in difference(config(OLD), config(NEW))]
    assert SECRET not in "".join(lines)
    assert lines[0] == "channels 'old' removed"
    assert lines[1].startswith("channels 'main' changed: base_url https://kling.example/api → https://kling.example/v2")
    assert "api_key changed" in lines[1]
    assert "max_in_flight nothing → 5" in lines[1]
    assert lines[2:] == [
        "pools 'p' added",
        "keys 'demo' changed: key changed, budget nothing → 2.5",
        "prices 'kling-v2-5-turbo (duration = 5, mode = pro)' changed: price 0.07 → 0.08",
        "limits 'body' changed: body 536870912 → 1000",
        "retention 'link_days' changed: link_days 7 → 3 (from the next start on)",
    ]
    assert difference(config(NEW), config(NEW)) == []


def test_what_a_reload_judges_by_at_once_is_not_put_off() -> None:
    lines = [
        str(one) for one in difference(config(""), config('allow_unmetered = true\npublic_url = "https://a.example"'))
    ]
    assert lines == [
        "public_url changed: nothing → https://a.example (from the next start on)",
        "allow_unmetered changed: False → True",
    ]


def test_an_end_is_told_as_a_time() -> None:
    key = '[[keys]]\nname = "k"\nkey = "q7Jc0vD2mXk9LrT4sWbN8a"\n'
    (line,) = difference(config(key), config(f"{key}expires = 2027-01-31\nips = ['10.0.0.0/8']"))
    assert str(line) == "keys 'k' changed: ips nothing → [10.0.0.0/8], expires nothing → 2027-01-31 00:00:00+00:00"


def test_token_lines_and_limits_of_tokens_are_told_one_by_one() -> None:
    line = '[[prices]]\nmodel = "m"\nunit = "million_{}_tokens"\nprice = {}\n'
    key = '[[keys]]\nname = "k"\nkey = "w4tL0n8qZ2xV7bK3mR9cT1"\ntoken_limit = "{}/minute"\n'
    old = config(line.format("input", 3) + line.format("output", 15) + key.format(5))
    new = config(line.format("input", 3) + line.format("output", 16) + line.format("audio", 9) + key.format(7))
    masks = [masked(one, b"k" * 32) for one in (old, new)]
    assert [str(one) for one in difference(*masks)] == [
        "keys 'k' changed: token_limit 5/minute → 7/minute",
        "prices 'm by million_output_tokens' changed: price 15 → 16",
        "prices 'm by million_audio_tokens' added",
    ]


def test_a_masked_configuration_compares_as_the_real_one_does() -> None:
    sent = msgspec.json.encode(masked(config(OLD), b"k" * 32))
    assert f"{SECRET}-".encode() not in sent
    got = msgspec.json.decode(sent, type=Config)
    assert difference(got, masked(config(OLD), b"k" * 32)) == []
    assert difference(got, masked(config(NEW), b"k" * 32)) == difference(config(OLD), config(NEW))
    assert got.prices[0].price == Decimal("0.07")


@pytest.mark.parametrize(
    "text", ["[retention]\nbodies_days = -1", "[retention]\noutputs_days = 3", "[retention]\nlink_days = 0"]
)
def test_times_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="retention"):
        config(text)


def reload(server: LiveServer, change: tuple[str, str] = ("", "")) -> Any:
    """Change the server's file and let it read it again: the revision."""
    file = server._file
    text = file.read_text()
    assert change[0] in text
    file.write_text(text.replace(*change) if change[0] else text + change[1])
    answer = server.call("POST", "/admin/v1/config/reload", key=ADMIN_KEY)
    assert answer.status == 200, answer
    return answer.json["revision"]


def test_a_file_that_is_not_right_changes_nothing(folder: Path) -> None:
    with LiveServer(folder, patient=False) as server:
        before = server.call("GET", "/v1/models").json
        good = server._file.read_text()
        for bad in ("[[channels]", '[[channels]]\nname = "x"\nprovider = "nobody"', '[network]\nallow_private = ["x"]'):
            server._file.write_text(good + bad)
            answer = server.call("POST", "/admin/v1/config/reload", key=ADMIN_KEY)
            assert answer.status == 400, answer
        assert server.call("GET", "/v1/models").json == before
        revisions = server.call("GET", "/admin/v1/config/revisions", key=ADMIN_KEY).json["data"]
        assert [(one["number"], one["actor"]) for one in revisions] == [(1, "start")]
        server._file.write_text(good)
        assert reload(server) is None
        assert server.call("POST", "/admin/v1/config/reload").status == 403


def test_keys_limits_and_prices_change_at_once(folder: Path) -> None:
    with LiveServer(folder, patient=False) as server:
        made = reload(
            server, ("", '\n[limits]\njson_body = 100\n[[keys]]\nname = "late"\nkey = "late-key-w4tL0n8qZ2xV7bK3"\n')
        )
        assert (made["number"], made["actor"]) == (2, "boss")
        assert made["lines"] == ["keys 'late' added", "limits 'json_body' changed: json_body 67108864 → 100"]
        assert server.call("GET", "/v1/models", key="late-key-w4tL0n8qZ2xV7bK3").status == 200
        assert server.call("POST", "/v1/tasks", {"prompt": "x" * 200}).status == 413
        reload(server, ("late-key-w4tL0n8qZ2xV7bK3", "other-key-w4tL0n8qZ2xV7bK"))
        assert server.call("GET", "/v1/models", key="late-key-w4tL0n8qZ2xV7bK3").status == 401
        shown = server.call("GET", "/admin/v1/config/revisions", key=ADMIN_KEY)
        assert b"late-key" not in shown.content
        assert [one["number"] for one in shown.json["data"]] == [3, 2, 1]


def test_a_removed_channel_drains(folder: Path, kling: FakeKling) -> None:
    with LiveServer(folder, kling_channel(kling.base_url, API_KEY), patient=False) as server:
        task = server.call("POST", PATH, CREATE).json["data"]["task_id"]
        server._file.write_text(server._file.read_text().replace('models = ["kling-*"]', 'models = ["kling-v1"]'))
        made = reload(server, ('name = "kling-main"', 'name = "another"'))
        assert made["lines"] == ["channels 'kling-main' removed", "channels 'another' added"]
        assert server.call("POST", PATH, CREATE).status == 404
        doctor = server.call("GET", "/admin/v1/doctor", key=ADMIN_KEY).json
        assert any("no longer configured, or elsewhere, and 1 job" in one["what"] for one in doctor["data"])
        kling.begin()
        kling.finish()
        ended = server.ended(task)
        assert (ended["status"], len(ended["outputs"])) == ("succeeded", 1)
        assert len(server.files("*.mp4")) == 1


def test_what_runs_is_polled_with_the_new_credential(folder: Path, kling: FakeKling) -> None:
    with LiveServer(folder, kling_channel(kling.base_url, API_KEY), patient=False) as server:
        task = server.call("POST", PATH, CREATE).json["data"]["task_id"]
        kling.api_key = "another-key-of-the-upstream"
        made = reload(server, (API_KEY, "another-key-of-the-upstream"))
        assert made["lines"] == ["channels 'kling-main' changed: api_key changed"]
        kling.begin()
        kling.finish()
        assert server.ended(task)["status"] == "succeeded"


def test_a_channel_keeps_its_provider(folder: Path, kling: FakeKling) -> None:
    with LiveServer(folder, kling_channel(kling.base_url, API_KEY), patient=False) as server:
        text = server._file.read_text()
        server._file.write_text(text.replace('provider = "kling"', 'provider = "sandbox"'))
        answer = server.call("POST", "/admin/v1/config/reload", key=ADMIN_KEY)
        assert answer.status == 400
        assert "cannot change its provider" in answer.json["error"]["message"]


def test_a_larger_pool_lets_more_run(folder: Path, kling: FakeKling) -> None:
    with LiveServer(folder, kling_channel(kling.base_url, API_KEY, "max_in_flight = 1"), patient=False) as server:
        for _ in range(3):
            assert server.call("POST", PATH, CREATE).status == 200
        assert len(kling.jobs) == 1
        reload(server, ("max_in_flight = 1", "max_in_flight = 2"))
        deadline = time.monotonic() + 10
        while len(kling.jobs) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert len(kling.jobs) == 2
        assert server.rows("SELECT slots, used FROM pools") == [(2, 2)]


def test_sighup_reads_the_file_again(tmp_path: Path, kling: FakeKling) -> None:
    with ServerProcess(tmp_path, kling.base_url, API_KEY, channel='models = ["kling-v1"]') as process:
        file, running = process._config, process._process
        assert running is not None
        good = file.read_text()
        file.write_text("this is not TOML")
        running.send_signal(signal.SIGHUP)
        told = lines_until(process, "config_refused")
        assert models(process) == {"kling-v1"}
        file.write_text(good.replace('["kling-v1"]', '["kling-v1", "kling-v2-5-turbo"]'))
        running.send_signal(signal.SIGHUP)
        process.until("/v1/models", lambda found: len(found["data"]) == 2)
        told = lines_until(process, "config_reloaded")
        assert API_KEY not in told


def models(process: ServerProcess) -> set[str]:
    _, answer = process.call("GET", "/v1/models")
    return {one["id"] for one in answer["data"]}


def lines_until(process: ServerProcess, word: str) -> str:
    """What a process has logged, once `word` is in it."""
    log = process.data.parent / "stderr.log"
    deadline = time.monotonic() + 10
    while word not in (told := log.read_text()):
        assert time.monotonic() < deadline, told[-2000:]
        time.sleep(0.02)
    return told
