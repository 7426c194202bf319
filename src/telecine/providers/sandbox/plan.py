"""What exactly the sandbox will make for a request, and what that comes to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from zlib import crc32

from msgspec.structs import replace

from telecine.nouns import workflow
from telecine.nouns.billed import Billed
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import invalid
from telecine.nouns.operations import makes_of
from telecine.nouns.parameters import (
    ChangeParameters,
    CharacterParameters,
    EffectsParameters,
    ImageParameters,
    MusicParameters,
    VideoParameters,
    WorkflowParameters,
)
from telecine.nouns.request import GenerationRequest
from telecine.nouns.sizes import short_side
from telecine.providers.sandbox import directives, shape
from telecine.providers.sandbox.jobs import SandboxJob
from telecine.providers.sandbox.lyrics import style_of, title_of, write
from telecine.providers.sandbox.recipes import CALLS, GROWN, WORDS, Given, recipe_of
from telecine.providers.sandbox.taking import begins_with_source, opening, take, undrawn
from telecine.providers.sandbox.words import described, shortened
from telecine.wires.kling import MODES
from telecine.wires.suno import CLIPS

_FRAME_RATE: Final = 24
_LEAST_TURN: Final = 20
"""Degrees by which the colours of what is made once more differ at the least."""
_FORMS: Final = {"jpeg": "jpg", "jpg": "jpg", "webp": "webp"}
_PRO: Final = short_side(MODES["pro"])


def plan(
    request: GenerationRequest,
    handle: str,
    picture: tuple[int, int] | None,
    now: float,
    known: Catalogue,
    *,
    given: Sequence[Given] = (),
    before: SandboxJob | None = None,
) -> SandboxJob:
    """The job for `request`; `picture` is the size of the picture that it begins with, `given` all else that it is made
    of, `before` the job whose request is made once more.

    Raises GatewayError for unknown directives, for what would be too large to draw, and for what was not taken.
    """
    take(request)
    request = _once_more(request, before)
    orders, text = directives.read(wording(request))
    ability = known.ability(request.model, request.operation)
    kind, draws = makes_of(request), recipe_of(request).draws
    width, height = shape.size(request, ability, picture, given)
    duration = shape.duration(request, ability, given)
    shape.check_count(request)
    job = SandboxJob(
        handle=handle,
        kind=kind,
        model=request.model,
        text=text or _title(request),
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
        undrawn=undrawn(request),
        draws=draws,
        given=tuple(given),
        growth=shape.growth(request, _base(given, width, height)),
    )
    if draws in CALLS:
        return _call(request, job)
    if draws in WORDS:
        return _words(request, job)
    if kind == "image":
        return _picture(request, job, before.turn if before is not None else 0)
    if kind == "video":
        return _moving(request, job)
    return _song(request, job, before) if kind in ("audio", "text") and draws != "sound" else job


def _picture(request: GenerationRequest, job: SandboxJob, turned: int) -> SandboxJob:
    """In the format that is asked for, as far as it is drawn here; what is made once more, in colours of its own."""
    change = shape.change_of(request)
    job = replace(job, style=change.style or "", strength=change.strength or "")
    if job.draws in ("again", "varied"):
        by = _LEAST_TURN + crc32(job.handle.encode()) % (360 - 2 * _LEAST_TURN)
        job = replace(job, turn=(turned + by) % 360)
    asked = request.parameters if isinstance(request.parameters, ImageParameters) else ImageParameters()
    return replace(
        job,
        form=_FORMS.get((asked.output_format or "").lower(), job.form),
        compression=max(1, job.compression if asked.output_compression is None else asked.output_compression),
        partial=asked.partial_images or 0,
    )


def _moving(request: GenerationRequest, job: SandboxJob) -> SandboxJob:
    """As much as is asked for."""
    asked = request.parameters if isinstance(request.parameters, VideoParameters) else VideoParameters()
    return replace(job, motion=asked.motion or "", loop=bool(asked.loop))


def _words(request: GenerationRequest, job: SandboxJob) -> SandboxJob:
    """What is answered; nothing is drawn."""
    said = shortened(job.text) if job.draws == "shortened" else ""
    if job.draws == "described" and job.given:
        said = described(job.given[0])
    return replace(job, count=1, duration=0.0, compute_seconds=0.0, lyrics=said)


def _once_more(request: GenerationRequest, before: SandboxJob | None) -> GenerationRequest:
    """`request` with the words and the frame of what is made again, where it has none of its own."""
    if before is None:
        return request
    framed = request.size or request.aspect_ratio or request.resolution
    size = request.size if framed else f"{before.width}x{before.height}"
    return replace(request, prompt=request.prompt or before.text, size=size)


def _base(given: Sequence[Given], width: int, height: int) -> tuple[int, int]:
    """The size of the picture that something is made of; as a stand-in what is made, where it is not there yet."""
    seen = next(((one.width, one.height) for one in given if one.look == "image"), None)
    return seen or (width, height)


def wording(request: GenerationRequest) -> str:
    """What the request says in words, where directives stand: of a workflow that calls nothing its prompt, the longest
    of its texts."""
    if isinstance(request.parameters, WorkflowParameters) and not request.prompt:
        texts = [one for one in request.parameters.input_values.values() if isinstance(one, str)]
        return max(texts, key=len, default=request.model)
    sung = request.parameters.lyrics if isinstance(request.parameters, MusicParameters) else None
    return request.prompt or sung or ""


def _song(request: GenerationRequest, job: SandboxJob, before: SandboxJob | None) -> SandboxJob:
    """Two songs with their covers and words, or words alone; one with all that came before it."""
    if job.draws == "joined":
        return _joined(job, before)
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


def _joined(job: SandboxJob, before: SandboxJob | None) -> SandboxJob:
    """As long as what goes on and what it goes on from. Raises GatewayError for a song that goes on from nothing."""
    job = replace(job, count=1)
    if before is None:
        return job
    if before.undrawn.get("source") is None:
        raise invalid("The source goes on from nothing; only a song that does can be put together.", "source")
    begins = (before.undrawn.get("parameters") or {}).get("continue_at") or 0.0
    long = min(before.duration + begins, shape.LONGEST_SONG)
    return replace(job, duration=long, text=before.text, title=before.title, style=before.style, lyrics=before.lyrics)


def _call(request: GenerationRequest, job: SandboxJob) -> SandboxJob:
    """What a call answers: of a character nothing is drawn."""
    name = request.parameters.name if isinstance(request.parameters, CharacterParameters) else None
    long = max((one.seconds for one in job.given), default=0.0)
    drawn = None if job.draws != "character" else 0.0
    return replace(job, count=1, duration=long, title=name or job.text, compute_seconds=drawn)


def billed_of(request: GenerationRequest, job: SandboxJob) -> Billed:
    """What `job` comes to; of songs their length and number, and of what lasts as long as what it is made of none.

    Kling's modes are told apart by the resolution, as Kling does."""
    if request.operation == workflow.OPERATION:
        return replace(workflow.billed(request), duration=job.duration if job.kind == "video" else None)
    if job.kind in ("audio", "text"):
        billed = Billed(duration=job.duration or None, count=job.count)
        return replace(billed, speed=getattr(request.parameters, "speed", None))
    asked = request.parameters.mode if isinstance(request.parameters, VideoParameters | EffectsParameters) else None
    mode = asked or ("pro" if min(job.width, job.height) >= _PRO else "std")
    duration = job.duration if job.kind == "video" else None
    if job.draws in shape.MEASURED:
        duration = request.duration
    billed = replace(Billed.sized(job.width, job.height, mode=mode, duration=duration), audio=bool(request.audio))
    match request.parameters:
        case ImageParameters(quality=quality, speed=speed):
            billed = replace(billed, quality=quality, speed=speed)
        case ChangeParameters(style=style, factor=factor, speed=speed):
            billed = replace(billed, style=style, factor=factor, speed=speed)
        case VideoParameters(motion=motion, speed=speed):
            billed = replace(billed, motion=motion, speed=speed)
    if request.size is not None or request.aspect_ratio is not None or not _follows(request, job):
        return billed
    known = request.resolution is not None or job.draws in ("", "grown") or job.kind == "video"
    return replace(billed, size=None, aspect_ratio=None, resolution=billed.resolution if known else None)


def _follows(request: GenerationRequest, job: SandboxJob) -> bool:
    """Whether the frame of what is made is that of something that nobody has seen yet."""
    if opening(request) is not None or begins_with_source(request):
        return True
    recipe = recipe_of(request)
    return bool(job.draws) and (job.kind == "video" or job.draws in (*GROWN, "larger", "again") or recipe.keeps)


def _title(request: GenerationRequest) -> str:
    """What is drawn where nothing is said: a multi-shot request may say all that it wants in its shots, an effect is
    called by its name."""
    if isinstance(request.parameters, EffectsParameters):
        return (request.parameters.scene or "").replace("_", " ")
    shots = request.parameters.shots if isinstance(request.parameters, VideoParameters) else ()
    return " / ".join(shot.prompt for shot in shots)
