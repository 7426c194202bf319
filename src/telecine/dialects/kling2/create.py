"""From a create of Kling's new generation to a GenerationRequest: one table for all of its paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from telecine.dialects import scalars
from telecine.dialects.bodies import Body, Known, present, typed
from telecine.dialects.inline import Source
from telecine.dialects.kling.media import Media, sources
from telecine.nouns.catalogue import Catalogue
from telecine.nouns.errors import invalid
from telecine.nouns.parameters import VideoParameters
from telecine.nouns.request import GenerationRequest, Native, Novel, Role
from telecine.wires import kling2 as wire
from telecine.wires.kling2 import Content

_INTELLIGENT: Final = "intelligence"
"""What the generation before it calls several shots that the model cuts itself [reconstructed]."""
_OBJECTS: Final = ("settings", "options")


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One of the paths below which a model stands."""

    path: str
    name: str
    """The operation that it means."""
    summary: str
    body: type[Any]
    example: dict[str, Any]
    roles: Mapping[str, Role] = {}
    """By the type of a content, the role of the file in it; of each there is one at the most."""
    needs: Sequence[tuple[str, ...]] = ()
    """Of each of these, one at the least has to be among the contents."""
    elements: bool = False
    """Contents may be elements."""
    words: Mapping[str, Sequence[str]] = {}
    """By name of a setting, the words that Kling documents. It may have more by now."""
    known: Known = Known(())
    """The names of the body's fields; made here."""
    inner: Mapping[str, Known] = {}
    """The same of the objects in it; made here."""

    def __post_init__(self) -> None:
        types = {one.name: one.type for one in msgspec.structs.fields(self.body)}
        msgspec.structs.force_setattr(self, "known", Known(types))
        msgspec.structs.force_setattr(self, "inner", {name: Known.of(types[name]) for name in _OBJECTS})

    @property
    def media(self) -> Media:
        """Where its files stand."""
        return {"contents[].url": lambda one: self.roles[one.type]} if self.roles else {}

    @property
    def types(self) -> set[str]:
        """What its contents may be. Anything else is for Kling alone to judge."""
        return {"prompt", *self.roles, *(("element",) if self.elements else ())}

    def parse(self, model: str, body: Body, models: Catalogue) -> tuple[GenerationRequest, list[Source]]:
        """The request, and the files that it still lacks. Raises GatewayError naming the field."""
        unknown, known = self._read(body)
        said = typed(present(known), self.body)
        settings, contents = said.settings, getattr(said, "contents", [])
        prompt = said.prompt if hasattr(said, "prompt") else _prompt(contents)
        self._check(prompt, contents)
        duration = scalars.seconds(getattr(settings, "duration", None), "settings.duration")
        parameters, own = _parameters(said, contents)
        request = GenerationRequest(
            operation=self.name,
            model=model,
            prompt=prompt,
            # A video from a picture follows that [reconstructed].
            aspect_ratio=settings.aspect_ratio if self.name == "text_to_video" else None,
            resolution=settings.resolution,
            duration=duration,
            audio=_audio(settings.audio) if self.name != "motion_control" else None,
            parameters=parameters if parameters != VideoParameters() else None,
            callback_url=said.options.callback_url,
            external_id=said.options.external_task_id,
        )
        novel = self._novel(request, settings, models)
        native = Native("kling2", unknown, novel, own) if unknown or novel or own else None
        return msgspec.structs.replace(request, native=native), sources(self.media, said)

    def _read(self, body: Body) -> tuple[dict[str, msgspec.Raw], dict[str, Any]]:
        """What nobody here knows, and what is known, of the whole body and of the objects in it."""
        unknown, known = body.unknown(self.known), body.known(self.known)
        for name in unknown:
            within, dot, _ = name.partition(".")
            if dot and within in _OBJECTS:
                raise invalid(f"{name}: write it as a field of the object '{within}'.", name)
        for name in _OBJECTS:
            inner = body.inner(name)
            if inner is not None:
                unknown |= inner.unknown(self.inner[name])
                known[name] = inner.known(self.inner[name])
        contents = known.get("contents")
        if isinstance(contents, list):
            new = [one for one in contents if isinstance(one, dict) and self._new(one.get("type"))]
            known["contents"] = [one for one in contents if one not in new]
            if new:
                unknown |= Body({"contents[]": new}).unknown(Known(()))
        return unknown, known

    def _new(self, said: object) -> bool:
        return isinstance(said, str) and said not in self.types

    def _check(self, prompt: str, contents: Sequence[Content]) -> None:
        """What has to be there, and how often it may be. Raises GatewayError."""
        if len(prompt) > wire.MOST_PROMPT:
            raise invalid(f"prompt: at most {wire.MOST_PROMPT} characters.", "prompt")
        if "contents" not in self.body.__struct_fields__:
            if not prompt:
                raise invalid("prompt: is required.", "prompt")
            return
        types = [one.type for one in contents]
        for group in self.needs:
            if not set(group) & set(types):
                raise invalid(f"contents: {' or '.join(group)} is required.", "contents")
        for number, one in enumerate(contents):
            if (one.url is None) == (one.type in self.roles):
                what = "is required" if one.url is None else f"a content of the type {one.type} has none"
                raise invalid(f"contents[{number}].url: {what}.", f"contents[{number}].url")
        for kind in ("prompt", *self.roles):
            if types.count(kind) > 1:
                raise invalid(f"contents: at most one {kind}.", "contents")
        if types.count("element") > wire.MOST_ELEMENTS:
            raise invalid(f"contents: at most {wire.MOST_ELEMENTS} elements.", "contents")

    def _novel(self, request: GenerationRequest, settings: Any, models: Catalogue) -> dict[str, Novel]:
        """What Kling alone can judge: words that it does not document, and what its model is not known to have."""
        found = {}
        for name, words in self.words.items():
            word = getattr(settings, name)
            if word is not None and word not in words:
                neutral = _NEUTRAL.get((self.name, name), name)
                objection = f"settings.{name}: '{word}' is not known here; use one of: {', '.join(words)}."
                found[neutral] = Novel(word, objection)
        length = request.duration
        if length is not None and not length.is_integer():
            text = f"{length:.6f}".rstrip("0")
            found["duration"] = Novel(text, f"settings.duration: Kling counts whole seconds; {text} is none.")
        return models.strange(request) | found


def _prompt(contents: Sequence[Content]) -> str:
    return next((one.text or "" for one in contents if one.type == "prompt"), "")


def _audio(word: str | None) -> bool | None:
    return None if word is None else word != "off"


def _parameters(said: Any, contents: Sequence[Content]) -> tuple[VideoParameters, dict[str, tuple[str, str]]]:
    """What only some vendors have; and by neutral name what can be said to Kling alone, as it was written."""
    settings, options = said.settings, said.options
    elements = [one for one in contents if one.type == "element"]
    ids = tuple(
        scalars.integer(one.id if one.element_id is None else one.element_id, "contents[].element_id", least=0)
        for one in elements
    )
    if None in ids:
        raise invalid("contents: an element needs its element_id.", "contents")
    own = {}
    if any(one.id is not None for one in elements):
        own["parameters.elements"] = ("contents", msgspec.json.encode(elements).decode())
    watermark = options.watermark_info.enabled if options.watermark_info is not None else None
    if isinstance(settings, wire.MotionSettings):
        if settings.character_orientation is None:
            raise invalid("settings.character_orientation: is required.", "settings.character_orientation")
        kept = _audio(settings.audio)
        return VideoParameters(orientation=settings.character_orientation, keep_sound=kept, watermark=watermark), own
    several = settings.multi_shot
    return VideoParameters(
        multi_shot=several,
        shot_type=_INTELLIGENT if several else None,
        elements=tuple(one for one in ids if one is not None),
        watermark=watermark,
    ), own


_NEUTRAL: Final = {
    ("motion_control", "audio"): "parameters.keep_sound",
    ("motion_control", "character_orientation"): "parameters.orientation",
}
"""Of settings, by operation, where they do not have the same name."""
_WORDS: Final = {"audio": wire.SOUNDS, "resolution": wire.RESOLUTIONS, "aspect_ratio": wire.RATIOS}
_BOAT: Final = "A paper boat sails through a flooded library"
OPERATIONS: Final = (
    Operation(
        path=wire.TEXT_TO_VIDEO,
        name="text_to_video",
        summary="Create a video from a text",
        body=wire.TextToVideo,
        example={"prompt": _BOAT, "settings": {"duration": 5, "resolution": "720p"}},
        words=_WORDS,
    ),
    Operation(
        path=wire.IMAGE_TO_VIDEO,
        name="image_to_video",
        summary="Create a video from pictures",
        body=wire.ImageToVideo,
        example={
            "contents": [
                {"type": "prompt", "text": _BOAT},
                {"type": "first_frame", "url": "https://example.com/boat.png"},
            ],
            "settings": {"duration": 5},
        },
        roles={"first_frame": "first_frame", "last_frame": "last_frame"},
        needs=(("first_frame", "last_frame"),),
        elements=True,
        words=_WORDS,
    ),
    Operation(
        path=wire.MOTION_CONTROL,
        name="motion_control",
        summary="Move who is in a picture as a video moves",
        body=wire.MotionControl,
        example={
            "contents": [
                {"type": "image", "url": "https://example.com/dancer.png"},
                {"type": "video", "url": "https://example.com/dance.mp4"},
            ],
            "settings": {"character_orientation": "video"},
        },
        roles={"image": "image", "video": "video"},
        needs=(("image",), ("video",)),
        words={
            "audio": wire.KEPT_SOUNDS,
            "resolution": wire.RESOLUTIONS[:2],
            "character_orientation": wire.ORIENTATIONS,
        },
    ),
)
