"""A video as the answer of a chat: whole, or as it comes about, in the lines that relays write (wire table C.5, from a
sample; no document says what they may be)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

import msgspec

from telecine.dialects.call import Call
from telecine.dialects.openai.render import STATUS, shown
from telecine.dialects.streamed import EVENTS, HEADERS, Streamed
from telecine.dialects.waiting import COMMENT, check_done
from telecine.nouns.errors import GatewayError
from telecine.nouns.ids import video_id
from telecine.nouns.task import Task
from telecine.tasks.view import View

_KEEP_ALIVE: Final = 15.0
"""Seconds of silence; proxies cut connections after a minute."""
_ID: Final = "chatcmpl-"
_DONE: Final = b"data: [DONE]\n\n"
_MOST_PROMPT: Final = 500


class ChatAnswer(msgspec.Struct, frozen=True):
    """What is said: the id of the video, how it went, and the link."""

    content: str
    role: str = "assistant"
    refusal: None = None


class ChatChoice(msgspec.Struct, frozen=True):
    """The one answer."""

    message: ChatAnswer
    index: int = 0
    finish_reason: str = "stop"
    logprobs: None = None


class ChatUsage(msgspec.Struct, frozen=True):
    """Tokens. A video takes none; what it costs is said of its task."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0


class Completion(msgspec.Struct, frozen=True, kw_only=True):
    """OpenAI's chat completion."""

    id: str
    object: str = "chat.completion"
    created: int
    model: str
    choices: list[ChatChoice]
    usage: ChatUsage = ChatUsage()


def completion(call: Call, view: View) -> Completion:
    """The whole answer of a task that has ended. Raises GatewayError for one that came to nothing, or goes on."""
    task = view.task
    check_done(view, f"The video is not done yet; it is {video_id(task.id)}, and goes on.")
    words = "".join((_beginning(task), _end(call, view)))
    choices = [ChatChoice(ChatAnswer(words))]
    return Completion(id=_id(task), created=int(task.created_at), model=task.model, choices=choices)


def stream(call: Call, view: View) -> Streamed:
    """The same, line by line as it comes about. Whoever hangs up ends the stream, and not the video."""
    return Streamed(_lines(call, view), EVENTS, HEADERS)


async def _lines(call: Call, view: View) -> AsyncGenerator[bytes]:
    task, edge = view.task, call.edge
    try:
        # first of all: whoever is told no more than that can still ask for what they pay for
        yield _chunk(task, {"role": "assistant", "content": _beginning(task)})
        with edge.streams.one_of(call.principal.account_id):
            async with aclosing(_progress(call, view)) as lines:
                async for line in lines:
                    yield line if line == COMMENT else _chunk(task, {"content": line.decode()})
            ended = await edge.tasks.get(call.principal, task.id)
            if ended.task.ended and ended.task.status != "succeeded":
                yield _chunk(task, {"content": "> 生成失败 failed ❌\n\n"})
            check_done(ended, "This server is about to stop; the video goes on.")
            yield _chunk(task, {"content": _end(call, ended)})
            yield _chunk(task, {}, "stop")
    except GatewayError as error:
        refused = call.request.scope["dialect"].render_error(error, call.request_id)
        yield b"data: %s\n\n" % bytes(refused.body)
    yield _DONE


async def _progress(call: Call, view: View) -> AsyncGenerator[bytes]:
    """A line for each news, until the task has ended; a comment where there has been none for a while."""
    edge, spoken = call.edge, call.edge.now()
    last = ""
    async with aclosing(edge.tasks.news(call.principal, view.task.id)) as news:
        async for one in news:
            line = _news(one.view.task) if one is not None else ""
            if line and line != last:
                yield line.encode()
                last, spoken = line, edge.now()
            elif edge.now() >= spoken + _KEEP_ALIVE:
                yield COMMENT
                spoken = edge.now()


def _beginning(task: Task) -> str:
    """What was asked, and the id by which a later message of the chat goes on from this video."""
    wide = task.request.aspect_ratio or task.request.size
    asked = {"prompt": task.request.prompt[:_MOST_PROMPT]} | ({} if wide is None else {"size": wide})
    return f"```json\n{msgspec.json.encode(asked).decode()}\n```\n\n> ID: `{video_id(task.id)}`\n\n"


def _news(task: Task) -> str:
    match STATUS[task.status]:
        case "queued":
            return "> 排队中 queued ......\n\n"
        case "in_progress" if task.progress:
            return f"> 🏃 进度 progress {task.progress} %\n\n"
        case "in_progress":
            return "> 生成中 running ......\n\n"
    return ""


def _end(call: Call, view: View) -> str:
    output = shown(view)
    link = call.edge.media.link(output) if output is not None else None
    if link is None:
        raise GatewayError("upstream_failed", "The video's file is lost.", may_retry=False)
    return f"> 生成完成 done ✅\n\n[🎬 {video_id(view.task.id)}.mp4]({link})\n"


def _chunk(task: Task, delta: dict[str, Any], finish: str | None = None) -> bytes:
    """One event: `chat.completion.chunk`."""
    told = {
        "id": _id(task),
        "object": "chat.completion.chunk",
        "created": int(task.created_at),
        "model": task.model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}],
    }
    return b"data: %s\n\n" % msgspec.json.encode(told)


def _id(task: Task) -> str:
    return _ID + video_id(task.id)
