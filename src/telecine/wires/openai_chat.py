"""A chat that asks for a video: OpenAI's chat completions (platform.openai.com/docs/api-reference/chat), as relays take
it for their video models (wire table C.5).

The fields that say how a text is to be drawn mean nothing for a video. Chat applications send them with each request,
whatever the model, so they are taken and have no effect, as relays do it.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from telecine.wires.openai import CreateVideo

PATH: Final = "/v1/chat/completions"


class ChatMessage(msgspec.Struct):
    """One line of the chat. `content` is a text, or parts; what else a message has is about texts and tools."""

    role: str
    content: Any = None


class CreateChat(CreateVideo, kw_only=True):
    """A chat, with what else a create of a video may say beside it: `seconds`, `size`, `aspect_ratio` …"""

    messages: list[ChatMessage] = msgspec.field(default_factory=list)
    stream: bool | None = None

    temperature: Any = None
    top_p: Any = None
    top_k: Any = None
    max_tokens: Any = None
    max_completion_tokens: Any = None
    presence_penalty: Any = None
    frequency_penalty: Any = None
    logit_bias: Any = None
    logprobs: Any = None
    top_logprobs: Any = None
    stop: Any = None
    stream_options: Any = None
    user: Any = None
    store: Any = None
    reasoning_effort: Any = None
    verbosity: Any = None
    service_tier: Any = None
    safety_identifier: Any = None
    prompt_cache_key: Any = None


CHAT_ALONE: Final = frozenset(CreateChat.__struct_encode_fields__) - frozenset(CreateVideo.__struct_encode_fields__)
"""The fields of a chat that are none of a video."""
