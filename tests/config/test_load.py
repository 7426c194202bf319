"""What the file may say of dates and of amounts."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import msgspec
import pytest

from telecine.config import Config, ConfigError, parse

KEY = '[[keys]]\nname = "a"\nkey = "q7Jc0vD2mXk9LrT4sWbN8a"\n'
PRICE = '[[prices]]\nmodel = "m"\nunit = "second"\n'


def config(text: str) -> Config:
    return parse(text.encode(), Path("telecine.toml"), {})


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("2027-01-31", datetime(2027, 1, 31, tzinfo=UTC)),
        ('"2027-01-31"', datetime(2027, 1, 31, tzinfo=UTC)),
        ("2027-01-31T18:00:00", datetime(2027, 1, 31, 18, tzinfo=UTC)),
        ("2027-01-31T18:00:00Z", datetime(2027, 1, 31, 18, tzinfo=UTC)),
        ('"2027-01-31T18:00:00+08:00"', datetime(2027, 1, 31, 18, tzinfo=timezone(timedelta(hours=8)))),
    ],
)
def test_an_end_is_a_date_or_a_date_time_and_utc_without_an_offset(said: str, meant: datetime) -> None:
    found = config(f'{KEY}expires = {said}\n[[accounts]]\nname = "film"\nexpires = {said}')
    assert found.keys[0].expires == found.accounts[0].expires == meant
    assert msgspec.json.decode(msgspec.json.encode(found), type=Config) == found


@pytest.mark.parametrize("said", ["18:00:00", '"soon"', "5", "true", "[]", "{}"])
def test_an_end_that_is_no_time_is_refused(said: str) -> None:
    with pytest.raises(ConfigError, match=r"\[\[keys\]\] 'a': expires must be a date"):
        config(f"{KEY}expires = {said}")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"{PRICE}price = 1000000001", "A price of 'm' is more than 1000000000"),
        (f"{PRICE}price = 1e999999", "A price of 'm' is not valid"),
        (f"{PRICE}price = nan", "A price of 'm' is not valid"),
        (f"{PRICE}price = -1", "A price of 'm' is negative"),
        (
            f"{PRICE}price = 1\nhold = 1e10",
            "The hold of a price of 'm' must be a number of units, from 0 to 1000000000",
        ),
        (f"{PRICE}price = 1000\nhold = 1e7", "The hold of a price of 'm' comes to more than 1000000000"),
        ('[[accounts]]\nname = "a"\nbalance = 1e13', "The balance of account 'a' is more than 1000000000000"),
        ('[[accounts]]\nname = "a"\nbudget = 1e13', "Account 'a': budget is more than 1000000000000"),
        ('[[accounts]]\nname = "a"\nips = ["10.0.0.1/8"]', "Account 'a': ips is not valid"),
        (f"{KEY}max_tasks_in_flight = 2147483648", "Key 'a': max_tasks_in_flight must be 1 or more, and at most"),
    ],
)
def test_what_the_books_could_not_hold_is_refused(text: str, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config(text)
    where, _, said = str(caught.value).partition(": ")
    assert said.startswith(why)
    assert re.fullmatch(r"telecine\.toml, line \d \(\w+\)", where)


def test_what_they_just_hold_is_not() -> None:
    found = config(f'{PRICE}price = 1000000000\nhold = 1\n[[accounts]]\nname = "a"\nbalance = 1000000000000')
    assert found.prices[0].hold == 1
