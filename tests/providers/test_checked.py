"""What a check came to holds for all requests that differ in nothing that the vendor's table looks at."""

from __future__ import annotations

import pytest
from msgspec import Raw
from msgspec.structs import replace

from telecine.net.client import Client
from telecine.net.guard import AddressPolicy
from telecine.nouns.billed import Billed
from telecine.nouns.errors import GatewayError
from telecine.nouns.parameters import VideoParameters
from telecine.nouns.request import GenerationRequest, MediaInput, Native
from telecine.providers.http.provider import HttpProvider
from telecine.providers.kling import KLING
from tests.clock import HandClock

_BOAT = GenerationRequest(operation="text_to_video", model="kling-v1", prompt="a paper boat", duration=5.0)


class _Counted(HttpProvider):
    """Kling, that counts how often it looks."""

    def __init__(self) -> None:
        self.looks = 0

        def billed(draft: object) -> Billed:
            self.looks += 1
            return KLING.ops["text_to_video"].billed(draft)  # type: ignore[arg-type]

        op = replace(KLING.ops["text_to_video"], billed=billed)
        super().__init__(replace(KLING, ops={**KLING.ops, "text_to_video": op}), Client(AddressPolicy()), HandClock())


def test_another_prompt_or_name_is_not_looked_at_again() -> None:
    kling = _Counted()
    first = kling.check(_BOAT, "kling-v1")
    for other in (
        replace(_BOAT, prompt="a paper moon " * 500),
        replace(_BOAT, external_id="mine", callback_url="https://there.test/", metadata={"a": "b"}),
    ):
        assert kling.check(other, "kling-v1") is first
    assert kling.looks == 1


def test_whatever_counts_is_looked_at() -> None:
    kling = _Counted()
    found = [
        kling.check(request, model)
        for request, model in (
            (_BOAT, "kling-v1"),
            (_BOAT, "kling-v3"),
            (replace(_BOAT, duration=10.0), "kling-v1"),
            (replace(_BOAT, negative_prompt="rain"), "kling-v1"),
            (replace(_BOAT, parameters=VideoParameters(mode="pro")), "kling-v1"),
            (replace(_BOAT, parameters=VideoParameters(mode="p" * 1024)), "kling-v1"),
            (replace(_BOAT, parameters=VideoParameters(mode="p" * 1024)), "kling-v1"),
        )
    ]
    assert kling.looks == 7  # what is long is not kept
    assert [one.duration for one in found[:3]] == [5.0, 5.0, 10.0]
    assert [one.mode for one in found[3:5]] == ["std", "pro"]


def test_nothing_is_remembered_of_what_was_refused_or_is_the_clients_own() -> None:
    kling = _Counted()
    kling.check(_BOAT, "kling-v1")
    wrong = (
        replace(_BOAT, prompt=""),
        replace(_BOAT, duration=5.5),
        replace(_BOAT, inputs=(MediaInput("person", url="https://there.test/a.png"),)),
        replace(_BOAT, blanked=True),
    )
    for request in wrong * 2:
        with pytest.raises(GatewayError):
            kling.check(request, "kling-v1")
    for looks in (2, 3):
        kling.check(replace(_BOAT, native=Native("kling", {"new": Raw(b"1")})), "kling-v1")
        assert kling.looks == looks
