"""From the body of `/mj/submit/video` to a GenerationRequest."""

from __future__ import annotations

from typing import Final

from telecine.dialects import scalars
from telecine.dialects.aliases import agreed
from telecine.dialects.bodies import Body
from telecine.dialects.call import Call
from telecine.dialects.inline import Source
from telecine.dialects.midjourney.create import asked, check_words, picture, read_body
from telecine.dialects.rows import Parsed
from telecine.nouns.errors import invalid
from telecine.nouns.ids import reference_to
from telecine.nouns.parameters import VideoParameters
from telecine.nouns.request import GenerationRequest, Novel, Reference
from telecine.wires.midjourney import BATCH_SIZES, CLIPS, MOTIONS, SPEEDS, VIDEO_TYPES
from telecine.wires.midjourney.bodies import Video
from telecine.wires.midjourney.prompt import Prompt, read

_EXTEND: Final = "extend"
_SAID: Final = frozenset({"motion", "loop", "bs", "raw", *SPEEDS})
"""Parameters of a prompt that any provider can be told, or that mean nothing to it (`--raw`)."""


def parse_video(call: Call, body: Body) -> Parsed:
    """Videos that begin with a picture, which is sent or is one of a task's; or that go on from a video of a task.

    Raises GatewayError naming the field.
    """
    wire, unknown = read_body(body, Video)
    prompt = wire.prompt or ""
    check_words(call, prompt)
    said = read(prompt)
    novel: dict[str, Novel] = {}
    if wire.video_type is not None and wire.video_type not in VIDEO_TYPES:
        objection = f"videoType: '{wire.video_type}' is not known here; use one of: {', '.join(VIDEO_TYPES)}."
        novel["resolution"] = Novel(wire.video_type, objection)
    told = asked(call, wire, unknown, prompt, known=_SAID, more=novel)
    extends = _extends(wire)
    source, sources = _begins(wire, said, extends=extends)
    return GenerationRequest(
        operation="extend" if extends else "image_to_video",
        model=told.model,
        prompt=said.text,
        count=_batch(wire, said),
        resolution=VIDEO_TYPES.get(wire.video_type or ""),
        parameters=VideoParameters(
            motion=_motion(wire, said),
            loop=agreed(("loop", wire.loop), ("prompt", True if "loop" in said.names else None)),
            speed=told.speed,
            index=_index(wire) if source is not None else None,
        ),
        source=source,
        native=told.native,
        **told.common,
    ), sources


def _extends(wire: Video) -> bool:
    if wire.action is not None and wire.action.lower() != _EXTEND:
        raise invalid(f"action: must be '{_EXTEND}', or left out.", "action")
    if wire.action is not None and wire.task_id is None:
        raise invalid("taskId: is required; the task whose video goes on.", "taskId")
    return wire.action is not None


def _begins(wire: Video, said: Prompt, *, extends: bool) -> tuple[Reference | None, list[Source]]:
    """What the videos begin with: a task's picture or video, or one that is sent; and what they end with."""
    images = [*said.pictures, *([wire.image] if wire.image is not None else [])]
    if wire.task_id is not None and images:
        raise invalid("image: a task has its own; send image or taskId.", "image")
    if len(images) > 1:
        raise invalid("image: a video begins with one picture.", "image")
    if wire.task_id is None and not images:
        raise invalid("image: is required; a data URL, a URL, or a taskId.", "image")
    if wire.index is not None and wire.task_id is None:
        raise invalid("index: needs a taskId.", "index")
    if wire.end_image is not None and extends:
        raise invalid("endImage: a video that goes on takes none.", "endImage")
    sources = [picture(images[0], "prompt" if said.pictures else "image", "first_frame")] if images else []
    if wire.end_image is not None:
        sources.append(picture(wire.end_image, "endImage", "last_frame"))
    return None if wire.task_id is None else reference_to(wire.task_id, "task"), sources


def _index(wire: Video) -> int:
    """Which picture or video of the task, from 1; the first where nobody says."""
    return (scalars.integer(wire.index, "index", least=0, most=3) or 0) + 1


def _batch(wire: Video, said: Prompt) -> int:
    """How many videos."""
    count = agreed(
        ("batchSize", scalars.integer(wire.batch_size, "batchSize")),
        ("prompt", scalars.integer(said.value("bs"), "prompt")),
    )
    if count is not None and count not in BATCH_SIZES:
        raise invalid(f"batchSize: must be one of: {', '.join(map(str, BATCH_SIZES))}.", "batchSize")
    return count or CLIPS


def _motion(wire: Video, said: Prompt) -> str | None:
    """How much moves."""
    motion = agreed(("motion", (wire.motion or "").lower() or None), ("prompt", said.value("motion")))
    if motion is not None and motion not in MOTIONS:
        raise invalid(f"motion: must be one of: {', '.join(MOTIONS)}.", "motion")
    return motion
