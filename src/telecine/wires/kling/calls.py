"""Kling's calls that answer at once, and what goes on from them (API reference, "Lip-Sync", "Image Recognition").

Times are milliseconds of the video or of the sound.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import UNSET, UnsetType

from telecine.wires.kling import Path
from telecine.wires.kling.parts import Common

CALL: Final = 60.0
"""Seconds that a call takes at the very most; Kling names none, so this is reconstructed."""

Milliseconds = Annotated[int, msgspec.Meta(ge=0)]
Volume = Annotated[float, msgspec.Meta(ge=0, le=2)]


class IdentifyFace(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A video in which faces are looked for: one that was made there, or a URL."""

    model_name: str | None = None
    model: str | None = None
    video_id: str | None = None
    video_url: str | None = None


class RecognizeImage(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A picture of which subject, head, face and clothes are cut out."""

    model_name: str | None = None
    model: str | None = None
    image: str | None = None
    """A URL or raw base64."""


class FaceChoice(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True, kw_only=True):
    """`face_choose[]`: which face speaks, what, and when."""

    face_id: Annotated[str, msgspec.Meta(min_length=1)]
    audio_id: str | None = None
    """A sound that text-to-audio has made."""
    sound_file: str | None = None
    """A URL or raw base64."""
    sound_start_time: Milliseconds
    sound_end_time: Milliseconds
    sound_insert_time: Milliseconds
    sound_volume: Volume | None = None
    original_audio_volume: Volume | None = None


class AdvancedLipSync(Common, omit_defaults=True, kw_only=True):
    """A video whose lips follow a sound, by the session that has looked for its faces."""

    session_id: str | None = None
    face_choose: Annotated[list[FaceChoice], msgspec.Meta(max_length=1)] = msgspec.field(default_factory=list)
    """One face, for now."""


class Face(msgspec.Struct, frozen=True):
    """`face_data[]`: a face, a picture of it, and while it can speak."""

    face_id: str
    start_time: int | float = 0
    end_time: int | float = 0
    face_image: str | UnsetType = UNSET


class Cutout(msgspec.Struct, frozen=True):
    """`task_result.images[]`: whether there is such a part (`object_seg`, `head_seg`, `face_seg`, `cloth_seg`), and the
    picture of it alone."""

    type: str
    is_contain: bool = False
    url: str | UnsetType = UNSET


IDENTIFY_FACE: Final = Path(
    path="/v1/videos/identify-face", body=IdentifyFace, model="kling-identify-face", models=False, named=False
)
RECOGNIZE_IMAGE: Final = Path(
    path="/v1/videos/image-recognize", body=RecognizeImage, model="kling-image-recognize", models=False, named=False
)
ADVANCED_LIP_SYNC: Final = Path(
    path="/v1/videos/advanced-lip-sync",
    body=AdvancedLipSync,
    model="kling-advanced-lip-sync",
    models=False,
    named=False,
)
