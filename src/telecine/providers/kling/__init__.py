"""Kling (快手可灵), legacy generation, at Kling or at a relay that passes it through (`https://relay.example/kling`).

Kling has no cancel. It refuses a second job with the same `external_task_id`, which we always set to our own handle,
so a submit with an unknown outcome can be looked up, and sent again without paying twice; where its documents do not
say that a query takes that id (`wires/kling/__init__.py:Path.named`), nobody relies on it: such a submit ends as
`submission_unknown`.
"""

from telecine.providers.kling.vendor import KLING

__all__ = ["KLING"]
