"""A vendor's new value of a known field reaches the vendor, and nobody else; and nobody has it at another's price."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.server.live import LiveServer, kling_channel
from tests.upstreams.kling import API_KEY, FakeKling
from tests.upstreams.openai_videos import API_KEY as OPENAI_KEY
from tests.upstreams.openai_videos import FakeOpenAI

KLING, OPENAI, OWN = "/kling/v1/videos/text2video", "/v1/videos", "/v1/tasks"
TURBO = {"model_name": "kling-v2-5-turbo", "prompt": "a boat"}
NEW: list[dict[str, Any]] = [
    {"mode": "4k"},
    {"sound": "music"},
    {"aspect_ratio": "21:9"},
    {"aspect_ratio": "auto"},
    {"duration": "7"},
    {"camera_control": {"type": "orbit", "config": {"pan": 3}}},
    {"camera_control": {"type": "orbit"}},
    {"multi_shot": True, "shot_type": "storyboard"},
    {"mode": "4k", "duration": "7", "aspect_ratio": "21:9", "new_knob": {"a": 1}},
]
OPENAIS: list[dict[str, Any]] = [{"seconds": "7"}, {"size": "640x480"}, {"size": "auto"}, {"seconds": 7.0}]
PRICES = """
[[prices]]
model = "kling-v2-5-turbo"
unit = "call"
price = 0.05
[[prices]]
model = "kling-v2-5-turbo"
unit = "call"
price = 0.90
when = { mode = "4k" }
[[prices]]
model = "kling-v2-6"
unit = "second"
price = 0.01
[[accounts]]
name = "default"
balance = 100
"""


def openai_channel(base_url: str, *, private: bool = False) -> str:
    return f"""
[[channels]]
allow_private = {str(private).lower()}
name = "openai-main"
provider = "openai"
base_url = "{base_url}"
api_key = "{OPENAI_KEY}"
models = ["sora-*"]
"""


def test_klings_new_values_reach_kling(folder: Path) -> None:
    with FakeKling().in_thread() as kling, LiveServer(folder, kling_channel(kling.base_url, API_KEY)) as server:
        for body in NEW:
            answer = server.call("POST", KLING, {**TURBO, **body})
            assert answer.status == 200, (body, answer)
            sent = json.loads(kling.creates[-1])
            assert {name: sent[name] for name in body} == body


def test_openais_new_values_reach_openai(folder: Path) -> None:
    with FakeOpenAI().in_thread() as fake, LiveServer(folder, openai_channel(fake.base_url)) as server:
        for body in OPENAIS:
            server.call("POST", OPENAI, {"prompt": "a boat", **body})
            assert {name: fake.creates[-1][name] for name in body} == {
                name: f"{value:g}" if isinstance(value, float) else value for name, value in body.items()
            }


OWN_WORDS: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({"aspect_ratio": "21:9"}, {"aspect_ratio": "21:9"}),
    ({"aspectRatio": "auto"}, {"aspectRatio": "auto"}),
    ({"metadata": {"aspectRatio": "1:1"}}, {"metadata[aspectRatio]": "1:1"}),
    ({"resolution": "4K"}, {"resolution": "4K"}),
    ({"metadata": {"resolution": "HD"}}, {"metadata[resolution]": "HD"}),
    ({"aspect_ratio": "16:9", "resolution": "1080p"}, {"aspect_ratio": "16:9", "resolution": "1080p"}),
    ({"aspect_ratio": "16:9", "resolution": "720p"}, {"size": "1280x720"}),
    ({"size": "21x9"}, {"size": "21x9"}),
    ({"size": "large"}, {"size": "large"}),
    ({"size": "auto", "aspect_ratio": "16:9"}, {"size": "auto", "aspect_ratio": "16:9"}),
    ({"size": "1280x720", "aspect_ratio": "auto"}, {"size": "1280x720", "aspect_ratio": "auto"}),
    ({"seconds": "7.5"}, {"seconds": "7.5"}),
    ({"seed": 2**64 - 1}, {"seed": str(2**64 - 1)}),
    ({"seed": 1234.0}, {"seed": "1234"}),
    ({"metadata": {"seed": 7}}, {"metadata[seed]": "7"}),
    ({"negative_prompt": "no rain"}, {"negative_prompt": "no rain"}),
]


@pytest.mark.parametrize("model", ["sora-2", "sora-unheard-of"])
def test_an_openai_upstream_is_told_in_the_clients_words_what_ours_cannot_say(folder: Path, model: str) -> None:
    with FakeOpenAI().in_thread() as fake, LiveServer(folder, openai_channel(fake.base_url)) as server:
        for body, expected in OWN_WORDS:
            server.call("POST", OPENAI, {"model": model, "prompt": "a boat", **body})
            sent = {name: text for name, text in fake.creates.pop().items() if name not in ("model", "prompt")}
            assert sent == expected, body
        assert server.call("POST", OPENAI, {"prompt": "a", "size": "1280x720", "aspect_ratio": "1:1"}).status == 400
        own = server.call("POST", OWN, {"model": model, "prompt": "a", "aspect_ratio": "21:9"})
        assert (own.status, own.json["error"]["param"]) == (400, "aspect_ratio"), "its client speaks no OpenAI"
        assert not fake.creates


def test_a_resolution_that_only_the_upstream_can_judge_needs_a_price_that_names_it(folder: Path) -> None:
    prices = """
[[prices]]
model = "sora-*"
unit = "second"
price = 0.01
[[prices]]
model = "sora-*"
unit = "second"
price = 0.50
when = { resolution = "4k" }
[[accounts]]
name = "default"
balance = 100
"""
    with FakeOpenAI().in_thread() as fake, LiveServer(folder, openai_channel(fake.base_url) + prices) as server:
        for word in ("8k", "HD", "1080p"):
            answer = server.call("POST", OPENAI, {"prompt": "a", "seconds": "4", "resolution": word})
            assert answer.status == 403, answer
            assert f"resolution = {word}" in answer.json["error"]["message"]
        assert not fake.creates
        for body, held in (
            ({"resolution": "4K"}, "2.000000"),
            ({"resolution": "720p"}, "0.040000"),
            ({"aspect_ratio": "1:1", "resolution": "720p"}, "0.040000"),
        ):
            answer = server.call("POST", OPENAI, {"prompt": "a", "seconds": "4", **body})
            assert answer.status == 200, (body, answer)
            assert server.call("GET", f"{OWN}/{answer.json['id']}").json["cost"]["held"] == held


def test_a_remix_of_what_was_told_in_the_clients_words(folder: Path) -> None:
    with FakeOpenAI().in_thread() as fake, LiveServer(folder, openai_channel(fake.base_url, private=True)) as server:
        fake.autofinish(0.1)
        made = server.call("POST", OPENAI, {"prompt": "a", "aspect_ratio": "1:1"}).json["id"]
        assert server.ended(made)["status"] == "succeeded"
        remix = f"{OPENAI}/{made}/remix"
        assert server.call("POST", remix, {"prompt": "b"}).status == 200
        assert fake.creates[-1] == {"prompt": "b"}
        other = server.call("POST", remix, {"prompt": "b", "aspect_ratio": "21:9"})
        assert (other.status, other.json["error"]["param"]) == (400, "aspect_ratio")


def test_two_names_of_the_model_have_to_agree(folder: Path) -> None:
    with LiveServer(folder) as server:
        both = server.call("POST", OPENAI, {"prompt": "a", "model": "sora-2", "model_name": "sora-2-pro"})
        assert (both.status, both.json["error"]["param"]) == (400, "model")
        alone = server.call("POST", OPENAI, {"prompt": "a [[delay:90]]", "model_name": "sora-2-pro"})
        assert (alone.status, alone.json["model"]) == (200, "sora-2-pro")


def test_kling_judges_lengths_that_are_not_whole(folder: Path) -> None:
    with FakeKling().in_thread() as kling, LiveServer(folder, kling_channel(kling.base_url, API_KEY)) as server:
        for model, length in (("kling-v2-5-turbo", "7.5"), ("kling-unheard-of", "12.123456")):
            answer = server.call("POST", KLING, {"model_name": model, "prompt": "a", "duration": length})
            assert json.loads(kling.creates.pop())["duration"] == length
            assert answer.json["message"] == f"duration value '{length}' is invalid"


@pytest.mark.parametrize("other", ["aspectRatio", "AspectRatio", "aspect-ratio", "Aspect_Ratio", "ASPECTRATIO"])
def test_a_known_field_in_another_spelling_slips_past_nobody(folder: Path, other: str) -> None:
    with FakeKling().in_thread() as kling, LiveServer(folder, kling_channel(kling.base_url, API_KEY)) as server:
        for more in ({"aspect_ratio": "9:16"}, {}):
            answer = server.call("POST", KLING, {**TURBO, **more, other: "16:9"})
            assert (answer.status, answer.json["code"]) == (400, 1201)
            assert "write 'aspect_ratio'" in answer.json["message"]
        answer = server.call("POST", KLING, {**TURBO, "modelName": "kling-v3"})
        assert answer.status == 400, answer
        assert not kling.creates


def test_nobody_else_is_sent_them(folder: Path, tmp_path: Path) -> None:
    with LiveServer(folder) as sandbox:
        for path, known, bodies in ((KLING, TURBO, NEW), (OPENAI, {"prompt": "a boat"}, OPENAIS)):
            for body in bodies:
                answer = sandbox.call("POST", path, {**known, **body})
                assert answer.status == 400, (body, answer)
                assert any(name in answer.content.decode() for name in body), answer
        assert (
            sandbox.call("POST", OWN, {"model": "kling-v1", "prompt": "a", "parameters": {"mode": "4k"}}).status == 400
        )
        assert sandbox.count("tasks") == 0
    with (
        FakeKling().in_thread() as kling,
        LiveServer(tmp_path / "data", kling_channel(kling.base_url, API_KEY)) as server,
    ):
        answer = server.call("POST", OPENAI, {"model": "kling-v2-5-turbo", "prompt": "a", "seconds": "7"})
        assert (answer.status, answer.json["error"]["param"]) == (400, "seconds")
        assert not kling.creates


def test_an_account_with_a_balance_has_what_a_price_names(folder: Path) -> None:
    with (
        FakeKling().in_thread() as kling,
        LiveServer(folder, kling_channel(kling.base_url, API_KEY) + PRICES) as server,
    ):
        for body in ({"sound": "music"}, {"duration": "7"}, {"mode": "8k"}, {"mode": "4k", "sound": "music"}):
            answer = server.call("POST", KLING, {**TURBO, **body})
            assert (answer.status, answer.json["code"]) == (403, 1103), (body, answer)
            assert any(f"{'audio' if name == 'sound' else name} = " in answer.json["message"] for name in body)
        assert not kling.creates
        for body, held in (
            ({"mode": "4k"}, "0.900000"),
            ({"aspect_ratio": "21:9"}, "0.050000"),
            ({"model_name": "kling-v2-6", "duration": "7"}, "0.070000"),
        ):
            answer = server.call("POST", KLING, {**TURBO, **body})
            assert answer.status == 200, (body, answer)
            task = server.call("GET", f"{OWN}/{answer.json['data']['task_id']}").json
            assert task["cost"]["held"] == held
        answer = server.call("POST", KLING, {"model_name": "kling-v1", "prompt": "a", "mode": "4k"})
        assert answer.status == 403, "a model without any price names nothing"


def test_where_nothing_costs_anything_a_balance_stops_nothing(folder: Path) -> None:
    config = '[[accounts]]\nname = "default"\nbalance = 100\n'
    with (
        FakeKling().in_thread() as kling,
        LiveServer(folder, kling_channel(kling.base_url, API_KEY) + config) as server,
    ):
        for body in ({"mode": "4k"}, {"sound": "music"}, {"duration": "7"}):
            answer = server.call("POST", KLING, {**TURBO, **body})
            assert answer.status == 200, (body, answer)
