"""An answer that came as a stream of events (WHATWG HTML, 9.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from telecine.providers.http.answers import decoded


def events(body: bytes) -> Iterator[dict[str, Any] | None]:
    """The objects in a stream of events, None for its end; of a single answer, that."""
    if (whole := decoded(body)) is not None:
        yield whole
        return
    for line in body.splitlines():
        name, _, data = line.partition(b":")
        if name.strip() != b"data":
            continue
        if data.strip() == b"[DONE]":
            yield None
        elif (event := decoded(data.strip())) is not None:
            yield event
