"""What is left and what was spent, in each client's own form. The shapes are those of wire tables A.5.16, H.1, H.2."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from telecine.accounts.balances import Balance
from telecine.accounts.statement import Entry, EntryPage, KeyStanding
from telecine.config import PriceConfig
from telecine.dialects.billing import ACCOUNT, DASHBOARD, KLING_COSTS, RELAY
from telecine.dialects.openai import OPENAI
from tests.dialects.house import NOW, REQUEST_ID, House

PATHS = ("/kling/account/costs", "/account/costs")
SPAN = {"start_time": "0", "end_time": str(int(NOW * 1000))}
DAY = 86400.0


async def read(house: House, path: str, **params: str) -> Any:
    reply = await house.call("GET", path, params=params)
    assert reply.status_code == 200, reply.content
    return reply.json()


async def test_our_own_account() -> None:
    house = House(ACCOUNT)
    assert await read(house, "/v1/account") == {
        "object": "account",
        "name": "tests",
        "balance": "10.000000",
        "held": "0.350000",
        "spent": "1.250000",
        "available": "9.650000",
        "overdraft": "0.000000",
        "currency": "USD",
    }


async def test_an_account_without_a_limit_has_no_balance() -> None:
    house = House(ACCOUNT)
    house.accounts.has = Balance("tests", None, 350_000, 0, NOW)
    found = await read(house, "/v1/account")
    assert (found["balance"], found["available"], found["held"]) == (None, None, "0.350000")


async def test_an_account_that_owes_says_so() -> None:
    house = House(ACCOUNT)
    house.accounts.has = Balance("tests", -1_300_000, 200_000, 1_500_000, NOW)
    found = await read(house, "/v1/account")
    assert (found["balance"], found["available"], found["overdraft"]) == ("-1.300000", "-1.500000", "1.500000")


async def test_entries_are_the_accounts_own() -> None:
    house = House(ACCOUNT)
    house.accounts.page = EntryPage(
        [Entry("task-hold-7", "tests", "hold", "tsk_7", "0.000000", "0.350000", NOW)], True, "task-hold-7"
    )
    reply = await house.call(
        "GET", "/v1/account/entries", params={"limit": "1", "after": "task-charge-7"}, headers={"x-account": "12"}
    )
    assert house.accounts.paged == {"account_id": 12, "limit": 1, "after": "task-charge-7"}
    found = reply.json()
    assert (found["object"], found["has_more"], found["last_id"]) == ("list", True, "task-hold-7")
    assert found["data"][0]["task"] == "tsk_7"
    bad = await house.call("GET", "/v1/account/entries", params={"limit": "0"})
    assert (bad.status_code, bad.json()["error"]["param"]) == (400, "limit")


@pytest.mark.parametrize("prefix", ["/v1", ""])
async def test_the_dashboards_subscription(prefix: str) -> None:
    house = House(DASHBOARD)
    path = f"{prefix}/dashboard/billing/subscription"
    assert await read(house, path) == {
        "object": "billing_subscription",
        "has_payment_method": True,
        "soft_limit_usd": 10.9,
        "hard_limit_usd": 10.9,
        "system_hard_limit_usd": 10.9,
        "access_until": 0,
    }
    house.accounts.standing = KeyStanding("test", 5, None, NOW)
    found = await read(house, path)
    assert (found["hard_limit_usd"], found["access_until"]) == (100000000, int(NOW))


@pytest.mark.parametrize("prefix", ["/v1", ""])
async def test_the_dashboards_usage_is_in_hundredths(prefix: str) -> None:
    house = House(DASHBOARD)
    path = f"{prefix}/dashboard/billing/usage"
    assert await read(house, path) == {"object": "list", "total_usage": 125.0}
    await read(house, path, start_date="2025-11-01", end_date="2025-11-21")
    first = 1761955200.0
    await read(house, path, start_date="2025-11-01", end_date="2025-11-01")
    assert house.accounts.asked == [(None, None), (first, first + 20 * DAY), (first, first + DAY)]


async def test_what_is_left_is_the_limit_less_the_usage() -> None:
    house = House(DASHBOARD)
    limit = (await read(house, "/v1/dashboard/billing/subscription"))["hard_limit_usd"]
    used = (await read(house, "/v1/dashboard/billing/usage"))["total_usage"] / 100
    assert limit - used == pytest.approx(9.65)


@pytest.mark.parametrize("day", ["yesterday", "2025-13-01", "9999-12-32", "2025-11-21T00:00"])
async def test_the_dashboards_errors_come_with_200(day: str) -> None:
    found = await read(House(DASHBOARD), "/v1/dashboard/billing/usage", start_date=day)
    assert found["error"]["type"] == "invalid_request_error"
    assert "start_date" in found["error"]["message"]


@pytest.mark.parametrize("slash", ["", "/"])
async def test_a_relays_token(slash: str) -> None:
    house = House(RELAY)
    assert await read(house, f"/api/usage/token{slash}") == {
        "code": True,
        "message": "ok",
        "data": {
            "object": "token_usage",
            "name": "test",
            "total_granted": 5_450_000,
            "total_used": 625_000,  # 500000 = 1 USD
            "total_available": 4_825_000,
            "unlimited_quota": False,
            "model_limits": {},
            "model_limits_enabled": False,
            "expires_at": 0,
        },
    }
    house.accounts.standing = KeyStanding("test", 1_000_000, None, NOW)
    data = (await read(house, f"/api/usage/token{slash}"))["data"]
    assert (data["unlimited_quota"], data["total_used"], data["expires_at"]) == (True, 500_000, int(NOW))


async def test_what_is_overdrawn_is_nothing_left() -> None:
    house = House(RELAY, DASHBOARD, KLING_COSTS)
    house.accounts.standing = KeyStanding("test", 1_000_000, -200_000, None)
    house.accounts.has = Balance("tests", -200_000, 0, 1_000_000, 0.0)
    data = (await read(house, "/api/usage/token"))["data"]
    assert (data["total_granted"], data["total_available"]) == (500_000, 0)
    (pack,) = (await read(house, PATHS[0], **SPAN))["data"]["resource_pack_subscribe_infos"]
    assert (pack["remaining_quantity"], pack["total_quantity"], pack["status"]) == (0, 0.8, "runOut")


async def test_a_relays_prices() -> None:
    house = House(RELAY)
    house.usable = ["kling-v1", "made-up", "sora-2"]
    house.accounts.lines = [
        PriceConfig("kling-v1", "second", Decimal("0.07"), {"mode": "pro"}),
        PriceConfig("kling-v1", "second", Decimal("0.035")),
        PriceConfig("made-up", "million_input_tokens", Decimal(3)),
        PriceConfig("made-up", "million_output_tokens", Decimal(15)),
        PriceConfig("made-up", "million_cached_tokens", Decimal("0.3")),
    ]
    found = await read(house, "/api/pricing")
    assert found["success"] is True
    assert found["vendors"] == [{"id": 1, "name": "kling"}, {"id": 2, "name": "openai"}, {"id": 3, "name": "unknown"}]
    assert (found["group_ratio"], found["usable_group"]) == ({"default": 1}, {"default": "default"})
    assert found["supported_endpoint"] == {"openai-video": {"path": "/v1/videos", "method": "POST"}}
    kling, tokens, free = found["data"]
    assert (kling["model_name"], kling["quota_type"], kling["vendor_id"]) == ("kling-v1", 1, 1)
    assert kling["model_price"] == 0.175  # five seconds, the model's default
    assert kling["supported_endpoint_types"] == ["openai-video"]
    assert kling["enable_groups"] == ["default"]
    assert kling["prices"][0] == {"unit": "second", "price": "0.070000", "when": {"mode": "pro"}}
    assert (tokens["quota_type"], tokens["model_ratio"], tokens["completion_ratio"]) == (0, 1.5, 5)
    assert (tokens["cache_ratio"], tokens["create_cache_ratio"], tokens["audio_ratio"]) == (0.1, 0, 0)
    assert (free["quota_type"], free["model_price"], free["prices"]) == (1, 0, [])


async def test_relays_are_told_only_of_what_is_served() -> None:
    house = House(RELAY, OPENAI)
    found = await read(house, "/api/pricing")
    assert {kind for one in found["data"] for kind in one["supported_endpoint_types"]} == set(
        found["supported_endpoint"]
    )
    for where in found["supported_endpoint"].values():
        answer = await house.call(where["method"], where["path"], json={})
        assert answer.status_code == 400, where
    (picture,) = [one for one in found["data"] if one["model_name"] == "storyboard-1"]
    assert picture["supported_endpoint_types"] == []


async def test_a_relay_is_told_of_tokens_what_it_can_say() -> None:
    house = House(RELAY)
    house.usable = ["generated", "mixed"]
    house.accounts.lines = [
        PriceConfig("generated", "million_output_tokens", Decimal(15)),
        PriceConfig("generated", "million_audio_tokens", Decimal(40), hold=Decimal("0.1")),
        PriceConfig("mixed", "call", Decimal("0.5")),
        PriceConfig("mixed", "million_input_tokens", Decimal(3), {"mode": "pro"}),
    ]
    generated, mixed = (await read(house, "/api/pricing"))["data"]
    assert (generated["quota_type"], generated["model_price"]) == (1, 4.15)  # no ratio to what costs nothing
    assert [one["unit"] for one in generated["prices"]] == ["million_output_tokens", "million_audio_tokens"]
    assert (mixed["quota_type"], mixed["model_price"]) == (1, 0.5)


@pytest.mark.parametrize("path", PATHS)
async def test_klings_costs(path: str) -> None:
    house = House(KLING_COSTS)
    assert await read(house, path, **SPAN) == {
        "code": 0,
        "message": "SUCCEED",
        "request_id": REQUEST_ID,
        "data": {
            "code": 0,
            "msg": "",
            "resource_pack_subscribe_infos": [
                {
                    "resource_pack_name": "balance",
                    "resource_pack_id": "1",
                    "resource_pack_type": "decreasing_total",
                    "total_quantity": 11.25,
                    "remaining_quantity": 9.65,
                    "purchase_time": int((NOW - DAY) * 1000),
                    "effective_time": int((NOW - DAY) * 1000),
                    "invalid_time": 253402300799000,
                    "status": "online",
                }
            ],
        },
    }


async def test_klings_costs_may_be_asked_once_a_second() -> None:
    house = House(KLING_COSTS)
    mine, other = {"x-account": "71"}, {"x-account": "72"}
    for headers, status, wait in ((mine, 200, 0.4), (mine, 429, 0.0), (other, 200, 0.7), (mine, 200, 0.0)):
        reply = await house.call("GET", PATHS[0], params=SPAN, headers=headers)
        assert reply.status_code == status
        assert reply.json()["code"] == (0 if status == 200 else 1302)
        house.now += wait


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"start_time": "0"}, "end_time"),
        ({"end_time": "5"}, "start_time"),
        ({"start_time": "x", "end_time": "5"}, "start_time"),
        ({"start_time": "6", "end_time": "5"}, "end_time"),
        ({"start_time": "-1", "end_time": "5"}, "start_time"),
        ({"start_time": "1" * 16, "end_time": "5"}, "start_time"),
    ],
)
async def test_klings_costs_need_both_times(given: dict[str, str], field: str) -> None:
    house = House(KLING_COSTS)
    reply = await house.call("GET", PATHS[0], params=given)
    assert (reply.status_code, reply.json()["code"]) == (400, 1201)
    assert field in reply.json()["message"]


async def test_klings_packs_are_chosen_by_name_and_time() -> None:
    house = House(KLING_COSTS)
    for number, (given, count) in enumerate(
        (
            ({**SPAN, "resource_pack_name": "balance"}, 1),
            ({**SPAN, "resource_pack_name": "another"}, 0),
            ({"start_time": "0", "end_time": str(int((NOW - 2 * DAY) * 1000))}, 0),
        )
    ):
        house.now = NOW + 5 * number
        packs = (await read(house, PATHS[1], **given))["data"]["resource_pack_subscribe_infos"]
        assert len(packs) == count
