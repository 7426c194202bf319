"""The rows of pictures and videos, and the dialect that they make up."""

from __future__ import annotations

import re
from typing import Any, Final

from msgspec.structs import replace

from telecine.dialects.call import Call
from telecine.dialects.dialect import Claim, Dialect, each_status
from telecine.dialects.document import Sent
from telecine.dialects.ima.assets import ROWS as ASSET_ROWS
from telecine.dialects.ima.images import NAMES as IMAGE_NAMES
from telecine.dialects.ima.images import manner_of, parse_image, wait_of
from telecine.dialects.ima.midjourney import IMAGE as MJ_IMAGE
from telecine.dialects.ima.midjourney import ROWS as MJ_ROWS
from telecine.dialects.ima.midjourney import is_mj, mj_task
from telecine.dialects.ima.render import (
    ERRORS,
    OTHER_ERRORS,
    ImaImageGenerationResponse,
    fetched,
    image_created,
    told,
    video_created,
    video_task,
)
from telecine.dialects.ima.videos import NAMES as VIDEO_NAMES
from telecine.dialects.ima.videos import parse_video
from telecine.dialects.kling.create import parse as parse_kling
from telecine.dialects.kling.operation import Operation
from telecine.dialects.kling.videos import VIDEOS as KLINGS
from telecine.dialects.midjourney.render import ERRORS as MJ_ERRORS
from telecine.dialects.openai.image_render import images
from telecine.dialects.rows import Create, Read, Row, making
from telecine.nouns.ids import TASK
from telecine.tasks.view import View
from telecine.wires import midjourney as proxy
from telecine.wires.ima import GENERATIONS, IMAGES, KLING, VIDEOS, assets
from telecine.wires.ima.images import (
    PRO,
    ImaImageCreateTaskResponse,
    ImaImageGenerationRequest,
    ImaImageGenerationRequestGemini3Pro,
    ImaImageGenerationRequestGemini31Flash,
    ImaImageTaskFetchResponse,
)
from telecine.wires.ima.videos import ImaProCreateResponse, ImaProQueryResponse, ImaProVideoCreateRequest

ROOT: Final = "/ima"
_PROMPT: Final = "A paper boat sails through a flooded library"
_SENT: Final = {"code": "success", "data": {"task_id": "task_06xx11d95wm5j", "status": "succeeded", "format": "png"}}
_NAME: Final = "ima"
_NOTHING_MORE: Final = re.compile(r"")
_ONE_MORE: Final = re.compile(r"[^/]+")
_ONE_FETCHED: Final = re.compile(r"[^/]{1,64}/fetch")
"""No id is longer, and no pattern without a bound is linear wherever it is looked for."""
_KLINGS: Final = tuple(op for op in KLINGS if op.title in ("text2video", "image2video"))
_REPEATABLE: Final = ("images", "image", "input_reference")


def _pictures(call: Call, view: View) -> Any:
    return image_created(view, call.edge) if call.manner.later else images(view, call.edge, call.manner)


def _videos(path: str, example: dict[str, Any], asked: Read) -> tuple[Create, Read]:
    return (
        Create(
            path,
            "Create a video",
            answer=ImaProCreateResponse,
            body=ImaProVideoCreateRequest,
            example=example,
            parse=lambda call, body: parse_video(body, call.edge.catalogue),
            names=VIDEO_NAMES,
            repeatable=_REPEATABLE,
            show=lambda call, view: video_created(view, call.edge),
        ),
        asked,
    )


def _kling(op: Operation) -> Create:
    """Kling's body, with `model` and whole seconds in it, and IMA's answer."""
    return Create(
        f"{KLING}/{op.title}",
        f"Create {op.makes[0]}, with Kling's fields",
        answer=ImaProCreateResponse,
        body=op.path.body,
        example={**op.example, "model": op.example["model_name"], "duration": 5},
        parse=lambda call, body: parse_kling(op, body, call.edge.catalogue),
        most=op.most,
        names=op.names,
        show=lambda call, view: video_created(view, call.edge),
    )


ROWS: Final[tuple[Row, ...]] = (
    Create(
        IMAGES,
        "Make a picture",
        answer=(ImaImageCreateTaskResponse, ImaImageGenerationResponse),
        body=(
            ImaImageGenerationRequest,
            ImaImageGenerationRequestGemini3Pro,
            ImaImageGenerationRequestGemini31Flash,
        ),
        example={"model": PRO, "prompt": _PROMPT, "aspect_ratio": "16:9", "size": "2K"},
        parse=lambda call, body: parse_image(body, call.edge.catalogue),
        manner=manner_of,
        wait=wait_of,
        names=IMAGE_NAMES,
        show=_pictures,
    ),
    Read(
        f"{IMAGES}/{{id}}",
        "Read a picture",
        answer=ImaImageTaskFetchResponse,
        find=making("image"),
        show=lambda call, view: fetched(view, call.edge),
    ),
    *_videos(
        VIDEOS,
        {"model": "seedance-2.0", "prompt": _PROMPT, "duration": 5, "metadata": {"resolution": "720p"}},
        Read(
            f"{VIDEOS}/{{id}}",
            "Read a video",
            answer=ImaProQueryResponse,
            find=making("video"),
            show=lambda call, view: video_task(view, call.edge),
        ),
    ),
    *_videos(
        GENERATIONS,
        {"model": "ima-pro", "content": [{"type": "text", "text": _PROMPT}], "ratio": "16:9", "duration": 5},
        Read(
            f"{GENERATIONS}/{{id}}",
            "Read a video, as a picture is read",
            answer=ImaImageTaskFetchResponse,
            find=making("video"),
            show=lambda call, view: fetched(view, call.edge),
        ),
    ),
    *(_kling(op) for op in _KLINGS),
)


def _bare(path: str, *, read: bool = True) -> tuple[Claim, ...]:
    """Without `/ima`, for keys that say so: there are other dialects at each of these paths."""
    create = Claim(path, form=_NOTHING_MORE, method="POST", key=_NAME)
    return (create, Claim(f"{path}/", form=_ONE_MORE, method="GET", key=_NAME)) if read else (create,)


IMA: Final = Dialect(
    name=_NAME,
    title="IMA",
    about="IMA Router's API, which Zcheap has too: pictures, IMA-Pro videos, assets, Midjourney.",
    claimed=(
        Claim(ROOT),
        *(claim for path in (IMAGES, VIDEOS, GENERATIONS) for claim in _bare(path)),
        *(claim for op in _KLINGS for claim in _bare(f"{KLING}/{op.title}", read=False)),
    ),
    rows=(
        *(replace(row, path=f"{ROOT}{row.path}") for row in ROWS),
        # In the document, these paths are those of others.
        *(replace(row, hidden=True) for row in ROWS),
    ),
    id_form=TASK,
    errors=ERRORS,
    announce=each_status(lambda view, edge: mj_task(view, edge) if is_mj(view) else told(view, edge)),
    sent=(Sent("ima", "ima", "A task's new status, to its callback_url", ImaImageTaskFetchResponse, _SENT),),
)
IMA_ASSETS: Final = Dialect(
    name=_NAME,
    claimed=(
        Claim(f"{ROOT}{assets.ROOT}"),
        # Nobody else has these, so that no key need say anything.
        *(Claim(row.path, form=_NOTHING_MORE, method="POST") for row in ASSET_ROWS),
    ),
    roots=(ROOT, ""),
    rows=ASSET_ROWS,
    id_form=TASK,
    errors=OTHER_ERRORS,
)


IMA_MJ: Final = Dialect(
    name=_NAME,
    claimed=(
        Claim(f"{ROOT}{proxy.PREFIX}"),
        *(_bare(row.path, read=False)[0] for row in MJ_ROWS if row.method == "POST"),
        Claim(f"{proxy.PREFIX}/task/", form=_ONE_FETCHED, method="GET", key=_NAME),
    ),
    rows=(
        *(replace(row, path=f"{ROOT}{row.path}") for row in (*MJ_ROWS, MJ_IMAGE)),
        *(replace(row, hidden=True) for row in MJ_ROWS),
    ),
    errors=MJ_ERRORS,
)
