"""The parameters that only some vendors have: a struct for each kind of operation.

A field that changes the price is marked `BILLED`. What is marked stays when what a client asked for is taken away;
everything else goes by itself, also what is added later.
"""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Final, TypeVar, get_args, get_type_hints

import msgspec

from telecine.nouns.kinds import Kind

BILLED: Final = msgspec.Meta(extra={"billed": True})
"""Marks, in `Annotated`, a field that changes the price. Such a field holds no text of the client's own."""


class Point(msgspec.Struct, frozen=True):
    """A pixel, counted from the bottom left (Kling, image2video, `dynamic_masks[].trajectories[]`)."""

    x: int
    y: int


class CameraMove(msgspec.Struct, frozen=True, omit_defaults=True):
    """A camera movement (Kling, `camera_control`); axes in [-10, 10], exactly one of them not zero for `simple`;
    the other types take none."""

    type: str
    horizontal: float | None = None
    vertical: float | None = None
    pan: float | None = None
    tilt: float | None = None
    roll: float | None = None
    zoom: float | None = None


class Shot(msgspec.Struct, frozen=True):
    """One shot of a multi-shot video (Kling, `multi_prompt[]`); `duration` in seconds."""

    index: int
    prompt: str
    duration: float


class VideoParameters(msgspec.Struct, frozen=True, omit_defaults=True, tag="video"):
    """Of operations that make videos. None or empty means not asked for."""

    mode: Annotated[str | None, BILLED] = None
    cfg_scale: float | None = None
    camera: CameraMove | None = None
    multi_shot: bool | None = None
    shot_type: str | None = None
    shots: tuple[Shot, ...] = ()
    voices: tuple[str, ...] = ()
    elements: tuple[int, ...] = ()
    orientation: str | None = None
    """Whether who is moved faces as in the picture or as in the video (Kling, `character_orientation`: `image`,
    `video`)."""
    keep_sound: bool | None = None
    """Whether the sound of a video that it is made of stays (Kling, `keep_original_sound`)."""
    watermark: bool | None = None
    private: bool | None = None
    """Not published by its vendor, so that nobody else can follow it up (relays of Sora)."""
    style: str | None = None
    style_id: str | None = None
    """Relays of Sora have two lists of styles, each under its own name."""
    storyboard: Any = None
    """As the client says it: relays do not tell of what type it is."""
    character_url: str | None = None
    """A video with somebody in it who is to be in this one (relays of Sora)."""
    character_timestamps: str | None = None
    """`1,3`: from which second to which they are seen there."""
    motion: Annotated[str | None, BILLED] = None
    """How much moves: `low` or `high` (Midjourney)."""
    loop: bool | None = None
    """It ends with the picture that it begins with (Midjourney)."""
    speed: Annotated[str | None, BILLED] = None
    """As of `ImageParameters`."""
    index: int | None = None
    """As of `ChangeParameters`."""
    custom_id: str | None = None
    """As of `ChangeParameters`."""


class ImageParameters(msgspec.Struct, frozen=True, omit_defaults=True, tag="image"):
    """Of operations that make pictures. What OpenAI's Images API calls `quality`, `background` … keeps its name."""

    watermark: bool | None = None
    image_reference: str | None = None
    """What is taken of its picture: `subject` or `face` (Kling, images/generations)."""
    image_fidelity: float | None = None
    """How closely it keeps to its picture, 0 to 1 (Kling)."""
    human_fidelity: float | None = None
    """How closely it keeps to the face in its picture, 0 to 1 (Kling)."""
    elements: tuple[int, ...] = ()
    series: Annotated[bool | None, BILLED] = None
    """Its pictures belong together, as those of a story do (Kling, omni-image, `result_type`)."""
    fewer: bool | None = None
    """Of a series: `count` is how many there are at the most, and the upstream sees how many there should be (Kling,
    `series_amount: "auto"`)."""
    quality: Annotated[str | None, BILLED] = None
    """`low`, `medium`, `high`, …; `standard` and `hd` of older models."""
    background: str | None = None
    """`transparent` or `opaque`."""
    output_format: str | None = None
    """`png`, `webp`, `jpeg`, …"""
    output_compression: int | None = None
    """Per cent, of `webp` and `jpeg`."""
    moderation: str | None = None
    style: str | None = None
    """`vivid` or `natural`."""
    input_fidelity: Annotated[str | None, BILLED] = None
    """How closely an edit keeps to its pictures: `low` or `high`."""
    partial_images: Annotated[int | None, BILLED] = None
    """How many unfinished pictures its client wants to see on the way."""
    user: str | None = None
    """What the client calls the person who asks, for its vendor to find abuse by."""
    safety_identifier: str | None = None
    """The same, as newer clients say it."""
    grid: bool | None = None
    """Its pictures are also shown together as one picture, and followed up by their number (Midjourney)."""
    speed: Annotated[str | None, BILLED] = None
    """How soon it is made: `relax`, `fast` or `turbo` (Midjourney)."""
    bot: str | None = None
    """Which of its vendor's two lines of models draws: `niji` for the other one (Midjourney, `botType`)."""


class ChangeParameters(msgspec.Struct, frozen=True, omit_defaults=True, tag="change"):
    """Of what is done with a picture that is there: Midjourney's buttons."""

    index: int | None = None
    """Which of the pictures of its source, from 1 on, where the source has several."""
    style: Annotated[str | None, BILLED] = None
    """Of what is made larger: `subtle` keeps to the picture, `creative` adds to it."""
    factor: Annotated[float | None, BILLED] = None
    """By how much it grows (upscale), or how far one steps back (zoom): 2 is twice each side."""
    strength: str | None = None
    """Of a variation, how far it strays: `subtle` or `strong`."""
    direction: str | None = None
    """To which side a picture goes on (pan): `left`, `right`, `up`, `down`."""
    custom_id: str | None = None
    """What the upstream calls the button that this is."""
    speed: Annotated[str | None, BILLED] = None
    """As of `ImageParameters`."""
    bot: str | None = None
    """As of `ImageParameters`."""
    grid: bool | None = None
    """As of `ImageParameters`."""
    as_is: bool | None = None
    """Of an upscale: one of the pictures as it is, as a task of its own. No upstream is asked, and it is free."""


class ExpandParameters(msgspec.Struct, frozen=True, omit_defaults=True, tag="expand"):
    """How far a picture grows, as shares of its own height (`up`, `down`) and width (`left`, `right`): 0.5 adds half
    of it on that side (Kling, `up_expansion_ratio` …)."""

    up: float | None = None
    down: float | None = None
    left: float | None = None
    right: float | None = None
    watermark: bool | None = None


class EffectsParameters(msgspec.Struct, frozen=True, omit_defaults=True, tag="effects"):
    """Of a video that a vendor makes of pictures after a pattern of its own."""

    scene: str | None = None
    """Which pattern (Kling, `effect_scene`): an open list, which changes every month."""
    mode: Annotated[str | None, BILLED] = None
    watermark: bool | None = None


class LipSyncParameters(msgspec.Struct, frozen=True, omit_defaults=True, tag="lip_sync"):
    """Of a video whose lips follow a sound: one that is sent as an input, one that is there already, or the request's
    prompt, spoken."""

    face: str | None = None
    """Whose lips: a face that a session, the request's source, has found in the video (Kling, `face_id`)."""
    sound: str | None = None
    """The id of a sound that was made before, in any form that a source's output may have (Kling, `audio_id`)."""
    sound_start: float | None = None
    """Which part of the sound is heard, in seconds of it."""
    sound_end: float | None = None
    insert_at: float | None = None
    """From which second of the video on."""
    sound_volume: float | None = None
    """As a factor, 0 to 2."""
    original_volume: float | None = None
    """How loud the video's own sound stays, as a factor, 0 to 2."""
    voice: str | None = None
    """Who speaks the prompt."""
    voice_language: str | None = None
    voice_speed: float | None = None
    """As a factor, 0.8 to 2."""
    watermark: bool | None = None


class CharacterParameters(msgspec.Struct, frozen=True, omit_defaults=True, tag="character"):
    """Of a character that is made of somebody in a video, to be seen in others."""

    name: str | None = None
    """How its maker calls it."""
    timestamps: str | None = None
    """`1,3`: from which second to which of the video they are seen."""


class MusicParameters(msgspec.Struct, frozen=True, omit_defaults=True, tag="music"):
    """Of operations that make songs. The request's prompt says what a song is about; these say the rest."""

    lyrics: str | None = None
    """What is sung, word for word, in the place of a prompt."""
    title: str | None = None
    style: str | None = None
    """Genres, instruments, moods, separated by commas (Suno, `tags`)."""
    negative_style: str | None = None
    """What it is not to sound like (Suno, `negative_tags`)."""
    instrumental: bool | None = None
    continue_at: float | None = None
    """Second of the source from which it goes on."""
    voice: str | None = None
    """Whose kind of voice sings (Suno, `vocal_gender`: `m` or `f`)."""
    style_weight: float | None = None
    """How closely it keeps to the style, 0 to 1."""
    weirdness: float | None = None
    """How far it may stray, 0 to 1 (Suno, `weirdness_constraint`)."""
    audio_weight: float | None = None
    """How closely it keeps to the sound of its source, 0 to 1."""
    use: str | None = None
    """What is made of its source (Suno, `task`): what comes after it (`extend`, the usual), the same song in another
    style (`cover`), or another song by the same singer (`artist_consistency`)."""
    persona: str | None = None
    """The singer, as its vendor calls one that was made of a song there (Suno, `persona_id`)."""
    infill: bool | None = None
    """Of a song that is put together: what was made anew lies within it, and not behind it (Suno, `is_infill`)."""


class WorkflowParameters(msgspec.Struct, frozen=True, omit_defaults=True, tag="workflow"):
    """Of a workflow: what its inputs are filled with (`telecine.nouns.workflow`)."""

    input_values: dict[str, Any] = {}
    """By the name of an input (`93:CLIPTextEncode.text`), its value, a text, a number, or true or false. Files are none
    of them: they are inputs of the request, which say what they fill."""
    web_app_id: str = ""
    """The number of the app at BizyAir."""
    makes: Annotated[Kind | None, BILLED] = None
    """What it makes, where that is known."""
    digest: str | None = None
    """SHA-256 of the graph when this was asked for; None where nobody but BizyAir has one."""


Parameters = (
    VideoParameters
    | ImageParameters
    | ChangeParameters
    | ExpandParameters
    | EffectsParameters
    | LipSyncParameters
    | CharacterParameters
    | MusicParameters
    | WorkflowParameters
)


T = TypeVar("T", bound=msgspec.Struct)


@cache
def billed_fields(kind: type[msgspec.Struct]) -> frozenset[str]:
    """The fields of `kind` that change the price."""
    hints = get_type_hints(kind, include_extras=True)
    return frozenset(name for name, hint in hints.items() if BILLED in get_args(hint)[1:])


def only_billed(given: T, also: frozenset[str] = frozenset()) -> T:
    """`given` with those of its fields alone that change the price, and with those named in `also`; the others say
    that nothing was asked for."""
    kept = billed_fields(type(given)) | also
    gone = {field.name: _default(field) for field in msgspec.structs.fields(type(given)) if field.name not in kept}
    return msgspec.structs.replace(given, **gone)


def _default(field: msgspec.structs.FieldInfo) -> object:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    if field.default is msgspec.NODEFAULT:
        raise TypeError(f"'{field.name}' has no default, so it cannot be taken away: mark it, or give it one")
    return field.default
