"""Names of resolutions, whoever writes them."""

from __future__ import annotations

import pytest

from telecine.nouns.errors import GatewayError
from telecine.nouns.sizes import plain_resolution, resolution_of, short_side


@pytest.mark.parametrize(("name", "side"), [("720p", 720), (" 1080P ", 1080), ("1k", 1024), ("2K", 1440), ("4k", 2160)])
def test_a_name_and_its_lines_are_one(name: str, side: int) -> None:
    assert short_side(name) == side
    assert resolution_of(side) == plain_resolution(name) == plain_resolution(f"{side}p")


@pytest.mark.parametrize("text", ["hd", "p", "720", "٧٢٠p", ""])
def test_what_is_no_resolution_stays_what_it_is(text: str) -> None:
    assert plain_resolution(text.upper()) == text
    with pytest.raises(GatewayError) as caught:
        short_side(text)
    assert caught.value.param == "resolution"
