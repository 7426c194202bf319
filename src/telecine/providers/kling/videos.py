"""The operations that make videos."""

from __future__ import annotations

from typing import Final

from telecine.nouns.errors import invalid
from telecine.providers.http.body import Draft
from telecine.providers.http.facts import Field, Picture
from telecine.providers.kling.operation import FRAME, billed, operation
from telecine.wires.kling import videos as wire


def _text(draft: Draft) -> None:
    """The frame, and a prompt, which several shots may stand for."""
    FRAME.write(draft)
    if not draft.body.get("prompt") and not draft.body.get("multi_shot"):
        raise invalid("Kling needs a prompt to make a video from text.", "prompt")


def _image(draft: Draft) -> None:
    """What the fields alone cannot say: the frame, what a picture needs, and what excludes what.

    It follows the picture: the ratio must be one that Kling makes, but is not sent, for clients of other dialects
    always name a size.
    """
    FRAME.write(draft)
    body = draft.body
    body.pop("aspect_ratio", None)
    _masks(draft)
    said = {*body, *(item.role for item in draft.request.inputs)}
    if said.isdisjoint(("first_frame", "image", "last_frame")):
        raise invalid("Kling needs a first or a last frame to make a video from a picture.", "inputs")
    ways = {"a last frame": "last_frame", "masks": "mask", "a camera movement": "camera_control"}
    used = [way for way, name in ways.items() if name in said]
    if len(used) > 1:
        raise invalid(f"Kling takes only one of {' and '.join(used)}.", "inputs")


def _masks(draft: Draft) -> None:
    """Write the masks: one that holds still, and those that move along a path."""
    masks = draft.take.inputs("mask")
    still = [mask for mask in masks if not mask.trajectory]
    moving = [({"trajectories": mask.trajectory}, mask) for mask in masks if mask.trajectory]
    if len(still) > 1:
        raise invalid(f"Kling takes one mask without a trajectory, not {len(still)}.", "inputs")
    for mask in still:
        draft.put("static_mask", mask)
    for holder, mask in moving:
        draft.put("mask", mask, holder)
    if moving:
        draft.body["dynamic_masks"] = [holder for holder, _ in moving]


VIDEOS: Final = (
    operation(wire.TEXT2VIDEO, "text_to_video", shape=_text, billed=billed()),
    operation(
        wire.IMAGE2VIDEO,
        "image_to_video",
        fields={
            "inputs.first_frame|image": Picture("image", "first frame"),
            "inputs.last_frame": Picture("image_tail", "last frame"),
            "inputs.mask": Field("dynamic_masks"),
        },
        shape=_image,
        billed=billed(follows=lambda _: True),
    ),
)
