"""The chat form: a video model is asked in a chat, and its answer ends with the link. The answer is the result, minutes
later, so an answer that breaks off leaves unknown whether a video was made, and paid for.

How relays write such answers is in no document: what is read of them is reconstructed from their samples, in
`told` alone.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from telecine.nouns.errors import invalid
from telecine.providers.complaint import complaint_in, text
from telecine.providers.http.body import Draft
from telecine.providers.http.events import events
from telecine.providers.http.facts import Field, Fields, Op, Picture, Vendor, later
from telecine.providers.http.getters import at, rows
from telecine.providers.refusal import POLICY, WORDS, Verdict
from telecine.providers.relay.answers import linked
from telecine.providers.relay.chat_images import CHATTED
from telecine.providers.relay.frame import billed
from telecine.providers.relay.official import OFFICIAL
from telecine.providers.relay.pictures import pictures_of
from telecine.wires import relay as wire
from telecine.wires.openai import PATH

_FAILURE: Final = "generation_failed"
_LONGEST: Final = 3600.0
"""Seconds for which an answer is waited for."""
_MOST_TEXT: Final = 256 * 1024
"""Characters of an answer that are looked at: its end."""
_URL: Final = re.compile(r"https?://[^\s<>\"'()\[\]`|\\]{1,4000}")
_FILM: Final = re.compile(r"\.(?:mp4|mov|webm|m4v|mkv)(?:[?#]|$)", re.IGNORECASE)
_MARKED: Final = re.compile(r"\[([^\[\]\n]{0,200})\]\((https?://[^\s()]{1,4000})\)")
_ABOUT: Final = re.compile(r"预览|原始|preview|raw|data|image|图", re.IGNORECASE)
"""Links with such words are to what is known of the job, and not to the video."""
_TASK: Final = re.compile(r"\b(?:task|video|gen)_[A-Za-z0-9]{6,80}")
_SAID: Final = re.compile(r"sid:\s{0,4}`?(s_[A-Za-z0-9]{6,80})")
_FAILED: Final = re.compile(r"❌|失败|违规|\bfailed\b|\bfailure\b|\berror\b|\brejected\b|\bmoderation\b", re.IGNORECASE)


def told(body: bytes) -> bytes:
    """A chat's whole answer, streamed or not, as the video that it tells of, in the words of the official form.

    A video is done where the answer has come to its end and has a link; the last that is a film's, else the last that
    is marked as a link and is not to something else. Without one it has failed where it says so, in words or by an
    error in the place of an answer or behind such words; whatever else it says is nothing that can be concluded from.
    """
    said, ended, error, chat = _joined(body)
    words = _without_prompt(said)
    if error is not None and not said:
        return msgspec.json.encode({"error": error})
    if error is not None and _FAILED.search(words):
        return msgspec.json.encode({"error": _begun(error)})
    if not ended or error is not None:
        return b"{}"
    words = words[-_MOST_TEXT:]
    name, url = next(iter(_TASK.findall(words)), None), _link(words)
    if url is not None:
        sid = next(iter(_SAID.findall(words)), None)
        return msgspec.json.encode(
            {"id": sid or name or chat.get("id"), "status": "completed", "url": url, "usage": chat.get("usage")}
        )
    if _FAILED.search(words):
        return msgspec.json.encode({"error": {"message": _reason(words), "type": _FAILURE}})
    return b"{}"


def _without_prompt(words: str) -> str:
    """Without the block at the beginning that repeats what was asked: the ids and links in that are the client's."""
    head, fence, rest = words.partition("\n```")
    return rest if fence and head.lstrip().startswith("```") else words


def _begun(error: Any) -> dict[str, str]:
    """An error of a job that had begun: whatever it is about, nobody else is asked to make it."""
    said = complaint_in(error)
    words = said.words if said is not None else ()
    policy = next((one for one in words if WORDS.get(one) is POLICY), _FAILURE)
    return {"message": said.message if said is not None else "", "type": policy}


def _link(words: str) -> str | None:
    films = [url for url in map(_trimmed, _URL.findall(words)) if _FILM.search(url)]
    marked = [url for label, url in _MARKED.findall(words) if not _ABOUT.search(label)]
    found: list[str] = films or marked
    return found[-1] if found else None


def _trimmed(url: str) -> str:
    """Without the end of a sentence behind it."""
    return url.rstrip(".,;:!*。，")


def _reason(words: str) -> str:
    """The line that says what went wrong."""
    lines = [line.strip(" >*`❌") for line in words.splitlines() if _FAILED.search(line)]
    return lines[-1][:2000] if lines else ""


def _joined(body: bytes) -> tuple[str, bool, Any, dict[str, Any]]:
    """The text of an answer, whether it has come to its end, an error in it, and what else is said of the chat."""
    words: list[str] = []
    chat: dict[str, Any] = {}
    ended, error = False, None
    for event in events(body):
        if event is None:
            ended = True
            continue
        error = event.get("error") or error
        chat |= {name: event[name] for name in ("id", "usage") if event.get(name)}
        for choice in rows("choices")(event)[:1]:
            said = at("delta.content")(choice) or at("message.content")(choice)
            words.append(said if isinstance(said, str) else "")
            ended = ended or bool(choice.get("finish_reason"))
    return "".join(words), ended, error, chat


def _shape(draft: Draft) -> None:
    """One message; with pictures, in parts."""
    draft.body |= {"messages": [{"role": "user", "content": draft.request.prompt}], "stream": True}


def _pictures(draft: Draft) -> None:
    items = pictures_of(draft)
    draft.media.clear()
    parts: list[dict[str, Any]] = [{"type": "text", "text": draft.request.prompt}]
    for item in items:
        holder: dict[str, Any] = {}
        parts.append({"type": "image_url", "image_url": holder})
        draft.put("url", item, holder)
    draft.body |= {"messages": [{"role": "user", "content": parts}], "stream": True}


def _changed(draft: Draft) -> None:
    """What the source was asked, what was answered, as far as its relay reads that again, and what is to be changed."""
    source = draft.source
    if source is None:
        return  # judged before anything is sent
    name = text(source.upstream_id)
    if not (_TASK.fullmatch(name) or name.startswith("s_")):
        raise invalid("The relay never named this video, so that nothing can follow it up.", "source")
    asked = source.request.prompt if source.request is not None else ""
    answered = f"> sid: {name}" if name.startswith("s_") else f"> ID: `{name}`"
    chat = [("user", asked or "…"), ("assistant", answered), ("user", draft.request.prompt)]
    draft.body |= {"messages": [{"role": role, "content": one} for role, one in chat], "stream": True}


_FIELDS: Final[Fields] = {"model": "model", "prompt": Field("messages", later)}
_PICTURES: Final[Fields] = {
    "inputs.first_frame|image": Picture("messages", "first frame"),
    "inputs.last_frame": Picture("messages", "last frame"),
    "inputs.reference": Field("messages"),
}
_ASKED: Final = Op(
    create=f"POST {wire.CHAT}",
    poll=f"GET {PATH}/{{id}}",  # reconstructed, for a link that has expired: where there is no such path, it is lost
    fields=_FIELDS,
    needs=("prompt",),
    shape=_shape,
    ours=wire.CHATTED,
    billed=billed,
    plain=told,
)
_CHANGED: Final = replace(_ASKED, fields={**_FIELDS, "source": Field("messages", later)}, shape=_changed)
CHAT: Final[Vendor] = replace(
    OFFICIAL,
    name="relay",
    title="The relay",
    ops={
        "text_to_video": _ASKED,
        "image_to_video": replace(_ASKED, fields={**_FIELDS, **_PICTURES}, shape=_pictures),
        "remix": _CHANGED,
        "reference_to_video": replace(
            _ASKED, fields={**_FIELDS, "inputs.reference": Field("messages")}, shape=_pictures
        ),
        "edit_video": _CHANGED,
        **CHATTED,
    },
    traits=replace(OFFICIAL.traits, listed=False, synchronous=True, submit_timeout=_LONGEST),
    sign="",
    words={**WORDS, _FAILURE: Verdict("upstream_failed")},
    inline="data",
    outputs=linked,
)
