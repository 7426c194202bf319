"""The relays' query of a video: `detail` with everything that they show of a job (wire table C.3).

Every key is that of the one documented answer, of a job that is at work: `pending` outside, `processing` within. What
a job looks like that waits or has ended is reconstructed: `status` and `detail.status` are `completed` or `failed`
then, and `pending_info` stays, with the words of `_WITHIN`, its `failure_reason` and its `moderation_result`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from telecine.dialects import scalars
from telecine.dialects.base import Media
from telecine.dialects.openai.render import VideoError, error_of, shown, video_seconds, video_size
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.ids import RELAY, TASK, output_id, to_base32
from telecine.nouns.parameters import VideoParameters
from telecine.nouns.request import MediaInput
from telecine.nouns.sizes import is_size, parse_size
from telecine.nouns.task import Status, Task
from telecine.tasks.view import View

STATUS: Final[dict[Status, str]] = {
    "draft": "pending",
    "queued": "pending",
    "running": "pending",
    "succeeded": "completed",
    "failed": "failed",
    "cancelled": "failed",
}
_WITHIN: Final[dict[Status, str]] = {
    "draft": "queued",
    "queued": "queued",
    "running": "processing",
    "succeeded": "succeeded",
    "failed": "failed",
    "cancelled": "failed",
}
_FRAME_RATE: Final = 30
"""450 frames are 15 seconds there."""
_LARGE: Final = 720
"""Pixels of the shorter side up to which a video is small."""


class Moderation(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the vendor minded; `type` is `passed` where it did not."""

    code: str | None
    type: str
    task_id: str
    is_output_rejection: bool = False
    results_by_frame_index: dict[str, Any] = {}


class InpaintItem(msgspec.Struct, frozen=True, kw_only=True):
    """One picture that the video is made from."""

    type: str = "image"
    preset_id: str | None = None
    crop_bounds: Any = None
    frame_index: int = 0
    cameo_file_id: str | None = None
    generation_id: str | None = None
    upload_media_id: str
    source_end_frame: int = 0
    uploaded_file_id: str | None = None
    source_start_frame: int = 0


class PendingInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The vendor's own view of the job. `progress_pct` is a share, 0 to 1; width and height are 0 where nobody knows
    them yet."""

    id: str
    seed: int | None
    type: str = "video_gen"
    user: str
    model: str
    title: str = "New Video"
    width: int
    height: int
    prompt: str
    sdedit: Any = None
    status: str
    actions: Any = None
    guidance: float | None = None
    n_frames: int
    priority: int
    operation: str = "simple_compose"
    preset_id: str | None = None
    created_at: str
    n_variants: int
    project_id: str | None = None
    request_id: str | None = None
    generations: list[Any] = []
    tracking_id: str | None = None
    progress_pct: float
    remix_config: Any = None
    inpaint_items: list[InpaintItem]
    interpolation: Any = None
    is_storyboard: bool | None
    failure_reason: str | None
    organization_id: str | None = None
    moderation_result: Moderation
    needs_user_review: bool = False
    queue_status_message: str | None = None
    progress_pos_in_queue: int | None = None
    num_unsafe_generations: int = 0
    estimated_queue_wait_time: int | None = None


class DetailInput(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for. `images` are those that were sent as URLs."""

    size: str
    model: str
    images: list[str]
    prompt: str
    orientation: str


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """The job."""

    id: str
    input: DetailInput
    status: str
    pending_info: PendingInfo


class RelayVideo(msgspec.Struct, frozen=True, kw_only=True):
    """A video as relays' queries show it. `status_update_time` in milliseconds. A job at work has neither `video_url`
    nor `enhanced_prompt`, as in the documented answer; `error` is ours, of one that failed."""

    id: str
    detail: Detail
    status: str
    status_update_time: int
    video_url: str | UnsetType | None = UNSET
    enhanced_prompt: str | UnsetType = UNSET
    error: VideoError | UnsetType = UNSET


def relay_video(view: View, media: Media, models: Catalogue) -> RelayVideo:
    """The answer that shows `view`."""
    task = view.task
    output = shown(view) if task.status == "succeeded" else None
    told = task.ended_at or task.started_at or task.created_at
    error = error_of(task)
    return RelayVideo(
        id=RELAY.write(task.id, task.model),
        detail=_detail(view, models),
        status=STATUS[task.status],
        status_update_time=int(told * 1000),
        video_url=(media.link(output) if output is not None else None) if task.ended else UNSET,
        enhanced_prompt=task.request.prompt if task.ended else UNSET,
        error=UNSET if error is None else error,
    )


def _detail(view: View, models: Catalogue) -> Detail:
    task, request = view.task, view.task.request
    width, height = _pixels(view, models)
    return Detail(
        id=TASK.write(task.id),
        input=DetailInput(
            size="large" if _is_large(task, width, height) else "small",
            model=task.model,
            images=[item.url for item in request.inputs if item.url is not None],
            prompt=request.prompt,
            orientation=_orientation(task, width, height),
        ),
        status=STATUS[task.status],
        pending_info=_pending(view, models, width, height),
    )


def _pending(view: View, models: Catalogue, width: int, height: int) -> PendingInfo:
    task, request = view.task, view.task.request
    error, seconds = error_of(task), video_seconds(view, models)
    ability = models.ability(task.model, task.operation)
    rate = ability.frame_rate if ability is not None else _FRAME_RATE
    minded = task.error is not None and task.error.code == "content_policy"
    given = request.parameters
    board = given.storyboard if isinstance(given, VideoParameters) else None
    return PendingInfo(
        id=TASK.write(task.id),
        seed=request.seed,
        user=f"user-{to_base32(task.account_id)}",
        model=task.model,
        width=width,
        height=height,
        prompt=request.prompt,
        status=_WITHIN[task.status],
        n_frames=round(float(seconds or 0) * rate),
        priority=task.priority,
        created_at=datetime.fromtimestamp(task.created_at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        n_variants=request.count,
        progress_pct=1.0 if task.status == "succeeded" else task.progress / 100,
        inpaint_items=[_item(task, number, item) for number, item in enumerate(request.inputs)],
        is_storyboard=None if board is None else True,
        failure_reason=None if error is None else error.message,
        moderation_result=Moderation(
            code=task.error.code if minded and task.error is not None else None,
            type="rejected" if minded else "passed",
            task_id=TASK.write(task.id),
        ),
    )


def _item(task: Task, number: int, item: MediaInput) -> InpaintItem:
    frame = -1 if item.role == "last_frame" else 0
    return InpaintItem(upload_media_id=f"media_{output_id(task.id, number)}", frame_index=frame)


def _pixels(view: View, models: Catalogue) -> tuple[int, int]:
    """Width and height, as far as anybody knows them."""
    size = video_size(view, models)
    return parse_size(size) if size is not None and is_size(size) else (0, 0)


def _orientation(task: Task, width: int, height: int) -> str:
    ratio = task.request.aspect_ratio
    across, down = (width, height) if width else scalars.pair(ratio, "") if ratio and scalars.is_pair(ratio) else (0, 0)
    return "landscape" if across > down else "portrait"


def _is_large(task: Task, width: int, height: int) -> bool:
    if width:
        return min(width, height) > _LARGE
    return (task.request.resolution or "720p") not in ("480p", "540p", "720p")
