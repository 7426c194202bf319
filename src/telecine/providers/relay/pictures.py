"""The pictures that a video is made from, whatever the field that they go into."""

from __future__ import annotations

from telecine.nouns.errors import invalid
from telecine.nouns.request import MediaInput
from telecine.providers.http.body import Draft


def pictures_of(draft: Draft) -> list[MediaInput]:
    """The frames, which the fields have put into the draft, or else the references. Raises GatewayError.

    One picture begins the video, two begin and end it, references stay among themselves: that is how the relays take
    several files (their Veo channels do; OpenAI itself takes one).
    """
    frames, references = [item for _, _, item in draft.media], draft.take.inputs("reference")
    if references and frames:
        raise invalid(f"{draft.vendor.title} takes either frames or references, not both.", "inputs")
    if [item.role for item in frames] == ["last_frame"]:
        raise invalid(f"{draft.vendor.title} takes a last frame only after a first.", "inputs")
    if not (frames or references):
        raise invalid("A picture is needed to make a video from.", "inputs")
    return frames or references


def listed(draft: Draft, name: str) -> None:
    """Write them into the list `name` of a JSON body. Raises GatewayError."""
    items = pictures_of(draft)
    draft.media.clear()
    draft.put_all(name, items)
