"""What Kling states (API reference at klingai.com/document-api)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from telecine.net.client import Reply
from telecine.nouns.errors import ErrorCode, GatewayError
from telecine.nouns.money import MOST_UNITS
from telecine.nouns.task import Usage
from telecine.providers.base import Channel, Reported, Succeeded, Telling, Terms, Traits, Unreadable
from telecine.providers.complaint import Complaint, text
from telecine.providers.http.answers import decoded, file, number
from telecine.providers.http.facts import Account, HttpOptions, Many, Missing, Op, Status, Told, Vendor
from telecine.providers.http.getters import at, rows, says
from telecine.providers.http.signatures import genuine
from telecine.providers.kling.credentials import Tokens
from telecine.providers.kling.shape import FIELDS, PICTURES, billed, shape
from telecine.providers.refusal import FULL, NO_SUCH_MODEL, NO_SUCH_PATH, POLICY, THEIR_ACCOUNT, WORDS, Verdict, Words
from telecine.providers.scrub import scrubbed
from telecine.wires.kling import (
    BILLED,
    COSTS,
    COSTS_LAG,
    MAX_IMAGE,
    MOST_LISTED,
    PATHS,
    RETENTION,
    Costs,
    CreateTask,
)

_POLICY: Final = re.compile(r"risk control|content|sensitive|policy|审核|违规|风控|敏感", re.IGNORECASE)
_NO_TASK: Final = re.compile(r"not\s+(be\s+)?found|not\s+exist|不存在|找不到", re.IGNORECASE)
_HANDLE: Final = re.compile(r"external[\s_]*task[\s_]*id", re.IGNORECASE)
_TWICE: Final = re.compile(r"exist|duplicate|unique|已存在|重复", re.IGNORECASE)
_OLDEST_PACK: Final = 400 * 86400.0
"""The costs are asked for by the time at which a pack was bought; packs are valid for up to a year."""
VERDICTS: Final[Words] = {
    **WORDS,  # relays put envelopes of their own around Kling's
    **dict.fromkeys(("1000", "1001", "1002", "1003", "1004"), THEIR_ACCOUNT),  # Authorization: empty, invalid, expired
    **dict.fromkeys(("1100", "1101", "1102", "1103"), THEIR_ACCOUNT),  # the account, its arrears, packs, permissions
    **dict.fromkeys(("1200", "1201"), Verdict("invalid_request")),
    "1202": NO_SUCH_PATH,  # the method or the path
    "1203": NO_SUCH_MODEL,  # the resource, such as the model, does not exist
    **dict.fromkeys(("1300", "1301"), POLICY),
    **dict.fromkeys(("1302", "1303"), FULL),  # too many requests; parallel tasks over the resource pack's limit
    "1304": THEIR_ACCOUNT,  # our address is not on their white list
    **dict.fromkeys(("5000", "5002"), None),  # internal error, internal timeout
    "5001": Verdict("capacity", elsewhere=True, capacity=True),  # maintenance
}
"""What Kling's error codes mean for a create."""


def _op(operation: str, fields: Mapping[str, Any]) -> Op:
    return Op(
        create=f"POST {PATHS[operation]}",
        fields=fields,
        shape=shape,
        ours=frozenset(CreateTask.__struct_fields__),
        billed=billed,
        many=Many(
            ask=f"GET {PATHS[operation]}?pageSize={{size}}{{page}}",
            id=at("task_id"),
            items=_listed,
            most=MOST_LISTED,
            turn=lambda said, page, size: f"&pageNum={page + 1}" if len(rows("data")(said)) == size else "",
        ),
    )


def _listed(said: Any) -> list[Any]:
    """A page; a job that is done without what it took is not told whole."""
    return [one for one in rows("data")(said) if one.get("task_status") != "succeed" or one.get("final_unit_deduction")]


def _there(said: Complaint) -> bool:
    """Whether the handle was refused because a job has it: one that we made, for nobody else uses our handles."""
    if not _HANDLE.search(said.message):
        return False
    return not {"1200", "1201"}.isdisjoint(said.words) or _TWICE.search(said.message) is not None


def _outputs(told: Told) -> Succeeded | str:
    videos = rows("task_result.videos")(told.job)
    outputs = [file(one.get("url"), "video", one.get("id"), told.now + RETENTION) for one in videos]
    found = tuple(one for one in outputs if one is not None)
    if not found or len(found) < len(videos):
        return "a success without a file"
    lengths = [number(one.get("duration")) for one in videos]
    seconds = None if None in lengths else sum(one or 0.0 for one in lengths)
    units = told.job.get("final_unit_deduction")
    return Succeeded(found, Usage(seconds=seconds, units=None if units in (None, "") else str(units)))


def _pinged(reply: Reply, channel: Channel) -> str:
    """A relay need not know every path: an objection to the request still says that the credential is good."""
    told = decoded(reply.body) or {}
    number = told.get("code")
    if not isinstance(number, int):
        raise GatewayError("upstream_failed", f"HTTP {reply.status} with a body that is not Kling's.")
    said = f"HTTP {reply.status}, code {number}: {scrubbed(text(told.get('message')), channel)}"
    if number in (0, 1200, 1201, 1202, 1203):
        return said
    verdict = VERDICTS.get(str(number))
    refused = verdict is not None and verdict.code == "upstream_refused"
    code: ErrorCode = "authentication" if number < 1100 else "permission"
    raise GatewayError(code if refused else "upstream_failed", said)


def _asked_costs(now: float) -> str:
    return f"{COSTS}?start_time={int((now - _OLDEST_PACK) * 1000)}&end_time={int(now * 1000)}"


def _reported(reply: Reply) -> Reported | Unreadable:
    """What the account's resource packs say."""
    told = decoded(reply.body)
    if told is None or not 200 <= reply.status < 300 or not says("code", 0)(told):
        said = "a body that cannot be read" if told is None else f"code {told.get('code')}"
        return Unreadable(f"HTTP {reply.status} with {said[:40]}", reply.retry_after)
    try:
        costs = msgspec.json.decode(reply.body, type=_CostsAnswer).data
    except msgspec.DecodeError:
        costs = None
    used = "an answer without resource packs" if costs is None or costs.code != 0 else _used(costs)
    return Unreadable(used, reply.retry_after) if isinstance(used, str) else Reported(used)


class _CostsAnswer(msgspec.Struct):
    data: Costs


def _used(costs: Costs) -> dict[str, Decimal] | str:
    """Total less remaining, by the id of each pack, or why there is none.

    What is left of a pack is void when it expires: an expired one could look as if it had been used up.
    """
    packs = [pack for pack in costs.resource_pack_subscribe_infos if pack.status != "expired"]
    if not packs:
        return "an account without a resource pack"
    quantities = [one for pack in packs for one in (pack.total_quantity, pack.remaining_quantity)]
    if not all(one.is_finite() and abs(one) <= MOST_UNITS for one in quantities):
        return "a resource pack without a plausible quantity"
    used = {pack.resource_pack_id: pack.total_quantity - pack.remaining_quantity for pack in packs}
    if len(used) < len(packs) or min(used.values()) < 0:
        return "resource packs that cannot be told apart, or with more left than they had"
    return used


KLING: Final = Vendor(
    name="kling",
    title="Kling",
    speaks=frozenset({"kling"}),
    terms=Terms(credential="Kling needs an api_key, or access_key and secret_key", options=HttpOptions),
    auth=Tokens,
    ops={
        "text_to_video": _op("text_to_video", FIELDS),
        "image_to_video": _op("image_to_video", FIELDS | PICTURES),
    },
    traits=Traits(
        look_up=True,
        unique_handle=True,
        cancel=False,
        visibility_lag=30.0,
        submit_timeout=60.0,
        deadline=3600.0,
        retention=RETENTION,
        poll_floor=5.0,  # as the Vercel AI SDK polls it
        listed=True,
    ),
    billed=BILLED,
    handle="external_task_id",
    callback="callback_url",
    most_media=MAX_IMAGE,
    fine=says("code", 0),
    made=at("data.task_id"),
    there=_there,
    words=VERDICTS,
    job=at("data"),
    id=at("task_id"),
    handled=at("task_info.external_task_id"),
    status=Status(at("task_status"), queued={"submitted"}, running={"processing"}, done={"succeed"}, failed={"failed"}),
    reasons=(at("task_status_msg"),),
    policy=lambda said: _POLICY.search(said) is not None,
    outputs=_outputs,
    missing=(Missing(404, {"1203"}), Missing(400, {"1201"}, _NO_TASK)),
    ping=f"{PATHS['text_to_video']}?pageNum=1&pageSize=1",
    pinged=_pinged,
    genuine=genuine,
    account=Account(_asked_costs, _reported, Telling(lag=COSTS_LAG, retention=RETENTION)),
)
