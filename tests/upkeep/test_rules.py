"""The rules that a start, a reload and a check share: what they refuse, and where in the file; what they warn of."""

from __future__ import annotations

from pathlib import Path

import pytest

from telecine.config import Config, ConfigError, Settings, located, parse
from telecine.nouns import catalogue
from telecine.upkeep.rules import Advice, advice, check_rules

FILE = Path("telecine.toml")
KLING = """[[channels]]
name = "k"
provider = "kling"
base_url = "https://kling.example"
api_key = "k"
"""
SANDBOX = '[[channels]]\nname = "s"\nprovider = "sandbox"\n'


def price(model: str, price: str = "1") -> str:
    return f'[[prices]]\nmodel = "{model}"\nunit = "call"\nprice = {price}\n'


def config(text: str) -> Config:
    return parse(text.encode(), FILE, {})


def warned(text: str) -> list[Advice]:
    return advice(config(text), catalogue.load())


@pytest.mark.parametrize(
    ("text", "exposed", "said"),
    [
        (KLING, True, r"line 1 \(models\): Other machines could spend on models without a price \(k: \*\)"),
        ('public_url = "https://a.example"\n' + KLING, False, r"line 2 \(models\): Other machines"),
        (
            f'{KLING}models = ["a",\n"b"]\n{price("a")}',
            False,
            r"line 6 \(models\): There are prices, but none for k: b",
        ),
        (
            KLING.replace("api_key", "access_key"),
            False,
            r"line 1 \(api_key\): Channel 'k' has no credential; Kling needs",
        ),
        (
            KLING.replace('"kling"', '"klingon"'),
            False,
            r"line 3 \(provider\): .*these exist: kling, openai, relay, suno, bizyair, ima, midjourney, comfyui, s",
        ),
        (
            f"{KLING}options = {{ list = true }}",
            False,
            r"line 6 \(options\): .*unknown field `list`.* There are: lists\.",
        ),
        (f"{SANDBOX}options = {{ x = 1 }}", False, r"line 4 \(options\): The provider 'sandbox' .* takes no options"),
        (KLING.replace("https://", ""), False, r"line 4 \(base_url\): .*must be an address"),
        ('\n[network]\nallow_private = ["x"]', False, r"line 3 \(allow_private\): .*networks such as 10\.0\.0\.0/8"),
        ('[[keys]]\nname = "a"\nkey = "q7Jc0vD2mXk9LrT4sWbN8a"\n', False, r"line 3 \(key\): .*TELECINE_ADMIN_KEY"),
    ],
)
def test_what_is_refused_is_named_with_its_line(tmp_path: Path, text: str, exposed: bool, said: str) -> None:
    file = tmp_path / "telecine.toml"
    file.write_text(text)
    settings = Settings(tmp_path, config(text), admin_key="q7Jc0vD2mXk9LrT4sWbN8a", file=file)
    with pytest.raises(ConfigError) as caught:
        check_rules(settings, settings.config, catalogue.load(), exposed=exposed)
    with pytest.raises(ConfigError, match=f"^{file}, {said}"):
        raise located(caught.value, file)


@pytest.mark.parametrize(
    ("text", "near"),
    [
        (KLING + 'models = ["kling-v1"]\n' + price("kling-v1") + price("kling-1"), "kling-1' matches.*'kling-v1'"),
        (KLING + 'models = ["kling-v1"]\n' + price("kling-v1") + price("sora-*"), r"sora-\*' matches.*'kling-v1'"),
        (
            KLING + 'models = ["kling-v*"]\n' + price("kling-v*") + price("klign-*"),
            r"klign-\*' matches.*nearest is 'kling-v",
        ),
        (SANDBOX + 'models = ["sora-2"]\n' + price("sora2"), "sora2' matches.*'sora-2'"),
        (SANDBOX + price("sora-3"), "sora-3' matches.*'sora-2"),
        (price("storybord-1"), "storybord-1' matches.*'storyboard-1'"),
    ],
)
def test_a_price_of_nothing_is_told_with_the_nearest_name(text: str, near: str) -> None:
    (found,) = warned(text)
    assert (found.about, found.level) == ("prices", "warning")
    with pytest.raises(AssertionError, match=near):
        raise AssertionError(found.what)


@pytest.mark.parametrize(
    "text",
    [
        KLING + 'models = ["kling-latest"]\n' + price("kling-latest"),
        KLING + 'models = [{ public = "mine", upstream = "kling-v1" }]\n' + price("mine"),
        KLING + 'models = ["sora-2-2025-12-08"]\n' + price("sora-2"),
        KLING + 'models = ["sora-2"]\n' + price("sora-2") + price("sora-2-2025-12-08"),
        KLING + price("*") + price("flux-*"),
        KLING + 'models = ["flux-1*"]\n' + price("flux-*-pro"),
        KLING + 'draining = true\nmodels = ["kling-v1"]\n' + price("kling-v1"),
        SANDBOX + 'models = ["sora-*"]\n' + price("sora-2-pro"),
        price("sora-2"),
        "",
    ],
)
def test_a_price_of_something_is_not(text: str) -> None:
    assert warned(text) == []


@pytest.mark.parametrize(
    ("model", "unit", "usual"),
    [
        ("kling-v2-5-turbo", "image", "second"),
        ("kling-v2-5-turbo", "track", "second"),
        ("storyboard-1", "second", "image"),
        ("suno_lyrics", "track", "call"),
        ("sora-2-2025-12-08", "image", "call or second"),
    ],
)
def test_a_price_by_what_its_model_never_makes_is_worth_a_warning(model: str, unit: str, usual: str) -> None:
    (found,) = warned(f'[[prices]]\nmodel = "{model}"\nunit = "{unit}"\nprice = 1\n')
    assert (found.about, found.level, found.do) == ("prices", "warning", f"Price it by {usual}.")
    assert f"'{model}' is by {unit}, of which it makes none" in found.what


@pytest.mark.parametrize(
    ("model", "unit"),
    [
        ("kling-v1", "image"),
        ("kling-v1", "call"), ("kling-v1", "second"), ("storyboard-1", "image"), ("chirp-v4", "track"),
        ("chirp-v4", "second"), ("sora-2", "million_output_tokens"), ("storyboard-*", "second"),
    ],
)  # fmt: skip
def test_a_price_by_what_its_model_makes_is_not(model: str, unit: str) -> None:
    assert warned(f'[[prices]]\nmodel = "{model}"\nunit = "{unit}"\nprice = 1\n') == []


def test_what_a_glob_serves_without_a_price_is_worth_a_note() -> None:
    (found,) = warned(KLING + 'models = ["kling-v2-*"]\n' + price("kling-v2-5-turbo") + price("kling-v2-1*"))
    assert (found.about, found.level) == ("prices", "info")
    assert found.what.endswith("refused when it is asked for: kling-v2-master, kling-v2-6, kling-v2-new.")


def test_an_unlimited_account_and_an_openai_channel_without_a_key_are_worth_a_warning() -> None:
    accounts = '[[accounts]]\nname = "studio"\nunlimited = true\n[[accounts]]\nname = "default"\nunlimited = true\n'
    openai = KLING.replace("kling", "openai").replace('api_key = "k"\n', 'models = ["sora-2"]\n')
    found = warned(openai + price("sora-2") + accounts)
    assert [(one.about, one.level) for one in found] == [("accounts", "warning"), ("channel", "warning")]
    assert "'studio'" in found[0].what
    assert warned(accounts) == []  # nothing costs anything


def test_a_comfyui_that_runs_nothing_and_a_workflow_that_nothing_runs_are_worth_a_word() -> None:
    """It needs no key, and no price for the models that its glob would match; what it serves may have been made while
    the server runs."""
    gpu = '[[channels]]\nname = "gpu"\nprovider = "comfyui"\nbase_url = "http://10.0.0.7:8188"\n'
    flow = '[[workflows]]\nweb_app_id = 1\nname = "book"\n'
    found = warned(gpu + 'models = ["*", "sora-2"]\n' + price("sora-2") + flow)
    assert [(one.about, one.level) for one in found] == [("channel", "info"), ("channel", "warning")]
    assert [one.what for one in found] == [
        "The channel 'gpu' serves 'sora-2', which is no workflow of this file.",
        "The workflow 'book' is served by no channel.",
    ]
