"""What an upstream has answered at once is in storage before it is believed: a result that took minutes, and is paid
for, is found again whatever befalls the process, or the records, between the answer and the step that commits it.

It lies under a key that follows from the attempt, so that nothing has to be committed to find it, and only until it is
in the records.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec
import structlog

from telecine.media.storage import answer_key
from telecine.providers.outcomes import Finished
from telecine.tasks.context import Context
from telecine.tasks.reads import Work

_log = structlog.get_logger(__name__)
_decode: Final = msgspec.json.Decoder(Finished).decode


@asynccontextmanager
async def kept(context: Context, work: Work, answer: Finished) -> AsyncIterator[None]:
    """`answer` is in storage while the block commits it, and is left there where that fails.

    Storage that does not take it is no reason not to commit it.
    """
    key = _key(work)
    try:
        await context.library.put(key, msgspec.json.encode(answer))
    except Exception:
        _log.exception("answer_not_kept", task=work.task.id)
    yield
    try:
        await context.library.forget([key])
    except Exception:
        _log.exception("answer_not_forgotten", task=work.task.id)  # then the sweep finds it


async def found(context: Context, work: Work) -> Finished | None:
    """The answer to the attempt that was kept and never committed, if there is one."""
    content = await context.library.get(_key(work))
    return None if content is None else _decode(content)


def _key(work: Work) -> str:
    return answer_key(work.task.account_id, work.task.id, work.current.number)
