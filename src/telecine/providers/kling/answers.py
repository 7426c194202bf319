"""What Kling's answers tell: the files of a job, what an account has used, and what its codes mean."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from telecine.nouns.money import units_of
from telecine.nouns.task import Usage
from telecine.providers.http.answers import file, named, total
from telecine.providers.http.facts import Told
from telecine.providers.http.getters import Getter, at, rows
from telecine.providers.outcomes import Succeeded, UpstreamOutput
from telecine.providers.refusal import FULL, NO_SUCH_MODEL, NO_SUCH_PATH, POLICY, THEIR_ACCOUNT, WORDS, Verdict, Words
from telecine.wires.kling import RETENTION

POLICY_TEXT: Final = re.compile(r"risk control|content|sensitive|policy|审核|违规|风控|敏感", re.IGNORECASE)
NO_TASK: Final = re.compile(r"not\s+(be\s+)?found|not\s+exist|不存在|找不到", re.IGNORECASE)
HANDLE: Final = re.compile(r"external[\s_]*task[\s_]*id", re.IGNORECASE)
TWICE: Final = re.compile(r"exist|duplicate|unique|已存在|重复", re.IGNORECASE)
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
_UNITS: Final[Getter] = at("final_unit_deduction")


def outputs_of(told: Told) -> Succeeded | str:
    """What a job has made: videos, pictures or sounds. Each may have a copy with a watermark beside it, a sound its
    other form."""
    until, made = told.now + RETENTION, told.job.get("task_result")
    videos, images, audios = (rows(one)(made) for one in ("videos", "images", "audios"))
    images = images or rows("series_images")(made)
    parts: list[list[UpstreamOutput | None]] = [
        *(_with(one, file(one.get("url"), "video", one.get("id"), until)) for one in videos),
        *(_with(one, file(one.get("url"), "image", None, until)) for one in images),
        *(_sound(one, until) for one in audios),
    ]
    if not parts or any(one[0] is None for one in parts):
        return "a success without a file"
    units = _UNITS(told.job)
    lengths = [*(one.get("duration") for one in videos), *(_length(one) for one in audios)]
    usage = Usage(
        seconds=total([{"of": one} for one in lengths], at("of")) if lengths else None,
        units=None if units in (None, "") else str(units),
    )
    return Succeeded(tuple(one for part in parts for one in part if one is not None), usage)


def _with(said: dict[str, Any], main: UpstreamOutput | None) -> list[UpstreamOutput | None]:
    if main is None or not said.get("watermark_url"):
        return [main]
    return [main, file(said["watermark_url"], main.kind, None, main.expires_at, part="watermark")]


def _sound(said: dict[str, Any], until: float) -> list[UpstreamOutput | None]:
    mp3, wav = said.get("url_mp3"), said.get("url_wav")
    main = file(mp3 or wav or said.get("url"), "audio", said.get("id"), until)
    return [main, file(wav, "audio", None, until, part="wav")] if mp3 and wav else [main]


def _length(sound: dict[str, Any]) -> Any:
    return sound.get("duration_mp3") or sound.get("duration_wav") or sound.get("duration")


def used_of(said: Any) -> dict[str, Decimal] | str:
    """Total less remaining, by the id of each pack.

    What is left of a pack is void when it expires: an expired one could look as if it had been used up.
    """
    used: dict[str, Decimal] = {}
    for pack in rows("data.resource_pack_subscribe_infos")(said):
        name = named(pack.get("resource_pack_id"))
        all_of, left = (units_of(str(pack.get(f"{one}_quantity"))) for one in ("total", "remaining"))
        if pack.get("status") == "expired":
            continue
        if name is None or name in used or all_of is None or left is None or left > all_of:
            return "a resource pack without a name of its own or a plausible quantity"
        used[name] = all_of - left
    return used if used and at("data.code")(said) in (None, 0) else "an account without a resource pack"
