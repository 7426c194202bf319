"""From tasks to Kling's new words; errors are told as in the generation before it."""

from __future__ import annotations

from typing import Final

import msgspec

from telecine.dialects.base import Media
from telecine.dialects.document import Sent
from telecine.dialects.errors import Errors, Told
from telecine.dialects.fields import Fields
from telecine.dialects.kling.render import ERRORS as BEFORE
from telecine.dialects.kling.render import KlingError, length_of, sound_links, watermarked
from telecine.nouns.ids import output_id
from telecine.nouns.operations import Kind, makes_of
from telecine.nouns.task import Output, Status
from telecine.tasks.view import View, results
from telecine.wires.kling2 import AudioOutput, Billing, Created, ImageOutput, Task, TaskPage, VideoOutput

STATUS: Final[dict[Status, str]] = {
    "draft": "submitted",
    "queued": "submitted",
    "running": "processing",
    "succeeded": "succeeded",
    "failed": "failed",
    "cancelled": "failed",
}
KINDS: Final[tuple[Kind, ...]] = ("video", "image", "audio")
"""What it has words for."""
FIELDS: Final = Fields(
    {
        "external_id": "options.external_task_id",
        "callback_url": "options.callback_url",
        "aspect_ratio": "settings.aspect_ratio",
        "resolution": "settings.resolution",
        "duration": "settings.duration",
        "audio": "settings.audio",
        "inputs": "contents",
        "parameters.multi_shot": "settings.multi_shot",
        "parameters.shot_type": "settings.multi_shot",
        "parameters.orientation": "settings.character_orientation",
        "parameters.keep_sound": "settings.audio",
        "parameters.elements": "contents",
        "parameters.watermark": "options.watermark_info",
    },
    media="contents",
)


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What every answer has that is no error."""

    code: int = 0
    message: str = "SUCCEED"
    request_id: str


class CreateAnswer(Envelope, frozen=True, kw_only=True):
    """The answer to a create."""

    data: Created


class TasksAnswer(Envelope, frozen=True, kw_only=True):
    """The tasks that were asked for."""

    data: list[Task]


class PageAnswer(Envelope, frozen=True, kw_only=True):
    """One page of a list."""

    data: TaskPage


def created(view: View) -> Created:
    """The answer to a create. Kling knows a new task only as `submitted`, whatever has happened to it since."""
    task = view.task
    milliseconds = int(task.created_at * 1000)
    return Created(
        id=str(task.id),
        status=STATUS["queued"],
        create_time=milliseconds,
        update_time=milliseconds,
        external_id=task.external_id or "",
    )


def shown(view: View, media: Media) -> Task:
    """What a question is answered, and a callback tells."""
    task = view.task
    failed = STATUS[task.status] == "failed"
    return Task(
        id=str(task.id),
        status=STATUS[task.status],
        message=FIELDS.error(task.error) if failed and task.error is not None else "",
        create_time=int(task.created_at * 1000),
        update_time=int((task.ended_at or task.started_at or task.created_at) * 1000),
        external_id=task.external_id or "",
        outputs=_outputs(view, media) if task.status == "succeeded" else [],
        billing=_billing(view),
    )


def _outputs(view: View, media: Media) -> list[VideoOutput | ImageOutput | AudioOutput]:
    mains = [output for kind in KINDS for output in results(view, kind)]
    return [_output(view, one, url, media) for one in mains if (url := media.link(one)) is not None]


def _output(view: View, output: Output, url: str, media: Media) -> VideoOutput | ImageOutput | AudioOutput:
    """One result, with its copy under a watermark, or its other form, where there is one."""
    name, copy = output_id(output.task_id, output.index), watermarked(view, output, media) or None
    if output.kind == "image":
        return ImageOutput(url=url, watermark_url=copy)
    if output.kind == "video":
        return VideoOutput(id=name, url=url, watermark_url=copy, duration=length_of(view, output))
    (mp3, mp3_length), (wav, wav_length) = (
        sound_links(view, output, media).get(form, (None, None)) for form in ("mp3", "wav")
    )
    return AudioOutput(id=name, mp3_url=mp3, wav_url=wav, mp3_duration=mp3_length, wav_duration=wav_length)


def _billing(view: View) -> list[Billing]:
    """The upstream's own units, where it says what it took; what the account paid here is in its statement."""
    task = view.task
    if task.usage is None or task.usage.units is None:
        return []
    made = makes_of(task.request)
    package = made if made == "video" or made == "image" or made == "audio" else None  # noqa: PLR1714  mypy reads it
    return [Billing(charge_type="unit", amount=task.usage.units, package_type=package)]


def _envelope(told: Told) -> KlingError:
    """Its message has to name the field, because nothing else in it can."""
    about = told.error.param if told.error.code not in ("authentication", "not_found") else None
    return KlingError(int(told.code), FIELDS.message(told.error.message, about), told.request_id)


ERRORS: Final[Errors] = msgspec.structs.replace(BEFORE, envelope=_envelope, fields=FIELDS)
SENT: Final = Sent(
    "kling2",
    "kling2",
    "A task's new status, to its options.callback_url",
    Task,
    {"id": "249845374340976818", "status": "succeeded", "message": "", "external_id": "", "outputs": [], "billing": []},
)
