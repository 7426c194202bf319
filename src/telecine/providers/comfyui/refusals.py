"""What a ComfyUI says of a graph that it does not take."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any, Final

from telecine.net.client import Reply
from telecine.nouns.errors import TaskError
from telecine.providers.base import Channel
from telecine.providers.comfyui.jobs import title
from telecine.providers.complaint import text
from telecine.providers.http.answers import decoded
from telecine.providers.outcomes import Refused, Unknown
from telecine.providers.refusal import refusal
from telecine.providers.scrub import scrubbed

_THERE: Final = frozenset(
    {
        "missing_node_type",  # `invalid_prompt` before 2025
        "invalid_prompt",
        "value_not_in_list",  # a checkpoint, a LoRA, a sampler
        "custom_validation_failed",  # a file that is not there
    }
)
"""Types of errors that are about what this one server has: another may have it."""
_MOST: Final = 4
"""Errors of nodes that are told."""


def refused(reply: Reply, channel: Channel, graph: Mapping[str, Any]) -> Refused | Unknown:
    """What the answer to a `/prompt` means that names no job: ComfyUI's own `{error, node_errors}`, or anybody else's
    error. (ComfyUI, `execution.py`, validate_prompt.)"""
    said = decoded(reply.body) if reply.status == 400 else None
    error = said.get("error") if said is not None else None
    if said is None or not isinstance(error, dict) or "node_errors" not in said:
        return refusal(reply, channel)
    nodes = said["node_errors"] if isinstance(said["node_errors"], dict) else {}
    listed = [(node, one) for node, told in nodes.items() for one in _errors(told)]
    about = "; ".join(dict.fromkeys(_said(node, one, graph) for node, one in islice(listed, _MOST)))
    message = ": ".join(filter(None, (text(error.get("message")), about)))
    here = any(one.get("type") in _THERE for one in (error, *(one for _, one in listed)))
    found = TaskError("invalid_request", scrubbed(message, channel) or "The upstream does not take the workflow.")
    return Refused(found, elsewhere=here, spared=here)


def _errors(told: Any) -> list[dict[str, Any]]:
    listed = told.get("errors") if isinstance(told, dict) else None
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def _said(node: str, error: Mapping[str, Any], graph: Mapping[str, Any]) -> str:
    """The node, its input and what is wrong; without `details`, which may list every file of the server."""
    extra = error.get("extra_info")
    name = text(extra.get("input_name")) if isinstance(extra, dict) else ""
    where = title(graph, node, None) + (f", {name}" if name else "")
    return f"{where}: {text(error.get('message')) or text(error.get('type'))}"
