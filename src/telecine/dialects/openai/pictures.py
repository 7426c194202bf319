"""The media that come with a video: pictures and what each of them is for, and the video that is changed."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import msgspec

from telecine.dialects.aliases import agreed
from telecine.dialects.bodies import Body
from telecine.dialects.inline import Source, data_of, is_url, merged
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.request import Role
from telecine.wires.openai import COMPONENTS, CreateVideo

FRAMES: Final = ("input_reference", "images", "image")
"""Names of the pictures that a video is made from, all for the same ones."""
REFERENCES: Final = "reference_images"
REPEATABLE: Final = (*FRAMES, REFERENCES)
_MAX_IMAGES: Final = 9
_PICTURE_TYPES: Final = (None, "image_url", "input_image", "image")


def sources(wire: CreateVideo, body: Body, model: str, others: Collection[str] = ()) -> list[Source]:
    """The pictures: one begins the video, two begin and end it, three or more are references (wire table C.7), as all
    are for a model that makes a video of components. The same picture under two names is one picture.

    Files in the fields `others` are no pictures. Raises GatewayError.
    """
    by_name: dict[str, list[Source]] = {name: [] for name in REPEATABLE}
    for name in REPEATABLE:
        value = getattr(wire, name)
        given = value if isinstance(value, list) else [] if value is None else [value]
        by_name[name] += [picture(one, name) for one in given]
    for name, file in body.files:
        if name in others:
            continue
        if name not in REPEATABLE:
            raise GatewayError("unsupported_parameter", f"'{name[:64]}' takes no file.", param=name[:64])
        by_name[name].append(Source("first_frame", name, file=file))
    found, more = merged(by_name[name] for name in FRAMES), by_name[REFERENCES]
    if len(found) + len(more) > _MAX_IMAGES:
        raise invalid(f"input_reference: {len(found) + len(more)} pictures; at most {_MAX_IMAGES}.", "input_reference")
    framed = len(found) < 3 and COMPONENTS not in model.lower()
    roles: list[Role] = ["first_frame", "last_frame"] if framed else ["reference" for _ in found]
    return [msgspec.structs.replace(one, role=role) for role, one in zip(roles, found, strict=False)] + [
        msgspec.structs.replace(one, role="reference") for one in more
    ]


def picture(value: object, param: str, role: Role = "first_frame") -> Source:
    """A URL, a data URL, or an object that holds either: `{"image_url": …}`, `{"url": …}`, `{"image_url": {"url": …}}`
    (the chat form). Raises GatewayError naming `param`."""
    if isinstance(value, dict):
        if value.get("file_id"):
            raise GatewayError(
                "unsupported_parameter",
                f"{param}.file_id: there is no files API here; send the file itself, an http(s) URL or a data URL.",
                param=f"{param}.file_id",
            )
        nested = value.get("image_url")
        inner = nested.get("url") if isinstance(nested, dict) and nested.keys() == {"url"} else nested
        found = agreed((f"{param}.image_url", inner), (f"{param}.url", value.get("url")))
        known = value.keys() <= {"image_url", "url", "file_id", "type"} and value.get("type") in _PICTURE_TYPES
        if not known or not isinstance(found, str):
            raise invalid(f"{param}: the object must be {{'image_url': …}}.", param)
        value = found
    if not isinstance(value, str):
        raise invalid(f"{param}: must be a file, an http(s) URL, a data URL or an object with image_url.", param)
    return medium(value, role, param)


def medium(text: str, role: Role, param: str) -> Source:
    """What is at a URL, or in a data URL. Raises GatewayError."""
    if is_url(text):
        return Source(role, param, url=text)
    data = data_of(text, param)
    if data is None:
        raise invalid(f"{param}: must be a file, an http(s) URL or a data URL.", param)
    return Source(role, param, data=data)
