"""What a chat about a video tells: pure, and only what its end says."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from telecine.net.client import Reply
from telecine.providers.base import Channel
from telecine.providers.http.answers import submitted
from telecine.providers.outcomes import Refused
from telecine.providers.relay.chat import CHAT, told

FILM = "https://files.example/a.mp4?sign=1"
SAMPLE = (
    '```json\n{"prompt": "a fox", "orientation": "portrait"}\n```\n> ID: `task_01k7zc6bfrff09dkkqjrzwhm60`\n'
    "> [数据预览](https://data.example/web/task_01k7.mp4x) [原始数据](https://data.example/source/task_01k7)\n"
    "> 排队中......\n> 生成中.\n> 🏃 进度 76..\n> 生成完成 ✅\n> sid: s_68ec1234567890\n\n"
)
ECHO = '```json\n{"prompt":"as in task_of0another sid: s_ofsomebody1 https://me.example/a.mp4"}\n```\n\n'


def streamed(*words: str, end: bool = True, done: bool = True, **last: Any) -> bytes:
    """The events of a chat that says `words`."""
    events: list[Any] = [{"id": "chatcmpl-1", "choices": [{"delta": {"content": one}}]} for one in words]
    if end:
        events.append({"choices": [{"delta": {}, "finish_reason": "stop"}]})
    if last:
        events.append(last)
    body = b"".join(b"data: " + msgspec.json.encode(one) + b"\r\n\r\n" for one in events)
    return body + (b"data: [DONE]\r\n" if done else b"")


def whole(words: str) -> bytes:
    choice = {"message": {"role": "assistant", "content": words}, "finish_reason": "stop"}
    return msgspec.json.encode({"id": "chatcmpl-1", "choices": [choice]})


def read(body: bytes) -> Any:
    return msgspec.json.decode(told(body))


@pytest.mark.parametrize(
    ("words", "url", "name"),
    [
        (SAMPLE + f"[在线播放]({FILM})", FILM, "s_68ec1234567890"),
        (f"> ID: `task_01k7zc6bfr`\nvideo generated successfully,[click here]({FILM})", FILM, "task_01k7zc6bfr"),
        (f"{FILM}", FILM, "chatcmpl-1"),
        (
            f"{ECHO}> ID: `task_01k7zc6bfr`\n[here](https://files.example/get/17)",
            "https://files.example/get/17",
            "task_01k7zc6bfr",
        ),
        (f"first https://files.example/old.mp4 then {FILM}.", FILM, "chatcmpl-1"),
        ("done: [download](https://files.example/get/17)", "https://files.example/get/17", "chatcmpl-1"),
        ("an error was overcome. <https://files.example/b.webm>", "https://files.example/b.webm", "chatcmpl-1"),
    ],
)
def test_the_link_at_the_end_is_the_video(words: str, url: str, name: str) -> None:
    for body in (streamed(*words), streamed(words), whole(words)):
        said = read(body)
        assert (said["status"], said["url"], said["id"]) == ("completed", url, name)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (streamed(SAMPLE.partition("> 生成完成")[0], "> ❌ 生成失败: no luck\n"), "生成失败: no luck"),
        (whole("generation failed: blocked by moderation"), "generation failed: blocked by moderation"),
        (streamed(end=False, error={"message": "no luck", "code": "x"}), "no luck"),
        (msgspec.json.encode({"error": {"message": "no luck"}}), "no luck"),
        (streamed("> 生成失败", end=False, error={"message": "no luck", "code": "insufficient_quota"}), "no luck"),
    ],
)
def test_a_failure_is_one_where_it_says_so(body: bytes, message: str) -> None:
    assert read(body)["error"]["message"] == message


@pytest.mark.parametrize(
    ("error", "code", "elsewhere"),
    [
        ({"message": "余额不足", "code": "insufficient_quota"}, "upstream_failed", False),
        ({"message": "slow down", "code": "rate_limit_exceeded"}, "upstream_failed", False),
        ({"message": "no", "code": "content_policy_violation"}, "content_policy", False),
    ],
)
def test_a_job_that_has_begun_and_failed_goes_nowhere_else(error: Any, code: str, elsewhere: bool) -> None:
    body = told(streamed("> 生成失败", end=False, error=error))
    outcome = submitted(CHAT, CHAT.ops["text_to_video"], Reply(200, {}, body), Channel("r", "http://r.example"), 0.0)
    assert isinstance(outcome, Refused)
    assert (outcome.error.code, outcome.elsewhere, outcome.capacity) == (code, elsewhere, False)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[1]",
        b"data: [DONE]",
        streamed(SAMPLE),  # without a link, and without a word of failure
        streamed("生成中", f"[a]({FILM})", end=False, done=False),  # broken off: the link may be to something else
        streamed("> 生成中", end=False, error={"message": "gone", "code": "insufficient_quota"}),  # after it had begun
        whole("[原始数据](https://data.example/source/1)"),
        b'data: {"choices": [7, null]}\n\ndata: {"choices": "x"}\n\ndata: nonsense\n\ndata: [DONE]',
        msgspec.json.encode({"choices": [{"message": {"content": [1]}, "finish_reason": "stop"}]}),
    ],
)
def test_whatever_else_it_says_is_nothing_to_conclude_from(body: bytes) -> None:
    assert read(body) == {}
