"""The file of a result, as it comes: from anywhere, or from the upstream itself with our key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from telecine.net.client import Client, FetchError, Stream
from telecine.net.urls import origin_of
from telecine.providers.base import Channel
from telecine.providers.http.answers import decoded

_MAX_FILE: Final = 4 * 1024**3
_MAX_OBJECT: Final = 1024 * 1024
_PAGES: Final = ("text/", "application/json", "application/xml", "application/problem+json")
"""Content types of an error page that came with status 200."""


async def stream(
    client: Client,
    url: str,
    channel: Channel,
    headers: dict[str, str] | None,
    there: Callable[[Any], str | None] | None,
) -> AsyncIterator[bytes]:
    """The bytes at `url`. Raises FetchError, with the status where the file is gone.

    `headers` go to the upstream's own origin alone, which may be private then. `there` finds the URL in JSON that came
    in the place of the file, which is followed once.
    """
    for again in (there, None):
        ours = headers is not None and origin_of(url) == origin_of(channel.base_url)
        async with client.stream(
            url,
            headers=headers if ours else None,
            max_bytes=_MAX_FILE,
            allow_private=channel.allow_private,
            trusted=ours,
        ) as answer:
            if answer.status != 200:
                raise FetchError(f"the file answers with HTTP {answer.status}", status=answer.status)
            kind = answer.headers.get("content-type", "").lower()
            following = again(await _object(answer)) if again and kind.startswith("application/json") else None
            if following is None:
                if kind.startswith(_PAGES):
                    raise FetchError("the upstream sent a page in the place of the file", status=answer.status)
                async for chunk in answer.chunks:
                    yield chunk
                return
        url = following


async def _object(answer: Stream) -> Any:
    """The JSON object of an answer; None where it is none, or too large."""
    body = b""
    async for chunk in answer.chunks:
        body += chunk
        if len(body) > _MAX_OBJECT:
            return None
    return decoded(body)
