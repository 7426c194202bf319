"""How many steps run at a time in this process: of each kind so many, shared fairly by account."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, Literal

from telecine.nouns.task import State
from telecine.routing.router import Route
from telecine.shares import Shares

Kind = Literal["submit", "long", "poll", "collect"]
"""`long`: a submit whose answer is the result itself, minutes later."""
KINDS: Final[tuple[Kind, ...]] = ("submit", "long", "poll", "collect")
_OF: Final[dict[State, Kind]] = {
    "draft": "submit",
    "queued": "submit",
    "submitting": "submit",
    "running": "poll",
    "reconciling": "poll",
}


def kind_of(state: State) -> Kind:
    """The kind of step that a task in this state is due for."""
    return _OF.get(state, "collect")


def first_kind(operation: str, routes: Sequence[Route]) -> Kind:
    """The kind of step with which a task begins that one of `routes` is to run."""
    long = all(route.provider.traits_of(operation, route.model, route.channel).synchronous for route in routes)
    return "long" if routes and long else "submit"


class Steps:
    """The places of each kind. A step holds one from when it is claimed until it ends."""

    def __init__(self, most: int) -> None:
        """`most`: for submits of one account alone, and for long ones; half as many polls, and a quarter as many
        collects.

        As many submits again may wait for their inputs, which come from clients' own servers.
        """
        self.of: dict[Kind, Shares[int]] = {
            "submit": Shares(most),
            "long": Shares(most),
            "poll": Shares(most // 2),
            "collect": Shares(most // 4),
        }
        self.fetches: Shares[int] = Shares(most)

    def full(self) -> list[tuple[Kind, int]]:
        """The accounts that may begin no more steps of a kind now."""
        return [(kind, account) for kind in KINDS for account in self.of[kind].full()]

    def shut(self) -> list[Kind]:
        """The kinds of which nobody may begin any step now."""
        return [kind for kind in KINDS if not self.of[kind].free]

    def copy(self) -> dict[Kind, Shares[int]]:
        """The same places, to see what could begin."""
        return {kind: shares.copy() for kind, shares in self.of.items()}

    def try_take(self, kind: Kind, account_id: int) -> Place | None:
        """A place for one step of the account, if there is one now."""
        shares = self.of[kind]
        return Place(self, shares, account_id) if shares.try_take(account_id) else None

    def add(self, kind: Kind, account_id: int) -> Place:
        """The place of a step that has been claimed already."""
        shares = self.of[kind]
        shares.add(account_id)
        return Place(self, shares, account_id)


class Place:
    """What one step holds. `leave` when it has ended."""

    def __init__(self, steps: Steps, shares: Shares[int], account_id: int) -> None:
        self._steps = steps
        self._shares: Shares[int] | None = shares
        self._account_id = account_id

    async def move(self, kind: Kind) -> None:
        """Go on as a step of this kind; waits for a place in it.

        Only ever onwards, from fetches and polls to submits to long ones to collects: so no two wait for each other.
        """
        if kind == "submit" and self._shares is self._steps.of["long"]:
            return
        await self._into(self._steps.of[kind])

    @asynccontextmanager
    async def aside(self) -> AsyncIterator[None]:
        """For as long as the block lasts, only an input is waited for, and others may have the place of the step."""
        before = self._shares
        if before is not None and before is not self._steps.fetches and self._steps.fetches.try_take(self._account_id):
            before.give(self._account_id)
            self._shares = self._steps.fetches
            yield
            await self._into(before)
        else:
            yield

    def leave(self) -> None:
        """The step has ended."""
        if self._shares is not None:
            self._shares.give(self._account_id)
            self._shares = None

    async def _into(self, shares: Shares[int]) -> None:
        if shares is self._shares:
            return
        await shares.take(self._account_id)
        self.leave()
        self._shares = shares
