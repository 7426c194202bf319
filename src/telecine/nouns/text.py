"""What the text of an id or a name may hold: the one place for that rule, for clients and upstreams."""

from __future__ import annotations

import re
from typing import Final

from telecine.nouns.errors import invalid

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters (PostgreSQL cannot keep a NUL, and no log should show the others), and halves of surrogate pairs,
which are no text."""


def control_in(text: str) -> str | None:
    """The first character of `text` that no id and no name may hold, as `U+0000`; None where all is well."""
    found = _CONTROL.search(text)
    return f"U+{ord(found[0]):04X}" if found else None


def plain(text: str) -> str:
    """`text` with a blank in the place of each such character: what an upstream says is kept and shown."""
    return _CONTROL.sub(" ", text)


def check_plain(text: str, param: str) -> str:
    """`text`, if it has no such character. Raises GatewayError (`invalid_request`) naming `param`."""
    found = control_in(text)
    if found is not None:
        raise invalid(f"{param}: holds the control character {found}; leave it out.", param)
    return text


def handy(text: str, most: int) -> bool:
    """Whether an upstream's `text` can be kept and sent back as it is: an id or a link of at most `most` characters."""
    return 0 < len(text) <= most and control_in(text) is None
