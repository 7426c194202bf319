"""What several channels could be asked for."""

from __future__ import annotations

from telecine.nouns.billed import Billed, common


def test_what_is_common_is_what_all_agree_on() -> None:
    kling = Billed.sized(1280, 720, mode="std", duration=5.0)
    assert common([kling]) == kling
    assert common([kling, kling]) == kling
    portrait = Billed.sized(720, 1280, mode="std", duration=5.0)
    assert common([kling, portrait]) == Billed(mode="std", resolution="720p", duration=5.0)
    assert common([kling, Billed(audio=True)]) == Billed()
