"""What is done in the place of a follow-up by channels that have no such thing: its source's pictures go on as inputs,
each a file of the new task's own, so that no upstream has to know the source, and the source may be deleted.

| asked for | done instead, the first that a channel can |
|---|---|
| upscale, as one of several pictures | that picture, as a task of its own: no upstream is asked (`tasks.pick`) |
| vary | an edit, or a variation, of the picture |
| reroll | what the source asked for, once more |
| zoom, pan | the picture expanded, or an edit of it on a larger ground that is open around it |
| inpaint | an edit of the picture, open where the mask is |
| image to video | the same, of the picture as its first frame |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import gcd
from typing import Final

import msgspec
import structlog
from msgspec.structs import replace

from telecine.net.client import FetchError
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.parameters import ChangeParameters, ExpandParameters, ImageParameters, VideoParameters
from telecine.nouns.request import GenerationRequest, MediaInput, Role
from telecine.nouns.sizes import parse_ratio
from telecine.nouns.task import Output, Task
from telecine.tasks.context import Context, Growth
from telecine.tasks.grids import pictures

_log = structlog.get_logger(__name__)
_AGAIN: Final = "reroll"
_ZOOM: Final = 2.0
_PANNED: Final = 0.5
"""The share of its side by which a picture goes on."""
_FIDELITY: Final = {"subtle": "high", "strong": "low"}
"""How closely an edit keeps to its picture, by how far a variation strays."""


class Instead(msgspec.Struct, frozen=True):
    """One way. The inputs of `request` are the source's files themselves, until `brought` has made them its own."""

    request: GenerationRequest
    growth: Growth | None = None
    """Its picture is drawn on so much larger a ground, which is its mask too."""
    opened: bool = False
    """Its mask is made transparent where it is light."""


def may_be_done_instead(request: GenerationRequest) -> bool:
    """Whether something else could be done in the place of the request."""
    return request.source is not None and request.operation in (*_WAYS, _AGAIN)


def ways(request: GenerationRequest, source: Task, outputs: tuple[Output, ...], *, draft: bool) -> list[Instead]:
    """What could be done instead, the likeliest first. Raises GatewayError where the source cannot be followed up."""
    find = _WAYS.get(request.operation)
    if find is None and request.operation != _AGAIN:
        return []
    if source.status != "succeeded":
        raise GatewayError("conflict", "The source is not done, or has failed.", param="source", may_retry=False)
    if find is None:
        return _again(request, source)
    if any(request.with_role("image", "first_frame")):
        return []
    given = request.parameters
    chosen = _chosen(request, outputs, getattr(given, "index", None))
    plain = replace(
        request,
        source=None,
        parent=source.id,
        prompt=request.prompt or source.request.prompt,
        negative_prompt=request.negative_prompt or source.request.negative_prompt,
    )
    found = find(plain, chosen, given if isinstance(given, ChangeParameters) else ChangeParameters())
    found = [_framed(one, source.request) for one in found]
    return found if draft or request.operation != "inpaint" else _masked(request, found)


async def brought(context: Context, account_id: int, chosen: Instead) -> GenerationRequest:
    """`chosen`, with the files that were the source's copied, or drawn, for it. Raises GatewayError."""
    kept: list[MediaInput] = []
    try:
        for item in chosen.request.inputs:
            kept += await _brought(context, account_id, chosen, item)
    except (FileNotFoundError, FetchError) as error:
        await context.library.forget([one.object_key for one in kept if one.object_key and one.asset_id is None])
        if isinstance(error, FetchError):
            raise invalid(f"The picture cannot be gone on from: {error.reason}.", "source") from None
        raise GatewayError("not_found", "The picture that this goes on from is gone.", param="source") from None
    return replace(chosen.request, inputs=tuple(kept))


async def _brought(context: Context, account_id: int, chosen: Instead, item: MediaInput) -> list[MediaInput]:
    """What becomes of one input."""
    if item.object_key is None:
        return [item]
    picture = next((one for one in chosen.request.inputs if one.role == "image"), item)
    if chosen.opened and item.role == "mask" and picture.width and picture.height:
        return [await context.library.hole(item.object_key, (picture.width, picture.height), account_id)]
    if item.asset_id is not None:  # a library's, which stays there
        return [item]
    if chosen.growth is not None:
        roles: tuple[Role, ...] = ("image", "mask")
        return await context.library.canvas(item.object_key, chosen.growth, account_id, roles)
    (key,) = await context.library.copy(account_id, [item.object_key])
    return [replace(item, object_key=key)]


async def forget_unused(context: Context, gone: GenerationRequest, kept: GenerationRequest) -> None:
    """Delete the files that `gone` has of its own and `kept` has not: one of them is done instead of the other."""
    if gone is kept:
        return
    keys = sorted({*gone.own_keys} - {*kept.own_keys})
    try:
        await context.library.forget(keys)
    except OSError:
        _log.exception("files_not_forgotten")  # the sweep finds them


_FRAME: Final = ("size", "aspect_ratio", "resolution")


def _framed(way: Instead, before: GenerationRequest) -> Instead:
    """In the frame of what it goes on from, where nobody has said another. What is expanded grows by itself."""
    request = way.request
    if request.operation == "expand" or any(getattr(request, name) is not None for name in _FRAME):
        return way
    return replace(way, request=replace(request, **{name: getattr(before, name) for name in _FRAME}))


def _chosen(request: GenerationRequest, outputs: tuple[Output, ...], index: int | None) -> MediaInput:
    """The picture that is meant. Raises GatewayError."""
    shown = pictures(outputs)
    named = request.source.output if request.source is not None else None
    if named is not None:
        shown = [one for one in shown if one.index == named]
    if not shown:
        raise invalid("The source has no picture to go on from.", "source")
    if index is None and len(shown) > 1:
        raise invalid(f"index: is required; the source has {len(shown)} pictures.", "parameters.index")
    if index is not None and not 1 <= index <= len(shown):
        raise invalid(f"index: the source has {len(shown)} pictures; there is no number {index}.", "parameters.index")
    one = shown[(index or 1) - 1]
    if one.object_key is None:
        message = "That picture is lost." if one.state == "lost" else "That picture is not kept yet; ask again later."
        raise GatewayError("conflict", message, param="source", may_retry=False)
    return MediaInput("image", None, one.object_key, one.content_type, one.bytes, one.sha256, one.width, one.height)


def _again(request: GenerationRequest, source: Task) -> list[Instead]:
    """The source's own request, with another outcome: no seed, and a new prompt where there is one."""
    before = source.request
    if before.blanked:
        raise invalid("What the source was made from is no longer kept.", "source")
    if before.operation == request.operation:
        return []
    same = replace(
        before,
        prompt=request.prompt or before.prompt,
        seed=None,
        parent=source.id,
        model=request.model,
        callback_url=request.callback_url,
        callback_headers=request.callback_headers,
        external_id=request.external_id,
        metadata=request.metadata,
    )
    return [Instead(same)]


def _picked(plain: GenerationRequest, picture: MediaInput, given: ChangeParameters) -> list[Instead]:
    """One of several pictures, which nobody makes larger."""
    if given.style is not None or given.factor is not None:
        return []
    parameters = ChangeParameters(index=given.index, as_is=True)
    return [Instead(replace(plain, inputs=(picture,), count=1, native=None, parameters=parameters))]


def _varied(plain: GenerationRequest, picture: MediaInput, given: ChangeParameters) -> list[Instead]:
    asked = replace(_parameters(plain), input_fidelity=_FIDELITY.get(given.strength or ""))
    edit = replace(plain, operation="image_to_image", inputs=(picture,), parameters=asked)
    if given.strength is not None:
        return [Instead(edit)]
    return [Instead(edit), Instead(replace(edit, operation="image_variation", prompt=""))]


def _zoomed(plain: GenerationRequest, picture: MediaInput, given: ChangeParameters) -> list[Instead]:
    """Where a ratio is asked for, two sides grow on until that is there."""
    factor = given.factor or _ZOOM
    across = along = factor
    if plain.aspect_ratio is not None and picture.width and picture.height:
        wide, high = parse_ratio(plain.aspect_ratio)
        stretch = wide * picture.height / (high * picture.width)
        across, along = across * max(stretch, 1.0), along * max(1 / stretch, 1.0)
    if factor < 1 or max(across, along) <= 1:
        raise invalid("factor: must be more than 1.", "parameters.factor")
    beside, above = (across - 1) / 2, (along - 1) / 2
    return _grown(plain, picture, (above, above, beside, beside))


def _panned(plain: GenerationRequest, picture: MediaInput, given: ChangeParameters) -> list[Instead]:
    sides = ("up", "down", "left", "right")
    if given.direction not in sides:
        raise invalid("direction: is required; left, right, up or down.", "parameters.direction")
    up, down, left, right = (_PANNED if one == given.direction else 0.0 for one in sides)
    if picture.width and picture.height:
        across, along = round(picture.width * (1 + left + right)), round(picture.height * (1 + up + down))
        common = gcd(across, along)
        ratio = f"{across // common}:{along // common}"
        plain = replace(plain, size=None, resolution=None, aspect_ratio=ratio)
    return _grown(plain, picture, (up, down, left, right))


def _grown(plain: GenerationRequest, picture: MediaInput, growth: Growth) -> list[Instead]:
    up, down, left, right = (share or None for share in growth)
    bare: dict[str, None] = dict.fromkeys(_FRAME)
    expand = ExpandParameters(up=up, down=down, left=left, right=right)
    grown = replace(plain, operation="expand", inputs=(picture,), parameters=expand, **bare)
    edit = replace(plain, operation="image_to_image", inputs=(picture,), parameters=_parameters(plain))
    return [Instead(grown), Instead(edit, growth)]


def _repainted(plain: GenerationRequest, picture: MediaInput, _given: ChangeParameters) -> list[Instead]:
    masks = tuple(plain.with_role("mask"))
    edit = replace(plain, operation="image_to_image", inputs=(picture, *masks), parameters=_parameters(plain))
    return [Instead(edit, opened=True)]


def _moved(plain: GenerationRequest, picture: MediaInput, _given: ChangeParameters) -> list[Instead]:
    video = plain.parameters if isinstance(plain.parameters, VideoParameters) else VideoParameters()
    frame = replace(picture, role="first_frame")
    moving = replace(plain, inputs=(frame, *plain.inputs), parameters=replace(video, index=None))
    return [Instead(moving)]


def _masked(request: GenerationRequest, found: list[Instead]) -> list[Instead]:
    if not any(request.with_role("mask")):
        raise invalid("A mask is needed: it says which part of the picture is drawn anew.", "inputs.mask")
    if any(one.object_key is None for one in request.with_role("mask")):  # it is drawn on here
        raise invalid("The mask has to be sent itself, or be a file of the library: no URL.", "inputs.mask")
    return found


def _parameters(plain: GenerationRequest) -> ImageParameters:
    return ImageParameters(grid=True if plain.count > 1 else None)


_Way = Callable[[GenerationRequest, MediaInput, ChangeParameters], list[Instead]]
_WAYS: Final[Mapping[str, _Way]] = {
    "upscale": _picked,
    "vary": _varied,
    "zoom": _zoomed,
    "pan": _panned,
    "inpaint": _repainted,
    "image_to_video": _moved,
}
