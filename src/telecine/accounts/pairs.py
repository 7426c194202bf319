"""Pairs of an access key and a secret key, and the tokens that clients sign with them, as Kling's own do.

A token is a JWT (RFC 7519) whose `iss` is the access key, signed with the secret key: HS256 and nothing else, `exp`
required (Kling API documents, "Authentication"). Guarantees: a secret key is sealed in the records and shown once; a
token works no longer than its key does, whatever its `exp` says.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import msgspec
from sqlalchemy import Connection, select, update

from telecine.nouns.errors import GatewayError
from telecine.store import tables
from telecine.store.database import Database
from telecine.store.sealing import Seal

if TYPE_CHECKING:
    from jwt import PyJWS

_SKEW: Final = 30.0
"""Seconds by which the clocks of clients may be off."""
_PARTS: Final = 3
SEALED: Final = "keys of clients that sign"
"""The purpose of the installation's key that seals secret keys."""
_MOST_NAMED: Final = 128
"""Characters of an access key; the configuration takes no longer one."""
_K: Final = tables.keys


class Pair(msgspec.Struct, frozen=True):
    """What a client signs its tokens with."""

    access_key: str
    secret_key: str

    def __repr__(self) -> str:
        return f"Pair({self.access_key!r})"  # never the secret


class _Claims(msgspec.Struct):
    """What a token says, in seconds since the Unix epoch."""

    iss: str
    exp: float
    nbf: float | None = None


class _Issued(msgspec.Struct):
    iss: str


def new_pair() -> Pair:
    """A pair that nobody has."""
    return Pair(secrets.token_hex(16), secrets.token_urlsafe(32))


def signer_of(text: str) -> str | None:
    """The access key of whoever says to have signed `text`, which nothing proves yet; None for what is no token."""
    parts = text.split(".")
    if len(parts) != _PARTS:
        return None
    from jwt.utils import base64url_decode  # large, and of no use to most installations

    try:
        signer = msgspec.json.decode(base64url_decode(parts[1]), type=_Issued).iss
    except (ValueError, msgspec.DecodeError):  # no base64, no JSON, or none of ours
        return None
    return signer if signer.isascii() and signer.isprintable() and len(signer) <= _MOST_NAMED else None


def check_token(text: str, secret_key: bytes, now: float) -> None:
    """Raise GatewayError (`authentication`) unless `text` is signed with `secret_key` and good at `now`.

    `now` in seconds since the Unix epoch. The error's `param` says what dialects may have a code of their own for:
    `authorization_claims`, `authorization_early`, `authorization_expired`; None for a token that is not genuine.
    """
    from jwt import PyJWTError

    try:
        said = _signatures().decode(text, secret_key, algorithms=["HS256"])
    except PyJWTError:
        raise GatewayError("authentication", "This token is not signed with HS256 and its secret key.") from None
    try:
        claims = msgspec.json.decode(said, type=_Claims)
    except msgspec.DecodeError:
        message = "A token needs the claims 'iss', your access key, and 'exp', when it expires."
        raise GatewayError("authentication", message, param="authorization_claims") from None
    if claims.nbf is not None and now < claims.nbf - _SKEW:
        raise GatewayError("authentication", "This token is not valid yet.", param="authorization_early")
    if now >= claims.exp + _SKEW:
        raise GatewayError("authentication", "This token has expired.", param="authorization_expired")


@cache  # it makes each algorithm that it knows
def _signatures() -> PyJWS:
    from jwt import PyJWS

    return PyJWS(algorithms=["HS256"])


def columns_of(pair: Pair | None, seal: Seal, key_id: int) -> dict[str, Any]:
    """What is stored of `pair` with the key of this id."""
    if pair is None:
        return NO_PAIR
    return {"access_key": pair.access_key, "secret_key": seal.close(pair.secret_key.encode(), key_id)}


NO_PAIR: Final[dict[str, Any]] = {"access_key": None, "secret_key": None}


async def reseal(database: Database, keys: Sequence[bytes]) -> int:
    """Bring every secret key at rest under the first of `keys`; how many were not. For the start after a rotation."""
    seal = Seal(keys)

    def renew(connection: Connection) -> int:
        renewed = 0
        rows = connection.execute(select(_K.c.id, _K.c.secret_key).where(_K.c.secret_key.is_not(None))).all()
        for identity, sealed in rows:
            if (new := seal.renewed(sealed, identity)) is not None:
                connection.execute(update(_K).where(_K.c.id == identity).values(secret_key=new))
                renewed += 1
        return renewed

    return await database.change(renew)
