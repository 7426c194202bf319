"""Where an account wants its news sent, and the secrets that sign them.

Every active endpoint is kept in memory, because steps ask on their way: this process' own changes show at once, those
of others within a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, and_, bindparam, select, update
from sqlalchemy.exc import IntegrityError

from telecine.clock import Clock
from telecine.loops import Loop
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.ids import IdSource
from telecine.store import tables
from telecine.store.database import Database
from telecine.store.inserts import DRAWS, insert_new
from telecine.store.locks import in_order
from telecine.store.sealing import Seal
from telecine.webhooks.delivery import EVENTS
from telecine.webhooks.sealing import OldSecret, packed, unpacked
from telecine.webhooks.signing import new_secret, secret_text

MOST: Final = 50
"""Endpoints of one account."""
TWO_SECRETS: Final = 24 * 3600.0
"""Seconds for which the secret before a rotation still signs."""
MOST_OLD: Final = 10
"""Old secrets that sign at a time: with more, the header of the signatures would grow without end."""
_FRESH: Final = 1.0
_OVERLAP: Final = 60.0
"""By how much the clocks of two processes, or a commit and its time, may differ."""

_E = tables.webhook_endpoints
_CHANGED: Final = select(_E).where(_E.c.changed_at >= bindparam("b_since"))


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A receiver. Its secrets are sealed. `url` is None for the one that signs what goes to requests' own URLs."""

    id: int
    account_id: int
    url: str | None
    events: tuple[str, ...]
    secret: bytes
    old_secrets: tuple[OldSecret, ...] = ()
    """The newest first."""
    active: bool = True
    inactive_reason: str | None = None
    """Why we switched it off; None where its owner did."""
    created_at: float
    changed_at: float
    deleted_at: float | None = None

    @property
    def previous_until(self) -> float | None:
        """Until when the secret before the last rotation signs too."""
        return self.old_secrets[0].until if self.old_secrets else None


class Endpoints:
    """The endpoints of this installation. `refresh` once before use; `loop` runs while they are in use."""

    def __init__(self, database: Database, clock: Clock, ids: IdSource, key: bytes | Sequence[bytes]) -> None:
        """`key`: 32 bytes that seal secrets; of several, the newest first."""
        self._database = database
        self._clock = clock
        self._ids = ids
        self._seal = Seal(key)
        self._known: dict[int, Endpoint] = {}
        self._by_account: dict[int, dict[int, Endpoint]] = {}
        self._seen_until = 0.0
        self.loop = Loop("endpoints", self.refresh, clock, every=_FRESH, first=_FRESH)
        """Follows what other processes change."""

    async def refresh(self) -> None:
        """Read what has changed since the last time."""
        rows = await self._database.rows(_CHANGED, {"b_since": self._seen_until - _OVERLAP})
        self._learn(_endpoint(row._mapping) for row in rows)

    def subscribed(self, account_id: int, event: str) -> list[Endpoint]:
        """The account's endpoints that want to hear of `event`."""
        mine = self._by_account.get(account_id)
        return [one for one in mine.values() if event in one.events] if mine else []

    async def secrets(self, account_id: int, endpoint_id: int) -> list[bytes] | None:
        """What signs a delivery now, the newest first; None where the endpoint is gone.

        Nothing where its secrets were sealed with a key that this installation does not have now.
        `endpoint_id` 0 is a request's own URL: the account's secret for those is made when it is first needed.
        """
        if not endpoint_id:
            endpoint = self._own(account_id) or (await self._make_own(account_id))[0]
        else:
            known = self._known.get(endpoint_id)
            if known is None:
                await self.refresh()
                known = self._known.get(endpoint_id)
            if known is None:
                return None
            endpoint = known
        sealed = [endpoint.secret, *(old.secret for old in endpoint.old_secrets if self._clock.now() < old.until)]
        opened = [self._seal.open(one, endpoint.id) for one in sealed]
        return [one for one in opened if one is not None]

    def sealed(self, headers: Mapping[str, str], row: int) -> bytes | None:
        """`headers` of a message as a delivery of the task `row`, or a request of the account `row`, keeps them: they
        may hold a client's own secrets."""
        plain = {name.lower(): value for name, value in headers.items()}
        return self._seal.close(msgspec.json.encode(plain), row) if plain else None

    def opened(self, sealed: bytes | None, row: int) -> dict[str, str] | None:
        """What `sealed` sealed; None where it was sealed with a key that this installation does not have now."""
        if sealed is None:
            return {}
        plain = self._seal.open(sealed, row)
        return None if plain is None else msgspec.json.decode(plain, type=dict[str, str])

    async def list(self, account_id: int) -> list[Endpoint]:
        """The account's endpoints, newest first."""
        mine = and_(_E.c.account_id == account_id, _E.c.deleted_at.is_(None), _E.c.url.is_not(None))
        rows = await self._database.rows(select(_E).where(mine).order_by(_E.c.id.desc()))
        return [_endpoint(row._mapping) for row in rows]

    async def get(self, account_id: int, endpoint_id: int) -> Endpoint:
        """One of the account's endpoints. Raises GatewayError (`not_found`)."""
        return await self._database.read(lambda connection: _one(connection, account_id, endpoint_id))

    async def create(self, account_id: int, url: str, events: Iterable[str] | None) -> tuple[Endpoint, str]:
        """A new endpoint and its secret, which nothing else will ever show. Raises GatewayError."""
        wanted = _checked(EVENTS if events is None else events)
        if len(await self.list(account_id)) >= MOST:
            raise GatewayError("conflict", f"An account may have {MOST} webhooks; delete one first.")
        return await self._insert(account_id, url, wanted)

    async def change(
        self,
        account_id: int,
        endpoint_id: int,
        *,
        url: str | None = None,
        events: Iterable[str] | None = None,
        active: bool | None = None,
    ) -> Endpoint:
        """Change what is not None. What waits for the endpoint goes to its new URL. Raises GatewayError."""
        values: dict[str, Any] = {}
        if url is not None:
            values["url"] = url
        if events is not None:
            values["events"] = _encoded(_checked(events))
        if active is not None:
            values |= {"active": active, "inactive_reason": None}
        return await self._update(account_id, endpoint_id, lambda _: values)

    async def delete(self, account_id: int, endpoint_id: int) -> Endpoint:
        """Remove an endpoint; what waits for it is given up. Raises GatewayError (`not_found`)."""
        gone = {"active": False, "deleted_at": self._clock.now()}
        return await self._update(account_id, endpoint_id, lambda _: gone)

    async def switch_off(self, account_id: int, endpoint_id: int, url: str, reason: str) -> None:
        """Tell the endpoint nothing more and give up what waits for it, unless it has another URL than `url` by now."""
        off = {"active": False, "inactive_reason": reason}
        try:
            await self._update(account_id, endpoint_id, lambda one: off if one.active and one.url == url else {})
        except GatewayError as error:
            if error.code != "not_found":  # its owner was faster
                raise

    async def rotate(self, account_id: int, endpoint_id: int) -> tuple[Endpoint, str]:
        """Give the endpoint a new secret; the old one signs too for another day.

        Raises GatewayError: `not_found`; `conflict` where too many old ones still sign.
        """
        return await self._rotate(await self.get(account_id, endpoint_id))

    async def rotate_own(self, account_id: int) -> tuple[Endpoint, str]:
        """The same for the secret that signs what goes to the URLs of the account's own requests."""
        own = self._own(account_id)
        return await self._rotate(own) if own is not None else await self._make_own(account_id, show=True)

    async def set_own(self, account_id: int, secret: bytes) -> tuple[Endpoint, str]:
        """The same with a secret that the account's receivers know already."""
        own = self._own(account_id) or (await self._make_own(account_id))[0]
        return await self._rotate(own, secret)

    async def _rotate(self, old: Endpoint, secret: bytes | None = None) -> tuple[Endpoint, str]:
        secret, now = secret or new_secret(), self._clock.now()

        def values(one: Endpoint) -> dict[str, Any]:
            # Each keeps its own promised time: a rotation whose answer was lost is sent again at once.
            kept = [old for old in one.old_secrets if now < old.until]
            if len(kept) >= MOST_OLD:
                wait = round(kept[-1].until - now)
                raise GatewayError("conflict", f"{MOST_OLD} old secrets still sign; rotate again in {wait} seconds.")
            return {
                "secret": self._seal.close(secret, one.id),
                "old_secrets": packed([OldSecret(one.secret, now + TWO_SECRETS), *kept]),
            }

        return await self._update(old.account_id, old.id, values, own=old.url is None), secret_text(secret)

    def _own(self, account_id: int) -> Endpoint | None:
        mine = self._by_account.get(account_id, {})
        return next((one for one in mine.values() if one.url is None), None)

    async def _make_own(self, account_id: int, *, show: bool = False) -> tuple[Endpoint, str]:
        try:
            return await self._insert(account_id, None, ())
        except IntegrityError:  # another process has just made it
            await self.refresh()
            own = self._own(account_id)
            if own is None:
                raise
            return await self._rotate(own) if show else (own, "")

    async def _insert(self, account_id: int, url: str | None, events: tuple[str, ...]) -> tuple[Endpoint, str]:
        now, secret = self._clock.now(), new_secret()
        for _ in range(DRAWS):
            identity = self._ids.next(now)
            endpoint = Endpoint(
                id=identity,
                account_id=account_id,
                url=url,
                events=events,
                secret=self._seal.close(secret, identity),
                created_at=now,
                changed_at=now,
            )
            row = {**msgspec.structs.asdict(endpoint), "events": _encoded(events), "old_secrets": packed([])}
            if await self._database.change(partial(insert_new, table=_E, row=row)):
                break
        else:
            raise LookupError(f"no free id for a webhook was drawn in {DRAWS} tries")
        self._learn([endpoint])
        return endpoint, secret_text(secret)

    async def _update(
        self, account_id: int, endpoint_id: int, change: Callable[[Endpoint], dict[str, Any]], *, own: bool = False
    ) -> Endpoint:
        """Change the endpoint, locked, by what `change` makes of it."""

        def apply(connection: Connection) -> Endpoint:
            values = change(_one(connection, account_id, endpoint_id, own=own, lock=True))
            values["changed_at"] = self._clock.now()
            connection.execute(update(_E).where(_E.c.id == endpoint_id).values(values))
            _tell_waiting(connection, endpoint_id, values)
            return _endpoint(connection.execute(select(_E).where(_E.c.id == endpoint_id)).mappings().one())

        endpoint = await self._database.change(apply)
        self._learn([endpoint])
        return endpoint

    def _learn(self, endpoints: Iterable[Endpoint]) -> None:
        for one in endpoints:
            self._seen_until = max(self._seen_until, one.changed_at)
            known = self._known.get(one.id)
            if known is not None and known.changed_at > one.changed_at:
                continue
            mine = self._by_account.setdefault(one.account_id, {})
            mine.pop(one.id, None)
            if one.deleted_at is None:
                self._known[one.id] = one
                if one.active:
                    mine[one.id] = one
            else:
                self._known.pop(one.id, None)
            if not mine:
                del self._by_account[one.account_id]


def _one(
    connection: Connection, account_id: int, endpoint_id: int, *, own: bool = False, lock: bool = False
) -> Endpoint:
    condition = _E.c.url.is_(None) if own else _E.c.url.is_not(None)
    query = select(_E).where(
        _E.c.id == endpoint_id, _E.c.account_id == account_id, _E.c.deleted_at.is_(None), condition
    )
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    if row is None:
        raise GatewayError("not_found", "There is no such webhook, or it is not yours.", param="id")
    return _endpoint(row)


def _tell_waiting(connection: Connection, endpoint_id: int, values: dict[str, Any]) -> None:
    """What a change of an endpoint means for the deliveries that wait for it."""
    table = tables.deliveries
    theirs = and_(table.c.endpoint_id == endpoint_id, table.c.state == "pending")
    waiting = update(table).where(table.c.id.in_(in_order(table.c.id, theirs)))
    if values.get("deleted_at") is not None:
        connection.execute(waiting.values(state="failed", due=None, reason="the webhook was deleted"))
    elif values.get("inactive_reason") is not None:
        connection.execute(waiting.values(state="failed", due=None, reason=values["inactive_reason"]))
    elif "url" in values:  # the pauses were for the old one
        connection.execute(waiting.values(url=values["url"], due=values["changed_at"]))


def _checked(events: Iterable[str]) -> tuple[str, ...]:
    wanted = tuple(dict.fromkeys(events))
    for one in wanted:
        if one not in EVENTS:
            raise invalid(f"events: '{one[:64]}' is none of {', '.join(EVENTS)}.", "events")
    if not wanted:
        raise invalid("events: name one at least.", "events")
    return wanted


def _encoded(events: tuple[str, ...]) -> str:
    return msgspec.json.encode(events).decode()


def _endpoint(row: Any) -> Endpoint:
    plain = {name: row[name] for name in Endpoint.__struct_fields__ if name not in ("events", "old_secrets")}
    events = tuple(msgspec.json.decode(row["events"], type=list[str]))
    return Endpoint(**plain, events=events, old_secrets=unpacked(row["old_secrets"]))
