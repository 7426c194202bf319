"""IMA-Pro's videos in the style of its SDKs: `POST /v1/videos`, with what is particular in `metadata`.

Pictures go in as a list, and `role_mode` says what they are: frames, the first and the last, or references. Clips and
sounds to go by stand in `metadata`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec.structs import replace

from telecine.nouns.billed import Billed
from telecine.nouns.errors import invalid
from telecine.nouns.request import MediaInput
from telecine.providers.base import Traits
from telecine.providers.http.body import Draft
from telecine.providers.http.facts import Field, Fields, Op, later
from telecine.providers.http.frame import Frame
from telecine.providers.ima.answers import KEPT
from telecine.providers.ima.assets import ASSETS, keeping
from telecine.providers.take import Take, whole
from telecine.wires.ima import VIDEO_POLL_SECONDS
from telecine.wires.ima import VIDEOS as PATH
from telecine.wires.ima import videos as wire

RATIOS: Final = (wire.RATIO, "4:3", "1:1", "3:4", "9:16", "21:9")
RESOLUTIONS: Final = {one: one for one in (wire.RESOLUTION, "480p", "1080p")}
"""What Seedance makes at Ark, which is behind it; the first where nothing is said."""
_FRAME: Final = Frame("metadata.aspect_ratio", RATIOS, "metadata.resolution", RESOLUTIONS)


def seconds(value: float, take: Take) -> int:
    """A whole number. Raises GatewayError for anything else."""
    own = take.own_text("duration")
    return int(own) if own is not None and own.isdecimal() and len(own) < 5 else int(whole(value, "IMA"))


def frames_of(draft: Draft) -> tuple[list[MediaInput], list[MediaInput]]:
    """The frames, of which there are two at the most, the first before the last, and the references. Raises
    GatewayError where there are both, or neither, or a last without a first."""
    take = draft.take
    first, last, references = take.inputs("first_frame", "image"), take.inputs("last_frame"), take.inputs("reference")
    if len(first) > 1 or len(last) > 1:
        raise invalid("IMA takes one first and one last frame; several pictures are references.", "inputs")
    if last and not first:
        raise invalid("IMA takes a last frame only after a first.", "inputs")
    if first and references:
        raise invalid("IMA takes either frames or references, not both.", "inputs")
    return first + last, references


def check(draft: Draft) -> tuple[list[MediaInput], list[MediaInput], list[MediaInput], list[MediaInput]]:
    """Frames, references, clips and sounds. Raises GatewayError for what cannot be together, for more than there may
    be, and where a video of something is made of nothing."""
    frames, references = frames_of(draft)
    clips, sounds = draft.take.inputs("video"), draft.take.inputs("audio")
    if frames and (clips or sounds):
        raise invalid("IMA takes either frames, or clips and sounds to go by, not both.", "inputs")
    for items, most, what in (
        (references, wire.MOST_IMAGES, "references"),
        (clips, wire.MOST_VIDEOS, "clips"),
        (sounds, wire.MOST_AUDIOS, "sounds"),
    ):
        if len(items) > most:
            raise invalid(f"IMA takes {most} {what} at the most, not {len(items)}.", "inputs")
    if draft.request.operation != "text_to_video" and not (frames or references or clips or sounds):
        raise invalid("A picture is needed to make a video from.", "inputs")
    return frames, references, clips, sounds


def _shape(draft: Draft) -> None:
    """The frame, pictures, and what pictures are."""
    _FRAME.write(draft)
    frames, references, clips, sounds = check(draft)
    if frames or references:
        draft.put_all("images", frames or references)
    if draft.request.inputs:
        draft.body["metadata.role_mode"] = wire.FRAME if frames else wire.REFERENCE
    for name, items in (("reference_video_urls", clips), ("reference_audio_urls", sounds)):
        if items:
            draft.put_all(f"metadata.{name}", items)


def _billed(draft: Draft) -> Billed:
    return billed(draft, _FRAME, draft.body.get("metadata.audio"))


def billed(draft: Draft, frame: Frame, audio: Any) -> Billed:
    """What the body comes to; without a word IMA makes a sound [reconstructed, as the models behind it do], and a
    length of its own. What follows a frame has its shape, which is not known here."""
    follows = any(draft.request.with_role("first_frame", "image"))
    found = frame.billed(draft.body, follows=follows)
    return replace(found, duration=float(draft.body.get("duration", wire.SECONDS)), audio=audio is not False)


FIELDS: Final[Fields] = {
    "model": "model",
    "prompt": "prompt",
    "duration": Field("duration", seconds),
}
_FIELDS: Final[Fields] = {
    **FIELDS,
    "aspect_ratio": Field("metadata.aspect_ratio", lambda _, take: take.novel("aspect_ratio")),
    "resolution": Field("metadata.resolution", lambda _, take: take.novel("resolution")),
    "size": Field("metadata.resolution", later),
    "audio": "metadata.audio",
    "seed": "metadata.seed",
    "parameters.watermark": "metadata.watermark",
}
_REFERENCES: Final[Fields] = {
    "inputs.reference": Field("images"),
    "inputs.video": Field("metadata.reference_video_urls"),
    "inputs.audio": Field("metadata.reference_audio_urls"),
}
_PICTURES: Final[Fields] = {
    "inputs.first_frame|image": Field("images"),
    "inputs.last_frame": Field("images"),
}
OURS: Final = frozenset(
    {
        *wire.ImaProVideoCreateRequest.__struct_encode_fields__,
        *(f"metadata.{name}" for name in wire.ImaVideoMetadata.__struct_encode_fields__),
    }
) - {"metadata"}
TRAITS: Final = Traits(KEPT, usual=120.0, poll_floor=VIDEO_POLL_SECONDS, url_only=True)


def operations(
    path: str,
    fields: Fields,
    *,
    pictures: Fields,
    references: Fields,
    shape: Callable[[Draft], None],
    billed: Callable[[Draft], Billed],
) -> Mapping[str, Op]:
    """The operations of one style at its path, by what it says beside a prompt: of frames, and of what a video is to be
    like."""
    made = Op(
        create=f"POST {path}",
        poll=f"GET {path}/{{id}}",
        fields=fields,
        needs=("prompt",),
        shape=shape,
        ours=OURS,
        billed=billed,
        traits=TRAITS,
        adjusted=keeping,
        shelf=ASSETS,
    )
    return {
        "text_to_video": made,
        "image_to_video": replace(made, fields={**fields, **pictures, **references}, needs=()),
        "reference_to_video": replace(made, fields={**fields, **references}, needs=()),
    }


VIDEOS: Final = operations(PATH, _FIELDS, pictures=_PICTURES, references=_REFERENCES, shape=_shape, billed=_billed)
