"""The words of the sandbox: what it sees in a picture, and what it leaves of a prompt."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image

from telecine.nouns.errors import GatewayError
from telecine.providers.sandbox.looking import look
from telecine.providers.sandbox.words import ratio_of, shortened
from tests.providers.drawn import BLUE


@pytest.mark.parametrize(
    ("colour", "name", "tone"),
    [
        ("#fafafa", "white", 1.0),
        ("#000", "black", 0.0),
        (BLUE, "blue", 0.2),
        ("#2fa03c", "green", 0.5),
        ("#777", "grey", 0.47),
    ],
)
def test_colours_have_names(tmp_path: Any, colour: Any, name: str, tone: float) -> None:
    path = tmp_path / "one.png"
    Image.new("RGB", (40, 30), colour).save(path)
    found = look(path)
    assert found.colours == ((name, 100),)
    assert found.light == pytest.approx(tone, abs=0.1)


def test_proportions_have_names() -> None:
    assert [ratio_of(*size) for size in ((1920, 1080), (1080, 1920), (512, 512), (1365, 768), (700, 300))] == [
        "16:9", "9:16", "1:1", "16:9", "21:9"
    ]  # fmt: skip
    assert ratio_of(1000, 17) == "1000:17"


def test_a_prompt_is_made_shorter_line_by_line() -> None:
    prompt = "a very old lighthouse on a cliff in the rain, painted with a broad brush --ar 16:9 --v 7"
    lines = [line[4:] for line in shortened(prompt).split("\n\n")]
    lengths = [len(line) for line in lines]
    assert len(lines) == 5
    assert lengths == sorted(set(lengths), reverse=True)
    assert lengths[0] < len(prompt.partition(" --")[0])
    assert all(word in prompt for line in lines for word in line.split())
    assert "--" not in "".join(lines)
    for short in ("boat", "", "  ", "--ar 1:1"):
        with pytest.raises(GatewayError) as caught:
            shortened(short)
        assert caught.value.param == "prompt"
