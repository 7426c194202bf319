"""OpenAI's own Videos API, and whatever speaks it as OpenAI made it: what is known of relays, with the form fixed."""

from __future__ import annotations

from typing import Final

from telecine.providers.http import Vendor
from telecine.providers.relay.official import OFFICIAL

OPENAI: Final[Vendor] = OFFICIAL
