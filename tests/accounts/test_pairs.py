"""Tokens that clients sign themselves: whose they are, what they need, and that they end with their key."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from telecine.accounts.keys import Keys
from telecine.accounts.pairs import Pair, check_token, new_pair, reseal, signer_of
from telecine.config import ConfigError, KeyConfig
from telecine.nouns.errors import GatewayError
from telecine.store import tables
from telecine.store.sealing import Seal
from tests.tasks.scripted import SEAL, House

NOW = 1_800_000_000.0
PAIR = Pair("a" * 32, "s3cret-0f-the-cl1ent-that-nobody-else-kn0ws")
HEADER = {"alg": "HS256", "typ": "JWT"}
KEY = "sk-0123456789-of-a-key-9876543210"


def token(claims: Any, secret: str = PAIR.secret_key, header: Any = HEADER) -> str:
    """A JWT, written out here so that the tests do not check a library against itself."""

    def part(value: bytes) -> str:
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()

    said = f"{part(json.dumps(header).encode())}.{part(json.dumps(claims).encode())}"
    return f"{said}.{part(hmac.new(secret.encode(), said.encode(), hashlib.sha256).digest())}"


def claims(now: float = NOW, **more: Any) -> dict[str, Any]:
    """What Kling's own clients say."""
    return {"iss": PAIR.access_key, "exp": int(now) + 1800, "nbf": int(now) - 5, **more}


def without(name: str) -> dict[str, Any]:
    return {one: value for one, value in claims().items() if one != name}


@pytest.mark.parametrize(
    "said",
    [
        claims(),
        without("nbf"),
        claims(exp=NOW - 29, nbf=NOW - 1800),
        claims(nbf=NOW + 30),
        claims(iat=int(NOW), aud="x", jti="1"),
        claims(exp=NOW + 0.5),
    ],
)
def test_what_a_client_signs_is_good(said: dict[str, Any]) -> None:
    check_token(token(said), PAIR.secret_key.encode(), NOW)


WRONG: dict[str, tuple[str, str | None]] = {
    "expired": (token(claims(exp=NOW - 30)), "authorization_expired"),
    "not valid yet": (token(claims(nbf=NOW + 31)), "authorization_early"),
    "no end": (token(without("exp")), "authorization_claims"),
    "no name": (token(without("iss")), "authorization_claims"),
    "an end that is a text": (token(claims(exp=str(NOW + 60))), "authorization_claims"),
    "an end that is null": (token(claims(exp=None)), "authorization_claims"),
    "claims that are none": (token([1]), "authorization_claims"),
    "another secret": (token(claims(), "another-secret-of-somebody-who-is-not-us"), None),
    "no signature": (token(claims()).rpartition(".")[0] + ".", None),
    "none": (token(claims(), header={"alg": "none"}), None),
    "another algorithm": (token(claims(), header={"alg": "HS512"}), None),
    "public keys": (token(claims(), header={"alg": "RS256"}), None),
    "what nobody understands": (token(claims(), header={**HEADER, "crit": ["x"], "x": 1}), None),
    "no algorithm": (token(claims(), header={}), None),
    "no header": ("." + token(claims()).partition(".")[2], None),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_not_right_is_refused_by_name(name: str) -> None:
    text, param = WRONG[name]
    with pytest.raises(GatewayError) as caught:
        check_token(text, PAIR.secret_key.encode(), NOW)
    assert (caught.value.code, caught.value.param) == ("authentication", param)


def test_only_tokens_name_a_signer() -> None:
    assert signer_of(token(claims())) == PAIR.access_key
    strange = [token({"iss": one}) for one in ("a\0b", "é", "\n", "a" * 129, 7, None)]
    for text in ("", "sk-tc-plain", "a.b", "a.b.c", "..", "a.!!.c", "a.é.c", token([]), *strange):
        assert signer_of(text) is None, text


def stored(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.glob("test.db*"))


async def test_a_key_with_a_pair_is_found_by_its_tokens(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        pair = new_pair()
        info, text = await house.keys.create("kling", pair=pair, models=["kling-v1"])
        assert info.access_key == pair.access_key
        now = house.clock.now()

        def signed(**more: Any) -> str:
            return token(claims(now, iss=pair.access_key, **more), pair.secret_key)

        assert await house.keys.check(signed()) == await house.keys.check(text)
        assert [one.access_key for one in await house.keys.list()] == [pair.access_key]
        for wrong in (token(claims(now)), token(claims(now, iss=pair.access_key)), signed() + "x"):
            with pytest.raises(GatewayError) as caught:
                await house.keys.check(wrong)
            assert (caught.value.code, caught.value.param) == ("authentication", None)
        with pytest.raises(GatewayError, match="admin"):
            await house.keys.create("admin", admin=True, pair=new_pair())
    assert pair.secret_key.encode() not in stored(tmp_path)
    assert pair.secret_key not in repr(pair)


async def test_a_token_ends_with_its_key(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        for name, expires_at in (("short", house.clock.now() + 10), ("long", None)):
            pair = new_pair()
            await house.keys.create(name, expires_at=expires_at, pair=pair)
            text = token(claims(house.clock.now(), iss=pair.access_key, exp=2**40), pair.secret_key)
            await house.keys.check(text)
            if expires_at is None:
                assert (await house.keys.revoke(name)).access_key is None
            house.clock.advance(10)
            with pytest.raises(GatewayError, match="expired" if expires_at else "not valid"):
                await house.keys.check(text)


async def test_a_token_is_worth_nothing_without_the_secret_that_it_is_checked_with(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        pair = new_pair()
        await house.keys.create("kling", pair=pair)
        lost = update(tables.keys).where(tables.keys.c.access_key == pair.access_key).values(secret_key=None)
        await house.database.change(lambda connection: connection.execute(lost))
        for secret in ("anything that is long enough to sign with", pair.secret_key):
            with pytest.raises(GatewayError, match="cannot be opened"):
                await house.keys.check(token(claims(house.clock.now(), iss=pair.access_key), secret))


async def test_a_key_that_looks_like_a_token_goes_on_working(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        text = token(claims())
        _, made = await house.keys.create("old", text=text)
        assert made == text
        assert (await house.keys.check(text)).name == "old"


async def test_pairs_of_the_configuration_come_and_go_with_it(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        now = house.clock.now()
        with_pair = KeyConfig("film", KEY, access_key=PAIR.access_key, secret_key=PAIR.secret_key)
        await house.configure(keys=[with_pair])
        assert (await house.keys.check(token(claims(now)))).name == "film"
        # another key takes the pair over, in one go
        other = KeyConfig("other", KEY[::-1], access_key=PAIR.access_key, secret_key=PAIR.secret_key)
        await house.configure(keys=[KeyConfig("film", KEY), other])
        assert (await house.keys.check(token(claims(now)))).name == "other"
        await house.configure(keys=[KeyConfig("film", KEY)])
        with pytest.raises(GatewayError, match="not valid"):
            await house.keys.check(token(claims(now)))
        pair = new_pair()
        await house.keys.create("here", pair=pair)
        stolen = KeyConfig("film", KEY, access_key=pair.access_key, secret_key=PAIR.secret_key)
        with pytest.raises(ConfigError, match="made here"):
            await house.configure(keys=[stolen])


async def test_a_rotation_seals_secret_keys_anew(tmp_path: Path) -> None:
    newest = b"n" * 32
    async with House(tmp_path).opened() as house:
        pair = new_pair()
        await house.keys.create("kling", pair=pair)
        await house.keys.create("plain")
        text = token(claims(house.clock.now(), iss=pair.access_key), pair.secret_key)
        assert await reseal(house.database, [newest, b"s" * 32]) == 1
        assert await reseal(house.database, [newest, b"s" * 32]) == 0
        after = Keys(house.database, house.clock, house.context.ids, Seal(newest))
        assert (await after.check(text)).name == "kling"
        before = Keys(house.database, house.clock, house.context.ids, SEAL)
        with pytest.raises(GatewayError, match="cannot be opened"):
            await before.check(text)
