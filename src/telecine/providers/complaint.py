"""What an answer says went wrong, in whatever shape: the words that tables of vendors know, and the text for a client.

Known are OpenAI's `{error: {message, type, code, param}}`, flat `{code, message}` (Kling, new-api, DashScope), `msg`
(RunningHub), `errors`, FastAPI's `detail` (a text, or a list of `{loc, msg}`), problem documents (`title`), MiniMax's
`base_resp`, JSend's `status`, Volcengine's `ResponseMetadata`, Google's `{error: {code, status}}` and its list
around that, new-api's answers with another's answer as their message, plain text and HTML.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import msgspec

from telecine.providers.scrub import READ

_MOST_BYTES: Final = 256 * 1024
"""More is no error message; what is larger is read as text, and its beginning only."""
_MOST_VALUES: Final = 64
_MOST_DEPTH: Final = 6
_INNER: Final = ("error", "errors", "detail", "base_resp", "ResponseMetadata", "Error", "message", "msg")
"""Where an envelope keeps the error itself; the last two are texts, which may hold another's whole answer."""
_TEXTS: Final = (
    "message", "msg", "Message", "error_message", "error_msg", "errmsg", "status_msg", "detail", "description",
    "error", "reason", "fail_reason", "failReason", "title",
)  # fmt: skip
_WORDS: Final = ("code", "error_code", "err_code", "errcode", "Code", "status_code", "type", "error_type", "status")
_CODES: Final = ("code", "status_code", "error_code", "err_code", "errcode")
_JSEND: Final = frozenset({"error", "fail"})
_FINE: Final = frozenset({"0", "1", "200", "201", "202", "10000", "20000", "ok", "success", "succeed", "succeeded"})
"""What vendors write as `code` where all is well."""


class Complaint(msgspec.Struct, frozen=True):
    """What went wrong, as far as it can be told."""

    message: str = ""
    """As it came, at most `scrub.READ` characters: not fit for anybody before it is scrubbed."""
    words: tuple[str, ...] = ()
    """Codes and types in lower case, numbers in decimal; the outermost first, and `code` before `type`."""
    param: str = ""
    """The vendor's own name of the field at fault."""
    failed: bool = False
    """The body itself says that it is an error, whatever the HTTP status."""


def complaint_of(body: bytes) -> Complaint | None:
    """What a JSON body says; None where it is no JSON, or names no reason."""
    value = _decoded(body)
    return None if value is None else complaint_in(value)


def complaint_in(value: object) -> Complaint | None:
    """The same for a value within a body, such as the `error` of a job."""
    layers = list(_layers(value))
    message = next(filter(None, map(_message, reversed(layers))), "")
    words = tuple(dict.fromkeys(word for layer in layers for word in _words(layer)))
    param = next(filter(None, map(_param, layers)), "")
    failed = any(map(_failed, layers))
    return Complaint(message, words, param, failed) if message or failed or words else None


def text_of(body: bytes) -> str:
    """What a body that is no JSON says: the title of a page, else the beginning of the text."""
    text = body[: 4 * READ].decode("utf-8", "replace")
    if not text.lstrip().startswith("<"):
        return text[:READ].strip()
    _, _, after = text.partition("<title>")
    return after.partition("</title>")[0][:READ].strip()


def text(value: object) -> str:
    """`value` where it is text, without the space around it, and its beginning only; else nothing."""
    return value[:READ].strip() if isinstance(value, str) else ""


def word(value: object) -> str:
    """`text` in lower case."""
    return text(value).lower()


def _decoded(body: bytes) -> Any:
    if len(body) > _MOST_BYTES:
        return None
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _layers(value: object, depth: int = 0) -> Iterator[Any]:
    """`value` and the errors within it, from the outside to the inside."""
    if depth > _MOST_DEPTH:
        return
    if isinstance(value, str) and value[:READ].lstrip().startswith("{"):
        inner = _decoded(value.encode("utf-8", "replace"))
        value = value if inner is None else inner
    if isinstance(value, dict):
        yield value
        for name in _INNER:
            inner = value.get(name)
            yield from _layers(_listed(inner) if name == "errors" else inner, depth + 1)
    elif isinstance(value, list) and value:
        yield value
        if isinstance(value[0], dict):
            yield from _layers(value[0], depth + 1)
    elif isinstance(value, str) and depth == 0:
        yield value


def _listed(errors: object) -> object:
    """Errors by the names of their fields, as the list that FastAPI would make of them."""
    if not isinstance(errors, dict):
        return errors
    named = islice(errors.items(), _MOST_VALUES)
    return [{"loc": [name], "msg": _message(one if isinstance(one, list) else [one])} for name, one in named]


def _message(layer: Any) -> str:
    """The text of one layer; of a list, those of all its members."""
    if isinstance(layer, str):
        return text(layer)
    if isinstance(layer, list):
        return "; ".join(dict.fromkeys(filter(None, map(_located, layer[:_MOST_VALUES]))))[:READ]
    return next((text(layer.get(name)) for name in _TEXTS if text(layer.get(name))), "")


def _located(item: object) -> str:
    """One of several errors, after the name of its field where that is told."""
    if not isinstance(item, dict):
        return text(item)
    said, where = _message(item), _param(item)
    return f"{where}: {said}" if where and where not in said else said


def _words(layer: Any) -> Iterator[str]:
    if not isinstance(layer, dict):
        return
    for name in _WORDS:
        value = layer.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            yield str(value)
        elif text(value):
            yield word(value)
    error = text(layer.get("error"))  # Midjourney relays: {"error": "midjourney_task_not_found"}
    if error and error.replace("_", "").isalnum():
        yield error.lower()


def _param(layer: Any) -> str:
    if not isinstance(layer, dict):
        return ""
    where = layer.get("loc")
    names = [one for one in where if isinstance(one, str)] if isinstance(where, list) else []
    return text(layer.get("param")) or (text(names[-1]) if names else "")


def _failed(layer: Any) -> bool:
    """Whether this layer can stand in no answer that says that all is well."""
    if isinstance(layer, list):
        return any(isinstance(one, dict) and "msg" in one and "loc" in one for one in layer[:_MOST_VALUES])
    if not isinstance(layer, dict):
        return False
    if layer.get("success") is False or layer.get("status") is False or layer.get("errors"):
        return True
    error = layer.get("error") or layer.get("Error")
    if text(error) or (isinstance(error, dict) and bool(_message(error) or any(_words(error)))):
        return True
    if word(layer.get("status")) in _JSEND:
        return True
    code = next((layer[name] for name in _CODES if name in layer), None)
    known = str(code).lower() if isinstance(code, int | str) and not isinstance(code, bool) else ""
    return bool(known) and known not in _FINE
