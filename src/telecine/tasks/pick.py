"""queued → succeeded: one picture of a task becomes a task of its own. It is a file of the request already, no upstream
is asked, and it costs nothing."""

from __future__ import annotations

from typing import Final

import structlog
from msgspec.structs import replace

from telecine.media.formats import extension_of
from telecine.media.storage import output_key
from telecine.nouns.errors import TaskError
from telecine.nouns.parameters import ChangeParameters
from telecine.nouns.request import GenerationRequest
from telecine.nouns.task import Output, Usage
from telecine.tasks.context import Context
from telecine.tasks.ending import cancel, fail
from telecine.tasks.reads import Work
from telecine.tasks.writes import Change

_GONE: Final = TaskError("not_found", "The picture is gone.")
_AGAIN: Final = 5.0
_log = structlog.get_logger(__name__)


def picks(request: GenerationRequest) -> bool:
    """Whether the request is for a picture of another task as it is, which is among its inputs. No client's is: who
    sends a picture names no parent (`tasks.instead`)."""
    given = request.parameters
    as_is = isinstance(given, ChangeParameters) and bool(given.as_is)
    return as_is and request.parent is not None and bool(request.own_keys)


async def pick(context: Context, work: Work) -> None:
    """Keep the picture as the task's output. Run again, it keeps the same under the same key."""
    task, now = work.task, context.now()
    if task.cancel_requested_at is not None:
        await cancel(context, work)
        return
    item = next(task.request.with_role("image"))
    key = output_key(task.account_id, task.id, 0, extension_of(item.content_type or ""))
    try:
        await context.library.duplicate(item.object_key or "", key)
    except FileNotFoundError:
        await fail(context, work, _GONE)
        return
    except OSError:  # our own disk is no failure of the task
        _log.exception("picture_not_kept", task=task.id)
        await context.rest(task.id, _AGAIN)
        return
    output = Output(
        task_id=task.id,
        index=0,
        kind="image",
        state="stored",
        object_key=key,
        content_type=item.content_type,
        bytes=item.bytes,
        sha256=item.sha256,
        width=item.width,
        height=item.height,
    )
    done = replace(task, state="succeeded", progress=100, started_at=now, ended_at=now, usage=Usage(images=1))
    change = context.moved(task, Change(task=done, new_outputs=(output,)), "succeeded")
    await context.commit(change)
