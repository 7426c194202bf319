"""Kling (快手可灵), legacy generation, at Kling or at a relay that passes it through (`https://relay.example/kling`).

Kling has no cancel. It refuses a second job with the same `external_task_id`, which we always set to our own handle,
so a submit with an unknown outcome can be looked up, and sent again without paying twice.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from telecine.nouns.billed import Billed
from telecine.nouns.errors import invalid
from telecine.nouns.money import units_of
from telecine.nouns.parameters import CameraMove
from telecine.providers.base import Telling, Traits
from telecine.providers.complaint import text
from telecine.providers.http.answers import files_of, named
from telecine.providers.http.body import Draft
from telecine.providers.http.credentials import tokens
from telecine.providers.http.facts import Account, Field, Fields, Many, Objection, Op, Picture, Status, Vendor, later
from telecine.providers.http.frame import Frame
from telecine.providers.http.getters import at, rows, says
from telecine.providers.http.signatures import genuine
from telecine.providers.refusal import FULL, NO_SUCH_MODEL, NO_SUCH_PATH, POLICY, THEIR_ACCOUNT, WORDS, Verdict, Words
from telecine.providers.take import Take, whole
from telecine.wires import kling as wire
from telecine.wires.kling import MODES, RETENTION

_POLICY: Final = re.compile(r"risk control|content|sensitive|policy|审核|违规|风控|敏感", re.IGNORECASE)
_NO_TASK: Final = re.compile(r"not\s+(be\s+)?found|not\s+exist|不存在|找不到", re.IGNORECASE)
_HANDLE: Final = re.compile(r"external[\s_]*task[\s_]*id", re.IGNORECASE)
_TWICE: Final = re.compile(r"exist|duplicate|unique|已存在|重复", re.IGNORECASE)
_FRAME: Final = Frame("aspect_ratio", wire.WORDS["aspect_ratio"], "mode", {MODES[mode]: mode for mode in MODES})
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


def _shape(draft: Draft) -> None:
    """What the fields alone cannot say: the frame, what a picture needs, and what excludes what.

    image2video follows the picture: the ratio must be one that Kling makes, but is not sent, for clients of other
    dialects always name a size.
    """
    _FRAME.write(draft)
    body = draft.body
    if draft.request.operation == "text_to_video":
        if not body.get("prompt") and not body.get("multi_shot"):
            raise invalid("Kling needs a prompt to make a video from text.", "prompt")
        return
    body.pop("aspect_ratio", None)
    _masks(draft)
    said = {*body, *(item.role for item in draft.request.inputs)}
    if said.isdisjoint(("first_frame", "image", "last_frame")):
        raise invalid("Kling needs a first or a last frame to make a video from a picture.", "inputs")
    ways = {"a last frame": "last_frame", "masks": "mask", "a camera movement": "camera_control"}
    used = [way for way, name in ways.items() if name in said]
    if len(used) > 1:
        raise invalid(f"Kling takes only one of {' and '.join(used)}.", "inputs")


def _masks(draft: Draft) -> None:
    """Write the masks: one that holds still, and those that move along a path."""
    masks = draft.take.inputs("mask")
    still = [mask for mask in masks if not mask.trajectory]
    moving = [({"trajectories": mask.trajectory}, mask) for mask in masks if mask.trajectory]
    if len(still) > 1:
        raise invalid(f"Kling takes one mask without a trajectory, not {len(still)}.", "inputs")
    for mask in still:
        draft.put("static_mask", mask)
    for holder, mask in moving:
        draft.put("mask", mask, holder)
    if moving:
        draft.body["dynamic_masks"] = [holder for holder, _ in moving]


def _camera(move: CameraMove, take: Take) -> wire.CameraControl:
    config = msgspec.convert(move, wire.CameraConfig, from_attributes=True)
    axes = [axis for axis in msgspec.structs.astuple(config) if axis is not None]
    fits, what = not axes, "no axes"
    if move.type == "simple":
        fits = sum(map(bool, axes)) == 1 and all(-10 <= axis <= 10 for axis in axes)
        what = "exactly one axis that is not 0, in [-10, 10]"
    if not fits and take.novel("parameters.camera") is None:
        raise invalid(f"The camera movement '{move.type}' takes {what}.", "parameters.camera")
    return wire.CameraControl(move.type, config if axes else None)


def _billed(draft: Draft) -> Billed:
    """What the body comes to, with Kling's defaults (API, text2video). A picture's own shape is not known here."""
    body = draft.body
    frame = _FRAME.billed(body, follows=draft.request.operation == "image_to_video")
    mode, duration, sound = body.get("mode", "std"), float(body.get("duration", 5)), body.get("sound", "off")
    return replace(frame, mode=mode, duration=duration, audio={"on": True, "off": False}.get(sound, sound))


def _listed(said: Any) -> list[Any]:
    """A page; a job that is done without what it took is not told whole."""
    return [one for one in rows("data")(said) if one.get("task_status") != "succeed" or one.get("final_unit_deduction")]


def _used(said: Any) -> dict[str, Decimal] | str:
    """Total less remaining, by the id of each pack.

    What is left of a pack is void when it expires: an expired one could look as if it had been used up.
    """
    used: dict[str, Decimal] = {}
    for pack in rows("data.resource_pack_subscribe_infos")(said):
        name = named(pack.get("resource_pack_id"))
        total, left = (units_of(str(pack.get(f"{one}_quantity"))) for one in ("total", "remaining"))
        if pack.get("status") == "expired":
            continue
        if name is None or name in used or total is None or left is None or left > total:
            return "a resource pack without a name of its own or a plausible quantity"
        used[name] = total - left
    return used if used and at("data.code")(said) in (None, 0) else "an account without a resource pack"


_FIELDS: Final[Fields] = {
    "model": "model_name",
    "prompt": "prompt",
    "negative_prompt": "negative_prompt",
    "duration": Field("duration", lambda value, take: take.own_text("duration") or whole(value, "Kling")),
    "aspect_ratio": "aspect_ratio",
    "audio": Field("sound", lambda on, take: take.novel("audio") or ("on" if on else "off")),
    "parameters.mode": "mode",
    "size": Field("aspect_ratio", later),
    "resolution": Field("mode", later),
    "parameters.cfg_scale": "cfg_scale",
    "parameters.camera": Field("camera_control", _camera),
    "parameters.multi_shot": "multi_shot",
    "parameters.shot_type": "shot_type",
    "parameters.shots": Field(
        "multi_prompt",
        lambda shots, _: [
            wire.ShotPrompt(one.index, one.prompt, whole(one.duration, "Kling", "parameters.shots")) for one in shots
        ],
    ),
    "parameters.voices": Field("voice_list", lambda ids, _: [wire.Voice(one) for one in ids]),
    "parameters.watermark": Field("watermark_info", lambda on, _: wire.WatermarkInfo(on)),
}
_PICTURES: Final[Fields] = {
    "inputs.first_frame|image": Picture("image", "first frame"),
    "inputs.last_frame": Picture("image_tail", "last frame"),
    "inputs.mask": Field("dynamic_masks"),
    "parameters.elements": Field("element_list", lambda ids, _: [wire.Element(one) for one in ids]),
}


def _op(path: str, fields: Fields) -> Op:
    return Op(
        create=f"POST {path}",
        fields=fields,
        shape=_shape,
        ours=frozenset(wire.CreateTask.__struct_fields__),
        billed=_billed,
        many=Many(
            ask=f"GET {path}?pageSize={{size}}{{page}}",
            id=at("task_id"),
            items=_listed,
            most=wire.MOST_LISTED,
            turn=lambda said, page, size: f"&pageNum={page + 1}" if len(rows("data")(said)) == size else "",
        ),
    )


KLING: Final = Vendor(
    name="kling",
    title="Kling",
    speaks=frozenset({"kling"}),
    credential="Kling needs an api_key, or access_key and secret_key",
    auth=tokens(lambda key, now: {"iss": key, "exp": now + 1800, "nbf": now - 5}, 1800),
    ops={
        "text_to_video": _op(wire.TEXT2VIDEO, _FIELDS),
        "image_to_video": _op(wire.IMAGE2VIDEO, {**_FIELDS, **_PICTURES}),
    },
    # Polled as the Vercel AI SDK polls it.
    traits=Traits(RETENTION, look_up=True, unique_handle=True, visibility_lag=30.0, poll_floor=5.0, listed=True),
    billed=wire.BILLED,
    free=frozenset({"prompt", "negative_prompt", "seed"}),
    handle="external_task_id",
    callback="callback_url",
    most_media=wire.MAX_IMAGE,
    fine=says("code", 0),
    made=at("data.task_id"),
    there=(Objection(0, {"1200", "1201"}, (_HANDLE,)), Objection(0, says=(_HANDLE, _TWICE))),
    words=VERDICTS,
    job=at("data"),
    id=at("task_id"),
    handled=at("task_info.external_task_id"),
    status=Status(at("task_status"), queued={"submitted"}, running={"processing"}, done={"succeed"}, failed={"failed"}),
    reasons=(at("task_status_msg"),),
    policy=_POLICY,
    outputs=files_of("task_result.videos", "video", RETENTION, at("final_unit_deduction")),
    missing=(Objection(404, {"1203"}), Objection(400, {"1201"}, (_NO_TASK,))),
    ping=f"{wire.TEXT2VIDEO}?pageNum=1&pageSize=1",
    pinged=lambda said: f", code {said.get('code')}: {text(said.get('message'))}",
    known=(Objection(0, {"1200", "1201", "1202", "1203"}),),  # a relay need not know every path
    genuine=genuine,
    account=Account(
        lambda now: f"{wire.COSTS}?start_time={int((now - wire.OLDEST_PACK) * 1000)}&end_time={int(now * 1000)}",
        _used,
        Telling(lag=wire.COSTS_LAG, retention=RETENTION),
    ),
)
