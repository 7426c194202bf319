"""What exactly the sandbox will make for a request, by take or refuse.

A picture takes what shapes a picture. A video is the rehearsal of another vendor's, so it takes every field that some
vendor's video has, also what is not drawn: what runs here is to run there, and the job keeps it. So does a song,
which comes twice, as Suno's do. What nobody here knows has nobody here to go to, so it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from telecine.nouns import workflow
from telecine.nouns.billed import Billed
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.geometry import pixels
from telecine.nouns.operations import OPERATIONS, Kind, makes_of, roles_for
from telecine.nouns.parameters import MusicParameters, VideoParameters, WorkflowParameters
from telecine.nouns.request import GenerationRequest, MediaInput, Role
from telecine.nouns.sizes import short_side
from telecine.providers.sandbox import directives
from telecine.providers.sandbox.jobs import SandboxJob
from telecine.providers.sandbox.lyrics import style_of, title_of, write
from telecine.providers.take import Take
from telecine.wires.kling import MODES
from telecine.wires.suno import CLIPS

_SIDE: Final = (16, 4096)
_MOST_PIXELS: Final = 4096 * 2304
_LONGEST: Final = 120.0
_DURATION: Final = 5.0
_SONG: Final = 120.0
_LONGEST_SONG: Final = 480.0
_COVER: Final = 512
_FRAME_RATE: Final = 24
_PRO: Final = short_side(MODES["pro"])
_MOST_COUNT: Final = 16
_OPENING: Final[tuple[Role, ...]] = ("first_frame", "image", "reference")
"""The roles of a picture that a video may begin with, the likeliest first."""
_PICTURE: Final = ("prompt", "size", "aspect_ratio", "resolution", "count", "negative_prompt")
_FIELDS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "image": _PICTURE,
    "video": (*_PICTURE, "duration", "audio", "source"),
    "audio": ("prompt", "count", "duration", "source"),
    "text": ("prompt",),
}
"""By what is made, the fields that have a meaning for it, in a drawing or at another vendor."""


def plan(
    request: GenerationRequest, handle: str, picture: tuple[int, int] | None, now: float, known: Catalogue
) -> SandboxJob:
    """The job for `request`; `picture` is the size of the picture that it begins with.

    Raises GatewayError for unknown directives, for what would be too large to draw, and for what was not taken.
    """
    _take(request)
    orders, text = directives.read(wording(request))
    ability = known.ability(request.model, request.operation)
    kind = makes_of(request)
    sung = kind in ("audio", "text")
    width, height = (_COVER, _COVER) if sung else pixels(request, ability, picture)
    if not (_SIDE[0] <= min(width, height) and max(width, height) <= _SIDE[1] and width * height <= _MOST_PIXELS):
        raise invalid(f"The sandbox draws {_SIDE[0]} to {_SIDE[1]} pixels a side, not {width}x{height}.", "size")
    usual, longest = (_SONG, _LONGEST_SONG) if sung else (_DURATION, _LONGEST)
    duration = request.duration or (float(ability.default_duration) if ability else usual)
    if kind != "image" and not 0 < duration <= longest:
        raise invalid(f"The sandbox makes {'songs' if sung else 'videos'} of up to {longest:g} seconds.", "duration")
    most = workflow.MOST_BATCH if request.operation == workflow.OPERATION else _MOST_COUNT
    if not 1 <= request.count <= most:
        raise invalid(f"The sandbox makes 1 to {most} at a time.", "count")
    job = SandboxJob(
        handle=handle,
        kind=kind,
        model=request.model,
        text=text or _shots(request),
        width=width,
        height=height,
        count=request.count,
        duration=duration,
        frame_rate=ability.frame_rate if ability else _FRAME_RATE,
        picture=picture is not None,
        created_at=now,
        delay=orders.delay,
        fail=orders.fail,
        unreadable=orders.unreadable,
        tokens=orders.tokens,
        undrawn=_undrawn(request),
    )
    return _song(request, job) if sung else job


def wording(request: GenerationRequest) -> str:
    """What the request says in words, where directives stand: of a workflow that calls nothing its prompt, the longest
    of its texts."""
    if isinstance(request.parameters, WorkflowParameters) and not request.prompt:
        texts = [one for one in request.parameters.input_values.values() if isinstance(one, str)]
        return max(texts, key=len, default=request.model)
    sung = request.parameters.lyrics if isinstance(request.parameters, MusicParameters) else None
    return request.prompt or sung or ""


def _song(request: GenerationRequest, job: SandboxJob) -> SandboxJob:
    """Two songs with their covers and words, or words alone."""
    music = request.parameters if isinstance(request.parameters, MusicParameters) else MusicParameters()
    title = music.title or title_of(job.text)
    sung = job.text if music.lyrics is not None and not request.prompt else music.lyrics or write(job.text)
    made = job.kind == "audio"
    return replace(
        job,
        text=title,
        count=max(job.count, CLIPS) if made else 1,
        duration=job.duration if made else 0.0,
        compute_seconds=None if made else 0.0,  # words are here already
        title=title,
        style=music.style or style_of(job.text),
        lyrics=None if music.instrumental else sung,
    )


def _take(request: GenerationRequest) -> None:
    """Raise GatewayError (`unsupported_parameter`) naming the first field that has no meaning here."""
    makes = makes_of(request)
    if makes not in (("image", "video") if request.operation == workflow.OPERATION else _FIELDS):
        raise GatewayError("unsupported_parameter", f"The sandbox makes no {makes}.", param="operation")
    take = Take(request)
    take.all_of(_taken(request.operation))
    take.refuse_rest("sandbox")


@cache
def _taken(operation: str) -> frozenset[str]:
    """The fields that have a meaning for it."""
    if operation == workflow.OPERATION:
        return workflow.TAKEN
    makes, parameters = OPERATIONS[operation].makes, OPERATIONS[operation].parameters
    own = (f"parameters.{name}" for name in (parameters.__struct_fields__ if parameters else ()))
    return frozenset((*_FIELDS[makes], *own, *(f"inputs.{role}" for role in roles_for(operation))))


def _undrawn(request: GenerationRequest) -> dict[str, Any]:
    """What was taken and changes nothing in the drawing."""
    first = opening(request)
    more = tuple(item for item in request.inputs if item is not first)
    said = {
        "negative_prompt": request.negative_prompt,
        "seed": request.seed,
        "audio": request.audio,
        "parameters": request.parameters,
        "source": request.source,
        "inputs": [{"role": item.role, "sha256": item.sha256, "url": item.url} for item in more] or None,
    }
    kept: dict[str, Any] = msgspec.to_builtins({name: value for name, value in said.items() if value is not None})
    return kept


def opening(request: GenerationRequest) -> MediaInput | None:
    """The picture that the job begins with; an image job draws its prompt only."""
    if makes_of(request) != "video":
        return None
    return next((item for role in _OPENING for item in request.with_role(role)), None)


def billed_of(request: GenerationRequest, job: SandboxJob) -> Billed:
    """What `job` comes to; of songs their length and number.

    Kling's modes are told apart by the resolution, as Kling does."""
    if request.operation == workflow.OPERATION:
        return replace(workflow.billed(request), duration=job.duration if job.kind == "video" else None)
    if job.kind in ("audio", "text"):
        return Billed(duration=job.duration or None, count=job.count)
    asked = request.parameters.mode if isinstance(request.parameters, VideoParameters) else None
    mode = asked or ("pro" if min(job.width, job.height) >= _PRO else "std")
    duration = job.duration if job.kind == "video" else None
    billed = replace(Billed.sized(job.width, job.height, mode=mode, duration=duration), audio=bool(request.audio))
    follows_picture = opening(request) is not None and request.size is None and request.aspect_ratio is None
    return replace(billed, size=None, aspect_ratio=None) if follows_picture else billed


def _shots(request: GenerationRequest) -> str:
    """A multi-shot request may say all that it wants in its shots."""
    shots = request.parameters.shots if isinstance(request.parameters, VideoParameters) else ()
    return " / ".join(shot.prompt for shot in shots)
