"""What the fake ComfyUI keeps: a queue, the one job that runs, a history, and how each is told.

Written from ComfyUI's own `execution.py` (`PromptQueue`), `comfy_execution/jobs.py` and `server.py`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.upstreams.comfyui_graphs import Graph

State = Literal["pending", "running", "success", "error", "interrupted", "deleted", "lost"]


@dataclass(slots=True)
class FakePrompt:
    """One job. `handle` is the `prompt_id` that its sender chose."""

    number: int
    task_id: str
    handle: str | None
    graph: Graph
    extra_data: dict[str, Any]
    state: State = "pending"
    error: dict[str, Any] | None = None
    outputs: dict[str, Any] = field(default_factory=dict)
    messages: list[list[Any]] = field(default_factory=list)
    told_at: float | None = None

    @property
    def client_id(self) -> str:
        """Whose socket hears of it."""
        return str(self.extra_data.get("client_id", ""))

    @property
    def waiting(self) -> bool:
        return self.state in ("pending", "running")

    @property
    def kept(self) -> bool:
        """Whether it stands in the history."""
        return self.state in ("success", "error", "interrupted")

    def item(self) -> list[Any]:
        """Its line in the queue, and the beginning of its line in the history."""
        return [self.number, self.task_id, self.graph, self.extra_data, list(self.graph)[-1:]]

    def history(self, word: str | None = None) -> dict[str, Any]:
        """Its line in the history; `word` in the place of its status."""
        status = "success" if self.state == "success" else "error"
        return {
            "prompt": self.item(),
            "outputs": self.outputs,
            "status": {
                "status_str": status if word is None else word,
                "completed": self.state == "success",
                "messages": self.messages,
            },
            "meta": {
                name: {"node_id": name, "display_node": name, "parent_node": None, "real_node_id": name}
                for name in self.outputs
            },
        }

    def job(self, word: str | None = None) -> dict[str, Any]:
        """What `/api/jobs/{id}` tells of it; `word` in the place of its status. Keys without a value are left out."""
        words = {
            "pending": "pending", "running": "in_progress", "success": "completed", "error": "failed",
            "interrupted": "cancelled",
        }  # fmt: skip
        told: dict[str, Any] = {
            "id": self.task_id,
            "status": words[self.state] if word is None else word,
            "priority": self.number,
            "create_time": self.extra_data.get("create_time"),
            "outputs_count": sum(len(one) for node in self.outputs.values() for one in node.values()),
        }
        if self.error is not None and self.state == "error":
            told["execution_error"] = self.error
        if self.kept:
            told["outputs"] = self.outputs
            told["execution_status"] = self.history(word)["status"]
            told["workflow"] = {"prompt": self.graph, "extra_data": self.extra_data}
        return told

    def note(self, event: str, **data: Any) -> tuple[str, dict[str, Any]]:
        """Add a message to its history; the same for its socket."""
        told = {"prompt_id": self.task_id, **data, "timestamp": int(time.time() * 1000)}
        self.messages.append([event, told])
        return event, told

    def failed_at(self, node: str, message: str) -> dict[str, Any]:
        """What `execution_error` says."""
        return {
            "node_id": node,
            "node_type": self.graph[node]["class_type"],
            "executed": [],
            "exception_message": message,
            "exception_type": "RuntimeError",
            "traceback": ['  File "/opt/ComfyUI/execution.py", line 1, in execute\n'],
            "current_inputs": {name: [value] for name, value in self.graph[node]["inputs"].items()},
            "current_outputs": [],
        }
