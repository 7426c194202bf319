"""`[[workflows]]`: read with their files, and refused by name where something is not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from telecine.config import Config, ConfigError, read
from telecine.upkeep.reload import difference, masked
from tests.nouns.test_workflow import GRAPH

SECTION = """
[[workflows]]
web_app_id = 37429
name = "picture-book"
file = "book.json"
prompt = "6:CLIPTextEncode.text"
count = "5:EmptyLatentImage.batch_size"
"""


def written(folder: Path, text: str = SECTION, graph: object = GRAPH) -> Config:
    (folder / "book.json").write_text(graph if isinstance(graph, str) else json.dumps(graph))
    (folder / "telecine.toml").write_text(text)
    return read(folder / "telecine.toml", {})


def test_a_workflow_is_read_with_its_graph(tmp_path: Path) -> None:
    (flow,) = written(tmp_path).flows
    assert (flow.web_app_id, flow.name, flow.makes) == ("37429", "picture-book", "image")
    assert flow.filled({"6:CLIPTextEncode.text": "a kite"})["6"]["inputs"]["text"] == "a kite"


def test_a_model_of_the_modelzoo_has_fields_by_their_plain_names(tmp_path: Path) -> None:
    text = """
        [[workflows]]
        web_app_id = "ace-step/text-to-audio"
        name = "song"
        duration = "duration"
        inputs = ["lyrics", "tags"]
    """
    (flow,) = written(tmp_path, text).flows
    assert (flow.web_app_id, flow.makes, flow.declared) == (
        "ace-step/text-to-audio",
        "audio",
        ("lyrics", "tags", "duration"),
    )


@pytest.mark.parametrize(
    ("text", "graph", "why"),
    [
        (SECTION, {"nodes": [], "links": []}, "as the editor saves it"),
        (SECTION, "no json", "holds no JSON"),
        (SECTION.replace("book.json", "other.json"), GRAPH, "cannot be read"),
        (SECTION.replace("6:CLIP", "66:CLIP"), GRAPH, "no node '66'"),
        (SECTION.replace("batch_size", "batch"), GRAPH, "no field 'batch'"),
        (SECTION + 'width = "5:EmptyLatentImage.width"', GRAPH, "go together"),
        (SECTION.replace("37429", '"x1"'), GRAPH, "must be a number"),
        (SECTION.replace("37429", "-1"), GRAPH, "must be a number"),
        (SECTION.replace("37429", '"037429"'), GRAPH, "must be a number"),
        (SECTION, {**GRAPH, "50": {"class_type": "Note", "inputs": {"text": "x" * 2**22}}}, "larger than"),
        (SECTION.replace("37429", '"ace-step/text-to-audio"'), GRAPH, "leave out file"),
        (SECTION.replace("37429", '"ace step/text-to-audio"'), GRAPH, "without spaces"),
        (SECTION.replace('"picture-book"', '"kling-v1"'), GRAPH, "a model of that name"),
        (SECTION.replace('"picture-book"', '"a/b"'), GRAPH, "printable"),
        (SECTION + SECTION, GRAPH, "more than one"),
        (SECTION + SECTION.replace('"picture-book"', '"another"'), GRAPH, "web_app_id of another"),
        (SECTION + 'workflow = "x"', GRAPH, "unknown field"),
        (SECTION.replace('"5:EmptyLatentImage.batch_size"', "0"), GRAPH, "from 1 to 100"),
    ],
)
def test_what_cannot_be_is_refused_by_name(tmp_path: Path, text: str, graph: object, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as refused:
        written(tmp_path, text, graph)
    name = text.rpartition('name = "')[2].partition('"')[0]
    assert name in str(refused.value) or why == "unknown field"
    assert "telecine.toml, line" in str(refused.value)


def test_a_file_that_has_changed_is_a_change(tmp_path: Path) -> None:
    before = written(tmp_path)
    assert difference(before, written(tmp_path)) == []
    after = written(tmp_path, graph={**GRAPH, "30": {"class_type": "Note", "inputs": {}}})
    (change,) = difference(before, after)
    assert (change.section, change.name, change.what) == ("workflows", "picture-book", "changed")
    assert "book.json" in change.fields[0]
    assert difference(masked(before, b"key"), masked(after, b"key")) == [change]
