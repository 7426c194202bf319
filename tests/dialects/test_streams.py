"""Streams of events are bounded in all, and accounts share them."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from telecine.dialects.streams import Streams
from telecine.nouns.errors import GatewayError

NOISY, OTHER, QUIET = 1, 2, 3


def fill(streams: Streams, account_id: int, held: ExitStack) -> str:
    """Open as many as the account may have; why there are no more."""
    while True:
        try:
            held.enter_context(streams.one_of(account_id))
        except GatewayError as error:
            return error.code


@pytest.mark.parametrize("accounts", [1, 2, 4])
def test_there_are_so_many_in_all_however_many_accounts_want_them(accounts: int) -> None:
    streams = Streams(10_000, in_all=10_000)
    with ExitStack() as held:
        for account_id in range(1, accounts + 1):
            assert fill(streams, account_id, held) == "capacity"
        assert 8000 <= streams.used < 10_000, "and there is one for who comes late"
        with streams.one_of(accounts + 1):
            assert streams.open(accounts + 1) == 1
    assert streams.used == 0


def test_noisy_accounts_leave_a_quiet_one_its_streams() -> None:
    streams = Streams(40, in_all=100)
    with ExitStack() as held:
        assert fill(streams, NOISY, held) == "rate_limited"
        assert fill(streams, OTHER, held) == "rate_limited"
        for _ in range(5):
            held.enter_context(streams.one_of(QUIET))
        assert streams.open(QUIET) == 5


def test_an_account_has_its_own_limit_where_there_is_room() -> None:
    streams = Streams(2, in_all=100)
    with ExitStack() as held:
        assert fill(streams, NOISY, held) == "rate_limited"
        assert streams.open(NOISY) == 2
        streams.most = 0
        assert fill(streams, QUIET, held) == "rate_limited"
