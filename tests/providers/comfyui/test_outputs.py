"""What counts of that which nodes list in a history."""

from __future__ import annotations

from typing import Any

import pytest

from telecine.providers.comfyui.outputs import outputs_of, query_of


def file(name: str, place: str = "output", folder: str = "") -> dict[str, Any]:
    return {"filename": name, "subfolder": folder, "type": place}


@pytest.mark.parametrize(
    ("key", "name", "kind"),
    [
        ("images", "a.png", "image"),
        ("images", "a.JPG", "image"),
        ("images", "a.webp", "image"),
        ("images", "a.mp4", "video"),
        ("gifs", "a.gif", "image"),
        ("gifs", "a.webm", "video"),
        ("video", "a.mov", "video"),
        ("audio", "a.flac", "audio"),
        ("audio", "a.mp3", "audio"),
        ("3d", "a.glb", "file"),
        ("images", "a.exr", "file"),
        ("latents", "a", "file"),
    ],
)
def test_a_file_is_what_its_name_says(key: str, name: str, kind: str) -> None:
    (made,) = outputs_of({"9": {key: [file(name)], "animated": [True]}}, None)
    assert (made.kind, made.part, query_of(made.url)["filename"]) == (kind, "main", name)


def test_the_order_is_that_of_the_nodes_and_nothing_counts_twice() -> None:
    listed = {
        "10": {"images": [file("ten.png")]},
        "9": {"images": [file("b.png"), file("a.png"), file("b.png")]},
        "12:3": {"images": [file("inner.png")]},
        "12": {"images": [file("outer.png"), file("ten.png")]},
        "save": {"images": [file("named.png")]},
    }
    names = [query_of(one.url)["filename"] for one in outputs_of(listed, None)]
    assert names == ["named.png", "b.png", "a.png", "ten.png", "outer.png", "inner.png"]


def test_previews_and_inputs_are_left_out() -> None:
    listed = {"1": {"images": [file("p.png", "temp"), file("i.png", "input")]}, "2": {"images": [file("o.png")]}}
    assert [query_of(one.url)["filename"] for one in outputs_of(listed, None)] == ["o.png"]
    assert [query_of(one.url)["filename"] for one in outputs_of(listed, "1")] == ["p.png"]
    assert outputs_of(listed, "3") == ()


def test_texts_alone_are_the_result_and_beside_files_they_are_not() -> None:
    words = {"5": {"text": ["one", "two", "one", "", 7]}, "6": {"string": ["three"]}, "7": {"other": ["no"]}}
    assert [(one.text, one.part) for one in outputs_of(words, None)] == [
        ("one", "main"),
        ("two", "main"),
        ("three", "main"),
    ]
    both = outputs_of({**words, "9": {"images": [file("a.png")]}}, None)
    assert [one.part for one in both] == ["main", "text", "text", "text"]


@pytest.mark.parametrize(
    "node",
    [
        None,
        [],
        "images",
        {"images": None},
        {"images": [None, 7, "a.png", [], {}]},
        {
            "images": [
                {"filename": 7},
                {"filename": ""},
                {"filename": "a", "subfolder": 3},
                {"filename": "a", "type": []},
            ]
        },
        {"images": [{"filename": "a" * 9000}]},
        {"text": "words"},
    ],
)
def test_what_is_no_list_of_files_is_passed_over(node: Any) -> None:
    assert outputs_of({"9": node}, None) == ()


def test_names_come_back_as_they_were() -> None:
    (made,) = outputs_of({"9": {"images": [file("二 & 三=a+b #1?.png", folder="a/b c")]}}, None)
    assert query_of(made.url) == {"filename": "二 & 三=a+b #1?.png", "subfolder": "a/b c", "type": "output"}
