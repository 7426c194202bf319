"""Nobody spends what nobody granted: what accounts begin with, in the file, over the API, and when prices come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.server.live import ADMIN_KEY, KEY, OTHER_KEY, Answer, LiveServer

PRICE = '[[prices]]\nmodel = "sora-2"\nunit = "call"\nprice = 0.25\n'
SANDBOX = '[[channels]]\nname = "sandbox"\nprovider = "sandbox"\npriced = true\nmodels = ["sora-2"]\n'
BODY = {"model": "sora-2", "prompt": "a boat [[delay:30]]"}
ACCOUNTS = "/admin/v1/accounts"


def admin(server: LiveServer, method: str, path: str, body: Any = None) -> Answer:
    return server.call(method, path, body, key=ADMIN_KEY)


def create(server: LiveServer, key: str) -> int:
    return server.call("POST", "/v1/tasks", BODY, key=key).status


def key_of(server: LiveServer, account: str, **more: Any) -> str:
    made = admin(server, "POST", "/admin/v1/keys", {"name": account, "account": account, **more})
    assert made.status == 201, made
    return str(made.json["key"])


def looked_at(server: LiveServer) -> list[tuple[str, str]]:
    found = admin(server, "GET", "/admin/v1/doctor").json["data"]
    return [(one["level"], one["what"]) for one in found if one["name"] == "accounts"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Any:
    accounts = (
        '[[accounts]]\nname = "rich"\nbalance = 1\n[[accounts]]\nname = "free"\nunlimited = true\n'
        '[[accounts]]\nname = "bounded"\nbudget = 100\n'
    )
    with LiveServer(tmp_path_factory.mktemp("shop"), SANDBOX + PRICE + accounts) as server:
        yield server


def test_where_there_are_prices_an_account_of_the_file_has_what_it_says(shop: LiveServer) -> None:
    assert create(shop, KEY) == 200  # the operator's own
    assert create(shop, OTHER_KEY) == 402  # named by a key only
    for name, status in (("rich", 200), ("free", 200), ("bounded", 402)):  # a budget bounds, it grants nothing
        assert create(shop, key_of(shop, name)) == status, name
    shown = {one["name"]: (one["balance"], one["unlimited"]) for one in admin(shop, "GET", ACCOUNTS).json["data"]}
    assert shown["default"] == (None, False)
    assert shown["free"] == (None, True)
    assert shown["other"] == shown["bounded"] == ("0.000000", False)


def test_accounts_are_made_over_the_api(shop: LiveServer) -> None:
    for name, more, balance, status in (
        ("poor", {}, "0.000000", 402),
        ("paid", {"balance": "0.5"}, "0.500000", 200),
        ("boundless", {"unlimited": True, "limits": {"rate_limit": "99/minute"}}, None, 200),
    ):
        made = admin(shop, "POST", ACCOUNTS, {"name": name, **more})
        assert (made.status, made.json["balance"], made.json["unlimited"]) == (201, balance, balance is None), made
        assert create(shop, key_of(shop, name)) == status, name
    assert made.json["limits"]["rate_limit"] == "99/minute"
    assert create(shop, key_of(shop, "new", new_account=True)) == 402
    assert admin(shop, "GET", "/admin/v1/ledger/check").json["ok"] is True


@pytest.mark.parametrize(
    ("wanted", "status", "param"),
    [
        ({"name": "default"}, 409, "name"),
        ({"name": "rich"}, 409, "name"),
        ({"name": "a/b"}, 400, "account"),
        ({"name": "x", "balance": "-1"}, 400, "balance"),
        ({"name": "x", "balance": "much"}, 400, "balance"),
        ({"name": "x", "balance": "1", "unlimited": True}, 400, "balance"),
        ({"name": "x", "limits": {"rate_limit": "often"}}, 400, "rate_limit"),
        ({"name": "x", "colour": 1}, 400, None),
        ({}, 400, None),
    ],
)
def test_what_is_no_account_is_not_made(shop: LiveServer, wanted: Any, status: int, param: str | None) -> None:
    before = shop.count("accounts")
    reply = admin(shop, "POST", ACCOUNTS, wanted)
    assert (reply.status, reply.json["error"]["param"]) == (status, param), reply
    assert shop.count("accounts") == before
    assert shop.call("POST", ACCOUNTS, {"name": "x"}).status == 403


def test_a_key_names_an_account_that_is_there(shop: LiveServer) -> None:
    for more in ({}, {"new_account": False}):
        reply = admin(shop, "POST", "/admin/v1/keys", {"name": "k", "account": "defualt", **more})
        assert (reply.status, reply.json["error"]["param"]) == (404, "account"), reply
    assert admin(shop, "GET", f"{ACCOUNTS}/defualt").status == 404


def test_to_be_unlimited_is_said_and_taken_back(shop: LiveServer) -> None:
    admin(shop, "POST", ACCOUNTS, {"name": "fickle"})
    key = key_of(shop, "fickle")
    for unlimited, status in ((True, 200), (False, 402), (True, 200)):
        changed = admin(shop, "PATCH", f"{ACCOUNTS}/fickle", {"unlimited": unlimited}).json
        assert (changed["unlimited"], changed["balance"] is None) == (unlimited, unlimited)
        assert create(shop, key) == status
    assert any("fickle" in what for level, what in looked_at(shop) if level == "info")
    paid = admin(shop, "POST", f"{ACCOUNTS}/fickle/deposit", {"amount": "0.3"})  # from now on it has what it has
    assert (paid.status, admin(shop, "GET", f"{ACCOUNTS}/fickle").json["unlimited"]) == (200, False)
    refused = admin(shop, "POST", f"{ACCOUNTS}/free/deposit", {"amount": "1"})
    assert (refused.status, "configuration file" in refused.json["error"]["message"]) == (409, True)


def test_without_prices_nothing_is_counted_and_when_they_come_who_is_there_goes_on_and_is_listed(folder: Path) -> None:
    with LiveServer(folder, SANDBOX) as server:
        key = key_of(server, "old", new_account=True)
        assert (create(server, key), create(server, OTHER_KEY)) == (200, 200)
        assert looked_at(server) == []
        server._file.write_text(server._file.read_text() + PRICE)
        assert admin(server, "POST", "/admin/v1/config/reload").status == 200
        assert (create(server, key), create(server, OTHER_KEY)) == (200, 200)
        assert create(server, key_of(server, "young", new_account=True)) == 402
        (found,) = looked_at(server)
        assert found[0] == "warning"
        assert found[1].startswith(
            "2 account(s) spend without limit, and nobody has said that they should: old, other."
        )
        admin(server, "PATCH", f"{ACCOUNTS}/old", {"unlimited": True})
        admin(server, "PATCH", f"{ACCOUNTS}/other", {"unlimited": False})
        assert looked_at(server) == [("info", "1 account(s) are unlimited, as was said: old.")]
        assert (create(server, key), create(server, OTHER_KEY)) == (200, 402)
        admin(server, "PATCH", f"{ACCOUNTS}/old", {"unlimited": False})
        assert looked_at(server) == [("ok", "No account but the operator's own spends without limit.")]


def test_what_the_file_said_it_can_take_back(folder: Path) -> None:
    said = '[[accounts]]\nname = "other"\nunlimited = true\n'
    with LiveServer(folder, SANDBOX + PRICE + said) as server:
        assert create(server, OTHER_KEY) == 200
        server._file.write_text(server._file.read_text().replace(said, ""))
        assert admin(server, "POST", "/admin/v1/config/reload").status == 200
        assert create(server, OTHER_KEY) == 402
        server._file.write_text(server._file.read_text() + said.replace("unlimited = true", "balance = 9"))
        assert admin(server, "POST", "/admin/v1/config/reload").status == 200
        assert create(server, OTHER_KEY) == 200
        assert admin(server, "GET", "/admin/v1/ledger/check").json["ok"] is True
