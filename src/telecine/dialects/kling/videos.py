"""The operations that make videos."""

from __future__ import annotations

from typing import Final

from telecine.dialects.kling.operation import Operation
from telecine.dialects.kling.rules import apart, needs, shots
from telecine.wires.kling.videos import IMAGE2VIDEO, IMAGE_ONLY, TEXT2VIDEO

_EXAMPLE: Final = {
    "model_name": "kling-v2-5-turbo",
    "prompt": "A paper boat sails through a flooded library",
    "duration": "5",
}
_PICTURE: Final = "https://example.com/boat.png"


VIDEOS: Final = (
    Operation(
        path=TEXT2VIDEO,
        makes=("a video from a text", "videos from a text"),
        does="text_to_video",
        shows=("text_to_video", "remix", "workflow"),  # of the last those that make a video
        example=_EXAMPLE,
        rules=(needs("prompt", unless="multi_shot"), shots(TEXT2VIDEO.model)),
        never=dict.fromkeys(IMAGE_ONLY, "use image2video"),
    ),
    Operation(
        path=IMAGE2VIDEO,
        makes=("a video from an image", "videos from an image"),
        does="image_to_video",
        shows=("image_to_video",),
        example={**_EXAMPLE, "image": _PICTURE},
        fields={"aspect_ratio": None},
        media={
            "image": "first_frame",
            "image_tail": "last_frame",
            "static_mask": "mask",
            "dynamic_masks[].mask": "mask",
        },
        rules=(
            needs("image", "image_tail"),
            apart(("image_tail",), ("static_mask", "dynamic_masks"), ("camera_control",)),
            shots(TEXT2VIDEO.model),
            apart(("voice_list",), ("element_list",)),
        ),
    ),
)
