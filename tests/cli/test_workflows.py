"""`telecine workflows check`, which needs no server; `tests/docs/test_picture_book.py` has the other commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from telecine.cli.app import tree
from telecine.cli.failure import USAGE, Failure
from tests.nouns.test_workflow import GRAPH


def run(*arguments: str | Path) -> Any:
    """What the command prints. Raises Failure, as `main` takes it."""
    done = CliRunner().invoke(tree(), ["workflows", *map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def book(tmp_path: Path) -> Path:
    (tmp_path / "telecine.toml").write_text("# mine\n")
    file = tmp_path / "book.json"
    file.write_text(json.dumps(GRAPH))
    return file


def test_a_check_shows_what_could_be_set(book: Path) -> None:
    shown = run("check", book)
    assert "5:EmptyLatentImage.batch_size" in shown
    assert "1 workflow(s)" in shown
    inputs = json.loads(run("check", book, "--json").partition("\n")[0])["workflows"]["book"]
    assert {"name": "6:CLIPTextEncode.text", "value": "a boat", "field": None} in inputs


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (json.dumps({"nodes": [], "links": []}), "as the editor saves it"),
        ("[]", "no JSON object"),
        ("{", "no JSON"),
        (json.dumps({"1": {"class_type": "A", "inputs": {"a": ["2", 0], "b": ["3", 0]}}}), "'2'"),
    ],
)
def test_a_check_says_what_is_wrong(book: Path, content: str, told: str) -> None:
    book.write_text(content)
    with pytest.raises(Failure, match=told) as refused:
        run("check", book)
    assert refused.value.code == USAGE


def test_a_check_names_everything_that_is_not_there(book: Path) -> None:
    section = (
        '[[workflows]]\nweb_app_id = 1\nname = "book"\nfile = "book.json"\nprompt = "66:A.b"\nseed = "3:KSampler.x"\n'
    )
    config = book.with_name("telecine.toml")
    config.write_text(section)
    with pytest.raises(Failure) as refused:
        run("check", config)
    assert all(told in str(refused.value) for told in ("telecine.toml", "'book'", "'66'", "'x'"))
