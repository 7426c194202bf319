"""What each submit says, and where it goes."""

from __future__ import annotations

from typing import Any, Final

from telecine.nouns.billed import Billed
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.parameters import VideoParameters
from telecine.nouns.request import Role
from telecine.providers.base import Source
from telecine.providers.http.body import Draft
from telecine.providers.midjourney.presses import button, changed, check_named, spoken, window
from telecine.providers.midjourney.prompts import pictures, unpriced, words
from telecine.wires import midjourney as wire
from telecine.wires.midjourney.prompt import read

SECONDS: Final = 5.0
"""How long a video is (docs.midjourney.com, "Video")."""
_NO_WORDS: Final = "Midjourney takes no words for this button."
_BEFORE: Final = {speed: before for before, speed in wire.MODES.items()}
"""What stands before a path, by the speed that is asked for."""
_RATIOS: Final = {ratio: name for name, ratio in wire.DIMENSIONS.items()}
_VIDEOS: Final = {lines: name for name, lines in wire.VIDEO_TYPES.items()}


def to(draft: Draft, path: str) -> None:
    """Have the body sent to `path`, behind the prefix of its speed; Plus goes by its filter of accounts."""
    draft.create = _post(draft, path)
    if speed := _speed(draft):
        draft.body["accountFilter"] = {"modes": [speed.upper()]}


def imagine(draft: Draft) -> None:
    """A grid of a prompt, which pictures may go before."""
    _count(draft, wire.GRID)
    draft.body["prompt"] = _needed(words(draft))
    found = pictures(draft)
    if found:
        draft.put_all("base64Array", found)
    to(draft, wire.IMAGINE)


def edit(draft: Draft) -> None:
    """A picture changed, or a part of it; with nothing but references, a grid that they go before."""
    request = draft.request
    if not any(request.with_role("image", "mask")):
        imagine(draft)
        return
    if any(request.with_role("reference")):
        raise _unsupported("Midjourney edits one picture, and takes no others beside it.", "inputs.reference")
    _edited(draft, wire.EDITS[0])


def retexture(draft: Draft) -> None:
    """A picture's shapes with other surfaces."""
    _edited(draft, wire.RETEXTURE)


def blend(draft: Draft) -> None:
    """Several pictures made one."""
    ratio = draft.request.aspect_ratio or wire.DIMENSIONS["SQUARE"]
    if ratio not in _RATIOS:
        raise _unsupported(f"Midjourney blends to {', '.join(_RATIOS)}, not to {ratio[:20]}.", "aspect_ratio")
    _count(draft, wire.GRID)
    draft.body["dimensions"] = _RATIOS[ratio]
    draft.put_all("base64Array", list(draft.request.with_role("image")))
    to(draft, wire.BLEND)


def shorten(draft: Draft) -> None:
    """What matters in a prompt."""
    draft.body["prompt"] = _needed(draft.request.prompt.strip())  # its parameters are a part of what is shortened
    to(draft, wire.SHORTEN)


def describe(draft: Draft) -> None:
    """Prompts for a picture."""
    to(draft, wire.DESCRIBE)


def swap(draft: Draft) -> None:
    """A face put into a picture."""
    to(draft, wire.SWAP)


def video(draft: Draft) -> None:
    """Videos of a picture that is sent, of one that is there, or of a video that goes on."""
    request, body = draft.request, draft.body
    if request.duration not in (None, SECONDS):
        raise _unsupported(f"Midjourney's videos have {SECONDS:g} seconds.", "duration")
    if request.count not in wire.BATCH_SIZES:
        raise invalid(f"Midjourney makes {', '.join(map(str, wire.BATCH_SIZES))} videos at a time.", "count")
    lines = request.resolution or next(iter(_VIDEOS))
    if lines not in _VIDEOS:
        raise _unsupported(f"Midjourney makes videos of {', '.join(_VIDEOS)}.", "resolution")
    given = request.parameters if isinstance(request.parameters, VideoParameters) else VideoParameters()
    if request.source is None and request.operation == "extend":
        raise invalid("Midjourney goes on from videos of its own; name the task as the source.", "inputs.video")
    if request.source is None and not any(request.with_role("first_frame", "image")):
        raise invalid("Midjourney needs a picture that the video begins with.", "inputs.first_frame")
    text = words(draft)
    for url in read(text).pictures:  # its first frame, which has a field
        text = text.removeprefix(url).lstrip()
    if given.custom_id is not None:
        _animate(draft, text)
        return
    kind = draft.take.novel("resolution") or _VIDEOS[lines]
    body |= {"motion": given.motion or "low", "batchSize": request.count, "videoType": kind}
    if text:
        body["prompt"] = text
    if given.loop is not None:
        body["loop"] = given.loop
    if draft.source is not None:
        number = given.index - 1 if given.index is not None else draft.source.item or 0
        body |= {"taskId": draft.source.upstream_id, "index": number}
    if request.operation == "extend":
        body["action"] = "extend"
    to(draft, wire.VIDEO)


def _animate(draft: Draft, text: str) -> None:
    """Videos by a button, which takes no words and makes as many as it does."""
    if text:
        raise _unsupported(_NO_WORDS, "prompt")
    check_named(draft.request)
    if draft.source is not None:
        draft.body |= {"taskId": draft.source.upstream_id, "customId": button(draft.request, draft.source)}
    to(draft, wire.ACTION)


def press(draft: Draft) -> None:
    """What is done with a picture of a task: by its button, or as the original does it."""
    request, source = draft.request, draft.source
    if request.operation == "inpaint" and request.source is None:
        _edited(draft, wire.EDITS[0])
        return
    if request.source is None:
        raise invalid("Midjourney does this with a picture of its own alone; name its task as the source.", "source")
    _count(draft, wire.GRID)
    if request.operation == "inpaint" and not any(request.with_role("mask")):
        raise invalid("Midjourney needs a mask of what is to be drawn anew.", "inputs.mask")
    text = words(draft)
    check_named(request)
    if source is None:  # nobody has asked yet what it is
        return
    custom_id = button(request, source)
    if custom_id is None and text:
        raise _unsupported(_NO_WORDS, "prompt")
    if custom_id is None:
        draft.body |= changed(draft, source)
        to(draft, wire.CHANGE)
    elif text or window(custom_id):
        draft.body["prompt"] = asked(draft, source, text)
        for item in request.with_role("mask"):
            draft.put("maskBase64", item)
        to(draft, wire.MODAL)
    else:
        draft.body |= {"taskId": source.upstream_id, "customId": custom_id, "enableRemix": False}
        to(draft, wire.ACTION)


def opened(draft: Draft, handle: str) -> tuple[str, Any] | None:
    """The button that opens the window which the modal then completes. The task of the window is the job's, and nothing
    is billed for one that is never completed."""
    if draft.source is None or not draft.create.endswith(wire.MODAL):
        return None
    custom_id = button(draft.request, draft.source) or ""
    body = {"taskId": draft.source.upstream_id, "customId": custom_id, "state": handle}
    return _post(draft, wire.ACTION), body if window(custom_id) else body | {"enableRemix": True}


def pictures_billed(draft: Draft) -> Billed:
    """Four pictures, also of a button that nobody knows, which may make so many; or one that is made larger or gets a
    face."""
    operation, given = draft.request.operation, draft.request.parameters
    return Billed(
        count=1 if operation in ("upscale", "swap_face") else wire.GRID,
        speed=_speed(draft),
        style=getattr(given, "style", None) if operation == "upscale" else None,
        factor=getattr(given, "factor", None),
    )


def video_billed(draft: Draft) -> Billed:
    """Videos, each as long as it is."""
    request, given, novel = draft.request, draft.request.parameters, draft.take.novel("resolution")
    return Billed(
        count=wire.CLIPS if getattr(given, "custom_id", None) is not None else None,
        duration=SECONDS,
        resolution=None if novel else request.resolution or next(iter(_VIDEOS)),
        unjudged=("resolution",) if novel else (),
        speed=_speed(draft),
        motion=getattr(given, "motion", None) or "low",
    )


def words_billed(draft: Draft) -> Billed:
    """A call."""
    return Billed(speed=_speed(draft))


def asked(draft: Draft, source: Source, text: str) -> str:
    """What a window is told: its own words, else those that the picture was made with."""
    request = draft.request
    if not request.prompt.strip() and draft.take.own("prompt") is None:
        before = spoken(source) or (source.request.prompt.strip() if source.request is not None else "")
        text = f"{unpriced(before)} {text}".strip()
    factor = getattr(request.parameters, "factor", None)
    zooms = factor is not None and request.operation == "zoom" and "--zoom" not in text
    return f"{_needed(text)} --zoom {factor:g}" if zooms else _needed(text)


def _edited(draft: Draft, path: str) -> None:
    given = list(draft.request.with_role("image"))
    if len(given) != 1:
        raise invalid(f"Midjourney edits one picture, not {len(given)}.", "inputs.image")
    _count(draft, wire.GRID)
    draft.body["prompt"] = _needed(words(draft))
    draft.put("image", given[0])
    for item in draft.request.with_role("mask"):
        draft.put("maskBase64", item)
    to(draft, path)


def _count(draft: Draft, most: int) -> None:
    if draft.request.count > most:
        raise invalid(f"Midjourney makes {most} pictures at a time, not {draft.request.count}.", "count")


def _needed(text: str) -> str:
    if not text:
        raise invalid("Midjourney needs a prompt.", "prompt")
    return text


def _speed(draft: Draft) -> str | None:
    speed: str | None = getattr(draft.request.parameters, "speed", None)
    if speed is not None and speed not in wire.SPEEDS:
        raise _unsupported(f"speed: must be one of: {', '.join(wire.SPEEDS)}.", "parameters.speed")
    return speed


def _post(draft: Draft, path: str) -> str:
    return f"POST {_BEFORE.get(_speed(draft) or '', '')}{wire.PREFIX}{path}"


def roles(*found: Role) -> str:
    """The neutral name of inputs with one of these roles."""
    return f"inputs.{'|'.join(found)}"


def _unsupported(message: str, param: str) -> GatewayError:
    return GatewayError("unsupported_parameter", message, param=param)
