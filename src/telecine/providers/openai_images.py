"""OpenAI's Images API, at OpenAI and at the relays that speak it: the answer to a create is the result.

Nobody can be asked here about a job, and a request that is sent twice is made and billed twice. So a submit with an
unknown outcome ends the task as `submission_unknown`. Pictures are edited as files in a form; which fields an answer
has its files in is read tolerantly, for relays mix them: base64, links, or `data:` URLs.
"""

from __future__ import annotations

from binascii import Error, a2b_base64
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from telecine.net.inlined import content_of
from telecine.nouns.billed import Billed
from telecine.nouns.errors import GatewayError
from telecine.nouns.sizes import is_size, parse_ratio, parse_size, short_side
from telecine.nouns.task import Facts, Tokens, Usage
from telecine.providers.base import Traits
from telecine.providers.complaint import complaint_in
from telecine.providers.http.answers import link
from telecine.providers.http.body import Draft
from telecine.providers.http.events import events
from telecine.providers.http.facts import Field, Fields, Op, Picture, Told, later
from telecine.providers.http.getters import at, rows
from telecine.providers.outcomes import Succeeded, UpstreamOutput
from telecine.providers.refusal import POLICY, WORDS, about_policy
from telecine.providers.take import Take
from telecine.wires import openai_images as wire
from telecine.wires.openai_images import PARTIAL, ImageFacts, ImagesFacts, ImagesUsage, TokenDetails

SYNCHRONOUS: Final = Traits(wire.LINK_SECONDS, synchronous=True, submit_timeout=600.0, deadline=600.0, usual=30.0)
_SAYING: Final = ("size", "aspect_ratio", "resolution")
_RELAYED: Final = ("seed", "negative_prompt")
_WORDS: Final = ("quality", "background", "output_format", "output_compression", "moderation", "style")
_MOST_TOKENS: Final = 10**12
"""An upstream that counts more is not believed."""
_LISTS: Final = tuple(rows(name) for name in ("data", "images", "output"))
"""Where the pictures of an answer are; the last two at relays [reconstructed]."""
_PARTIAL: Final = rows(PARTIAL)
_ABOUT: Final = ("background", "output_format", "quality", "size")
_NAMES: Final = ("b64_json", "url", "image_url")
"""Where one of them has its file: the first as base64, the others as a link or a `data:` URL."""
_DATA: Final = "data:image/"


def framed(draft: Draft) -> None:
    """The size, and what relays alone have of what an OpenAI client said."""
    draft.body |= _frame(draft) | _streaming(draft)
    for name in _RELAYED:
        value = getattr(draft.request, name)
        if value is not None and draft.take.own(name) is not None:
            draft.body[name] = draft.take.field(name)


def _streaming(draft: Draft) -> dict[str, Any]:
    """Unfinished pictures come in a stream alone, and are asked for where the answer is about one picture: the usage of
    an event is that of one."""
    wanted = getattr(draft.request.parameters, "partial_images", None)
    if not wanted or draft.request.count != 1 or wire.STREAMED not in draft.model:
        return {}
    return {"stream": True, "partial_images": wanted}


def streamed(body: bytes) -> bytes:
    """The answer that a stream comes to; any other stays as it is."""
    told = [event for event in events(body) if event is not None]
    by_end: dict[str, list[dict[str, Any]]] = {}
    for event in told:
        by_end.setdefault(str(event.get("type")).rpartition(".")[2], []).append(event)
    made = by_end.get("completed", [])
    if made:
        about = {name: made[-1].get(name) for name in ("usage", *_ABOUT)}
        return msgspec.json.encode({"data": made, PARTIAL: by_end.get("partial_image", []), **about})
    error = next((event for event in told if event.get("error")), None)
    if error is not None and "partial_image" in by_end and not _is_policy(error):
        return b"{}"  # it had begun, and is paid for: nobody else is asked to make it
    return body if error is None else msgspec.json.encode(error)


def _is_policy(event: dict[str, Any]) -> bool:
    said = complaint_in(event)
    return said is not None and (any(WORDS.get(one) is POLICY for one in said.words) or about_policy(said.message))


def _edited(draft: Draft) -> None:
    """The same, with the pictures in their order."""
    framed(draft)
    items = draft.take.inputs("image", "reference")
    for item in items:
        draft.put("image" if len(items) == 1 else "image[]", item)


def _frame(draft: Draft) -> dict[str, str]:
    """An explicit size as it is; a ratio and a resolution as the size that they mean with this model, or, to a relay of
    an OpenAI client, as that wrote them, where no table here says which sizes the model makes."""
    take, made = draft.take, _sizes(draft.model)
    size, ratio, resolution = (take.field(name) or None for name in _SAYING)
    own = [one for one in (take.own("aspect_ratio"), take.own("resolution")) if one is not None]
    if size:
        plain = "{}x{}".format(*parse_size(size)) if is_size(size) else size
        return {"size": plain, **dict(own)} if own and made is None else {"size": plain}
    if ratio is None and resolution is None:
        return {}
    if made is None:
        return dict(own) if own else {"size": _computed(ratio, resolution)}
    fitting = [one for one in made if _fits(one, ratio, resolution)]
    if not fitting:
        raise GatewayError(
            "unsupported_parameter",
            f"'{draft.request.model}' makes {', '.join(made)}; none of them is "
            f"'{' '.join(filter(None, (ratio, resolution)))[:40]}'.",
            param="aspect_ratio" if ratio is not None else "resolution",
        )
    return {"size": fitting[0]}


def _sizes(model: str) -> tuple[str, ...] | None:
    return next((sizes for name, sizes in wire.SIZES.items() if model.startswith(name)), None)


def _fits(size: str, ratio: str | None, resolution: str | None) -> bool:
    billed = Billed.sized(*parse_size(size))
    if ratio is not None:
        across, down = parse_ratio(ratio)
        if Billed.sized(across, down).aspect_ratio != billed.aspect_ratio:
            return False
    return resolution is None or Billed.sized(*parse_size(size)).resolution == resolution.lower()


def _computed(ratio: str | None, resolution: str | None) -> str:
    """Multiples of 16, as models that make any size want them."""
    across, down = parse_ratio(ratio or "1:1")
    scale = short_side(resolution or "1k") / min(across, down)
    return "x".join(str(round(side * scale / wire.STEP) * wire.STEP) for side in (across, down))


def billed(draft: Draft) -> Billed:
    """The size, as far as it is known, and the quality."""
    size = draft.body.get("size")
    if size is None and draft.model.startswith(wire.DEFAULT_SIZED):
        size = (_sizes(draft.model) or (None,))[0]
    quality = getattr(draft.request.parameters, "quality", None)
    if size is not None and is_size(size):
        return replace(Billed.sized(*parse_size(size)), quality=quality)
    return Billed(size=size, aspect_ratio=draft.request.aspect_ratio, quality=quality)


def _count(value: int, _take: Take) -> int | None:
    return None if value == 1 else value


def answer(told: Told) -> Succeeded | str:
    """The pictures of an answer, and what it says beside them."""
    items = next((found for one in _LISTS if (found := one(told.job))), [])
    made = [one for item in items if (one := _picture(item, told)) is not None]
    if not made:
        return "an answer without a picture"
    count = len(made)
    made += [replace(one, part=PARTIAL) for item in _PARTIAL(told.job) if (one := _picture(item, told)) is not None]
    usage = usage_of(told.job.get("usage"))
    tokens = None if usage is None else Tokens(input=usage.input_tokens, output=usage.output_tokens)
    words = {name: told.job.get(name) for name in _ABOUT}
    facts = ImagesFacts(**{name: one for name, one in words.items() if isinstance(one, str)}, usage=usage)
    return Succeeded(tuple(made), Usage(images=count, tokens=tokens), Facts.of("openai", facts))


def _picture(item: Mapping[str, Any], told: Told) -> UpstreamOutput | None:
    revised = item.get("revised_prompt")
    facts = Facts.of("openai", ImageFacts(revised)) if isinstance(revised, str) and revised else None
    for name in _NAMES:
        text = item.get(name)
        if not isinstance(text, str) or not text:
            continue
        if (url := link(text)) is not None:
            return UpstreamOutput(url, "image", expires_at=told.now + wire.LINK_SECONDS, facts=facts)
        within = name == _NAMES[0] or text in told.files or text.startswith(_DATA)
        if within and (content := content_of(text, told.files) or _decoded(text)):
            return UpstreamOutput(kind="image", content=content, facts=facts)
    return None


def _decoded(text: str) -> bytes | None:
    """The file in a `data:` URL of any length, which has come within another text."""
    head, _, data = text.partition(",")
    try:
        return a2b_base64(data, strict_mode=True) if head.startswith(_DATA) and head.endswith(";base64") else None
    except Error:
        return None


def usage_of(said: object) -> ImagesUsage | None:
    """What an answer says that it took; relays that speak of chats call it otherwise. None where that is not clear."""
    if not isinstance(said, dict):
        return None
    read = _counted(said.get("input_tokens", said.get("prompt_tokens")))
    made = _counted(said.get("output_tokens", said.get("completion_tokens")))
    if read is None or made is None or read + made == 0:
        return None
    return ImagesUsage(
        read + made, read, made, _details(said, "input_tokens_details"), _details(said, "output_tokens_details")
    )


def _counted(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= _MOST_TOKENS else None


def _details(said: dict[str, Any], name: str) -> TokenDetails | None:
    pictures, texts = (_counted(at(f"{name}.{one}")(said)) for one in ("image_tokens", "text_tokens"))
    return None if pictures is None or texts is None else TokenDetails(pictures, texts)


_FIELDS: Final[Fields] = {
    "model": "model",
    "prompt": "prompt",
    "count": Field("n", _count),
    **{name: Field("size", later) for name in _SAYING},
    **{f"parameters.{name}": name for name in (*_WORDS, "user", "safety_identifier", "watermark")},
    "parameters.partial_images": Field("partial_images", later),
}
_MADE: Final = Op(
    create=f"POST {wire.GENERATIONS}",
    fields=_FIELDS,
    needs=("prompt",),
    shape=framed,
    ours=wire.OURS,
    billed=billed,
    traits=SYNCHRONOUS,
    answer=answer,
    plain=streamed,
)
IMAGES: Final[Mapping[str, Op]] = {
    "text_to_image": _MADE,
    "image_to_image": replace(
        _MADE,
        create=f"POST {wire.EDITS}",
        fields={
            **_FIELDS,
            "parameters.input_fidelity": "input_fidelity",
            "inputs.image|reference": Field("image"),
            "inputs.mask": Picture("mask", "mask"),
        },
        shape=_edited,
        form=True,
        uploads=True,
    ),
    "image_variation": replace(
        _MADE,
        create=f"POST {wire.VARIATIONS}",
        fields={
            **{name: one for name, one in _FIELDS.items() if name not in {"prompt"}},
            "inputs.image": Picture("image"),
        },
        needs=(),
        form=True,
        uploads=True,
    ),
}
