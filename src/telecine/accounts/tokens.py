"""Tokens in so much time, of keys and of accounts: a meter that is read at a create.

How many tokens a task takes is known when it has ended, so nothing is set aside: once the tokens of a moving window
reach the limit, creates are refused until enough of them have left it. What runs by then may still go over.

Guarantees: a token counts once, for the key that made its task and for that key's account, for nobody else; keys and
accounts without a limit cost nothing. Not guaranteed: the counts are in the memory of this process, and begin anew with
it; a limit that is new counts from the first create under it.
"""

from __future__ import annotations

from math import ceil
from typing import Final

from telecine.accounts.principal import Principal
from telecine.nouns.errors import GatewayError
from telecine.nouns.rate import Rate, Windows

_GRAINS: Final = 60
"""Tokens are counted by the second, where the limit is one by the minute."""


class TokenMeter:
    """The tokens that tasks of limited keys and accounts have taken."""

    def __init__(self) -> None:
        self._windows = Windows(grains=_GRAINS)

    def check(self, principal: Principal, now: float) -> None:
        """Raise GatewayError (`rate_limited`) where the key or its account has reached its limit.

        From now on, what it takes is counted.
        """
        bounds = principal.bounds
        waits: list[tuple[float, str, Rate]] = []
        for owner, identity, rate in (
            ("key", principal.key_id, bounds.token_rate),
            ("account", principal.account_id, bounds.account_token_rate),
        ):
            if rate is not None:
                waits.append((self._windows.of((owner, identity), now).wait(rate, now), owner, rate))
        wait, owner, rate = max(waits, default=(0.0, "", None))
        if wait > 0 and rate is not None:
            limit = f"{rate.amount} tokens in {rate.seconds} seconds"
            message = f"This {owner} may take {limit}, and has; wait {ceil(wait)} s."
            raise GatewayError("rate_limited", message, retry_after=wait)

    def count(self, account_id: int, key_id: int | None, tokens: int, now: float) -> None:
        """Note what one task has taken."""
        for name in (("key", key_id), ("account", account_id)):
            window = self._windows.find(name)
            if window is not None:
                window.take(now, tokens)
