"""What reaches the records, on either database: whole seeds, and no character that one of them could not keep."""

from __future__ import annotations

from pathlib import Path

import pytest

from telecine.nouns.errors import GatewayError
from tests.tasks.scripted import House, text_to_video


async def test_control_characters_are_refused_before_the_database_sees_them(tmp_path: Path) -> None:
    async with House(tmp_path).opened() as house:
        for name in ("a\x00b", "\x07", "\x85", "\ud800"):
            with pytest.raises(GatewayError) as caught:
                await house.tasks.create(house.me, text_to_video(external_id=name), "tasks")
            assert (caught.value.code, caught.value.param) == ("invalid_request", "external_id")
            with pytest.raises(GatewayError) as caught:
                await house.tasks.find_external(house.me, name)
            assert caught.value.code == "not_found"
            with pytest.raises(GatewayError) as caught:
                await house.tasks.create(house.me, text_to_video(model=f"m{name}"), "tasks")
            assert (caught.value.code, caught.value.param) == ("invalid_request", "model")


@pytest.mark.parametrize("seed", [0, -1, -(2**63), 2**63 - 1, 2**63, 2**64 - 1])
async def test_a_seed_of_64_bits_is_kept_whole(tmp_path: Path, seed: int) -> None:
    async with House(tmp_path).opened() as house:
        made = await house.tasks.create(house.me, text_to_video(seed=seed, prompt="a\nb 船"), "tasks")
        found = await house.tasks.get(house.me, made.task.id)
        assert (found.task.request.seed, found.task.request.prompt) == (seed, "a\nb 船")
