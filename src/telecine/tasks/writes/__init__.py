"""Every transaction that changes a task. Each class is one kind of unit in the write batches."""

from telecine.tasks.writes.changes import Change, Event, StaleError
from telecine.tasks.writes.claim import Claim, Claimed
from telecine.tasks.writes.complete import Complete
from telecine.tasks.writes.create import Create
from telecine.tasks.writes.marks import Mark
from telecine.tasks.writes.schedule import LEASE_SECONDS, Extend, Rest
from telecine.tasks.writes.start import Alternative, Start
from telecine.tasks.writes.step import Step

__all__ = [
    "LEASE_SECONDS",
    "Alternative",
    "Change",
    "Claim",
    "Claimed",
    "Complete",
    "Create",
    "Event",
    "Extend",
    "Mark",
    "Rest",
    "StaleError",
    "Start",
    "Step",
]
