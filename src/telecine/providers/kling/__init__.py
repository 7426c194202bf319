"""Kling (快手可灵), at Kling or at a relay that passes it through (`https://relay.example/kling`): the legacy
generation, and the new one (`kling2.py`).

Kling has no cancel. It refuses a second job with the same `external_task_id`, which we always set to our own handle,
so a submit with an unknown outcome can be looked up, and sent again without paying twice; where its documents do not
say that a query takes that id (`wires/kling/__init__.py:Path.named`), nobody relies on it: such a submit ends as
`submission_unknown`.
"""

from typing import Final

from msgspec.structs import replace

from telecine.providers.http.facts import Vendor
from telecine.providers.kling.kling2 import KLING2
from telecine.providers.kling.vendor import KLING as LEGACY

KLING: Final[Vendor] = replace(LEGACY, later=(KLING2,))
"""Both generations, of which an upstream model's name says which is spoken to."""

__all__ = ["KLING"]
