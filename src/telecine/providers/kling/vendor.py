"""Kling as a table of facts."""

from __future__ import annotations

from typing import Final

from telecine.providers.base import Telling
from telecine.providers.complaint import text
from telecine.providers.http.credentials import tokens
from telecine.providers.http.facts import Account, Objection, Status, Vendor
from telecine.providers.http.getters import at, says
from telecine.providers.http.signatures import genuine
from telecine.providers.kling.answers import HANDLE, NO_TASK, POLICY_TEXT, TWICE, VERDICTS, outputs_of, used_of
from telecine.providers.kling.calls import CALLS, LIP_SYNC
from telecine.providers.kling.images import IMAGES
from telecine.providers.kling.operation import TRAITS, Row, operations
from telecine.providers.kling.sounds import SOUNDS
from telecine.providers.kling.videos import VIDEOS
from telecine.wires import kling as wire
from telecine.wires.kling.videos import TEXT2VIDEO

TABLE: Final[tuple[Row, ...]] = (*VIDEOS, *CALLS, LIP_SYNC, *IMAGES, *SOUNDS)
"""All of the legacy generation."""
KLING: Final = Vendor(
    name="kling",
    title="Kling",
    speaks=frozenset({"kling"}),
    credential="Kling needs an api_key, or access_key and secret_key",
    auth=tokens(lambda key, now: {"iss": key, "exp": now + 1800, "nbf": now - 5}, 1800),
    ops=operations(TABLE),
    traits=TRAITS,
    billed=wire.BILLED,
    free=frozenset({"prompt", "negative_prompt", "seed"}),
    objects=frozenset({"input"}),
    handle="external_task_id",
    callback="callback_url",
    most_media=wire.MAX_IMAGE,
    fine=says("code", 0),
    made=at("data.task_id"),
    there=(Objection(0, {"1200", "1201"}, (HANDLE,)), Objection(0, says=(HANDLE, TWICE))),
    words=VERDICTS,
    job=at("data"),
    id=at("task_id"),
    handled=at("task_info.external_task_id"),
    status=Status(at("task_status"), queued={"submitted"}, running={"processing"}, done={"succeed"}, failed={"failed"}),
    reasons=(at("task_status_msg"),),
    policy=POLICY_TEXT,
    outputs=outputs_of,
    missing=(Objection(404, {"1203"}), Objection(400, {"1201"}, (NO_TASK,))),
    ping=f"{TEXT2VIDEO.path}?pageNum=1&pageSize=1",
    pinged=lambda said: f", code {said.get('code')}: {text(said.get('message'))}",
    known=(Objection(0, {"1200", "1201", "1202", "1203"}),),  # a relay need not know every path
    genuine=genuine,
    account=Account(
        lambda now: f"{wire.COSTS}?start_time={int((now - wire.OLDEST_PACK) * 1000)}&end_time={int(now * 1000)}",
        used_of,
        Telling(lag=wire.COSTS_LAG, retention=wire.RETENTION),
    ),
)
