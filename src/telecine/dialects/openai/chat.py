"""`POST /v1/chat/completions` with a video model: what is asked is the last line, and an earlier answer of ours in the
chat is the video that it is about (wire table C.5)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from telecine.dialects.bodies import Body, typed
from telecine.dialects.call import Call
from telecine.dialects.inline import Source
from telecine.dialects.openai.chat_render import Completion, completion, stream
from telecine.dialects.openai.create import MAX_IMAGE, hook_of, parse_create
from telecine.dialects.openai.follow import remixed
from telecine.dialects.openai.form import named
from telecine.dialects.openai.rows import PROMPT
from telecine.dialects.rows import Create, Parsed
from telecine.dialects.scalars import flag
from telecine.dialects.waiting import Wait
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.request import GenerationRequest
from telecine.tasks.view import View
from telecine.wires.openai import PATIENCE
from telecine.wires.openai_chat import CHAT_ALONE, PATH, ChatMessage, CreateChat

_NAMED: Final = re.compile(
    r"^>?[ \t]{0,4}ID:\s{0,4}`?([A-Za-z0-9._-]{0,100}:?(?:video|task|tsk)_[A-Za-z0-9]{6,80})", re.MULTILINE
)
"""As our own answers name their task, and relays theirs: on a line of its own, which no prompt that is repeated before
it can write."""
_MOST: Final = 64 * 1024
"""Characters of an answer that are looked at: its beginning, where the id stands."""


class Manner(msgspec.Struct, frozen=True):
    """How the answer is wanted: as it comes about, or whole."""

    stream: bool = False


def manner_of(_: Call, body: Body) -> Manner:
    """What the body says. Raises GatewayError."""
    said = body.fields.get("stream")
    return Manner(said is not None and flag(said, "stream") is True)


async def parse_chat(call: Call, body: Body) -> Parsed:
    """The video that the chat asks for, new or made of an earlier one. Raises GatewayError."""
    chat = typed({name: value for name, value in body.fields.items() if value is not None}, CreateChat)
    if not chat.model:
        raise invalid("model: is required.", "model")
    if not chat.messages or chat.messages[-1].role != "user":
        raise invalid("messages: the last one must be the user's, with what is to be made.", "messages")
    asked = _content(chat.messages[-1], f"messages[{len(chat.messages) - 1}].content")
    fields = {name: value for name, value in body.fields.items() if name not in CHAT_ALONE}
    fields |= {"prompt": asked.text}
    if asked.pictures:
        if any(fields.get(name) for name in ("input_reference", "images", "image")):
            raise invalid("messages: has pictures, and another field has some too; send them in one place.", "messages")
        fields["input_reference"] = asked.pictures
    wanted = Body(fields, body.content)
    source = await _source(call, chat.messages[:-1])
    if source is None:
        return _without_chat(*parse_create(wanted, call.edge.catalogue))
    return _without_chat(*remixed(msgspec.structs.replace(call, source=source), wanted))


class _Content(msgspec.Struct, frozen=True):
    text: str
    pictures: list[str]


def _content(message: ChatMessage, param: str) -> _Content:
    """The texts of a message, one below the other, and the addresses of its pictures."""
    said = message.content
    if isinstance(said, str):
        return _Content(said, [])
    if not isinstance(said, list):
        raise invalid(f"{param}: must be a text, or a list of parts.", param)
    texts: list[str] = []
    pictures: list[str] = []
    for number, part in enumerate(said):
        where = f"{param}[{number}]"
        match part:
            case {"type": "text" | "input_text", "text": str(text)}:
                texts.append(text)
            case {"type": "image_url", "image_url": {"url": str(url)} | str(url)}:
                pictures.append(url)
            case {"type": str(kind)}:
                message_ = f"{where}: a part of the type '{kind[:64]}' means nothing for a video, or lacks its content."
                raise GatewayError("unsupported_parameter", message_, param=where)
            case _:
                raise invalid(f"{where}: must be an object with a type.", where)
    return _Content("\n".join(texts), pictures)


async def _source(call: Call, before: Sequence[ChatMessage]) -> View | None:
    """The video of the latest answer in the chat that did not come to nothing; None where no answer names one. Raises
    GatewayError for one that is not the caller's."""
    for message in reversed(before):
        if message.role != "assistant":
            continue
        found = _NAMED.search(_text(message.content)[:_MOST])
        if found is None:
            continue
        view = await _video(call, found[1])
        if view.task.status not in ("failed", "cancelled"):
            return view
    return None


async def _video(call: Call, name: str) -> View:
    try:
        return await named(call, name)
    except GatewayError as error:
        if error.code != "not_found":
            raise
        said = f"There is no video '{name}', which an answer in the chat names, or it is not yours."
        raise GatewayError("not_found", said, param="messages") from None


def _text(content: Any) -> str:
    """What an answer says, in whatever way its client sends that again."""
    if isinstance(content, list):
        parts = (part.get("text") for part in content if isinstance(part, dict))
        return "\n".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else ""


def _without_chat(request: GenerationRequest, sources: list[Source]) -> Parsed:
    """The pictures as the chat has them, for what is said of one."""
    return request, [msgspec.structs.replace(one, param="messages") for one in sources]


def _wait(call: Call) -> Wait:
    return Wait() if call.manner.stream else Wait(PATIENCE)


def _show(call: Call, view: View) -> Any:
    return stream(call, view) if call.manner.stream else completion(call, view)


ROW: Final = Create(
    PATH,
    "Ask for a video in a chat",
    answer=Completion,
    body=CreateChat,
    example={"model": "sora-2", "messages": [{"role": "user", "content": PROMPT}], "stream": True},
    parse=parse_chat,
    manner=manner_of,
    wait=_wait,
    most=MAX_IMAGE,
    hook=hook_of,
    names=dict.fromkeys(
        ("prompt", "source", "inputs", "inputs.first_frame", "inputs.last_frame", "inputs.reference"), "messages"
    ),
    show=_show,
)
