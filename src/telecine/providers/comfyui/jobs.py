"""What a ComfyUI says of a job, in any of its ways: a line of its history or of its queue, or `/api/jobs/{id}`.

Read from ComfyUI's `execution.py` (history, queue) and `comfy_execution/jobs.py`. A word that nobody here knows is no
verdict.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

import msgspec

from telecine.nouns.errors import TaskError
from telecine.nouns.task import Usage
from telecine.providers.base import Channel
from telecine.providers.comfyui.outputs import outputs_of
from telecine.providers.complaint import text
from telecine.providers.http.answers import number
from telecine.providers.http.getters import at
from telecine.providers.outcomes import Failed, Succeeded
from telecine.providers.refusal import about_policy
from telecine.providers.scrub import scrubbed

State = Literal["pending", "running", "done", "failed", "stopped"]
Messages = tuple[tuple[str, Mapping[str, Any]], ...]
"""What happened to it, in order: an event and its data."""
_OURS: Final = "telecine"
"""The name in a job's `extra_data`, which ComfyUI keeps as it came, under which ours stands."""
_WORDS: Final[Mapping[str, State]] = {
    "pending": "pending",
    "in_progress": "running",
    "completed": "done",
    "failed": "failed",
    "cancelled": "stopped",
}
"""Of `/api/jobs`."""
_ENDS: Final[Mapping[str | None, State]] = {"success": "done", "error": "failed", None: "done"}
"""Of `status_str`; the oldest histories have no status."""
_MOST_SECONDS: Final = 7 * 86400.0
"""A job that says that it took longer is not believed."""


class Seen(msgspec.Struct, frozen=True):
    """A job as it is now."""

    state: State
    name: str
    """Its id there."""
    outputs: Mapping[str, Any] = {}
    """By node."""
    messages: Messages = ()
    graph: Mapping[str, Any] = {}
    output: str | None = None
    """The node whose output counts, as its sender said; None: all."""


class _Extra(msgspec.Struct, frozen=True):
    """What we send along with a job: our own id of it, for a server that chooses ids itself, and which node's output
    counts, so that this holds whatever becomes of our configuration."""

    handle: str
    output: str | None = None


def extra_of(handle: str, output: str | None) -> dict[str, Any]:
    """The `extra_data` of a job."""
    return {_OURS: msgspec.to_builtins(_Extra(handle, output))}


def of_job(said: Any) -> Seen | None:
    """What an answer of `/api/jobs/{id}` says; None where that is no verdict."""
    state = _WORDS.get(text(said.get("status")))
    if state is None or not isinstance(said.get("id"), str):
        return None
    messages = tuple(_messages(at("execution_status.messages")(said)))
    error = said.get("execution_error")
    if isinstance(error, dict) and not any(event == "execution_error" for event, _ in messages):
        messages += (("execution_error", error),)
    workflow = _object(said.get("workflow"))
    sent = workflow.get("prompt"), workflow.get("extra_data")
    return _seen(state, said["id"], said.get("outputs"), messages, sent)


def of_history(name: str, item: Any) -> Seen | None:
    """What a line of the history says; None where that is no verdict."""
    status = _object(item.get("status")) if isinstance(item, dict) else None
    word = status.get("status_str") if status is not None else ""
    state = _ENDS.get(word) if word is None or isinstance(word, str) else None
    if state is None or status is None:
        return None
    messages = tuple(_messages(status.get("messages")))
    return _seen(state, name, item.get("outputs"), messages, _sent(item.get("prompt")))


def _seen(state: State, name: str, outputs: Any, messages: Messages, sent: tuple[Any, Any]) -> Seen:
    graph, extra = sent
    ours = _ours(extra)
    output = ours.output if ours is not None else None
    return Seen(_judged(state, messages), name, _object(outputs), messages, _object(graph), output)


def of_queue(said: Any, name: str, handle: str = "") -> Seen | None:
    """The job in an answer of `/queue`, by its id there or by ours; None where it is not in there."""
    for found, state, item in _queued(said):
        if found == name or _is_ours(item, handle):
            return Seen(state, found)
    return None


def states_of(said: Any) -> dict[str, State]:
    """How every job in an answer of `/queue` is, by its id there."""
    return {found: state for found, state, _ in _queued(said)}


def _queued(said: Any) -> Iterator[tuple[str, State, Any]]:
    states: tuple[tuple[str, State], ...] = (("queue_running", "running"), ("queue_pending", "pending"))
    for listed, state in states:
        for item in said.get(listed) or ():
            if (found := _named(item)) is not None:
                yield found, state, item


def ours_in(history: Mapping[str, Any], handle: str) -> Seen | None:
    """The job in a history that has our id beside the one that ComfyUI chose."""
    for name, item in history.items():
        if isinstance(item, dict) and _is_ours(item.get("prompt"), handle):
            return of_history(name, item)
    return None


def ended(seen: Seen, channel: Channel) -> Succeeded | Failed:
    """How a job has ended."""
    if seen.state == "stopped":
        return Failed(TaskError("upstream_failed", "The job was stopped at the upstream."))
    if seen.state == "failed":
        return Failed(_reason(seen, channel))
    made = outputs_of(seen.outputs, seen.output)
    if not made:
        where = "" if seen.output is None else f" at its node {seen.output}"
        return Failed(TaskError("upstream_failed", f"The workflow ended, and has put out nothing{where}."))
    return Succeeded(made, Usage(compute_seconds=_took(seen)))


def title(graph: Mapping[str, Any], node: str, kind: object) -> str:
    """What a node is called in errors: by its title, its type and its id."""
    own = at("_meta.title")(graph.get(node))
    kind = text(kind) or text(at("class_type")(graph.get(node)))
    shown = " ".join(filter(None, (text(own), f"({kind})" if text(own) and text(own) != kind else kind)))
    return f"{shown or 'node'} [{node}]"


def _reason(seen: Seen, channel: Channel) -> TaskError:
    """The node that broke, and how."""
    said = next((data for event, data in seen.messages if event == "execution_error"), None)
    if said is None:
        return TaskError("upstream_failed", "The workflow broke, and the upstream gave no reason.")
    where = title(seen.graph, str(said.get("node_id", "")), said.get("node_type"))
    message = text(said.get("exception_message")) or text(said.get("exception_type")) or "it gave no reason"
    told = scrubbed(f"{where}: {message}", channel)
    return TaskError("content_policy" if about_policy(message) else "upstream_failed", told)


def _took(seen: Seen) -> float | None:
    """Seconds from its start to its end, by the times of its messages, which are in milliseconds."""
    times = {event: number(data.get("timestamp")) for event, data in seen.messages}
    began, done = times.get("execution_start"), times.get("execution_success")
    if began is None or done is None:
        return None
    seconds = (done - began) / 1000
    return seconds if 0 <= seconds <= _MOST_SECONDS else None


def _judged(state: State, messages: Messages) -> State:
    """A job that was interrupted counts as failed in the history, and in the first versions of `/api/jobs`."""
    interrupted = any(event == "execution_interrupted" for event, _ in messages)
    return "stopped" if state == "failed" and interrupted else state


def _messages(listed: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, list) and len(one) == 2 and isinstance(one[0], str) and isinstance(one[1], dict):
            yield one[0], one[1]


def _sent(item: Any) -> tuple[Any, Any]:
    """(graph, extra data) of a line of the queue, which is the beginning of one of the history:
    `[number, prompt_id, prompt, extra_data, outputs_to_execute]`."""
    return (item[2], item[3]) if isinstance(item, list) and len(item) > 3 else (None, None)


def _named(item: Any) -> str | None:
    """The id in such a line."""
    return item[1] if isinstance(item, list) and len(item) > 1 and isinstance(item[1], str) else None


def _is_ours(item: Any, handle: str) -> bool:
    """Whether its sender called it so."""
    ours = _ours(_sent(item)[1])
    return bool(handle) and ours is not None and ours.handle == handle


def _ours(extra: Any) -> _Extra | None:
    try:
        return msgspec.convert(extra[_OURS], _Extra) if isinstance(extra, dict) and _OURS in extra else None
    except msgspec.ValidationError:
        return None


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
