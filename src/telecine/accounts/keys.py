"""API keys: made, checked, listed, revoked. A key's text exists only in the answer that makes it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from functools import partial
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import Connection, select, update
from sqlalchemy.exc import IntegrityError

from telecine.accounts import holders
from telecine.accounts.holders import DEFAULT_ACCOUNT, NewAccount
from telecine.accounts.pairs import NO_PAIR, Pair, check_token, columns_of, signer_of
from telecine.accounts.principal import Principal
from telecine.accounts.terms import NO_LIMITS, NO_TERMS, Changes, Terms, bounds_of
from telecine.clock import Clock
from telecine.config import KeyDialect, Limits, VideoFormat
from telecine.nouns.errors import GatewayError
from telecine.nouns.ids import IdSource
from telecine.nouns.names import check_name, named
from telecine.store import tables
from telecine.store.batcher import Batcher
from telecine.store.database import Database
from telecine.store.inserts import insert_drawn
from telecine.store.sealing import Seal

Name = TypeVar("Name", bytes, str)

_PREFIX: Final = "sk-tc-"
_FRESH: Final = 1.0
"""Seconds for which a checked key is believed without asking the database."""
_MOST_CACHED: Final = 10_000


class KeyInfo(Terms, frozen=True, kw_only=True):
    """A key as it may be shown, with what bounds it: never its text, nor any part of it."""

    id: str
    name: str
    account: str
    admin: bool
    source: str
    """`admin` (made here), `file` (from the configuration) or `first_run`."""
    created_at: float
    revoked_at: float | None
    access_key: str | None = None
    """Of the pair with which its client may sign tokens."""
    video_format: VideoFormat = "official"
    dialect: KeyDialect | None = None


class _Known(msgspec.Struct, frozen=True):
    principal: Principal
    expires_at: float | None
    account_expires_at: float | None
    revoked: bool
    read_at: float
    secret_key: bytes | None
    """With which its client signs tokens, sealed."""


class Keys:
    """The keys of this installation."""

    def __init__(self, database: Database, clock: Clock, ids: IdSource, seal: Seal) -> None:
        """`seal`: what closes the secret keys of clients that sign their own tokens."""
        self._database = database
        self._clock = clock
        self._ids = ids
        self._seal = seal
        self._cache: dict[bytes | str, _Known] = {}
        """By digest, and by access key."""
        self._reads: Batcher[bytes, _Known | None] = Batcher(self._load)
        self._signers: Batcher[str, _Known | None] = Batcher(self._load_signers)

    async def check(self, text: str) -> Principal:
        """Who holds the key `text`, or has signed it with a key's pair. Raises GatewayError (`authentication`).

        Keys are long random texts, so a plain SHA-256 finds them and the comparison of digests tells an attacker
        nothing about the text.
        """
        signer = signer_of(text)
        known = None if signer is None else await self._found(signer, self._signers)
        if known is None:  # whoever chose a key may have given it the form of a token
            known = await self._found(digest_of(text), self._reads)
        else:
            sealed = known.secret_key
            secret_key = None if sealed is None else self._seal.open(sealed, known.principal.key_id or 0)
            if secret_key is None:  # it is lost, or sealed with a key that this installation does not have now
                raise GatewayError("authentication", "The secret key of this token cannot be opened; get a new pair.")
            check_token(text, secret_key, self._clock.now())
        return _living(known, self._clock.now())

    async def _found(self, name: Name, reads: Batcher[Name, _Known | None]) -> _Known | None:
        """What is known of the key with this digest or access key, a second ago at most."""
        known = self._cache.get(name)
        if known is None or self._clock.now() - known.read_at > _FRESH:
            known = await reads.submit(name)
            self._remember(name, known)
        return known

    def check_anew(self) -> None:
        """Believe no key any more that was checked before."""
        self._cache.clear()

    async def create(
        self,
        name: str,
        *,
        account: str = DEFAULT_ACCOUNT,
        new_account: bool = True,
        models: Sequence[str] | None = None,
        expires_at: float | None = None,
        admin: bool = False,
        source: str = "admin",
        text: str | None = None,
        allow_unknown: bool = False,
        limits: Limits = NO_LIMITS,
        pair: Pair | None = None,
        video_format: VideoFormat = "official",
        dialect: KeyDialect | None = None,
    ) -> tuple[KeyInfo, str]:
        """Make a key; the answer holds its text, which nothing else will ever show.

        `new_account`: make the account where it does not exist. `pair`: what its client may sign tokens with. Raises
        GatewayError.
        """
        if admin and pair is not None:
            raise GatewayError("invalid_request", "An admin key signs no tokens.", param="jwt")
        now = self._clock.now()
        if expires_at is not None and expires_at <= now:
            raise GatewayError("invalid_request", "The key would have expired already.", param="expires_at")
        text = text or _PREFIX + secrets.token_urlsafe(32)
        terms = Terms(models=tuple(models) if models is not None else None, expires_at=expires_at, limits=limits)

        def make(connection: Connection) -> KeyInfo:
            if not new_account and holders.find(connection, account) is None:
                message = f"There is no account '{account}'; make it first, or ask for a new one with the key."
                raise GatewayError("not_found", message, param="account")
            account_id = holders.named(connection, account, self._ids, now)
            row = {
                **key_row(name, text, account_id, admin=admin, allow_unknown=allow_unknown, terms=terms),
                "video_format": video_format,
                "dialect": dialect,
                "source": source,
                "created_at": now,
            }
            row["id"] = insert_drawn(connection, tables.keys, row, lambda: self._ids.next(now))
            signed = columns_of(pair, self._seal, row["id"])
            if pair is not None:
                connection.execute(update(tables.keys).where(tables.keys.c.id == row["id"]).values(signed))
            return _info({**row, **signed, "account": account})

        return await self._database.change(make), text

    async def list(self) -> list[KeyInfo]:
        """Every key, newest first."""
        return [_info(row._mapping) for row in await self._database.rows(_KEYS.order_by(tables.keys.c.id.desc()))]

    async def revoke(self, key: str) -> KeyInfo:
        """Revoke the key with this id or unique name. Raises GatewayError (`not_found`, `conflict`)."""
        found = await self._made_here(key, "remove it there")
        now = self._clock.now()
        end = update(tables.keys).where(tables.keys.c.id == int(found.id)).values(revoked_at=now, **NO_PAIR)
        await self._database.change(lambda connection: connection.execute(end))
        self._cache.clear()
        return msgspec.structs.replace(found, revoked_at=now, access_key=None)

    async def change(self, key: str, wanted: Changes) -> KeyInfo:
        """Change what bounds the key with this id or unique name, from its next request on. Raises GatewayError
        (`not_found`, `conflict`, `invalid_request`)."""
        found = await self._made_here(key, "change it there")
        mine = tables.keys.c.id == int(found.id)

        def bound(connection: Connection) -> KeyInfo:
            row = connection.execute(select(tables.keys).where(mine).with_for_update()).mappings().one()
            changed = Terms.kept(row).changed(wanted).row()
            connection.execute(update(tables.keys).where(mine).values(changed))
            return _info({**row, **changed, "account": found.account})

        info = await self._database.change(bound)
        self._cache.clear()
        return info

    async def _made_here(self, key: str, instead: str) -> KeyInfo:
        infos = await self.list()
        found = [info for info in infos if info.id == key] or [
            info for info in infos if info.name == key and info.revoked_at is None
        ]
        if not found:
            raise GatewayError("not_found", f"There is no key '{key}'.", param="id")
        if len(found) > 1:
            raise GatewayError("conflict", f"{len(found)} keys are named '{key}'; give the id.", param="id")
        if found[0].source == "file":
            raise GatewayError("conflict", f"The key '{key}' comes from the configuration file; {instead}.")
        return found[0]

    async def any(self) -> bool:
        """Whether any key was ever made."""
        return bool(await self._database.rows(select(tables.keys.c.id).limit(1)))

    async def account(self, name: str) -> int:
        """The id of the account called `name`, made where it does not exist."""
        return await self._database.change(partial(holders.named, name=name, ids=self._ids, now=self._clock.now()))

    async def create_account(self, wanted: NewAccount) -> None:
        """Make an account. Raises GatewayError (`conflict`, `invalid_request`)."""
        try:
            now = self._clock.now()
            await self._database.change(partial(holders.create, wanted=wanted, ids=self._ids, now=now))
        except IntegrityError:  # another process has just done so
            raise GatewayError("conflict", f"There is an account '{wanted.name}' already.", param="name") from None

    async def change_account(self, name: str, wanted: Changes) -> None:
        """Change what bounds an account, from the next request of its keys on. Raises GatewayError (`not_found`,
        `conflict`, `invalid_request`)."""
        await self._database.change(partial(holders.change, name=name, wanted=wanted))
        self._cache.clear()

    def _remember(self, name: bytes | str, known: _Known | None) -> None:
        if len(self._cache) >= _MOST_CACHED:
            self._cache.clear()
        if known is None:
            self._cache.pop(name, None)
        else:
            self._cache[name] = known

    async def _load(self, digests: Sequence[bytes]) -> Sequence[_Known | None]:
        rows = await self._database.rows(_CHECKED.where(tables.keys.c.hash.in_(set(digests))))
        found = {row.hash: row._mapping for row in rows}
        now = self._clock.now()
        return [_known(found[digest], now) if digest in found else None for digest in digests]

    async def _load_signers(self, names: Sequence[str]) -> Sequence[_Known | None]:
        rows = await self._database.rows(_CHECKED.where(tables.keys.c.access_key.in_(set(names))))
        found = {row.access_key: row._mapping for row in rows}
        now = self._clock.now()
        return [_known(found[name], now) if name in found else None for name in names]


def digest_of(text: str) -> bytes:
    """What is stored of a key."""
    return hashlib.sha256(text.encode()).digest()


def key_row(name: str, text: str, account_id: int, *, admin: bool, allow_unknown: bool, terms: Terms) -> dict[str, Any]:
    """What is stored of a living key, besides its id and where it comes from. Raises GatewayError."""
    return {
        **terms.row(),
        "account_id": account_id,
        "name": named("name", name, check_name),
        "hash": digest_of(text),
        "admin": admin,
        "allow_unknown": allow_unknown,
        "revoked_at": None,
    }


_TERMS: Final = tuple(NO_TERMS)
"""The columns that bound keys and accounts."""
_ACCOUNT_TERMS: Final = "account_"
_CHECKED = select(
    tables.keys,
    tables.accounts.c.limited,
    *(tables.accounts.c[name].label(_ACCOUNT_TERMS + name) for name in _TERMS),
).join(tables.accounts, tables.accounts.c.id == tables.keys.c.account_id)
_KEYS = select(tables.keys, tables.accounts.c.name.label("account")).join(
    tables.accounts, tables.accounts.c.id == tables.keys.c.account_id
)


def _known(row: Any, now: float) -> _Known:
    account = {name: row[_ACCOUNT_TERMS + name] for name in _TERMS}
    principal = Principal(
        account_id=row["account_id"],
        key_id=row["id"],
        name=row["name"],
        admin=row["admin"],
        metered=row["limited"],
        allow_unknown=row["allow_unknown"],
        video_format=row["video_format"] or "official",
        dialect=row["dialect"],
        bounds=bounds_of(row),
        account_bounds=bounds_of(account),
    )
    gone = row["revoked_at"] is not None
    return _Known(principal, row["expires_at"], account["expires_at"], gone, now, row["secret_key"])


def _living(known: _Known | None, now: float) -> Principal:
    """Who holds a key. Raises GatewayError for none, and for one that works no longer."""
    if known is None:
        raise GatewayError("authentication", "This API key is not valid.")
    if known.revoked:
        raise GatewayError("authentication", "This API key has been revoked.")
    if known.expires_at is not None and now >= known.expires_at:
        raise GatewayError("authentication", "This API key has expired.")
    if known.account_expires_at is not None and now >= known.account_expires_at:
        raise GatewayError("authentication", "The account of this API key has expired.")
    return known.principal


def _info(row: Any) -> KeyInfo:
    return KeyInfo(
        **msgspec.structs.asdict(Terms.kept(row)),
        **{name: row[name] for name in ("name", "account", "admin", "source", "created_at", "revoked_at")},
        access_key=row["access_key"],
        video_format=row["video_format"] or "official",
        dialect=row["dialect"],
        id=str(row["id"]),
    )
