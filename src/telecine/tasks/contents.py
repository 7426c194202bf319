"""Files that come inside an answer are in storage before the answer is believed, and are collected from there.

Guaranteed: what a row says was made can be collected after a kill at any moment, for its file lies in storage before
the row is committed, and until it is stored in its own right. A file that no row names is swept a day later.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import structlog
from msgspec.structs import replace

from telecine.media.storage import content_key, link_to, linked
from telecine.net.spool import Spooled
from telecine.nouns.task import Output
from telecine.providers.outcomes import Succeeded, UpstreamOutput
from telecine.tasks.context import Context
from telecine.tasks.outcomes import MOST_OUTPUTS
from telecine.tasks.reads import Work

_AGAIN: Final = 1.0
_LATEST_AGAIN: Final = 30.0
"""Seconds between two tries to store what is known nowhere else: between the first ones, and at most."""
_log = structlog.get_logger(__name__)


async def taken(context: Context, work: Work, result: Succeeded, *, surely: bool = False) -> Succeeded:
    """`result` with the files that came inside its answer in storage, and links to them in their place.

    `surely`: it was paid for, and nobody can be asked for it again, so it is tried until it is stored; else what the
    storage raises is raised.
    """
    if all(one.content is None for one in result.outputs):
        return result
    outputs: list[UpstreamOutput] = []
    for index, one in enumerate(result.outputs[:MOST_OUTPUTS]):
        if one.content is None:
            outputs.append(one)
            continue
        key = content_key(work.task.account_id, work.task.id, index)
        await _take(context, key, one.content, surely=surely)
        outputs.append(replace(one, url=link_to(key), content=None))
    return replace(result, outputs=tuple(outputs))


async def _take(context: Context, key: str, content: Spooled | bytes, *, surely: bool) -> None:
    pause = _AGAIN
    while True:
        try:
            await context.library.take(key, content)
        except Exception:
            if not surely:
                raise
            _log.exception("content_not_stored", key=key, again=pause)
        else:
            return
        await context.clock.sleep(pause)
        pause = min(2 * pause, _LATEST_AGAIN)


def content_keys(outputs: Iterable[Output]) -> list[str]:
    """Where the files of `outputs` lie that came inside an answer."""
    return [key for one in outputs if (key := linked(one.upstream_url)) is not None]


def settled(output: Output) -> Output:
    """`output` once its file is stored, or lost: what came inside the answer is of no use any more."""
    return (
        output
        if output.state == "pending" or linked(output.upstream_url) is None
        else replace(output, upstream_url=None)
    )


async def drop(context: Context, before: Sequence[Output], after: Sequence[Output]) -> None:
    """Delete what has become of no use, now that this is committed."""
    left = set(content_keys(after))
    gone = [key for key in content_keys(before) if key not in left]
    if gone:
        await context.library.forget(gone)
