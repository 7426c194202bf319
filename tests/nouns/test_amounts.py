"""An amount that is written as a text is plain decimal digits, whoever reads it."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from telecine.accounts.holders import NewAccount
from telecine.accounts.terms import AccountChanges, Changes
from telecine.admin.keys import NewKey, asked
from telecine.config import ConfigError
from telecine.config.load import parse
from telecine.nouns.amounts import decimal_of
from telecine.nouns.errors import GatewayError
from telecine.nouns.money import micros_of, units_of
from telecine.nouns.rate import rate_of

ODD = [
    "1_000",
    " 5 ",
    "5 ",
    "\t5",
    "5\n",
    "\u0661\u0662",  # Arabic-Indic digits
    "\uff15",  # a full-width five
    "\u096b.5",  # Devanagari
    "1e3",
    "1E-2",
    "+5",
    "--5",
    ".5",
    "5.",
    "1,5",
    "1.000,00",
    "0x10",
    "NaN",
    "sNaN",
    "Infinity",
    "-inf",
    "",
    "-",
    "9" * 41,
]
PRICE = '[[prices]]\nmodel = "m"\nunit = "million_input_tokens"\n'


@pytest.mark.parametrize("text", ODD)
def test_odd_amounts_are_refused_everywhere(text: str) -> None:
    for read in (decimal_of, micros_of):
        with pytest.raises(ValueError, match=r"is no amount: write plain digits, such as 12\.5"):
            read(text)
    if text not in ("1e3", "1E-2"):  # as machines write numbers
        assert units_of(text) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", "0"), ("12.5", "12.5"), ("-3.250000", "-3.25"), ("007", "7"), ("1000000000", "1000000000")],
)
def test_plain_amounts_are_read(text: str, number: str) -> None:
    assert decimal_of(text) == Decimal(number)
    assert micros_of(text) == Decimal(number) * 1_000_000


@pytest.mark.parametrize("text", ["1_000", " 5 ", "1e3", "\u0665", "+5", "NaN"])
@pytest.mark.parametrize(
    "file",
    [
        PRICE + "price = {}",
        PRICE + "price = 1\nhold = {}",
        PRICE + "price = 1\nmost = {}",
        '[[accounts]]\nname = "a"\nbalance = {}',
        '[[accounts]]\nname = "a"\nmonthly_budget = {}',
        '[[keys]]\nname = "a"\nkey = "sk-Zq8kT0vXw2LmN5rB7yUc"\nbudget = {}',
        '[[channels]]\nname = "c"\nprovider = "openai"\nbase_url = "https://x.example"\nunit_cost = {}',
    ],
)
def test_odd_amounts_stop_the_start(file: str, text: str) -> None:
    with pytest.raises(ConfigError, match="is no amount: write plain digits"):
        parse(file.format(f'"{text}"').encode(), Path("f"), {})


def test_amounts_of_the_file_may_be_texts_and_numbers() -> None:
    for number in ('"12.5"', "12.5"):
        assert parse((PRICE + f"price = {number}").encode(), Path("f"), {}).prices[0].price == Decimal("12.5")


@pytest.mark.parametrize("text", ["1_000", " 5 ", "1e3", "\\u0665", "+5", "NaN"])
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (NewKey, '{"name": "a", "limits": {"budget": "%s"}}'),
        (NewAccount, '{"name": "a", "limits": {"budget": "%s"}}'),
        (Changes, '{"limits": {"monthly_budget": "%s"}}'),
        (AccountChanges, '{"limits": {"budget": "%s"}}'),
    ],
)
def test_odd_amounts_of_the_admin_api_are_refused_by_name(kind: Any, body: str, text: str) -> None:
    with pytest.raises(GatewayError, match=r"budget: '.*' is no amount: write plain digits") as caught:
        asked((body % text).encode(), kind)
    assert (caught.value.code, caught.value.param) == ("invalid_request", body.split('"')[-4])
    assert asked((body % "12.5").encode(), kind)
    assert asked((body % "12.5").replace('"12.5"', "12.5").encode(), kind)


@pytest.mark.parametrize(
    "text", [" 600/minute", "600/minute\n", "6_0/minute", "\u0666/minute", "6e1/minute", "+6/minute"]
)
def test_odd_rates_are_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  some are the library's own words
        rate_of(text)
