"""A small run of `make chaos`."""

from __future__ import annotations

from chaos.run import run


def test_nothing_is_lost_doubled_or_left_open() -> None:
    verdict, facts = run(40, 3, 7, lambda what, done: None)
    assert verdict.notes == []
    assert set(verdict.counts.values()) == {0}
    assert (facts["tasks"], facts["kills"], facts["upstreams taken down"]) == (40, 3, 1)
    # Which of several channels one of so few jobs takes is chance; that each kind of upstream had some is not.
    assert facts["jobs at kling-main"] + facts["jobs at kling-spare"] > 0, facts
    assert facts["jobs at openai-main"] + facts["jobs at relay-main"] > 0, facts


def test_two_servers_on_one_postgresql_are_as_good_as_one() -> None:
    verdict, facts = run(24, 2, 7, lambda what, done: None, on_postgres=True)
    assert verdict.notes == []
    assert set(verdict.counts.values()) == {0}
    assert (facts["tasks"], facts["kills"]) == (24, 2)
