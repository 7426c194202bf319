"""Small values as several vendors write them."""

from __future__ import annotations

from typing import Annotated

import msgspec

Number = int | float | str
"""On the wire. Kling documents strings, its relays send integers (wire tables, `duration` and `seconds`)."""
Int63 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
Word = Annotated[str, msgspec.Meta(max_length=64)]
