"""The relays' "unified video format": `/v1/video/create`, `/v1/video/query?id=` and `/v1/videos/video_id?id=`.

The last is documented, with the answer of the query by path (wire table C.3); of the other two only the titles are, so
that they take what `/v1/videos` takes, and answer as the last one does, is reconstructed.
"""

from __future__ import annotations

from typing import Final

from telecine.dialects.call import Call
from telecine.dialects.document import Query
from telecine.dialects.openai.form import DETAILED, named
from telecine.dialects.openai.rows import created
from telecine.dialects.rows import Read
from telecine.nouns.errors import invalid
from telecine.tasks.view import View

CREATE: Final = "/v1/video/create"
_QUERIES: Final = ("/v1/video/query", "/v1/videos/video_id")


async def _asked(call: Call) -> View:
    """By the query's `id`. Raises GatewayError."""
    name = call.query("id")
    if name is None:
        raise invalid("id: is required.", "id")
    return await named(call, name)


UNIFIED: Final = (
    created(DETAILED, CREATE, "Create a video, in the unified form"),
    *(
        Read(
            path,
            "Read a video, in the unified form",
            answer=DETAILED.shape,
            query=(Query("id", "The id of the video.", required=True),),
            find=_asked,
            show=DETAILED.shown,
        )
        for path in _QUERIES
    ),
)
