"""Characters: somebody in a video who is to be seen in others, where a prompt calls them `@username`.

OpenAI's `/v1/videos/characters` (openai-python 3.52: `name` and `video`; `id`, `created_at`, `name`) and the relays'
`/sora/v1/characters` (`url` or `from_task`, `timestamps`; `id`, `username`, `permalink`, `profile_picture_url`). Each
takes what the other takes and shows what both show; the relays' answer comes when the character is there.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from telecine.dialects.aliases import agreed
from telecine.dialects.base import Media
from telecine.dialects.bodies import Body, typed
from telecine.dialects.call import Call
from telecine.dialects.inline import Source
from telecine.dialects.lookup import missing
from telecine.dialects.openai.create import DEFAULT_MODEL, hook_of, known_to, notes_of, timestamps
from telecine.dialects.openai.follow import followed, video_in
from telecine.dialects.openai.render import STATUS, VideoError, answer, error_of
from telecine.dialects.rows import Create, Parsed, Read, by_id
from telecine.dialects.waiting import Wait
from telecine.nouns.errors import GatewayError, invalid
from telecine.nouns.ids import CHARACTER
from telecine.nouns.parameters import CharacterParameters
from telecine.nouns.request import GenerationRequest, Native, Reference
from telecine.tasks.view import View, results
from telecine.wires.openai import CHARACTERS, HOOKS, MAX_VIDEO, RELAY_CHARACTERS, Character, CreateCharacter

OPERATION: Final = "create_character"
_MAX_NAME: Final = 128
_PATIENCE: Final = 55.0
"""Seconds that the relays' create waits for the character: proxies cut after a minute."""


class CharacterObject(msgspec.Struct, frozen=True, kw_only=True):
    """A character. `id`, `created_at` and `name` are OpenAI's; all else is what relays have. `status` is a video's."""

    id: str
    object: str = "character"
    model: str
    status: str
    created_at: int
    name: str | None
    username: str | UnsetType = UNSET
    permalink: str | UnsetType = UNSET
    profile_picture_url: str | UnsetType = UNSET
    error: VideoError | UnsetType = UNSET


def character_object(view: View, media: Media) -> CharacterObject:
    """The character that the task of `view` makes. Their picture is at our link, where it was kept."""
    task = view.task
    given, made, error = task.request.parameters, _made(view), error_of(task)
    return CharacterObject(
        id=CHARACTER.write(task.id),
        model=task.model,
        status=STATUS[task.status],
        created_at=int(task.created_at),
        name=given.name if isinstance(given, CharacterParameters) else None,
        username=made.username or UNSET,
        permalink=made.permalink or UNSET,
        profile_picture_url=_picture(view, media) or made.profile_picture_url or UNSET,
        error=UNSET if error is None else error,
    )


def _picture(view: View, media: Media) -> str | None:
    faces = (one for one in view.outputs if one.kind == "image" and one.state == "stored")
    return next((media.link(one) for one in faces), None)


def _made(view: View) -> Character:
    """What is told of it; nothing before it is there, or where what is told cannot be read."""
    output = next(iter(results(view, "text")), None) if view.task.status == "succeeded" else None
    try:
        return msgspec.json.decode(output.text or "", type=Character) if output is not None else Character()
    except msgspec.MsgspecError:
        return Character()


async def found(call: Call) -> View:
    """By the path's id. Raises GatewayError (`not_found`)."""
    view = await by_id(call)
    if view.task.operation != OPERATION:
        raise missing(call.id)
    return view


async def parse_official(call: Call, body: Body) -> Parsed:
    """The same; OpenAI's has a name. Raises GatewayError."""
    if not body.fields.get("name"):
        raise invalid("name: is required.", "name")
    return await parse(call, body)


async def parse(call: Call, body: Body) -> Parsed:
    """The request, and the video that it still lacks. Raises GatewayError."""
    names = known_to(CreateCharacter)
    unknown = body.unknown(names)
    said = {name: value for name, value in body.known(names).items() if value is not None and value != ""}
    wire = typed(said, CreateCharacter)
    if wire.name is not None and len(wire.name) > _MAX_NAME:
        raise invalid(f"name: at most {_MAX_NAME} characters.", "name")
    for name, _ in body.files:
        if name != "video":
            raise GatewayError("unsupported_parameter", f"'{name[:64]}' takes no file.", param=name[:64])
    param, made_from = _made_from(wire, body)
    source = await followed(call, made_from, param) if isinstance(made_from, Reference) else None
    model = agreed(("model", wire.model), ("model_name", wire.model_name))
    parameters = CharacterParameters(name=wire.name, timestamps=timestamps(wire.timestamps, "timestamps"))
    request = GenerationRequest(
        operation=OPERATION,
        model=model or (source.task.model if source is not None else DEFAULT_MODEL),
        parameters=None if parameters == CharacterParameters() else parameters,
        source=made_from if isinstance(made_from, Reference) else None,
        callback_url=agreed(*((name, getattr(wire, name)) for name in HOOKS)),
        metadata=notes_of(body),
        native=Native("openai", unknown) if unknown else None,
    )
    return request, [made_from] if isinstance(made_from, Source) else []


def _made_from(wire: CreateCharacter, body: Body) -> tuple[str, Source | Reference]:
    """The name of the field that says in which video they are, and what it says. Raises GatewayError."""
    sent = any(name == "video" for name, _ in body.files)
    told = [name for name in ("video", "url", "from_task") if (name == "video" and sent) or getattr(wire, name)]
    if len(told) != 1:
        raise invalid("video: exactly one of video, url and from_task is needed.", "video")
    (param,) = told
    found = video_in(getattr(wire, param), body, param)
    if isinstance(found, Source) != (param == "url") and param != "video":
        raise invalid(f"{param}: must be {'a URL' if param == 'url' else 'the id of a video'}.", param)
    return param, found


def _relayed(call: Call, view: View) -> CharacterObject:
    """Once it is there, or as it is when the wait is over. Raises GatewayError where it came to nothing."""
    error = error_of(view.task)
    if error is not None:
        code = view.task.error.code if view.task.error is not None else "cancelled"
        raise GatewayError(code, error.message, param=None, may_retry=False)
    return character_object(view, call.edge.media)


def created(path: str) -> tuple[Create, Read]:
    """OpenAI's rows, with the create at `path`."""
    return (
        Create(
            path,
            "Create a character from a video",
            answer=CharacterObject,
            body=CreateCharacter,
            example={"name": "Mara", "video": "video_06xx11d95wm5j"},
            parse=parse_official,
            most=MAX_VIDEO,
            hook=hook_of,
            repeatable=("video",),
            show=lambda call, view: answer(view, character_object(view, call.edge.media)),
        ),
        Read(
            f"{path}/{{id}}",
            "Read a character",
            answer=CharacterObject,
            find=found,
            show=lambda call, view: answer(view, character_object(view, call.edge.media)),
        ),
    )


OFFICIAL: Final = created(CHARACTERS)
RELAYED: Final = Create(
    RELAY_CHARACTERS,
    "Create a character from a video, as relays do",
    answer=CharacterObject,
    body=CreateCharacter,
    example={"from_task": "video_06xx11d95wm5j", "timestamps": "1,3"},
    parse=parse,
    most=MAX_VIDEO,
    hook=hook_of,
    repeatable=("video",),
    wait=lambda _: Wait(_PATIENCE),
    show=_relayed,
)
