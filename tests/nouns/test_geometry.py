"""Every way of asking for a size comes to the same pixels."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from telecine.nouns.catalogue import load
from telecine.nouns.errors import GatewayError
from telecine.nouns.geometry import pixels
from telecine.nouns.parameters import VideoParameters
from telecine.nouns.request import GenerationRequest
from telecine.nouns.sizes import parse_size

VIDEO = GenerationRequest("text_to_video", "some-model")
PICTURE = GenerationRequest("image_to_video", "some-model")
IMAGE = GenerationRequest("text_to_image", "some-model")
PRO = VideoParameters(mode="pro")


@pytest.mark.parametrize(
    ("request_", "picture", "expected"),
    [
        (VIDEO, None, (1280, 720)),
        (replace(VIDEO, size="1024x1792"), None, (1024, 1792)),
        (replace(VIDEO, size="1366x768", aspect_ratio="16:9", resolution="768p"), (10, 10), (1366, 768)),
        (replace(IMAGE, size="2048x2048", aspect_ratio="1:1", resolution="2k"), None, (2048, 2048)),
        (replace(VIDEO, size="641x359"), None, (640, 358)),
        (replace(IMAGE, size="641x359"), None, (641, 359)),
        (replace(VIDEO, aspect_ratio="16:9"), None, (1280, 720)),
        (replace(VIDEO, aspect_ratio="9:16"), None, (720, 1280)),
        (replace(VIDEO, aspect_ratio="1:1"), None, (720, 720)),
        (replace(VIDEO, aspect_ratio="21:9"), None, (1680, 720)),
        (replace(VIDEO, aspect_ratio="16:9", resolution="480p"), None, (854, 480)),
        (replace(VIDEO, aspect_ratio="9:16", resolution="1080p"), None, (1080, 1920)),
        (replace(VIDEO, aspect_ratio="16:9", resolution="2K"), None, (2560, 1440)),
        (replace(VIDEO, aspect_ratio="16:9", resolution="4k"), None, (3840, 2160)),
        (replace(VIDEO, resolution="1080p"), None, (1920, 1080)),
        (PICTURE, (1500, 1000), (1080, 720)),
        (PICTURE, (1000, 1500), (720, 1080)),
        (replace(PICTURE, aspect_ratio="16:9"), (1000, 1500), (1280, 720)),
        (replace(PICTURE, resolution="1080p"), (400, 400), (1080, 1080)),
        (PICTURE, (100000, 10), (2160, 720)),
        (PICTURE, (10, 100000), (720, 2160)),
        (PICTURE, None, (1280, 720)),
        (IMAGE, (400, 400), (1280, 720)),
        (replace(VIDEO, parameters=PRO), None, (1280, 720)),
        (replace(VIDEO, model="kling-v3", parameters=PRO), None, (1920, 1080)),
        (replace(VIDEO, model="kling-v3", parameters=PRO, aspect_ratio="9:16"), None, (1080, 1920)),
        (replace(PICTURE, model="kling-v3", parameters=PRO), (400, 400), (1080, 1080)),
    ],
)
def test_pixels(request_: GenerationRequest, picture: tuple[int, int] | None, expected: tuple[int, int]) -> None:
    sold_as_modes = load().ability(request_.model, request_.operation) if request_.model == "kling-v3" else None
    assert pixels(request_, sold_as_modes, picture) == expected


def test_the_model_has_the_last_word() -> None:
    sora = load().ability("sora-2", "text_to_video")
    assert sora is not None
    assert pixels(replace(VIDEO, model="sora-2"), sora, None) == (720, 1280)
    assert pixels(replace(VIDEO, model="sora-2", resolution="1080p"), sora, None) == (1080, 1920)
    assert pixels(replace(PICTURE, model="sora-2"), sora, (300, 200)) == (1080, 720)


@pytest.mark.parametrize("word", ["1280", "0x720", "x", "1280x-1", "1e3x5", "999999x1", ""])
def test_what_is_no_size_is_named(word: str) -> None:
    with pytest.raises(GatewayError) as caught:
        parse_size(word)
    assert caught.value.param == "size"


@pytest.mark.parametrize(("field", "word"), [("aspect_ratio", "16x9"), ("aspect_ratio", "0:1"), ("resolution", "HD")])
def test_what_is_no_ratio_or_resolution_is_named(field: str, word: str) -> None:
    with pytest.raises(GatewayError) as caught:
        pixels(replace(VIDEO, **{field: word}), None, None)
    assert caught.value.param == field


@pytest.mark.parametrize(
    ("field", "word"),
    [("aspect_ratio", "1:1"), ("aspect_ratio", "9:16"), ("resolution", "1080p"), ("resolution", "HD")],
)
def test_what_contradicts_the_size_is_named(field: str, word: str) -> None:
    with pytest.raises(GatewayError) as caught:
        pixels(replace(VIDEO, size="1280x720", **{field: word}), None, None)
    assert caught.value.param == field


@pytest.mark.parametrize(("field", "word"), [("resolution", "720p"), ("size", "1280x720")])
def test_what_contradicts_klings_mode_is_named(field: str, word: str) -> None:
    kling = load().ability("kling-v3", VIDEO.operation)
    with pytest.raises(GatewayError) as caught:
        pixels(replace(VIDEO, model="kling-v3", parameters=PRO, **{field: word}), kling, None)
    assert caught.value.param == field
    agreeing = replace(VIDEO, model="kling-v3", parameters=PRO, resolution="1080p")
    assert pixels(agreeing, kling, None) == (1920, 1080)
