"""What vendors say beside a job, kept as their own JSON."""

from __future__ import annotations

import msgspec

from telecine.nouns.task import Facts


class Clip(msgspec.Struct, frozen=True):
    title: str
    tags: str = ""


def test_facts_are_read_by_their_own_vendor_alone() -> None:
    facts = Facts.of("suno", {"title": "Rain", "tags": "lo-fi", "unheard_of": [1]})
    assert facts.read("suno", Clip) == Clip("Rain", "lo-fi")
    assert facts.read("kling", Clip) is None


def test_facts_that_have_another_form_by_now_are_none() -> None:
    assert Facts.of("suno", {"title": 7}).read("suno", Clip) is None
    assert Facts("suno", msgspec.Raw(b"{")).read("suno", Clip) is None


def test_facts_are_kept_byte_for_byte() -> None:
    facts = Facts("suno", msgspec.Raw(b'{ "title":"Rain",  "n":1e3 }'))
    kept = msgspec.json.decode(msgspec.json.encode(facts), type=Facts)
    assert kept == facts
    assert bytes(kept.raw) == b'{ "title":"Rain",  "n":1e3 }'
