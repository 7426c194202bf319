"""Signing in, and telling genuine callbacks."""

from __future__ import annotations

import jwt
import msgspec
import pytest

from telecine.net.client import Client
from telecine.providers.base import Channel, Provider
from telecine.providers.http import HttpProvider
from telecine.providers.kling import KLING
from telecine.providers.outcomes import Accepted, Running
from tests.clock import HandClock
from tests.providers.kling.requests import job, submission
from tests.providers.stand_ins import NOW, Shelf
from tests.upstreams.files import FileServer
from tests.upstreams.kling import ACCESS_KEY, SECRET_KEY, FakeKling


async def test_an_api_key_is_the_bearer_verbatim(provider: Provider, channel: Channel) -> None:
    async with FileServer() as server:
        await provider.submit(Channel("k", server.url(""), api_key="sk-relay"), submission(), Shelf())
        assert server.asked[0].headers["authorization"] == "Bearer sk-relay"
        assert server.asked[0].headers["content-type"] == "application/json"


async def test_an_access_key_makes_a_token_that_is_kept_until_it_nears_its_end(
    provider: Provider, clock: HandClock
) -> None:
    async with FileServer() as server:
        keys = Channel("k", server.url(""), access_key=ACCESS_KEY, secret_key=SECRET_KEY)
        other = Channel("o", server.url(""), access_key="other", secret_key=SECRET_KEY)
        for after, who in ((0, keys), (1600, keys), (100, keys), (0, other)):
            clock.advance(after)
            await provider.poll(who, job("1"))
        tokens = [asked.headers["authorization"].removeprefix("Bearer ") for asked in server.asked]
    assert jwt.get_unverified_header(tokens[0]) == {"alg": "HS256", "typ": "JWT"}
    claims = jwt.decode(tokens[0], SECRET_KEY, algorithms=["HS256"], options={"verify_exp": False, "verify_nbf": False})
    assert claims == {"iss": ACCESS_KEY, "exp": NOW + 1800, "nbf": NOW - 5}
    assert tokens[1] == tokens[0]
    assert tokens[2] not in tokens[:2]
    assert tokens[3] not in tokens[:3]


async def test_kling_accepts_the_token(client: Client, fake: FakeKling) -> None:
    from telecine.clock import SystemClock

    keys = Channel("k", fake.base_url, access_key=ACCESS_KEY, secret_key=SECRET_KEY)
    assert isinstance(await HttpProvider(KLING, client, SystemClock()).submit(keys, submission(), Shelf()), Accepted)


@pytest.mark.parametrize("end", ["", "/", "/kling", "/kling/"])
async def test_base_urls_of_relays(provider: Provider, fake: FakeKling, channel: Channel, end: str) -> None:
    relay = msgspec.structs.replace(channel, base_url=fake.base_url + end)
    outcome = await provider.submit(relay, submission(), Shelf())
    assert isinstance(outcome, Accepted)
    assert await provider.poll(relay, job(outcome.upstream_id)) == Running(started=False)


# Callbacks. The vector is the vendor's own (Kling, callback protocol).

VECTOR = {
    "webhook-id": "9876543210",
    "webhook-timestamp": "1781080794",
    "webhook-signature": "v1,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4=",
}
VECTOR_BODY = (
    b'{"id":"1234567890","status":"succeeded","message":"","create_time":1781080778802,"update_time":1781080794151}'
)
SIGNED = Channel("k", "https://a", webhook_secret="whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=")


@pytest.mark.parametrize("late", [-299, 0, 299])
def test_a_signed_callback_is_genuine(provider: Provider, clock: HandClock, late: int) -> None:
    clock.set(1781080794.0 + late)
    assert provider.read_callback(SIGNED, VECTOR, VECTOR_BODY)
    rotated = VECTOR | {"webhook-signature": f"v1,AAAA {VECTOR['webhook-signature']}"}
    assert provider.read_callback(SIGNED, rotated, VECTOR_BODY)


@pytest.mark.parametrize(
    ("changed", "body", "late"),
    [
        ({}, VECTOR_BODY, 301),
        ({}, VECTOR_BODY, -301),
        ({}, VECTOR_BODY + b" ", 0),
        ({}, b"\xff", 0),
        ({"webhook-id": "9876543211"}, VECTOR_BODY, 0),
        ({"webhook-id": ""}, VECTOR_BODY, 0),
        ({"webhook-timestamp": "1781080795"}, VECTOR_BODY, 0),
        ({"webhook-timestamp": "soon"}, VECTOR_BODY, 0),
        ({"webhook-timestamp": "-1"}, VECTOR_BODY, 0),
        ({"webhook-signature": ""}, VECTOR_BODY, 0),
        ({"webhook-signature": "v1"}, VECTOR_BODY, 0),
        ({"webhook-signature": "v2,UsKlJP00XoQyOn410NM9xv34sP+Gl0jnOO9Lcpr7NJ4="}, VECTOR_BODY, 0),
        ({"webhook-signature": "v1,签名"}, VECTOR_BODY, 0),
    ],
)
def test_anything_else_is_not(
    provider: Provider, clock: HandClock, changed: dict[str, str], body: bytes, late: int
) -> None:
    clock.set(1781080794.0 + late)
    assert not provider.read_callback(SIGNED, VECTOR | changed, body)


def test_without_a_secret_every_callback_counts_and_with_a_useless_one_none(
    provider: Provider, clock: HandClock
) -> None:
    clock.set(1781080794.0)
    assert provider.read_callback(msgspec.structs.replace(SIGNED, webhook_secret=None), {}, b"")
    for secret in ("whsec_", "whsec_A"):
        assert not provider.read_callback(msgspec.structs.replace(SIGNED, webhook_secret=secret), VECTOR, VECTOR_BODY)
