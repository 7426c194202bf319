"""Where relays put ids, words, links and figures: tolerant in what is read, strict in what is concluded."""

from __future__ import annotations

from typing import Any

import pytest

from telecine.providers.relay.answers import job_of, links_of, name_of, progress_of, status_of, task_of

LINK = "https://files.example/a.mp4"


def detail(**info: Any) -> dict[str, Any]:
    return {"detail": {"pending_info": info}}


@pytest.mark.parametrize(
    "job",
    [
        {"url": LINK},
        {"video_url": LINK},
        {"output_url": LINK},
        {"result_url": LINK},
        {"metadata": {"url": LINK}},
        {"output": {"url": LINK}},
        {"output": LINK},
        {"video": {"url": LINK}},
        {"videos": [{"url": LINK}]},
        {"videos": [LINK, "x"]},
        {"outputs": [{"video_url": LINK}]},
        {"content": {"video_url": LINK}},
        {"data": [{"url": LINK}]},
        {"data": {"task_result": {"videos": [{"url": LINK}]}}},
        {"data": {"creations": [{"url": LINK}]}},
        {"detail": {"generations": [{"url": LINK}]}},
        {"detail": {"video_url": LINK}},
        {"fail_reason": LINK},
        {"url": "", "video_url": "ftp://x/a", "result_url": None, "videos": [], "outputs": [7], "data": LINK + " ",
         "metadata": {"url": LINK}},
    ],
)  # fmt: skip
def test_a_link_is_found_wherever_relays_put_it(job: Any) -> None:
    assert next(links_of(job)) == LINK


@pytest.mark.parametrize(
    "job",
    [{}, {"url": 7}, {"data": {"data": [[LINK]]}}, {"videos": {"url": LINK}}, {"thumbnail_url": LINK}, {"url": "a"}],
)
def test_anything_else_is_no_link(job: Any) -> None:
    assert list(links_of(job)) == []


@pytest.mark.parametrize(
    ("said", "name", "task"),
    [
        ({"id": "video_1"}, "video_1", "video_1"),
        ({"task_id": "t"}, "t", "t"),
        ({"id": 7, "task_id": "t"}, 7, "t"),
        ({"id": "", "task_id": "t"}, "t", "t"),
        ({"code": "success", "data": {"id": 7, "task_id": "t"}}, 7, "t"),
        ({"id": "sora-2:task_1", "status": "pending", "data": {"id": "x"}}, "sora-2:task_1", "sora-2:task_1"),
        ({}, None, None),
    ],
)
def test_an_id_is_found_in_its_envelope(said: Any, name: Any, task: Any) -> None:
    assert (name_of(said), task_of(said)) == (name, task)


@pytest.mark.parametrize(
    ("job", "word", "progress"),
    [
        ({"status": "SUCCESS", "progress": "100%"}, "success", "100%"),
        ({"detail": {"status": "pending"}}, "pending", None),
        (
            {"status": "pending", "detail": {"pending_info": {"status": "processing", "progress_pct": 0.5}}},
            "processing",
            50,
        ),
        ({"status": "pending", "detail": {"pending_info": {"failure_reason": "no"}}}, "failed", None),
        ({"status": "completed", "detail": {"pending_info": {"failure_reason": "no"}}}, "completed", None),
        ({"status": 7}, "", None),
    ],
)
def test_words_and_figures(job: Any, word: str, progress: Any) -> None:
    assert (status_of(job), progress_of(job_of(job))) == (word, progress)
