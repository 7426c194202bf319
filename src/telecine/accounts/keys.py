"""API keys: made, checked, listed, revoked. A key's text exists only in the answer that makes it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from telecine.accounts.limits import NO_LIMITS, KeyLimits, bounds_of, limits_of
from telecine.accounts.principal import Principal
from telecine.clock import Clock
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.ids import IdSource
from telecine.nouns.names import check_account_name, check_name
from telecine.store import tables
from telecine.store.batcher import Batcher
from telecine.store.database import Database

DEFAULT_ACCOUNT: Final = "default"
_PREFIX: Final = "sk-tc-"
_FRESH: Final = 1.0
"""Seconds for which a checked key is believed without asking the database."""
_MOST_CACHED: Final = 10_000


class KeyInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it may be shown: never its text, nor any part of it."""

    id: str
    name: str
    account: str
    admin: bool
    source: str
    """`admin` (made here), `file` (from the configuration) or `first_run`."""
    models: tuple[str, ...] | None
    created_at: float
    expires_at: float | None
    revoked_at: float | None
    limits: KeyLimits


class _Known(msgspec.Struct, frozen=True):
    principal: Principal
    expires_at: float | None
    revoked: bool
    read_at: float


class Keys:
    """The keys of this installation."""

    def __init__(self, database: Database, clock: Clock, ids: IdSource) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._cache: dict[bytes, _Known] = {}
        self._reads: Batcher[bytes, _Known | None] = Batcher(self._load)

    async def check(self, text: str) -> Principal:
        """Who holds the key `text`. Raises GatewayError (`authentication`).

        Keys are long random texts, so a plain SHA-256 finds them and the comparison of digests tells an attacker
        nothing about the text.
        """
        digest = digest_of(text)
        now = self._clock.now()
        known = self._cache.get(digest)
        if known is None or now - known.read_at > _FRESH:
            known = await self._reads.submit(digest)
            self._remember(digest, known)
        if known is None:
            raise GatewayError("authentication", "This API key is not valid.")
        if known.revoked:
            raise GatewayError("authentication", "This API key has been revoked.")
        if known.expires_at is not None and now >= known.expires_at:
            raise GatewayError("authentication", "This API key has expired.")
        return known.principal

    def check_anew(self) -> None:
        """Believe no key any more that was checked before."""
        self._cache.clear()

    async def create(
        self,
        name: str,
        *,
        account: str = DEFAULT_ACCOUNT,
        models: Sequence[str] | None = None,
        expires_at: float | None = None,
        admin: bool = False,
        source: str = "admin",
        text: str | None = None,
        allow_unknown: bool = False,
        limits: KeyLimits = NO_LIMITS,
    ) -> tuple[KeyInfo, str]:
        """Make a key; the answer holds its text, which nothing else will ever show. Raises GatewayError."""
        now = self._clock.now()
        if expires_at is not None and expires_at <= now:
            raise GatewayError("invalid_request", "The key would have expired already.", param="expires_at")
        text = text or _PREFIX + secrets.token_urlsafe(32)
        async with self._database.writing() as connection:
            account_id = await account_named(connection, account, self._ids, now)
            row = {
                **key_row(
                    name,
                    text,
                    account_id,
                    admin=admin,
                    allow_unknown=allow_unknown,
                    models=models,
                    expires_at=expires_at,
                    limits=limits,
                ),
                "id": self._ids.next(now),
                "source": source,
                "created_at": now,
            }
            await connection.execute(insert(tables.keys).values(row))
        return _info({**row, "account": account}), text

    async def list(self) -> list[KeyInfo]:
        """Every key, newest first."""
        async with self._database.reading() as connection:
            rows = await connection.execute(_KEYS.order_by(tables.keys.c.id.desc()))
            return [_info(row) for row in rows.mappings()]

    async def revoke(self, key: str) -> KeyInfo:
        """Revoke the key with this id or unique name. Raises GatewayError (`not_found`, `conflict`)."""
        infos = await self.list()
        found = [info for info in infos if info.id == key] or [
            info for info in infos if info.name == key and info.revoked_at is None
        ]
        if not found:
            raise GatewayError("not_found", f"There is no key '{key}'.", param="id")
        if len(found) > 1:
            raise GatewayError("conflict", f"{len(found)} keys are named '{key}'; give the id.", param="id")
        if found[0].source == "file":
            raise GatewayError("conflict", f"The key '{key}' comes from the configuration file; remove it there.")
        now = self._clock.now()
        async with self._database.writing() as connection:
            await connection.execute(
                update(tables.keys).where(tables.keys.c.id == int(found[0].id)).values(revoked_at=now)
            )
        self._cache.clear()
        return msgspec.structs.replace(found[0], revoked_at=now)

    async def any(self) -> bool:
        """Whether any key was ever made."""
        async with self._database.reading() as connection:
            return (await connection.execute(select(tables.keys.c.id).limit(1))).first() is not None

    async def account(self, name: str) -> int:
        """The id of the account called `name`, made where it does not exist."""
        async with self._database.writing() as connection:
            return await account_named(connection, name, self._ids, self._clock.now())

    def _remember(self, digest: bytes, known: _Known | None) -> None:
        if len(self._cache) >= _MOST_CACHED:
            self._cache.clear()
        if known is None:
            self._cache.pop(digest, None)
        else:
            self._cache[digest] = known

    async def _load(self, digests: Sequence[bytes]) -> Sequence[_Known | None]:
        async with self._database.reading() as connection:
            rows = await connection.execute(_CHECKED.where(tables.keys.c.hash.in_(set(digests))))
            found = {row["hash"]: row for row in rows.mappings()}
        now = self._clock.now()
        return [_known(found[digest], now) if digest in found else None for digest in digests]


def digest_of(text: str) -> bytes:
    """What is stored of a key."""
    return hashlib.sha256(text.encode()).digest()


async def account_named(connection: AsyncConnection, name: str, ids: IdSource, now: float) -> int:
    """The id of the account called `name`, made where it does not exist. Raises GatewayError for what is no name."""
    table = tables.accounts
    _named("account", name, check_account_name)
    found: int | None = (await connection.execute(select(table.c.id).where(table.c.name == name))).scalar_one_or_none()
    if found is not None:
        return found
    made = ids.next(now)
    await connection.execute(
        insert(table).values(id=made, name=name, created_at=now, limited=False, balance=0, held=0, spent=0)
    )
    return made


def key_row(
    name: str,
    text: str,
    account_id: int,
    *,
    admin: bool,
    allow_unknown: bool,
    models: Sequence[str] | None,
    limits: KeyLimits,
    expires_at: float | None = None,
) -> dict[str, Any]:
    """What is stored of a living key, besides its id and where it comes from. Raises GatewayError."""
    return {
        "account_id": account_id,
        "name": _named("name", name, check_name),
        "hash": digest_of(text),
        "admin": admin,
        "allow_unknown": allow_unknown,
        "models": msgspec.json.encode(list(models)).decode() if models is not None else None,
        "expires_at": expires_at,
        "revoked_at": None,
        **limits.row(),
    }


def _named(param: str, text: str, check: Callable[[str], str]) -> str:
    try:
        return check(text)
    except ValueError as error:
        raise invalid(f"{param}: {error}.", param) from None


_CHECKED = select(
    tables.keys,
    tables.accounts.c.limited,
    tables.accounts.c.rate_limit.label("account_rate_limit"),
    tables.accounts.c.token_limit.label("account_token_limit"),
    tables.accounts.c.max_tasks_in_flight.label("account_tasks"),
).join(tables.accounts, tables.accounts.c.id == tables.keys.c.account_id)
_KEYS = select(tables.keys, tables.accounts.c.name.label("account")).join(
    tables.accounts, tables.accounts.c.id == tables.keys.c.account_id
)


def _models(text: str | None) -> tuple[str, ...] | None:
    return tuple(msgspec.json.decode(text, type=list[str])) if text is not None else None


def _known(row: Any, now: float) -> _Known:
    models = _models(row["models"])
    principal = Principal(
        account_id=row["account_id"],
        key_id=row["id"],
        name=row["name"],
        admin=row["admin"],
        metered=row["limited"],
        allow_unknown=row["allow_unknown"],
        models=frozenset(models) if models is not None else None,
        bounds=bounds_of(row),
    )
    return _Known(principal, row["expires_at"], row["revoked_at"] is not None, now)


def _info(row: Any) -> KeyInfo:
    return KeyInfo(
        id=str(row["id"]),
        name=row["name"],
        account=row["account"],
        admin=row["admin"],
        source=row["source"],
        models=_models(row["models"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        limits=limits_of(row),
    )
