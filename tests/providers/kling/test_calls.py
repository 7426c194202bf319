"""What the answers of Kling's calls come to: each was paid for, and is never asked for again."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from telecine.net.client import Reply
from telecine.providers.base import Channel
from telecine.providers.http.answers import submitted
from telecine.providers.kling import KLING
from telecine.providers.outcomes import Finished, SubmitOutcome, Succeeded, Unknown
from tests.providers.stand_ins import NOW

FACE = {"face_id": "0", "start_time": 0, "end_time": 5200}


def outcome(operation: str, data: Any) -> SubmitOutcome:
    reply = Reply(200, {}, msgspec.json.encode({"code": 0, "message": "SUCCEED", "data": data}))
    return submitted(KLING, KLING.ops[operation], reply, Channel("k", "https://kling.test"), NOW)


@pytest.mark.parametrize(
    "face",
    [FACE, {**FACE, "face_id": 0}, {**FACE, "end_time": "5200"}, {**FACE, "start_time": None, "face_image": None}],
)
def test_faces_are_read_however_they_are_written(face: dict[str, Any]) -> None:
    found = outcome("kling:identify_face", {"session_id": 7, "face_data": [face]})
    assert isinstance(found, Finished)
    assert isinstance(found.result, Succeeded)
    (said,) = found.result.outputs
    assert (said.upstream_id, msgspec.json.decode(said.text or "")) == ("7", [FACE])


@pytest.mark.parametrize(
    ("operation", "data"),
    [
        ("kling:identify_face", None),
        ("kling:identify_face", {"face_data": [FACE]}),
        ("kling:identify_face", {"session_id": "s", "face_data": [{}]}),
        ("kling:recognize_image", {"task_result": {"images": []}}),
        ("kling:recognize_image", {"task_result": {"images": [{"url": "https://a.test/1.png"}]}}),
    ],
)
def test_what_cannot_be_told_may_have_been_billed(operation: str, data: Any) -> None:
    assert isinstance(outcome(operation, data), Unknown)
