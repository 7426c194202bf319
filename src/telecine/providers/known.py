"""The providers that there are, as far as they have to be known before a process has made any."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from telecine.providers.base import Terms
from telecine.providers.bizyair import BIZYAIR
from telecine.providers.comfyui import ComfyProvider
from telecine.providers.http import Vendor
from telecine.providers.ima import IMA
from telecine.providers.kling import KLING
from telecine.providers.midjourney import MIDJOURNEY
from telecine.providers.openai import OPENAI
from telecine.providers.relay.table import RELAY
from telecine.providers.sandbox.provider import SandboxProvider
from telecine.providers.suno import SUNO

VENDORS: Final[tuple[Vendor, ...]] = (KLING, OPENAI, RELAY, SUNO, BIZYAIR, IMA, MIDJOURNEY)
"""Those that are spoken to over HTTP, each a table of facts."""
TERMS: Final[Mapping[str, Terms]] = {
    **{one.name: one.terms for one in VENDORS},
    ComfyProvider.name: ComfyProvider.terms,
    SandboxProvider.name: SandboxProvider.terms,
}
"""By the name that channels call a provider by."""
