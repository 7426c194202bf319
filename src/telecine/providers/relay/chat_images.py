"""Pictures by chat: the image models of Gemini at relays that have them there alone. The answer is the result.

Which models these are, and where in an answer the pictures stand, is reconstructed from the documents of OpenRouter and
of relays: `message.images[]`, parts of the content, or links and `data:` URLs in its Markdown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from msgspec.structs import replace

from telecine.nouns.billed import Billed
from telecine.providers.http.body import Draft
from telecine.providers.http.facts import Field, Fields, Op, Told, later
from telecine.providers.http.getters import at, rows
from telecine.providers.openai_images import IMAGES, SYNCHRONOUS, answer
from telecine.providers.outcomes import Succeeded
from telecine.wires import relay as wire

_CHATS: Final = re.compile(r"gemini|banana", re.IGNORECASE)
_MARKED: Final = re.compile(
    r"!\[[^\[\]\n]{0,200}\]\((data:image/[a-z0-9.+-]{1,40};base64,[A-Za-z0-9+/=_-]+|https?://[^\s()]{1,4000})\)"
)
_MOST_PICTURES: Final = 16
_OWN: Final = {"aspect_ratio": "aspect_ratio", "resolution": "image_size"}
"""By neutral name, the field of `image_config` (OpenRouter)."""


def _asked(draft: Draft) -> None:
    """One message: the text, and the pictures that are to be changed."""
    items = draft.take.inputs("image", "reference")
    parts: list[dict[str, Any]] = [{"type": "text", "text": draft.request.prompt}]
    for item in items:
        holder: dict[str, Any] = {}
        parts.append({"type": "image_url", "image_url": holder})
        draft.put("url", item, holder)
    content: Any = parts if items else draft.request.prompt
    draft.body |= {"messages": [{"role": "user", "content": content}], "modalities": ["image", "text"]}
    frame = {name: str(value).upper() for neutral, name in _OWN.items() if (value := draft.take.field(neutral))}
    if frame:
        draft.body["image_config"] = frame


def _billed(draft: Draft) -> Billed:
    return Billed(aspect_ratio=draft.request.aspect_ratio, resolution=draft.request.resolution)


def _answer(told: Told) -> Succeeded | str:
    """The pictures of a chat, as those of an answer that is about pictures."""
    found = [{"url": one} for choice in rows("choices")(told.job)[:1] for one in _pictures(choice.get("message"))]
    job = {"data": found[:_MOST_PICTURES], "usage": told.job.get("usage")}
    return answer(replace(told, job=job))


def _pictures(message: Any) -> Iterator[str]:
    content = message.get("content") if isinstance(message, dict) else None
    listed = [*rows("images")(message), *rows("content")(message)]
    for part in listed:
        url = at("image_url.url")(part) or part.get("image_url") or part.get("url")
        if isinstance(url, str):
            yield url
    if isinstance(content, str):
        yield from _MARKED.findall(content)


_FIELDS: Final[Fields] = {
    "model": "model",
    "prompt": Field("messages", later),
    **dict.fromkeys(_OWN, Field("image_config", later)),
}
_ASKED: Final = Op(
    create=f"POST {wire.CHAT}",
    fields=_FIELDS,
    needs=("prompt",),
    shape=_asked,
    ours=wire.CHATTED,
    billed=_billed,
    traits=SYNCHRONOUS,
    answer=_answer,
)
_EDITED: Final = replace(_ASKED, fields={**_FIELDS, "inputs.image|reference": Field("messages")})


def _or_chat(op: Op, chat: Op) -> Op:
    return replace(op, other=lambda model: chat if _CHATS.search(model) else None)


CHATTED: Final = {
    **IMAGES,
    "text_to_image": _or_chat(IMAGES["text_to_image"], _ASKED),
    "image_to_image": _or_chat(IMAGES["image_to_image"], _EDITED),
}
"""What makes pictures at a relay that makes videos by chat."""
