"""What can be asked for: the one table of operations.

Validation, catalogue, router, price book, sandbox, our own task API, its documents and the command line read it, so
that one more operation is one more line. What only one vendor has is named `vendor:operation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from telecine.nouns.operation import Operation, Slot
from telecine.nouns.parameters import (
    ChangeParameters,
    CharacterParameters,
    EffectsParameters,
    ExpandParameters,
    ImageParameters,
    LipSyncParameters,
    MusicParameters,
    VideoParameters,
    WorkflowParameters,
)
from telecine.nouns.request import Role

_ANY: Final = Slot()
_ONE: Final = Slot(most=1)
_EXACTLY_ONE: Final = Slot(least=1, most=1)
_PICTURES: Final[Mapping[Role, Slot]] = {
    "image": _ANY,
    "first_frame": _ONE,
    "last_frame": _ONE,
    "reference": _ANY,
    "mask": _ANY,
}
_CHANGED: Final[Mapping[str, Mapping[Role, Slot]]] = {
    "upscale": {},
    "vary": {},
    "zoom": {},
    "pan": {},
    "inpaint": {"mask": _ONE},
}
"""What is done with one picture, that it is sent or that a source has made: the inputs of each beside it."""
_IMAGES: Final = frozenset(
    {"text_to_image", "image_to_image", "image_variation", "expand", "try_on", "blend", "swap_face"}
) | {"midjourney:retexture", "midjourney:action", "reroll", *_CHANGED}
"""What makes pictures, each of which another operation may go on from."""
_CLIPS: Final = frozenset(
    {"text_to_video", "image_to_video", "reference_to_video", "remix", "edit_video", "extend", "lip_sync", "avatar"}
) | {"motion_control", "kling:effects"}
"""What makes videos, each of which another operation may go on from."""
_SONGS: Final = frozenset({"music", "suno:concat"})
"""What makes songs, each of which another may go on from."""

OPERATIONS: Final[Mapping[str, Operation]] = {
    one.name: one
    for one in (
        Operation(name="text_to_image", makes="image", unit="image", parameters=ImageParameters, slots="count"),
        Operation(
            name="image_to_image",
            makes="image",
            unit="image",
            inputs={"image": _ANY, "reference": _ANY, "scene": _ONE, "style": _ONE, "mask": _ONE},
            needs=("image", "reference"),
            parameters=ImageParameters,
            slots="count",
        ),
        Operation(
            name="image_variation",
            makes="image",
            unit="image",
            inputs={"image": _EXACTLY_ONE},
            parameters=ImageParameters,
            slots="count",
            inferred=False,
        ),
        Operation(
            name="expand",
            makes="image",
            unit="image",
            inputs={"image": _EXACTLY_ONE},
            parameters=ExpandParameters,
            slots="count",
            inferred=False,
        ),
        Operation(
            name="try_on",
            makes="image",
            unit="image",
            inputs={"person": _EXACTLY_ONE, "garment": Slot(least=1)},
            parameters=ImageParameters,
        ),
        Operation(
            name="blend",
            makes="image",
            unit="image",
            inputs={"image": Slot(least=2, most=5)},
            parameters=ImageParameters,
            inferred=False,
        ),
        *(
            Operation(
                name=name,
                makes="image",
                unit="image",
                inputs={"image": _ONE, **more},
                needs=("image",),
                parameters=ChangeParameters,
                follows=_IMAGES,
                inferred=False,
            )
            for name, more in _CHANGED.items()
        ),
        Operation(
            name="reroll",
            makes="image",
            unit="image",
            parameters=ChangeParameters,
            follows=_IMAGES,
            needs_source=True,
            inferred=False,
        ),
        Operation(
            name="swap_face",
            makes="image",
            unit="image",
            inputs={"person": _EXACTLY_ONE, "image": _EXACTLY_ONE},
            parameters=ChangeParameters,
            inferred=False,
        ),
        Operation(
            name="midjourney:retexture",
            makes="image",
            unit="image",
            inputs={"image": _EXACTLY_ONE},
            parameters=ImageParameters,
            inferred=False,
        ),
        Operation(
            name="midjourney:action",
            makes="image",
            unit="image",
            parameters=ChangeParameters,
            follows=_IMAGES | _CLIPS | {"describe", "shorten"},
            needs_source=True,
            inferred=False,
        ),
        Operation(
            name="describe",
            makes="text",
            unit="call",
            inputs={"image": _EXACTLY_ONE},
            parameters=ChangeParameters,
            inferred=False,
        ),
        Operation(name="shorten", makes="text", unit="call", parameters=ChangeParameters, inferred=False),
        Operation(name="text_to_video", makes="video", unit="second", also=(*_PICTURES,), parameters=VideoParameters),
        Operation(
            name="image_to_video",
            makes="video",
            unit="second",
            inputs=_PICTURES,
            parameters=VideoParameters,
            follows=_IMAGES,
        ),
        Operation(
            name="remix",
            makes="video",
            unit="second",
            also=(*_PICTURES,),
            parameters=VideoParameters,
            follows=_CLIPS,
            needs_source=True,
        ),
        Operation(
            name="edit_video",
            makes="video",
            unit="second",
            inputs={"video": _ONE, "reference": _ANY, "image": _ANY},
            needs=("video",),
            parameters=VideoParameters,
            follows=_CLIPS,
        ),
        Operation(
            name="reference_to_video",
            makes="video",
            unit="second",
            inputs={"reference": _ANY, "video": _ANY},
            also=("first_frame", "last_frame", "audio"),
            parameters=VideoParameters,
            several=True,
        ),
        Operation(
            name="extend",
            makes="video",
            unit="second",
            inputs={"video": _ONE},
            needs=("video",),
            parameters=VideoParameters,
            follows=_CLIPS,
        ),
        Operation(
            name="lip_sync",
            makes="video",
            unit="second",
            inputs={"video": _ONE, "audio": _ONE},
            needs=("video",),
            parameters=LipSyncParameters,
            follows=_CLIPS | {"kling:identify_face"},
        ),
        Operation(
            name="avatar",
            makes="video",
            unit="second",
            inputs={"image": _EXACTLY_ONE, "audio": _ONE},
            parameters=VideoParameters,
            follows=frozenset({"sound"}),
        ),
        Operation(
            name="motion_control",
            makes="video",
            unit="second",
            inputs={"image": _EXACTLY_ONE, "video": _EXACTLY_ONE},
            parameters=VideoParameters,
            inferred=False,
        ),
        Operation(
            name="kling:effects",
            makes="video",
            unit="call",
            inputs={"image": Slot(most=2)},
            needs=("image",),
            parameters=EffectsParameters,
            follows=_CLIPS | _IMAGES,
            inferred=False,
        ),
        Operation(name="music", makes="audio", unit="track", parameters=MusicParameters, follows=_SONGS),
        Operation(
            name="suno:concat",
            makes="audio",
            unit="track",
            parameters=MusicParameters,
            follows=_SONGS,
            needs_source=True,
            inferred=False,
        ),
        Operation(name="sound", makes="audio", unit="second"),
        Operation(name="lyrics", makes="text", unit="call"),
        Operation(
            name="kling:identify_face",
            makes="text",
            unit="call",
            inputs={"video": _ONE},
            needs=("video",),
            follows=_CLIPS,
            called="session",
            inferred=False,
        ),
        Operation(
            name="kling:recognize_image",
            makes="text",
            unit="call",
            inputs={"image": _EXACTLY_ONE},
            inferred=False,
        ),
        Operation(
            name="create_character",
            makes="text",
            unit="call",
            inputs={"video": _ONE},
            needs=("video",),
            parameters=CharacterParameters,
            follows=_CLIPS,
            called="character",
            inferred=False,
        ),
        Operation(
            name="workflow",
            makes="image",
            unit="call",
            inputs=dict.fromkeys(("image", "first_frame", "last_frame", "reference", "mask", "video", "audio"), _ANY),
            parameters=WorkflowParameters,
            inferred=False,
        ),
    )
}
