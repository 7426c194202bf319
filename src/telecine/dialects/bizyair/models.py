"""From tasks to what BizyAir answers of calls of the ModelZoo."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from telecine.dialects.base import Media
from telecine.dialects.bizyair.render import ERRORS, begun, costs, link_of, moment, reason
from telecine.dialects.fields import Fields
from telecine.nouns.ids import UUID
from telecine.nouns.task import Output
from telecine.tasks.view import View
from telecine.wires import bizyair as wire

_MESHES: Final = (".glb", ".gltf", ".obj", ".fbx", ".stl", ".ply", ".usdz")
MODEL_ERRORS: Final = replace(ERRORS, fields=Fields({"model": "endpoint"}))


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An envelope, as BizyAir's clients read it, with all that its documents have without one beside it. Of the names
    that both have, `message` is the envelope's unless the task has failed, and `status` the task's where there is one.
    """

    code: int = wire.OK
    message: str = "Ok"
    status: str | bool = True
    data: wire.ZooTask
    request_id: str
    executed_at: str | UnsetType | None = UNSET
    ended_at: str | UnsetType | None = UNSET
    outputs: wire.ZooOutputs | UnsetType | None = UNSET


class Named(msgspec.Struct, frozen=True):
    """A new task."""

    request_id: str


class NewAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a create, in both forms too."""

    code: int = wire.OK
    message: str = "Ok"
    status: bool = True
    data: Named
    request_id: str


def created(view: View) -> NewAnswer:
    """The answer to a create."""
    name = UUID.write(view.task.id)
    return NewAnswer(data=Named(name), request_id=name)


def shown(view: View, media: Media, waiting: str) -> Answer:
    """A task; `waiting` is the word of one that waits."""
    task = model_task(view, media, waiting)
    return Answer(
        message=task.message or "Ok",
        status=task.status,
        data=task,
        request_id=task.request_id,
        executed_at=task.executed_at,
        ended_at=task.ended_at,
        outputs=task.outputs,  # type: ignore[arg-type]
    )


def model_task(view: View, media: Media, waiting: str = "Pending") -> wire.ZooTask:
    """A task as a query shows it."""
    task, began = view.task, begun(view.task)
    words = {
        "draft": waiting,
        "queued": waiting,
        "running": "Saving" if task.state == "collecting" else "Running",
        "succeeded": "Success",
        "failed": "Failed",
        "cancelled": "Failed",  # the ModelZoo has no word for it, and its clients would ask on
    }
    return wire.ZooTask(
        request_id=UUID.write(task.id),
        status=words[task.status],
        message=reason(task),
        executed_at=None if began is None else moment(began),
        ended_at=None if task.ended_at is None else moment(task.ended_at),
        outputs=_outputs(view, media),
    )


def told(view: View, media: Media) -> wire.ZooTask:
    """A task that has ended, as a callback brings it."""
    task, shown = view.task, model_task(view, media)
    took = costs(task)
    known = wire.CostTimes(total_cost_time=took.total_cost_time, inference_duration=took.inference_cost_time)
    return replace(shown, message=shown.message or UNSET, created_at=moment(task.created_at), cost_times=known)


def _outputs(view: View, media: Media) -> wire.ZooOutputs | None:
    """What was asked for, by its kind; None before the end, and nothing where there will be none."""
    if not view.task.ended:
        return None
    if view.task.status != "succeeded":
        return wire.ZooOutputs()
    found: dict[str, list[str]] = {name: [] for name in wire.ZooOutputs.__struct_fields__}
    for one in view.outputs:
        said = one.text if one.kind == "text" else link_of(view.task, one, media)
        if one.main and said is not None:
            found[_list_of(one, said)].append(said)
    return wire.ZooOutputs(**found)


def _list_of(output: Output, link: str) -> str:
    if output.kind != "file":
        return f"{output.kind}s"
    return "meshes" if link.partition("?")[0].lower().endswith(_MESHES) else "archives"
