"""What BizyAir says of a job, and what comes of that. Apps list their outputs, models of the ModelZoo sort them.

An output that has not passed the audit, or has an error, is left out; where none is left, the job has failed.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import urlsplit

from telecine.nouns.operations import Kind
from telecine.nouns.task import Facts, Usage
from telecine.providers.complaint import text, word
from telecine.providers.http.answers import file, link, number
from telecine.providers.http.facts import Told
from telecine.providers.http.getters import at, rows
from telecine.providers.outcomes import Succeeded, UpstreamOutput
from telecine.wires import bizyair as wire

KEPT: Final = (wire.KEPT_DAYS - 1) * 86400.0
"""Seconds for which a result is kept at the least: one that is made just before midnight."""
_made: Final = rows("outputs")
_KINDS: Final[Mapping[str, Kind]] = {
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".avif"), "image"),
    **dict.fromkeys((".mp4", ".webm", ".mov", ".mkv", ".avi"), "video"),
    **dict.fromkeys((".mp3", ".wav", ".flac", ".ogg", ".opus", ".m4a", ".aac"), "audio"),
}
"""By `output_ext`. What is none of them is kept as it comes."""
_ZOO: Final[Mapping[str, Kind]] = {
    "images": "image", "videos": "video", "audios": "audio", "texts": "text", "meshes": "file", "archives": "file",
}  # fmt: skip
DONE: Final = frozenset(map(str.lower, wire.DONE))
_FACTS: Final = ("output_ext", "cost_time", "audit_status", "error_type")


def fine(said: Any) -> bool:
    """Results of apps come without an envelope; some codes are texts."""
    return str(said.get("code") or wire.OK) in (str(wire.OK), str(wire.ACCEPTED)) and said.get("status") is not False


def name_of(said: Any) -> Any:
    """Documents and real answers differ in the name of the id, and in the envelope. Beside an error it is no job's."""
    job = job_of(said)
    return (job.get(wire.ID) or job.get("request_id")) if job is not said or fine(said) else None


def job_of(said: Any) -> Any:
    inner = said.get("data")
    return inner if isinstance(inner, dict) else said


def status_of(job: Any) -> str:
    """Its word in lower case; a success of which nothing may be shown, or is good, is none."""
    said, made = word(job.get("status")), _made(job)
    return "failed" if said in DONE and made and not any(map(_good, made)) else said


def _shown(output: Mapping[str, Any]) -> bool:
    return output.get("audit_status") in (None, wire.PASSED_AUDIT)


def _good(output: Mapping[str, Any]) -> bool:
    return _shown(output) and output.get("error_type") in (None, "", wire.NO_ERROR)


def reason_of(job: Any) -> Any:
    """Why a job failed: beside its word, in the texts that a model made instead, or with each output."""
    told = job.get("message") if word(job.get("status")) not in DONE else None
    kinds = {text(one.get("error_type")) for one in _made(job)} - {"", wire.NO_ERROR}
    return told or "; ".join(filter(None, map(text, [*_list(at("outputs.texts")(job)), *sorted(kinds)])))


def outputs_of(told: Told) -> Succeeded | str:
    """The files that may be shown and are good, of an app or of a model."""
    said, until = told.job.get("outputs"), _expiry(told)
    if isinstance(said, dict):
        listed = ((kind, one) for name, kind in _ZOO.items() for one in _list(said.get(name)))
        made = [_of_model(one, kind, until) for kind, one in listed]
    else:
        made = [_of_app(one, until) for one in _made(told.job) if _good(one)]
    found = tuple(one for one in made if one is not None)
    if not found or len(found) < len(made):
        return "a success without a file"
    return Succeeded(found, _usage(told.job), _costs(told.job))


def _list(said: object) -> list[Any]:
    return said if isinstance(said, list) else []


def _of_app(output: Mapping[str, Any], until: float) -> UpstreamOutput | None:
    url, told = link(output.get("object_url")), ((name, output.get(name)) for name in _FACTS)
    facts = {name: one if type(one) is int else text(one) for name, one in told if isinstance(one, int | str)}
    if (words := _text_in(output.get("object_url"))) is not None:
        return UpstreamOutput(kind="text", text=words, facts=Facts.of("bizyair", facts))
    ending = word(output.get("output_ext")) or PurePosixPath(urlsplit(url or "").path).suffix.lower()
    return file(url, _KINDS.get(ending, "file"), None, until, facts=Facts.of("bizyair", facts))


def _text_in(url: object) -> str | None:
    """The text that a link holds itself, as another of these gateways writes it."""
    if not isinstance(url, str) or not url.startswith(wire.TEXT_LINK):
        return None
    try:
        return b64decode(url.removeprefix(wire.TEXT_LINK), validate=True).decode() or None
    except ValueError:
        return None


def _of_model(output: Any, kind: Kind, until: float) -> UpstreamOutput | None:
    if kind == "text":
        return UpstreamOutput(kind="text", text=output) if isinstance(output, str) and output else None
    return file(output, kind, None, until)


def _expiry(told: Told) -> float:
    """When the links end; their `expired_at` has no zone."""
    try:
        said = datetime.strptime(told.job.get("expired_at") or "", wire.TIME).replace(tzinfo=wire.ZONE).timestamp()
    except (ValueError, TypeError, OverflowError):
        said = 0.0
    return said if told.now < said < told.now + 2 * KEPT else told.now + KEPT


def _usage(job: Any) -> Usage:
    """The seconds that it was at work: the one figure that a result, a detail and a model's callback all have."""
    told = (at("cost_times.inference_cost_time"), at("inference_cost_time"), at("cost_times.inference_duration"))
    seconds = next((one / 1000 for find in told if (one := number(find(job))) is not None), None)
    return Usage(compute_seconds=seconds if seconds is not None and 0 <= seconds <= KEPT else None)


def _costs(job: Any) -> Facts | None:
    said = job.get("cost_times")
    known = said if isinstance(said, dict) else {"inference_cost_time": job.get("inference_cost_time")}
    known = {name: one for name, one in known.items() if name in wire.CostTimes.__struct_fields__ and type(one) is int}
    return Facts.of("bizyair", known) if known else None


def blocked(job: Any) -> bool:
    """Whether an output may not be shown."""
    return any(not _shown(one) for one in _made(job))
