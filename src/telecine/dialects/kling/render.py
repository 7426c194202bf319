"""From tasks and errors to Kling's envelopes (Kling API documents, "Error Code" and "Callback Protocol")."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from telecine.dialects.base import Media
from telecine.dialects.call import Call
from telecine.dialects.document import Sent
from telecine.dialects.errors import Errors, Told
from telecine.dialects.fields import Fields
from telecine.nouns.errors import ErrorCode, GatewayError
from telecine.nouns.ids import output_id
from telecine.nouns.operations import makes_of
from telecine.nouns.request import Reference
from telecine.nouns.task import Output, Status, Task
from telecine.tasks.idempotency import HEADER
from telecine.tasks.view import View, asked_seconds, made_seconds, results
from telecine.wires.kling.images import OMNI
from telecine.wires.kling.parts import WatermarkInfo

STATUS: Final[dict[Status, str]] = {
    "draft": "submitted",
    "queued": "submitted",
    "running": "processing",
    "succeeded": "succeed",
    "failed": "failed",
    "cancelled": "failed",
}
# (HTTP status, code). Kling documents neither 402 nor 409.
_ERRORS: Final[dict[ErrorCode, tuple[int, int]]] = {
    "invalid_request": (400, 1201),
    "unsupported_parameter": (400, 1201),
    "authentication": (401, 1002),
    "permission": (403, 1103),
    "insufficient_balance": (429, 1101),
    "not_found": (404, 1203),
    "conflict": (400, 1201),
    "too_large": (413, 1201),
    "rate_limited": (429, 1302),
    "capacity": (429, 1303),
    "content_policy": (400, 1301),
    "upstream_refused": (400, 1201),
    "upstream_failed": (500, 5000),
    "submission_unknown": (500, 5000),
    "expired": (504, 5002),
    "cancelled": (400, 1201),
    "unavailable": (503, 5001),
    "internal": (500, 5000),
}
_CREDENTIALS: Final = {
    "authorization_missing": 1001,
    "authorization_claims": 1000,
    "authorization_early": 1003,
    "authorization_expired": 1004,
}
"""What is wrong with a credential ("Error Code"; which claims each stands for is reconstructed)."""
FIELDS: Final = Fields(
    {
        "model": "model_name",
        "external_id": "external_task_id",
        "inputs": "image",
        "inputs.first_frame": "image",
        "inputs.last_frame": "image_tail",
        "inputs.mask": "dynamic_masks",
        "inputs.video": "video_url",
        "inputs.audio": "sound_file",
        "source": "video_id",
        "parameters.scene": "effect_scene",
        "parameters.orientation": "character_orientation",
        "parameters.keep_sound": "keep_original_sound",
        "parameters.voice": "input.voice_id",
        "parameters.voice_language": "input.voice_language",
        "parameters.voice_speed": "input.voice_speed",
        "inputs.person": "human_image",
        "inputs.garment": "cloth_image",
        "inputs.scene": "scene_image",
        "inputs.style": "style_image",
        "count": "n",
        "audio": "sound",
        "parameters.camera": "camera_control",
        "parameters.shots": "multi_prompt",
        "parameters.voices": "voice_list",
        "parameters.elements": "element_list",
        "parameters.watermark": "watermark_info",
        "parameters.series": "result_type",
        "parameters.fewer": "series_amount",
        **{f"parameters.{way}": f"{way}_expansion_ratio" for way in ("up", "down", "left", "right")},
        "parameters.face": "face_id",
        "parameters.sound": "audio_id",
        "parameters.sound_start": "sound_start_time",
        "parameters.sound_end": "sound_end_time",
        "parameters.insert_at": "sound_insert_time",
        "parameters.original_volume": "original_audio_volume",
    },
    media="image",
)


class ParentVideo(msgspec.Struct, frozen=True):
    """What a video goes on from, by its id: Kling tells its link and its length as well, which that video's own task
    tells here."""

    id: str


class TaskInfo(msgspec.Struct, frozen=True):
    """`{}` where no external id was sent, and nothing is followed up."""

    external_task_id: str | UnsetType = UNSET
    parent_video: ParentVideo | UnsetType = UNSET


class KlingVideo(msgspec.Struct, frozen=True):
    """One result; `duration` is a string of seconds."""

    id: str
    url: str
    duration: str
    watermark_url: str | UnsetType = UNSET


class KlingImage(msgspec.Struct, frozen=True):
    """One result, by its number."""

    index: int
    url: str
    watermark_url: str | UnsetType = UNSET


class KlingAudio(msgspec.Struct, frozen=True):
    """One result; the durations are strings of seconds. A form that was not made has an empty link."""

    id: str
    url_mp3: str
    url_wav: str
    duration_mp3: str
    duration_wav: str


class TaskResult(msgspec.Struct, frozen=True):
    """What a task made, by its kind."""

    videos: list[KlingVideo] | UnsetType = UNSET
    images: list[KlingImage] | UnsetType = UNSET
    audios: list[KlingAudio] | UnsetType = UNSET
    result_type: str | UnsetType = UNSET
    """Of omni-image alone: `single`, or `series`, whose pictures are in the other list."""
    series_images: list[KlingImage] | UnsetType = UNSET


class TaskData(msgspec.Struct, frozen=True, kw_only=True):
    """The `data` of an answer, and the whole body of a callback. Times are milliseconds since the Unix epoch."""

    task_id: str
    task_status: str
    task_status_msg: str | UnsetType = UNSET
    task_info: TaskInfo
    created_at: int
    updated_at: int
    final_unit_deduction: str | UnsetType = UNSET
    watermark_info: WatermarkInfo | UnsetType = UNSET
    task_result: TaskResult | UnsetType = UNSET


class Envelope(msgspec.Struct, frozen=True):
    """Every answer that is no error."""

    code: int
    message: str
    request_id: str
    data: TaskData | list[TaskData]


class KlingError(msgspec.Struct, frozen=True):
    """Kling's error envelope; the codes are Kling's own."""

    code: int
    message: str
    request_id: str


def ok(call: Call, data: TaskData | list[TaskData]) -> Envelope:
    """Kling's success."""
    return Envelope(0, "SUCCEED", call.request_id, data)


def created(view: View) -> TaskData:
    """The answer to a create. Kling knows a new task only as `submitted`, whatever has happened to it since."""
    task = view.task
    milliseconds = int(task.created_at * 1000)
    return TaskData(
        task_id=str(task.id),
        task_status=STATUS["queued"],
        task_info=_info(task),
        created_at=milliseconds,
        updated_at=milliseconds,
    )


def task_data(view: View, media: Media) -> TaskData:
    """What a query shows."""
    task = view.task
    units = task.usage.units if task.usage is not None else None
    parameters = task.request.parameters
    watermark: bool | None = getattr(parameters, "watermark", None)
    failed = STATUS[task.status] == "failed"
    return TaskData(
        task_id=str(task.id),
        task_status=STATUS[task.status],
        task_status_msg=FIELDS.error(task.error) if failed and task.error is not None else "",
        task_info=_info(task),
        created_at=int(task.created_at * 1000),
        updated_at=int((task.ended_at or task.started_at or task.created_at) * 1000),
        final_unit_deduction=UNSET if units is None else units,
        watermark_info=UNSET if watermark is None else WatermarkInfo(watermark),
        task_result=_result(view, media) if task.status == "succeeded" else UNSET,
    )


def _finer(error: GatewayError) -> tuple[int, int] | None:
    if error.code == "invalid_request" and error.param is None:
        return 400, 1200
    if error.code == "authentication" and error.param is not None:
        return 401, _CREDENTIALS.get(error.param, 1001)
    if error.code == "conflict" and error.param == HEADER:
        return 409, 1201  # of ours, not of Kling's: its own external id keeps Kling's 400
    if error.code == "not_found" and error.param == "method":
        return 404, 1202
    return None


def _envelope(told: Told) -> KlingError:
    """Its message has to name the field, because nothing else in it can."""
    error = told.error
    about = error.param if error.code != "authentication" else None
    code: ErrorCode = "not_found" if error.code == "not_found" else "invalid_request"
    return KlingError(int(told.code), FIELDS.message(error.message, about, code), told.request_id)


ERRORS: Final = Errors(envelope=_envelope, shape=KlingError, codes=_ERRORS, finer=_finer, fields=FIELDS)
SENT: Final = Sent(
    "kling",
    "kling",
    "A task's new status, to its callback_url",
    TaskData,
    {"task_id": "249845374340976818", "task_status": "succeed", "task_status_msg": "", "task_info": {}},
)


def _info(task: Task) -> TaskInfo:
    return TaskInfo(UNSET if task.external_id is None else task.external_id, _parent(task.request.source))


def _parent(source: Reference | None) -> ParentVideo | UnsetType:
    if source is None or source.kind != "clip":
        return UNSET
    if source.task is not None and source.output is not None:
        return ParentVideo(output_id(source.task, source.output))
    return UNSET if source.upstream_id is None else ParentVideo(source.upstream_id)


def _result(view: View, media: Media) -> TaskResult:
    kind = makes_of(view.task.request)
    found = [(output, url) for output in results(view, kind) if (url := media.link(output)) is not None]
    match kind:
        case "image":
            images = [KlingImage(number, url, watermarked(view, one, media)) for number, (one, url) in enumerate(found)]
            if getattr(view.task.request.parameters, "series", None):
                return TaskResult(result_type="series", series_images=images)
            return TaskResult(images=images, result_type="single" if view.task.form == OMNI.form else UNSET)
        case "audio":
            return TaskResult(audios=[_audio(view, one, media) for one, _ in found])
        case _:
            videos = [
                KlingVideo(_name(one), url, length_of(view, one), watermarked(view, one, media)) for one, url in found
            ]
            return TaskResult(videos)


def _name(output: Output) -> str:
    return output_id(output.task_id, output.index)


def length_of(view: View, output: Output) -> str:
    """Its seconds, as text; nothing where nobody knows."""
    made = made_seconds(view, output.index)
    seconds = made if made is not None else asked_seconds(view.task)
    return "" if seconds is None else f"{round(seconds, 3):g}"


def _audio(view: View, main: Output, media: Media) -> KlingAudio:
    """By what the files are: a sound has one form or two."""
    links = sound_links(view, main, media)
    (mp3, mp3_seconds), (wav, wav_seconds) = (links.get(form, ("", "")) for form in ("mp3", "wav"))
    return KlingAudio(_name(main), mp3, wav, mp3_seconds, wav_seconds)


def sound_links(view: View, main: Output, media: Media) -> dict[str, tuple[str, str]]:
    """By `mp3` and `wav`, as far as a sound has that form, its link and its seconds."""
    forms = [main, *(one for one in view.outputs if one.item == main.item and one.part == "wav")]
    links: dict[str, tuple[str, str]] = {}
    for one in forms:
        form = "wav" if "wav" in (one.content_type or "") or one.part == "wav" else "mp3"
        links.setdefault(form, (media.link(one) or "", length_of(view, main)))
    return links


def watermarked(view: View, main: Output, media: Media) -> str | UnsetType:
    """The copy with a watermark, where there is one."""
    copies = (one for one in view.outputs if one.item == main.item and one.part == "watermark")
    return next((url for one in copies if (url := media.link(one)) is not None), UNSET)
