"""The providers that there are, as far as they have to be known before a process has made any."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from telecine.providers.base import Terms
from telecine.providers.kling import KlingProvider
from telecine.providers.openai import OpenAIProvider
from telecine.providers.sandbox import SandboxProvider

TERMS: Final[Mapping[str, Terms]] = {one.name: one.terms for one in (KlingProvider, OpenAIProvider, SandboxProvider)}
"""By the name that channels call a provider by."""
