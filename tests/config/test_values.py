"""A file whose values would only be found wrong by a request, or by the database, is refused as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from telecine.config import Config, ConfigError, load, parse
from telecine.upkeep.rules import check_config

GOOD = "w4tL0n8qZ2xV7bK3mR9cT1"
KEY = f'[[keys]]\nname = "a"\nkey = "{GOOD}"\n'
CHANNEL = '[[channels]]\nname = "c"\nprovider = "kling"\nbase_url = "https://kling.example"\n'
LONG = "n" * 101


def config(text: str) -> Config:
    found = parse(text.encode(), Path("telecine.toml"), {"BROKEN": "one\ntwo"})
    check_config(found)  # as `telecine config check`, a start and a reload do
    return found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[limits]\nfailed_authentication = 0", "failed_authentication is 0; it must be 1 or more"),
        ("[limits]\nfailed_authentication = -5", "failed_authentication is -5"),
        ("[limits]\nbody = -1", "body is -1"),
        ("[limits]\njson_body = 0", "json_body is 0"),
        ("[limits]\nshutdown = -1.0", "shutdown is -1"),
        ("[limits]\nfirst_step = inf", "first_step is inf"),
        ("[limits]\nunreachable = nan", "unreachable is nan"),
        ("[retention]\nevents_days = 10000000000", "events_days is 10000000000"),
        (KEY + KEY.replace('"a"', '"b"'), "'a' and 'b' have the same text"),
        ('[[accounts]]\nname = "x"\nbalance = 50\n[[accounts]]\nname = "x"', "more than one account named 'x'"),
        ('[[accounts]]\nname = "x"\nbalance = 10000000000000', "balance of account 'x' is more than"),
        ('[[accounts]]\nname = ""', "name of the account '' must have 1 to 100 printable characters"),
        ('[[accounts]]\nname = "a/b"', "name of the account 'a/b'"),
        ('[[accounts]]\nname = "erased-me"', "must not begin with 'erased-'"),
        ('[[accounts]]\nname = ".."', "must not be '.' or '..'"),
        (KEY + f'account = "{LONG}"', "name of the account"),
        (KEY.replace('"a"', f'"{LONG}"'), "name of the key"),
        (KEY.replace('"a"', '"a\\u0000b"'), "name of the key"),
        (KEY.replace('"a"', '" "'), "name of the key"),
        (KEY.replace(GOOD, "a" * 22), "too easy to guess.*openssl rand -base64 32.*telecine keys create"),
        (KEY.replace(GOOD, GOOD[:21]), "too easy to guess"),
        (KEY.replace(GOOD, f"{GOOD}\\n{GOOD}"), "line break"),
        (KEY + 'access_key = "ak"', "half a pair; add its secret_key"),
        (KEY + f'secret_key = "{GOOD}"', "half a pair; add its access_key"),
        (KEY + f'access_key = "ak"\nsecret_key = "{GOOD}"', "too easy to guess to sign with.*32 characters"),
        (KEY + f'access_key = "ak"\nsecret_key = "{"x" * 40}"', "too easy to guess to sign with"),
        (KEY + f'access_key = ""\nsecret_key = "{GOOD * 2}"', "access_key of key 'a' must have 1 to 128"),
        (KEY + f'access_key = "ak"\nsecret_key = "{GOOD}-{GOOD[::-1]}"\nadmin = true', "signs no tokens"),
        (KEY + 'video_format = "sora"', "video_format"),
        (KEY + 'dialect = "sora"', "dialect"),
        (KEY + "max_tasks_in_flight = 99999999999", "and at most 2147483647"),
        (KEY + "budget = 1e30", "budget is more than"),
        ('[[pools]]\nname = ""\nslots = 1', "name of the pool ''"),
        ('[[pools]]\nname = "p"\nslots = -1', "slots of pool 'p' is -1"),
        (CHANNEL.replace('"c"', '""'), "name of the channel ''"),
        (CHANNEL + "max_in_flight = -1", "max_in_flight of channel 'c' is -1"),
        (CHANNEL + "weight = 0", "weight of channel 'c' is 0"),
        (CHANNEL + "weight = 1" + "0" * 400, "weight of channel 'c'"),
        (CHANNEL + "models = []", r'serves no models; name some, write \["\*"\]'),
        (CHANNEL + 'models = [""]', "a model without a name"),
        (CHANNEL + 'models = [{ public = "m", slots = -1 }]', "slots of the model 'm' of channel 'c' is -1"),
        (CHANNEL + 'api_key = "one\\ntwo"', "api_key of channel 'c'.*line break"),
        (CHANNEL + 'api_key = "env:BROKEN"', "api_key of channel 'c'.*line break"),
        (CHANNEL + 'api_key = ""', "api_key of channel 'c' is empty"),
        (CHANNEL + "unit_cost = nan", "unit_cost of channel 'c' is not valid"),
        (CHANNEL.replace("kling.example", ""), "base_url of channel 'c' must be an address"),
        (CHANNEL.replace("https://kling.example", "kling.example"), "base_url of channel 'c' must be an address"),
        (CHANNEL.replace("kling.example", "kling.example:99999"), "base_url of channel 'c' must be an address"),
        (CHANNEL.replace("kling.example", "kling.example/?a=b"), "base_url of channel 'c' must end before"),
        ('public_url = "javascript:alert(1)"', "public_url 'javascript:"),
        ('public_url = ""', "public_url '' must be an address"),
        ('public_url = "https://"', "public_url 'https://' must be an address"),
        ('currency = ""', 'currency = "" is none'),
        ('[[prices]]\nmodel = ""\nunit = "call"\nprice = 1', "price names no model"),
        ('[[prices]]\nmodel = "m"\nunit = "call"\nprice = 1e30', "price of 'm'"),
    ],
)
def test_what_makes_no_sense_is_named_with_what_to_write(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"(?s){said}"):
        config(text)


def test_a_file_of_bytes_is_no_secret(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="cannot be read as text"):
        config(CHANNEL + f'api_key = "file:{tmp_path / "key"}"')


def test_what_makes_sense_is_taken() -> None:
    found = config(
        f'public_url = "https://media.example/base"\ncurrency = "CNY"\n{KEY}account = "Größe 工作室 (1)"\n'
        f'{CHANNEL}api_key = "k"\nmodels = []\ndraining = true\nmax_in_flight = 0\n[[pools]]\nname = "p"\nslots = 0\n'
        "[limits]\nshutdown = 0.0"
    )
    assert found.channels[0].draining


@pytest.mark.parametrize("name", ["TELECINE_ADMIN_KEY", "TELECINE_PUBLIC_URL"])
def test_the_environment_is_looked_at_too(name: str) -> None:
    with pytest.raises(ConfigError, match=r"easy to guess|must be an address"):
        load(environment={name: "a" * 40})
