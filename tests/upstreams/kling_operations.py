"""What the fake Kling can be asked for: a line for each path, with the documented rules of its body.

Written from the vendor's documents alone, so that it objects to what ours get wrong.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Made = Literal["videos", "images", "audios", "faces", "cutouts"]
"""What it makes; the last two are what a call answers at once."""
Rule = Callable[[dict[str, Any]], str | None]
"""What is wrong with a body, if anything is."""


@dataclass(frozen=True)
class FakeOperation:
    """One path. Fields are named by where they stand (`input.image`, `image_list[].image`)."""

    made: Made = "videos"
    needs: tuple[str, ...] = ()
    allowed: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    """The values of a field, None where it may be absent. The last of each is not documented yet: a vendor has new
    things before we know of them."""
    pictures: tuple[str, ...] = ()
    """Fields with URLs or raw base64."""
    urls: tuple[str, ...] = ()
    """Fields with URLs alone."""
    rules: tuple[Rule, ...] = ()
    model: str = ""
    """The beginning of the names of its models; nothing where it has none."""
    named: bool = True
    """A query takes the external id as well."""

    def objection(self, body: Any) -> tuple[int, str] | None:
        """Why the documented rules refuse a create: (code, message)."""
        if not isinstance(body, dict):
            return 1200, "the body must be a JSON object"
        model = body.get("model_name") or self.model
        if not isinstance(model, str) or (self.model and not model.startswith(self.model)):
            return 1203, f"model is not found: {model}"
        if not self.model and "model_name" in body:
            return 1201, "model_name is not supported"
        wrong = next(filter(None, (check(body) for check in (self._odd, self._absent, self._long, *self.rules))), None)
        wrong = wrong or self._bad_media(body)
        return (1201, wrong) if wrong else None

    def _odd(self, body: dict[str, Any]) -> str | None:
        for name, allowed in self.allowed.items():
            odd = [one for one in values(body, name) or [None] if one not in allowed]
            if odd:
                return f"{name} value {odd[0]!r} is invalid"
        return None

    def _absent(self, body: dict[str, Any]) -> str | None:
        absent = [name for name in self.needs if not any(values(body, name))]
        return f"{absent[0]} can not be empty" if absent else None

    def _long(self, body: dict[str, Any]) -> str | None:
        long = [name for name in ("prompt", "negative_prompt") if len(body.get(name) or "") > 2500]
        return f"{long[0]} length must not be greater than 2500" if long else None

    def _bad_media(self, body: dict[str, Any]) -> str | None:
        for name in (*self.pictures, *self.urls):
            for one in values(body, name):
                if not one or one.startswith(("http://", "https://")):
                    continue
                if name in self.urls:
                    return f"{name} must be a URL"
                try:
                    base64.b64decode(one, validate=True)
                except binascii.Error:
                    return "File is not in a valid base64 format"
        return None


def values(body: Any, path: str) -> list[Any]:
    """All that stands at a path."""
    return list(_values(body, path.split(".")))


def _values(value: Any, names: list[str]) -> Iterator[Any]:
    if not names:
        yield value
        return
    name, many = names[0].removesuffix("[]"), names[0].endswith("[]")
    found = value.get(name) if isinstance(value, dict) else None
    for one in (found or ()) if many else () if found is None else (found,):
        yield from _values(one, names[1:])


def prompted(body: dict[str, Any]) -> str | None:
    """A prompt, which several shots may stand for."""
    return None if body.get("prompt") or body.get("multi_shot") else "prompt can not be empty"


def framed(body: dict[str, Any]) -> str | None:
    """A first or a last frame, and one way of moving at the most."""
    if not body.get("image") and not body.get("image_tail"):
        return "image and image_tail can not both be empty"
    ways = [body.get("image_tail"), body.get("static_mask") or body.get("dynamic_masks"), body.get("camera_control")]
    return "image_tail, masks and camera_control exclude each other" if sum(map(bool, ways)) > 1 else None


def omni(body: dict[str, Any]) -> str | None:
    """Frames, counts, and a shape where nothing else gives one."""
    types = [one.get("type") for one in body.get("image_list") or ()]
    edits = "base" in [one.get("refer_type", "base") for one in body.get("video_list") or ()]
    things = len(types) + len(body.get("element_list") or ())
    if things > (4 if body.get("video_list") else 7):
        return "too many images and elements"
    if "end_frame" in types and ("first_frame" not in types or len(types) > 2):
        return "end_frame needs a first_frame, and no more than 2 images"
    if not body.get("aspect_ratio") and "first_frame" not in types and not edits:
        return "aspect_ratio can not be empty"
    return prompted(body)


def exactly(*names: str) -> Rule:
    """One of these, and no other of them."""

    def check(body: dict[str, Any]) -> str | None:
        there = [name for name in names if any(values(body, name))]
        return None if len(there) == 1 else f"exactly one of {', '.join(names)} is required"

    return check


def spoken(body: dict[str, Any]) -> str | None:
    """A text with a voice, or a sound."""
    given = body.get("input") or {}
    wanted = ["text", "voice_id"] if given.get("mode") == "text2video" else ["audio_type"]
    if given.get("mode") == "audio2video":
        wanted.append("audio_file" if given.get("audio_type") == "file" else "audio_url")
    absent = [name for name in wanted if not given.get(name)]
    return f"input.{absent[0]} can not be empty" if absent else None


def unnamed(body: dict[str, Any]) -> str | None:
    """A call has no name, and calls nobody back."""
    odd = body.keys() & {"external_task_id", "callback_url"}
    return f"{min(odd)} is not supported" if odd else None


def one_sound(body: dict[str, Any]) -> str | None:
    """One face, and one sound for it."""
    one = exactly("face_choose[].audio_id", "face_choose[].sound_file")(body)
    return one if len(body["face_choose"]) == 1 else "face_choose supports one face"


MODE: Final = {"mode": (None, "std", "pro", "4k")}
FRAME: Final = {"aspect_ratio": (None, "16:9", "9:16", "1:1", "21:9", "auto")}
SOUND: Final = {"sound": (None, "on", "off", "music")}
LENGTH: Final = {"duration": (None, *map(str, range(3, 16)))}
ALL: Final = MODE | FRAME | SOUND | LENGTH
RATIOS: Final = (None, "16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9")
PICTURE: Final = {"aspect_ratio": (*RATIOS, "5:4"), "n": (None, *range(1, 10))}
GROWTH: Final = tuple(f"{way}_expansion_ratio" for way in ("up", "down", "left", "right"))


def one_picture(body: dict[str, Any]) -> str | None:
    """Beside a picture no negative prompt; without one, nothing about it."""
    if body.get("image") and body.get("negative_prompt"):
        return "negative_prompt is not supported for image to image"
    return None if body.get("image") or not body.get("image_reference") else "image can not be empty"


def series(body: dict[str, Any]) -> str | None:
    """Of pictures that belong together there are two to nine."""
    pictures, amount = len(body.get("image_list", ())), body.get("series_amount", 4)
    if pictures + len(body.get("element_list", ())) > 10:
        return "the sum of images and elements must not exceed 10"
    return None if amount == "auto" or amount in range(2, 10) else "series_amount value is invalid"


def grown(body: dict[str, Any]) -> str | None:
    """By up to twice a side, and to three times the area."""
    up, down, left, right = (body.get(name, -1.0) for name in GROWTH)
    if not all(0 <= one <= 2 for one in (up, down, left, right)):
        return "expansion_ratio must be in [0, 2]"
    return None if (1 + up + down) * (1 + left + right) <= 3.001 else "the expanded area must not exceed 3 times"


def short(body: dict[str, Any]) -> str | None:
    """A short prompt, and seconds in tenths."""
    length = body.get("duration")
    if len(body["prompt"]) > 200:
        return "prompt length must not be greater than 200"
    good = isinstance(length, float | int) and 3 <= length <= 10 and round(length, 1) == length
    return None if good else "duration must be in [3.0, 10.0]"


OPERATIONS: Final[dict[str, FakeOperation]] = {
    "videos/text2video": FakeOperation(allowed=ALL, rules=(prompted,), model="kling-"),
    "videos/image2video": FakeOperation(
        allowed=ALL,
        pictures=("image", "image_tail", "static_mask", "dynamic_masks[].mask"),
        rules=(framed,),
        model="kling-",
    ),
    "videos/multi-image2video": FakeOperation(
        needs=("image_list[].image", "prompt"),
        allowed=MODE | FRAME | LENGTH,
        pictures=("image_list[].image",),
        model="kling-v1-6",
    ),
    "videos/omni-video": FakeOperation(
        allowed=ALL
        | {
            "image_list[].type": (None, "first_frame", "end_frame"),
            "video_list[].refer_type": (None, "base", "feature"),
            "video_list[].keep_original_sound": (None, "yes", "no"),
        },
        pictures=("image_list[].image_url",),
        urls=("video_list[].video_url",),
        rules=(omni,),
        model="kling-v",
    ),
    "videos/video-extend": FakeOperation(needs=("video_id",), named=False),
    "videos/effects": FakeOperation(
        needs=("effect_scene", "input"),
        pictures=("input.image", "input.images[]"),
        rules=(exactly("input.image", "input.images[]"),),
    ),
    "videos/lip-sync": FakeOperation(
        needs=("input.mode",),
        allowed={"input.mode": ("text2video", "audio2video"), "input.audio_type": (None, "file", "url")},
        pictures=("input.audio_file",),
        urls=("input.video_url", "input.audio_url"),
        rules=(exactly("input.video_id", "input.video_url"), spoken),
        named=False,
    ),
    "videos/avatar/image2video": FakeOperation(
        needs=("image",),
        allowed=MODE,
        pictures=("image", "sound_file"),
        rules=(exactly("audio_id", "sound_file"),),
    ),
    "videos/motion-control": FakeOperation(
        needs=("image_url", "video_url", "character_orientation", "mode"),
        allowed=MODE
        | {"character_orientation": ("image", "video", "both"), "keep_original_sound": (None, "yes", "no")},
        pictures=("image_url",),
        urls=("video_url",),
        model="kling-v",
    ),
    "images/generations": FakeOperation(
        "images",
        needs=("prompt",),
        allowed=PICTURE
        | {"resolution": (None, "1k", "2k", "8k"), "image_reference": (None, "subject", "face", "pose")},
        pictures=("image",),
        rules=(one_picture,),
        model="kling-",
    ),
    "images/omni-image": FakeOperation(
        "images",
        needs=("prompt",),
        allowed=PICTURE
        | {
            "aspect_ratio": (*RATIOS, "auto", "5:4"),
            "resolution": (None, "1k", "2k", "4k", "8k"),
            "result_type": (None, "single", "series", "grid"),
        },
        pictures=("image_list[].image",),
        rules=(series,),
        model="kling-",
    ),
    "images/multi-image2image": FakeOperation(
        "images",
        needs=("subject_image_list[].subject_image",),
        allowed=PICTURE,
        pictures=("subject_image_list[].subject_image", "scene_image", "style_image"),
        model="kling-",
    ),
    "images/editing/expand": FakeOperation(
        "images", needs=("image",), allowed={"n": PICTURE["n"]}, pictures=("image",), rules=(grown,)
    ),
    "images/kolors-virtual-try-on": FakeOperation(
        "images",
        needs=("human_image", "cloth_image"),
        pictures=("human_image", "cloth_image"),
        model="kolors-virtual-try-on-",
        named=False,
    ),
    "audio/text-to-audio": FakeOperation("audios", needs=("prompt",), rules=(short,)),
    "videos/identify-face": FakeOperation(
        made="faces", urls=("video_url",), rules=(exactly("video_id", "video_url"), unnamed)
    ),
    "videos/image-recognize": FakeOperation(made="cutouts", needs=("image",), pictures=("image",), rules=(unnamed,)),
    "videos/advanced-lip-sync": FakeOperation(
        needs=(
            "session_id",
            *(f"face_choose[].{one}" for one in ("face_id", "sound_end_time", "sound_insert_time")),
        ),
        pictures=("face_choose[].sound_file",),
        rules=(one_sound,),
        named=False,
    ),
}
"""By the path behind `/v1/`."""
