"""However a dialect writes an id, every dialect reads it."""

from __future__ import annotations

import uuid

import pytest

from telecine.nouns.ids import (
    EPOCH_MS,
    ID_FORMS,
    MAX_ID,
    RANDOM_BITS,
    IdForm,
    clip_id,
    parse_clip_id,
    parse_task_id,
    reference_to,
    uuid_form,
)
from telecine.nouns.reference import Reference

NOW = 1763700000.0
IDS = (
    117484132763693602,  # as IdSource draws them
    int(NOW * 1000) - EPOCH_MS << RANDOM_BITS,
    MAX_ID,
    MAX_ID - 1,
    (1 << 62) + 1,
)


@pytest.mark.parametrize("form", ID_FORMS, ids=lambda form: form.name)
@pytest.mark.parametrize("number", IDS)
def test_every_form_parses_back(form: IdForm, number: int) -> None:
    for model in ("sora-2", "vendor:model", "a/b", ""):
        text = form.write(number, model)
        assert parse_task_id(text) == number
        assert parse_task_id(text.upper() if form.name in ("uuid", "alphanumeric") else text) == number


def test_the_uuid_is_one_and_sorts_as_the_ids_do() -> None:
    form = next(one for one in ID_FORMS if one.name == "uuid")
    texts = [form.write(number) for number in sorted(IDS)]
    assert texts == sorted(texts)
    for text in texts:
        assert (str(uuid.UUID(text)), uuid.UUID(text).version, uuid.UUID(text).variant) == (text, 8, uuid.RFC_4122)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "video_",
        "video_0",
        "9" * 19,
        "9" * 40,
        "0uuuuuuuuuuuu",
        "zzzzzzzzzzzzz",
        "018f3a2b-4c5d-7e6f-8a9b-0c1d2e3f4a5b",
        "ffffffff-ffff-8fff-8f00-000000000000",
        "018f3a2b4c5d8e6f8900000000000000",
        str(uuid.UUID(int=0)),
        "٣" * 13,
        "file_06xx11d95wm5j",
    ],
)
def test_what_is_no_id_of_ours_is_none(text: str) -> None:
    assert parse_task_id(text) is None


def test_thirteen_digits_are_base_32() -> None:
    assert parse_task_id("0000000000010") == 32
    assert parse_task_id("0000000000000010") == 10


@pytest.mark.parametrize("task", [*IDS, MAX_ID])
@pytest.mark.parametrize("item", [0, 1, 254])
def test_a_clip_is_named_before_it_is_made(task: int, item: int) -> None:
    name = clip_id(task, item)
    assert (str(uuid.UUID(name)), parse_clip_id(name.upper()), parse_task_id(name)) == (name, (task, item), None)
    assert reference_to(name, "clip") == Reference(task=task, item=item, upstream_id=name, kind="clip")
    assert reference_to(name, "clip").said == Reference(upstream_id=name, kind="clip")


@pytest.mark.parametrize(
    "text", ["", "01", "0d3bcf4c-8a0b-4d2e-9c0e-000000000001", uuid_form(77), "06xx11d95wm5j", "7701"]
)
def test_what_is_no_clip_of_ours_is_none(text: str) -> None:
    assert parse_clip_id(text) is None
