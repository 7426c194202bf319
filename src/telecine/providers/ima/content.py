"""IMA-Pro's videos in the other style: `POST /v1/video/generations`, with a list of contents, of which
`telecine.wires.ima.videos` says what is reconstructed."""

from __future__ import annotations

from typing import Any, Final

from telecine.nouns.billed import Billed
from telecine.nouns.request import MediaInput
from telecine.providers.http.body import Draft
from telecine.providers.http.facts import Field, Fields, later
from telecine.providers.http.frame import Frame
from telecine.providers.ima.videos import FIELDS, RATIOS, RESOLUTIONS, billed, check, operations
from telecine.wires.ima import GENERATIONS

_FRAME: Final = Frame("ratio", RATIOS, "resolution", RESOLUTIONS)


def _shape(draft: Draft) -> None:
    """The prompt and the files, each as one of the contents."""
    _FRAME.write(draft)
    frames, references, clips, sounds = check(draft)
    contents: list[Any] = [{"type": "text", "text": draft.request.prompt}] if draft.request.prompt else []
    for role, item in zip(("first_frame", "last_frame"), frames, strict=False):
        _add(draft, contents, "image_url", role, item)
    for kind, role, items in (
        ("image_url", "reference_image", references),
        ("video_url", "reference_video", clips),
        ("audio_url", "reference_audio", sounds),
    ):
        for item in items:
            _add(draft, contents, kind, role, item)
    draft.body["content"] = contents


def _add(draft: Draft, contents: list[Any], kind: str, role: str, item: MediaInput) -> None:
    at: dict[str, Any] = {}
    draft.put("url", item, at)
    contents.append({"type": kind, kind: at, "role": role})


def _billed(draft: Draft) -> Billed:
    return billed(draft, _FRAME, draft.body.get("generate_audio"))


_FIELDS: Final[Fields] = {
    **FIELDS,
    "prompt": Field("content", later),
    "aspect_ratio": Field("ratio", lambda _, take: take.novel("aspect_ratio")),
    "resolution": Field("resolution", lambda _, take: take.novel("resolution")),
    "size": Field("resolution", later),
    "audio": "generate_audio",
    "seed": "seed",
    "parameters.watermark": "watermark",
}
_REFERENCES: Final[Fields] = {
    "inputs.reference": Field("content"),
    "inputs.video": Field("content"),
    "inputs.audio": Field("content"),
}
_PICTURES: Final[Fields] = {"inputs.first_frame|image": Field("content"), "inputs.last_frame": Field("content")}
CONTENT: Final = operations(
    GENERATIONS, _FIELDS, pictures=_PICTURES, references=_REFERENCES, shape=_shape, billed=_billed
)
