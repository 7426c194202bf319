"""What a client asks for, in words that every provider understands. Validated once, at the edge."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec

Operation = Literal["text_to_image", "text_to_video", "image_to_video", "remix"]
Role = Literal["image", "first_frame", "last_frame", "reference", "mask", "video", "audio", "person", "garment"]


class Point(msgspec.Struct, frozen=True):
    """A pixel, counted from the bottom left (Kling, image2video, `dynamic_masks[].trajectories[]`)."""

    x: int
    y: int


class MediaInput(msgspec.Struct, frozen=True, omit_defaults=True):
    """One picture, clip or sound that the request refers to: either at a `url`, or in our storage at `object_key`."""

    role: Role
    url: str | None = None
    object_key: str | None = None
    content_type: str | None = None
    bytes: int | None = None
    sha256: str | None = None
    width: int | None = None
    height: int | None = None
    trajectory: tuple[Point, ...] = ()
    """For a mask: the path that what it covers moves along. A mask without one holds its area still."""


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
    """Fields of video operations that only some vendors have. None or empty means not asked for."""

    mode: str | None = None
    cfg_scale: float | None = None
    camera: CameraMove | None = None
    multi_shot: bool | None = None
    shot_type: str | None = None
    shots: tuple[Shot, ...] = ()
    voices: tuple[str, ...] = ()
    elements: tuple[int, ...] = ()
    watermark: bool | None = None


class ImageParameters(msgspec.Struct, frozen=True, omit_defaults=True, tag="image"):
    """Fields of image operations that only some vendors have."""

    watermark: bool | None = None


Parameters = VideoParameters | ImageParameters


class Novel(msgspec.Struct, frozen=True):
    """A value of a known field that is not among those that we know: its vendor may have it by now.

    `value` as the client wrote it; `objection` is what the client is told where it is not the vendor that is asked.
    """

    value: str
    objection: str


class Native(msgspec.Struct, frozen=True, omit_defaults=True):
    """What only an upstream of the client's own dialect may understand: the fields that this dialect does not know,
    byte for byte, and by neutral name (`duration`, `parameters.mode`) the known ones whose values nobody here knows."""

    dialect: str
    fields: dict[str, msgspec.Raw]
    novel: dict[str, Novel] = {}
    own: dict[str, tuple[str, str]] = {}
    """By neutral name, the field and the text that the client said it with (`metadata[aspectRatio]`, `21:9`): for what
    this dialect's upstreams may take, although it cannot be said to them in another way."""


class GenerationRequest(msgspec.Struct, frozen=True, omit_defaults=True):
    """One generation, whatever the dialect that asked. None means that the client did not say."""

    operation: Operation
    model: str
    """The public model name, as the catalogue writes it."""
    prompt: str = ""
    negative_prompt: str | None = None
    inputs: tuple[MediaInput, ...] = ()
    count: int = 1
    size: str | None = None
    """`WIDTHxHEIGHT` in pixels."""
    aspect_ratio: str | None = None
    """`W:H`."""
    resolution: str | None = None
    """`720p`, `1080p`, `2k`, `4k`."""
    duration: float | None = None
    """Seconds."""
    seed: int | None = None
    audio: bool | None = None
    parameters: Parameters | None = None
    source_task: int | None = None
    """The task that this one follows up (remix)."""
    callback_url: str | None = None
    external_id: str | None = None
    metadata: dict[str, str] | None = None
    native: Native | None = None
    blanked: bool = False
    """What was asked for is no longer kept: prompts, vendor fields and inputs are gone."""

    def novel(self, name: str, dialect: str) -> str | None:
        """What the client wrote into the field `name`, where nobody but a vendor that speaks `dialect` may know it."""
        found = self.native.novel.get(name) if self.native is not None and self.native.dialect == dialect else None
        return None if found is None else found.value

    def own(self, name: str, dialect: str) -> tuple[str, str] | None:
        """The field and the text that a client of `dialect` said the field `name` with, where that is kept."""
        return self.native.own.get(name) if self.native is not None and self.native.dialect == dialect else None

    def with_role(self, *roles: Role) -> Iterator[MediaInput]:
        """The inputs that play one of `roles`, in the order in which they were given."""
        return (item for item in self.inputs if item.role in roles)

    def blank(self) -> GenerationRequest:
        """The request without prompts, inputs and whatever else is the client's own; what was billed by stays."""
        parameters = self.parameters
        if isinstance(parameters, VideoParameters):
            shots = tuple(msgspec.structs.replace(shot, prompt="") for shot in parameters.shots)
            parameters = msgspec.structs.replace(parameters, shots=shots)
        return msgspec.structs.replace(
            self,
            prompt="",
            negative_prompt=None,
            inputs=(),
            parameters=parameters,
            callback_url=None,
            native=None,
            blanked=True,
        )
