"""Money as clients and the operator meet it: refused, held, charged once, told in every form, and checked."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from telecine.accounts import audit
from telecine.accounts.audit import RULES
from telecine.config import ChannelConfig, Config, ConfigError, LimitsConfig, ModelMap, NetworkConfig, PriceConfig, load
from telecine.nouns import catalogue
from telecine.nouns.money import Price, amount_of, cost
from telecine.server.run import bind, serve
from telecine.store.database import Database
from telecine.upkeep.metering import check_metered, check_priced, is_exposed, is_published, unpriced
from tests.dialects.house import picture
from tests.records import snapshot, writing
from tests.server.live import ADMIN_KEY, NARROW_KEY, OTHER_KEY, LiveServer, kling_channel
from tests.server.process import ServerProcess
from tests.upstreams.kling import API_KEY, FakeKling

PATH = "/kling/v1/videos/text2video"
PRO = {"model_name": "kling-v2-5-turbo", "prompt": "a paper boat", "duration": "5", "mode": "pro"}
PRICES = """
[[prices]]
model = "kling-v2-5-turbo"
unit = "second"
price = 0.05
[[prices]]
model = "kling-v2-5-turbo"
unit = "second"
price = 0.07
when = { mode = "pro" }
"""
SPAN = "start_time=0&end_time=99999999999999"
KLING = ChannelConfig(name="kling", provider="kling", models=("kling-v1",))


def house(kling: FakeKling, balance: str, more: str = "") -> str:
    account = f'[[accounts]]\nname = "default"\nbalance = {balance}\n'
    return kling_channel(kling.base_url, API_KEY, more) + PRICES + account


def admin(server: LiveServer, path: str) -> Any:
    reply = server.call("GET", f"/admin/v1/{path}", key=ADMIN_KEY)
    assert reply.status == 200, reply
    return reply.json


def test_what_cannot_be_covered_is_refused_in_each_dialects_words(folder: Path, kling: FakeKling) -> None:
    image = base64.b64encode(picture()).decode()
    with LiveServer(folder, house(kling, "0.24")) as server:
        neutral = {"model": "kling-v2-5-turbo", "prompt": "a boat", "duration": 5}
        reply = server.call("POST", "/v1/tasks", neutral)
        assert (reply.status, reply.json["error"]["code"]) == (402, "insufficient_balance")
        assert "0.250000" in reply.json["error"]["message"]
        reply = server.call("POST", "/v1/videos", {"model": "kling-v2-5-turbo", "prompt": "a boat", "seconds": "5"})
        assert (reply.status, reply.json["error"]["code"]) == (402, "insufficient_quota")
        assert reply.json["error"]["type"] == "insufficient_quota"
        assert reply.headers["x-should-retry"] == "false"
        reply = server.call("POST", PATH, PRO)
        assert (reply.status, reply.json["code"]) == (429, 1101)
        reply = server.call("POST", "/kling/v1/videos/image2video", {**PRO, "image": image})
        assert (reply.status, reply.json["code"]) == (429, 1101)
        assert (server.count("tasks"), server.count("ledger_entries"), server.files()) == (0, 1, [])
        assert server.call("GET", "/v1/account").json["held"] == "0.000000"
        assert not [entry for entry in kling.journal if entry.kind != "query"]
        assert admin(server, "ledger/check")["ok"] is True


def test_a_whole_life_is_charged_once_and_told_in_every_form(folder: Path, kling: FakeKling) -> None:
    with LiveServer(folder, house(kling, "10", "unit_cost = 0.04")) as server:
        made = server.call("POST", PATH, {**PRO, "external_task_id": "mine"}).json["data"]["task_id"]
        task = server.call("GET", f"/v1/tasks/{made}").json
        assert task["cost"] == {"held": "0.350000", "charged": None, "currency": "USD"}
        assert server.call("GET", "/v1/account").json == {
            "object": "account",
            "name": "default",
            "balance": "10.000000",
            "held": "0.350000",
            "spent": "0.000000",
            "available": "9.650000",
            "overdraft": "0.000000",
            "currency": "USD",
        }
        kling.finish()
        task = server.ended(made)
        assert task["status"] == "succeeded"
        micros = cost(Price("second", 70_000), Decimal(str(task["usage"]["seconds"])))
        assert micros > 0
        assert task["cost"] == {"held": "0.350000", "charged": amount_of(micros), "currency": "USD"}
        account = server.call("GET", "/v1/account").json
        left = 10_000_000 - micros
        assert (account["balance"], account["held"], account["spent"]) == (
            amount_of(left),
            amount_of(0),
            amount_of(micros),
        )
        told(server, micros, left)
        entries = server.call("GET", "/v1/account/entries").json
        assert [(one["kind"], one["task"], one["amount"], one["held"]) for one in entries["data"]] == [
            ("charge", task["id"], amount_of(-micros), "-0.350000"),
            ("hold", task["id"], "0.000000", "0.350000"),
            ("deposit", None, "10.000000", "0.000000"),
        ]
        checked = admin(server, "ledger/check")
        assert (checked["ok"], checked["problems"]) == (True, [])
        assert [rule["rule"] for rule in checked["rules"]] == list(RULES)
        (margin,) = admin(server, "margins")["data"]
        assert margin == {
            "model": "kling-v2-5-turbo",
            "tasks": 1,
            "charged": amount_of(micros),
            "upstream_cost": "0.100000",  # 2.5 units
            "cost_known": 1,
            "margin": amount_of(micros - 100_000),
        }
        assert admin(server, f"margins?since={server.clock.now() + 60:.0f}")["data"] == []


def told(server: LiveServer, micros: int, left: int) -> None:
    """The charge in the forms of other people's clients."""
    used = server.call("GET", "/v1/dashboard/billing/usage").json["total_usage"]
    limit = server.call("GET", "/dashboard/billing/subscription").json["hard_limit_usd"]
    assert used == pytest.approx(micros / 10_000)
    assert limit == pytest.approx(10.0)
    later = "start_date=2999-01-01&end_date=2999-02-01"
    assert server.call("GET", f"/dashboard/billing/usage?{later}").json["total_usage"] == 0
    mine = server.call("GET", "/api/usage/token/").json["data"]
    assert (mine["name"], mine["total_used"], mine["total_available"]) == ("tests", micros // 2, left // 2)
    narrow = server.call("GET", "/api/usage/token", key=NARROW_KEY).json["data"]
    assert (narrow["total_used"], narrow["total_available"]) == (0, left // 2)
    assert (narrow["model_limits_enabled"], narrow["model_limits"]) == (True, {"sora-2": True})
    other = server.call("GET", "/api/usage/token", key=OTHER_KEY).json["data"]
    assert (other["unlimited_quota"], other["total_available"]) == (False, 0)  # nobody granted it anything
    (pack,) = server.call("GET", f"/kling/account/costs?{SPAN}").json["data"]["resource_pack_subscribe_infos"]
    assert (pack["total_quantity"], pack["remaining_quantity"]) == (10.0, left / 1_000_000)
    prices = {one["model_name"]: one for one in server.call("GET", "/api/pricing").json["data"]}
    assert prices["kling-v2-5-turbo"]["model_price"] == 0.25


def test_errors_of_balance_routes_are_in_their_own_envelopes(sandbox: LiveServer) -> None:
    envelopes: dict[str, Callable[[Any], bool]] = {
        "/v1/account": lambda body: body["error"]["code"] == "authentication",
        "/v1/dashboard/billing/usage": lambda body: body["error"]["code"] == "invalid_api_key",
        "/api/usage/token": lambda body: (body["code"], body["success"]) == (False, False),
        "/kling/account/costs": lambda body: body["code"] == 1002,
        "/account/costs": lambda body: body["code"] == 1002,
    }
    for path, right in envelopes.items():
        reply = sandbox.call("GET", path, key="sk-tc-nobody")
        assert reply.status == 401
        assert right(reply.json), path


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    with LiveServer(tmp_path_factory.mktemp("bank"), '[[accounts]]\nname = "default"\nbalance = 1\n') as server:
        yield server


def test_a_deposit_with_a_name_moves_once(bank: LiveServer) -> None:
    path = "/admin/v1/accounts/other/deposit"
    body = {"amount": "12.5", "ref": "invoice 1"}
    for _ in range(2):
        reply = bank.call("POST", path, body, key=ADMIN_KEY)
        assert (reply.status, reply.json["balance"], reply.json["available"]) == (200, "12.500000", "12.500000")
    reply = bank.call("POST", path, {**body, "amount": "13"}, key=ADMIN_KEY)
    assert (reply.status, reply.json["error"]["param"]) == (409, "ref")
    reply = bank.call("POST", "/admin/v1/accounts/default/deposit", body, key=ADMIN_KEY)
    assert reply.json["balance"] == "13.500000"  # another account's payments have names of their own
    assert bank.call("POST", path, {"amount": "-20"}, key=ADMIN_KEY).json["balance"] == "-7.500000"
    assert bank.call("GET", "/v1/account", key=OTHER_KEY).json["available"] == "-7.500000"
    assert admin(bank, "ledger/check")["ok"] is True


@pytest.mark.parametrize("amount", ["0", "ten", "1e3000", "NaN", "0.0000001", "10000000000", "", 5, None])
def test_what_is_no_amount_moves_nothing(bank: LiveServer, amount: object) -> None:
    before = bank.count("ledger_entries")
    reply = bank.call("POST", "/admin/v1/accounts/default/deposit", {"amount": amount}, key=ADMIN_KEY)
    assert reply.status == 400
    assert bank.count("ledger_entries") == before


@pytest.mark.parametrize("ref", ["", "x" * 201, "line\nbreak", "\0"])
def test_the_name_of_a_payment_is_a_line_of_text(bank: LiveServer, ref: str) -> None:
    body = {"amount": "1", "ref": ref}
    reply = bank.call("POST", "/admin/v1/accounts/default/deposit", body, key=ADMIN_KEY)
    assert (reply.status, reply.json["error"]["param"]) == (400, "ref")


def test_a_deposit_makes_no_account(bank: LiveServer) -> None:
    reply = bank.call("POST", "/admin/v1/accounts/defualt/deposit", {"amount": "1"}, key=ADMIN_KEY)
    assert reply.status == 404
    assert bank.call("POST", "/admin/v1/accounts/default/deposit", {"amount": "1"}).status == 403


def test_entries_are_paged_without_gaps(bank: LiveServer) -> None:
    for number in range(5):
        bank.call("POST", "/admin/v1/accounts/default/deposit", {"amount": f"{number + 1}"}, key=ADMIN_KEY)
    whole = [one["id"] for one in bank.call("GET", "/v1/account/entries?limit=100").json["data"]]
    seen, after = [], ""
    while True:
        page = bank.call("GET", f"/v1/account/entries?limit=2&after={quote(after)}").json
        seen += [one["id"] for one in page["data"]]
        if not page["has_more"]:
            break
        after = page["last_id"]
    assert seen == whole
    assert len(set(whole)) >= 6
    assert bank.call("GET", f"/v1/account/entries?after={quote(whole[0])}", key=OTHER_KEY).status == 404
    everybody = admin(bank, "ledger/entries?limit=1000")["data"]
    assert {one["id"] for one in everybody} >= set(whole)
    mine = admin(bank, "ledger/entries?account=default&limit=1000")["data"]
    assert [one["id"] for one in mine] == whole
    for nothing in ("x", "task-hold-1"):
        assert bank.call("GET", f"/v1/account/entries?after={nothing}").status == 404
    for control in ("%00", "manual-deposit-%00"):
        refused = bank.call("GET", f"/v1/account/entries?after={control}")
        assert (refused.status, refused.json["error"]["param"]) == (400, "after")
    assert bank.call("GET", "/admin/v1/ledger/entries?account=nobody", key=ADMIN_KEY).status == 404


@pytest.mark.parametrize("point", ["collecting", "charged"])
def test_killed_at_the_moment_of_collecting_it_is_charged_once(tmp_path: Path, kling: FakeKling, point: str) -> None:
    more = (
        f'{PRICES}[[accounts]]\nname = "default"\nbalance = 10\n[[keys]]\nname = "a"\nkey = "{ADMIN_KEY}"\nadmin = true'
    )
    process = ServerProcess(tmp_path, kling.base_url, API_KEY, channel=more)
    kling.autofinish(0.05)
    kling.hold("file")
    with process:
        status, answer = process.call("POST", PATH, PRO)
        assert status == 200, answer
        made = answer["data"]["task_id"]
        kling.wait_held("file")
        if point == "collecting":
            process.kill()
            kling.release("file", drop=True)
            process.start()
        else:
            kling.release("file")
            process.until(f"/v1/tasks/{made}", lambda task: task["status"] == "succeeded")
            process.kill()
            process.start()
        task = process.until(f"/v1/tasks/{made}", lambda task: task["status"] == "succeeded")
        charged = cost(Price("second", 70_000), Decimal(str(task["usage"]["seconds"])))
        assert task["cost"]["charged"] == amount_of(charged)
        _, page = process.call("GET", "/v1/account/entries")
        assert [one["kind"] for one in page["data"]] == ["charge", "hold", "deposit"]
        _, account = process.call("GET", "/v1/account")
        assert (account["balance"], account["held"]) == (amount_of(10_000_000 - charged), "0.000000")
        status, checked = process.call("GET", "/admin/v1/ledger/check", key=ADMIN_KEY)
        assert (status, checked["ok"]) == (200, True), checked
    assert len(kling.jobs) == 1


async def test_the_check_sees_one_moment(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'books.db'}")
    await database.open()
    try:
        async with snapshot(database) as before:
            assert await before.run_sync(audit.check) == []
            async with writing(database) as connection:
                await connection.exec_driver_sql(
                    "INSERT INTO accounts (id, name, created_at, limited, balance, held, spent, source)"
                    " VALUES (1, 'x', 0, 1, 5, 0, 0, 'admin')"
                )
            assert await before.run_sync(audit.check) == []
        async with snapshot(database) as after:
            (problem,) = await after.run_sync(audit.check)
        assert (problem.rule in RULES, problem.subject) == (True, "account x")
    finally:
        await database.close()


def test_the_currency_is_set_once(folder: Path) -> None:
    with LiveServer(folder, 'currency = "CNY"\n') as server:
        assert server.call("GET", "/v1/account").json["currency"] == "CNY"
        made = server.call("POST", "/v1/tasks", {"model": "sora-2", "prompt": "a boat"}).json
        assert made["cost"] == {"held": "0.000000", "charged": None, "currency": "CNY"}
        server._file.write_text(server._file.read_text().replace("CNY", "USD"))
        reply = server.call("POST", "/admin/v1/config/reload", key=ADMIN_KEY)
        assert reply.status == 400
        assert "set once" in reply.json["error"]["message"]
        assert server.call("GET", "/v1/account").json["currency"] == "CNY"
    with pytest.raises(ConfigError, match="counts in CNY"), LiveServer(folder):
        pass
    with LiveServer(folder, 'currency = "CNY"\n') as server:
        assert server.call("GET", "/v1/account").status == 200


def configured(*prices: str, **more: Any) -> Config:
    lines = tuple(PriceConfig(name, "call", Decimal(1)) for name in prices)
    return Config(channels=more.pop("channels", (KLING,)), prices=lines, **more)


@pytest.mark.parametrize(
    "good",
    [
        configured("kling-v1"),
        configured(allow_unmetered=True),
        configured(limits=LimitsConfig(require_price=True)),
        configured(channels=()),
        configured(channels=(ChannelConfig(name="s", provider="sandbox"),)),
        configured("sora-2", channels=(ChannelConfig("k", "kling", models=("sora-2-2025-12-08",)),)),
    ],
)
def test_what_is_counted_may_be_served_to_others(good: Config) -> None:
    check_metered(good, catalogue.load())


def test_what_nobody_counts_is_not_served_to_others() -> None:
    globs = ChannelConfig("k", "kling", models=("*", ModelMap("named", "kling-v1"), "kling-v1"))
    with pytest.raises(
        ConfigError, match=r"k: \*, k: named, k: kling-v1.*require_price = true.*allow_unmetered = true"
    ):
        check_metered(configured(channels=(globs,)), catalogue.load())


GLOBS = ChannelConfig("k", "kling", models=("*", ModelMap("named", "kling-v1"), "kling-v1"))


@pytest.mark.parametrize(
    ("prices", "without"),
    [
        (("kling-v1",), ["named"]),
        (("named",), ["kling-v1"]),
        (("kling",), ["named", "kling-v1"]),  # a slip of the pen is no glob
        (("kling-v1", "n?med"), []),
        (("*",), []),
        (("kling-*", "nam[a-f]d"), []),
    ],
)
def test_where_there_are_prices_a_real_model_has_one(prices: tuple[str, ...], without: list[str]) -> None:
    """The glob of a channel counts for nothing: what it serves beyond the prices is refused when it is asked for."""
    config = configured(
        *prices, channels=(GLOBS, ChannelConfig("s", "sandbox"), ChannelConfig("d", "kling", draining=True))
    )
    assert unpriced(config, catalogue.load()) == [(0, name) for name in without]
    check_metered(config, catalogue.load())
    if not without:
        check_priced(config, catalogue.load())
        return
    for more in ({}, {"allow_unmetered": True}, {"limits": LimitsConfig(require_price=True)}):
        with pytest.raises(ConfigError, match=f"none for k: {', k: '.join(without)}. .*'price = 0'") as caught:
            check_priced(msgspec.structs.replace(config, **more), catalogue.load())
        assert caught.value.path == ("channels", 0, "models")


def test_without_prices_nothing_needs_one() -> None:
    check_priced(configured(channels=(GLOBS,)), catalogue.load())


FREE = '[[prices]]\nmodel = "kling-v2-6"\nunit = "call"\nprice = 0\n'


def test_a_start_and_a_reload_want_a_price_for_every_model_by_name(folder: Path, kling: FakeKling) -> None:
    models = 'models = ["kling-v2-5-turbo", "kling-v2-6"]'
    config = house(kling, "1").replace('models = ["kling-*"]', models)
    with (
        pytest.raises(ConfigError, match=r"line 10 \(models\): .*none for kling-main: kling-v2-6"),
        LiveServer(folder, config),
    ):
        pass
    with LiveServer(folder, config + FREE) as server:
        made = server.call("POST", PATH, {**PRO, "model_name": "kling-v2-6"}).json["data"]["task_id"]
        assert server.call("GET", f"/v1/tasks/{made}").json["cost"]["held"] == "0.000000"
        server._file.write_text(server._file.read_text().replace(FREE, FREE.replace("kling-v2-6", "kling-v2-6 ")))
        reply = server.call("POST", "/admin/v1/config/reload", key=ADMIN_KEY)
        assert (reply.status, "kling-main: kling-v2-6" in reply.json["error"]["message"]) == (400, True)
        assert len(admin(server, "prices")["data"]) == 3


def test_what_only_a_glob_serves_has_a_price_or_is_refused(folder: Path, kling: FakeKling) -> None:
    with LiveServer(folder, house(kling, "1")) as server:
        for name in ("kling-v2-6", "kling-v9-of-next-year"):
            reply = server.call("POST", PATH, {**PRO, "model_name": name})
            assert (reply.status, reply.json["code"]) == (403, 1103), reply
            reply = server.call("POST", "/v1/tasks", {"model": name, "prompt": "a boat", "duration": 5})
            assert (reply.status, reply.json["error"]["code"]) == (403, "permission"), reply
        assert [one["id"] for one in server.call("GET", "/v1/models").json["data"]] == ["kling-v2-5-turbo"]
        server._file.write_text(server._file.read_text() + FREE.replace("v2-6", "v9*"))
        assert server.call("POST", "/admin/v1/config/reload", key=ADMIN_KEY).status == 200
        assert server.call("POST", PATH, {**PRO, "model_name": "kling-v9-of-next-year"}).status == 200
        assert server.call("POST", PATH, {**PRO, "model_name": "kling-v2-6"}).status == 403


def test_the_sandbox_is_free_beside_prices(folder: Path, kling: FakeKling) -> None:
    more = '[[channels]]\nname = "sandbox"\nprovider = "sandbox"\nmodels = ["sora-2", "sora-2-pro"]\npriced = true\n'
    price = '[[prices]]\nmodel = "sora-2-*"\nunit = "call"\nprice = 0.25\n'
    with LiveServer(folder, house(kling, "1") + more + price) as server:
        for name, held in (("sora-2", "0.000000"), ("sora-2-pro", "0.250000")):
            made = server.call("POST", "/v1/tasks", {"model": name, "prompt": "a boat [[delay:30]]"})
            assert (made.status, made.json["cost"]["held"]) == (200, held), made


def test_serve_refuses_other_machines_where_nobody_counts(tmp_path: Path) -> None:
    file = tmp_path / "telecine.toml"
    file.write_text(kling_channel("http://127.0.0.1:9", "k").replace("kling-*", "kling-v1"))

    def ready(_: object) -> None:
        raise AssertionError("it served")

    with pytest.raises(ConfigError, match="kling-main: kling-v1"):
        serve(load(tmp_path / "data", file, {}), "0.0.0.0", 0, ready)  # noqa: S104  that is the point
    assert not (tmp_path / "data" / "telecine.db").exists()


def test_only_loopback_addresses_are_ours_alone() -> None:
    for host, exposed in (("127.0.0.1", False), ("localhost", False), ("0.0.0.0", True)):  # noqa: S104
        with bind(host, 0) as listener:
            assert is_exposed(listener) is exposed


@pytest.mark.parametrize(
    ("config", "published"),
    [
        (Config(), False),
        (Config(public_url="http://127.0.0.1:8024"), False),
        (Config(public_url="http://[::1]:8024"), False),
        (Config(public_url="http://media.localhost"), False),
        (Config(public_url="https://media.example.com"), True),
        (Config(public_url="http://10.0.0.5:8024"), True),
        (Config(network=NetworkConfig(trusted_proxies=("127.0.0.1/32",))), True),
    ],
)
def test_a_proxy_lets_other_machines_in(config: Config, published: bool) -> None:
    assert is_published(config) is published


def test_a_reload_may_not_open_what_nobody_counts(folder: Path, kling: FakeKling) -> None:
    config = house(kling, "1").replace("kling-*", "kling-v2-5-turbo")
    with LiveServer(folder, config) as server:
        server.gateway.exposed = True
        server._file.write_text(server._file.read_text().replace(PRICES, ""))
        reply = server.call("POST", "/admin/v1/config/reload", key=ADMIN_KEY)
        assert (reply.status, "allow_unmetered" in reply.json["error"]["message"]) == (400, True)
        assert len(admin(server, "prices")["data"]) == 2


def test_many_creates_never_spend_more_than_there_is(folder: Path, kling: FakeKling) -> None:
    with LiveServer(folder, house(kling, "1")) as server:
        replies = [server.call("POST", PATH, PRO) for _ in range(4)]
        assert [reply.status for reply in replies] == [200, 200, 429, 429]
        kling.finish()
        for reply in replies[:2]:
            server.ended(reply.json["data"]["task_id"])
        assert admin(server, "ledger/check")["ok"] is True
        assert len(kling.jobs) == 2
