"""Our own task API at `/v1/tasks`: the neutral form itself, strictly typed, for clients that are written for Telecine.

Guarantees: no field is lost in silence (an unknown one is refused by its path), ids of any dialect are accepted, and
images and videos are one kind of task; a create or a retry that is sent again under its `Idempotency-Key` makes no
second task.
"""

from telecine.dialects.tasks.routes import TASKS

__all__ = ["TASKS"]
