"""BizyAir's open API: apps, which are workflows, and the models of its ModelZoo; in China (`https://api.bizyair.cn`),
abroad (`https://api.bizyair.ai`), or at a relay that passes it through.

Nobody can be asked here about a job by a handle of ours, and none is refused for being there twice: a submit with an
unknown outcome ends as `submission_unknown`, in every mode. A callback could tell of a job whose create was never
answered, but it is not believed: it only wakes a task whose job is known.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from msgspec.structs import replace

from telecine.nouns.errors import invalid
from telecine.nouns.parameters import WorkflowParameters
from telecine.nouns.workflow import OPERATION, PARAM, TAKEN, billed
from telecine.providers.base import Channel, Traits
from telecine.providers.bizyair_answers import (
    DONE,
    KEPT,
    blocked,
    fine,
    job_of,
    name_of,
    outputs_of,
    reason_of,
    status_of,
)
from telecine.providers.complaint import word
from telecine.providers.http.body import Draft
from telecine.providers.http.facts import Field, Fields, HttpOptions, Objection, Op, Status, Vendor, later
from telecine.providers.refusal import FULL, NO_SUCH_MODEL, THEIR_ACCOUNT, WORDS, Verdict, Words
from telecine.wires import bizyair as wire

_LONGEST: Final = 3600.0
"""Seconds for which a synchronous create is waited for: as long as BizyAir's own SDK goes on asking."""
_MOST_DIGITS: Final = 18
"""Of an app's number: 63 bits."""
_PREFIXES: Final = (wire.CHINA, wire.CHINA_ZOO, wire.ABROAD)
"""What operators may write at the end of the base URL; the longer ones first."""
VERDICTS: Final[Words] = {
    **WORDS,  # relays put envelopes of their own around BizyAir's
    **dict.fromkeys(map(str, (wire.INVALID, wire.NO_INPUTS)), Verdict("invalid_request")),
    **dict.fromkeys(map(str, (wire.NO_APP, wire.NO_NODE_TYPE)), NO_SUCH_MODEL),
    **dict.fromkeys(map(str, (wire.BAD_KEY, *wire.NO_BALANCE)), THEIR_ACCOUNT),
    **dict.fromkeys(map(str, (wire.QUEUE_FULL, wire.TOO_MANY, *wire.NO_MACHINE, *wire.RATE_LIMITED)), FULL),
}
"""What BizyAir's codes mean for a create."""


class BizyairOptions(HttpOptions, frozen=True, forbid_unknown_fields=True):
    """What a channel of BizyAir may say."""

    mode: Literal["async", "sync", "webhook"] = "async"
    """How a create is answered: at once; with the result, once it has ended; at once, and the end is told to us where
    `public_url` is set. The ModelZoo has no `sync`."""
    site: Literal["china", "abroad"] | None = None
    """Whose paths it has; None: abroad where the host ends in `.ai` or the base URL in `/v1`, else China."""


def _abroad(channel: Channel) -> bool:
    site = channel.option(BizyairOptions).site
    if site is not None:
        return site == "abroad"
    base = channel.base_url.rstrip("/")
    foreign = (urlsplit(base).hostname or "").endswith(".ai") or base.endswith(wire.ABROAD)
    return foreign and not base.endswith((wire.CHINA, wire.CHINA_ZOO))


def _root(channel: Channel) -> str:
    base = channel.base_url.rstrip("/")
    return next((base.removesuffix(one) for one in _PREFIXES if base.endswith(one)), base)


def _spelt(channel: Channel, path: str) -> str:
    """The paths abroad are the plain ones; in China each service has its own beginning, and the query names a task."""
    if _abroad(channel):
        return wire.ABROAD + path
    if path.startswith(wire.ZOO):
        return wire.CHINA_ZOO + path
    if path == wire.WALLET:
        return wire.CHINA_WALLET + path
    before, named, verb = path.partition("/{id}")
    return f"{wire.CHINA}{before}{verb or wire.DETAIL}?{wire.ID}={{id}}" if named else wire.CHINA + path


def _headers(channel: Channel, callback: str | None) -> Mapping[str, str]:
    """The mode; a callback brings along what proves that BizyAir has it from us."""
    mode = channel.option(BizyairOptions).mode
    if mode == "sync":
        return {}
    if mode == "async" or callback is None:
        return {wire.ASYNC: wire.ENABLE}
    secret = channel.webhook_secret
    return {wire.WEBHOOK: callback, **({wire.AUTHORIZATION: f"Bearer {secret}"} if secret else {})}


def _genuine(channel: Channel, headers: Mapping[str, str], _body: bytes, _now: float) -> bool:
    """Whether a callback has the secret of its channel; without one, whoever knows the address: it only wakes."""
    if channel.webhook_secret is None:
        return True
    expected = f"Bearer {channel.webhook_secret}".encode()
    given = (headers.get(name, "").encode() for name in ("authorization", wire.AUTHORIZATION.lower()))
    return any(hmac.compare_digest(expected, one) for one in given)


def _adjusted(traits: Traits, channel: Channel) -> Traits:
    if channel.option(BizyairOptions).mode != "sync":
        return traits
    return replace(traits, synchronous=True, submit_timeout=_LONGEST)


def _app(draft: Draft) -> None:
    """An app's number, and what it is filled with."""
    given = draft.request.parameters
    app = draft.model if draft.model.isdecimal() else given.web_app_id if isinstance(given, WorkflowParameters) else ""
    if not (app.isascii() and app.isdecimal() and len(app) <= _MOST_DIGITS):
        raise invalid("The model is no app of BizyAir: its number is missing.", "model")
    values = _values(draft)
    if not values and not draft.request.inputs:
        raise invalid("BizyAir needs one input value at the least.", PARAM)
    draft.body |= {"web_app_id": int(app), "suppress_preview_output": False, "input_values": values}
    _files(draft, values)


def _model(draft: Draft) -> None:
    """What a model of the ModelZoo is filled with is the whole body."""
    draft.body |= _values(draft)
    _files(draft, draft.body)


def _values(draft: Draft) -> dict[str, Any]:
    given = draft.request.parameters
    return dict(given.input_values) if isinstance(given, WorkflowParameters) else {}


def _files(draft: Draft, holder: dict[str, Any]) -> None:
    for item in draft.request.inputs:
        if item.fills is None:
            raise invalid(f"Nothing says which input the {item.role} is for.", f"inputs.{item.role}")
        draft.put(item.fills, item, holder)


def _lower(words: frozenset[str]) -> frozenset[str]:
    return frozenset(map(str.lower, words))


_FIELDS: Final[Fields] = {
    "parameters.input_values": Field("input_values", later),
    "model": Field("web_app_id", later),
    "parameters.web_app_id": Field("web_app_id", later),
    **{name: Field("input_values", later) for name in sorted(TAKEN) if not name.startswith("parameters.")},
    **{name: Field("", later) for name in ("parameters.digest", "parameters.makes")},
}
_TRAITS: Final = Traits(KEPT, cancel=True, usual=60.0, poll_floor=5.0, url_only=True)
_APP: Final = f"{wire.APPS}/{{id}}"
_MODEL: Final = Op(
    create=f"POST {wire.ZOO}/{{model}}",
    poll=f"GET {wire.ZOO}/{{id}}",
    fields=_FIELDS,
    shape=_model,
    billed=lambda draft: billed(draft.request),
    traits=replace(_TRAITS, cancel=False),
)
BIZYAIR: Final = Vendor(
    name="bizyair",
    title="BizyAir",
    speaks=frozenset({"bizyair"}),
    credential="BizyAir needs an api_key",
    options=BizyairOptions,
    root=_root,
    spelt=_spelt,
    ops={
        OPERATION: Op(
            create=f"POST {wire.APPS}{wire.CREATE}",
            poll=f"GET {_APP}",
            results=f"GET {_APP}{wire.OUTPUTS}",
            stops=(f"PUT {_APP}{wire.CANCEL}", f"PUT {_APP}{wire.INTERRUPT}"),
            fields=_FIELDS,
            shape=_app,
            ours=frozenset(wire.CreateTask.__struct_fields__),
            billed=lambda draft: billed(draft.request),
            adjusted=_adjusted,
            other=lambda model: _MODEL if wire.is_endpoint(model) else None,
        ),
    },
    traits=_TRAITS,
    billed=frozenset(wire.CreateTask.__struct_fields__),
    headers=_headers,
    fine=fine,
    made=name_of,
    words=VERDICTS,
    at_once=lambda job: word(job.get("status")) in DONE and status_of(job) in DONE,
    job=job_of,
    status=Status(
        status_of,
        queued=_lower(wire.QUEUED),
        running=_lower(wire.RUNNING),
        done=DONE,
        failed=_lower(wire.FAILED | wire.CANCELLED),
    ),
    reasons=(reason_of,),
    blocked=blocked,
    outputs=outputs_of,
    missing=(Objection(404),),
    ping=wire.WALLET,
    genuine=_genuine,
)
